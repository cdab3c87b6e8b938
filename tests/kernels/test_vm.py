# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The collector under real modular kernels: what it says, what it loads and unloads, and what it leaves alone."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from kprobe import profile
from kprobe.evidence import End, Evidence, Probe, Row, parse
from kprobe.judge import judge
from kprobe.report import exit_code

from .boot import VMResult
from .conftest import Play

TUNNELS = {"link.ipip": "ipip", "link.vxlan.inet": "vxlan", "link.wireguard": "wireguard", "link.dummy": "dummy"}
SLACK = 64  # objects that the kernel counts for a CPU and not yet for all
LODGERS = ["link vxlan", "link wireguard", "link dummy", "link ifb", "link bridge", "link veth", "table", "set"]


def evidence_of(result: VMResult, name: str = "evidence.ndjson") -> tuple[Evidence, End]:
    """A run's evidence, which must be complete."""
    evidence = parse(result.text(name).encode().splitlines(keepends=True), f"{result.name}/{name}")
    assert evidence.end is not None, f"cut while {evidence.running} ran"
    assert not evidence.incomplete
    return evidence, evidence.end


def names(result: VMResult, file: str) -> set[str]:
    """The modules in a copy of /proc/modules."""
    return {line.split()[0] for line in result.text(file).splitlines()}


def pinned(result: VMResult, file: str) -> set[str]:
    """Modules that no one can remove: those without an exit function, and what these use."""
    users = {fields[0]: set(fields[3].split(",")) for fields in map(str.split, result.text(file).splitlines())}
    found = {"[permanent]"}
    while more := {module for module, by in users.items() if by & found} - found:
        found |= more
    return found


def rows(evidence: Evidence) -> dict[str, Probe]:
    return {p.id: p for p in evidence.probes}


def test_every_planned_row_is_answered(play: Play) -> None:
    evidence, end = evidence_of(play("evidence"))
    assert [p.id for p in evidence.probes if p.outcome == "unknown" and not (p.reason or p.errno)] == []
    assert {p.id for p in evidence.probes} == {row for plan in evidence.begin.plan.values() for row in plan}
    assert evidence.begin.uname.release == play("evidence").release
    assert dict(end.leaks) == {}


@pytest.mark.parametrize("row", TUNNELS)
def test_tunnels_work(play: Play, row: str) -> None:
    answer = rows(evidence_of(play("evidence"))[0])[row]
    assert answer.outcome == "works", answer


@pytest.mark.parametrize("name", profile.bundled())
def test_distribution_kernels_are_ready(play: Play, name: str) -> None:
    """Debian's kernels run every product that a bundled profile is of."""
    assert exit_code(judge(evidence_of(play("evidence"))[0], profile.load(name))) == 0


def test_controls_hold(play: Play) -> None:
    for probe in evidence_of(play("evidence"))[0].probes:
        if probe.control:
            assert probe.outcome == ("works" if probe.control == "positive" else "absent"), probe


@pytest.fixture(scope="session")
def modules_of(collector: Path) -> dict[str, set[str]]:
    """The modules that rows name, by id, in the order in which the rows run."""
    listed = subprocess.run([collector, "--list"], capture_output=True, check=True).stdout
    catalogue = [msgspec.json.decode(line, type=Row) for line in listed.splitlines()]
    return {row.id: {name for word in row.modules for name in word.split("|")} for row in catalogue}


def test_a_module_is_charged_to_the_row_that_brought_it(play: Play, modules_of: dict[str, set[str]]) -> None:
    evidence, end = evidence_of(play("evidence"))
    charged = [module for probe in evidence.probes for module in probe.loaded]
    assert sorted(charged) == sorted(end.loaded), "what rows brought and what the run brought differ"
    for module in TUNNELS.values():
        first = next(p for p in evidence.probes if module in modules_of[p.id])
        assert module in first.loaded, f"{first.id} was the first row to need {module}"


def test_the_ledger_agrees_with_the_kernel(play: Play, modules_of: dict[str, set[str]]) -> None:
    result = play("evidence")
    _, end = evidence_of(result)
    stayed = names(result, "modules.after") - names(result, "modules.before")
    assert stayed == set(end.loaded) - set(end.unloaded)
    assert stayed == {left.module for left in end.left}
    assert all(left.reason for left in end.left)
    named = set().union(*modules_of.values())
    of_rows = {left.module for left in end.left if left.module in named}
    assert {left.module for left in end.left if left.command} == of_rows, "a dependency goes with what needs it"
    assert names(result, "modules.before") <= names(result, "modules.after")


