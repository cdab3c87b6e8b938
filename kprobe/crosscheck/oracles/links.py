# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Namespaces and links: util-linux, ip, ethtool, wg."""

from kprobe.crosscheck.model import Oracle, each

MAC = "ee:ee:ee:ee:ee:ee"
# RFC 7748, section 6.1
PRIVATE = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
PUBLIC = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
PEER = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="

# A second namespace, in which $HOST is the first.
IN_SECOND = "HOST=$$ unshare -n sh -c "
PEER_NETNS = (
    f"ip link add eth0 type veth peer name cali0123456789a address {MAC} netns /proc/$HOST/ns/net &&"
    " nsenter --net=/proc/$HOST/ns/net ip -d link show cali0123456789a"
)
# `ip netns` knows namespaces by name only: the names are in a tmpfs that nobody else sees.
NSID = (
    "mount -t tmpfs none /run && mkdir /run/netns && : > /run/netns/kp &&"
    " unshare -n mount --bind /proc/self/ns/net /run/netns/kp && ip netns set kp 7 && ip netns list-id"
)
# sysfs shows the devices of the namespace that mounted it.
THREADED = (
    "mount -t sysfs none /sys && cd /sys/class/net/wireguard.cali &&"
    " cat threaded > /dev/null && echo 1 > threaded && cat threaded && echo 0 > threaded && cat threaded"
)
WG = ("ip link add wireguard.cali mtu 1440 type wireguard", "ip link set wireguard.cali up")
WG_SET = (
    f"echo {PRIVATE} | wg set wireguard.cali private-key /proc/self/fd/0 listen-port 51820 fwmark 0x100000"
    f" peer {PEER} allowed-ips 10.112.0.0/24,fd6b:100::/64"
)


def kind_is(name: str, kind: str) -> str:
    return f"ip -d link show {name} | grep -qw {kind}"


# Kinds that are told all by one command: what is made (with what it lies over), what the listing shows of it.
VETH = "ip link add kplow type veth peer name kplow-p && ip link set kplow up"
MADE = Oracle(
    "link.<row>",
    do=("ip link add <make>", "ip link set <device> up"),
    see=("ip -d link show <device> | grep -q '<shows>'",),
)
OVER = Oracle("link.<row>", setup=(VETH,), do=MADE.do, see=MADE.see)
BETWEEN4 = "local 10.111.0.1 remote 10.111.0.2"
BETWEEN6 = "local fd6b::1 remote fd6b::2"
TOLD4 = "remote 10.111.0.2 local 10.111.0.1"
TOLD6 = "remote fd6b::2 local fd6b::1"
NEIGHBOURS = (
    (
        "geneve.inet",
        "kpgeneve4 type geneve id 4096 remote 10.111.0.2 dstport 6081",
        "geneve id 4096 remote 10.111.0.2 ",
    ),
    ("geneve.inet6", "kpgeneve6 type geneve id 4097 remote fd6b::2 dstport 6082", "geneve id 4097 remote fd6b::2 "),
    ("geneve.collect-metadata", "kpgenevemd type geneve external dstport 6083", "geneve external "),
    ("gre", f"kpgre type gre {BETWEEN4}", f"gre {TOLD4} "),
    ("gretap", f"kpgretap type gretap {BETWEEN4}", f"gretap {TOLD4} "),
    (
        "erspan",
        f"kperspan type erspan seq key 30 {BETWEEN4} erspan_ver 1 erspan 123",
        f"erspan {TOLD4} .*ikey 0.0.0.30 okey 0.0.0.30 .*erspan_index 123",
    ),
    ("ip6gre", f"kpip6gre type ip6gre {BETWEEN6}", f"ip6gre {TOLD6} "),
    ("ip6gretap", f"kpip6gretap type ip6gretap {BETWEEN6}", f"ip6gretap {TOLD6} "),
    ("ipip.collect-metadata", "kpipipmd type ipip external", "ipip external "),
    ("sit", f"kpsit type sit {BETWEEN4}", f"sit .*{TOLD4} "),
    ("ip6tnl.ip6ip6", f"kpip6tnl6 type ip6tnl mode ip6ip6 {BETWEEN6}", f"ip6tnl ip6ip6 {TOLD6} "),
    ("ip6tnl.ipip6", f"kpip6tnl4 type ip6tnl mode ipip6 {BETWEEN6}", f"ip6tnl ipip6 {TOLD6} "),
    ("ip6tnl.collect-metadata", "kpip6tnlmd type ip6tnl external", "ip6tnl external "),
    ("xfrm", "kpxfrm type xfrm dev lo if_id 42", "xfrm if_id 0x2a "),
    ("vrf", "kpvrf type vrf table 100", "vrf table 100 "),
    ("team", "kpteam type team", "team "),
    ("bond", "kpbond type bond", "bond mode "),
    ("bond.active-backup", "kpbondab type bond mode active-backup miimon 100", "bond mode active-backup .*miimon 100 "),
)
OVER_VETH = (
    ("macvlan", "kpmacvlan link kplow type macvlan mode bridge", "macvlan mode bridge "),
    ("ipvlan", "kpipvlan link kplow type ipvlan mode l2", "ipvlan *mode l2 "),
    ("ipvlan.l3", "kpipvlan3 link kplow type ipvlan mode l3", "ipvlan *mode l3 "),
    ("ipvlan.l3s", "kpipvlan3s link kplow type ipvlan mode l3s", "ipvlan *mode l3s "),
    ("vlan", "kpvlan link kplow type vlan id 100", "vlan protocol 802.1Q id 100 "),
    ("vlan.8021ad", "kpvlanad link kplow type vlan proto 802.1ad id 100", "vlan protocol 802.1ad id 100 "),
)
TAP = Oracle(
    "link.<row>",
    do=("ip tuntap add <device> mode <mode>", "ip link set <device> up"),
    see=("ip -d link show <device> | grep -q 'tun type <shows>'",),
)


