# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Write archives that the kernel unpacks as its first root file system (cpio, "newc")."""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

ALIGN = 512  # archives are concatenated; the kernel skips the zeros between them


@dataclass(frozen=True)
class Entry:
    """A regular file, or a symbolic link when `link` is set."""

    path: str
    data: bytes = b""
    mode: int = 0o644
    link: str = ""


def write(out: BinaryIO, entries: Iterable[Entry]) -> None:
    """Write the entries, each after the folders it lies in, owned by root."""
    folders: set[str] = set()
    size = 0
    for number, entry in enumerate(entries, 1):
        path = entry.path.strip("/")
        for parent in list(PurePosixPath(path).parents)[-2::-1]:
            if str(parent) not in folders:
                folders.add(str(parent))
                size += _member(out, str(parent), stat.S_IFDIR | 0o755, b"", 0)
        if entry.link:
            size += _member(out, path, stat.S_IFLNK | 0o777, entry.link.encode(), number)
        else:
            size += _member(out, path, stat.S_IFREG | entry.mode, entry.data, number)
    size += _member(out, "TRAILER!!!", 0, b"", 0)
    out.write(bytes(-size % ALIGN))


def read(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The regular files of archives that stand one behind the other."""
    at = 0
    while (at := _skip(data, at)) < len(data):
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + length - 1].decode()
        at += -(-(110 + length) // 4) * 4
        if stat.S_ISREG(mode):
            yield name.removeprefix("./"), data[at : at + size]
        at += -(-size // 4) * 4


def _skip(data: bytes, at: int) -> int:
    """Go over the zeros between archives."""
    while at < len(data) and data[at] == 0:
        at += 1
    return at


def _member(out: BinaryIO, path: str, mode: int, data: bytes, inode: int) -> int:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
    head += bytes(-len(head) % 4)
    body = data + bytes(-len(data) % 4)
    out.write(head)
    out.write(body)
    return len(head) + len(body)
