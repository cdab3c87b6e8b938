# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Prints docs/kernels.md from the evidence that `make matrix ALL=1` left: capabilities by series of kernels."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from kprobe.evidence import Evidence
from kprobe.judge import judge
from kprobe.profile import load
from kprobe.reader import read
from kprobe.report import ModeReport
from tests.kernels import history, truth, truth_md

HEAD = """\
# What Debian's kernels can do

Made by `make kernels-doc` from the evidence of `make matrix ALL=1`: {kernels} kernels, in
QEMU but for user-mode Linux, each asked {rows} rows.
A kernel is named by series, flavour and architecture; `newest` is the newest backport, `rc` what experimental has.
"yes, not rt" means: on every kernel of the series but those. Rows with the same answers share a line; what `kprobe
explain ID` says of a row is not repeated here.
"""
FLAVOURS = ("cloud", "rt", "16k", "64k")
INSTALLER = "installer"
OF_THE_NODE = ("node.", "(node.")
YES, NO = "yes", "no"
FEW = 5


@dataclass(frozen=True, eq=False)
class Kernel:
    """One guest: its name in kernels.toml, and what it said."""

    name: str
    evidence: Evidence

    @property
    def series(self) -> str:
        """The first two numbers of the release; installers, which have next to no modules, are one of their own."""
        if self.name.startswith(INSTALLER):
            return INSTALLER
        return ".".join(map(str, history.numbers(self.evidence.begin.uname.release)[:2]))

    @property
    def words(self) -> tuple[str, ...]:
        """What sets it apart within its series."""
        if self.name.startswith(INSTALLER):
            return (self.name.removeprefix(f"{INSTALLER}-"),)
        flavour = next((word for word in FLAVOURS if word in self.name.split("-")), "standard")
        return (self.name.rsplit("-", 1)[-1], flavour)


def main(folder: str) -> None:
    """Print the page."""
    kernels = [Kernel(path.stem, read(path)) for path in Path(folder).glob("*.ndjson")]
    kernels.sort(
        key=lambda k: (k.series == INSTALLER, history.numbers(k.evidence.begin.uname.release)[:2], k.words[0], k.name)
    )
    rows = max(len(kernel.evidence.probes) for kernel in kernels)
    sys.stdout.write(HEAD.format(kernels=len(kernels), rows=rows))
    for part in (_list(kernels), _modes(kernels), _rows(kernels), _argued()):
        sys.stdout.write("".join(line + "\n" for line in part))


def _list(kernels: Sequence[Kernel]) -> Iterator[str]:
    yield from ("", "## The kernels", "", "| kernel | release | machine | page | works | absent | other |")
    yield "|---|---|---|---|---|---|---|"
    for kernel in kernels:
        uname = kernel.evidence.begin.uname
        counts = Counter(probe.outcome for probe in kernel.evidence.probes)
        rest = counts.total() - counts["works"] - counts["absent"]
        facts = {fact.id: fact.value for fact in kernel.evidence.facts}
        page = facts["node.arch"]["page_size"]
        cut = f", cut while {kernel.evidence.running} ran" if kernel.evidence.incomplete else ""
        numbers = f"{counts['works']} | {counts['absent']} | {rest}{cut}"
        yield f"| {kernel.name} | {uname.release} | {uname.machine} | {page} | {numbers} |"


def _modes(kernels: Sequence[Kernel]) -> Iterator[str]:
    """Which modes of Calico each series runs."""
    calico = load("calico")
    reports = {kernel.name: judge(kernel.evidence, calico) for kernel in kernels}
    release = next(iter(reports.values())).release
    modes: dict[str, dict[str, ModeReport]] = {}
    for name, report in reports.items():
        for mode in report.modes:
            modes.setdefault(mode.name, {})[name] = mode
    yield from ("", f"## The modes of Calico {release}", "")
    yield "What is only recommended is left out: a mode runs without it. What a mode asks of the node besides the"
    yield "kernel (processes, files, addresses) is not in a guest and not judged here."
    yield ""
    yield from _header(kernels, "mode")
    for name, found in modes.items():
        if all(need.row.startswith(OF_THE_NODE) for mode in found.values() for need in mode.needs):
            continue
        cells = _cells(kernels, lambda kernel, found=found: _runs(found[kernel.name]))  # type: ignore[misc]
        title = next(iter(found.values())).title
        yield f"| {title} (`{name}`) | {' | '.join(cells)} |"


def _runs(mode: ModeReport) -> str:
    """Return what the kernel makes of a mode: needs that rest on facts about the node alone are left out."""
    verdicts = {need.verdict for need in mode.needs if need.level == "require" and not need.row.startswith(OF_THE_NODE)}
    return NO if "fail" in verdicts else "untold" if "unknown" in verdicts else YES


