# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The second oracle for links, rules and routes: pyroute2, which speaks netlink by itself.

It is imported late: nothing but these functions needs it.
"""

import os
from collections.abc import Callable
from typing import Any

from kprobe.crosscheck.model import Oracle, OtherwiseError, asking, expect

MAC = "ee:ee:ee:ee:ee:ee"
RTN = {"unicast": 1, "blackhole": 6, "prohibit": 8, "throw": 9}
FIB_RULE_INVERT = 2
NTF_SELF = 2
NUD_PERMANENT = 0x80
MARK = 0x100000
LOCAL_TABLE = 255
RTM_GETROUTE = 26
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300

# pyroute2 has no types.
IPRoute = Any
ASKS: dict[str, Callable[[IPRoute, str], None]] = {}


def asks(*rows: str) -> Callable[[Callable[[IPRoute, str], None]], Callable[[IPRoute, str], None]]:
    """Register a function for rows; it is told which."""

    def register(function: Callable[[IPRoute, str], None]) -> Callable[[IPRoute, str], None]:
        ASKS.update(dict.fromkeys(rows, function))
        return function

    return register


def both(*rows: str) -> tuple[str, ...]:
    return tuple(f"{row}.{family}" for row in rows for family in ("inet", "inet6"))


def v6(row: str) -> bool:
    return row.endswith("inet6")


def family(row: str) -> int:
    return 10 if v6(row) else 2


def addresses(row: str) -> tuple[str, str, str, str]:
    """A network, a host in it, a gateway and a second one, in no link's network."""
    if v6(row):
        return "2001:db8::/64", "2001:db8::1", "2001:db8:9::1", "2001:db8:9::2"
    return "198.18.0.0/24", "198.18.0.1", "198.19.0.1", "198.19.0.2"


# --- links ---

LINKS: dict[str, dict[str, Any]] = {
    "link.veth": {"kind": "veth", "ifname": "cali00000000000", "peer": "kpeer0"},
    "link.veth.queues": {"kind": "veth", "ifname": "cali1", "peer": "kpeer1", "num_tx_queues": 2, "num_rx_queues": 2},
    "link.veth.mac": {"kind": "veth", "ifname": "cali2", "peer": "kpeer2", "address": MAC},
    "link.ipip": {"kind": "ipip", "ifname": "kpipip0", "ipip_local": "10.111.0.1", "ipip_remote": "10.111.0.2"},
    "link.vxlan.inet": {
        "kind": "vxlan",
        "ifname": "vxlan.calico",
        "vxlan_id": 4096,
        "vxlan_port": 4789,
        "vxlan_learning": 0,
        "vxlan_local": "10.111.0.1",
        "vxlan_link": 1,
    },
    "link.vxlan.inet6": {
        "kind": "vxlan",
        "ifname": "vxlan-v6.calico",
        "vxlan_id": 4096,
        "vxlan_port": 4789,
        "vxlan_learning": 0,
        "vxlan_local6": "fd6b::1",
        "vxlan_link": 1,
    },
    "link.vxlan.collect-metadata": {
        "kind": "vxlan",
        "ifname": "vxlan.calico",
        "vxlan_port": 4789,
        "vxlan_collect_metadata": 1,
    },
    "link.ifb": {"kind": "ifb", "ifname": "bwcali0000000"},
    "link.netkit": {"kind": "netkit", "ifname": "cali_nk_probe"},
    "link.dummy": {"kind": "dummy", "ifname": "kube-ipvs0"},
    "link.bridge": {"kind": "bridge", "ifname": "cni0"},
    "link.wireguard": {"kind": "wireguard", "ifname": "wireguard.cali", "mtu": 1440},
    "link.wireguard.inet6": {"kind": "wireguard", "ifname": "wg-v6.cali", "mtu": 1420},
}


@asks(*LINKS)
def link(ipr: IPRoute, row: str) -> None:
    wanted = LINKS[row]
    ipr.link("add", **wanted)
    (found,) = ipr.get_links(ifname=wanted["ifname"])
    expect(found.get(("linkinfo", "kind")), wanted["kind"], "kind")
    for name, value in wanted.items():
        if name.startswith("vxlan_"):
            expect(found.get(("linkinfo", "data", name)), value, name)
        elif name in ("address", "num_tx_queues", "num_rx_queues", "mtu"):
            expect(found.get(name), value, name)
    ipr.link("set", index=found["index"], state="up")


@asks("link.ipip.tunl0")
def tunl0(ipr: IPRoute, _row: str) -> None:
    from pyroute2 import NetlinkError

    try:
        ipr.link("add", ifname="tunl0", kind="ipip")
    except NetlinkError:
        if not ipr.link_lookup(ifname="tunl0"):
            raise
    (found,) = ipr.get_links(ifname="tunl0")
    expect(found.get(("linkinfo", "kind")), "ipip", "kind")


