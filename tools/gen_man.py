# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Writes docs/kprobe.1 from what --help says, by man-pages(7)'s order of sections."""

import sys
from collections.abc import Iterator

import click

from kprobe.cli import main
from kprobe.cli.examples import EXAMPLES, FIRST, Examples

ENVIRONMENT = (
    ("NO_COLOR", "Not empty: no colours."),
    ("TERM", "dumb: no colours and no progress."),
)
FILES = (("kprobe-collect", "The static collector: writes what kprobe judge reads."),)


def roff(text: str) -> str:
    """Escape for roff: no line begins a request, a hyphen is one that can be copied."""
    text = " ".join(text.replace("\b", " ").split()).replace("\\", "\\e").replace("-", "\\-").replace("`", "\\`")
    text = text.replace("…", "...")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text as roff."""
    for number, part in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield roff(part)


def options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Yield a tagged paragraph an option."""
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record:
            yield from (".TP", f".B {roff(record[0])}", roff(record[1]))


def examples(found: Examples) -> Iterator[str]:
    """Yield a tagged paragraph an example."""
    for line, text in found:
        yield from (".TP", f".B {roff(line)}", roff(text))


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    top = click.Context(main, info_name="kprobe", help_option_names=["-h", "--help"])
    yield '.\\" Made by tools/gen_man.py from --help: make docs'
    yield '.TH KPROBE 1 "" "kprobe" "User Commands"'
    yield from (".SH NAME", "kprobe \\- find out by doing what a kernel can do for container networking")
    yield from (".SH SYNOPSIS", ".B kprobe", ".I COMMAND", "[\\fIOPTION\\fR]...")
    yield from (".SH DESCRIPTION", *paragraphs((main.help or "").split("Exit codes:")[0].strip()))
    yield from (".SH OPTIONS", *options(main, top))
    yield ".SH COMMANDS"
    for name in main.list_commands(top):
        command = main.get_command(top, name)
        if command is None:
            continue
        ctx = click.Context(command, info_name=name, parent=top)
        usage = " ".join(command.collect_usage_pieces(ctx))
        yield from (f'.SS "kprobe {name} {roff(usage)}"', *paragraphs(command.help or ""), *options(command, ctx))
        if name in EXAMPLES:
            yield from (".PP", "Examples:", *examples(EXAMPLES[name]))
    yield ".SH EXIT STATUS"
    for code, text in (
        ("0", "Ready."),
        ("1", "Something required failed."),
        ("2", "Usage or bad input."),
        ("3", "Nothing failed, but something required is unknown or denied."),
        ("130", "Interrupted."),
        ("141", "Nobody reads the output any more."),
    ):
        yield from (".TP", f".B {code}", text)
    for title, pairs in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        yield f".SH {title}"
        for name, text in pairs:
            yield from (".TP", f".B {roff(name)}", roff(text))
    yield from (".SH EXAMPLES", *examples(FIRST))


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in page()))
