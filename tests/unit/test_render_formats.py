# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Each format, read back by somebody else's reader; and by none of them is evidence more than text."""

import re
import subprocess
from collections import Counter
from hashlib import blake2s
from pathlib import Path
from xml.etree import ElementTree as ET

import html5lib
import msgspec
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from kprobe import profile, render
from kprobe.errors import InputError
from kprobe.evidence import Evidence, Outcome
from kprobe.judge import judge
from kprobe.render import github, markdown
from kprobe.report import Report, exit_code
from tests.unit import hostile, synthetic
from tests.unit.test_render import unsafe

CALICO = profile.load("calico")
DOCKER = profile.load("docker")
LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
"""Qualified names of Kubernetes, without the prefix: apimachinery's validation."""
CASES: dict[str, Evidence] = {
    "ready": synthetic.calico(),
    "no ipip": synthetic.calico_but({"link.ipip": "absent"}),
    "no veth": synthetic.calico_but({"link.veth": "absent"}),
    "denied": synthetic.calico_but({"link.veth": "denied"}),
    "nothing": synthetic.stream({}),
    "all broken": synthetic.stream(dict.fromkeys(synthetic.calico_ids(), "broken")),
    "cut": msgspec.structs.replace(synthetic.calico(), end=None),
}


def report(name: str, *modes: str) -> Report:
    return judge(CASES[name], CALICO, modes)


def evil(text: str) -> Report:
    return judge(hostile.evidence(text), CALICO)


@hostile.texts
@pytest.mark.parametrize("name", render.formats())
def test_nothing_unprintable_in_any_format(name: str, text: str) -> None:
    assert not unsafe(render.render(name, evil(text), show_all=True))


# --- JUnit


def junit(*reports: Report) -> JUnitXml:
    found = JUnitXml.fromstring("".join(render.render_all("junit", reports)).encode())
    assert isinstance(found, JUnitXml)
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("modes", [(), ("ipip", "wireguard-ipv4")])
def test_junit_is_red_exactly_when_the_node_is_not_ready(name: str, modes: tuple[str, ...]) -> None:
    found = report(name, *modes)
    suites = list(junit(found))
    kinds = Counter(type(result) for suite in suites for case in suite for result in case.result)
    assert (kinds[Failure] > 0) == (exit_code(found) == 1)
    assert (kinds[Failure] + kinds[Error] > 0) == (exit_code(found) in {1, 3})
    for suite in suites:
        kinds = Counter(type(result) for case in suite for result in case.result)
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
            len(list(suite)),
            kinds[Failure],
            kinds[Error],
            kinds[Skipped],
        )


def test_junit_says_why() -> None:
    case = next(case for suite in junit(report("no ipip", "ipip")) for case in suite if case.name == "link.ipip")
    assert [result.message for result in case.result] == ["fail: required: packets between nodes travel IP in IP"]
    assert "absent link.ipip: create: EOPNOTSUPP (95)" in (case.result[0].text or "")


def test_junit_of_many_reports_is_one_document() -> None:
    both = junit(report("ready"), judge(CASES["ready"], DOCKER))
    assert {suite.name.split(".")[0] for suite in both} == {"calico", "docker"}


@hostile.texts
def test_junit_is_well_formed_whatever_the_evidence(text: str) -> None:
    tree = ET.fromstring(render.render("junit", evil(text)))
    allowed = {"testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped"}
    assert {element.tag for element in tree.iter()} <= allowed


# --- Prometheus


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            assert sample.timestamp is None
            found[key] = sample.value
    return found


def test_prometheus_reads_it() -> None:
    text = "".join(render.render_all("prometheus", [report("no ipip"), judge(CASES["no ipip"], DOCKER)]))
    found = samples(text)
    about = {("profile", "calico"), ("release", CALICO.releases[-1])}
    assert sum(value for (name, labels), value in found.items() if name == "kprobe_verdict" and about <= labels) == 1
    mode = frozenset({("profile", "calico"), ("mode", "ipip"), ("verdict", "fail")})
    assert found["kprobe_mode_verdict", mode] == 1
    assert found["kprobe_rows", frozenset({("outcome", "absent")})] == 1
    assert found["kprobe_complete", frozenset()] == 1
    assert samples(render.render("prometheus", report("cut")))["kprobe_complete", frozenset()] == 0
    assert text.count("# HELP kprobe_verdict ") == 1


def test_promtool_has_nothing_to_say() -> None:
    text = render.render("prometheus", report("no ipip"))
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    worse = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text.replace("_seconds", "_ms"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert worse.returncode != 0


@hostile.texts
def test_prometheus_labels_are_escaped(text: str) -> None:
    names = {name for name, _ in samples(render.render("prometheus", evil(text)))}
    assert all(name.startswith("kprobe_") for name in names)


def test_formats_of_one_node_refuse_two() -> None:
    two = [report("ready"), report("no ipip")]
    for name in ("prometheus", "nfd"):
        with pytest.raises(InputError, match="of one node"):
            list(render.render_all(name, two))


# --- NFD


@hostile.texts
def test_nfd_labels_are_labels(text: str) -> None:
    lines = render.render("nfd", evil(text)).splitlines()
    assert lines
    for line in lines:
        name, _, value = line.partition("=")
        assert all(LABEL_NAME.fullmatch(part) and len(part) <= 63 for part in (name, value)), line


def test_nfd() -> None:
    lines = render.render("nfd", report("no ipip")).splitlines()
    assert "kprobe.calico.ipip=fail" in lines
    assert "kprobe.calico.complete=true" in lines
    assert len({line.partition("=")[0] for line in lines}) == len(lines)
    long = msgspec.structs.replace(report("ready"), profile="é" * 80, title="x")
    names = [line.partition("=")[0] for line in render.render("nfd", long).splitlines()]
    assert len(set(names)) == len(names)
    assert all(LABEL_NAME.fullmatch(name) and len(name) <= 63 for name in names)


# --- GitHub Actions

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)")


