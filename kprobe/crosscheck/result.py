# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The outcome of a crosscheck, as text and as JSON. Pure: no word of a program reaches a terminal as it is."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import get_args

from kprobe.clean import ascii_json, clean

from .compare import Finding, Unasked, Verdict

AGREE, DIFFER, NOTHING = 0, 1, 3
FEW = 8
TITLES: tuple[tuple[Verdict, str], ...] = (
    ("differs", "Disagreements"),
    ("explained", "Differences with a known reason"),
    ("unheard", "No answer of the kernel's from these programs"),
)


@dataclass(frozen=True)
class Program:
    """A program that can be asked: its version, or why it cannot."""

    name: str
    version: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Result:
    """All that was found."""

    kernel: str
    programs: tuple[Program, ...]
    findings: tuple[Finding, ...]
    unasked: tuple[Unasked, ...] = ()
    modules: tuple[str, ...] = ()
    """Modules that are loaded now and were not before."""

    @property
    def totals(self) -> dict[str, int]:
        """Answers by verdict."""
        return _count(self.findings)

    @property
    def exit_code(self) -> int:
        """0: all that was heard agrees. 1: something differs. 3: nothing could be compared."""
        if self.totals["differs"]:
            return DIFFER
        return AGREE if self.totals["agrees"] or self.totals["explained"] else NOTHING


def _count(findings: Iterable[Finding]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.verdict] += finding.count
    return {verdict: counts[verdict] for verdict in get_args(Verdict)}


def as_json(result: Result) -> str:
    """Everything, as one JSON object."""
    value = {
        "type": "crosscheck",
        "format": 1,
        "exit_code": result.exit_code,
        **asdict(result),
        "totals": result.totals,
        "families": {family: _count(found) for family, found in _by_family(result).items()},
    }
    return ascii_json(json.dumps(value, ensure_ascii=False, indent=1)) + "\n"


def as_text(result: Result, *, show_all: bool = False) -> str:
    """Return what a reader has to know; ``show_all``: every answer."""
    return "".join(clean(line).rstrip() + "\n" for line in _lines(result, show_all=show_all))


def _lines(result: Result, *, show_all: bool) -> Iterator[str]:
    yield f"Crosscheck of kprobe on {result.kernel}"
    yield ""
    yield "Programs"
    width = max((len(program.name) for program in result.programs), default=0)
    for program in result.programs:
        why_not = program.why_not or _why_not(program, result.findings)
        told = (program.version, why_not and f"not asked: {why_not}")
        yield f"  {program.name:<{width}}  {'; '.join(filter(None, told))}"
    for verdict, title in TITLES:
        yield from _section(title, [f for f in result.findings if f.verdict == verdict], show_all=show_all)
    if show_all:
        rest = [f for f in result.findings if f.verdict not in dict(TITLES)]
        yield from _section("Every other answer", rest, show_all=True)
        yield from _unasked(result.unasked)
    yield ""
    yield from _table(result)
    yield ""
    if result.modules:
        yield f"Modules that are loaded now and were not before: {', '.join(result.modules)}"
    yield _verdict(result)


def _why_not(program: Program, findings: Iterable[Finding]) -> str:
    """Return why a program that is there was not asked one thing."""
    mine = [finding for finding in findings if finding.program == program.name]
    return mine[0].said if mine and all(finding.verdict == "not asked" for finding in mine) else ""


def _section(title: str, findings: list[Finding], *, show_all: bool) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield title
    # What differs is always told whole.
    shown = findings if show_all or findings[0].verdict == "differs" else findings[:FEW]
    for finding in shown:
        name = "" if show_all and finding.verdict in dict(TITLES) else f"  ({finding.verdict})"
        yield f"  {finding.subject}{name if show_all else ''}"
        yield f"    kprobe: {finding.kprobe}"
        first, *more = finding.said.expandtabs().splitlines() or [""]
        yield f"    {finding.program}: {first}"
        yield from (f"      {line}" for line in more)
        if finding.less:
            yield f"    note: {finding.less}"
    if len(shown) < len(findings):
        yield f"  … and {len(findings) - len(shown)} more (--all)"


def _unasked(rows: Iterable[Unasked]) -> Iterator[str]:
    """Yield the rows that no program was asked for, by reason."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        reasons.setdefault(row.why, []).append(row.row)
    for why, found in reasons.items():
        yield ""
        yield f"Rows without a second opinion: {why}"
        yield from (f"  {row}" for row in found)


def _table(result: Result) -> Iterator[str]:
    """Yield the counts by family."""
    columns = ("agree", "differ", "explained", "kprobe unknown", "unheard", "not asked", "no program")
    families = _by_family(result)
    missing = Counter(row.family for row in result.unasked)
    names = list(dict.fromkeys([*families, *missing]))
    rows = [(name, [*_count(families.get(name, [])).values(), missing[name]]) for name in names]
    rows.append(("all", [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)] or [0] * 7))
    width = max(len(name) for name, _ in rows)
    yield f"{'Family':<{width}}" + "".join(f"  {column:>{len(column)}}" for column in columns)
    for name, counts in rows:
        cells = (f"  {count or '-':>{len(column)}}" for column, count in zip(columns, counts, strict=True))
        yield f"{name:<{width}}{''.join(cells)}"


def _by_family(result: Result) -> dict[str, list[Finding]]:
    families: dict[str, list[Finding]] = {}
    for finding in result.findings:
        families.setdefault(finding.family, []).append(finding)
    return families


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _verdict(result: Result) -> str:
    totals = result.totals
    programs = len({f.program for f in result.findings if f.verdict in ("agrees", "differs", "explained")})
    agree, of = _many(totals["agrees"], "answer"), _many(programs, "program")
    compared = f"{agree} of {of} agree with kprobe, {totals['differs']} differ"
    left = {"unheard": "unheard", "unknown": "unknown to kprobe", "not asked": "not asked"}
    compared += "".join(f"; {totals[verdict]} {words}" for verdict, words in left.items() if totals[verdict])
    return {
        AGREE: f"{compared}.",
        DIFFER: f"{compared}: see above.",
        NOTHING: "Nothing could be compared: no program gave an answer of the kernel's.",
    }[result.exit_code]
