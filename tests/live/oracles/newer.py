# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A bpftool newer than Debian 12's, with its own libraries: it reads what today's verifier says of helpers."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.kernels import catalogue, store
from tests.kernels.catalogue import Source, Want

LIBRARIES = ("libc6", "libcap2", "libelf1t64", "libzstd1", "zlib1g")
WANT = Want("bpftool", "amd64", (Source("trixie", "bpftool"),), along=LIBRARIES)
PROGRAM = Path("usr/sbin/bpftool")
LOADER = Path("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")


def unpack(folder: Path) -> Path:
    """Fetch the packages and unpack all in one tree."""
    stock = store.fetch(catalogue.load(), [WANT])
    assert not stock.missing, stock.said
    for deb in stock.debs[WANT.name]:
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    return folder


def command(tree: Path) -> str:
    """What runs it, from a tree at this path."""
    return f"{tree / LOADER} --library-path {tree / LOADER.parent} {tree / PROGRAM}"


def files(tree: Path, at: str) -> Mapping[str, Path]:
    """What a guest needs of it, below a folder of the guest's."""
    libraries = (path for path in (tree / LOADER.parent).glob("*.so*") if path.is_file())
    wanted = {LOADER, PROGRAM, *(path.relative_to(tree) for path in libraries)}
    return {f"{at}/{path}": (tree / path).resolve() for path in wanted}
