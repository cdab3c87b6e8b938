# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Where kprobe and an independent program differ. Pure."""

from kprobe.evidence import Probe

from .model import Answer, Exemption
from .shell import NO_PREREQUISITE, NO_PROGRAM, OTHERWISE, SIGNALLED, TIMEOUT
from .table import REFUSED


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
    if answer.rc == TIMEOUT or NO_PROGRAM <= answer.rc <= SIGNALLED:
        return "none"
    return "absent" if REFUSED.search(answer.said) else "none"


def answered(answer: Answer) -> str:
    """Return what the program said, in a line."""
    missing = " (a prerequisite)" if answer.rc == NO_PREREQUISITE else ""
    status = f"errno {answer.errno}" if answer.errno else f"exit status {answer.rc}{missing}"
    return f"{answer.program}: {outcome(answer)}: {status}, {answer.said.strip() or 'nothing said'}"


def told(probe: Probe) -> str:
    """Return what kprobe said, in a line."""
    parts = (probe.outcome, probe.step and f"at {probe.step}", probe.error, probe.extack, probe.reason)
    return ", ".join(part for part in parts if part)


def disagreement(probe: Probe, answer: Answer, exemption: Exemption | None = None) -> str:
    """Empty when the two agree, or differ exactly as the exemption says."""
    assert probe.id == answer.row
    both = f"{probe.id}: kprobe says {told(probe)}; {answered(answer)}"
    said = outcome(answer)
    if said in ("none", "not asked"):
        return f"{both}: the kernel was not heard, correct the oracle"
    if exemption is not None:
        if (probe.outcome, said) == (exemption.kprobe, exemption.program):
            return ""
        return f"{both}: not as exempted ({exemption.reason}); take the exemption out if they agree now"
    return "" if probe.outcome == said else both
