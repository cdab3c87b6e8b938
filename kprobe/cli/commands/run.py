# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe run``."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from kprobe.cli.judging import cluster_facts, load_profiles, needed_rows, show_judged
from kprobe.cli.options import asking, deadline_option, judging, knowing, output_option, reaching
from kprobe.cli.output import Progress, tee


@click.command()
@asking
@deadline_option
@judging
@click.option(
    "--needed", is_flag=True, help="Ask only what the profile (or --mode) needs, and what that stands on: faster."
)
@output_option
@knowing
@reaching
def command(
    select: tuple[str, ...],
    deadline: int,
    profiles: tuple[str, ...],
    modes: tuple[str, ...],
    release: str,
    form: str,
    show_all: bool,
    show_names: bool,
    needed: bool,
    output: Path | None,
    etcd: tuple[str, ...],
    apiserver: tuple[str, ...],
    kube_proxy: bool,
    pools: tuple[str, ...],
    service_cidrs: tuple[str, ...],
    node_cidrs: tuple[str, ...],
    kubernetes: str,
    **switches: Any,
) -> int:
    """Ask the kernel, judge the answers, say what works. Best as root."""
    from kprobe import collect, evidence, given

    loaded = load_profiles(profiles, modes, release)
    # Closed here, come what may: closing makes the core stop and clean up.
    facts = cluster_facts(pools, service_cidrs, node_cidrs, kubernetes, etcd, apiserver, kube_proxy=kube_proxy)
    if needed:
        select = (*needed_rows(loaded, modes, release), *select)
    lines = collect.collect(" ".join(select), collect.flags(**switches), deadline)
    with closing(lines), tee(given.among(lines, facts), output) as copied, Progress() as progress:
        found = evidence.parse(copied, "this run", progress.seen)
    return show_judged([found], loaded, modes, release, form=form, show_all=show_all, show_names=show_names)
