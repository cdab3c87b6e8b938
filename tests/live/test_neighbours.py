"""Real neighbours on a node: firewalld, ufw, iptables, sockets, devices, each in namespaces of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kprobe import given, node, reader
from kprobe.evidence import Fact, Probe
from tests.live.engine_lib import COLLECTOR, made

HEAD = """
set -e
mount -t tmpfs none /run
ip link set lo up
ask() { "$KPROBE_COLLECTOR" --select ns.net > "$1"; }
"""

# These namespaces stand for the host's: whether they are process 1's depends on where the tests run.
HERE = {"node.namespaces": {"net": 1, "mnt": 2}, "node.container": {"own_pid_namespace": False}}
MANY = 200  # processes that a host has; where the tests run in a container there may be so few that most seem hidden


def play(tmp_path: Path, script: str, **said: Any) -> dict[str, dict[str, Probe]]:
    """Run a script in new network and mount namespaces; return the derived rows of each evidence that it asked for."""
    command = ["unshare", "--net", "--mount", "sh", "-c", HEAD + script]
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KPROBE_COLLECTOR": str(made(COLLECTOR))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    found = {}
    for path in sorted(tmp_path.glob("*.ndjson")):
        read = reader.read(path)
        (processes,) = (fact.value for fact in read.facts if fact.id == "node.processes")
        here = HERE | {"node.processes": {**processes, "seen": MANY}}
        facts = [Fact(id=name, source=name, value=value) for name, value in here.items()] + given.fact(**said)
        found[path.stem] = {row.id: row for row in node.derive(given.added(read, facts))}
    return found


def test_a_real_firewalld(tmp_path: Path) -> None:
    assert shutil.which("firewalld"), "apt-get install firewalld"
    script = """
    ask before.ndjson
    mkdir -p /run/dbus
    dbus-daemon --system --nofork --nopidfile & bus=$!
    while ! [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done
    firewalld --nofork --nopid --log-target console > /dev/null 2>&1 & wall=$!
    for try in $(seq 100); do nft list table inet firewalld > /dev/null 2>&1 && break; sleep 0.2; done
    ask during.ndjson
    kill $wall; wait $wall || true
    nft list table inet firewalld > /dev/null 2>&1 || nft -f - < /dev/null
    kill $bus; wait $bus || true
    ask killed.ndjson
    nft flush ruleset
    ask after.ndjson
    """
    found = play(tmp_path, script)
    assert {name: rows["node.firewall"].outcome for name, rows in found.items()} | {"killed": ""} == {
        "before": "works",
        "during": "broken",
        "killed": "",  # whether it takes its table away depends on how it was stopped
        "after": "works",
    }
    assert "systemctl disable --now firewalld" in found["during"]["node.firewall"].reason


def test_firewalld_by_its_table_alone(tmp_path: Path) -> None:
    script = "nft add table inet firewalld; ask a.ndjson; nft add table inet mine; nft delete table inet firewalld"
    found = play(tmp_path, f"{script}; ask b.ndjson")
    assert (found["a"]["node.firewall"].outcome, found["b"]["node.firewall"].outcome) == ("broken", "works")


def test_a_real_ufw(tmp_path: Path) -> None:
    assert shutil.which("ufw"), "apt-get install ufw"
    script = """
    cp -r /etc/ufw ufw; cp /etc/default/ufw default
    mount --bind ufw /etc/ufw; mount --bind default /etc/default/ufw
    ask before.ndjson
    ufw --force enable
    ask during.ndjson
    ufw --force disable
    ask after.ndjson
    """
    found = play(tmp_path, script)
    outcomes = {name: rows["node.firewall"].outcome for name, rows in found.items()}
    assert outcomes == {"before": "works", "during": "broken", "after": "works"}
    assert "ufw disable" in found["during"]["node.firewall"].reason


@pytest.mark.parametrize(
    ("script", "expected", "taken"),
    [
        ("true", "works", "legacy"),
        ("iptables-nft -A INPUT -j ACCEPT", "works", "nft"),
        ("iptables-legacy -A INPUT -j ACCEPT", "works", "legacy"),
        ("iptables-nft -A INPUT -j ACCEPT; iptables-legacy -A INPUT -j ACCEPT", "broken", "legacy"),
        ("iptables-nft -t mangle -N KUBE-KUBELET-CANARY", "works", "nft"),
        ("ip6tables-nft -t mangle -N KUBE-IPTABLES-HINT", "works", "nft"),
        ("iptables-legacy -t mangle -N KUBE-KUBELET-CANARY; iptables-nft -A INPUT -j ACCEPT", "works", "legacy"),
        ("ip6tables-legacy -t mangle -N KUBE-IPTABLES-HINT", "works", "legacy"),
        (
            "iptables-legacy -N mine; iptables-legacy -A mine -j DROP; iptables-legacy -A mine -j DROP",
            "works",
            "legacy: 2 rules",
        ),
    ],
)
def test_real_rules_of_both_kinds(tmp_path: Path, script: str, expected: str, taken: str) -> None:
    """The kinds are told apart, and counted as `iptables-save` counts them."""
    row = play(tmp_path, f"{script}; ask a.ndjson")["a"]["node.iptables.backend"]
    assert (row.outcome, row.reason) == (expected, row.reason)
    assert f"Felix takes {taken}" in row.reason


def test_rules_are_counted_as_iptables_save_shows_them(tmp_path: Path) -> None:
    script = """
    for kind in nft legacy; do for ip in ip ip6; do
        ${ip}tables-$kind -N one; ${ip}tables-$kind -A one -j RETURN; ${ip}tables-$kind -A FORWARD -j one
        ${ip}tables-$kind -t nat -A POSTROUTING -j MASQUERADE
    done; done
    ask a.ndjson
    for kind in nft legacy; do for ip in ip ip6; do ${ip}tables-$kind-save | grep -c ^-A > $ip-$kind; done; done
    """
    play(tmp_path, script)
    (fact,) = (fact for fact in reader.read(tmp_path / "a.ndjson").facts if fact.id == "node.rules")
    for kind in ("nft", "legacy"):
        for ip in ("ip", "ip6"):
            rules = [text for name, text in fact.value.items() if name.startswith(f"{kind} {ip} ")]
            counted = sum(int(text.split("rules=")[1].split()[0]) for text in rules)
            assert counted == int((tmp_path / f"{ip}-{kind}").read_text()) == 3


HOLD = """
python3 - <<'END' &
import socket, time
held = socket.socket({family}, {kind})
held.bind(("{address}", {port}))
{listen}
open("held", "w").close()
time.sleep(60)
END
holder=$!
while ! [ -e held ]; do sleep 0.1; done
ask during.ndjson
kill $holder; wait $holder || true
ask after.ndjson
"""


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1"])
@pytest.mark.parametrize(
    ("row", "port", "udp"),
    [("bgp", 179, False), ("vxlan", 4789, True), ("wireguard", 51820, True), ("felix-health", 9099, False)],
)
def test_a_real_socket_on_a_port_of_calicos(tmp_path: Path, address: str, row: str, port: int, udp: bool) -> None:
    script = HOLD.format(
        family="socket.AF_INET6" if ":" in address else "socket.AF_INET",
        kind="socket.SOCK_DGRAM" if udp else "socket.SOCK_STREAM",
        address=address,
        port=port,
        listen="" if udp else "held.listen()",
    )
    found = play(tmp_path, script)
    held = found["during"][f"node.port.{row}"]
    assert (held.outcome, found["after"][f"node.port.{row}"].outcome) == ("broken", "works")
    assert "python3" in held.reason


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("vxlan.calico type vxlan id 4096 dstport 4789", "works"),
        ("flannel.1 type vxlan id 1 dstport 4789", "works"),
        ("overlay type vxlan id 4096 dstport 4789", "broken"),
        ("overlay type vxlan external dstport 4789", "broken"),
        ("flannel.1 type vxlan id 1 dstport 8472", "works"),
    ],
)
def test_a_real_vxlan_device(tmp_path: Path, device: str, expected: str) -> None:
    found = play(tmp_path, f"ip link add {device}; ip link set {device.split(maxsplit=1)[0]} up; ask a.ndjson")
    row = found["a"]["node.port.vxlan"]
    assert row.outcome == expected, row.reason


def test_a_real_kube_ipvs0_and_a_bridge_of_flannels(tmp_path: Path) -> None:
    found = play(
        tmp_path,
        "ask a.ndjson; ip link add cni0 type bridge; ip link add lxc1 type veth peer name lxc2; ask b.ndjson; "
        "ip link add cilium_vxlan type vxlan external dstport 8472; ask c.ndjson",
    )
    assert [found[name]["node.cni.foreign"].outcome for name in "abc"] == ["works", "works", "broken"]
    assert "flannel" in found["b"]["node.cni.foreign"].reason


def test_real_addresses_and_routes(tmp_path: Path) -> None:
    script = """
    ip link add eth0 type veth peer name far
    ip link set eth0 up; ip link set far up
    ip address add 198.51.100.7/24 dev eth0
    ip address add 2001:db8:1::7/64 dev eth0 nodad
    ask a.ndjson
    ip address add 10.244.3.1/24 dev eth0
    ask b.ndjson
    ip address del 10.244.3.1/24 dev eth0
    ip route add 10.244.0.0/15 via 198.51.100.1
    ask c.ndjson
    ip route add 10.244.9.0/24 via 198.51.100.1 proto bird
    ip route del 10.244.0.0/15
    ask d.ndjson
    """
    found = play(tmp_path, script, pools=["10.244.0.0/16"], service_cidrs=["10.96.0.0/12"])
    outcomes = {
        name: tuple(rows[f"node.ippool.{row}"].outcome for row in ("hosts", "routes", "services"))
        for name, rows in found.items()
    }
    assert outcomes == {
        "a": ("works", "works", "works"),
        "b": ("broken", "works", "works"),
        "c": ("works", "broken", "works"),
        "d": ("works", "works", "works"),
    }
    kept = msgspec.json.decode((tmp_path / "a.ndjson").read_bytes().splitlines()[0])
    assert kept["type"] == "begin"
