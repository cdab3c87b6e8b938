# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""bpf(2) as Python calls it: independent of the C core and of libbpf. What the kernel refuses is an OSError.

Numbers are those of linux/bpf.h.
"""

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NUMBERS = {"x86_64": 321, "aarch64": 280, "ppc64le": 361, "ppc64": 361, "s390x": 351}
MAP_CREATE, MAP_UPDATE, MAP_DELETE, PROG_LOAD = 0, 2, 3, 5
PROG_ATTACH, PROG_DETACH, PROG_QUERY, LINK_CREATE = 8, 9, 16, 28
SOCKMAP, SOCKHASH = 15, 18
LICENCE = b"GPL\0"
_libc = ctypes.CDLL(None, use_errno=True)


def call(command: int, attr: bytes) -> int:
    """Make the call; the kernel may write into what follows ``attr``."""
    return _call(command, ctypes.create_string_buffer(attr, 160), len(attr))


def _call(command: int, attr: "ctypes.Array[ctypes.c_char]", size: int) -> int:
    result = _libc.syscall(NUMBERS[platform.machine()], command, attr, size)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)


def load(kind: int, code: bytes, expected: int = 0) -> int:
    """Load a program, and return its file descriptor."""
    with suppress(ValueError, OSError):  # what programs are charged to before v5.11
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    instructions, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(LICENCE)
    # type, count, instructions, licence, log (3), kernel, flags, name, interface, expected attach type
    attr = struct.pack(
        "=IIQQIIQII16sII",
        *(kind, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(licence)),
        *(0, 0, 0, 0, 0, b"kprobe", 0, expected),
    )
    # A kernel that does not know the last of it takes it where it is zero.
    return call(PROG_LOAD, attr if expected else attr[:48])


def sockets(kind: int) -> int:
    """Make a map of sockets with room for one, and return its file descriptor."""
    return call(MAP_CREATE, struct.pack("=IIIII", kind, 4, 4, 1, 0))


def put(at: int, value: int) -> None:
    """Set the map's element 0."""
    key, data = ctypes.create_string_buffer(4), ctypes.create_string_buffer(struct.pack("=I", value), 4)
    call(MAP_UPDATE, struct.pack("=IIQQQ", at, 0, ctypes.addressof(key), ctypes.addressof(data), 0))


def take(at: int) -> None:
    """Delete the map's element 0."""
    key = ctypes.create_string_buffer(4)
    call(MAP_DELETE, struct.pack("=IIQ", at, 0, ctypes.addressof(key)))


@contextmanager
def attached(program: int, target: int, where: int) -> Iterator[None]:
    """Attach the program as it was done before there were links, and detach it."""
    attr = struct.pack("=IIII", target, program, where, 0)
    call(PROG_ATTACH, attr)
    try:
        yield
    finally:
        call(PROG_DETACH, attr)


@contextmanager
def linked(program: int, target: int, where: int, flags: int = 0) -> Iterator[None]:
    """Attach the program by a link, and close it."""
    link = call(LINK_CREATE, struct.pack("=IIII", program, target, where, flags))
    try:
        yield
    finally:
        os.close(link)


def count(target: int, where: int) -> int:
    """Return how many programs are attached there, by the kernel's list."""
    ids = (ctypes.c_uint32 * 16)()
    # target, type, flags (2), ids, count, and what newer kernels write behind
    attr = ctypes.create_string_buffer(struct.pack("=IIIIQII", target, where, 0, 0, ctypes.addressof(ids), 16, 0), 64)
    _call(PROG_QUERY, attr, 64)
    return int(struct.unpack_from("=I", attr, 24)[0])
