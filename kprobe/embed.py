# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence inside a page: packed into text that survives forums, and taken out again. Pure; docs/adr/0009 says why so.

What stands between the marker lines is base64 (RFC 4648, without padding) of: ``KPE1``, one byte that names the
compression (``z`` zlib, ``x`` xz), eight bytes of BLAKE2s over the compressed evidence, the compressed evidence.
A reader ignores all that is not of that alphabet: quoting, indentation, line ends, tags, zero-width characters.
"""

import html
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2s
from typing import NamedTuple

import msgspec

from kprobe import evidence
from kprobe.errors import InputError
from kprobe.evidence import MAX_STREAM, Evidence, Probe

BEGIN, END = "BEGIN KPROBE EVIDENCE", "END KPROBE EVIDENCE"
MAX_PAGE = 16 * 1024 * 1024
"""The largest page that is searched, in bytes."""
MAX_BLOCKS = 256
LINE = 76
_MAGIC = b"KPE1"
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
    """Leave out what can be done without: times a row took, and the plan where every planned row has its answer."""
    plan = {} if not found.incomplete else found.begin.plan
    return msgspec.structs.replace(
        found,
        begin=msgspec.structs.replace(found.begin, plan=plan),
        probes=tuple(msgspec.structs.replace(probe, ns=0) for probe in found.probes),
    )


def bare(found: Evidence) -> Evidence:
    """Leave out of rows that work all but that they do."""
    found = lean(found)
    return msgspec.structs.replace(found, probes=tuple(map(_bare, found.probes)))


def _bare(probe: Probe) -> Probe:
    if probe.outcome != "works":
        return probe
    return Probe(
        id=probe.id, family=probe.family, control=probe.control, outcome="works", seq=probe.seq, worker=0, ns=0
    )


SLIMMER: Mapping[str, Callable[[Evidence], Evidence]] = {
    "times and the plan": lean,
    "times, the plan, and the details of rows that work": bare,
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


def _lines(kind: str, packed: bytes) -> tuple[str, ...]:
    digest = blake2s(packed, digest_size=_DIGEST).digest()
    text = b64encode(_MAGIC + kind.encode() + digest + packed).decode().rstrip("=")
    return (BEGIN, *(text[start : start + LINE] for start in range(0, len(text), LINE)), END)


_BLOCK = re.compile(r"BEGIN\s+KPROBE\s+EVIDENCE(.*?)END\s+KPROBE\s+EVIDENCE", re.DOTALL)
_BEGIN = re.compile(r"BEGIN\s+KPROBE\s+EVIDENCE")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_QUOTED_PRINTABLE = re.compile(r"=[ \t]*\r?\n")
_OTHER = re.compile(r"[^A-Za-z0-9+/]+")
_IGNORED = re.compile("[\u200b-\u200f\u2060\u2066-\u2069\ufeff\u00ad]")


def packed_in(page: bytes) -> bool:
    """Whether a page seems to have evidence in it."""
    return b"KPROBE" in page.upper() and _BEGIN.search(_plain(page)) is not None


def unpack(page: bytes, source: str) -> Iterator[Evidence]:
    """Take all evidence out of a page and read it."""
    if len(page) > MAX_PAGE:
        raise InputError(f"a page of more than {MAX_PAGE} bytes", source, "cut out the part between the marker lines")
    text = _plain(page)
    bodies = [match[1] for match in _BLOCK.finditer(text)]
    begun = len(_BEGIN.findall(text))
    if begun > len(bodies):
        raise InputError(f'"{BEGIN}" without "{END}"', source, _REPEAT)
    if begun > MAX_BLOCKS:
        raise InputError(f"more than {MAX_BLOCKS} pieces of evidence", source, "split the page")
    for number, body in enumerate(bodies, 1):
        where = source if len(bodies) == 1 else f"{source}#{number}"
        data = _unpacked(_OTHER.sub("", body), where)
        yield evidence.parse(data.splitlines(keepends=True), where)


def _plain(page: bytes) -> str:
    encoding = "utf-16" if page[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    text = _IGNORED.sub("", page.decode(encoding, "replace"))
    return _QUOTED_PRINTABLE.sub("", html.unescape(_TAG.sub("", text)))


def _unpacked(text: str, where: str) -> bytes:
    packed = b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    magic, kind = packed[:4], packed[4:5]
    digest, rest = packed[5 : 5 + _DIGEST], packed[5 + _DIGEST :]
    if magic != _MAGIC:
        raise InputError("no evidence between the marker lines, or a newer kind of it", where, _REPEAT)
    if blake2s(rest, digest_size=_DIGEST).digest() != digest:
        raise InputError("the evidence in it is damaged: its digest differs", where, _REPEAT)
    return inflate({b"z": "zlib", b"x": "xz"}.get(kind, ""), rest, where)


def inflate(kind: str, data: bytes, where: str, limit: int = MAX_STREAM) -> bytes:
    """Decompress to at most ``limit`` bytes; refuse what is larger, cut or damaged."""
    try:
        whole, rest = _inflated(kind, data, limit + 1)
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"damaged {kind} data ({error})", where, _REPEAT) from error
    if len(whole) > limit:
        raise InputError(f"more than {limit} bytes when decompressed", where, "is this the evidence of one run?")
    if not rest:
        raise InputError(f"{kind} data that ends too early", where, _REPEAT)
    return whole


def _inflated(kind: str, data: bytes, limit: int) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes, and whether that was all."""
    if kind in {"zlib", "gzip"}:
        stream = zlib.decompressobj(31 if kind == "gzip" else 15)
        return stream.decompress(data, limit), stream.eof
    if kind == "xz":
        import lzma

        # The memory limit keeps a made-up dictionary size from being allocated.
        coder = lzma.LZMADecompressor(memlimit=128 * 1024 * 1024)
        try:
            return coder.decompress(data, limit), coder.eof
        except lzma.LZMAError as error:
            raise ValueError(str(error)) from error
    raise ValueError("a compression that this kprobe does not know")
