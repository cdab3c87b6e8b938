# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Kubernetes next to Calico: its version, kube-proxy's mode, the datastore (asked by kprobe/reach.py)."""

import re
from typing import Literal

import msgspec

from kprobe.node.managers import tables
from kprobe.node.pools import given
from kprobe.node.rule import Answer, Rule, UnsureError, View, bad, fine

MODES = {"iptables": (1, 0), "ipvs": (1, 9, 3), "nftables": (1, 31)}
"""kube-proxy's modes that Calico's page supports, and since which Kubernetes."""

REFUSED = (1, 21)
"""Calico 3.29 does not work below; 1.21 may."""

TESTED = ((1, 29), (1, 31))


class Reached(msgspec.Struct, frozen=True):
    """What one endpoint answered. ``tcp`` and ``tls``: ``works``, or what went wrong; ``tls`` is empty for http."""

    tcp: str = ""
    tls: str = ""
    health: Literal["", "works", "broken", "denied"] = ""
    said: str = ""
    version: str = ""


def _version(view: View) -> tuple[int, ...]:
    text = given(view).kubernetes
    if not text and view.has("node.apiserver"):
        text = next((each.version for each in _endpoints(view, "node.apiserver").values() if each.version), "")
    text = text or view.get("node.kubernetes", dict[str, str]).get("version", "")
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    if not found:
        raise UnsureError("Kubernetes' version is not known here; say --kubernetes X.Y, or --apiserver URL")
    return tuple(int(number) for number in found.groups() if number)


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _supported(view: View) -> Answer:
    version = _version(view)
    if version < REFUSED:
        return bad(
            f"Calico does not work with Kubernetes {_shown(version)}: its API is too old; upgrade to 1.21 or later"
        )
    return fine(f"Kubernetes {_shown(version)} is {_shown(REFUSED)} or later")


def _tested(view: View) -> Answer:
    version = _version(view)
    low, high = TESTED
    if low <= version[:2] <= high:
        return fine(f"Calico 3.29 is tested with Kubernetes {_shown(version[:2])}")
    newer = "use a Calico that is tested with it" if version[:2] > high else "upgrade Kubernetes"
    return bad(
        f"Calico 3.29 is tested with Kubernetes {_shown(low)} to {_shown(high)}, not {_shown(version[:2])}; {newer}"
    )


def modes(view: View) -> list[str]:
    """Return each mode of kube-proxy that something on this node shows."""
    found: list[str] = []
    if view.has("node.kube-proxy"):
        found += [each.said for each in _endpoints(view, "node.kube-proxy").values() if each.health == "works"]
    found.append(view.get("node.kubernetes", dict[str, str]).get("kube-proxy.proxy-mode", ""))
    rules = tables(view)
    if "kube-ipvs0" in view.get("node.links", dict[str, str | int]):
        found.append("ipvs")
    elif any("kube-proxy" in name.split()[2:] for name in rules):
        found.append("nftables")
    elif any({"KUBE-PROXY-CANARY", "KUBE-SERVICES"} & set(text.split()) for text in rules.values()):
        found.append("iptables")
    return [mode for mode in dict.fromkeys(found) if mode]


def _proxy(view: View) -> Answer:
    running = view.running()
    found = modes(view)
    if not found and "kube-proxy" not in running:
        return fine("kube-proxy does not run here")
    if not found:
        raise UnsureError("kube-proxy runs, and nothing here tells its mode; say --kube-proxy")
    if len(found) > 1:
        return bad(
            f"kube-proxy's mode shows as {' and '.join(found)}: rules of an older mode are left; `kube-proxy --cleanup`"
        )
    mode = found[0]
    if mode not in MODES:
        return bad(f"kube-proxy runs in {mode} mode; Calico supports {', '.join(MODES)}")
    if mode == "iptables":
        return fine("kube-proxy runs in iptables mode")
    version = _version(view)
    if version < MODES[mode]:
        return bad(
            f"Calico supports kube-proxy's {mode} mode from Kubernetes {_shown(MODES[mode])}, here is {_shown(version)}"
        )
    return fine(f"kube-proxy runs in {mode} mode, on Kubernetes {_shown(version)}")


def _endpoints(view: View, fact: str) -> dict[str, Reached]:
    return view.get(fact, dict[str, Reached])


def _reached(fact: str, option: str, what: str) -> Rule:
    def judge(view: View) -> Answer:
        if not view.has(fact):
            raise UnsureError(f"not asked; say {option} URL")
        ends = _endpoints(view, fact)
        for url, end in ends.items():
            if end.tcp != "works":
                return bad(f"{url}: no TCP connection: {end.tcp or 'not tried'}")
            if end.tls not in {"", "works"}:
                return bad(f"{url}: TCP works, TLS does not: {end.tls}")
        return fine(f"{', '.join(ends)}: connected") if ends else bad("no endpoint")

    return Rule(
        id=f"{fact}.reachable",
        title=f"{what} can be reached",
        asks=f"can each {option} be connected to, with TLS where it says https?",
        proves="a TCP connection and a TLS handshake without credentials; whose certificate it is is not checked",
        judge=judge,
    )


def _healthy(fact: str, option: str, what: str) -> Rule:
    def judge(view: View) -> Answer:
        if not view.has(fact):
            raise UnsureError(f"not asked; say {option} URL")
        ends = _endpoints(view, fact)
        for url, end in ends.items():
            if end.health == "denied":
                raise UnsureError(f"{url} wants credentials ({end.said}), and kprobe sends none")
            if end.health != "works":
                return bad(f"{url}: {end.said or 'no answer'}")
        versions = ", ".join(dict.fromkeys(end.version for end in ends.values() if end.version))
        return fine(f"healthy{f', version {versions}' if versions else ''}") if ends else bad("no endpoint")

    return Rule(
        id=f"{fact}.healthy",
        title=f"{what} is healthy",
        asks=f"does each {option} say of itself that it is healthy, and is it of the right kind?",
        proves="/health and /version of etcd v3, /readyz and /version of Kubernetes, asked without credentials",
        judge=judge,
    )


RULES = (
    Rule(
        id="node.kubernetes.version",
        title="Kubernetes is recent enough",
        asks="is Kubernetes 1.21 or later?",
        proves="--kubernetes, or what --apiserver answered, or a control-plane node's manifest",
        judge=_supported,
    ),
    Rule(
        id="node.kubernetes.tested",
        title="Kubernetes that Calico 3.29 is tested with",
        asks="is Kubernetes one of 1.29 to 1.31?",
        proves="--kubernetes, or what --apiserver answered, or a control-plane node's manifest",
        judge=_tested,
    ),
    Rule(
        id="node.kube-proxy.mode",
        title="kube-proxy's mode is one that Calico supports",
        asks="is it iptables, or IPVS from Kubernetes 1.9.3, or nftables from 1.31?",
        proves="its answer to --kube-proxy, its flag, kube-ipvs0, its chains and tables",
        judge=_proxy,
    ),
    _reached("node.etcd", "--etcd", "the etcd cluster"),
    _healthy("node.etcd", "--etcd", "the etcd cluster"),
    _reached("node.apiserver", "--apiserver", "the Kubernetes API"),
    _healthy("node.apiserver", "--apiserver", "the Kubernetes API"),
)
