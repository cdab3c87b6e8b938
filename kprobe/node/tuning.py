# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Limits and switches of the node: connection tracking, neighbours, forwarding, bridges, the clock, MTU."""

import re

import msgspec

from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

CONNTRACK = 131_072
"""The least that kube-proxy sets (its --conntrack-min); calicoctl node run sets 1,000,000."""

NEIGHBOURS = 1024
"""The kernel's own gc_thresh3 (net/ipv4/arp.c)."""

LEAST_MTU = {4: 576, 6: 1280}
"""RFC 791, RFC 8200."""

OVERHEAD = (
    ("ipip", "IP in IP", 20, 4, "tunl0"),
    ("vxlan", "VXLAN", 50, 4, "vxlan.calico"),
    ("vxlan-v6", "VXLAN over IPv6", 70, 6, "vxlan-v6.calico"),
    ("wireguard", "WireGuard", 60, 4, "wireguard.cali"),
    ("wireguard-v6", "WireGuard over IPv6", 80, 6, "wg-v6.cali"),
)
"""Bytes of the outer headers, as Calico's page "Configure MTU" has them."""


class _Clock(msgspec.Struct, frozen=True):
    synchronised: bool
    maxerror_us: int = 0


def _sysctl(view: View, name: str) -> int:
    view.host_network()
    value = view.get("node.sysctl", dict[str, str]).get(name)
    if value is None:
        raise UnsureError(f"there is no {name} here: what it belongs to is not loaded")
    if not re.fullmatch(r"-?\d{1,18}", value):
        raise UnsureError(f"{name} could not be read: {value}")
    return int(value)


def _conntrack(view: View) -> Answer:
    most = _sysctl(view, "net/netfilter/nf_conntrack_max")
    count = _sysctl(view, "net/netfilter/nf_conntrack_count")
    if most and count * 10 > most * 9:
        return bad(
            f"{count} of {most} connections are tracked already: the next ones are dropped; raise nf_conntrack_max"
        )
    if most < CONNTRACK:
        return bad(f"room for {most} connections, fewer than kube-proxy sets ({CONNTRACK}); raise nf_conntrack_max")
    return fine(f"room for {most} connections, {count} in use")


def _neighbours(view: View) -> Answer:
    v4 = _sysctl(view, "net/ipv4/neigh/default/gc_thresh3")
    if v4 < NEIGHBOURS:
        todo = f"raise net.ipv4.neigh.default.gc_thresh3 to {NEIGHBOURS} or more than pods and nodes"
        return bad(f"room for {v4} neighbours: each pod here, and with VXLAN each node, is one; {todo}")
    return fine(f"room for {v4} neighbours: pods of this node, and with VXLAN all nodes")


def _rp_filter(view: View) -> Answer:
    value = _sysctl(view, "net/ipv4/conf/all/rp_filter")
    if value == 2:
        return bad(
            "net.ipv4.conf.all.rp_filter is 2 (loose): it overrules the strict check of pods' interfaces; set 0 or 1"
        )
    return fine(f"net.ipv4.conf.all.rp_filter is {value}")


def _forwarding(name: str) -> "Rule":
    key = {"ipv4": "net/ipv4/ip_forward", "ipv6": "net/ipv6/conf/all/forwarding"}[name]

    def judge(view: View) -> Answer:
        if _sysctl(view, key):
            return fine(f"{key.replace('/', '.')} is on")
        return bad(f"{key.replace('/', '.')} is off; Felix switches it on unless IPForwarding=Disabled")

    return Rule(
        id=f"node.forwarding.{name}",
        title=f"{'IPv4' if name == 'ipv4' else 'IPv6'} is forwarded",
        asks=f"is {key} 1?",
        proves="the sysctl, as it is now",
        judge=judge,
    )


def _bridges(view: View) -> Answer:
    view.host_network()
    found = view.get("node.sysctl", dict[str, str])
    values = {
        key: found.get(key) for key in ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")
    }
    if "0" in values.values():
        return bad(
            "bridged packets pass iptables by; pods behind a bridge (flannel, Docker) need bridge-nf-call-iptables=1"
        )
    return fine(
        "bridged packets pass iptables"
        if "1" in values.values()
        else "br_netfilter is not loaded; Calico's pods need no bridge"
    )


def _clock(view: View) -> Answer:
    clock = view.get("node.clock", _Clock)
    if clock.synchronised:
        return fine(f"the kernel's clock is synchronised, to {clock.maxerror_us / 1000:.0f} ms")
    return bad(
        "the kernel's clock is not synchronised: certificates and leases depend on it; run chrony or systemd-timesyncd"
    )


def _mtu(name: str, title: str, bytes_: int, ip: int, device: str) -> "Rule":
    def judge(view: View) -> Answer:
        view.host_network()
        cards = view.get("node.nics", dict[str, str | int])
        found = {
            card: int(mtu[1])
            for card, text in cards.items()
            if isinstance(text, str) and (mtu := re.search(r"\bmtu=(\d{1,6})\b", text))
        }
        if not found:
            raise UnsureError("no network card's MTU is known")
        card = min(found, key=lambda each: found[each])
        room = found[card] - bytes_
        link = view.get("node.links", dict[str, str | int]).get(device, "")
        now = re.search(r"\bmtu=(\d{1,6})\b", link) if isinstance(link, str) else None
        if room < LEAST_MTU[ip]:
            return bad(
                f"{card} has an MTU of {found[card]}: {room} are left for pods, and IPv{ip} needs {LEAST_MTU[ip]}"
            )
        if now and int(now[1]) > room:
            return bad(f"{device} has an MTU of {now[1]}, {card} leaves room for {room}; set the veth and tunnel MTU")
        return fine(f"{card} has an MTU of {found[card]}: {room} are left for pods")

    return Rule(
        id=f"node.mtu.{name}",
        title=f"MTU leaves room for {title}",
        asks=f"do {bytes_} bytes of {title} fit below the smallest MTU of the network cards?",
        proves="MTU of cards and of Calico's device; what the network between nodes lets through no node can see",
        judge=judge,
    )


RULES = (
    Rule(
        id="node.conntrack.size",
        title="room to track connections",
        asks=f"is nf_conntrack_max at least {CONNTRACK}, and less than nine tenths full?",
        proves="the sysctls, as they are now",
        judge=_conntrack,
    ),
    Rule(
        id="node.neighbour.size",
        title="room for neighbours",
        asks=f"is gc_thresh3 at least {NEIGHBOURS}?",
        proves="the sysctl, as it is now",
        judge=_neighbours,
    ),
    Rule(
        id="node.rp-filter",
        title="source addresses of pods can be checked strictly",
        asks="is net.ipv4.conf.all.rp_filter 0 or 1?",
        proves="the sysctl; the kernel takes the larger of it and the interface's",
        judge=_rp_filter,
    ),
    _forwarding("ipv4"),
    _forwarding("ipv6"),
    Rule(
        id="node.bridge-nf",
        title="bridged packets pass iptables",
        asks="are bridge-nf-call-iptables and -ip6tables on, where br_netfilter is loaded?",
        proves="the sysctls, as they are now",
        judge=_bridges,
    ),
    Rule(
        id="node.clock",
        title="the clock is synchronised",
        asks="does the kernel count its clock as synchronised?",
        proves="STA_UNSYNC of adjtimex(2)",
        judge=_clock,
    ),
    *(_mtu(*each) for each in OVERHEAD),
)
