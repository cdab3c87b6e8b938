# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""nf_tables: rules, and the objects that rules refer to, as nft takes and lists them."""

from dataclasses import dataclass, replace

from kprobe.crosscheck.model import Oracle

from .nft import BOTH, base_chain, filled, nft, shows

# Where a rule is put: type, hook, priority.
PLACES = {
    "forward": ("filter", "forward", 0),
    "input": ("filter", "input", 0),
    "output": ("filter", "output", 0),
    "raw": ("filter", "prerouting", -300),
    "mangle-prerouting": ("filter", "prerouting", -150),
    "mangle-postrouting": ("filter", "postrouting", -150),
    "nat-prerouting": ("nat", "prerouting", -100),
    "nat-postrouting": ("nat", "postrouting", 110),
    "nat-postrouting-100": ("nat", "postrouting", 100),
    "ingress": ("filter", "ingress", 0),
}
SET = ("add set <f> kp kp-set { type <addr>; }", "add element <f> kp kp-set { <one> }")
IFNAMES = ("add map <f> kp kp-set { type ifname : verdict; }", 'add element <f> kp kp-set { "cali1" : goto kp-to }')
PORTS = (
    "add set <f> kp kp-set { type <addr> . inet_proto . inet_service; }",
    "add element <f> kp kp-set { <one> . tcp . 80 }",
)
SERVICES = (
    "add map <f> kp kp-set { type <addr> . inet_proto . inet_service : verdict; }",
    "add element <f> kp kp-set { <one> . tcp . 80 : goto kp-to }",
)
CLIENTS = ("add set <f> kp kp-set { type <addr>; flags dynamic,timeout; timeout 3h; }",)
DYNAMIC = ("add set <f> kp kp-set { type <addr>; flags dynamic; }",)
COUNTERS = (
    "add counter ip kp kp-obj",
    "add map ip kp kp-set { type ipv4_addr : counter; }",
    'add element ip kp kp-set { <one> : "kp-obj" }',
)
FLOWTABLE = ("add flowtable <f> kp kp-flow { hook ingress priority 0; devices = { lo }; }",)


@dataclass(frozen=True)
class Rule:
    """A rule as it is typed behind ``nft add rule FAMILY TABLE CHAIN``, and as it is listed where that is another."""

    row: str
    rule: str
    place: str = "forward"
    more: tuple[str, ...] = ()
    shows: str = ""
    families: tuple[str, ...] = BOTH
    less: str = ""


