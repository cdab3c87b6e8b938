# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rules over all rows of the catalogue, and over what the C files may do, need and show."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from kprobe import collect, node, profile
from tests.live.engine_lib import COLLECTOR, made
from tests.unit.clib import CSRC, build
from tests.unit.core_lib import Call, Core, Outcome
from tests.unit.test_core_c import E, classify

Row = dict[str, Any]

PROBES = sorted((CSRC / "probes").glob("*.c"))
# What only the parent runs. All else may run behind fork(): no heap, no stdio, nothing that takes a lock.
PARENT = {"main", "table", "collect", "evidence", "env", "select", "lines", "inflate"}
PARENT |= {"factkit", "modinfo", "kconfig", "nics", *(path.stem for path in CSRC.glob("facts*.c"))}
AFTER_FORK = [path for path in sorted(CSRC.glob("*.c")) if path.stem not in PARENT]
FORBIDDEN = re.compile(
    r"""(m|c|re)alloc|reallocarray|free|posix_memalign|aligned_alloc|strn?dup|getline|getdelim|v?asprintf|open_memstream
    |v?f?d?printf|v?sn?printf|v?[fs]?scanf|f?puts|f?putc(har)?|f(open|dopen|read|write|close|flush|gets|seek|error)|perror
    |(open|read|close|scan)dir|qsort|getenv|setlocale|syslog|openlog|strerror|localtime(_r)?|mktime|getpw\w+|getgr\w+
    |gethost\w+|getaddrinfo|if_nametoindex|if_indextoname|if_nameindex|exit|atexit|abort|signal|sleep|usleep|pthread_\w+
    |std(in|out|err)|_*(printf|fprintf|sprintf|vfprintf)_chk""",
    re.VERBOSE,
)
PROGRAMS = re.compile(r"exec[lv]\w*|fexecve|execveat|system|popen|posix_spawnp?|v?fork|clone3?|daemon")


class TwiceError(Exception):
    """A key stands twice in an object."""


def unique(pairs: list[tuple[str, Any]]) -> Row:
    if len(dict(pairs)) != len(pairs):
        raise TwiceError([key for key, _ in pairs])
    return dict(pairs)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line, object_pairs_hook=lambda pairs: dict(reversed(pairs))) for line in collect.catalogue()]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(tmp_path_factory.mktemp("core"))


# --- rows ---


def test_a_rule_of_the_rows_takes_the_place_of_its_methods() -> None:
    for line in collect.catalogue():
        json.loads(line, object_pairs_hook=unique)


def test_ids(rows: list[Row]) -> None:
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    for row in rows:
        assert re.fullmatch(r"[a-z][a-z0-9-]*(\.[a-z0-9_][A-Za-z0-9_:,-]*|\.[A-Z][A-Za-z0-9_]*)+", row["id"]), row["id"]
        assert row["id"] == row["family"] or row["id"].startswith(row["family"] + "."), row["id"]
        assert len(row["id"]) < 96, "longer than the words of .needs and --select"


def test_upper_case_is_the_kernels_own(rows: list[Row]) -> None:
    """Lower case, but for the names of targets and states, which the field writes in capitals: MASQUERADE."""
    for part in {part for row in rows for part in row["id"].split(".")}:
        assert part == part.lower() or re.fullmatch(r"[A-Z][A-Z0-9_]*([-_:,][a-z0-9]+)*", part), part


def test_words(rows: list[Row]) -> None:
    for row in rows:
        assert row["title"], row["id"]
        assert len(row["title"]) <= 120, row["id"]
        for word in row.get("kconfig", ()):
            assert all(re.fullmatch(r"CONFIG_[A-Z0-9_]+", one) for one in word.split("|")), (row["id"], word)
        for word in row.get("modules", ()):
            assert all(re.fullmatch(r"[a-z0-9][A-Za-z0-9_:-]*", one) for one in word.split("|")), (row["id"], word)
        for text in ("title", "asks", "proves", "host", "risk"):
            assert row.get(text, "") == row.get(text, "").strip(), row["id"]
            assert row.get(text, "").isprintable(), row["id"]


def test_each_row_says_since_when(rows: list[Row]) -> None:
    for row in rows:
        since = row.get("since")
        assert since or "control" in row, row["id"]
        assert not since or re.fullmatch(r"[2-9](\.\d{1,3}){1,3}", since), (row["id"], since)


def test_each_row_says_what_it_asks_and_what_that_proves(rows: list[Row]) -> None:
    for row in rows:
        assert len(row.get("asks", "")) > 10, row["id"]
        assert len(row.get("proves", "")) > 10, row["id"]
        for name, text in row["errnos"].items():
            assert re.fullmatch(r"E[A-Z0-9]+", name), (row["id"], name)
            outcome, _, why = text.partition(": ")
            assert outcome in {"works", "absent", "denied", "broken", "unknown"}, (row["id"], text)
            assert why, f"{row['id']}: {name} is {outcome}, and nobody says why"


