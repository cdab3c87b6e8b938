# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Connection tracking over netlink: conntrack and nfct; what they cannot set, by messages put together here."""

import socket
from dataclasses import dataclass

from kprobe.crosscheck.model import Oracle, OtherwiseError, asking
from kprobe.crosscheck.netlink import (
    ACK,
    CREATE,
    DUMP,
    EXCLUSIVE,
    Attr,
    Reply,
    Talk,
    attrs,
    be16,
    be32,
    find,
    nest,
    netfilter,
    text,
    u8,
)

from .routes import told

ADDRESSES = {"inet": ("192.0.2.1", "192.0.2.2", "ipv4 2"), "inet6": ("2001:db8::1", "2001:db8::2", "ipv6 10")}
SWITCH = "echo 1 > /proc/sys/net/netfilter/nf_conntrack_{}"


@dataclass(frozen=True)
class Flow:
    """What conntrack is told of a protocol's entry, and what it lists of it in both directions."""

    name: str
    number: int
    options: str
    there: str
    back: str
    state: str = ""
    more: str = ""
    """What it is made with beside the tuple."""

    def command(self, what: str, family: str) -> str:
        """Make, get or delete it."""
        source, target, _ = ADDRESSES[family]
        return f"conntrack {what} -s {source} -d {target} -p {self.options}"

    def new(self, family: str) -> str:
        """Make it."""
        return f"{self.command('-I', family)}{self.more} -t 60"

    def line(self, family: str, counters: str = "", more: str = " mark=0") -> str:
        """How it is listed, an extended regular expression."""
        source, target, version = ADDRESSES[family]
        state = f" {self.state}" if self.state else ""
        return (
            f"{version} {self.name} {self.number} [0-9]+{state} src={source} dst={target} {self.there}{counters}"
            f" \\[UNREPLIED\\] src={target} dst={source} {self.back}{counters}{more} use=[0-9]+"
        )


def listed(options: str, *lines: str) -> str:
    """``conntrack -L`` has these lines and no others."""
    patterns = " ".join(f"-e '{line}'" for line in lines or ("nothing",))
    return (
        f"{{ said=$(conntrack -L -o extended {options} 2> /dev/null | sed 's/  */ /g');"
        f' test $(echo "$said" | grep -c .) = {len(lines)} &&'
        f' test $(echo "$said" | grep -cxE {patterns}) = {len(lines)}'
        ' || { echo "shows: $said"; false; }; }'
    )


def ported(name: str, number: int, port: int, state: str = "", more: str = "") -> Flow:
    """A protocol with ports."""
    return Flow(
        name,
        number,
        f"{name} --orig-port-src {port} --orig-port-dst 7000",
        f"sport={port} dport=7000",
        f"sport=7000 dport={port}",
        state,
        f" --state {state}{more}" if state else "",
    )


def tcp(port: int) -> Flow:
    """An established connection."""
    return ported("tcp", 6, port, "ESTABLISHED")


def udp(port: int) -> Flow:
    """A flow."""
    return ported("udp", 17, port)


PROTOCOLS = {
    "tcp": tcp(40020),
    "udp": udp(40022),
    "sctp": ported("sctp", 132, 40030, "ESTABLISHED", " --orig-vtag 1802531439 --reply-vtag 1650786305"),
    "gre": Flow("gre", 47, "gre --srckey 7 --dstkey 8", "srckey=0x7 dstkey=0x8", "srckey=0x8 dstkey=0x7"),
    "dccp": ported("dccp", 33, 40034, "OPEN", " --role server"),
    "udplite": ported("udplite", 136, 40036),
}
ICMP = Flow(
    "icmp", 1, "icmp --icmp-type 8 --icmp-code 0 --icmp-id 4002", "type=8 code=0 id=4002", "type=0 code=0 id=4002"
)
ICMPV6 = Flow(
    "icmpv6",
    58,
    "icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 4002",
    "type=128 code=0 id=4002",
    "type=129 code=0 id=4002",
)
# The generic tracker takes any protocol, and keeps no ports and keys.
TRACKED = "! conntrack -L -o extended {} 2> /dev/null | grep -e 'sport=0 dport=0' -e 'srckey=0x0 dstkey=0x0'"


def _family(family: str) -> str:
    return "-f ipv6" if family == "inet6" else "-f ipv4"


