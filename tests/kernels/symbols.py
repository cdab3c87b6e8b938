# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Which modules an option of the kernel builds: symbols.txt, from the kernel's own Makefiles and nothing of ours.

``python -m tests.kernels.symbols PACKAGE.deb...`` writes it anew from Debian's packages linux-source-VERSION.
"""

import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .catalogue import HERE

FILE = HERE / "symbols.txt"
HEAD = """\
# The modules that an option of the kernel builds. Read from the Makefiles below net, drivers/net and lib of these
# packages by `python -m tests.kernels.symbols`: {sources}.
"""
MAKEFILE = re.compile(
    r"[^/]+/(?:net|lib|drivers/net|drivers/net/(?!ethernet/|wireless/)[\w-]+|net/.+)/(?:Makefile|Kbuild)"
)
RULE = re.compile(r"^([\w.-]+)-\$\((?:subst m,y,\$\()?(CONFIG_\w+)\)+\s*[:+]?=\s*(.*)$", re.MULTILINE)
OBJECT = re.compile(r"(\S+)\.o\b")

Symbols = Mapping[str, tuple[str, ...]]


def load(path: Path = FILE) -> Symbols:
    """The modules by option, as the kernel writes their names."""
    lines = (line.split() for line in path.read_text().splitlines() if not line.startswith("#"))
    return {words[0]: tuple(words[1:]) for words in lines}


def parse(makefile: str) -> Iterator[tuple[str, str]]:
    """Pairs of option and the module built for it; what an option links into another's module is none."""
    text = re.sub(r"\\\n", " ", makefile)
    for target, option, objects in RULE.findall(text):
        if target == "obj":
            yield from ((option, name.replace("-", "_")) for name in OBJECT.findall(objects) if "/" not in name)


def makefiles(package: Path) -> Iterator[str]:
    """The Makefiles in Debian's package of a kernel's source: an archive within the archive."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as outer:
            for member in outer:
                source = (
                    outer.extractfile(member) if re.search(r"/linux-source-[\d.]+\.tar\.xz$", member.name) else None
                )
                if source is None:
                    continue
                with tarfile.open(fileobj=source, mode="r|xz") as inner:
                    for file in inner:
                        content = inner.extractfile(file) if MAKEFILE.fullmatch(file.name) else None
                        if content is not None:
                            yield content.read().decode()


def write(packages: Iterable[Path], path: Path = FILE) -> int:
    """Write the file from these packages; how many options it has."""
    found: dict[str, set[str]] = {}
    names = []
    for package in packages:
        names.append("_".join(package.name.split("_")[:2]))
        for text in makefiles(package):
            for option, module in parse(text):
                found.setdefault(option, set()).add(module)
    lines = (" ".join((option, *sorted(modules))) for option, modules in sorted(found.items()))
    path.write_text(HEAD.format(sources=", ".join(names)) + "".join(f"{line}\n" for line in lines))
    return len(found)


if __name__ == "__main__":
    sys.stdout.write(f"{write(map(Path, sys.argv[1:]))} options\n")
