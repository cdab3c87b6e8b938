# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""IP sets: ipset."""

from kprobe.crosscheck.model import Oracle, each

# Set type, family, two members and something else; how the listing writes the members.
SETS = {
    "row": (
        "hash:ip.inet",
        "hash:ip.inet6",
        "hash:net.inet",
        "hash:net.inet6",
        "hash:ip,port.inet",
        "hash:ip,port.inet6",
    ),
    "type": ("hash:ip", "hash:ip", "hash:net", "hash:net", "hash:ip,port", "hash:ip,port"),
    "family": ("inet", "inet6", "inet", "inet6", "inet", "inet6"),
    "one": (
        "192.0.2.1",
        "2001:db8::1",
        "198.51.100.0/24",
        "2001:db8:1::/48",
        "192.0.2.1,tcp:179",
        "2001:db8::1,tcp:179",
    ),
    "two": (
        "192.0.2.77",
        "2001:db8::77",
        "203.0.113.64/26",
        "2001:db8:2::/64",
        "192.0.2.1,udp:4789",
        "2001:db8::1,udp:4789",
    ),
    "not": (
        "192.0.2.2",
        "2001:db8::2",
        "203.0.113.128/26",
        "2001:db8:3::/48",
        "192.0.2.1,udp:179",
        "2001:db8::1,udp:179",
    ),
}
SCTP = {
    "row": ("hash:ip,port.inet", "hash:ip,port.inet6"),
    "family": ("inet", "inet6"),
    "ip": ("192.0.2.1", "2001:db8::1"),
}
CREATE = "ipset create cali40kprobe <type> family <family> maxelem 1048576"
TEMPORARY = "ipset create cali4tkprobe <type> family <family> maxelem 1048576"


def members(name: str, *wanted: str) -> str:
    """The set has these members and no other."""
    listed = f"ipset save {name} | sed -n 's/^add {name} //p' | sort"
    return f'test "$({listed})" = "$(printf \'%s\\n\' {" ".join(wanted)} | sort)"'


LIFE = Oracle(
    "ipset.<row>",
    do=(
        CREATE,
        "ipset add cali40kprobe <one>",
        "ipset add cali40kprobe <two>",
        "ipset -exist add cali40kprobe <one>",
    ),
    see=(
        "ipset test cali40kprobe <one>",
        "ipset test cali40kprobe <two>",
        "! ipset test cali40kprobe <not>",
        members("cali40kprobe", "<one>", "<two>"),
        "ipset list -t cali40kprobe | grep -q 'maxelem 1048576'",
        "ipset del cali40kprobe <one>",
        members("cali40kprobe", "<two>"),
    ),
)
SWAP = Oracle(
    "ipset.<row>.swap",
    setup=(
        CREATE,
        TEMPORARY,
        "ipset add cali40kprobe <one>",
        "ipset add cali40kprobe <two>",
        "ipset add cali4tkprobe <not>",
    ),
    do=("ipset swap cali40kprobe cali4tkprobe",),
    see=(members("cali40kprobe", "<not>"), members("cali4tkprobe", "<one>", "<two>")),
)
DESTROY = Oracle(
    "ipset.<row>.destroy",
    setup=(CREATE, "ipset add cali40kprobe <one>"),
    do=("ipset destroy cali40kprobe",),
    see=("! ipset list -n | grep -q .",),
)
# Three members that differ by protocol alone.
MEMBER_SCTP = Oracle(
    "ipset.<row>.sctp",
    setup=("ipset create cali40kprobe hash:ip,port family <family>",),
    do=(
        "ipset add cali40kprobe <ip>,tcp:3868",
        "ipset add cali40kprobe <ip>,udp:3868",
        "ipset add cali40kprobe <ip>,sctp:3868",
    ),
    see=(
        "ipset test cali40kprobe <ip>,sctp:3868",
        "! ipset test cali40kprobe <ip>,sctp:3869",
        members("cali40kprobe", "<ip>,tcp:3868", "<ip>,udp:3868", "<ip>,sctp:3868"),
    ),
)

# Every other type: row, members (as they are added and listed), something else. <1> and <2> are addresses, <a> and <b>
# networks of the row's family.
OTHER_TYPES = (
    ("hash:ip,port,ip", ("<1>,tcp:80,<1>", "<1>,udp:53,<2>", "<1>,sctp:80,<1>"), "<2>,tcp:80,<1>"),
    ("hash:ip,port,net", ("<1>,tcp:80,<a>", "<1>,udp:53,<b>"), "<1>,tcp:80,<b>"),
    ("hash:ip,mark", ("<1>,0x00010000", "<1>,0x00020000"), "<2>,0x00010000"),
    ("hash:ip,mac", ("<1>,02:00:00:00:00:01", "<2>,02:00:00:00:00:02"), "<1>,02:00:00:00:00:02"),
    ("hash:net,net", ("<a>,<b>", "<b>,<a>"), "<a>,<a>"),
    ("hash:net,port", ("<a>,tcp:80", "<b>,udp:53"), "<a>,udp:53"),
    ("hash:net,port,net", ("<a>,tcp:80,<b>", "<b>,udp:53,<a>"), "<a>,tcp:80,<a>"),
    ("hash:net,iface", ("<a>,cali0", "<a>,tunl0"), "<a>,eth0"),
)
FAMILIES = {
    "inet": {"<1>": "192.0.2.1", "<2>": "192.0.2.2", "<a>": "198.51.100.32/27", "<b>": "198.51.100.64/27"},
    "inet6": {"<1>": "2001:db8::1", "<2>": "2001:db8::2", "<a>": "2001:db8:1::/48", "<b>": "2001:db8:2::/48"},
}
ONE_FAMILY = (
    ("bitmap:port", "bitmap:port range 0-65535", ("80", "65535"), "81"),
    ("bitmap:ip.inet", "bitmap:ip range 192.0.2.0-192.0.2.255", ("192.0.2.1", "192.0.2.77"), "192.0.2.2"),
    (
        "bitmap:ip,mac.inet",
        "bitmap:ip,mac range 192.0.2.0-192.0.2.255",
        ("192.0.2.1,02:00:00:00:00:01", "192.0.2.2,02:00:00:00:00:02"),
        "192.0.2.1,02:00:00:00:00:02",
    ),
    ("hash:mac", "hash:mac", ("02:00:00:00:00:01", "02:00:00:00:00:02"), "02:00:00:00:00:03"),
    ("hash:ip.inet.forceadd", "hash:ip forceadd", ("192.0.2.1", "192.0.2.2"), "192.0.2.3"),
    ("hash:ip.inet.bucketsize", "hash:ip bucketsize 4", ("192.0.2.1", "192.0.2.2"), "192.0.2.3"),
)
COUNTERS = "packets 7 bytes 1099511627776"
SKBINFO = "skbmark 0x10/0xff skbprio 1:2 skbqueue 3"


