# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe explain``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kprobe.cli.judging import known_rows, load_checked, read_evidence
from kprobe.cli.options import late, output_option
from kprobe.cli.output import Progress, complain, tee, write
from kprobe.errors import InputError, nearest

if TYPE_CHECKING:
    from kprobe.evidence import Evidence


@click.command()
@click.argument("row", metavar="[ID]", required=False, shell_complete=late("rows"))
@click.option("--profile", "names", multiple=True, metavar="NAME|FILE", help="[default: all that come with kprobe]")
@click.option(
    "--log", "log", metavar="FILE", help="Find out what lines of a product's log rest on; - is standard input."
)
@click.option(
    "--evidence", "saved", metavar="FILE", help="With --log: judge this evidence, instead of asking the kernel."
)
@output_option
def command(row: str | None, names: tuple[str, ...], log: str | None, saved: str | None, output: Path | None) -> int:
    """Say what a row asks, which answer proves what, and who needs it.

    With --log: name the rows that lines of a log of Felix, kube-proxy or a CNI plug-in rest on, ask the kernel for
    those alone, and say whether it is to blame. Exit codes: 0 it is not; 1 it is; 3 cannot be told, or no
    line is known.
    """
    if (row is None) == (log is None):
        raise click.UsageError("give either an ID or --log FILE.")
    if log is not None:
        return _log(log, names, saved, output)
    _row(row or "", names)
    return 0


def _row(row: str, names: tuple[str, ...]) -> None:
    from kprobe.catalogue import explain_bit_text, explain_text
    from kprobe.inventory import bits
    from kprobe.profile import bundled

    known = {found.id: found for found in known_rows()}
    inside = {bit.id: bit for bit in bits(known.values())}
    if row in inside and row not in known:
        write(explain_bit_text(inside[row], known.values()))
        return
    if row not in known:
        raise InputError("no such row", row, nearest(row, [*known, *inside], "`kprobe probes` lists the ids"))
    write(explain_text(known[row], load_checked(names or bundled()), inside.get(row)))


def _log(log: str, names: tuple[str, ...], saved: str | None, output: Path | None) -> int:
    from kprobe import symptoms
    from kprobe.clean import clean
    from kprobe.profile import bundled
    from kprobe.report import CANNOT_TELL, NOT_READY, READY, worst

    found = symptoms.scan(_lines(log), load_checked(names or bundled()))
    if not found:
        complain(InputError("no line that a profile knows", log, "`kprobe profiles calico` lists those it knows"))
        return CANNOT_TELL
    evidence = (
        read_evidence(saved) if saved else _asked(dict.fromkeys(row for each in found for row in each.rows), output)
    )
    write("".join(clean(line).rstrip() + "\n" for line in symptoms.text(found, evidence).split("\n")))
    codes = {"kernel": NOT_READY, "in part": NOT_READY, "not the kernel": READY, "cannot tell": CANNOT_TELL}
    return worst([codes[symptoms.blame(each, evidence)] for each in found])


def _asked(rows: dict[str, None], output: Path | None) -> "Evidence":
    """Ask the kernel for these rows alone; those that are derived from facts come by themselves."""
    from contextlib import closing

    from kprobe import collect, evidence

    known = {row.id for row in evidence.rows(collect.catalogue(), "catalogue")}
    lines = collect.collect(" ".join(name for name in rows if name in known), collect.flags())
    with closing(lines), tee(lines, output) as copied, Progress() as progress:
        return evidence.parse(copied, "this run", progress.seen)


def _lines(log: str) -> Iterator[str]:
    """Yield the lines of a log, each cut to what may mean something; a log that is too long is refused."""
    from kprobe.symptoms import MAX_LINE, MAX_LOG

    size = 0
    try:
        with click.open_file(log, "rb") as stream:
            while piece := stream.readline(MAX_LINE):
                size += len(piece)
                if size > MAX_LOG:
                    raise InputError(f"more than {MAX_LOG} bytes", log, "cut out the part that matters")
                yield piece.decode(errors="replace").rstrip("\r\n")
    except OSError as error:
        raise InputError(error.strerror or str(error), log, "name a readable file") from error
