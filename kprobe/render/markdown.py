# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Markdown for a bug report: the answer first, the rest folded, the evidence inside; never more than 60,000 characters.

GitHub takes 65,536 characters in a comment. All text from evidence stands in code spans, where nothing is linked,
mentioned or rendered; what comes from a profile is escaped.
"""

import re
from collections.abc import Iterable, Iterator

from kprobe import embed
from kprobe.clean import clean
from kprobe.evidence import Evidence
from kprobe.render import _parts as parts
from kprobe.report import ModeReport, Report

SHARED = True
LIMIT = 60_000
HEAD = 12_000
"""The most that may stand before the evidence; what does not fit goes behind it, folded, as far as there is room."""
WIDE = 400
"""The longest single text that is printed."""
MARK = {"pass": "✅", "warn": "🟡", "unknown": "❔", "fail": "❌"}


def render(report: Report, **_: object) -> str:
    """Render a report within the limit, whatever the evidence."""
    page = _Page(HEAD)
    page.block(_head(report))
    page.block(_modes(report), "modes")
    page.block(_problems(report), "problems")
    page.limit = LIMIT - 200
    packed = embed.pack(_evidence(report), page.room - 1_000)
    page.limit -= 0 if packed is None else sum(map(len, packed.lines)) + len(packed.lines) + 800
    page.block(_notes(report), "hints")
    page.folded("Rows that do not work", _rows(report))
    page.folded("Facts about the node", _facts(report))
    return "\n".join([*page.lines, *_packed(packed)]) + "\n"


class _Page:
    """Lines, up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lines: list[str] = []
        self.size = 0

    @property
    def room(self) -> int:
        """How many characters are left."""
        return self.limit - self.size

    def add(self, *lines: str) -> None:
        """Add lines, come what may."""
        self.lines += lines
        self.size += sum(map(len, lines)) + len(lines)

    def block(self, chunks: Iterable[tuple[str, ...]], what: str = "lines") -> None:
        """Add chunks of lines as long as there is room, count the others, and end with an empty line."""
        left = 0
        for chunk in chunks:
            if left or self.room < sum(map(len, chunk)) + len(chunk) + 100:
                left += 1
            else:
                self.add(*chunk)
        if left:
            self.add("", f"*… and {left} more {what}; `kprobe judge` on this page prints all.*")
        self.add("")

    def folded(self, title: str, chunks: Iterator[tuple[str, ...]]) -> None:
        """Add what a reader opens when he wants it, where there is room and something to say."""
        first = next(chunks, None)
        if first is None or self.room < 500:
            return
        self.add(f"<details><summary>{title}</summary>", "", *first)
        self.limit -= 50
        self.block(chunks)
        self.limit += 50
        self.add("</details>", "")


def _head(report: Report) -> Iterator[tuple[str, ...]]:
    answer = parts.ANSWER[report.verdict].upper()
    yield (
        f"### kprobe: {escaped(parts.title(report))} on {code(report.begin.uname.nodename or 'this node')}: {answer}",
        "",
    )
    yield ("| | |", "|---|---|")
    for name, value in parts.about(report):
        yield (f"| {name} | {cell(value)} |",)
    if report.incomplete:
        yield ("", f"**{escaped(report.notes[0])}**")


def _modes(report: Report) -> Iterator[tuple[str, ...]]:
    for group, modes in parts.groups(report):
        titles = (f"**{escaped(group.title)}** ({escaped(parts.standing(group))})", "")
        lines = [f"| {MARK[mode.verdict]} {mode.verdict} | {cell(mode.name)} | {_because(mode)} |" for mode in modes]
        yield (*titles, "| verdict | mode | because |", "|---|---|---|", *lines, "")


def _because(mode: ModeReport) -> str:
    if mode.verdict == "pass":
        return f"all {len(mode.needs)} needs are met"
    more = len(mode.deciding) - parts.FEW
    return ", ".join(map(cell, mode.deciding[: parts.FEW])) + (f" and {more} more" if more > 0 else "")


