# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What the bundled profiles may and may not ask: the traps of a naive probe, and what no mode may be failed by."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprobe import collect, node, profile
from kprobe.errors import InputError
from kprobe.evidence import Outcome
from kprobe.judge import judge
from kprobe.profile import Mode, Need, holds
from kprobe.report import Verdict, exit_code
from tests.unit import synthetic

COLLECTOR = Path("dist/kprobe-collect-x86_64")
NAMES = ("bcc", "calico", "cilium", "docker", "flannel", "kube-proxy")
CALICO = profile.load("calico")
RULES = [f"{rules}-{ip}" for rules in ("iptables-nft", "iptables-legacy", "nftables") for ip in ("ipv4", "ipv6")]
# Calico's own modes, with neither what is next to it nor what a setting asks for.
OWN = {mode.name for mode in CALICO.modes if mode.group not in {"kube-proxy", "features", "ebpf"}}


def rows(need: Need) -> list[str]:
    return list(need.names)


def asked(modes: tuple[Mode, ...], release: str = "", level: str = "") -> Iterator[tuple[str, str]]:
    for mode in modes:
        for need in mode.needs:
            if (not release or holds(need.releases, release)) and level in {"", need.level}:
                for name in rows(need):
                    yield mode.name, name


def verdicts(changed: dict[str, Outcome], release: str = "") -> dict[str, Verdict]:
    return {mode.name: mode.verdict for mode in judge(synthetic.calico_but(changed), CALICO, (), release).modes}


def every(pattern: str, outcome: Outcome) -> dict[str, Outcome]:
    return {name: outcome for name in synthetic.calico_ids() if re.match(pattern, name)}


@pytest.fixture(scope="module")
def catalogue() -> set[str]:
    return {json.loads(line)["id"] for line in collect.catalogue()} | {row.id for row in node.catalogue()}


def test_there_are_six_profiles() -> None:
    assert profile.bundled() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_id_is_in_the_catalogue_and_no_control(name: str, catalogue: set[str]) -> None:
    ids = {row for _, row in asked(profile.load(name, catalogue).modes)}
    assert ids <= catalogue
    assert not [row for row in ids if ".control." in row]


@pytest.mark.parametrize("name", NAMES)
def test_every_id_is_in_the_collector(name: str) -> None:
    import subprocess

    done = subprocess.run([COLLECTOR, "--list"], capture_output=True, text=True, check=True)
    listed = {json.loads(line)["id"] for line in done.stdout.splitlines()} | {row.id for row in node.catalogue()}
    assert {row for _, row in asked(profile.load(name).modes)} <= listed


@pytest.mark.parametrize("name", NAMES)
def test_what_is_only_recommended_has_a_way_without_or_says_what_is_lost(name: str) -> None:
    for mode in profile.load(name).modes:
        for need in mode.needs:
            assert need.level == "require" or need.lost, need.row


@pytest.mark.parametrize("name", NAMES)
def test_nothing_at_all_is_never_ready_and_everything_is(name: str) -> None:
    found = profile.load(name)
    ids = dict.fromkeys(row for _, row in asked(found.modes))
    for release in found.releases:
        assert exit_code(judge(synthetic.stream(dict.fromkeys(ids, "absent")), found, (), release)) == 1
        assert exit_code(judge(synthetic.stream(dict.fromkeys(ids, "unknown")), found, (), release)) == 3
        assert exit_code(judge(synthetic.stream(dict.fromkeys(ids, "works")), found, (), release)) == 0


# --- Calico: needs §8.6 and §11 ---


@pytest.mark.parametrize("outcome", ["absent", "broken", "denied", "unknown"])
@pytest.mark.parametrize("release", CALICO.releases)
def test_no_bpf_row_decides_a_mode_of_rules(release: str, outcome: Outcome) -> None:
    found = verdicts(every(r"(bpf|attach)\.", outcome), release)
    assert {found[name] for name in RULES} == {"pass"}
    assert found["ebpf-ipv4"] == ("unknown" if outcome in {"denied", "unknown"} else "fail")
    assert {verdict for name, verdict in found.items() if name in OWN and "ebpf" not in name} == {"pass"}


def test_no_mode_of_rules_even_names_a_bpf_row() -> None:
    of_rules = tuple(mode for mode in CALICO.modes if mode.name in OWN and "ebpf" not in mode.name)
    assert not [name for _, name in asked(of_rules) if name.startswith(("bpf.", "attach."))]


