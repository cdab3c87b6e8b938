# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe redact``."""

from pathlib import Path

import click

from kprobe.cli.judging import read_evidence, redacted
from kprobe.cli.output import write
from kprobe.errors import InputError


@click.command()
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
def command(file: str, output: Path | None) -> None:
    """Replace names and addresses in evidence by pseudonyms, to give it away; - reads standard input.

    The same thing gets the same pseudonym, and addresses of one network stay in one network. Nothing can undo it: the
    key is drawn anew each time and kept nowhere. `kprobe judge` says the same of it as of the original.
    """
    from kprobe import evidence

    data = b"".join(map(evidence.write, redacted([read_evidence(file)])))
    if output is None:
        write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise InputError(error.strerror or str(error), str(output), "name a file that can be written") from error
