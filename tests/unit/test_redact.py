# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Redaction: what names somebody is planted everywhere and found nowhere; the verdicts stay."""

import ipaddress
import re
import string
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from kprobe import cli, diff, embed, evidence, matrix, profile, render
from kprobe.evidence import Evidence, Fact, Outcome, Uname
from kprobe.judge import judge
from kprobe.matrix import html as matrix_html
from kprobe.pseudonym import Pseudonyms
from kprobe.redact import Known, redact, vocabulary
from tests.unit import hostile, synthetic

WORDS = vocabulary()
KEY = bytes(range(32))
CALICO = profile.load("calico")
ROOT = Path(__file__).parents[2]

LABEL = st.text(string.ascii_lowercase, min_size=5, max_size=12).filter(
    lambda name: name not in WORDS and not any(name[:n] in WORDS and name[n:] in WORDS for n in range(2, len(name)))
)
HOSTS = st.one_of(
    LABEL,
    st.builds("{}-{}".format, LABEL, st.integers(0, 99)),
    st.builds("{}.{}.example".format, LABEL, LABEL),
    st.builds("ip-10-{}-{}-{}".format, *[st.integers(100, 255)] * 3),
    st.builds("{}@{}".format, LABEL, LABEL),
    st.builds("{}{}".format, LABEL, LABEL.map(str.capitalize)),
)
IPV4 = st.builds(lambda n: str(ipaddress.IPv4Address(n)), st.integers(0x0B000000, 0x63FFFFFF))
PRIVATE = st.builds("10.{}.{}.{}".format, *[st.integers(100, 255)] * 3)
IPV6 = st.builds(lambda n: str(ipaddress.IPv6Address(0x2A << 120 | n)), st.integers(2**90, 2**100))
MACS = st.binary(min_size=6, max_size=6).map(lambda b: ":".join(f"{byte:02x}" for byte in (b[0] | 4, *b[1:])))
KEYS = st.one_of(
    st.text(string.ascii_letters + string.digits + "+/", min_size=43, max_size=43).map(lambda text: text + "="),
    st.uuids().map(str),
    st.binary(min_size=20, max_size=20).map(bytes.hex),
)
PLANTS = st.one_of(HOSTS, IPV4, PRIVATE, IPV6, MACS, KEYS)
FRAMES = (
    "{}",
    "cannot reach {} from here",
    "/var/lib/{}/x",
    "{}/24",
    "on {}.",
    '"{}"',
    "a={},b",
    "[{}]",
    "\u201c{}\u201d",
)


def printed(found: Evidence) -> str:
    """Return all that is ever printed of an evidence, in lower case."""
    report = judge(found, CALICO)
    pages = [render.render(name, report, show_all=True) for name in render.formats()]
    pages += [evidence.write(found).decode(), matrix_html.render(matrix.matrix([report, report]))]
    return "\n".join(pages).lower()


OWN = printed(redact(hostile.evidence("quorvix"), KEY, WORDS))
"""What the pages say of themselves: a name that is in it, such as `undef`, tells nothing when it is found."""


@given(PLANTS, st.sampled_from(FRAMES))
@example("00000000000a00000000000a00000000000a0000", "{}")
@example("2a00:0:400::", "{}")
@example("2a00:0:400::", "on {}.")
@example("2a00:0:400::1:2", "{}: it")
@example("11.0.0.0", "{}")
@settings(max_examples=2000 if hostile.FUZZING else 100)
def test_what_is_planted_everywhere_is_found_nowhere(plant: str, frame: str) -> None:
    text = frame.format(plant)
    assume(len(text) < 4000 and plant.lower() not in OWN)
    found = redact(hostile.evidence(text), KEY, WORDS)
    assert plant.lower() not in evidence.write(found).decode().lower()
    assert plant.lower() not in found.source.lower()
    report = judge(found, CALICO)
    for name in render.formats():
        assert plant.lower() not in render.render(name, report, show_all=True).lower(), name
    assert plant.lower() not in matrix_html.render(matrix.matrix([report, report])).lower()
    before = judge(redact(synthetic.calico(), KEY, WORDS), CALICO)
    for changed in (diff.diff(before, report), diff.diff(report, before)):
        assert plant.lower() not in "\n".join(diff.text(changed)).lower()
    carried = next(embed.unpack(render.render("markdown", report).encode(), "page"))
    assert plant.lower() not in evidence.write(carried).decode().lower()


