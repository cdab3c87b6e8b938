# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Why the kernel did not get a module, in the order of the way that a request for one takes.

The kernel starts kernel.modprobe, which looks the module up, heeds modprobe.d, reads its file and those of the modules
that it depends on, and hands each to the kernel, which checks its signature, its blacklist, and what it was built for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from kprobe.cause.model import Basis, Cause, Code
from kprobe.evidence import Probe
from kprobe.facts import Facts, plain


class Missing(msgspec.Struct, frozen=True):
    """A module that is not there, what node.modules says of it, and itself with the ones that it depends on."""

    name: str
    state: str
    all: tuple[str, ...]
    probe: Probe
    facts: Facts

    @property
    def basis(self) -> Basis:
        """Where it is."""
        return Basis("node.modules", self.name, self.state)

    @property
    def installed(self) -> bool:
        """Whether an index names it."""
        return self.state.startswith(("file:", "missing:"))


Rule = Callable[[Missing], Cause | None]


def enforcing(facts: Facts) -> bool:
    """Whether SELinux does what its policy says."""
    return facts.text("node.lsm", "selinux") == "enforcing"


def lacking(probe: Probe, facts: Facts) -> Iterator[str]:
    """Yield the modules of a row that are not there."""
    return filter(None, map(facts.lacks, probe.modules))


def module(probe: Probe, facts: Facts) -> Cause | None:
    """Say of the modules that are not there why the kernel did not get the first for which that can be told."""
    return _why(lacking(probe, facts), RULES, probe, facts)


def alternative(probe: Probe, facts: Facts) -> Cause | None:
    """Say the same of modules that another of the row's could stand for, and that are installed.

    What was a module of its own moved into another (nft_counter into nf_tables, 023223dfbfb3): where both are
    installed, the one that is there is no substitute for the one that is not.
    """
    names = (name for word in probe.modules for name in word.split("|"))
    installed = (name for name in names if facts.state(name).startswith(("file:", "missing:")))
    return _why(installed, INSTALLED, probe, facts)


def _why(names: Iterable[str], rules: Sequence[Rule], probe: Probe, facts: Facts) -> Cause | None:
    for found in names:
        name = plain(found)
        needs = facts.text("node.module-needs", name).split()
        missing = Missing(name, facts.state(name), (name, *needs), probe, facts)
        for rule in rules:
            told = rule(missing)
            if told is not None:
                return told
    return None


def _autoload_off(m: Missing) -> Cause | None:
    if not m.installed and m.state != "unreadable":
        return None
    path, here = m.facts.value("node.modprobe", "path"), m.facts.value("node.modprobe", "exists_here")
    if here is not False or m.facts.container:
        return None
    if not path:
        text = f"module {m.name} is not loaded, and the kernel may not load it by itself: kernel.modprobe is empty"
    else:
        text = f"module {m.name} is not loaded, and kernel.modprobe, which should load it, names no file: {path}"
    return Cause(
        code="autoload-off", text=text, subject=m.name, rests=(Basis("node.modprobe", "path", str(path or "")),)
    )


def _disabled(m: Missing) -> Cause | None:
    if m.facts.text("node.modules-disabled") != "1" or not (m.installed or m.state == "unreadable"):
        return None
    text = f"module {m.name} is not loaded, and kernel.modules_disabled=1 forbids to load any until the next boot"
    return Cause(code="modules-disabled", text=text, subject=m.name, rests=(Basis("node.modules-disabled", "", "1"),))


_LOG: tuple[tuple[re.Pattern[str], Code, str], ...] = (
    (re.compile(r"Module (\w+) is blacklisted"), "blacklisted", "module {} is blacklisted (module_blacklist=)"),
    (
        re.compile(r"Lockdown: .*: unsigned module loading is restricted.*"),
        "lockdown",
        "module {} has no valid signature, which the kernel, locked down, demands",
    ),
    (
        re.compile(r"(?:\w+: )?[Ll]oading of .* is rejected"),
        "signature",
        "module {} has no valid signature, which the kernel demands",
    ),
    (
        re.compile(r"(\w+): (?:version magic '.*|disagrees about version of symbol .*|Unknown symbol .*)"),
        "wrong-module-directory",
        "module {} was built for another kernel than the one that runs",
    ),
    (
        re.compile(r"module (\w+): \.gnu\.linkonce\.this_module section size must match.*"),
        "wrong-module-directory",
        "module {} was built for another kernel than the one that runs",
    ),
)


def _logged(m: Missing) -> Cause | None:
    """Take the kernel at its word: what it wrote into its log while the row ran."""
    for line in m.probe.log:
        for pattern, code, text in _LOG:
            if found := pattern.fullmatch(line):
                name = next(filter(None, found.groups()), m.name)
                return Cause(code=code, text=text.format(name), subject=name, rests=(Basis("row", "log", line),))
    return None


def _modprobe_d(m: Missing) -> Cause | None:
    """Tell what modprobe.d says: its blacklist is for the module asked for, its install lines are for any."""
    for line in m.facts.strings("node.modprobe-d", "lines"):
        verb, name, path = (*line.split(" ", 2), "", "", "")[:3]
        if verb == "blacklist" and plain(name) == m.name:
            text = f"module {m.name} is blacklisted in {path}"
        elif verb.startswith("install") and plain(name) in m.all:
            does = "nothing" if verb == "install-nothing" else "something else"
            text = f"{path} tells modprobe to do {does} instead of loading module {plain(name)}"
        else:
            continue
        return Cause(
            code="blacklisted", text=text, subject=plain(name), rests=(Basis("node.modprobe-d", "lines", line),)
        )
    return None


