# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""nf_tables: nft. Tables, chains, sets, maps, objects, flowtables; rules are in ``nft_rules``.

``<…>`` stands for what differs between ip and ip6. Listings are compared whole, with every run of white space as one
space, without what counts (``-s``) and with priorities as numbers (``-y``).
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kprobe.crosscheck.model import Oracle

from .routes import told

IP = {
    "<ip>": "ip",
    "<one>": "192.0.2.1",
    "<[one]>": "192.0.2.1",
    "<two>": "192.0.2.77",
    "<net>": "192.0.2.64/26",
    "<nets>": "192.0.2.0/25",
    "<others>": "198.51.100.0/24",
    "<few>": "192.0.2.0/25",
    "<fewer>": "198.51.100.0/24",
    "<peer>": "198.51.100.1",
    "<second>": "192.0.2.2",
    "<second-peer>": "198.51.100.2",
    "<addr>": "ipv4_addr",
    "<icmp>": "icmp type 8 icmp code 0",
    "<icmp-shown>": "icmp type echo-request icmp code net-unreachable",
}
IP6 = {
    "<ip>": "ip6",
    "<one>": "2001:db8::1",
    "<[one]>": "[2001:db8::1]",
    "<two>": "2001:db8::4d",
    "<net>": "2001:db8:0:40::/58",
    "<nets>": "2001:db8:1::/48",
    "<others>": "2001:db8:4::/48",
    "<few>": "2001:db8:1::/120",
    "<fewer>": "2001:db8:4::/120",
    "<peer>": "2001:db8:1::1",
    "<second>": "2001:db8::2",
    "<second-peer>": "2001:db8:1::2",
    "<addr>": "ipv6_addr",
    "<icmp>": "icmpv6 type 128 icmpv6 code 0",
    "<icmp-shown>": "icmpv6 type echo-request icmpv6 code no-route",
}
WORDS = {"ip": IP, "ip6": IP6}
BOTH = ("ip", "ip6")


def filled(text: str, family: str) -> str:
    """The text for a family."""
    for name, value in {**WORDS.get(family, IP), "<f>": family}.items():
        text = text.replace(name, value)
    return text


def nft(*commands: str) -> str:
    """One transaction."""
    return f"nft {shlex.quote('; '.join(commands))}"


def shows(what: str, text: str) -> str:
    """``nft list WHAT`` is this text and nothing else."""
    return (
        f"{{ set -f; set -- $(nft -sy list {what}); "
        f'test "$*" = {shlex.quote(text)} || {{ echo "shows: $*"; false; }}; }}'
    )


def base_chain(kind: str, hook: str, priority: int) -> str:
    """A base chain as it is listed."""
    device = ' device "lo"' if hook in ("ingress", "egress") else ""
    return f"type {kind} hook {hook}{device} priority {priority}; policy accept;"


def _table(family: str) -> Oracle:
    return Oracle(
        f"nft.table.{family}", do=(nft(f"add table {family} kp"),), see=(shows("ruleset", f"table {family} kp {{ }}"),)
    )


HEAD = (
    Oracle("nft.base", do=("nft list tables",)),
    *map(_table, ("ip", "ip6", "arp", "inet", "bridge", "netdev")),
    Oracle(
        "nft.genid",
        do=(told("nft monitor", "nft 'add table ip kp; delete table ip kp'", "^# new generation [0-9]* by process"),),
    ),
    Oracle(
        "nft.transaction",
        setup=("nft add table ip kp-before",),
        do=(
            "! said=$(nft 'add table ip kp; add rule ip kp kp-base accept' 2>&1)",
            'case $said in *"Could not process rule: No such file or directory"*) ;; *) echo "$said"; false ;; esac',
        ),
        see=(shows("ruleset", "table ip kp-before { }"),),
    ),
    Oracle(
        "nft.table.comment",
        do=("nft 'add table ip kp { comment \"kprobe\"; }'",),
        see=(shows("ruleset", 'table ip kp { comment "kprobe" }'),),
    ),
    Oracle(
        "nft.chain.comment",
        do=("nft 'add table ip kp; add chain ip kp kp-to { comment \"kprobe\"; }'",),
        see=(shows("ruleset", 'table ip kp { chain kp-to { comment "kprobe" } }'),),
    ),
)

