# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Ground truth: each answer held against the configuration and the modules that came in the kernel's own package.

The package is the oracle; the collector is not asked what it read there. A difference is a defect of a row (its answer,
or what it says of itself), or it is argued in truth.toml.
"""

import fnmatch
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kprobe.errors import InputError
from kprobe.evidence import Evidence, Probe, Row, read

from .catalogue import HERE


@dataclass(frozen=True)
class Package:
    """What a package says: the release as numbers, the options that are set, the modules that are in the image."""

    release: tuple[int, ...]
    config: Mapping[str, str]
    modules: frozenset[str]


@dataclass(frozen=True)
class Difference:
    """A row whose answer is not what the package makes one expect."""

    kernel: str
    row: str
    text: str


@dataclass(frozen=True)
class Argued:
    """Differences that are right, and why."""

    rows: str
    kernels: str
    why: str


def package(folder: Path, release: str) -> Package:
    """Read what `make matrix` left of a kernel's package."""
    config = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", (folder / "config").read_text(), re.MULTILINE))
    files = [line.split(":")[0] for line in (folder / "modules.dep").read_text().splitlines()]
    files += (folder / "modules.builtin").read_text().split()
    return Package(version(release), config, frozenset(plain(Path(file).name.split(".ko")[0]) for file in files))


def version(text: str) -> tuple[int, ...]:
    """(6, 12) of "6.12.107+deb13-amd64"."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def plain(name: str) -> str:
    """A module's name as the kernel writes it."""
    return name.replace("-", "_")


def differences(name: str, evidence: Evidence, rows: Mapping[str, Row], found: Package) -> Iterator[Difference]:
    """Hold every answer against the package."""
    for probe in evidence.probes:
        row = rows.get(probe.id)
        if row is None or row.control or probe.step in {"prerequisite", "risk"}:
            continue
        for text in _said(probe, row, found):
            answer = f"{probe.step}: {probe.error} {probe.extack} {probe.reason}".strip()
            yield Difference(name, probe.id, f"{probe.outcome} although {text} ({answer})")


def _said(probe: Probe, row: Row, found: Package) -> Iterator[str]:
    """What speaks against an answer."""
    new = bool(row.since) and version(row.since) > found.release
    lacking = [word for word in row.kconfig if not _options(word, found)]
    if probe.outcome == "works":
        if new:
            yield f"it came with {row.since}"
        if lacking:
            yield f"{', '.join(lacking)} is not set"
    elif probe.outcome == "absent":
        if not new and not lacking and _there(row, found):
            options = [f"{name}={found.config[name]}" for word in row.kconfig for name in _options(word, found)]
            yield f"{', '.join(options) or 'it has no option'}, since {row.since or 'ever'}"
    else:
        yield "nothing stands in the way"


def _options(word: str, found: Package) -> list[str]:
    """Those of a word's alternatives that are set."""
    return [name for name in word.split("|") if found.config.get(name, "n") not in {"n", '""', "0"}]


def _there(row: Row, found: Package) -> bool:
    """Whether the modules are in the image. What is no file of its own is accounted for by an option that is y."""
    lacking = [word for word in row.modules if not any(plain(name) in found.modules for name in word.split("|"))]
    built_in = [word for word in row.kconfig if any(found.config[name] != "m" for name in _options(word, found))]
    return len(lacking) <= len(built_in)


def argued(path: Path = HERE / "truth.toml") -> tuple[Argued, ...]:
    """Read the differences that are argued."""
    return tuple(Argued(e["rows"], e["kernels"], e["why"]) for e in tomllib.loads(path.read_text()).get("argued", ()))


def covers(entry: Argued, difference: Difference) -> bool:
    """Whether a difference is one of those."""
    rows, kernels = entry.rows.split(), entry.kernels.split()
    return any(fnmatch.fnmatchcase(difference.row, glob) for glob in rows) and any(
        fnmatch.fnmatchcase(difference.kernel, glob) for glob in kernels
    )


def check(out: Path, collector: Path) -> tuple[int, list[Difference], list[Argued]]:
    """Hold all evidence in a folder of `make matrix` against the packages: kernels, differences, idle arguments."""
    rows = catalogue(collector)
    found: list[Difference] = []
    names = [file.stem for file in sorted(out.glob("*.ndjson")) if (out / file.stem / "config").exists()]
    for name in names:
        try:
            evidence = read(out / f"{name}.ndjson")
        except InputError as error:
            found.append(Difference(name, "all", str(error)))
            continue
        found += differences(name, evidence, rows, package(out / name, evidence.begin.uname.release))
    return len(names), *judge(found, argued())


def answers(out: Path) -> int:
    """How many answers `check` holds against the packages."""
    folders = [file for file in sorted(out.glob("*.ndjson")) if (out / file.stem / "config").exists()]
    probes = (probe for file in folders for probe in read(file).probes)
    return sum(not probe.control and probe.step not in {"prerequisite", "risk"} for probe in probes)


def catalogue(collector: Path) -> Mapping[str, Row]:
    """Return what the rows say of themselves."""
    listed = subprocess.run([collector, "--list"], capture_output=True, check=True).stdout
    return {row.id: row for row in (msgspec.json.decode(line, type=Row) for line in listed.splitlines())}


def judge(found: Sequence[Difference], entries: Sequence[Argued]) -> tuple[list[Difference], list[Argued]]:
    """Return the differences that nobody argued, and the arguments that nothing needs."""
    left = [d for d in found if not any(covers(entry, d) for entry in entries)]
    idle = [entry for entry in entries if not any(covers(entry, d) for d in found)]
    return left, idle
