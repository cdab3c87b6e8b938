# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What the evidence means for one profile: frozen data, made by the judge, read by every renderer."""

from typing import Literal

import msgspec

from kprobe.cause import Cause
from kprobe.contradiction import Contradiction
from kprobe.evidence import Begin, End, Fact, Probe
from kprobe.profile import Level, Rule
from kprobe.remedy import Remedy

Verdict = Literal["pass", "warn", "unknown", "fail"]

READY, NOT_READY, CANNOT_TELL = 0, 1, 3


class NeedReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One need, its verdict, the rows that it rests on, and those of them that the evidence does not have."""

    row: str
    level: Level
    verdict: Verdict
    why: str
    source: str
    deciding: tuple[str, ...]
    missing: tuple[str, ...] = ()
    flow: str = ""
    lost: str = ""
    avoid: str = ""
    releases: str = ""


class ModeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One mode, and the few rows that made its verdict."""

    name: str
    title: str
    group: str
    wanted: bool
    verdict: Verdict
    deciding: tuple[str, ...]
    needs: tuple[NeedReport, ...]


class GroupReport(msgspec.Struct, frozen=True, kw_only=True):
    """One group and whether its rule is satisfied. A group that does not count is there for information."""

    name: str
    title: str
    rule: Rule
    counts: bool
    verdict: Verdict


class Explained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a row did not work, and what to do about it where that is known."""

    row: str
    cause: Cause
    remedy: Remedy | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. ``rows`` is the evidence itself: the kernel's own words, unchanged.

    ``explained`` has one entry for each row, control rows apart, that came back ``absent``, ``denied`` or ``broken``,
    and for those ``unknown`` for a reason that has a name, in the order of ``rows``. ``derived`` has what was worked
    out from the facts (kprobe.node): rows in all but that no worker answered them. A recorded row of the same id goes
    before it.
    """

    source: str
    profile: str
    title: str
    release: str
    verdict: Verdict
    incomplete: bool
    running: str | None
    groups: tuple[GroupReport, ...]
    modes: tuple[ModeReport, ...]
    notes: tuple[str, ...]
    begin: Begin
    facts: tuple[Fact, ...]
    rows: tuple[Probe, ...]
    end: End | None
    explained: tuple[Explained, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    derived: tuple[Probe, ...] = ()


def exit_code(report: Report) -> int:
    """0: ready. 1: something required failed. 3: nothing failed, but something required is unknown or denied."""
    return {"pass": READY, "warn": READY, "unknown": CANNOT_TELL, "fail": NOT_READY}[report.verdict]


def worst(codes: list[int]) -> int:
    """Join exit codes: a failure outweighs a doubt, a doubt outweighs readiness."""
    return next((code for code in (NOT_READY, CANNOT_TELL) if code in codes), READY)
