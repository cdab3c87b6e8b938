# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What truth.py expects: by every fact of history.toml a false yes and a false no turn it red.

And the changelogs in the packages bear out what it says of longterm releases.
"""

import re
import subprocess
import zlib
from dataclasses import replace

import pytest

from kprobe.evidence import Outcome, Probe, Row, Uname

from . import accuracy, catalogue, history, store, truth
from .history import Fact, Package

FACTS = history.load()
KERNELS = ("5.10-amd64", "6.1-i386", "6.12-amd64")
PLAIN = Package((7, 2, 12), {"CONFIG_ROW": "y", "CONFIG_BPF_JIT_DEFAULT_ON": "y"}, frozenset({"mod"}), "x86_64")


def row(name: str, since: str = "", kconfig: str = "CONFIG_ROW") -> Row:
    return Row(id=name, since=since, kconfig=tuple(kconfig.split()), modules=("mod",))


def probe(name: str, outcome: Outcome) -> Probe:
    return Probe(id=name, outcome=outcome, seq=1, worker=1, ns=1)


def expected(of: Row, found: Package, facts: tuple[Fact, ...] = FACTS) -> str:
    """Which of the two answers is no difference: exactly one must be."""
    both: tuple[Outcome, ...] = ("works", "absent")
    right = [outcome for outcome in both if not list(truth.held("kernel", probe(of.id, outcome), of, found, facts))]
    assert len(right) == 1, right
    return right[0]


def each(kind: str) -> list[object]:
    """Every fact of a kind with one of its rows."""
    found = [(fact, glob.replace("*", "x")) for fact in FACTS if fact.kind == kind for glob in fact.rows.split()]
    assert found
    return [pytest.param(fact, name, id=name) for fact, name in found]


def with_(found: Package, **options: str) -> Package:
    return replace(found, config={**found.config, **{f"CONFIG_{name}": value for name, value in options.items()}})


@pytest.mark.parametrize(("fact", "name"), each("taken"))
def test_a_longterm_release_has_what_it_took_in_and_those_before_it_have_not(fact: Fact, name: str) -> None:
    of = row(name, "9.9")
    for number in map(history.numbers, fact.releases):
        before, after = (*number[:2], number[2] - 1), (*number[:2], number[2] + 1)
        assert expected(of, replace(PLAIN, release=number)) == "works"
        assert expected(of, replace(PLAIN, release=after)) == "works"
        assert expected(of, replace(PLAIN, release=before)) == "absent"
        assert expected(of, replace(PLAIN, release=(*number[:1], number[1] + 1, 999))) == "absent", "another series"


@pytest.mark.parametrize(("fact", "name"), each("dropped"))
def test_what_was_dropped_works_before_that_and_not_since(fact: Fact, name: str) -> None:
    of, found = row(name), with_(PLAIN, **{fact.option.removeprefix("CONFIG_"): "y"} if fact.option else {})
    for number in map(history.numbers, (fact.since, *fact.releases)):
        before = (*number[:-1], number[-1] - 1)
        assert expected(of, replace(found, release=number)) == "absent"
        assert expected(of, replace(found, release=before)) == "works"
        if fact.option:
            assert expected(of, replace(PLAIN, release=number)) == "works", "where the option is not set"


@pytest.mark.parametrize(("fact", "name"), each("option"))
@pytest.mark.parametrize("own", [True, False])
def test_an_option_matters_since_it_is_there(fact: Fact, name: str, own: bool) -> None:
    others = {f.option.removeprefix("CONFIG_"): "y" for f in FACTS if f.kind == "option" and f is not fact}
    of = row(name, kconfig=f"CONFIG_ROW {fact.option}" if own else "CONFIG_ROW")
    since = history.numbers(fact.since)
    found = replace(with_(PLAIN, **others), release=since)
    assert expected(of, found) == "absent"
    assert expected(of, with_(found, **{fact.option.removeprefix("CONFIG_"): "m"})) == "works"
    assert expected(of, replace(found, release=(since[0], since[1] - 1, 50))) == "works"


@pytest.mark.parametrize(("fact", "name"), each("jit"))
def test_the_jit_must_be_on_and_able(fact: Fact, name: str) -> None:
    of = row(name)
    off = with_(PLAIN, BPF_JIT_DEFAULT_ON="n")
    assert expected(of, PLAIN) == "works"
    assert expected(of, off) == ("absent" if fact.needed else "works")
    assert expected(of, with_(off, BPF_JIT_ALWAYS_ON="y")) == "works"
    for machine, late in fact.late.items():
        since = history.numbers(late)
        there = replace(PLAIN, machine=machine)
        before = (since[0], since[1] - 1, 9) if since[1] else (since[0] - 1, 99, 9)
        assert expected(of, replace(there, release=since)) == "works"
        assert expected(of, replace(there, release=before)) == "absent"
        assert expected(of, replace(with_(there, BPF_JIT_DEFAULT_ON="n"), release=before)) == expected(of, off)


@pytest.mark.parametrize(("fact", "name"), each("cpu"))
def test_a_module_needs_the_processor_that_it_is_for(fact: Fact, name: str) -> None:
    lacking = replace(
        PLAIN,
        machine=fact.machine,
        deps={"mod": ["below"]},
        features={"below": fact.feature},
        off=frozenset({fact.flag}),
    )
    assert expected(row(name), lacking) == "absent"
    for has_it in (
        replace(lacking, off=frozenset()),
        replace(lacking, machine="x86_64"),
        replace(lacking, features={"below": "0009"}),
        replace(lacking, deps={}),
    ):
        assert expected(row(name), has_it) == "works"


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (PLAIN, "works"),
        (replace(PLAIN, release=(4, 9, 300)), "absent"),
        (replace(PLAIN, config={"CONFIG_ROW": "n"}), "absent"),
        (replace(PLAIN, config={"CONFIG_ROW": "m"}), "works"),
    ],
)
def test_a_rows_own_words(found: Package, answer: str) -> None:
    assert expected(row("x.plain", "4.10"), found) == answer


@pytest.mark.parametrize("outcome", ["broken", "denied", "unknown"])
def test_other_outcomes_are_differences_that_must_be_argued(outcome: Outcome) -> None:
    (one,) = truth.held("kernel", probe("x.plain", outcome), row("x.plain"), PLAIN, FACTS)
    undecided = truth.Argued("x.*", "*", "why")
    exception = replace(undecided, proof="proof")
    assert undecided.covers(one) is (outcome == "unknown"), "what claims something needs a proof"
    assert exception.covers(one) is (outcome != "unknown")
    left, idle = truth.judge([one], [])
    assert (left, idle) == ([one], [])


def test_exceptions_are_few_and_proved() -> None:
    proved = [entry for entry in truth.argued() if entry.proof]
    assert len(proved) + len(accuracy.exempt()) <= 5


@pytest.mark.parametrize(
    ("release", "version", "numbers"),
    [
        ("5.10.0-32-amd64", "#1 SMP Debian 5.10.223-1 (2024-08-10)", (5, 10, 223)),
        ("6.12.107+deb13-s390x", "#1 SMP Debian 6.12.107-1 (2026-08-29)", (6, 12, 107)),
        ("7.3-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3~rc7-1~exp1 (2026-11-01)", (7, 3)),
        ("7.2.7", "#1 Fri Sep 25 16:07:24 UTC 2026", (7, 2, 7)),
    ],
)
def test_a_release(release: str, version: str, numbers: tuple[int, ...]) -> None:
    assert history.release(Uname(release=release, version=version)) == numbers


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_packages_changelog_says_which_releases_took_it_in(kernel: str) -> None:
    """In both directions: what history.toml names is listed there under that release, and no other is."""
    known = catalogue.load()
    (wanted,) = catalogue.select(known, [kernel])
    listed = changelog(next(d for d in store.fetch(known, [wanted]).debs[kernel] if d.name.startswith("linux-image")))
    series = history.numbers(kernel)
    named = {(fact.title, r) for fact in FACTS for r in fact.releases if history.numbers(r)[:2] == series}
    titles = {fact.title for fact in FACTS if fact.title}
    found = {(title, r) for title, r in listed if title in titles and history.numbers(r)[:2] == series}
    assert named
    assert found == named


def changelog(deb: object) -> set[tuple[str, str]]:
    """What stable releases took in, as the package lists it: title and release."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=True).stdout
    command = ["tar", "-xO", "--wildcards", "./usr/share/doc/*/changelog.gz"]
    packed = subprocess.run(command, input=tar, capture_output=True, check=True).stdout
    found, release = set(), ""
    for line in re.sub(r"\n      (?=\S)", " ", zlib.decompress(packed, 31).decode()).splitlines():
        if re.match(r"\S|  [*[]", line):
            release = ""
        if named := re.search(r"/ChangeLog-([\d.]+)", line):
            release = named[1]
        if release and (entry := re.match(r"    - (?:\[[^]]*\] )*(.+?)(?: \((?:CVE|Closes)[^)]*\))?$", line)):
            found.add((entry[1], release))
    return found
