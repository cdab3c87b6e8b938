# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""The engine: what a misbehaving row costs, controls, prerequisites, deadlines, broken streams, missing privilege."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live.engine_lib import COLLECTOR, SELFTEST, Record, Stream, ask, catalogue, made, processes, public, strays

MISBEHAVING = ("hang", "crash", "killed", "exit", "starve", "unruled")


@pytest.fixture(scope="module")
def misbehaved() -> Stream:
    return ask(SELFTEST, "--select", "selftest.*", "--deadline", "1000")


@pytest.fixture(scope="module")
def whole() -> Stream:
    return ask(COLLECTOR)


# --- rows that misbehave ---


def test_each_misbehaving_row_costs_itself_alone(misbehaved: Stream) -> None:
    outcomes = misbehaved.outcomes()
    unknown = {row for row, outcome in outcomes.items() if outcome == "unknown"}
    assert unknown == {f"selftest.{name}" for name in (*MISBEHAVING, "needs-unknown")}
    assert outcomes["selftest.control.negative"] == "absent"
    assert all(o == "works" for row, o in outcomes.items() if row not in unknown | {"selftest.control.negative"})


@pytest.mark.parametrize(
    ("row", "step", "words"),
    [
        ("hang", "deadline", "no answer within 1000 ms"),
        ("crash", "worker", "SIGSEGV"),
        ("killed", "worker", "SIGKILL"),
        ("exit", "worker", "ended before it answered"),
        ("starve", "mmap", "out of memory, twice"),
        ("unruled", "ask", "no rule"),
        ("needs-unknown", "prerequisite", "selftest.crash, which is unknown"),
    ],
)
def test_the_reason_names_what_happened(misbehaved: Stream, row: str, step: str, words: str) -> None:
    probe = misbehaved[f"selftest.{row}"]
    assert probe["step"] == step
    assert words in probe["reason"]


def test_a_new_worker_goes_on_behind_the_row(misbehaved: Stream) -> None:
    workers = [p["worker"] for p in misbehaved.probes]
    assert workers == sorted(workers)
    pids = {
        row: misbehaved[f"selftest.{row}"]["detail"]["pid"] for row in ("control.positive", "after-hang", "after-crash")
    }
    assert len(set(pids.values())) == 3, "each loss takes a worker of its own"
    assert misbehaved["selftest.needs-works"]["detail"] == misbehaved["selftest.last"]["detail"], (
        "and no more than that"
    )
    assert not strays()


def test_the_last_words_of_a_worker_are_heard() -> None:
    """It answers, and ends, between the parent's poll() and its look whether the worker is alive."""
    slow = ("-e", "inject=bpf:delay_enter=150000", "-e", "inject=waitid:delay_enter=1500000")
    through = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bpf,waitid", *slow)
    assert ask(COLLECTOR, "--select", "bpf.map.hash", through=through)["bpf.map.hash"]["outcome"] == "works"


def test_what_runs_out_of_memory_is_tried_once_more(misbehaved: Stream) -> None:
    assert misbehaved["selftest.starve"]["error"] == "ENOMEM"
    assert misbehaved["selftest.starve"]["worker"] == misbehaved["selftest.exit"]["worker"] + 2, (
        "one worker, and one again"
    )


@pytest.mark.parametrize("ms", [1, 50, 700])
def test_the_deadline_is_kept(ms: int) -> None:
    begun = time.monotonic()
    stream = ask(SELFTEST, "--select", "selftest.hang", "--deadline", str(ms))
    assert stream.begin["deadline_ms"] == ms
    hang = stream["selftest.hang"]
    assert hang["outcome"] == "unknown"
    if hang["step"] == "deadline":  # with one millisecond the controls before it may be late too, and the worker new
        assert f"{ms} ms" in hang["reason"]
    assert ms / 1000 <= time.monotonic() - begun < ms / 1000 + 2