RULES = (
    Rule("counter", "counter"),
    Rule("comment", 'counter comment "cali:kprobe"'),
    Rule("verdict.accept", "accept"),
    Rule("verdict.drop", "drop"),
    Rule("verdict.return", "return"),
    Rule("verdict.jump", "jump kp-to"),
    Rule("verdict.goto", "goto kp-to"),
    Rule("meta.mark", "meta mark & 0x00010000 == 0x00010000"),
    Rule("meta.mark.not", "meta mark & 0x00010000 != 0x00010000"),
    Rule("meta.mark.set-or", "meta mark set meta mark | 0x00010000"),
    Rule("meta.mark.set-and", "meta mark set meta mark & 0xfffeffff"),
    Rule("meta.mark.set-xor", "meta mark set meta mark ^ 0x00010000"),
    Rule("meta.iifname", 'iifname "cali1"'),
    Rule("meta.iifname.wildcard", 'iifname "cali*"'),
    Rule("meta.iifname.vmap", "iifname vmap @kp-set", more=IFNAMES),
    Rule("meta.oifname", 'oifname "cali1"'),
    Rule("meta.oifname.wildcard", 'oifname "cali*"'),
    Rule("meta.oifname.vmap", "oifname vmap @kp-set", more=IFNAMES),
    Rule("meta.l4proto", "meta l4proto tcp"),
    Rule("addr.saddr", "<ip> saddr <one>"),
    Rule("addr.prefix", "<ip> daddr <net>"),
    Rule("addr.saddr.set", "<ip> saddr @kp-set", more=SET),
    Rule("addr.daddr.set", "<ip> daddr @kp-set", more=SET),
    Rule("addr.saddr.set.not", "<ip> saddr != @kp-set", more=SET),
    # Of a set of one nft makes a comparison.
    Rule("addr.saddr.anonymous-set.not", "<ip> saddr != { <one>, <two> }"),
    Rule("concat.saddr", "<ip> saddr . meta l4proto . th sport @kp-set", more=PORTS),
    Rule("concat.daddr", "<ip> daddr . meta l4proto . th dport @kp-set", more=PORTS),
    Rule("concat.vmap", "<ip> daddr . meta l4proto . th dport vmap @kp-set", "nat-prerouting", SERVICES),
    Rule("th.dport", "tcp dport 80"),
    Rule("th.sport.udp", "udp sport 53"),
    Rule("th.dport.sctp", "sctp dport 3868"),
    Rule("th.dport.anonymous-set", "tcp dport { 80, 1000-2000 }"),
    Rule("icmp", "<icmp>", shows="<icmp-shown>"),
    Rule("fib.rpf", "fib saddr . mark . iif oif 0", "raw"),
    Rule("fib.daddr-type", "fib daddr type local", "raw"),
    Rule("fib.daddr-type.not", "fib daddr type != local", "raw"),
    Rule("fib.saddr-type", "fib saddr type local", "raw"),
    Rule("fib.saddr-oif-type", "fib saddr . oif type != local", "nat-postrouting"),
    Rule("ct.state", "ct state established,related"),
    Rule("ct.state.new", "ct state new"),
    Rule("ct.state.invalid", "ct state invalid"),
    Rule("ct.state.untracked", "ct state untracked"),
    Rule("ct.status.dnat", "ct status dnat"),
    Rule("ct.status.dnat.not", "ct status != dnat"),
    Rule("ct.mark", "ct mark & 0x00010000 == 0x00010000"),
    # Listed as an or alone, which says the same: the bit that is masked is the one that is set.
    Rule("ct.mark.set", "ct mark set ct mark & 0xfffeffff | 0x10000", shows="ct mark set ct mark | 0x00010000"),
    Rule("ct.count", "ct count over 10"),
    Rule("notrack", "notrack", "raw"),
    Rule("limit.rate", "limit rate 10/second"),
    Rule("limit.burst", "limit rate 5/minute burst 7 packets"),
    Rule("limit.over", "limit rate over 100/second burst 5 packets", shows="limit rate over 100/second"),
    Rule("log.prefix", 'log prefix "calico-packet: " level info', shows='log prefix "calico-packet: " level info'),
    Rule("log.group1", 'log prefix "API0|default.kprobe" group 1'),
    Rule("log.group2", 'log prefix "API0|default.kprobe" group 2 snaplen 80'),
    Rule("reject", "reject"),
    Rule("reject.tcp-reset", "meta l4proto tcp reject with tcp reset", shows="reject with tcp reset"),
    Rule("snat", "snat to <one>", "nat-postrouting"),
    Rule("snat.ports", "meta l4proto tcp snat to <[one]>:32768-65535 fully-random", "nat-postrouting"),
    Rule("dnat", "dnat to <one>", "nat-prerouting"),
    Rule("dnat.port", "meta l4proto tcp dnat to <[one]>:8080", "nat-prerouting"),
    Rule("masquerade", "masquerade", "nat-postrouting"),
    Rule("masquerade.fully-random", "masquerade fully-random", "nat-postrouting"),
    Rule("masquerade.ports", "meta l4proto tcp masquerade to :32768-65535", "nat-postrouting"),
    Rule(
        "masquerade.ports.fully-random",
        "meta l4proto tcp masquerade to :32768-65535 fully-random",
        "nat-postrouting",
    ),
    Rule("redirect", "meta l4proto tcp redirect to :8080", "nat-prerouting"),
    Rule("numgen.inc", "meta mark set numgen inc mod 2"),
    Rule("numgen.random", "meta mark set numgen random mod 2"),
    Rule("numgen.vmap", "numgen random mod 2 vmap { 0 : goto kp-to, 1 : goto kp-to }", "nat-prerouting"),
    Rule("dynset.update", "update @kp-set { <ip> saddr }", more=CLIENTS),
    Rule("jhash", "meta mark set jhash <ip> saddr mod 16 seed 0x5"),
    Rule("exthdr", "hbh nexthdr tcp", families=("ip6",)),
    Rule("exthdr.present", "exthdr frag exists", families=("ip6",)),
    Rule("dscp.set", "<ip> dscp set af11", "mangle-postrouting"),
    Rule("tproxy", "meta l4proto tcp tproxy to :8080", "mangle-prerouting"),
    Rule("dup", 'dup to <one> device "lo"'),
    Rule("meta.oifname.vmap", "oifname vmap @kp-set", "output", IFNAMES, families=("arp",)),
    Rule(
        "reply",
        'oifname "cali1" arp operation reply arp saddr ip 192.0.2.1 counter drop',
        "output",
        families=("arp",),
    ),
    Rule("meta.ibrname", 'meta ibrname "br0"', families=("bridge",)),
    Rule("reject", "reject", "input", families=("bridge",)),
    Rule("ct.state", "ct state established,related", families=("bridge",)),
    Rule("fwd", 'fwd to "lo"', "ingress", families=("netdev",)),
    Rule("dup", 'dup to "lo"', "ingress", families=("netdev",)),
    Rule("fib.daddr-type", "fib daddr type local", "ingress", families=("netdev",)),
    Rule("reject", "reject", "ingress", families=("netdev",)),
    Rule("reject", "reject", families=("inet",)),
    Rule("fib.daddr-type", "fib daddr type local", families=("inet",)),
    Rule("ct.state", "ct state established,related", families=("inet",)),
    Rule("meta.nfproto", "meta nfproto ipv4", families=("inet",)),
    Rule("masquerade", "masquerade", "nat-postrouting-100", families=("inet",)),
)

