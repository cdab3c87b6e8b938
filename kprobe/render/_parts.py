# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What more than one format shows: the headline, the modes by group, what is unmet and why. Plain text, not escaped.

Each format escapes what it prints, and must: all of this comes from evidence.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, get_args

import msgspec

from kprobe.cause import Cause
from kprobe.evidence import Fact, Outcome, Probe
from kprobe.remedy import Remedy
from kprobe.report import Explained, GroupReport, ModeReport, NeedReport, Report, Verdict

ANSWER: Mapping[Verdict, str] = {"pass": "ready", "warn": "ready", "unknown": "cannot tell", "fail": "not ready"}
RULE = {"any": "one of these is needed", "all": "all of these are needed", "none": "for information"}
LEVEL = {"require": "required", "recommend": "recommended"}
MISSING = "Missing"
NICE = "Missing, but nothing stops without it"
UNTOLD = "Could not be told"
FEW = 3
MANY = 8
ALL = 1_000_000


class User(NamedTuple):
    """Modes that need a row for the same reason."""

    level: str
    modes: tuple[str, ...]
    why: str
    lost: str
    avoid: str


class Problem(NamedTuple):
    """Rows on which unmet needs rest and to which the kernel said the same; why, and what to do about it.

    ``causes``, ``remedies`` and ``contradictions`` are those of the first ``MANY`` rows, unless all were asked for.
    """

    outcome: str
    names: tuple[str, ...]
    said: tuple[str, ...]
    causes: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    contradictions: tuple[str, ...]
    users: tuple[User, ...]


class Section(NamedTuple):
    """Problems of one weight."""

    title: str
    problems: tuple[Problem, ...]


class _Book:
    """The parts of a report that are looked up by row."""

    def __init__(self, report: Report) -> None:
        self.rows: Mapping[str, Probe] = {row.id: row for row in (*report.derived, *report.rows) if not row.control}
        self.explained: Mapping[str, Explained] = {each.row: each for each in report.explained}
        self.contradicted: dict[str, list[str]] = {}
        for said in report.contradictions:
            self.contradicted.setdefault(said.row, []).append(said.text)
        self.unmet: dict[str, list[tuple[ModeReport, NeedReport]]] = {}
        for mode in report.modes:
            for need in mode.needs:
                if mode.wanted and need.verdict != "pass":
                    for name in need.deciding:
                        self.unmet.setdefault(name, []).append((mode, need))

    def section(self, name: str) -> str:
        """Return the section in which a row stands."""
        row = self.rows.get(name)
        if row is None or row.outcome not in {"absent", "broken"}:
            return UNTOLD
        return MISSING if any(need.level == "require" for _, need in self.unmet[name]) else NICE


def title(report: Report) -> str:
    """Return what was judged: product, release, and the modes where they were chosen."""
    chosen = [mode.name for mode in report.modes if mode.wanted]
    asked = "" if len(chosen) == len(report.modes) else f" in mode {', '.join(chosen)}"
    return f"{report.title} {report.release}{asked}"


def node(report: Report) -> str:
    """Return the node and its kernel."""
    return f"{report.begin.uname.nodename or 'this node'} ({kernel(report)})"


def kernel(report: Report) -> str:
    """Return the kernel: name, release, machine."""
    uname = report.begin.uname
    return " ".join(filter(None, (uname.sysname or "Linux", uname.release, uname.machine)))


def groups(report: Report) -> Iterator[tuple[GroupReport, tuple[ModeReport, ...]]]:
    """Yield the groups and their wanted modes, those that count first."""
    for group in sorted(report.groups, key=lambda group: not group.counts):
        modes = tuple(mode for mode in report.modes if mode.group == group.name and mode.wanted)
        if modes:
            yield group, modes


def standing(group: GroupReport) -> str:
    """Return a group's rule, and whether it is satisfied."""
    return f"{RULE[group.rule]}: {group.verdict}" if group.counts else RULE["none"]


def because(mode: ModeReport) -> str:
    """Return the few rows that made a mode's verdict."""
    if mode.verdict == "pass" and len(mode.deciding) > FEW:
        return f"all {len(mode.needs)} needs are met"
    return few(mode.deciding, FEW)


