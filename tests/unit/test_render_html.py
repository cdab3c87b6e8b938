# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The HTML page: it parses, nothing in it is active but its own script, and the browser is told so."""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import html5lib
import msgspec
import pytest

from kprobe import embed, profile, render
from kprobe.judge import judge
from kprobe.render import html
from kprobe.report import Report
from tests.unit import hostile, synthetic

CALICO = profile.load("calico")
OWN = {
    *(
        "html",
        "head",
        "body",
        "meta",
        "title",
        "style",
        "script",
        "header",
        "section",
        "article",
        "div",
        "h1",
        "h2",
        "h3",
    ),
    *("p", "dl", "dt", "dd", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "span"),
    *("strong", "b", "small", "code", "pre", "a", "input", "output"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "title", "href", "scope", "colspan", "type"),
    *("placeholder", "aria-label", "autocomplete"),
}


def tree(text: str) -> Any:
    """Parse as a browser does, and refuse what a browser would have to guess at."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def check(text: str) -> Any:
    page = tree(text)
    for element in page.iter():
        assert element.tag in OWN, element.tag
        assert set(element.attrib) <= ATTRIBUTES, element.attrib
        assert element.get("href", "#").startswith("#")
    (script,) = page.iter("script")
    (style,) = page.iter("style")
    policy = next(meta.get("content") for meta in page.iter("meta") if meta.get("http-equiv"))
    for name, content in (("script-src", script.text), ("style-src", style.text)):
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    return page


@hostile.texts
def test_html_renders_nothing_active(text: str) -> None:
    page = check(render.render("html", judge(hostile.evidence(text), CALICO)))
    assert len(list(page.iter("script"))) == 1


def test_what_is_active_would_be_seen() -> None:
    good = render.render("html", judge(synthetic.calico(), CALICO))
    check(good)
    for bad in ("<img src=x>", '<p onclick="x()">', "<script>x()</script>", '<a href="http://x.example/">', "<p></b>"):
        with pytest.raises((AssertionError, ValueError, html5lib.html5parser.ParseError)):
            check(good.replace("<header>", bad + "<header>"))


def words(page: Any) -> str:
    return " ".join("".join(page.iter().__next__().itertext()).split())


def test_html_says_it_all() -> None:
    report = judge(synthetic.calico_but({"link.ipip": "absent", "link.veth": "denied"}), CALICO)
    page = check(render.render("html", report))
    said = words(page)
    for part in ("Calico 3.33", "cannot tell", "synthetic", "Missing", "packets between nodes travel IP in IP"):
        assert part in said
    assert all(mode.name in said for mode in report.modes)
    assert all(row.id in said for row in (*report.rows, *report.derived))
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    links = {element.get("href")[1:] for element in page.iter("a")}
    assert links <= set(ids)


def test_html_of_many_reports_is_one_page_with_a_matrix() -> None:
    reports: list[Report] = [
        judge(synthetic.calico(), CALICO),
        judge(synthetic.calico_but({"link.ipip": "absent"}), CALICO),
    ]
    (text,) = render.render_all("html", reports)
    page = check(text)
    table = next(element for element in page.iter("table") if element.get("class") == "modes")
    lines = {line.find("td").text: line for line in table.iter("tr") if line.find("td") is not None}
    assert [cell.get("class") for cell in lines["ipip"].iter("td")][1:] == ["pass", "fail"]
    assert len(list(embed.unpack(text.encode(), "page"))) == 2


def test_html_carries_the_evidence() -> None:
    found = synthetic.calico_but({"link.ipip": "absent"})
    (carried,) = embed.unpack(render.render("html", judge(found, CALICO)).encode(), found.source)
    assert carried == found


def test_nothing_is_loaded() -> None:
    for name in ("html.css", "html.js"):
        assert not re.search(r"url\(|@import|https?:|fetch|XMLHttp|innerHTML|eval", html._asset(name))


def test_columns_of_nodes_with_one_name_are_told_apart() -> None:
    """Guests are all called alike, and so are nodes before somebody names them."""
    releases = ("6.1.0", "6.12.0", "6.12.0")
    found = [synthetic.calico() for _ in releases]
    reports = [
        judge(
            msgspec.structs.replace(
                each,
                begin=msgspec.structs.replace(
                    each.begin, uname=msgspec.structs.replace(each.begin.uname, release=release)
                ),
            ),
            CALICO,
        )
        for each, release in zip(found, releases, strict=True)
    ]
    page = html.render_many(reports)
    for name in ("calico on synthetic, 6.1.0", "calico on synthetic, 6.12.0 (2)", "calico on synthetic, 6.12.0 (3)"):
        assert page.count(f">{name}<") == 1
