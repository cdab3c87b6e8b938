# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""bcc: compiles C with the kernel's headers, loads, attaches, makes events happen, and counts them. Pure.

The work is done by ``bcc_script``, in the Python that has bcc: that is Debian's own, seldom ours.
"""

import json
import pkgutil
import shlex
from collections.abc import Iterator

from .compare import Finding, finding
from .model import Answer, Oracle
from .survey import Known, Survey

PROGRAM = "bcc"
ROW = "bpf.bcc"


def _call() -> Oracle:
    """In mounts of its own: the trace file systems, and where bcc would unpack headers into it, an empty /tmp."""
    quoted = shlex.quote((pkgutil.get_data(__package__, "bcc_script.py") or b"").decode())
    nobody = json.dumps({"not_asked": "not installed: python3-bpfcc"})
    mounts = (
        '[ "$BCC_KERNEL_SOURCE" ] || [ -e "/lib/modules/$(uname -r)/build" ] || mount -t tmpfs none /tmp 2>/dev/null',
        "[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing 2>/dev/null",
        "[ -e /sys/kernel/debug/tracing/events ] || mount -t debugfs none /sys/kernel/debug 2>/dev/null",
    )
    steps = (
        *mounts,
        f"for python in {' '.join(PYTHONS)}; do $python -c 'import bcc' 2>/dev/null && exec $python -c {quoted}; done",
        f"echo {shlex.quote(nobody)}",
    )
    return Oracle(
        ROW,
        program=PROGRAM,
        do=(f"{{ {'; '.join(steps)}; }}",),
        version=f"for python in {' '.join(PYTHONS)}; do"
        " $python -c 'import bcc; print(bcc.__version__)' 2>/dev/null && exit; done; exit 1",
    )


PYTHONS = ("python3", "/usr/bin/python3")
CALL = _call()


def compare(known: Known, answer: Answer) -> Iterator[Finding]:
    """Yield what kprobe and bcc say of each row that bcc tried."""
    for line in answer.said.splitlines():
        try:
            stated = json.loads(line)
        except ValueError:
            yield Finding(ROW, ROW, PROGRAM, "unheard", "", line)
            continue
        if "not_asked" in stated:
            yield Finding(ROW, ROW, PROGRAM, "not asked", "", stated["not_asked"])
        elif stated["row"] in known.rows:
            probe = known.rows[stated["row"]]
            oracle = Oracle(probe.id, program=PROGRAM, do=CALL.do)
            yield finding(probe, oracle, Answer(probe.id, PROGRAM, said=stated["said"], told=stated["told"]))


def about(known: Known) -> bool:
    """Tell whether the evidence has rows that bcc's parts are about."""
    return any(row.startswith(("bpf.prog.", "bpf.map.")) for row in known.rows)


SURVEY = Survey(CALL, about, compare)