def test_checksystem_asks_for_what_calico_never_uses() -> None:
    never = re.compile(r"vfio|\.match\.(u32|bpf|ipvs|recent|statistic|hashlimit|socket|owner|physdev)$|TPROXY|TCPMSS")
    own = tuple(mode for mode in CALICO.modes if mode.group != "kube-proxy")
    assert not [name for _, name in asked(own) if never.search(name)]
    assert not [name for _, name in asked(own) if name.startswith(("ipvs.", "nfqueue."))]
    assert not [name for _, name in asked(own) if name in {"ipset.hash:net,net.inet", "ipset.bitmap:port"}]


def test_nftables_is_asked_in_the_families_that_calico_uses() -> None:
    """Trap 1: ip, ip6 and arp, and never inet; trap 2: chains, not tables alone, nat/input and route/output too."""
    names = {name for _, name in asked(CALICO.modes)}
    assert not [name for name in names if name.startswith("nft.") and name.endswith((".inet", ".bridge", ".netdev"))]
    for family in ("ip", "ip6"):
        assert {f"nft.chain.{family}.nat.input", f"nft.chain.{family}.route.output"} <= names
        assert {f"nft.map.ifname-verdict.{family}", f"nft.set.addr-proto-port.{family}"} <= names
    for name in ("nft.chain.ip.nat.input", "nft.chain.ip.route.output", "nft.map.ifname-verdict.ip"):
        assert verdicts({name: "absent"})["nftables-ipv4"] == "fail"


def test_a_mode_of_one_kind_of_rules_is_not_failed_by_the_other() -> None:
    without_nft = verdicts(every(r"nft\.", "absent"))
    assert without_nft["nftables-ipv4"] == "fail"
    assert {without_nft[name] for name in ("iptables-nft-ipv4", "iptables-legacy-ipv4")} == {"warn"}  # calico-arp
    assert {without_nft[name] for name in ("ebpf-ipv4", "vxlan-ipv4")} == {"warn", "pass"}
    without_xt = verdicts(every(r"(xt|ipset)\.", "absent"))
    assert without_xt["iptables-nft-ipv4"] == without_xt["iptables-legacy-ipv4"] == "fail"
    assert {without_xt[name] for name in ("nftables-ipv4", "ebpf-ipv4", "vxlan-ipv4", "vxlan-ipv6")} == {"pass"}


@pytest.mark.parametrize("row", ["addrtype.limit-iface-out", "conntrack.dnat", "rpfilter.validmark-invert", "comment"])
def test_iptables_is_asked_with_the_options_that_calico_uses(row: str) -> None:
    assert verdicts({f"xt.nft.ipv4.match.{row}": "absent"})["iptables-nft-ipv4"] == "fail"


def test_policy_routing_is_needed_without_wireguard() -> None:
    found = verdicts({"route.rule.dump.inet": "absent"})
    assert {found[name] for name in ("iptables-nft-ipv4", "nftables-ipv4", "ebpf-ipv4")} == {"fail"}


def test_vxlan_differs_in_ebpf_mode() -> None:
    found = verdicts({"link.vxlan.collect-metadata": "absent"})
    assert (found["vxlan-ipv4"], found["ebpf-vxlan"]) == ("pass", "fail")


def test_the_arp_table_warns_in_every_data_plane_since_3_32() -> None:
    data_planes = ("iptables-nft-ipv4", "iptables-legacy-ipv4", "nftables-ipv4", "ebpf-ipv4")
    for release, verdict in (("3.31", "pass"), ("3.32", "warn"), ("3.33", "warn")):
        found = verdicts({"nft.chain.arp.filter.output": "absent"}, release)
        assert {found[name] for name in data_planes} == {verdict}
    (need,) = {need for mode in CALICO.modes for need in mode.needs if "nft.table.arp" in need.row}
    assert "NFTablesSupported=false" in need.avoid


def test_no_need_breaks_where_the_kernel_refuses_mixed_program_arrays() -> None:
    assert "bpf.map.prog_array.mixed-attach" not in {name for _, name in asked(CALICO.modes)}


@pytest.mark.parametrize(
    ("row", "before", "since"),
    [
        ("bpf.map.ringbuf", "3.32", "3.33"),
        ("bpf.insn.atomic.xchg", "3.32", "3.33"),
        ("bpf.btf.vmlinux", "3.30", "3.33"),
        ("bpf.map.hash.spin_lock", "3.30", "3.31"),
        ("bpf.helper.sched_cls.skb_set_tunnel_key", "3.30", "3.31"),
    ],
)
def test_what_a_release_brought_is_asked_of_it_alone(row: str, before: str, since: str) -> None:
    assert verdicts({row: "absent"}, before)["ebpf-ipv4"] == "pass"
    assert verdicts({row: "absent"}, since)["ebpf-ipv4"] == "fail"


