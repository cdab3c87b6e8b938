# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Why a row did not work, told from facts. Pure and total: what cannot be told is an unknown cause, never an exception.

Facts explain an answer of the kernel and never change it. Of several causes that would do, the one is named that the
kernel meets first: a module that is not built cannot be blacklisted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from kprobe.evidence import Probe
from kprobe.facts import Facts, numbers, plain

Code = Literal[
    "not-built",
    "too-old",
    "legacy-tables-off",
    "ipv6-off",
    "module-file-missing",
    "module-file-damaged",
    "package-missing",
    "wrong-module-directory",
    "container-view",
    "autoload-off",
    "modules-disabled",
    "blacklisted",
    "signature",
    "lockdown",
    "capability",
    "user-namespace",
    "seccomp",
    "lsm",
    "sysctl",
    "memlock",
    "prerequisite",
    "unknown",
]

CODES: Mapping[Code, str] = {
    "not-built": "the kernel was built without it",
    "too-old": "the kernel is older than the feature",
    "legacy-tables-off": "the kernel was built without the legacy tables of iptables, as it may be since Linux 6.17",
    "ipv6-off": "IPv6 is switched off at boot",
    "module-file-missing": "the module belongs to this kernel, and its file is not there",
    "module-file-damaged": "the module's file is there, and is empty or cut short",
    "package-missing": "the kernel was built with it as a module, and the package with the module is not installed",
    "wrong-module-directory": "there are no modules for the kernel that runs",
    "container-view": "the collector ran in a container that does not see the node's modules",
    "autoload-off": "the kernel cannot load modules by itself",
    "modules-disabled": "loading modules is switched off until the next boot",
    "blacklisted": "the module is blacklisted",
    "signature": "the kernel refuses modules without a valid signature",
    "lockdown": "the kernel is locked down",
    "capability": "the process lacks a capability",
    "user-namespace": "the process is in a user namespace of its own",
    "seccomp": "a seccomp filter refuses the call",
    "lsm": "a security module refuses it",
    "sysctl": "a sysctl forbids it",
    "memlock": "the limit of locked memory could not be raised",
    "prerequisite": "another row that it builds on did not work, and why is not in the evidence",
    "unknown": "the facts do not tell",
}