# Asked in family ip alone, which their ids do not name.
OF_IP = (
    Rule("objref.map", "counter name ip saddr map @kp-set", more=COUNTERS),
    Rule("immediate", "meta mark set 0x00000001"),
    Rule("cmp.range", "tcp dport 1000-2000"),
    Rule("range", "tcp dport != 1000-2000"),
    Rule("byteorder", "meta length 1000-1500"),
    Rule("bitwise.shift", "meta mark set meta mark << 1"),
    Rule("lookup.map", "dnat to tcp dport map { 80 : 192.0.2.1 }", "nat-prerouting"),
    Rule("dynset.add", "add @kp-set { ip saddr timeout 1m }", more=CLIENTS),
    Rule("dynset.delete", "delete @kp-set { ip saddr }", more=CLIENTS),
    Rule("dynset.limit", "add @kp-set { ip saddr limit rate over 10/second }", more=DYNAMIC),
    Rule("payload.inner", "@ih,0,8 0x1"),
    Rule("exthdr.tcp-option", "tcp option maxseg size 1460"),
    Rule("exthdr.tcp-option.set", "tcp option maxseg size set rt mtu"),
    Rule("exthdr.tcp-option.reset", "reset tcp option sack-perm"),
    Rule("exthdr.ip-option", "ip option rr exists"),
    Rule("exthdr.sctp-chunk", "sctp chunk data exists"),
    Rule("meta.iif", 'iif "lo"'),
    Rule("meta.oif", 'oif "lo"'),
    Rule("meta.length", "meta length 1000"),
    Rule("meta.skuid", "meta skuid 0"),
    Rule("meta.pkttype", "meta pkttype broadcast"),
    Rule("meta.cpu", "meta cpu 0"),
    Rule("meta.iifgroup", "iifgroup 1"),
    Rule("meta.cgroup", "meta cgroup 1"),
    Rule("meta.random", "meta random 1"),
    Rule("meta.secpath", "meta secpath exists", shows="meta ipsec exists"),
    Rule("meta.iifkind", 'meta iifkind "veth"'),
    Rule("meta.day", 'meta day "Monday"'),
    Rule("meta.sdif", 'meta sdif "lo"'),
    Rule("meta.priority.set", "meta priority set 1:2"),
    Rule("meta.nftrace.set", "meta nftrace set 1"),
    Rule("ct.direction", "ct direction original"),
    Rule("ct.l3proto", "ct l3proto ipv4"),
    Rule("ct.helper", 'ct helper "ftp"'),
    Rule("ct.expiration", "ct expiration 10s"),
    Rule("ct.original-saddr", "ct original ip saddr 192.0.2.1"),
    Rule("ct.original-proto-dst", "meta l4proto tcp ct original proto-dst 80"),
    Rule("ct.bytes", "ct original bytes 0"),
    Rule("ct.label", "ct label 1"),
    Rule("ct.zone", "ct zone 1"),
    Rule("ct.zone.set", "ct zone set 1", "raw"),
    Rule("ct.event.set", "ct event set new"),
    Rule("ct.id", "ct id 1"),
    Rule("limit.bytes", "limit rate 10 kbytes/second burst 5 kbytes"),
    Rule("quota", "quota over 10 mbytes"),
    Rule("queue", "queue num 3 bypass", shows="queue flags bypass to 3"),
    Rule("symhash", "meta mark set symhash mod 16"),
    Rule("payload.csum-l4", "ip saddr set 192.0.2.1", "mangle-postrouting"),
    Rule("rt.classid", "rt classid 10", "output"),
    Rule("rt.nexthop", "rt nexthop 192.0.2.1", "output", shows="rt ip nexthop 192.0.2.1"),
    Rule("rt.ipsec", "rt ipsec exists", "output"),
    Rule("xfrm", "ipsec in reqid 1", "input"),
    Rule("socket.transparent", "socket transparent 1", "input"),
    Rule("socket.mark", "socket mark 0x00000001", "input"),
    Rule("socket.wildcard", "socket wildcard 1", "input"),
    Rule("osf", 'osf name "Linux"', "raw"),
    Rule("synproxy", "meta l4proto tcp synproxy mss 1460 wscale 7 timestamp sack-perm", "input"),
)


