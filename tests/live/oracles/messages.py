# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Messages of nf_tables on their way into the kernel, from strace, in a form that can be compared."""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprobe.crosscheck.netlink import HEADER, Attr, attrs

# A file for each process (-ff): the dump of a call stands behind it, and not behind that of another process.
TRACE = (
    *("strace", "-ff", "-qq", "-e", "signal=none"),
    *("-e", "trace=sendto,sendmsg,write", "-e", "write=all"),
)
CALL = re.compile(r"^(\w+)\((\d+),")
DUMP = re.compile(r"^ \| [0-9a-f]{5,}  ((?:[0-9a-f]{2} {1,2}){1,16})")
SUBSYSTEM = 10
CHAIN, RULE, SET, ELEMENTS, OBJECT, FLOWTABLE = 3, 6, 9, 12, 18, 22

# What one of the two says and the other leaves out, and that says nothing: by expression and attribute, the value
# that the kernel takes where the attribute is missing.
WITHOUT_SAYING = {
    ("bitwise", 6): bytes(4),  # mask and xor
    ("counter", 1): bytes(8),
    ("counter", 2): bytes(8),
    ("limit", 4): bytes(4),  # packets
    ("limit", 5): bytes(4),  # no flags
    ("reject", 2): bytes(1),  # a code, which a reset has not
    ("exthdr", 5): bytes(4),
    ("exthdr", 6): bytes(4),  # IPv6's
    ("payload", 6): bytes(4),  # no checksum
    ("payload", 7): bytes(4),
    ("quota", 4): bytes(8),  # nothing consumed yet
    ("hash", 6): bytes(4),  # no offset
    ("socket", 3): bytes(4),  # a level, which only cgroupv2 has
    ("osf", 2): bytes(1),  # any TTL
}
# The number of a set within its transaction: it is named as well.
NUMBER_OF_SET = {("lookup", 4), ("dynset", 2), ("objref", 5)}
COMMENT_OF_SET = 7

Form = Any
"""Nested tuples."""


@dataclass(frozen=True)
class Call:
    """A system call and the bytes that it handed over."""

    name: str
    fd: int
    data: bytes


@dataclass(frozen=True)
class Message:
    """A message that makes something."""

    kind: int
    family: int
    attrs: tuple[Attr, ...]


def calls(prefix: Path) -> Iterator[Call]:
    """The calls of all processes of a trace, by the processes' numbers."""
    for file in sorted(prefix.parent.glob(f"{prefix.name}.*"), key=lambda path: int(path.suffix[1:])):
        yield from _calls(file.read_text().splitlines())


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    name, fd, data = "", -1, b""
    for line in lines:
        dumped = DUMP.match(line)
        made = CALL.match(line)
        if dumped:
            data += bytes.fromhex(dumped.group(1))
        elif made:
            if name:
                yield Call(name, fd, data)
            name, fd, data = made.group(1), int(made.group(2)), b""
    if name:
        yield Call(name, fd, data)


def messages(data: bytes) -> Iterator[Message]:
    """Messages of nf_tables that make something in a table."""
    while len(data) >= HEADER.size:
        size, kind, _, _, _ = HEADER.unpack_from(data)
        if kind >> 8 == SUBSYSTEM and kind & 0xFF in (CHAIN, RULE, SET, ELEMENTS, OBJECT, FLOWTABLE):
            yield Message(kind & 0xFF, data[16], attrs(data[20:size]))
        data = data[max(size + -size % 4, HEADER.size) :]


def form(message: Message) -> Form:
    """What the message says: without the name of the table, and in an order of attributes that is always the same."""
    parts: list[Form] = []
    for attr in message.attrs[1:]:
        match message.kind, attr.kind:
            case (9, 10) | (12, 4):  # the number of a set within its transaction
                continue
            case 9, 13:  # of what nft notes for itself, the comment alone
                if comment := _comment(attr.value):
                    parts.append((13, comment))
            case 9, 17:
                parts.append((17, _expression(attr)))
            case 12, 3:
                parts.append((3, tuple(sorted(filter(None, map(_element, _below(attr)))))))
            case 22, 7 if attr.value == bytes(4):  # no flags
                continue
            case 6, 4:
                parts.append((4, tuple(map(_expression, _below(attr)))))
            case 18, 4:
                parts.append((4, _attributes(OBJECTS.get(_kind(message), ""), _below(attr))))
            case _:
                parts.append(_attr(attr))
    return message.kind, message.family, tuple(sorted(parts, key=lambda part: part[0]))


OBJECTS = {1: "counter", 2: "quota", 3: "ct helper", 4: "limit"}
"""Those whose data are those of an expression."""


def _kind(message: Message) -> int:
    (value,) = (attr.value for attr in message.attrs if attr.kind == 3)
    assert isinstance(value, bytes)
    return int(struct.unpack(">I", value)[0])


def _below(attr: Attr) -> tuple[Attr, ...]:
    assert not isinstance(attr.value, bytes)
    return attr.value


def _attr(attr: Attr) -> Form:
    if isinstance(attr.value, bytes):
        return attr.kind, attr.value
    return attr.kind, tuple(sorted(map(_attr, attr.value), key=lambda part: part[0]))


def _expression(attr: Attr) -> Form:
    (name,) = (part.value for part in _below(attr) if part.kind == 1)
    assert isinstance(name, bytes)
    text = name.rstrip(b"\0").decode()
    return text, _attributes(text, [inner for part in _below(attr) if part.kind == 2 for inner in _below(part)])


def _attributes(name: str, among: Iterable[Attr]) -> Form:
    said = []
    for attr in among:
        at = (name, attr.kind)
        if at in NUMBER_OF_SET or WITHOUT_SAYING.get(at) == attr.value:
            continue
        if at in NAMES and isinstance(attr.value, bytes):
            said.append((attr.kind, attr.value.rstrip(b"\0")))
        else:
            said.append(_attr(attr))
    return tuple(sorted(said, key=lambda part: part[0]))


NAMES = {("objref", 2), ("objref", 4), ("ct helper", 1)}
"""Texts that nft sends without the NUL at their end: the kernel takes them with and without."""


def _element(attr: Attr) -> Form:
    """Nothing for where nft begins an interval set: the end of nothing, at zero."""
    parts = dict(map(_attr, _below(attr)))
    if parts.get(3) == struct.pack(">I", 1) and not any(parts[1][0][1]):
        return ()
    return tuple(sorted(parts.items()))


def _comment(noted: "bytes | tuple[Attr, ...]") -> bytes:
    assert isinstance(noted, bytes)
    while len(noted) >= 2:
        kind, size = noted[0], noted[1]
        if kind == COMMENT_OF_SET:
            return noted[2 : 2 + size]
        noted = noted[2 + size :]
    return b""
