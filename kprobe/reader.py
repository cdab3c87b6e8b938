# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Reads evidence that is there as a whole in one go: what ``evidence.parse`` makes of it, in a third of the time."""

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


def at_once(data: bytes, source: str) -> Evidence | None:
    """Decode all lines in one go; None for whatever is not as kprobe writes it: ``parse`` then says what, and where."""
    lines = BytesIO(data).readlines()
    if not 0 < len(lines) <= MAX_RECORDS or len(data) > MAX_STREAM or len(max(lines, key=len)) > MAX_LINE:
        return None
    if b"\r" in data or not data.endswith(b"\n"):
        return None
    try:
        _ = data.isascii() or data.decode()  # msgspec does not look at the bytes of what it skips
        found = DECODER.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _evidence(found, source) if len(found) == len(lines) else None


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
