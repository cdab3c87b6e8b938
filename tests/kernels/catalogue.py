# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Which kernels there are: the typed form of kernels.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


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


@dataclass(frozen=True)
class Catalogue:
    """Everything kernels.toml says."""

    kernels: tuple[Want, ...]
    busybox: tuple[Source, ...]


def load(path: Path = HERE / "kernels.toml") -> Catalogue:
    """Read the file that names the kernels."""
    data = tomllib.loads(path.read_text())
    kernels = tuple(Want(k["name"], k["arch"], _sources(k)) for k in data["kernel"])
    return Catalogue(kernels, _sources(data["busybox"]))


def select(catalogue: Catalogue, names: Sequence[str]) -> tuple[Want, ...]:
    """The kernels of these names, in the catalogue's order; all of them when no name is given."""
    known = {k.name for k in catalogue.kernels}
    if unknown := [n for n in names if n not in known]:
        raise ValueError(f"no such kernel: {', '.join(unknown)} (known: {', '.join(sorted(known))})")
    return tuple(k for k in catalogue.kernels if not names or k.name in names)


def _sources(table: Mapping[str, Any]) -> tuple[Source, ...]:
    return tuple(Source(s["suite"], s["package"]) for s in table["sources"])
