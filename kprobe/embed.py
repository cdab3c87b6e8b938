# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence inside a page: packed into text that survives forums, and taken out again. Pure; docs/adr/0009 says why so.

What stands between the marker lines is base64 (RFC 4648, without padding) of: ``KPE1``, one byte that names the
compression (``z`` zlib, ``x`` xz), eight bytes of BLAKE2s over the compressed evidence, the compressed evidence.
A reader ignores all that is not of that alphabet: quoting, indentation, line ends, tags, zero-width characters.
"""

import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from kprobe import evidence, reader
from kprobe.errors import InputError
from kprobe.evidence import MAX_PAGE, Evidence, Probe
from kprobe.inflate import inflate

BEGIN, END = "BEGIN KPROBE EVIDENCE", "END KPROBE EVIDENCE"
MAX_BLOCKS = 256
LINE = 76
_MAGIC = b"KPE1"
_HEAD = "S1BFM"
"""How base64 of that begins; between markers that somebody merely wrote about, it does not."""
_DIGEST = 8
_REPEAT = "copy the report again, whole, from the first marker line to the last"


class Packed(NamedTuple):
    """Lines of text with the markers, and what had to be left out of the evidence for them to fit; empty: nothing."""

    lines: tuple[str, ...]
    left_out: str


def whole(found: Evidence) -> Evidence:
    """Return all of the evidence."""
    return found


def lean(found: Evidence) -> Evidence:
    """Leave out what no verdict rests on and the catalogue knows: times, numbers, titles of rows that work, the plan.

    The plan stays where a planned row has no answer.
    """
    plan = {} if not found.incomplete else found.begin.plan
    return msgspec.structs.replace(
        found,
        begin=msgspec.structs.replace(found.begin, plan=plan),
        probes=tuple(map(_lean, found.probes)),
    )


def _lean(probe: Probe) -> Probe:
    title = "" if probe.outcome == "works" else probe.title
    return msgspec.structs.replace(probe, seq=0, worker=0, ns=0, title=title)


def bare(found: Evidence) -> Evidence:
    """Leave out of rows that work all but that they do."""
    found = lean(found)
    return msgspec.structs.replace(found, probes=tuple(map(_bare, found.probes)))


def _bare(probe: Probe) -> Probe:
    if probe.outcome != "works":
        return probe
    return Probe(id=probe.id, family=probe.family, control=probe.control, outcome="works", seq=0, worker=0, ns=0)


SLIMMER: Mapping[str, Callable[[Evidence], Evidence]] = {
    "times, numbers, titles and the plan": lean,
    "times, numbers, titles, the plan, and the details of rows that work": bare,
}


def pack(found: Evidence, room: int | None = None) -> Packed | None:
    """Pack evidence into at most ``room`` characters, line ends included; None where not even the barest form fits."""
    forms = {"": whole} if room is None else SLIMMER
    for left_out, form in forms.items():
        data = evidence.write(form(found))
        for kind, compress in (("z", _zlib), ("x", _xz)):
            lines = _lines(kind, compress(data))
            if room is None or sum(map(len, lines)) + len(lines) <= room:
                return Packed(lines, left_out)
    return None


def _zlib(data: bytes) -> bytes:
    return zlib.compress(data, 9)


def _xz(data: bytes) -> bytes:
    import lzma

    return lzma.compress(data, preset=6)


def _digest(packed: bytes) -> bytes:
    from hashlib import blake2s

    return blake2s(packed, digest_size=_DIGEST).digest()


def _lines(kind: str, packed: bytes) -> tuple[str, ...]:
    digest = _digest(packed)
    text = b64encode(_MAGIC + kind.encode() + digest + packed).decode().rstrip("=")
    return (BEGIN, *(text[start : start + LINE] for start in range(0, len(text), LINE)), END)


_MARKER = re.compile(r"(BEGIN|END)\s+KPROBE\s+EVIDENCE")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_QUOTED_PRINTABLE = re.compile(r"=[ \t]*\r?\n")
_OTHER = re.compile(r"[^A-Za-z0-9+/]+")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KINDS = {b"z": "zlib", b"x": "xz"}
_ESCAPED = re.compile(r"\\+[rnt]|\\+u[0-9a-fA-F]{4}")
"""Of a page inside JSON, such as GitHub's API gives out."""
_HUGE_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{7,};?")
"""References that are no character; html.unescape fails on numbers of thousands of digits."""
_IGNORED = re.compile("[\u200b-\u200f\u2060\u2066-\u2069\ufeff\u00ad]")


def packed_in(page: bytes) -> bool:
    """Whether a page seems to have evidence in it."""
    return _MARKER.search(_plain(page)) is not None


def unpack(page: bytes, source: str) -> Iterator[Evidence]:
    """Take all evidence out of a page and read it."""
    if len(page) > MAX_PAGE:
        raise InputError(f"a page of more than {MAX_PAGE} bytes", source, "cut out the part between the marker lines")
    bodies = _bodies(_plain(page), source)
    for number, body in enumerate(bodies, 1):
        where = source if len(bodies) == 1 else f"{source}#{number}"
        data = _unpacked(body, where)
        yield reader.parse_whole(data, where)


def _bodies(text: str, source: str) -> list[str]:
    """Return what stands between each pair of markers. A forum may repeat an excerpt, so that a pair is the nearest."""
    bodies: list[str] = []
    start: int | None = None
    for marker in _MARKER.finditer(text):
        if marker[1] == "BEGIN":
            start = marker.end()
        elif start is not None:
            bodies.append(_OTHER.sub("", text[start : marker.start()]))
            start = None
        if len(bodies) > MAX_BLOCKS:
            raise InputError(f"more than {MAX_BLOCKS} pieces of evidence", source, "split the page")
    if start is not None or not bodies:
        raise InputError(f'"{BEGIN}" and "{END}" do not pair', source, _REPEAT)
    return [body for body in bodies if body.startswith(_HEAD)] or bodies


def _plain(page: bytes) -> str:
    import html

    encoding = "utf-16" if page[:2] in _UTF16 else "utf-8"
    text = _IGNORED.sub("", page.decode(encoding, "replace"))
    return _QUOTED_PRINTABLE.sub("", html.unescape(_HUGE_REFERENCE.sub("", _TAG.sub("", _ESCAPED.sub("\n", text)))))


def _unpacked(text: str, where: str) -> bytes:
    packed = b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    magic, kind = packed[:4], packed[4:5]
    digest, rest = packed[5 : 5 + _DIGEST], packed[5 + _DIGEST :]
    if magic != _MAGIC:
        raise InputError("no evidence between the marker lines, or a newer kind of it", where, _REPEAT)
    if _digest(rest) != digest:
        raise InputError("the evidence in it is damaged: its digest differs", where, _REPEAT)
    if kind not in _KINDS:
        raise InputError("evidence that is compressed in a newer way", where, "use a newer kprobe")
    return inflate(_KINDS[kind], rest, where)
