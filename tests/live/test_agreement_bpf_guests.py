# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Every fact that a bpftool of today states is in kprobe's answer: on this kernel and in guests of other releases."""

import json
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kprobe import evidence
from kprobe.crosscheck import bpftool
from kprobe.crosscheck.compare import Finding
from kprobe.crosscheck.model import Answer
from kprobe.crosscheck.survey import Known
from kprobe.evidence import Evidence
from tests.kernels import catalogue, store
from tests.kernels.boot import VMResult, boot

from .oracles import guest, newer

PARALLEL = 2
SECONDS = 300
AT = "vm/bpftool"
PROBE = "-j feature probe kernel full"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return newer.unpack(tmp_path_factory.mktemp("bpftool"))


@pytest.fixture(scope="module")
def guests(tree: Path, collector: Path) -> Iterator[dict[str, Future[VMResult]]]:
    known = catalogue.load()
    files = {**guest.files(), **newer.files(tree, AT), "vm/bin/kprobe-collect": collector}
    script = (
        "kprobe-collect --intrusive --select 'bpf*' --output /out/evidence > /out/collector 2>&1\n"
        f"{newer.command(Path('/') / AT)} {PROBE} > /out/bpftool 2> /out/bpftool.err\n"
        f"bpftool {PROBE} > /out/bpftool.old 2> /out/bpftool.old.err\n"
    )
    with ThreadPoolExecutor(PARALLEL) as pool:
        images = store.images(known, known.kernels)
        yield {name: pool.submit(boot, image, script, files, timeout=SECONDS) for name, image in images.items()}


def compared(found: Evidence, told: str) -> list[Finding]:
    return list(bpftool.compare(Known.of(found), Answer(bpftool.CALL.row, "bpftool", said=told)))


def check(found: Evidence, told: str) -> None:
    """Everything that is stated is compared; what differs is explained; and it is much."""
    findings = compared(found, told)
    assert [f for f in findings if f.verdict in ("differs", "unheard", "unknown")] == []
    agreed = Counter[str]()
    for finding in findings:
        agreed[finding.family] += finding.count if finding.verdict in ("agrees", "explained") else 0
    stated = json.loads(told)
    assert agreed["bpf.prog"] == len(stated["program_types"])
    assert agreed["bpf.map"] == len(stated["map_types"])
    assert agreed["bpf.insn"] == len(stated["misc"])
    assert agreed["bpf.helper"] > 3000


def test_here(tree: Path, intrusive: Evidence) -> None:
    command = [*shlex.split(newer.command(tree)), *PROBE.split()]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    check(intrusive, told)


@pytest.mark.parametrize("kernel", [kernel.name for kernel in catalogue.load().kernels])
def test_guest(kernel: str, guests: dict[str, Future[VMResult]]) -> None:
    result = guests[kernel].result()
    assert result.rc == 0, result.console[-3000:]
    found = evidence.parse(result.out["evidence"].splitlines(keepends=True), kernel)
    check(found, result.text("bpftool"))


def test_the_older_bpftool_proves_what_the_newer_denies(guests: dict[str, Future[VMResult]]) -> None:
    """Linux 5.10 has maps of struct_ops; and Debian 12's, from before the verifier's new words, reads its helpers."""
    result = guests["5.10-amd64"].result()
    newer_one, older = json.loads(result.text("bpftool")), json.loads(result.text("bpftool.old"))
    assert not newer_one["map_types"]["have_struct_ops_map_type"]
    assert older["map_types"]["have_struct_ops_map_type"]
    found = evidence.parse(result.out["evidence"].splitlines(keepends=True), "5.10")
    findings = compared(found, result.text("bpftool.old"))
    assert [f for f in findings if f.verdict not in ("agrees", "explained")] == []
    assert "bpf.map.struct_ops" in {f.subject for f in findings if f.verdict == "agrees"}


def test_one_helper_more_or_less_would_show(tree: Path, intrusive: Evidence) -> None:
    """In each list that was believed."""
    command = [*shlex.split(newer.command(tree)), *PROBE.split()]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    stated = json.loads(told)
    changed = [name for name, helpers in stated["helpers"].items() if "bpf_loop" in helpers]
    assert len(changed) > 20
    for name in changed:
        stated["helpers"][name].remove("bpf_loop")
    differing = [f for f in compared(intrusive, json.dumps(stated)) if f.verdict == "differs"]
    assert len(differing) == len(changed)
    assert {f.kprobe for f in differing} == {"yes to bpf_loop()"}
