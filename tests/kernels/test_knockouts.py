# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What is knocked out of a real kernel is named as the cause: the table of knockouts.toml, on three kernels."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from . import catalogue, knockouts, scenario, store
from .boot import VMResult
from .conftest import PARALLEL, ROOT

KERNELS = ("5.10-amd64", "6.12-amd64", "newest-amd64")
BOOTS = {boot.name: boot for boot in knockouts.load()}

Guests = dict[tuple[str, str], tuple[store.Image, Future[VMResult]]]


@pytest.fixture(scope="module")
def guests(collector: Path) -> Iterator[Guests]:
    """All boots, started at once."""
    known = catalogue.load()
    images = store.images(known, [kernel for kernel in known.kernels if kernel.name in KERNELS])
    pool = ThreadPoolExecutor(PARALLEL)
    yield {
        (name, image.name): (image, pool.submit(knockouts.play, boot, image, collector))
        for name, boot in BOOTS.items()
        for image in images.values()
    }
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", BOOTS)
def test_knockouts_are_named_as_the_cause(guests: Guests, name: str, kernel: str) -> None:
    image, playing = guests[name, kernel]
    result = playing.result()
    scenario.keep(result, ROOT / "build" / "vm" / "tests" / f"knockouts-{name}" / kernel)
    assert result.rc == 0, f"{kernel}: ended with {result.rc}; console:\n{result.console[-3000:]}"
    assert list(knockouts.wrong(BOOTS[name], image, result)) == []