def annotations(text: str) -> list[tuple[str, str, str]]:
    """Read as the runner does (actions/runner, ActionCommand.cs): commands line by line, escapes undone."""
    found = [COMMAND.fullmatch(line) for line in text.splitlines()]
    assert all(found)
    undo = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}

    def plain(text: str) -> str:
        return re.sub("%(0D|0A|3A|2C|25)", lambda code: undo[code[0]], text)

    return [(match[1], plain(match[2]), plain(match[3])) for match in found if match]


def test_github() -> None:
    top = annotations(render.render("github", report("no ipip")))
    assert any(
        kind == "notice" and text == "Calico 3.33 on synthetic (Linux 6.18.0 x86_64): READY" for kind, _, text in top
    )
    assert not any(kind == "error" for kind, *_ in top)
    stops = annotations(render.render("github", report("no veth")))
    assert [kind for kind, *_ in stops[:2]] == ["error", "error"]
    assert ("error", "absent: link.veth") in [(kind, title) for kind, title, _ in stops]
    crowd = annotations(render.render("github", report("all broken")))
    assert max(Counter(kind for kind, *_ in crowd).values()) <= github.SHOWN


@hostile.texts
def test_github_commands_cannot_be_forged(text: str) -> None:
    assert len(annotations(render.render("github", evil(text)))) >= 1


# --- Markdown

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ACTIVE = {"script", "img", "svg", "iframe", "style", "a", "form", "input", "h1", "object", "embed", "link", "meta"}
FRAME = {"html", "head", "body", "p", "code"}
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
PASSIVE = FRAME | TABLE | {"h3", "h4", "strong", "em", "ul", "li", "pre", "details", "summary"}
"""All elements that a report is made of."""


def elements(text: str) -> Counter[str]:
    tree = html5lib.parse(GFM.render(text), namespaceHTMLElements=False)
    return Counter(element.tag for element in tree.iter() if isinstance(element.tag, str))


@hostile.texts
def test_markdown_renders_nothing_active(text: str) -> None:
    rendered = render.render("markdown", evil(text))
    assert len(rendered) <= markdown.LIMIT
    found = elements(rendered)
    assert set(found) <= PASSIVE
    assert found["details"] == found["summary"]
    assert found["h3"] == 1


@hostile.texts
def test_markdown_escapes(text: str) -> None:
    wrapped = f"a {markdown.escaped(text)} b {markdown.code(text)}"
    assert set(elements(wrapped)) <= FRAME
    assert set(elements(f"| a |\n|---|\n| {markdown.cell(text)} |")) <= PASSIVE
    assert not re.search(r"[@#]\w", markdown.escaped(text))


def test_what_is_active_would_be_seen() -> None:
    for text in hostile.PAYLOADS[1:4]:
        assert set(elements(text)) & ACTIVE


@pytest.mark.parametrize("name", CASES)
def test_markdown_fits_and_says_the_answer_first(name: str) -> None:
    rendered = render.render("markdown", report(name))
    assert len(rendered) <= markdown.LIMIT
    assert rendered.startswith("### kprobe: Calico 3.33 on `synthetic`: ")
    assert set(elements(rendered)) <= PASSIVE


def noise(number: int) -> str:
    """Text that does not compress."""
    return blake2s(str(number).encode()).hexdigest()


@pytest.mark.parametrize("outcome", ["works", "absent", "unknown"])
def test_markdown_fits_however_large_the_evidence(outcome: Outcome) -> None:
    rows = tuple(
        synthetic.probe(
            f"f{n}.{hash(str(n)):x}", outcome, n, reason=f"{hash(str(n * 7)):x} " * 60, log=("x" * 160,) * 3
        )
        for n in range(15_000)
    )
    large = msgspec.structs.replace(synthetic.calico(), probes=rows)
    rendered = render.render("markdown", judge(large, CALICO))
    assert len(rendered) <= markdown.LIMIT
    assert "does not fit into this page" in rendered


def test_markdown_of_a_user_profile_with_many_modes(tmp_path: Path) -> None:
    modes = "".join(
        f'[mode.m{n}]\ntitle = "t"\ngroup = "g"\nneeds = [\n  {{ row = "link.veth", level = "require", '
        f'why = "{"w" * 300} {n}", source = "s" }},\n]\n'
        for n in range(600)
    )
    file = tmp_path / "mine.toml"
    head = 'name = "mine"\ntitle = "Mine"\nreleases = ["1.0"]\n[group.g]\ntitle = "G"\nrule = "all"\n'
    file.write_text(head + modes)
    rendered = render.render("markdown", judge(CASES["no veth"], profile.load(str(file))))
    assert len(rendered) <= markdown.LIMIT
    assert "NOT READY" in rendered
    assert "BEGIN KPROBE EVIDENCE" in rendered
