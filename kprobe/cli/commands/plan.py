# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe plan``."""

from typing import Any

import click

from kprobe.cli.options import asking
from kprobe.cli.output import show_rows


@click.command()
@asking
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def command(select: tuple[str, ...], as_json: bool, **switches: Any) -> None:
    """Say what a run would ask, load and cause. Touches nothing."""
    from kprobe import collect
    from kprobe.catalogue import plan_text

    show_rows(collect.plan(" ".join(select), collect.flags(**switches)), plan_text, as_json=as_json)
