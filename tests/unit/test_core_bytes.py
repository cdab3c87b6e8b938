"""csrc/{netlink,evidence}.c on any bytes: requests well formed or refused, answers read in bounds, and JSON."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.core_lib import Core

NLBUF = 16384
LINE = 64 * 1024
NLMSG_ERROR, NLMSG_DONE = 2, 3
CAPPED, ACK_TLVS = 0x100, 0x200

c_bytes = st.binary(max_size=300).map(lambda b: b.replace(b"\0", b"\1"))  # a C string holds anything but NUL
c_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
unhurried = settings(deadline=None)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(tmp_path_factory.mktemp("core"))


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def attribute(kind: int, data: bytes) -> bytes:
    return padded(struct.pack("=HH", 4 + len(data), kind) + data)


# --- netlink: building ---

Op = tuple[str, int, bytes]


class Model:
    """What the builder must make: a list of messages; nests as offsets, as there."""

    def __init__(self) -> None:
        self.data, self.start, self.overflow, self.seq = bytearray(), 0, False, 0
        self.nests: list[int] = []

    def room(self, more: bytes, *, fits: bool = True) -> None:
        if not fits or len(self.data) + len(padded(more)) > NLBUF:
            self.overflow = True
        elif not self.overflow:
            self.data += padded(more)

    def close(self) -> None:
        if not self.overflow:
            self.data[self.start : self.start + 4] = struct.pack("=I", len(self.data) - self.start)

    def message(self, kind: int, header: bytes) -> None:
        if self.seq:
            self.close()
        self.seq, self.start = self.seq + 1, len(self.data)
        self.room(struct.pack("=IHHII", 0, kind, 1, self.seq, 0))
        self.room(header)

    def end(self, at: int) -> None:
        if len(self.data) - at > 65535:
            self.overflow = True
        elif not self.overflow:
            self.data[at : at + 2] = struct.pack("=H", len(self.data) - at)


sizes = st.one_of(st.integers(0, 40), st.sampled_from([4000, 16360, 16364, 16384, 65531, 65532, 70000]))
verbs = st.sampled_from(["msg", "put", "raw", "nest", "end"])
ops = st.lists(st.tuples(verbs, st.integers(0, 65535), sizes.map(lambda n: b"\xa5" * n)), max_size=40)


@unhurried
@given(ops)
@example([("put", 1, b"x" * 16364)])  # to the last byte
@example([("put", 1, b"x" * 16365)])
@example([("put", 1, b"x" * 16380), ("put", 2, b"")])
@example([("raw", 0, b"x" * 70000), ("put", 1, b"abc")])
@example([("put", 1, b"x" * 65532), ("put", 1, b"")])
@example([("put", 1, b"x" * 16000), ("msg", 3, b"x" * 400), ("msg", 4, b"")])
def test_requests_are_well_formed_or_refused(core: Core, script: list[Op]) -> None:
    lib, model = core.lib, Model()
    ctx, buf = core.own(lib.core_ctx()), core.own(lib.core_nlbuf())
    core.ffi.memmove(buf, b"\xee" * 64, 64)  # what is on the stack of a worker
    lib.kp_nl_init(buf)
    nests: list[int] = []
    for op, kind, data in [("msg", 16, b"hdr"), *script]:
        if op == "msg":
            lib.kp_nl_msg(ctx, buf, kind, 0, data or core.ffi.NULL, len(data))
            model.message(kind, data)
            nests.clear()
        elif op == "put":
            lib.kp_nl_put(buf, kind, data, len(data))
            model.room(struct.pack("=HH", (4 + len(data)) & 65535, kind) + data, fits=len(data) <= 65531)
        elif op == "raw":
            lib.kp_nl_raw(buf, data, len(data))
            model.room(data)
        elif op == "nest":
            nests.append(lib.kp_nl_nest(buf, kind))
            model.nests[len(nests) - 1 :] = [len(model.data)]
            model.room(struct.pack("=HH", 4, kind))
        elif nests:
            lib.kp_nl_end(buf, nests.pop())
            model.end(model.nests[len(nests)])
    assert lib.core_nlbuf_len(buf) <= NLBUF
    assert bool(lib.core_nlbuf_overflow(buf)) == model.overflow
    # A request that does not fit is never sent; the other one fails here for want of a socket.
    assert lib.kp_nl_talk(ctx, -1, buf) == (-errno.EMSGSIZE if model.overflow else -errno.EBADF)
    if not model.overflow:
        model.close()
        made = bytes(core.ffi.buffer(lib.core_nlbuf_data(buf), lib.core_nlbuf_len(buf)))
        assert made == bytes(model.data)


# --- netlink: reading ---


def find(core: Core, data: bytes, kind: int) -> bytes | None:
    length = core.ffi.new("size_t *")
    at = core.lib.core_find(data, len(data), kind, length)
    assert at <= len(data)
    assert at < 0 or at + length[0] <= len(data)
    return None if at < 0 else data[at : at + length[0]]


@unhurried
@given(st.binary(max_size=64), st.integers(0, 3))
@example(b"\x04\x00\x01", 1)
@example(b"\x05\x00\x01\x00", 1)  # says one byte more than there is
@example(b"\x03\x00\x01\x00\x04\x00\x01\x00", 1)
@example(b"\x05\x00\x00\x00\x00\x00\x00\x04\x00", 1)  # padding that is not there
@example(b"\xff\xff\x01\x00", 1)
def test_find_never_reads_past_the_end(core: Core, data: bytes, kind: int) -> None:
    find(core, data, kind)


@unhurried
@given(
    st.lists(st.tuples(st.integers(0, 6), st.binary(max_size=12)), max_size=8),
    st.integers(0, 6),
    st.sampled_from([0, 0x4000, 0x8000]),
)
def test_find_takes_the_first_of_a_kind(core: Core, attrs: list[tuple[int, bytes]], kind: int, flag: int) -> None:
    data = b"".join(attribute(k | flag, d) for k, d in attrs)
    assert find(core, data, kind) == next((d for k, d in attrs if k == kind), None)
    assert find(core, data, 99) is None


def talk(core: Core, *datagrams: bytes, query: bool = False) -> tuple[int, bytes]:
    ctx, buf = core.own(core.lib.core_ctx()), core.own(core.lib.core_nlbuf())
    core.lib.kp_nl_init(buf)
    core.lib.kp_nl_msg(ctx, buf, 16, 4, b"", 0)  # NLM_F_ACK; sequence number 1
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with right:
        with left:
            for datagram in datagrams:
                left.send(datagram)
        if query:
            rc = core.lib.kp_nl_query(ctx, right.fileno(), buf, core.ffi.NULL, core.ffi.NULL)
        else:
            rc = core.lib.kp_nl_talk(ctx, right.fileno(), buf)
    return rc, core.ffi.string(core.lib.core_extack(ctx))


def message(kind: int, payload: bytes, *, flags: int = 0, seq: int = 1) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, seq, 0) + payload


def verdict(err: int, text: bytes | None = None, *, capped: bool = True, seq: int = 1) -> bytes:
    request = struct.pack("=IHHII", 16 if capped else 24, 16, 5, seq, 0) + (b"" if capped else b"RRRRRRRR")
    tlvs = b"" if text is None else attribute(2, b"1234") + attribute(1, text + b"\0")
    flags = (CAPPED if capped else 0) | (ACK_TLVS if tlvs else 0)
    return message(NLMSG_ERROR, struct.pack("=i", -err) + request + tlvs, flags=flags, seq=seq)


@pytest.mark.parametrize("capped", [True, False])
def test_the_verdict_and_its_text(core: Core, *, capped: bool) -> None:
    assert talk(core, verdict(0)) == (0, b"")
    assert talk(core, verdict(95, b"Unknown device type", capped=capped)) == (-95, b"Unknown device type")
    assert talk(core, verdict(22, b"x" * 1000, capped=capped)) == (-22, b"x" * 191)
    # not ours: a notification, the tail of an earlier answer
    assert talk(core, message(16, b"abcd", seq=0), verdict(1, seq=0), verdict(95, b"mine")) == (-95, b"mine")
    assert talk(core, verdict(1, seq=0)) == (-errno.ETIMEDOUT, b"")
    assert talk(core, message(16, b"abcd") + message(NLMSG_DONE, struct.pack("=i", -17)), query=True) == (-17, b"")


@unhurried
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=4), st.booleans())
@example([message(NLMSG_ERROR, b"", flags=ACK_TLVS)], False)
@example([message(NLMSG_ERROR, b"\0\0", flags=ACK_TLVS)], False)
@example([message(NLMSG_ERROR, struct.pack("=iI", -1, 0xFFFFFFF0) + b"\0" * 12 + b"\5\0\1\0x", flags=ACK_TLVS)], False)
@example(
    [message(NLMSG_ERROR, struct.pack("=iI", -1, 0) + b"\0" * 12 + b"\xff\xff\1\0x", flags=ACK_TLVS | CAPPED)], True
)
@example([struct.pack("=IHHII", 0, 2, 0, 1, 0)], False)
@example([struct.pack("=IHHII", 17, 2, ACK_TLVS, 1, 0)], False)
def test_answers_of_any_bytes(core: Core, datagrams: list[bytes], query: bool) -> None:
    rc, _ = talk(core, *datagrams, query=query)
    assert rc <= 0


@unhurried
@given(st.binary(min_size=1, max_size=60), st.integers(-200, 0), st.sampled_from([0, ACK_TLVS, CAPPED | ACK_TLVS]))
def test_verdicts_with_any_tail(core: Core, tail: bytes, err: int, flags: int) -> None:
    rc, text = talk(core, message(NLMSG_ERROR, struct.pack("=i", err) + tail, flags=flags))
    assert rc == err
    assert len(text) < 192


# --- evidence ---


class Writer:
    """One record at a time, without a file."""

    def __init__(self, core: Core, fd: int = -1) -> None:
        self.core, self.out = core, core.ffi.gc(core.lib.core_out(fd), core.lib.core_out_free)

    def record(self, *calls: tuple[Any, ...]) -> Any:
        self.core.lib.kp_js_open(self.out, b"t")
        for name, *args in calls:
            getattr(self.core.lib, f"kp_js_{name}")(self.out, *args)
        self.core.lib.kp_js_close(self.out)
        line = bytes(self.core.ffi.buffer(self.core.lib.core_out_line(self.out), self.core.lib.core_out_len(self.out)))
        assert len(line) <= LINE
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1
        assert min(line[:-1]) >= 0x20, "no control character reaches a terminal or a line reader"
        assert b"\x7f" not in line
        return json.loads(line, object_pairs_hook=unique)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({k for k, _ in pairs}) == len(pairs), "a key twice"
    return dict(pairs)


def expected(data: bytes) -> str:
    """Each byte that is not part of valid UTF-8 becomes U+FFFD."""
    return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in data.decode("utf-8", "surrogateescape"))


@unhurried
@given(st.one_of(c_bytes, c_text.map(str.encode)))
@example(b"\xc0\x80\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80\xf8\x88\x80\x80\x80")  # overlong, surrogate, too high
@example(b"\xf0\x9f\x92")
@example(bytes(range(1, 256)))
def test_text_is_json_and_comes_back(core: Core, data: bytes) -> None:
    writer = Writer(core)
    want = {"type": "t", "k": expected(data)} if data else {"type": "t"}
    assert writer.record(("text", b"k", data)) == want
    assert writer.record(("array", b"a"), ("item", data), ("item", data), ("end", b"]"))["a"] == [expected(data)] * 2
    keyed = writer.record(("object", b"o"), ("text", data, b"v"), ("end", b"}"))["o"]
    assert keyed == {expected(data): "v"}


@unhurried
@given(c_bytes)
def test_lists_of_words_and_lines(core: Core, data: bytes) -> None:
    writer = Writer(core)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assert writer.record(("lines", b"k", data)).get("k", []) == [expected(line) for line in lines]
    words = [w[:95] for w in data.replace(b"\t", b" ").replace(b"\n", b" ").split(b" ") if w]
    assert writer.record(("words", b"k", data)).get("k", []) == [expected(w) for w in words]


@unhurried
@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True), c_bytes, max_size=5))
def test_details_come_back_whole_or_not_at_all(core: Core, details: dict[str, bytes]) -> None:
    res, room, want = core.own(core.lib.core_result()), 511, {}
    for key, value in details.items():
        core.lib.kp_detail(res, key.encode(), value)
        if len(key) + len(value) + 2 <= room:
            room -= len(key) + len(value) + 2
            want[key] = expected(value.replace(b"\n", b" "))
    made = Writer(core).record(("pairs", b"detail", core.lib.core_detail(res)))
    assert made.get("detail", {}) == want


@unhurried
@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1), st.booleans())
def test_numbers(core: Core, value: int, bits: int, truth: bool) -> None:
    made = Writer(core).record(("int", b"i", value), ("hex64", b"h", bits), ("bool", b"b", truth))
    assert made == {"type": "t", "i": value, "h": f"{bits:016x}", "b": truth}


@unhurried
@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"\xff", b'"', b"\x01", b"\xc3\xa9"]), st.integers(1, 40_000)), max_size=6
    )
)
@example([(b"a", 65_000), (b"\x01", 1)])
def test_a_record_that_does_not_fit_says_so(core: Core, parts: list[tuple[bytes, int]]) -> None:
    writer = Writer(core)
    made = writer.record(("array", b"k"), *[("item", text * n) for text, n in parts], ("end", b"]"))
    assert made == {"type": "t", "k": [expected(text * n) for text, n in parts]} or made == {"type": "oversize"}
    assert writer.record(("int", b"i", 1)) == {"type": "t", "i": 1}, "the next one is whole again"


def test_each_length_around_the_limit(core: Core) -> None:
    writer = Writer(core)
    kinds = {writer.record(("text", b"k", b"a" * n))["type"] for n in range(LINE - 80, LINE + 2)}
    assert kinds == {"t", "oversize"}


def test_a_write_that_fails_is_remembered(core: Core, tmp_path: Path) -> None:
    full, writer = os.open("/dev/full", os.O_WRONLY), Writer(core)
    try:
        writer = Writer(core, full)
        writer.record(("int", b"i", 1))
        assert core.lib.core_out_err(writer.out) == -errno.ENOSPC
        with (tmp_path / "later").open("wb") as later:
            os.dup2(later.fileno(), full)
        writer.record(("int", b"i", 2))
        assert core.lib.core_out_err(writer.out) == -errno.ENOSPC
        assert not (tmp_path / "later").read_bytes(), "nothing behind a hole"
    finally:
        os.close(full)