def test_skip_neigh_is_lost_silently_since_3_30() -> None:
    assert verdicts({"bpf.fib_lookup.skip-neigh": "absent"}, "3.29")["ebpf-ipv4"] == "pass"
    assert verdicts({"bpf.fib_lookup.skip-neigh": "absent"}, "3.30")["ebpf-ipv4"] == "warn"


def test_attaching_falls_back() -> None:
    without_tcx = every(r"attach\.(tcx|netkit)\.|link\.netkit", "absent")
    assert verdicts(without_tcx)["ebpf-ipv4"] == "pass"
    assert verdicts(without_tcx)["ebpf-attach-tc"] == "pass"
    assert verdicts(every(r"attach\.tc\.", "absent"))["ebpf-ipv4"] == "pass"
    assert verdicts(every(r"attach\.tc\.", "absent"), "3.30")["ebpf-ipv4"] == "fail"
    assert verdicts(every(r"attach\.(tc|tcx)\.", "absent"))["ebpf-ipv4"] == "fail"


def test_fragments_and_features_fail_no_data_plane() -> None:
    lost = every(
        r"bpf\.map\.lru_hash\.timer|bpf\.helper\.sched_cls\.(timer|loop)|nflog|tc\.|link\.ifb|nft\.flow", "absent"
    )
    found = verdicts(lost | {"conntrack.proto.sctp.inet": "absent"})
    assert {found[name] for name in OWN} <= {"pass", "warn"}
    lacking = ("ebpf-fragments", "flow-logs", "qos-bandwidth", "flowtable-offload", "sctp")
    assert {found[name] for name in lacking} == {"fail"}


def test_flow_logs_need_more_than_connection_tracking() -> None:
    for name in ("nflog.group.2", "nflog.conntrack", "conntrack.acct"):
        assert verdicts({name: "absent"})["flow-logs"] == "fail"


def test_a_mode_is_judged_in_the_releases_that_have_it() -> None:
    assert "ebpf-attach-tcx" not in verdicts({}, "3.30")
    assert "ebpf-attach-tcx" in verdicts({}, "3.31")
    with pytest.raises(InputError, match=r"no mode ebpf-attach-tcx in release 3\.30"):
        judge(synthetic.calico(), CALICO, ["ebpf-attach-tcx"], "3.30")


def test_a_group_without_modes_in_a_release_is_left_out() -> None:
    text = """
name = "p"
title = "P"
releases = ["1.0", "2.0"]
[group.old]
title = "Old"
rule = "any"
[group.new]
title = "New"
rule = "any"
[mode.a]
title = "A"
group = "old"
needs = [{ row = "a.a", level = "require", why = "w", source = "s" }]
[mode.b]
title = "B"
group = "new"
releases = ">=2.0"
needs = [{ row = "b.b", level = "require", why = "w", source = "s" }]
"""
    found = profile.parse(text, "p.toml")
    evidence = synthetic.stream({"a.a": "works", "b.b": "absent"})
    assert [group.name for group in judge(evidence, found, (), "1.0").groups] == ["old"]
    assert exit_code(judge(evidence, found, (), "1.0")) == 0
    assert exit_code(judge(evidence, found)) == 1
    with pytest.raises(InputError, match="releases"):
        profile.parse(text.replace('">=2.0"', '"2.0 or so"'), "p.toml")


# --- the others ---


def test_ipvs_mode_alone_needs_ipvs() -> None:
    found = profile.load("kube-proxy")
    assert {mode for mode, name in asked(found.modes) if name.startswith("ipvs.")} == {
        "ipvs-nft-ipv4",
        "ipvs-legacy-ipv4",
        "ipvs-nft-ipv6",
        "ipvs-legacy-ipv6",
        "ipvs-schedulers",
    }
    ids = dict.fromkeys((name for _, name in asked(found.modes)), "works")
    no_ipvs = {name: "absent" if name.startswith("ipvs.") or name == "link.dummy" else "works" for name in ids}
    assert exit_code(judge(synthetic.stream(no_ipvs), found)) == 0  # type: ignore[arg-type]
