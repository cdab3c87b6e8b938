# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe matrix``."""

from pathlib import Path

import click

from kprobe.cli.judging import load_profiles, read_files, redacted
from kprobe.cli.output import USAGE, write
from kprobe.errors import InputError


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
    nodes = read_files(files, bad, shared=True)
    if form != "text" and not show_names:
        nodes = redacted(nodes)
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
