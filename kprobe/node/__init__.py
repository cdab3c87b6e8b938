# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Derived rows: what the node's facts mean, in the shape of a row. Pure; why they are not the core's: docs/adr/0006.

A profile names ``node.…`` rows just like the kernel's. What the facts do not say is ``unknown``: taking a fact away
never makes a row ``works``.
"""

from kprobe.evidence import Evidence, Outcome, Probe, Row
from kprobe.node import cni, host, kubernetes, managers, networkd, networkmanager, pools, ports, tuning
from kprobe.node.rule import Rule, UnsureError
from kprobe.node.view import View

RULES: tuple[Rule, ...] = (
    *host.RULES,
    *networkmanager.RULES,
    *networkd.RULES,
    *managers.RULES,
    *cni.RULES,
    *ports.RULES,
    *tuning.RULES,
    *pools.RULES,
    *kubernetes.RULES,
)


def derive(evidence: Evidence) -> tuple[Probe, ...]:
    """Work out every derived row of one node, in the order of the rules."""
    view = View(evidence)
    return tuple(_row(rule, view) for rule in RULES)


def known(evidence: Evidence, derived: tuple[Probe, ...]) -> dict[str, Probe]:
    """Return the rows of a node by id, control rows apart: those recorded go before those derived."""
    rows = dict(evidence.answers)
    for control in [row.id for row in evidence.probes if row.control]:
        rows.pop(control, None)
    for row in derived:
        rows.setdefault(row.id, row)
    return rows


def catalogue() -> tuple[Row, ...]:
    """Return the derived rows as `kprobe explain` shows rows."""
    return tuple(Row(id=rule.id, family="node", title=rule.title, asks=rule.asks, proves=rule.proves) for rule in RULES)


def _row(rule: Rule, view: View) -> Probe:
    try:
        answer = rule.judge(view)
    except UnsureError as why:
        return _probe(rule, "unknown", str(why))
    return _probe(rule, answer.outcome, answer.reason)


def _probe(rule: Rule, outcome: Outcome, reason: str) -> Probe:
    return Probe(
        id=rule.id, family="node", title=rule.title, seq=0, worker=0, ns=0, outcome=outcome, step="facts", reason=reason
    )
