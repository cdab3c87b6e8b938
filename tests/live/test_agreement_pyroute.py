# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""pyroute2, which builds its own netlink messages, is asked all of links, rules and routes that it can ask."""

from kprobe.crosscheck.oracles import pyroute
from kprobe.evidence import Probe

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


def test_every_row_of_rtnetlink_is_asked(probes: dict[str, Probe]) -> None:
    rows = {p.id for p in probes.values() if p.family in ("link", "link.wireguard", "route") and not p.control}
    rows -= {row for row in rows if row.split(".")[1] in IP_ALONE or row == "link.ipip.collect-metadata"}
    assert rows - WITHOUT.keys() == {row for row in pyroute.ASKS if not row.startswith("ns.")}
    assert rows >= WITHOUT.keys()
