# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Where kprobe and an independent program differ. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kprobe.evidence import Probe

from .script import NO_PREREQUISITE, NO_PROGRAM, OTHERWISE, SIGNALLED, TIMEOUT

# How the programs pass a refusal of the kernel on. A refusal of their own (a usage error, an extension that they do not
# know) must never count as the kernel's answer, so what is not in here is no answer.
KERNEL_SAID = re.compile(
    r"""
      ^RTNETLINK\ answers:\                                   # ip, bridge
    | ^Error:\ Unknown\ device\ type\.$                       # ip, the kernel's extended ack
    | :\ No\ chain/target/match\ by\ that\ name\.             # iptables-legacy
    | \ RULE_APPEND\ failed\ \(No\ such\ file\ or\ directory\)  # iptables-nft
    | can't\ initialize\ ip6?tables\ table\ .*\ does\ not\ exist # iptables-legacy: a table
    | :\ Could\ not\ fetch\ rule\ set\ generation\ id:\       # iptables-nft: no nf_tables
    | \ CHAIN_ADD\ failed\ \(                                # iptables-nft: no such chain type
    | ^grep:\ /proc/net/ip6?_tables_targets:\ No\ such\ file
    | ^ipset\ v.*:\ (Kernel\ error\ received:|Cannot\ open\ session)\ ?
    | ^Unable\ to\ (modify|access)\ interface:\               # wg
    | ^cat:\ threaded:\ No\ such\ file
    | write\ error:\ Operation\ not\ supported$               # a file of sysfs
    | ^netlink\ error:\ Operation\ not\ supported$            # ethtool
    | ^unshare:\ unshare\ failed:\ Invalid\ argument$
    """,
    re.VERBOSE | re.MULTILINE,
)


@dataclass(frozen=True)
class Answer:
    """What an independent program said to one row."""

    row: str
    rc: int
    said: str = ""

    @property
    def outcome(self) -> str:
        """In kprobe's words; ``none`` where the kernel was not heard."""
        if self.rc == 0:
            return "works"
        if self.rc == OTHERWISE:
            return "broken"
        if self.rc == TIMEOUT or NO_PROGRAM <= self.rc <= SIGNALLED:
            return "none"
        return "absent" if KERNEL_SAID.search(self.said) else "none"

    def __str__(self) -> str:
        missing = " (a prerequisite)" if self.rc == NO_PREREQUISITE else ""
        return f"{self.outcome}: exit status {self.rc}{missing}, {self.said.strip() or 'nothing said'}"


@dataclass(frozen=True)
class Exemption:
    """A row where the two differ for a reason that a test proves."""

    kprobe: str
    program: str
    reason: str
    proof: str
    """Name of the test that proves which side is right."""


def disagreement(probe: Probe, answer: Answer, exemptions: Mapping[str, Exemption] | None = None) -> str:
    """Empty when the two agree, or differ exactly as the exemption says."""
    assert probe.id == answer.row
    both = f"{probe.id}: kprobe says {_told(probe)}; the program {answer}"
    exemption = (exemptions or {}).get(probe.id)
    if answer.outcome == "none":
        return f"{both}: the kernel was not heard, correct the oracle"
    if exemption is not None:
        if (probe.outcome, answer.outcome) == (exemption.kprobe, exemption.program):
            return ""
        return f"{both}: not as exempted ({exemption.reason}); take the exemption out if they agree now"
    return "" if probe.outcome == answer.outcome else both


def _told(probe: Probe) -> str:
    parts = (probe.outcome, probe.step and f"at {probe.step}", probe.error, probe.extack, probe.reason)
    return ", ".join(part for part in parts if part)
