# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Which kernels there are: the typed form of kernels.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
UNAME = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "armv7l",
    "i386": "i686",
    "ppc64el": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
"""What `uname -m` says on Debian's architectures: the collectors are named after it."""


@dataclass(frozen=True)
class Source:
    """Where a package may come from: a suite, and a pattern that its whole name matches."""

    suite: str
    package: str


@dataclass(frozen=True)
class Want:
    """One package to fetch, from the first source that has it."""

    name: str
    arch: str
    sources: tuple[Source, ...]
    sets: frozenset[str] = frozenset()
    kind: str = "package"
    along: tuple[str, ...] = ()  # what else is needed of the suite that the package comes from
    cpu: str = ""  # QEMU's -cpu, where the one of its architecture will not do
    cut: str = ""  # why its evidence cannot be whole here

    @property
    def listed(self) -> str:
        """The architecture whose index names the package: installers are in all of them."""
        return "amd64" if self.kind == "installer" else self.arch


@dataclass(frozen=True)
class Catalogue:
    """Everything kernels.toml says."""

    matrix: tuple[Want, ...]
    busybox: tuple[Source, ...]

    @property
    def kernels(self) -> tuple[Want, ...]:
        """Those that play every scenario in `make test`."""
        return self.of("test")

    def of(self, name: str) -> tuple[Want, ...]:
        """The kernels of a set."""
        return tuple(k for k in self.matrix if name in k.sets)


def load(path: Path = HERE / "kernels.toml") -> Catalogue:
    """Read the file that names the kernels."""
    data = tomllib.loads(path.read_text())
    kernels = (
        Want(
            k["name"],
            k["arch"],
            _sources(k),
            frozenset(k.get("sets", ())),
            k.get("kind", "package"),
            tuple(k.get("along", ())),
            k.get("cpu", ""),
            k.get("cut", ""),
        )
        for k in data["kernel"]
    )
    return Catalogue(tuple(kernels), _sources(data["busybox"]))


def select(catalogue: Catalogue, names: Sequence[str]) -> tuple[Want, ...]:
    """The kernels of these names, in the catalogue's order; those of the tests when no name is given."""
    known = {k.name for k in catalogue.matrix}
    if unknown := [n for n in names if n not in known]:
        raise ValueError(f"no such kernel: {', '.join(unknown)} (known: {', '.join(sorted(known))})")
    return tuple(k for k in catalogue.matrix if k.name in names) if names else catalogue.kernels


def _sources(table: Mapping[str, Any]) -> tuple[Source, ...]:
    return tuple(Source(s["suite"], s["package"]) for s in table["sources"])
