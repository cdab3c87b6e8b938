# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Oracles as one POSIX shell script, for guests that have no Python: ``python -m tests.live.oracles.script [GLOB…]``.

For each row the script prints what the programs said, each line behind ``| ``, and then ``ID RC``:

====  =======================================================================
0     done, and the program's own listing shows it
97    a prerequisite (another row's object) could not be made
98    done, but the listing shows something else
124   no answer in time
126.. the program is missing, or was killed by a signal (up to 192)
else  refused; what was said tells by whom
====  =======================================================================
"""

import shlex
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase

from .model import Oracle
from .table import ORACLES

NO_PREREQUISITE = 97
OTHERWISE = 98
TIMEOUT = 124
NO_PROGRAM = 126
SIGNALLED = 128 + 64  # the last; `bridge` fails with 255

# iptables-legacy locks a file: its own, so that no other run is in its way and it leaves none in /run.
ENVIRONMENT = {"LC_ALL": "C", "XTABLES_LOCKFILE": "/proc/self/comm"}

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


def body(oracle: Oracle) -> str:
    """What is run in the namespace."""
    steps = []
    if oracle.setup:
        steps.append(_all(oracle.setup) + f" || exit {NO_PREREQUISITE}")
    steps.append(_all(oracle.do) + " || exit $?")
    if oracle.see:
        steps.append(_all(oracle.see) + f" || exit {OTHERWISE}")
    return "\n".join(steps)


def _all(commands: tuple[str, ...]) -> str:
    return "{ " + " &&\n".join(commands) + "\n}"


def render(oracles: Iterable[Oracle]) -> str:
    """The script."""
    return HEAD + "".join(f"ask {shlex.quote(oracle.row)} {shlex.quote(body(oracle))}\n" for oracle in oracles)


def main(globs: list[str]) -> None:
    """Print the script for the rows that match."""
    sys.stdout.write(
        render(oracle for oracle in ORACLES if any(fnmatchcase(oracle.row, glob) for glob in globs or ["*"]))
    )


if __name__ == "__main__":
    main(sys.argv[1:])
