# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Logs in which many runs wrote: each comes out as it went in, whatever stands between its lines."""

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from kprobe import cli, evidence, intake, streams
from kprobe.errors import InputError
from kprobe.evidence import Evidence, Outcome
from tests.unit import synthetic

OUTCOMES: Mapping[str, Mapping[str, Outcome]] = {
    "node-1": {**dict.fromkeys(synthetic.calico_ids(), "works"), "link.ipip": "absent"},
    "node-2": {"link.ipip": "absent", "link.veth": "works"},
    "node-3": {"link.veth": "broken"},
}
RUNS = {
    name: synthetic.stream(outcomes, uname=evidence.Uname(sysname="Linux", nodename=name, release="6.18.0"))
    for name, outcomes in OUTCOMES.items()
}

Marks = Callable[[str, bytes], bytes]


def prefixed(name: str, line: bytes) -> bytes:
    return f"[pod/kprobe-{name}/kprobe] ".encode() + line


def tagged(name: str, line: bytes) -> bytes:
    return line.replace(b",", f',"run":"{name}",'.encode(), 1)


def timed(name: str, line: bytes) -> bytes:
    time = f"2026-11-22T13:00:{random.randrange(60):02}.{random.randrange(10**9)}Z "
    return time.encode() + tagged(name, line)


def lines_of(found: Evidence) -> list[bytes]:
    return evidence.write(found).splitlines(keepends=True)


def mixed(runs: Mapping[str, list[bytes]], mark: Marks, draw: random.Random) -> bytes:
    """Lines of all runs in a random order, each run's own in theirs."""
    left = {name: [mark(name, line) for line in lines] for name, lines in runs.items()}
    out: list[bytes] = []
    while left:
        name = draw.choice(sorted(left))
        out.append(left[name].pop(0))
        if not left[name]:
            del left[name]
    return b"".join(out)


def read(log: bytes, refuse: streams.Refuse | None = None) -> dict[str, Evidence]:
    return {found.source: found for found in intake.each_in(log, "log", refuse=refuse)}


def same(found: Evidence, run: Evidence) -> bool:
    return (found.begin, found.facts, found.probes, found.end) == (run.begin, run.facts, run.probes, run.end)


@pytest.mark.parametrize("mark", [prefixed, tagged, timed])
@given(seed=st.integers(0, 2**32))
def test_mixed_line_by_line(mark: Marks, seed: int) -> None:
    small = {name: RUNS[name] for name in ("node-2", "node-3")}
    found = read(mixed({name: lines_of(run) for name, run in small.items()}, mark, random.Random(seed)))
    pods = {name: f"log#kprobe-{name}" if mark is prefixed else f"log#{name}" for name in small}
    assert found.keys() == set(pods.values())
    assert all(same(found[pods[name]], run) for name, run in small.items())


def test_large_ones_come_in_pieces() -> None:
    log = mixed({name: lines_of(run) for name, run in RUNS.items()}, prefixed, random.Random(1))
    pieces = [log[start : start + 7] for start in range(1000, len(log), 7)]
    found = {each.begin.uname.nodename: each for each in intake.each_in(log[:1000], "log", pieces)}
    assert found.keys() == RUNS.keys()
    assert all(same(found[name], run) for name, run in RUNS.items())


def test_each_is_there_when_it_ends_and_not_before() -> None:
    asked: list[bytes] = []

    def lines() -> Iterator[bytes]:
        for line in (prefixed(name, line) for name in RUNS for line in lines_of(RUNS[name])):
            asked.append(line)
            yield line

    refused: list[InputError] = []
    first = next(iter(streams.apart(lines(), "log", refused.append)))
    assert first.begin.uname.nodename == "node-1"
    assert len(asked) == len(lines_of(RUNS["node-1"]))


def test_one_after_the_other_needs_no_marks() -> None:
    found = read(b"".join(evidence.write(run) for run in RUNS.values()))
    assert list(found) == ["log#1", "log#2", "log#3"]
    assert all(map(same, found.values(), RUNS.values()))


