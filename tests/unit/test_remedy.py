# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Remedies: the right command for the distribution, none that is guessed, none that evidence puts words into."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe.cause import Basis, Cause, Code
from kprobe.distros import DISTROS, distro
from kprobe.evidence import Fact, Uname
from kprobe.facts import Facts
from kprobe.profile import holds
from kprobe.remedy import REMEDIES, remedy
from tests.unit import synthetic

GONE = Cause(code="package-missing", text="…", subject="vxlan")


def node(release: str = "6.18.0", **os_release: str) -> Facts:
    found = synthetic.stream({}, uname=Uname(release=release))
    return Facts(msgspec.structs.replace(found, facts=(Fact(id="node.os-release", value=os_release),)))


def commands(cause: Cause, facts: Facts) -> tuple[str, ...]:
    found = remedy(cause, facts)
    assert found is not None
    return found.commands


NODES: dict[str, tuple[dict[str, str], str]] = {
    "apt-get install linux-modules-extra-$(uname -r)": ({"id": "ubuntu", "version_id": "24.04"}, "6.8.0-31-generic"),
    "apt-get install linux-modules-extra-raspi": ({"id": "ubuntu", "version_id": "22.04"}, "5.15.0-1061-raspi"),
    "apt-get install linux-modules-$(uname -r)": ({"id": "debian", "version_id": "13"}, "7.2.6+deb13-amd64"),
    "apt-get install --reinstall linux-image-$(uname -r)": ({"id": "debian", "version_id": "12"}, "6.1.0-47-amd64"),
    "dnf install kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)": (
        {"id": "rocky", "id_like": "rhel centos fedora", "version_id": "10.2"},
        "6.12.0-211.26.1.el10_2.x86_64",
    ),
    "rpm-ostree install kernel-modules-extra": (
        {"id": "fedora", "variant_id": "coreos", "version_id": "44"},
        "7.1.4-202.fc44.x86_64",
    ),
    "dnf install kernel6.12-modules-extra-$(uname -r)": (
        {"id": "amzn", "id_like": "fedora", "version_id": "2023"},
        "6.12.20-23.97.amzn2023.x86_64",
    ),
    "modprobe vxlan": ({"id": "ol", "id_like": "fedora", "version_id": "9.6"}, "6.12.0-0.20.20.el9uek.x86_64"),
    "yum reinstall kernel-$(uname -r)": (
        {"id": "centos", "id_like": "rhel fedora", "version_id": "7"},
        "3.10.0-1160.119.1.el7.x86_64",
    ),
    "update_engine_client -update": (
        {"id": "flatcar", "id_like": "coreos", "version_id": "4593.2.0"},
        "6.12.81-flatcar",
    ),
    "apk add linux-lts": ({"id": "alpine", "version_id": "3.22.1"}, "6.12.44-0-virt"),
    "apk fix --reinstall linux-lts": ({"id": "alpine", "version_id": "3.22.1"}, "6.12.44-0-lts"),
    "zypper install kernel-default": (
        {"id": "opensuse-leap", "id_like": "suse opensuse", "version_id": "15.6"},
        "6.4.0-default",
    ),
}


@pytest.mark.parametrize("command", NODES)
def test_the_command_of_the_distribution(command: str) -> None:
    os_release, release = NODES[command]
    assert commands(GONE, node(release, **os_release))[0] == command


def test_where_there_are_no_packages_none_is_installed() -> None:
    found = remedy(GONE, node("6.12.81-flatcar", id="flatcar", version_id="4593.2.0"))
    assert found is not None
    assert found.text.startswith("take the newest image")
    assert "package with" not in found.text


def test_an_unknown_distribution_is_told_what_to_look_for() -> None:
    for facts in (node(id="plan9"), node(), Facts(synthetic.stream({}))):
        found = remedy(GONE, facts)
        assert found is not None
        assert found.commands == ()
        assert "vxlan.ko" in found.text


def test_a_like_distribution_is_not_taken_at_its_version() -> None:
    """Version 2 of something like RHEL is not RHEL 2, and version 9 of it is not RHEL 9."""
    assert distro(node(id="strange", id_like="rhel", version_id="9")) is None
    found = distro(node(id="linuxmint", id_like="ubuntu debian", version_id="22"))
    assert found is not None
    assert found.name == "Ubuntu"


def test_a_cloud_kernel_is_told_of_the_whole_one() -> None:
    facts = node("6.12.94-cloud-amd64", id="debian", version_id="13")
    found = commands(Cause(code="not-built", text="…", subject="CONFIG_X"), facts)
    assert found[0] == "apt-get install linux-image-$(dpkg --print-architecture)"


def test_entries_have_sources_and_conditions_that_hold() -> None:
    for entry in DISTROS:
        assert entry.source
        assert entry.install or entry.again
        for condition in (entry.versions, entry.kernels):
            holds(condition, "1.0")


def test_every_cause_but_those_without_has_a_remedy() -> None:
    assert set(get_args(Code)) - set(REMEDIES) == {"prerequisite", "unknown"}


def test_blacklisted_says_where() -> None:
    where = Basis("node.modprobe-d", "lines", "blacklist vxlan /etc/modprobe.d/x.conf")
    found = remedy(Cause(code="blacklisted", text="…", subject="vxlan", rests=(where,)), node())
    assert found is not None
    assert "/etc/modprobe.d/x.conf" in found.text
    assert found.commands == ("modprobe vxlan",)


HOSTILE = st.text(max_size=30) | st.sampled_from(["; rm -rf /", "$(id)", "`id`", "a b", "x\ny", "{module}"])


@given(
    st.sampled_from(get_args(Code)),
    HOSTILE,
    st.dictionaries(st.sampled_from(["id", "id_like", "version_id"]), HOSTILE),
    HOSTILE,
)
def test_no_evidence_gets_into_a_command(code: Code, subject: str, os_release: dict[str, Any], release: str) -> None:
    rests = (Basis("node.modprobe-d", "lines", subject),)
    hostile = remedy(Cause(code=code, text="", subject=subject, rests=rests), node(release, **os_release))
    for command in hostile.commands if hostile else ():
        assert "{module}" not in command
        assert command in known_commands() or (subject.isascii() and subject.replace("_", "a").isalnum()), command


def known_commands() -> set[str]:
    """All that can be typed without the name of a module."""
    found = {command for entry in DISTROS for command in (*entry.install, *entry.again, *entry.other)}
    for code in REMEDIES:
        for subject in ("", "net.core.bpf_jit_enable", "user.max_net_namespaces", "selinux", "apparmor"):
            made = remedy(Cause(code=code, text="", subject=subject, rests=(Basis(""),)), node())
            found |= set(made.commands) if made else set()
    return found
