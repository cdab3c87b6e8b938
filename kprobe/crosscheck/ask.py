# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Asks oracles one after the other: ``python -m kprobe.crosscheck.ask`` reads their names and prints their answers.

A process of its own, because a place for each oracle is made by fork, which needs a process without threads. With
``--programs`` it prints which programs there are.
"""

import errno
import json
import os
import shutil
import signal
import sys
import traceback
from importlib import import_module

from . import apart, shell
from .model import Answer, NotAskedError, Oracle, OtherwiseError, RefusedError
from .surveys import CALLS

SECONDS = 30
"""Of one oracle; the slowest, bcc, needs a few."""
DENIED = (errno.EPERM, errno.EACCES)
LAST = "\x1e"
"""Before what a function answers, behind what it may have written."""


def ask(oracle: Oracle) -> Answer:
    """Ask one."""
    row, program = oracle.row, oracle.program
    missing = _missing(oracle)
    if missing:
        return Answer(row, program, said=missing, told="not asked")
    if oracle.ask is None:
        text = shell.body(oracle)
        rc, said = apart.run(lambda: _exec(text), SECONDS, own_net=not oracle.host_net)
        answer = Answer(row, program, rc, _text(said))
    else:
        rc, said = apart.run(lambda: _call(oracle), SECONDS)
        before, last, told = _text(said).rpartition(LAST)
        if last and rc == 0:
            answer = Answer(row, program, **json.loads(told))
        else:
            answer = Answer(row, program, rc, before or told, told="none")
    if rc == apart.NO_PLACE:
        return Answer(row, program, said=f"no namespace of its own: {answer.said.strip()}", told="not asked")
    return answer


def _missing(oracle: Oracle) -> str:
    missing = [name for name in oracle.needs if shutil.which(name) is None]
    if oracle.imports:
        try:
            import_module(oracle.imports)  # here, once, and not in each child
        except ImportError:
            missing.append(oracle.imports)
    return f"not installed: {', '.join(missing)}" if missing else ""


def _exec(text: str) -> int:
    os.execvpe("sh", ["sh", "-c", text], shell.environment())  # noqa: S606, S607 - as whoever calls us


def _call(oracle: Oracle) -> int:
    assert oracle.ask
    answer: dict[str, object] = {"told": "works"}
    try:
        oracle.ask(oracle.row)
    except RefusedError as error:
        denied = error.errno in DENIED
        answer = {"told": "denied" if denied else "absent", "errno": error.errno, "said": str(error)}
    except OtherwiseError as error:
        answer = {"told": "broken", "said": str(error)}
    except NotAskedError as error:
        answer = {"told": "not asked", "said": str(error)}
    except Exception:  # noqa: BLE001 - whatever it is, it is told
        answer = {"told": "none", "said": traceback.format_exc()}
    os.write(1, (LAST + json.dumps(answer)).encode())
    return 0


def _text(said: bytes) -> str:
    return said.decode(errors="replace").rstrip("\n")


def main() -> None:
    """Answer what is asked, until there is no more or nobody listens."""
    apart.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us, and ends us
    names = sys.stdin.read().splitlines()
    if "--programs" in sys.argv:
        from .programs import there

        for program in there(tuple(CALLS[name] for name in names)):
            print(json.dumps(vars(program)))  # noqa: T201
        return
    for name in names:
        print(json.dumps(vars(ask(CALLS[name]))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
