"""csrc/inflate.c takes exactly what zlib takes, and damaged input never makes it leave its buffers."""

from __future__ import annotations

import errno
import gzip
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cffi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.clib import CSRC, build

SIZE = 1 << 16
REJECTED = (-errno.EBADMSG, -errno.EFBIG)

# Buffers of exactly the size asked for, so that the sanitizers see a single byte too far. Mode 1 is bare deflate.
DRIVER = """
#include "inflate.c"
#include "str.h"
#include <stdlib.h>
static void get(void *p, size_t n)
{
    for (ssize_t got; n; p = (char *)p + got, n -= (size_t)got)
        if ((got = read(0, p, n)) <= 0)
            exit(0);
}
static void put(const void *p, size_t n)
{
    for (ssize_t done; n; p = (const char *)p + done, n -= (size_t)done)
        if ((done = write(1, p, n)) <= 0)
            exit(1);
}
int main(void)
{
    for (;;) {
        uint32_t head[3];
        int64_t ret;
        uint8_t *src, *dst;
        get(head, sizeof(head));
        src = malloc(head[1]);
        dst = malloc(head[2]);
        get(src, head[1]);
        if (head[0]) {
            struct inflate z = { .in = src, .end = src + head[1], .out = dst, .size = head[2] };
            ret = inflate(&z);
            ret = ret ? ret : (int64_t)z.made;
        } else {
            ret = kp_gunzip(dst, head[2], src, head[1]);
        }
        put(&ret, sizeof(ret));
        if (ret > 0)
            put(dst, (size_t)ret);
        free(src);
        free(dst);
    }
}
"""


