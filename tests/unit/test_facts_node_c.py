"""csrc/facts_{files,proc}.c: of others' configuration and of processes, the allow-listed lines and nothing else."""

from __future__ import annotations

import json
import sys

import pytest

from tests.unit.test_facts_c import Node, built, node

__all__ = ["built", "node"]


def lines(node: Node, fact: str, path: str) -> list[str]:
    found: list[str] = node.value(fact)[path]
    return found


# Sections and keys


def test_networkmanager_sections_and_keys_are_allow_listed(node: Node) -> None:
    path = "/etc/NetworkManager/conf.d/calico.conf"
    node.put(
        path,
        "secret=1\n[main]\nplugins=keyfile\n[keyfile]\n# comment\n  unmanaged-devices = interface-name:cali*  \n"
        "hostname=secret\n[device-a]\nmatch-device=type:veth\nmanaged=0\nwifi.secret=1\n[device]\nwifi.backend=iwd\n"
        "[connection]\nmatch-device=secret\n[.config]\nenable=nm-version-min:1.2\n[keyfile]\nunmanaged-devices+=a",
    )
    assert node.value("node.networkmanager") == {
        path: [
            "[keyfile]",
            "unmanaged-devices = interface-name:cali*",
            "[device-a]",
            "match-device=type:veth",
            "managed=0",
            "[.config]",
            "enable=nm-version-min:1.2",
            "[keyfile]",
            "unmanaged-devices+=a",
        ]
    }
    assert "secret" not in json.dumps(node.facts())


def test_every_directory_of_networkmanager_is_read_and_nothing_but_conf(node: Node) -> None:
    places = ["/usr/lib/NetworkManager/conf.d/a.conf", "/run/NetworkManager/conf.d/a.conf"]
    places += ["/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d/a.conf"]
    places += ["/var/lib/NetworkManager/NetworkManager-intern.conf"]
    for place in places:
        node.put(place, "[keyfile]\n.set.unmanaged-devices=x\n")
    node.put("/etc/NetworkManager/conf.d/a.conf.rpmnew", "[keyfile]\nunmanaged-devices=x\n")
    node.put("/etc/NetworkManager/conf.d/.hidden.conf", "[keyfile]\nunmanaged-devices=x\n")
    assert sorted(node.value("node.networkmanager")) == sorted(places)


def test_an_empty_file_shadows_so_it_is_told(node: Node) -> None:
    node.put("/etc/NetworkManager/conf.d/a.conf", "")
    assert lines(node, "node.networkmanager", "/etc/NetworkManager/conf.d/a.conf") == []


def test_a_file_that_is_too_long_or_unreadable_is_no_half_answer(node: Node) -> None:
    node.put("/etc/NetworkManager/conf.d/long.conf", "[keyfile]\n" + "#\n" * 9000 + "unmanaged-devices=x\n")
    node.unreadable("/etc/NetworkManager/conf.d/dir.conf")
    node.put("/run/NetworkManager/conf.d", "a file in a directory's place")
    assert node.value("node.networkmanager") == {
        "/etc/NetworkManager/conf.d/long.conf": ["error:EFBIG"],
        "/etc/NetworkManager/conf.d/dir.conf": ["error:EISDIR"],
        "/run/NetworkManager/conf.d/": ["error:ENOTDIR"],
    }


def test_more_files_than_are_shown(node: Node) -> None:
    for number in range(70):
        node.put(f"/usr/lib/NetworkManager/conf.d/{number}.conf", "")
    node.put("/etc/NetworkManager/NetworkManager.conf", "")
    found = node.value("node.networkmanager")
    assert found["not/shown"] == ["error:E2BIG"]
    assert len(found) == 65