# --- routes and rules ---


def veth(ipr: IPRoute) -> int:
    ipr.link("add", ifname="cali0", kind="veth", peer="peer0")
    for name in ("lo", "peer0", "cali0"):
        (index,) = ipr.link_lookup(ifname=name)
        ipr.link("set", index=index, state="up")
    return int(index)


def lookup(ipr: IPRoute, row: str, **more: Any) -> int:
    """Return the errno with which a lookup ends."""
    from pyroute2 import NetlinkError

    try:
        ipr.route("get", dst=addresses(row)[1], family=family(row), **more)
    except NetlinkError as error:
        return int(error.code)
    return 0


BLACKHOLE, PROHIBIT = 22, 13


def shown(ipr: IPRoute, row: str, table: int = 254) -> list[Any]:
    """The network's routes in a table."""
    dst = addresses(row)[0].partition("/")[0]
    return [
        r for r in ipr.get_routes(family=family(row), table=table) if r.get("dst") == dst and r.get("table") == table
    ]


SIMPLE: dict[str, dict[str, Any]] = {
    "route.blackhole": {"type": "blackhole", "proto": 80},
    "route.protocol": {"proto": 80},
    "route.mtu": {"metrics": {"mtu": 1400}},
}


@asks(*both(*SIMPLE))
def simple(ipr: IPRoute, row: str) -> None:
    wanted = SIMPLE[row.rpartition(".")[0]]
    where = {} if "type" in wanted else {"oif": veth(ipr)}
    ipr.route("add", dst=addresses(row)[0], family=family(row), **where, **wanted)
    (found,) = shown(ipr, row)
    expect(found["type"], RTN[wanted.get("type", "unicast")], "type")
    expect(found["proto"], wanted.get("proto", found["proto"]), "proto")
    if "metrics" in wanted:
        expect(found.get(("metrics", "mtu")), 1400, "mtu")
    if "type" in wanted:
        expect(lookup(ipr, row), BLACKHOLE, "lookup")


@asks(*both("route.table"))
def tables(ipr: IPRoute, row: str) -> None:
    oif = veth(ipr)
    for table in (1, 2, 99, 128, 250):
        ipr.route("add", dst=addresses(row)[0], family=family(row), oif=oif, table=table)
        expect(len(shown(ipr, row, table)), 1, f"routes in table {table}")
    expect(shown(ipr, row), [], "routes in table main")


@asks(*both("route.replace"))
def replace(ipr: IPRoute, row: str) -> None:
    oif = veth(ipr)
    for mtu in (1400, 1300):
        ipr.route("replace", dst=addresses(row)[0], family=family(row), oif=oif, metrics={"mtu": mtu})
    (found,) = shown(ipr, row)
    expect(found.get(("metrics", "mtu")), 1300, "mtu")


@asks(*both("route.priority"))
def priority(ipr: IPRoute, row: str) -> None:
    for kind, metric in (("blackhole", 1024), ("prohibit", 512)):
        ipr.route("add", dst=addresses(row)[0], family=family(row), type=kind, priority=metric)
    expect(sorted(r.get("priority") for r in shown(ipr, row)), [512, 1024], "metrics")
    expect(lookup(ipr, row), PROHIBIT, "lookup")


@asks(*both("route.onlink"))
def onlink(ipr: IPRoute, row: str) -> None:
    from pyroute2 import NetlinkError

    dst, _, gateway, _ = addresses(row)
    wanted = {"dst": dst, "family": family(row), "gateway": gateway, "oif": veth(ipr)}
    try:
        ipr.route("add", **wanted)
    except NetlinkError:
        ipr.route("add", flags=["onlink"], **wanted)
    else:
        raise OtherwiseError("taken without the flag")
    expect(shown(ipr, row)[0]["flags"] & 4, 4, "onlink")


@asks(*both("route.multipath"))
def multipath(ipr: IPRoute, row: str) -> None:
    dst, _, one, two = addresses(row)
    oif = veth(ipr)
    for gateway in (one, two):
        ipr.route(
            "add", dst=f"{gateway}/{128 if v6(row) else 32}", family=family(row), oif=oif, scope=0 if v6(row) else 253
        )
    ipr.route(
        "add", dst=dst, family=family(row), multipath=[{"gateway": gateway, "oif": oif} for gateway in (one, two)]
    )
    found = shown(ipr, row)[0].get("multipath")
    expect([hop.get("gateway") for hop in found], [one, two], "gateways")


@asks("route.scope.link")
def scope(ipr: IPRoute, _row: str) -> None:
    oif = veth(ipr)
    ipr.route("add", dst="169.254.1.1/32", oif=oif, scope=253)
    ipr.route("add", dst="default", gateway="169.254.1.1", oif=oif)
    (found,) = ipr.get_default_routes(family=2)
    expect(found.get("gateway"), "169.254.1.1", "gateway")


