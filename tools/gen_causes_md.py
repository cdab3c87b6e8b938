# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Write docs/causes.md from the tables that name causes, remedies and distributions."""

import sys

from kprobe.cause import CODES, Basis, Cause, Code
from kprobe.distros import DISTROS, Distro
from kprobe.evidence import Begin, Evidence
from kprobe.facts import Facts
from kprobe.remedy import remedy

NOWHERE = Facts(Evidence(source="", begin=Begin(format=1, uid=0, seccomp=0)))
SUBJECTS: dict[Code, str] = {"sysctl": "net.core.bpf_jit_enable", "too-old": "X.Y", "not-built": "CONFIG_X"}
BY_DISTRO = {"module-file-missing", "module-file-damaged", "package-missing"}


def main() -> None:
    """Print the page."""
    lines = [
        '# Causes of a "no", and remedies',
        "",
        "Generated from `kprobe/cause`, `kprobe/remedy.py` and `kprobe/distros.py` by `make docs`. Every row that",
        "is `absent`, `denied` or `broken` has one of these causes; one whose prerequisite failed has that one's.",
        "A cause is told from facts (docs/evidence-format.md): they explain an answer of the kernel, never change it.",
        "",
        "| code | the cause | what helps |",
        "|---|---|---|",
        *(f"| `{code}` | {text} | {_cell(_helps(code))} |" for code, text in CODES.items()),
        "",
        "## Packages with modules, by distribution",
        "",
        "The first entry that fits os-release and the kernel's release is taken. `$(uname -r)` is the running kernel.",
        "",
        "| distribution | a module's package is missing | files were lost | not built | note | source |",
        "|---|---|---|---|---|---|",
        *map(_row, DISTROS),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _helps(code: Code) -> str:
    if code in BY_DISTRO:
        return "see below"
    subject = SUBJECTS.get(code, "MODULE")
    found = remedy(Cause(code=code, text="", subject=subject, rests=(Basis(""),)), NOWHERE)
    return "; ".join((found.text, *(f"`{command}`" for command in found.commands))) if found else ""


def _row(entry: Distro) -> str:
    typed = (
        "<br>".join(f"`{command}`" for command in commands) for commands in (entry.install, entry.again, entry.other)
    )
    return f"| {' | '.join((entry.name, *map(_cell, typed), _cell(entry.note), _cell(entry.source)))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
