# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What this kernel has not got is asked where it is: in guests with modular kernels, of kprobe and of the programs."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kprobe import evidence
from kprobe.crosscheck.compare import disagreement
from kprobe.crosscheck.model import Oracle
from kprobe.crosscheck.table import ORACLES, SHELL
from kprobe.evidence import Probe
from tests.kernels import catalogue, store
from tests.kernels.boot import VMResult, boot

from .oracles import guest

COLLECT = "kprobe-collect --intrusive --deadline 60000 --select '{}' --output /out/evidence > /out/collector 2>&1"
PARALLEL = 2
SECONDS = 900  # a guest shares its two processors with whatever else runs


@pytest.fixture(scope="module")
def asked(probes: Mapping[str, Probe]) -> list[Oracle]:
    """Who is asked of rows of which this kernel alone cannot show that a yes is told, too."""
    by_row = {oracle.row: oracle for oracle in ORACLES if oracle.program == guest.OF_PYTHON} | SHELL
    found = [oracle for row, oracle in by_row.items() if probes[row].outcome != "works"]
    assert found, "this kernel has everything: the guests add nothing, take this module out"
    return found


@pytest.fixture(scope="module")
def guests(asked: list[Oracle], collector: Path) -> Iterator[dict[str, Future[VMResult]]]:
    known = catalogue.load()
    images = store.images(known, known.kernels)
    script = guest.script(asked, COLLECT.format(" ".join(oracle.row for oracle in asked)))
    files = {**guest.files(), "vm/bin/kprobe-collect": collector}
    with ThreadPoolExecutor(PARALLEL) as pool:
        yield {name: pool.submit(boot, image, script, files, timeout=SECONDS) for name, image in images.items()}


@pytest.mark.parametrize("kernel", [kernel.name for kernel in catalogue.load().kernels])
def test_guest_agrees(kernel: str, asked: list[Oracle], guests: dict[str, Future[VMResult]]) -> None:
    result = guests[kernel].result()
    assert result.rc == 0, result.console[-3000:]
    found = evidence.parse(result.out["evidence"].splitlines(keepends=True), kernel)
    probes = {probe.id: probe for probe in found.probes}
    answers = guest.answers(result)
    assert answers.keys() == {oracle.name for oracle in asked}, result.text("answers.err") + result.text("python.err")
    assert [text for o in asked if (text := disagreement(probes[o.row], answers[o.name], o.differs))] == []
    assert sum(probes[oracle.row].outcome == "works" for oracle in asked) > len(asked) / 2
