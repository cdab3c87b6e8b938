# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Finds the evidence in whatever a user has: the file itself, compressed, or a page that carries it. Pure."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from kprobe import evidence, reader
from kprobe.errors import InputError
from kprobe.evidence import MAX_LINE, MAX_PAGE, MAX_STREAM, Evidence

if TYPE_CHECKING:
    from kprobe.streams import Refuse

MAX_INPUT = MAX_PAGE
"""The most that is read of a file, in bytes, unless it is a log of many runs."""
MAX_PIECE = 1024 * 1024
"""How much of such a log is read at a time, in bytes."""
_RECORD = re.compile(rb'\s*\{\s*"type"\s*:\s*"(begin|fact|probe|end|row)"')
_SECOND = b'\n{"type":"begin"'
"""Where another run begins in the same file, as kprobe writes it; else it is an error."""
BOM = b"\xef\xbb\xbf"


def evidence_in(data: bytes, source: str) -> list[Evidence]:
    """Return all evidence in a file's bytes; there is at least one, or an error says what is wrong."""
    return list(each_in(data, source))


def each_in(
    data: bytes, source: str, rest: Iterable[bytes] = (), refuse: "Refuse | None" = None, *, shared: bool = False
) -> Iterator[Evidence]:
    """Yield all evidence in a file's bytes, each when it has been read.

    ``rest``: pieces of what came after ``data``, where that is more than MAX_INPUT: logs of many runs may be as long.
    ``refuse`` is called for those runs of such a log that are no evidence; else the first of them is an error.
    ``shared``: for a table of many nodes (see reader.at_once).
    """
    plain = _RECORD.match(data) is not None
    if not plain:
        from kprobe.inflate import inflate, kind_of

        if kind := kind_of(data):
            if len(data) > MAX_INPUT:
                raise _too_much(source)
            data = inflate(kind, data, source, MAX_INPUT)
        data = data.removeprefix(BOM)
        plain = _RECORD.match(data) is not None
    if plain and (found := reader.at_once(data, source, shared=shared)) is not None:
        yield found
        return
    # Only now what most evidence does without.
    from kprobe import embed, streams

    if not plain and len(data) <= MAX_INPUT and embed.packed_in(data):
        yield from embed.unpack(data, source)
    elif _SECOND in data if plain else streams.holds_records(data):
        yield from streams.apart(_lines(data, rest), source, refuse or _raise)
    elif len(data) > MAX_INPUT:
        raise _too_much(source)
    elif len(data) > MAX_STREAM:
        raise InputError(f"more than {MAX_STREAM} bytes", source, "is this the evidence of one run?")
    else:
        yield evidence.parse(data.splitlines(keepends=True), source)


def _too_much(source: str) -> InputError:
    return InputError(f"more than {MAX_INPUT} bytes", source, "is this the evidence of one run, or one page?")


def _raise(error: InputError) -> None:
    raise error


def _lines(data: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines that come in pieces; what is longer than a record may be comes in parts."""
    left = b""
    for piece in chain((data,), rest):
        found = (left + piece).splitlines(keepends=True)
        left = b"" if not found or found[-1].endswith(b"\n") or len(found[-1]) > 2 * MAX_LINE else found.pop()
        yield from found
    if left:
        yield left
