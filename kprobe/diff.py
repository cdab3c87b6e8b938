# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What changed between two runs, as one profile sees it: outcomes, causes, verdicts. Pure."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from kprobe.evidence import Probe
from kprobe.report import Report, Verdict
from kprobe.standard import BADNESS

Kind = Literal["profile", "group", "mode", "need", "row", "cause"]
Sense = Literal["worse", "better", "other"]
MISSING = "not there"


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not as it was, and what is said of it in the second run."""

    kind: Kind
    name: str
    before: str
    after: str
    sense: Sense
    words: str = ""


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """All changes, and which runs were compared."""

    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def worse(self) -> bool:
        """Whether something got worse."""
        return any(change.sense == "worse" for change in self.changes)


def diff(before: Report, after: Report) -> Diff:
    """Compare two reports of one profile and release."""
    changes = (*_verdicts(before, after), *_rows(before, after))
    return Diff(before=_title(before), after=_title(after), changes=changes)


def _title(report: Report) -> str:
    uname = report.begin.uname
    cut = ", incomplete" if report.incomplete else ""
    return f"{report.source} ({uname.nodename} {uname.release} {uname.machine}{cut})"


def _verdicts(before: Report, after: Report) -> Iterator[Change]:
    for kind, old, new in _pairs(before, after):
        for name in dict.fromkeys((*old, *new)):
            was, now = old.get(name), new.get(name)
            if was != now:
                yield Change(
                    kind=kind, name=name, before=was or MISSING, after=now or MISSING, sense=_of_verdicts(was, now)
                )


def _pairs(before: Report, after: Report) -> Iterator[tuple[Kind, Mapping[str, Verdict], Mapping[str, Verdict]]]:
    title = f"{after.title} {after.release}"
    yield "profile", {title: before.verdict}, {title: after.verdict}
    yield "group", {g.name: g.verdict for g in before.groups}, {g.name: g.verdict for g in after.groups}
    yield "mode", {m.name: m.verdict for m in before.modes}, {m.name: m.verdict for m in after.modes}
    yield "need", _needs(before), _needs(after)


def _needs(report: Report) -> Mapping[str, Verdict]:
    """Return the verdict on each need; the worst where modes that share it differ."""
    found: dict[str, Verdict] = {}
    for mode in report.modes:
        for need in mode.needs:
            found[need.row] = max(found.get(need.row, "pass"), need.verdict, key=BADNESS.index)
    return found


def _of_verdicts(was: Verdict | None, now: Verdict | None) -> Sense:
    if was is None or now is None:
        return "other"
    return "worse" if BADNESS.index(now) > BADNESS.index(was) else "better"


def _rows(before: Report, after: Report) -> Iterator[Change]:
    old, new = _probes(before), _probes(after)
    causes = {each.row: each.cause.text for each in before.explained}
    now_causes = {each.row: each.cause.text for each in after.explained}
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was is None or now is None or was.outcome != now.outcome:
            yield Change(
                kind="row",
                name=name,
                before=was.outcome if was else MISSING,
                after=now.outcome if now else MISSING,
                sense=_of_outcomes(was, now),
                words=_words(now, now_causes.get(name, "")) if now else "",
            )
        elif causes.get(name) != now_causes.get(name):
            told = (causes.get(name, "no cause known"), now_causes.get(name, "no cause known"))
            yield Change(kind="cause", name=name, before=told[0], after=told[1], sense="other")


def _probes(report: Report) -> Mapping[str, Probe]:
    return {row.id: row for row in (*report.derived, *report.rows) if not row.control}


def _of_outcomes(was: Probe | None, now: Probe | None) -> Sense:
    """Judge a change. Away from ``works`` is worse; so is ``broken``: to take a thing and not do it."""
    if was is None:
        return "other"
    if was.outcome == "works" or (now is not None and now.outcome == "broken"):
        return "worse"
    return "better" if now is not None and now.outcome == "works" else "other"


def _words(probe: Probe, cause: str) -> str:
    if probe.outcome == "works":
        return ""
    errno = f"{probe.error or 'errno'} ({probe.errno})" if probe.errno else probe.error
    extack = f'"{probe.extack}"' if probe.extack else ""
    said = " ".join(filter(None, (probe.step + ":" if probe.step else "", errno, extack, probe.reason)))
    return "; ".join(filter(None, (said, cause)))


def text(found: Diff) -> Iterator[str]:
    """Yield lines for a reader, the worse ones first; not made harmless."""
    yield f"before: {found.before}"
    yield f"after:  {found.after}"
    senses: tuple[Sense, ...] = ("worse", "better", "other")
    for sense in senses:
        of_sense = [change for change in found.changes if change.sense == sense]
        if not of_sense:
            continue
        yield ""
        yield {"worse": "Worse", "better": "Better", "other": "Other"}[sense]
        for change in of_sense:
            yield f"  {change.kind:<7}  {change.name}: {change.before} -> {change.after}"
            if change.words:
                yield f"           {change.words}"
    if not found.changes:
        yield "nothing changed"
