# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What this kernel has not got is asked where it is: in guests with modular kernels, of kprobe and of the programs."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kprobe import evidence
from kprobe.crosscheck.compare import disagreement
from kprobe.crosscheck.table import SHELL
from kprobe.evidence import Probe
from tests.kernels import catalogue, store
from tests.kernels.boot import VMResult, boot

from .oracles import guest, script

COLLECT = "kprobe-collect --intrusive --deadline 60000 --output /out/evidence > /out/collector 2>&1"
PARALLEL = 2
SECONDS = 300


@pytest.fixture(scope="module")
def rows(probes: Mapping[str, Probe]) -> list[str]:
    """Rows of which this kernel alone cannot show that a yes is told, too."""
    found = [row for row in SHELL if probes[row].outcome != "works"]
    assert found, "this kernel has everything: the guests add nothing, take this module out"
    return found


@pytest.fixture(scope="module")
def guests(rows: list[str], collector: Path) -> Iterator[dict[str, Future[VMResult]]]:
    known = catalogue.load()
    images = store.images(known, known.kernels)
    asked = guest.script([SHELL[row] for row in rows], COLLECT)
    files = {**guest.files(), "vm/bin/kprobe-collect": collector}
    with ThreadPoolExecutor(PARALLEL) as pool:
        yield {name: pool.submit(boot, image, asked, files, timeout=SECONDS) for name, image in images.items()}


@pytest.mark.parametrize("kernel", [kernel.name for kernel in catalogue.load().kernels])
def test_guest_agrees(kernel: str, rows: list[str], guests: dict[str, Future[VMResult]]) -> None:
    result = guests[kernel].result()
    assert result.rc == 0, result.console[-3000:]
    found = evidence.parse(result.out["evidence"].splitlines(keepends=True), kernel)
    probes = {probe.id: probe for probe in found.probes}
    answers = {answer.row: answer for answer in script.parse(result.text("answers").splitlines())}
    assert answers.keys() == set(rows), result.text("answers.err")
    assert [text for row in rows if (text := disagreement(probes[row], answers[row]))] == []
    assert sum(probes[row].outcome == "works" for row in rows) > len(rows) / 2
