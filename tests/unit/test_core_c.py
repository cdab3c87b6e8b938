"""csrc/{classify,select,str,netlink,evidence}.c: the rules, the selection, and bounds that no input gets past."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core_lib import SANITIZE, Call, Core, Outcome, preload

NET_ADMIN, SYS_MODULE, SYS_ADMIN, GATE_INIT = 1 << 12, 1 << 16, 1 << 21, 1 << 63
ALL = (1 << 41) - 1
FULL_SIZE = 16
ROOT = Path(__file__).resolve().parents[2]

c_bytes = st.binary(max_size=300).map(lambda b: b.replace(b"\0", b"\1"))  # a C string holds anything but NUL
unhurried = settings(deadline=None)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(tmp_path_factory.mktemp("core"))


# --- the errno rules ---


class Answer:
    def __init__(self, outcome: Outcome, retry: bool, reason: str) -> None:
        self.outcome, self.retry, self.reason = outcome, retry, reason


def classify(core: Core, err: int, call: Call = Call.PLAIN, **kw: Any) -> Answer:
    """By default: root on a modular node, nothing gated, no rules of the row's own."""
    ffi = core.ffi
    rules = [ffi.new("int[]", [n for rule in (kw.get(k) or {}).items() for n in rule] + [0]) for k in ("row", "method")]
    retry, reason = ffi.new("bool *"), ffi.new("const char **")
    caps = kw.get("caps", ALL)
    env = (caps, kw.get("caps_init", caps), kw.get("seccomp", 0), kw.get("modular", True), kw.get("gate", 0))
    outcome = core.lib.core_classify(*env, *rules, call, err, retry, reason)
    return Answer(Outcome(outcome), bool(retry[0]), ffi.string(reason[0]).decode())


E = errno
UNKNOWN, WORKS, ABSENT, DENIED, BROKEN = Outcome
PRESENT, MISSING = {E.EINVAL: WORKS}, {E.EINVAL: ABSENT}
USERNS = {"caps": ALL, "caps_init": 0}
NO_NET_ADMIN = {"caps": 0, "gate": NET_ADMIN}
UNLOADED = {E.ENOPROTOOPT: ABSENT}

