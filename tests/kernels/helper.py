# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Build the guest's helper programs, static, for the guest's architecture."""

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
    "armhf": "arm-linux-musleabihf",
    "i386": "x86-linux-musl",
    "ppc64el": "powerpc64le-linux-musl",
    "riscv64": "riscv64-linux-musl",
    "s390x": "s390x-linux-musl",
}


def mkdev(arch: str) -> Path:
    """The program that makes links, tables and sets."""
    return _built("mkdev", arch)


def confine(arch: str) -> Path:
    """The program that runs another with less than root has."""
    return _built("confine", arch)


def _built(name: str, arch: str) -> Path:
    """A helper for this architecture, built once for each version of its source."""
    source = HERE / "guest" / f"{name}.c"
    stamp = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program = cache() / f"{name}-{arch}-{stamp}"
    program.parent.mkdir(parents=True, exist_ok=True)
    with locked(program.parent / "lock"):
        if not program.exists():
            fresh = program.with_suffix(".new")
            flags = ["-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(fresh)]
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
