# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""bpftool as the oracle of program types, map types and instruction levels.

Its list of helpers is no oracle here: it reads the verifier's text, and on kernels whose wording changed it says yes to
helpers that the program type refuses.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kprobe.evidence import Probe

LEVELS = {
    "have_large_insn_limit": "bpf.insn.large",
    "have_bounded_loops": "bpf.insn.bounded-loop",
    "have_v2_isa_extension": "bpf.insn.v2",
    "have_v3_isa_extension": "bpf.insn.v3",
}


@pytest.fixture(scope="module")
def told() -> Mapping[str, Any]:
    done = subprocess.run(["bpftool", "-j", "feature", "probe", "kernel"], capture_output=True, check=True, timeout=60)
    return dict(json.loads(done.stdout))


def pairs(told: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Row and bpftool's answer."""
    for name, there in told["program_types"].items():
        yield f"bpf.prog.{name.removeprefix('have_').removesuffix('_prog_type')}", there
    for name, there in told["map_types"].items():
        yield f"bpf.map.{name.removeprefix('have_').removesuffix('_map_type')}", there
    for name, row in LEVELS.items():
        yield row, told["misc"][name]
    yield "bpf.syscall", told["syscall_config"]["have_bpf_syscall"]


def differing(answers: Iterator[tuple[str, bool]], probes: Mapping[str, Probe]) -> list[tuple[str, bool, str]]:
    """What is not said by both. bpftool has no word for a refusal: its no may be our `denied`."""
    agrees = {True: {"works"}, False: {"absent", "denied"}}
    return [(row, there, probes[row].outcome) for row, there in answers if probes[row].outcome not in agrees[there]]


def test_bpftool_agrees(told: Mapping[str, Any], probes: dict[str, Probe]) -> None:
    assert len(list(pairs(told))) > 60, "bpftool said little: the test would prove nothing"
    assert differing(pairs(told), probes) == []


def test_a_wrong_answer_would_show(told: Mapping[str, Any], probes: dict[str, Probe]) -> None:
    wrong = [(row, not there) for row, there in pairs(told)]
    assert len(differing(iter(wrong), probes)) == len(wrong)
