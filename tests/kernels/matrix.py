# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""`make matrix`: evidence from many kernels, two at a time. What is there already is not asked again."""

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from . import apt, image, scenario, store
from .catalogue import UNAME, Catalogue, Want
from .outcome import summary

PARALLEL = 2  # more is not faster on two cores
SECONDS = 400  # for one guest's script: forty on a machine that does nothing else
# A module takes its time under emulation; and nobody minds what a guest is left with.
ARGS = ("--deadline", "30000", "--intrusive")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Told:
    """What became of one kernel."""

    name: str
    line: str
    complete: bool


def run(
    known: Catalogue, kernels: Sequence[Want], out: Path, *, again: bool, refresh: bool, args: Sequence[str]
) -> int:
    """Ask these kernels; 0 when every one gave complete evidence, those apart of which it is known why they cannot.

    One that did not is asked once more: under emulation a kernel may oops today and not tomorrow.
    Leaves `out`/NAME.ndjson, and in `out`/NAME/ the console, the kernel's log, its configuration, its module indices.
    """
    os.nice(5)
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with _shown(len(kernels)) as show:
        show.busy("packages")
        stock = store.fetch(known, kernels, refresh)
        show.idle("packages")
        told = [Told(name, f"{name:<20} could not be fetched", False) for name in stock.missing]
        for one in told:
            show.done(one)
        there = [k for k in kernels if k.name not in stock.missing]
        asked = _ask(there, lambda k: _one(k, stock, out, again, args, show))
    told += asked.values()
    cut = {k.name: k.cut for k in there if k.cut and not asked[k.name].complete}
    bad = [one.name for one in told if not one.complete and one.name not in cut]
    good = sum(one.complete for one in told)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{good} of {len(told)} kernels gave complete evidence, {seconds:.0f} s\n")
    if stock.missing:
        sys.stdout.write(f"not fetched: {', '.join(stock.missing)}; apt said:\n{stock.said}\n")
    for name, why in cut.items():
        sys.stdout.write(f"cut, as is known, {name}: {why}\n")
    if bad:
        sys.stdout.write(f"no complete evidence: {', '.join(bad)}; what they said: {out}/NAME/console\n")
    return 1 if bad else 0


def _ask(kernels: Sequence[Want], ask: Callable[[Want], Told]) -> dict[str, Told]:
    """Ask each, and those once more that gave no complete evidence and should."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        told = {one.name: one for one in pool.map(ask, kernels)}
        lacking = [kernel for kernel in kernels if not kernel.cut and not told[kernel.name].complete]
        told |= {one.name: one for one in pool.map(ask, lacking)}
    return told


def _one(kernel: Want, stock: store.Stock, out: Path, again: bool, args: Sequence[str], show: "_Show") -> Told:
    """Boot one kernel, unless its evidence is there and nothing changed since."""
    show.busy(kernel.name)
    try:
        told = _asked(kernel, stock, out, again, args)
    except (image.ImageError, apt.FetchError, OSError) as error:
        told = Told(kernel.name, f"{kernel.name:<20} {error}", False)
    finally:
        show.idle(kernel.name)
    show.done(told)
    return told


def _asked(kernel: Want, stock: store.Stock, out: Path, again: bool, args: Sequence[str]) -> Told:
    collector = ROOT / "dist" / f"kprobe-collect-{UNAME[kernel.arch]}"
    if not collector.exists():
        return Told(
            kernel.name, f"{kernel.name:<20} no {collector.name}: make ARCH={UNAME[kernel.arch]} collector", False
        )
    made = stock.image(kernel)
    stamp = hashlib.sha256(json.dumps([made.release, str(made.initrd.parent), *ARGS, *args]).encode())
    stamp.update(collector.read_bytes())
    record = out / kernel.name / "done.json"
    if not again and record.exists() and (said := json.loads(record.read_text()))["stamp"] == stamp.hexdigest():
        return Told(kernel.name, f"{said['line']}  (of before)", True)
    record.unlink(missing_ok=True)
    result = scenario.play("evidence", made, collector, [*ARGS, *args], SECONDS)
    scenario.keep(result, out / kernel.name)
    for file in made.facts.iterdir():
        (out / kernel.name / file.name).write_bytes(file.read_bytes())
    (out / f"{kernel.name}.ndjson").write_bytes(result.out.get("evidence.ndjson", b""))
    line, complete = summary(result)
    if complete:
        record.write_text(json.dumps({"stamp": stamp.hexdigest(), "line": line, "seconds": result.seconds}))
    return Told(kernel.name, line, complete)


class _Show:
    """A bar with what is booting, where somebody watches; one line a kernel everywhere."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self.progress, self.task = progress, task
        self.names: list[str] = []
        self.lock = threading.Lock()

    def busy(self, name: str) -> None:
        with self.lock:
            self.names.append(name)
            self.progress.update(self.task, description=", ".join(self.names))

    def idle(self, name: str) -> None:
        with self.lock:
            self.names.remove(name)
            self.progress.update(self.task, description=", ".join(self.names))

    def done(self, told: Told) -> None:
        with self.lock:
            self.progress.console.print(told.line, markup=False, highlight=False, soft_wrap=True)
            self.progress.advance(self.task)


@contextmanager
def _shown(total: int) -> Iterator[_Show]:
    columns = (MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(), disable=not sys.stdout.isatty()) as progress:
        yield _Show(progress, progress.add_task("", total=total))
