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
    "bpf": "bpftool; issue 3",
    "bpf.helper": "bpftool; issue 3",
    "bpf.insn": "bpftool; issue 3",
    "bpf.prog": "bpftool; issue 3",
    "bpf.map": "bpftool; issue 3",
    "bpf.btf": "bpftool; issue 3",
    "nft": "nft; issue 3",
    "conntrack": "conntrack; issue 3",
    "nflog": "pyroute2; issue 3",
    "nfqueue": "pyroute2; issue 3",
    "socket": "ss, python; issue 3",
    "sysctl": "files of /proc/sys; issue 3",
    "ipvs": "ipvsadm; issue 3",
    "tc": "tc; issue 3",
    "attach": "tc, ip, bpftool; issue 3",
}
"""Families without oracles yet, and the program to be. With its first oracle a family leaves: all its rows need one."""
