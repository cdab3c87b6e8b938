# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""iptables-nft asks nft_compat what kprobe asks it, at the same revision; where it asks something else, Python asks."""

import errno
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from kprobe.crosscheck.model import Oracle
from kprobe.crosscheck.table import ORACLES, SHELL
from kprobe.evidence import Probe

from .oracles import blob, compat, script

APPEND = re.compile(r"^ip6?tables-nft .*-A (\S+) (.*)$")
EXPRESSION = re.compile(r"\[ (match|target) name (\S+) rev (\d+) \]")
VERDICTS = ("ACCEPT", "DROP", "RETURN", "kprobe", "kprobe-jump", "kprobe-goto")
ALIASES = {"NOTRACK": "CT"}  # the kernel's name
PROTOCOLS = {"tcp": 6, "udp": 17}
ROWS = {o.row: o for o in ORACLES if o.row.startswith("xt.nft.") and APPEND.match(o.do[-1]) and o.row.count(".") > 3}

# What iptables-nft 1.8.9 makes expressions of nf_tables of: its yes says nothing of nft_compat and the extension.
NATIVE = {
    "mark": "meta load mark",
    "tcp": "payload load",
    "udp": "payload load",
    "limit": "limit rate",
    "NFLOG": "log prefix",
}


@dataclass(frozen=True)
class Rule:
    """A rule's extension as it was typed, and the rule as nft lists it."""

    kind: str
    name: str
    listed: str


def _extension(rule: str) -> tuple[str, str]:
    """What a rule is about: its target, or else its last match."""
    found = re.search(r"-[jg] (\S+)", rule)
    if found and found.group(1) not in VERDICTS:
        return "target", ALIASES.get(found.group(1), found.group(1))
    matches = re.findall(r"-m (\S+)", rule)
    return ("match", matches[-1]) if matches else ("", "")


def _listed(oracle: Oracle) -> Rule:
    found = APPEND.match(oracle.do[-1])
    assert found
    kind, name = _extension(found.group(2))
    done = script.inside(oracle, "nft --debug=netlink list ruleset 2>&1")
    return Rule(kind, name, done.stdout)


@pytest.fixture(scope="module")
def rules() -> dict[str, Rule]:
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(ROWS, pool.map(_listed, ROWS.values()), strict=True))


@pytest.fixture(scope="module")
def by_hand(rules: dict[str, Rule]) -> dict[str, int]:
    """The bytes that iptables-legacy makes of the same rule, in a rule of nft_compat."""
    requests = []
    for row, rule in rules.items():
        if rule.name in NATIVE:
            legacy = SHELL[row.replace("xt.nft.", "xt.legacy.")]
            part = blob.asked(legacy, rule.name)
            requests.append(
                compat.Request(
                    row=row,
                    family=row.split(".")[2],
                    chain=blob.chain(legacy),
                    kind=rule.kind,
                    name=rule.name,
                    revision=part.revision,
                    data=part.data.hex(),
                    protocol=PROTOCOLS.get(rule.name, 0),
                )
            )
    requests.append(compat.Request("invented", "ipv4", "FORWARD", "match", "kpnone", 0, "", 0))
    return compat.ask(requests)


@pytest.mark.parametrize("row", ROWS)
def test_same_expression_and_revision(
    row: str, probes: dict[str, Probe], rules: dict[str, Rule], by_hand: dict[str, int]
) -> None:
    rule = rules[row]
    probe = probes[row]
    expressions = EXPRESSION.findall(rule.listed)
    if rule.name in NATIVE:
        assert not expressions, f"iptables-nft asks nft_compat for {rule.name}: no exception any more"
        assert NATIVE[rule.name] in rule.listed
        assert by_hand[row] == (0 if probe.outcome == "works" else errno.ENOENT)
    elif not rule.name:
        assert not expressions
        assert "revision" not in probe.detail
    elif probe.outcome == "works":
        ((kind, name, revision),) = expressions
        assert (kind, name) == (rule.kind, rule.name)
        assert int(revision) <= int(probe.detail["revision"])
        if int(revision) < int(probe.detail["revision"]):
            assert rule.name == "SNAT", "iptables-nft 1.8.9 knows lower revisions of SNAT only"
    else:
        assert not expressions


def test_natives_are_asked(rules: dict[str, Rule], by_hand: dict[str, int]) -> None:
    assert {rule.name for rule in rules.values()} >= NATIVE.keys()
    assert by_hand["invented"] == errno.ENOENT, "the request by hand proves nothing where it takes anything"
