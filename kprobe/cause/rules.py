# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The rules: each looks for one kind of cause, and finds it or says nothing. Their order is that of RULES."""

import re
from collections.abc import Callable, Iterator, Mapping

from kprobe.cause.model import Basis, Cause
from kprobe.cause.modules import alternative, enforcing, lacking, module, suspect
from kprobe.evidence import Outcome, Probe
from kprobe.facts import Facts, numbers, plain

Rule = Callable[[Probe, Facts], Cause | None]

CAPABILITIES = {
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_MODULE": 16,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_RESOURCE": 24,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}
LEGACY = re.compile(r"(ip|ip6|arp)_?table(s|_filter|_nat|_mangle|_raw|_security)")
LEGACY_SYMBOL = "CONFIG_NETFILTER_XTABLES_LEGACY"
_IPV6 = re.compile(r"ipv6|inet6|ip6|icmpv?6|(connect|bind|sendmsg|recvmsg|getpeername|getsockname)6", re.IGNORECASE)
_IPV6_MODULE = re.compile(r"6(_|\b)")
_FILLERS = frozenset({"init", "module", "mod", "register", "setup", "start"})
_KINDS = frozenset({"act", "af", "cls", "ip", "nf", "nft", "sch", "xt"})
_STARTED: Mapping[str, tuple[str, ...]] = {  # by initcall: the rows that it is for, where no module has its name
    "bpf_init": ("bpf.pin",),  # kernel/bpf/inode.c
    "btf_vmlinux_init": ("bpf.btf.vmlinux",),  # kernel/bpf/sysfs_btf.c
    "tc_filter_init": ("tc.filter.", "attach.tc."),  # net/sched/cls_api.c
}
_CAPABILITY = re.compile(r"\b(?:needs|takes) (CAP_[A-Z_]+)")


def _reason(probe: Probe) -> Basis:
    return Basis("row", "reason", probe.reason)


def _too_old(probe: Probe, facts: Facts) -> Cause | None:
    since = numbers(probe.since)
    if since is None or facts.release is None or facts.release >= since:
        return None
    release = facts.begin.uname.release
    return Cause(
        code="too-old",
        text=f"it came with Linux {probe.since}; this is {release}",
        subject=probe.since,
        rests=(Basis("row", "since", probe.since), Basis("begin", "uname.release", release)),
    )


def _legacy(probe: Probe, facts: Facts) -> Cause | None:
    """Name the switch of 6.17 (a9525c7f6219 "netfilter: xtables: allow xtables legacy to be disabled"; PREEMPT_RT)."""
    if not probe.id.startswith("xt.legacy.") or facts.release is None or facts.release < (6, 17):
        return None
    value = facts.kconfig.get(LEGACY_SYMBOL, "")
    gone = [name for name in map(facts.lacks, probe.modules) if LEGACY.fullmatch(name)]
    if value == "n":
        rests = Basis("node.kconfig", LEGACY_SYMBOL, "n")
    elif not value and gone and facts.state(gone[0]) == "nowhere":
        rests = Basis("node.modules", plain(gone[0]), "nowhere")
    else:
        return None
    text = f"this kernel was built without legacy iptables ({LEGACY_SYMBOL})"
    return Cause(code="legacy-tables-off", text=text, subject=LEGACY_SYMBOL, rests=(rests,))


def _not_built(probe: Probe, facts: Facts) -> Cause | None:
    """Name a symbol that is not set; not where a module of the row is a file: then it was built."""
    if any(facts.state(facts.lacks(word)).startswith(("file:", "missing:")) for word in probe.modules):
        return None
    unset = list(filter(None, map(facts.unset, probe.kconfig)))
    if not unset:
        return None
    rests = tuple(Basis("node.kconfig", name, "n") for name in unset)
    return Cause(code="not-built", text=f"the kernel was built without {unset[-1]}", subject=unset[-1], rests=rests)


