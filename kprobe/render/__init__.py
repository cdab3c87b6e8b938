# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Renderers: each module here is one format, with ``render(report, …) -> str``. Found by listing, not registered."""

import pkgutil
from collections.abc import Callable
from importlib import import_module

from kprobe.report import Report


def formats() -> tuple[str, ...]:
    """Return the names of the formats."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def render(name: str, report: Report, *, color: bool = False, show_all: bool = False, width: int = 0) -> str:
    """Render a report in one format; a format heeds of the options what it can."""
    write: Callable[..., str] = import_module(f"{__name__}.{name}").render
    return write(report, color=color, show_all=show_all, width=width)
