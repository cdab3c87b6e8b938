# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Needs by nodes: many reports of one profile as one table. Pure.

A matrix holds a letter for each need and node, and the words behind it once, however many nodes say the same.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from kprobe.evidence import Probe
from kprobe.report import ModeReport, NeedReport, Report, Verdict

Kind = Literal["group", "mode", "need"]

LETTER: Mapping[Verdict, str] = {"pass": "+", "warn": "~", "unknown": "?", "fail": "x"}
NOT_THERE = " "  # a need that a node was not judged by


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
        self.letters: list[str] = []
        self.said: dict[int, int] = {}

    def put(self, node: int, verdict: Verdict) -> None:
        """Set a node's letter, the worse one where there are two; those of nodes without this line stay blank."""
        self.letters += [NOT_THERE] * (node + 1 - len(self.letters))
        letter = LETTER[verdict]
        if self.letters[node] == NOT_THERE or "+~?x".index(letter) > "+~?x".index(self.letters[node]):
            self.letters[node] = letter


def matrix(reports: Iterable[Report]) -> Matrix:
    """Lay reports side by side. They are read one by one and not kept."""
    nodes: list[Node] = []
    rows: dict[tuple[Kind, str, str], _Row] = {}
    texts: dict[str, int] = {}
    title = release = ""
    for number, report in enumerate(reports):
        title, release = report.title, report.release
        nodes.append(_node(report))
        _add(report, number, rows, texts)
    order = {"group": 0, "mode": 1, "need": 2}
    lines = sorted(rows.values(), key=lambda row: order[row.kind])
    return Matrix(
        profile=title,
        release=release,
        nodes=_shorter(nodes),
        lines=tuple(_line(row, len(nodes)) for row in lines),
        texts=tuple(texts),
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


def _add(report: Report, node: int, rows: dict[tuple[Kind, str, str], _Row], texts: dict[str, int]) -> None:
    """Put one node's column into the lines."""
    probes = {row.id: row for row in (*report.derived, *report.rows) if not row.control}
    causes = {each.row: each.cause.text for each in report.explained}
    for group in report.groups:
        _row(rows, "group", group.name, group.title).put(node, group.verdict)
    for mode in report.modes:
        row = _row(rows, "mode", mode.name, mode.title)
        row.put(node, mode.verdict)
        if mode.verdict != "pass":
            row.said[node] = texts.setdefault(_because(mode), len(texts))
        for need in mode.needs:
            row = _row(rows, "need", need.row, need.level)
            row.put(node, need.verdict)
            if need.verdict != "pass" and node not in row.said:
                row.said[node] = texts.setdefault(_said(need, probes, causes), len(texts))


def _row(rows: dict[tuple[Kind, str, str], _Row], kind: Kind, name: str, title: str) -> _Row:
    key = (kind, name, title)
    if key not in rows:
        rows[key] = _Row(kind, name, title)
    return rows[key]


def _line(row: _Row, nodes: int) -> Line:
    letters = "".join(row.letters).ljust(nodes, NOT_THERE)
    return Line(kind=row.kind, name=row.name, title=row.title, letters=letters, said=row.said)


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
