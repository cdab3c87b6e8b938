# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Programs that answer many questions at one call: what is called, and how the answer is compared."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kprobe.evidence import Evidence, Fact, Probe

from .compare import Finding, Verdict
from .model import Answer, Oracle


@dataclass(frozen=True)
class Known:
    """kprobe's own answers, to be looked up."""

    rows: Mapping[str, Probe]
    facts: Mapping[str, Fact]
    whole: bool
    """Whether all rows were asked: then one that is missing is one that kprobe does not have."""
    release: tuple[int, ...] = ()
    """Of the kernel; it explains a difference and decides none."""

    @classmethod
    def of(cls, evidence: Evidence) -> "Known":
        """Index the evidence."""
        return cls(
            evidence.answers,
            {fact.id: fact for fact in evidence.facts},
            whole=not evidence.begin.select,
            release=tuple(int(part) for part in re.findall(r"\d+", evidence.begin.uname.release)[:2]),
        )


@dataclass(frozen=True)
class Survey:
    """One program: the call, and the findings in its answer.

    The row of the call is a name alone. ``about`` tells whether the evidence holds anything that the answer is about.
    ``compare`` gets an answer with exit status 0 only.
    """

    call: Oracle
    about: Callable[[Known], bool]
    compare: Callable[[Known, Answer], Iterable[Finding]]

    def findings(self, known: Known, answer: Answer) -> tuple[Finding, ...]:
        """Compare; a program that could not be asked, or fell, is one finding."""
        if answer.told == "not asked":
            return (self._whole("not asked", answer.said),)
        if answer.rc:
            return (self._whole("unheard", f"exit status {answer.rc}, {answer.said.strip()[-500:] or 'nothing said'}"),)
        return tuple(self.compare(known, answer))

    def _whole(self, verdict: Verdict, said: str) -> Finding:
        return Finding(self.call.row, self.call.row, self.call.program, verdict, "", said)
