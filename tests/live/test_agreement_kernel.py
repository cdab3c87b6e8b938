# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""kprobe's answers and what this kernel was built with: the configuration decides nothing in kprobe, but agrees."""

import re
from collections.abc import Iterator

import pytest

from kprobe.evidence import Evidence, Probe, Row

from .conftest import collected
from .oracles import kconfig
from .oracles.later import LATER

# The rows that stand for what a user asks first.
TUNNELS = {
    "link.vxlan.inet": "CONFIG_VXLAN",
    "link.vxlan.inet6": "CONFIG_VXLAN",
    "link.vxlan.collect-metadata": "CONFIG_VXLAN",
    "link.ipip": "CONFIG_NET_IPIP",
    "link.wireguard": "CONFIG_WIREGUARD",
    "link.dummy": "CONFIG_DUMMY",
    "ipset.protocol": "CONFIG_IP_SET",
    "ipset.hash:ip.inet": "CONFIG_IP_SET_HASH_IP",
    "ipset.hash:net.inet6": "CONFIG_IP_SET_HASH_NET",
    "ipset.hash:ip,port.inet": "CONFIG_IP_SET_HASH_IPPORT",
}
XTABLES = {
    "legacy.ipv4": "CONFIG_IP_NF_IPTABLES",
    "legacy.ipv6": "CONFIG_IP6_NF_IPTABLES",
    "nft.ipv4": "CONFIG_NFT_COMPAT",
    "nft.ipv6": "CONFIG_NFT_COMPAT",
}
ROWS = {
    **TUNNELS,
    **{f"xt.{combination}.base": config for combination, config in XTABLES.items()},
    **{f"xt.{combination}.match.ipvs": "CONFIG_IP_VS" for combination in XTABLES},
}


@pytest.fixture(scope="module")
def config() -> dict[str, str]:
    assert kconfig.PATH.exists(), f"{kconfig.PATH} is the independent side of these tests (CONFIG_IKCONFIG_PROC)"
    return kconfig.load()


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Options that this kernel's configuration names, set or not."""
    return set(re.findall(r"^(?:# )?(CONFIG_\w+)(?:=| is not set)", kconfig.text(), re.MULTILINE))


def asked(run: Evidence) -> Iterator[Probe]:
    """Rows of the families that independent programs are asked for, too."""
    return (probe for probe in run.probes if not probe.control and probe.family not in LATER)


@pytest.mark.parametrize("row", ROWS)
def test_first_questions(row: str, probes: dict[str, Probe], config: dict[str, str]) -> None:
    wanted = kconfig.expected([ROWS[row]], config)
    probe = probes[row]
    if wanted:
        assert probe.outcome == wanted
    if probe.outcome == "absent":
        assert probe.errno
        assert probe.error
    if probe.outcome == "absent" and row.startswith("link."):
        assert probe.extack == "Unknown device type"


def test_configuration_agrees_with_every_row(run: Evidence, catalogue: dict[str, Row], config: dict[str, str]) -> None:
    """Row by row: all of CONFIG y means works, one of them not set means absent."""
    differing = {
        probe.id: (probe.outcome, wanted, options)
        for probe in asked(run)
        for options in [catalogue[probe.id].kconfig]
        for wanted in [kconfig.expected(options, config)]
        if wanted not in ("", probe.outcome)
    }
    assert not differing


def test_configuration_was_worth_asking(run: Evidence, catalogue: dict[str, Row], config: dict[str, str]) -> None:
    said = [kconfig.expected(catalogue[probe.id].kconfig, config) for probe in asked(run)]
    assert said.count("works") + said.count("absent") > len(said) / 2


def test_options_are_of_this_kernel(run: Evidence, catalogue: dict[str, Row], known: set[str]) -> None:
    """Only an option that depends on another one which is not set may be missing from the configuration."""
    for probe in asked(run):
        if probe.outcome != "absent":
            assert all(known & {*word.split("|")} for word in catalogue[probe.id].kconfig), probe.id


def test_facts_tell_the_same_configuration(run: Evidence, catalogue: dict[str, Row], config: dict[str, str]) -> None:
    (fact,) = [fact for fact in run.facts if fact.id == "node.kconfig"]
    assert fact.value
    assert {name: value for name, value in fact.value.items() if config.get(name, "n") != value} == {}
    named = {name for row in catalogue.values() for word in row.kconfig for name in word.split("|")}
    assert {name for name in named if name in config} <= fact.value.keys()


def test_every_row_is_answered_with_a_reason(run: Evidence) -> None:
    assert not run.incomplete
    planned = [row for rows in run.begin.plan.values() for row in rows]
    assert [probe.id for probe in run.probes] == planned
    for probe in asked(run):
        assert probe.outcome == "works" or (probe.step and (probe.errno or probe.reason)), probe.id
        assert probe.outcome in ("works", "absent") or probe.reason, probe.id


def test_controls_hold(run: Evidence) -> None:
    for probe in run.probes:
        if probe.control:
            assert probe.outcome == ("works" if probe.control == "positive" else "absent"), probe.id


def test_risk_is_only_not_to_be_asked(run: Evidence, intrusive: Evidence) -> None:
    """--intrusive answers what was not tried, and changes no other answer."""
    plain = {probe.id: probe for probe in run.probes}
    for probe in intrusive.probes:
        assert plain[probe.id].step == "risk" or plain[probe.id].outcome == probe.outcome, probe.id
        assert probe.step != "risk"


def test_same_answers_again(run: Evidence, collector: str) -> None:
    again = collected([collector])
    assert [(p.id, p.outcome, p.errno, p.extack) for p in again.probes] == [
        (p.id, p.outcome, p.errno, p.extack) for p in run.probes
    ]
