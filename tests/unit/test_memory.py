# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""csrc/memory.c and the gate of --full-size read a made-up node (KP_ROOT): nothing large without room for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cffi
import pytest

from tests.unit.clib import CSRC, build

SOURCES = ("memory", "autoload", "str", "classify", "modinfo", "lines")
MIB = 1024 * 1024

SHIM = """
#include "memory.h"
#include "run.h"
bool kp_test_try(unsigned int mib, bool each_cpu, unsigned int flags, char *reason, size_t size);
static const struct kp_family none = { "t", "t", 0, NULL, 0 };
const struct kp_family *const kp_families[] = { &none };
const unsigned int kp_n_families = 1;
static struct kp_run run;
bool kp_test_try(unsigned int mib, bool each_cpu, unsigned int flags, char *reason, size_t size)
{
    const struct kp_probe row = { .id = "a", .mib = (uint16_t)mib, .flags = each_cpu ? KP_MIB_PER_CPU : 0 };
    struct kp_result res = { 0 };
    bool may;

    run.env.flags = flags;
    may = kp_may_try(&run, &row, &res);
    kp_copy(reason, size, res.reason);
    return may;
}
"""
CDEF = """
uint64_t kp_memory_available(void);
unsigned int kp_possible_cpus(void);
bool kp_test_try(unsigned int mib, bool each_cpu, unsigned int flags, char *reason, size_t size);
"""
FULL_SIZE = 16


class Node:
    """A made-up node with 1 GiB available."""

    def __init__(self, root: Path, lib: Any, ffi: Any) -> None:
        self.root, self.lib, self.ffi = root, lib, ffi

    def put(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def available(self) -> int:
        return int(self.lib.kp_memory_available()) // MIB

    def tries(self, mib: int, *, each_cpu: bool = False, flags: int = FULL_SIZE) -> str:
        """Empty when it is tried; else the reason."""
        reason = self.ffi.new("char[192]")
        may = self.lib.kp_test_try(mib, each_cpu, flags, reason, 192)
        said = str(self.ffi.string(reason).decode())
        assert may == (not said)
        return said


@pytest.fixture
def node(tmp_path: Path) -> Node:
    root, shim = tmp_path / "root", tmp_path / "shim.c"
    shim.write_text(SHIM)
    ffi: Any = cffi.FFI()
    ffi.cdef(CDEF)
    sources = [shim, *(CSRC / f"{name}.c" for name in SOURCES)]
    flags = ["-D_GNU_SOURCE", "-shared", "-fPIC", f'-DKP_ROOT="{root}"']
    made = Node(root, ffi.dlopen(str(build(tmp_path / "memory.so", sources, flags))), ffi)
    made.put("/proc/meminfo", f"MemTotal: 4194304 kB\nMemFree: 1 kB\nMemAvailable:   {MIB} kB\nBuffers: 0 kB\n")
    made.put("/proc/self/cgroup", "0::/kube/pod\n")
    made.put("/sys/devices/system/cpu/possible", "0-3\n")
    return made


def test_what_the_node_has(node: Node) -> None:
    assert node.available() == 1024
    (node.root / "proc/self/cgroup").unlink()
    assert node.available() == 1024
    node.put("/proc/meminfo", "MemTotal: 1 kB\nMemFree: 4194304 kB\n")
    assert node.available() == 0, "before v3.14 nobody knows"


@pytest.mark.parametrize(
    ("where", "left"),
    [("/kube/pod", 300), ("/kube", 300), ("", 300), ("/other", 1024), ("/kube/pod/below", 1024)],
)
def test_a_limit_of_a_cgroup_above_counts(node: Node, where: str, left: int) -> None:
    node.put("/sys/fs/cgroup/kube/pod/memory.max", "max\n")
    node.put(f"/sys/fs/cgroup{where}/memory.max", f"{500 * MIB}\n")
    node.put(f"/sys/fs/cgroup{where}/memory.current", f"{200 * MIB}\n")
    assert node.available() == left


def test_the_tightest_limit_counts_and_one_that_is_passed_leaves_nothing(node: Node) -> None:
    for where, limit in (("/kube", 500), ("/kube/pod", 400)):
        node.put(f"/sys/fs/cgroup{where}/memory.max", f"{limit * MIB}\n")
        node.put(f"/sys/fs/cgroup{where}/memory.current", f"{100 * MIB}\n")
    assert node.available() == 300
    node.put("/sys/fs/cgroup/kube/memory.current", f"{600 * MIB}\n")
    assert node.available() == 0


def test_cgroups_of_the_first_version(node: Node) -> None:
    node.put("/proc/self/cgroup", "5:cpu:/a\n4:memory:/docker/1f\n1:name=systemd:/x\n")
    node.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", f"{256 * MIB}\n")
    node.put("/sys/fs/cgroup/memory/memory.usage_in_bytes", f"{6 * MIB}\n")
    assert node.available() == 250, "in a container the own cgroup lies where the mount is"


@pytest.mark.parametrize(("text", "count"), [("0\n", 1), ("0-3\n", 4), ("0,2-5\n", 6), ("0-127\n", 128), ("", 1)])
def test_possible_cpus(node: Node, text: str, count: int) -> None:
    node.put("/sys/devices/system/cpu/possible", text)
    assert node.lib.kp_possible_cpus() == count


def test_what_is_large_waits_for_the_flag_and_for_room(node: Node) -> None:
    assert node.tries(0, flags=0) == ""
    assert "83 MiB of memory for a moment: run with --full-size" in node.tries(83, flags=0)
    assert node.tries(448) == "", "twice that, and 128 MiB for everybody else"
    assert "less than 1026 MiB available, and there are 1024" in node.tries(449)
    assert node.tries(112, each_cpu=True) == ""
    assert "would take 452 MiB" in node.tries(113, each_cpu=True)
