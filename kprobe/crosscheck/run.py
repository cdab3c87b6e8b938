# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Asks oracles on this machine, some at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kprobe

from .model import Answer, Oracle

PARALLEL = 2

Seen = Callable[[Answer], None]


def ask(oracles: Iterable[Oracle], seen: Seen | None = None) -> dict[str, Answer]:
    """All answers, by the oracles' names. ``seen`` is told each as it comes, from several threads."""
    names = [oracle.name for oracle in oracles]
    shares = [share for n in range(PARALLEL) if (share := names[n::PARALLEL])]
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = [answer for part in pool.map(lambda share: _ask(share, seen), shares) for answer in part]
    return {answer.name: answer for answer in answers}


def _ask(names: Sequence[str], seen: Seen | None) -> list[Answer]:
    """Have a process of its own ask; where it dies, what it had not answered is told as not asked."""
    answers: list[Answer] = []
    # -P: nothing is imported from where the user stands.
    command = [sys.executable, "-P", "-m", f"{kprobe.__name__}.crosscheck.ask"]
    environment = {**os.environ, "PYTHONPATH": str(Path(kprobe.__file__).parents[1])}
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as process:  # noqa: S603
        assert process.stdin
        assert process.stdout
        process.stdin.write("\n".join(names))
        process.stdin.close()
        for line in process.stdout:
            answer = Answer(**json.loads(line))
            answers.append(answer)
            if seen:
                seen(answer)
    told = {answer.name for answer in answers}
    why = f"the process that asks ended with {process.returncode}"
    left = [name.split(" ") for name in names if name not in told]
    return answers + [Answer(row, program, said=why, told="not asked") for row, program in left]
