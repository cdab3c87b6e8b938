# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Judges evidence by a profile. Pure: the same evidence and profile give the same report, on any machine, at any time.

Two laws hold and are tested over random evidence: making evidence worse never makes a verdict better, and taking
evidence away never turns anything into ``pass``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from kprobe import expr
from kprobe.cause import cause
from kprobe.contradiction import Contradiction, contradictions
from kprobe.errors import InputError, nearest
from kprobe.evidence import End, Evidence, Outcome, Probe
from kprobe.facts import Facts
from kprobe.node import derive
from kprobe.profile import Group, Mode, Need, Profile, holds
from kprobe.remedy import remedy
from kprobe.report import Explained, GroupReport, ModeReport, NeedReport, Report, Verdict

TRUTH: Mapping[Outcome, expr.Truth] = {
    "works": True,
    "absent": False,
    "broken": False,
    "denied": None,
    "unknown": None,
}
BADNESS: tuple[Verdict, ...] = ("pass", "warn", "unknown", "fail")


def judge(evidence: Evidence, profile: Profile, wanted: Iterable[str] = (), release: str = "") -> Report:
    """Judge by every group of the profile, or by exactly the ``wanted`` modes; for its newest release unless told."""
    release, chosen = check(profile, wanted, release)
    rows = {probe.id: probe for probe in evidence.probes if not probe.control}
    derived = derive(evidence)
    known = {probe.id: probe for probe in derived} | rows
    there = [mode for mode in profile.modes if holds(mode.releases, release)]
    planned = frozenset(name for names in evidence.begin.plan.values() for name in names)
    modes = tuple(_mode(mode, known, planned, release, wanted=not chosen or mode.name in chosen) for mode in there)
    names = {mode.group for mode in modes}
    groups = tuple(_group(group, modes, by_name=bool(chosen)) for group in profile.groups if group.name in names)
    if chosen:
        verdict = _all(mode.verdict for mode in modes if mode.wanted)
    else:
        verdict = _all(group.verdict for group in groups if group.counts)
    facts = Facts(evidence)
    explained = list(_explained(rows.values(), facts))
    return Report(
        source=evidence.source,
        profile=profile.name,
        title=profile.title,
        release=release,
        verdict=verdict,
        incomplete=evidence.incomplete,
        running=evidence.running,
        groups=groups,
        modes=modes,
        notes=tuple(_notes(evidence, rows)),
        begin=evidence.begin,
        facts=evidence.facts,
        rows=evidence.probes,
        derived=derived,
        end=evidence.end,
        explained=tuple(explained),
        contradictions=tuple(_contradictions(rows.values(), explained, facts)),
    )


def _explained(probes: Iterable[Probe], facts: Facts) -> Iterator[Explained]:
    for probe in probes:
        if probe.outcome != "works" and (why := cause(probe, facts)) is not None:
            yield Explained(row=probe.id, cause=why, remedy=remedy(why, facts))


def _contradictions(probes: Iterable[Probe], explained: Iterable[Explained], facts: Facts) -> Iterator[Contradiction]:
    causes = {each.row: each.cause for each in explained}
    for probe in probes:
        yield from contradictions(probe, causes.get(probe.id), facts)


def check(profile: Profile, wanted: Iterable[str] = (), release: str = "") -> tuple[str, frozenset[str]]:
    """Return the release and the modes to judge by; refuse one that the profile does not have."""
    if release and release not in profile.releases:
        todo = nearest(release, profile.releases, f"it knows {', '.join(profile.releases)}")
        raise InputError(f"profile {profile.name} does not know release {release}", "--release", todo)
    release = release or profile.releases[-1]
    chosen = frozenset(wanted)
    names = [mode.name for mode in profile.modes if holds(mode.releases, release)]
    for name in sorted(chosen.difference(names)):
        todo = nearest(name, names, f"it has {', '.join(names)}")
        in_release = f" in release {release}" if any(mode.name == name for mode in profile.modes) else ""
        raise InputError(f"profile {profile.name} has no mode {name}{in_release}", "--mode", todo)
    return release, chosen


def needed(profile: Profile, wanted: Iterable[str] = (), release: str = "") -> tuple[str, ...]:
    """Return the ids of the rows that judging so would look up, each once, in the profile's order."""
    release, chosen = check(profile, wanted, release)
    modes = (mode for mode in profile.modes if holds(mode.releases, release) and (not chosen or mode.name in chosen))
    needs = (need for mode in modes for need in mode.needs if holds(need.releases, release))
    return tuple(dict.fromkeys(name for need in needs for name in expr.ids(expr.parse(need.row))))


def _mode(
    mode: Mode, rows: Mapping[str, Probe], planned: AbstractSet[str], release: str, *, wanted: bool
) -> ModeReport:
    needs = tuple(_need(need, rows, planned) for need in mode.needs if holds(need.releases, release))
    verdict = _all(need.verdict for need in needs)
    return ModeReport(
        name=mode.name,
        title=mode.title,
        group=mode.group,
        wanted=wanted,
        verdict=verdict,
        deciding=tuple(dict.fromkeys(_deciding(needs, verdict))),
        needs=needs,
    )