def fill(text: str, values: dict[str, str]) -> str:
    """The text with each name replaced."""
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def life(row: str, make: str, wanted: tuple[str, ...], other: str) -> Oracle:
    """The life of a set of a type of which only the members differ."""
    return Oracle(
        f"ipset.{row}",
        do=(
            f"ipset create kp {make}",
            *(f"ipset add kp {member}" for member in wanted),
            f"ipset -exist add kp {wanted[0]}",
        ),
        see=(
            *(f"ipset test kp {member}" for member in wanted),
            f"! ipset test kp {other}",
            members("kp", *wanted),
            f"ipset del kp {wanted[0]}",
            members("kp", *wanted[1:]),
        ),
        less="that the flag is told back, which ipset 7.17 does not print" if "forceadd" in make else "",
    )


def option(row: str, make: str, member: str, shows: str, *see: str) -> Oracle:
    """A set of which something besides the members is shown."""
    return Oracle(
        f"ipset.{row}",
        do=(f"ipset create kp {make}", f"ipset add kp {member}"),
        see=(f"ipset save kp | grep -q '^add kp {shows}$'", *see),
    )


OTHERS = (
    *(
        life(
            f"{kind}.{family}",
            f"{kind} family {family}",
            tuple(fill(member, values) for member in wanted),
            fill(other, values),
        )
        for kind, wanted, other in OTHER_TYPES
        for family, values in FAMILIES.items()
    ),
    *(life(*row) for row in ONE_FAMILY),
    Oracle(
        "ipset.list:set",
        setup=("ipset create one hash:ip", "ipset create two hash:ip"),
        do=("ipset create kp list:set size 8", "ipset add kp one", "ipset add kp two"),
        see=("ipset test kp two", members("kp", "one", "two"), "ipset del kp one", members("kp", "two")),
    ),
    option(
        "hash:ip.inet.timeout",
        "hash:ip timeout 600",
        "192.0.2.1 timeout 300",
        "192.0.2.1 timeout [23]..",
        "ipset test kp 192.0.2.1",
    ),
    option(
        "hash:ip.inet.netmask",
        "hash:ip netmask 25",
        "192.0.2.7",
        "192.0.2.0",
        "ipset test kp 192.0.2.100",
        "! ipset test kp 192.0.2.200",
    ),
    option("hash:ip.inet.counters", "hash:ip counters", f"192.0.2.1 {COUNTERS}", f"192.0.2.1 {COUNTERS}"),
    option("hash:ip.inet.comment", "hash:ip comment", '192.0.2.1 comment "of kprobe"', '192.0.2.1 comment "of kprobe"'),
    option("hash:ip.inet.skbinfo", "hash:ip skbinfo", f"192.0.2.1 {SKBINFO}", f"192.0.2.1 {SKBINFO}"),
    option(
        "hash:ip.inet.bitmask",
        "hash:ip bitmask 255.0.255.255",
        "192.0.2.1",
        "192.0.2.1",
        "ipset test kp 192.200.2.1",
    ),
    Oracle(
        "ipset.hash:net.inet.nomatch",
        do=("ipset create kp hash:net", "ipset add kp 198.51.100.32/27", "ipset add kp 198.51.100.40/29 nomatch"),
        see=(
            "ipset test kp 198.51.100.33",
            "! ipset test kp 198.51.100.41",
            "ipset save kp | grep -q '198.51.100.40/29 nomatch$'",
        ),
    ),
    option(
        "hash:net,iface.inet.wildcard",
        "hash:net,iface",
        "198.51.100.32/27,cali wildcard",
        "198.51.100.32/27,cali wildcard",
    ),
)

REFUSED = (r"^ipset v.*: (Kernel error received:|Cannot open session) ?",)

ORACLES = (
    Oracle("ipset.protocol", do=("ipset list -n",)),
    Oracle(
        "ipset.list-names",
        setup=("ipset create cali40kprobe-a hash:ip",),
        do=("ipset create cali40kprobe-b hash:ip",),
        see=('test "$(ipset list -n | sort | tr "\\n" " ")" = "cali40kprobe-a cali40kprobe-b "',),
    ),
    *each(LIFE, **SETS),
    *each(SWAP, **SETS),
    *each(DESTROY, **SETS),
    *each(MEMBER_SCTP, **SCTP),
    *OTHERS,
)
