# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The verifier's own words for helpers that bpftool takes for a yes and kprobe for a no: it refuses them."""

import ctypes
import errno
import os
import struct
from collections.abc import Sequence

import pytest

from kprobe.crosscheck.bpftool import BEHIND_THE_TYPE
from kprobe.evidence import Evidence
from kprobe.inventory import names_of

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_LOAD = 5
SLEEPABLE = 1 << 4
# Program type, flags (enum bpf_prog_type, include/uapi/linux/bpf.h).
KINDS = {
    "socket_filter": (1, 0),
    "kprobe": (2, 0),
    "sched_cls": (3, 0),
    "tracepoint": (5, 0),
    "xdp": (6, 0),
    "perf_event": (7, 0),
    "cgroup_skb": (8, 0),
    "raw_tracepoint": (17, 0),
    "syscall": (31, SLEEPABLE),
}


def load(kind: str, helper: int) -> tuple[int, str]:
    """Load a program that calls the helper with nothing but the context; errno and the verifier's words."""
    number, flags = KINDS[kind]
    code = struct.pack("=BBhi", 0x85, 0, 0, helper) + struct.pack("=BBhi", 0x95, 0, 0, 0)
    instructions, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(65536)
    attributes = struct.pack(
        "=IIQQIIQII",
        *(number, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(licence)),
        *(1, len(log), ctypes.addressof(log), 0, flags),
    )
    attribute = ctypes.create_string_buffer(attributes, 128)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_BPF[os.uname().machine], BPF_PROG_LOAD, attribute, len(attribute))
    if fd >= 0:
        os.close(fd)
        return 0, ""
    return ctypes.get_errno(), log.value.decode(errors="replace")


def numbers(run: Evidence) -> Sequence[str]:
    return names_of({fact.id: fact for fact in run.facts}, "bpf.helper")["helpers"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "syscall"])
@pytest.mark.parametrize("name", ["copy_from_user", "copy_from_user_task"])
def test_a_program_that_may_not_sleep(kind: str, name: str, run: Evidence) -> None:
    code, said = load(kind, numbers(run).index(name))
    assert code == errno.EINVAL
    assert BEHIND_THE_TYPE[name] in said


@pytest.mark.parametrize("name", ["d_path", "sk_storage_get", "sk_storage_delete"])
def test_a_program_that_is_attached_to_nothing(name: str, run: Evidence) -> None:
    code, said = load("syscall", numbers(run).index(name))
    assert code == errno.EINVAL
    assert BEHIND_THE_TYPE[name] in said


def test_helpers_that_may_be_called_are_refused_for_their_arguments(run: Evidence) -> None:
    """The control: the same program with a helper that the type has."""
    for kind in KINDS:
        code, said = load(kind, numbers(run).index("map_lookup_elem"))
        assert code == errno.EACCES, said
