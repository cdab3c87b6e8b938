# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""From lines of a product's log to the rows whose absence causes them, and whether the kernel is to blame. Pure.

A profile's need may name log lines (``logs``): plain text, in which ``*`` stands for anything. No regular
expressions: a log comes from strangers, and no line of one may take long.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from kprobe import expr
from kprobe.cause import cause
from kprobe.evidence import Evidence, Probe
from kprobe.facts import Facts
from kprobe.profile import Mode, Need, Profile
from kprobe.remedy import remedy
from kprobe.standard import TRUTH

MAX_LINE = 4096
MAX_LOG = 64 * 1024 * 1024

Blame = Literal["kernel", "in part", "not the kernel", "cannot tell"]


class Line(msgspec.Struct, frozen=True):
    """The first line of a log that matched, its number, and how many did."""

    number: int
    text: str
    count: int


class Symptom(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern that was found, and the needs of one profile that name it, each with the modes that have it."""

    pattern: str
    line: Line
    profile: str
    needs: tuple[tuple[Need, tuple[str, ...]], ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that these needs rest on."""
        return tuple(dict.fromkeys(name for need, _ in self.needs for name in expr.names(need.row)))


def matches(pattern: str, line: str) -> bool:
    """Whether the parts of a pattern stand in a line one after another. Takes time in proportion to the line."""
    at = 0
    for part in pattern.split("*"):
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def scan(lines: Iterable[str], profiles: Iterable[Profile]) -> tuple[Symptom, ...]:
    """Find the symptoms that profiles know, in the order of the log."""
    known = {
        (pattern, profile.name): _needs(pattern, profile) for profile in profiles for pattern in _patterns(profile)
    }
    found: dict[str, Line] = {}
    patterns = list(dict.fromkeys(pattern for pattern, _ in known))
    for number, line in enumerate(lines, 1):
        for pattern in patterns:
            if matches(pattern, line):
                first = found.get(pattern, Line(number, line, 0))
                found[pattern] = Line(first.number, first.text, first.count + 1)
    symptoms = (
        Symptom(pattern=pattern, line=found[pattern], profile=profile, needs=needs)
        for (pattern, profile), needs in known.items()
        if pattern in found
    )
    return tuple(sorted(symptoms, key=lambda symptom: symptom.line.number))


def _patterns(profile: Profile) -> Iterator[str]:
    return (pattern for mode in profile.modes for need in mode.needs for pattern in need.logs)


def _needs(pattern: str, profile: Profile) -> tuple[tuple[Need, tuple[str, ...]], ...]:
    users: dict[Need, list[Mode]] = {}
    for mode in profile.modes:
        for need in mode.needs:
            if pattern in need.logs:
                users.setdefault(need, []).append(mode)
    return tuple((need, tuple(mode.name for mode in modes)) for need, modes in users.items())


def blame(symptom: Symptom, evidence: Evidence) -> Blame:
    """Say whether the kernel lacks what the log line speaks of; ``in part`` where it does for some of the modes."""
    rows = evidence.answers
    answers = {expr.value(expr.parse(need.row), lambda name: _truth(rows, name)) for need, _ in symptom.needs}
    if False in answers:
        return "kernel" if answers == {False} else "in part"
    return "cannot tell" if None in answers else "not the kernel"


def _truth(rows: Mapping[str, Probe], name: str) -> expr.Truth:
    return TRUTH[rows[name].outcome] if name in rows else None


def text(symptoms: Sequence[Symptom], evidence: Evidence) -> str:
    """Tell of each symptom what the kernel says to it. The caller cleans the text: it has lines of a stranger's log."""
    return "\n".join(line for symptom in symptoms for line in (*_told(symptom, evidence), ""))


def _told(symptom: Symptom, evidence: Evidence) -> Iterator[str]:
    rows = evidence.answers
    facts = Facts(evidence)
    times = f", {symptom.line.count} times" if symptom.line.count > 1 else ""
    yield f"line {symptom.line.number}{times}: {symptom.line.text[:300]}"
    said = {
        "kernel": "the kernel is to blame",
        "in part": "the kernel lacks this in part: see which of the rows your mode needs",
        "not the kernel": "the kernel is not to blame: it does what this needs; look for the cause elsewhere",
        "cannot tell": "whether the kernel is to blame cannot be told",
    }
    yield f"  {said[blame(symptom, evidence)]}"
    for why in dict.fromkeys(need.why for need, _ in symptom.needs):
        yield f"  {symptom.profile}: {why}"
    for name in symptom.rows:
        probe = rows.get(name)
        yield f"    {probe.outcome if probe else 'unknown':<8} {name}" + ("" if probe else ": not in this evidence")
        if probe is None or probe.outcome == "works":
            continue
        reason = cause(probe, facts)
        if reason is None:
            yield f"             {probe.reason}"
            continue
        yield f"             cause: {reason.text}"
        helps = remedy(reason, facts)
        if helps is not None:
            yield f"             remedy: {helps.text}"
            yield from (f"               {command}" for command in helps.commands)
    for avoid in dict.fromkeys(need.avoid for need, _ in symptom.needs if need.avoid):
        yield f"    to do without: {avoid}"
