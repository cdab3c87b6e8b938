# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``make bench``: what a run costs beside the same questions asked through the usual programs."""

import collections
import compileall
import json
import lzma
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Cost, interleaved, median, ratio
from kprobe.cli.judging import needed_rows
from kprobe.crosscheck.table import SHELL
from kprobe.profile import load
from kprobe.render import formats
from tests.live.oracles import script

ROOT = Path(__file__).resolve().parent.parent
COLLECTOR = str(ROOT / "dist/kprobe-collect-x86_64")
LIBRARIES = "python3 -c import click, msgspec"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))


def rows() -> list[dict[str, object]]:
    """The answers of one run."""
    done = subprocess.run([COLLECTOR], capture_output=True, check=True)
    records = map(json.loads, done.stdout.splitlines())
    return [record for record in records if record["type"] == "probe"]


def syscalls() -> int:
    """All system calls of a run, its workers' included, by strace."""
    with tempfile.NamedTemporaryFile("r") as out:
        subprocess.run(["strace", "-f", "-c", "-U", "calls,name", "-o", out.name, COLLECTOR],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        total = re.search(r"^\s*(\d+)\s+total$", out.read(), re.MULTILINE)
    return int(total[1]) if total else 0


def table(costs: dict[str, list[Cost]], base: str) -> None:
    """One line a command: medians in milliseconds, and how many times the base."""
    print(f"{'':34}{'wall':>10}{'user':>10}{'system':>10}{'settle':>10}   wall x   cpu x")
    for name, runs in costs.items():
        cells = [
            median(runs, what) for what in (lambda c: c.wall, lambda c: c.user, lambda c: c.system, lambda c: c.settle)
        ]
        times = [ratio(runs, costs[base], what) for what in (lambda c: c.wall, lambda c: c.cpu)]
        print(f"{name:34}" + "".join(f"{cell:8.1f}ms" for cell in cells) + "".join(f"{time:8.2f}" for time in times))


def families(answers: list[dict[str, object]]) -> None:
    """Where the time of a run goes."""
    spent: collections.Counter[str] = collections.Counter()
    count: collections.Counter[str] = collections.Counter()
    for record in answers:
        spent[str(record["family"])] += int(str(record["ns"]))
        count[str(record["family"])] += 1
    for name, ns in spent.most_common():
        print(f"  {name:20} {count[name]:4} rows {ns / 1e6:8.2f} ms")


def same_questions() -> None:
    """Rows that programs can ask too, beside those programs."""
    with tempfile.TemporaryDirectory() as folder:
        questions = Path(folder) / "questions.sh"
        questions.write_text(script.render(SHELL.values()))
        select = " ".join(SHELL)
        print(f"The same {len(SHELL)} questions, {ROUNDS} interleaved runs, medians:")
        costs = interleaved({"collector": [COLLECTOR, "--select", select], "programs": ["sh", str(questions)]}, ROUNDS)
    table(costs, "collector")
    whole = ratio(costs["programs"], costs["collector"], lambda c: c.wall + c.settle)
    print(f"  programs / collector, with the teardown of namespaces: {whole:.1f}")


def calico() -> str:
    """The rows that Calico's profile needs, as `kprobe run --needed` selects them."""
    return " ".join(needed_rows([load("calico")], (), ""))


def everything(count: int) -> None:
    """A whole run beside the command line around it, and beside bpftool's, which is of BPF alone."""
    commands = {
        "collector": [COLLECTOR],
        "kprobe run": [str(ROOT / ".venv/bin/kprobe"), "run"],
        "python3 -c pass": [sys.executable, "-c", ""],
        "collector, bpf.* alone": [COLLECTOR, "--select", "bpf.*"],
        "collector, what Calico needs": [COLLECTOR, "--select", calico()],
        "kprobe run --needed": [str(ROOT / ".venv/bin/kprobe"), "run", "--needed"],
        "bpftool feature probe kernel": ["bpftool", "-j", "feature", "probe", "kernel"],
    }
    costs = interleaved(commands, ROUNDS)
    alone = costs["collector"]
    print(f"\nEverything, {count} rows:")
    table(costs, "collector")
    for name, most in (("collector", 1), ("collector, what Calico needs", 0.25)):
        share = ratio(costs[name], costs["bpftool feature probe kernel"], lambda c: c.wall)
        print(f"  {name} / bpftool: {share:.2f} (aim: at most {most})")
    above = median(costs["kprobe run"], lambda c: c.wall) - median(alone, lambda c: c.wall)
    print(f"  kprobe run above the collector: {above:.0f} ms")
    share = median(alone, lambda c: c.user) / max(median(alone, lambda c: c.cpu), 1e-9)
    print(f"  user share of the collector's CPU: {share:.0%}")
    print(f"  system calls a row: {syscalls() / count:.1f}")


def reports() -> None:
    """What judging and rendering one node costs above the start of the interpreter."""
    sample = str(ROOT / "docs/samples/debian-11.ndjson.xz")
    kprobe = str(ROOT / ".venv/bin/kprobe")
    python = str(ROOT / ".venv/bin/python")
    commands = {"python3 -c pass": [python, "-c", ""], LIBRARIES: [python, "-c", "import click, msgspec"]}
    commands |= {f"judge --format {name}": [kprobe, "judge", sample, "--format", name] for name in formats()}
    costs = interleaved(commands, ROUNDS)
    print("\nJudging and rendering one node from a compressed file:")
    table(costs, "python3 -c pass")
    cpu = {name: median(runs, lambda c: c.cpu) for name, runs in costs.items()}
    start = cpu["python3 -c pass"]
    print(f"  click and msgspec imported, above the start of the interpreter: {cpu[LIBRARIES] - start:.0f} ms of CPU")
    for name in formats():
        print(f"  {name}, above the start of the interpreter: {cpu[f'judge --format {name}'] - start:.0f} ms of CPU")


def many_nodes(count: int = 300) -> None:
    """What each more of distinct, whole files of evidence costs a matrix, beside judging one alone."""
    data = lzma.decompress((ROOT / "tests/evidence/newest-amd64.ndjson.xz").read_bytes())
    lines = data.splitlines(keepends=True)
    works = [place for place, line in enumerate(lines) if b'"outcome":"works"' in line]
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number in range(count):
            own = [lines[0].replace(b'"nodename":"', b'"nodename":"n%d' % number, 1), *lines[1:]]
            for place in draw.sample(works, 5):
                own[place] = own[place].replace(b'"works"', b'"absent","errno":95')
            files.append(Path(folder) / f"{number}.ndjson")
            files[-1].write_bytes(b"".join(own))
        kprobe = str(ROOT / ".venv/bin/kprobe")
        page = ["--format", "html", "-o", f"{folder}/matrix.html"]
        commands = {
            "judge, one file": [kprobe, "judge", str(files[0])],
            "matrix of one file": [kprobe, "matrix", str(files[0])],
            f"matrix of {count} files": [kprobe, "matrix", *map(str, files)],
            "the same as a page with names": [kprobe, "matrix", *map(str, files), *page, "--show-names"],
            "the same as a page without": [kprobe, "matrix", *map(str, files), *page],
        }
        costs = interleaved(commands, ROUNDS)
    print(f"\nMany nodes: {count} distinct files of {len(data) // 1000} KB:")
    table(costs, "judge, one file")
    one, all_of_them = (median(costs[name], lambda c: c.cpu) for name in (*commands,)[1:3])
    each = (all_of_them - one) / (count - 1)
    print(f"  a file more: {each:.2f} ms of CPU; 10,000 of them: {each * 10 + one / 1000:.1f} s (aim: at most 15)")


def main() -> None:
    """Print it all."""
    if os.geteuid():
        sys.exit("bench: run as root")
    # As an installation has it; a checkout may never write bytecode (PYTHONDONTWRITEBYTECODE).
    compileall.compile_dir(ROOT / "kprobe", quiet=1)
    answers = rows()
    same_questions()
    everything(len(answers))
    reports()
    many_nodes()
    print("\nWhere the collector's time goes:")
    families(answers)


main()
