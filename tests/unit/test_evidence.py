# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The reader takes what the format describes, and nothing else."""

import contextlib
import io
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobe import evidence, reader
from kprobe.errors import InputError
from kprobe.evidence import End, Evidence, Fact, Left, Probe
from tests.unit import synthetic

RUN = synthetic.stream({"link.veth": "works", "link.ipip": "absent", "route.mtu.inet": "unknown"})
LINES = synthetic.lines(RUN)
BEGIN, VETH, IPIP, MTU, END = LINES


def parse(*lines: bytes) -> Evidence:
    return evidence.parse(lines, "synthetic")


def refused(*lines: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(*lines)
    assert caught.value.todo
    return caught.value


def record(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_round_trip() -> None:
    assert parse(*LINES) == RUN
    assert not RUN.incomplete
    assert RUN.running is None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
probes = st.builds(
    Probe,
    id=st.text("abc.:,*-_", min_size=1, max_size=12),
    family=texts,
    title=texts,
    seq=st.integers(0, 2**63 - 1),
    worker=st.integers(0, 9),
    ns=st.integers(0, 2**63 - 1),
    outcome=st.sampled_from(["works", "absent", "denied", "broken", "unknown"]),
    step=texts,
    errno=st.integers(0, 4095),
    extack=texts,
    reason=texts,
    detail=st.dictionaries(texts, texts, max_size=3),
    log=st.lists(texts, max_size=3).map(tuple),
    loaded=st.lists(texts, max_size=3).map(tuple),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | texts, lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
facts = st.builds(
    Fact, id=texts, source=texts, error=texts, value=values.filter(lambda value: str(value).count("[") < 3)
)
ends = st.builds(
    End,
    rows=st.integers(0, 9),
    ns=st.integers(0, 9),
    left=st.lists(st.builds(Left, module=texts), max_size=2).map(tuple),
)


@given(
    st.lists(probes, max_size=5, unique_by=lambda probe: probe.id),
    st.lists(facts, max_size=3, unique_by=lambda fact: fact.id),
    ends,
)
def test_any_evidence_round_trips(rows: list[Probe], known: list[Fact], end: End) -> None:
    found = Evidence(source="synthetic", begin=RUN.begin, facts=tuple(known), probes=tuple(rows), end=end)
    assert evidence.parse(synthetic.lines(found), "synthetic") == found


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    with contextlib.suppress(InputError):  # any other exception is a failure
        assert evidence.parse(evidence.lines_of(io.BytesIO(BEGIN + noise)), "synthetic").incomplete


@given(st.integers(0, sum(map(len, LINES)) - 1))
def test_a_cut_stream_is_incomplete_up_to_its_last_whole_line(length: int) -> None:
    cut = b"".join(LINES)[:length]
    if length < len(BEGIN) - 1:
        with pytest.raises(InputError, match="no begin"):
            evidence.parse(evidence.lines_of(io.BytesIO(cut)), "synthetic")
        return
    found = evidence.parse(evidence.lines_of(io.BytesIO(cut)), "synthetic")
    assert found.probes == RUN.probes[: len(found.probes)]
    assert found.incomplete or found == RUN


def test_a_cut_stream_names_the_row_that_ran() -> None:
    found = parse(BEGIN, VETH, IPIP[:30])
    assert found.torn
    assert found.incomplete
    assert found.running == "link.ipip"
    assert parse(BEGIN, VETH, IPIP, MTU).running is None


def test_zeros_of_a_power_cut_are_a_torn_line() -> None:
    assert parse(BEGIN, VETH, b"\0" * 100).torn


def test_a_line_torn_inside_a_character() -> None:
    assert parse(BEGIN, '{"type":"fact","id":"é'.encode()[:-1]).torn


def test_a_line_taken_out_makes_the_evidence_incomplete() -> None:
    found = parse(BEGIN, VETH, MTU, END)
    assert found.incomplete
    assert found.running is None


def test_unknown_fields_and_record_types_are_ignored() -> None:
    later = record(type="later", anything=[1, 2])
    more = VETH.replace(b'"type"', b'"new":{"a":[1]},"type"', 1)
    assert parse(BEGIN, later, more, IPIP, MTU, END) == RUN


def test_blank_lines_and_carriage_returns_are_harmless() -> None:
    assert parse(*(line.replace(b"\n", b"\r\n") for line in LINES), b"\n") == RUN


@pytest.mark.parametrize(
    ("lines", "line", "what"),
    [
        ((), 1, "no begin"),
        ((b"garbage",), 1, "no begin"),
        ((b"garbage\n",), 1, "not JSON"),
        ((VETH,), 1, "probe before begin"),
        ((BEGIN, BEGIN), 2, "a second begin"),
        ((BEGIN, VETH, VETH), 3, "a second probe link.veth"),
        ((BEGIN, record(type="fact", id="node.a"), record(type="fact", id="node.a")), 3, "a second fact"),
        ((BEGIN, END, VETH), 3, "probe after end"),
        ((BEGIN, END, END), 3, "end after end"),
        ((BEGIN, b"garbage\n", END), 2, "not JSON"),
        ((BEGIN, b'{"type":"fact","id":"\xff"}\n'), 2, "utf-8"),
        ((BEGIN, b'{"type":"fact","id":"a","later":"\xff"}\n'), 2, "utf-8"),
        ((BEGIN, b'{"type":"fact","id":"\\ud800"}\n'), 2, "not JSON"),
        ((BEGIN, b"[" * 50_000 + b"\n"), 2, "deep|Expected"),
        ((BEGIN, b'{"type":"fact","id":"a","value":' + b"[" * 50_000 + b"\n"), 2, "deep"),
        ((BEGIN, b'{"type":"later","id":' + b"[" * 50_000 + b"\n"), 2, "deep"),
        ((BEGIN, record(type="fact", id="a", value=[[[[1]]]])), 2, "deeper than 3"),
        ((BEGIN, record(type="row", id="a")), 2, "catalogue"),
        ((BEGIN, record(type=5)), 2, "Expected"),
        ((BEGIN, b"null\n"), 2, "Expected"),
        ((BEGIN, VETH.replace(b'"works"', b'"fine"')), 2, "outcome"),
        ((BEGIN, VETH.replace(b'"seq":0', b'"seq":-1')), 2, "seq"),
        ((BEGIN, VETH.replace(b'"ns":1000', b'"ns":1' + b"0" * 400)), 2, "ns"),
        ((BEGIN, VETH.replace(b'"seq":0', b'"seq":"0"')), 2, "seq"),
        ((BEGIN, VETH.replace(b'"id":"link.veth",', b"")), 2, "id"),
        ((BEGIN.replace(b'"format":1', b'"format":2'),), 1, "format 2"),
        ((BEGIN.replace(b'"link.ipip"', b'"link.veth"'),), 1, "twice"),
    ],
)
def test_refused(lines: tuple[bytes, ...], line: int, what: str) -> None:
    error = refused(*lines)
    assert error.where == f"synthetic:{line}"
    assert re.search(what, error.what), error.what


def test_bounds() -> None:
    long = record(type="later", text="x" * evidence.MAX_LINE)
    assert "a line of more than" in refused(BEGIN, long).what
    wide = record(type="later", text="x" * (evidence.MAX_LINE - 100))
    assert "bytes" in refused(BEGIN, *[wide] * 70).what
    assert "records" in refused(BEGIN, *[record(type="later")] * evidence.MAX_RECORDS).what


def test_an_endless_line_does_not_fill_the_memory() -> None:
    with Path("/dev/zero").open("rb") as zero, pytest.raises(InputError, match="a line of more than"):
        evidence.parse(evidence.lines_of(zero), "zero")


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    file.write_bytes(evidence.write(RUN))
    assert reader.read(file) == msgspec.structs.replace(RUN, source=str(file))
    for bad in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=str(bad)):
            reader.read(bad)


def test_rows() -> None:
    row = record(type="row", id="link.veth", asks="a veth pair", would_load=["veth"], tried=False)
    (found,) = evidence.rows([row], "catalogue")
    assert (found.asks, found.would_load, found.tried) == ("a veth pair", ("veth",), False)
    with pytest.raises(InputError, match="not a row"):
        evidence.rows([VETH], "catalogue")
