# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Judging: three-valued, and never better for knowing less or worse."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import profile
from kprobe.errors import InputError
from kprobe.evidence import End, Evidence, Left, Outcome, Uname
from kprobe.judge import judge, needed
from kprobe.profile import Group, Mode, Need, Profile, Rule
from kprobe.report import Report, Verdict, exit_code
from kprobe.standard import BADNESS
from tests.unit import synthetic

CALICO = profile.load("calico")
NAMES = ["a.a", "a.b", "a.c", "a.d"]
GOODNESS: list[Outcome | None] = ["absent", "broken", "denied", "unknown", None, "works"]
TIERS = {"absent": 0, "broken": 0, "denied": 1, "unknown": 1, None: 1, "works": 2}

rows = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=5,
)
needs = st.builds(
    Need,
    row=rows,
    flow=st.just("") | rows,
    level=st.sampled_from(["require", "recommend"]),
    why=st.just("why"),
    source=st.just("source"),
)
rules: st.SearchStrategy[Rule] = st.sampled_from(["any", "all", "none"])
outcomes = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([o for o in GOODNESS if o]))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    groups = [Group(name=name, title=name, rule=draw(rules)) for name in ("g", "h")]
    modes = [
        Mode(name=f"{group.name}{number}", title="t", group=group.name, needs=tuple(draw(st.lists(needs, max_size=3))))
        for group in groups
        for number in range(2)
    ]
    return Profile(name="p", title="P", releases=("1.0",), groups=tuple(groups), modes=tuple(modes))


def verdicts(report: Report) -> list[Verdict]:
    """All verdicts of a report, in an order that depends on the profile alone."""
    each = [need.verdict for mode in report.modes for need in mode.needs]
    return [report.verdict, *[g.verdict for g in report.groups], *[m.verdict for m in report.modes], *each]


@given(profiles(), outcomes, st.data())
def test_worse_evidence_never_makes_a_verdict_better(
    found: Profile, known: dict[str, Outcome], data: st.DataObject
) -> None:
    worse: dict[str, Outcome] = {}
    for name in NAMES:
        below = [o for o in GOODNESS if TIERS[o] <= TIERS[known.get(name)]]
        if outcome := data.draw(st.sampled_from(below)):
            worse[name] = outcome
    plan = {"a": tuple(NAMES)}
    before, after = (judge(synthetic.stream(each, plan=plan), found) for each in (known, worse))
    for old, new in zip(verdicts(before), verdicts(after), strict=True):
        assert BADNESS.index(new) >= BADNESS.index(old)


@given(profiles(), outcomes, st.sets(st.sampled_from(NAMES)), st.booleans())
def test_less_evidence_never_turns_anything_into_pass(
    found: Profile,
    known: dict[str, Outcome],
    gone: set[str],
    cut: bool,
) -> None:
    whole = synthetic.stream(known)
    less = msgspec.structs.replace(
        whole, probes=tuple(probe for probe in whole.probes if probe.id not in gone), end=None if cut else whole.end
    )
    for old, new in zip(verdicts(judge(whole, found)), verdicts(judge(less, found)), strict=True):
        assert new != "pass" or old == "pass"


def modes(evidence: Evidence, *wanted: str) -> Mapping[str, Verdict]:
    return {mode.name: mode.verdict for mode in judge(evidence, CALICO, wanted).modes}


def test_all_works() -> None:
    report = judge(synthetic.calico(), CALICO)
    assert set(verdicts(report)) == {"pass"}
    assert exit_code(report) == 0


def test_no_evidence_is_no_answer() -> None:
    report = judge(synthetic.stream({}, uname=Uname()), CALICO)
    assert set(verdicts(report)) <= {"unknown", "warn"}
    assert exit_code(report) == 3


@pytest.mark.parametrize(
    ("outcome", "verdict"), [("absent", "fail"), ("broken", "fail"), ("denied", "unknown"), ("unknown", "unknown")]
)
def test_a_required_row(outcome: Outcome, verdict: Verdict) -> None:
    found = modes(synthetic.calico_but({"link.ipip": outcome}))
    assert found["ipip"] == verdict
    assert found["vxlan-ipv4"] == "pass"


