# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe matrix``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprobe.cli.judging import load_profiles, read_all, redacted
from kprobe.cli.output import USAGE, complain, write
from kprobe.errors import InputError

if TYPE_CHECKING:
    from kprobe.evidence import Evidence


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--profile", "name", default="calico", metavar="NAME|FILE", help="[default: calico]")
@click.option("--release", default="", metavar="X.Y", help="Release of the product. [default: the newest known]")
@click.option("--format", "form", type=click.Choice(["text", "html"]), default="text", help="[default: text]")
@click.option("--all", "show_all", is_flag=True, help="Show also what passes everywhere.")
@click.option("--show-names", is_flag=True, help="Keep names and addresses in html, which is made to be shared.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
def command(
    files: tuple[str, ...],
    name: str,
    release: str,
    form: str,
    show_all: bool,
    show_names: bool,
    output: Path | None,
) -> int | None:
    """Lay evidence of many nodes side by side: needs by nodes. HTML has a filter, and the evidence on a click."""
    from kprobe import matrix
    from kprobe.judge import judge_by, standard

    (profile,) = load_profiles([name], (), release)
    by = standard(profile, (), release)
    bad: list[InputError] = []

    def refuse(error: InputError) -> None:
        complain(error)
        bad.append(error)

    def read() -> "Iterator[Evidence]":
        for file in files:
            try:
                yield from read_all(file, refuse)
            except InputError as error:
                refuse(error)

    nodes = read() if show_names or form == "text" else redacted(read())
    reports = (judge_by(evidence, by, brief=True) for evidence in nodes)
    found = matrix.matrix(reports)
    if form == "html":
        from kprobe.matrix import html

        text = html.render(found)
    else:
        from kprobe.matrix import text as plain

        text = plain.render(found, show_all=show_all)
    if output is None:
        write(text)
    else:
        try:
            output.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise InputError(error.strerror or str(error), str(output), "name a file that can be written") from error
    return USAGE if bad else None
