# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The programs of this machine, for a guest that has only busybox: with their libraries, and run by a real shell."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

import kprobe
from kprobe import crosscheck
from kprobe.crosscheck.model import Answer, Oracle
from tests.kernels.boot import VMResult

from .script import parse, render

# busybox takes its own applet for a command before it looks into PATH, and so does all that it runs: its `ip` is not
# the one that is wanted, so nothing on the way to it may be busybox.
PROGRAMS = (
    *("dash", "timeout", "unshare", "nsenter", "grep", "sed", "cat", "readlink"),
    *("ip", "bridge", "ethtool", "wg", "ipset", "nfacct", "nft", "tc", "conntrack", "nfct", "ipvsadm"),
    *("tcpdump", "bpftool", "strace"),
    *("iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"),
)
EXTENSIONS = Path("/usr/lib/x86_64-linux-gnu/xtables")
PATH = "vm/bin"

# Python, and of its library what asking takes: what is loaded once all is imported.
PYTHON = Path(sys.executable).resolve()
LOADED = """
import re, subprocess, sys
import kprobe.crosscheck.ask
for module in list(sys.modules.values()):
    for name in {getattr(module, "__file__", None), getattr(getattr(module, "__spec__", None), "origin", None)}:
        if name and name.startswith("/"):
            print(name)
"""
PACKAGES = "vm/python"
OF_PYTHON = "python"
"""The oracles that are functions and need nothing but Python's own."""


def files() -> dict[str, Path]:
    """What has to be in the guest, by its path there."""
    found: dict[str, Path] = {f"etc/{name}": Path(f"/etc/{name}") for name in ("passwd", "protocols")}
    for name in PROGRAMS:
        program = shutil.which(name)
        assert program, f"{name} is not installed; see packages/test.txt"
        found[f"{PATH}/{name}"] = Path(program).resolve()
    found[f"{PATH}/sh"] = found[f"{PATH}/dash"]
    found |= {str(path).lstrip("/"): path.resolve() for path in EXTENSIONS.glob("*.so")}
    loaded = subprocess.run([sys.executable, "-P", "-c", LOADED], capture_output=True, text=True, check=True).stdout
    beside = map(str, Path(crosscheck.__file__).parent.glob("*.py"))  # what is read, and not loaded
    found |= {_place(path): Path(path) for path in (str(PYTHON), *loaded.splitlines(), *beside)}
    for path in _libraries(set(found.values())):
        found[path.lstrip("/")] = Path(path).resolve()
    return found


def _place(file: str) -> str:
    """Packages lie together, Python's own library where Python looks for it."""
    for module in (msgspec, kprobe):
        root = Path(module.__file__ or "").parents[1]
        if Path(file).is_relative_to(root) and Path(file) != PYTHON:
            return f"{PACKAGES}/{Path(file).relative_to(root)}"
    return file.lstrip("/")


def _libraries(programs: set[Path]) -> set[str]:
    """What the dynamic linker would load, itself among it."""
    command = ["ldd", *sorted(map(str, programs))]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", listed, re.MULTILINE))


def script(oracles: Sequence[Oracle], before: str) -> str:
    """What the guest runs: ``before``, then the oracles, whose answers are in /out/answers and /out/python."""
    shell = [oracle for oracle in oracles if not oracle.ask]
    names = "\n".join(oracle.name for oracle in oracles if oracle.program == OF_PYTHON)
    return (
        f"mkdir -p /tmp\n{before}\nexport PATH=/{PATH}:$PATH\n"
        f"/{PATH}/sh -s > /out/answers 2> /out/answers.err <<'END OF ORACLES'\n{render(shell)}END OF ORACLES\n"
        f"PYTHONPATH=/{PACKAGES} {PYTHON} -P -m kprobe.crosscheck.ask > /out/python 2> /out/python.err"
        f" <<'END OF NAMES'\n{names}\nEND OF NAMES\n"
    )


def answers(result: VMResult) -> dict[str, Answer]:
    """What the guest's programs answered, by the oracles' names."""
    by_hand = (Answer(**json.loads(line)) for line in result.text("python").splitlines())
    return {answer.name: answer for answer in (*parse(result.text("answers").splitlines()), *by_hand)}
