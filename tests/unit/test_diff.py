# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What changed between two runs, and whether it got worse."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kprobe import cli, evidence, profile
from kprobe.diff import Change, Diff, diff
from kprobe.evidence import Fact, Outcome
from kprobe.judge import judge
from tests.unit import synthetic

CALICO = profile.load("calico")
OUTCOMES: tuple[Outcome, ...] = ("works", "absent", "denied", "broken", "unknown")


def compared(before: Mapping[str, Outcome], after: Mapping[str, Outcome]) -> Diff:
    return diff(*(judge(synthetic.calico_but(changed), CALICO) for changed in (before, after)))


def of(found: Diff, kind: str, name: str) -> Change:
    return next(change for change in found.changes if (change.kind, change.name) == (kind, name))


@pytest.mark.parametrize("outcome", OUTCOMES[1:])
def test_what_works_no_more_is_worse(outcome: Outcome) -> None:
    found = compared({}, {"link.ipip": outcome})
    assert of(found, "row", "link.ipip").sense == "worse"
    assert of(found, "need", "link.ipip").sense == "worse"
    assert found.worse


def test_what_works_now_is_better() -> None:
    found = compared({"link.ipip": "absent"}, {})
    assert {change.sense for change in found.changes} == {"better"}
    assert not found.worse
    mode = of(found, "mode", "ipip")
    assert (mode.before, mode.sense) == ("fail", "better")


def test_absent_to_denied_is_neither_but_broken_is_worse() -> None:
    assert of(compared({"link.ifb": "absent"}, {"link.ifb": "denied"}), "row", "link.ifb").sense == "other"
    assert of(compared({"link.ifb": "absent"}, {"link.ifb": "broken"}), "row", "link.ifb").sense == "worse"


def test_a_row_that_is_gone_is_said() -> None:
    names = synthetic.calico_ids()
    whole = synthetic.stream(dict.fromkeys(names, "works"))
    cut = synthetic.stream(dict.fromkeys([n for n in names if n != "link.ipip"], "works"))
    found = diff(judge(whole, CALICO), judge(cut, CALICO))
    assert (of(found, "row", "link.ipip").after, found.worse) == ("not there", True)
    assert not diff(judge(cut, CALICO), judge(whole, CALICO)).worse


def test_another_cause_of_the_same_no_is_told() -> None:
    def run(option: str) -> evidence.Evidence:
        probe = synthetic.probe("link.ipip", "absent", kconfig=("CONFIG_NET_IPIP",), modules=("ipip",))
        facts = (
            Fact(id="node.kconfig", source="config", value={"CONFIG_NET_IPIP": option}),
            Fact(id="node.modules", source="modules.dep", value={"ipip": "nowhere"}),
        )
        return evidence.Evidence(
            source="synthetic",
            begin=synthetic.begin(["link.ipip"]),
            facts=facts,
            probes=(probe,),
            end=evidence.End(rows=1, ns=1),
        )

    found = diff(judge(run("n"), CALICO), judge(run("m"), CALICO))
    change = of(found, "cause", "link.ipip")
    assert change.before != change.after
    assert not found.worse


@given(st.dictionaries(st.sampled_from(synthetic.calico_ids()), st.sampled_from(OUTCOMES), max_size=5))
def test_nothing_changes_from_a_run_to_itself(changed: Mapping[str, Outcome]) -> None:
    assert compared(changed, changed).changes == ()


def run(tmp_path: Path, after: Mapping[str, Outcome], *arguments: str) -> Result:
    for name, changed in (("before", {}), ("after", after)):
        (tmp_path / name).write_bytes(evidence.write(synthetic.calico_but(changed)))
    return CliRunner().invoke(cli.main, ["diff", str(tmp_path / "before"), str(tmp_path / "after"), *arguments])


def test_the_command_says_by_its_exit_code_whether_it_got_worse(tmp_path: Path) -> None:
    worse = run(tmp_path, {"link.ipip": "absent"})
    assert worse.exit_code == 1
    assert "link.ipip: works -> absent" in worse.output
    same = run(tmp_path, {})
    assert (same.exit_code, same.output.splitlines()[-1]) == (0, "nothing changed")


def test_json_has_all_of_it(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, {"link.ipip": "absent"}, "--format", "json").output)
    assert {"kind": "row", "name": "link.ipip"}.items() <= next(
        c for c in found["changes"] if c["kind"] == "row"
    ).items()
