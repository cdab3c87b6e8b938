# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A cgroup of one's own, for as long as it is needed: what is left of it after a crash, kprobe's next run removes."""

import ctypes
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .model import asking

CLONE_NEWCGROUP = 0x02000000
ATTEMPTS = 5
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_libc, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def own() -> str:
    """Return where this process is, below the root of its cgroup namespace; nothing where there is no cgroup2."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")


def _mounted() -> tuple[Path, Path]:
    """Where cgroup2 is mounted, and this process's cgroup there."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split(" ")
        if kind == "cgroup2" and own():
            root = Path(place)
            return root, root / own().lstrip("/")
    # Only in a mount namespace of our own, which an oracle has. In a cgroup namespace, so that the mount's options are
    # not those of the machine.
    _call("unshare", CLONE_NEWCGROUP)
    _call("mount", b"kprobe", b"/tmp", b"cgroup2", 0, None)
    return Path("/tmp"), Path("/tmp")  # noqa: S108 - a mount of our own


def _new(root: Path) -> Path:
    """Make a cgroup and enter it. While it is empty another kprobe may take it for one that was left, and remove it."""
    for attempt in range(ATTEMPTS):
        # Above every process id: in a process namespace of one's own, other processes have the same.
        place = root / f"kprobe.{(1 << 32) + secrets.randbits(32)}"
        place.mkdir()
        try:
            (place / "cgroup.procs").write_text("0")
        except OSError as error:
            with suppress(FileNotFoundError):
                place.rmdir()
            if error.errno not in (errno.ENOENT, errno.ENODEV) or attempt == ATTEMPTS - 1:
                raise
        else:
            return place
    raise AssertionError(ATTEMPTS)


@contextmanager
def entered() -> Iterator[tuple[int, str]]:
    """Be in a new cgroup, of which the directory's file descriptor and the name are returned."""
    with asking():
        root, home = _mounted()
    place = _new(root)
    try:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield directory, place.name
        finally:
            os.close(directory)
            (home / "cgroup.procs").write_text("0")
    finally:
        place.rmdir()
