# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Builds ``kprobe._core`` (cffi, API mode, abi3) from kprobe.h and every C file here but the collector's own."""

import re
import tomllib
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ONLY_COLLECTOR = {"main.c", "table.c", "unpack.c"}
ONLY_TESTS = {"selftest.c"}


def version() -> str:
    """The version literal, which lives in pyproject.toml alone."""
    with (ROOT / "pyproject.toml").open("rb") as f:
        return str(tomllib.load(f)["project"]["version"])


def sources() -> list[str]:
    found = sorted([*HERE.glob("*.c"), *HERE.glob("probes/*.c")])
    return [str(p.relative_to(ROOT)) for p in found if p.name not in ONLY_COLLECTOR | ONLY_TESTS]


def declarations() -> str:
    """kprobe.h without its comments: cffi knows C, not SPDX lines."""
    return re.sub(r"/\*.*?\*/", "", (HERE / "kprobe.h").read_text(), flags=re.DOTALL)


ffi = FFI()
ffi.cdef(declarations())
ffi.set_source(
    "kprobe._core",
    '#include "kprobe.h"',
    sources=sources(),
    include_dirs=["csrc"],
    define_macros=[("_GNU_SOURCE", None), ("KP_VERSION", f'"{version()}"')],
    extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden"],
    py_limited_api=True,
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