def _ipv6_off(probe: Probe, facts: Facts) -> Cause | None:
    """Tell that IPv6 is off; this matters to rows about IPv6, and to modules that cannot start without it."""
    needs = [
        text for name in lacking(probe, facts) for text in (plain(name), facts.text("node.module-needs", plain(name)))
    ]
    if not (_IPV6.search(probe.id) or _IPV6.search(probe.title) or any(map(_IPV6_MODULE.search, needs))):
        return None
    for fact, key in (("node.cmdline", "ipv6.disable"), ("node.ipv6", "module.disable")):
        value = facts.text(fact, key)
        if value.endswith("1"):
            text = "IPv6 is off for the whole kernel (ipv6.disable=1)"
            return Cause(code="ipv6-off", text=text, subject="ipv6.disable", rests=(Basis(fact, key, value),))
    return None


def _jit_off(probe: Probe, facts: Facts) -> Cause | None:
    """Tell that eBPF programs are interpreted: calls between programs, kfuncs and callbacks then do not load."""
    name = "net/core/bpf_jit_enable"
    if probe.family.split(".")[0] not in {"bpf", "attach"} or facts.text("node.sysctl", name) != "0":
        return None
    if probe.step not in {"BPF_PROG_LOAD", "jited_prog_len"}:
        return None
    text = "the JIT of eBPF is off (net.core.bpf_jit_enable=0)"
    return Cause(code="sysctl", text=text, subject="net.core.bpf_jit_enable", rests=(Basis("node.sysctl", name, "0"),))


def _starts(function: str) -> frozenset[str]:
    """Return the words of a name but those that say no more than that it starts something."""
    return frozenset(plain(function).split("_")) - _FILLERS


def _initcall(probe: Probe, facts: Facts) -> Cause | None:
    """Tell that what is there was kept from starting: by the name of a module, for the parameter names functions.

    do_one_initcall() heeds it for what is built in and for modules alike (init/main.c).
    """
    for function in facts.words("initcall_blacklist"):
        if function in _STARTED:
            if not probe.id.startswith(_STARTED[function]):
                continue
            there = "it is built in"
        else:
            found = next((name for name in _unstarted(probe, facts) if _starts(function) in _names(name)), "")
            if not found:
                continue
            there = "it is built in" if facts.state(found) == "builtin" else f"module {plain(found)} is there"
        text = f"{there}, and {function}(), which starts it, is blacklisted on the kernel's command line"
        return Cause(code="blacklisted", text=text, subject=function, rests=(_kept(facts),))
    return None


def _unstarted(probe: Probe, facts: Facts) -> Iterator[str]:
    """Yield the modules of a row that are there, but for all that is known did not start."""
    names = (name for word in probe.modules for name in word.split("|"))
    return (name for name in names if facts.state(name) == "builtin" or facts.state(name).startswith("file:"))


