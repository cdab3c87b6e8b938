# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The report as text: the answer, the modes at one glance, what is missing in the kernel's own words, then hints.

The layout is the same with and without colour. Every piece of text goes through ``_line``, which makes it harmless.
"""

import textwrap
from collections.abc import Container, Iterable, Iterator

from kprobe import inventory
from kprobe.clean import clean
from kprobe.evidence import Probe
from kprobe.remedy import Remedy
from kprobe.render import _parts as parts
from kprobe.report import Report

Piece = tuple[str, str]
Line = tuple[Piece, ...]

STYLE = {
    "pass": "green",
    "warn": "yellow",
    "unknown": "magenta",
    "fail": "bold red",
    "works": "green",
    "absent": "red",
    "broken": "bold red",
    "denied": "magenta",
}


def render(report: Report, *, color: bool = False, show_all: bool = False, width: int = 0) -> str:
    """Render for a reader; ``show_all`` adds every row and names all that is otherwise counted; a ``width`` wraps."""
    lines = [*_head(report), *_modes(report), *_problems(report, show_all=show_all), *_hints(report)]
    if show_all:
        lines += [*_rows(report), *_inventories(report)]
    if width:
        lines = [part for line in lines for part in _wrapped(line, width)]
    return _colored(lines) if color else "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _line(*pieces: str | Piece) -> Line:
    pairs = ((piece, "") if isinstance(piece, str) else piece for piece in pieces)
    return tuple((clean(text), style) for text, style in pairs)


def _wrapped(line: Line, width: int) -> Iterator[Line]:
    """Wrap the last piece of a line that is too long, indented below where it began."""
    if sum(len(text) for text, _ in line) <= width:
        yield line
        return
    *first, (last, style) = line
    lead = last[: len(last) - len(last.lstrip())]
    indent = sum(len(text) for text, _ in first) + len(lead)
    room = max(width - indent - 2, width // 3)
    start, *rest = textwrap.wrap(last.lstrip(), room, break_long_words=False, break_on_hyphens=False) or [""]
    yield (*first, (lead + start, style))
    for text in rest:
        yield ((" " * (indent + 2) + text, style),)


def _colored(lines: Iterable[Line]) -> str:
    # Not by way of rich.console: the names in STYLE are the sixteen colours that every terminal has.
    from rich.color import ColorSystem
    from rich.style import Style

    styled = (
        "".join(Style.parse(style).render(text, color_system=ColorSystem.STANDARD) for text, style in line)
        for line in lines
    )
    return "".join(line.rstrip() + "\n" for line in styled)


def _head(report: Report) -> Iterator[Line]:
    answer = (parts.ANSWER[report.verdict].upper(), STYLE[report.verdict])
    yield _line(f"{parts.title(report)} on {parts.node(report)}: ", answer)
    if report.incomplete:
        yield _line((report.notes[0], STYLE["unknown"]))


def _modes(report: Report) -> Iterator[Line]:
    width = max(len(mode.name) for mode in report.modes)
    chosen = not all(mode.wanted for mode in report.modes)
    for group, modes in parts.groups(report):
        yield ()
        yield _line((group.title, "bold"), "" if chosen else f"  {parts.standing(group)}")
        for mode in modes:
            verdict = (f"  {mode.verdict:<8}", STYLE[mode.verdict])
            yield _line(verdict, f"{mode.name:<{width}}  {parts.because(mode)}")


def _problems(report: Report, *, show_all: bool) -> Iterator[Line]:
    limit = parts.ALL if show_all else parts.MANY
    for section in parts.sections(report, limit=limit):
        yield ()
        yield _line((section.title, "bold"))
        for problem in section.problems:
            yield from _problem(problem, limit, told=section.title != parts.UNTOLD)


def _problem(problem: parts.Problem, limit: int, *, told: bool) -> Iterator[Line]:
    yield _line("  ", (problem.outcome, STYLE.get(problem.outcome, STYLE["unknown"])), f"  {_few(problem, limit)}")
    for text in problem.said:
        yield _line(f"           {text}")
    for text in _explained(problem):
        yield _line((f"           {text}", "dim"))
    if not told and len(problem.names) > limit:
        modes = dict.fromkeys(mode for user in problem.users for mode in user.modes)
        yield _line(f"           needed by {', '.join(modes)}; --all names every row and why")
        return
    for user in problem.users:
        yield _line(f"           {parts.LEVEL[user.level]} by {', '.join(user.modes)}: {user.why}")
        if user.lost:
            yield _line(f"             lost without it: {user.lost}")
        if user.avoid:
            yield _line(f"             to do without: {user.avoid}")


def _few(problem: parts.Problem, limit: int) -> str:
    return parts.few(problem.names, limit)


def _explained(problem: parts.Problem) -> Iterator[str]:
    """Say why, what to do, and what speaks against the kernel's answer; each once, few of a kind."""
    yield from _some([f"cause: {text}" for text in problem.causes])
    yield from _some([line for remedy in problem.remedies for line in _remedy(remedy)])
    yield from _some([f"contradiction: {text}" for text in problem.contradictions])


def _remedy(remedy: Remedy) -> Iterator[str]:
    yield f"remedy: {remedy.text}"
    yield from (f"  {command}" for command in remedy.commands)


def _some(texts: list[str]) -> Iterator[str]:
    yield from texts[: parts.MANY]
    if len(texts) > parts.MANY:
        yield f"and {len(texts) - parts.MANY} more"


def _hints(report: Report) -> Iterator[Line]:
    hints = report.notes[1:] if report.incomplete else report.notes
    if hints:
        yield ()
        yield _line(("Hints", "bold"))
    for hint in hints:
        yield _line(f"  - {hint}")


def _inventories(report: Report) -> Iterator[Line]:
    """Name what is in the sets that rows tell: first what is in all of a family, then what each has besides."""
    told: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for probe, detail, names in inventory.sets(report.rows, report.facts):
        told.setdefault((probe.family, detail), {})[probe.id] = names
    for (family, detail), found in told.items():
        common = set.intersection(*map(set, found.values())) if len(found) > 1 else set()
        first = next(iter(found.values()))
        yield ()
        yield _line((f"{family}: {detail}", "bold"))
        if common:
            yield _line(f"  all {len(found)}  {' '.join(name for name in first if name in common)}")
        for name, names in found.items():
            rest = " ".join(each for each in names if each not in common)
            yield _line(f"  {name}  {len(names)}{': the common ones and ' if common else ': '}{rest or 'no other'}")


def _detail(probe: Probe, sets: Container[tuple[str, str]]) -> str:
    return " ".join(f"{key}={value}" for key, value in probe.detail.items() if (probe.id, key) not in sets)


def _rows(report: Report) -> Iterator[Line]:
    sets = {(probe.id, detail) for probe, detail, _ in inventory.sets(report.rows, report.facts)}
    yield ()
    rows = (*report.rows, *report.derived)
    yield _line((f"All {len(rows)} rows", "bold"))
    width = max((len(clean(probe.id)) for probe in rows), default=0)
    for probe in rows:
        outcome, *said = parts.words(probe)
        control = f"({probe.control} control) " if probe.control else ""
        detail = _detail(probe, sets)
        text = f"{clean(probe.id):<{width}}  {probe.ns / 1e6:8.2f} ms  {control}{'; '.join((*said, detail))}"
        yield _line((f"  {outcome:<8}", STYLE.get(outcome, STYLE["unknown"])), text.removesuffix("; "))