def few(names: tuple[str, ...], limit: int) -> str:
    """Join names, and count those above the limit."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def sections(report: Report, *, limit: int = MANY) -> tuple[Section, ...]:
    """List the rows on which an unmet need rests; those to which the kernel said the same stand together."""
    book = _Book(report)
    alike: dict[str, dict[tuple[str, tuple[str, ...]], list[str]]] = {MISSING: {}, NICE: {}, UNTOLD: {}}
    for name in book.unmet:
        code = book.explained[name].cause.code if name in book.explained else ""
        alike[book.section(name)].setdefault((code, words(book.rows.get(name))), []).append(name)
    return tuple(
        Section(heading, tuple(_problem(book, said, tuple(names), limit) for (_, said), names in problems.items()))
        for heading, problems in alike.items()
        if problems
    )


def words(probe: Probe | None) -> tuple[str, ...]:
    """Return the outcome, then the kernel's own words, one line each."""
    if probe is None:
        return ("unknown", "this evidence has no such row")
    errno = f"{probe.error or 'errno'} ({probe.errno})" if probe.errno else probe.error
    extack = f'"{probe.extack}"' if probe.extack else ""
    answer = " ".join(filter(None, (errno, extack)))
    said = [": ".join(filter(None, (probe.step, answer or probe.reason)))]
    if answer and probe.reason:
        said.append(probe.reason)
    return (probe.outcome, *filter(None, said), *(f"kernel log: {line}" for line in probe.log))


def _problem(book: _Book, said: tuple[str, ...], names: tuple[str, ...], limit: int) -> Problem:
    found = [book.explained[name] for name in names[:limit] if name in book.explained]
    remedies = {(each.remedy.text, each.remedy.commands): each.remedy for each in found if each.remedy}
    against = dict.fromkeys(text for name in names[:limit] for text in book.contradicted.get(name, ()))
    return Problem(
        outcome=said[0],
        names=names,
        said=said[1:],
        causes=tuple(dict.fromkeys(_cause(each.cause) for each in found)),
        remedies=tuple(remedies.values()),
        contradictions=tuple(against),
        users=tuple(_users(user for name in names for user in book.unmet[name])),
    )


def _cause(cause: Cause) -> str:
    return f"{cause.text} (needs {cause.via})" if cause.via else cause.text


def _users(users: Iterable[tuple[ModeReport, NeedReport]]) -> Iterator[User]:
    """Say who needs it and why; modes that need it for the same reason stand together."""
    alike: dict[str, dict[str, NeedReport]] = {}
    for mode, need in users:
        alike.setdefault(need.why, {})[mode.name] = need
    for why, modes in alike.items():
        need = next(iter(modes.values()))
        yield User(need.level, tuple(modes), why, need.lost, need.avoid)


def blocking(report: Report, mode: ModeReport) -> Verdict:
    """Return what keeps the answer from ready because of a mode: ``fail``, ``unknown``, or ``pass`` for nothing."""
    if not mode.wanted or report.verdict not in {"fail", "unknown"}:
        return "pass"
    if not any(group.counts for group in report.groups):
        return report.verdict
    verdicts = [group.verdict for group in report.groups if group.name == mode.group and group.counts]
    return next((verdict for verdict in verdicts if verdict in {"fail", "unknown"}), "pass")


def about(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what a reader wants to know of the node and the run first."""
    begin = report.begin
    yield "kernel", kernel(report)
    if begin.uname.version:
        yield "build", begin.uname.version
    release = next((fact.value for fact in report.facts if fact.id == "node.os-release"), None)
    if isinstance(release, dict) and (name := release.get("pretty_name") or release.get("id")):
        yield "distribution", str(name)
    yield "collected", " ".join(filter(None, (begin.time, f"by kprobe {begin.version}" if begin.version else "")))
    how = ["as root" if begin.uid == 0 else f"without root (uid {begin.uid})"]
    how += [f"sandbox {begin.sandbox}"] if begin.sandbox not in {"", "root"} else []
    how += [f"seccomp {begin.seccomp}"] if begin.seccomp else []
    yield "how", ", ".join((*how, *begin.flags))
    counts = Counter(row.outcome for row in report.rows if not row.control)
    yield "rows", ", ".join(f"{counts[name]} {name}" for name in get_args(Outcome) if counts[name]) or "none"


def value(fact: Fact) -> str:
    """Return what a fact says, on one line."""
    if fact.error:
        return f"could not be read: {fact.error}"
    if isinstance(fact.value, dict):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in fact.value.items())
    return _plain(fact.value)


def _plain(item: object) -> str:
    return item if isinstance(item, str) else msgspec.json.encode(item).decode()
