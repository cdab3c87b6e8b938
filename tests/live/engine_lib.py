# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The programs that the tests of the engine run, and their answers as they were written."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COLLECTOR = Path(os.environ.get("KPROBE_COLLECTOR", ROOT / "dist" / "kprobe-collect-x86_64"))
SELFTEST = ROOT / "build" / "kprobe-collect-selftest"
ASAN = ROOT / "build" / "kprobe-collect-asan"

Record = dict[str, Any]
Command = Sequence[str | Path]


class Stream:
    """One stream of evidence, complete: a begin and an end, and a probe for each row of the plan, in its order."""

    def __init__(self, text: bytes) -> None:
        self.records: list[Record] = [json.loads(line) for line in text.splitlines()]
        self.begin, self.end = self.records[0], self.records[-1]
        self.probes = [r for r in self.records if r["type"] == "probe"]
        assert self.begin["type"] == "begin"
        assert self.end["type"] == "end", "the stream was cut"
        assert [r["type"] for r in self.records].count("end") == 1
        planned = [row for rows in self.begin["plan"].values() for row in rows]
        assert [p["id"] for p in self.probes] == planned
        assert [p["seq"] for p in self.probes] == list(range(len(planned)))
        assert self.end["rows"] == len(planned)
        assert "leaks" not in self.end
        for p in self.probes:
            assert p["outcome"] == "works" or (p["step"] and (p.get("errno") or p.get("reason"))), p

    def __getitem__(self, row: str) -> Record:
        return next(p for p in self.probes if p["id"] == row)

    def outcomes(self) -> dict[str, str]:
        return {p["id"]: p["outcome"] for p in self.probes}


def ask(program: Path, *options: str, through: Command = (), env: Mapping[str, str] | None = None) -> Stream:
    """Run ``program``, started by the command ``through``."""
    made(program)
    command = [*through, program, *options]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert not done.stderr, done.stderr
    return Stream(done.stdout)


def made(program: Path) -> Path:
    assert program.exists(), f"{program} is missing: run `make build {program.relative_to(ROOT)}`"
    return program


def catalogue(program: Path = COLLECTOR, *options: str) -> list[Record]:
    """The rows as --list says them."""
    done = subprocess.run([made(program), "--list", *options], capture_output=True, timeout=30, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def public(*programs: Path) -> Iterator[Path]:
    """A directory that every user can enter, with the programs in it."""
    place = Path(tempfile.mkdtemp(prefix="kprobe-test-"))
    try:
        for program in programs:
            shutil.copy(made(program), place)
        place.chmod(place.stat().st_mode | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        yield place
    finally:
        shutil.rmtree(place)


def compiled(out: Path, source: Path, *flags: str) -> Path:
    """A C program of the tests' own."""
    command = ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", *flags, "-o", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def processes(name: str) -> dict[int, int]:
    """Living processes of that name: pid and parent. What is dead and not yet reaped holds nothing but its number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue  # it went while we looked
        comm, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        if comm == name and rest[0] not in "ZX":
            found[int(entry.name)] = int(rest[1])
    return found


def strays() -> list[int]:
    """Workers that outlived their run, or are this process's own: an orphan goes to an ancestor of ours."""
    heirs, pid = set(), os.getpid()
    while pid:
        heirs.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    return [pid for pid, parent in processes("kprobe-worker").items() if parent in heirs]
