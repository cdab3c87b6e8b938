# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""From evidence to an answer on the screen."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from kprobe.cli.output import write

if TYPE_CHECKING:
    from kprobe.evidence import Evidence, Row
    from kprobe.profile import Profile


def load_profiles(
    names: Sequence[str], modes: Sequence[str], release: str, *, catalogue: bool = False
) -> "list[Profile]":
    """Load profiles and refuse a misspelt mode or release, before the kernel is asked or a file is read.

    A file's ids are checked against the catalogue on demand; those of bundled profiles are checked by the tests.
    """
    from kprobe.judge import check
    from kprobe.profile import is_file, load

    known = {row.id for row in known_rows()} if catalogue and any(map(is_file, names)) else set()
    loaded = [load(name, known if is_file(name) else ()) for name in names]
    for profile in loaded:
        check(profile, modes, release)
    return loaded


def known_rows() -> "tuple[Row, ...]":
    """Return the rows that the core of this kprobe knows, and those that are worked out from facts."""
    from kprobe import collect, evidence, node

    return (*evidence.rows(collect.catalogue(), "catalogue"), *node.catalogue())


def read_evidence(name: str) -> "Evidence":
    """Read evidence from a file, or from standard input for ``-``."""
    from kprobe import evidence

    if name == "-":
        return evidence.parse(evidence.lines_of(sys.stdin.buffer), "stdin")
    return evidence.read(Path(name))


def show_judged(
    found: "Iterable[Evidence]",
    profiles: "list[Profile]",
    modes: Sequence[str],
    release: str,
    *,
    form: str,
    show_all: bool,
) -> int:
    """Judge and print; return the exit code."""
    from kprobe.judge import judge
    from kprobe.render import render_all
    from kprobe.report import Report, exit_code, worst

    terminal = sys.stdout.isatty()
    width = get_terminal_size().columns if terminal else 0
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    codes: list[int] = []

    def reports() -> Iterator[Report]:
        for evidence in found:
            for profile in profiles:
                report = judge(evidence, profile, modes, release)
                codes.append(exit_code(report))
                yield report

    for number, text in enumerate(render_all(form, reports(), color=color, show_all=show_all, width=width)):
        write("\n" + text if number and form == "text" else text)
    return worst(codes)
