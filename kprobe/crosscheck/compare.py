# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Where kprobe and an independent program differ. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kprobe.evidence import Probe

from .model import Answer, Exemption, Oracle
from .shell import NO_PREREQUISITE, NO_PROGRAM, OTHERWISE, SIGNALLED, TIMEOUT
from .table import REFUSED

Verdict = Literal["agrees", "differs", "explained", "unknown", "unheard", "not asked"]
"""``explained``: the two differ for a reason that a test proves. ``unknown``: kprobe could not tell. ``unheard``: the
program gave no answer that is the kernel's. ``not asked``: it is missing, or cannot run here."""

NO_PROGRAM_KNOWN = "no program that kprobe knows asks this"
DENIED = re.compile(r"Operation not permitted|Permission denied")


@dataclass(frozen=True)
class Finding:
    """What kprobe and one program say of one thing."""

    subject: str
    """A row, or what a program states beside rows: a fact."""
    family: str
    program: str
    verdict: Verdict
    kprobe: str
    """kprobe's own words."""
    said: str
    """The program's."""
    less: str = ""
    """What kprobe asked and the program could not; why the two differ, where that is known."""
    count: int = 1
    """How many answers these are: a helper inventory holds one for each helper."""


@dataclass(frozen=True)
class Unasked:
    """A row that no program has a question for."""

    row: str
    family: str
    why: str


def outcome(answer: Answer) -> str:
    """Return the answer in kprobe's words; ``none``: the kernel was not heard; ``not asked``: nobody was asked.

    A refusal of the program's own (a usage error, an extension that it does not know) must never count as the
    kernel's answer, so words that no module of ``oracles`` lists as the kernel's are no answer.
    """
    if answer.told:
        return answer.told
    if answer.rc == 0:
        return "works"
    if answer.rc == OTHERWISE:
        return "broken"
    if answer.rc == TIMEOUT or NO_PROGRAM <= answer.rc <= SIGNALLED or not REFUSED.search(answer.said):
        return "none"
    return "denied" if DENIED.search(answer.said) else "absent"


def verdict(probe: Probe, answer: Answer, exemption: Exemption | None = None) -> Verdict:
    """Return how the two stand to each other."""
    said = outcome(answer)
    if said == "not asked":
        return "not asked"
    if said == "none":
        return "unheard"
    if probe.outcome == "unknown":
        return "unknown"
    if exemption is not None and (probe.outcome, said) == (exemption.kprobe, exemption.program):
        return "explained"
    return "agrees" if probe.outcome == said else "differs"


def finding(probe: Probe, oracle: Oracle, answer: Answer) -> Finding:
    """Compare one answer with one row."""
    standing = verdict(probe, answer, oracle.differs)
    return Finding(
        subject=probe.id,
        family=probe.family,
        program=oracle.program,
        verdict=standing,
        kprobe=told(probe),
        said=answered(answer),
        less=oracle.differs.reason if standing == "explained" and oracle.differs else oracle.less,
    )


def answered(answer: Answer) -> str:
    """Return what the program said, in a line."""
    said = outcome(answer)
    words = answer.said.strip()
    if said == "not asked":
        return words
    missing = " (a prerequisite)" if answer.rc == NO_PREREQUISITE else ""
    # A function has no exit status, and its words are those of the error.
    status = [] if answer.told and not answer.rc else [f"exit status {answer.rc}{missing}"]
    if answer.errno:
        status = [f"errno {answer.errno}"]
    return f"{said}: {', '.join([*status, words or 'nothing said'])}"


def told(probe: Probe) -> str:
    """Return what kprobe said, in a line."""
    parts = (probe.outcome, probe.step and f"at {probe.step}", probe.error, probe.extack, probe.reason)
    return ", ".join(part for part in parts if part)


def disagreement(probe: Probe, answer: Answer, exemption: Exemption | None = None) -> str:
    """Empty when the two agree, or differ exactly as the exemption says: what a test must see on a known machine."""
    assert probe.id == answer.row
    both = f"{probe.id}: kprobe says {told(probe)}; {answer.program} says {answered(answer)}"
    match verdict(probe, answer, exemption):
        case "explained":
            return ""
        case "agrees" if exemption is None:
            return ""
        case "agrees" | "differs" if exemption is not None:
            return f"{both}: not as exempted ({exemption.reason}); take the exemption out if they agree now"
        case "unheard" | "not asked":
            return f"{both}: the kernel was not heard, correct the oracle"
    return both


def unasked(probes: Iterable[Probe], findings: Iterable[Finding], reason: Callable[[str], str]) -> Iterator[Unasked]:
    """Yield the rows that no program has a question for; controls are kprobe's own affair."""
    found = {finding.subject for finding in findings}
    for probe in probes:
        if probe.id not in found and not probe.control:
            yield Unasked(probe.id, probe.family, reason(probe.id) or NO_PROGRAM_KNOWN)
