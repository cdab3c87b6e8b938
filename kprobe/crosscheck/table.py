# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""All oracles, in one table: what the modules of ``oracles`` have."""

import pkgutil
import re
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

from . import oracles
from .model import Oracle

_MODULES: tuple[Any, ...] = tuple(
    import_module(f"{oracles.__name__}.{name}")
    for name in sorted(module.name for module in pkgutil.iter_modules(oracles.__path__))
)

ORACLES: tuple[Oracle, ...] = tuple(oracle for module in _MODULES for oracle in module.ORACLES)
BY_NAME = {oracle.name: oracle for oracle in ORACLES}
assert len(BY_NAME) == len(ORACLES), "a program is asked twice for one row"

SHELL: dict[str, Oracle] = {}
"""By row, the first oracle that is commands: what a guest without Python can be asked."""
for _oracle in ORACLES:
    if not _oracle.ask:
        SHELL.setdefault(_oracle.row, _oracle)

ROWS = frozenset(oracle.row for oracle in ORACLES)
"""Rows that some program can ask."""

WITHOUT: dict[str, str] = {row: why for module in _MODULES for row, why in getattr(module, "WITHOUT", {}).items()}
"""Rows, or globs over rows, that no independent program can ask, and why."""


def without(row: str) -> str:
    """Return why no program can be asked for a row; empty where there is no reason."""
    return next((why for glob, why in WITHOUT.items() if fnmatchcase(row, glob)), "")


_REFUSED = [text for module in _MODULES for text in getattr(module, "REFUSED", ())]
REFUSED = re.compile("|".join(f"(?:{text})" for text in _REFUSED), re.MULTILINE)
"""How the programs pass a refusal of the kernel on."""