def _need(need: Need, rows: Mapping[str, Probe], planned: AbstractSet[str]) -> NeedReport:
    # Packets that the run was not to send (--no-flows, an older kprobe) are no doubt; those that it was to send are.
    unsent = {name for name in need.names if name not in planned} - set(expr.ids(expr.parse(need.row)))

    def truth(name: str) -> expr.Truth:
        return True if name in unsent else TRUTH[rows[name].outcome] if name in rows else None

    there, both = expr.parse(need.row), expr.parse(f"({need.row}) and ({need.flow})" if need.flow else need.row)
    answer = expr.value(both, truth)
    # What is not there carries no packets either: that needs no second name.
    decider = there if expr.value(there, truth) == answer else expr.parse(need.flow)
    deciding = tuple(dict.fromkeys(expr.deciding(decider, truth)))
    return NeedReport(
        row=need.row,
        level=need.level,
        verdict=_verdict(need, answer),
        why=need.why,
        source=need.source,
        deciding=deciding,
        missing=tuple(name for name in deciding if name not in rows),
        flow=need.flow,
        lost=need.lost,
        avoid=need.avoid,
        releases=need.releases,
    )


def _verdict(need: Need, answer: expr.Truth) -> Verdict:
    """Return ``warn`` for what is only recommended, be it missing or not to be told: it never stops a mode."""
    if answer:
        return "pass"
    if need.level == "recommend":
        return "warn"
    return "unknown" if answer is None else "fail"


def _deciding(needs: tuple[NeedReport, ...], verdict: Verdict) -> Iterator[str]:
    for need in needs:
        if need.verdict == verdict:
            yield from need.deciding


def _group(group: Group, modes: tuple[ModeReport, ...], *, by_name: bool) -> GroupReport:
    verdicts = [mode.verdict for mode in modes if mode.group == group.name]
    join: Callable[[Iterable[Verdict]], Verdict] = _any if group.rule == "any" else _all
    return GroupReport(
        name=group.name,
        title=group.title,
        rule=group.rule,
        counts=group.rule != "none" and not by_name,
        verdict=join(verdicts),
    )


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=BADNESS.index, default="pass")


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=BADNESS.index, default="pass")


def _notes(evidence: Evidence, rows: Mapping[str, Probe]) -> Iterator[str]:
    """Say what limits this judgement, and what to do about it."""
    begin, end = evidence.begin, evidence.end
    if evidence.incomplete:
        yield _cut(evidence)
    outcomes = Counter(probe.outcome for probe in rows.values())
    if begin.uid != 0 and begin.sandbox != "root" and (asked := outcomes["denied"] + outcomes["unknown"]):
        yield f"collected without root: {asked} rows could not be asked; run as root to ask them"
    if begin.sandbox == "userns":
        yield "the rows ran in a user namespace of their own: answers that depend on privilege may differ for root"
    if begin.sandbox == "none":
        yield "no network namespace could be had, so few rows could be asked; run as root on the node itself"
    if begin.seccomp > 0 and begin.sandbox != "userns":
        yield "a seccomp filter is active: run on the node itself or with seccomp=unconfined, for unfiltered answers"
    if "no-autoload" in begin.flags and outcomes["unknown"]:
        yield "collected with --no-autoload: rows whose modules are not loaded were not tried"
    if "no-flows" in begin.flags:
        yield "collected with --no-flows: no packet was sent through what is there"
    for probe in evidence.probes:
        if _contradicts(probe):
            yield f"control {probe.id} came back {probe.outcome}: the answers of family {probe.family} are in doubt"
    if end and end.left:
        yield _left(end)
    for kind, number in end.leaks.items() if end else ():
        yield f"the collector left {number} {kind} behind: please report this"


def _left(end: End) -> str:
    """Which modules the run brought and did not remove, and the one command that does."""
    named = [left.module for left in end.left if left.command]
    reasons = ", or ".join(dict.fromkeys(left.reason for left in end.left if left.command and left.reason))
    return (
        f"{len(end.left)} modules that the run loaded are still there"
        + (f" ({reasons})" if reasons else "")
        + (f"; where nothing else needs them: modprobe -r {' '.join(named)}" if named else "")
    )


def _cut(evidence: Evidence) -> str:
    if evidence.running is not None:
        return f"the evidence is incomplete: it was cut while {evidence.running} ran; what is missing counts as unknown"
    return "the evidence is incomplete: lines are missing; what they said counts as unknown"


def _contradicts(probe: Probe) -> bool:
    """Whether a control gave the answer that it must not give. One that could not be asked contradicts nothing."""
    wrong = {"negative": ("works", "broken"), "positive": ("absent", "broken"), "": ()}
    return probe.outcome in wrong[probe.control]
