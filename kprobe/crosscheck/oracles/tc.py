# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Traffic control: tc, on lo of a namespace of its own. Listings are compared with every run of white space as one."""

import shlex

from kprobe.crosscheck import elf
from kprobe.crosscheck.model import Oracle

ROOT = "tc qdisc add dev lo handle 1: root"
INGRESS = "tc qdisc add dev lo ingress"
FILTER = "tc filter add dev lo ingress pref 1 protocol"
U32 = f"{FILTER} all u32 match u32 0 0"
CLASS = "classid 1:1"
FLOW = "*flowid 1:1 not_in_hw match 00000000/00000000 at 0"


def shows(what: str, *parts: str) -> str:
    """``tc WHAT show dev lo`` has these parts, in this order."""
    pattern = "*".join(f"{shlex.quote(f' {part} ')}" for part in parts)
    return f'{{ set -f; set -- $(tc {what}); case " $* " in *{pattern}*) ;; *) echo "shows: $*"; false ;; esac; }}'


def in_own_files(*commands: str) -> str:
    """Run commands where /tmp is empty, and gone with them."""
    text = "mount -t tmpfs kprobe /tmp && " + " && ".join(commands)
    return f"unshare -m --propagation slave sh -c {shlex.quote(text)}"


def object_file(section: str, returns: int = 0) -> str:
    """Write a program to a file."""
    return f"echo {elf.text(section, returns)} | base64 -d > /tmp/kprobe.o"


def qdisc(row: str, command: str, *parts: str, kind: str = "qdisc") -> Oracle:
    """Make one, and see it."""
    return Oracle(f"tc.{kind}.{row}", do=(command,), see=(shows("qdisc show dev lo", *parts),))


def classifier(row: str, command: str, *parts: str, less: str = "") -> Oracle:
    """Make a filter behind an ingress qdisc, and see it."""
    return Oracle(
        f"tc.filter.{row}",
        setup=(INGRESS,),
        do=(command,),
        see=(shows("filter show dev lo ingress", *parts),),
        less=less,
    )


def action(row: str, command: str, *parts: str, setup: tuple[str, ...] = ()) -> Oracle:
    """Make a u32 filter with an action, and see both."""
    return Oracle(
        f"tc.action.{row}",
        setup=(*setup, INGRESS, f"{U32} {CLASS}", "tc filter del dev lo ingress"),
        do=(f"{U32} {command}",),
        see=(shows("filter show dev lo ingress", "u32", *parts),),
    )


TBF = "rate 100mbit burst 131072 limit 1048576"
HTB_RATES = "rate 100mbit ceil 200mbit burst 131072 cburst 131072 quantum 60000"
HTB = f"{ROOT} htb default 10"
MIRRED = "classid 1:1 action mirred egress redirect dev"
ORACLES = (
    qdisc("clsact", "tc qdisc add dev lo clsact", "qdisc clsact ffff: parent ffff:fff1"),
    qdisc("ingress", INGRESS, "qdisc ingress ffff: parent ffff:fff1"),
    qdisc("tbf", f"{ROOT} tbf {TBF}", "qdisc tbf 1: root", "rate 100Mbit burst 128Kb"),
    qdisc(
        "tbf.peakrate",
        f"{ROOT} tbf {TBF} peakrate 200mbit mtu 131072",
        "qdisc tbf 1: root",
        "rate 100Mbit burst 128Kb peakrate 200Mbit",
    ),
    qdisc("htb", HTB, "qdisc htb 1: root", "r2q 10 default 0x10"),
    Oracle(
        "tc.class.htb",
        setup=(HTB,),
        do=(f"tc class add dev lo parent 1: classid 1:10 htb {HTB_RATES}",),
        see=(shows("class show dev lo", "class htb 1:10 root", "rate 100Mbit ceil 200Mbit"),),
    ),
    qdisc("fq", f"{ROOT} fq limit 5000", "qdisc fq 1: root", "limit 5000p"),
    qdisc("fq_codel", f"{ROOT} fq_codel limit 2048", "qdisc fq_codel 1: root", "limit 2048p"),
    qdisc("netem", f"{ROOT} netem delay 1ms limit 1234", "qdisc netem 1: root", "limit 1234 delay 1ms"),
    classifier("u32", f"{U32} {CLASS}", "filter protocol all pref 1 u32 chain 0", FLOW),
    classifier(
        "flower",
        f"{FILTER} ip flower ip_proto tcp dst_port 179 {CLASS}",
        "filter protocol ip pref 1 flower chain 0 handle 0x1 classid 1:1 eth_type ipv4 ip_proto tcp dst_port 179",
    ),
    classifier(
        "matchall", f"{FILTER} all matchall {CLASS}", "filter protocol all pref 1 matchall chain 0", "flowid 1:1"
    ),
    classifier(
        "bpf",
        in_own_files(object_file("tc"), f"{FILTER} all bpf da object-file /tmp/kprobe.o section tc"),
        "filter protocol all pref 1 bpf chain 0 handle 0x1 kprobe.o:[tc] direct-action",
        "name kprobe",
    ),
    classifier(
        "bpf.classic",
        f"{FILTER} all bpf bytecode '1,6 0 0 4294967295' {CLASS}",
        "bpf chain 0 handle 0x1 flowid 1:1 not_in_hw bytecode '1,6 0 0 4294967295'",
    ),
    action("mirred", f"{MIRRED} lo", "action order 1: mirred (Egress Redirect to device lo) stolen"),
    action(
        "mirred.ifb",
        f"{MIRRED} bwcali0000000",
        "action order 1: mirred (Egress Redirect to device bwcali0000000) stolen",
        setup=("ip link add bwcali0000000 type ifb", "ip link set bwcali0000000 up"),
    ),
    action("gact", f"{CLASS} action drop", "action order 1: gact action drop"),
    action(
        "police",
        f"{CLASS} action police rate 10mbit burst 131072 drop",
        "action order 1: police 0x1 rate 10Mbit burst 128Kb",
        "action drop",
    ),
    action("skbedit", f"{CLASS} action skbedit mark 0x10000", "action order 1: skbedit mark 65536 pipe"),
    Oracle(
        "tc.action.bpf",
        setup=(INGRESS,),
        do=(
            in_own_files(
                object_file("action"),
                f"{U32} {CLASS} action bpf object-file /tmp/kprobe.o section action pipe",
            ),
        ),
        see=(
            shows("filter show dev lo ingress", "u32", "action order 1: bpf kprobe.o:[action]", "default-action pipe"),
        ),
    ),
)

REFUSED = (
    r"^Error: Specified qdisc kind is unknown\.$",
    r"^Error: TC classifier not found\.$",
    r"^Error: Failed to load TC action module\.$",
)
