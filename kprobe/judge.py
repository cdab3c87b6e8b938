# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Judges evidence by a profile. Pure: the same evidence and profile give the same report, on any machine, at any time.

Two laws hold and are tested over random evidence: making evidence worse never makes a verdict better, and taking
evidence away never turns anything into ``pass``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from kprobe import node
from kprobe.cause import cause
from kprobe.contradiction import Contradiction, contradictions
from kprobe.errors import InputError, nearest
from kprobe.evidence import End, Evidence, Probe
from kprobe.facts import Facts
from kprobe.profile import Group, Profile, holds
from kprobe.remedy import remedy
from kprobe.report import Explained, GroupReport, ModeReport, Report, Verdict
from kprobe.standard import BADNESS, Standard, worst


def judge(evidence: Evidence, profile: Profile, wanted: Iterable[str] = (), release: str = "") -> Report:
    """Judge by every group of the profile, or by exactly the ``wanted`` modes; for its newest release unless told."""
    return judge_by(evidence, standard(profile, wanted, release))


def standard(profile: Profile, wanted: Iterable[str] = (), release: str = "") -> Standard:
    """Make ready to judge many nodes by the same; refuse a release or mode that the profile does not have."""
    return Standard(profile, *check(profile, wanted, release))


def judge_by(evidence: Evidence, standard: Standard, *, brief: bool = False) -> Report:
    """Judge one node. ``brief``: no notes, contradictions and remedies, and of rows those that keep a need unmet.

    That is what a table of many nodes has room for.
    """
    profile, chosen = standard.profile, standard.chosen
    derived = node.derive(evidence)
    known = node.known(evidence, derived)
    modes = standard.modes(known, evidence.begin.plan)
    groups = tuple(_group(group, modes, by_name=bool(chosen)) for group in standard.groups)
    if chosen:
        verdict = worst(mode.verdict for mode in modes if mode.wanted)
    else:
        verdict = worst(group.verdict for group in groups if group.counts)
    facts = Facts(evidence)
    shown = tuple(known[name] for name in _against(modes) if name in known) if brief else evidence.probes
    recorded = [probe for probe in shown if not probe.control and evidence.answers.get(probe.id) is probe]
    explained = tuple(_explained(recorded, facts, remedies=not brief))
    return Report(
        source=evidence.source,
        profile=profile.name,
        title=profile.title,
        release=standard.release,
        verdict=verdict,
        incomplete=evidence.incomplete,
        running=evidence.running,
        groups=groups,
        modes=modes,
        notes=() if brief else tuple(_notes(evidence, recorded)),
        begin=evidence.begin,
        facts=evidence.facts,
        rows=shown,
        derived=() if brief else derived,
        end=evidence.end,
        explained=explained,
        contradictions=() if brief else tuple(_contradictions(recorded, explained, facts)),
    )


def _explained(probes: Iterable[Probe], facts: Facts, *, remedies: bool) -> Iterator[Explained]:
    for probe in probes:
        if probe.outcome != "works" and (why := cause(probe, facts)) is not None:
            yield Explained(row=probe.id, cause=why, remedy=remedy(why, facts) if remedies else None)


def _against(modes: Iterable[ModeReport]) -> Iterable[str]:
    """Return the rows that keep a need from passing, each once."""
    unmet = (need for mode in modes if mode.verdict != "pass" for need in mode.needs if need.verdict != "pass")
    return dict.fromkeys(name for need in unmet for name in need.deciding)


def _contradictions(probes: Iterable[Probe], explained: Iterable[Explained], facts: Facts) -> Iterator[Contradiction]:
    causes = {each.row: each.cause for each in explained}
    for probe in probes:
        if probe.outcome == "works" and not probe.kconfig and not probe.loaded:
            continue  # nothing that could speak against it
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
    return tuple(dict.fromkeys(name for need in needs for name in need.names))


def _group(group: Group, modes: tuple[ModeReport, ...], *, by_name: bool) -> GroupReport:
    verdicts = [mode.verdict for mode in modes if mode.group == group.name]
    join: Callable[[Iterable[Verdict]], Verdict] = _any if group.rule == "any" else worst
    return GroupReport(
        name=group.name,
        title=group.title,
        rule=group.rule,
        counts=group.rule != "none" and not by_name,
        verdict=join(verdicts),
    )


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=BADNESS.index, default="pass")


def _notes(evidence: Evidence, recorded: Iterable[Probe]) -> Iterator[str]:
    """Say what limits this judgement, and what to do about it."""
    begin, end = evidence.begin, evidence.end
    if evidence.incomplete:
        yield _cut(evidence)
    outcomes = Counter(probe.outcome for probe in recorded)
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