def test_modules_that_hold_devices_stay_loaded_by_default(play: Play) -> None:
    result = play("evidence")
    assert set(TUNNELS.values()) <= names(result, "modules.after")


def test_the_kernel_log_shows_no_fright(play: Play) -> None:
    for name in ("evidence", "modules", "lodger"):
        log = play(name).text("dmesg")
        assert re.findall(r".*(?:BUG:|WARNING:|Oops|Call Trace|unregister_netdevice: waiting).*", log) == []


# An emulated clock on a busy machine, whatever runs in the guest.
CLOCK = re.compile(r"hrtimer: interrupt took|clocksource: |sched: |rcu: INFO: |workqueue: .* hogged CPU")


def said(result: VMResult, before: str, after: str) -> list[tuple[int, str]]:
    """Level and text of the kernel's own lines that came between two copies of its log; programs' lines are not."""
    old, new = (result.text(name).splitlines() for name in (before, after))
    assert new[: len(old)] == old, "the log went round"
    lines = (re.match(r"<(\d+)>(?:\[ *[0-9.]+\] )?(.*)", line) for line in new[len(old) :])
    return [(int(line[1]) & 7, line[2]) for line in lines if line and int(line[1]) < 8]


def test_a_run_causes_no_warning_and_no_taint(play: Play) -> None:
    result = play("evidence")
    warnings = [text for level, text in said(result, "log.before", "log.after") if level <= 4]
    assert [text for text in warnings if not CLOCK.match(text)] == []
    assert result.text("tainted.after") == result.text("tainted.before")
    loud = [text for level, text in said(result, "log.after", "log.loud") if level <= 4]
    assert any("oom_adj" in text for text in loud), "a warning went unseen: so might others"


def test_what_the_kernel_said_stands_in_the_evidence(play: Play) -> None:
    result = play("evidence")
    _, end = evidence_of(result)
    lines = said(result, "log.before", "log.after")
    assert (end.log.error, end.log.lost) == ("", False)
    assert end.log.warnings <= sum(level <= 4 for level, _ in lines)
    assert 0 < end.log.lines <= len(lines)
    assert {line[3:] for line in end.log.said} <= {text[:156] for _, text in lines}
    assert any(line.startswith("<6>wireguard: WireGuard") for line in end.log.said)


def test_audit_records_stand_in_the_evidence(play: Play) -> None:
    _, end = evidence_of(play("audit"), "audit.ndjson")
    assert not {"error", "lost"} & end.audit.keys()
    assert int(end.audit["NETFILTER_CFG"]) > 50
    assert int(end.audit["BPF"]) > 50
    silent = evidence_of(play("evidence"))[1].audit
    assert not silent, "auditing is off: nothing to tell, and nothing that was in the way"


def test_without_autoload_nothing_is_requested(play: Play) -> None:
    result = play("modules")
    assert "rtnl-link-nosuchkind" in result.text("requests.control"), "the logging modprobe logs nothing"
    assert result.text("requests.no-autoload") == ""
    assert names(result, "modules.no-autoload") == names(result, "modules.before")


def test_without_autoload_rows_say_what_they_would_load(play: Play) -> None:
    evidence, end = evidence_of(play("modules"), "no-autoload.ndjson")
    assert end.loaded == ()
    for row, module in TUNNELS.items():
        answer = rows(evidence)[row]
        assert answer.outcome == "unknown", answer
        assert "would load" in answer.reason, answer
        assert module in answer.reason, answer


def test_unload_all_removes_what_can_be_removed(play: Play) -> None:
    result = play("modules")
    _, end = evidence_of(result, "unload-all.ndjson")
    assert result.text("requests.unload-all") != ""
    assert set(TUNNELS.values()) <= set(end.unloaded)
    stayed = names(result, "modules.unload-all") - names(result, "modules.before")
    assert stayed <= pinned(result, "modules.unload-all"), "5.10's libchacha20poly1305 is permanent; these are not"
    assert stayed == {left.module for left in end.left}
    assert names(result, "modules.before") <= names(result, "modules.unload-all")
    assert result.text("links.unload-all") == result.text("links.before")


