# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Needs by nodes: many reports of one profile as one table. Pure.

A matrix holds a letter for each need and node, and the words behind it once, however many nodes say the same.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from kprobe.evidence import Probe
from kprobe.report import ModeReport, NeedReport, Report, Verdict

Kind = Literal["group", "mode", "need"]

LETTER: Mapping[Verdict, str] = {"pass": "+", "warn": "~", "unknown": "?", "fail": "x"}
NOT_THERE = " "  # a need that a node was not judged by
BAD: Mapping[str, int] = {letter: place for place, letter in enumerate(NOT_THERE + "+~?x")}
MAX_PARTS = 100_000


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One column: where the evidence came from, the node's own name, its kernel, and the verdict on it all."""

    source: str
    name: str
    release: str
    machine: str
    verdict: Verdict
    incomplete: bool


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a group, a mode, or a need with the modes that have it. ``letters``: one for each node.

    ``said``: for nodes where there is something to say, the number of the text.
    """

    kind: Kind
    name: str
    title: str
    letters: str
    said: Mapping[int, int]


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """The table. ``texts`` are what ``Line.said`` counts: the kernel's own words, not escaped."""

    profile: str
    release: str
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    texts: tuple[str, ...]


class _Row:
    """A line while it grows."""

    def __init__(self, kind: Kind, name: str, title: str) -> None:
        self.kind, self.name, self.title = kind, name, title
        self.letters = ""
        self.said: dict[int, int] = {}

    def put(self, letters: str) -> None:
        """Set all nodes' letters, the worse one where a node has two."""
        if not self.letters:
            self.letters = letters
        elif self.letters != letters:
            self.letters = "".join([max(pair, key=BAD.__getitem__) for pair in zip(self.letters, letters, strict=True)])


class _Block:
    """Lines that come together, such as those of a mode, while they grow by a node at a time."""

    def __init__(self, rows: tuple[_Row, ...]) -> None:
        self.rows = rows
        self.columns: list[str] = []

    def put(self, node: int, letters: str) -> None:
        """Set a node's letters, one for each line; those of nodes before it that have none stay blank."""
        self.fill(node)
        self.columns.append(letters)

    def fill(self, nodes: int) -> None:
        """Leave blank what nodes have not said."""
        self.columns += [NOT_THERE * len(self.rows)] * (nodes - len(self.columns))

    def close(self, nodes: int) -> None:
        """Hand the letters of all nodes to the lines."""
        self.fill(nodes)
        for row, letters in zip(self.rows, zip(*self.columns, strict=True), strict=True):
            row.put("".join(letters))


class _Unmet(NamedTuple):
    """What there is to say of a mode or need that does not pass."""

    row: _Row
    report: ModeReport | NeedReport


class _Part(NamedTuple):
    """What one judgement of a mode puts into the table, the same for all nodes that it is of."""

    of: ModeReport
    block: _Block
    letters: str
    unmet: tuple[_Unmet, ...]


def matrix(reports: Iterable[Report]) -> Matrix:
    """Lay reports side by side. They are read one by one and not kept."""
    nodes: list[Node] = []
    table = _Table()
    title = release = ""
    for number, report in enumerate(reports):
        title, release = report.title, report.release
        nodes.append(_node(report))
        table.add(report, number)
    table.close(len(nodes))
    order = {"group": 0, "mode": 1, "need": 2}
    lines = sorted(table.rows.values(), key=lambda row: order[row.kind])
    return Matrix(
        profile=title,
        release=release,
        nodes=_shorter(nodes),
        lines=tuple(map(_line, lines)),
        texts=tuple(table.texts),
    )


def _node(report: Report) -> Node:
    uname = report.begin.uname
    return Node(
        source=report.source,
        name=uname.nodename,
        release=uname.release,
        machine=uname.machine,
        verdict=report.verdict,
        incomplete=report.incomplete,
    )


def _shorter(nodes: list[Node]) -> tuple[Node, ...]:
    """Leave out the folder, where all come from one."""
    folders = {node.source.rpartition("/")[0] for node in nodes}
    if len(folders) != 1:
        return tuple(nodes)
    return tuple(msgspec.structs.replace(node, source=node.source.rpartition("/")[2]) for node in nodes)


