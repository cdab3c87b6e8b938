# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The report as text: the answer, the modes at one glance, what is missing in the kernel's own words, then hints.

The layout is the same with and without colour. Every piece of text goes through ``_line``, which makes it harmless.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from kprobe.cause import Cause
from kprobe.clean import clean
from kprobe.evidence import Probe
from kprobe.remedy import Remedy
from kprobe.report import Explained, GroupReport, ModeReport, NeedReport, Report, Verdict

Piece = tuple[str, str]
Line = tuple[Piece, ...]

ANSWER: Mapping[Verdict, str] = {"pass": "ready", "warn": "ready", "unknown": "cannot tell", "fail": "not ready"}
RULE = {"any": "one of these is needed", "all": "all of these are needed", "none": "for information"}
LEVEL = {"require": "required", "recommend": "recommended"}
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
FEW = 3
MANY = 8


class _Book:
    """The parts of a report that are looked up by row."""

    def __init__(self, report: Report) -> None:
        self.rows: Mapping[str, Probe] = {row.id: row for row in (*report.derived, *report.rows) if not row.control}
        self.explained: Mapping[str, Explained] = {each.row: each for each in report.explained}
        self.contradicted: dict[str, list[str]] = {}
        for said in report.contradictions:
            self.contradicted.setdefault(said.row, []).append(said.text)


def render(report: Report, *, color: bool = False, show_all: bool = False, width: int = 0) -> str:
    """Render for a reader; ``show_all`` adds every row and names all that is otherwise counted; a ``width`` wraps."""
    lines = [*_head(report), *_modes(report), *_problems(report, show_all=show_all), *_hints(report)]
    if show_all:
        lines += _rows(report)
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
    uname = report.begin.uname
    kernel = " ".join(filter(None, (uname.sysname or "Linux", uname.release, uname.machine)))
    node = f"{uname.nodename or 'this node'} ({kernel})"
    chosen = [mode.name for mode in report.modes if mode.wanted]
    asked = "" if len(chosen) == len(report.modes) else f" in mode {', '.join(chosen)}"
    answer = (ANSWER[report.verdict].upper(), STYLE[report.verdict])
    yield _line(f"{report.title} {report.release}{asked} on {node}: ", answer)
    if report.incomplete:
        yield _line((report.notes[0], STYLE["unknown"]))


def _modes(report: Report) -> Iterator[Line]:
    width = max(len(mode.name) for mode in report.modes)
    chosen = not all(mode.wanted for mode in report.modes)
    counting = {group.name for group in report.groups if group.counts}
    for group in sorted(report.groups, key=lambda group: group.name not in counting):
        modes = [mode for mode in report.modes if mode.group == group.name and mode.wanted]
        if not modes:
            continue
        yield ()
        yield _line((group.title, "bold"), "" if chosen else f"  {_standing(group)}")
        for mode in modes:
            verdict = (f"  {mode.verdict:<8}", STYLE[mode.verdict])
            yield _line(verdict, f"{mode.name:<{width}}  {_because(mode)}")


def _standing(group: GroupReport) -> str:
    return f"{RULE[group.rule]}: {group.verdict}" if group.counts else RULE["none"]


def _because(mode: ModeReport) -> str:
    if mode.verdict == "pass" and len(mode.deciding) > FEW:
        return f"all {len(mode.needs)} needs are met"
    return _few(mode.deciding, FEW)


def _few(names: tuple[str, ...], limit: int) -> str:
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def _problems(report: Report, *, show_all: bool) -> Iterator[Line]:
    """List the rows on which an unmet need rests; those to which the kernel said the same stand together."""
    book = _Book(report)
    rows = book.rows
    unmet: dict[str, list[tuple[ModeReport, NeedReport]]] = {}
    for mode in report.modes:
        for need in mode.needs:
            if mode.wanted and need.verdict != "pass":
                for name in need.deciding:
                    unmet.setdefault(name, []).append((mode, need))
    required = {name for name, users in unmet.items() if any(need.level == "require" for _, need in users)}
    sections = {
        "Missing": lambda name: name in required and _said_no(rows.get(name)),
        "Missing, but nothing stops without it": lambda name: name not in required and _said_no(rows.get(name)),
        "Could not be told": lambda name: not _said_no(rows.get(name)),
    }
    for title, belongs in sections.items():
        alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for name in filter(belongs, unmet):
            code = book.explained[name].cause.code if name in book.explained else ""
            alike.setdefault((code, _words(rows.get(name))), []).append(name)
        if alike:
            yield ()
            yield _line((title, "bold"))
        for (_, words), names in alike.items():
            yield from _problem(book, words, tuple(names), unmet, limit=len(names) if show_all else MANY)


