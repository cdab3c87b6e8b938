# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Why a row did not work, told from facts. Pure and total: what cannot be told is an unknown cause, never an exception.

Facts explain an answer of the kernel and never change it. Of several causes that would do, the one is named that is met
first on the way from the request to the feature: what was not built cannot be blacklisted.
"""

import re

import msgspec

from kprobe.cause.model import CODES, Basis, Cause, Code
from kprobe.cause.rules import RULES
from kprobe.evidence import Probe
from kprobe.facts import Facts

__all__ = ["CODES", "Basis", "Cause", "Code", "cause"]

MAX_CHAIN = 32
UNKNOWN = Cause(code="unknown", text="why is unknown: no fact in this evidence tells")
_PREREQUISITE = re.compile(r"needs (\S+), which is ")


def cause(probe: Probe, facts: Facts) -> Cause | None:
    """Return why a row did not work.

    None for one that did, for a control that said what it must, and for an ``unknown`` whose reason says it all. The
    cause of a row whose prerequisite did not work is that of the prerequisite.
    """
    via = ""
    for _ in range(MAX_CHAIN):
        found = _PREREQUISITE.match(probe.reason) if probe.step == "prerequisite" else None
        if found is None:
            break
        via = found[1]
        if via not in facts.rows:
            rests = (Basis("row", "reason", probe.reason),)
            return Cause(code="prerequisite", text=f"{via} did not work", subject=via, via=via, rests=rests)
        probe = facts.rows[via]
    if probe.outcome == "works" or (probe.control == "negative" and probe.outcome == "absent"):
        return None
    told = next(filter(None, (rule(probe, facts) for rule in RULES[probe.outcome])), None)
    if told is None and probe.outcome == "unknown":
        return None
    return msgspec.structs.replace(told or UNKNOWN, via=via)
