# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Families without oracles yet, and the program to be. With its first oracle a family leaves: all its rows need one."""

LATER = {
    "bpf": "bpftool",
    "bpf.helper": "bpftool",
    "bpf.insn": "bpftool",
    "bpf.prog": "bpftool",
    "bpf.map": "bpftool",
    "bpf.btf": "bpftool",
}
