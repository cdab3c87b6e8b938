# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The machine: processor, kernel release and distribution as Calico's pages name them, and privilege.

Releases and distributions decide nothing: the kernel's own answers stand beside them. Sources:
calico-system-requirements, "Node requirements" and "Privileges"; Calico's present page of that name for 5.10.
"""

import re

import msgspec

from kprobe.node.rule import Answer, Rule, UnsureError, View, absent, fine

PROCESSORS = {"x86_64": "x86-64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
CAP_SYS_ADMIN = 21
CAPABILITIES = {
    12: "NET_ADMIN",
    13: "NET_RAW",
    10: "NET_BIND_SERVICE",
    CAP_SYS_ADMIN: "SYS_ADMIN",
    24: "SYS_RESOURCE",
    16: "SYS_MODULE",
}
"""What calico-node uses (needs §10.3): rules and routes, raw sockets, port 179, mounts and setns, memlock, modprobe."""

KNOWN = {"rhel": (7,), "centos": (7,), "ubuntu": (18, 4), "debian": (8,)}
"""Oldest release that Calico's page names; later ones have the kernel, too."""


class _Userns(msgspec.Struct, frozen=True):
    initial: bool


class _Capabilities(msgspec.Struct, frozen=True):
    effective: str = ""


def _processor(view: View) -> Answer:
    machine = view.begin.uname.machine
    if not machine:
        raise UnsureError("the evidence does not name the processor")
    if machine in PROCESSORS:
        return fine(f"{machine} is {PROCESSORS[machine]}")
    return absent(f"Calico has no build for {machine}: it needs {', '.join(PROCESSORS.values())}")


def _release(view: View) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", view.begin.uname.release)
    if not found:
        raise UnsureError("the evidence does not name a kernel release of the form X.Y")
    return int(found[1]), int(found[2])


def _at_least(major: int, minor: int, page: str) -> Rule:
    def judge(view: View) -> Answer:
        release = _release(view)
        said = f"Linux {view.begin.uname.release}"
        if release >= (major, minor):
            return fine(f"{said} is {major}.{minor} or later")
        return absent(f"{said} is older than {major}.{minor}; the rows that were asked tell what that means")

    return Rule(
        id=f"node.kernel.{major}_{minor}",
        title=f"Linux {major}.{minor} or later",
        asks=f"is the kernel's release at least {major}.{minor}, as {page} says?",
        proves="the release; for information, for distributions bring features to older releases",
        judge=judge,
    )


def _distribution(view: View) -> Answer:
    release = view.get("node.os-release", dict[str, str])
    name, version, variant = (release.get(key, "") for key in ("id", "version_id", "variant_id"))
    pretty = release.get("pretty_name") or name or "the distribution"
    if name == "flatcar" or (name == "fedora" and variant == "coreos"):
        return fine(f"{pretty} is one that Calico's page names")
    oldest = KNOWN.get(name)
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if oldest and numbers and numbers >= oldest:
        return fine(f"{pretty} is one that Calico's page names, or a later release of it")
    if not name:
        raise UnsureError("/etc/os-release names no distribution")
    return absent(f"{pretty} is not among those that Calico's page names; the rows that were asked tell what it can do")


def _sys_admin(view: View) -> Answer:
    held = _held(view)
    if not held >> CAP_SYS_ADMIN & 1:
        return Answer("denied", "this process has no CAP_SYS_ADMIN; run it as Calico runs: as root, or privileged")
    if not view.get("node.userns", _Userns).initial:
        return Answer("denied", "CAP_SYS_ADMIN holds in a user namespace only; run it outside of one")
    return fine("CAP_SYS_ADMIN holds here")


def _privileged(view: View) -> Answer:
    held = _held(view)
    lacks = [f"CAP_{name}" for bit, name in CAPABILITIES.items() if not held >> bit & 1]
    if not view.get("node.userns", _Userns).initial:
        lacks.append("the initial user namespace")
    if view.begin.seccomp == 2:
        lacks.append("a process without seccomp filter")
    if lacks:
        return Answer("denied", f"here is no {', no '.join(lacks)}; calico-node runs privileged")
    return fine("all capabilities that calico-node uses, no seccomp filter, no user namespace")


def _held(view: View) -> int:
    try:
        return int(view.get("node.capabilities", _Capabilities).effective, 16)
    except ValueError:
        raise UnsureError("the capabilities of this process are not in the evidence") from None


RULES = (
    Rule(
        id="node.processor",
        title="processor that Calico is built for",
        asks="is the machine x86-64, arm64, ppc64le or s390x?",
        proves="the machine that uname(2) names",
        judge=_processor,
    ),
    _at_least(3, 10, "Calico's page of releases up to 3.29"),
    _at_least(5, 10, "Calico's present page"),
    Rule(
        id="node.distribution",
        title="distribution known to work",
        asks="is the distribution one that Calico's page names?",
        proves="ID and VERSION_ID of os-release; for information",
        judge=_distribution,
    ),
    Rule(
        id="node.capability.sys-admin",
        title="CAP_SYS_ADMIN",
        asks="may this process do what CAP_SYS_ADMIN allows, outside of a user namespace?",
        proves="CapEff of /proc/self/status, and the user namespace; it speaks of the place where kprobe ran",
        judge=_sys_admin,
    ),
    Rule(
        id="node.privileged",
        title="privileges of a privileged container",
        asks="what does this place lack of what calico-node uses?",
        proves="CapEff, the user namespace and the seccomp mode; it speaks of the place where kprobe ran",
        judge=_privileged,
    ),
)
