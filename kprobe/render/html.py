# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""One HTML file: no network, searchable, light and dark, printable, a matrix of modes, the evidence inside.

Markup is made by ``_el`` alone, which escapes every text that is not markup made by it. The page's policy lets nothing
load, and of scripts and styles only its own two, by their digests.
"""

import pkgutil
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from html import escape

from kprobe import embed
from kprobe.clean import clean
from kprobe.evidence import Evidence, Probe
from kprobe.render import _parts as parts
from kprobe.report import ModeReport, NeedReport, Report

SHARED = True
SIGN = {"pass": "✓", "warn": "!", "unknown": "?", "fail": "✗"}
STRUCTURE = ("thead", "tbody", "tr", "table", "section", "ul", "details")


class Markup(str):
    """HTML that may stand in the page as it is."""

    __slots__ = ()


def render(report: Report, **options: object) -> str:
    """Render one report."""
    return render_many((report,), **options)


def render_many(reports: Sequence[Report], **_: object) -> str:
    """Render reports as one page; with several, the matrix has a column for each."""
    style, script = (_asset(name) for name in ("html.css", "html.js"))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    first = reports[0]
    title = clean(f"kprobe: {parts.title(first)} on {first.begin.uname.nodename or 'this node'}")
    head = [
        Markup('<meta charset="utf-8">'),
        _void("meta", ("http-equiv", "Content-Security-Policy"), ("content", policy)),
        _void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1")),
        _void("meta", ("name", "referrer"), ("content", "no-referrer")),
        _void("meta", ("name", "color-scheme"), ("content", "light dark")),
        _el("title", title),
        Markup(f"<style>{style}</style>"),
    ]
    search = Markup(
        '<div class="search"><input id="q" type="search" placeholder="Search rows, modes, reasons…" '
        'aria-label="Search" autocomplete="off"><output id="n"></output></div>'
    )
    body = [search, *(part for n, report in enumerate(reports) for part in _report(report, n, reports))]
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            *head,
            "</head>",
            "<body>",
            *body,
            f"<script>{script}</script>",
            "</body>",
            "</html>\n",
        )
    )


def _asset(name: str) -> str:
    return (pkgutil.get_data("kprobe.render", name) or b"").decode()


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _text(content: str) -> str:
    return content if isinstance(content, Markup) else escape(clean(content))


def _attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f' {name}="{escape(clean(value))}"' for name, value in pairs)


def _el(tag: str, *content: str, **attributes: str) -> Markup:
    """Return an element; ``class_`` stands for ``class``, ``data_x`` for ``data-x``."""
    pairs = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    glue = "\n" if tag in STRUCTURE else ""
    return Markup(f"<{tag}{_attributes(pairs)}>{glue.join(map(_text, content))}</{tag}>")


def _void(tag: str, *attributes: tuple[str, str]) -> Markup:
    return Markup(f"<{tag}{_attributes(attributes)}>")


def _join(parts_: Iterable[str], glue: str = "") -> Markup:
    return Markup(escape(glue).join(map(_text, parts_)))


def _badge(word: str) -> Markup:
    return _el("span", word, class_=f"badge {word if word.isalpha() else 'unknown'}")


def _codes(names: Iterable[str]) -> Markup:
    return _join((_el("code", name) for name in names), ", ")


def _report(report: Report, number: int, reports: Sequence[Report]) -> Iterator[Markup]:
    yield _header(report)
    if number == 0:
        yield _matrix(reports)
    yield from _problems(report)
    yield _notes(report)
    yield _needs(report, number)
    yield _rows(report)
    yield _facts(report)
    yield _evidence(report)


def _header(report: Report) -> Markup:
    answer = parts.ANSWER[report.verdict]
    about = [_join((_el("dt", name), _el("dd", value))) for name, value in parts.about(report)]
    return _el(
        "header",
        _el("h1", parts.title(report), " ", _el("span", answer, class_=f"answer {report.verdict}")),
        _el("p", "on ", _el("strong", report.begin.uname.nodename or "this node"), class_="node"),
        _el("dl", *about),
        *([_el("p", report.notes[0], class_="cut")] if report.incomplete else []),
    )


def _matrix(reports: Sequence[Report]) -> Markup:
    """Modes by nodes: with one report, the verdict and why; with more, a column each."""
    first, many = reports[0], len(reports) > 1
    names = _apart(reports)
    heads = (_el("th", name, scope="col") for name in names) if many else (_el("th", "why", scope="col"),)
    lines = [_el("tr", _el("th", "mode", scope="col"), *(() if many else (_el("th", "verdict", scope="col"),)), *heads)]
    seen: set[str] = set()
    for report in reports:
        for group, modes in parts.groups(report):
            fresh = [mode for mode in modes if mode.name not in seen]
            if fresh:
                rule = "" if many else parts.standing(group)
                span = str(len(reports) + 1 if many else 3)
                lines.append(_el("tr", _el("th", group.title, " ", _el("small", rule), colspan=span), class_="group"))
            for mode in fresh:
                seen.add(mode.name)
                lines.append(_mode_line(mode, reports) if many else _mode(mode, first))
    return _el("section", _el("h2", "Modes"), _scroll(_el("table", *lines, class_="modes")))


def _apart(reports: Sequence[Report]) -> list[str]:
    """Name the columns: by node, where that is not enough by kernel, too, and at last by number."""
    names = [f"{each.profile} on {each.begin.uname.nodename or each.source}" for each in reports]
    kernels = [f"{name}, {each.begin.uname.release}" for name, each in zip(names, reports, strict=True)]
    names = [kernel if names.count(name) > 1 else name for name, kernel in zip(names, kernels, strict=True)]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, 1)]


def _scroll(table: Markup) -> Markup:
    return _el("div", table, class_="scroll")


def _mode(mode: ModeReport, report: Report) -> Markup:
    number = next(n for n, each in enumerate(report.modes) if each is mode)
    name = _el("a", mode.name, href=f"#m0-{number}", title=mode.title)
    return _el("tr", _el("td", name), _cell(mode), _el("td", parts.because(mode), class_="why"), class_="hit")


def _mode_line(mode: ModeReport, reports: Sequence[Report]) -> Markup:
    found = [{each.name: each for each in report.modes if each.wanted}.get(mode.name) for report in reports]
    cells = [_cell(each) if each else _el("td", "-") for each in found]
    return _el("tr", _el("td", mode.name), *cells, class_="hit")


def _cell(mode: ModeReport) -> Markup:
    return _el("td", _el("span", SIGN[mode.verdict], class_="sign"), " ", mode.verdict, class_=mode.verdict)


def _problems(report: Report) -> Iterator[Markup]:
    for section in parts.sections(report):
        yield _el("section", _el("h2", section.title), *map(_problem, section.problems))


def _problem(problem: parts.Problem) -> Markup:
    shown = problem.names[: parts.MANY]
    more = problem.names[parts.MANY :]
    lines = [_el("p", text, class_="kernel") for text in problem.said]
    lines += [_el("p", _el("b", "cause"), " ", text) for text in problem.causes[: parts.MANY]]
    for remedy in problem.remedies[: parts.MANY]:
        lines.append(_el("p", _el("b", "remedy"), " ", remedy.text, class_="remedy"))
        lines += [_el("pre", command) for command in remedy.commands]
    lines += [_el("p", _el("b", "contradiction"), " ", text) for text in problem.contradictions[: parts.MANY]]
    for user in problem.users:
        text = f"{parts.LEVEL[user.level]} by {parts.few(user.modes, parts.MANY)}: {user.why}"
        extra = [_el("small", f"lost without it: {user.lost}")] if user.lost else []
        extra += [_el("small", f"to do without: {user.avoid}")] if user.avoid else []
        lines.append(_el("p", text, *extra, class_="user"))
    rest = [_el("details", _el("summary", f"{len(more)} more"), _el("p", _codes(more)))] if more else []
    return _el("article", _el("h3", _badge(problem.outcome), " ", _codes(shown)), *rest, *lines, class_="hit")


def _notes(report: Report) -> Markup:
    notes = report.notes[1:] if report.incomplete else report.notes
    if not notes:
        return Markup()
    return _el("section", _el("h2", "Hints"), _el("ul", *(_el("li", note, class_="hit") for note in notes)))


def _needs(report: Report, number: int) -> Markup:
    modes = [
        _el(
            "details",
            _el("summary", _badge(mode.verdict), " ", _el("b", mode.name), " ", _el("small", mode.title)),
            _scroll(_el("table", *(_need(need) for need in mode.needs))),
            id=f"m{number}-{n}",
            class_="hit",
        )
        for n, mode in enumerate(report.modes)
        if mode.wanted
    ]
    return _el("section", _el("h2", "What each mode needs"), *modes)


def _need(need: NeedReport) -> Markup:
    level = "" if need.level == "require" else parts.LEVEL[need.level]
    why = _el("td", need.why, *([" ", _el("small", level)] if level else []))
    return _el("tr", _el("td", _badge(need.verdict)), _el("td", _el("code", need.row)), why)


def _rows(report: Report) -> Markup:
    rows = [_row(row) for row in (*report.rows, *report.derived)]
    head = Markup("<thead><tr><th>outcome</th><th>row</th><th>what the kernel said</th></tr></thead>")
    table = _el("table", head, _el("tbody", *rows))
    return _el("details", _el("summary", f"All {len(rows)} rows"), _scroll(table), class_="rows")


def _row(row: Probe) -> Markup:
    outcome, *said = parts.words(row)
    if row.control:
        said.insert(0, f"({row.control} control)")
    said += [f"{key}={value}" for key, value in row.detail.items()]
    title = f' title="{escape(clean(row.title))}"' if row.title else ""
    return Markup(
        f'<tr class="hit"><td>{_badge(outcome)}</td><td><code{title}>{escape(clean(row.id))}</code></td>'
        f"<td>{escape(clean('; '.join(said)))}</td></tr>"
    )


def _facts(report: Report) -> Markup:
    lines = [
        _el("tr", _el("td", _el("code", fact.id)), _el("td", parts.value(fact)), _el("td", fact.source), class_="hit")
        for fact in report.facts
    ]
    return _el("details", _el("summary", "Facts about the node"), _scroll(_el("table", *lines)))


def _evidence(report: Report) -> Markup:
    found = Evidence(source=report.source, begin=report.begin, facts=report.facts, probes=report.rows, end=report.end)
    packed = embed.pack(found)
    text = Markup("\n".join(map(escape, packed.lines)) if packed else "")
    note = _el("p", "Save this page; ", _el("code", "kprobe judge FILE"), " judges it again.")
    return _el("details", _el("summary", "Evidence, for kprobe judge"), note, _el("pre", text), class_="evidence")
