# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rows that send packets, under real modular kernels: whatever the host has set, and with each object made to fail."""

from fnmatch import fnmatch

import pytest

from kprobe.evidence import Probe

from .conftest import Play
from .test_vm import evidence_of, rows

NO_OBJECT = "flow*.control.*", "flow.node.*"
"""Rows that put nothing: there is nothing to sabotage."""
HOSTS = {
    "host-0.ndjson": "rp_filter=0",
    "host-1.ndjson": "rp_filter=1, IPv6 disabled where namespaces take their settings from",
    "host-2.ndjson": "rp_filter=2, forwarding, log_martians",
}
TUNNELS = "ipip.ipv4", "vxlan.ipv4", "vxlan.ipv6", "vxlan.metadata", "wireguard.ipv4", "wireguard.ipv6"


def flows(play: Play, file: str) -> dict[str, Probe]:
    """The rows that send packets, by id."""
    return {row: probe for row, probe in rows(evidence_of(play("flows"), file)[0]).items() if row.startswith("flow")}


@pytest.mark.parametrize("file", HOSTS)
def test_flows_work_whatever_the_host_has_set(play: Play, file: str) -> None:
    here = flows(play, file)
    assert {row: probe for row, probe in here.items() if probe.outcome not in {"works", "absent"}} == {}
    outcomes = {row: probe.outcome for row, probe in here.items()}
    assert outcomes == {row: probe.outcome for row, probe in flows(play, "host-0.ndjson").items()}


def test_each_tunnel_carries(play: Play) -> None:
    here = flows(play, "host-0.ndjson")
    assert {name: here[f"flow.tunnel.{name}"].outcome for name in TUNNELS} == dict.fromkeys(TUNNELS, "works")
    largest = [probe for row, probe in here.items() if row.endswith(".mtu")]
    assert [probe.detail["on-the-wire"] for probe in largest] == ["1500"] * 5


def test_nothing_is_written_into_the_hosts_log(play: Play) -> None:
    assert {flows(play, "host-0.ndjson")[f"flow.nft.{family}.log"].outcome for family in ("ip", "ip6")} == {"works"}
    would = flows(play, "logs.ndjson")
    for family in ("ip", "ip6"):
        assert would[f"flow.nft.{family}.log"].outcome == "unknown"
        assert "nf_log_all_netns" in would[f"flow.nft.{family}.log"].reason
    assert "calico-packet" not in play("flows").text("dmesg")


def test_what_is_sabotaged_is_broken(play: Play) -> None:
    works = {
        row
        for row, probe in flows(play, "host-0.ndjson").items()
        if probe.outcome == "works" and not any(fnmatch(row, pattern) for pattern in NO_OBJECT)
    }
    assert works
    sabotaged = flows(play, "sabotaged.ndjson")
    assert {row: sabotaged[row].outcome for row in works} == dict.fromkeys(works, "broken")
    assert {row for row in works if "sent " not in sabotaged[row].reason} == set()