def _said_no(probe: Probe | None) -> bool:
    return probe is not None and probe.outcome in {"absent", "broken"}


def _words(probe: Probe | None) -> tuple[str, ...]:
    """Return the outcome, then the kernel's own words, one line each."""
    if probe is None:
        return ("unknown", "this evidence has no such row")
    errno = f"{probe.error or 'errno'} ({probe.errno})" if probe.errno else probe.error
    extack = f'"{probe.extack}"' if probe.extack else ""
    answer = " ".join(filter(None, (errno, extack)))
    said = [": ".join(filter(None, (probe.step, answer or probe.reason)))]
    if answer and probe.reason:
        said.append(probe.reason)
    return (probe.outcome, *filter(None, said), *(f"kernel log: {line}" for line in probe.log))


def _problem(
    book: _Book,
    words: tuple[str, ...],
    names: tuple[str, ...],
    unmet: Mapping[str, list[tuple[ModeReport, NeedReport]]],
    *,
    limit: int,
) -> Iterator[Line]:
    outcome, *said = words
    yield _line("  ", (outcome, STYLE.get(outcome, STYLE["unknown"])), f"  {_few(names, limit)}")
    for text in said:
        yield _line(f"           {text}")
    for text in _explained(book, names[:limit]):
        yield _line((f"           {text}", "dim"))
    if not _said_no(book.rows.get(names[0])) and len(names) > limit:
        modes = dict.fromkeys(mode.name for name in names for mode, _ in unmet[name])
        yield _line(f"           needed by {', '.join(modes)}; --all names every row and why")
        return
    yield from _users([user for name in names for user in unmet[name]])


def _users(users: Iterable[tuple[ModeReport, NeedReport]]) -> Iterator[Line]:
    """Say who needs it and why; modes that need it for the same reason stand together."""
    alike: dict[str, dict[str, NeedReport]] = {}
    for mode, need in users:
        alike.setdefault(need.why, {})[mode.name] = need
    for why, modes in alike.items():
        need = next(iter(modes.values()))
        yield _line(f"           {LEVEL[need.level]} by {', '.join(modes)}: {why}")
        if need.lost:
            yield _line(f"             lost without it: {need.lost}")
        if need.avoid:
            yield _line(f"             to do without: {need.avoid}")


def _explained(book: _Book, names: Iterable[str]) -> Iterator[str]:
    """Say why, what to do, and what speaks against the kernel's answer; each once, few of a kind."""
    found = [book.explained[name] for name in names if name in book.explained]
    causes = dict.fromkeys(_cause(each.cause) for each in found)
    yield from (f"cause: {text}" for text in _some(causes))
    remedies = dict.fromkeys(text for each in found if each.remedy for text in _remedy(each.remedy))
    yield from _some(remedies)
    said = dict.fromkeys(text for name in names for text in book.contradicted.get(name, ()))
    yield from (f"contradiction: {text}" for text in _some(said))


def _cause(cause: Cause) -> str:
    return f"{cause.text} (needs {cause.via})" if cause.via else cause.text


def _remedy(remedy: Remedy) -> Iterator[str]:
    yield f"remedy: {remedy.text}"
    yield from (f"  {command}" for command in remedy.commands)


def _some(texts: Iterable[str]) -> Iterator[str]:
    found = list(texts)
    yield from found[:MANY]
    if len(found) > MANY:
        yield f"and {len(found) - MANY} more"


def _hints(report: Report) -> Iterator[Line]:
    hints = report.notes[1:] if report.incomplete else report.notes
    if hints:
        yield ()
        yield _line(("Hints", "bold"))
    for hint in hints:
        yield _line(f"  - {hint}")


def _rows(report: Report) -> Iterator[Line]:
    yield ()
    rows = (*report.rows, *report.derived)
    yield _line((f"All {len(rows)} rows", "bold"))
    width = max((len(clean(probe.id)) for probe in rows), default=0)
    for probe in rows:
        outcome, *said = _words(probe)
        control = f"({probe.control} control) " if probe.control else ""
        detail = " ".join(f"{key}={value}" for key, value in probe.detail.items())
        text = f"{clean(probe.id):<{width}}  {probe.ns / 1e6:8.2f} ms  {control}{'; '.join((*said, detail))}"
        yield _line((f"  {outcome:<8}", STYLE.get(outcome, STYLE["unknown"])), text.removesuffix("; "))