def _problems(report: Report) -> Iterator[tuple[str, ...]]:
    for section in parts.sections(report):
        yield (f"#### {section.title}", "")
        for problem in section.problems:
            yield tuple(_problem(problem))


def _problem(problem: parts.Problem) -> Iterator[str]:
    more = len(problem.names) - parts.MANY
    names = ", ".join(map(code, problem.names[: parts.MANY])) + (f" and {more} more" if more > 0 else "")
    yield f"- **{problem.outcome}** {names}"
    yield from (f"  - {code(text)}" for text in problem.said)
    yield from (f"  - cause: {code(text)}" for text in problem.causes[: parts.FEW])
    for remedy in problem.remedies[: parts.FEW]:
        yield f"  - **remedy:** {code(remedy.text)}"
        yield from (f"    - {code(command)}" for command in remedy.commands)
    yield from (f"  - contradiction: {code(text)}" for text in problem.contradictions[: parts.FEW])
    for user in problem.users[: parts.MANY]:
        more = len(user.modes) - parts.MANY
        modes = ", ".join(map(code, user.modes[: parts.MANY])) + (f" and {more} more" if more > 0 else "")
        yield f"  - {parts.LEVEL[user.level]} by {modes}: {escaped(user.why)}"
        if user.lost:
            yield f"    - lost without it: {escaped(user.lost)}"
        if user.avoid:
            yield f"    - to do without: {escaped(user.avoid)}"


def _notes(report: Report) -> Iterator[tuple[str, ...]]:
    notes = report.notes[1:] if report.incomplete else report.notes
    if notes:
        yield ("#### Hints", "")
    yield from ((f"- {code(note)}",) for note in notes)


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    found = [row for row in (*report.rows, *report.derived) if row.outcome != "works" and not row.control]
    if found:
        yield ("| row | outcome | the kernel's words |", "|---|---|---|")
    for row in found:
        outcome, *said = parts.words(row)
        yield (f"| {cell(row.id)} | {outcome} | {cell('; '.join(said))} |",)


def _facts(report: Report) -> Iterator[tuple[str, ...]]:
    if report.facts:
        yield ("| fact | value |", "|---|---|")
    for fact in report.facts:
        if fact.id not in {"node.modules", "node.kconfig"}:
            yield (f"| {cell(fact.id)} | {cell(parts.value(fact))} |",)


def _evidence(report: Report) -> Evidence:
    return Evidence(source=report.source, begin=report.begin, facts=report.facts, probes=report.rows, end=report.end)


def _packed(packed: embed.Packed | None) -> tuple[str, ...]:
    if packed is None:
        return ("*The evidence does not fit into this page: please attach the file that `kprobe collect` writes.*",)
    left_out = f" Left out of it to fit: {packed.left_out}." if packed.left_out else ""
    return (
        "<details><summary>Evidence, for <code>kprobe judge</code></summary>",
        "",
        f"Names and addresses are pseudonyms unless `--show-names` was given.{left_out}",
        "Save this page or copy this comment to a file; `kprobe judge FILE` judges it again.",
        "",
        "```",
        *packed.lines,
        "```",
        "",
        "</details>",
    )


_RUN = re.compile("`+")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#|~$&]|(?<=:)/|(?<=www)\.)", re.IGNORECASE)
_ACTIVE = re.compile(r"([@#])(?=\w)")


def code(text: str) -> str:
    """Return text as a code span, in which nothing is active; what is very long is cut."""
    text = clean(text).strip() or "?"
    text = text if len(text) <= WIDE else text[:WIDE] + "…"
    fence = "`" * (max((len(run) for run in _RUN.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def cell(text: str) -> str:
    """Return a code span for a table, where a bar would end the cell even inside it."""
    return code(text).replace("|", "\\|")


def escaped(text: str) -> str:
    """Return text in which nothing is active; mentions and references are broken up by an empty comment."""
    text = clean(text)
    text = text if len(text) <= WIDE else text[:WIDE] + "…"
    return _ACTIVE.sub(r"\1<!-- -->", _PUNCTUATION.sub(r"\\\1", text))