@dataclass(frozen=True)
class Object:
    """An object as it is typed and as it is listed, and the rule that refers to it."""

    row: str
    kind: str
    spec: str
    rule: str
    shown: str


OBJECTS = (
    Object("counter", "counter", "", 'counter name "kp-obj"', ""),
    Object("quota", "quota", "over 10 mbytes", 'quota name "kp-obj"', "over 10 mbytes"),
    Object("limit", "limit", "rate 10/second burst 5 packets", 'limit name "kp-obj"', "rate 10/second"),
    Object(
        "ct-helper",
        "ct helper",
        'type "ftp" protocol tcp; l3proto ip;',
        'ct helper set "kp-obj"',
        'type "ftp" protocol tcp l3proto ip',
    ),
    Object(
        "ct-timeout",
        "ct timeout",
        "protocol tcp; policy = { established: 100 };",
        'ct timeout set "kp-obj"',
        "protocol tcp l3proto ip policy = { established : 100 }",
    ),
    Object(
        "ct-expectation",
        "ct expectation",
        "protocol udp; dport 9876; timeout 2m; size 12; l3proto ip;",
        'ct expectation set "kp-obj"',
        "protocol udp dport 9876 timeout 2m size 12 l3proto ip",
    ),
    Object(
        "synproxy",
        "synproxy",
        "mss 1460; wscale 7; timestamp sack-perm;",
        'synproxy name "kp-obj"',
        "mss 1460 wscale 7 timestamp sack-perm",
    ),
)


def _place(place: str) -> str:
    return base_chain(*PLACES[place])


def _listed(place: str, rule: str, family: str) -> str:
    return shows(f"chain {family} kp kp-base", f"table {family} kp {{ chain kp-base {{ {_place(place)} {rule} }} }}")


def _rule(row: Rule, family: str, suffix: str) -> Oracle:
    made = (
        "add table <f> kp",
        "add chain <f> kp kp-to",
        *row.more,
        f"add chain <f> kp kp-base {{ {_place(row.place)} }}",
    )
    return Oracle(
        f"nft.expr.{row.row}{suffix}",
        setup=(filled(nft(*made), family),),
        do=(filled(nft(f"add rule <f> kp kp-base {row.rule}"), family),),
        see=(_listed(row.place, filled(row.shows or row.rule, family), family),),
        less=row.less,
    )


def _object(row: Object) -> Oracle:
    spec = f" {{ {row.spec} }}" if row.spec else ""
    shown = f"{row.shown} " if row.shown else ""
    return Oracle(
        f"nft.object.{row.row}",
        setup=(nft("add table ip kp", f"add chain ip kp kp-base {{ {_place('forward')} }}"),),
        do=(nft(f"add {row.kind} ip kp kp-obj{spec}", f"add rule ip kp kp-base {row.rule}"),),
        see=(
            shows(
                f"{row.kind} ip kp kp-obj",
                f"table ip kp {{ {row.kind} kp-obj {{ {shown}}} }}",
            ),
            _listed("forward", row.rule, "ip"),
        ),
    )


def _offload(family: str) -> Oracle:
    rule = Rule("", "ct state established,related flow add @kp-flow", more=FLOWTABLE)
    asked = _rule(rule, family, "")
    return Oracle(f"nft.flowtable.offload-rule.{family}", setup=asked.setup, do=asked.do, see=asked.see)


def _cgroup() -> Oracle:
    """A rule about any cgroup: its number, which nft lists, is no part of the question."""
    asked = _rule(Rule("socket.cgroupv2", 'socket cgroupv2 level 1 "."', "input"), "ip", "")
    return replace(asked, see=("nft list chain ip kp kp-base | grep -q 'socket cgroupv2 level 1 '",))


# The check of the object's own: there is no context, and to give one takes a security module with one of that name.
SECMARK = Oracle(
    "nft.object.secmark",
    setup=("nft add table ip kp",),
    do=(
        "! said=$(nft 'add secmark ip kp kp-obj { }' 2>&1)",
        'case $said in *": Numerical result out of range"*) ;; *) echo "$said"; false ;; esac',
    ),
)

ORACLES = (
    *(_rule(row, family, f".{family}") for row in RULES for family in row.families),
    *(_rule(row, "ip", "") for row in OF_IP),
    *map(_object, OBJECTS),
    *map(_offload, BOTH),
    _cgroup(),
    SECMARK,
)
