# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Options that more than one command has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Join options to one decorator."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def late(name: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """Return a completion that is imported only when a shell asks."""

    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> Any:
        from kprobe.cli import complete as values

        return getattr(values, name)(ctx, parameter, begun)

    return complete


def _check_format(_ctx: click.Context, _parameter: click.Parameter, name: str) -> str:
    from kprobe.render import formats

    if name not in formats():
        raise click.BadParameter(f"there are {', '.join(formats())}.")
    return name


select_option = click.option(
    "--select", multiple=True, metavar="GLOB", help="Only these rows; !GLOB takes rows out. Repeatable."
)
output_option = click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence (NDJSON) to this file."
)
asking = options(
    select_option,
    click.option("--no-autoload", is_flag=True, help="Try nothing that could make the kernel load a module."),
    click.option("--intrusive", is_flag=True, help="Also rows that change the host lastingly; see `kprobe plan`."),
    click.option("--no-flows", is_flag=True, help="Send no packets: leave out the rows that prove by them."),
    click.option(
        "--full-size", is_flag=True, help="Also BPF maps of true size (up to 114 MiB), where there is memory."
    ),
    click.option(
        "--unload",
        type=click.Choice(["none", "safe", "all"]),
        default="safe",
        help="Which modules that the run brought to remove again. [default: safe] all: test machines only.",
    ),
)
knowing = options(
    click.option("--pool", "pools", multiple=True, metavar="CIDR", help="An IP pool of Calico's. Repeatable."),
    click.option("--service-cidr", "service_cidrs", multiple=True, metavar="CIDR", help="The range of services."),
    click.option("--node-cidr", "node_cidrs", multiple=True, metavar="CIDR", help="A range of nodes. Repeatable."),
    click.option("--kubernetes", default="", metavar="X.Y", help="The version of Kubernetes."),
)
reaching = options(
    click.option("--etcd", multiple=True, metavar="URL", help="Ask this etcd whether it is healthy. Repeatable."),
    click.option("--apiserver", multiple=True, metavar="URL", help="Ask this Kubernetes API. No credentials are sent."),
    click.option("--kube-proxy", is_flag=True, help="Ask kube-proxy on this node (127.0.0.1:10249) for its mode."),
)
show_names_option = click.option("--show-names", is_flag=True, help="Keep names and addresses.")
deadline_option = click.option(
    "--deadline", type=click.IntRange(1, 600_000), default=5000, metavar="MS", help="For each row. [default: 5000]"
)
judging = options(
    click.option(
        "--profile",
        "profiles",
        multiple=True,
        default=("calico",),
        metavar="NAME|FILE",
        help="[default: calico]",
        shell_complete=late("profiles"),
    ),
    click.option(
        "--mode",
        "modes",
        multiple=True,
        metavar="NAME",
        help="Judge exactly these modes. Repeatable.",
        shell_complete=late("modes"),
    ),
    click.option(
        "--release",
        default="",
        metavar="X.Y",
        help="Release of the product. [default: the newest known]",
        shell_complete=late("releases"),
    ),
    click.option(
        "--format",
        "form",
        default="text",
        metavar="NAME",
        callback=_check_format,
        shell_complete=late("formats"),
        help="text, json, … [default: text]",
    ),
    click.option("--all", "show_all", is_flag=True, help="Show every row."),
    click.option(
        "--show-names",
        is_flag=True,
        help="Keep names and addresses in formats made to be shared (markdown, html, junit, github).",
    ),
)
