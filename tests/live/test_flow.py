# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rows that send packets: what their objects' rows say is proved, and can be told from what does not work."""

import pytest

from tests.live.engine_lib import COLLECTOR, SELFTEST, Stream, ask

NO_OBJECT = "flow*.control.*", "flow.node.*"
"""Rows that put nothing: there is nothing to sabotage."""


@pytest.fixture(scope="module")
def honest() -> Stream:
    return ask(COLLECTOR, "--select", "flow*")


@pytest.fixture(scope="module")
def sabotaged() -> Stream:
    return ask(SELFTEST, "--select", "flow*", "--sabotage")


def proving(stream: Stream) -> dict[str, str]:
    """Outcomes of the rows that put an object and send packets through it."""
    from fnmatch import fnmatch

    return {
        row: outcome
        for row, outcome in stream.outcomes().items()
        if row.startswith("flow") and not any(fnmatch(row, pattern) for pattern in NO_OBJECT)
    }


def test_what_is_there_carries_packets(honest: Stream) -> None:
    odd = {row: honest[row] for row, outcome in proving(honest).items() if outcome not in {"works", "absent"}}
    assert not odd
    rootless = {
        row
        for row, outcome in proving(honest).items()
        if outcome == "absent" and honest[row]["step"] != "prerequisite" and not honest[row].get("errno")
    }
    assert not rootless, "an absent flow says what is missing, in the kernel's words or by the row that it needs"


def test_what_is_sabotaged_is_broken(honest: Stream, sabotaged: Stream) -> None:
    works = {row for row, outcome in proving(honest).items() if outcome == "works"}
    assert works
    assert {row: sabotaged.outcomes()[row] for row in works} == dict.fromkeys(works, "broken")
    assert all("sent " in sabotaged[row]["reason"] for row in works), "it says which packet was lost, and where"


def test_all_take_less_than_a_second() -> None:
    """Of their own time, and of three runs the shortest: the machine has others to serve."""

    def seconds(stream: Stream) -> float:
        return sum(float(probe["ns"]) for probe in stream.probes if probe["id"].startswith("flow")) / 1e9

    assert min(seconds(ask(COLLECTOR, "--select", "flow*")) for _ in range(3)) <= 1


def test_flows_can_be_left_out() -> None:
    stream = ask(COLLECTOR, "--select", "flow* ns.net", "--no-flows")
    assert "no-flows" in stream.begin["flags"]
    assert not [row for row in stream.outcomes() if row.startswith("flow")]
