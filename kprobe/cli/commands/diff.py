# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe diff``."""

import click

from kprobe.cli.judging import load_profiles, read_evidence, redacted
from kprobe.cli.options import show_names_option
from kprobe.cli.output import write

WORSE = 1


@click.command()
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--profile", "name", default="calico", metavar="NAME|FILE", help="[default: calico]")
@click.option("--release", default="", metavar="X.Y", help="Release of the product. [default: the newest known]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
@show_names_option
def command(before: str, after: str, name: str, release: str, form: str, show_names: bool) -> int:
    """Say what changed between two files of evidence: verdicts, outcomes, causes.

    Names and addresses are replaced by pseudonyms, the same in both, unless --show-names is given.

    Exit codes: 0 nothing got worse; 1 something did; 2 usage or bad input.
    """
    from kprobe import diff
    from kprobe.clean import ascii_json, clean
    from kprobe.judge import judge

    (profile,) = load_profiles([name], (), release)
    both = map(read_evidence, (before, after))
    old, new = (judge(each, profile, (), release) for each in (both if show_names else redacted(both)))
    found = diff.diff(old, new)
    if form == "json":
        import msgspec

        write(ascii_json(msgspec.json.format(msgspec.json.encode(found), indent=2).decode()) + "\n")
    else:
        write("".join(clean(line).rstrip() + "\n" for line in diff.text(found)))
    return WORSE if found.worse else 0
