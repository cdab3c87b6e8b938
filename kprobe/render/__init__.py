# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Renderers: each module here is one format, with ``render(report, …) -> str``. Found by listing, not registered.

What a format is besides, its module says: ``render_many(reports, …)`` where several reports make one document,
``SHARED = True`` where its output is made to be pasted or published, ``ONE_NODE = True`` where it is of one node only.
"""

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module

from kprobe.errors import InputError
from kprobe.report import Report


def formats() -> tuple[str, ...]:
    """Return the names of the formats."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def shared(name: str) -> bool:
    """Whether what this format prints is made to be pasted or published."""
    return bool(getattr(import_module(f"{__name__}.{name}"), "SHARED", False))


def render(name: str, report: Report, *, color: bool = False, show_all: bool = False, width: int = 0) -> str:
    """Render a report in one format; a format heeds of the options what it can."""
    write: Callable[..., str] = import_module(f"{__name__}.{name}").render
    return write(report, color=color, show_all=show_all, width=width)


def render_all(
    name: str, reports: Iterable[Report], *, color: bool = False, show_all: bool = False, width: int = 0
) -> Iterator[str]:
    """Render reports one by one as they come, or as one document where the format wants that."""
    module = import_module(f"{__name__}.{name}")
    if getattr(module, "ONE_NODE", False):
        reports = _of_one_node(name, reports)
    many: Callable[..., str] | None = getattr(module, "render_many", None)
    if many is not None:
        if found := tuple(reports):
            yield many(found, color=color, show_all=show_all, width=width)
        return
    for report in reports:
        yield module.render(report, color=color, show_all=show_all, width=width)


def _of_one_node(name: str, reports: Iterable[Report]) -> Sequence[Report]:
    found = tuple(reports)
    other = next((report for report in found if report.rows is not found[0].rows), None)
    if other is not None:
        raise InputError(f"the format {name} is of one node", other.source, "give one file of evidence")
    return found