# Family, type, hook, and the priorities at which it is used.
CHAINS = (
    *((family, "filter", "prerouting", (-300, -150, -110)) for family in BOTH),
    *((family, "filter", "input", (0, -110, -150)) for family in BOTH),
    *((family, "filter", "forward", (0, -110, -150)) for family in BOTH),
    *((family, "filter", "output", (0, -90, -110, -300)) for family in BOTH),
    *((family, "filter", "postrouting", (-150,)) for family in BOTH),
    *((family, "route", "output", (-150,)) for family in (*BOTH, "inet")),
    *((family, "nat", "prerouting", (-100,)) for family in (*BOTH, "inet")),
    *((family, "nat", "input", (-100,)) for family in BOTH),
    *((family, "nat", "output", (-100, 110)) for family in BOTH),
    *((family, "nat", "postrouting", (100, 110)) for family in BOTH),
    ("inet", "nat", "input", (100,)),
    ("inet", "nat", "output", (-100,)),
    ("inet", "nat", "postrouting", (100,)),
    ("arp", "filter", "input", (0,)),
    ("arp", "filter", "output", (0,)),
    ("bridge", "filter", "prerouting", (-300,)),
    ("bridge", "filter", "input", (-200,)),
    ("bridge", "filter", "forward", (-200,)),
    ("bridge", "filter", "output", (200,)),
    ("bridge", "filter", "postrouting", (300,)),
    ("netdev", "filter", "ingress", (0,)),
    ("netdev", "filter", "egress", (0,)),
    ("inet", "filter", "prerouting", (-300,)),
    *(("inet", "filter", hook, (0,)) for hook in ("input", "forward", "output", "postrouting", "ingress")),
)


def _chain(family: str, kind: str, hook: str, priorities: Sequence[int]) -> Oracle:
    made = [
        (f"kp{number}", base_chain(kind, hook, priority), base_chain(kind, hook, priority))
        for number, priority in enumerate(priorities)
    ]
    return Oracle(
        f"nft.chain.{family}.{kind}.{hook}",
        setup=(nft(f"add table {family} kp"), nft(f"delete table {family} kp")),
        do=tuple(
            nft(f"add table {family} {table}", f"add chain {family} {table} kp-base {{ {spec} }}")
            for table, spec, _ in made
        ),
        see=tuple(
            shows(f"table {family} {table}", f"table {family} {table} {{ chain kp-base {{ {shown} }} }}")
            for table, _, shown in made
        ),
    )


@dataclass(frozen=True)
class Set:
    """A set or map with two elements, the second of which is taken out again."""

    row: str
    spec: str
    one: str
    two: str
    families: tuple[str, ...] = ("",)
    shown: str = ""
    """What the listing has for ``spec``, where that is not the same without the semicolons."""
    one_shown: str = ""
    two_shown: str = ""
    more: tuple[str, ...] = ()
    key: str = ""
    """What of the second element tells which one to delete."""
    reversed: bool = False
    """The second element is listed first."""