def _protocol(row: str, flow: Flow, family: str) -> Oracle:
    return Oracle(
        f"conntrack.proto.{row}",
        setup=("conntrack -C",),
        do=(flow.new(family), TRACKED.format(_family(family))),
        see=(listed(_family(family), flow.line(family)), flow.command("-G", family)),
        less="verification tags" if flow.name == "sctp" else "",
    )


def _dump(family: str) -> Oracle:
    one, two = tcp(40010), tcp(40011)
    return Oracle(
        f"conntrack.dump.{family}",
        do=(one.new(family), two.new(family), f"conntrack -L {_family(family)}"),
        see=(listed(_family(family), one.line(family), two.line(family)),),
    )


def _delete(family: str) -> Oracle:
    one, two = tcp(40014), tcp(40015)
    source, target, _ = ADDRESSES[family]
    return Oracle(
        f"conntrack.delete.{family}",
        do=(one.new(family), two.new(family), one.command("-D", family)),
        see=(
            listed(_family(family), two.line(family)),
            f"conntrack -D -r {target} -q {source} -p tcp --reply-port-src 7000 --reply-port-dst 40015",
            listed(_family(family)),
        ),
    )


COUNTED = " packets=0 bytes=0"
ACCT, STAMPED, MARKED, ZONED = udp(40046), udp(40048), udp(40042), udp(40040)
LABELLED, TOLD = udp(40044), udp(40050)
LABELS = (
    "unshare -m --propagation slave sh -c 'mount -t tmpfs kprobe /etc && mkdir /etc/xtables &&"
    ' echo "1 kprobe" > /etc/xtables/connlabel.conf && {}\''
)
POLICY = (
    "{ set -- $(nfct timeout get kprobe-policy);"
    ' case "$*" in ".kprobe-policy = { .l3proto = 2, .l4proto = 6, "*" .ESTABLISHED = 1234, "*) ;;'
    ' *) echo "shows: $*"; false ;; esac; }'
)
OF_SHELL = (
    Oracle(
        "conntrack.netlink",
        do=(
            f"! said=$({tcp(40001).command('-G', 'inet')} 2>&1)",
            'case $said in *"such conntrack doesn\'t exist"*) ;; *) echo "$said"; false ;; esac',
        ),
    ),
    *map(_dump, ADDRESSES),
    Oracle(
        "conntrack.dump.counters",
        setup=(SWITCH.format("acct"),),
        do=(udp(40012).new("inet"), udp(40013).new("inet")),
        see=(listed("-f ipv4", udp(40012).line("inet", COUNTED), udp(40013).line("inet", COUNTED)),),
    ),
    *map(_delete, ADDRESSES),
    *(_protocol(f"{row}.{family}", flow, family) for row, flow in PROTOCOLS.items() for family in ADDRESSES),
    _protocol("icmp", ICMP, "inet"),
    _protocol("icmpv6", ICMPV6, "inet6"),
    Oracle(
        "conntrack.zone",
        do=(ZONED.new("inet"), f"{ZONED.new('inet')} -w 7"),
        see=(
            listed("-f ipv4", ZONED.line("inet"), ZONED.line("inet", more=" mark=0 zone=7")),
            listed("-f ipv4 -w 7", ZONED.line("inet", more=" mark=0 zone=7")),
        ),
    ),
    Oracle(
        "conntrack.mark",
        do=(f"{MARKED.new('inet')} -m 0x10000",),
        see=(listed("-f ipv4", MARKED.line("inet", more=" mark=65536")),),
    ),
    # With a rule that sets a label there is room for labels; kprobe asks without, and reads that there is none.
    Oracle(
        "conntrack.label",
        setup=("nft 'add table ip kp; add chain ip kp kp; add rule ip kp kp ct label set 1'", LABELLED.new("inet")),
        do=(LABELS.format(f"{LABELLED.command('-U', 'inet')} --label-add kprobe"),),
        see=(LABELS.format('conntrack -L -o labels | grep -q " labels=kprobe"'),),
    ),
    Oracle(
        "conntrack.acct",
        setup=(SWITCH.format("acct"),),
        do=(ACCT.new("inet"),),
        see=(f"{ACCT.command('-G', 'inet')} 2> /dev/null | grep -q 'packets=0 bytes=0 .* packets=0 bytes=0 '",),
    ),
    Oracle(
        "conntrack.timestamp",
        setup=(SWITCH.format("timestamp"),),
        do=(STAMPED.new("inet"),),
        see=("conntrack -L -o ktimestamp 2> /dev/null | grep -q ' sport=40048 .*\\[start=.* 20[0-9][0-9]\\]'",),
    ),
    Oracle(
        "conntrack.events",
        do=tuple(
            told(
                "conntrack -E",
                f"{TOLD.new('inet')}; {TOLD.command('-D', 'inet')}",
                f"\\[{event}\\] udp .* sport=40050 dport=7000",
            )
            for event in ("NEW", "DESTROY")
        ),
    ),
    Oracle("conntrack.netlink.timeout", do=("nfct timeout list",)),
    Oracle(
        "conntrack.timeout-policy",
        do=("nfct timeout add kprobe-policy inet tcp established 1234",),
        see=(
            POLICY,
            "nfct timeout delete kprobe-policy",
            'test -z "$(nfct timeout list)"',
        ),
    ),
    Oracle("conntrack.netlink.helper", do=("nfct helper list",)),
)

