# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Synthetic evidence, built in code. None of it comes from a machine."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kprobe import evidence, profile
from kprobe.evidence import Begin, End, Evidence, Fact, Outcome, Probe, Uname

UNAME = Uname(sysname="Linux", nodename="synthetic", release="6.18.0", version="#1", machine="x86_64")


def probe(name: str, outcome: Outcome = "works", seq: int = 0, **more: Any) -> Probe:
    if outcome != "works":
        more = {"step": "create", "errno": 95, "error": "EOPNOTSUPP", **more}
    return Probe(
        id=name,
        family=name.split(".", maxsplit=1)[0],
        title=f"row {name}",
        seq=seq,
        worker=0,
        ns=1000,
        outcome=outcome,
        **more,
    )


def begin(names: Iterable[str], **more: Any) -> Begin:
    plan: dict[str, list[str]] = {}
    for name in names:
        plan.setdefault(name.split(".", maxsplit=1)[0], []).append(name)
    frozen = {family: tuple(rows) for family, rows in plan.items()}
    return Begin(
        **{
            "format": 1,
            "uid": 0,
            "seccomp": 0,
            "version": "0.1.0",
            "uname": UNAME,
            "sandbox": "root",
            "plan": frozen,
            **more,
        }
    )


def stream(outcomes: Mapping[str, Outcome], *, facts: tuple[Fact, ...] = (), **more: Any) -> Evidence:
    """A whole run in which each row came out as told."""
    probes = tuple(probe(name, outcome, seq) for seq, (name, outcome) in enumerate(outcomes.items()))
    return Evidence(
        source="synthetic",
        begin=begin(outcomes, **more),
        facts=facts,
        probes=probes,
        end=End(rows=len(probes), ns=1),
    )


def calico_ids() -> list[str]:
    modes = profile.load("calico").modes
    return list(dict.fromkeys(name for mode in modes for need in mode.needs for name in need.names))


def calico(**changed: Outcome) -> Evidence:
    """Evidence in which all that Calico names works, but for what is told (with __ for . in the id)."""
    return calico_but({name.replace("__", "."): outcome for name, outcome in changed.items()})


def calico_but(changed: Mapping[str, Outcome]) -> Evidence:
    return stream({name: changed.get(name, "works") for name in calico_ids()})


def bare(found: Evidence) -> Evidence:
    """Leave out of rows what is left out where many nodes share them."""
    rows = tuple(msgspec.structs.replace(row, seq=0, worker=0, ns=0) for row in found.probes)
    return msgspec.structs.replace(found, probes=rows)


def lines(found: Evidence) -> list[bytes]:
    return evidence.write(found).splitlines(keepends=True)
