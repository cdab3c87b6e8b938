# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The machines of vagrant/: the data file says what the Vagrantfile reads, no more. `make vagrant-here` runs one."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "vagrant"
KEYS = {"box", "url", "providers", "user", "firmware", "kernel", "initrd", "append", "memory", "seen"}


@pytest.fixture(scope="module")
def boxes() -> dict[str, dict[str, Any]]:
    """The data file as Ruby reads it."""
    program = "puts JSON.generate(YAML.safe_load(File.read(ARGV[0])))"
    done = subprocess.run(
        ["ruby", "-ryaml", "-rjson", "-e", program, FOLDER / "boxes.yaml"], capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_every_machine_says_where_its_box_comes_from(boxes: dict[str, dict[str, Any]]) -> None:
    for name, entry in boxes.items():
        assert set(entry) <= KEYS, name
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name)
        assert re.fullmatch(r"[\w-]+(/[\w.-]+)?", entry["box"]), name
        assert set(entry["providers"]) <= {"libvirt", "virtualbox"}, name
        assert entry["providers"], name
        assert {"kernel", "initrd", "append"} & set(entry) in (set(), {"kernel", "initrd", "append"}), name


def test_the_machines_that_were_asked_for_are_there(boxes: dict[str, dict[str, Any]]) -> None:
    assert {"rhel-7", "centos-7", "ubuntu-18.04", "debian-8", "flatcar", "fedora-coreos", "here"} <= set(boxes)


def test_the_driver_finds_the_same_machines(boxes: dict[str, dict[str, Any]]) -> None:
    """run.sh reads names and providers with awk, because a Ruby is inside Vagrant, and may be nowhere else."""
    awk = re.search(r"awk '(.+)' vagrant/boxes.yaml", (FOLDER / "run.sh").read_text())
    assert awk is not None
    said = subprocess.run(["awk", awk[1], FOLDER / "boxes.yaml"], capture_output=True, text=True, check=True).stdout
    found = {line.split()[0]: set(re.findall("libvirt|virtualbox", line)) for line in said.splitlines()}
    assert found == {name: set(entry["providers"]) for name, entry in boxes.items()}


def test_the_readme_says_of_every_machine_whether_it_was_run(boxes: dict[str, dict[str, Any]]) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|.*\| (.+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == set(boxes)
    for name, said in rows:
        assert said.startswith("no") != ("seen" in boxes[name]), name


@pytest.mark.parametrize("file", ["Vagrantfile", "run.sh", "box.sh", "here.sh"])
def test_the_files_are_well_formed(file: str) -> None:
    command = ["ruby", "-wc"] if file == "Vagrantfile" else ["sh", "-n"]
    done = subprocess.run([*command, FOLDER / file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_machine_is_a_usage_error() -> None:
    done = subprocess.run(["sh", FOLDER / "run.sh", "no-such-machine"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no-such-machine" in done.stderr
