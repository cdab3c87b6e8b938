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
    "node.rules": {
        "nft": "read",
        "nft ip mangle": "chains=3 rules=2 KUBE-KUBELET-CANARY",
        "nft ip nat": "chains=30 rules=90 KUBE-SERVICES KUBE-PROXY-CANARY DOCKER",
        "nft ip filter": "chains=12 rules=30 cali-",
        "legacy ip": "not loaded",
        "legacy ip6": "read",
    },
    "node.programs": {"here iptables": "xtables-nft-multi", "host iptables": "xtables-nft-multi"},
    "node.cni-conf": {"/etc/cni/net.d/10-calico.conflist": ["cniVersion=0.3.1", "type=calico", "type=portmap"]},
    "node.cni-runtime": {"/etc/containerd/config.toml": ['[plugins."cri".cni]', 'conf_dir = "/etc/cni/net.d"']},
    "node.kubernetes": {
        "kube-proxy.proxy-mode": "iptables",
        "service-cidr": "10.96.0.0/12",
        "cluster-cidr": "10.244.0.0/16",
        "version": "1.31.2",
    },
    "node.sockets": {"tcp/179": ["any bird"], "udp/4789": ["any -", "any -"], "tcp/9099": ["loopback calico-node"]},
    "node.links": {"vxlan.calico": "kind=vxlan mtu=1450 id=4096 port=4789 up", "docker0": "kind=bridge mtu=1500"},
    "node.addresses": {"seen": ["eth0 192.0.2.17/24", "docker0 172.17.0.1/16", "eth0 2001:0db8::1/64"]},
    "node.routes": {"seen": ["198.51.100.0/24 eth0 proto=3"]},
    "node.nics": {"eth0": "driver=virtio_net mtu=1500 tso=on", "eth1": "mtu=9000"},
    "node.clock": {"synchronised": True, "maxerror_us": 1200},
    "node.sysctl": {
        "net/ipv4/ip_forward": "1",
        "net/ipv6/conf/all/forwarding": "1",
        "net/ipv4/conf/all/rp_filter": "0",
        "net/netfilter/nf_conntrack_max": "262144",
        "net/netfilter/nf_conntrack_count": "1000",
        "net/ipv4/neigh/default/gc_thresh3": "1024",
        "net/bridge/bridge-nf-call-iptables": "1",
    },
    "node.etcd": {"https://etcd:2379": {"tcp": "works", "tls": "works", "health": "works", "version": "3.5.16"}},
    "node.apiserver": {"https://api:6443": {"tcp": "works", "tls": "works", "health": "works", "version": "v1.31.2"}},
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
