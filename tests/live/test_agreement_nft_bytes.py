# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The question is the same, too: what kprobe hands to nf_tables is what nft makes of the row's own words.

Both are traced. What is made (chains, rules, sets, elements, objects, flowtables) must be the same attribute by
attribute; what says nothing is named in ``oracles.messages``, what differs in ``DIFFERS``.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kprobe.crosscheck.model import Oracle
from kprobe.crosscheck.table import SHELL
from kprobe.evidence import Probe, Row

from .conftest import collected
from .oracles import messages
from .oracles.messages import CHAIN, RULE, TRACE, Form, Message

ROWS = {row: oracle for row, oracle in SHELL.items() if row.startswith("nft.")}

# Rows, what differs, and why.
DIFFERS = {
    "nft.object.ct-timeout": (
        messages.OBJECT,
        "nft gives a time for each state of TCP, kprobe for the one that the row is about",
    ),
    "nft.expr.socket.cgroupv2": (RULE, "nft compares with the number of a cgroup, kprobe with none"),
}
# Rows that make nothing, or whose making is to fail.
MAKES_NOTHING = {"nft.base", *(row for row in ROWS if row.startswith("nft.table.")), "nft.genid"}
OTHERWISE = {
    "nft.object.secmark": "nft gives an empty context, kprobe none: both are refused by the object's own check",
}
UNUSED = (CHAIN, ((3, b"kp-to\0"),))
"""A chain to which no rule of the row jumps."""


def _forms(found: list[Message]) -> list[Form]:
    return [form for form in map(messages.form, found) if (form[0], form[2]) != UNUSED]


@pytest.fixture(scope="module")
def ours(collector: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Probe, list[Form]]]:
    """What kprobe made, by row: a worker ends each row with a record, whose first number is the row's place."""
    prefix = tmp_path_factory.mktemp("strace") / "ours"
    run = collected([*TRACE, "-o", prefix, collector, "--intrusive", "--select", "nft.*"])
    by_seq = {probe.seq: probe for probe in run.probes}
    found: dict[str, tuple[Probe, list[Form]]] = {}
    made: list[Message] = []
    for call in messages.calls(prefix):
        if call.name != "write":
            made += messages.messages(call.data)
        elif call.fd != 1:
            probe = by_seq[int.from_bytes(call.data[:4], "little")]
            found[probe.id] = probe, _forms(made)
            made = []
    assert found.keys() == {probe.id for probe in run.probes}
    return found


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Form]]:
    """What nft made, by row."""
    folder = tmp_path_factory.mktemp("strace")

    def traced(oracle: Oracle) -> list[Form]:
        prefix = folder / f"{oracle.row}:theirs"
        commands = "\n".join((*oracle.setup, *oracle.do))
        subprocess.run(
            ["unshare", "-n", *TRACE, "-o", prefix, "sh", "-c", commands], capture_output=True, timeout=20, check=False
        )
        return _forms([made for call in messages.calls(prefix) for made in messages.messages(call.data)])

    with ThreadPoolExecutor(2) as pool:
        asked = [oracle for row, oracle in ROWS.items() if row not in MAKES_NOTHING]
        return {oracle.row: made for oracle, made in zip(asked, pool.map(traced, asked), strict=True)}


@pytest.mark.parametrize("row", [row for row in ROWS if row not in MAKES_NOTHING])
def test_same_bytes(row: str, ours: dict[str, tuple[Probe, list[Form]]], theirs: dict[str, list[Form]]) -> None:
    probe, mine = ours[row]
    asked = theirs[row]
    assert asked, "nft asked nothing"
    if probe.step == "prerequisite":
        assert not mine
        return
    if row in OTHERWISE:
        assert mine != asked, "no exception any more: take the row out"
        return
    if row in DIFFERS:
        kind, why = DIFFERS[row]
        assert mine != asked, f"no exception any more ({why}): take the row out"
        mine, asked = ([form for form in forms if form[0] != kind] for forms in (mine, asked))
    assert mine == asked


def test_something_was_compared(ours: dict[str, tuple[Probe, list[Form]]], catalogue: dict[str, Row]) -> None:
    rows = [row for row in ROWS if row not in MAKES_NOTHING and ours[row][0].step != "prerequisite"]
    assert len(rows) > 0.9 * sum(row.startswith("nft.") for row in catalogue)
    assert {form[0] for row in rows for form in ours[row][1]} == {3, 6, 9, 12, 18, 22}


def test_exceptions_are_of_rows() -> None:
    assert DIFFERS.keys() | OTHERWISE.keys() | MAKES_NOTHING <= ROWS.keys()
