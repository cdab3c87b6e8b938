# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Finds the evidence in whatever a user has: the file itself, compressed, or a page that carries it. Pure."""

import re

from kprobe import embed, evidence
from kprobe.errors import InputError
from kprobe.evidence import MAX_STREAM, Evidence
from kprobe.inflate import inflate, kind_of

MAX_INPUT = embed.MAX_PAGE
"""The most that is read of a file, in bytes."""
_RECORD = re.compile(rb'\s*\{\s*"type"\s*:\s*"(begin|fact|probe|end|row)"')
BOM = b"\xef\xbb\xbf"


def evidence_in(data: bytes, source: str) -> list[Evidence]:
    """Return all evidence in a file's bytes; there is at least one, or an error says what is wrong."""
    if kind := kind_of(data):
        data = inflate(kind, data, source, MAX_STREAM)
    if _RECORD.match(data.removeprefix(BOM)) is None and embed.packed_in(data):
        return list(embed.unpack(data, source))
    if len(data) > MAX_STREAM:
        raise InputError(f"more than {MAX_STREAM} bytes", source, "is this the evidence of one run?")
    return [evidence.parse(data.removeprefix(BOM).splitlines(keepends=True), source)]