@pytest.mark.parametrize("outcome", ["absent", "broken", "denied", "unknown"])
def test_a_recommended_row_only_warns(outcome: Outcome) -> None:
    found = synthetic.calico_but({"xt.nft.ipv4.target.NFLOG": outcome})
    assert modes(found)["iptables-nft-ipv4"] == "warn"
    assert exit_code(judge(found, CALICO, ["iptables-nft-ipv4"])) == 0


def test_one_of_a_group_is_enough_unless_modes_are_named() -> None:
    found = synthetic.calico_but({"link.ipip": "absent", "xt.legacy.ipv4.match.set": "absent"})
    assert exit_code(judge(found, CALICO)) == 0
    assert exit_code(judge(found, CALICO, ["ipip"])) == 1
    assert exit_code(judge(found, CALICO, ["iptables-nft-ipv4", "vxlan-ipv4"])) == 0
    nothing = synthetic.calico_but({"link.veth": "absent"})
    assert exit_code(judge(nothing, CALICO)) == 1


def test_informational_groups_do_not_count() -> None:
    found = synthetic.calico_but({"link.wireguard": "absent", "xt.nft.ipv6.table.nat": "absent"})
    assert exit_code(judge(found, CALICO)) == 0
    assert exit_code(judge(found, CALICO, ["wireguard-ipv4"])) == 1


def test_failure_and_doubt() -> None:
    doubt = synthetic.calico_but({"link.ipip": "absent", "route.onlink.inet": "denied"})
    assert exit_code(judge(doubt, CALICO)) == 3


def test_a_mode_names_the_rows_that_decided() -> None:
    report = judge(
        synthetic.calico_but({"link.ipip": "absent", "link.ipip.tunl0": "denied", "link.tx-checksum": "absent"}), CALICO
    )
    (ipip,) = [mode for mode in report.modes if mode.name == "ipip"]
    assert ipip.deciding == ("link.ipip",)


def test_control_rows_never_count() -> None:
    works = synthetic.stream({"link.ipip": "works"})
    control = msgspec.structs.replace(works, probes=(synthetic.probe("link.ipip", control="negative"),))
    assert modes(works)["ipip"] == modes(control)["ipip"] == "unknown"
    need = next(
        need for mode in judge(control, CALICO, ["ipip"]).modes for need in mode.needs if need.row == "link.ipip"
    )
    assert need.missing == ("link.ipip",)
    assert any("control link.ipip came back works" in note for note in judge(control, CALICO).notes)


def test_releases() -> None:
    found = Profile(
        name="p",
        title="P",
        releases=("1.9", "1.10"),
        groups=(Group(name="g", title="G", rule="all"),),
        modes=(
            Mode(
                name="m",
                title="M",
                group="g",
                needs=(Need(row="a.a", level="require", why="w", source="s", releases=">=1.10"),),
            ),
        ),
    )
    no = synthetic.stream({"a.a": "absent"})
    assert judge(no, found).release == "1.10"
    assert exit_code(judge(no, found)) == 1
    assert exit_code(judge(no, found, release="1.9")) == 0
    with pytest.raises(InputError, match=r"did you mean 1\.10"):
        judge(no, found, release="1.1")


def test_unknown_mode() -> None:
    with pytest.raises(InputError, match="did you mean vxlan-ipv4"):
        judge(synthetic.calico(), CALICO, ["vxlna-ipv4"])


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"uid": 1000, "sandbox": "userns"}, "collected without root: 1 rows could not be asked; run as root"),
        ({"uid": 1000, "sandbox": "none"}, "no network namespace"),
        ({"seccomp": 2}, "a seccomp filter is active"),
        ({"flags": ("no-autoload",)}, "--no-autoload"),
    ],
)
def test_notes_say_what_limits_the_answer(changed: dict[str, Any], note: str) -> None:
    found = synthetic.stream({"link.veth": "unknown"}, **changed)
    assert any(note in text for text in judge(found, CALICO).notes)


