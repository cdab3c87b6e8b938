# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""iptables of both backends and families: one entry a row, four oracles each."""

from collections.abc import Sequence
from dataclasses import dataclass

from kprobe.crosscheck.model import Oracle

COMBINATIONS = {
    "xt.legacy.ipv4": "iptables-legacy",
    "xt.legacy.ipv6": "ip6tables-legacy",
    "xt.nft.ipv4": "iptables-nft",
    "xt.nft.ipv6": "ip6tables-nft",
}
CHAINS = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
IP_SET = "ipset create SET hash:ip family {inet}"
IP_PORT_SET = "ipset create SET hash:ip,port family {inet}"
WHOLE = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
CHAIN = "{iptables} -t {table} -N kprobe"


@dataclass(frozen=True)
class Rule:
    """A rule as it is typed, in the form in which the program lists it, so that the listing must have it word for word.

    ``{a|b}`` is a for IPv4 and b for IPv6. ``shows`` is for where the program writes something else than was typed.
    """

    row: str
    table: str
    chain: str
    rule: str
    setup: tuple[str, ...] = ()
    shows: str = ""
    families: tuple[str, ...] = ("ipv4", "ipv6")


RULES = (
    Rule("target.ACCEPT", "filter", "FORWARD", "-j ACCEPT"),
    Rule("target.DROP", "filter", "FORWARD", "-j DROP"),
    Rule("target.RETURN", "filter", "FORWARD", "-j RETURN"),
    Rule("target.jump", "filter", "FORWARD", "-j kprobe", setup=(CHAIN,)),
    Rule("target.goto", "filter", "FORWARD", "-g kprobe", setup=(CHAIN,)),
    Rule("iface-wildcard", "filter", "FORWARD", "-i cali+ -j ACCEPT"),
    Rule("match.comment", "filter", "FORWARD", '-m comment --comment "cali:kprobe" -j ACCEPT'),
    Rule("match.mark", "filter", "FORWARD", "-m mark --mark 0x10000/0x10000 -j ACCEPT"),
    Rule("match.multiport", "filter", "FORWARD", "-p tcp -m multiport --dports 80,8000:8080 -j ACCEPT"),
    Rule("match.multiport.sports", "filter", "FORWARD", "-p udp -m multiport ! --sports 53,1024:65535 -j ACCEPT"),
    Rule("match.tcp", "filter", "INPUT", "-p tcp -m tcp --dport 179 -j ACCEPT"),
    Rule("match.tcp.flags", "filter", "FORWARD", "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT"),
    Rule("match.udp", "filter", "INPUT", "-p udp -m udp --dport 4789 -j ACCEPT"),
    Rule("match.sctp", "filter", "FORWARD", "-p sctp -m sctp --dport 9999 -j ACCEPT"),
    Rule("match.icmp", "filter", "FORWARD", "-p icmp -m icmp --icmp-type 8 -j ACCEPT", families=("ipv4",)),
    Rule("match.icmp6", "filter", "FORWARD", "-p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT", families=("ipv6",)),
    Rule("match.set", "filter", "FORWARD", "-m set --match-set SET src -j ACCEPT", setup=(IP_SET,)),
    Rule("match.set.src-src", "filter", "FORWARD", "-m set --match-set SET src,src -j ACCEPT", setup=(IP_PORT_SET,)),
    Rule("match.conntrack", "filter", "FORWARD", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
    Rule("match.conntrack.dnat", "filter", "OUTPUT", "-m conntrack --ctstate DNAT -j ACCEPT"),
    Rule("match.conntrack.invalid-new", "filter", "FORWARD", "-m conntrack --ctstate INVALID,NEW -j ACCEPT"),
    Rule("match.rpfilter", "raw", "PREROUTING", "-m rpfilter -j ACCEPT"),
    Rule("match.rpfilter.validmark-invert", "raw", "PREROUTING", "-m rpfilter --validmark --invert -j ACCEPT"),
    Rule("match.addrtype", "filter", "INPUT", "-m addrtype --dst-type LOCAL -j ACCEPT"),
    Rule(
        "match.addrtype.limit-iface-out",
        "nat",
        "POSTROUTING",
        "-m addrtype ! --src-type LOCAL --limit-iface-out -j ACCEPT",
    ),
    Rule("match.limit", "filter", "FORWARD", "-m limit --limit 5/sec -j ACCEPT"),
    Rule(
        "match.connlimit",
        "filter",
        "FORWARD",
        "-p tcp -m connlimit --connlimit-above 10 --connlimit-mask 0 -j ACCEPT",
        shows="-p tcp -m connlimit --connlimit-above 10 --connlimit-mask 0 --connlimit-saddr -j ACCEPT",
    ),
    Rule("match.ipvs", "filter", "FORWARD", "-m ipvs --ipvs -j ACCEPT"),
    Rule(
        "match.statistic",
        "nat",
        "OUTPUT",
        "-m statistic --mode random --probability 0.5 -j ACCEPT",
        shows="-m statistic --mode random --probability 0.50000000000 -j ACCEPT",
    ),
    Rule(
        "match.recent",
        "nat",
        "OUTPUT",
        "-m recent --rcheck --seconds 10800 --reap --name KPROBE -j ACCEPT",
        shows="-m recent --rcheck --seconds 10800 --reap --name KPROBE --mask {255.255.255.255|"
        + WHOLE
        + "} --rsource -j ACCEPT",
    ),
    Rule("match.physdev", "nat", "PREROUTING", "-m physdev --physdev-is-in -j ACCEPT"),
    Rule(
        "match.nfacct",
        "filter",
        "FORWARD",
        "-m nfacct --nfacct-name kprobe -j ACCEPT",
        setup=("nfacct add kprobe",),
        shows="-m nfacct --nfacct-name  kprobe -j ACCEPT",
    ),
    Rule("target.MARK", "mangle", "PREROUTING", "-j MARK --set-xmark 0x10000/0x10000"),
    Rule("target.CONNMARK", "mangle", "PREROUTING", "-j CONNMARK --set-xmark 0x100000/0x100000"),
    Rule("target.REJECT", "filter", "FORWARD", "-j REJECT --reject-with {icmp|icmp6}-port-unreachable"),
    Rule("target.REJECT.tcp-reset", "filter", "FORWARD", "-p tcp -j REJECT --reject-with tcp-reset"),
    Rule("target.CT.notrack", "raw", "PREROUTING", "-j CT --notrack"),
    Rule("target.NOTRACK", "raw", "OUTPUT", "-j NOTRACK"),
    Rule("target.LOG", "filter", "FORWARD", '-j LOG --log-prefix "calico-packet:" --log-level 5'),
    Rule("target.NFLOG", "filter", "FORWARD", "-j NFLOG --nflog-prefix kprobe --nflog-group 1"),
    Rule("target.NFLOG.size", "filter", "FORWARD", "-j NFLOG --nflog-prefix kprobe --nflog-group 1 --nflog-size 80"),
    Rule("target.MASQUERADE", "nat", "POSTROUTING", "-j MASQUERADE"),
    Rule("target.MASQUERADE.random-fully", "nat", "POSTROUTING", "-j MASQUERADE --random-fully"),
    Rule("target.MASQUERADE.to-ports", "nat", "POSTROUTING", "-p tcp -j MASQUERADE --to-ports 1024-65535"),
    Rule("target.SNAT", "nat", "POSTROUTING", "-j SNAT --to-source {192.0.2.1|2001:db8::1}"),
    Rule(
        "target.SNAT.random-fully", "nat", "POSTROUTING", "-j SNAT --to-source {192.0.2.1|2001:db8::1} --random-fully"
    ),
    Rule("target.DNAT", "nat", "PREROUTING", "-p tcp -j DNAT --to-destination {192.0.2.1:80|[2001:db8::1]:80}"),
    Rule("target.DSCP", "mangle", "POSTROUTING", "-j DSCP --set-dscp 0x14"),
    Rule(
        "match.conntrack.ctorigdst",
        "filter",
        "FORWARD",
        "-p tcp -m conntrack --ctorigdst {192.0.2.1|2001:db8::1} -j ACCEPT",
    ),
    Rule("match.socket", "mangle", "PREROUTING", "-m socket -j ACCEPT"),
    Rule("match.socket.nowildcard", "mangle", "PREROUTING", "-m socket --transparent --nowildcard -j ACCEPT"),
    Rule(
        "target.TPROXY",
        "mangle",
        "PREROUTING",
        "-p tcp -j TPROXY --on-port 10001 --tproxy-mark 0x200/0x200",
        shows="-p tcp -j TPROXY --on-port 10001 --on-ip {0.0.0.0|::} --tproxy-mark 0x200/0x200",
    ),
    Rule("match.owner", "nat", "OUTPUT", "-m owner --uid-owner 0 -j ACCEPT"),
    Rule("target.REDIRECT", "nat", "PREROUTING", "-p tcp -j REDIRECT --to-ports 15001"),
    Rule("match.policy", "filter", "INPUT", "-m policy --dir in --pol none -j ACCEPT"),
    Rule(
        "target.TCPMSS",
        "mangle",
        "PREROUTING",
        "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1440",
    ),
    Rule("target.CHECKSUM", "mangle", "POSTROUTING", "-p udp -j CHECKSUM --checksum-fill"),
)

REVISIONS: dict[str, dict[str, Sequence[int]]] = {
    "match.set": {"ipv4": range(5), "ipv6": range(1, 5)},
    "match.conntrack": {"ipv4": range(1, 4), "ipv6": range(1, 4)},
    "match.addrtype": {"ipv4": range(2), "ipv6": ()},
    "match.recent": {"ipv4": range(2), "ipv6": range(2)},
    "match.nfacct": {"ipv4": range(2), "ipv6": range(2)},
    "match.socket": {"ipv4": range(4), "ipv6": range(1, 4)},
    "target.CONNMARK": {"ipv4": range(1, 3), "ipv6": range(1, 3)},
    "target.CT.notrack": {"ipv4": range(3), "ipv6": range(3)},
    "target.SNAT": {"ipv4": range(3), "ipv6": range(1, 3)},
    "target.DNAT": {"ipv4": range(3), "ipv6": range(1, 3)},
    "target.TPROXY": {"ipv4": range(2), "ipv6": ()},
}
"""Rows at one revision, by family. Of an extension with one revision only, the plain row is that row."""

BASE = {
    # The target that ends every table is ip_tables' own.
    "legacy": Oracle(
        "base",
        do=(
            "{ {iptables} -S > /dev/null 2>&1; true; }",
            "grep -qx ERROR /proc/net/{ip|ip6}_tables_targets",
        ),
    ),
    "nft": Oracle("base", do=('{iptables} -A FORWARD -m comment --comment "cali:kprobe"',)),
}


def _table(table: str) -> Oracle:
    chains = " ".join(CHAINS[table])
    return Oracle(
        f"table.{table}",
        do=(f"for chain in {chains}; do {{iptables}} -w -t {table} -P $chain ACCEPT || exit; done",),
        see=(f"test $({{iptables}} -w -t {table} -S | grep -cx -e '-P [A-Z]* ACCEPT') = {len(CHAINS[table])}",),
    )


def _rule(rule: Rule) -> Oracle:
    shown = f"-A {rule.chain} {rule.shows or rule.rule}"
    return Oracle(
        rule.row,
        setup=tuple(command.replace("{table}", rule.table) for command in rule.setup),
        do=(f"{{iptables}} -w -t {rule.table} -A {rule.chain} {rule.rule}",),
        see=(f"{{iptables}} -w -t {rule.table} -S {rule.chain} | grep -qxF -e '{shown}'",),
    )


def _revision(rule: Rule, revision: int) -> Oracle:
    """The plain rule again. By ``env``, so that its bytes, those of the highest revision, are not compared."""
    plain = _rule(rule)
    return Oracle(
        f"{rule.row}.rev{revision}",
        setup=plain.setup,
        do=tuple(f"env {command}" for command in plain.do),
        see=plain.see,
        less="which revision: the program takes the highest that it and the kernel have",
    )


def _text(text: str, program: str, v6: bool) -> str:
    text = text.replace("{iptables}", program).replace("{inet}", "inet6" if v6 else "inet")
    done = ""
    while "|" in text and "{" in text:
        head, brace, rest = text.partition("{")
        choice, end, tail = rest.partition("}")
        if end and choice.count("|") == 1 and " " not in choice:
            done += head + choice.split("|")[v6]
            text = tail
        else:
            done += head + brace
            text = rest
    return done + text


def _oracles() -> tuple[Oracle, ...]:
    found = []
    for prefix, program in COMBINATIONS.items():
        _, backend, family = prefix.split(".")
        v6 = family == "ipv6"
        plain = [BASE[backend], *(_table(table) for table in CHAINS)]
        plain += [_rule(rule) for rule in RULES if family in rule.families]
        plain += [_revision(rule, n) for rule in RULES for n in REVISIONS.get(rule.row, {}).get(family, ())]
        found += [
            Oracle(
                row=f"{prefix}.{oracle.row}",
                setup=tuple(_text(command, program, v6) for command in oracle.setup),
                do=tuple(_text(command, program, v6) for command in oracle.do),
                see=tuple(_text(command, program, v6) for command in oracle.see),
                less=oracle.less,
            )
            for oracle in plain
        ]
    return tuple(found)


REFUSED = (
    r": No chain/target/match by that name\.",  # iptables-legacy
    r" RULE_APPEND failed \(No such file or directory\)",  # iptables-nft
    r"can't initialize ip6?tables table .* does not exist",  # iptables-legacy: a table
    r": Could not fetch rule set generation id:",  # iptables-nft: no nf_tables
    r" CHAIN_ADD failed \(",  # iptables-nft: no such chain type
    r"^grep: /proc/net/ip6?_tables_targets: No such file",
)

ORACLES = _oracles()
