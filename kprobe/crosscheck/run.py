# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Asks oracles on this machine, some at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import kprobe
from kprobe.errors import InputError

from .model import Answer, Oracle
from .result import Program

PARALLEL = 2

Seen = Callable[[Answer], None]


def ask(oracles: Iterable[Oracle], seen: Seen | None = None) -> dict[str, Answer]:
    """All answers, by the oracles' names. ``seen`` is told each as it comes, from several threads."""
    names = [oracle.name for oracle in oracles]
    shares = [share for n in range(PARALLEL) if (share := names[n::PARALLEL])]
    with ExitStack() as stack:
        askers = [stack.enter_context(_asker(share)) for share in shares]
        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                parts = list(pool.map(lambda asker, share: _answers(asker, share, seen), askers, shares))
            except BaseException:  # Ctrl-C: the threads wait for the processes, and we for the threads
                for asker in askers:
                    asker.kill()
                raise
    return {answer.name: answer for part in parts for answer in part}


def programs(oracles: Iterable[Oracle]) -> tuple[Program, ...]:
    """Return the programs that these oracles are asked of."""
    with _asker([oracle.name for oracle in oracles], "--programs") as asker:
        return tuple(Program(**json.loads(line)) for line in _lines(asker))


def _answers(asker: "subprocess.Popen[str]", names: Sequence[str], seen: Seen | None) -> list[Answer]:
    """Read the answers; where the process died, what it had not answered is told as not asked."""
    answers: list[Answer] = []
    for line in _lines(asker):
        answer = Answer(**json.loads(line))
        answers.append(answer)
        if seen:
            seen(answer)
    told = {answer.name for answer in answers}
    left = [name.rsplit(" ", 1) for name in names if name not in told]
    why = "the process that asks came to an early end"
    return answers + [Answer(row, program, said=why, told="not asked") for row, program in left]


def _lines(asker: "subprocess.Popen[str]") -> Iterator[str]:
    """Yield whole lines; one that is cut is none."""
    assert asker.stdout
    return (line for line in asker.stdout if line.endswith("\n"))


@contextmanager
def _asker(names: Sequence[str], *options: str) -> "Iterator[subprocess.Popen[str]]":
    """Start the process that asks; it is killed when we leave, whatever the reason."""
    # -P: nothing is imported from where the user stands.
    command = [sys.executable, "-P", "-m", f"{kprobe.__name__}.crosscheck.ask", *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(kprobe.__file__).parents[1])}
    try:
        started = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment)  # noqa: S603
    except OSError as error:
        raise InputError(error.strerror or str(error), command[0], "no process can be started that asks") from error
    with started as process:
        assert process.stdin
        try:
            with suppress(BrokenPipeError):  # it came to an early end: there will be no answers
                process.stdin.write("\n".join(names))
                process.stdin.close()
            yield process
        finally:
            process.kill()
