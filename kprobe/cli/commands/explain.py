# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe explain``."""

import click

from kprobe.cli.judging import known_rows
from kprobe.cli.output import write
from kprobe.errors import InputError, nearest


@click.command()
@click.argument("row", metavar="ID")
@click.option("--profile", "names", multiple=True, metavar="NAME|FILE", help="[default: all that come with kprobe]")
def command(row: str, names: tuple[str, ...]) -> None:
    """Say what a row asks, which answer proves what, and who needs it."""
    from kprobe.catalogue import explain_bit_text, explain_text
    from kprobe.inventory import bits
    from kprobe.profile import bundled, load

    known = {found.id: found for found in known_rows()}
    inside = {bit.id: bit for bit in bits(known.values())}
    if row in inside and row not in known:
        write(explain_bit_text(inside[row], known.values()))
        return
    if row not in known:
        raise InputError("no such row", row, nearest(row, [*known, *inside], "`kprobe probes` lists the ids"))
    write(explain_text(known[row], [load(name) for name in names or bundled()], inside.get(row)))
