# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe requirements``."""

import click

from kprobe.cli.judging import read_evidence
from kprobe.cli.output import write


@click.command()
@click.argument("file", required=False, metavar="[FILE]")
def command(file: str | None) -> None:
    """Print Calico's system requirements line by line, and which row answers each.

    With evidence (- reads standard input), what each comes to on that node; and what no single node can see, with the
    way to see it.
    """
    from kprobe.requirements import answers_text, load, page_text

    write(answers_text(load(), read_evidence(file)) if file else page_text(load()))