def test_what_could_hold_up_the_host_is_not_tried(play: Play) -> None:
    result = play("modules")
    found = rows(evidence_of(result, "risk.ndjson")[0])
    assert found["ipvs.sched.rr"].outcome == "works"
    refused = found["ipvs.sched.lblc"]
    assert refused.outcome == "unknown"
    assert refused.reason.startswith("may hold up this host ("), refused
    assert refused.reason.endswith("run with --intrusive"), refused
    assert "ip_vs_lblc" not in names(result, "modules.risk") | names(result, "modules.no-risk")


def test_a_row_whose_module_still_starts_is_asked_again_when_it_has_started(play: Play) -> None:
    result = play("modules")
    found = rows(evidence_of(result, "started.ndjson")[0])["link.ipip"]
    assert found.outcome == "works", found
    assert len(re.findall(r"ipip", result.text("requests.started"))) > 1, "the first request was to fail"


def test_a_row_whose_module_never_ends_starting_is_unknown(play: Play) -> None:
    result = play("modules")
    found = rows(evidence_of(result, "starting.ndjson")[0])["link.ipip"]
    assert (found.outcome, found.reason) == ("unknown", "module ipip was still starting: run again")
    assert "ipip" in result.text("requests.starting")


def test_what_another_process_makes_during_a_run_survives_it(play: Play) -> None:
    result = play("lodger")
    _, end = evidence_of(result, "lodger.ndjson")
    assert (result.text("state.before"), result.text("state.after")) == ("running\n", "running\n")
    assert result.text("made").splitlines() == LODGERS
    assert result.text("links.after") == result.text("links.before")
    assert result.text("kept").splitlines() == ["table", "set"]
    assert end.unloaded, "a run that unloads nothing proves nothing here"


def test_killed_runs_leave_no_trace(play: Play) -> None:
    result = play("lodger")
    assert len(result.text("killed").split()) >= 5, "too many kills came after the run's end"
    assert differences(result, "traces.before", "traces.after") == []


def differences(result: VMResult, before: str, after: str) -> list[str]:
    """What is in one list of traces and not in the other, `-` for what went and `+` for what came."""
    old, new = (result.text(name).splitlines() for name in (before, after))
    return sorted([f"- {line}" for line in set(old) - set(new)] + [f"+ {line}" for line in set(new) - set(old)])


def test_a_run_leaves_no_trace(play: Play) -> None:
    """Links, addresses, routes, rules, neighbours, nf_tables' generation, sets, BPF objects, mounts, sysctls."""
    result = play("lodger")
    seen = {line.split()[0] for line in result.text("traces.before").splitlines()}
    assert {"link", "mount", "namespace", "folder", "module", "address", "route", "rule", "taint", "sysctl"} <= seen
    assert {"nft-generation", "nft-tables", "ip-sets"} <= seen
    assert evidence_of(result, "again.ndjson")[1].rows > 1000
    assert differences(result, "traces.before", "traces.again") == []


def test_what_the_kernel_gives_back_late_it_gives_back(play: Play) -> None:
    result = play("lodger")
    before, after = (
        {name: int(number) for name, number in map(str.split, result.text(f"amounts.{when}").splitlines())}
        for when in ("before", "after")
    )
    assert before["files"] > 0
    for name, number in after.items():
        assert number <= before[name] + SLACK, name


def test_killed_runs_cause_no_warning(play: Play) -> None:
    warnings = [text for level, text in said(play("lodger"), "log.before", "log.after") if level <= 4]
    assert [text for text in warnings if not CLOCK.match(text)] == []


# What the first run on a fresh machine leaves although it unloads all: what comes with modules that cannot be unloaded.
FIRST = re.compile(
    r"\+ module "  # those of `left` in the evidence: test_unload_all_removes_what_can_be_removed
    r"|\+ sysctl /proc/sys/net/(sctp|netfilter|ipv4/netfilter|ipv6/netfilter|nf_conntrack_max|vrf)\b"
    r"|\+ rule 1000:"  # vrf's, which cannot be unloaded: l3mdev
)


def test_the_first_run_leaves_what_its_modules_bring(play: Play) -> None:
    left = differences(play("modules"), "traces.pristine", "traces.unloaded")
    assert [line for line in left if not FIRST.match(line)] == []
