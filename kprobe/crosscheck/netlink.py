# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Netlink messages put together by hand, for what no program can say: independent of the C core, which has its own.

Numbers are those of the kernel's UAPI headers (linux/netlink.h, linux/netfilter/nfnetlink.h).
"""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

NETFILTER = 12
REQUEST, ACK, DUMP, EXCLUSIVE, CREATE, APPEND = 1, 4, 0x300, 0x200, 0x400, 0x800
ERROR, DONE = 2, 3
NESTED = 0x8000
TYPE_MASK = 0x3FFF
HEADER = struct.Struct("=IHHII")
SECONDS = 5
SIZE = 1 << 18


@dataclass(frozen=True)
class Attr:
    """An attribute: bytes, or attributes in their order."""

    kind: int
    value: "bytes | tuple[Attr, ...]"

    def packed(self) -> bytes:
        """As it goes over the wire."""
        nested = not isinstance(self.value, bytes)
        payload = self.value if isinstance(self.value, bytes) else b"".join(attr.packed() for attr in self.value)
        head = struct.pack("=HH", 4 + len(payload), self.kind | (NESTED if nested else 0))
        return head + payload + bytes(-len(payload) % 4)


def nest(kind: int, *attrs: Attr) -> Attr:
    """Attributes in an attribute."""
    return Attr(kind, attrs)


def text(kind: int, value: str) -> Attr:
    """Return a string with its NUL."""
    return Attr(kind, value.encode() + b"\0")


def be16(kind: int, value: int) -> Attr:
    """Return a number of 16 bits in network order."""
    return Attr(kind, struct.pack(">H", value))


def be32(kind: int, value: int) -> Attr:
    """Return a number of 32 bits in network order."""
    return Attr(kind, struct.pack(">I", value))


def u8(kind: int, value: int) -> Attr:
    """Return a byte."""
    return Attr(kind, bytes((value,)))


def attrs(data: bytes) -> tuple[Attr, ...]:
    """Attributes of a message; those whose flag says that they are nests, as nests."""
    found = []
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        value = data[4:size]
        found.append(Attr(kind & TYPE_MASK, attrs(value) if kind & NESTED else value))
        data = data[max(size + -size % 4, 4) :]
    return tuple(found)


def find(among: tuple[Attr, ...], *path: int) -> "bytes | tuple[Attr, ...] | None":
    """Return the value of an attribute, by the types on the way to it."""
    value: bytes | tuple[Attr, ...] | None = among
    for kind in path:
        if value is None:
            return None
        below = attrs(value) if isinstance(value, bytes) else value
        value = next((attr.value for attr in below if attr.kind == kind), None)
    return value


def has(shown: "bytes | tuple[Attr, ...]", wanted: "bytes | tuple[Attr, ...]") -> bool:
    """Tell whether all that is wanted is in what is shown: of a list, as many and in that order."""
    if isinstance(wanted, bytes):
        return shown == wanted
    below = attrs(shown) if isinstance(shown, bytes) else shown
    if len({attr.kind for attr in wanted}) < len(wanted):
        return len(below) == len(wanted) and all(map(_same, below, wanted))
    return all(any(_same(there, attr) for there in below) for attr in wanted)


def _same(shown: Attr, wanted: Attr) -> bool:
    return shown.kind == wanted.kind and has(shown.value, wanted.value)


@dataclass(frozen=True)
class Reply:
    """A message that came back: its type, and what stands behind the header."""

    kind: int
    body: bytes


class Talk:
    """A netlink socket. What the kernel refuses is an OSError."""

    def __init__(self, protocol: int = NETFILTER) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.settimeout(SECONDS)
        self.socket.bind((0, 0))
        self.sequence = 0
        self.awaited = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def message(self, kind: int, flags: int, body: bytes) -> bytes:
        """Return a message with the next sequence number."""
        self.sequence += 1
        if flags & (ACK | DUMP):
            self.awaited = self.sequence
        return HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, self.sequence, 0) + body

    def send(self, *messages: bytes) -> None:
        """Send them at once."""
        self.socket.send(b"".join(messages))

    def ask(self, *messages: bytes) -> list[Reply]:
        """Send, and return what came back up to the end of what the last ACK or DUMP asked for."""
        self.send(*messages)
        found = []
        for kind, sequence, body in self._received():
            if kind == ERROR:
                code = -struct.unpack_from("=i", body)[0]
                if code:
                    raise OSError(code, os.strerror(code))
            elif kind != DONE:
                found.append(Reply(kind, body))
            if kind in (ERROR, DONE) and sequence == self.awaited:
                return found
        raise AssertionError

    def _received(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            data = self.socket.recv(SIZE)
            while len(data) >= HEADER.size:
                size, kind, _, sequence, _ = HEADER.unpack_from(data)
                yield kind, sequence, data[HEADER.size : size]
                data = data[max(size + -size % 4, HEADER.size) :]


def netfilter(family: int, *among: Attr, resource: int = 0) -> bytes:
    """Return the body of a message of nfnetlink: its own header, and attributes."""
    return struct.pack(">BBH", family, 0, resource) + b"".join(attr.packed() for attr in among)
