# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What a crosscheck makes of answers: a disagreement is always told, and what was not asked never agrees."""

import json
import os
import time
from typing import get_args

import pytest
from msgspec.structs import replace

from kprobe.crosscheck import check
from kprobe.crosscheck.compare import Finding, Verdict, finding, unasked
from kprobe.crosscheck.model import Answer, Exemption, Oracle, RefusedError, asking
from kprobe.crosscheck.result import AGREE, DIFFER, NOTHING, Program, Result, as_json, as_text
from kprobe.errors import InputError
from kprobe.evidence import Begin, Evidence, Outcome, Probe, Uname

REFUSED = "RTNETLINK answers: Operation not supported"
ORACLE = Oracle("link.x", do=("ip link add kp type x",))


def probe(outcome: Outcome = "works", row: str = "link.x") -> Probe:
    return Probe(id=row, family="link", seq=1, worker=1, ns=1, outcome=outcome, step="create")


def found(outcome: Outcome, answer: Answer, oracle: Oracle = ORACLE) -> Finding:
    return finding(probe(outcome), oracle, answer)


def result(*findings: Finding) -> Result:
    return Result("node (Linux 6.1 x86_64)", (Program("ip", "6.1"), Program("wg", why_not="not installed")), findings)


AGREES = found("works", Answer("link.x", "ip", 0))
DIFFERS = found("works", Answer("link.x", "ip", 2, REFUSED))
NOT_ASKED = found("works", Answer("link.x", "ip", said="not installed: ip", told="not asked"))
UNHEARD = found("absent", Answer("link.x", "ip", 255, 'Error: either "dev" is duplicate'))


@pytest.mark.parametrize(
    ("ours", "answer", "verdict"),
    [
        ("works", Answer("link.x", "ip", 0), "agrees"),
        ("absent", Answer("link.x", "ip", 2, REFUSED), "agrees"),
        ("absent", Answer("link.x", "ip", 97, REFUSED), "agrees"),
        ("denied", Answer("link.x", "ip", 2, "RTNETLINK answers: Operation not permitted"), "agrees"),
        ("broken", Answer("link.x", "ip", 98), "agrees"),
        ("absent", Answer("link.x", "ip", told="absent", errno=95), "agrees"),
        ("works", Answer("link.x", "ip", 2, REFUSED), "differs"),
        ("absent", Answer("link.x", "ip", 0), "differs"),
        ("absent", Answer("link.x", "ip", 2, "RTNETLINK answers: Operation not permitted"), "differs"),
        ("denied", Answer("link.x", "ip", 0), "differs"),
        ("broken", Answer("link.x", "ip", 0), "differs"),
        ("unknown", Answer("link.x", "ip", 0), "unknown"),
        ("unknown", Answer("link.x", "ip", 2, REFUSED), "unknown"),
        ("works", Answer("link.x", "ip", 124), "unheard"),
        ("absent", Answer("link.x", "ip", 137, REFUSED), "unheard"),
        ("absent", Answer("link.x", "ip", 1, "usage: ip"), "unheard"),
        ("works", Answer("link.x", "ip", said="not installed: ip", told="not asked"), "not asked"),
        ("unknown", Answer("link.x", "ip", said="not installed: ip", told="not asked"), "not asked"),
    ],
)
def test_verdict(ours: Outcome, answer: Answer, verdict: Verdict) -> None:
    assert found(ours, answer).verdict == verdict


def test_only_the_exempted_difference_is_explained() -> None:
    oracle = Oracle("link.x", do=ORACLE.do, differs=Exemption("works", "absent", "too old", "test_x"))
    assert found("works", Answer("link.x", "ip", 2, REFUSED), oracle).verdict == "explained"
    assert found("works", Answer("link.x", "ip", 2, REFUSED), oracle).less == "too old"
    assert found("absent", Answer("link.x", "ip", 0), oracle).verdict == "differs"


def test_a_disagreement_is_told_with_both_sides_words() -> None:
    text = as_text(result(AGREES, DIFFERS))
    assert "Disagreements\n  link.x\n    kprobe: works, at create\n    ip: absent: exit status 2, RTNETLINK" in text
    assert "1 answer of 1 program agree with kprobe, 1 differ: see above." in text
    assert result(AGREES, DIFFERS).exit_code == DIFFER


