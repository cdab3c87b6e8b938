# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The way of the data goes one way: nothing that judges or renders can reach the kernel."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kprobe

PACKAGE = Path(kprobe.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
PURE = {
    "facts",
    "remedy",
    "distros",
    "contradiction",
    "judge",
    "report",
    "expr",
    "clean",
    "errors",
    "catalogue",
    "diff",
    "inventory",
}
PURE |= {"redact", "pseudonym", "embed", "inflate", "intake", "streams"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_collect_imports_the_core(path: Path) -> None:
    assert path == PACKAGE / "collect.py" or not any("_core" in name for name in imported(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_judges_and_renders_is_pure(path: Path) -> None:
    pure = {PACKAGE / name for name in ("render", "node", "matrix", "cause")}
    if (path.parent == PACKAGE and path.stem in PURE) or path.parent in pure:
        forbidden = {"os", "subprocess", "socket", "ctypes", "kprobe.collect", "kprobe.cli"}
        assert not forbidden & set(imported(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_short_files(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400
