# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe profiles``."""

import click

from kprobe.cli.judging import load_checked
from kprobe.cli.output import write


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE]…")
def command(names: tuple[str, ...]) -> None:
    """List the profiles that come with kprobe; with a name, all needs of that one."""
    from kprobe.catalogue import profile_text
    from kprobe.profile import bundled

    for loaded in load_checked(names or bundled()):
        write(profile_text(loaded, with_needs=bool(names)))
