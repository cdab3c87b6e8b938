# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""How often answers and causes are wrong: the evidence of knock-outs, held against what the package makes expected."""

import hashlib
import shutil
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from kprobe.cause import cause
from kprobe.errors import InputError
from kprobe.evidence import Evidence, Probe
from kprobe.facts import Facts, plain
from kprobe.reader import read

from . import knockouts, sweep, truth
from .catalogue import HERE
from .store import Image

KERNELS = ("5.10-amd64", "6.12-amd64", "newest-amd64")
PARALLEL = 2  # more is not faster on two cores
ROUNDS = 6  # boots for knock-outs of modules that something pinned in the boots before

Verdict = Literal["true yes", "true no", "false yes", "false no", "wrong cause", "undecided"]
RIGHT = ("true yes", "true no")
MISSING = "module-file-missing"
WHOLE_ROWS = 4000  # how long a run of all rows takes, in rows that are asked alone
AGAIN = "again"  # the folder of second askings


@dataclass(frozen=True)
class Judged:
    """One answer while modules were away. ``hit``: those of them that the row rests on."""

    kernel: str
    knock: sweep.Knock
    row: str
    family: str
    hit: tuple[str, ...]
    verdict: Verdict
    said: str

    @property
    def right(self) -> bool:
        """Whether it is as it must be."""
        return self.verdict in RIGHT


@dataclass(frozen=True)
class Exempt:
    """Answers that are not the expected ones, and why that is right."""

    rows: str
    kernels: str
    modules: str
    why: str
    proof: str

    def covers(self, one: Judged) -> bool:
        """Whether an answer is one of them."""
        return (
            any(fnmatchcase(one.row, glob) for glob in self.rows.split())
            and any(fnmatchcase(one.kernel, glob) for glob in self.kernels.split())
            and not set(self.modules.split()).isdisjoint(one.knock.modules)
        )


@dataclass(frozen=True)
class Checked:
    """What became of one kernel.

    ``twice``: knock-out and row of what was asked again; ``lacking``: knock-outs without evidence.
    """

    on: sweep.Field
    judged: Sequence[Judged]
    twice: frozenset[tuple[str, str]]
    lacking: Sequence[str]


def judge(on: sweep.Field, knock: sweep.Knock, found: Evidence, reference: Mapping[str, Probe]) -> Iterator[Judged]:
    """Hold the answers of one knock-out against those of the whole kernel, and against what rests on what."""
    facts = Facts(found)
    for probe in found.probes:
        before = reference.get(probe.id)
        if before is None or before.outcome not in {"works", "absent"}:
            continue
        if probe.control and probe.outcome not in {"works", "absent"}:
            continue  # a control that could not be asked says so, and proves nothing
        hit = tuple(sorted(on.rests[probe.id].intersection(knock.modules)))
        why = cause(probe, facts)
        said = f"{probe.outcome}: {why.code if why else probe.reason} {why.subject if why else ''}".strip()
        right = why is None or (why.code == MISSING and plain(why.subject) in hit)
        found_to_be = verdict(before.outcome == "works", bool(hit), probe.outcome, right)
        yield Judged(on.image.name, knock, probe.id, probe.family, hit, found_to_be, said)


def verdict(worked: bool, hit: bool, outcome: str, right: bool) -> Verdict:
    if outcome == "works":
        return "true yes" if worked and not hit else "false yes"
    if outcome != "absent":
        return "undecided"
    if worked and not hit:
        return "false no"
    return "true no" if right or not worked else "wrong cause"


def wrong(judged: Iterable[Judged]) -> list[Judged]:
    """Return the answers that are not the expected ones, and not excepted."""
    entries = exempt()
    return [one for one in judged if not one.right and not any(entry.covers(one) for entry in entries)]


def exempt(path: Path = HERE / "exceptions.toml") -> tuple[Exempt, ...]:
    """Read the exceptions."""
    return tuple(Exempt(**entry) for entry in tomllib.loads(path.read_text()).get("exception", ()))


def run(images: Sequence[Image], collector: Path, out: Path, only: Sequence[str] = ()) -> None:
    """Bring the evidence of all knock-outs on these kernels into `out`; what is there already is not asked again.

    What looks wrong is asked a second time, alone: a busy machine is slow, and a guest's clock is not.
    """
    rows = truth.catalogue(collector)
    code = hashlib.sha256(collector.read_bytes()).hexdigest()
    fields = {image.name: sweep.of(image, rows) for image in images}
    plans = {name: plan(on, only) for name, on in fields.items()}
    for name, on in fields.items():
        _prepare(out / name, hashlib.sha256(f"{code} {on.image.initrd.parent} {plans[name]}".encode()).hexdigest())
    for number in range(ROUNDS):
        _say(f"round {number + 1}")
        jobs = [
            (fields[name], chunk, out / name)
            for name, knocks in plans.items()
            for chunk in chunks(_left(out / name, knocks))
        ]
        if not jobs or not _play(jobs, collector):
            break
    for name, on in fields.items():
        found = check(on, out / name, only)
        rows_of: dict[str, list[Judged]] = {}
        for one in wrong(found.judged):
            rows_of.setdefault(one.knock.name, []).append(one)
        again = [
            sweep.Knock(k, those[0].knock.modules, tuple(one.row for one in those)) for k, those in rows_of.items()
        ]
        (out / name / AGAIN).mkdir(exist_ok=True)
        _play([(on, chunk, out / name / AGAIN) for chunk in chunks(_left(out / name / AGAIN, again))], collector)


