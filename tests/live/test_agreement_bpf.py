# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""bpftool as the oracle of all that it states: types, instruction levels, helpers, switches, configuration."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from kprobe.crosscheck import bpftool
from kprobe.crosscheck.compare import Finding
from kprobe.crosscheck.model import Answer
from kprobe.crosscheck.survey import Known
from kprobe.evidence import Evidence


@pytest.fixture(scope="module")
def told() -> str:
    command = ["bpftool", "-j", "feature", "probe", "kernel", "full"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def findings(told: str, run: Evidence) -> list[Finding]:
    return list(bpftool.compare(Known.of(run), Answer(bpftool.CALL.row, "bpftool", said=told)))


def test_all_that_it_states_is_in_the_answer(told: str, intrusive: Evidence) -> None:
    found = findings(told, intrusive)
    assert [f for f in found if f.verdict in ("differs", "unknown")] == []
    agreed = {f.subject for f in found if f.verdict == "agrees"}
    stated = json.loads(told)
    assert len(agreed) >= sum(len(stated[group]) for group in ("program_types", "map_types", "misc", "system_config"))


def test_what_it_says_of_helpers_is_left_out_only_where_it_fails_its_controls(told: str, intrusive: Evidence) -> None:
    lists: Mapping[str, Any] = json.loads(told)["helpers"]
    for found in findings(told, intrusive):
        if found.verdict == "unheard":
            names = lists[f"{found.subject.removeprefix('bpf.helper.')}_available_helpers"]
            assert {"bpf_xdp_adjust_head", "bpf_sock_map_update"} & set(names)
        elif found.family == "bpf.helper":
            assert found.count > 100, "it says little: this would prove nothing"


def test_a_wrong_answer_would_show(told: str, intrusive: Evidence) -> None:
    stated = json.loads(told)
    groups = ("program_types", "map_types", "misc")
    for group in groups:
        stated[group] = {name: not there for name, there in stated[group].items()}
    differing = [f for f in findings(json.dumps(stated), intrusive) if f.verdict == "differs"]
    assert len(differing) == sum(len(stated[group]) for group in groups)
