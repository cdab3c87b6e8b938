"""Every line of Calico's page of requirements is answered by a row, or says how it can be seen elsewhere.

calico-system-requirements.txt is a copy of the text of https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements
as of v3.29, which is its authors'.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kprobe import collect, evidence, expr, node, profile
from kprobe.requirements import Entry, answers, answers_text, ids, load, page_markdown, page_text
from tests.unit import node_lib, synthetic

HERE = Path(__file__).parent
PAGE = (HERE / "calico-system-requirements.txt").read_text().splitlines()
ENTRIES = load()
NEEDED = {
    name
    for found in ("calico", "kube-proxy")
    for mode in profile.load(found).modes
    for need in mode.needs
    for name in expr.names(need.row)
}


def test_every_line_of_the_page_is_mapped() -> None:
    assert [line for entry in ENTRIES for line in entry.lines] == PAGE


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.text[:40])
def test_each_is_answered_or_says_where_to_look(entry: Entry) -> None:
    if entry.kind == "heading":
        assert not entry.rows
        assert not entry.elsewhere
        assert len(entry.text) < 150
    elif entry.kind == "advice":
        assert entry.note
    else:
        assert entry.rows or entry.elsewhere
    if entry.elsewhere and not entry.rows:
        assert "`" in entry.elsewhere or ":" in entry.elsewhere, "the way to see it"


def test_headings_are_the_pages() -> None:
    """What asks for something cannot be passed over by calling it a heading."""
    asking = ("must", "need", "require", "should", "cannot", "ensure")
    kept = [entry.text for entry in ENTRIES if entry.kind == "heading" and not entry.text.endswith(":")]
    assert [text for text in kept if any(word in text.lower().split() for word in asking)] == []


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.rows], ids=lambda entry: entry.text[:40])
def test_the_rows_exist_and_a_profile_needs_them(entry: Entry) -> None:
    known = {row.id for row in evidence.rows(collect.catalogue(), "catalogue")} | {row.id for row in node.catalogue()}
    assert set(ids(entry)) <= known
    assert set(ids(entry)) & NEEDED, "no need has these rows, so the line has no verdict"


def test_every_derived_row_is_needed() -> None:
    assert {row.id for row in node.catalogue()} <= NEEDED


def test_answers() -> None:
    rows = {name: "works" for entry in ENTRIES for name in ids(entry) if not name.startswith("node.")}
    facts = node_lib.evidence({"node.os-release": {"id": "alpine"}}).facts
    found = list(answers(ENTRIES, synthetic.stream({**rows, "link.ipip": "absent"}, facts=facts)))  # type: ignore[dict-item]
    by_text = {each.entry.text: each.truth for each in found}
    assert by_text["x86-64, arm64, ppc64le, or s390x processor"] is True
    assert by_text["Debian 8"] is False
    assert {truth for text, truth in by_text.items() if "IP-in-IP" in text} == {False}
    assert {each.truth for each in answers(ENTRIES, synthetic.stream({}))} >= {None}


def test_texts() -> None:
    text = answers_text(ENTRIES, node_lib.evidence())
    assert "cannot be seen from one node: " in text
    assert "met\n        node.processor: works" in text
    assert page_text(ENTRIES).count("rows: ") == len([entry for entry in ENTRIES if entry.rows])


def test_the_published_page_is_current() -> None:
    published = Path(__file__).parents[2] / "docs" / "requirements.md"
    assert published.read_text() == page_markdown(ENTRIES), "make docs"