# DESIGN §2, "Errno rules that come before the row's own": errno, call, circumstances, outcome, a word of the reason.
RULES: list[tuple[int, Call, dict[str, Any], Outcome, str]] = [
    # seccomp active and ENOSYS or EAFNOSUPPORT from the syscall itself: a filter may have said it
    (E.ENOSYS, Call.PLAIN, {"seccomp": 2}, UNKNOWN, "seccomp"),
    (E.ENOSYS, Call.PLAIN, {"seccomp": 2, "row": {E.ENOSYS: ABSENT}}, UNKNOWN, "seccomp"),
    (E.ENOSYS, Call.UNSHARE, {"seccomp": 1}, UNKNOWN, "seccomp"),
    (E.EAFNOSUPPORT, Call.SOCKET, {"seccomp": 2, "method": {E.EAFNOSUPPORT: ABSENT}}, UNKNOWN, "seccomp"),
    (E.EAFNOSUPPORT, Call.PLAIN, {"seccomp": 2, "row": {E.EAFNOSUPPORT: ABSENT}}, ABSENT, "row"),
    (E.EAFNOSUPPORT, Call.SOCKET, {"seccomp": 0, "row": {E.EAFNOSUPPORT: ABSENT}}, ABSENT, "row"),
    (E.ENOSYS, Call.PLAIN, {"seccomp": 0, "row": {E.ENOSYS: ABSENT}}, ABSENT, "row"),
    (E.ENOSYS, Call.PLAIN, {"seccomp": -1, "row": {E.ENOSYS: ABSENT}}, ABSENT, "row"),
    # a gated call without its capability: denied, also when the kernel says something else, whatever the row says
    (E.EPERM, Call.PLAIN, NO_NET_ADMIN, DENIED, "CAP_NET_ADMIN"),
    (E.EINVAL, Call.PLAIN, NO_NET_ADMIN | {"row": MISSING}, DENIED, "CAP_NET_ADMIN"),
    (E.EINVAL, Call.PLAIN, NO_NET_ADMIN | {"row": PRESENT}, DENIED, "CAP_NET_ADMIN"),
    (E.EINVAL, Call.PLAIN, {"caps": 0, "gate": SYS_ADMIN, "method": MISSING}, DENIED, "CAP_SYS_ADMIN"),
    (E.ENOPROTOOPT, Call.XT_SOCKOPT, NO_NET_ADMIN, DENIED, "CAP_NET_ADMIN"),
    (E.EINVAL, Call.UNSHARE, {"caps": 0, "gate": SYS_ADMIN}, DENIED, "CAP_SYS_ADMIN"),
    (E.EPERM, Call.PLAIN, USERNS | {"gate": NET_ADMIN | GATE_INIT}, DENIED, "initial user namespace"),
    (E.EINVAL, Call.PLAIN, USERNS | {"gate": SYS_ADMIN | GATE_INIT, "row": MISSING}, DENIED, "initial user namespace"),
    (E.EINVAL, Call.PLAIN, USERNS | {"gate": NET_ADMIN, "row": MISSING}, ABSENT, "row"),
    (E.ENOMEM, Call.PLAIN, NO_NET_ADMIN, DENIED, "CAP_NET_ADMIN"),
    # unshare: ENOSPC is a limit, EINVAL a kernel without
    (E.ENOSPC, Call.UNSHARE, {}, DENIED, "max_"),
    (E.EUSERS, Call.UNSHARE, {}, DENIED, "max_"),
    (E.EINVAL, Call.UNSHARE, {}, ABSENT, "namespace"),
    (E.ENOSPC, Call.PLAIN, {}, UNKNOWN, "no rule"),
    (E.EPERM, Call.UNSHARE, {}, DENIED, "LSM"),
    # legacy x_tables does not load itself: without CAP_SYS_MODULE nobody may have asked for it
    (E.ENOPROTOOPT, Call.XT_SOCKOPT, {"caps": ALL & ~SYS_MODULE, "row": UNLOADED}, UNKNOWN, "CAP_SYS_MODULE"),
    (E.ENOPROTOOPT, Call.XT_SOCKOPT, USERNS | {"row": UNLOADED}, UNKNOWN, "CAP_SYS_MODULE"),
    (E.ENOPROTOOPT, Call.XT_SOCKOPT, USERNS | {"modular": False, "row": UNLOADED}, ABSENT, "row"),
    (E.ENOPROTOOPT, Call.XT_SOCKOPT, {"row": UNLOADED}, ABSENT, "row"),
    (E.ENOPROTOOPT, Call.PLAIN, USERNS | {"row": UNLOADED}, ABSENT, "row"),
    # refused though the capability is there: somebody else refuses
    (E.EPERM, Call.PLAIN, {"gate": NET_ADMIN}, DENIED, "LSM"),
    (E.EACCES, Call.PLAIN, {"gate": NET_ADMIN}, DENIED, "LSM"),
    (E.EPERM, Call.PLAIN, {"row": {E.EPERM: ABSENT}}, DENIED, "LSM"),
    # a container's read-only /proc/sys, wherever it is met
    (E.EROFS, Call.PLAIN, {}, DENIED, "read-only"),
    (E.EROFS, Call.PLAIN, {"caps": 0, "gate": NET_ADMIN}, DENIED, "CAP_NET_ADMIN"),
    # once more
    (E.ENOMEM, Call.PLAIN, {"row": {E.ENOMEM: ABSENT}}, UNKNOWN, "twice"),
    (E.EBUSY, Call.PLAIN, {"method": {E.EBUSY: ABSENT}}, UNKNOWN, "twice"),
    (E.ENOBUFS, Call.PLAIN, {}, UNKNOWN, "twice"),
    (E.ENOMEM, Call.UNSHARE, {}, UNKNOWN, "twice"),
    # the row's rules before its method's
    (E.ENOENT, Call.PLAIN, {"row": {E.ENOENT: BROKEN}, "method": {E.ENOENT: ABSENT}}, BROKEN, "row"),
    (E.ENOENT, Call.PLAIN, {"row": {E.EINVAL: BROKEN}, "method": {E.ENOENT: ABSENT}}, ABSENT, "method"),
    (E.EEXIST, Call.PLAIN, {"row": {E.EEXIST: WORKS}}, WORKS, "row"),
    # bpf(2): RLIMIT_MEMLOCK that could not be raised; errnos that may be the verifier's
    (E.EPERM, Call.BPF_CHARGED, {"row": {E.EPERM: ABSENT}}, UNKNOWN, "MEMLOCK"),
    (E.EPERM, Call.BPF, {}, DENIED, "LSM"),
    (E.EPERM, Call.BPF_CHARGED, {"caps": 0, "gate": SYS_ADMIN}, DENIED, "CAP_SYS_ADMIN"),
    (E.EACCES, Call.BPF, {"method": {E.EACCES: ABSENT}}, ABSENT, "method"),
    (E.EACCES, Call.BPF_CHARGED, {"row": {E.EACCES: BROKEN}, "method": {E.EACCES: ABSENT}}, BROKEN, "row"),
    (E.EACCES, Call.BPF, {}, DENIED, "LSM"),
    (E.ENOSYS, Call.BPF, {"seccomp": 2, "row": {E.ENOSYS: ABSENT}}, UNKNOWN, "seccomp"),
    (E.ENOMEM, Call.BPF, {}, UNKNOWN, "twice"),
    (E.EINVAL, Call.BPF, {}, UNKNOWN, "no rule"),
    # without a rule nothing is believed
    (E.EEXIST, Call.PLAIN, {}, UNKNOWN, "taken"),
    (E.EOPNOTSUPP, Call.PLAIN, {}, UNKNOWN, "no rule"),
    (E.ENOENT, Call.SOCKET, {}, UNKNOWN, "no rule"),
    (524, Call.PLAIN, {}, UNKNOWN, "no rule"),
    (0, Call.PLAIN, {}, WORKS, ""),
]  # fmt: skip


