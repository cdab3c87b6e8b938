# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""IP pools overlap no range that is in use: the node's addresses and routes, the services', the nodes'."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from kprobe.node.names import owner
from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Range = IPv4Network | IPv6Network

NOT_PODS = {"", "Docker"}
"""Owners of devices that are no other provider's: the range of one of those is the one to take over."""


class Given(msgspec.Struct, frozen=True):
    """What the user said by option: the fact node.given."""

    pools: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    node_cidrs: tuple[str, ...] = ()
    kubernetes: str = ""


class _Seen(msgspec.Struct, frozen=True):
    seen: tuple[str, ...] = ()
    not_shown: int = 0


def given(view: View) -> Given:
    """Return what the user said; nothing where nothing was said."""
    return view.get("node.given", Given) if view.has("node.given") else Given()


def _ranges(texts: Iterable[str], whence: str) -> "list[Range]":
    try:
        return [_network(text.strip()) for text in texts]
    except ValueError as error:
        raise UnsureError(f"{whence}: {error}") from error


@lru_cache(4096)
def _network(text: str) -> "Range":
    from ipaddress import ip_interface

    return ip_interface(text).network


def _pools(view: View) -> "list[Range]":
    said = given(view).pools
    flag = view.get("node.kubernetes", dict[str, str]).get("cluster-cidr", "")
    if not said and not flag:
        raise UnsureError("no IP pool is known here; say --pool CIDR (Calico's default is 192.168.0.0/16)")
    return _ranges(said or flag.split(","), "--pool" if said else "--cluster-cidr")


def _clashes(pools: "list[Range]", others: "Iterable[tuple[Range, str]]") -> Iterator[str]:
    for other, what in others:
        for pool in pools:
            if pool.version == other.version and other.prefixlen and pool.overlaps(other):
                yield f"{pool} overlaps {what}"


def _judged(pools: "list[Range]", others: "list[tuple[Range, str]]", more: int, fine_text: str) -> Answer:
    if found := list(_clashes(pools, others)):
        return bad("; ".join(found[:4]))
    if more:
        raise UnsureError("there are more than the collector shows, and none of those shown overlaps")
    return fine(f"{', '.join(map(str, pools))}: {fine_text}")


def _hosts(view: View) -> Answer:
    pools = _pools(view)
    view.host_network()
    found = view.get("node.addresses", _Seen)
    pairs = [line.partition(" ") for line in found.seen]
    others = [
        (network, f"{address} of {name}")
        for name, _, address in pairs
        if owner(name) in NOT_PODS
        for network in _ranges([address], "node.addresses")
    ]
    others += [
        (network, f"{network}, the range of nodes") for network in _ranges(given(view).node_cidrs, "--node-cidr")
    ]
    return _judged(pools, others, found.not_shown, "no address of this node is in it")


def _routes(view: View) -> Answer:
    pools = _pools(view)
    view.host_network()
    found = view.get("node.routes", _Seen)
    words = [line.split() for line in found.seen]
    others = [
        (network, f"the route to {line[0]} by {line[1]}")
        for line in words
        if len(line) > 1 and owner(line[1]) in NOT_PODS
        for network in _ranges([line[0]], "node.routes")
    ]
    return _judged(pools, others, found.not_shown, "no route of others leads into it")


def _services(view: View) -> Answer:
    pools = _pools(view)
    said = given(view).service_cidrs
    flag = view.get("node.kubernetes", dict[str, str]).get("service-cidr", "")
    if not said and not flag:
        raise UnsureError("the range of services is not known here; say --service-cidr CIDR")
    services = _ranges(said or flag.split(","), "--service-cidr")
    return _judged(pools, [(each, f"{each}, the range of services") for each in services], 0, "no service is in it")


RULES = (
    Rule(
        id="node.ippool.hosts",
        title="IP pools hold no address of a host",
        asks="do the IP pools overlap the networks of this node's addresses, or --node-cidr?",
        proves="RTM_GETADDR against --pool, or kube-controller-manager's --cluster-cidr; of this node alone",
        judge=_hosts,
    ),
    Rule(
        id="node.ippool.routes",
        title="no route of others leads into IP pools",
        asks="do the IP pools overlap a destination of the main table that neither the kernel nor Calico put there?",
        proves="RTM_GETROUTE against --pool, or kube-controller-manager's --cluster-cidr",
        judge=_routes,
    ),
    Rule(
        id="node.ippool.services",
        title="IP pools and services have ranges of their own",
        asks="do the IP pools overlap --service-cidr, or what kube-apiserver says on a control-plane node?",
        proves="the two ranges",
        judge=_services,
    ),
)
