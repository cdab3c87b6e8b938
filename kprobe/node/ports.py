# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Ports that Calico needs are free, or Calico's own. Needs §10.2."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

CALICO = ("bird", "bird6", "calico-node", "calico-felix", "calico-typha", "felix")
VNI = 4096


class Port(NamedTuple):
    """A port, and what for."""

    name: str
    key: str
    what: str
    kind: str = ""
    devices: tuple[str, ...] = ()


PORTS = (
    Port("bgp", "tcp/179", "BGP"),
    Port("vxlan", "udp/4789", "VXLAN", "vxlan", ("vxlan.calico", "vxlan-v6.calico")),
    Port("typha", "tcp/5473", "Typha"),
    Port("wireguard", "udp/51820", "WireGuard", "wireguard", ("wireguard.cali",)),
    Port("wireguard-v6", "udp/51821", "WireGuard over IPv6", "wireguard", ("wg-v6.cali",)),
    Port("felix-health", "tcp/9099", "Felix's health"),
    Port("felix-metrics", "tcp/9091", "Felix's metrics"),
    Port("typha-health", "tcp/9098", "Typha's health"),
    Port("typha-metrics", "tcp/9093", "Typha's metrics"),
    Port("kube-proxy-health", "tcp/10256", "the health of the eBPF data plane's kube-proxy replacement"),
)


def _rule(port: Port) -> Rule:
    shown = port.key.upper().replace("/", " ")

    def judge(view: View) -> Answer:
        view.host_network()
        holders = view.get("node.sockets", dict[str, list[str]]).get(port.key, [])
        if not holders:
            return fine(f"nobody holds {shown}")
        owners = dict.fromkeys(holder.partition(" ")[2] for holder in holders)
        others = [owner for owner in owners if owner not in {*CALICO, "-", "?"}]
        if others:
            return bad(f"{', '.join(others)} holds {shown}, needed for {port.what}; stop it or give it another port")
        if "-" in owners and port.kind:
            return _kernels(port, shown, view.get("node.links", dict[str, str | int]))
        if owners.keys() & {"-", "?"}:
            raise UnsureError(f"somebody holds {shown}; who it is cannot be seen from here")
        return fine(f"Calico's own {', '.join(owners)} holds {shown}")

    return Rule(
        id=f"node.port.{port.name}",
        title=f"{shown} is free for {port.what}",
        asks=f"does nobody but Calico hold {shown} on this node?",
        proves="/proc/net, and which process has the socket; not what a firewall between nodes lets through",
        judge=judge,
    )


def _kernels(port: Port, shown: str, links: Mapping[str, str | int]) -> Answer:
    """Judge a port that the kernel itself holds: tunnel devices of one kind may share it."""
    found = {name: text for name, text in links.items() if isinstance(text, str) and f"kind={port.kind} " in f"{text} "}
    others = [name for name in found if name not in port.devices]
    if port.kind == "vxlan":
        others = [name for name in others if f" port={port.key[4:]}" in found[name]]
        sharing = [name for name in others if _vni(found[name]) not in {0, VNI}]
        clashing = [name for name in others if name not in sharing]
        if clashing:
            why = "takes all VNIs or 4096 itself"
            return bad(f"the VXLAN device {', '.join(clashing)} has {shown} and {why}; set VXLANPort or VXLANVNI")
        if sharing:
            return fine(f"{shown} is shared with {', '.join(sharing)}, which has another VNI")
    elif others and not set(port.devices) & set(found):
        raise UnsureError(f"the kernel holds {shown}; it may be the port of {', '.join(others)}")
    if set(port.devices) & set(found):
        return fine(f"Calico's own device holds {shown}")
    return bad(f"{shown} is held in the kernel, or by a process in another pid namespace, and not by Calico")


def _vni(text: str) -> int:
    """Return a device's VNI; 0 for one that takes all."""
    found = re.search(r"\bid=(\d{1,8})\b", text)
    return int(found[1]) if found else 0


RULES = tuple(map(_rule, PORTS))
