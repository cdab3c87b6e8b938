# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What an oracle is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Oracle:
    """How an independent program asks what a row asks, as POSIX shell in a network namespace of its own.

    Each entry is a command; those of a step must all succeed. ``setup`` fails: a prerequisite is missing. ``do`` fails:
    the kernel refused. ``see`` fails: it did something else than was asked.
    """

    row: str
    do: tuple[str, ...]
    see: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    less: str = ""
    """What the row asks and the program cannot."""


def each(template: Oracle, **values: tuple[str, ...]) -> tuple[Oracle, ...]:
    """Fill in ``<name>`` everywhere, once for each position of the values."""
    count = {len(column) for column in values.values()}
    assert len(count) == 1, values
    return tuple(
        _filled(template, {name: column[n] for name, column in values.items()}) for n in range(next(iter(count)))
    )


def _filled(template: Oracle, values: dict[str, str]) -> Oracle:
    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"<{name}>", value)
        return text

    def fill_all(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(fill(text) for text in texts)

    return Oracle(
        row=fill(template.row),
        do=fill_all(template.do),
        see=fill_all(template.see),
        setup=fill_all(template.setup),
        less=fill(template.less),
    )
