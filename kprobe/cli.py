# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The ``kprobe`` command: parses, calls, prints. What a command does not use it does not import."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from io import FileIO
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from kprobe.clean import clean
from kprobe.errors import InputError, nearest

if TYPE_CHECKING:
    from kprobe.evidence import Evidence, Record, Row
    from kprobe.profile import Profile

USAGE, INTERRUPTED, PIPE_CLOSED = 2, 130, 141

F = TypeVar("F", bound=Callable[..., Any])


class Program(click.Group):
    """The group of commands; turns what a user can cause into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it returns is the exit code."""
        try:
            code = super().invoke(ctx)
        except InputError as error:
            _complain(error)
            ctx.exit(USAGE)
        except KeyboardInterrupt:
            click.echo("kprobe: interrupted; what was collected before stands in --output, if given", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Nobody reads any more. Python flushes once again at exit, and must not complain about it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(PIPE_CLOSED)
        ctx.exit(code or 0)


def _complain(error: InputError) -> None:
    click.echo(f"kprobe: {clean(str(error))}", err=True)


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"kprobe {version('kprobe')}")
        except PackageNotFoundError:
            click.echo("kprobe, not installed: runs from its sources")
        ctx.exit()


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


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
asking = _options(
    select_option,
    click.option("--no-autoload", is_flag=True, help="Try nothing that could make the kernel load a module."),
    click.option("--intrusive", is_flag=True, help="Also rows that change the host lastingly; see `kprobe plan`."),
    click.option(
        "--unload",
        type=click.Choice(["none", "safe", "all"]),
        default="safe",
        help="Which modules that the run brought to remove again. [default: safe] all: test machines only.",
    ),
)
deadline_option = click.option(
    "--deadline", type=click.IntRange(1, 600_000), default=5000, metavar="MS", help="For each row. [default: 5000]"
)
judging = _options(
    click.option(
        "--profile", "profiles", multiple=True, default=("calico",), metavar="NAME|FILE", help="[default: calico]"
    ),
    click.option("--mode", "modes", multiple=True, metavar="NAME", help="Judge exactly these modes. Repeatable."),
    click.option("--release", default="", metavar="X.Y", help="Release of the product. [default: the newest known]"),
    click.option(
        "--format", "form", default="text", metavar="NAME", callback=_check_format, help="text, json, … [default: text]"
    ),
    click.option("--all", "show_all", is_flag=True, help="Show every row."),
)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
def main() -> None:
    """Find out by doing what this node's kernel can really do for container networking.

    Exit codes: 0 ready; 1 something required failed; 2 usage or bad input; 3 nothing failed, but something required is
    unknown or denied.
    """


@main.command()
@asking
@deadline_option
@judging
@output_option
def run(
    select: tuple[str, ...],
    deadline: int,
    profiles: tuple[str, ...],
    modes: tuple[str, ...],
    release: str,
    form: str,
    show_all: bool,
    output: Path | None,
    **switches: Any,
) -> int:
    """Ask the kernel, judge the answers, say what works. Best as root."""
    from kprobe import collect, evidence

    loaded = _profiles(profiles, modes, release, catalogue=True)
    # Closed here, come what may: closing makes the core stop and clean up.
    lines = collect.collect(" ".join(select), collect.flags(**switches), deadline)
    with closing(lines), _tee(lines, output) as copied, _Progress() as progress:
        found = evidence.parse(copied, "this run", progress.seen)
    return _judge([found], loaded, modes, release, form=form, show_all=show_all)


@main.command("judge")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@judging
def judge_files(
    files: tuple[str, ...],
    profiles: tuple[str, ...],
    modes: tuple[str, ...],
    release: str,
    form: str,
    show_all: bool,
) -> int:
    """Judge evidence from files, of any node; - reads standard input."""
    loaded = _profiles(profiles, modes, release)
    found: list[Evidence] = []
    bad = False
    for name in files:
        try:
            found.append(_read(name))
        except InputError as error:
            _complain(error)
            bad = True
    code = _judge(found, loaded, modes, release, form=form, show_all=show_all)
    return USAGE if bad else code


@main.command("collect")
@asking
@deadline_option
@output_option
def collect_evidence(select: tuple[str, ...], deadline: int, output: Path | None, **switches: Any) -> None:
    """Ask the kernel; write the evidence, to judge it later or elsewhere."""
    from kprobe import collect

    lines = collect.collect(" ".join(select), collect.flags(**switches), deadline)
    with closing(lines), _tee(lines, output) as copied:
        for line in copied:
            if output is None:
                _write(line)


