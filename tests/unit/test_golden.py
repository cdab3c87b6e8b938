# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence of real kernels is read, and judged as it was before."""

import msgspec
import pytest

from kprobe import evidence, profile
from kprobe.diff import diff
from kprobe.judge import judge
from kprobe.matrix import matrix, text
from kprobe.matrix.html import render as html
from tests.evidence import VERDICTS, Verdicts, index, load, verdicts

NAMES = sorted(index())


def test_it_means_what_it_meant() -> None:
    recorded = msgspec.json.decode(VERDICTS.read_bytes(), type=dict[str, dict[str, dict[str, str]]])
    today: Verdicts = verdicts()
    changed = {
        (name, of, mode): (recorded.get(name, {}).get(of, {}).get(mode), verdict)
        for name, profiles in today.items()
        for of, modes in profiles.items()
        for mode, verdict in modes.items()
        if recorded.get(name, {}).get(of, {}).get(mode) != verdict
    }
    assert changed == {}, "look why; `make golden` writes down what it means now"
    assert recorded == today


@pytest.mark.parametrize("name", NAMES)
def test_it_is_whole_and_comes_from_that_kernel(name: str) -> None:
    found, said = load(name), index()[name]
    assert not found.incomplete
    uname = found.begin.uname
    assert (uname.release, uname.machine, uname.version, found.begin.time) == (
        said["release"],
        said["machine"],
        said["version"],
        said["time"],
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_reads_the_same(name: str) -> None:
    found = load(name)
    again = evidence.parse(evidence.write(found).splitlines(keepends=True), name)
    assert again == found


def test_they_differ_where_the_kernels_do() -> None:
    """The oldest has no tcx, the real-time one no legacy tables, the big-endian one no JIT, the installer no tunnel."""
    outcomes = {name: {probe.id: probe.outcome for probe in load(name).probes} for name in NAMES}
    assert outcomes["5.10-amd64"]["attach.tcx.ingress"] == "absent"
    assert outcomes["newest-amd64"]["attach.tcx.ingress"] == "works"
    assert outcomes["newest-rt-amd64"]["xt.legacy.ipv4.base"] == "absent"
    assert outcomes["newest-amd64"]["xt.legacy.ipv4.base"] == "works"
    assert outcomes["6.1-s390x"]["bpf.jit"] == "absent"
    assert outcomes["installer-11-ppc64el"]["link.ipip"] == "absent"
    assert {each["link.ipip"] for name, each in outcomes.items() if "installer" not in name} == {"works"}


def test_they_fill_a_matrix_and_a_diff() -> None:
    calico = profile.load("calico")
    reports = [judge(load(name), calico) for name in NAMES]
    found = matrix(reports)
    assert all(name in text.render(found) for name in NAMES)
    assert all(f'"{name}"' in html(found) for name in NAMES)
    assert all(not diff(report, report).changes for report in reports)