def columns(table: tuple[tuple[str, str, str], ...]) -> dict[str, tuple[str, ...]]:
    """A table by row as one by column."""
    rows, makes, shows = zip(*table, strict=True)
    return {"row": rows, "make": makes, "shows": shows, "device": tuple(make.split()[0] for make in makes)}


REFUSED = (
    r"^RTNETLINK answers: ",  # ip, bridge
    r"^Error: Unknown device type\.$",  # ip, the kernel's extended ack
    r"^Unable to (modify|access) interface:",  # wg
    r"^cat: threaded: No such file",
    r"write error: Operation not supported$",  # a file of sysfs
    r"^netlink error: Operation not supported$",  # ethtool
    r"^unshare: unshare failed: Invalid argument$",
)

ORACLES = (
    Oracle(
        "ns.net",
        do=("other=$(unshare -n readlink /proc/self/ns/net)",),
        see=('test -n "$other"', 'test "$other" != "$(readlink /proc/self/ns/net)"'),
    ),
    Oracle(
        "ns.mount",
        do=("other=$(unshare -m --propagation slave readlink /proc/self/ns/mnt)",),
        see=('test -n "$other"', 'test "$other" != "$(readlink /proc/self/ns/mnt)"'),
    ),
    Oracle(
        "ns.setns",
        do=(f"back=$({IN_SECOND}'nsenter --net=/proc/$HOST/ns/net readlink /proc/self/ns/net')",),
        see=('test "$back" = "$(readlink /proc/self/ns/net)"',),
    ),
    Oracle(
        "ns.nsid",
        do=(f"ids=$(unshare -m sh -c '{NSID}')",),
        see=('echo "$ids" | grep -q "nsid 7"',),
    ),
    Oracle(
        "link.veth",
        do=("ip link add cali00000000000 type veth peer name kpeer0", "ip link set cali00000000000 up"),
        see=(kind_is("cali00000000000", "veth"), "ip link show cali00000000000 | grep -q '[<,]UP[,>]'"),
    ),
    Oracle(
        "link.veth.peer-netns",
        do=(f"seen=$({IN_SECOND}'{PEER_NETNS}')",),
        see=('echo "$seen" | grep -qw veth', f'echo "$seen" | grep -q {MAC}'),
    ),
    Oracle(
        "link.veth.queues",
        do=("ip link add cali00000000001 numtxqueues 2 numrxqueues 2 type veth peer name kpeer1",),
        see=("ip -d link show cali00000000001 | grep -q 'numtxqueues 2 .*numrxqueues 2'",),
    ),
    Oracle(
        "link.veth.mac",
        do=(f"ip link add cali00000000002 address {MAC} type veth peer name kpeer2",),
        see=(f"ip link show cali00000000002 | grep -q 'link/ether {MAC}'",),
    ),
    Oracle(
        "link.ipip",
        do=("ip link add kpipip0 type ipip local 10.111.0.1 remote 10.111.0.2 pmtudisc", "ip link set kpipip0 up"),
        see=("ip -d link show kpipip0 | grep -q 'ipip.* remote 10.111.0.2 local 10.111.0.1'",),
    ),
    Oracle(
        "link.ipip.tunl0",
        do=(
            "{ ip link add tunl0 type ipip || ip link show tunl0; }",
            "ip link set tunl0 mtu 1480",
            "ip link set tunl0 up",
        ),
        see=(kind_is("tunl0", "ipip"), "ip link show tunl0 | grep -q 'mtu 1480 '"),
    ),
    Oracle(
        "link.vxlan.inet",
        do=(
            "ip link add vxlan.calico mtu 1450 type vxlan id 4096 dstport 4789 nolearning local 10.111.0.1 dev lo",
            "ip link set vxlan.calico up",
        ),
        see=(
            "ip -d link show vxlan.calico | grep -q 'vxlan id 4096 local 10.111.0.1 dev lo .*dstport 4789 nolearning'",
        ),
    ),
    Oracle(
        "link.tx-checksum",
        setup=("ip link add vxlan.calico type vxlan id 4096 dstport 4789 nolearning local 10.111.0.1 dev lo",),
        do=("ethtool -K vxlan.calico tx off",),
        see=("ethtool -k vxlan.calico | grep -q '^tx-checksumming: off'",),
    ),
    Oracle(
        "link.vxlan.inet6",
        do=(
            "ip link add vxlan-v6.calico mtu 1430 type vxlan id 4096 dstport 4789 nolearning local fd6b::1 dev lo",
            "ip link set vxlan-v6.calico up",
        ),
        see=(
            "ip -d link show vxlan-v6.calico | grep -q 'vxlan id 4096 local fd6b::1 dev lo .*dstport 4789 nolearning'",
        ),
    ),
    Oracle(
        "link.vxlan.collect-metadata",
        do=("ip link add vxlan.calico type vxlan dstport 4789 external", "ip link set vxlan.calico up"),
        see=("ip -d link show vxlan.calico | grep -qw 'vxlan external'",),
    ),
    Oracle(
        "link.ifb",
        do=("ip link add bwcali0000000 type ifb", "ip link set bwcali0000000 up"),
        see=(kind_is("bwcali0000000", "ifb"),),
    ),
    Oracle(
        "link.netkit",
        do=("ip link add cali_nk_probe type netkit",),
        see=(kind_is("cali_nk_probe", "netkit"),),
        less="mode L2 and the peer's name: iproute2 before 6.7 does not know the kind's options",
    ),
    Oracle(
        "link.dummy",
        do=("ip link add kube-ipvs0 type dummy", "ip link set kube-ipvs0 up"),
        see=(kind_is("kube-ipvs0", "dummy"),),
    ),
    Oracle("link.bridge", do=("ip link add cni0 type bridge", "ip link set cni0 up"), see=(kind_is("cni0", "bridge"),)),
    *each(MADE, **columns(NEIGHBOURS)),
    *each(OVER, **columns(OVER_VETH)),
    *each(
        TAP,
        row=("tun", "tap", "tap.multi-queue"),
        device=("kptun0", "kptap0", "kptap1"),
        mode=("tun", "tap", "tap multi_queue vnet_hdr"),
        shows=("tun", "tap", "tap .*vnet_hdr on multi_queue"),
    ),
    Oracle("link.wireguard", do=WG, see=(kind_is("wireguard.cali", "wireguard"),)),
    Oracle(
        "link.wireguard.inet6",
        do=("ip link add wg-v6.cali mtu 1420 type wireguard", "ip link set wg-v6.cali up"),
        see=(kind_is("wg-v6.cali", "wireguard"),),
    ),
    Oracle(
        "link.wireguard.configure",
        setup=WG,
        do=(WG_SET,),
        see=(
            f"wg show wireguard.cali public-key | grep -qxF {PUBLIC}",
            f"wg show wireguard.cali allowed-ips | grep -q '^{PEER}.10.112.0.0/24 fd6b:100::/64$'",
            "wg show wireguard.cali listen-port | grep -qx 51820",
            "wg show wireguard.cali fwmark | grep -qx 0x100000",
        ),
    ),
    Oracle(
        "link.wireguard.threaded",
        setup=(*WG, WG_SET),
        do=(f"got=$(unshare -m sh -c '{THREADED}')",),
        see=('test "$(echo $got)" = "1 0"',),
    ),
)