@main.command()
@asking
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def plan(select: tuple[str, ...], as_json: bool, **switches: Any) -> None:
    """Say what a run would ask, load and cause. Touches nothing."""
    from kprobe import collect
    from kprobe.catalogue import plan_text

    _show_rows(collect.plan(" ".join(select), collect.flags(**switches)), plan_text, as_json=as_json)


@main.command()
@select_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def probes(select: tuple[str, ...], as_json: bool) -> None:
    """List all rows that can be asked."""
    from kprobe import collect
    from kprobe.catalogue import list_text

    _show_rows(collect.catalogue(" ".join(select)), list_text, as_json=as_json)


@main.command()
@click.argument("row", metavar="ID")
@click.option("--profile", "names", multiple=True, metavar="NAME|FILE", help="[default: all that come with kprobe]")
def explain(row: str, names: tuple[str, ...]) -> None:
    """Say what a row asks, which answer proves what, and who needs it."""
    from kprobe.catalogue import explain_text
    from kprobe.profile import bundled, load

    known = {found.id: found for found in _catalogue()}
    if row not in known:
        raise InputError("no such row", row, nearest(row, known, "`kprobe probes` lists the ids"))
    _write(explain_text(known[row], [load(name) for name in names or bundled()]))


@main.command("profiles")
@click.argument("names", nargs=-1, metavar="[NAME|FILE]…")
def list_profiles(names: tuple[str, ...]) -> None:
    """List the profiles that come with kprobe; with a name, all needs of that one."""
    from kprobe.catalogue import profile_text
    from kprobe.profile import bundled, load

    for name in names or bundled():
        _write(profile_text(load(name), with_needs=bool(names)))


@main.command()
def schema() -> None:
    """Print the JSON Schema of the evidence."""
    _write(schema_text())


def schema_text() -> str:
    """Return the schema as it stands in docs/evidence.schema.json."""
    import msgspec

    from kprobe import evidence

    return msgspec.json.format(msgspec.json.encode(evidence.schema(), order="sorted"), indent=2).decode() + "\n"


def _write(text: str | bytes) -> None:
    """Write to standard output, at once."""
    out = sys.stdout
    if isinstance(text, bytes):
        out.buffer.write(text)
    else:
        # A terminal that cannot show a character shows an escape instead of an error.
        encoding = out.encoding or "utf-8"
        out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    out.flush()


def _profiles(names: Sequence[str], modes: Sequence[str], release: str, *, catalogue: bool = False) -> "list[Profile]":
    """Load profiles and refuse a misspelt mode or release, before the kernel is asked or a file is read.

    A file's ids are checked against the catalogue on demand; those of bundled profiles are checked by the tests.
    """
    from kprobe.judge import check
    from kprobe.profile import is_file, load

    known = {row.id for row in _catalogue()} if catalogue and any(map(is_file, names)) else set()
    loaded = [load(name, known if is_file(name) else ()) for name in names]
    for profile in loaded:
        check(profile, modes, release)
    return loaded


def _catalogue() -> "tuple[Row, ...]":
    from kprobe import collect, evidence

    return evidence.rows(collect.catalogue(), "catalogue")


def _judge(
    found: "Iterable[Evidence]",
    profiles: "list[Profile]",
    modes: Sequence[str],
    release: str,
    *,
    form: str,
    show_all: bool,
) -> int:
    """Judge and print; return the exit code."""
    from kprobe.judge import judge
    from kprobe.render import render
    from kprobe.report import exit_code, worst

    terminal = sys.stdout.isatty()
    width = get_terminal_size().columns if terminal else 0
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    codes: list[int] = []
    for evidence in found:
        for profile in profiles:
            report = judge(evidence, profile, modes, release)
            text = render(form, report, color=color, show_all=show_all, width=width)
            _write("\n" + text if codes and form == "text" else text)
            codes.append(exit_code(report))
    return worst(codes)


def _read(name: str) -> "Evidence":
    from kprobe import evidence

    if name == "-":
        return evidence.parse(evidence.lines_of(sys.stdin.buffer), "stdin")
    return evidence.read(Path(name))


@contextmanager
def _tee(lines: Iterator[bytes], output: Path | None) -> Iterator[Iterator[bytes]]:
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


def _show_rows(lines: Iterator[bytes], text: "Callable[[Sequence[Row]], str]", *, as_json: bool) -> None:
    if as_json:
        for line in lines:
            _write(line)
        return
    from kprobe.evidence import rows

    _write(text(rows(lines, "catalogue")))


class _Progress:
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
