# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe crosscheck``."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprobe.cli.options import deadline_option, select_option
from kprobe.cli.output import Progress, write
from kprobe.errors import InputError

if TYPE_CHECKING:
    from kprobe.evidence import Evidence


@click.command(epilog="Exit codes: 0 all answers agree; 1 some differ; 2 usage; 3 nothing could be compared.")
@click.option("--intrusive", is_flag=True, help="Yes, run them: these programs load modules, which stay loaded.")
@select_option
@click.option(
    "--evidence",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare with this file, collected since this boot, instead of asking the kernel first.",
)
@deadline_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
@click.option("--all", "show_all", is_flag=True, help="Show every answer.")
def command(
    intrusive: bool, select: tuple[str, ...], file: Path | None, deadline: int, as_json: bool, show_all: bool
) -> int:
    """Ask independent programs what kprobe asks, and compare.

    Whatever is installed of ip, iptables, ipset, nft, tc, bpftool, … and pyroute2 is asked, each question in
    namespaces of its own. What is missing is not asked, and never agrees.
    """
    if not intrusive:
        raise InputError(
            "these programs load kernel modules, which stay loaded", "kprobe crosscheck", "allow it with --intrusive"
        )
    from kprobe.crosscheck.check import check, of_this_boot
    from kprobe.crosscheck.result import as_json as to_json
    from kprobe.crosscheck.result import as_text

    evidence = _read(file, select) if file else _collect(select, deadline)
    if file:
        of_this_boot(evidence)
    counted = 0

    def seen(_answer: object) -> None:
        nonlocal counted
        counted += 1
        if shown:
            sys.stderr.write(f"\r\x1b[K{counted} programs answered")
            sys.stderr.flush()

    with Progress() as progress:
        shown = progress.shown
        result = check(evidence, seen)
    write(to_json(result) if as_json else as_text(result, show_all=show_all))
    return result.exit_code


def _collect(select: tuple[str, ...], deadline: int) -> "Evidence":
    from kprobe import collect, evidence

    lines = collect.collect(" ".join(select), collect.flags(intrusive=True), deadline)
    with closing(lines), Progress() as progress:
        return evidence.parse(lines, "this run", progress.seen)


def _read(file: Path, select: tuple[str, ...]) -> "Evidence":
    """Read a file, and leave out what was not selected."""
    from fnmatch import fnmatchcase

    from msgspec.structs import replace

    from kprobe.cli.judging import read_evidence

    found = read_evidence(str(file))
    wanted = [glob for glob in select if not glob.startswith("!")] or ["*"]
    refused = [glob[1:] for glob in select if glob.startswith("!")]

    def selected(row: str) -> bool:
        return any(fnmatchcase(row, glob) for glob in wanted) and not any(fnmatchcase(row, glob) for glob in refused)

    return replace(
        found,
        begin=replace(found.begin, select=" ".join(filter(None, (found.begin.select, *select)))),
        probes=tuple(probe for probe in found.probes if selected(probe.id)),
    )