def _names(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words of a module's name, and those that are left without its kind: {sch, fq, codel}, {fq, codel}."""
    words = _starts(module)
    return words, words - _KINDS or words


def _kept(facts: Facts) -> Basis:
    return Basis("node.cmdline", "initcall_blacklist", facts.text("node.cmdline", "initcall_blacklist"))


def _some_initcall(_probe: Probe, facts: Facts) -> Cause | None:
    """Name, where nothing else was found, what was kept from starting: whose it is, its name does not tell."""
    functions = facts.words("initcall_blacklist")
    if not functions:
        return None
    text = (
        f"no fact tells why; the kernel's command line keeps {', '.join(functions)} from starting (initcall_blacklist=)"
    )
    return Cause(code="unknown", text=text, subject=functions[0], rests=(_kept(facts),))


def _holds(facts: Facts, capability: str) -> bool | None:
    """Whether the collector held a capability; None where that cannot be told."""
    try:
        mask = int(facts.begin.caps.effective, 16)
    except ValueError:
        return None
    return bool(mask >> CAPABILITIES[capability] & 1) if capability in CAPABILITIES else None


def _capability(probe: Probe, facts: Facts) -> Cause | None:
    found = _CAPABILITY.search(probe.reason)
    if found is None:
        return None
    name, rests = found[1], (_reason(probe),)
    elsewhere = facts.value("node.userns", "initial") is False
    if _holds(facts, name) is not False and elsewhere:
        text = f"it takes {name} in the initial user namespace, and the process is in another"
        return Cause(
            code="user-namespace", text=text, subject=name, rests=(*rests, Basis("node.userns", "initial", "false"))
        )
    return Cause(code="capability", text=f"the process lacks {name}", subject=name, rests=rests)


def _namespaces(probe: Probe, _facts: Facts) -> Cause | None:
    if not ("max_" in probe.reason and "_namespaces" in probe.reason):
        return None
    text = "no more namespaces of this kind may be made (user.max_*_namespaces)"
    return Cause(code="sysctl", text=text, subject="user.max_net_namespaces", rests=(_reason(probe),))


def _read_only(probe: Probe, _facts: Facts) -> Cause | None:
    """Tell what a file system said, before anything that refuses calls is blamed."""
    if probe.error != "EROFS":
        return None
    text = "what it writes to is mounted read-only, as /proc/sys is in a container"
    return Cause(code="read-only", text=text, rests=(Basis("row", "error", probe.error),))


def _seccomp(_probe: Probe, facts: Facts) -> Cause | None:
    if facts.begin.seccomp <= 0:
        return None
    rests = (Basis("begin", "seccomp", str(facts.begin.seccomp)),)
    return Cause(code="seccomp", text="a seccomp filter is active and refuses it", rests=rests)


def _security(_probe: Probe, facts: Facts) -> Cause | None:
    return next(_lsms(facts), None)


def _lsms(facts: Facts) -> Iterator[Cause]:
    lockdown = facts.text("node.lockdown")
    if lockdown in {"integrity", "confidentiality"}:
        text = f"the kernel is locked down ({lockdown})"
        yield Cause(code="lockdown", text=text, subject=lockdown, rests=(Basis("node.lockdown", "", lockdown),))
    label = facts.text("node.lsm", "label")
    if enforcing(facts):
        text = f"SELinux is enforcing (this process: {label})" if label else "SELinux is enforcing"
        yield Cause(code="lsm", text=text, subject="selinux", rests=(Basis("node.lsm", "selinux", "enforcing"),))
    elif facts.text("node.lsm", "apparmor") == "Y" and label and not label.startswith("unconfined"):
        text = f"AppArmor confines this process ({label})"
        yield Cause(code="lsm", text=text, subject="apparmor", rests=(Basis("node.lsm", "label", label),))
    for name in ("selinux", "smack", "tomoyo"):
        if name in facts.text("node.lsm", "active").split(",") and not facts.text("node.lsm", "selinux"):
            yield Cause(
                code="unknown",
                text=f"refused, and no fact tells by what; {name} is among the active security modules",
                subject=name,
                rests=(Basis("node.lsm", "active", facts.text("node.lsm", "active")),),
            )


def _doubt(probe: Probe, _facts: Facts) -> Cause | None:
    """Tell what stood between the question and the kernel."""
    if "seccomp filter is active" in probe.reason:
        text = "a seccomp filter is active and may have answered for the kernel"
        return Cause(code="seccomp", text=text, rests=(_reason(probe),))
    if probe.reason.startswith("RLIMIT_MEMLOCK"):
        return Cause(code="memlock", text="the limit of locked memory could not be raised", rests=(_reason(probe),))
    return None


RULES: Mapping[Outcome, tuple[Rule, ...]] = {
    "works": (),
    "absent": (
        _too_old,
        _legacy,
        _not_built,
        module,
        _ipv6_off,
        _jit_off,
        _initcall,
        alternative,
        suspect,
        _some_initcall,
    ),
    "broken": (_ipv6_off, _jit_off),
    "denied": (_capability, _namespaces, _read_only, _seccomp, _security),
    "unknown": (_doubt, _capability),
}
