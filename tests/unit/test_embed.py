# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence inside a page: taken out again after all that forums do to it; never from a damaged copy; never a bomb."""

import bz2
import contextlib
import gzip
import html
import json
import lzma
import quopri
import random
import re
import time
import zlib
from base64 import b64encode
from collections.abc import Callable
from hashlib import blake2s
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kprobe import embed, evidence, intake, profile, render
from kprobe.errors import InputError
from kprobe.evidence import MAX_STREAM
from kprobe.judge import judge
from tests.unit import synthetic

ROOT = Path(__file__).parents[2]
FOUND = synthetic.calico_but({"link.ipip": "absent"})
CALICO = profile.load("calico")
PAGE = render.render("markdown", judge(FOUND, CALICO))

MANGLED: dict[str, Callable[[str], str | bytes]] = {
    "as it is": lambda page: page,
    "crlf": lambda page: page.replace("\n", "\r\n"),
    "quoted": lambda page: "".join(f"> {line}\n" for line in page.splitlines()),
    "quoted twice": lambda page: "".join(f"> > {line}\n" for line in page.splitlines()),
    "indented": lambda page: "".join(f"\t    {line}\n" for line in page.splitlines()),
    "one line": lambda page: " ".join(page.splitlines()),
    "wrapped": lambda page: re.sub("(\\S{40})", r"\1\n", page),
    "zero-width": lambda page: page.replace("A", "A\u200b").replace("E", "\u2060E\ufeff"),
    "typographic": lambda page: (
        page.replace('"', "\u201d").replace("'", "\u2019").replace("--", "\u2014").replace("`", "")
    ),
    "no-break spaces": lambda page: page.replace(" ", "\u00a0"),
    "saved as html": lambda page: (
        "<html><body>" + html.escape(page).replace("\n", "<br/>\n<span class='x'>") + "</body></html>"
    ),
    "entities": lambda page: page.replace("+", "&#43;").replace("/", "&#x2F;"),
    "api": lambda page: json.dumps({"url": "u", "body": page}),
    "mail": lambda page: quopri.encodestring(page.encode()),
    "utf-16": lambda page: page.encode("utf-16"),
    "bom": lambda page: page.encode("utf-8-sig"),
    "latin-1 around it": lambda page: "Gr\u00fc\u00dfe\n".encode("latin-1") + page.encode(),
    "gzip": lambda page: gzip.compress(page.encode()),
    "talked about before": lambda page: "paste it from BEGIN KPROBE EVIDENCE to\nEND KPROBE EVIDENCE\n" + page,
}


@pytest.mark.parametrize("name", MANGLED)
def test_what_forums_do_to_it(name: str) -> None:
    page = MANGLED[name](PAGE)
    (found,) = intake.evidence_in(page if isinstance(page, bytes) else page.encode(), FOUND.source)
    assert found == embed.lean(FOUND)


def test_several_in_one_page() -> None:
    other = render.render("markdown", judge(synthetic.calico(), CALICO))
    found = intake.evidence_in(f"{PAGE}\n\n> {other}".encode(), "issue.md")
    assert [each.source for each in found] == ["issue.md#1", "issue.md#2"]
    assert found[1].probes == embed.lean(synthetic.calico()).probes


@pytest.mark.parametrize("room", [60_000, 43_000, 33_000, 20_000, 100])
def test_what_does_not_fit_is_left_out_and_said(room: int) -> None:
    (found,) = intake.evidence_in((ROOT / "docs/samples/debian-11.ndjson.xz").read_bytes(), "sample")
    packed = embed.pack(found, room)
    if room <= 20_000:
        assert packed is None or sum(map(len, packed.lines)) <= room
        return
    assert packed is not None
    assert packed.left_out
    assert sum(map(len, packed.lines)) + len(packed.lines) <= room
    (carried,) = embed.unpack("\n".join(packed.lines).encode(), "page")
    one, two = judge(found, CALICO), judge(carried, CALICO)
    assert [(mode.name, mode.verdict, mode.deciding) for mode in one.modes] == [
        (mode.name, mode.verdict, mode.deciding) for mode in two.modes
    ]
    assert [each.cause.code for each in one.explained] == [each.cause.code for each in two.explained]


def test_a_full_run_fits_into_an_issue() -> None:
    (found,) = intake.evidence_in((ROOT / "docs/samples/debian-11.ndjson.xz").read_bytes(), "sample")
    page = render.render("markdown", judge(found, CALICO))
    assert len(page) <= 60_000
    (carried,) = intake.evidence_in(page.encode(), "issue.md")
    assert len(carried.probes) == len(found.probes)
    assert next(row for row in carried.probes if row.outcome == "absent").extack is not None


def block(body: bytes, kind: bytes = b"z", digest: bytes | None = None) -> bytes:
    digest = blake2s(body, digest_size=8).digest() if digest is None else digest
    return b"BEGIN KPROBE EVIDENCE\n" + b64encode(b"KPE1" + kind + digest + body) + b"\nEND KPROBE EVIDENCE\n"