def test_what_is_needed_stands_before(rows: list[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        assert set(row.get("needs", ())) <= seen, row["id"]
        seen.add(row["id"])


def test_families_stand_together_and_open_with_their_controls(rows: list[Row]) -> None:
    families = [(name, list(group)) for name, group in groupby(rows, key=lambda row: str(row["family"]))]
    assert len({name for name, _ in families}) == len(families)
    for name, group in families:
        controls = [row.get("control", "") for row in group]
        assert "positive" in controls, name
        assert "negative" in controls, name
        assert "" in controls, f"{name} asks nothing"
        assert controls[0], f"{name} opens with something else"
        # A control may stand behind rows that others stand on, so that it can stand on them too; and behind no other.
        needed = {need for row in rows for need in row.get("needs", ())}
        last = max(i for i, control in enumerate(controls) if control)
        for row in group[:last]:
            assert "control" in row or row["id"] in needed, f"{row['id']}: before a control of its family"


def test_what_changes_a_host_says_how(rows: list[Row]) -> None:
    for row in rows:
        if row.get("risk") == "changes the host lastingly":
            assert row.get("host"), row["id"]


def test_no_rule_is_dead(rows: list[Row], core: Core) -> None:
    """A rule for an errno that the rules of every row decide before it would never be asked."""
    numbers = {name: number for number, name in E.errorcode.items()} | {"EOPNOTSUPP": E.EOPNOTSUPP, "ENOTSUPP": 524}
    for row in rows:
        for name in row["errnos"]:
            number = numbers.get(name) or int(name[1:])
            # bpf(2) alone is asked first what the row says: its errnos may be the verifier's.
            call = Call.BPF if "BPF_" in row["asks"] or row["family"].startswith("bpf") else Call.PLAIN
            said = classify(core, number, call, row={number: Outcome.BROKEN}).outcome
            assert said == Outcome.BROKEN, (row["id"], name)


@pytest.mark.parametrize("name", profile.bundled())
def test_profiles_need_rows_that_there_are(name: str, rows: list[Row]) -> None:
    known = [row["id"] for row in rows] + [row.id for row in node.catalogue()]
    assert profile.load(name, known).modes


# --- C files ---


def compiler(*arguments: str) -> str:
    command = ["cc", "-std=gnu11", "-D_GNU_SOURCE", f"-I{CSRC}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def undefined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What each C file asks of others, by symbol."""
    place = tmp_path_factory.mktemp("objects")
    sources = [*sorted(CSRC.glob("*.c")), *PROBES]

    def symbols(source: Path) -> set[str]:
        out = place / f"{source.parent.name}-{source.stem}.o"
        compiler("-O0", "-fno-builtin", "-fno-stack-protector", "-c", "-o", str(out), str(source))
        told = subprocess.run(["nm", "-u", str(out)], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1].partition("@")[0] for line in told.splitlines()}

    with ThreadPoolExecutor(2) as pool:
        return {str(s.relative_to(CSRC)): found for s, found in zip(sources, pool.map(symbols, sources), strict=True)}


def test_behind_fork_there_is_no_heap_and_no_stdio(undefined: dict[str, set[str]]) -> None:
    for path in (*AFTER_FORK, *PROBES):
        name = str(path.relative_to(CSRC))
        assert not {symbol for symbol in undefined[name] if FORBIDDEN.fullmatch(symbol)}, name


def test_one_file_forks_and_none_runs_a_program(undefined: dict[str, set[str]]) -> None:
    asked = {name: {s for s in symbols if PROGRAMS.fullmatch(s)} for name, symbols in undefined.items()}
    assert {name: symbols for name, symbols in asked.items() if symbols} == {"sandbox.c": {"fork"}}


def headers(source: Path) -> Iterator[str]:
    for path in compiler("-MM", str(source)).replace("\\\n", " ").split()[2:]:
        yield str(Path(path).resolve().relative_to(CSRC.resolve()))


def test_probes_know_nothing_of_the_run() -> None:
    """Includes go one way: a probe knows rows, results and netlink; not the loop, the evidence or the facts."""
    parents = {f"{name}.h" for name in (*PARENT, "run", "worker")}
    for source in PROBES:
        assert not parents & set(headers(source)), source.name


def test_the_public_header_stands_alone() -> None:
    lines = re.sub(r"/\*.*?\*/", "", (CSRC / "kprobe.h").read_text(), flags=re.DOTALL)
    assert "#" not in lines, "cffi reads this file: no preprocessor"


# --- what is built ---


def test_the_extension_shows_one_name() -> None:
    from kprobe import _core

    command = ["nm", "-D", "--defined-only", str(_core.__file__)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in shown.splitlines()} == {"PyInit__core"}


def test_the_collector_needs_nothing() -> None:
    told = subprocess.run(["nm", "-a", str(COLLECTOR)], capture_output=True, text=True, check=False)
    assert "no symbols" in told.stderr, "stripped"
    program = subprocess.run(["readelf", "-lW", str(COLLECTOR)], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in program, "static"


PEAK = r"""
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct rusage own;
    int status;
    pid_t pid = fork();

    if (!pid) {
        dup2(open("/dev/null", O_WRONLY), 1);
        return argc > 1 ? execv(argv[1], argv + 1) : 1;
    }
    if (wait4(pid, &status, 0, &own) != pid || status)
        return 1;
    return printf("%ld\n", own.ru_maxrss) < 0;
}
"""


def test_the_collector_takes_little_memory(tmp_path: Path) -> None:
    """Peak resident KiB, workers included: asked by a small program, since a child starts with its parent's peak."""
    source = tmp_path / "peak.c"
    source.write_text(PEAK)
    peak = build(tmp_path / "peak", [source], shlex.split("-static -Wno-error=unused-result"))
    done = subprocess.run([peak, made(COLLECTOR)], capture_output=True, text=True, check=True)
    assert 100 < int(done.stdout) <= 3 * 1024
