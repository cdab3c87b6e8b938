# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Runs something in a throw-away place: network, mount and process namespaces, with a limit of time.

The process namespace is what leaves nothing: with its first process all others die, whatever they made of themselves,
and that first process dies with us (PR_SET_PDEATHSIG). The mounts are slaves, never private: what the host unmounts
must not stay pinned by us. Only for a process without threads: it forks.
"""

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 2, 4, 8, 0x4000, 0x80000
PR_SET_PDEATHSIG = 1
BYTES = 1 << 20
"""What is kept of what was said."""
DYING = 5
"""Seconds for what was killed to be gone; it is waited for no longer."""
NO_PLACE = 125
TIMEOUT = 124

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_libc, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def die_with_parent() -> None:
    """Ask for SIGKILL at the parent's death."""
    _call("prctl", PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def run(what: Callable[[], int], seconds: float, *, own_net: bool = True) -> tuple[int, bytes]:
    """Call the function in its own place, and return its exit status and what was written to stdout and stderr.

    TIMEOUT when it took longer, 128 + a signal that ended it, NO_PLACE (and why) where the place cannot be made.
    """
    mine, theirs = os.pipe()
    holder = os.fork()
    if holder == 0:
        _exit_with(lambda: _hold(lambda: _work(what, own_net), theirs, mine))
    os.close(theirs)
    said, in_time = _read(mine, time.monotonic() + seconds)
    if not in_time:
        os.kill(holder, signal.SIGKILL)
        _read(mine, time.monotonic() + DYING)
    os.close(mine)
    status = os.waitstatus_to_exitcode(os.waitpid(holder, 0)[1])
    return (status if in_time else TIMEOUT), said


def _read(fd: int, until: float) -> tuple[bytes, bool]:
    """Read to the end, which is where the last process of the place is gone."""
    said = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            piece = os.read(fd, BYTES)
            if not piece:
                return said, True
            said = (said + piece)[:BYTES]
    return said, False


def _hold(work: Callable[[], int], out: int, other: int) -> int:
    """Be the parent of the process namespace: the place dies with this process, and this one with its parent."""
    die_with_parent()
    os.close(other)
    null = os.open(os.devnull, os.O_RDONLY)
    for fd, to in ((null, 0), (out, 1), (out, 2)):
        os.dup2(fd, to)
    os.closerange(3, 1 << 16)
    _call("unshare", CLONE_NEWNS | CLONE_NEWPID)
    _call("mount", b"none", b"/", None, MS_REC | MS_SLAVE, None)
    first = os.fork()
    if first == 0:
        _exit_with(lambda: _first(work))
    return _status(first)


def _first(work: Callable[[], int]) -> int:
    """Be process 1, which no signal of its own kind ends: another one does the work."""
    die_with_parent()
    _call("mount", b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    worker = os.fork()
    if worker == 0:
        _exit_with(work)
    return _status(worker)


def _work(what: Callable[[], int], own_net: bool) -> int:
    if own_net:
        _call("unshare", CLONE_NEWNET)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return what()


def _status(pid: int) -> int:
    """Wait for the process, reaping all others; 128 + a signal that ended it."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _exit_with(function: Callable[[], int]) -> None:
    code = NO_PLACE
    try:
        code = function()
    except OSError as error:
        with suppress(OSError):
            os.write(2, f"{error.strerror or error}\n".encode())
    finally:
        os._exit(code)
