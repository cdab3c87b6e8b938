# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Decompresses what somebody else compressed: never more than asked for, whatever the data claims. Pure."""

import zlib
from typing import Any

from kprobe.errors import InputError
from kprobe.evidence import MAX_STREAM

MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
MEMORY = 128 * 1024 * 1024
"""The most that a decompressor may allocate for its window, in bytes."""
_CHUNK = 256
"""So much compressed data at a time: a block of zstd makes at most 128 KiB of four bytes."""


def kind_of(data: bytes) -> str:
    """Return what data is compressed with by its first bytes; empty for none."""
    return next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), "")


def inflate(kind: str, data: bytes, where: str, limit: int = MAX_STREAM) -> bytes:
    """Decompress to at most ``limit`` bytes; refuse what is larger, cut, damaged, or followed by something else."""
    try:
        whole, ended, rest = _INFLATE[kind](data, limit + 1)
    except (ValueError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"damaged {kind} data ({error})", where, "copy the file or the page again") from error
    if len(whole) > limit:
        raise InputError(f"more than {limit} bytes when decompressed", where, "is this the evidence of one run?")
    if not ended:
        raise InputError(f"{kind} data that ends too early", where, "copy the file or the page again, whole")
    if rest:
        raise InputError(f"something follows the {kind} data", where, "give each run a file of its own")
    return whole


def _zlib(data: bytes, limit: int, bits: int = 15) -> tuple[bytes, bool, bytes]:
    stream = zlib.decompressobj(bits)
    return stream.decompress(data, limit), stream.eof, stream.unused_data


def _gzip(data: bytes, limit: int) -> tuple[bytes, bool, bytes]:
    return _zlib(data, limit, 31)


def _xz(data: bytes, limit: int) -> tuple[bytes, bool, bytes]:
    import lzma

    stream = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY)
    try:
        return stream.decompress(data, limit), stream.eof, stream.unused_data
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from error


def _zstd(data: bytes, limit: int) -> tuple[bytes, bool, bytes]:
    try:
        import zstandard
    except ImportError as missing:
        raise ValueError("the Python package zstandard is not installed; unpack it with zstd -d") from missing
    stream: Any = zstandard.ZstdDecompressor(max_window_size=MEMORY).decompressobj()
    found = bytearray()
    try:
        for start in range(0, len(data), _CHUNK):
            found += stream.decompress(data[start : start + _CHUNK])
            if stream.eof or len(found) >= limit:
                return bytes(found[:limit]), stream.eof, stream.unused_data or data[start + _CHUNK :]
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return bytes(found), False, b""


_INFLATE = {"zlib": _zlib, "gzip": _gzip, "xz": _xz, "zstd": _zstd}
