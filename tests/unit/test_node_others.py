"""Derived rows about who else is on the node: rule managers, iptables, CNIs, ports, kube-proxy, ranges, limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.node_lib import HEALTHY, outcome, rows


def rules(**tables: str) -> dict[str, Any]:
    """Facts of rules: nft_ip_filter="…"; all was read."""
    named = {name.replace("_", " "): text for name, text in tables.items()}
    return {"node.rules": {"nft": "read", "legacy ip": "read", "legacy ip6": "not loaded", **named}}


def running(*programs: str) -> dict[str, Any]:
    return {"node.processes": {"running": " ".join(programs), "seen": 200}}


# Rule managers


@pytest.mark.parametrize(
    ("facts", "who"),
    [
        (running("firewalld"), "firewalld"),
        (rules(nft_inet_firewalld="chains=80 rules=120"), "firewalld"),
        (rules(legacy_ip_filter="chains=20 rules=90 FWDI_ INPUT_direct"), "firewalld"),
        (rules(nft_ip_filter="chains=40 rules=60 ufw-user-"), "ufw"),
        (rules(nft_ip6_filter="chains=40 rules=60 ufw6-user-"), "ufw"),
        (rules(legacy_ip_filter="chains=40 rules=60 LOCALINPUT"), "CSF"),
        (rules(legacy_ip_filter="chains=40 rules=60 shorewall"), "Shorewall"),
        (rules(nft_ip_filter="chains=40 rules=60 nixos-fw"), "NixOS"),
    ],
)
def test_rule_managers(facts: dict[str, Any], who: str) -> None:
    row = rows(facts)["node.firewall"]
    assert row.outcome == "broken"
    assert who in row.reason


def test_neighbours_are_no_rule_managers() -> None:
    row = rows(rules(nft_ip_filter="chains=9 rules=9 DOCKER LIBVIRT f2b- KUBE-SERVICES cali-"))["node.firewall"]
    assert row.outcome == "works"
    assert "Docker, libvirt, fail2ban" in row.reason


@pytest.mark.parametrize("state", [{"nft": "error:EPERM"}, {"nft": "more"}, {"legacy ip filter": "error:EPERM"}, {}])
def test_rules_that_could_not_be_read(state: dict[str, str]) -> None:
    read = {"nft": "read", "legacy ip": "read", "legacy ip6": "read"} if state else {}
    facts = {"node.rules": {**read, **state}}
    assert outcome("node.firewall", facts) == outcome("node.iptables.backend", facts) == "unknown"


# Felix's choice (felix/environment/feature_detect_linux.go)


@pytest.mark.parametrize(
    ("tables", "expected", "taken"),
    [
        ({}, "works", "legacy"),
        ({"nft_ip_mangle": "chains=3 rules=0 KUBE-KUBELET-CANARY"}, "works", "nft"),
        ({"nft_ip6_mangle": "chains=3 rules=0 KUBE-IPTABLES-HINT"}, "works", "nft"),
        ({"nft_ip_nat": "chains=3 rules=0 KUBE-IPTABLES-HINT"}, "works", "legacy"),
        ({"legacy_ip_mangle": "chains=3 rules=0 KUBE-KUBELET-CANARY"}, "works", "legacy"),
        (
            {
                "nft_ip_mangle": "chains=3 rules=1 KUBE-KUBELET-CANARY",
                "legacy_ip_mangle": "chains=3 rules=9 KUBE-KUBELET-CANARY",
            },
            "broken",
            "nft",
        ),
        ({"nft_ip_filter": "chains=3 rules=4"}, "works", "nft"),
        ({"nft_inet_filter": "chains=3 rules=4", "nft_ip_mine": "chains=1 rules=7"}, "works", "legacy"),
        ({"nft_ip_filter": "chains=3 rules=4", "legacy_ip_filter": "chains=3 rules=4"}, "broken", "legacy"),
        ({"nft_ip_filter": "chains=3 rules=5", "legacy_ip_filter": "chains=3 rules=4"}, "broken", "nft"),
    ],
)
def test_which_iptables_felix_takes(tables: dict[str, str], expected: str, taken: str) -> None:
    row = rows(rules(**tables))["node.iptables.backend"]
    assert row.outcome == expected
    assert f"Felix takes {taken}" in row.reason


def test_programs_in_a_container() -> None:
    apart = {"node.namespaces": {"net": 1, "mnt": 9, "pid1.net": 1, "pid1.mnt": 2}}
    swapped = {"node.programs": {"here iptables": "xtables-legacy-multi", "host iptables": "xtables-nft-multi"}}
    unseen = {"node.programs": {"here iptables": "xtables-nft-multi"}}
    assert outcome("node.iptables.programs", apart) == "works"
    assert outcome("node.iptables.programs", {**apart, **swapped}) == "broken"
    assert outcome("node.iptables.programs", {**apart, **unseen}) == "unknown"
    assert outcome("node.iptables.programs", swapped) == "works"
    assert outcome("node.iptables.programs", {"node.namespaces": {"net": 1, "mnt": 2}}) == "unknown"


# CNI


def conf(**files: list[str]) -> dict[str, Any]:
    return {
        "node.cni-conf": {f"/etc/cni/net.d/{name.replace('_', '-')}.conflist": lines for name, lines in files.items()}
    }


@pytest.mark.parametrize(
    ("facts", "expected", "who"),
    [
        (conf(a=["type=flannel", "type=portmap"]), "works", "flannel"),
        (conf(a=["type=aws-cni"]), "works", "AWS"),
        (conf(a=["type=azure-vnet"]), "works", "Azure"),
        (conf(a=["type=bridge"]), "works", "no other"),
        (conf(a=["type=cilium-cni"]), "broken", "Cilium"),
        (running("weaver"), "broken", "Weave"),
        (running("flanneld"), "works", "flannel"),
        ({"node.links": {"antrea-gw0": "kind=openvswitch mtu=1450"}}, "broken", "Antrea"),
        ({"node.links": {"flannel.1": "kind=vxlan mtu=1450 id=1 port=8472"}}, "works", "flannel"),
        (rules(nft_ip_nat="chains=9 rules=9 CILIUM_"), "broken", "Cilium"),
        ({"node.cni-conf": {"/etc/cni/net.d/": ["error:ENOENT"]}}, "works", "no other"),
        ({"node.cni-conf": {"/etc/cni/net.d/x.conf": ["error:EACCES"]}}, "unknown", "EACCES"),
    ],
)
def test_other_providers(facts: dict[str, Any], expected: str, who: str) -> None:
    row = rows(facts)["node.cni.foreign"]
    assert row.outcome == expected
    assert who in row.reason


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (conf(), "works"),
        (conf(**{"05_bridge": ["type=bridge"], "10_calico": ["type=calico"]}), "broken"),
        (conf(**{"00_multus": ["type=multus"], "10_calico": ["type=calico"]}), "works"),
        (conf(**{"87_podman_bridge": ["type=bridge"]}), "works"),
        (conf(**{"00_mine": ["type=calico"]}), "works"),
    ],
)
def test_which_configuration_counts(facts: dict[str, Any], expected: str) -> None:
    assert outcome("node.cni.first", facts) == expected


def test_directories_of_the_runtime() -> None:
    k3s = {"node.cni-runtime": {"/x/config.toml": ['bin_dir = "/var/lib/rancher/bin"', 'conf_dir = "/etc/cni/net.d/"']}}
    crio = {"node.cni-runtime": {"/etc/crio/crio.conf": ['plugin_dirs = ["/opt/cni/bin/", "/usr/libexec/cni"]']}}
    kubelet = {"node.kubernetes": {"kubelet.cni-conf-dir": "/etc/mine"}}
    assert (outcome("node.cni.bin-dir", k3s), outcome("node.cni.conf-dir", k3s)) == ("broken", "works")
    assert outcome("node.cni.bin-dir", crio) == "works"
    assert outcome("node.cni.conf-dir", kubelet) == "broken"


# Ports


def sockets(links: dict[str, str] | None = None, **ports: list[str]) -> dict[str, Any]:
    named = {name.replace("_", "/"): holders for name, holders in ports.items()}
    return {"node.sockets": named, "node.links": links or {}}


@pytest.mark.parametrize(
    ("row", "facts", "expected"),
    [
        ("bgp", sockets(), "works"),
        ("bgp", sockets(tcp_179=["any bird", "any bird6"]), "works"),
        ("bgp", sockets(tcp_179=["any zebra"]), "broken"),
        ("bgp", sockets(tcp_179=["any bird", "loopback gobgpd"]), "broken"),
        ("bgp", sockets(tcp_179=["any ?"]), "unknown"),
        ("bgp", sockets(tcp_179=["any -"]), "unknown"),
        ("vxlan", sockets(udp_4789=["any -"]), "broken"),
        ("vxlan", sockets({"vxlan.calico": "kind=vxlan mtu=1 id=4096 port=4789"}, udp_4789=["any -"]), "works"),
        ("vxlan", sockets({"v6": "kind=vxlan mtu=1 id=77 port=4789"}, udp_4789=["any -"]), "works"),
        ("vxlan", sockets({"v6": "kind=vxlan mtu=1 id=4096 port=4789"}, udp_4789=["any -"]), "broken"),
        ("vxlan", sockets({"gre": "kind=vxlan mtu=1 port=4789"}, udp_4789=["any -"]), "broken"),
        ("vxlan", sockets({"f.1": "kind=vxlan mtu=1 id=1 port=8472"}, udp_4789=["any -"]), "broken"),
        ("vxlan", sockets(udp_4789=["address openvswitch"]), "broken"),
        ("wireguard", sockets({"wireguard.cali": "kind=wireguard mtu=1420"}, udp_51820=["any -"]), "works"),
        ("wireguard", sockets({"wg0": "kind=wireguard mtu=1420"}, udp_51820=["any -"]), "unknown"),
        ("wireguard", sockets(udp_51820=["any boringtun"]), "broken"),
        ("felix-health", sockets(tcp_9099=["loopback calico-node"]), "works"),
        ("felix-health", sockets(tcp_9099=["loopback java"]), "broken"),
        ("kube-proxy-health", sockets(tcp_10256=["any kube-proxy"]), "broken"),
    ],
)
def test_ports(row: str, facts: dict[str, Any], expected: str) -> None:
    assert outcome(f"node.port.{row}", facts) == expected


def test_another_network_namespace_tells_nothing_of_the_hosts_ports() -> None:
    apart = {"node.namespaces": {"net": 9, "mnt": 2, "pid1.net": 1, "pid1.mnt": 2}}
    found = rows(apart)
    assert {row.outcome for name, row in found.items() if name.startswith(("node.port.", "node.mtu."))} == {"unknown"}


# kube-proxy, Kubernetes, the datastore


@pytest.mark.parametrize(
    ("facts", "version", "expected"),
    [
        (rules(nft_ip_nat="chains=1 rules=1 KUBE-SERVICES"), "", "works"),
        ({"node.links": {"kube-ipvs0": "kind=dummy mtu=1500"}, **rules()}, "1.31", "works"),
        ({"node.links": {"kube-ipvs0": "kind=dummy mtu=1500"}, **rules()}, "1.9.2", "broken"),
        ({"node.links": {"kube-ipvs0": "kind=dummy mtu=1500"}, **rules()}, "", "unknown"),
        (rules(**{"nft_ip_kube-proxy": "chains=9 rules=9"}), "1.31.0", "works"),
        (rules(**{"nft_ip_kube-proxy": "chains=9 rules=9"}), "1.30.9", "broken"),
        (
            {"node.kube-proxy": {"http://127.0.0.1:10249": {"health": "works", "said": "userspace"}}, **rules()},
            "1.31",
            "broken",
        ),
        (
            {"node.kube-proxy": {"http://127.0.0.1:10249": {"health": "works", "said": "ipvs"}}, **rules()},
            "1.31",
            "works",
        ),
        (
            {
                "node.kube-proxy": {"x": {"health": "works", "said": "ipvs"}},
                **rules(nft_ip_nat="rules=1 KUBE-SERVICES"),
            },
            "1.31",
            "broken",
        ),
        (rules(), "1.31", "unknown"),
        ({**rules(), **running("kubelet")}, "1.31", "works"),
    ],
)
def test_modes_of_kube_proxy(facts: dict[str, Any], version: str, expected: str) -> None:
    facts = {"node.kubernetes": {"version": version}, **facts}
    assert rows(facts, without=("node.apiserver",))["node.kube-proxy.mode"].outcome == expected


@pytest.mark.parametrize(
    ("version", "supported", "tested"),
    [
        ("1.20", "broken", "broken"),
        ("1.21", "works", "broken"),
        ("v1.29.4+k3s1", "works", "works"),
        ("1.31", "works", "works"),
        ("1.32", "works", "broken"),
        ("2.0", "works", "broken"),
        ("new", "unknown", "unknown"),
    ],
)
def test_versions_of_kubernetes(version: str, supported: str, tested: str) -> None:
    found = rows({"node.given": {"kubernetes": version}})
    assert (found["node.kubernetes.version"].outcome, found["node.kubernetes.tested"].outcome) == (supported, tested)


@pytest.mark.parametrize(
    ("answered", "reachable", "healthy"),
    [
        ({"tcp": "works", "health": "works"}, "works", "works"),
        ({"tcp": "ECONNREFUSED"}, "broken", "broken"),
        ({"tcp": "works", "tls": "WRONG_VERSION_NUMBER"}, "broken", "broken"),
        ({"tcp": "works", "tls": "works", "health": "denied", "said": "HTTP 401"}, "works", "unknown"),
        ({"tcp": "works", "tls": "works", "health": "broken", "said": "no leader"}, "works", "broken"),
    ],
)
def test_datastores(answered: dict[str, str], reachable: str, healthy: str) -> None:
    for fact in ("node.etcd", "node.apiserver"):
        found = rows({fact: {"https://x:1": answered}})
        assert (found[f"{fact}.reachable"].outcome, found[f"{fact}.healthy"].outcome) == (reachable, healthy)
        assert rows(without=(fact,))[f"{fact}.reachable"].outcome == "unknown"


# Ranges


@pytest.mark.parametrize(
    ("given", "row", "expected"),
    [
        ({"pools": ["10.244.0.0/16"]}, "hosts", "works"),
        ({"pools": ["192.0.0.0/16"]}, "hosts", "broken"),
        ({"pools": ["192.0.2.128/25"]}, "hosts", "broken"),
        ({"pools": ["172.17.4.0/24"]}, "hosts", "broken"),
        ({"pools": ["2001:db8::/32"]}, "hosts", "broken"),
        ({"pools": ["10.1.0.0/16"], "node_cidrs": ["10.0.0.0/8"]}, "hosts", "broken"),
        ({"pools": ["198.51.0.0/16"]}, "routes", "broken"),
        ({"pools": ["10.97.0.0/16"]}, "services", "broken"),
        ({"pools": ["10.200.0.0/16"], "service_cidrs": ["10.200.9.0/24"]}, "services", "broken"),
        ({"pools": ["10.97.0.0/16"], "service_cidrs": ["10.200.9.0/24"]}, "services", "works"),
        ({"pools": ["fd00::/48"], "service_cidrs": ["10.200.9.0/24", "fd00:0:0:1::/108"]}, "services", "broken"),
        ({"pools": ["no range"]}, "hosts", "unknown"),
    ],
)
def test_pools(given: dict[str, Any], row: str, expected: str) -> None:
    assert outcome(f"node.ippool.{row}", {"node.given": given}) == expected


def test_pools_that_nobody_named() -> None:
    found = rows({"node.kubernetes": {}})
    assert {found[f"node.ippool.{row}"].outcome for row in ("hosts", "routes", "services")} == {"unknown"}


def test_addresses_of_another_provider_are_no_hosts() -> None:
    taken_over = {"node.addresses": {"seen": ["cni0 10.244.1.1/24", "flannel.1 10.244.1.0/32", "eth0 192.0.2.1/24"]}}
    assert outcome("node.ippool.hosts", taken_over) == "works"
    assert outcome("node.ippool.hosts", {"node.addresses": {"seen": ["br0 10.244.1.1/24"]}}) == "broken"


def test_a_cut_list_is_no_all_clear() -> None:
    assert outcome("node.ippool.routes", {"node.routes": {"seen": [], "not_shown": 4}}) == "unknown"
    assert outcome("node.ippool.routes", {"node.routes": {"seen": ["10.244.0.0/24 eth0"], "not_shown": 4}}) == "broken"


# Limits and switches


def sysctl(**changed: str) -> dict[str, Any]:
    keys = {key.rpartition("/")[2]: key for key in HEALTHY["node.sysctl"]}
    return {"node.sysctl": {**HEALTHY["node.sysctl"], **{keys[name]: value for name, value in changed.items()}}}


@pytest.mark.parametrize(
    ("row", "facts", "expected"),
    [
        ("conntrack.size", sysctl(nf_conntrack_max="65536"), "broken"),
        ("conntrack.size", sysctl(nf_conntrack_count="250000"), "broken"),
        ("conntrack.size", sysctl(nf_conntrack_max="error:EACCES"), "unknown"),
        ("conntrack.size", {"node.sysctl": {}}, "unknown"),
        ("neighbour.size", sysctl(gc_thresh3="512"), "broken"),
        ("rp-filter", sysctl(rp_filter="1"), "works"),
        ("rp-filter", sysctl(rp_filter="2"), "broken"),
        ("forwarding.ipv4", sysctl(ip_forward="0"), "broken"),
        ("forwarding.ipv6", sysctl(forwarding="0"), "broken"),
        ("bridge-nf", {"node.sysctl": {"net/bridge/bridge-nf-call-iptables": "0"}}, "broken"),
        ("bridge-nf", {"node.sysctl": {}}, "works"),
        ("clock", {"node.clock": {"synchronised": False}}, "broken"),
        ("clock", {"node.clock": {}}, "unknown"),
    ],
)
def test_limits(row: str, facts: dict[str, Any], expected: str) -> None:
    assert outcome(f"node.{row}", facts) == expected


@pytest.mark.parametrize(
    ("mtu", "device", "ipip", "vxlan", "vxlan6"),
    [
        (1500, 1450, "works", "works", "works"),
        (1500, 1480, "works", "broken", "works"),
        (1300, 1200, "works", "works", "broken"),
        (590, 500, "broken", "broken", "broken"),
    ],
)
def test_mtu(mtu: int, device: int, ipip: str, vxlan: str, vxlan6: str) -> None:
    facts = {"node.nics": {"eth0": f"mtu={mtu}"}, "node.links": {"vxlan.calico": f"kind=vxlan mtu={device} id=4096"}}
    found = [outcome(f"node.mtu.{name}", facts) for name in ("ipip", "vxlan", "vxlan-v6")]
    assert found == [ipip, vxlan, vxlan6]
    assert outcome("node.mtu.ipip", {"node.nics": {}}) == "unknown"
