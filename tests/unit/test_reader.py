# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Evidence that is read in one go is what it is line by line."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import evidence, reader
from kprobe.errors import InputError
from kprobe.evidence import Evidence
from tests.evidence import load
from tests.unit import synthetic

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
