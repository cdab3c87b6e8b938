# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What is known of kernels beside the rows' own words: history.toml, and what speaks against a row by it.

Each fact decides what is expected, both ways. None of it is read from the collector's answers: release, options and
module indices are the package's, the processor is the one that kernels.toml gives the guest.
"""

import fnmatch
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kprobe.evidence import Row, Uname

from .catalogue import HERE

NEEDED, CPU_ALIAS = re.compile(r"[^\s:]+"), re.compile(r"alias cpu:type:\*:feature:\*([0-9A-F]{4})\* (\S+)")
JIT_ON = ("CONFIG_BPF_JIT_DEFAULT_ON", "CONFIG_BPF_JIT_ALWAYS_ON")
Kind = Literal["taken", "dropped", "option", "jit", "cpu"]


@dataclass(frozen=True)
class Package:
    """What a package says: the release as numbers, the options that are set, the modules that are in the image.

    `deps`: what a module stands on; `features`: the feature of the processor that a module is for; `off`: those that
    the guest's lacks, as QEMU calls them.
    """

    release: tuple[int, ...]  # as far as it is known: (6, 1, 176), or (7, 3) before there was a stable release
    config: Mapping[str, str]
    modules: frozenset[str]
    machine: str = ""
    deps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()

    def has(self, option: str) -> bool:
        """Whether an option is set."""
        return self.config.get(option, "n") not in {"n", '""', "0"}

    def from_(self, release: str) -> bool:
        """Whether a release of Linus' tree is in this kernel."""
        return numbers(release) <= self.release[:2]


@dataclass(frozen=True, eq=False)
class Fact:
    """One entry of history.toml."""

    kind: Kind
    rows: str
    source: str
    title: str = ""
    since: str = ""
    releases: tuple[str, ...] = ()
    option: str = ""
    needed: bool = False
    late: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    feature: str = ""
    flag: str = ""

    def of(self, row: str) -> bool:
        """Whether it speaks of a row."""
        return any(fnmatch.fnmatchcase(row, glob) for glob in self.rows.split())

    def backported(self, to: Package) -> bool:
        """Whether a longterm release took it in, this kernel's or one before it."""
        return any(number[:2] == to.release[:2] and number <= to.release for number in map(numbers, self.releases))


def load(path: Path = HERE / "history.toml") -> tuple[Fact, ...]:
    """Read the facts."""
    entries = tomllib.loads(path.read_text())["fact"]
    return tuple(Fact(**{**entry, "releases": tuple(entry.get("releases", ()))}) for entry in entries)


def numbers(text: str) -> tuple[int, ...]:
    """(6, 12, 107) of "6.12.107+deb13-amd64"."""
    found = re.match(r"[\d.]+", text)
    return tuple(int(part) for part in found[0].split(".") if part) if found else ()


def plain(name: str) -> str:
    """A module's name as the kernel writes it."""
    return name.replace("-", "_")


def release(uname: Uname) -> tuple[int, ...]:
    """The numbers of a kernel's release, which Debian's older ones say whole in the version: "Debian 5.10.223-1"."""
    debian = re.search(r"Debian (\d[\d.]+)", uname.version)
    return numbers(debian[1] if debian else uname.release)[:3]


def config(folder: Path) -> Mapping[str, str]:
    """The options of a package."""
    return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", (folder / "config").read_text(), re.MULTILINE))


def package(folder: Path, uname: Uname, cpu: str = "") -> Package:
    """Read what `make matrix` left of a kernel's package. `cpu`: what kernels.toml says of the guest's."""
    deps: dict[str, list[str]] = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, *needs = (plain(Path(file).name.split(".ko")[0]) for file in NEEDED.findall(line))
        deps[name] = needs
    built_in = (plain(Path(file).name.split(".ko")[0]) for file in (folder / "modules.builtin").read_text().split())
    features = {plain(name): number for number, name in CPU_ALIAS.findall((folder / "modules.alias").read_text())}
    off = frozenset(word.removesuffix("=off") for word in cpu.split(",") if word.endswith("=off"))
    return Package(release(uname), config(folder), frozenset((*deps, *built_in)), uname.machine, deps, features, off)


def options(row: Row, found: Package, facts: Iterable[Fact]) -> list[str]:
    """The options that a row needs of this kernel: its own words but those that are younger, and others."""
    mine = [fact for fact in facts if fact.kind == "option" and fact.of(row.id)]
    young = {fact.option for fact in mine}
    return [word for word in row.kconfig if word not in young] + [f.option for f in mine if found.from_(f.since)]


def against(row: Row, found: Package, facts: Sequence[Fact]) -> Iterator[str]:
    """What makes one expect that a row does not work."""
    mine = [fact for fact in facts if fact.of(row.id)]
    taken = any(fact.kind == "taken" and fact.backported(found) for fact in mine)
    if row.since and not found.from_(row.since) and not taken:
        yield f"it came with {row.since}"
    lacking = [word for word in options(row, found, mine) if not any(map(found.has, word.split("|")))]
    if lacking:
        yield f"{', '.join(lacking)} is not set"
    for fact in mine:
        yield from _dropped(fact, found) if fact.kind == "dropped" else ()
        yield from _jit(fact, found) if fact.kind == "jit" else ()
        yield from _cpu(fact, row, found) if fact.kind == "cpu" else ()


def _dropped(fact: Fact, found: Package) -> Iterator[str]:
    if (found.from_(fact.since) or fact.backported(found)) and (not fact.option or found.has(fact.option)):
        yield f"it ended with {fact.since} ({fact.source}){f', where {fact.option} is set' if fact.option else ''}"


def _jit(fact: Fact, found: Package) -> Iterator[str]:
    on = any(map(found.has, JIT_ON))
    late = fact.late.get(found.machine, "")
    if fact.needed and not on:
        yield "the JIT is off"
    if on and late and not found.from_(late):
        yield f"the JIT of {found.machine} can since {late}"


def _cpu(fact: Fact, row: Row, found: Package) -> Iterator[str]:
    if found.machine != fact.machine or fact.flag not in found.off:
        return
    names = [plain(word) for word in row.modules if "|" not in word]
    for name in sorted({*names, *(each for one in names for each in found.deps.get(one, ()))}):
        if found.features.get(name) == fact.feature:
            yield f"{name} refuses a processor without {fact.flag}"
