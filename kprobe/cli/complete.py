# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What a shell may propose for a value. Never an error: a shell has nowhere to show one."""

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from kprobe.errors import InputError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _complete(names: Callable[[click.Context], Iterable[tuple[str, str]]]) -> Complete:
    def complete(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(name, help=text) for name, text in names(ctx) if name.startswith(begun)]
        except InputError:
            return []

    return complete


def _profiles(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from kprobe.profile import bundled, load

    return ((name, load(name).title) for name in bundled())


def _chosen(ctx: click.Context) -> Any:
    from kprobe.profile import load

    names = ctx.params.get("profiles") or ("calico",)
    return (load(name) for name in names)


def _modes(ctx: click.Context) -> Iterable[tuple[str, str]]:
    return ((mode.name, mode.title) for profile in _chosen(ctx) for mode in profile.modes)


def _releases(ctx: click.Context) -> Iterable[tuple[str, str]]:
    return ((release, "") for profile in _chosen(ctx) for release in profile.releases)


def _formats(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from kprobe.render import formats

    return ((name, "") for name in formats())


def _rows(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from kprobe.cli.judging import known_rows

    return ((row.id, row.title) for row in known_rows())


profiles, modes, releases, formats, rows = map(_complete, (_profiles, _modes, _releases, _formats, _rows))
