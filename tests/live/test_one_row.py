# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A new probe is one row in one C table: with no other edit it is in catalogue, plan, evidence and ``explain``."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.engine_lib import ROOT, Record, Stream

TABLE = "csrc/probes/link.c"
END_OF_TABLE = re.compile(r"^};\n(/\*.*\*/\n)?\nconst struct kp_family kp_family_link\b", re.MULTILINE)
ROW = """
    { .id = "link.one-row", .title = "a bridge with one more name", .modules = "bridge", .kconfig = "CONFIG_BRIDGE",
      .since = "2.6.38", .by = &make_link, .arg = LINK(.kind = "bridge", .name = "kponerow0") },
"""


class Tree:
    """A copy of the sources with one row more, built."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("csrc", "kprobe"):
            ignore = shutil.ignore_patterns("__pycache__", "_core*", "*.so")
            shutil.copytree(ROOT / folder, place / folder, ignore=ignore)
        for file in ("kprobe/_core.pyi", "pyproject.toml", "setup.py", "README.md"):
            shutil.copy(ROOT / file, place / file)
        table = place / TABLE
        text = table.read_text()
        (end,) = END_OF_TABLE.finditer(text)
        table.write_text(text[: end.start()] + ROW + text[end.start() :])
        self.say(sys.executable, "setup.py", "-q", "build_ext", "--inplace")
        sources = [
            str(p)
            for p in sorted((*place.glob("csrc/*.c"), *place.glob("csrc/probes/*.c")))
            if p.stem not in ("selftest", "unpack")
        ]
        self.say("cc", "-std=gnu11", "-D_GNU_SOURCE", '-DKP_VERSION="0"', "-O0", "-o", "collect", *sources)

    def say(self, *command: str, allowed: tuple[int, ...] = (0,)) -> bytes:
        env = os.environ | {"PYTHONPATH": str(self.place), "PYTHONDONTWRITEBYTECODE": "1", "CFLAGS": "-O0"}
        done = subprocess.run(command, cwd=self.place, env=env, capture_output=True, timeout=300, check=False)
        assert done.returncode in allowed, (done.stdout + done.stderr).decode(errors="replace")
        return done.stdout

    def kprobe(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
        return self.say(sys.executable, "-m", "kprobe", *arguments, allowed=allowed).decode()

    def rows(self, mode: str) -> list[Record]:
        return [json.loads(line) for line in self.say("./collect", mode).splitlines()]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("one-row"))


@pytest.mark.parametrize("mode", ["--list", "--plan"])
def test_it_is_in_the_catalogue_and_the_plan(tree: Tree, mode: str) -> None:
    (row,) = [row for row in tree.rows(mode) if row["id"] == "link.one-row"]
    assert row["title"] == "a bridge with one more name"
    assert row["family"] == "link"
    assert row["kconfig"] == ["CONFIG_BRIDGE"]
    assert row["asks"]
    assert row["proves"]


def test_it_is_in_the_evidence(tree: Tree) -> None:
    stream = Stream(tree.say("./collect"))
    assert stream["link.one-row"]["outcome"] == stream["link.bridge"]["outcome"]
    assert "link.one-row" in stream.begin["plan"]["link"]
    alone = Stream(tree.say("./collect", "--select", "link.one-row"))
    assert alone["link.one-row"]["outcome"] == stream["link.bridge"]["outcome"]


def test_the_python_program_knows_it(tree: Tree) -> None:
    assert "link.one-row" in tree.kprobe("probes")
    told = tree.kprobe("explain", "link.one-row")
    assert "a bridge with one more name" in told
    assert "CONFIG_BRIDGE" in told
    assert "RTM_NEWLINK" in told, "how it is asked comes with the method"
    assert Stream(tree.kprobe("collect", "--select", "link.one-row").encode())["link.one-row"]


def test_the_real_tree_does_not(tree: Tree) -> None:
    assert tree.place != ROOT
    assert "link.one-row" not in (ROOT / TABLE).read_text()