def test_a_contradicting_control_voids_its_family_alone() -> None:
    stream = ask(SELFTEST, "--select", "selftest-void.* ns.net")
    row = stream["selftest-void.row"]
    assert (row["outcome"], row["step"]) == ("unknown", "control")
    assert "selftest-void.control.negative" in row["reason"]
    assert stream["selftest-void.control.negative"]["outcome"] == "works", "a control's own answer stands as it is"
    assert stream["ns.net"]["outcome"] == "works"


def test_without_a_positive_control_no_absent_is_believed() -> None:
    stream = ask(SELFTEST, "--select", "selftest-doubt.*")
    assert stream["selftest-doubt.absent"]["outcome"] == "unknown"
    assert "cannot be believed" in stream["selftest-doubt.absent"]["reason"]
    assert stream["selftest-doubt.works"]["outcome"] == "works", "a yes needs no positive control"


def test_a_prerequisite_answers_for_its_row(whole: Stream) -> None:
    says = {"works": None, "absent": "absent", "denied": "denied", "broken": "unknown", "unknown": "unknown"}
    seen = set()
    for row in catalogue():
        if "mib" in row:
            continue  # only with --full-size
        first = next((n for n in row.get("needs", ()) if says[whole[n]["outcome"]]), None)
        probe = whole[row["id"]]
        if first is None:
            assert probe["step"] != "prerequisite", probe
            continue
        seen.add(whole[first]["outcome"])
        if probe["step"] == "prerequisite":
            assert probe["outcome"] == says[whole[first]["outcome"]]
            assert probe["reason"] == f"needs {first}, which is {whole[first]['outcome']}"
    assert seen, "nothing was absent here: the test said nothing"


# --- rows that take much memory ---


def test_maps_of_true_size_are_asked_when_asked_for(whole: Stream) -> None:
    large = {row["id"] for row in catalogue() if "mib" in row}
    assert len(large) >= 8
    assert not large & whole.outcomes().keys()
    for row in ask(COLLECTOR, "--select", "bpf.map.full.*").probes:
        if row["id"] in large:
            assert (row["outcome"], row["step"]) == ("unknown", "size"), row
            assert row["reason"].endswith("run with --full-size"), row
    full = ask(COLLECTOR, "--select", "bpf.map.*", "--full-size")
    assert "full-size" in full.begin["flags"]
    assert {row: full[row]["outcome"] for row in large} == dict.fromkeys(large, "works")
    assert int(full["bpf.map.full.lru_hash"]["detail"]["max_entries"]) == 512000


# --- workers killed by somebody's hand ---


