# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What commands print, copy to a file, and count on the way."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from kprobe.clean import clean
from kprobe.errors import InputError

if TYPE_CHECKING:
    from kprobe.evidence import Record, Row


USAGE = 2
"""Exit code for usage and bad input."""


def complain(error: InputError) -> None:
    """Say in one line what was wrong with the input."""
    click.echo(f"kprobe: {clean(str(error))}", err=True)


def write(text: str | bytes) -> None:
    """Write to standard output, at once."""
    out = sys.stdout
    if isinstance(text, bytes):
        out.buffer.write(text)
    else:
        # A terminal that cannot show a character shows an escape instead of an error.
        encoding = out.encoding or "utf-8"
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def show_rows(lines: Iterator[bytes], text: "Callable[[Sequence[Row]], str]", *, as_json: bool) -> None:
    """Print rows of the catalogue, as they came or as a text."""
    if as_json:
        for line in lines:
            write(line)
        return
    from kprobe.evidence import rows

    write(text(rows(lines, "catalogue")))


@contextmanager
def tee(lines: Iterator[bytes], output: Path | None) -> Iterator[Iterator[bytes]]:
    """Pass lines on and write them to a file as they come.

    The file is opened before the kernel is asked, and emptied only when there is something to write.
    """
    if output is None:
        yield lines
        return
    existed = output.exists()
    try:
        file = output.open("ab", buffering=0)
    except OSError as error:
        raise _output_error(error, output) from error
    try:
        with file:
            yield _copy(lines, file, output)
    finally:
        if not existed and output.stat().st_size == 0:
            output.unlink()


def _copy(lines: Iterator[bytes], file: FileIO, output: Path) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        try:
            if number == 0 and output.is_file():
                file.truncate(0)
            file.write(line)
        except OSError as error:
            raise _output_error(error, output) from error
        yield line


def _output_error(error: OSError, output: Path) -> InputError:
    return InputError(error.strerror or str(error), str(output), "name a file that can be written")


class Progress:
    """One line on standard error that counts the answers, where somebody watches."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.planned = self.answered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def seen(self, record: "Record") -> None:
        """Count one record."""
        from kprobe.evidence import Begin, Probe

        if not self.shown:
            return
        if isinstance(record, Begin):
            self.planned = sum(map(len, record.plan.values()))
        elif isinstance(record, Probe):
            self.answered += 1
            sys.stderr.write(f"\r\x1b[K{self.answered} of {self.planned} answered: {clean(record.id)[:50]}")
            sys.stderr.flush()
