# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""All oracles, in one table."""

from . import ipsets, links, routes, xt
from .model import Oracle

ORACLES: tuple[Oracle, ...] = (*links.ORACLES, *routes.ORACLES, *ipsets.ORACLES, *xt.ORACLES)
BY_ROW = {oracle.row: oracle for oracle in ORACLES}
assert len(BY_ROW) == len(ORACLES), "two oracles for one row"

WITHOUT: dict[str, str] = {}
"""Rows that no independent program can ask, and why."""

LATER = {
    "bpf": "bpftool",
    "bpf.helper": "bpftool",
    "bpf.insn": "bpftool",
    "bpf.prog": "bpftool",
    "bpf.map": "bpftool",
    "bpf.btf": "bpftool",
    "nft": "nft",
    "conntrack": "conntrack",
    "nflog": "pyroute2",
    "nfqueue": "pyroute2",
    "socket": "ss, python",
    "sysctl": "files of /proc/sys",
    "ipvs": "ipvsadm",
    "tc": "tc",
    "attach": "tc, ip, bpftool",
}
"""Families without oracles yet, and the program to be. With its first oracle a family leaves: all its rows need one."""