def test_without_redaction_it_would_be_found() -> None:
    report = judge(hostile.evidence("quorvix.example"), CALICO)
    assert "quorvix.example" in matrix_html.render(matrix.matrix([report]))
    assert "quorvix.example" in "\n".join(diff.text(diff.diff(judge(synthetic.calico(), CALICO), report)))
    for name in render.formats():
        assert ("quorvix.example" in render.render(name, report)) == (name != "nfd"), name


@given(LABEL, st.lists(st.sampled_from(["works", "absent", "denied", "broken", "unknown"]), min_size=200, max_size=200))
@settings(max_examples=15)
def test_the_verdicts_stay(host: str, outcomes: list[Outcome]) -> None:
    ids = synthetic.calico_ids()
    found = synthetic.stream(
        {name: outcomes[n % len(outcomes)] for n, name in enumerate(ids)}, uname=Uname(nodename=host, release="6.1.0")
    )
    same_verdicts(found)


RECORDED = sorted(ROOT.glob("tests/**/*.ndjson*")) + sorted(ROOT.glob("docs/**/*.ndjson*"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_the_verdicts_stay_for_all_that_was_recorded(path: Path) -> None:
    from kprobe.intake import evidence_in

    for found in evidence_in(path.read_bytes(), path.name):
        same_verdicts(found)
        names = [probe.id for probe in found.probes]
        assert [probe.id for probe in redact(found, KEY, WORDS).probes] == names


def same_verdicts(found: Evidence) -> None:
    hidden = redact(found, KEY, WORDS)
    for name in profile.bundled():
        one, two = (judge(each, profile.load(name)) for each in (found, hidden))
        assert (one.verdict, one.groups) == (two.verdict, two.groups)
        assert [(need.row, need.verdict) for mode in one.modes for need in mode.needs] == [
            (need.row, need.verdict) for mode in two.modes for need in mode.needs
        ]
        assert [(each.row, each.cause.code) for each in one.explained] == [
            (each.row, each.cause.code) for each in two.explained
        ]


@pytest.mark.parametrize("command", ["matrix", "diff"])
def test_what_two_nodes_are_compared_in_has_no_names(tmp_path: Path, command: str) -> None:
    """On the command line: in a page and in a diff, unless names are asked for."""
    files = []
    for name in ("quorvix-1", "quorvix-2"):
        uname = Uname(nodename=f"{name}.acme.example", release="6.1.0")
        row = synthetic.probe("link.ipip", "absent", reason=f"{name}.acme.example has none")
        found = msgspec.structs.replace(synthetic.calico(), probes=(row,))
        found = msgspec.structs.replace(found, begin=msgspec.structs.replace(found.begin, uname=uname))
        files.append(tmp_path / f"{name}.ndjson")
        files[-1].write_bytes(evidence.write(found))
    arguments = [command, *map(str, files), *(("--format", "html") if command == "matrix" else ())]
    hidden, shown = (CliRunner().invoke(cli.main, [*arguments, *more]).output for more in ((), ("--show-names",)))
    assert "quorvix" not in hidden
    assert "acme" not in hidden
    assert "quorvix-1.acme.example" in shown
    assert "host-" in hidden


@pytest.mark.parametrize("reason", ["on node-8 and node-7", "on node-8", "on node-7", "node-8 runs 6.1.0"])
def test_what_is_known_of_one_evidence_does_not_hide_the_names_of_the_next(reason: str) -> None:
    known: Known = {}
    for name in ("node-7", "node-8", "node-7"):
        row = synthetic.probe("link.ipip", "absent", reason=reason)
        found = synthetic.stream({}, uname=Uname(nodename=name, release="6.1.0"))
        hidden = redact(msgspec.structs.replace(found, probes=(row,)), KEY, WORDS, known)
        assert name not in evidence.write(hidden).decode()
        assert hidden == redact(msgspec.structs.replace(found, probes=(row,)), KEY, WORDS)


def test_the_same_thing_gets_the_same_token() -> None:
    facts = (
        Fact(id="node.nics", value={"uplinkq7": "driver=virtio_net", "eth0": "driver=veth"}),
        Fact(id="node.x", value={"config": "unmanaged-devices=interface-name:uplinkq7;interface-name:cali*"}),
        Fact(id="node.y", value=["quorvix.example", "quorvix", "/home/quorvix", "tunl0", "127.0.0.1", "vxlan.calico"]),
    )
    found = synthetic.stream(
        {}, facts=facts, uname=Uname(nodename="quorvix.example", release="6.1.0-9-amd64", machine="x86_64")
    )
    hidden = redact(found, KEY, WORDS)
    nics, keyfile, names = (fact.value for fact in hidden.facts)
    token = next(iter(nics))
    assert re.fullmatch("if-[a-z2-7]{8}", token)
    assert nics == {token: "driver=virtio_net", "eth0": "driver=veth"}
    assert keyfile == {"config": f"unmanaged-devices=interface-name:{token};interface-name:cali*"}
    assert hidden.begin.uname.nodename == names[0]
    assert names[0].startswith("host-")
    assert names[1] == names[2].removeprefix("/home/")
    assert names[3:] == ["tunl0", "127.0.0.1", "vxlan.calico"]
    assert hidden.begin.uname.release == "6.1.0-9-amd64"
    again = redact(found, bytes(32), WORDS)
    assert again.begin.uname.nodename != names[0]


@pytest.mark.parametrize(
    ("release", "kept"),
    [
        ("6.1.0-9-amd64", True),
        ("5.14.0-427.el9.x86_64", True),
        ("6.8.0-1012-aws", True),
        ("5.15.153.1-microsoft-standard-WSL2", True),
        ("6.18.44-fc-v657", True),
        ("6.1.0-quorvix+", False),
        ("6.1.0-ip-10-1-2-3", False),
    ],
)
def test_the_release_of_a_kernel(release: str, kept: bool) -> None:
    path = f"file:/lib/modules/{release}/kernel/net/ipv4/ipip.ko.xz"
    found = synthetic.stream({}, uname=Uname(release=release), facts=(Fact(id="node.modules", value={"ipip": path}),))
    hidden = redact(found, KEY, WORDS)
    assert (hidden.begin.uname.release == release) == kept
    assert hidden.begin.uname.release.startswith(release.partition("-")[0])
    shown = hidden.facts[0].value["ipip"]
    assert hidden.begin.uname.release.rstrip("+") in shown
    assert shown.endswith("/kernel/net/ipv4/ipip.ko.xz")


def common(one: str, two: str) -> int:
    a, b = (ipaddress.ip_address(text) for text in (one, two))
    return a.max_prefixlen - (int(a) ^ int(b)).bit_length()


@given(st.binary(min_size=32, max_size=32), st.data())
def test_addresses_keep_their_prefixes(key: bytes, data: st.DataObject) -> None:
    fake = Pseudonyms(key)
    same = data.draw(st.one_of(st.tuples(*[st.one_of(IPV4, PRIVATE)] * 2), st.tuples(IPV6, IPV6)))
    hidden = tuple(fake.address(text) or "" for text in same)
    assert common(*hidden) == common(*same)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("192.168.7.9", "192.168.0.0/16"),
        ("fd12:3456::9", "fc00::/7"),
        ("172.20.1.1", "172.16.0.0/12"),
    ],
)
def test_private_addresses_stay_in_their_block(text: str, block: str) -> None:
    hidden = Pseudonyms(KEY).address(text)
    assert hidden is not None
    assert hidden != text
    assert ipaddress.ip_address(hidden) in ipaddress.ip_network(block)


