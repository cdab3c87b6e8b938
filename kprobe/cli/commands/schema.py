# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe schema``."""

import click

from kprobe.cli.output import write


@click.command()
def command() -> None:
    """Print the JSON Schema of the evidence."""
    write(schema_text())


def schema_text() -> str:
    """Return the schema as it stands in docs/evidence.schema.json."""
    import msgspec

    from kprobe import evidence

    return msgspec.json.format(msgspec.json.encode(evidence.schema(), order="sorted"), indent=2).decode() + "\n"