class Driver:
    """The decoder in a process of its own, under the address and undefined-behaviour sanitizers."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def call(self, data: bytes, size: int, *, raw: bool) -> bytes | int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(struct.pack("=III", raw, len(data), size) + data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        head = self.process.stdout.read(8)
        if len(head) < 8:
            assert self.process.stderr is not None
            pytest.fail(self.process.stderr.read().decode(errors="replace"))
        (ret,) = struct.unpack("=q", head)
        return self.process.stdout.read(ret) if ret >= 0 else int(ret)

    def gunzip(self, data: bytes, size: int = SIZE) -> bytes | int:
        return self.call(data, size, raw=False)

    def inflate(self, data: bytes, size: int = SIZE) -> bytes | int:
        return self.call(data, size, raw=True)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self.process.wait(10)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    place = tmp_path_factory.mktemp("inflate")
    source = place / "driver.c"
    source.write_text(DRIVER)
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    made = Driver(build(place / "driver", [source], flags))
    yield made
    made.close()


def reference(data: bytes, wbits: int) -> bytes | None:
    """What zlib makes of it, None when it refuses it or misses something."""
    z = zlib.decompressobj(wbits)
    try:
        out = z.decompress(data)
    except zlib.error:
        return None
    return out if z.eof else None


def agrees(ours: bytes | int, theirs: bytes | None, size: int = SIZE) -> None:
    if theirs is None:
        assert ours in REJECTED
    elif len(theirs) > size:
        assert ours == -errno.EFBIG
    else:
        assert ours == theirs


def deflate(data: bytes, level: int, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    z = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return z.compress(data) + z.flush()


# Text with long and short matches, as a kernel's configuration has, and bytes that do not compress.
texts = st.one_of(
    st.binary(max_size=3000),
    st.lists(
        st.sampled_from([b"CONFIG_NET=y\n", b"# CONFIG_X is not set\n", b"\0" * 300, bytes(range(256)), b"aab"]),
        max_size=60,
    ).map(b"".join),
)
strategies = st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED])
levels = st.integers(0, 9)


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bits flipped, bytes cut off, bytes put in."""
    work = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(work) - 1, 0)))
        kind = draw(st.sampled_from(["flip", "flip", "flip", "cut", "insert"]))
        if kind == "flip" and work:
            work[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del work[at:]
        else:
            work[at:at] = draw(st.binary(max_size=4))
    return bytes(work)


@st.composite
def damaged_deflate(draw: st.DrawFn) -> bytes:
    return damaged(draw, deflate(draw(texts), draw(levels), draw(strategies)))


@st.composite
def damaged_gzip(draw: st.DrawFn) -> bytes:
    return damaged(draw, gzip.compress(draw(texts), draw(levels), mtime=0))


@pytest.mark.parametrize("level", range(10))
def test_round_trip_at_every_level(driver: Driver, level: int) -> None:
    text = b"".join(b"CONFIG_%d=%s\n" % (i * 7919, b"ym"[i % 2 : i % 2 + 1]) for i in range(3000))
    assert driver.gunzip(gzip.compress(text, level, mtime=0)) == text


@given(text=texts, level=levels, strategy=strategies)
def test_round_trip_of_anything(driver: Driver, text: bytes, level: int, strategy: int) -> None:
    assert driver.inflate(deflate(text, level, strategy)) == text


@settings(max_examples=1500)
@given(data=damaged_deflate())
def test_damaged_deflate_is_judged_as_by_zlib(driver: Driver, data: bytes) -> None:
    agrees(driver.inflate(data), reference(data, -15))


@settings(max_examples=300)
@given(data=damaged_gzip())
def test_damaged_gzip_is_judged_as_by_zlib(driver: Driver, data: bytes) -> None:
    agrees(driver.gunzip(data), reference(data, 31))


@settings(max_examples=300)
@given(head=st.sampled_from([b"\x05", b"\x03", b"\x01", b"\xed", b""]), tail=st.binary(max_size=400))
def test_noise_is_judged_as_by_zlib(driver: Driver, head: bytes, tail: bytes) -> None:
    agrees(driver.inflate(head + tail), reference(head + tail, -15))


def test_every_truncation_is_refused(driver: Driver) -> None:
    packed = gzip.compress(b"".join(b"CONFIG_%d=y\n" % i for i in range(300)), mtime=0)
    for end in range(len(packed)):
        assert driver.gunzip(packed[:end]) == -errno.EBADMSG


def test_every_bit_of_the_member_counts(driver: Driver) -> None:
    """But the header's time, extra flags and system, which say nothing about the content, and its text flag."""
    text = b"CONFIG_VXLAN=m\n# CONFIG_NET_IPIP is not set\n" * 4
    packed = gzip.compress(text, mtime=0)
    free = {3 * 8, *range(4 * 8, 10 * 8)}
    for bit in range(8 * len(packed)):
        work = bytearray(packed)
        work[bit // 8] ^= 1 << bit % 8
        got = driver.gunzip(bytes(work))
        if bit in free:
            assert got == text
        elif bytes(work) != packed:
            assert got in REJECTED or reference(bytes(work), 31) == got


def test_the_destination_is_the_limit(driver: Driver) -> None:
    for text in (b"x" * 1000, bytes(range(256)) * 4, b"ab"):
        for level in (0, 6):
            packed = gzip.compress(text, level, mtime=0)
            assert driver.gunzip(packed, len(text)) == text
            assert driver.gunzip(packed, len(text) - 1) == -errno.EFBIG
            assert driver.gunzip(packed, 0) == -errno.EFBIG


def member(
    text: bytes, *, extra: bytes | None = None, name: bytes = b"", comment: bytes = b"", header_crc: int | None = None
) -> bytes:
    flags = 4 * (extra is not None) | 8 * bool(name) | 16 * bool(comment) | 2 * (header_crc is not None)
    head = bytes([0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 255])
    head += b"" if extra is None else struct.pack("<H", len(extra)) + extra
    head += name + b"\0" if name else b""
    head += comment + b"\0" if comment else b""
    if header_crc is not None:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF ^ header_crc)
    return head + deflate(text, 6) + struct.pack("<II", zlib.crc32(text), len(text))


def test_optional_header_fields(driver: Driver) -> None:
    text = b"CONFIG_NET=y\n" * 9
    assert driver.gunzip(member(text, extra=b"", name=b"config", comment=b"c" * 70, header_crc=0)) == text
    assert driver.gunzip(member(text, extra=b"\0\x1f\x8b" * 100)) == text
    assert driver.gunzip(member(text, name=b"config", header_crc=1)) == -errno.EBADMSG
    packed = member(text, extra=b"abc", name=b"n", header_crc=0)
    for end in range(24):
        assert driver.gunzip(packed[:end]) == -errno.EBADMSG


def test_wrong_crc_and_wrong_length(driver: Driver) -> None:
    packed = gzip.compress(b"CONFIG_NET=y\n", mtime=0)
    for at in range(-8, 0):
        work = bytearray(packed)
        work[at] ^= 0x10
        assert driver.gunzip(bytes(work)) == -errno.EBADMSG


def test_what_follows_the_member_is_not_read(driver: Driver) -> None:
    assert driver.gunzip(gzip.compress(b"one", mtime=0) + b"IKCFG_ED") == b"one"


class Bits:
    """Hand-made deflate: fields lowest bit first, codes highest bit first."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def field(self, value: int, n: int) -> Bits:
        self.bits += [value >> i & 1 for i in range(n)]
        return self

    def code(self, text: str) -> Bits:
        self.bits += map(int, text)
        return self

    def done(self) -> bytes:
        padded = self.bits + [0] * (-len(self.bits) % 8) + [0] * 64
        return bytes(sum(b << i for i, b in enumerate(padded[at : at + 8])) for at in range(0, len(padded), 8))


def fixed() -> Bits:
    return Bits().field(1, 1).field(1, 2)


def dynamic(hlit: int, hdist: int, lengths: dict[int, int]) -> Bits:
    order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    made = Bits().field(1, 1).field(2, 2).field(hlit, 5).field(hdist, 5).field(15, 4)
    for symbol in order:
        made.field(lengths.get(symbol, 0), 3)
    return made


def spelled(literals: dict[int, int], distances: dict[int, int], n_literals: int = 257, n_distances: int = 1) -> Bits:
    """A dynamic block whose code lengths are each written out, by sixteen codes of four bits."""
    made = dynamic(n_literals - 257, n_distances - 1, dict.fromkeys(range(16), 4))
    for lengths, n in ((literals, n_literals), (distances, n_distances)):
        for symbol in range(n):
            made.code(f"{lengths.get(symbol, 0):04b}")
    return made


def runs(*first: str) -> Bits:
    """Literals A and end of block, one bit each, as runs of zeros (18 is "11") and ones ("0"); 16 is "10"."""
    made = dynamic(0, 0, {1: 1, 16: 2, 18: 2})
    for text in first:
        made.code(text)
    return made


def zeros(n: int) -> str:
    return "11" + "".join(str((n - 11) >> i & 1) for i in range(7))


TWO = {65: 1, 256: 1}  # A is "0", the end is "1"

# Each would be a whole stream but for the one thing that its name says; these are refused before any output is made.
HEADERS = {
    "block type 3": Bits().field(1, 1).field(3, 2),
    "stored length and its complement differ": Bits().field(1, 1).field(0, 2).field(0, 5).field(4, 16).field(4, 16),
    "287 literals": spelled(TWO, {}, n_literals=287).code("1"),
    "31 distances": spelled(TWO, {}, n_distances=31).code("1"),
    "no code lengths at all": dynamic(0, 0, {}),
    "too many codes of code lengths": dynamic(0, 0, {0: 1, 1: 1, 2: 1}),
    "too few codes of code lengths": dynamic(0, 0, {0: 2, 1: 2, 2: 2}),
    "too many codes": spelled({**TWO, 66: 1}, {}).code("1"),
    "too few codes": spelled({65: 2, 256: 2}, {}).code("01"),
    "a single code of two bits": spelled({256: 2}, {}).code("00"),
    "too few distances": spelled(TWO, {0: 2, 1: 2}, n_distances=2).code("1"),
    "repeat before the first length": runs("10", "00", zeros(62), "0", zeros(138), zeros(52), "0", "0").code("1"),
    "repeat past the last length": runs(zeros(65), "0", zeros(138), zeros(52), "0", zeros(11)).code("1"),
    "no end of block": spelled({65: 1, 66: 1}, {}).code("0000"),
}
HOSTILE = {
    "a distance before the beginning": fixed().code("00110000").code("0000001").code("00001").code("0000000"),
    "distance symbol 30": fixed().code("00110000").code("0000001").code("11110").code("0000000"),
    "length symbol 286": fixed().code("00110000").code("11000110").code("00000").code("0000000"),
    "a distance without a code": spelled({65: 2, 256: 1, 257: 2}, {}, 258).code("10").code("11").code("0").code("0"),
    **HEADERS,
}


@pytest.mark.parametrize("name", HEADERS)
def test_refused_before_output(driver: Driver, name: str) -> None:
    assert driver.inflate(HEADERS[name].done(), 0) == -errno.EBADMSG


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_streams(driver: Driver, name: str) -> None:
    data = HOSTILE[name].done()
    assert reference(data, -15) is None
    assert driver.inflate(data) == -errno.EBADMSG


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (spelled({256: 1}, {}).code("0"), b""),
        (spelled(TWO, {0: 1}).code("001"), b"AA"),
        (spelled({65: 2, 256: 1, 257: 2}, {0: 1}, 258).code("10").code("11").code("0").code("0"), b"AAAA"),
        (runs(zeros(65), "0", zeros(138), zeros(52), "0", "0").code("001"), b"AA"),
    ],
    ids=["a single code of one bit", "no match used", "a single distance", "runs"],
)
def test_the_hand_made_ones_are_right_where_nothing_is_wrong(driver: Driver, bits: Bits, text: bytes) -> None:
    assert reference(bits.done(), -15) == text
    assert driver.inflate(bits.done()) == text


def test_a_long_code_cut_in_the_middle(driver: Driver) -> None:
    """What is missing must not be read as zeros."""
    lengths = {65 + i: i + 1 for i in range(14)} | {97: 15, 256: 15}
    whole = spelled(lengths, {})
    start = len(whole.bits)
    stream = whole.code("111111111111110" * 16).code("111111111111111").done()
    assert driver.inflate(stream) == b"a" * 16
    for end in range(start // 8, (start + 17 * 15) // 8):
        assert driver.inflate(stream[:end]) == -errno.EBADMSG


def test_blocks_of_all_types_in_turn(driver: Driver) -> None:
    text = b"CONFIG_NET=y\nCONFIG_VXLAN=m\n" * 20
    stream = b""
    for level, strategy in (
        (6, zlib.Z_FIXED),
        (6, zlib.Z_HUFFMAN_ONLY),
        (6, zlib.Z_FIXED),
        (0, 0),
        (6, zlib.Z_FIXED),
        (6, 0),
    ):
        z = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        stream += z.compress(text) + z.flush(zlib.Z_FULL_FLUSH)
    assert driver.inflate(stream + b"\x03\0") == 6 * text


def test_the_shared_object_reads_this_kernels_own(tmp_path: Path) -> None:
    """As the core calls it, and /proc/config.gz where there is one."""
    ffi = cffi.FFI()
    ffi.cdef("long kp_gunzip(void *dst, size_t size, const void *src, size_t len);")
    lib: Any = ffi.dlopen(str(build(tmp_path / "inflate.so", [CSRC / "inflate.c"], ["-shared", "-fPIC"])))
    own = Path("/proc/config.gz")
    packed = own.read_bytes() if own.exists() else gzip.compress(b"CONFIG_NET=y\n" * 20000)
    text = gzip.decompress(packed)
    dst = ffi.new("unsigned char[]", len(text) + 16)
    assert lib.kp_gunzip(dst, len(text), packed, len(packed)) == len(text)
    assert bytes(ffi.buffer(dst)) == text + bytes(16)
