# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Runs the C core and hands its NDJSON on, line by line, as it is written. The only importer of ``kprobe._core``."""

import errno
import os
import threading
from collections.abc import Callable, Generator
from typing import Literal

from kprobe.errors import InputError
from kprobe.evidence import lines_of

try:
    from kprobe._core import ffi, lib
except ImportError as missing:
    raise InputError(
        f"the C core cannot be loaded ({missing})", "kprobe._core", "build it (`make build`) or use kprobe-collect"
    ) from missing

Unload = Literal["none", "safe", "all"]


def flags(
    *,
    no_autoload: bool = False,
    intrusive: bool = False,
    full_size: bool = False,
    no_flows: bool = False,
    unload: Unload = "safe",
) -> int:
    """Return the flags of kp_collect() and kp_plan(). To unload what is safe to unload is the core's default."""
    switches = {
        lib.KP_NO_AUTOLOAD: no_autoload,
        lib.KP_INTRUSIVE: intrusive,
        lib.KP_FULL_SIZE: full_size,
        lib.KP_NO_FLOWS: no_flows,
    }
    unloading = {"none": lib.KP_UNLOAD_NONE, "safe": 0, "all": lib.KP_UNLOAD_ALL}[unload]
    return unloading | sum(flag for flag, wanted in switches.items() if wanted)


def collect(select: str = "", flags: int = 0, deadline_ms: int = 0) -> Generator[bytes]:
    """Ask the kernel; yields the evidence. ``select``: globs over ids, parted by blanks; deadline 0: the default."""
    return _stream(lambda fd: lib.kp_collect(fd, os.fsencode(select), flags, deadline_ms), select)


def catalogue(select: str = "") -> Generator[bytes]:
    """Yield the rows that this core knows. Asks the kernel for nothing."""
    return _stream(lambda fd: lib.kp_list(fd, os.fsencode(select)), select)


def plan(select: str = "", flags: int = 0) -> Generator[bytes]:
    """Yield the rows that a run would ask, and what each may load. Asks the kernel for nothing."""
    return _stream(lambda fd: lib.kp_plan(fd, os.fsencode(select), flags), select)


def version() -> str:
    """Return the version that the C core was built as."""
    return ffi.string(lib.kp_version()).decode()


def _stream(call: Callable[[int], int], select: str) -> Generator[bytes]:
    """Run ``call`` on the write end of a pipe, in a thread, and yield lines from the read end.

    Who stops reading (Ctrl-C, a full disk) closes the read end: the core's next write fails, it cleans up and returns.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    answer: list[int] = []

    def work() -> None:
        try:
            answer.append(call(writer))
        finally:
            os.close(writer)

    # A daemon, so that a second Ctrl-C can leave even while the core waits for a deadline.
    thread = threading.Thread(target=work, name="kprobe-core", daemon=True)
    thread.start()
    try:
        with os.fdopen(reader, "rb") as stream:
            yield from lines_of(stream)
    finally:
        thread.join()
    if answer != [0]:
        raise _failure(-answer[0] if answer else errno.EIO, select)


def _failure(code: int, select: str) -> InputError:
    if code == errno.EINVAL:
        return InputError("a glob that no row matches", f"--select {select}", "`kprobe probes` lists the ids")
    return InputError(
        os.strerror(code), "collector", "nothing was judged; what was collected before stands in --output"
    )
