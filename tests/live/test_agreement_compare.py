# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The comparison itself: a verdict that is turned round is always seen."""

from typing import get_args

import pytest
from msgspec.structs import replace

from kprobe.crosscheck.compare import disagreement, outcome
from kprobe.crosscheck.model import Answer, Exemption
from kprobe.crosscheck.shell import NO_PREREQUISITE, OTHERWISE, TIMEOUT
from kprobe.evidence import Outcome, Probe

from .oracles import kconfig

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
REFUSED = "RTNETLINK answers: Operation not supported"
ANSWERS = {
    "works": Answer("row", "ip", 0),
    "absent": Answer("row", "ip", 2, REFUSED),
    "broken": Answer("row", "ip", OTHERWISE),
}
EXEMPT = Exemption("works", "absent", "a reason", "test_x")


def probe(outcome: Outcome) -> Probe:
    return Probe(id="row", seq=0, worker=0, outcome=outcome, ns=1)


@pytest.mark.parametrize("said", ANSWERS)
@pytest.mark.parametrize("ours", OUTCOMES)
def test_only_the_same_agrees(ours: Outcome, said: str) -> None:
    assert bool(disagreement(probe(ours), ANSWERS[said])) == (ours != said)


@pytest.mark.parametrize("ours", OUTCOMES)
@pytest.mark.parametrize(
    "answer",
    [
        Answer("row", "ip", 2, 'Error: argument "vxlann" is wrong: unknown'),
        Answer("row", "ip", 2, 'iptables v1.8.9 (legacy): unknown option "--no-such"'),
        Answer("row", "ip", 2, "iptables v1.8.9 (legacy): Couldn't load match `x':No such file or directory"),
        Answer("row", "ip", 1, ""),
        Answer("row", "ip", NO_PREREQUISITE, "ip: garbage"),
        Answer("row", "ip", TIMEOUT, REFUSED),
        Answer("row", "ip", 127, "sh: 1: ipset: not found"),
        Answer("row", "ip", 137, REFUSED),
    ],
    ids=lambda answer: f"{answer.rc}-{answer.said[:20]}",
)
def test_a_program_that_did_not_ask_agrees_with_nothing(ours: Outcome, answer: Answer) -> None:
    assert outcome(answer) == "none"
    assert disagreement(probe(ours), answer)


def test_exemption_holds_for_exactly_its_difference() -> None:
    assert not disagreement(probe("works"), ANSWERS["absent"], EXEMPT)
    for ours in OUTCOMES:
        for said, answer in ANSWERS.items():
            if (ours, said) != ("works", "absent"):
                assert disagreement(probe(ours), answer, EXEMPT), (ours, said)


def test_difference_is_told_with_both_sides() -> None:
    told = replace(probe("absent"), step="create", error="EOPNOTSUPP", errno=95, extack="Unknown device type")
    text = disagreement(told, ANSWERS["works"])
    assert "absent, at create, EOPNOTSUPP, Unknown device type" in text
    assert "works: exit status 0" in text


def test_config() -> None:
    config = kconfig.parse(["# CONFIG_A is not set", "CONFIG_B=y", "CONFIG_C=m", 'CONFIG_D="x"', ""])
    assert config == {"CONFIG_B": "y", "CONFIG_C": "m", "CONFIG_D": '"x"'}
    assert kconfig.expected(["CONFIG_B"], config) == "works"
    assert kconfig.expected(["CONFIG_B", "CONFIG_A"], config) == "absent"
    assert kconfig.expected(["CONFIG_C"], config) == ""
    assert kconfig.expected(["CONFIG_A|CONFIG_B"], config) == "works"
    assert kconfig.expected(["CONFIG_A|CONFIG_NOWHERE"], config) == "absent"
    assert kconfig.expected(["CONFIG_C", "CONFIG_NOWHERE"], config) == "absent"
