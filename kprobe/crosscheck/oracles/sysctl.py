# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Files below /proc/sys, read and written by the shell in a network namespace of its own."""

from kprobe.crosscheck.model import Oracle

# Rows whose file is the machine's, or was on older kernels: never written.
READ = (
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.ipfrag_time",
    "net.netfilter.nf_conntrack_max",
    *(f"net.netfilter.nf_conntrack_{name}_timeout" for name in ("generic", "icmp")),
    *(f"net.netfilter.nf_conntrack_tcp_timeout_{name}" for name in ("syn_sent", "established", "time_wait")),
    "kernel.unprivileged_bpf_disabled",
)
# Two values that the file takes.
WRITTEN = {
    "net.ipv4.ip_forward": (0, 1),
    "net.ipv4.conf.all.rp_filter": (0, 2),
    "net.ipv4.conf.all.src_valid_mark": (0, 1),
    "net.ipv4.conf.if.rp_filter": (0, 2),
    **{f"net.ipv4.conf.if.{name}": (0, 1) for name in ("route_localnet", "proxy_arp", "forwarding", "accept_local")},
    "net.ipv4.neigh.if.proxy_delay": (0, 10),
    "net.ipv6.conf.all.forwarding": (0, 1),
    **{
        f"net.ipv6.conf.{whose}.{name}": (0, 1)
        for name in ("disable_ipv6", "accept_dad")
        for whose in ("all", "default", "if")
    },
    **{f"net.ipv6.conf.if.{name}": (0, 1) for name in ("proxy_ndp", "forwarding", "accept_ra")},
    "net.netfilter.nf_conntrack_acct": (0, 1),
}


def _oracle(name: str, values: tuple[int, ...]) -> Oracle:
    path = "/proc/sys/" + name.replace(".if.", ".lo.").replace(".", "/")
    # Nothing that reads a file loads what has it.
    conntrack = name.startswith("net.netfilter.")
    return Oracle(
        f"sysctl.{name}",
        setup=("conntrack -C > /dev/null",) if conntrack else (),
        do=(f"cat {path}", *(f"echo {n} > {path}" for n in values)),
        see=(f'test -n "$(cat {path})"', *(f"echo {n} > {path} && test $(cat {path}) = {n}" for n in values)),
    )


ORACLES = tuple(_oracle(name, WRITTEN.get(name, ())) for name in (*READ, *WRITTEN))
REFUSED = (r"^cat: /proc/sys/\S+: No such file or directory$",)
