# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rows that answer many questions at once: a detail that is a set, and the names that its bits stand for. Pure.

A set is a number in hexadecimal; bit N is the N-th name. The catalogue has the names in ``Row.bits``, by detail;
evidence has them in the fact ``names.FAMILY``. They come from the C core alone, and evidence comes from strangers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kprobe.evidence import Fact, Probe, Row

NOBODY = "unspec"
"""The name of a number that is never asked about."""
_SET = re.compile(r"[0-9a-f]{1,1024}")


class Bit(NamedTuple):
    """One question of an inventory: ``row.NAME``."""

    row: Row
    detail: str
    number: int
    name: str

    @property
    def id(self) -> str:
        """The id that a row of its own would have."""
        return f"{self.row.id}.{self.name}"


def bits(rows: Iterable[Row]) -> Iterator[Bit]:
    """Yield every question of every inventory among the rows."""
    for row in rows:
        for detail, names in row.bits.items():
            yield from (Bit(row, detail, number, name) for number, name in enumerate(names) if name != NOBODY)


def names_of(facts: Mapping[str, Fact], family: str) -> Mapping[str, tuple[str, ...]]:
    """Return the names of a family's sets, by detail; empty where the evidence has none that can be read."""
    fact = facts.get(f"names.{family}")
    if fact is None or not isinstance(fact.value, dict):
        return {}
    lists = {detail: names for detail, names in fact.value.items() if isinstance(names, list)}
    return {detail: tuple(map(str, names)) for detail, names in lists.items()}


def members(number: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in a set; a bit without a name is its number."""
    if not _SET.fullmatch(number):
        return ()
    found = int(number, 16)
    return tuple(names[bit] if bit < len(names) else str(bit) for bit in range(found.bit_length()) if found >> bit & 1)


def sets(probes: Iterable[Probe], facts: Iterable[Fact]) -> Iterator[tuple[Probe, str, tuple[str, ...]]]:
    """Yield each set that the rows of an evidence tell: the row, the detail, the names in it."""
    known = {fact.id: fact for fact in facts}
    for probe in probes:
        names = names_of(known, probe.family) if probe.detail else {}
        for detail in names.keys() & probe.detail.keys():
            yield probe, detail, members(probe.detail[detail], names[detail])
