# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The ``kprobe`` command: parses, calls, prints. What a command does not use it does not import."""

import os
import pkgutil
from importlib import import_module
from typing import Any

import click

from kprobe.cli import commands
from kprobe.cli.examples import epilog
from kprobe.cli.output import USAGE, complain
from kprobe.errors import InputError

INTERRUPTED, PIPE_CLOSED = 130, 141


class Program(click.Group):
    """The group of commands; turns what a user can cause into one line and an exit code."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the commands: of the modules that hold one each."""
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of that name, and of no other."""
        if name not in self.list_commands(ctx):
            return None
        found: click.Command = import_module(f"{commands.__name__}.{name}").command
        found.epilog = found.epilog or epilog(name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the whole first sentence of its help."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(200)) for name, command in found if command])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it returns is the exit code."""
        try:
            code = super().invoke(ctx)
        except InputError as error:
            complain(error)
            ctx.exit(USAGE)
        except KeyboardInterrupt:
            click.echo("kprobe: interrupted; what was collected before stands in --output, if given", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Nobody reads any more. Python flushes once again at exit, and must not complain about it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(PIPE_CLOSED)
        ctx.exit(code or 0)


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"kprobe {version('kprobe')}")
        except PackageNotFoundError:
            click.echo("kprobe, not installed: runs from its sources")
        ctx.exit()


@click.group(
    cls=Program, epilog=epilog(""), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
def main() -> None:
    """Find out by doing what this node's kernel can really do for container networking.

    Exit codes: 0 ready; 1 something required failed; 2 usage or bad input; 3 nothing failed, but something required is
    unknown or denied.
    """
