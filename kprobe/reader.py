# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Reads evidence that is there as a whole in one go: what ``evidence.parse`` makes of it, in a third of the time.

Of many nodes most say the same of most rows, but for the number, the worker and the time. Read as ``shared``, such a
record is decoded and checked when it is met first, and is one and the same for all of them (docs/adr/0016).
"""

import re
from io import BytesIO
from itertools import compress, repeat
from operator import is_
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from kprobe.errors import InputError
from kprobe.evidence import (
    DECODER,
    MAX_LINE,
    MAX_RECORDS,
    MAX_STREAM,
    MAX_VALUE_DEPTH,
    Begin,
    End,
    Evidence,
    Fact,
    Probe,
    Record,
    checked,
    deeper_than,
    parse,
)

T = TypeVar("T", Fact, Probe)

MAX_SHARED = 32 * 1024 * 1024
"""How many bytes of records are kept for the next node."""
_NUMBER = rb"(?:0|[1-9][0-9]{0,17})"
_ROW = rb'\n\{"type":"probe","seq":%b,"worker":%b,(.*),"ns":%b\}(?=\n)' % (_NUMBER, _NUMBER, _NUMBER)
"""A row's record as kprobe writes it; the group is what nodes may agree in. It is looked for once a line: a line of a
stranger may be full of its beginning.
"""
MAX_AROUND = 128
"""No more bytes than that stand around the group."""


class _Shared(dict[bytes, Probe]):
    """Records by what they say, decoded and checked."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __missing__(self, said: bytes) -> Probe:
        found = msgspec.json.decode(b'{"type":"probe","seq":0,"worker":0,%b,"ns":0}' % said, type=Probe)
        self.size += len(said)
        if self.size > MAX_SHARED:
            self.clear()
            self.size = len(said)
        self[said] = found
        return found


_SHARED = _Shared()


def at_once(data: bytes, source: str, *, shared: bool = False) -> Evidence | None:
    """Decode all lines in one go; None for whatever is not as kprobe writes it: ``parse`` then says what, and where.

    ``shared``: ``seq``, ``worker`` and ``ns`` of rows may be 0, for tables of many nodes, which do not show them.
    """
    if len(data) > MAX_STREAM or b"\r" in data or not data.endswith(b"\n"):
        return None
    try:
        _ = data.isascii() or data.decode()  # msgspec does not look at the bytes of what it skips
        head, rows, tail = _apart(data) if shared else (data, [], b"")
        found = [*DECODER.decode_lines(head), *rows, *DECODER.decode_lines(tail)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    lines = BytesIO(head + tail).readlines()
    if len(found) != len(lines) + len(rows) or not 0 < len(found) <= MAX_RECORDS or len(max(lines, key=len)) > MAX_LINE:
        return None
    return _evidence(found, source)


def _apart(data: bytes) -> tuple[bytes, list[Probe], bytes]:
    """Return what stands before the rows, the rows, and what stands behind them; no rows where one is too long."""
    head, *parts = re.split(_ROW, data)
    said, between = parts[::2], parts[1:-1:2]
    if not parts or any(between) or len(max(said, key=len)) > MAX_LINE - MAX_AROUND:
        return data, [], b""
    return head + b"\n", [_SHARED[each] for each in said], parts[-1].removeprefix(b"\n")


def _evidence(found: list[Record], source: str) -> Evidence | None:
    kinds = [*map(type, found)]
    facts, probes = _of(Fact, found, kinds), _of(Probe, found, kinds)
    begin, last = found[0], found[-1]
    end = last if isinstance(last, End) else None
    if (
        not isinstance(begin, Begin)
        or 1 + len(facts) + len(probes) + (end is not None) != len(found)
        or len({fact.id for fact in facts}) != len(facts)
        or any(deeper_than(fact.value, MAX_VALUE_DEPTH) for fact in facts)
    ):
        return None
    whole = Evidence(source=source, begin=checked(begin, f"{source}:1"), facts=facts, probes=probes, end=end)
    return whole if len(whole.answers) == len(probes) else None


def _of(kind: type[T], found: list[Record], kinds: list[type]) -> tuple[T, ...]:
    return tuple(compress(cast(list[T], found), map(is_, kinds, repeat(kind))))


def parse_whole(data: bytes, source: str) -> Evidence:
    """Read one stream that is there as a whole."""
    return at_once(data, source) or parse(data.splitlines(keepends=True), source)


def read(path: Path) -> Evidence:
    """Read one file of evidence."""
    try:
        with path.open("rb") as stream:
            return parse_whole(stream.read(MAX_STREAM + 1), str(path))
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path), "name a readable file of evidence") from error
