# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``python -m tests.kernels run``: the collector's evidence from real distribution kernels."""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import accuracy, accuracy_md, apt, catalogue, image, matrix, scenario, store, sweep, truth
from .outcome import summary
from .truth_md import told

PARALLEL = 2  # more is not faster on two cores
COLLECTOR = Path("dist/kprobe-collect-x86_64")


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 when every kernel gave complete evidence."""
    options = _options(argv)
    started = time.monotonic()
    if options.command == "truth":
        return _truth(options.out or Path("build/matrix"), options.collector)
    try:
        known = catalogue.load()
        if options.command == "matrix":
            chosen = known.matrix if options.everything else known.of("small")
            return matrix.run(
                known,
                catalogue.select(known, options.kernel) if options.kernel else chosen,
                options.out or Path("build/matrix"),
                again=options.again,
                refresh=options.refresh,
                args=options.args,
            )
        if options.command == "accuracy":
            return _accuracy(known, options)
        kernels = catalogue.select(known, options.kernel)
        images = store.images(known, kernels, options.refresh)
    except (ValueError, apt.FetchError, image.ImageError) as error:
        return _say(f"kernels: {error}", 2)
    if options.command == "fetch":
        return _say("\n".join(f"{i.name:<16} {i.release:<24} {i.initrd.parent}" for i in images.values()), 0)
    if not options.collector.exists():
        return _say(f"kernels: no collector at {options.collector}: run `make build`", 2)
    out = options.out or Path("build/vm")
    good = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for result in pool.map(
            lambda i: scenario.play("evidence", i, options.collector, options.args), images.values()
        ):
            scenario.keep(result, out / result.name)
            (out / f"{result.name}.ndjson").write_bytes(result.out.get("evidence.ndjson", b""))
            line, complete = summary(result)
            good += complete
            _say(line, 0)
    return _say(
        f"{good} of {len(images)} kernels gave complete evidence, {time.monotonic() - started:.1f} s",
        good < len(images),
    )


def _truth(out: Path, collector: Path) -> int:
    """Print the differences between answers and packages; those of many kernels that are alike stand together."""
    found = truth.check(out, collector)
    alike: dict[tuple[str, str], list[str]] = {}
    for difference in found.left:
        alike.setdefault((difference.row, difference.text), []).append(difference.kernel)
    for (row, text), names in alike.items():
        _say(f"{row}: {text}: {', '.join(names)}", 0)
    for entry in found.idle:
        _say(f"truth.toml or history.toml tells what no kernel shows: {entry}", 0)
    excepted, undecided = found.answers_of(exceptions=True), found.answers_of(exceptions=False)
    _say(f"{excepted.total()} answers excepted, {undecided.total()} undecided ({told(undecided) or 'none'})", 0)
    return _say(f"{found.kernels} kernels, {len(alike)} differences to what their packages say", bool(found.left))


def _accuracy(known: catalogue.Catalogue, options: argparse.Namespace) -> int:
    """Take every module from some kernels, and everything of knockouts.toml; write the page. 1: something was wrong."""
    chosen = catalogue.select(known, options.kernel or accuracy.KERNELS)
    images = list(store.images(known, chosen, options.refresh).values())
    out = options.out or Path("build/accuracy")
    accuracy.run(images, options.collector, out, options.module)
    rows = truth.catalogue(options.collector)
    checked = [accuracy.check(sweep.of(image, rows), out / image.name, options.module) for image in images]
    environment = {image.name: list(accuracy.environment(image, options.collector)) for image in images}
    text = accuracy_md.page(checked, environment, Path("build/matrix"), options.collector)
    (out / "accuracy.md").write_text(text)
    wrong = accuracy.wrong(one for found in checked for one in found.judged)
    lacking = [name for found in checked for name in found.lacking]
    for one in wrong:
        _say(f"{one.kernel} {one.knock.name}: {one.row}: {one.verdict}: {one.said}", 1)
    for name, texts in environment.items():
        for line in texts:
            _say(f"{name}: {line}", 1)
    answers = sum(len(found.judged) for found in checked)
    return _say(
        f"{answers} answers while modules were away, {len(wrong)} wrong, {len(lacking)} knock-outs without evidence: "
        f"{out}/accuracy.md",
        bool(wrong or lacking or any(environment.values())),
    )


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("fetch", "download kernels and make their images"),
        ("run", "boot them with the collector inside"),
        ("accuracy", "take every module from some kernels, and judge what changes"),
        ("truth", "hold the evidence of matrix against the kernels' packages"),
        ("matrix", "evidence of many kernels, one line each; what is there already is not asked again"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--kernel", nargs="+", action="extend", default=[], metavar="NAME")
        command.add_argument("--refresh", action="store_true", help="look for newer kernels, cache or not")
        if name in ("run", "truth", "accuracy"):
            command.add_argument("--collector", type=Path, default=COLLECTOR)
        if name == "accuracy":
            command.add_argument("--module", nargs="+", action="extend", default=[], help="only these, one at a time")
        if name == "matrix":
            command.add_argument("--all", action="store_true", dest="everything", help="every kernel that there is")
            command.add_argument("--again", action="store_true", help="ask also those whose evidence is there")
        command.add_argument("--out", type=Path, metavar="DIR", help="[default: build/vm, build/matrix]")
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
