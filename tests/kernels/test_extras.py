# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Kernels beside those of the wheel's architectures: one of 32 bits, and one that is a process."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from kprobe.evidence import Evidence, parse

from . import catalogue, history, scenario, store, truth
from .boot import VMResult
from .catalogue import UNAME
from .conftest import COLLECTOR, PARALLEL, ROOT

KNOWN = catalogue.load()
# What has other structures on 32-bit kernels; user-mode Linux takes four seconds for everything.
ASKED = {"6.1-i386": ("xt.* bpf.map.* link.* ipset.* ipvs.* conntrack.*", 32), "uml": ("*", 64)}
SECONDS = 400

Guests = dict[str, Future[VMResult]]


@pytest.fixture(scope="module")
def guests() -> Iterator[Guests]:
    images = store.images(KNOWN, catalogue.select(KNOWN, list(ASKED)))
    with ThreadPoolExecutor(PARALLEL) as pool:
        yield {
            name: pool.submit(
                scenario.play,
                "evidence",
                image,
                ROOT / "dist" / f"kprobe-collect-{UNAME[image.arch]}",
                ["--deadline", "30000", "--select", ASKED[name][0]],
                SECONDS,
            )
            for name, image in images.items()
        }


@pytest.fixture(params=ASKED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def evidence(name: str, guests: Guests) -> Evidence:
    result = guests[name].result()
    scenario.keep(result, ROOT / "build" / "vm" / "tests" / "extras" / name)
    assert result.rc == 0, result.console[-3000:]
    return parse(result.out["evidence.ndjson"].splitlines(keepends=True), name)


def test_evidence_is_complete_and_controls_hold(evidence: Evidence) -> None:
    assert not evidence.incomplete, f"cut while {evidence.running} ran"
    for probe in evidence.probes:
        if probe.control:
            assert probe.outcome == ("works" if probe.control == "positive" else "absent"), probe


def test_it_is_the_machine_that_was_meant(name: str, evidence: Evidence) -> None:
    machine = next(fact.value for fact in evidence.facts if fact.id == "node.arch")
    assert machine["collector_bits"] == ASKED[name][1]


def test_answers_agree_with_the_kernels_own_package(name: str, evidence: Evidence) -> None:
    image = store.images(KNOWN, catalogue.select(KNOWN, [name]))[name]
    found = history.package(image.facts, evidence.begin.uname, image.cpu)
    assert len([p for p in evidence.probes if p.outcome == "works"]) > 400
    left, _ = truth.judge(list(truth.differences(name, evidence, truth.catalogue(COLLECTOR), found)), truth.argued())
    assert left == []


@pytest.mark.parametrize("hide", [[], ["setarch", "linux32"]])
@pytest.mark.parametrize("option", ["--plan", "--select=ns.*"])
def test_a_32_bit_collector_does_not_ask_a_64_bit_kernel(hide: list[str], option: str) -> None:
    """Compat answers another program than the node's, and not all structures have one."""
    command = [*hide, str(ROOT / "dist" / "kprobe-collect-i686"), option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "32-bit kernels" in done.stderr
