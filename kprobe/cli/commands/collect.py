# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe collect``."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from kprobe.cli.judging import cluster_facts
from kprobe.cli.options import asking, deadline_option, knowing, output_option, reaching
from kprobe.cli.output import tee, write


@click.command()
@asking
@deadline_option
@output_option
@knowing
@reaching
def command(
    select: tuple[str, ...],
    deadline: int,
    output: Path | None,
    etcd: tuple[str, ...],
    apiserver: tuple[str, ...],
    kube_proxy: bool,
    pools: tuple[str, ...],
    service_cidrs: tuple[str, ...],
    node_cidrs: tuple[str, ...],
    kubernetes: str,
    **switches: Any,
) -> None:
    """Ask the kernel; write the evidence, to judge it later or elsewhere."""
    from kprobe import collect, given

    facts = cluster_facts(pools, service_cidrs, node_cidrs, kubernetes, etcd, apiserver, kube_proxy=kube_proxy)
    lines = collect.collect(" ".join(select), collect.flags(**switches), deadline)
    with closing(lines), tee(given.among(lines, facts), output) as copied:
        for line in copied:
            if output is None:
                write(line)
