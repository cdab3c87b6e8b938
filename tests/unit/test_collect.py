# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The way from the C core to lines, with a synthetic core that writes to the file descriptor as the real one does."""

import errno
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from kprobe.errors import InputError


class Core:
    """Answers like kp_collect(): 0, or -errno of what went wrong."""

    KP_NO_AUTOLOAD, KP_INTRUSIVE, KP_UNLOAD_NONE, KP_UNLOAD_ALL, KP_FULL_SIZE = 1, 2, 4, 8, 16
    KP_NO_FLOWS = 32

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.go_on = threading.Event()
        self.returned = threading.Event()

    def kp_collect(self, fd: int, select: bytes, flags: int, deadline_ms: int) -> int:
        self.asked.append((select, flags, deadline_ms))
        try:
            if select == b"nothing.*":
                return -errno.EINVAL
            os.write(fd, b'{"first":1}\n{"seco')
            if select == b"slow":
                self.go_on.wait(5)
            os.write(fd, b'nd":2}\n{"torn')
        except BrokenPipeError:
            return -errno.EPIPE
        finally:
            self.returned.set()
        return -errno.EIO if select == b"broken" else 0

    def kp_list(self, fd: int, select: bytes) -> int:
        return self.kp_collect(fd, select, 0, 0)

    def kp_plan(self, fd: int, select: bytes, flags: int) -> int:
        return self.kp_collect(fd, select, flags, 0)

    def kp_version(self) -> bytes:
        return b"0.1.0"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the next import of kprobe.collect a new one, and this test's alone."""
    monkeypatch.delitem(sys.modules, "kprobe.collect", raising=False)
    monkeypatch.delattr("kprobe.collect", raising=False)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    fake = ModuleType("kprobe._core")
    lib = Core()
    vars(fake).update(lib=lib, ffi=SimpleNamespace(string=bytes))
    monkeypatch.setitem(sys.modules, "kprobe._core", fake)
    forget(monkeypatch)
    before = set(Path("/proc/self/fd").iterdir())
    yield lib
    forget(monkeypatch)  # the module that was imported here; monkeypatch then brings back what was before
    assert set(Path("/proc/self/fd").iterdir()) == before
    assert all(thread.name != "kprobe-core" for thread in threading.enumerate())


def test_lines_and_what_is_asked(core: Core) -> None:
    from kprobe import collect

    lines = [b'{"first":1}\n', b'{"second":2}\n', b'{"torn']
    flags = collect.flags(no_autoload=True, intrusive=True, full_size=True, unload="all")
    assert list(collect.collect("link.* !link.ifb", flags, 100)) == lines
    assert list(collect.catalogue()) == lines
    assert list(collect.plan("a.*", collect.flags())) == lines
    assert core.asked == [(b"link.* !link.ifb", 27, 100), (b"", 0, 0), (b"a.*", 0, 0)]
    assert collect.version() == "0.1.0"


def test_lines_come_while_the_core_runs(core: Core) -> None:
    from kprobe import collect

    lines = collect.collect("slow")
    assert next(lines) == b'{"first":1}\n'
    assert not core.returned.is_set()
    core.go_on.set()
    assert len(list(lines)) == 2


def test_who_stops_reading_stops_the_core(core: Core) -> None:
    from kprobe import collect

    lines = collect.collect("slow")
    next(lines)
    threading.Timer(0.05, core.go_on.set).start()
    lines.close()
    assert core.returned.is_set()


def test_failures(core: Core) -> None:
    from kprobe import collect

    with pytest.raises(InputError, match=r"--select nothing\.\*: a glob that no row matches; `kprobe probes`"):
        list(collect.collect("nothing.*"))
    with pytest.raises(InputError, match="Input/output error"):
        list(collect.collect("broken"))
    assert len(core.asked) == 2


def test_without_the_core_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kprobe._core", None)
    forget(monkeypatch)
    with pytest.raises(InputError, match="make build"):
        importlib.import_module("kprobe.collect")
