# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A BPF program as an object file, which is what programs want of it: without a compiler, and without a file's path.

An ELF file of this machine's byte order with one program in one section, whose name says its type, and a licence.
Numbers are those of elf.h and of linux/bpf.h.
"""

import base64
import struct
import sys

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB = 1, 2, 3
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
ET_REL, EM_BPF = 1, 247
GLOBAL_FUNCTION = 1 << 4 | 2
PROGRAM, LICENCE, SYMBOLS, STRINGS = 1, 2, 3, 4
NAME = "kprobe"


def program(returns: int) -> bytes:
    """Return the instructions ``r0 = N; exit``."""
    return struct.pack("=BBhi", 0xB7, 0, 0, returns) + struct.pack("=BBhi", 0x95, 0, 0, 0)


def file(section: str, code: bytes) -> bytes:
    """Return the object file."""
    strings = b"\0"
    at: dict[str, int] = {}
    for name in (section, "license", ".symtab", ".strtab", NAME):
        at[name] = len(strings)
        strings += name.encode() + b"\0"
    symbol = struct.pack("=IBBHQQ", at[NAME], GLOBAL_FUNCTION, 0, PROGRAM, 0, len(code))
    contents = (code, b"GPL\0", bytes(24) + symbol, strings)
    offsets, body = [], b""
    for content in contents:
        body += bytes(-len(body) % 8)
        offsets.append(64 + len(body))
        body += content
    body += bytes(-len(body) % 8)
    kinds = (
        (at[section], SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0, 0, 0),
        (at["license"], SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 0, 0, 0),
        (at[".symtab"], SHT_SYMTAB, 0, STRINGS, 1, 24),
        (at[".strtab"], SHT_STRTAB, 0, 0, 0, 0),
    )
    sections = bytes(64)
    for (named, kind, flags, link, info, size), offset, content in zip(kinds, offsets, contents, strict=True):
        sections += struct.pack("=IIQQQQIIQQ", named, kind, flags, 0, offset, len(content), link, info, 8, size)
    order = 1 if sys.byteorder == "little" else 2
    ident = b"\x7fELF" + bytes((2, order, 1)) + bytes(9)
    head = struct.pack("=HHIQQQIHHHHHH", ET_REL, EM_BPF, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, 5, STRINGS)
    return ident + head + body + sections


def text(section: str, returns: int) -> str:
    """Return the file as base64, for a shell."""
    return base64.b64encode(file(section, program(returns))).decode()
