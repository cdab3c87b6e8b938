"""Made-up facts of a node, for the rules that derive rows from them. None comes from a machine."""

from collections.abc import Mapping
from typing import Any

from kprobe import node
from kprobe.evidence import Evidence, Fact, Probe
from tests.unit import synthetic

HEALTHY: Mapping[str, Any] = {
    "node.os-release": {"id": "debian", "version_id": "12", "pretty_name": "Debian GNU/Linux 12 (bookworm)"},
    "node.capabilities": {"effective": "000001ffffffffff"},
    "node.userns": {"initial": True},
    "node.container": {"own_pid_namespace": False},
    "node.namespaces": {"net": 1, "mnt": 2, "pid": 3, "pid1.net": 1, "pid1.mnt": 2},
    "node.processes": {"running": "NetworkManager systemd-network kubelet kube-proxy chronyd", "seen": 200},
    "node.networkmanager": {
        "/etc/NetworkManager/conf.d/calico.conf": [
            "[keyfile]",
            "unmanaged-devices=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico",
            "unmanaged-devices+=interface-name:vxlan-v6.calico;interface-name:wireguard.cali;interface-name:wg-v6.cali",
        ]
    },
    "node.networkd": {
        "/usr/lib/systemd/network/80-wifi-adhoc.network": ["[Match]", "Type=wlan", "WLANInterfaceType"],
        "/usr/lib/systemd/network/80-container-ve.network": ["[Match]", "Name=ve-*", "Driver=veth"],
        "/etc/systemd/networkd.conf": ["[Network]", "ManageForeignRoutes=no", "ManageForeignRoutingPolicyRules=no"],
    },
}
"""A node on which every rule finds what it should."""


def evidence(changed: Mapping[str, Any] | None = None, without: tuple[str, ...] = (), **begin: Any) -> Evidence:
    """The healthy node, with some facts changed: a value, or the name of an errno for one that could not be read."""
    values = {**HEALTHY, **(changed or {})}
    facts = tuple(
        Fact(id=name, source=name, error=value) if isinstance(value, str) else Fact(id=name, source=name, value=value)
        for name, value in values.items()
        if name not in without
    )
    return synthetic.stream({}, facts=facts, **begin)


def rows(changed: Mapping[str, Any] | None = None, without: tuple[str, ...] = (), **begin: Any) -> dict[str, Probe]:
    return {row.id: row for row in node.derive(evidence(changed, without, **begin))}


def outcome(row: str, changed: Mapping[str, Any] | None = None, **begin: Any) -> str:
    return rows(changed, **begin)[row].outcome
