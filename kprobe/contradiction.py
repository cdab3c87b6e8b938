# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Where files on the node say one thing and the kernel did another. Pure. The kernel's answer stands."""

from collections.abc import Iterator

import msgspec

from kprobe.cause import Basis, Cause
from kprobe.evidence import Probe
from kprobe.facts import THERE, Facts, plain


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """A row, what the kernel did, and which facts say otherwise."""

    row: str
    text: str
    rests: tuple[Basis, ...]


def contradictions(probe: Probe, cause: Cause | None, facts: Facts) -> Iterator[Contradiction]:
    """Yield what speaks against an answer: something is not there and the kernel did it, or all is and it said no.

    A "no" whose cause is known is no contradiction, whatever else is there.
    """
    if probe.control:
        return
    if probe.outcome == "works":
        gone = [Basis("node.kconfig", name, "n") for name in filter(None, map(facts.unset, probe.kconfig))]
        if gone:
            yield _said(probe, gone, "yet the kernel did it")
        lost = [
            Basis("node.modules", name, facts.modules[name])
            for name in map(plain, probe.loaded)
            if facts.modules.get(name, "").startswith(("nowhere", "missing:"))
        ]
        if lost:
            yield _said(probe, lost, "yet the kernel loaded it")
    elif probe.outcome == "absent" and cause is not None and cause.code == "unknown" and not cause.via:
        modules = [(plain(name), facts.state(name)) for word in probe.modules for name in word.split("|")]
        known = [Basis("node.modules", name, state) for name, state in modules if state in THERE]
        if known and not any(map(facts.lacks, probe.modules)):
            yield _said(probe, known, "yet the kernel said no")
        symbols = [(name, facts.kconfig.get(name)) for word in probe.kconfig for name in word.split("|")]
        if symbols and all(value == "y" for _, value in symbols):
            yield _said(probe, [Basis("node.kconfig", name, "y") for name, _ in symbols], "yet the kernel said no")


def _said(probe: Probe, rests: list[Basis], did: str) -> Contradiction:
    names = ", ".join(f"{basis.key}: {basis.value}" for basis in rests)
    kind = "module" if rests[0].fact == "node.modules" else "config"
    return Contradiction(row=probe.id, text=f"{kind} {names}, {did}", rests=tuple(rests))
