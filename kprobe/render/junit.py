# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""JUnit XML: a test suite a mode, a test case a need.

A CI server turns red for a ``failure`` or an ``error``, so these stand only where they make the answer: ``failure``
where something required is missing and the node is not ready for it, ``error`` where that could not be told. What is
only recommended, or missing in one mode of a group that another mode satisfies, is ``skipped``, with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from kprobe.clean import clean
from kprobe.evidence import Probe
from kprobe.render import _parts as parts
from kprobe.report import ModeReport, NeedReport, Report

SHARED = True
Case = tuple[str, str]
"""The kind of a test case (empty: passed), and its text."""


def render(report: Report, **options: object) -> str:
    """Render one report as a document."""
    return render_many((report,), **options)


def render_many(reports: Sequence[Report], **_: object) -> str:
    """Render all reports as one document."""
    suites = [line for report in reports for line in _suites(report)]
    return (
        "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="kprobe">', *suites, "</testsuites>"])
        + "\n"
    )


def _suites(report: Report) -> Iterator[str]:
    rows = {row.id: row for row in (*report.derived, *report.rows) if not row.control}
    for _, modes in parts.groups(report):
        for mode in modes:
            yield from _suite(report, mode, rows)


def _suite(report: Report, mode: ModeReport, rows: Mapping[str, Probe]) -> Iterator[str]:
    cases = [(need, _case(report, mode, need, rows)) for need in mode.needs]
    kinds = [kind for _, (kind, _) in cases]
    counts = f'tests="{len(cases)}" failures="{kinds.count("failure")}" errors="{kinds.count("error")}"'
    host = _attribute(report.begin.uname.nodename or "this-node")
    time = _attribute(report.begin.time.removesuffix("Z"))
    name = _attribute(f"{report.profile}.{mode.name}")
    at = f" timestamp={time}" if report.begin.time else ""
    skipped = kinds.count("skipped")
    yield f'  <testsuite name={name} {counts} skipped="{skipped}" time="0" hostname={host}{at}>'
    yield from _properties(report, mode)
    for need, (kind, text) in cases:
        head = f'    <testcase classname={name} name={_attribute(need.row)} time="{_seconds(need, rows):.6f}"'
        if not kind:
            yield head + "/>"
            continue
        first = text.partition("\n")[0]
        body = "/>" if kind == "skipped" else f">{_text(text)}</{kind}>"
        yield f"{head}><{kind} message={_attribute(first)}{body}</testcase>"
    yield "  </testsuite>"


def _properties(report: Report, mode: ModeReport) -> Iterator[str]:
    yield "    <properties>"
    about = {"verdict": mode.verdict, "release": report.release, "kernel": parts.kernel(report), "title": mode.title}
    for key, value in about.items():
        yield f"      <property name={_attribute(key)} value={_attribute(value)}/>"
    yield "    </properties>"


def _case(report: Report, mode: ModeReport, need: NeedReport, rows: Mapping[str, Probe]) -> Case:
    if need.verdict == "pass":
        return "", ""
    stops = parts.blocking(report, mode)
    kind = {("fail", "fail"): "failure", ("fail", "unknown"): "error", ("unknown", "unknown"): "error"}.get(
        (stops, need.verdict), "skipped"
    )
    return kind, "\n".join(map(clean, _why(need, rows)))


def _why(need: NeedReport, rows: Mapping[str, Probe]) -> Iterable[str]:
    yield f"{need.verdict}: {parts.LEVEL[need.level]}: {need.why}"
    for name in need.deciding:
        outcome, *said = parts.words(rows.get(name))
        yield f"{outcome} {name}: {'; '.join(said)}"


def _seconds(need: NeedReport, rows: Mapping[str, Probe]) -> float:
    return sum(rows[name].ns for name in need.deciding if name in rows) / 1e9


def _attribute(text: str) -> str:
    return quoteattr(clean(text))


def _text(text: str) -> str:
    return escape(text)
