# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Needs by nodes: every letter is the judge's, every text is harmless, wherever it is shown."""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from kprobe import cli, evidence, profile
from kprobe.evidence import Evidence, Outcome
from kprobe.judge import judge
from kprobe.matrix import LETTER, Matrix, alike, matrix, text
from kprobe.matrix.html import render as html
from kprobe.report import Report
from tests.unit import synthetic

CALICO = profile.load("calico")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&lt;!--\u2028\x1b[31m`'\""


def report(changed: Mapping[str, Outcome], source: str = "node", **more: str) -> Report:
    found = synthetic.calico_but(changed)
    probes = tuple(msgspec.structs.replace(p, **more) if p.outcome != "works" and more else p for p in found.probes)
    return judge(msgspec.structs.replace(found, source=source, probes=probes), CALICO)


GOOD, NO_IPIP, UNTOLD = report({}, "good"), report({"link.ipip": "absent"}, "noipip"), report({"link.ipip": "denied"})


def line_of(found: Matrix, kind: str, name: str) -> str:
    return next(line.letters for line in found.lines if (line.kind, line.name) == (kind, name))


def test_every_letter_is_the_judges() -> None:
    reports = (GOOD, NO_IPIP, UNTOLD)
    found = matrix(reports)
    for number, judged in enumerate(reports):
        for mode in judged.modes:
            assert line_of(found, "mode", mode.name)[number] == LETTER[mode.verdict]
            for need in mode.needs:
                letters = {ln.letters[number] for ln in found.lines if ln.kind == "need" and ln.name == need.row}
                assert LETTER[need.verdict] in letters
        for group in judged.groups:
            assert line_of(found, "group", group.name)[number] == LETTER[group.verdict]
    assert line_of(found, "mode", "ipip") == "+x?" or line_of(found, "mode", "ipip")[1] == "x"


def test_what_the_kernel_said_is_behind_the_letter() -> None:
    found = matrix([GOOD, report({"link.ipip": "absent"}, extack="no tunnels here")])
    (need,) = [ln for ln in found.lines if ln.kind == "need" and ln.name == "link.ipip"]
    assert 0 not in need.said
    assert "no tunnels here" in found.texts[need.said[1]]


def test_the_same_words_are_kept_once() -> None:
    one, many = matrix([NO_IPIP]), matrix([NO_IPIP] * 50)
    assert many.texts == one.texts


def test_nodes_that_are_alike_join_where_there_are_many() -> None:
    found = matrix([GOOD, NO_IPIP, GOOD, NO_IPIP, NO_IPIP])
    assert alike(found, 5) is found
    joined = alike(found, 4)
    assert [node.source for node in joined.nodes] == ["good and 1 alike", "noipip and 2 alike"]
    assert all(len(line.letters) == 2 for line in joined.lines)
    assert line_of(joined, "mode", "ipip")[1] == "x"
    assert all(node < 2 and number < len(joined.texts) for ln in joined.lines for node, number in ln.said.items())


@pytest.mark.parametrize(("sources", "shown"), [(("a/x", "a/y"), ("x", "y")), (("a/x", "b/x"), ("a/x", "b/x"))])
def test_a_folder_that_all_share_is_left_out(sources: tuple[str, str], shown: tuple[str, str]) -> None:
    assert tuple(node.source for node in matrix(report({}, source) for source in sources).nodes) == shown


def test_text_counts_what_passes_everywhere() -> None:
    found = matrix([GOOD, NO_IPIP])
    short, long = text.render(found), text.render(found, show_all=True)
    assert re.search(r"^link\.ipip +\+x$", short, re.MULTILINE)
    assert "link.veth " not in short
    assert "pass everywhere" in short
    assert re.search(r"^link\.veth +\+\+$", long, re.MULTILINE)


def test_text_is_harmless() -> None:
    shown = text.render(matrix([report({"link.ipip": "absent"}, HOSTILE)]))
    assert "\x1b" not in shown
    assert "\u2028" not in shown


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its handlers, what its scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script":
            self.scripts[-1] += data


def parsed(source: str) -> Page:
    page = Page()
    page.feed(source)
    return page


@pytest.mark.parametrize("field", ["extack", "reason", "error", "step"])
def test_hostile_evidence_stays_text(field: str) -> None:
    plain = parsed(html(matrix([GOOD, report({"link.ipip": "absent"}, "node", **{field: "said"})])))
    hostile = html(matrix([GOOD, report({"link.ipip": "absent"}, HOSTILE, **{field: HOSTILE})]))
    page = parsed(hostile)
    assert page.tags == plain.tags
    assert page.attributes == plain.attributes
    assert not any(name.startswith("on") for name in page.attributes)
    data = json.loads(page.scripts[0])
    assert any(HOSTILE in words for words in data["texts"]), "it must be there all the same, to be read"
    assert not set("<>&'`\u2028\x1b") & set(page.scripts[0])


def test_evidence_cannot_take_the_place_of_the_script() -> None:
    source = "@script@ @data@ @policy@ @style@"
    page = parsed(html(matrix([report({}, source)])))
    assert json.loads(page.scripts[0])["nodes"][0]["source"] == source


def test_the_page_needs_no_network() -> None:
    source = html(matrix([GOOD]))
    assert not re.findall(
        r"""(?:src|href|url|import)\s*[=(:]""", source.replace("script-src", "").replace("style-src", "")
    )
    assert "default-src 'none'" in source
    assert "innerHTML" not in source


def file_of(path: Path, found: Evidence) -> str:
    path.write_bytes(evidence.write(found))
    return str(path)


def test_the_command_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    good = file_of(tmp_path / "good.ndjson", synthetic.calico())
    (tmp_path / "bad.ndjson").write_text("{}\n")
    page = tmp_path / "page.html"
    arguments = ["matrix", good, str(tmp_path / "bad.ndjson"), "--format", "html", "-o", str(page)]
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 2
    assert "bad.ndjson" in done.output
    assert json.loads(parsed(page.read_text()).scripts[0])["nodes"][0]["source"] == "good.ndjson"