def test_what_was_not_compared_is_told_beside() -> None:
    last = as_text(result(AGREES, UNHEARD, NOT_ASKED)).splitlines()[-1]
    assert last == "1 answer of 1 program agree with kprobe, 0 differ; 1 unheard; 1 not asked."


def test_exit_codes() -> None:
    assert result(AGREES, UNHEARD, NOT_ASKED).exit_code == AGREE
    assert result(UNHEARD, NOT_ASKED).exit_code == NOTHING
    assert result().exit_code == NOTHING
    assert "Nothing could be compared" in as_text(result(NOT_ASKED))


def test_what_is_missing_is_named_and_never_agrees() -> None:
    text = as_text(result(NOT_ASKED))
    assert "wg  not asked: not installed" in text
    assert result(NOT_ASKED).totals == {**dict.fromkeys(get_args(Verdict), 0), "not asked": 1}


def test_all_shows_every_answer() -> None:
    assert "link.x" not in as_text(result(AGREES))
    assert "link.x  (agrees)\n    kprobe: works" in as_text(result(AGREES), show_all=True)


def test_words_of_a_program_are_made_harmless() -> None:
    evil = found("works", Answer("link.x", "ip", 2, f"{REFUSED}\n\x1b]0;x\x07"))
    for text in (as_text(result(evil)), as_json(result(evil))):
        assert text.isascii() or "…" in text
        assert "\x1b" not in text
        assert "\x07" not in text


def test_json_holds_everything() -> None:
    value = json.loads(as_json(result(AGREES, DIFFERS, NOT_ASKED)))
    assert [entry["verdict"] for entry in value["findings"]] == ["agrees", "differs", "not asked"]
    assert value["exit_code"] == 1
    assert value["families"]["link"]["differs"] == value["totals"]["differs"] == 1
    assert value["programs"][1] == {"name": "wg", "version": "", "why_not": "not installed"}


def test_rows_that_no_program_asks_are_counted() -> None:
    probes = [probe(row="link.x"), probe(row="link.y"), probe(row="link.z")]
    control = Probe(id="link.c", family="link", seq=1, worker=1, ns=1, outcome="works", control="positive")
    left = list(unasked([*probes, control], [AGREES], lambda row: "a reason" if row == "link.z" else ""))
    assert [(entry.row, entry.family) for entry in left] == [("link.y", "link"), ("link.z", "link")]
    assert left[1].why == "a reason"
    shown = Result("node", (), (AGREES,), tuple(left))
    text = as_text(shown)
    assert "Rows without a second opinion: a reason\n  link.z\n" in as_text(shown, show_all=True)
    assert text.splitlines()[-4].split() == ["link", "1", "-", "-", "-", "-", "-", "2"]


def test_only_what_the_kernel_refused_is_a_refusal() -> None:
    with pytest.raises(RefusedError) as refused, asking():
        raise OSError(95, "no")
    assert refused.value.errno == 95
    with pytest.raises(KeyError), asking():
        raise KeyError("a fault of its own")


def test_programs_are_found_where_a_shell_looks_for_them() -> None:
    oracle = Oracle(
        "x",
        setup=("ip link add kp type dummy && ipset create kp hash:ip",),
        do=("x=$(env iptables-legacy -S ip)", "timeout 5 strace -e trace=bpf tc qdisc show | grep -q 'nft'"),
    )
    assert oracle.program == "iptables-legacy"
    assert set(oracle.needs) == {"ip", "ipset", "iptables-legacy", "timeout", "strace", "tc"}


def evidence() -> Evidence:
    name = os.uname()
    uname = Uname(
        sysname=name.sysname, nodename=name.nodename, release=name.release, version=name.version, machine=name.machine
    )
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Evidence(source="file", begin=Begin(format=1, uid=0, seccomp=0, uname=uname, time=now))


def test_evidence_of_another_boot_is_refused() -> None:
    found = evidence()
    check.of_this_boot(found)
    for changes in ({"uname": Uname(release="5.4")}, {"time": "2020-01-01T00:00:00Z"}, {"time": ""}):
        with pytest.raises(InputError):
            check.of_this_boot(replace(found, begin=replace(found.begin, **changes)))
