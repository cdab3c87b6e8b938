# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Guests for the tests: each kernel of the catalogue plays each scenario once a session, two guests at a time."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from . import catalogue, scenario, store
from .boot import VMResult

ROOT = Path(__file__).parents[2]
COLLECTOR = Path(os.environ.get("KPROBE_COLLECTOR", ROOT / "dist" / "kprobe-collect-x86_64"))
SELFTEST = ROOT / "build" / "kprobe-collect-selftest"
SCENARIOS = ("evidence", "modules", "lodger", "audit", "flows")
LONG = {
    "flows": 600,
    "lodger": 400,
    "modules": 300,
}  # seconds: many runs of the collector, on a machine that may be busy
MORE = {"flows": {"kprobe-selftest": SELFTEST}}
PARALLEL = 2

Play = Callable[[str], VMResult]


@pytest.fixture(scope="session")
def collector() -> Path:
    assert COLLECTOR.exists(), f"{COLLECTOR} is missing: run `make build`"
    assert SELFTEST.exists(), f"{SELFTEST} is missing: run `make {SELFTEST.relative_to(ROOT)}`"
    return COLLECTOR


@pytest.fixture(scope="session")
def guests(collector: Path) -> Iterator[dict[tuple[str, str], Future[VMResult]]]:
    """All boots, started at once: whoever needs one waits for it."""
    known = catalogue.load()
    images = store.images(known, known.kernels)
    pool = ThreadPoolExecutor(PARALLEL)
    yield {
        (name, image.name): pool.submit(
            scenario.play, name, image, collector, seconds=LONG.get(name, scenario.SECONDS), more=MORE.get(name)
        )
        for name in SCENARIOS
        for image in images.values()
    }
    pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session", params=[k.name for k in catalogue.load().kernels])
def play(request: pytest.FixtureRequest, guests: dict[tuple[str, str], Future[VMResult]]) -> Play:
    """What a kernel's guest left, by the scenario's name."""

    def wait(name: str) -> VMResult:
        result = guests[name, request.param].result()
        scenario.keep(result, ROOT / "build" / "vm" / "tests" / name / result.name)
        assert result.rc == 0, f"{result.name}: {name}.sh ended with {result.rc}; console:\n{result.console[-3000:]}"
        return result

    return wait
