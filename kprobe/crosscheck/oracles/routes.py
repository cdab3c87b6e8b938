# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Routes, rules, neighbours, addresses: ip and bridge, over the veth and vxlan devices that Calico has them on."""

from kprobe.crosscheck.model import Oracle, each

VETH = (
    "ip link add cali0 type veth peer name peer0",
    "ip link set lo up",
    "ip link set cali0 up",
    "ip link set peer0 up",
)
RULE = "ip <f> rule add not fwmark 0x100000/0x100000 lookup 1 priority 99"

# How `ip route get` tells which route a packet would end at: the kernel's errno.
BLACKHOLE = "Invalid argument"
PROHIBIT = "Permission denied"

# Each column once for IPv4, once for IPv6.
BOTH = {
    "f": ("-4", "-6"),
    "fam": ("inet", "inet6"),
    "net": ("198.18.0.0/24", "2001:db8::/64"),
    "in": ("198.18.0.1", "2001:db8::1"),
    "gw": ("198.19.0.1", "2001:db8:9::1"),
    "gw2": ("198.19.0.2", "2001:db8:9::2"),
    "gws": ("198.19.0.0/24", "2001:db8:9::/64"),
    "host": ("198.19.0.9/32", "2001:db8:9::9/128"),
    "lo": ("127.0.0.1", "::1"),
    "addropt": ("scope link", "nodad"),
    "addrseen": ("198.19.0.9/32 scope link", "2001:db8:9::9/128 scope global"),
    "ip": ("198.19.0.9", "2001:db8:9::9"),
    "vxlan": ("vxlan.calico", "vxlan-v6.calico"),
    "local": ("198.19.0.3", "2001:db8:9::3"),
}


def ends(lookup: str, error: str) -> str:
    return f"ip <f> route get {lookup} 2>&1 | grep -q '{error}'"


def told(monitor: str, change: str, pattern: str) -> str:
    """Make changes until the monitor has told of one."""
    return (
        f"{{ while :; do {change}; sleep 0.05; done & changer=$!;"
        f" timeout 5 {monitor} | grep -q '{pattern}'; told=$?; kill $changer; test $told = 0; }}"
    )


LINK_NEWS = Oracle(
    "route.subscribe.link",
    do=(told("ip monitor link", "ip link set lo mtu 60000; ip link set lo mtu 60001", "lo: .* mtu 6000[01] "),),
)
# ip asks for strict checks and, where refused, filters by itself: the trace shows which.
STRICT = Oracle(
    "route.strict-check",
    do=(
        "strace -e trace=setsockopt ip route show table local 2>&1 | grep -q 'NETLINK_GET_STRICT_CHK, \\[1\\], 4) = 0'",
    ),
    less="that the kernel's answer is filtered: pyroute2 asks that",
)
SCOPE = Oracle(
    "route.scope.link",
    setup=VETH,
    do=("ip route add 169.254.1.1 dev cali0 scope link", "ip route add default via 169.254.1.1 dev cali0"),
    see=(
        "ip route show 169.254.1.1 | grep -q 'dev cali0 scope link'",
        "ip route show default | grep -q 'default via 169.254.1.1 dev cali0'",
    ),
)

