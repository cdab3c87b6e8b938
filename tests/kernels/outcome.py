# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What came of a boot, in one line."""

from collections import Counter

from kprobe.errors import InputError
from kprobe.evidence import parse

from .boot import VMResult


def summary(result: VMResult) -> tuple[str, bool]:
    """One line on one kernel, and whether its evidence is complete."""
    head = f"{result.name:<20} {result.release:<28} {result.seconds:5.1f} s"
    try:
        evidence = parse(result.out.get("evidence.ndjson", b"").splitlines(keepends=True), result.name)
    except InputError as error:
        return f"{head}  {error} (script: {result.rc}; see its console)", False
    counts = Counter(p.outcome for p in evidence.probes)
    rows = " ".join(f"{outcome} {counts[outcome]}" for outcome in ("works", "absent", "denied", "broken", "unknown"))
    if evidence.incomplete:
        return f"{head}  {rows}  INCOMPLETE, while {evidence.running or 'ending'} ran (script: {result.rc})", False
    return f"{head}  {rows}", True
