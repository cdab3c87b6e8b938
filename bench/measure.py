# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Measures whole processes side by side: interleaved runs, medians, ratios. Never a test: people read the numbers."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

QUIET_S = 3.0
"""The longest wait for the kernel to finish what a run left it to do."""


@dataclass(frozen=True)
class Cost:
    """One run, in seconds. ``user`` and ``system`` are of its processes, ``settle`` is until namespaces are gone."""

    wall: float
    user: float
    system: float
    settle: float

    @property
    def cpu(self) -> float:
        """User and system time of the processes."""
        return self.user + self.system


def namespaces() -> int:
    """Live ``struct net``, by the slab allocator's own count; 0 where that cannot be read."""
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("net_namespace ")), 0)


def settled(before: int) -> float:
    """Wait until no more namespaces live than before; return the seconds that took."""
    start = time.monotonic()
    while namespaces() > before and time.monotonic() - start < QUIET_S:
        time.sleep(0.002)
    return time.monotonic() - start


def once(command: Sequence[str]) -> Cost:
    """Run it with its output thrown away; its exit status says what it found, not whether it ran."""
    before = namespaces()
    start = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode < 0:
        raise RuntimeError(f"{command[0]} died of signal {-child.returncode}")
    return Cost(wall, usage.ru_utime, usage.ru_stime, settled(before))


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Cost]]:
    """``rounds`` times each command in turn, after one round that does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            cost = once(command)
            if turn:
                costs[name].append(cost)
    return costs


def median(costs: Sequence[Cost], what: Callable[[Cost], float]) -> float:
    """Median over the runs, in milliseconds."""
    return statistics.median(map(what, costs)) * 1000


def ratio(costs: Sequence[Cost], base: Sequence[Cost], what: Callable[[Cost], float]) -> float:
    """Median of the ratios of runs that stood side by side."""
    return statistics.median(what(a) / max(what(b), 1e-9) for a, b in zip(costs, base, strict=True))
