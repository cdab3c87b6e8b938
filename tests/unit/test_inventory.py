# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Sets that rows tell, and the names of what is in them: from the core's one table to what a reader sees."""

from typing import Any

import pytest
from click.testing import CliRunner

from kprobe import cli, collect, evidence, inventory, profile
from kprobe.evidence import Fact, Probe
from kprobe.judge import judge
from kprobe.render.text import render
from tests.unit import synthetic

ROWS = evidence.rows(collect.catalogue(), "catalogue")
BITS = {bit.id: bit for bit in inventory.bits(ROWS)}


def kprobe(*arguments: str) -> str:
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def fact(value: Any) -> Fact:
    return Fact(id="names.f", value=value)


def probe(name: str, helpers: str) -> Probe:
    return Probe(id=name, family="f", seq=1, worker=1, ns=1, outcome="works", detail={"helpers": helpers, "more": "1"})


def test_helpers_have_the_kernels_numbers() -> None:
    """include/uapi/linux/bpf.h, Linux 7.2."""
    numbers = {"map_lookup_elem": 1, "redirect_map": 51, "ringbuf_output": 130, "loop": 181, "cgrp_storage_delete": 211}
    assert {name: BITS[f"bpf.helper.xdp.{name}"].number for name in numbers} == numbers
    assert sum(bit.row.id == "bpf.helper.xdp" for bit in BITS.values()) == 211


def test_each_row_of_a_helper_is_a_bit_of_its_inventory() -> None:
    called = [row.id for row in ROWS if row.family == "bpf.helper" and not row.bits and not row.control]
    assert len(called) > 40
    assert not set(called) - BITS.keys()


def test_members() -> None:
    names = ("unspec", "a", "b", "c")
    assert inventory.members("0000000a", names) == ("a", "c")
    assert inventory.members("30", names) == ("4", "5"), "of a newer core, without a name here"
    assert inventory.members("0", names) == ()
    for odd in ("", "x", "-1", "0x1", "1" * 5000):
        assert inventory.members(odd, names) == ()


@pytest.mark.parametrize(
    "value", [None, 1, "helpers", [], {}, {"helpers": "a b"}, {"helpers": {"a": 1}}, {"other": ["a"]}]
)
def test_evidence_of_strangers_names_nothing(value: Any) -> None:
    assert list(inventory.sets([probe("f.x", "6")], [fact(value)])) == []


def test_sets_of_an_evidence() -> None:
    probes = [probe("f.x", "6"), probe("f.y", "2")]
    told = list(inventory.sets(probes, [fact({"helpers": ["unspec", "a", "b"]})]))
    assert [(p.id, detail, names) for p, detail, names in told] == [
        ("f.x", "helpers", ("a", "b")),
        ("f.y", "helpers", ("a",)),
    ]


def test_explain_names_what_an_inventory_asks_about() -> None:
    said = kprobe("explain", "bpf.helper.xdp")
    assert "211 helpers are asked about" in said
    assert " redirect_map," in said
    assert "unspec" not in said
    assert "bit 51 of detail.helpers of bpf.helper.xdp" in kprobe("explain", "bpf.helper.xdp.redirect_map")


def test_explain_of_a_bit() -> None:
    assert "bpf.helper.sched_cls.sk_assign" not in {row.id for row in ROWS}
    said = kprobe("explain", "bpf.helper.sched_cls.sk_assign")
    assert "bit 124 of detail.helpers" in said
    assert "EACCES, its arguments were looked at" in said
    said = kprobe("explain", "bpf.helper.sched_act.fib_lookup")
    assert "bpf.helper.sched_cls.fib_lookup, bpf.helper.xdp.fib_lookup" in said


def test_a_misspelt_bit_is_put_right() -> None:
    result = CliRunner().invoke(cli.main, ["explain", "bpf.helper.sched_act.redirekt_map"])
    assert result.exit_code == 2
    assert "did you mean bpf.helper.sched_act.redirect_map?" in result.stderr


def test_probes_all_lists_each_question_once() -> None:
    few = kprobe("probes", "--select", "bpf.helper.xdp").splitlines()
    many = kprobe("probes", "--select", "bpf.helper.xdp", "--all").splitlines()
    assert len(many) == len(few) + 211
    ids = [line.split()[0] for line in kprobe("probes", "--select", "bpf.helper.*", "--all").splitlines()]
    assert len(set(ids)) == len(ids)
    assert {row.id for row in ROWS if row.family == "bpf.helper"} <= set(ids)


def test_a_report_of_everything_names_what_is_in_the_sets() -> None:
    found = synthetic.calico_but({})
    more = evidence.Evidence(
        source="s",
        begin=found.begin,
        facts=(*found.facts, fact({"helpers": ["unspec", "apple", "pear", "plum"]})),
        probes=(*found.probes, probe("f.x", "6"), probe("f.y", "a"), probe("f.z", "2")),
        end=found.end,
    )
    said = render(judge(more, profile.load("calico")), show_all=True)
    assert "f: helpers\n  all 3  apple\n" in said
    assert "  f.x  2: the common ones and pear\n" in said
    assert "  f.y  2: the common ones and plum\n" in said
    assert "  f.z  1: the common ones and no other\n" in said
    assert "helpers=" not in said
    assert "more=1" in said
    assert "apple" not in render(judge(more, profile.load("calico")))