# --- by hand: conntrack 1.4.7 has no option for an entry's helper ---

CTNETLINK, EXPECT = 1, 2
NEW, GET = 0, 1
ORIGINAL, REPLY, HELP, TIMEOUT = 1, 2, 5, 7
EXPECT_MASTER, EXPECT_TUPLE, EXPECT_MASK, EXPECT_TIMEOUT = 1, 2, 3, 4
CLIENT, SERVER = (socket.inet_aton(address) for address in ADDRESSES["inet"][:2])


def _tuple(kind: int, source: bytes, target: bytes, source_port: int, target_port: int) -> Attr:
    return nest(
        kind,
        nest(1, Attr(1, source), Attr(2, target)),
        nest(2, u8(1, socket.IPPROTO_TCP), be16(2, source_port), be16(3, target_port)),
    )


def _with_helper(talk: Talk, port: int) -> None:
    entry = (
        _tuple(ORIGINAL, CLIENT, SERVER, port, 7000),
        _tuple(REPLY, SERVER, CLIENT, 7000, port),
        be32(TIMEOUT, 60),
        nest(HELP, text(1, "ftp")),
    )
    talk.ask(talk.message(CTNETLINK << 8 | NEW, CREATE | EXCLUSIVE | ACK, netfilter(socket.AF_INET, *entry)))


def _all(talk: Talk, subsystem: int) -> list[tuple[Attr, ...]]:
    def body(reply: Reply) -> tuple[Attr, ...]:
        return attrs(reply.body[4:])

    return list(map(body, talk.ask(talk.message(subsystem << 8 | GET, DUMP, netfilter(socket.AF_INET)))))


def helper(_row: str) -> None:
    """Make an entry with the FTP helper, and see it in the listing."""
    with asking(), Talk() as talk:
        _with_helper(talk, 40060)
        (shown,) = _all(talk, CTNETLINK)
    if find(shown, HELP, 1) not in (b"ftp", b"ftp\0"):
        raise OtherwiseError(f"the entry is listed as {shown}")


def expectation(_row: str) -> None:
    """Have an entry with the FTP helper expect a connection, and see it in the listing."""
    wanted = _tuple(EXPECT_TUPLE, SERVER, CLIENT, 40091, 7000)
    mask = _tuple(EXPECT_MASK, bytes((255,) * 4), bytes((255,) * 4), 0xFFFF, 0xFFFF)
    with asking(), Talk() as talk:
        _with_helper(talk, 40062)
        asked = (_tuple(EXPECT_MASTER, CLIENT, SERVER, 40062, 7000), wanted, mask, be32(EXPECT_TIMEOUT, 300))
        talk.ask(talk.message(EXPECT << 8 | NEW, CREATE | EXCLUSIVE | ACK, netfilter(socket.AF_INET, *asked)))
        (shown,) = _all(talk, EXPECT)
    source, target = find(shown, EXPECT_TUPLE, 1, 1), find(shown, EXPECT_TUPLE, 1, 2)
    port, master = find(shown, EXPECT_TUPLE, 2, 2), find(shown, EXPECT_MASTER, 2, 2)
    if (source, target, port, master) != (SERVER, CLIENT, (40091).to_bytes(2), (40062).to_bytes(2)):
        raise OtherwiseError(f"the expectation is listed as {shown}")


REFUSED = (
    r"^conntrack v\S+ \(conntrack-tools\): Operation failed: ",
    r"^nfct v\S+: netlink error: ",
    r"^ipv[46] .* \[UNREPLIED\] ",  # the generic tracker's listing
)

ORACLES = (
    *OF_SHELL,
    Oracle("conntrack.helper.ftp", ask=helper, program="python"),
    Oracle("conntrack.expect", ask=expectation, program="python"),
)