def test_what_a_container_says_besides_is_no_record() -> None:
    noise = [b"Defaulted container\n", b"[pod/kprobe-node-2/kprobe] kprobe-collect: a message { }\n", b"\n", b"\xff{\n"]
    lines = [prefixed("node-2", line) for line in lines_of(RUNS["node-2"])]
    (found,) = read(
        b"".join(part for pair in zip(noise, lines, strict=False) for part in pair) + b"".join(lines[4:])
    ).values()
    assert same(found, RUNS["node-2"])


def test_mixed_without_marks_is_refused_and_says_what_to_do() -> None:
    log = mixed({name: lines_of(RUNS[name]) for name in ("node-2", "node-3")}, lambda _, line: line, random.Random(3))
    with pytest.raises(InputError, match="nothing tells them apart; use kubectl logs --prefix"):
        read(log)


def test_one_bad_run_does_not_spoil_the_others() -> None:
    """Cut at its beginning, as `kubectl logs -l` cuts without --tail; twice the same row; past its end."""
    runs = {name: lines_of(run) for name, run in RUNS.items()}
    runs["cut"] = runs["node-2"][1:]
    runs["twice"] = [*runs["node-2"][:2], *runs["node-2"][1:]]
    runs["after"] = [*runs["node-3"], runs["node-3"][1]]
    refused: list[InputError] = []
    found = read(mixed(runs, prefixed, random.Random(2)), refused.append)
    assert {name.removeprefix("log#kprobe-") for name in found} == {*RUNS, "after"}
    assert sorted(error.where.partition(":")[0] for error in refused) == [
        f"log#kprobe-{name}" for name in ("after", "cut", "twice")
    ]


def test_a_pod_that_was_started_again_has_two_runs_and_the_first_was_cut() -> None:
    lines = [prefixed("node-2", line) for line in (*lines_of(RUNS["node-2"])[:2], *lines_of(RUNS["node-2"]))]
    found = read(b"".join(lines))
    assert [(name, each.incomplete) for name, each in found.items()] == [
        ("log#kprobe-node-2", True),
        ("log#kprobe-node-2#2", False),
    ]


def test_a_run_is_bounded_and_the_log_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAM", 3000)
    monkeypatch.setattr(evidence, "MAX_STREAM", 3000)
    refused: list[InputError] = []
    runs = {f"n{number}": lines_of(RUNS["node-2"]) for number in range(9)} | {"large": lines_of(RUNS["node-1"])}
    found = read(mixed(runs, tagged, random.Random(4)), refused.append)
    assert set(found) == {f"log#n{number}" for number in range(9)}
    assert [error.what for error in refused] == ["more than 3000 bytes"]


def test_open_runs_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_OPEN", 10_000)
    begin = lines_of(RUNS["node-2"])[0]
    refused: list[InputError] = []
    found = read(b"".join(tagged(f"n{number}", begin) for number in range(1000)), refused.append)
    assert len(begin) * len(found) <= 10_000
    assert len(found) + len(refused) == 1000


def test_the_command_line(tmp_path: Path) -> None:
    runs = {name: lines_of(run) for name, run in RUNS.items()}
    log = tmp_path / "log"
    log.write_bytes(mixed(runs, prefixed, random.Random(5)))
    run = CliRunner().invoke
    judged = run(cli.main, ["judge", "-"], input=log.read_bytes())
    assert all(f" on {name} " in judged.output for name in runs), judged.output
    assert judged.exit_code == 1
    table = run(cli.main, ["matrix", str(log)])
    assert "on 3 nodes" in table.output
    log.write_bytes(log.read_bytes() + prefixed("late", runs["node-2"][1]))
    again = run(cli.main, ["judge", str(log)])
    assert again.exit_code == 2
    assert "before begin" in again.output
    assert all(f" on {name} " in again.output for name in runs)
