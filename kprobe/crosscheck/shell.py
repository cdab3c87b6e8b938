# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""An oracle's commands as one piece of POSIX shell, and what its exit status tells.

====  =======================================================================
0     done, and the program's own listing shows it
97    a prerequisite (another row's object) could not be made
98    done, but the listing shows something else
124   no answer in time
126.. the program is missing, or was killed by a signal (up to 192)
else  refused; what was said tells by whom
====  =======================================================================
"""

import os

from .model import Oracle

NO_PREREQUISITE = 97
OTHERWISE = 98
TIMEOUT = 124
NO_PROGRAM = 126
SIGNALLED = 128 + 64  # the last; `bridge` fails with 255

# iptables-legacy locks a file: its own, so that no other run is in its way and it leaves none in /run.
ENVIRONMENT = {"LC_ALL": "C", "XTABLES_LOCKFILE": "/proc/self/comm"}


def environment() -> dict[str, str]:
    """Return what programs get: ours, but for what is of our own Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | ENVIRONMENT


def body(oracle: Oracle) -> str:
    """Return what is run in the namespace."""
    steps = []
    if oracle.setup:
        steps.append(_all(oracle.setup) + f" || exit {NO_PREREQUISITE}")
    steps.append(_all(oracle.do) + " || exit $?")
    if oracle.see:
        steps.append(_all(oracle.see) + f" || exit {OTHERWISE}")
    return "\n".join(steps)


def _all(commands: tuple[str, ...]) -> str:
    return "{ " + " &&\n".join(commands) + "\n}"
