# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""From a product's log to the kernel: real lines are known, the blame follows the rows, and no log can do harm."""

import time
from pathlib import Path

import click.testing
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import evidence, profile, symptoms
from kprobe.cli import main
from kprobe.errors import InputError
from kprobe.evidence import Evidence, Fact, Outcome
from tests.unit import synthetic

PROFILES = [profile.load(name) for name in profile.bundled()]

# As reported in kubernetes/kops#18724, flannel-io/flannel#1502, docker/docker-ce-packaging#1340, bubuntux/nordvpn#372;
# those of Felix are its format strings at 87c15906, with the fields of their loggers.
FELIX = (
    "[WARNING] felix/route_mgr.go 557: Failed to configure tunnel device, retrying... error=operation not supported "
)
REVISION = "Warning: Extension {} revision 0 not supported, missing kernel module?".format
TABLE = "iptables v1.6.1: can't initialize iptables table `filter': Table does not exist (do you need to insmod?)"
SERVER = 'E1109 22:18:36.012763 1 server.go:558] "Error running ProxyServer" err="{}: no such file or directory"'.format
LINES = {
    'time="2021-11-03T03:58:08Z" level=fatal msg="flannel exited: operation not supported"': "link.vxlan.inet",
    REVISION("MASQUERADE"): "xt.nft.ipv4.target.MASQUERADE",
    f'errorOutput="{REVISION("addrtype")}\\niptables"': "xt.nft.ipv4.match.addrtype",
    "felix/ipsets.go: ipset v7.11: Kernel error received: Invalid argument": "ipset.hash:net.inet",
    TABLE: "xt.legacy.ipv4.table.filter",
    FELIX + 'ipVersion=0x4 tunnelDevice="vxlan.calico"': "link.vxlan.inet",
    FELIX + 'ipVersion=0x4 tunnelDevice="tunl0"': "link.ipip",
    "[INFO][77] felix/wireguard.go 680: Wireguard is not supported ipVersion=0x4": "link.wireguard",
    SERVER("can't use the IPVS proxier"): "ipvs.genl",
}


@pytest.mark.parametrize("line", LINES)
def test_real_lines_are_known(line: str) -> None:
    found = symptoms.scan(["noise", line, "noise", line], PROFILES)
    assert any(LINES[line] in each.rows for each in found)
    assert all(each.line.number == 2 and each.line.count == 2 for each in found)


def test_another_line_is_not() -> None:
    assert symptoms.scan(["", "Successfully configured tunnel device", "x" * 4096], PROFILES) == ()


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("a*c", "xabcx", True),
        ("a*c", "xcax", False),
        ("a*b*c", "a b c", True),
        ("abc", "ab", False),
        ("*a*", "a", True),
        ("aa*a", "aa", False),
    ],
)
def test_patterns(pattern: str, line: str, expected: bool) -> None:
    assert symptoms.matches(pattern, line) is expected


@given(st.text(alphabet="ab*", max_size=12), st.text(alphabet="ab", max_size=20))
def test_patterns_are_what_globs_are(pattern: str, line: str) -> None:
    import fnmatch

    assert symptoms.matches(pattern, line) is fnmatch.fnmatchcase(line, f"*{pattern}*")


def test_no_line_takes_long() -> None:
    begun = time.monotonic()
    assert not symptoms.matches("a*" * 50 + "b", "a" * 1_000_000)
    assert time.monotonic() - begun < 1


VXLAN = next(line for line in LINES if "vxlan.calico" in line)


def stream(outcome: Outcome) -> Evidence:
    row = synthetic.probe("link.vxlan.inet", outcome, kconfig=("CONFIG_VXLAN",))
    six = msgspec.structs.replace(row, id="link.vxlan.inet6", seq=1)
    found = synthetic.stream({"link.vxlan.inet": outcome, "link.vxlan.inet6": outcome})
    return msgspec.structs.replace(
        found, probes=(row, six), facts=(Fact(id="node.kconfig", value={"CONFIG_VXLAN": "n"}),)
    )


@pytest.mark.parametrize(
    ("outcome", "blame", "code"),
    [
        ("works", "not the kernel", 0),
        ("absent", "kernel", 1),
        ("denied", "cannot tell", 3),
        ("unknown", "cannot tell", 3),
    ],
)
def test_blame(tmp_path: Path, outcome: Outcome, blame: str, code: int) -> None:
    (tmp_path / "felix.log").write_text(f"\x1b[2Jnoise\n{VXLAN}\x1b[31m\n")
    (tmp_path / "e.ndjson").write_bytes(evidence.write(stream(outcome)))
    [found] = symptoms.scan([VXLAN], [profile.load("calico")])
    assert symptoms.blame(found, stream(outcome)) == blame
    command = ["explain", "--log", str(tmp_path / "felix.log"), "--evidence", str(tmp_path / "e.ndjson")]
    result = click.testing.CliRunner().invoke(main, command)
    assert result.exit_code == code, result.output
    assert "link.vxlan.inet" in result.output
    assert "line 2: " in result.output
    assert "\x1b" not in result.output
    assert ("the kernel was built without CONFIG_VXLAN" in result.output) is (outcome == "absent")


def test_a_mode_that_lacks_it_and_one_that_does_not() -> None:
    [found] = symptoms.scan([REVISION("MASQUERADE")], [profile.load("calico")])
    rows: dict[str, Outcome] = dict.fromkeys(found.rows, "works")
    assert symptoms.blame(found, synthetic.stream(rows)) == "not the kernel"
    assert symptoms.blame(found, synthetic.stream({**rows, "xt.nft.ipv4.target.MASQUERADE": "absent"})) == "in part"


def test_a_log_without_a_known_line(tmp_path: Path) -> None:
    (tmp_path / "felix.log").write_bytes(b"\xff\xfe nothing\n" * 3)
    result = click.testing.CliRunner().invoke(main, ["explain", "--log", str(tmp_path / "felix.log")])
    assert result.exit_code == 3
    assert "no line that a profile knows" in result.output


def test_what_cannot_be(tmp_path: Path) -> None:
    runner = click.testing.CliRunner()
    assert runner.invoke(main, ["explain"]).exit_code == 2
    assert runner.invoke(main, ["explain", "link.veth", "--log", "x"]).exit_code == 2
    assert "No such file" in runner.invoke(main, ["explain", "--log", str(tmp_path / "away")]).output


def test_a_log_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symptoms, "MAX_LOG", 1000)
    (tmp_path / "felix.log").write_text("x" * 2000)
    result = click.testing.CliRunner().invoke(main, ["explain", "--log", str(tmp_path / "felix.log")])
    assert result.exit_code == 2
    assert "more than 1000 bytes" in result.output


def test_a_pattern_must_mean_something() -> None:
    text, where = profile.text_of("flannel")
    bad = text.replace('"flannel exited: operation not supported"', '"error*"')
    with pytest.raises(InputError, match="too short"):
        profile.parse(bad, where)
