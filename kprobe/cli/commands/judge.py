# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe judge``."""

import click

from kprobe.cli.judging import load_profiles, read_files, show_judged
from kprobe.cli.options import judging, knowing
from kprobe.cli.output import USAGE
from kprobe.errors import InputError


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@judging
@knowing
def command(
    files: tuple[str, ...],
    profiles: tuple[str, ...],
    modes: tuple[str, ...],
    release: str,
    form: str,
    show_all: bool,
    show_names: bool,
    pools: tuple[str, ...],
    service_cidrs: tuple[str, ...],
    node_cidrs: tuple[str, ...],
    kubernetes: str,
) -> int:
    """Judge evidence, of any node; - reads standard input.

    FILE is what `kprobe collect` wrote, plain or compressed (gzip, xz, zstd), or a page that carries evidence: a saved
    report, an issue, a pasted comment; or a log of many nodes: `kubectl logs -l app=kprobe --prefix --tail=-1`.
    """
    from kprobe import given

    loaded = load_profiles(profiles, modes, release)
    said = given.fact(pools, service_cidrs, node_cidrs, kubernetes)
    bad: list[InputError] = []
    found = (given.added(each, said) for each in read_files(files, bad))
    code = show_judged(found, loaded, modes, release, form=form, show_all=show_all, show_names=show_names)
    return USAGE if bad else code
