# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Prints docs/probes.md: the catalogue of the collector given, family by family."""

import itertools
import subprocess
import sys

import msgspec

from kprobe.evidence import Row

HEAD = """\
# Probes

Made by `make docs` from the rows in `csrc/probes/`; `kprobe explain ID` says more of each: what it asks, which answer
proves what, who needs it. A row with a control mark tests kprobe itself, not the kernel.
"""


def cell(text: str) -> str:
    """One cell of a table."""
    return text.replace("|", "\\|")


def section(family: str, rows: list[Row]) -> str:
    """One family's table."""
    lines = [f"\n## {family}\n", "| id | what | modules | since |", "|---|---|---|---|"]
    for row in rows:
        mark = f" *({row.control} control)*" if row.control else ""
        lines.append(f"| `{row.id}` | {cell(row.title)}{mark} | {cell(' '.join(row.modules))} | {row.since} |")
    return "\n".join(lines) + "\n"


def main(collector: str) -> None:
    """Print it."""
    listed = subprocess.run([collector, "--list"], capture_output=True, check=True).stdout
    rows = [msgspec.json.decode(line, type=Row) for line in listed.splitlines()]
    families = itertools.groupby(rows, key=lambda row: row.family)
    sys.stdout.write(HEAD + "".join(section(name, list(group)) for name, group in families))


main(sys.argv[1])