@pytest.mark.parametrize(("err", "call", "circumstances", "outcome", "word"), RULES)
def test_rule(core: Core, err: int, call: Call, circumstances: dict[str, Any], outcome: Outcome, word: str) -> None:
    got = classify(core, err, call, **circumstances)
    assert got.outcome == outcome, got.reason
    assert word in got.reason


@pytest.mark.parametrize("err", [E.ENOMEM, E.EBUSY, E.ENOBUFS])
def test_what_is_worth_one_more_try(core: Core, err: int) -> None:
    assert classify(core, err).retry
    assert not classify(core, err, caps=0, gate=NET_ADMIN).retry, "without the capability it stays as it is"
    others = set(range(1, 140)) - {E.ENOMEM, E.EBUSY, E.ENOBUFS}
    assert not any(classify(core, other).retry for other in others)


odd = st.sampled_from([524, 4098, E.EPERM, E.EINVAL, E.ENOSYS, E.EEXIST, E.ENOPROTOOPT, E.EAFNOSUPPORT])
errnos = st.one_of(st.integers(1, 140), odd)
gates = st.sampled_from([0, NET_ADMIN, SYS_ADMIN, NET_ADMIN | GATE_INIT, 1 << 7])
tables = st.dictionaries(errnos, st.sampled_from(list(Outcome)), max_size=6)


@unhurried
@given(
    err=errnos,
    call=st.sampled_from(list(Call)),
    caps=st.integers(0, ALL),
    initial=st.booleans(),
    modular=st.booleans(),
    seccomp=st.integers(-1, 2),
    gate=gates,
    row=tables,
    method=tables,
)
def test_no_errno_is_a_yes_or_a_no_by_itself(core: Core, err: int, call: Call, **kw: Any) -> None:
    initial = kw.pop("initial")
    got = classify(core, err, call, caps_init=kw["caps"] if initial else 0, **kw)
    said = kw["row"].get(err, kw["method"].get(err))
    if got.outcome in {WORKS, BROKEN}:
        assert said == got.outcome
    if got.outcome == ABSENT:
        assert said == ABSENT or (call == Call.UNSHARE and err == E.EINVAL)
    gate = kw["gate"] & ~GATE_INIT
    held = kw["caps"] if initial or not kw["gate"] & GATE_INIT else 0
    if gate & ~held:
        assert got.outcome in {DENIED, UNKNOWN}
    if got.retry:
        assert got.outcome == UNKNOWN
    assert got.reason, "every errno is explained"


def test_names_of_errnos(core: Core) -> None:
    buf = core.ffi.new("char[16]")

    def name(err: int) -> str:
        return str(core.ffi.string(core.lib.kp_errno_name(err, buf)).decode())

    assert (name(0), name(524), name(4098), name(2**31 - 1)) == ("", "ENOTSUPP", "E4098", "E2147483647")
    alike = {"EWOULDBLOCK": "EAGAIN", "EDEADLOCK": "EDEADLK", "ENOTSUP": "EOPNOTSUPP"}
    for err, text in errno.errorcode.items():
        assert name(err) in {alike.get(text, text), f"E{err}"}


# --- globs, words, selection ---


@unhurried
@given(pattern=st.text("ab.*?", max_size=12), text=st.text("ab.", max_size=12))
def test_glob(core: Core, pattern: str, text: str) -> None:
    reference = re.sub(r"[*?.]", lambda m: {"*": ".*", "?": ".", ".": r"\."}[m[0]], pattern)
    assert bool(core.lib.kp_glob(pattern.encode(), text.encode())) == bool(re.fullmatch(reference, text))


