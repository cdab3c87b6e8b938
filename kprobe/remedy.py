# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What to do about a cause on this distribution. Pure; commands are data, and none is guessed.

Commands are for the node and take nothing from evidence but names of modules that look like one. What a product can do
instead (``avoid``) and what is lost without it (``lost``) are the profile's to say, need by need.
"""

import re
from collections.abc import Callable, Mapping

import msgspec

from kprobe.cause import Cause, Code
from kprobe.distros import Distro, distro
from kprobe.facts import Facts


class Remedy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to do, the commands that do it (to be run on the node), and where that is documented."""

    text: str
    commands: tuple[str, ...] = ()
    source: str = ""


_MODULE = re.compile(r"[A-Za-z0-9_]{1,40}")
_KMOD = "modprobe.d(5)"
_SYSCTL = "Documentation/admin-guide/sysctl/kernel.rst"
_PARAMETERS = "Documentation/admin-guide/kernel-parameters.txt"


def remedy(cause: Cause, facts: Facts) -> Remedy | None:
    """Return what helps against a cause; None where nothing is known that does."""
    make = REMEDIES.get(cause.code)
    return make(cause, facts) if make else None


def _simple(text: str, *commands: str, source: str = "") -> Callable[[Cause, Facts], Remedy]:
    """Make a remedy that is the same everywhere; a command with ``{module}`` only where the subject looks like one."""

    def make(cause: Cause, _facts: Facts) -> Remedy:
        return Remedy(text=text, commands=_named(commands, cause), source=source)

    return make


def _named(commands: tuple[str, ...], cause: Cause) -> tuple[str, ...]:
    """Put the module's name into commands; leave out those that need a name when there is none to be had."""
    if _MODULE.fullmatch(cause.subject):
        return tuple(command.replace("{module}", cause.subject) for command in commands)
    return tuple(command for command in commands if "{module}" not in command)


def _look(facts: Facts, cause: Cause) -> str:
    name = facts.text("node.os-release", "id") or "unknown"
    module = f"/{cause.subject}.ko" if _MODULE.fullmatch(cause.subject) else ""
    return (
        f"no command is known for this distribution ({name}): ask its package manager which package brings "
        f"/lib/modules/$(uname -r)/…{module}"
    )


def _install(cause: Cause, facts: Facts) -> Remedy:
    found = distro(facts)
    if found is None:
        return Remedy(text=_look(facts, cause))
    if not found.install:
        return _again(cause, facts)
    return _of(found, "install the package that has the module", found.install, cause)


def _again(cause: Cause, facts: Facts) -> Remedy:
    found = distro(facts)
    if found is None or not (found.again or found.install):
        return Remedy(text=_look(facts, cause))
    return _of(
        found, found.how or "install the package with the kernel's modules again", found.again or found.install, cause
    )


def _of(found: Distro, text: str, commands: tuple[str, ...], cause: Cause) -> Remedy:
    note = f": {found.note}" if found.note else ""
    return Remedy(text=f"{text} ({found.name}{note})", commands=_named(commands, cause), source=found.source)


def _built(cause: Cause, facts: Facts) -> Remedy:
    found = distro(facts)
    if found is not None and found.other:
        return _of(found, "boot a kernel that was built with it", found.other, cause)
    return Remedy(text=f"boot a kernel that was built with {cause.subject}; no package adds it to this one")


def _blacklisted(cause: Cause, _facts: Facts) -> Remedy:
    fact = cause.rests[0].fact if cause.rests else ""
    if fact == "node.modprobe-d":
        path = cause.rests[0].value.split(" ", 2)[-1]
        text = (
            f"if it was not put there on purpose, take the line out of {path}; a blacklisted module loads by its name"
        )
        commands = () if cause.rests[0].value.startswith("install") else ("modprobe {module}",)
        return Remedy(text=text, commands=_named(commands, cause), source=_KMOD)
    key = cause.rests[0].key if fact == "node.cmdline" else "module_blacklist"
    text = f"take {cause.subject} out of {key}= on the kernel's command line, and boot again"
    return Remedy(text=text, source=_PARAMETERS)