def _left(folder: Path, knocks: Sequence[sweep.Knock]) -> list[sweep.Knock]:
    return [knock for knock in knocks if not (folder / f"{knock.name}.ndjson").exists()]


Job = tuple[sweep.Field, Sequence[sweep.Knock], Path]


def _play(jobs: Sequence[Job], collector: Path) -> int:
    """Boot for each of these, long ones first; how many knock-outs gave evidence."""

    def one(job: Job) -> int:
        return _boot(job[0], job[1], job[2], collector)

    long = sorted(jobs, key=lambda job: -sum(len(knock.select) or WHOLE_ROWS for knock in job[1]))
    with ThreadPoolExecutor(PARALLEL) as pool:
        return sum(pool.map(one, long))


def plan(on: sweep.Field, only: Sequence[str] = ()) -> list[sweep.Knock]:
    """All that is asked of a kernel; with `only`, these modules alone."""
    if only:
        few = list(sweep.alone(on, (name for name in on.modules if name in only)))
        asked = sorted({row for knock in few for row in knock.select})
        return [sweep.Knock(sweep.REFERENCE, (), tuple(asked)), *few]
    return [sweep.Knock(sweep.REFERENCE, (), ()), *sweep.alone(on, on.modules), *sweep.together(on)]


def chunks(knocks: Sequence[sweep.Knock]) -> Iterator[list[sweep.Knock]]:
    """Boots: runs of all rows have one of their own, for some modules cannot be unloaded after them."""
    yield from ([knock] for knock in knocks if not knock.select)
    rest = [knock for knock in knocks if knock.select]
    number = -(-len(rest) // sweep.CHUNK)
    yield from (rest[at::number] for at in range(number))


def _prepare(folder: Path, stamp: str) -> None:
    """Keep what is there only when it is of this collector, this kernel and this plan."""
    record = folder / "stamp"
    if not record.exists() or record.read_text() != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        record.write_text(stamp)


def _boot(on: sweep.Field, knocks: Sequence[sweep.Knock], folder: Path, collector: Path) -> int:
    result = sweep.play(on, knocks, collector)
    kept = 0
    for knock in knocks:
        content = result.out.get(f"{knock.name}.ndjson", b"")
        if b'"type":"end"' in content:
            (folder / f"{knock.name}.ndjson").write_bytes(content)
            kept += 1
    (folder / f"console.{knocks[0].name}").write_text(result.console)
    _say(f"{on.image.name:<16} {kept:>3} of {len(knocks):>3} knock-outs, {result.seconds:5.0f} s, rc {result.rc}")
    return kept


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def check(on: sweep.Field, folder: Path, only: Sequence[str] = ()) -> Checked:
    """Judge what is there of one kernel; of what was asked twice, the second answer counts."""
    reference = {probe.id: probe for probe in read(folder / f"{sweep.REFERENCE}.ndjson").probes}
    judged: list[Judged] = []
    lacking: list[str] = []
    second: dict[tuple[str, str], Judged] = {}
    for knock in plan(on, only)[1:]:
        try:
            judged += judge(on, knock, read(folder / f"{knock.name}.ndjson"), reference)
        except (InputError, OSError):
            lacking.append(knock.name)
            continue
        repeat = folder / AGAIN / f"{knock.name}.ndjson"
        if repeat.exists():
            second |= {(knock.name, one.row): one for one in judge(on, knock, read(repeat), reference)}
    wrong = {(one.knock.name, one.row) for one in judged if not one.right}
    twice = frozenset(wrong & second.keys())
    final = [second[key] if (key := (one.knock.name, one.row)) in twice else one for one in judged]
    return Checked(on, final, twice, lacking)


def environment(image: Image, collector: Path) -> Iterator[str]:
    """Take from a kernel what knockouts.toml says; what does not come back as it must."""
    boots = knockouts.load()
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = list(pool.map(lambda of: knockouts.play(of, image, collector), boots))
    for of, result in zip(boots, results, strict=True):
        try:
            for one in knockouts.wrong(of, image, result):
                yield f"{one.knockout}: {one.row}: {one.found}, not {one.expected}"
        except (AssertionError, InputError) as error:
            yield f"{of.name}: {str(error)[:200]}"