STREAM = evidence.write(FOUND)
BOMB = b"\0" * (64 * 1024 * 1024)
HUGE = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29, "preset": 0, "mf": lzma.MF_HC3, "mode": lzma.MODE_FAST}
BAD: dict[str, bytes] = {
    "a letter changed": PAGE.replace("S1BFM", "S1BFM", 1).replace(PAGE[-400:-390], "AAAAAAAAAA", 1).encode(),
    "a line lost": "\n".join(line for n, line in enumerate(PAGE.splitlines()) if n != PAGE.count("\n") - 8).encode(),
    "no end": PAGE.replace("END KPROBE", "").encode(),
    "nothing in it": b"BEGIN KPROBE EVIDENCE END KPROBE EVIDENCE",
    "not base64": b"BEGIN KPROBE EVIDENCE *** END KPROBE EVIDENCE",
    "wrong digest": block(zlib.compress(STREAM), digest=b"12345678"),
    "unknown compression": block(bz2.compress(STREAM), b"b"),
    "not compressed": block(STREAM),
    "zlib, cut": block(zlib.compress(STREAM)[:-20]),
    "xz, cut": block(lzma.compress(STREAM)[:-20], b"x"),
    "zlib bomb": block(zlib.compress(BOMB, 9)),
    "xz bomb": block(lzma.compress(BOMB), b"x"),
    "page of xz bomb": lzma.compress(block(lzma.compress(BOMB), b"x")),
    "not evidence": block(zlib.compress(b"{}\n")),
    "huge reference": b"BEGIN KPROBE EVIDENCE &#" + b"9" * 20_000 + b"; END KPROBE EVIDENCE",
    "markers without end": b"BEGIN KPROBE EVIDENCE " * 200_000,
    "markers in pairs": b"BEGIN KPROBE EVIDENCE END KPROBE EVIDENCE " * 1_000,
    "tags": b"BEGIN KPROBE EVIDENCE" + b"<a" * 500_000,
    "gzip, cut": gzip.compress(STREAM)[:-20],
    "gzip, damaged": gzip.compress(STREAM)[:50] + b"\xff" * 50 + gzip.compress(STREAM)[100:],
    "gzip bomb": gzip.compress(BOMB),
    "gzip with more behind": gzip.compress(STREAM) + b"more",
    "gzip of gzip": gzip.compress(gzip.compress(STREAM)),
    "xz file, cut": lzma.compress(STREAM)[:-20],
    "xz file bomb": lzma.compress(BOMB),
    "xz with a huge dictionary": lzma.compress(STREAM, filters=[HUGE]),
    "zstd, cut": zstandard.compress(STREAM)[:-20],
    "zstd bomb": zstandard.compress(BOMB),
    "zstd, damaged": zstandard.compress(STREAM)[:30] + b"\xff" * 30,
    "empty": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
}


@pytest.mark.parametrize("name", BAD)
def test_one_clear_error_soon(name: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError) as error:
        intake.evidence_in(BAD[name], "page")
    assert time.process_time() - start < 5
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstandard.compress])
def test_compressed_files_are_read(compress: Callable[[bytes], bytes]) -> None:
    (found,) = intake.evidence_in(compress(STREAM), FOUND.source)
    assert found == FOUND


def test_a_stream_may_be_as_long_as_allowed_compressed_or_not() -> None:
    long = STREAM + (b" " * 60_000 + b"\n") * ((MAX_STREAM - len(STREAM)) // 60_001)
    long += b" " * (MAX_STREAM - len(long))
    assert intake.evidence_in(gzip.compress(long), FOUND.source) == [FOUND]
    with pytest.raises(InputError, match="more than"):
        intake.evidence_in(gzip.compress(long + b" "), FOUND.source)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_or_read(data: bytes, framed: bool) -> None:
    with contextlib.suppress(InputError):
        intake.evidence_in(block(data) if framed else data, "page")


def test_flipped_bits_never_pass() -> None:
    page = block(zlib.compress(STREAM))
    chance = random.Random(7)
    for _ in range(200):
        at = chance.randrange(30, len(page) - 30)
        changed = page[:at] + bytes([page[at] ^ 1 << chance.randrange(7)]) + page[at + 1 :]
        try:
            found = intake.evidence_in(changed, FOUND.source)
        except InputError:
            continue
        assert found == [FOUND]


def test_a_marker_in_evidence_does_not_hide_the_evidence() -> None:
    row = synthetic.probe("link.ipip", "absent", reason="BEGIN KPROBE EVIDENCE AAAA END KPROBE EVIDENCE")
    found = msgspec.structs.replace(FOUND, probes=(row,))
    page = render.render("markdown", judge(found, CALICO))
    (carried,) = intake.evidence_in(page.encode(), FOUND.source)
    assert carried.probes[0].reason == row.reason
