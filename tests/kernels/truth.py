# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Ground truth: each answer held against the configuration and the modules that came in the kernel's own package.

The package is the oracle; the collector is not asked what it read there. A difference is a defect of a row (its answer,
or what it says of itself), or it is argued in truth.toml.
"""

import fnmatch
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kprobe.errors import InputError
from kprobe.evidence import Evidence, Probe, Row
from kprobe.reader import read

from . import history
from .catalogue import HERE
from .catalogue import load as kernels
from .history import Fact, Package, plain

UNDECIDED = "unknown"


@dataclass(frozen=True)
class Difference:
    """A row whose answer is not what the package makes one expect."""

    kernel: str
    row: str
    outcome: str
    text: str


@dataclass(frozen=True)
class Argued:
    """Answers that are not the expected ones, and why that is right.

    With a proof from both sides it is an exception; without one it covers only what is undecided (`unknown`), which
    claims nothing.
    """

    rows: str
    kernels: str
    why: str
    proof: str = ""

    def covers(self, difference: Difference) -> bool:
        """Whether a difference is one of those."""
        return (
            (difference.outcome == UNDECIDED) is not bool(self.proof)
            and any(fnmatch.fnmatchcase(difference.row, glob) for glob in self.rows.split())
            and any(fnmatch.fnmatchcase(difference.kernel, glob) for glob in self.kernels.split())
        )


@dataclass(frozen=True)
class Checked:
    """What became of all kernels.

    `left`: differences that nobody argued; `idle`: what is argued or known and no kernel shows; `argued`: answers by
    kernel; `cut`: by kernel whose evidence ends early, how many rows it was not asked.
    """

    kernels: int
    answers: int
    left: Sequence[Difference]
    idle: Sequence[Argued | Fact]
    argued: Mapping[Argued, Counter[str]]
    cut: Mapping[str, int]

    def answers_of(self, *, exceptions: bool) -> Counter[str]:
        """By kernel: answers that are excepted, or those that are undecided."""
        return sum((n for entry, n in self.argued.items() if bool(entry.proof) is exceptions), Counter[str]())


def asked(probe: Probe) -> bool:
    """Whether an answer is held against the package: controls are not, nor what says that another row decides."""
    return not probe.control and probe.step not in {"prerequisite", "risk"}


def differences(
    name: str, evidence: Evidence, rows: Mapping[str, Row], found: Package, facts: Sequence[Fact] | None = None
) -> Iterator[Difference]:
    """Hold every answer against the package, and what is known besides."""
    known = history.load() if facts is None else facts
    for probe in evidence.probes:
        row = rows.get(probe.id)
        if row is not None and not row.control and asked(probe):
            yield from held(name, probe, row, found, known)


def held(name: str, probe: Probe, row: Row, found: Package, facts: Sequence[Fact]) -> Iterator[Difference]:
    for text in _said(probe, row, found, facts):
        answer = f"{probe.step}: {probe.error} {probe.extack} {probe.reason}".strip()
        yield Difference(name, probe.id, probe.outcome, f"{probe.outcome} although {text} ({answer})")


def _said(probe: Probe, row: Row, found: Package, facts: Sequence[Fact]) -> Iterator[str]:
    """What speaks against an answer."""
    mine = [fact for fact in facts if fact.of(row.id)]
    if probe.outcome == "works":
        yield from history.against(row, found, mine)
    elif probe.outcome == "absent":
        words = history.options(row, found, mine)
        if not any(history.against(row, found, mine)) and _there(row, words, found):
            options = [f"{name}={found.config[name]}" for word in words for name in _set(word, found)]
            yield f"{', '.join(options) or 'it has no option'}, since {row.since or 'ever'}"
    else:
        yield "nothing stands in the way"


def _set(word: str, found: Package) -> list[str]:
    """Those of a word's alternatives that are set."""
    return list(filter(found.has, word.split("|")))


def _there(row: Row, options: Sequence[str], found: Package) -> bool:
    """Whether the modules are in the image. What is no file of its own is accounted for by an option that is y."""
    lacking = [word for word in row.modules if not any(plain(name) in found.modules for name in word.split("|"))]
    built_in = [word for word in options if any(found.config[name] != "m" for name in _set(word, found))]
    return len(lacking) <= len(built_in)


def argued(path: Path = HERE / "truth.toml") -> tuple[Argued, ...]:
    """Read the differences that are argued."""
    data = tomllib.loads(path.read_text())
    exceptions = [Argued(e["rows"], e["kernels"], e["why"], e["proof"]) for e in data.get("exception", ())]
    return (*exceptions, *(Argued(e["rows"], e["kernels"], e["why"]) for e in data.get("undecided", ())))


def check(out: Path, collector: Path) -> Checked:
    """Hold all evidence in a folder of `make matrix` against the packages."""
    rows, facts, entries = catalogue(collector), history.load(), argued()
    cpus = {kernel.name: kernel.cpu for kernel in kernels().matrix}
    found: list[Difference] = []
    idle: set[Fact] = set(facts)
    names = [file.stem for file in sorted(out.glob("*.ndjson")) if (out / file.stem / "config").exists()]
    answers, cut = 0, {}
    for name in names:
        try:
            evidence = read(out / f"{name}.ndjson")
        except InputError as error:
            found.append(Difference(name, "all", "", str(error)))
            continue
        answers += sum(map(asked, evidence.probes))
        if evidence.incomplete:
            cut[name] = sum(map(len, evidence.begin.plan.values())) - len(evidence.probes)
        of = history.package(out / name, evidence.begin.uname, cpus.get(name, ""))
        found += differences(name, evidence, rows, of, facts)
        idle -= {fact for fact in idle if _shows(fact, evidence, rows, of, facts)}
    left, unused = judge(found, entries)
    counts = {entry: Counter(d.kernel for d in found if entry.covers(d)) for entry in entries if entry not in unused}
    return Checked(len(names), answers, left, [*unused, *(fact for fact in facts if fact in idle)], counts, cut)


def _shows(fact: Fact, evidence: Evidence, rows: Mapping[str, Row], of: Package, facts: Sequence[Fact]) -> bool:
    """Whether a kernel would be judged otherwise without a fact."""
    without = [other for other in facts if other is not fact]
    probes = [probe for probe in evidence.probes if fact.of(probe.id) and probe.id in rows and asked(probe)]
    return any(
        bool(list(_said(probe, rows[probe.id], of, facts))) != bool(list(_said(probe, rows[probe.id], of, without)))
        for probe in probes
    )


def catalogue(collector: Path) -> Mapping[str, Row]:
    """Return what the rows say of themselves."""
    listed = subprocess.run([collector, "--list"], capture_output=True, check=True).stdout
    return {row.id: row for row in (msgspec.json.decode(line, type=Row) for line in listed.splitlines())}


def judge(found: Sequence[Difference], entries: Sequence[Argued]) -> tuple[list[Difference], list[Argued]]:
    """Return the differences that nobody argued, and the arguments that nothing needs."""
    left = [d for d in found if not any(entry.covers(d) for entry in entries)]
    idle = [entry for entry in entries if not any(entry.covers(d) for d in found)]
    return left, idle
