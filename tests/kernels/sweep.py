# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Knock-outs of every module: one at a time with the rows that rest on it, then many at a time with all rows.

What rests on a module must turn ``absent`` and name it; everything else must keep its answer. The first is asked of
each module by itself. For the second, runs of all rows with many modules away serve: a row that rests on none of them
and keeps its answer without all of them keeps it without each.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kprobe.evidence import Row

from . import closure, symbols
from .boot import VMResult, boot
from .catalogue import HERE
from .store import Image

ALONE, WHOLE, REFERENCE = "alone", "whole", "reference"
MEMORY = 1024  # MiB: the evidence of a hundred runs is kept in the guest until its end
SECONDS = 1800
SAMPLE = 6  # rows that a module does not concern, asked beside those that it does
GROUPS = 8
CHUNK = 55  # knock-outs of one boot


@dataclass(frozen=True)
class Knock:
    """Modules that are taken away together, and what is asked then.

    ``select`` empty: all rows; but those that send packets, which take most of the time, only for reference.
    """

    name: str
    modules: tuple[str, ...]
    select: tuple[str, ...]

    @property
    def all(self) -> str:
        """The selection of all rows."""
        return "*" if self.name == REFERENCE else "!flow.*"


@dataclass(frozen=True)
class Field:
    """One kernel with its rows."""

    image: Image
    rows: Mapping[str, Row]
    tree: closure.Tree = field(repr=False)

    @cached_property
    def rests(self) -> Mapping[str, frozenset[str]]:
        """By row: the modules that its answer rests on, as the kernel's package says."""
        return closure.of_rows(self.rows, self.tree, symbols.load())

    @cached_property
    def named(self) -> Mapping[str, frozenset[str]]:
        """By row: the modules that the row says it may load."""
        return closure.of_names(self.rows, self.tree)

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """All that any row rests on, or names."""
        return tuple(sorted(set().union(*self.rests.values(), *self.named.values())))


def of(image: Image, rows: Mapping[str, Row]) -> Field:
    """Read a kernel's package."""
    return Field(image, rows, closure.tree(image.facts))


def alone(on: Field, modules: Iterable[str]) -> Iterator[Knock]:
    """Each module by itself, with the rows that it concerns and some that it does not."""
    dice = random.Random(on.image.release)
    rows = sorted(row.id for row in on.rows.values() if not row.mib)
    for name in modules:
        mine = [row for row in rows if name in on.rests[row] or name in on.named[row]]
        others = dice.sample(sorted(set(rows).difference(mine)), SAMPLE)
        yield Knock(f"{ALONE}-{name}", (name,), tuple(mine + others))


def together(on: Field, groups: int = GROUPS) -> Iterator[Knock]:
    """All modules, spread over groups so that most pairs of a row and a module that it does not rest on meet."""
    bit = {row: 1 << n for n, row in enumerate(row.id for row in on.rows.values() if not row.mib)}
    hit = {
        name: sum(at for row, at in bit.items() if name in on.rests[row] or name in on.named[row])
        for name in on.modules
    }
    every = sum(bit.values())
    members: list[list[str]] = [[] for _ in range(groups)]
    away = [0] * groups
    seen = dict.fromkeys(hit, 0)  # by module: the rows that it met
    for name in sorted(hit, key=lambda name: hit[name].bit_count(), reverse=True):
        gains = []
        for n in range(groups):
            lost = sum((hit[name] & ~away[n] & seen[other]).bit_count() for other in members[n])
            gains.append((every & ~(away[n] | hit[name])).bit_count() - lost)
        best = max(range(groups), key=lambda n: gains[n])
        members[best].append(name)
        away[best] |= hit[name]
        for other in members[best]:
            seen[other] = every & ~away[best]
    yield from (Knock(f"{WHOLE}-{n}", tuple(group), ()) for n, group in enumerate(members) if group)


def play(on: Field, knocks: Sequence[Knock], collector: Path) -> VMResult:
    """Boot once and do these: the evidence of knock-out X is /out/X.ndjson, those not done are in /out/skipped."""
    lines = [f"R={on.image.release}\n", (HERE / "guest" / "sweep.sh").read_text()]
    for knock in knocks:
        files = " ".join(f"{name}:{on.tree.files[name]}" for name in knock.modules)
        lines.append(f"knock '{knock.name}' '{' '.join(knock.select) or knock.all}' {files}\n")
    return boot(on.image, "".join(lines), {"vm/bin/kprobe-collect": collector}, timeout=SECONDS, memory=MEMORY)
