"""Rows derived from facts: what each rule says, and that knowing less never makes one work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kprobe import node
from kprobe.evidence import Uname
from tests.unit.node_lib import HEALTHY, evidence, outcome, rows

IDS = [row.id for row in node.catalogue()]


def test_a_healthy_node_has_nothing_to_complain_of() -> None:
    assert {name: (row.outcome, row.reason) for name, row in rows().items() if row.outcome != "works"} == {}


def test_no_facts_no_answers() -> None:
    found = rows(without=tuple(HEALTHY), uname=Uname())
    assert {row.outcome for row in found.values()} == {"unknown"}
    assert all(row.reason for row in found.values())


def test_every_row_says_what_it_asks() -> None:
    assert len(set(IDS)) == len(IDS)
    for row in node.catalogue():
        assert row.id.startswith("node.")
        assert row.title
        assert row.asks.endswith("?")
        assert row.proves


# What was said or asked by option is part of the question: without it the question is another.
BY_OPTION = {"node.given", "node.etcd", "node.apiserver", "node.kube-proxy"}


@pytest.mark.parametrize("gone", sorted(set(HEALTHY) - BY_OPTION))
def test_taking_a_fact_away_makes_no_row_work(gone: str) -> None:
    for broken in WORSE:
        before = rows(broken)
        for after in (rows(broken, without=(gone,)), rows({**broken, gone: "EACCES"})):
            assert [name for name in IDS if after[name].outcome == "works" != before[name].outcome] == []


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | st.text(max_size=8) | st.just("error:EIO"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(HEALTHY)), values)
def test_no_fact_of_another_shape_raises(name: str, value: object) -> None:
    facts = {name: {"value": value}} if isinstance(value, str) else {name: value}
    assert {row.outcome for row in rows(facts).values()} <= {"works", "absent", "broken", "denied", "unknown"}


def test_a_recorded_row_goes_before_a_derived_one() -> None:
    from kprobe import profile
    from kprobe.judge import judge
    from tests.unit import synthetic

    report = judge(synthetic.stream({"node.processor": "absent"}), profile.load("calico"), ["node"])
    assert report.verdict == "fail"
    assert {row.outcome for row in report.derived if row.id == "node.processor"} == {"works"}


# The machine


@pytest.mark.parametrize("machine", ["i686", "armv7l", "ppc64", "riscv64", "mips64"])
def test_other_processors(machine: str) -> None:
    assert outcome("node.processor", uname=Uname(machine=machine)) == "absent"


@pytest.mark.parametrize(
    ("release", "old", "present"),
    [
        ("2.6.32-754.el6", "absent", "absent"),
        ("3.10.0-1160.el7", "works", "absent"),
        ("4.18.0-305.el8", "works", "absent"),
        ("5.9.1", "works", "absent"),
        ("5.10.0", "works", "works"),
        ("6.1", "works", "works"),
        ("10.0", "works", "works"),
        ("unheard-of", "unknown", "unknown"),
    ],
)
def test_releases(release: str, old: str, present: str) -> None:
    found = rows(uname=Uname(release=release, machine="x86_64"))
    assert (found["node.kernel.3_10"].outcome, found["node.kernel.5_10"].outcome) == (old, present)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"id": "rhel", "version_id": "7.9"}, "works"),
        ({"id": "rhel", "version_id": "6.10"}, "absent"),
        ({"id": "ubuntu", "version_id": "18.04"}, "works"),
        ({"id": "ubuntu", "version_id": "16.04"}, "absent"),
        ({"id": "ubuntu", "version_id": "24.04"}, "works"),
        ({"id": "fedora", "variant_id": "coreos", "version_id": "40"}, "works"),
        ({"id": "fedora", "version_id": "40"}, "absent"),
        ({"id": "flatcar"}, "works"),
        ({"id": "alpine", "version_id": "3.20"}, "absent"),
        ({}, "unknown"),
    ],
)
def test_distributions(identity: dict[str, str], expected: str) -> None:
    assert outcome("node.distribution", {"node.os-release": identity}) == expected


def test_privilege() -> None:
    none = {"node.capabilities": {"effective": "00000000a80425fb"}}
    assert outcome("node.capability.sys-admin", none) == "denied"
    assert "CAP_NET_ADMIN" in rows(none)["node.privileged"].reason
    assert outcome("node.capability.sys-admin", {"node.userns": {"initial": False}}) == "denied"
    assert outcome("node.privileged", seccomp=2) == "denied"


# NetworkManager (that the merge is NetworkManager's own: tests/live/test_networkmanager.py)

CALI, TUNL, VXLAN = (f"node.networkmanager.{name}" for name in ("cali", "tunl0", "vxlan.calico"))


def test_networkmanager_without_configuration_manages_all() -> None:
    found = rows({"node.networkmanager": {}})
    assert {found[name].outcome for name in IDS if name.startswith("node.networkmanager.")} == {"broken"}
    assert "unmanaged-devices=interface-name:cali*;interface-name:tunl*" in found[CALI].reason


def test_networkmanager_that_does_not_run_manages_nothing() -> None:
    facts = {"node.networkmanager": {}, "node.processes": {"running": "kubelet", "seen": 200}}
    assert outcome(CALI, facts) == "works"


@pytest.mark.parametrize("hidden", [{"seen": 3}, {}])
def test_hidden_processes_tell_nothing(hidden: dict[str, object]) -> None:
    assert outcome(CALI, {"node.processes": hidden}) == "unknown"


def test_a_container_tells_nothing_of_the_host() -> None:
    assert outcome(CALI, {"node.container": {"own_pid_namespace": True}}) == "unknown"
    assert outcome(CALI, {"node.namespaces": {"net": 1, "mnt": 9, "pid1.net": 1, "pid1.mnt": 2}}) == "unknown"


def unmanaged(value: str) -> dict[str, Any]:
    return {"node.networkmanager": {"/etc/NetworkManager/conf.d/a.conf": ["[keyfile]", f"unmanaged-devices={value}"]}}


@pytest.mark.parametrize(
    ("value", "cali", "tunl", "vxlan"),
    [
        ("interface-name:cali*", "works", "broken", "broken"),
        ("interface-name:cali0*", "broken", "broken", "broken"),  # of some pods only
        ("cali*", "broken", "broken", "broken"),  # a name, and no pattern
        ("tunl0", "broken", "works", "broken"),
        ("type:veth,type:vxlan", "works", "broken", "works"),
        ("driver:veth,driver:ipip", "works", "works", "broken"),
        ("*", "works", "works", "works"),
        ("*,except:interface-name:tunl?", "works", "broken", "works"),
        ("except:interface-name:eth*", "works", "works", "works"),
        ("except:interface-name:cali*", "broken", "works", "works"),
        ("interface-name:*,except:type:vxlan", "works", "works", "broken"),
        ("mac:ee:ee:ee:ee:ee:ee", "broken", "broken", "broken"),
        ("interface-name:=cali*", "broken", "broken", "broken"),
        ("", "broken", "broken", "broken"),
    ],
)
def test_unmanaged_devices(value: str, cali: str, tunl: str, vxlan: str) -> None:
    found = rows(unmanaged(value))
    assert (found[CALI].outcome, found[TUNL].outcome, found[VXLAN].outcome) == (cali, tunl, vxlan)


def test_a_file_that_may_or_may_not_count() -> None:
    lines = HEALTHY["node.networkmanager"]["/etc/NetworkManager/conf.d/calico.conf"]
    gated = [*lines, "[.config]", "enable=nm-version-min:1.50"]
    assert outcome(CALI, {"node.networkmanager": {"/etc/NetworkManager/conf.d/a.conf": gated}}) == "unknown"
    both = {"/etc/NetworkManager/conf.d/a.conf": gated, "/etc/NetworkManager/conf.d/b.conf": lines}
    assert outcome(CALI, {"node.networkmanager": both}) == "works"


def test_a_file_that_could_not_be_read() -> None:
    files = {**HEALTHY["node.networkmanager"], "/etc/NetworkManager/conf.d/z.conf": ["error:EACCES"]}
    assert outcome(CALI, {"node.networkmanager": files}) == "unknown"


# systemd-networkd


def networkd(**files: list[str]) -> dict[str, Any]:
    named = {f"/etc/systemd/network/{name}.network": ["[Match]", *lines] for name, lines in files.items()}
    return {"node.networkd": {**HEALTHY["node.networkd"], **named}}


@pytest.mark.parametrize(
    ("match", "cali", "vxlan"),
    [
        (["Name=*"], "broken", "broken"),
        (["Name=en* cali*"], "broken", "works"),
        (["Name=!en* eth*"], "broken", "broken"),
        (["Type=ether"], "broken", "works"),
        (["Type=!loopback bridge tunnel vxlan wireguard"], "broken", "works"),
        (["Type=ether", "Name=en*"], "works", "works"),
        (["Kind=!veth"], "works", "broken"),
        (["Driver=veth"], "broken", "works"),
        (["Name=*", "[Link]", "Unmanaged=yes"], "works", "works"),
        (["Name=*", "[Link]", "Unmanaged=no"], "broken", "broken"),
        (["MACAddress"], "unknown", "unknown"),
        (["MACAddress", "Name=en*"], "works", "works"),
        ([], "works", "works"),
    ],
)
def test_network_files(match: list[str], cali: str, vxlan: str) -> None:
    found = rows(networkd(a=match))
    assert (found["node.networkd.cali"].outcome, found["node.networkd.vxlan.calico"].outcome) == (cali, vxlan)


def test_the_first_network_file_that_matches_decides() -> None:
    facts = networkd(a=["Name=cali*", "[Link]", "Unmanaged=yes"], b=["Name=*"])
    assert outcome("node.networkd.cali", facts) == "works"
    facts["node.networkd"]["/run/systemd/network/0.network"] = ["[Match]", "Name=*"]
    assert outcome("node.networkd.cali", facts) == "broken"
    facts["node.networkd"]["/etc/systemd/network/0.network"] = []
    assert outcome("node.networkd.cali", facts) == "works"


def test_foreign_routes() -> None:
    foreign = "node.networkd.foreign"
    assert outcome(foreign, {"node.networkd": {}}) == "broken"
    files = {
        "/etc/systemd/networkd.conf": ["[Network]", "ManageForeignRoutes=no"],
        "/usr/lib/systemd/networkd.conf.d/a.conf": ["[Network]", "ManageForeignRoutingPolicyRules=no"],
    }
    assert outcome(foreign, {"node.networkd": files}) == "works"
    files["/etc/systemd/networkd.conf.d/a.conf"] = []
    assert outcome(foreign, {"node.networkd": files}) == "broken"


WORSE: list[dict[str, Any]] = [
    {},
    {"node.networkmanager": {}},
    networkd(a=["Name=*"]),
    {"node.processes": {"running": "NetworkManager kube-proxy firewalld cilium-agent", "seen": 200}},
    {
        "node.rules": {
            **HEALTHY["node.rules"],
            "legacy ip": "read",
            "legacy ip filter": "rules=9 ufw-user- WEAVE",
        }
    },
    {"node.cni-conf": {"/etc/cni/net.d/05-cilium.conf": ["type=cilium-cni"]}},
    {"node.sockets": {"tcp/179": ["any zebra"], "udp/4789": ["any ?"], "udp/51820": ["any -"]}},
    {"node.links": {"kube-ipvs0": "kind=dummy mtu=1500", "flannel.1": "kind=vxlan mtu=1450 id=1 port=4789 up"}},
    {"node.given": {"pools": ["192.0.2.0/24", "10.96.0.0/16"]}},
    {"node.sysctl": {}},
    {"node.nics": {"eth0": "mtu=1200"}},
]


def test_evidence_with_these_facts_can_be_written_and_read() -> None:
    from kprobe.evidence import parse, write

    found = evidence()
    assert parse(write(found).splitlines(keepends=True), "x").facts == found.facts


@pytest.mark.parametrize("facts", WORSE, ids=lambda facts: ", ".join(facts) or "healthy")
def test_no_outcome_depends_on_a_name_that_redaction_takes(facts: dict[str, Any]) -> None:
    from kprobe.redact import redact, vocabulary

    before = evidence(facts)
    after = redact(before, bytes(range(32)), vocabulary())
    assert [row.outcome for row in node.derive(after)] == [row.outcome for row in node.derive(before)]
