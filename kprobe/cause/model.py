# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What a cause is: a code out of a closed list, words, and the facts that it rests on."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Code = Literal[
    "not-built",
    "too-old",
    "legacy-tables-off",
    "ipv6-off",
    "module-file-missing",
    "module-file-damaged",
    "module-index",
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
    "read-only",
    "prerequisite",
    "unknown",
]

CODES: Mapping[Code, str] = {
    "not-built": "the kernel was built without it",
    "too-old": "the kernel is older than the feature",
    "legacy-tables-off": "the kernel was built without the legacy tables of iptables, as it may be since Linux 6.17",
    "ipv6-off": "IPv6 is switched off at boot",
    "module-file-missing": "the file of the module, or of one that it depends on, is not there",
    "module-file-damaged": "the file of the module, or of one that it depends on, is empty or cut short",
    "module-index": "the index of the modules is empty: depmod did not run",
    "package-missing": "the kernel was built with it as a module, and no package with the module is installed",
    "wrong-module-directory": "the modules that are there belong to another kernel than the one that runs",
    "container-view": "the collector ran in a container that does not see the node's modules",
    "autoload-off": "the kernel cannot load modules by itself",
    "modules-disabled": "loading modules is switched off until the next boot",
    "blacklisted": "the module, or the function that starts it or what is built in, is blacklisted",
    "signature": "the kernel refuses modules without a valid signature",
    "lockdown": "the kernel is locked down",
    "capability": "the process lacks a capability",
    "user-namespace": "the process is in a user namespace of its own",
    "seccomp": "a seccomp filter refuses the call, or may have answered it",
    "lsm": "a security module refuses it",
    "sysctl": "a sysctl forbids it",
    "memlock": "the limit of locked memory could not be raised",
    "read-only": "what it writes to is mounted read-only, as /proc/sys is in a container",
    "prerequisite": "another row that it builds on did not work, and why is not in the evidence",
    "unknown": "the facts do not tell",
}


class Basis(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cause rests on: a fact, a key in it, what it says. ``row``, ``begin``, ``end`` stand for those records."""

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
