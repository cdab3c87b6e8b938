# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What bpftool states is believed where it passes its controls, and then every difference is told."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from msgspec.structs import replace

from kprobe import collect, evidence
from kprobe.crosscheck import bpftool
from kprobe.crosscheck.compare import Finding
from kprobe.crosscheck.model import Answer
from kprobe.crosscheck.survey import Known
from kprobe.evidence import Fact, Outcome, Probe

HELPERS = ("map_lookup_elem", "map_update_elem", "skb_load_bytes", "redirect")
ROW = next(row for row in evidence.rows(collect.catalogue("bpf.helper.xdp"), "catalogue") if row.bits)
NAMES = ROW.bits["helpers"]
NUMBERS = {name: number for number, name in enumerate(NAMES)}
TOLD = Fact(id="names.bpf.helper", value={"helpers": list(NAMES)})
LAST = NUMBERS["xdp_adjust_head"]


def probe(row: str, outcome: Outcome = "works", detail: Mapping[str, str] = MappingProxyType({})) -> Probe:
    return Probe(id=row, family=row.rpartition(".")[0], seq=1, worker=1, ns=1, outcome=outcome, detail=detail)


def inventory(*names: str, **detail: str) -> Probe:
    bits = sum(1 << NUMBERS[name] for name in names)
    return probe("bpf.helper.sched_cls", detail={"helpers": f"{bits:064x}", **detail})


def compare(
    stated: Mapping[str, Any], *probes: Probe, facts: Iterable[Fact] = (), whole: bool = False
) -> list[Finding]:
    known = Known({p.id: p for p in probes}, {f.id: f for f in (TOLD, *facts)}, whole=whole)
    return list(bpftool.compare(known, Answer("bpf.feature-probe", "bpftool", said=json.dumps(stated))))


def helpers(*names: str, xdp: Iterable[str] = ("xdp_adjust_head",)) -> Mapping[str, Any]:
    return {
        "helpers": {
            "sched_cls_available_helpers": [f"bpf_{name}" for name in names],
            "xdp_available_helpers": [f"bpf_{name}" for name in xdp],
        }
    }


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for finding in findings:
        found[finding.verdict] += finding.count
    return dict(found)


def test_the_same_helpers_agree_each() -> None:
    assert counts(compare(helpers(*HELPERS), inventory(*HELPERS))) == {"agrees": LAST}


@pytest.mark.parametrize("name", HELPERS[1:])
def test_a_helper_that_only_one_of_them_has_is_told(name: str) -> None:
    less = [other for other in HELPERS if other != name]
    (_, differs) = compare(helpers(*HELPERS), inventory(*less))
    assert (differs.verdict, differs.count) == ("differs", 1)
    assert (differs.kprobe, differs.said) == (f"no to bpf_{name}()", "yes to these")
    (_, differs) = compare(helpers(*less), inventory(*HELPERS))
    assert (differs.kprobe, differs.said) == (f"yes to bpf_{name}()", "no to these")


def test_what_bpftool_is_too_old_to_know_it_does_not_deny() -> None:
    assert counts(compare(helpers(*HELPERS), inventory(*HELPERS, "cgrp_storage_get"))) == {"agrees": LAST}


def test_a_helper_that_kprobe_has_no_name_for_is_a_difference() -> None:
    (_, strange) = compare(helpers(*HELPERS, "brand_new"), inventory(*HELPERS))
    assert (strange.verdict, strange.said) == ("differs", "yes to bpf_brand_new")


@pytest.mark.parametrize(("name", "verdict"), [("d_path", "explained"), ("check_mtu", "differs")])
def test_only_what_the_verifier_refuses_behind_the_type_is_explained(name: str, verdict: str) -> None:
    (_, found) = compare(helpers(*HELPERS, name), inventory(*HELPERS))
    assert (found.verdict, found.kprobe) == (verdict, f"no to bpf_{name}()")


def test_a_list_with_a_helper_that_the_type_cannot_have_is_no_answer() -> None:
    (found,) = compare(helpers(*HELPERS, "xdp_adjust_head"), inventory(*HELPERS))
    assert (found.verdict, found.count) == ("unheard", 5)
    assert "bpf_xdp_adjust_head()" in found.said


def test_a_list_without_the_helper_that_all_have_is_no_answer() -> None:
    assert counts(compare(helpers("redirect"), inventory(*HELPERS))) == {"unheard": 1}


