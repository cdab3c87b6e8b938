# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""One run of the collector for all tests that read its evidence."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from kprobe import evidence
from kprobe.evidence import Evidence, Probe, Row

ROOT = Path(__file__).parents[2]
COLLECTOR = Path(os.environ.get("KPROBE_COLLECTOR", ROOT / "dist" / "kprobe-collect-x86_64"))


def collected(command: Sequence[str | Path]) -> Evidence:
    """Run the collector and read what it wrote."""
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return evidence.parse(done.stdout.splitlines(keepends=True), "this kernel")


@pytest.fixture(scope="session", autouse=True)
def as_root() -> None:
    """Nothing here can be asked without privilege, and a test that is skipped proves nothing."""
    assert os.geteuid() == 0, "run as root: these tests make network namespaces and ask the kernel in them"


@pytest.fixture(scope="session")
def collector() -> Path:
    assert COLLECTOR.exists(), f"{COLLECTOR} is missing: run `make build`"
    return COLLECTOR


@pytest.fixture(scope="session")
def run(collector: Path) -> Evidence:
    """The evidence of this kernel."""
    return collected([collector])


@pytest.fixture(scope="session")
def intrusive(collector: Path) -> Evidence:
    """The same with the rows that change a host lastingly: what independent programs do without asking."""
    return collected([collector, "--intrusive"])


@pytest.fixture(scope="session")
def probes(intrusive: Evidence) -> dict[str, Probe]:
    """What was answered, by row."""
    return {probe.id: probe for probe in intrusive.probes}


@pytest.fixture(scope="session")
def catalogue(collector: Path) -> dict[str, Row]:
    """What rows say of themselves, by id."""
    listed = subprocess.run([collector, "--list"], capture_output=True, check=True).stdout
    rows = (msgspec.json.decode(line, type=Row) for line in listed.splitlines())
    return {row.id: row for row in rows}
