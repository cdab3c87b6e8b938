# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""kprobe and independent programs say the same of every row."""

import fnmatch
import shutil
import subprocess

import pytest

from kprobe.crosscheck import run, shell
from kprobe.crosscheck.compare import disagreement, outcome
from kprobe.crosscheck.model import Answer, Oracle
from kprobe.crosscheck.table import BY_NAME, ORACLES, ROWS, SHELL, WITHOUT, without
from kprobe.evidence import Probe

from .oracles import script
from .oracles.later import LATER

PROGRAMS = (
    *("bridge", "conntrack", "ethtool", "ip", "ipset", "ipvsadm", "nfacct", "nfct", "nft", "nsenter", "strace", "tc"),
    "tcpdump",
    *("timeout", "unshare", "wg"),
    *(f"{tool}-{backend}" for tool in ("iptables", "ip6tables") for backend in ("legacy", "nft")),
)
# What the shell and util-linux do by themselves.
OF_THE_SHELL = {"ns.net", "ns.mount", "ns.setns", *(row for row in ROWS if row.startswith("sysctl."))}


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert not missing, f"not installed: {missing}; see packages/test.txt"
    return run.ask(ORACLES)


@pytest.mark.parametrize("name", BY_NAME)
def test_agrees(name: str, probes: dict[str, Probe], answers: dict[str, Answer]) -> None:
    oracle, answer = BY_NAME[name], answers[name]
    assert oracle.row in probes, "an oracle for a row that kprobe does not have"
    probe = probes[oracle.row]
    assert not disagreement(probe, answer, oracle.differs)
    if answer.errno and probe.errno and probe.step != "prerequisite":
        assert answer.errno == probe.errno


def test_every_row_has_an_oracle(probes: dict[str, Probe]) -> None:
    rows = {probe.id for probe in probes.values() if not probe.control and probe.family not in LATER}
    assert {row for row in rows - ROWS if not without(row)} == set(), (
        "rows without an oracle: add one to kprobe/crosscheck/oracles"
    )
    assert {row for row in ROWS if without(row)} == set(), "rows with an oracle and a reason for having none"
    assert [glob for glob in WITHOUT if not fnmatch.filter(rows, glob)] == [], (
        "reasons for rows that kprobe does not have"
    )


def test_a_family_with_an_oracle_has_all(probes: dict[str, Probe]) -> None:
    begun = {probes[row].family for row in ROWS if row in probes} & LATER.keys()
    assert not begun, "take the family out of LATER, and ask all of its rows"


def test_exemptions_are_of_rows_and_name_their_proof() -> None:
    for exemption in (oracle.differs for oracle in ORACLES if oracle.differs):
        assert exemption.kprobe != exemption.program
        assert exemption.proof


def test_the_one_who_is_asked_is_known() -> None:
    """Else an oracle whose program is missing is told as a fault, and not as not asked."""
    assert {oracle.row for oracle in SHELL.values() if oracle.program == "sh"} <= OF_THE_SHELL
    for oracle in SHELL.values():
        assert oracle.program == "sh" or oracle.program in oracle.needs
        assert set(oracle.needs) <= {*PROGRAMS}, "name it in packages/test.txt"


@pytest.mark.parametrize("tool", ["sh", "dash", "bash"])
def test_script_is_of_any_shell(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} here")
    subprocess.run([tool, "-n"], input=script.render(SHELL.values()), text=True, check=True)


def test_script_answers_what_the_runner_reads() -> None:
    """Each exit status of a step, and what was said, come through the shell as they are."""
    oracles = [
        Oracle("works", do=("true",), see=("true",)),
        Oracle("refused", do=("true", "echo RTNETLINK answers: 'Operation not supported' >&2; false", "true")),
        Oracle("otherwise", do=("true",), see=("false",)),
        Oracle("prerequisite", setup=("{ echo 'Error: Unknown device type.'; false; }",), do=("true",)),
        Oracle("missing", do=("kprobe-no-such-program",)),
        Oracle("quotes", do=("test \"$(echo 'a  b')\" = 'a  b'",)),
        Oracle("own", do=("test $(ip -o link show | wc -l) = 1",)),
    ]
    found = script.run(oracles)
    assert {row: (answer.rc, outcome(answer)) for row, answer in found.items()} == {
        "works": (0, "works"),
        "refused": (1, "absent"),
        "otherwise": (shell.OTHERWISE, "broken"),
        "prerequisite": (shell.NO_PREREQUISITE, "absent"),
        "missing": (127, "none"),
        "quotes": (0, "works"),
        "own": (0, "works"),
    }
    assert found["refused"].said == "RTNETLINK answers: Operation not supported"
    assert found["otherwise"].said == ""


def test_extended_ack_is_what_ip_was_told(probes: dict[str, Probe], answers: dict[str, Answer]) -> None:
    """ip prints the kernel's extended ack behind "Error: "; kprobe keeps it verbatim."""
    compared = 0
    for answer in answers.values():
        row = answer.row
        told = answer.said.splitlines()[0] if answer.said else ""
        if row.startswith("link.") and answer.rc not in (0, shell.NO_PREREQUISITE) and told.startswith("Error: "):
            probe = probes[row]
            if probe.step != "prerequisite":
                assert f"Error: {probe.extack}." == told, row
                compared += 1
    refused = [
        p.id
        for p in probes.values()
        if p.family.startswith("link") and p.outcome == "absent" and p.errno and not p.control
    ]
    assert compared == len(refused)
