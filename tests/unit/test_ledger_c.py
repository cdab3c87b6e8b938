# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What the module ledger reads in /proc/modules: a module whose init function still runs is not there yet."""

import os
from pathlib import Path
from typing import Any

import cffi
import pytest

from tests.unit.clib import CSRC, build

SHIM = """
#include "run.h"
_Bool loading(int fd, const char *modules, char *name, size_t size);
_Bool loading(int fd, const char *modules, char *name, size_t size)
{
    struct kp_ledger l = { .fd = fd };

    return kp_ledger_loading(&l, modules, name, size);
}
"""
# The file's format: kernel/module/procfs.c, m_show().
MODULES = """\
nf_queue_x 16384 0 - Loading 0x0000000000000000
nfnetlink_queue 53248 0 - Loading 0x000003ff80a5d000
nfnetlink 20480 3 nfnetlink_queue,nf_tables, Live 0x000003ff80a4a000
ip_set 65536 1 xt_set, Unloading 0x000003ff80a3a000 (E)
"""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    place = tmp_path_factory.mktemp("ledger")
    (place / "shim.c").write_text(SHIM)
    ffi = cffi.FFI()
    ffi.cdef("_Bool loading(int fd, const char *modules, char *name, size_t size);")
    sources = [place / "shim.c", CSRC / "ledger.c", CSRC / "str.c"]
    # What unloads and writes is not called here, so its symbols may be missing.
    flags = ["-shared", "-fPIC", "-D_GNU_SOURCE", "-Wl,-z,lazy"]
    return ffi, ffi.dlopen(str(build(place / "ledger.so", sources, flags)), ffi.RTLD_LAZY)


def loading(core: tuple[Any, Any], path: Path, modules: str) -> str | None:
    ffi, lib = core
    path.write_text(MODULES)
    name = ffi.new("char[]", 64)
    fd = os.open(path, os.O_RDONLY)
    try:
        found = lib.loading(fd, modules.encode(), name, 64)
    finally:
        os.close(fd)
    return ffi.string(name).decode() if found else None


@pytest.mark.parametrize(
    ("modules", "found"),
    [
        ("nfnetlink nfnetlink_queue", "nfnetlink_queue"),
        ("xt_queue|nfnetlink_queue|other", "nfnetlink_queue"),
        ("nfnetlink", None),
        ("nf_queue", None),
        ("ip_set xt_set", None),
        ("", None),
    ],
)
def test_a_module_that_still_starts_is_found(
    core: tuple[Any, Any], tmp_path: Path, modules: str, found: str | None
) -> None:
    assert loading(core, tmp_path / "modules", modules) == found


def test_without_a_list_nothing_loads(core: tuple[Any, Any]) -> None:
    ffi, lib = core
    assert not lib.loading(-1, b"nfnetlink_queue", ffi.new("char[]", 64), 64)
