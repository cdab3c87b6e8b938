# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Rendering: everything is said, nothing from evidence reaches the terminal unescaped."""

import json
import re
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import profile, render
from kprobe.clean import clean
from kprobe.evidence import Evidence, Fact, Left, Probe, Uname
from kprobe.judge import judge
from kprobe.report import Report
from tests.unit import synthetic

CALICO = profile.load("calico")
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \r\n\u202eevil\u2066 \u200b\x7f\x00 \U000e0041 é"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def hostile() -> Evidence:
    """Evidence whose every text tries to take over the terminal."""
    rows: list[Probe] = [
        synthetic.probe(
            "link.ipip",
            "absent",
            step=HOSTILE,
            error=HOSTILE,
            extack=HOSTILE,
            reason=HOSTILE,
            log=(HOSTILE,),
            detail={HOSTILE: HOSTILE},
            modules=(HOSTILE,),
        ),
        synthetic.probe("a." + HOSTILE, "unknown", reason=HOSTILE, control="positive"),
    ]
    found = synthetic.stream(
        {}, uname=Uname(nodename=HOSTILE, release=HOSTILE, machine=HOSTILE), plan={HOSTILE: (HOSTILE,)}
    )
    assert found.end is not None
    return msgspec.structs.replace(
        found,
        source=HOSTILE,
        probes=tuple(rows),
        facts=(Fact(id="node.modules", source=HOSTILE, value={HOSTILE: HOSTILE}),),
        end=msgspec.structs.replace(
            found.end, left=(Left(module=HOSTILE, command=HOSTILE, reason=HOSTILE),), leaks={HOSTILE: 1}
        ),
    )


def unsafe(text: str) -> list[str]:
    return [
        char
        for char in text
        if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    ]


@given(st.text())
def test_clean_text_is_harmless(text: str) -> None:
    assert not unsafe(clean(text))
    assert "\n" not in clean(text)


def test_formats_are_found_by_listing() -> None:
    assert {"text", "json"} <= set(render.formats())


@pytest.mark.parametrize("name", render.formats())
def test_no_escape_gets_through(name: str) -> None:
    report = judge(hostile(), CALICO)
    assert not unsafe(render.render(name, report, show_all=True))


def test_colour_is_the_same_text() -> None:
    report = judge(hostile(), CALICO)
    colored = render.render("text", report, color=True, show_all=True)
    assert ANSI.search(colored)
    assert not unsafe(ANSI.sub("", colored))
    assert ANSI.sub("", colored) == render.render("text", report, show_all=True)


def text_of(found: Evidence, *modes: str, show_all: bool = False) -> str:
    return render.render("text", judge(found, CALICO, modes), show_all=show_all)


def test_the_answer_comes_first() -> None:
    first = text_of(synthetic.calico()).splitlines()[0]
    assert first == "Calico 3.33 on synthetic (Linux 6.18.0 x86_64): READY"
    assert text_of(synthetic.calico_but({"link.veth": "absent"})).splitlines()[0].endswith("NOT READY")
    assert text_of(synthetic.stream({})).splitlines()[0].endswith("CANNOT TELL")


def test_a_no_in_the_kernels_own_words() -> None:
    row = synthetic.probe(
        "link.ipip",
        "absent",
        extack="Unknown device type",
        log=("a line of the log",),
        modules=("ipip",),
        kconfig=("CONFIG_NET_IPIP",),
    )
    found = msgspec.structs.replace(
        synthetic.stream({}),
        probes=(row,),
        facts=(
            Fact(id="node.modules", value={"ipip": "nowhere"}),
            Fact(id="node.kconfig", value={"CONFIG_NET_IPIP": "y"}),
        ),
    )
    text = text_of(found, "ipip")
    assert "  absent  link.ipip\n" in text
    assert 'create: EOPNOTSUPP (95) "Unknown device type"\n' in text
    assert "kernel log: a line of the log\n" in text
    assert "cause: why is unknown: no fact in this evidence tells\n" in text
    assert "contradiction: config CONFIG_NET_IPIP: y, yet the kernel said no\n" in text
    assert "required by ipip: packets between nodes travel IP in IP\n" in text
    assert "this evidence has no such row" in text


def test_what_is_lost_and_how_to_do_without() -> None:
    text = text_of(synthetic.calico_but({"xt.nft.ipv4.target.DSCP": "absent"}))
    assert "Missing, but nothing stops without it" in text
    assert "lost without it: DSCP QoS\n" in text
    assert "to do without: set no DSCP QoS annotations\n" in text


def test_many_doubts_for_one_reason_are_said_once() -> None:
    text = text_of(synthetic.stream(dict.fromkeys(synthetic.calico_ids(), "unknown")))
    assert text.count("create: EOPNOTSUPP") == 1
    assert "more\n" in text
    everything = text_of(synthetic.stream(dict.fromkeys(synthetic.calico_ids(), "unknown")), show_all=True)
    assert all(name in everything for name in synthetic.calico_ids())


@pytest.mark.parametrize("width", [20, 80, 100])
def test_wrapping_loses_no_word(width: int) -> None:
    report = judge(synthetic.calico_but({"link.ipip": "absent", "xt.nft.ipv4.target.DSCP": "absent"}), CALICO)
    wrapped = render.render("text", report, width=width)
    assert wrapped.split() == render.render("text", report).split()
    assert width < 80 or max(map(len, wrapped.splitlines())) <= width


def test_incomplete_evidence_says_so() -> None:
    cut = msgspec.structs.replace(synthetic.calico(), end=None)
    assert "the evidence is incomplete" in text_of(cut).splitlines()[1]


def test_json_holds_the_whole_report() -> None:
    report = judge(synthetic.calico_but({"link.ipip": "absent"}), CALICO)
    text = render.render("json", report)
    assert text.isascii()
    assert msgspec.json.decode(text.encode(), type=Report) == report
    assert json.loads(text)["verdict"] == "pass"
    strange = judge(hostile(), CALICO)
    assert msgspec.json.decode(render.render("json", strange).encode(), type=Report) == strange
