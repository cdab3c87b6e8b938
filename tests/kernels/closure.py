# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Which modules an answer rests on, told without asking the rows which they load.

An option that a row needs says which modules it builds (symbols.txt, from the kernel's Makefiles), the package's
configuration whether they are modules here, its modules.dep what those stand on; and a row stands on all that the rows
stand on that it needs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kprobe.evidence import Row

from . import history, symbols

XT = re.compile(r"xt\.\w+\.ipv([46])\.(?:match|target)\.([\w-]+)")


@dataclass(frozen=True)
class Tree:
    """The modules of one kernel package."""

    config: Mapping[str, str]
    files: Mapping[str, str]  # module -> its file below /lib/modules/RELEASE
    direct: Mapping[str, tuple[str, ...]]  # module -> those that modules.dep names behind it
    aliases: Mapping[str, str]  # what modprobe is asked for -> the module

    @cached_property
    def needed(self) -> Mapping[str, frozenset[str]]:
        """By module: itself and all that it stands on."""
        return {name: frozenset((name, *deps)) for name, deps in self.direct.items()}

    def closed(self, names: Iterable[str]) -> frozenset[str]:
        """These modules, as far as they are files here, and all that they stand on."""
        return frozenset(each for name in names for each in self.needed.get(history.plain(name), ()))

    def on(self, option: str) -> bool:
        """Whether an option is set."""
        return self.config.get(option, "n") in {"y", "m"}


def tree(facts: Path) -> Tree:
    """Read what stands beside a kernel's image."""
    files: dict[str, str] = {}
    direct: dict[str, tuple[str, ...]] = {}
    for line in (facts / "modules.dep").read_text().splitlines():
        file, _, deps = line.partition(":")
        files[module(file)] = file
        direct[module(file)] = tuple(map(module, deps.split()))
    words = (line.split() for line in (facts / "modules.alias").read_text().splitlines() if line.startswith("alias "))
    aliases = {name: history.plain(target) for _, name, target in words}
    return Tree(history.config(facts), files, direct, aliases)


def module(file: str) -> str:
    """The module's name that a file of modules.dep holds."""
    return history.plain(Path(file).name.split(".ko")[0])


def built(row: Row, of: Tree, known: symbols.Symbols) -> Iterator[str]:
    """The modules of the options that a row needs; of alternatives, of the first that is set.

    Where an option builds several (CONFIG_NETFILTER_XTABLES: x_tables and xt_tcpudp), the name that the kernel asks
    for and modules.alias tell which; only where they do not (CONFIG_NFT_NAT), the row, which names one of them.
    """
    asked = of.aliases.get(alias(row.id), "")
    if asked:
        yield asked
    for word in row.kconfig:
        option = next(filter(of.on, word.split("|")), "")
        modules = [name for name in known.get(option, ()) if name in of.files]
        if len(modules) < 2:
            yield from modules
        elif not asked or (asked not in modules and len(row.kconfig) > 1):
            yield from set(names(row)).intersection(modules) or modules


def alias(row: str) -> str:
    """What the kernel asks modprobe for when a rule has a row's match or target (net/netfilter/x_tables.c)."""
    found = XT.fullmatch(row)
    return f"{'ipt' if found[1] == '4' else 'ip6t'}_{found[2]}" if found else ""


def names(row: Row) -> Iterator[str]:
    """The modules that a row says the kernel may load for it."""
    return (history.plain(name) for word in row.modules for name in word.split("|"))


def of_rows(rows: Mapping[str, Row], of: Tree, known: symbols.Symbols) -> Mapping[str, frozenset[str]]:
    """By row: the modules that its answer rests on."""
    return _gathered(rows, {row.id: of.closed(built(row, of, known)) for row in rows.values()})


def of_names(rows: Mapping[str, Row], of: Tree) -> Mapping[str, frozenset[str]]:
    """By row: the modules that it names itself, and what those stand on."""
    return _gathered(rows, {row.id: of.closed(names(row)) for row in rows.values()})


def _gathered(rows: Mapping[str, Row], own: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in rows.values():  # in the order in which they run: what a row needs stands before it
        found[row.id] = own[row.id].union(*(found[need] for need in row.needs if need in found))
    return found