TEMPLATES = (
    Oracle(
        "route.subscribe.route.<fam>",
        setup=VETH,
        do=(
            told(
                "ip <f> monitor route",
                "ip <f> route add <net> dev cali0 proto 80; ip <f> route del <net> dev cali0 proto 80",
                "^Deleted <net> dev cali0 proto 80",
            ),
        ),
    ),
    Oracle(
        "route.dump.local.<fam>",
        setup=("ip link set lo up",),
        do=("ip <f> route show table local",),
        see=(
            "ip <f> route show table local | grep -q '^local <lo> dev lo '",
            "ip <f> route get <lo> | grep -q '^local <lo> '",
        ),
    ),
    Oracle(
        "route.addr.<fam>",
        do=("ip <f> addr add <host> dev lo <addropt>",),
        see=("ip <f> addr show dev lo | grep -q '<addrseen>'",),
    ),
    Oracle(
        "route.rule.dump.<fam>",
        do=("ip <f> rule show",),
        see=(
            "ip <f> rule show | grep -q '^0:.from all lookup local'",
            "ip <f> rule show | grep -q '^32766:.from all lookup main'",
        ),
    ),
    Oracle(
        "route.rule.fwmark-invert.<fam>",
        do=(RULE,),
        see=(
            "ip <f> rule show | grep -q '^99:.not from all fwmark 0x100000/0x100000 lookup 1'",
            "ip <f> route add prohibit <net> table 1",
            "ip <f> route add blackhole <net>",
            ends("<in>", PROHIBIT),
            ends("<in> mark 0x100000", BLACKHOLE),
            "ip <f> rule del priority 99",
            ends("<in>", BLACKHOLE),
        ),
    ),
    Oracle(
        "route.throw.<fam>",
        do=(RULE, "ip <f> route add throw <net> table 1"),
        see=(
            "ip <f> route show table 1 | grep -q '^throw <net>'",
            "ip <f> route add blackhole <net>",
            ends("<in>", BLACKHOLE),
        ),
    ),
    Oracle(
        "route.table.<fam>",
        setup=VETH,
        do=("for t in 1 2 99 128 250; do ip <f> route add <net> dev cali0 table $t || exit; done",),
        see=(
            "for t in 1 2 99 128 250; do ip <f> route show table $t | grep -q '^<net> dev cali0' || exit 98; done",
            "! ip <f> route show | grep -q '<net>'",
        ),
    ),
    Oracle(
        "route.blackhole.<fam>",
        do=("ip <f> route add blackhole <net> proto 80",),
        see=(
            "ip <f> route show | grep -q '^blackhole <net> .*proto 80\\|^blackhole <net> proto 80'",
            ends("<in>", BLACKHOLE),
        ),
    ),
    Oracle(
        "route.protocol.<fam>",
        setup=VETH,
        do=("ip <f> route add <net> dev cali0 proto 80",),
        see=("ip <f> route show proto 80 | grep -q '^<net> dev cali0'",),
    ),
    Oracle(
        "route.mtu.<fam>",
        setup=VETH,
        do=("ip <f> route add <net> dev cali0 mtu 1400",),
        see=("ip <f> route show <net> | grep -q 'mtu 1400'",),
    ),
    Oracle(
        "route.replace.<fam>",
        setup=VETH,
        do=("ip <f> route replace <net> dev cali0 mtu 1400", "ip <f> route replace <net> dev cali0 mtu 1300 proto 80"),
        see=("test $(ip <f> route show <net> | wc -l) = 1", "ip <f> route show <net> | grep -q 'proto 80 .*mtu 1300'"),
    ),
    Oracle(
        "route.priority.<fam>",
        do=("ip <f> route add blackhole <net> metric 1024", "ip <f> route add prohibit <net> metric 512"),
        see=("test $(ip <f> route show | grep -c '<net>') = 2", ends("<in>", PROHIBIT)),
    ),
    Oracle(
        "route.onlink.<fam>",
        setup=(*VETH, "! ip <f> route add <net> via <gw> dev cali0"),
        do=("ip <f> route add <net> via <gw> dev cali0 onlink",),
        see=("ip <f> route show <net> | grep -q 'via <gw> dev cali0 .*onlink'",),
    ),
    Oracle(
        "route.multipath.<fam>",
        setup=(*VETH, "ip <f> route add <gws> dev cali0"),
        do=("ip <f> route add <net> nexthop via <gw> dev cali0 nexthop via <gw2> dev cali0",),
        see=("test $(ip <f> route show <net> | grep -c 'via <gws-prefix>') = 2",),
    ),
    Oracle(
        "route.neigh.permanent.<fam>",
        setup=VETH,
        do=("ip <f> neigh add <ip> lladdr ee:ee:ee:ee:ee:ee nud permanent dev cali0",),
        see=("ip <f> neigh show dev cali0 | grep -q '^<ip> lladdr ee:ee:ee:ee:ee:ee PERMANENT'",),
    ),
    Oracle(
        "route.fdb.vxlan.<fam>",
        setup=("ip link add <vxlan> type vxlan id 4096 dstport 4789 nolearning local <local> dev lo",),
        do=("bridge fdb add ee:ee:ee:ee:ee:ee dev <vxlan> dst <ip> self permanent",),
        see=("bridge fdb show dev <vxlan> | grep -q '^ee:ee:ee:ee:ee:ee dst <ip> self permanent'",),
    ),
)

ORACLES = (
    LINK_NEWS,
    STRICT,
    SCOPE,
    *(
        oracle
        for template in TEMPLATES
        for oracle in each(template, **BOTH, **{"gws-prefix": ("198.19.0.[12]", "2001:db8:9::[12]")})
    ),
)
