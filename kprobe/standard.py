# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What evidence is measured by: the modes of one profile and release, taken apart once and held to many nodes. Pure.

A need's verdict rests on how the rows that it names came out and on nothing else, so nodes that agree there share it:
each need is judged once for each combination of outcomes that occurs, however many nodes have it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress
from operator import itemgetter, ne
from typing import Literal

from kprobe import expr
from kprobe.evidence import Outcome, Probe
from kprobe.profile import Mode, Need, Profile, holds
from kprobe.report import ModeReport, NeedReport, Verdict

TRUTH: Mapping[Outcome, expr.Truth] = {
    "works": True,
    "absent": False,
    "broken": False,
    "denied": None,
    "unknown": None,
}
BADNESS: tuple[Verdict, ...] = ("pass", "warn", "unknown", "fail")
MAX_TOLD = 4096
"""How many combinations of outcomes are remembered of a need or a mode."""

State = Outcome | Literal["lost", "unasked"]
"""How a row came out; ``lost``: planned, and the evidence has no answer; ``unasked``: not even planned."""
States = tuple[State, ...]
Pick = Callable[[States], States]
NO_ANSWER: tuple[State, ...] = ("lost", "unasked")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; nothing asked is ``pass``."""
    return max(verdicts, key=BADNESS.index, default="pass")


class Measure:
    """One need, ready to be judged."""

    def __init__(self, need: Need) -> None:
        self.need = need
        self.of_row = expr.names(need.row)
        self.names = need.names
        self.rests = () if expr.chooses(need.row) else self.of_row
        self._told: dict[States, NeedReport] = {}

    def report(self, states: States) -> NeedReport:
        """Judge by the states of ``names``, in their order."""
        found = self._told.get(states)
        if found is None:
            _bound(self._told)
            found = self._told[states] = judged(self, states)
        return found


def judged(measure: Measure, states: States) -> NeedReport:
    """Judge one need."""
    if measure.rests and all(state == "works" for state in states):
        return _report(measure.need, True, measure.rests)
    there = expr.parse(measure.need.row)
    flow = expr.parse(measure.need.flow) if measure.need.flow else None
    state = dict(zip(measure.names, states, strict=True))

    def truth(name: str) -> expr.Truth:
        found = state[name]
        if found == "unasked":
            # Packets that the run was not to send (--no-flows, an older kprobe) are no doubt; others are.
            return True if name not in measure.of_row else None
        return None if found == "lost" else TRUTH[found]

    both = expr.All((there, flow)) if flow else there
    answer = expr.value(both, truth)
    # What is not there carries no packets either: that needs no second name.
    decider = there if flow is None or expr.value(there, truth) == answer else flow
    deciding = tuple(dict.fromkeys(expr.deciding(decider, truth)))
    return _report(measure.need, answer, deciding, tuple(name for name in deciding if state[name] in NO_ANSWER))


def _report(need: Need, answer: expr.Truth, deciding: tuple[str, ...], missing: tuple[str, ...] = ()) -> NeedReport:
    return NeedReport(
        row=need.row,
        level=need.level,
        verdict=_verdict(need, answer),
        why=need.why,
        source=need.source,
        deciding=deciding,
        missing=missing,
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


class _Way:
    """One mode: its needs, and which of the standard's states they look at."""

    def __init__(self, mode: Mode, wanted: bool, needs: list[tuple[Measure, Pick]], place: Mapping[str, int]) -> None:
        self.mode, self.wanted, self._needs = mode, wanted, needs
        self.names = tuple(dict.fromkeys([name for measure, _ in needs for name in measure.names]))
        self._pick = _picker([place[name] for name in self.names])
        self._told: dict[States, ModeReport] = {}

    def report(self, states: States) -> ModeReport:
        """Judge by the states of all rows that the standard names."""
        mine = self._pick(states)
        found = self._told.get(mine)
        if found is None:
            _bound(self._told)
            found = self._told[mine] = self._judged(states)
        return found

    def _judged(self, states: States) -> ModeReport:
        needs = tuple(measure.report(pick(states)) for measure, pick in self._needs)
        verdict = worst(need.verdict for need in needs)
        return ModeReport(
            name=self.mode.name,
            title=self.mode.title,
            group=self.mode.group,
            wanted=self.wanted,
            verdict=verdict,
            deciding=tuple(dict.fromkeys(_deciding(needs, verdict))),
            needs=needs,
        )


def _deciding(needs: tuple[NeedReport, ...], verdict: Verdict) -> Iterator[str]:
    for need in needs:
        if need.verdict == verdict:
            yield from need.deciding


def _picker(places: list[int]) -> Pick:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda states: tuple(states[place] for place in places)


def _bound(told: dict[States, NeedReport] | dict[States, ModeReport]) -> None:
    if len(told) >= MAX_TOLD:
        told.clear()


class Standard:
    """A profile in one release. ``chosen``: the modes that were asked for by name; empty for all."""

    def __init__(self, profile: Profile, release: str, chosen: frozenset[str]) -> None:
        self.profile, self.release, self.chosen = profile, release, chosen
        held = _Held(release)
        there = [mode for mode in profile.modes if held[mode.releases]]
        needs = {mode.name: [need for need in mode.needs if held[need.releases]] for mode in there}
        measures = {id(need): Measure(need) for found in needs.values() for need in found}
        self.names = tuple(dict.fromkeys(name for measure in measures.values() for name in measure.names))
        place = {name: number for number, name in enumerate(self.names)}
        picks = {key: (measure, _picker([place[name] for name in measure.names])) for key, measure in measures.items()}
        self._ways = [
            _Way(mode, not chosen or mode.name in chosen, [picks[id(need)] for need in needs[mode.name]], place)
            for mode in there
        ]
        self._lookers: list[list[int]] = [[] for _ in self.names]
        for number, way in enumerate(self._ways):
            for name in way.names:
                self._lookers[place[name]].append(number)
        self._told: dict[int, ModeReport] = {}
        self._last: States = ()
        groups = {mode.group for mode in there}
        self.groups = tuple(group for group in profile.groups if group.name in groups)

    def modes(self, rows: Mapping[str, Probe], plan: Mapping[str, tuple[str, ...]]) -> tuple[ModeReport, ...]:
        """Judge each mode by the rows of one node; ``plan``: those that its run was to ask, by family."""
        found = tuple(map(rows.get, self.names))
        planned = frozenset[str]() if None not in found else frozenset().union(*plan.values())
        states: States = tuple(
            [
                probe.outcome if probe is not None else "lost" if name in planned else "unasked"
                for name, probe in zip(self.names, found, strict=True)
            ]
        )
        return self._reports(states)

    def _reports(self, states: States) -> tuple[ModeReport, ...]:
        """Judge anew those modes that look at a row which came out otherwise on the node before: few, in a cluster."""
        changed: Iterable[int] = range(len(self._ways))
        if self._told:
            changed = set[int]().union(*compress(self._lookers, map(ne, states, self._last)))
        for number in changed:
            self._told[number] = self._ways[number].report(states)
        self._last = states
        return tuple(self._told.values())


class _Held(dict[str, bool]):
    """Which conditions hold for a release: few are there, and asked of every need."""

    def __init__(self, release: str) -> None:
        super().__init__()
        self.release = release

    def __missing__(self, releases: str) -> bool:
        found = self[releases] = holds(releases, self.release)
        return found
