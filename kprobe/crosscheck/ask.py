# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Asks oracles one after the other: ``python -m kprobe.crosscheck.ask`` reads their names and prints their answers.

A process of its own, because a place for each oracle is made by fork, which needs a process without threads.
"""

import json
import os
import shutil
import sys
import traceback
from importlib import import_module

from . import apart, shell
from .model import Answer, NotAskedError, Oracle, OtherwiseError, RefusedError
from .table import BY_NAME

SECONDS = 20
"""Of one oracle; the slowest needs less than one."""
LAST = "\x1e"
"""Before what a function answers, behind what it may have written."""


def ask(oracle: Oracle) -> Answer:
    """Ask one."""
    missing = _missing(oracle)
    if missing:
        return Answer(oracle.row, oracle.program, said=missing, told="not asked")
    function = oracle.ask
    if function is None:
        text = shell.body(oracle)
        rc, said = apart.run(lambda: _exec(text), SECONDS)
        answer = Answer(oracle.row, oracle.program, rc, _text(said))
    else:
        rc, said = apart.run(lambda: _call(oracle), SECONDS)
        before, last, told = _text(said).rpartition(LAST)
        if last and rc == 0:
            answer = Answer(oracle.row, oracle.program, **json.loads(told))
        else:
            answer = Answer(oracle.row, oracle.program, rc, before or told, told="none")
    if rc == apart.NO_PLACE:
        return Answer(oracle.row, oracle.program, said=f"no namespaces here: {answer.said.strip()}", told="not asked")
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
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    os.execvpe("sh", ["sh", "-c", text], {**environment, **shell.ENVIRONMENT})  # noqa: S606, S607 - as whoever calls us


def _call(oracle: Oracle) -> int:
    assert oracle.ask
    answer: dict[str, object] = {"told": "works"}
    try:
        oracle.ask(oracle.row)
    except RefusedError as error:
        answer = {"told": "absent", "errno": error.errno, "said": str(error)}
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
    for name in sys.stdin.read().splitlines():
        answer = ask(BY_NAME[name])
        sys.stdout.write(json.dumps(vars(answer)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
