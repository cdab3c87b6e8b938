# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe run --needed`` asks less and answers the same, on this kernel."""

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from kprobe import collect, evidence, judge, node, profile


def run(*options: str) -> Any:
    command = [sys.executable, "-m", "kprobe", "run", "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert not done.stderr
    return json.loads(done.stdout)


def stood_on(names: Iterable[str]) -> set[str]:
    """Return what is asked for these rows: their families' controls, too, and what all of them need."""
    rows = {row.id: row for row in evidence.rows(collect.catalogue(), "catalogue")}
    found: set[str] = set()
    left = set(names) - {row.id for row in node.catalogue()}
    while left:
        found |= left
        families = {rows[name].family for name in left}
        controls = {row.id for row in rows.values() if row.control and row.family in families}
        left = {*controls, *(need for name in left for need in rows[name].needs)} - found
    return found


@pytest.mark.parametrize("name", profile.bundled())
def test_the_verdicts_are_those_of_a_whole_run(name: str) -> None:
    whole, needed = run("--profile", name), run("--profile", name, "--needed")
    assert [(mode["name"], mode["verdict"]) for mode in needed["modes"]] == [
        (mode["name"], mode["verdict"]) for mode in whole["modes"]
    ]
    assert needed["verdict"] == whole["verdict"]
    assert {row["id"] for row in needed["rows"]} == stood_on(judge.needed(profile.load(name)))
    assert len(needed["rows"]) < len(whole["rows"])
