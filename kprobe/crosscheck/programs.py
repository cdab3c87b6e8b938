# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Which programs are there, and how they tell their version."""

import os
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from . import apart
from .model import NO_ONE, Oracle
from .result import Program

VERSION = {"nft": "-v", "nfacct": "version", "bpftool": "version", "wg": "--version", "ethtool": "--version"}
"""What asks for it, where that is not -V."""
SECONDS = 5


def there(oracles: "tuple[Oracle, ...]") -> tuple[Program, ...]:
    """Return the programs that these oracles are asked of, each with its version or why it cannot be asked."""
    modules = {oracle.program: oracle.imports for oracle in oracles}
    return tuple(_module(name, modules[name]) if modules[name] else _program(name) for name in sorted(modules))


def _module(name: str, module: str) -> Program:
    if find_spec(module) is None:
        return Program(name, why_not="not installed")
    try:
        return Program(name, version(name))
    except PackageNotFoundError:
        return Program(name, "of a version that it does not tell")


def _program(name: str) -> Program:
    if name == NO_ONE:
        return Program(name, "the shell and util-linux")
    path = shutil.which(name)
    if path is None:
        return Program(name, why_not="not installed")

    def tell() -> int:
        os.execv(path, [name, VERSION.get(name, "-V")])  # noqa: S606 - whatever the PATH says is what the node has

    rc, said = apart.run(tell, SECONDS)
    first = said.decode(errors="replace").partition("\n")[0].strip()
    return Program(name, first if rc == 0 and first else f"{path} (exit status {rc} for its version)")
