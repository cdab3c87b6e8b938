# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence that is read in one go is what it is line by line."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import evidence, reader
from kprobe.errors import InputError
from kprobe.evidence import Evidence
from tests.evidence import index, load
from tests.unit import synthetic
from tests.unit.synthetic import bare

LINES = [*evidence.write(synthetic.stream({"link.ipip": "absent", "link.veth": "works"})).splitlines(keepends=True)]
ODD = (
    b"\n",
    b"\r\n",
    b'{"type":"fact",\r"id":"b"}\n',
    b"{}\n",
    b"null\n",
    b'{"type":"later"}\n',
    b"garbage\n",
    b'{"type":"fact","id":"a","value":[[[[1]]]]}\n',
    b'{"type":"fact","id":"c"}\n',
    b'{"type":"fact","id":"e","more":"\xff"}\n',
    b'{"type":"fact","id":"d","value":"%s"}\n' % (b"x" * evidence.MAX_LINE),
)


def same_at_once(data: bytes) -> None:
    def said(read: Callable[[], Evidence]) -> Evidence | str:
        try:
            return read()
        except InputError as error:
            return str(error)

    by_line = said(lambda: evidence.parse(data.splitlines(keepends=True), "a"))
    assert said(lambda: reader.parse_whole(data, "a")) == by_line


@given(
    st.lists(st.sampled_from([*LINES, *ODD]), max_size=8),
    st.booleans(),
    st.integers(0, 400),
)
def test_at_once_is_as_line_by_line(lines: list[bytes], whole: bool, cut: int) -> None:
    data = b"".join([*LINES, *lines] if whole else lines)
    same_at_once(data[: len(data) - cut] if cut < 100 else data)


@pytest.mark.parametrize("number", range(len(ODD)))
def test_at_once_is_as_line_by_line_with_one_odd_line_and_another(number: int) -> None:
    for other in (b"", *LINES, *ODD):
        same_at_once(b"".join([*LINES[:-1], ODD[number], other, LINES[-1]]))


@pytest.mark.parametrize(("bound", "value"), [("MAX_RECORDS", 2), ("MAX_STREAM", 50)])
def test_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(evidence, bound, value)
    monkeypatch.setattr(reader, bound, value)
    with pytest.raises(InputError, match="more than"):
        reader.parse_whole(b"".join(LINES), "a")


def test_at_once_is_taken_for_real_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load("newest-amd64")
    data = evidence.write(found)
    monkeypatch.setattr(reader, "parse", None)
    assert reader.parse_whole(data, found.source) == found


def shared(data: bytes) -> Evidence:
    found = reader.at_once(data, "a", shared=True)
    assert found is not None
    return found


def shared_as_line_by_line(data: bytes) -> bool:
    """Whether it was read as shared; then it must be what it is line by line."""
    found = reader.at_once(data, "a", shared=True)
    assert found is None or bare(found) == bare(evidence.parse(data.splitlines(keepends=True), "a"))
    return found is not None


@pytest.mark.parametrize("name", index())
def test_what_is_shared_is_what_was_said(name: str) -> None:
    data = evidence.write(load(name))
    for _ in range(2):
        assert shared(data) == bare(reader.parse_whole(data, "a"))


def test_what_nodes_agree_in_is_one_and_the_same() -> None:
    data = evidence.write(load("newest-amd64"))
    other = data.replace(b'"outcome":"works"', b'"outcome":"absent"', 1)
    same = [a is b for a, b in zip(shared(data).probes, shared(other).probes, strict=True)]
    assert same.count(False) == 1


@given(st.lists(st.sampled_from([*LINES, *ODD]), max_size=8), st.booleans())
def test_shared_is_as_line_by_line(lines: list[bytes], framed: bool) -> None:
    shared_as_line_by_line(b"".join([*LINES[:-1], *lines, LINES[-1]] if framed else lines))


ROW = next(line for line in LINES if line.startswith(b'{"type":"probe","seq":0,"worker":0,')).replace(b"link", b"odd")
FACT = b'{"type":"fact","id":"x"}\n'


@pytest.mark.parametrize(
    ("odd", "good"),
    [
        (ROW, True),
        (b"%b%b" % (FACT, ROW), True),
        (b"%b%b" % (ROW, FACT), True),
        (ROW.replace(b',"ns"', b',"later":{"a":[1]},"ns"'), True),
        (b'{"type":"fact","id":"x","value":[\n%b]}\n' % ROW, False),
        (b'{"type":"fact","id":"x","value":[%b]}\n' % ROW, False),
        (ROW.replace(b',"ns"', b'},{"a":1,"ns"'), False),
        (ROW.replace(b'"seq":0', b'"seq":00'), False),
        (ROW.replace(b'"seq":0', b'"seq":-1'), False),
        (ROW.replace(b'"seq":0', b'"seq":9223372036854775808'), False),
        (ROW.replace(b',"ns"', b',"seq":-1,"ns"'), False),
        (ROW.replace(b'"outcome":"', b'"outcome":"un'), False),
        (ROW.replace(b',"ns"', b',"errno":"5","ns"'), False),
        (ROW.replace(b',"ns"', b',"more":"%b","ns"' % (b"x" * evidence.MAX_LINE)), False),
        (ROW.replace(b',"ns"', b',"more":%b1%b,"ns"' % (b"[" * 5000, b"]" * 5000)), False),
        (b"x" + ROW, False),
        (b'"%b' % ROW, False),
        (b"\n" + ROW, False),
        (ROW.removesuffix(b"\n") + b" \n", True),
        (ROW.removesuffix(b"\n") + b"x\n", False),
        ((b'{"type":"probe","seq":0,"worker":0,' * 1800 + b"\n") * 60, False),  # in linear time
        (ROW * 2, False),
        (LINES[-1] + ROW, False),
    ],
)
def test_what_is_odd_among_rows_is_found(odd: bytes, good: bool) -> None:
    assert shared_as_line_by_line(b"".join([*LINES[:-1], odd, LINES[-1]])) == good


def test_what_is_shared_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known = reader._Shared()
    said = [b'"id":"row.%d","outcome":"works"' % number for number in range(10)]
    monkeypatch.setattr(reader, "MAX_SHARED", sum(map(len, said[:4])))
    assert [known[each].id for each in said] == [f"row.{number}" for number in range(10)]
    assert len(known) <= 4
    assert known.size == sum(map(len, known))
