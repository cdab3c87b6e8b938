# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Oracles, run on this machine: few processes, each row in a network namespace of its own."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .compare import Answer
from .model import Oracle
from .script import ENVIRONMENT, body, render

PARALLEL = 2
SECONDS = 120


def ask(oracles: Sequence[Oracle]) -> dict[str, Answer]:
    """All answers, by row."""
    shares = [oracles[n::PARALLEL] for n in range(PARALLEL)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        texts = pool.map(lambda share: _shell(render(share)), shares)
    return {answer.row: answer for text in texts for answer in parse(text.splitlines())}


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


def parse(lines: Iterable[str]) -> Iterable[Answer]:
    """Read what the script printed."""
    said: list[str] = []
    for line in lines:
        if line.startswith("| "):
            said.append(line[2:])
        elif line != "|":
            row, rc = line.rsplit(" ", 1)
            yield Answer(row, int(rc), "\n".join(said))
            said = []


def _shell(script: str) -> str:
    return subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=SECONDS, check=True).stdout