def test_a_no_that_only_bpftool_is_the_cause_of_is_explained_where_it_can_be() -> None:
    row, stated = probe("bpf.map.struct_ops"), {"map_types": {"have_struct_ops_map_type": False}}
    for release, verdict in (((5, 10), "explained"), ((6, 9), "differs")):
        known = Known({row.id: row}, {}, whole=False, release=release)
        (found,) = bpftool.compare(known, Answer("bpf.feature-probe", "bpftool", said=json.dumps(stated)))
        assert found.verdict == verdict


def test_types_that_bpftool_declines_to_ask_are_no_statement() -> None:
    row = replace(inventory(*HELPERS), id="bpf.helper.lsm")
    assert compare({"helpers": {"lsm_available_helpers": []}}, row) == []


def test_what_kprobe_did_not_ask_is_unknown() -> None:
    row = inventory(*HELPERS, not_asked="6,36", unclear="7:ENOMEM")
    assert counts(compare(helpers(*HELPERS, "trace_printk"), row)) == {"agrees": LAST - 3, "unknown": 3}


@pytest.mark.parametrize(
    ("there", "outcome", "verdict"),
    [
        (True, "works", "agrees"),
        (True, "absent", "differs"),
        (True, "denied", "differs"),
        (True, "broken", "differs"),
        (True, "unknown", "unknown"),
        (False, "works", "differs"),
        (False, "absent", "agrees"),
        (False, "denied", "agrees"),
        (False, "unknown", "unknown"),
    ],
)
@pytest.mark.parametrize(
    ("group", "name", "row"),
    [
        ("program_types", "have_xdp_prog_type", "bpf.prog.xdp"),
        ("map_types", "have_lpm_trie_map_type", "bpf.map.lpm_trie"),
        ("misc", "have_bounded_loops", "bpf.insn.bounded-loop"),
        ("syscall_config", "have_bpf_syscall", "bpf.syscall"),
    ],
)
def test_yes_and_no(group: str, name: str, row: str, there: bool, outcome: Outcome, verdict: str) -> None:
    (found,) = compare({group: {name: there}}, probe(row, outcome))
    assert (found.subject, found.verdict) == (row, verdict)


def test_a_type_that_kprobe_does_not_know_is_a_difference_in_a_whole_run() -> None:
    stated = {"map_types": {"have_new_map_type": True}}
    assert compare(stated) == []
    (found,) = compare(stated, whole=True)
    assert (found.subject, found.verdict, found.kprobe) == ("bpf.map.new", "differs", "no such row")


FACTS = (
    Fact(id="node.kconfig", value={"CONFIG_BPF": "y", "CONFIG_TEST_BPF": "n", "CONFIG_HZ": "250"}),
    Fact(id="node.sysctl", value={"net/core/bpf_jit_enable": "1"}),
)


def test_settings() -> None:
    stated = {"CONFIG_BPF": "y", "CONFIG_TEST_BPF": None, "CONFIG_HZ": "250", "bpf_jit_enable": 1, "bpf_jit_limit": -1}
    assert counts(compare({"system_config": stated}, facts=FACTS)) == {"agrees": 4}
    wrong = {"CONFIG_BPF": None, "CONFIG_TEST_BPF": "m", "CONFIG_HZ": "100", "bpf_jit_enable": 0, "CONFIG_NEW": "y"}
    assert counts(compare({"system_config": wrong}, facts=FACTS)) == {"differs": 5}


def test_without_a_configuration_to_read_it_states_none() -> None:
    assert compare({"system_config": {"CONFIG_BPF": None, "CONFIG_HZ": None}}, facts=FACTS) == []


def test_no_json_is_no_answer() -> None:
    known = Known({}, {}, whole=True)
    (found,) = bpftool.compare(known, Answer("bpf.feature-probe", "bpftool", said="Error: no"))
    assert found.verdict == "unheard"


def test_failure_of_the_call_is_one_finding() -> None:
    known = Known({}, {}, whole=True)
    missing = Answer("bpf.feature-probe", "bpftool", said="not installed: bpftool", told="not asked")
    assert [f.verdict for f in bpftool.SURVEY.findings(known, missing)] == ["not asked"]
    killed = Answer("bpf.feature-probe", "bpftool", rc=124)
    assert [f.verdict for f in bpftool.SURVEY.findings(known, killed)] == ["unheard"]


def test_names_of_helpers() -> None:
    assert len(NAMES) == len(NUMBERS) == 212
    # include/uapi/linux/bpf.h
    assert {name: NUMBERS[name] for name in ("unspec", "redirect_map", "ringbuf_output", "cgrp_storage_delete")} == {
        "unspec": 0,
        "redirect_map": 51,
        "ringbuf_output": 130,
        "cgrp_storage_delete": 211,
    }
