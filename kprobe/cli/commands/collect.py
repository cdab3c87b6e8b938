# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe collect``."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from kprobe.cli.options import asking, deadline_option, output_option
from kprobe.cli.output import tee, write


@click.command()
@asking
@deadline_option
@output_option
def command(select: tuple[str, ...], deadline: int, output: Path | None, **switches: Any) -> None:
    """Ask the kernel; write the evidence, to judge it later or elsewhere."""
    from kprobe import collect

    lines = collect.collect(" ".join(select), collect.flags(**switches), deadline)
    with closing(lines), tee(lines, output) as copied:
        for line in copied:
            if output is None:
                write(line)
