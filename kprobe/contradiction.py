# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Where files on the node say one thing and the kernel did another. Pure. The kernel's answer stands."""

from collections.abc import Iterator

import msgspec

from kprobe.cause import Basis
from kprobe.evidence import Probe
from kprobe.facts import THERE, Facts, plain


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """A row, what the kernel did, and which facts say otherwise."""

    row: str
    text: str
    rests: tuple[Basis, ...]


def contradictions(probe: Probe, facts: Facts) -> Iterator[Contradiction]:
    """Yield what speaks against an answer: all is there and the kernel said no, or something is not and it said yes."""
    if probe.control or probe.step == "prerequisite" or probe.outcome not in {"works", "absent"}:
        return
    modules = [(name, facts.state(name)) for word in probe.modules for name in word.split("|")]
    configs = [(name, facts.kconfig.get(name, "")) for word in probe.kconfig for name in word.split("|")]
    if probe.outcome == "works":
        gone = [Basis("node.kconfig", name, "n") for name in map(facts.unset, probe.kconfig) if name]
        if gone:
            yield _said(probe, gone, "yet the kernel did it")
        lost = [
            Basis("node.modules", plain(name), state)
            for name, state in modules
            if plain(name) in probe.loaded and facts.modules.get(plain(name), "").startswith(("nowhere", "missing:"))
        ]
        if lost:
            yield _said(probe, lost, "yet the kernel loaded it")
        return
    if modules and all(state in THERE for _, state in modules):
        yield _said(
            probe, [Basis("node.modules", plain(name), state) for name, state in modules], "yet the kernel said no"
        )
    if configs and all(value == "y" for _, value in configs):
        yield _said(probe, [Basis("node.kconfig", name, value) for name, value in configs], "yet the kernel said no")


def _said(probe: Probe, rests: list[Basis], did: str) -> Contradiction:
    names = ", ".join(f"{basis.key}: {basis.value}" for basis in rests)
    kind = "module" if rests[0].fact == "node.modules" else "config"
    return Contradiction(row=probe.id, text=f"{kind} {names}, {did}", rests=tuple(rests))
