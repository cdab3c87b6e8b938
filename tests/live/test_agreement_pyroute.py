# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""pyroute2, which builds its own netlink messages, gets the same answers as kprobe for links, rules and routes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from kprobe.evidence import Probe

from .oracles import pyroute

# What pyroute2 has no call for; iproute2, ethtool, wg and the shell are asked instead.
WITHOUT = {
    "link.veth.peer-netns": "needs a second namespace inside the first",
    "link.tx-checksum": "an ioctl",
    "link.wireguard.configure": "generic netlink: wg is asked",
    "link.wireguard.threaded": "a file of sysfs",
    **dict.fromkeys(("link.tun", "link.tap", "link.tap.multi-queue"), "an ioctl"),
    "route.subscribe.link": "ip monitor is asked",
    "route.subscribe.route.inet": "ip monitor is asked",
    "route.subscribe.route.inet6": "ip monitor is asked",
}

# Kinds of other CNIs and of neighbours, of which ip is the one oracle: pyroute2 names their attributes otherwise.
IP_ALONE = {
    *("bond", "erspan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "ip6tnl"),
    *("ipvlan", "macvlan", "sit", "team", "vlan", "vrf", "xfrm"),
}


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    done = subprocess.run([sys.executable, pyroute.__file__], capture_output=True, text=True, timeout=120, check=True)
    return {answer["row"]: answer for answer in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("row", pyroute.ASKS)
def test_agrees(row: str, probes: dict[str, Probe], answers: dict[str, dict[str, Any]]) -> None:
    probe = probes[row]
    answer = answers[row]
    assert (probe.id, probe.outcome) == (answer["row"], answer["outcome"]), answer.get("said")
    if probe.errno and probe.outcome == "absent":
        assert probe.errno == answer["errno"]


def test_every_row_of_rtnetlink_is_asked(probes: dict[str, Probe]) -> None:
    rows = {p.id for p in probes.values() if p.family in ("link", "link.wireguard", "route") and not p.control}
    rows -= {row for row in rows if row.split(".")[1] in IP_ALONE or row == "link.ipip.collect-metadata"}
    assert rows - WITHOUT.keys() == {row for row in pyroute.ASKS if not row.startswith("ns.")}
    assert rows >= WITHOUT.keys()
