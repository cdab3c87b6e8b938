# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m tests.kernels run``: the collector's evidence from real distribution kernels."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kprobe.errors import InputError
from kprobe.evidence import parse

from . import apt, catalogue, image, scenario, store
from .boot import VMResult

PARALLEL = 2  # more is not faster on two cores
COLLECTOR = Path("dist/kprobe-collect-x86_64")


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 when every kernel gave complete evidence."""
    options = _options(argv)
    started = time.monotonic()
    try:
        known = catalogue.load()
        kernels = catalogue.select(known, options.kernel)
        images = store.images(known, kernels, options.refresh)
    except (ValueError, apt.FetchError, image.ImageError) as error:
        return _say(f"kernels: {error}", 2)
    if options.command == "fetch":
        return _say("\n".join(f"{i.name:<16} {i.release:<24} {i.initrd.parent}" for i in images.values()), 0)
    if not options.collector.exists():
        return _say(f"kernels: no collector at {options.collector}: run `make build`", 2)
    good = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for result in pool.map(
            lambda i: scenario.play("evidence", i, options.collector, options.args), images.values()
        ):
            scenario.keep(result, options.out / result.name)
            (options.out / f"{result.name}.ndjson").write_bytes(result.out.get("evidence.ndjson", b""))
            line, complete = summary(result)
            good += complete
            _say(line, 0)
    return _say(
        f"{good} of {len(images)} kernels gave complete evidence, {time.monotonic() - started:.1f} s",
        good < len(images),
    )


def summary(result: VMResult) -> tuple[str, bool]:
    """One line on one kernel, and whether its evidence is complete."""
    head = f"{result.name:<16} {result.release:<24} {result.seconds:5.1f} s"
    try:
        evidence = parse(result.out.get("evidence.ndjson", b"").splitlines(keepends=True), result.name)
    except InputError as error:
        return f"{head}  {error} (script: {result.rc}; see its console)", False
    counts = Counter(p.outcome for p in evidence.probes)
    rows = " ".join(f"{outcome} {counts[outcome]}" for outcome in ("works", "absent", "denied", "broken", "unknown"))
    if evidence.incomplete:
        return f"{head}  {rows}  INCOMPLETE, while {evidence.running or 'ending'} ran (script: {result.rc})", False
    return f"{head}  {rows}", True


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("fetch", "download kernels and make their images"),
        ("run", "boot them with the collector inside"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--kernel", nargs="+", action="extend", default=[], metavar="NAME")
        command.add_argument("--refresh", action="store_true", help="look for newer kernels, cache or not")
    command.add_argument("--collector", type=Path, default=COLLECTOR)
    command.add_argument("--out", type=Path, default=Path("build/vm"), metavar="DIR")
    command.set_defaults(args=[])
    mine, _, theirs = _split(argv)
    options = parser.parse_args(mine)
    options.args = theirs
    return options


def _split(argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """What is ours, and behind `--` what is the collector's."""
    at = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:at]), "--", list(argv[at + 1 :])


def _say(text: str, status: int) -> int:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
