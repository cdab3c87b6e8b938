# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A container on a node whose process 1 can be seen: what it says of the host, and the host itself by --host."""

from pathlib import Path

import pytest

from kprobe import diff, node, profile
from kprobe.evidence import Evidence, parse
from kprobe.judge import judge

from . import catalogue, scenario, store
from .boot import VMResult
from .conftest import ROOT


@pytest.fixture(scope="module")
def guest(collector: Path) -> VMResult:
    """One kernel is enough: nothing here is of the kernel's making."""
    known = catalogue.load()
    (image,) = store.images(known, known.kernels[-1:]).values()
    result = scenario.play("container", image, collector)
    scenario.keep(result, ROOT / "build" / "vm" / "tests" / "container" / result.name)
    assert result.rc == 0, result.console[-3000:]
    return result


def found(guest: VMResult, name: str) -> Evidence:
    assert guest.text(f"{name}.ndjson.rc").strip() == "0", guest.text("collector.log")
    return parse(guest.text(f"{name}.ndjson").encode().splitlines(keepends=True), name)


def programs(evidence: Evidence) -> tuple[str, str]:
    (row,) = [probe for probe in node.derive(evidence) if probe.id == "node.iptables.programs"]
    return row.outcome, row.reason


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("host", "works", "these are the host's own programs"),
        ("same", "works", "iptables is nft here and on the host"),
        ("swapped", "broken", "iptables is legacy in this container and nft on the host"),
        ("entered", "works", "these are the host's own programs"),
    ],
)
def test_the_iptables_of_a_container_beside_the_hosts(guest: VMResult, name: str, outcome: str, reason: str) -> None:
    was, why = programs(found(guest, name))
    assert (was, reason in why) == (outcome, True), why


def test_who_goes_to_the_host_says_what_the_host_says(guest: VMResult) -> None:
    host, entered, pod = (found(guest, name) for name in ("host", "entered", "swapped"))
    assert [each.begin.uname.nodename for each in (host, entered, pod)] == ["node-7", "node-7", "pod"]
    calico = profile.load("calico")
    reports = [judge(each, calico) for each in (host, entered, pod)]
    assert diff.diff(*reports[:2]).changes == ()
    worse = [change.name for change in diff.diff(reports[0], reports[2]).changes if change.sense == "worse"]
    assert "node.iptables.programs" in worse
