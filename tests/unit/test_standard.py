# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What makes judging many nodes quick changes no judgement: it is counted here what is done once, not timed."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from kprobe import compiled, embed, evidence, profile, standard
from kprobe.evidence import Evidence
from kprobe.judge import judge, judge_by
from kprobe.judge import standard as ready
from kprobe.matrix import matrix
from kprobe.report import NeedReport
from tests.evidence import index, load
from tests.unit import synthetic

CALICO = profile.load("calico")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the needs on each row were judged."""
    count: Counter[str] = Counter()
    original = standard.judged

    def judged(measure: standard.Measure, states: standard.States) -> NeedReport:
        count[measure.need.row] += 1
        return original(measure, states)

    monkeypatch.setattr(standard, "judged", judged)
    return count


def named(found: Evidence, name: str) -> Evidence:
    uname = msgspec.structs.replace(found.begin.uname, nodename=name)
    return msgspec.structs.replace(found, source=name, begin=msgspec.structs.replace(found.begin, uname=uname))


def test_a_need_is_judged_once_for_each_combination_of_outcomes(asked: Counter[str]) -> None:
    by = ready(CALICO)
    found = load("newest-amd64")
    table = matrix(judge_by(named(found, f"node-{number}"), by, brief=True) for number in range(50))
    assert len(table.nodes) == 50
    needs = {need for mode in CALICO.modes for need in mode.needs if profile.holds(need.releases, by.release)}
    assert asked.total() <= len(needs), "each once, for all modes and nodes"
    before = asked.copy()
    probes = tuple(
        msgspec.structs.replace(probe, outcome="absent", step="create", errno=95) if probe.id == "link.ipip" else probe
        for probe in found.probes
    )
    judge_by(msgspec.structs.replace(found, probes=probes), by)
    again = asked - before
    assert again
    assert all("link.ipip" in row for row in again), again
    judge_by(found, by)
    assert asked - before == again


def test_many_nodes_by_one_standard_are_judged_as_each_alone() -> None:
    by = ready(CALICO)
    names = sorted(index())
    for name in (*names, *reversed(names)):
        assert judge_by(load(name), by) == judge(load(name), CALICO)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard, "MAX_TOLD", 2)
    by = ready(CALICO)
    sizes = set()
    for name in index():
        assert judge_by(load(name), by) == judge(load(name), CALICO)
        for way in by._ways:
            sizes |= {len(way._told), *(len(measure._told) for measure, _ in way._needs)}
    assert max(sizes) == 2


def test_a_packet_that_was_lost_is_told_without_the_plan() -> None:
    """What travels in a page leaves the plan out; a row that is there was planned, whatever the plan says."""
    need = next(
        need
        for mode in CALICO.modes
        for need in mode.needs
        if need.flow and need.level == "require" and " " not in need.flow
    )
    found = synthetic.calico_but({need.flow: "broken"})
    whole, lean = (judge(each, CALICO) for each in (found, embed.lean(found)))
    assert whole.modes == lean.modes
    assert any(need.flow in mode.deciding for mode in whole.modes if mode.verdict == "fail")


@pytest.mark.parametrize("name", profile.bundled())
def test_what_is_compiled_is_what_is_written(name: str) -> None:
    text, where = profile.text_of(name)
    read = profile.parse(text, where)
    packed = compiled.pack(read, text.encode())
    assert compiled.unpack(packed, text.encode()) == read == profile.load(name)
    assert compiled.unpack(packed, text.encode() + b"\n") is None, "of another text"
    other = text.replace("require", "requier")
    assert len(other) == len(text)
    assert other != text
    assert compiled.unpack(packed, other.encode()) is None, "of another text that is as long"
    for damaged in (b"", packed[:-1], packed[:50], b"\x90" + packed, packed + b"\0"):
        assert compiled.unpack(damaged, text.encode()) is None


def test_an_older_form_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    text, where = profile.text_of("docker")
    packed = compiled.pack(profile.parse(text, where), text.encode())
    monkeypatch.setattr(compiled, "FORM", compiled.FORM + 1)
    assert compiled.unpack(packed, text.encode()) is None


def test_judging_a_node_imports_nothing_that_it_does_without(tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    file.write_bytes(evidence.write(load("newest-amd64")))
    script = (
        "import sys; from kprobe.cli import main\n"
        f"try: main(['judge', {str(file)!r}])\n"
        "except SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    late = {"tomllib", "hashlib", "html", "difflib", "lzma", "subprocess", "socket", "ssl", "rich"}
    late |= {
        f"kprobe.{name}" for name in ("embed", "streams", "inflate", "redact", "collect", "requirements", "symptoms")
    }
    assert late & set(done.stdout.splitlines()[-1].split()) == set()
