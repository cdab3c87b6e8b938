# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe completion``."""

import click

from kprobe.cli.output import write


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options, profiles, modes, formats and rows."""
    from click.shell_completion import get_completion_class

    from kprobe.cli import main

    found = get_completion_class(shell)
    if found is None:  # click knows all three
        raise click.UsageError(f"no completion for {shell}")
    write(found(main, {}, "kprobe", "_KPROBE_COMPLETE").source() + "\n")