def kill_workers(run: "subprocess.Popen[bytes]", life: float, chance: random.Random) -> int:
    """Kill at two instants all workers there are (one may have done its work already): how many that were."""
    kills = 0
    for _ in range(2):
        time.sleep(chance.uniform(0, life))
        for pid in [pid for pid, parent in processes("kprobe-worker").items() if parent == run.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
    run.wait(60)
    return kills


def test_a_killed_worker_costs_the_row_it_was_at(whole: Stream, tmp_path: Path) -> None:
    before = whole.outcomes()
    controls = {p["id"] for p in whole.probes if "control" in p}
    costs, until = 0, time.monotonic() + 15
    for seed in range(200):
        with (tmp_path / "out").open("wb+") as out:
            run = subprocess.Popen([COLLECTOR], stdout=out)
            kills = kill_workers(run, whole.end["ns"] / 2e9, random.Random(seed))
            assert run.returncode == 0
            out.seek(0)
            got = Stream(out.read())
        lost = {row for row, outcome in got.outcomes().items() if outcome != before[row]}
        assert all(got[row]["outcome"] == "unknown" for row in lost)
        own = {row for row in lost if got[row]["step"] == "worker"}
        costs += len(own)
        assert len(own) <= kills
        assert all("SIGKILL" in got[row]["reason"] for row in own)
        if not own & controls:
            other = {row: (got[row]["step"], got[row]["reason"]) for row in lost - own}
            assert all(step == "prerequisite" for step, _ in other.values()), (own, other)
        if costs >= 20 or time.monotonic() > until:
            break
    assert costs >= 5, "too few workers met their end for this to mean anything"


def test_each_row_answers_alone_as_in_the_whole_run(whole: Stream) -> None:
    """What a row needs of those before it stands in its .needs; what it inherits besides would show here."""
    different = {}
    with ThreadPoolExecutor(2) as pool:
        rows = [p["id"] for p in whole.probes]
        rows = random.Random(len(rows)).sample(rows, min(len(rows), 200))
        for row, alone in zip(rows, pool.map(lambda r: ask(COLLECTOR, "--select", r), rows), strict=True):
            if alone[row]["outcome"] != whole[row]["outcome"]:
                different[row] = (whole[row]["outcome"], alone[row])
    assert not different


# --- streams ---


def gone(*options: str, unix_socket: bool = False) -> tuple[int, bytes, float]:
    """Whoever reads goes before a row that hangs: exit status, standard error, seconds from then on."""
    if unix_socket:
        near, far = socket.socketpair()
        read_end, write_end = near.detach(), far.detach()
    else:
        read_end, write_end = os.pipe()
    command: list[str | Path] = [made(SELFTEST), "--select", "selftest.hang", *options]
    run = subprocess.Popen(command, stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    seen = b""
    while b'"id":"selftest.control.positive"' not in seen:  # its end; nothing is left unread, which would be a reset
        seen += os.read(read_end, 65536)
    os.close(read_end)
    begun = time.monotonic()
    try:
        _, err = run.communicate(timeout=10)
    finally:
        run.kill()
        run.communicate()
    return run.returncode, err, time.monotonic() - begun


@pytest.mark.parametrize("unix_socket", [False, True])
def test_nobody_reads_any_more(unix_socket: bool) -> None:
    status, err, seconds = gone("--deadline", "8000", unix_socket=unix_socket)
    assert status == 2
    assert err.count(b"\n") == 1
    assert b"Broken pipe" in err
    assert seconds < 3, "a hanging row keeps nobody waiting"
    assert not strays()


@pytest.mark.parametrize("options", [(), ("--list",), ("--plan",)])
def test_nobody_ever_read(options: tuple[str, ...]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command: list[str | Path] = [made(COLLECTOR), *options]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write_end)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"Broken pipe" in done.stderr


@pytest.mark.parametrize("options", [(), ("--list",), ("--plan",), ("--output", "/dev/full")])
def test_a_full_disk(options: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        out = subprocess.PIPE if "--output" in options else full
        done = subprocess.run([made(COLLECTOR), *options], stdout=out, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr
    assert not strays()


@pytest.mark.parametrize(
    "closing",
    [
        "<&-",
        "2>&-",
        ">&-",
        "<&- >&- 2>&-",
    ],
)
def test_without_standard_descriptors(closing: str, tmp_path: Path, whole: Stream) -> None:
    out = tmp_path / "out"
    script = f'exec "$0" --output "$1" {closing}'
    subprocess.run(["sh", "-c", script, made(COLLECTOR), out], check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert Stream(out.read_bytes()).outcomes() == whole.outcomes()


def test_runs_side_by_side_do_not_disturb_each_other(whole: Stream) -> None:
    with ThreadPoolExecutor(4) as pool:
        streams = list(pool.map(lambda _: ask(COLLECTOR), range(12)))
    for stream in streams:
        assert stream.outcomes() == whole.outcomes()


# --- without privilege ---


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with public(COLLECTOR, SELFTEST) as directory:
        yield directory


NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


def in_userns(setting: str, *then: str) -> tuple[str, ...]:
    """Root of a new user namespace, with a limit of its own set there."""
    return (
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-ec",
        f'echo 0 > /proc/sys/user/{setting}; exec "$@"',
        "sh",
        *then,
    )


def asked(stream: Stream) -> list[Record]:
    return [p for p in stream.probes if "control" not in p]


def test_as_nobody_it_runs_in_a_user_namespace(place: Path, whole: Stream) -> None:
    stream = ask(place / COLLECTOR.name, through=NOBODY)
    assert stream.begin["sandbox"] == "userns"
    assert stream.begin["uid"] == 65534
    assert whole.begin["sandbox"] == "root"
    for p in stream.probes:
        was = whole[p["id"]]["outcome"]
        assert p["outcome"] in {was, "denied", "unknown"}, (p, was)
        assert p["outcome"] == was or "please report" not in p["reason"], (p, was)
    assert sum(p["outcome"] == "works" for p in stream.probes) > len(stream.probes) / 3


def test_where_settings_are_read_only(whole: Stream) -> None:
    """As /proc/sys is in a container that is not privileged."""
    read_only = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
    stream = ask(COLLECTOR, through=("unshare", "--mount", "sh", "-c", read_only, "sh"))
    for p in stream.probes:
        assert p["outcome"] in {whole[p["id"]]["outcome"], "denied"}, p
        assert p.get("error") != "EROFS" or (p["outcome"] == "denied" and "mounted read-only" in p["reason"]), p
    refused = [p["id"] for p in stream.probes if p.get("error") == "EROFS"]
    assert {"sysctl.net.ipv4.ip_forward", "flow.control.negative", "flow.tunnel.control.positive"} <= set(refused)


def test_misbehaving_rows_as_nobody(place: Path, misbehaved: Stream) -> None:
    stream = ask(place / SELFTEST.name, "--select", "selftest.*", "--deadline", "1000", through=NOBODY)
    assert stream.outcomes() == misbehaved.outcomes()
    assert not strays()


def test_where_user_namespaces_are_forbidden(place: Path) -> None:
    through = in_userns("max_user_namespaces", "setpriv", "--bounding-set=-sys_admin")
    stream = ask(place / COLLECTOR.name, through=through)
    assert stream.begin["sandbox"] in {"userns", "none"}
    for p in stream.probes:
        assert (p["outcome"], p["error"]) == ("denied", "ENOSPC"), p
        assert "max_" in p["reason"] or "initial user namespace" in p["reason"], p


def test_where_network_namespaces_are_forbidden(place: Path, whole: Stream) -> None:
    stream = ask(place / COLLECTOR.name, through=in_userns("max_net_namespaces"))
    assert (stream["link.veth"]["outcome"], stream["link.veth"]["error"]) == ("denied", "ENOSPC")
    for p in stream.probes:
        assert p["outcome"] in {"denied", "unknown", whole[p["id"]]["outcome"]}, p
        if p.get("step") == "unshare network namespace":
            assert (p["outcome"], p["error"]) == ("denied", "ENOSPC"), p
            assert "max_net_namespaces" in p["reason"] or "initial user namespace" in p["reason"], p
    assert (stream["ns.net"]["outcome"], stream["ns.net"]["error"]) == ("denied", "ENOSPC")
    assert stream["ns.setns"]["outcome"] == "denied"


@pytest.mark.parametrize(
    ("drop", "name"),
    [("net_admin", "CAP_NET_ADMIN"), ("net_admin,-net_raw", "CAP_NET_ADMIN")],
    ids=["net_admin", "both"],
)
def test_without_a_capability_it_is_denied_and_named(whole: Stream, drop: str, name: str) -> None:
    stream = ask(COLLECTOR, through=("setpriv", f"--bounding-set=-{drop}"))
    assert stream.begin["sandbox"] == "root"
    denied = [p for p in stream.probes if p["outcome"] == "denied" and name in p.get("reason", "")]
    assert len(denied) > 5
    for p in stream.probes:
        # What takes no capability is answered as ever; nothing else turns into a no or a yes.
        assert p["outcome"] in {"denied", "unknown", whole[p["id"]]["outcome"]}, p
        if re.match(r"(link|route|ipset|xt|nft)\b", p["family"]):
            assert p["outcome"] != "absent", p
    for p in asked(stream):
        if p["family"].startswith("link"):
            assert p["outcome"] == "denied", p


def test_root_without_sys_admin_makes_itself_a_user_namespace(whole: Stream) -> None:
    stream = ask(COLLECTOR, through=("setpriv", "--bounding-set=-sys_admin"))
    assert stream.begin["sandbox"] == "userns"
    for p in stream.probes:
        assert p["outcome"] in {whole[p["id"]]["outcome"], "denied", "unknown"}, p
