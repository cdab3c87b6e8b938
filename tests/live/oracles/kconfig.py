# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What the kernel was built with, as it says itself: read with Python's gzip, not with kprobe's inflate."""

import gzip
from collections.abc import Iterable
from pathlib import Path

PATH = Path("/proc/config.gz")


def load() -> dict[str, str]:
    """CONFIG_X to y, m or a value; what is not set is not in it."""
    return parse(text().splitlines())


def text() -> str:
    """The whole file."""
    return gzip.decompress(PATH.read_bytes()).decode()


def parse(lines: Iterable[str]) -> dict[str, str]:
    """The assignments."""
    return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_"))


def expected(wanted: Iterable[str], config: dict[str, str]) -> str:
    """``works`` or ``absent``; empty where the answer depends on modules. ``A|B``: one of them."""
    values = [max((config.get(name, "n") for name in word.split("|")), key="nmy".index) for word in wanted]
    if "n" in values:
        return "absent"
    return "works" if set(values) == {"y"} else ""
