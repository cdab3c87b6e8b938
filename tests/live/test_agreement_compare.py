# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The comparison itself: a verdict that is turned round is always seen."""

from typing import get_args

import pytest
from msgspec.structs import replace

from kprobe.evidence import Outcome, Probe

from .oracles import kconfig
from .oracles.compare import Answer, Exemption, disagreement
from .oracles.script import NO_PREREQUISITE, OTHERWISE, TIMEOUT

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
REFUSED = "RTNETLINK answers: Operation not supported"
ANSWERS = {
    "works": Answer("row", 0),
    "absent": Answer("row", 2, REFUSED),
    "broken": Answer("row", OTHERWISE),
}
EXEMPT = {"row": Exemption("works", "absent", "a reason", "test_x")}


def probe(outcome: Outcome) -> Probe:
    return Probe(id="row", seq=0, worker=0, outcome=outcome, ns=1)


@pytest.mark.parametrize("said", ANSWERS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_the_same_agrees(outcome: Outcome, said: str) -> None:
    assert bool(disagreement(probe(outcome), ANSWERS[said])) == (outcome != said)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize(
    "answer",
    [
        Answer("row", 2, 'Error: argument "vxlann" is wrong: unknown'),
        Answer("row", 2, 'iptables v1.8.9 (legacy): unknown option "--no-such"'),
        Answer("row", 2, "iptables v1.8.9 (legacy): Couldn't load match `x':No such file or directory"),
        Answer("row", 1, ""),
        Answer("row", NO_PREREQUISITE, "ip: garbage"),
        Answer("row", TIMEOUT, REFUSED),
        Answer("row", 127, "sh: 1: ipset: not found"),
        Answer("row", 137, REFUSED),
    ],
    ids=lambda answer: f"{answer.rc}-{answer.said[:20]}",
)
def test_a_program_that_did_not_ask_agrees_with_nothing(outcome: Outcome, answer: Answer) -> None:
    assert answer.outcome == "none"
    assert disagreement(probe(outcome), answer)


def test_exemption_holds_for_exactly_its_difference() -> None:
    assert not disagreement(probe("works"), ANSWERS["absent"], EXEMPT)
    for outcome in OUTCOMES:
        for said, answer in ANSWERS.items():
            if (outcome, said) != ("works", "absent"):
                assert disagreement(probe(outcome), answer, EXEMPT), (outcome, said)


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
    assert kconfig.expected(["CONFIG_C", "CONFIG_NOWHERE"], config) == "absent"