def test_what_networkd_matches_by_is_told_without_addresses(node: Node) -> None:
    node.put(
        "/etc/systemd/network/10-a.network",
        "[Match]\nName=cali*\nMACAddress=00:11:22:33:44:55\nHost=secret\n[Link]\nUnmanaged=yes\nMTUBytes=9\n"
        "[Network]\nAddress=192.0.2.1/24\nDHCP=yes\n",
    )
    node.put("/etc/systemd/networkd.conf", "[Network]\nManageForeignRoutes=no\nSpeedMeter=yes\n")
    assert node.value("node.networkd") == {
        "/etc/systemd/network/10-a.network": ["[Match]", "Name=cali*", "MACAddress", "Host", "[Link]", "Unmanaged=yes"],
        "/etc/systemd/networkd.conf": ["[Network]", "ManageForeignRoutes=no"],
    }


def test_container_runtimes(node: Node) -> None:
    node.put("/etc/containerd/config.toml", '[plugins."cri".cni]\n  bin_dir = "/opt/cni/bin"\n  secret = "x"\n')
    assert lines(node, "node.cni-runtime", "/etc/containerd/config.toml")[-1] == 'bin_dir = "/opt/cni/bin"'


# CNI


def test_cni_configurations_name_their_plugins_and_nothing_else(node: Node) -> None:
    node.put(
        "/etc/cni/net.d/10-calico.conflist",
        json.dumps(
            {
                "name": "secret",
                "cniVersion": "0.3.1",
                "plugins": [
                    {"type": "calico", "etcd_key": "secret", "ipam": {"type": "calico-ipam"}},
                    {"type": "portmap", "x": "type"},
                ],
            }
        ),
    )
    node.put("/etc/cni/net.d/calico-kubeconfig", 'token: "type": "secret"')
    found = node.value("node.cni-conf")
    assert found == {
        "/etc/cni/net.d/10-calico.conflist": ["cniVersion=0.3.1", "type=calico", "type=calico-ipam", "type=portmap"]
    }


@pytest.mark.parametrize(
    "text", ['{"type": 7}', '{"type"', '{"type": "', '{"type": "' + "x" * 100 + '"}', '"type":', ""]
)
def test_damaged_cni_configurations(node: Node, text: str) -> None:
    node.put("/etc/cni/net.d/a.conf", text)
    assert lines(node, "node.cni-conf", "/etc/cni/net.d/a.conf") == []


def test_cni_directories_that_are_not_there(node: Node) -> None:
    assert node.value("node.cni-conf") == {"/etc/cni/net.d/": ["error:ENOENT"]}
    assert node.facts()["node.cni-bin"]["error"] == "ENOENT"
    for name in ("calico", "secret", "portmap"):
        node.put(f"/opt/cni/bin/{name}")
    assert node.value("node.cni-bin") == {"there": True, "plugins": "calico portmap"}


def test_programs_are_followed_to_what_they_are(node: Node) -> None:
    for root, kind in (("", "nft"), ("/proc/1/root", "legacy")):
        node.put(f"{root}/usr/sbin/xtables-{kind}-multi")
        node.put(f"{root}/etc/alternatives/none")
        (node.root / f"{root}/etc/alternatives/iptables".lstrip("/")).symlink_to(f"/usr/sbin/iptables-{kind}")
        (node.root / f"{root}/usr/sbin/iptables-{kind}".lstrip("/")).symlink_to(f"xtables-{kind}-multi")
        (node.root / f"{root}/usr/sbin/iptables".lstrip("/")).symlink_to("/etc/alternatives/iptables")
        (node.root / f"{root}/usr/sbin/nft".lstrip("/")).symlink_to("nft")  # a circle
    assert node.value("node.programs") == {
        "here iptables": "xtables-nft-multi",
        "host iptables": "xtables-legacy-multi",
    }


# Processes


def process(node: Node, pid: int, comm: str, *arguments: str) -> None:
    node.put(f"/proc/{pid}/comm", f"{comm}\n")
    node.put(f"/proc/{pid}/cmdline", "".join(f"{argument}\0" for argument in arguments))