def _sysctl(cause: Cause, _facts: Facts) -> Remedy | None:
    values = {"net.core.bpf_jit_enable": "1", "user.max_net_namespaces": "65536"}
    if cause.subject not in values:
        return None
    command = f"sysctl -w {cause.subject}={values[cause.subject]}"
    text = (
        "raise it, and keep it in /etc/sysctl.d"
        if cause.subject.startswith("user")
        else "switch it on, and keep it so in /etc/sysctl.d"
    )
    return Remedy(text=text, commands=(command,), source="sysctl.d(5), Documentation/admin-guide/sysctl")


def _lsm(cause: Cause, _facts: Facts) -> Remedy:
    where = {
        "selinux": (
            "the denial is in the audit log; allow it there, or run the container with spc_t",
            ("ausearch -m avc -ts recent",),
        ),
        "apparmor": ("run it unconfined (apparmor=unconfined), or allow it in the profile", ("dmesg | grep apparmor",)),
    }
    text, commands = where.get(cause.subject, ("see the kernel log and the audit log", ()))
    return Remedy(text=text, commands=commands)


REMEDIES: Mapping[Code, Callable[[Cause, Facts], Remedy | None]] = {
    "not-built": _built,
    "too-old": lambda cause, _facts: Remedy(text=f"boot a kernel of Linux {cause.subject} or newer"),
    "legacy-tables-off": _simple("use iptables with the nft backend, or nftables; both go without the legacy tables"),
    "ipv6-off": _simple(
        "where IPv6 is wanted, take ipv6.disable=1 off the kernel's command line, and boot again; to switch IPv6 off "
        "for addresses alone, net.ipv6.conf.all.disable_ipv6=1 does without it",
        source="Documentation/networking/ipv6.rst",
    ),
    "module-file-missing": _again,
    "module-file-damaged": _again,
    "module-index": _simple("make the index of the modules anew", "depmod -a $(uname -r)", source="depmod(8)"),
    "package-missing": _install,
    "wrong-module-directory": _simple(
        "most often the kernel's package was upgraded since the last boot: boot the kernel that is installed", "reboot"
    ),
    "container-view": _simple("run it on the node itself, or give the container the node's /lib/modules, read only"),
    "autoload-off": _simple(
        "let the kernel load modules, or load this one at each boot (/etc/modules-load.d)",
        "sysctl -w kernel.modprobe=/sbin/modprobe",
        "modprobe {module}",
        source=_SYSCTL,
    ),
    "modules-disabled": _simple(
        "nothing undoes it but a boot; load the module before the sysctl is set (/etc/modules-load.d)",
        "echo {module} > /etc/modules-load.d/{module}.conf",
        source=_SYSCTL,
    ),
    "blacklisted": _blacklisted,
    "signature": _simple(
        "use the module of the kernel's own package, or sign it with a key that the kernel trusts",
        source="Documentation/admin-guide/module-signing.rst",
    ),
    "lockdown": _simple(
        "use what the distribution signed; lockdown itself follows Secure Boot or lockdown= on the command line",
        source="kernel_lockdown(7)",
    ),
    "capability": _simple("run as root on the node, or add the capability to the container (privileged has all)"),
    "user-namespace": _simple("run as root on the node: inside a user namespace the kernel will always refuse it"),
    "seccomp": _simple("run without the filter: privileged, or seccompProfile Unconfined (docker: seccomp=unconfined)"),
    "lsm": _lsm,
    "sysctl": _sysctl,
    "read-only": _simple("run as root on the node, or in a privileged container, whose /proc/sys can be written to"),
    "memlock": _simple("run as root with CAP_SYS_RESOURCE, or with a larger limit", "ulimit -l unlimited"),
}
