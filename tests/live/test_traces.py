# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""A run leaves the node as it found it: also when it is killed at any instant, and inside a process that lives on."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.live.engine_lib import COLLECTOR, ROOT, SELFTEST, Stream, made, processes, public, strays

SETTLE = 30.0  # seconds that the kernel may take to bring down the last namespaces
SLABS = 64  # objects of net_namespace that /proc/slabinfo may count too many: those in a CPU's own slabs count as used
AT_ONCE = 5
KILLS = {"collector": 200, "kprobe run": 30, "nobody": 30}


# --- what a host looks like ---


def told(*command: str) -> str:
    """What a program says; "" where this kernel or machine has nothing for it."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    except FileNotFoundError:
        return ""


def text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError as e:
        return type(e).__name__


def names(path: str) -> list[str]:
    try:
        return sorted(entry.name for entry in Path(path).iterdir())
    except OSError:
        return []


def addresses() -> Any:
    found = json.loads(told("ip", "-j", "addr"))
    for link in found:
        for address in link["addr_info"]:
            address.pop("valid_life_time", None)
            address.pop("preferred_life_time", None)
    return found


def sysctls() -> dict[str, str]:
    """All of net.* in this namespace, but what counts."""
    return {
        str(path): text(str(path))
        for path in Path("/proc/sys/net").rglob("*")
        if path.is_file() and not path.name.endswith("_count")
    }


def legacy_tables() -> dict[str, str]:
    """iptables-legacy is asked only where there is a table already: asking for one would make it."""
    found = {}
    for name, program in (("ip_tables", "iptables-legacy-save"), ("ip6_tables", "ip6tables-legacy-save")):
        tables = text(f"/proc/net/{name}_names")
        saved = told(program) if tables.strip() and not tables.startswith("FileNotFound") else ""
        found[name] = tables + re.sub(r"^#.*\n|\[\d+:\d+\]", "", saved, flags=re.MULTILINE)
    return found


SEEN: dict[str, Callable[[], Any]] = {
    "links": lambda: json.loads(told("ip", "-j", "link")),
    "addresses": addresses,
    "neighbours": lambda: told("bridge", "fdb", "show"),
    "rules": lambda: told("ip", "rule") + told("ip", "-6", "rule"),
    "routes": lambda: re.sub(
        r" expires \d+sec",
        "",
        told("ip", "route", "show", "table", "all") + told("ip", "-6", "route", "show", "table", "all"),
    ),
    "named namespaces": lambda: names("/run/netns"),
    "nsids": lambda: told("ip", "netns", "list-id"),
    "nftables": lambda: told("nft", "list", "ruleset"),
    "sets": lambda: told("ipset", "list", "-n"),
    "legacy tables": legacy_tables,
    "mounts": lambda: text("/proc/self/mounts"),
    "modules": lambda: re.findall(r"^\S+", text("/proc/modules"), flags=re.MULTILINE),
    "sysctls": sysctls,
    "shared memory": lambda: names("/dev/shm"),
    "own namespaces": lambda: {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in names("/proc/self/ns")},
}


def snapshot() -> dict[str, Any]:
    return {name: look() for name, look in SEEN.items()}


def namespaces() -> int:
    """Network namespaces that the kernel has memory for, or 0 where it does not say."""
    found = re.search(r"^net_namespace +(\d+)", text("/proc/slabinfo"), flags=re.MULTILINE)
    return int(found[1]) if found else 0


def running(program: Path) -> list[int]:
    found = []
    for pid in (int(name) for name in names("/proc") if name.isdigit()):
        with suppress(OSError):
            if Path(f"/proc/{pid}/exe").readlink() == program:
                found.append(pid)
    return found


def until(true: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def compare(before: Mapping[str, Any], seconds: float = 5) -> None:
    after: dict[str, Any] = {}

    def same() -> bool:
        after.update(snapshot())
        return after == before

    until(same, seconds)
    for name in before:
        assert after[name] == before[name], name


# --- killed ---


class Killer:
    """Starts a program again and again and kills it, itself alone, at a random instant of its life."""

    def __init__(self, command: Sequence[str | Path], place: Path, waiting: float = 0) -> None:
        self.command, self.place, self.waiting = command, place, waiting
        self.chance = random.Random(310)
        self.env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(place), "HOME": str(place)}

    def start(self) -> "subprocess.Popen[bytes]":
        null = subprocess.DEVNULL
        return subprocess.Popen(self.command, stdin=null, stdout=null, stderr=null, cwd=self.place, env=self.env)

    def lifetime(self) -> float:
        """The median of a few that may live."""
        took = []
        for _ in range(5):
            begun = time.monotonic()
            with self.start() as run:
                assert run.wait(60) in {0, 1, 3}
            took.append(time.monotonic() - begun)
        return sorted(took)[2]

    def asking(self, run: "subprocess.Popen[bytes]") -> bool:
        return run.pid in processes("kprobe-worker").values() or run.poll() is not None

    def one(self, life: float, luck: float) -> bool:
        """Whether it died of it."""
        with self.start() as run:
            if luck < self.waiting:  # for a program that does much besides: an instant of the core's
                until(partial(self.asking, run), 60)
                time.sleep(life / 3 * luck / self.waiting)
            else:
                time.sleep(life * luck)
            run.kill()
            return run.wait(60) == -signal.SIGKILL

    def kill(self, times: int) -> int:
        """How many of them died of it."""
        life = self.lifetime()
        instants = [self.chance.random() for _ in range(times)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(partial(self.one, life), instants))


@pytest.mark.parametrize("who", KILLS)
def test_killed_at_any_instant_it_leaves_nothing(who: str, tmp_path: Path) -> None:
    with public(COLLECTOR) as place:
        program = place / COLLECTOR.name
        commands: dict[str, list[str | Path]] = {
            "collector": [program],
            "kprobe run": [sys.executable, "-m", "kprobe", "run"],
            "nobody": ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program],
        }
        work = tmp_path if who != "nobody" else place
        there = names(str(work))
        killer = Killer(commands[who], work, waiting=0.6 if who == "kprobe run" else 0)
        with killer.start() as run:  # what a first run makes for good (a table in a cache) is not a trace of a kill
            run.wait(60)
        before, before_count = snapshot(), namespaces()
        died = killer.kill(KILLS[who])
        assert died > KILLS[who] / 2, "most came too late"
        assert until(lambda: not strays() and not running(program), SETTLE), (strays(), running(program))
        compare(before)
        assert until(lambda: namespaces() <= before_count + SLABS, SETTLE), (before_count, namespaces())
        assert names(str(work)) == there


@pytest.mark.parametrize("through", [(), ("setpriv", "--bounding-set=-sys_admin")], ids=["root", "userns"])
def test_a_hanging_worker_dies_with_its_run(through: tuple[str, ...]) -> None:
    command = [*through, str(made(SELFTEST)), "--select", "selftest.hang", "--deadline", "60000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        assert run.stdout
        while b"selftest.control.positive" not in (line := run.stdout.readline()) or b'"probe"' not in line:
            assert line, "it ended"
        assert run.pid in processes("kprobe-worker").values()
        run.kill()
    assert until(lambda: not strays(), 2), strays()


# --- alive ---


def test_a_run_leaves_nothing(tmp_path: Path) -> None:
    before = snapshot()
    with Killer([made(COLLECTOR)], tmp_path).start() as run:
        assert run.wait(60) == 0
    assert not strays(), "all workers are gone when the run is"
    compare(before, 0)
    assert not names(str(tmp_path))


def own_state() -> dict[str, Any]:
    """What a library could spoil in the process that it was loaded into."""
    status = dict(line.split(":\t", 1) for line in text("/proc/self/status").splitlines() if ":\t" in line)
    keep = (
        "Name",
        "Umask",
        "State",
        "CapEff",
        "CapBnd",
        "Seccomp",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "NoNewPrivs",
        "CoreDumping",
    )
    return {
        "fds": {
            fd: str(Path(f"/proc/self/fd/{fd}").readlink())
            for fd in names("/proc/self/fd")
            if os.path.lexists(f"/proc/self/fd/{fd}")
        },
        "children": text(f"/proc/self/task/{os.getpid()}/children"),
        "status": {key: status.get(key) for key in keep if key != "State"},
        "namespaces": {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in names("/proc/self/ns")},
        "limits": text("/proc/self/limits"),
        "cwd": str(Path.cwd()),
    }


def test_a_process_that_lives_on_is_as_before() -> None:
    from kprobe import collect

    list(collect.collect("ns.net"))  # imports, and the threads' own first time
    before, others = own_state(), set(threading.enumerate())
    results: list[Stream] = []

    def work() -> None:
        results.extend(Stream(b"".join(collect.collect())) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20
    assert all(stream.outcomes() == results[0].outcomes() for stream in results)
    assert own_state() == before
    assert set(threading.enumerate()) <= others


@pytest.mark.parametrize("lines", [0, 1, 30])
def test_who_stops_reading_leaves_no_child(lines: int) -> None:
    from kprobe import collect

    before = own_state()
    stream = collect.collect()
    for _ in range(lines):
        next(stream)
    stream.close()
    assert own_state() == before
    assert not [pid for pid, parent in processes("kprobe-worker").items() if parent == os.getpid()]


def test_with_children_of_somebody_elses() -> None:
    """The core reaps its own workers, and leaves a caller's children to the caller."""
    from kprobe import collect

    with subprocess.Popen(["sh", "-c", "exit 7"]) as other:
        time.sleep(0.05)
        assert Stream(b"".join(collect.collect())).probes
        assert other.wait() == 7


def test_a_caller_that_ignores_its_children() -> None:
    """SIGCHLD ignored (a daemon's habit): the kernel reaps the workers, and the answers are the same."""
    from kprobe import collect

    whole = Stream(b"".join(collect.collect())).outcomes()
    was = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert Stream(b"".join(collect.collect())).outcomes() == whole
    finally:
        signal.signal(signal.SIGCHLD, was)
