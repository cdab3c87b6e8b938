# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe probes``."""

import click

from kprobe.cli.options import select_option
from kprobe.cli.output import show_rows


@click.command()
@select_option
@click.option("--all", "show_all", is_flag=True, help="Also each question of rows that ask many: BPF helpers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def command(select: tuple[str, ...], show_all: bool, as_json: bool) -> None:
    """List all rows that can be asked."""
    from kprobe import collect
    from kprobe.catalogue import list_text, questions_text

    lines = collect.catalogue(" ".join(select))
    show_rows(lines, questions_text if show_all else list_text, as_json=as_json)
