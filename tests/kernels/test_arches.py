# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""One kernel of each other architecture: big endian, pages of 16 and of 64 KB, other system call numbers."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kprobe.evidence import Evidence, parse
from kprobe.judge import judge
from kprobe.profile import load

from . import catalogue, history, scenario, store, truth
from .boot import VMResult
from .catalogue import UNAME
from .conftest import PARALLEL, ROOT

KNOWN = catalogue.load()
FOREIGN = {kernel.name: kernel for kernel in KNOWN.of("arch")}
# architecture -> byte order, size of a page
MACHINES = {"arm64": ("little", 16384), "ppc64el": ("little", 65536), "s390x": ("big", 4096)}
SECONDS = 400

Guests = dict[str, tuple[Future[VMResult], Path]]


def collector(arch: str) -> Path:
    path = ROOT / "dist" / f"kprobe-collect-{UNAME[arch]}"
    assert path.exists(), f"{path} is missing: run `make collectors`"
    return path


@pytest.fixture(scope="module")
def guests() -> Iterator[Guests]:
    images = store.images(KNOWN, list(FOREIGN.values()))
    with ThreadPoolExecutor(PARALLEL) as pool:
        yield {
            name: (
                pool.submit(scenario.play, "evidence", image, collector(image.arch), ["--deadline", "30000"], SECONDS),
                image.facts,
            )
            for name, image in images.items()
        }


@pytest.fixture(params=FOREIGN)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def evidence(name: str, guests: Guests) -> Evidence:
    result = guests[name][0].result()
    scenario.keep(result, ROOT / "build" / "vm" / "tests" / "arches" / name)
    assert result.rc == 0, result.console[-3000:]
    return parse(result.out["evidence.ndjson"].splitlines(keepends=True), name)


def test_the_set_has_every_other_architecture() -> None:
    released = {arch for arch, name in UNAME.items() if f"kprobe-collect-{name}" in _packed()}
    assert {kernel.arch for kernel in FOREIGN.values()} == set(MACHINES) == released - {"amd64"}


def _packed() -> set[str]:
    """The collectors that go into the wheel."""
    return {path.name for path in (ROOT / "kprobe" / "collectors").iterdir()}


def test_evidence_is_complete_and_controls_hold(evidence: Evidence) -> None:
    assert not evidence.incomplete, f"cut while {evidence.running} ran"
    assert {p.id for p in evidence.probes} == {row for plan in evidence.begin.plan.values() for row in plan}
    for probe in evidence.probes:
        if probe.control:
            assert probe.outcome == ("works" if probe.control == "positive" else "absent"), probe


def test_it_is_the_machine_that_was_meant(name: str, evidence: Evidence) -> None:
    machine = next(fact.value for fact in evidence.facts if fact.id == "node.arch")
    arch = FOREIGN[name].arch
    assert (machine["byte_order"], machine["page_size"]) == MACHINES[arch]
    assert evidence.begin.uname.machine == machine["machine"] == UNAME[arch]


def test_what_user_space_maps_has_the_pages_of_this_machine(evidence: Evidence) -> None:
    """A ring is as large as some pages, and its parts lie at multiples of them: 4, 16, 64 KB here. One CPU does."""
    found = {probe.id: probe.outcome for probe in evidence.probes}
    rows = ["bpf.map.ringbuf", "bpf.map.ringbuf.mmap", "bpf.map.user_ringbuf", "bpf.map.array.mmap"]
    assert {row: found.get(row) for row in rows} == dict.fromkeys(rows, "works")
    assert next(fact.value for fact in evidence.facts if fact.id == "node.arch")["cpus"] == 1


def test_answers_agree_with_the_kernels_own_package(name: str, evidence: Evidence, guests: Guests) -> None:
    found = history.package(guests[name][1], evidence.begin.uname, FOREIGN[name].cpu)
    rows = truth.catalogue(collector("amd64"))
    left, _ = truth.judge(list(truth.differences(name, evidence, rows, found)), truth.argued())
    assert left == []


def test_a_distribution_kernel_is_ready(evidence: Evidence) -> None:
    """What Calico needs of a kernel works; the node around it (network manager, …) is none in a guest."""
    report = judge(evidence, load("calico"), ["iptables-nft-ipv4", "iptables-legacy-ipv4", "nftables-ipv4"])
    assert report.verdict in ("pass", "warn"), [m for m in report.modes if m.verdict == "fail"]