class Basis(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cause rests on: a fact, a key in it, what it says. ``row`` for what the row itself says."""

    fact: str
    key: str = ""
    value: str = ""


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a row did not work.

    ``subject``: the module, symbol, capability or sysctl. ``via``: the row that it builds on, whose cause this is.
    """

    code: Code
    text: str
    subject: str = ""
    rests: tuple[Basis, ...] = ()
    via: str = ""


MAX_CHAIN = 32
_PREREQUISITE = re.compile(r"needs (\S+), which is ")
_CAPABILITY = re.compile(r"needs (CAP_[A-Z_]+)")


def cause(probe: Probe, facts: Facts) -> Cause | None:
    """Return why a row did not work.

    None for one that did, for a control that said what it must, and for an ``unknown`` whose reason says it all.
    """
    via = ""
    for _ in range(MAX_CHAIN):
        found = _PREREQUISITE.match(probe.reason) if probe.step == "prerequisite" else None
        if found is None:
            break
        via = found[1]
        if via not in facts.rows:
            return Cause(code="prerequisite", text=f"{via} did not work", subject=via, via=via, rests=(_reason(probe),))
        probe = facts.rows[via]
    if probe.outcome == "works" or (probe.control == "negative" and probe.outcome == "absent"):
        return None
    told = next(filter(None, (rule(probe, facts) for rule in RULES[probe.outcome])), None)
    if told is None:
        return None if probe.outcome == "unknown" else msgspec.structs.replace(UNKNOWN, via=via)
    return msgspec.structs.replace(told, via=via)


def _reason(probe: Probe) -> Basis:
    return Basis("row", "reason", probe.reason)


UNKNOWN = Cause(code="unknown", text="why is unknown: no fact in this evidence tells")


def _too_old(probe: Probe, facts: Facts) -> Cause | None:
    since = numbers(probe.since)
    if since is None or facts.release is None or facts.release >= since:
        return None
    return Cause(
        code="too-old",
        text=f"it came with Linux {probe.since}; this is {facts.begin.uname.release}",
        subject=probe.since,
        rests=(Basis("row", "since", probe.since), Basis("begin", "uname.release", facts.begin.uname.release)),
    )


LEGACY = re.compile(r"(ip|ip6|arp)_?table(s|_filter|_nat|_mangle|_raw|_security)")


def _legacy(probe: Probe, facts: Facts) -> Cause | None:
    """Linux 6.17 (a9525c7f6219 "netfilter: xtables: allow xtables legacy to be disabled") and PREEMPT_RT."""
    if not probe.id.startswith("xt.legacy.") or facts.release is None or facts.release < (6, 17):
        return None
    symbol = "CONFIG_NETFILTER_XTABLES_LEGACY"
    lacking = [name for name in map(facts.lacks, probe.modules) if LEGACY.fullmatch(name)]
    off = facts.kconfig.get(symbol) == "n"
    if not off and not any(facts.state(name) in {"nowhere", "unreadable"} for name in lacking):
        return None
    rests = [Basis("node.kconfig", symbol, "n")] if off else [_module(facts, lacking[0])]
    if not off and facts.kconfig.get(symbol) == "y":
        return None
    return Cause(
        code="legacy-tables-off",
        text=f"this kernel was built without legacy iptables ({symbol})",
        subject=symbol,
        rests=tuple(rests),
    )


IPV6 = re.compile(r"\b(inet6|ipv6|ip6\w*)\b")


def _ipv6_off(probe: Probe, facts: Facts) -> Cause | None:
    if not (IPV6.search(probe.id) or IPV6.search(probe.title.lower())):
        return None
    for fact, key in (("node.cmdline", "ipv6.disable"), ("node.ipv6", "module.disable")):
        value = facts.text(fact, key)
        if value.endswith("1"):
            text = "IPv6 is off for the whole kernel (ipv6.disable=1)"
            return Cause(code="ipv6-off", text=text, subject="ipv6.disable", rests=(Basis(fact, key, value),))
    return None


def _not_built(probe: Probe, facts: Facts) -> Cause | None:
    """Name a symbol that is not set; not where a module of the row is a file: then it was built."""
    if any(facts.state(facts.lacks(word)).startswith(("file:", "missing:", "damaged:")) for word in probe.modules):
        return None
    unset = list(filter(None, map(facts.unset, probe.kconfig)))
    if not unset:
        return None
    return Cause(
        code="not-built",
        text=f"the kernel was built without {unset[-1]}",
        subject=unset[-1],
        rests=tuple(Basis("node.kconfig", name, "n") for name in unset),
    )


def _module(facts: Facts, name: str) -> Basis:
    return Basis("node.modules", plain(name), facts.state(name))


def _modules(probe: Probe, facts: Facts) -> Cause | None:
    """Name the first module of the row that is not there, and say why the kernel did not get it."""
    for name in filter(None, map(facts.lacks, probe.modules)):
        state, _, path = facts.state(name).partition(":")
        told = next(filter(None, (rule(name, state, path, probe, facts) for rule in MODULE_RULES)), None)
        if told is not None:
            return told
    return None


def _blacklisted(name: str, _state: str, _path: str, probe: Probe, facts: Facts) -> Cause | None:
    for line in probe.log:
        if found := re.fullmatch(r"Module (\w+) is blacklisted", line):
            rests = (Basis("row", "log", line),)
            return Cause(
                code="blacklisted",
                text=f"module {found[1]} is on the kernel's blacklist",
                subject=found[1],
                rests=rests,
            )
    for needed in (name, *facts.text("node.module-needs", plain(name)).split()):
        for parameter in ("module_blacklist", "modprobe.blacklist"):
            if plain(needed) in map(plain, facts.words(parameter)):
                rests = (Basis("node.cmdline", parameter, facts.text("node.cmdline", parameter)),)
                text = f"module {needed} is blacklisted on the kernel's command line ({parameter}=)"
                return Cause(code="blacklisted", text=text, subject=plain(needed), rests=rests)
    return None


def _file(name: str, state: str, path: str, _probe: Probe, facts: Facts) -> Cause | None:
    codes: dict[str, tuple[Code, str]] = {
        "missing": ("module-file-missing", "is not there"),
        "damaged": ("module-file-damaged", "is empty or cut short"),
    }
    if state not in codes:
        return None
    code, words = codes[state]
    return Cause(
        code=code, text=f"the file of module {name} {words}: {path}", subject=plain(name), rests=(_module(facts, name),)
    )


def _disabled(name: str, state: str, _path: str, _probe: Probe, facts: Facts) -> Cause | None:
    if state not in {"file", "unreadable"}:
        return None
    if facts.text("node.modules-disabled") == "1":
        text = f"module {name} is not loaded, and kernel.modules_disabled=1 forbids to load any until the next boot"
        return Cause(
            code="modules-disabled", text=text, subject=plain(name), rests=(Basis("node.modules-disabled", "", "1"),)
        )
    path = facts.value("node.modprobe", "path")
    if path == "":
        text = f"module {name} is not loaded, and the kernel may not load it by itself: kernel.modprobe is empty"
    elif isinstance(path, str) and facts.value("node.modprobe", "exists_here") is False and not facts.container:
        text = f"module {name} is not loaded, and what should load it does not exist: kernel.modprobe is {path}"
    else:
        return None
    return Cause(code="autoload-off", text=text, subject=plain(name), rests=(Basis("node.modprobe", "path", path),))


def _nowhere(name: str, state: str, _path: str, probe: Probe, facts: Facts) -> Cause | None:
    if state == "nowhere" and any(
        facts.kconfig.get(symbol) == "m" for word in probe.kconfig for symbol in word.split("|")
    ):
        text = f"module {name} was built with this kernel and is not installed: its package is missing"
        return Cause(code="package-missing", text=text, subject=plain(name), rests=(_module(facts, name),))
    if state == "unreadable" and facts.error("node.modules-dep") == "ENOENT":
        rests = (Basis("node.modules-dep", "error", "ENOENT"),)
        if facts.container:
            text = f"the container does not see the node's /lib/modules ({facts.container})"
            return Cause(code="container-view", text=text, subject=plain(name), rests=rests)
        text = f"there are no modules for the running kernel {facts.begin.uname.release}"
        return Cause(code="wrong-module-directory", text=text, subject=plain(name), rests=rests)
    return None


MODULE_RULES: tuple[Callable[[str, str, str, Probe, Facts], Cause | None], ...] = (
    _blacklisted,
    _file,
    _disabled,
    _nowhere,
)


def _denied(probe: Probe, facts: Facts) -> Cause | None:
    if found := _CAPABILITY.search(probe.reason):
        name, rests = found[1], (_reason(probe),)
        if "initial user namespace" in probe.reason and (
            facts.value("node.userns", "initial") is False or facts.begin.sandbox == "userns"
        ):
            text = f"it takes {name} in the initial user namespace, and the process is in another"
            return Cause(code="user-namespace", text=text, subject=name, rests=rests)
        return Cause(code="capability", text=f"the process lacks {name}", subject=name, rests=rests)
    if "max_" in probe.reason and "_namespaces" in probe.reason:
        text = "no more namespaces of this kind may be made (user.max_*_namespaces)"
        return Cause(code="sysctl", text=text, subject="user.max_net_namespaces", rests=(_reason(probe),))
    if facts.begin.seccomp > 0:
        text = "a seccomp filter is active and refuses it"
        return Cause(code="seccomp", text=text, rests=(Basis("begin", "seccomp", str(facts.begin.seccomp)),))
    return next(_lsm(facts), None)


def _lsm(facts: Facts) -> Iterator[Cause]:
    lockdown = facts.text("node.lockdown")
    if lockdown in {"integrity", "confidentiality"}:
        text = f"the kernel is locked down ({lockdown})"
        yield Cause(code="lockdown", text=text, subject=lockdown, rests=(Basis("node.lockdown", "", lockdown),))
    if facts.text("node.lsm", "selinux") == "enforcing":
        label = facts.text("node.lsm", "label")
        text = f"SELinux is enforcing (this process: {label})" if label else "SELinux is enforcing"
        yield Cause(code="lsm", text=text, subject="selinux", rests=(Basis("node.lsm", "selinux", "enforcing"),))
    label = facts.text("node.lsm", "label")
    if facts.text("node.lsm", "apparmor") == "Y" and label and not label.startswith("unconfined"):
        text = f"AppArmor confines this process ({label})"
        yield Cause(code="lsm", text=text, subject="apparmor", rests=(Basis("node.lsm", "label", label),))


def _doubt(probe: Probe, _facts: Facts) -> Cause | None:
    """Tell what stood between the question and the kernel."""
    if "seccomp filter is active" in probe.reason:
        text = "a seccomp filter is active and may have answered for the kernel"
        return Cause(code="seccomp", text=text, rests=(_reason(probe),))
    if probe.reason.startswith("RLIMIT_MEMLOCK"):
        return Cause(code="memlock", text="the limit of locked memory could not be raised", rests=(_reason(probe),))
    return None


Rule = Callable[[Probe, Facts], Cause | None]
RULES: Mapping[str, tuple[Rule, ...]] = {
    "absent": (_ipv6_off, _too_old, _legacy, _not_built, _modules),
    "broken": (_ipv6_off,),
    "denied": (_denied,),
    "unknown": (_doubt,),
}
