# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Names of interfaces that mean something to a judge. Whoever makes pseudonyms must keep these."""

from fnmatch import fnmatchcase
from typing import NamedTuple


class Device(NamedTuple):
    """A device of Calico's: its name, names to try where it is a pattern, and what others match it by."""

    name: str
    samples: tuple[str, ...]
    kind: str
    nm_type: str
    networkd_type: str


CALICO = (
    Device("cali", ("cali0123456789a", "calif0e1d2c3b4a", "cali8888aaaaeee"), "veth", "veth", "ether"),
    Device("tunl0", ("tunl0",), "ipip", "ip-tunnel", "ipip"),
    Device("vxlan.calico", ("vxlan.calico",), "vxlan", "vxlan", "vxlan"),
    Device("vxlan-v6.calico", ("vxlan-v6.calico",), "vxlan", "vxlan", "vxlan"),
    Device("wireguard.cali", ("wireguard.cali",), "wireguard", "wireguard", "wireguard"),
    Device("wg-v6.cali", ("wg-v6.cali",), "wireguard", "wireguard", "wireguard"),
)
"""Needs §10.1. A pod's end is ``cali`` and eleven hexadecimal digits."""

OTHERS = {
    "flannel*": "flannel",
    "cni0": "flannel",
    "cilium_*": "Cilium",
    "lxc*": "Cilium",
    "weave": "Weave Net",
    "vethwe-*": "Weave Net",
    "antrea-gw0": "Antrea",
    "ovn-k8s-*": "OVN-Kubernetes",
    "ovn0": "Kube-OVN",
    "kube-bridge": "kube-router",
    "docker0": "Docker",
    "kube-ipvs0": "kube-proxy in IPVS mode",
}
"""Devices of others, by glob."""

KEPT = (*(f"{device.name}*" for device in CALICO), *OTHERS, "lo", "nodelocaldns*", "eth[0-9]*", "veth/*", "not/shown")


def keep(name: str) -> bool:
    """Whether a judge looks at this name, so that a pseudonym would change a verdict."""
    return any(fnmatchcase(name, pattern) for pattern in KEPT)


def owner(name: str) -> str:
    """Return whose device that is, ``""`` where the name does not tell."""
    return next((whose for pattern, whose in OTHERS.items() if fnmatchcase(name, pattern)), "")
