# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Profiles: includes, placeholders, releases, and one clear line for each mistake."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from kprobe import expr, profile
from kprobe.cli import main
from kprobe.errors import InputError
from tests.unit.synthetic import calico_ids

GOOD = """\
name = "synthetic"
title = "Synthetic"
releases = ["1.9", "1.10"]

[group.plane]
title = "Plane"
rule = "any"

[mode.four]
title = "Four"
group = "plane"
set = { inet = "inet" }
includes = ["shared"]
needs = [
  # a comment with { braces }
  { row = "link.veth", level = "require", why = "pods", source = "here" },
  { row = "link.{inet}", level = "recommend", why = "more", source = "here", releases = ">=1.10" },
]

[part.shared]
releases = "<2"
needs = [
  { row = "route.mtu.{inet}", level = "require", why = "routes", source = "there" },
]
"""


def parse(text: str) -> profile.Profile:
    return profile.parse(text, "p.toml")


def test_includes_placeholders_and_releases() -> None:
    found = parse(GOOD)
    (mode,) = found.modes
    assert [need.row for need in mode.needs] == ["link.veth", "link.inet", "route.mtu.inet"]
    assert [need.releases for need in mode.needs] == ["", ">=1.10", "<2"]


@pytest.mark.parametrize(
    ("condition", "release", "expected"),
    [
        ("", "3.29", True),
        (">=3.9", "3.29", True),
        (">=3.30, <3.32", "3.31", True),
        (">=3.30, <3.32", "3.32", False),
        ("==3.31", "3.31", True),
        (">3.31", "3.31", False),
        ("<=3.31", "3.31", True),
    ],
)
def test_holds(condition: str, release: str, *, expected: bool) -> None:
    assert profile.holds(condition, release) is expected


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('title = "Plane"', "title = Plane", 6, "not TOML"),
        ('rule = "any"', 'rule = "some"', 5, "Invalid enum value"),
        ('rule = "any"', 'rule = "an"', 5, "did you mean any"),
        ('rule = "any"', 'rool = "any"', 5, "did you mean rule"),
        ('group = "plane"', 'group = "plan"', 9, "did you mean plane"),
        ('includes = ["shared"]', 'includes = ["shraed"]', 9, "did you mean shared"),
        ('"link.{inet}"', '"link.{inte}"', 17, "did you mean inet"),
        ('"link.veth"', '"link.veth and"', 16, "ends where an id"),
        ('"link.veth"', '"veth"', 16, "no row id"),
        ('row = "link.veth", level', 'row = "link.veth", lvel', 16, "did you mean level"),
        ('level = "require", why = "pods"', 'level = "must", why = "pods"', 16, "Invalid enum value"),
        ('level = "require", why = "pods"', 'level = "requird", why = "pods"', 16, "did you mean require"),
        ('why = "pods", ', "", 16, "missing required field `why`"),
        ('">=1.10"', '"1.10+"', 17, "releases '1.10+'"),
        ('releases = "<2"', 'includes = ["four"]', 9, "four includes shared includes four"),
        ('["1.9", "1.10"]', '["v1"]', 1, "no list of numbers"),
        ('releases = ["1.9"', 'relaeses = ["1.9"', 1, "did you mean releases"),
        (
            "[group.plane]",
            '[group.other]\ntitle = "Other"\nrule = "all"\n[group.plane]',
            5,
            "no mode is in group other",
        ),
        ("[part.shared]", "[part.four]", 9, "a part and a mode"),
    ],
)
def test_mistakes_are_named_with_their_line(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse(GOOD.replace(old, new, 1))
    assert caught.value.where == f"p.toml:{line}"
    assert message in str(caught.value)


def test_a_mode_without_needs_is_refused() -> None:
    """It would pass without any evidence."""
    empty = GOOD.replace('includes = ["shared"]\n', "").replace("  { row", "  # { row")
    with pytest.raises(InputError, match=r"p\.toml:9: mode four needs nothing in release 1\.9"):
        parse(empty)


def test_an_unknown_id_is_named_with_its_line_and_the_nearest() -> None:
    known = ["link.veth", "link.inet", "route.mtu.inet6"]
    with pytest.raises(InputError) as caught:
        profile.check_ids(parse(GOOD), GOOD, "p.toml", known)
    assert str(caught.value).startswith(
        "p.toml:23: mode four needs route.mtu.inet, which no row has; did you mean route.mtu.inet6?"
    )
    profile.check_ids(parse(GOOD), GOOD, "p.toml", [*known, "route.mtu.inet"])


def test_files_and_names(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(GOOD)
    assert profile.load(str(file)).name == "synthetic"
    with pytest.raises(InputError, match=r"p\.toml:17: "):
        profile.load(str(file), ["link.veth"])
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        profile.load(str(file))
    with pytest.raises(InputError, match="did you mean calico"):
        profile.load("calcio")
    with pytest.raises(InputError, match="No such file"):
        profile.load("./calico")


def test_each_bundled_profile_says_why_and_whence() -> None:
    assert "calico" in profile.bundled()
    for name in profile.bundled():
        for mode in profile.load(name).modes:
            assert mode.needs
            for need in mode.needs:
                assert need.why
                assert need.source
                assert need.releases
                assert need.level == "require" or need.lost, f"{mode.name}: {need.row}: what is lost without it?"


def test_calico_falls_into_no_trap_of_checksystem() -> None:
    rows = [
        (mode.name, name)
        for mode in profile.load("calico").modes
        for need in mode.needs
        for name in expr.names(need.row)
    ]
    assert not [name for _, name in rows if any(word in name for word in ("vfio", "match.u32", "match.bpf"))]
    assert {mode for mode, name in rows if name.endswith("match.ipvs")} == {"kube-proxy-ipvs"}


def test_calico_asks_the_same_of_both_backends() -> None:
    ids = {name for name in calico_ids() if not name.startswith("flow.nft.")}
    assert {name.replace(".nft.", ".legacy.") for name in ids if ".nft." in name} == {
        name for name in ids if ".legacy." in name
    }


@pytest.mark.parametrize("command", ["profiles {}", "run --profile {}", "explain link.veth --profile {}"])
def test_a_file_with_an_unknown_id_is_refused_everywhere(tmp_path: Path, command: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(GOOD.replace('"link.veth"', '"link.vteh"').replace("route.mtu.{inet}", "route.addr.{inet}"))
    result = CliRunner().invoke(main, command.format(file).split())
    assert result.exit_code == 2
    assert f"{file}:16: mode four needs link.vteh, which no row has; did you mean link.veth?" in result.output
