# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Build the guest's helper program, static, for the guest's architecture."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from .catalogue import HERE
from .store import cache, locked

TARGETS = {
    "amd64": "x86_64-linux-musl",
    "arm64": "aarch64-linux-musl",
    "ppc64el": "powerpc64le-linux-musl",
    "s390x": "s390x-linux-musl",
}
SOURCE = HERE / "guest" / "mkdev.c"


def mkdev(arch: str) -> Path:
    """The helper for this architecture, built once for each version of its source."""
    stamp = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    program = cache() / f"mkdev-{arch}-{stamp}"
    program.parent.mkdir(parents=True, exist_ok=True)
    with locked(program.parent / "lock"):
        if not program.exists():
            fresh = program.with_suffix(".new")
            flags = ["-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", str(SOURCE), "-o", str(fresh)]
            subprocess.run([*_compiler(arch), *flags], check=True, timeout=300)
            fresh.replace(program)
    return program


def _compiler(arch: str) -> list[str]:
    """Zig's cc as for the collector; the machine's own compiler where zig is not installed."""
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[arch]]
    if arch != "amd64":
        raise RuntimeError(f"no compiler for {arch} without ziglang: run `make build`")
    return ["cc"]