class _Table:
    """The lines, and the words behind their letters."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Kind, str, str], _Row] = {}
        self.blocks: dict[tuple[_Row, ...], _Block] = {}
        self.texts: dict[str, int] = {}
        self.parts: dict[int, _Part] = {}

    def add(self, report: Report, node: int) -> None:
        """Put one node's column into the lines."""
        groups = self._block(tuple(self._row("group", group.name, group.title) for group in report.groups))
        groups.put(node, "".join(LETTER[group.verdict] for group in report.groups))
        parts = [self._part(mode) for mode in report.modes]
        for part in parts:
            part.block.put(node, part.letters)
        unmet = [each for part in parts for each in part.unmet]
        if not unmet:
            return
        probes = {row.id: row for row in (*report.derived, *report.rows) if not row.control}
        causes = {each.row: each.cause.text for each in report.explained}
        for row, of in unmet:
            if node not in row.said:
                text = _because(of) if isinstance(of, ModeReport) else _said(of, probes, causes)
                row.said[node] = self.texts.setdefault(text, len(self.texts))

    def _part(self, mode: ModeReport) -> _Part:
        """Return what a judgement puts in; the judge gives nodes that agree the very same one."""
        found = self.parts.get(id(mode))
        if found is None:
            if len(self.parts) >= MAX_PARTS:
                self.parts.clear()
            found = self.parts[id(mode)] = self._taken_apart(mode)
        return found

    def _taken_apart(self, mode: ModeReport) -> _Part:
        pairs: list[tuple[_Row, ModeReport | NeedReport]] = [(self._row("mode", mode.name, mode.title), mode)]
        pairs += [(self._row("need", need.row, need.level), need) for need in mode.needs]
        return _Part(
            of=mode,
            block=self._block(tuple(row for row, _ in pairs)),
            letters="".join(LETTER[of.verdict] for _, of in pairs),
            unmet=tuple(_Unmet(row, of) for row, of in pairs if of.verdict != "pass"),
        )

    def close(self, nodes: int) -> None:
        """Lay out what has come in, of that many nodes."""
        for block in self.blocks.values():
            block.close(nodes)

    def _block(self, rows: tuple[_Row, ...]) -> _Block:
        if rows not in self.blocks:
            self.blocks[rows] = _Block(rows)
        return self.blocks[rows]

    def _row(self, kind: Kind, name: str, title: str) -> _Row:
        key = (kind, name, title)
        if key not in self.rows:
            self.rows[key] = _Row(kind, name, title)
        return self.rows[key]


def _line(row: _Row) -> Line:
    return Line(kind=row.kind, name=row.name, title=row.title, letters=row.letters, said=row.said)


def _because(mode: ModeReport) -> str:
    return "\n".join(f"rests on {name}" for name in mode.deciding)


def _said(need: NeedReport, probes: Mapping[str, Probe], causes: Mapping[str, str]) -> str:
    """Return what the kernel said to the rows that decide, why, and what the need is for."""
    lines: list[str] = []
    for name in need.deciding:
        probe = probes.get(name)
        lines += [f"{name}: this evidence has no such row"] if probe is None else _words(probe)
        if name in causes:
            lines.append(f"  why: {causes[name]}")
    lines.append(f"needed because: {need.why}")
    lines += [f"lost without it: {need.lost}"] if need.lost else []
    lines += [f"to do without: {need.avoid}"] if need.avoid else []
    return "\n".join(lines)


def _words(probe: Probe) -> list[str]:
    errno = f"{probe.error or 'errno'} ({probe.errno})" if probe.errno else probe.error
    extack = f'"{probe.extack}"' if probe.extack else ""
    answer = " ".join(filter(None, (probe.step + ":" if probe.step else "", errno, extack, probe.reason)))
    return [f"{probe.id}: {probe.outcome}", f"  {answer}", *(f"  kernel log: {line}" for line in probe.log)]


def alike(found: Matrix, limit: int) -> Matrix:
    """Join nodes that have the same letters everywhere to one column each, where there are more than ``limit``.

    The words are those of the first of them; its source says how many stand behind it.
    """
    if len(found.nodes) <= limit:
        return found
    columns: dict[str, list[int]] = {}
    for number, letters in enumerate(zip(*(line.letters for line in found.lines), strict=True)):
        columns.setdefault("".join(letters), []).append(number)
    firsts = {numbers[0]: place for place, numbers in enumerate(columns.values())}
    nodes = [
        msgspec.structs.replace(found.nodes[numbers[0]], source=_several(found, numbers))
        for numbers in columns.values()
    ]
    lines = [
        msgspec.structs.replace(
            line,
            letters="".join(line.letters[first] for first in firsts),
            said={firsts[node]: text for node, text in line.said.items() if node in firsts},
        )
        for line in found.lines
    ]
    return msgspec.structs.replace(found, nodes=tuple(nodes), lines=tuple(lines))


def _several(found: Matrix, numbers: list[int]) -> str:
    first = found.nodes[numbers[0]].source
    return first if len(numbers) == 1 else f"{first} and {len(numbers) - 1} alike"
