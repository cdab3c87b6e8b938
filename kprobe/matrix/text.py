# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A matrix as text: the nodes with their numbers, then a line a mode and a need. Pure; what it prints is harmless."""

from collections.abc import Iterator

from kprobe.clean import clean
from kprobe.matrix import LETTER, Line, Matrix, alike

MANY = 60
NAME = 56


def render(found: Matrix, *, show_all: bool = False) -> str:
    """Render a table. What passes on every node is only counted, unless all is wanted."""
    found = alike(found, MANY)
    return "".join(clean(line).rstrip() + "\n" for line in _lines(found, show_all=show_all))


def _lines(found: Matrix, *, show_all: bool) -> Iterator[str]:
    letters = "   ".join(f"{letter} {verdict}" for verdict, letter in LETTER.items())
    yield f"{found.profile} {found.release} on {len(found.nodes)} nodes   {letters}"
    yield ""
    width = max((len(node.source) for node in found.nodes), default=0)
    for number, node in enumerate(found.nodes, 1):
        cut = "  (incomplete)" if node.incomplete else ""
        kernel = f"{node.release} {node.machine}"
        yield f"{number:>3}  {LETTER[node.verdict]}  {node.source:<{min(width, NAME)}}  {kernel}{cut}"
    for kind, title in (("group", "Groups"), ("mode", "Modes"), ("need", "Needs")):
        of_kind = [line for line in found.lines if line.kind == kind]
        shown = [line for line in of_kind if show_all or set(line.letters) - {"+", " "}]
        yield ""
        yield from _ruler(title, len(found.nodes))
        for line in shown:
            yield f"{_name(line):<{NAME}}  {line.letters}"
        if hidden := len(of_kind) - len(shown):
            yield f"({hidden} that pass everywhere)"


def _ruler(title: str, nodes: int) -> Iterator[str]:
    """Yield the numbers of the columns, tens above ones."""
    numbers = range(1, nodes + 1)
    if nodes > 9:
        yield f"{'':<{NAME}}  {''.join(str(n // 10 % 10) if n % 10 == 0 else ' ' for n in numbers)}"
    yield f"{title:<{NAME}}  {''.join(str(n % 10) for n in numbers)}"


def _name(line: Line) -> str:
    mark = " (recommended)" if line.title == "recommend" and line.kind == "need" else ""
    room = NAME - len(mark)
    name = line.name if len(line.name) <= room else line.name[: room - 1] + "…"
    return name + mark