def _command_line(m: Missing) -> Cause | None:
    for parameter, names in (("modprobe.blacklist", m.all[:1]), ("module_blacklist", m.all)):
        given = set(map(plain, m.facts.words(parameter)))
        for name in names:
            if name in given:
                rests = (Basis("node.cmdline", parameter, m.facts.text("node.cmdline", parameter)),)
                text = f"module {name} is blacklisted on the kernel's command line ({parameter}=)"
                return Cause(code="blacklisted", text=text, subject=name, rests=rests)
    return None


def _selinux(m: Missing) -> Cause | None:
    """Tell what SELinux wrote down that it refused, to whomever: where a module came, it may not have been this run."""
    if not (m.installed or m.state == "unreadable") or m.facts.brought or not enforcing(m.facts):
        return None
    label = m.facts.text("node.lsm", "label")
    who = f" to this process ({label})" if label else " to this process"
    for kind, text in (
        ("AVC.module_request", f"SELinux refuses{who} that the kernel gets module {m.name} for it (module_request)"),
        ("AVC.module_load", f"SELinux refuses that module {m.name} is loaded (module_load)"),
    ):
        if count := m.facts.audited(kind):
            rests = (Basis("node.lsm", "selinux", "enforcing"), Basis("end", f"audit.{kind}", str(count)))
            return Cause(code="lsm", text=text, subject="selinux", rests=rests)
    return None


def suspect(probe: Probe, facts: Facts) -> Cause | None:
    """Name SELinux where a module is there, nothing came, and the audit trail could not be had, or is told nothing."""
    there = next((name for name in lacking(probe, facts) if facts.state(name).startswith("file:")), "")
    if not there or facts.brought or not enforcing(facts):
        return None
    text = f"module {plain(there)} is there and was not loaded, and no fact tells why; SELinux is enforcing"
    return Cause(code="unknown", text=text, subject="selinux", rests=(Basis("node.lsm", "selinux", "enforcing"),))


_FILES: Mapping[str, tuple[Code, str]] = {
    "missing": ("module-file-missing", "is not there"),
    "empty": ("module-file-damaged", "is empty"),
    "damaged": ("module-file-damaged", "is cut short or damaged"),
}


def _file(m: Missing) -> Cause | None:
    for name in m.all:
        fact, said = "node.module-files", m.facts.text("node.module-files", name)
        if not said and name == m.name:
            fact, said = "node.modules", m.state
        kind, _, path = said.partition(":")
        if kind in _FILES:
            code, words = _FILES[kind]
            whose = name if name == m.name else f"{name}, on which {m.name} depends,"
            text = f"the file of module {whose} {words}: {path}"
            return Cause(code=code, text=text, subject=name, rests=(Basis(fact, name, said),))
    return None


def _index(m: Missing) -> Cause | None:
    if m.state != "nowhere" or m.facts.value("node.module-tree", "dep_bytes") != 0:
        return None
    where = m.facts.text("node.module-tree", "directory")
    text = f"modprobe cannot find module {m.name}, for {where}modules.dep is empty"
    return Cause(code="module-index", text=text, subject=m.name, rests=(Basis("node.module-tree", "dep_bytes", "0"),))


def _package(m: Missing) -> Cause | None:
    symbols = [symbol for word in m.probe.kconfig for symbol in word.split("|") if m.facts.kconfig.get(symbol) == "m"]
    if m.state != "nowhere" or not symbols:
        return None
    text = f"module {m.name} was built with this kernel and is not installed: its package is missing"
    rests = (m.basis, Basis("node.kconfig", symbols[-1], "m"))
    return Cause(code="package-missing", text=text, subject=m.name, rests=rests)


def _directory(m: Missing) -> Cause | None:
    """Tell where the whole tree is missing; a kernel that has it built in, or loads nothing, needs none."""
    built_in = bool(m.probe.kconfig) and all(
        any(m.facts.kconfig.get(symbol) == "y" for symbol in word.split("|")) for word in m.probe.kconfig
    )
    if m.state != "unreadable" or m.facts.error("node.modules-dep") != "ENOENT" or built_in:
        return None
    basis = Basis("node.modules-dep", "error", "ENOENT")
    release = m.facts.begin.uname.release
    if m.facts.container:
        text = f"the container does not see the node's /lib/modules/{release} ({m.facts.container})"
        return Cause(code="container-view", text=text, subject=m.name, rests=(basis,))
    others = m.facts.strings("node.module-tree", "others")
    there = f"there are some for {', '.join(others)}" if others else "and none for any other"
    text = f"there are no modules for {release}, the kernel that runs; {there}"
    rests = (basis, *(Basis("node.module-tree", "others", other) for other in others))
    return Cause(code="wrong-module-directory", text=text, subject=m.name, rests=rests)


def _not_by_itself(m: Missing) -> Cause | None:
    """Name the one module that rows ask for by ways around, where the kernel has none of its own.

    Before v5.15 (2199f562730d) generic netlink knows no alias of ip_vs; the way goes through nft_compat.
    """
    if m.name != "ip_vs" or m.facts.release is None or m.facts.release >= (5, 15) or not m.installed:
        return None
    text = "module ip_vs is not loaded, and a kernel before 5.15 does not load it by itself"
    return Cause(code="autoload-off", text=text, subject=m.name, rests=(m.basis,))


INSTALLED: tuple[Rule, ...] = (_autoload_off, _disabled, _logged, _modprobe_d, _file, _command_line, _selinux)
RULES: tuple[Rule, ...] = (*INSTALLED, _index, _package, _directory, _not_by_itself)
