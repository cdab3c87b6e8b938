# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What the user says about the cluster, as facts among the collector's. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from kprobe.errors import InputError
from kprobe.evidence import Evidence, Fact, encode


def fact(
    pools: Iterable[str] = (), service_cidrs: Iterable[str] = (), node_cidrs: Iterable[str] = (), kubernetes: str = ""
) -> list[Fact]:
    """Check what was said and make it the fact node.given; none where nothing was said."""
    ranges = {
        "pools": _ranges(pools, "--pool"),
        "service_cidrs": _ranges(service_cidrs, "--service-cidr"),
        "node_cidrs": _ranges(node_cidrs, "--node-cidr"),
    }
    value = {
        **{name: found for name, found in ranges.items() if found},
        **({"kubernetes": kubernetes} if kubernetes else {}),
    }
    return [Fact(id="node.given", source="options", value=value)] if value else []


def _ranges(texts: Iterable[str], option: str) -> list[str]:
    from ipaddress import ip_network

    found: list[str] = []
    for text in texts:
        try:
            found += [str(ip_network(part.strip(), strict=False)) for part in text.split(",")]
        except ValueError as error:
            raise InputError(str(error), f"{option} {text}", "write a range: 10.0.0.0/8 or fd00::/48") from error
    return found


def among(lines: Iterable[bytes], facts: Iterable[Fact]) -> Iterator[bytes]:
    """Put facts behind the first line of a stream."""
    for number, line in enumerate(lines):
        yield line
        if number == 0:
            yield from map(encode, facts)


def added(evidence: Evidence, facts: Iterable[Fact]) -> Evidence:
    """Return the evidence with facts in place of those of the same id."""
    new = {each.id: each for each in facts}
    if not new:
        return evidence
    kept = tuple(each for each in evidence.facts if each.id not in new)
    return msgspec.structs.replace(evidence, facts=(*kept, *new.values()))