def _rows(kernels: Sequence[Kernel]) -> Iterator[str]:
    """Each family: what works everywhere as a number, the rest as a table."""
    outcomes = {kernel.name: {probe.id: probe for probe in kernel.evidence.probes} for kernel in kernels}
    ids = dict.fromkeys(
        (probe.family, probe.id, probe.title)
        for kernel in kernels
        for probe in kernel.evidence.probes
        if not probe.control
    )
    # Rows that are younger than most of the evidence would say nothing of the kernels.
    asked = Counter(row for probes in outcomes.values() for row in probes)
    ids = dict.fromkeys(each for each in ids if asked[each[1]] * 2 > len(kernels))
    families: dict[str, list[tuple[str, str, str]]] = {}
    for each in ids:
        families.setdefault(each[0], []).append(each)
    for family, group in families.items():
        cells_of: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for _, row, title in group:
            found = _cells(kernels, lambda kernel, row=row: _answer(outcomes[kernel.name], row))  # type: ignore[misc]
            cells_of.setdefault(tuple(found), []).append((row, title))
        same = sum(len(rows) for cells, rows in cells_of.items() if set(cells) == {YES})
        yield from ("", f"## {family}", "", f"{same} rows work on every kernel.")
        if differing := {cells: rows for cells, rows in cells_of.items() if set(cells) != {YES}}:
            yield ""
            yield from _header(kernels, "row")
        for cells, rows in differing.items():
            yield f"| {_named(rows)} | {' | '.join(cells)} |"


def _named(rows: Sequence[tuple[str, str]]) -> str:
    """Rows with the same answers: one with its title, a few by their ids, many by their number."""
    if len(rows) == 1:
        row, title = rows[0]
        return f"{title.replace('|', chr(92) + '|')} (`{row}`)"
    shown = ", ".join(f"`{row}`" for row, _ in rows[:FEW])
    return shown if len(rows) <= FEW else f"{len(rows)} rows: {shown}, …"


def _argued() -> Iterator[str]:
    """Where an answer is not what the kernel's own package makes one expect, and why it is right."""
    yield from ("", "## Exceptions", "")
    yield "`make matrix` holds each answer against the options and modules of the kernel's own package, each row's"
    yield "first release against the kernel's, and what is known of kernels besides ([accuracy.md](accuracy.md)). What"
    yield "differs is a defect, or proved here."
    yield from ("", *truth_md.exceptions(truth.argued()))


def _answer(probes: Mapping[str, object], row: str) -> str:
    outcome = getattr(probes.get(row), "outcome", "not asked")
    return {"works": YES, "absent": NO}.get(outcome, outcome)


def _header(kernels: Sequence[Kernel], what: str) -> Iterator[str]:
    series = list(dict.fromkeys(kernel.series for kernel in kernels))
    yield f"| {what} | {' | '.join(series)} |"
    yield "|---" * (len(series) + 1) + "|"


def _cells(kernels: Sequence[Kernel], answer: Callable[[Kernel], str]) -> Iterator[str]:
    for _, group in groupby(kernels, key=lambda kernel: kernel.series):
        yield _cell({kernel: answer(kernel) for kernel in group})


def _cell(answers: Mapping[Kernel, str]) -> str:
    """One answer where all agree; else the answer of most, and which do not give it."""
    counts = Counter(answers.values())
    if len(counts) == 1:
        return next(iter(counts))
    most = YES if counts[YES] * 2 >= len(answers) else counts.most_common(1)[0][0]
    parts = []
    for other in dict.fromkeys(a for a in answers.values() if a != most):
        names = ", ".join(_apart([k for k, a in answers.items() if a == other], list(answers)))
        parts.append(f"not {names}" if (most, other) == (YES, NO) else f"{other}: {names}")
    return "; ".join([most, *parts]).replace("yes; not", "yes, not")


def _apart(some: Sequence[Kernel], of: Sequence[Kernel]) -> list[str]:
    """Return words that some kernels have and no other; where that does not tell them apart, their names."""
    words = dict.fromkeys(word for kernel in some for word in kernel.words)
    telling = [word for word in words if all(kernel in some for kernel in of if word in kernel.words)]
    if all(any(word in kernel.words for word in telling) for kernel in some):
        chosen: list[str] = []
        for word in sorted(telling, key=lambda w: -sum(w in kernel.words for kernel in some)):
            if any(word in k.words and not set(chosen) & set(k.words) for k in some):
                chosen.append(word)
        return chosen
    return [kernel.name for kernel in some]


if __name__ == "__main__":
    main(sys.argv[1])
