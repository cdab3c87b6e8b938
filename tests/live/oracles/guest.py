# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The programs of this machine, for a guest that has only busybox: with their libraries, and run by a real shell."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kprobe.crosscheck.model import Oracle

from .script import render

# busybox takes its own applet for a command before it looks into PATH, and so does all that it runs: its `ip` is not
# the one that is wanted, so nothing on the way to it may be busybox.
PROGRAMS = (
    *("dash", "timeout", "unshare", "nsenter", "grep", "sed", "cat", "readlink"),
    *("ip", "bridge", "ethtool", "wg", "ipset", "nfacct", "nft", "tc", "conntrack", "nfct", "ipvsadm"),
    *("bpftool", "strace"),
    *("iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"),
)
EXTENSIONS = Path("/usr/lib/x86_64-linux-gnu/xtables")
PATH = "vm/bin"


def files() -> dict[str, Path]:
    """What has to be in the guest, by its path there."""
    found: dict[str, Path] = {"etc/protocols": Path("/etc/protocols")}
    for name in PROGRAMS:
        program = shutil.which(name)
        assert program, f"{name} is not installed; see packages/test.txt"
        found[f"{PATH}/{name}"] = Path(program).resolve()
    found[f"{PATH}/sh"] = found[f"{PATH}/dash"]
    found |= {str(path).lstrip("/"): path.resolve() for path in EXTENSIONS.glob("*.so")}
    for path in _libraries(set(found.values())):
        found[path.lstrip("/")] = Path(path).resolve()
    return found


def _libraries(programs: set[Path]) -> set[str]:
    """What the dynamic linker would load, itself among it."""
    command = ["ldd", *sorted(map(str, programs))]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", listed, re.MULTILINE))


def script(oracles: Sequence[Oracle], before: str) -> str:
    """What the guest runs: ``before``, then the oracles, whose answers are in /out/answers."""
    return (
        f"mkdir -p /tmp\n{before}\nexport PATH=/{PATH}:$PATH\n"
        f"/{PATH}/sh -s > /out/answers 2> /out/answers.err <<'END OF ORACLES'\n{render(oracles)}END OF ORACLES\n"
    )
