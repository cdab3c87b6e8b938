# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""bcc compiles with headers of Debian's, loads, attaches and counts on this kernel, and agrees with kprobe."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kprobe.crosscheck import bcc_script
from tests.kernels import catalogue, store
from tests.kernels.catalogue import Source, Want

from .test_crosscheck import KPROBE

# Any headers do that are not much newer than the compiler in bcc: programs here read no structure of the kernel's.
HEADERS = tuple(
    Want(f"headers-{part}", "amd64", (Source("bookworm", rf"linux-headers-6\.1\.0-\d+-{part}"),))
    for part in ("common", "amd64")
)
SELECT = ("--select", "bpf.prog.*", "--select", "bpf.map.*")


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's two packages in one tree, which is what bcc can be pointed to."""
    stock = store.fetch(catalogue.load(), HEADERS)
    assert not stock.missing, stock.said
    folder = tmp_path_factory.mktemp("headers")
    tree = folder / "tree"
    for want in HEADERS:
        (deb,) = stock.debs[want.name]
        subprocess.run(["dpkg-deb", "-x", deb, folder / want.name], check=True)
        (part,) = (folder / want.name / "usr" / "src").iterdir()
        subprocess.run(["cp", "-a", f"{part}/.", tree], check=True)
    return tree


def crosscheck(**environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [KPROBE, "crosscheck", "--intrusive", "--json", *SELECT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_it_counts_what_it_attached_to(headers: Path) -> None:
    value = crosscheck(BCC_KERNEL_SOURCE=str(headers))
    found = {entry["subject"]: entry for entry in value["findings"] if entry["program"] == "bcc"}
    assert found.keys() == {part[0] for part in bcc_script.PARTS}
    assert {row: entry["verdict"] for row, entry in found.items()} == dict.fromkeys(found, "agrees")
    counting = found.keys() - {"bpf.prog.kprobe"}
    assert [row for row in counting if "attached; counted" not in found[row]["said"]] == []
    (program,) = (program for program in value["programs"] if program["name"] == "bcc")
    assert program["version"]


def test_without_headers_it_says_so() -> None:
    assert not Path(f"/lib/modules/{os.uname().release}").exists(), "this kernel has headers: use them above"
    value = crosscheck()
    (found,) = (entry for entry in value["findings"] if entry["program"] == "bcc")
    assert found["verdict"] == "not asked"
    assert found["said"].startswith("no kernel headers: /lib/modules/")


@pytest.mark.parametrize(
    ("error", "heard", "told"),
    [
        ("Failed to load BPF program b'x': Invalid argument", "", "absent"),
        ("Failed to load BPF program b'x': Operation not supported", "", "absent"),
        ("Failed to load BPF program b'x': Operation not permitted", "", "denied"),
        ("Failed to load BPF program b'x': Invalid argument", "0: r1 = r0\nprocessed 1 insns", "none"),
        ("Failed to load BPF program b'x': Bad file descriptor", "", "none"),
        ("Failed to compile BPF module <text>", "could not open bpf map: x, error: Invalid argument", "absent"),
        ("Failed to compile BPF module <text>", "error: unknown type name 'u32'", "none"),
    ],
)
def test_only_the_kernels_refusal_counts(error: str, heard: str, told: str) -> None:
    assert bcc_script.outcome(error, heard) == told


MANY = """
import json, runpy, sys, bcc
script = runpy.run_path(sys.argv[1])
(part,) = (part for part in script["PARTS"] if part[0] == "bpf.prog.xdp")
print(json.dumps(script["ask"]((*part[:-1], 10**9), bcc)))
"""


def test_what_counts_too_little_is_broken(headers: Path) -> None:
    done = subprocess.run(
        [
            "unshare",
            "-n",
            "sh",
            "-c",
            'ip link set lo up && exec /usr/bin/python3 -c "$0" "$1"',
            MANY,
            bcc_script.__file__,
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "BCC_KERNEL_SOURCE": str(headers)},
    )
    found = json.loads(done.stdout)
    assert found["told"] == "broken"
    assert found["said"].endswith("of 1000000000")