def inverted(ipr: IPRoute, row: str) -> None:
    ipr.rule("add", family=family(row), table=1, priority=99, fwmark=MARK, fwmask=MARK, flags=FIB_RULE_INVERT)


@asks(*both("route.rule.fwmark-invert"))
def invert(ipr: IPRoute, row: str) -> None:
    inverted(ipr, row)
    (found,) = [rule for rule in ipr.get_rules(family=family(row)) if rule.get("priority") == 99]
    expect((found["flags"] & FIB_RULE_INVERT, found.get("fwmark"), found.get("fwmask")), (2, MARK, MARK), "rule")
    dst = addresses(row)[0]
    ipr.route("add", dst=dst, family=family(row), type="prohibit", table=1)
    ipr.route("add", dst=dst, family=family(row), type="blackhole")
    expect(lookup(ipr, row), PROHIBIT, "lookup without the mark")
    expect(lookup(ipr, row, mark=MARK), BLACKHOLE, "lookup with the mark")


@asks(*both("route.throw"))
def throw(ipr: IPRoute, row: str) -> None:
    inverted(ipr, row)
    dst = addresses(row)[0]
    ipr.route("add", dst=dst, family=family(row), type="throw", table=1)
    expect([r["type"] for r in shown(ipr, row, 1)], [RTN["throw"]], "type")
    ipr.route("add", dst=dst, family=family(row), type="blackhole")
    expect(lookup(ipr, row), BLACKHOLE, "lookup")


@asks(*both("route.rule.dump"))
def rules(ipr: IPRoute, row: str) -> None:
    found = {rule.get("table") for rule in ipr.get_rules(family=family(row))}
    expect(found >= {254, LOCAL_TABLE}, True, "rules for local and main")


@asks(*both("route.dump.local"))
def local(ipr: IPRoute, row: str) -> None:
    ipr.link("set", index=1, state="up")
    found = {r.get("dst") for r in ipr.get_routes(family=family(row), table=LOCAL_TABLE) if r["type"] == 2}
    expect(("::1" if v6(row) else "127.0.0.1") in found, True, "local route to lo's address")


@asks(*both("route.addr"))
def addr(ipr: IPRoute, row: str) -> None:
    _, _, host, _ = addresses(row)
    ipr.addr("add", index=1, address=host, prefixlen=128 if v6(row) else 32, family=family(row), scope=253)
    found = {a.get("address"): a["scope"] for a in ipr.get_addr(family=family(row), index=1)}
    expect(found.get(host), 0 if v6(row) else 253, "scope")


@asks(*both("route.neigh.permanent"))
def neigh(ipr: IPRoute, row: str) -> None:
    oif = veth(ipr)
    _, _, host, _ = addresses(row)
    ipr.neigh("add", dst=host, lladdr=MAC, ifindex=oif, state="permanent", family=family(row))
    found = {n.get("dst"): (n.get("lladdr"), n["state"]) for n in ipr.get_neighbours(family=family(row), ifindex=oif)}
    expect(found.get(host), (MAC, NUD_PERMANENT), "neighbour")


@asks(*both("route.fdb.vxlan"))
def fdb(ipr: IPRoute, row: str) -> None:
    link(ipr, f"link.vxlan.{'inet6' if v6(row) else 'inet'}")
    (index,) = ipr.link_lookup(kind="vxlan")
    _, _, host, _ = addresses(row)
    ipr.fdb("add", ifindex=index, lladdr=MAC, dst=host)
    found = {n.get("lladdr"): (n.get("dst"), n["flags"] & NTF_SELF) for n in ipr.fdb("dump", ifindex=index)}
    expect(found.get(MAC), (host, NTF_SELF), "entry")


@asks("route.strict-check")
def strict(ipr: IPRoute, row: str) -> None:
    from pyroute2 import IPRoute as Route
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    ipr.route("add", dst=addresses(row)[0], family=2, oif=veth(ipr))
    for asked in (False, True):
        with Route(strict_check=asked) as own:
            request = rtmsg()
            request["family"] = 2
            request["table"] = LOCAL_TABLE
            own.put(request, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP)
            found = {r.get("table") for r in own.get(msg_seq=request["header"]["sequence_number"])}
            expect(found == {LOCAL_TABLE}, asked, f"only the table that was asked for, with strict_check={asked}")


@asks("ns.nsid")
def nsid(ipr: IPRoute, _row: str) -> None:
    ipr.set_netnsid(nsid=7, pid=os.getppid())
    expect(ipr.get_netnsid(pid=os.getppid())["nsid"], 7, "id")


def ask(row: str) -> None:
    """Ask one row, in this process's network namespace."""
    from pyroute2 import IPRoute as Route

    with asking(), Route() as ipr:
        ASKS[row](ipr, row)


ORACLES = tuple(Oracle(row, ask=ask, program="pyroute2", imports="pyroute2") for row in ASKS)
