# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rules of legacy iptables as bytes on their way into the kernel, from strace: what was really asked."""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kprobe.crosscheck.model import Oracle

from . import script

TRACE = ("strace", "-f", "-qq", "-e", "signal=none", "-e", "trace=setsockopt", "-xx", "-s", "65536")
APPEND = re.compile(r"^ip6?tables-legacy .*-A (\S+) ")
CALL = re.compile(r'setsockopt\(\d+, (SOL_IPV?6?), IP6?T_SO_SET_REPLACE, "((?:\\x[0-9a-f]{2})*)", \d+\)')

# struct ipt_replace up to its entries; ipt_entry and ip6t_entry up to their matches.
HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
REPLACE = struct.Struct("=32s3I5I5IIQ")
ADDRESSED = {"ipv4": 84, "ipv6": 136}  # ipt_ip, ip6t_ip6: addresses, interfaces, protocol, flags
ENTRY = {"ipv4": struct.Struct("=IHHIQQ"), "ipv6": struct.Struct("=IHHI4xQQ")}  # the rest, up to the first match
PART = struct.Struct("=H29sB")

# Fields that are no part of the question: numbers that the kernel gave to a set, and what it keeps for itself behind
# the user's part of the data (a pointer, a price), which a program leaves as it likes.
NOT_ASKED = {
    **{("set", revision): slice(0, 2) for revision in range(5)},
    ("limit", 0): slice(8, 40),
    ("statistic", 0): slice(16, 24),
    ("connlimit", 1): slice(24, 32),
    ("nfacct", 0): slice(0, 40),  # its name carries a process id
    ("nfacct", 1): slice(0, 40),
    ("CT", 0): slice(32, 40),
    ("CT", 1): slice(64, 72),
    ("CT", 2): slice(64, 72),
}


@dataclass(frozen=True)
class Part:
    """A match or target."""

    name: str
    revision: int
    data: bytes

    def without(self, unused: slice) -> "Part":
        """The part, with bytes of its data set to zero."""
        start, stop, _ = unused.indices(len(self.data))
        return Part(self.name, self.revision, self.data[:start] + bytes(stop - start) + self.data[stop:])

    def __str__(self) -> str:
        return f"{self.name or 'verdict'} rev {self.revision}: {self.data.hex(' ', 4)}"


@dataclass(frozen=True)
class Entry:
    """A rule."""

    addressed: bytes
    parts: tuple[Part, ...]

    def without(self, name: str, unused: slice) -> "Entry":
        """The rule, with bytes of one part's data set to zero."""
        return Entry(self.addressed, tuple(part.without(unused) if part.name == name else part for part in self.parts))

    def __str__(self) -> str:
        return "\n".join((self.addressed.hex(" ", 4), *map(str, self.parts)))


@dataclass(frozen=True)
class Table:
    """A table as it was handed to the kernel: the rule at the top of each chain."""

    family: str
    name: str
    chains: dict[str, Entry]


def tables(trace: Iterable[str]) -> Iterator[Table]:
    """All tables of a trace, in order."""
    for line in trace:
        call = CALL.search(line)
        if call:
            blob = bytes.fromhex(call.group(2).replace("\\x", ""))
            yield _table("ipv4" if call.group(1) == "SOL_IP" else "ipv6", blob)


def _table(family: str, blob: bytes) -> Table:
    name, valid, _, _, *rest = REPLACE.unpack_from(blob)
    starts = rest[:5]
    entries = blob[REPLACE.size :]
    chains = {hook: _entry(family, entries[starts[n] :]) for n, hook in enumerate(HOOKS) if valid & 1 << n}
    return Table(family, _text(name), chains)


def _entry(family: str, at: bytes) -> Entry:
    head = ADDRESSED[family]
    _, target, following, *_ = ENTRY[family].unpack_from(at, head)
    offset = head + ENTRY[family].size
    parts = []
    while offset < target:
        size, part = _part(at, offset)
        parts.append(part)
        offset += size
    _, last = _part(at[:following], target)
    if not last.name and struct.unpack_from("=i", last.data)[0] >= 0:
        last = Part("", 0, b"to a chain")  # its offset depends on what else is in the table
    return Entry(_masked(family, at[:head]), (*parts, last))


def _masked(family: str, addressed: bytes) -> bytes:
    """Clear what the interface masks leave out: iptables writes the ``+`` there, which the kernel does not look at."""
    head = bytearray(addressed)
    names = 16 if family == "ipv4" else 64
    for n in range(32):
        head[names + n] &= head[names + 32 + n]
    return bytes(head)


def _part(at: bytes, offset: int) -> tuple[int, Part]:
    size, raw, revision = PART.unpack_from(at, offset)
    name = _text(raw)
    data = bytearray(at[offset + PART.size : offset + size])
    masked = NOT_ASKED.get((name, revision))
    if masked is not None:
        data[masked] = bytes(len(data[masked]))
    return size, Part(name, revision, bytes(data))


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode()


def chain(oracle: Oracle) -> str:
    """The chain to which an oracle appends its rule."""
    found = APPEND.match(oracle.do[-1])
    assert found, oracle.row
    return found.group(1)


def entry(oracle: Oracle) -> Entry | None:
    """The rule that iptables-legacy hands to the kernel; None where it does not even try."""
    traced = Oracle(oracle.row, setup=oracle.setup, do=(" ".join((*TRACE, oracle.do[-1])),))
    seen = list(tables(script.inside(traced, "true").stderr.splitlines()))
    return seen[-1].chains[chain(oracle)] if seen else None


def asked(oracle: Oracle, name: str) -> Part:
    """The extension in that rule."""
    rule = entry(oracle)
    assert rule is not None, oracle.row
    return next(part for part in rule.parts if part.name == name)