def test_networks_and_well_known_addresses() -> None:
    fake = Pseudonyms(KEY)
    net = fake.address("10.244.0.0/16") or ""
    inside = fake.address("10.244.7.9") or ""
    assert ipaddress.ip_address(inside) in ipaddress.ip_network(net)
    for text in ("127.0.0.1", "0.0.0.0/0", "169.254.1.1", "::1", "255.255.255.0", "10.0.0.0/8", "fe80::/64"):
        assert fake.address(text) == text
    assert fake.mac("ee:ee:ee:ee:ee:ee") == "ee:ee:ee:ee:ee:ee"
    assert re.fullmatch(r"[0-9a-f][2367abef](:[0-9a-f]{2}){5}", fake.mac("00:1b:21:3c:4d:5e"))
    assert fake.mac("00:1b:21:3c:4d:5e") == fake.mac("00-1B-21-3C-4D-5E")
    mapped = ipaddress.IPv6Address(fake.address("::ffff:10.1.2.3") or "").ipv4_mapped
    assert str(mapped) == fake.address("10.1.2.3")
    assert fake.address("300.1.2.3") is None


def test_what_is_of_nobody_stays() -> None:
    texts = [
        "RTM_NEWLINK: EOPNOTSUPP (95)",
        "rtnetlink has no such link kind, after asking for its module",
        "driver=mlx5_core mtu=9000 tx-checksum=on",
        "modprobe -r nf_conntrack_netlink",
        "lockdown,capability,landlock,yama,apparmor,bpf",
    ]
    found = synthetic.stream({}, facts=(Fact(id="node.z", value=texts),))
    hidden = redact(found, KEY, WORDS)
    assert hidden.facts[0].value == texts
    assert msgspec.structs.replace(hidden, begin=found.begin, source=found.source) == found