def test_notes_of_the_end() -> None:
    left = (
        Left(module="vxlan", command="modprobe -r vxlan", reason="devices"),
        Left(module="udp_tunnel", reason="a dependency"),
        Left(module="ipip", command="modprobe -r ipip", reason="devices"),
    )
    end = End(rows=1, ns=1, left=left, leaks={"children": 1})
    notes = judge(msgspec.structs.replace(synthetic.stream({"link.veth": "works"}), end=end), CALICO).notes
    assert notes == (
        (
            "3 modules that the run loaded are still there (devices); "
            "where nothing else needs them: modprobe -r vxlan ipip"
        ),
        "the collector left 1 children behind: please report this",
    )


def test_incomplete_evidence_says_so() -> None:
    cut = msgspec.structs.replace(synthetic.calico(), end=None)
    whole = judge(cut, CALICO)
    assert whole.incomplete
    assert whole.notes[0].startswith("the evidence is incomplete")
    torn = judge(msgspec.structs.replace(cut, probes=cut.probes[:3]), CALICO)
    assert torn.running == cut.probes[3].id
    assert cut.probes[3].id in torn.notes[0]


FLOW = """
name = "p"
title = "P"
releases = ["1"]
[group.g]
title = "G"
rule = "all"
[mode.m]
title = "M"
group = "g"
needs = [{ row = "a.x", flow = "flow.x", level = "require", why = "w", source = "s" }]
"""


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ({"a.x": "works", "flow.x": "works"}, "pass"),
        ({"a.x": "works", "flow.x": "broken"}, "fail"),
        ({"a.x": "works", "flow.x": "unknown"}, "unknown"),
        ({"a.x": "absent", "flow.x": "absent"}, "fail"),
        ({"a.x": "works"}, "pass"),
    ],
)
def test_a_need_may_be_proved_by_packets(outcomes: dict[str, Outcome], verdict: str) -> None:
    report = judge(synthetic.stream(outcomes), profile.parse(FLOW, "p.toml"))
    assert report.verdict == verdict
    if outcomes.get("flow.x") == "broken":
        assert report.modes[0].deciding == ("flow.x",)


def test_a_packet_that_was_to_be_sent_and_has_no_answer_is_a_doubt() -> None:
    whole = synthetic.stream({"a.x": "works", "flow.x": "works"})
    cut = msgspec.structs.replace(whole, probes=whole.probes[:1])
    assert judge(cut, profile.parse(FLOW, "p.toml")).verdict == "unknown"


@pytest.mark.parametrize("broken", ["flow.xt.nft.ipv4.mark", "link.veth"])
def test_what_is_asked_alone_fails_as_the_whole_does(broken: str) -> None:
    """A packet that is lost is no less needed than the row that it proves."""
    chosen = profile.load("calico")
    ids = needed(chosen)
    assert broken in ids
    whole = {probe.id: probe.outcome for probe in synthetic.calico().probes} | dict.fromkeys(ids, "works")
    found = [
        judge(synthetic.stream({**rows, broken: "broken"}), chosen)
        for rows in (whole, {name: outcome for name, outcome in whole.items() if name in ids})
    ]
    first, second = ([(mode.name, mode.verdict) for mode in report.modes] for report in found)
    assert first == second
    assert any(verdict != "pass" for _, verdict in first)


@pytest.mark.parametrize("name", profile.bundled())
def test_what_is_needed_is_what_is_looked_up(name: str) -> None:
    """Evidence cut down to the rows that are needed is judged the same."""
    chosen = profile.load(name)
    ids = needed(chosen)
    assert ids
    assert set(needed(chosen, [chosen.modes[0].name])) <= set(ids)
    every: dict[str, Outcome] = dict.fromkeys(
        (row for mode in chosen.modes for need in mode.needs for row in need.names), "works"
    )
    working: dict[str, Outcome] = dict.fromkeys(ids, "works")
    whole, cut = synthetic.stream({**every, "link.never": "absent"}), synthetic.stream(working)
    assert judge(whole, chosen).verdict == judge(cut, chosen).verdict
    assert [mode.verdict for mode in judge(whole, chosen).modes] == [mode.verdict for mode in judge(cut, chosen).modes]
    assert not any(need.deciding == () for mode in judge(cut, chosen).modes for need in mode.needs)