def test_glob_is_never_slow(core: Core) -> None:
    assert not core.lib.kp_glob(b"*a" * 2000 + b"b", b"a" * 20000)


@unhurried
@given(c_bytes, st.integers(1, 24))
def test_words(core: Core, text: bytes, size: int) -> None:
    ffi, words = core.ffi, []
    keep = ffi.new("char[]", text)
    at, word = ffi.new("const char **", keep), ffi.new("char[]", size)
    while core.lib.kp_word(at, word, size):
        words.append(ffi.string(word))
    assert words == [w[: size - 1] for w in re.split(rb"[ \n\t]+", text) if w]


HEAD_A = ["a.control.negative", "a.control.positive"]
HEAD_B = ["b.control.negative", "b.control.positive"]
CHAIN = ["a.one", "a.two", "a.three"]
C = ["c.control.positive", "c.base", "c.table", "c.other", "c.control.negative", "c.row"]
LARGE = [*C[:-2], "c.large", *C[-2:]]
EVERYTHING = [*HEAD_A, *CHAIN, "a.four", *HEAD_B, "b.one", "b.two", "b.hash:ip,port", *C]


@pytest.mark.parametrize(
    ("select", "chosen"),
    [
        ("", EVERYTHING),
        ("*", EVERYTHING),
        ("  \n ", EVERYTHING),
        ("a.one", [*HEAD_A, "a.one"]),
        ("a.three", [*HEAD_A, *CHAIN]),
        # across families: the prerequisite's family brings its controls, and a control brings what it needs
        ("b.one", [*HEAD_A, *CHAIN, "a.four", *HEAD_B, "b.one"]),
        ("b.two", [*HEAD_A, "a.four", *HEAD_B, "b.two"]),
        ("b.hash:ip,port", [*HEAD_A, "a.four", *HEAD_B, "b.hash:ip,port"]),
        ("a.o?e b.two", [*HEAD_A, "a.one", "a.four", *HEAD_B, "b.two"]),
        ("!b.*", [*HEAD_A, *CHAIN, "a.four", *C]),
        ("a.* !a.t*", [*HEAD_A, "a.one", "a.four"]),
        # in the order given
        ("!a.* a.one", [*HEAD_A, "a.one"]),
        # what is needed comes back, controls too
        ("a.three !a.one", [*HEAD_A, *CHAIN]),
        ("a.one !*control*", [*HEAD_A, "a.one"]),
        ("c.row", [row for row in C if row != "c.other"]),
        ("c.other", C[:-1]),
        # what takes much memory is meant only where nothing else is
        ("c.*", C),
        ("c.l*", [row for row in LARGE[:-1] if row != "c.other"]),
        ("c.* c.large", LARGE),
    ],
)
def test_selection(core: Core, select: str, chosen: list[str]) -> None:
    out = core.ffi.new("char[4096]")
    assert core.lib.core_select(select.encode(), 0, out, 4096) == 0
    assert core.ffi.string(out).decode().split() == chosen


@pytest.mark.parametrize("select", ["nothing", "a.one nothing", "a.", "a", "!nothing", "!", "* !*", "!*", "A.ONE"])
def test_a_selection_of_nothing_is_an_error(core: Core, select: str) -> None:
    assert core.lib.core_select(select.encode(), 0, core.ffi.new("char[4096]"), 4096) == -errno.EINVAL


def test_no_selection_is_all(core: Core) -> None:
    out = core.ffi.new("char[4096]")
    assert core.lib.core_select(core.ffi.NULL, 0, out, 4096) == 0
    assert core.ffi.string(out).decode().split() == EVERYTHING


@pytest.mark.parametrize(
    ("select", "chosen"),
    [("", [*EVERYTHING[: -len(C)], *LARGE]), ("c.*", LARGE), ("c.* !c.large", C), ("c.other", C[:-1])],
)
def test_with_full_size_everything_is_all(core: Core, select: str, chosen: list[str]) -> None:
    out = core.ffi.new("char[4096]")
    assert core.lib.core_select(select.encode(), FULL_SIZE, out, 4096) == 0
    assert core.ffi.string(out).decode().split() == chosen


# --- once more, under a sanitizer ---


@pytest.mark.skipif(SANITIZE in os.environ, reason="this is the sanitized run")
@pytest.mark.parametrize("file", ["test_core_c.py", "test_core_bytes.py"])
def test_all_of_this_under_a_sanitizer(file: str, tmp_path: Path) -> None:
    again = str(Path(__file__).with_name(file))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-s", "-p", "no:cacheprovider", again]
    env = os.environ | preload() | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
