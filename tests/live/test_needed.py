# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe run --needed`` asks less and answers the same, on this kernel."""

import json
import subprocess
import sys
from typing import Any

import pytest

from kprobe import profile


def run(*options: str) -> Any:
    command = [sys.executable, "-m", "kprobe", "run", "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", profile.bundled())
def test_the_verdicts_are_those_of_a_whole_run(name: str) -> None:
    whole, needed = run("--profile", name), run("--profile", name, "--needed")
    assert [(mode["name"], mode["verdict"]) for mode in needed["modes"]] == [
        (mode["name"], mode["verdict"]) for mode in whole["modes"]
    ]
    assert needed["verdict"] == whole["verdict"]
    assert len(needed["rows"]) < len(whole["rows"]) / 2
