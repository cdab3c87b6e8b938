# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Oracles as one POSIX shell script, for guests that have no Python: ``python -m tests.live.oracles.script [GLOB…]``.

For each row the script prints what the programs said, each line behind ``| ``, and then ``ROW PROGRAM RC``, where the
exit status is as ``kprobe.crosscheck.shell`` tells.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase

from kprobe.crosscheck.model import Answer, Oracle
from kprobe.crosscheck.shell import ENVIRONMENT, body
from kprobe.crosscheck.table import SHELL

HEAD = f"""\
#!/bin/sh
export {" ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())}
"""
HEAD += """\
ask() {
	said=$(timeout -k 1 20 unshare -n sh -c "$2" 2>&1 < /dev/null)
	rc=$?
	[ -z "$said" ] || printf '%s\\n' "$said" | sed 's/^/| /'
	echo "$1 $rc"
}
"""


def render(oracles: Iterable[Oracle]) -> str:
    """The script."""
    return HEAD + "".join(f"ask {shlex.quote(oracle.name)} {shlex.quote(body(oracle))}\n" for oracle in oracles)


def parse(lines: Iterable[str]) -> Iterable[Answer]:
    """Read what the script printed."""
    said: list[str] = []
    for line in lines:
        if line.startswith("| "):
            said.append(line[2:])
        elif line != "|":
            row, program, rc = line.rsplit(" ", 2)
            yield Answer(row, program, int(rc), "\n".join(said))
            said = []


def run(oracles: Iterable[Oracle]) -> dict[str, Answer]:
    """What the script says here, by row."""
    done = subprocess.run(["sh"], input=render(oracles), capture_output=True, text=True, timeout=120, check=True)
    return {answer.row: answer for answer in parse(done.stdout.splitlines())}


def inside(oracle: Oracle, more: str) -> subprocess.CompletedProcess[str]:
    """Run an oracle in a new network namespace and then ``more`` there."""
    return subprocess.run(
        ["unshare", "-n", "sh", "-c", f"{body(oracle)}\n{more}"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )


def main(globs: list[str]) -> None:
    """Print the script for the rows that match."""
    sys.stdout.write(render(o for o in SHELL.values() if any(fnmatchcase(o.row, glob) for glob in globs or ["*"])))


if __name__ == "__main__":
    main(sys.argv[1:])
