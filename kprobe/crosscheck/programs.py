# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Which programs are there, and how they tell their version."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from . import apart
from .model import NO_ONE, Oracle
from .result import Program
from .shell import environment

VERSION = {"nft": "-v", "nfacct": "version", "bpftool": "version", "wg": "--version", "ethtool": "--version"}
"""What asks for it, where that is not -V."""
SECONDS = 5


def there(oracles: tuple[Oracle, ...]) -> tuple[Program, ...]:
    """Return the programs that these oracles are asked of, each with its version or why it cannot be asked."""
    first = {oracle.program: oracle for oracle in reversed(oracles)}
    return tuple(_program(first[name]) for name in sorted(first))


def _program(oracle: Oracle) -> Program:
    name = oracle.program
    if oracle.version:
        rc, said = apart.run(lambda: _exec("/bin/sh", "-c", oracle.version), SECONDS)
        return Program(name, _line(said)) if rc == 0 else Program(name, why_not="not installed")
    if oracle.ask:
        return _module(name, oracle.imports)
    if name == NO_ONE:
        return Program(name, "the shell and util-linux")
    path = shutil.which(name)
    if path is None:
        return Program(name, why_not="not installed")
    rc, said = apart.run(lambda: _exec(path, VERSION.get(name, "-V")), SECONDS)
    return Program(name, _line(said) if rc == 0 and said else f"{path} (exit status {rc} for its version)")


def _module(name: str, module: str) -> Program:
    if not module:
        return Program(name, f"by Python {platform.python_version()} alone")
    if find_spec(module) is None:
        return Program(name, why_not="not installed")
    try:
        return Program(name, version(name))
    except PackageNotFoundError:
        return Program(name, "of a version that it does not tell")


def _exec(path: str, *arguments: str) -> int:
    os.execve(path, [Path(path).name, *arguments], environment())  # noqa: S606 - whatever the PATH has


def _line(said: bytes) -> str:
    return said.decode(errors="replace").partition("\n")[0].strip()
