# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""IP sets: ipset."""

from .model import Oracle, each

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
)
