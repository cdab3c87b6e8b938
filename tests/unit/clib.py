"""Builds pieces of the C core for tests that call them from Python."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

CSRC = Path(__file__).resolve().parents[2] / "csrc"
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wswitch-enum",
    "-Wvla",
    "-Werror",
    "-Wno-missing-field-initializers",
)


def build(out: Path, sources: Sequence[Path], flags: Sequence[str]) -> Path:
    """Compiles ``sources`` into ``out``; what the compiler says is the failure's text."""
    cc = shlex.split(os.environ.get("CC", "cc"))
    command = [*cc, "-std=gnu11", "-O1", "-g", *WARNINGS, f"-I{CSRC}", *flags, "-o", str(out), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out