ADDR_PROTO_PORT = "type <addr> . inet_proto . inet_service"
SETS = (
    Set("set.<addr>", "type <addr>", "<one>", "<two>", BOTH),
    Set("set.interval.<f>", "type <addr>; flags interval", "<nets>", "<others>", BOTH),
    Set("set.addr-proto-port.<f>", ADDR_PROTO_PORT, "<one> . tcp . 80", "<one> . udp . 53", BOTH, reversed=True),
    Set("set.addr-addr.<f>", "type <addr> . <addr>", "<one> . <peer>", "<second> . <second-peer>", BOTH),
    Set(
        "set.concat-interval.<f>",
        "type <addr> . inet_service; flags interval",
        "<few> . 80-90",
        "<fewer> . 256-265",
        BOTH,
    ),
    Set(
        "map.ifname-verdict.<f>",
        "type ifname : verdict",
        '"cali1" : goto kp-to',
        '"cali2" : goto kp-to',
        (*BOTH, "arp"),
        key='"cali2"',
    ),
    Set("map.addr-verdict.<f>", "type <addr> : verdict", "<one> : goto kp-to", "<two> : drop", BOTH, key="<two>"),
    Set(
        "map.addr-proto-port-verdict.<f>",
        f"{ADDR_PROTO_PORT} : verdict",
        "<one> . tcp . 80 : goto kp-to",
        "<one> . udp . 53 : drop",
        BOTH,
        key="<one> . udp . 53",
        reversed=True,
    ),
    Set(
        "map.proto-port-verdict.<f>",
        "type inet_proto . inet_service : verdict",
        "tcp . 30000 : goto kp-to",
        "udp . 30000 : goto kp-to",
        BOTH,
        key="udp . 30000",
    ),
    Set("set.dynamic-timeout.<f>", "type <addr>; flags dynamic,timeout; timeout 3h", "<one>", "<two>", BOTH),
    Set("set.inet_service", "type inet_service", "80", "443"),
    Set("set.mark", "type mark", "0x00010000", "0x00020000"),
    Set(
        "set.timeout",
        "type ipv4_addr; flags timeout; timeout 1h",
        "<one> timeout 10m",
        "<two>",
        shown="type ipv4_addr timeout 1h",
    ),
    Set("set.dynamic", "type ipv4_addr; flags dynamic", "<one>", "<two>"),
    Set(
        "set.counter", "type ipv4_addr; counter", "<one>", "<two>", one_shown="<one> counter", two_shown="<two> counter"
    ),
    Set("set.comment", 'type ipv4_addr; comment "kprobe"', "<one>", "<two>"),
    Set("set.element-comment", "type ipv4_addr", '<one> comment "kprobe"', "<two>"),
    Set("set.catchall", "type ipv4_addr : verdict", "<one> : goto kp-to", "* : drop", key="*"),
    Set("map.data", "type inet_service : ipv4_addr", "80 : <one>", "443 : <two>", key="443"),
    Set("map.interval-verdict", "type ipv4_addr : verdict; flags interval", "<nets> : goto kp-to", ""),
    Set("map.object", "type ipv4_addr : counter", '<one> : "kp-obj"', "", more=("add counter ip kp kp-obj",)),
)


def _set(row: Set, family: str) -> Oracle:
    family = family or "ip"
    word = "map" if " : " in row.spec else "set"
    spec = row.shown or row.spec.replace(";", "")
    one, two = row.one_shown or row.one, row.two_shown or row.two
    both = ", ".join(filter(None, (two, one) if row.reversed else (one, two)))
    listing = f"table <f> kp {{ {word} kp-set {{ {spec} elements = {{ <elements> }} }} }}"

    def seen(elements: str) -> str:
        return shows(f"{word} {family} kp kp-set", filled(listing.replace("<elements>", elements), family))

    wanted = f"{row.one}, {row.two}" if row.two else row.one
    gone = nft(f"delete element <f> kp kp-set {{ {row.key or row.two} }}")
    return Oracle(
        filled(f"nft.{row.row}", family),
        setup=(filled(nft("add table <f> kp", "add chain <f> kp kp-to", *row.more), family),),
        do=(
            filled(nft(f"add {word} <f> kp kp-set {{ {row.spec}; }}"), family),
            filled(nft(f"add element <f> kp kp-set {{ {wanted} }}"), family),
        ),
        see=(seen(both), *((filled(gone, family), seen(one)) if two else ())),
    )


def _flowtable(row: str, devices: str, family: str) -> Oracle:
    spec = f"hook ingress priority 0{devices}"
    return Oracle(
        f"nft.flowtable.{row}.{family}",
        setup=(nft(f"add table {family} kp"),),
        do=(nft(f"add flowtable {family} kp kp-flow {{ {spec}; }}"),),
        see=(
            shows(
                f"flowtables {family}",
                f"table {family} kp {{ flowtable kp-flow {{ {spec.replace(';', '')} }} }}",
            ),
        ),
    )


REFUSED = (r"^Error: Could not process rule: ",)

ORACLES = (
    *HEAD,
    *(_chain(*chain) for chain in CHAINS),
    *(_set(row, family) for row in SETS for family in row.families),
    *(_flowtable("deviceless", "", family) for family in BOTH),
    *(_flowtable("devices", "; devices = { lo }", family) for family in BOTH),
)
