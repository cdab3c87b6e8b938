# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Writes README.md with its sample made anew from recorded evidence (docs/samples), shortened by a fixed rule."""

import sys
from collections.abc import Iterator
from pathlib import Path

from kprobe import intake, profile
from kprobe.evidence import Evidence
from kprobe.judge import judge
from kprobe.render import render

ROOT = Path(__file__).resolve().parent.parent
NAME = "debian-11.ndjson.xz"
BEGIN, END = "<!-- sample -->", "<!-- end of sample -->"
WIDTH = 118
GROUPS = ("Data plane, IPv4", "Pod network between nodes, IPv4", "Encryption between nodes", "eBPF data plane")
SECTIONS = (*GROUPS, "Missing")
"""The sections that are shown, and of each the first lines."""
LINES = 7


def evidence() -> Evidence:
    """Return the recorded evidence."""
    return intake.evidence_in((ROOT / "docs/samples" / NAME).read_bytes(), NAME)[0]


def sample() -> Iterator[str]:
    """Yield the lines of the sample."""
    text = render("text", judge(evidence(), profile.load("calico")))
    head, *blocks = text.split("\n\n")
    yield "```"
    yield f"# kprobe judge docs/samples/{NAME}     (shortened)"
    yield from head.splitlines()
    for block in blocks:
        lines = block.rstrip("\n").splitlines()
        if lines[0].startswith(SECTIONS) and not lines[0].startswith("Missing,"):
            yield ""
            yield from (line if len(line) <= WIDTH else line[:WIDTH].rstrip() + "…" for line in lines[: LINES + 1])
            if len(lines) > LINES + 1:
                yield "  …"
    yield "```"


def readme() -> str:
    """Return the whole page."""
    text = (ROOT / "README.md").read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "".join(f"{line}\n" for line in sample()) + f"{END}{after}"


if __name__ == "__main__":
    sys.stdout.write(readme())