def test_processes_are_allow_listed_by_name_and_flag(node: Node) -> None:
    process(node, 1, "systemd")
    process(node, 20, "kube-proxy", "kube-proxy", "--proxy-mode=ipvs", "--token=secret", "--cluster-cidr", "10.0.0.0/8")
    process(node, 21, "firewalld")
    process(node, 22, "firewalld")
    process(node, 23, "secret", "--proxy-mode=secret")
    process(node, 24, "kubelet", "kubelet", "--cni-conf-dirX=secret", "--allow-privileged", "--network-plugin=cni")
    found = node.value("node.processes")
    assert (sorted(found["running"].split()), found["seen"]) == (["firewalld", "kube-proxy", "kubelet"], 6)
    assert node.value("node.kubernetes") == {
        "kube-proxy.proxy-mode": "ipvs",
        "cluster-cidr": "10.0.0.0/8",
        "kubelet.allow-privileged": "true",
        "kubelet.network-plugin": "cni",
    }
    assert "secret" not in json.dumps(node.facts())


def test_kubernetes_manifests_give_named_values_only(node: Node) -> None:
    node.put(
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --service-cluster-ip-range=10.96.0.0/12\n"
        "    - --etcd-servers=https://secret:2379\n    image: registry.k8s.io/kube-apiserver:v1.31.2\n",
    )
    node.put("/etc/kubernetes/manifests/kube-controller-manager.yaml", "    - --cluster-cidr=10.244.0.0/16,fd00::/48\n")
    node.put("/etc/rancher/k3s/config.yaml", "token: secret\nservice-cidr: '10.43.0.0/16'\n")
    assert node.value("node.kubernetes") == {
        "service-cidr": "10.96.0.0/12",
        "version": "1.31.2",
        "cluster-cidr": "10.244.0.0/16,fd00::/48",
    }


# Sockets

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: {local}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0 0 {inode} 1 0 100 0\n"


def native(address: bytes) -> str:
    """As the kernel prints it: each word of four bytes as a number in the machine's own order."""
    words = (address[at : at + 4] for at in range(0, len(address), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


V4 = {"any": bytes(4), "loopback": bytes([127, 0, 0, 53]), "address": bytes([192, 168, 0, 127])}
V6 = {
    "any": bytes(16),
    "loopback": bytes(15) + b"\x01",
    "address": bytes(14) + b"\x01\x7f",
}


@pytest.mark.parametrize("where", V4)
def test_who_holds_a_port(node: Node, where: str) -> None:
    def line(address: bytes, port: int, state: str = "0A", inode: int = 0) -> str:
        return LINE.format(local=native(address), port=port, state=state, inode=inode)

    node.put(
        "/proc/net/tcp", HEAD + line(V4[where], 179, inode=77) + line(V4[where], 178) + line(V4[where], 9099, "01")
    )
    node.put("/proc/net/tcp6", HEAD + line(V6[where], 179))
    node.put("/proc/net/udp", HEAD + line(V4[where], 4789, "07", 78) + line(V4[where], 179, "07"))
    process(node, 30, "bird")
    (node.root / "proc/30/fd").mkdir()
    (node.root / "proc/30/fd/3").symlink_to("socket:[77]")
    assert node.value("node.sockets") == {"tcp/179": [f"{where} bird", f"{where} -"], "udp/4789": [f"{where} -"]}


def test_an_ipv4_loopback_address_in_ipv6(node: Node) -> None:
    address = native(bytes(10) + b"\xff\xff" + V4["loopback"])
    node.put("/proc/net/tcp6", HEAD + LINE.format(local=address, port=9099, state="0A", inode=5))
    assert node.value("node.sockets") == {"tcp/9099": ["loopback -"]}


@pytest.mark.parametrize("text", ["", "x\n", HEAD, "0: :\n", "0: FF:GG 0 0A\n", "0: " + "F" * 300 + ":00B3 0 0A\n"])
def test_damaged_sockets(node: Node, text: str) -> None:
    node.put("/proc/net/tcp", text)
    assert set(node.value("node.sockets")) <= {"tcp/179"}


def test_no_sockets_can_be_read(node: Node) -> None:
    assert node.facts()["node.sockets"]["error"] == "ENOENT"
