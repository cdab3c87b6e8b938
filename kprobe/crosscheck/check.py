# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The whole: asks what the evidence has rows for, compares, and says what was left behind."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from kprobe.errors import InputError
from kprobe.evidence import Evidence

from . import run
from .compare import finding, unasked
from .model import Answer
from .result import Result
from .survey import Known
from .surveys import SURVEYS
from .table import ORACLES, without

CLOCK_SLACK = 5
"""Seconds by which the evidence may be older than the boot: /proc/stat rounds, clocks are set."""


def of_this_boot(evidence: Evidence) -> None:
    """Raise InputError where the evidence is not of this kernel since it was booted."""
    mine, theirs = os.uname(), evidence.begin.uname
    fix = "collect it here and now: `kprobe collect --intrusive --output FILE`"
    same = (mine.sysname, mine.nodename, mine.release, mine.version, mine.machine)
    if same != (theirs.sysname, theirs.nodename, theirs.release, theirs.version, theirs.machine):
        raise InputError(
            f"the evidence is of {theirs.nodename} ({theirs.release}), this is {mine.nodename} ({mine.release})",
            evidence.source,
            fix,
        )
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        collected = datetime.strptime(evidence.begin.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise InputError("no time that can be read", evidence.source, fix) from None
    if collected < booted - CLOCK_SLACK:
        raise InputError("the evidence is older than this boot", evidence.source, fix)


def check(evidence: Evidence, seen: Callable[[Answer], None] | None = None) -> Result:
    """Ask every program that there is what this evidence has answers to."""
    known = Known.of(evidence)
    oracles = [oracle for oracle in ORACLES if oracle.row in known.rows]
    surveys = [survey for survey in SURVEYS if survey.about(known)]
    calls = [*(survey.call for survey in surveys), *oracles]
    before = _modules()
    programs = run.programs(calls)
    answers = run.ask(calls, seen)
    findings = tuple(
        [finding(known.rows[oracle.row], oracle, answers[oracle.name]) for oracle in oracles]
        + [found for survey in surveys for found in survey.findings(known, answers[survey.call.name])]
    )
    uname = evidence.begin.uname
    return Result(
        kernel=f"{uname.nodename} ({uname.sysname} {uname.release} {uname.machine})",
        programs=programs,
        findings=findings,
        unasked=tuple(unasked(evidence.probes, findings, without)),
        modules=tuple(sorted(_modules() - before)),
    )


def _modules() -> set[str]:
    try:
        return {line.partition(" ")[0] for line in Path("/proc/modules").read_text().splitlines()}
    except OSError:
        return set()  # a kernel without modules
