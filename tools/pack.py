# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Pack a static collector: its largest segment of constants goes gzip-compressed into a segment of its own.

    pack.py COLLECTOR TO OBJECT…

The program's first instructions put it back (csrc/unpack.c); the objects that they are in are named behind, and may
have no constants. What is left of the segment in the file is its head: the kernel fills the rest with zeroes, as it
does for .bss (load_elf_binary() in fs/binfmt_elf.c, for any segment). zopfli, so that every machine makes the same
bytes.
"""

import itertools
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import zopfli.gzip

PT_LOAD, PT_GNU_STACK = 1, 0x6474E551
PF_X, PF_W, PF_R = 1, 2, 4
PACKED = 0x6B7061636B  # csrc/unpack.c: PACKED_SEGMENT
DAMAGED = b"kprobe-collect: this copy of me is damaged (its checksum is wrong): copy it here again\n"
SHF_ALLOC, SHF_EXECINSTR = 2, 4
EHDR, PHDR, SHDR = "16sHHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ"


@dataclass(frozen=True)
class Segment:
    """A program header, and the bytes that the file has of it."""

    type: int
    flags: int
    vaddr: int
    memsz: int
    align: int
    content: bytes
    paddr: int = 0

    @property
    def loads(self) -> bool:
        """Whether it is mapped."""
        return self.type == PT_LOAD


def pack(elf: bytes) -> bytes:
    """Return the packed form of a static ELF64 program for a fixed address. Raises ValueError for any other."""
    if elf[:5] != b"\x7fELF\x02":
        raise ValueError("not a 64-bit ELF program")
    order = "<" if elf[5] == 1 else ">"
    head = list(struct.unpack_from(order + EHDR, elf))
    kept = [s for s in _segments(elf, order, head) if s.loads or s.type == PT_GNU_STACK]
    loads = sorted((s for s in kept if s.loads), key=lambda s: s.vaddr)
    if head[1] != 2 or not loads or loads[0].content[:4] != elf[:4]:
        raise ValueError("not a program for a fixed address whose first segment has its headers")
    if any(s.paddr == PACKED for s in loads):
        raise ValueError("packed already")
    headers = struct.calcsize(order + EHDR) + (len(kept) + 1) * struct.calcsize(order + PHDR)
    large = max((s for s in loads if not s.flags & PF_X), key=lambda s: len(s.content))
    stays = -(-(headers if large is loads[0] else 1) // 16) * 16
    end = max(s.vaddr + s.memsz for s in loads)
    blob = Segment(
        PT_LOAD, PF_R, -(-end // large.align) * large.align, 0, large.align, _blob(large, stays, order), PACKED
    )
    blob = replace(blob, memsz=len(blob.content))
    rest = replace(large, flags=large.flags | PF_W, content=large.content[:stays])
    return _written(order, head, [*(rest if s is large else s for s in loads), blob], [s for s in kept if not s.loads])


def _segments(elf: bytes, order: str, head: list[int]) -> list[Segment]:
    size = struct.calcsize(order + PHDR)
    found = []
    for i in range(head[10]):
        kind, flags, at, vaddr, paddr, length, memsz, align = struct.unpack_from(order + PHDR, elf, head[5] + i * size)
        mark = paddr if paddr == PACKED else 0
        found.append(Segment(kind, flags, vaddr, memsz, align, elf[at : at + length], mark))
    return found


def _blob(large: Segment, stays: int, order: str) -> bytes:
    """`struct packed` of csrc/unpack.c, and the gzip member."""
    content = large.content[stays:]
    member: bytes = zopfli.gzip.compress(content, numiterations=5)
    # mprotect(2) takes whole pages, of whatever size the kernel has, and rounds the length up itself.
    kept = 0 if large.flags & PF_W or large.vaddr % large.align else large.memsz
    fields = struct.pack(order + "QQQQQ", large.vaddr + stays, len(content), large.vaddr, kept, len(member))
    return fields + DAMAGED.ljust(88) + member


def _written(order: str, head: list[int], loads: list[Segment], others: list[Segment]) -> bytes:
    """Lay segments where their addresses ask for within a page, in the order that leaves the least room between."""
    first, rest = loads[0], loads[1:]
    at, places = min(
        (_places(list(p), len(first.content)) for p in itertools.permutations(rest)), key=lambda found: found[0]
    )
    *_, last = sorted(rest, key=lambda s: s.vaddr)
    assert last.paddr == PACKED
    moved = places[id(last)] % last.align
    out = bytearray(at)
    table = b""
    for s in [*loads, *others]:
        offset = places.get(id(s), 0)
        vaddr = s.vaddr + moved if s is last else s.vaddr
        out[offset : offset + len(s.content)] = s.content
        mark = s.paddr or vaddr
        table += struct.pack(order + PHDR, s.type, s.flags, offset, vaddr, mark, len(s.content), s.memsz, s.align)
    head[5:7] = struct.calcsize(order + EHDR), 0
    head[10:14] = len(loads) + len(others), 0, 0, 0  # no section headers
    header = struct.pack(order + EHDR, *head) + table
    out[: len(header)] = header
    return bytes(out)


def _places(rest: list[Segment], at: int) -> tuple[int, dict[int, int]]:
    """Where the file ends, and where each segment lies, by its id()."""
    places = {}
    for s in rest:
        at += 0 if s.paddr == PACKED else (s.vaddr - at) % s.align
        at = -(-at // 8) * 8 if s.paddr == PACKED else at
        places[id(s)] = at
        at += len(s.content)
    return at, places


def constants(elf: bytes) -> list[str]:
    """Name the sections of an object that take memory and are no code: they would still be packed when it runs."""
    order = "<" if elf[5] == 1 else ">"
    head = struct.unpack_from(order + EHDR, elf)
    sections = [struct.unpack_from(order + SHDR, elf, head[6] + i * head[11]) for i in range(head[12])]
    names = elf[sections[head[13]][4] :]
    found = [s for s in sections if s[2] & SHF_ALLOC and not s[2] & SHF_EXECINSTR and s[5]]
    return [names[s[0] :].split(b"\0", 1)[0].decode() for s in found]


def main(source: Path, to: Path, early: list[Path]) -> int:
    """Write the packed program. Returns the exit status."""
    for path in early:
        if found := constants(path.read_bytes()):
            print(f"{path}: runs before the constants are there, and has some: {', '.join(found)}", file=sys.stderr)
            return 1
    try:
        to.write_bytes(pack(source.read_bytes()))
    except ValueError as error:
        print(f"{source}: {error}", file=sys.stderr)
        return 1
    to.chmod(0o755)
    return 0


if __name__ == "__main__":
    program, packed, *objects = map(Path, sys.argv[1:])
    sys.exit(main(program, packed, objects))
