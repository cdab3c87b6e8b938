# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""``kprobe crosscheck`` on this kernel, and that what it runs cannot stay."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from kprobe.crosscheck import apart

KPROBE = Path(sys.executable).parent / "kprobe"
PLACE = ("mnt", "net", "pid")


def known(entry: dict[str, str]) -> bool:
    """Debian 12's bpftool fails its own controls for helpers on this kernel, which has no headers for bcc either."""
    if entry["program"] == "bcc":
        return entry["verdict"] == "not asked" and entry["said"].startswith("no kernel headers")
    return entry["family"] == "bpf.helper" and entry["verdict"] == "unheard" and "takes a no for a yes" in entry["said"]


def crosscheck(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([KPROBE, "crosscheck", *options], capture_output=True, text=True, timeout=300, check=False)


def test_nothing_is_run_without_consent() -> None:
    done = crosscheck()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "--intrusive" in done.stderr


def test_all_agree_here() -> None:
    done = crosscheck("--intrusive", "--json")
    value = json.loads(done.stdout)
    differing = [f for f in value["findings"] if f["verdict"] in ("differs", "unheard", "not asked")]
    assert [f for f in differing if not known(f)] == []
    assert done.returncode == 0
    assert value["totals"]["agrees"] > 500
    assert {program["name"] for program in value["programs"]} >= {"ip", "ipset", "iptables-legacy", "pyroute2", "wg"}


def test_a_program_that_is_missing_is_not_asked(tmp_path: Path) -> None:
    """With an empty PATH the only ones left are Python modules."""
    done = subprocess.run(
        [KPROBE, "crosscheck", "--intrusive", "--json", "--select", "ipset.*", "--select", "link.dummy"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    value = json.loads(done.stdout)
    by_program: dict[str, set[str]] = {}
    for entry in value["findings"]:
        by_program.setdefault(entry["program"], set()).add(entry["verdict"])
    assert by_program["ipset"] == {"not asked"}
    assert by_program["ip"] == {"not asked"}
    assert by_program["pyroute2"] == {"agrees"}
    assert {"name": "ipset", "version": "", "why_not": "not installed"} in value["programs"]


def test_a_wrong_answer_in_a_file_is_told(tmp_path: Path) -> None:
    """Evidence that says the contrary of what is: the programs contradict it."""
    file = tmp_path / "evidence"
    subprocess.run([KPROBE, "collect", "--select", "link.bridge", "--output", file], check=True, capture_output=True)
    text = file.read_text()
    assert '"outcome":"works"' in text
    lines = [
        line.replace('"outcome":"works"', '"outcome":"absent"') if '"id":"link.bridge"' in line else line
        for line in text.splitlines(keepends=True)
    ]
    file.write_text("".join(lines))
    done = crosscheck("--intrusive", "--evidence", str(file))
    assert done.returncode == 1
    assert "Disagreements\n  link.bridge\n    kprobe: absent" in done.stdout
    assert "    ip: works: exit status 0" in done.stdout


def in_fork(what: Callable[[], None]) -> None:
    """The module is for a process without threads, which this one is not."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            what()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def processes(mark: str) -> list[str]:
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if mark in _read(path)]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def shell(text: str) -> Callable[[], int]:
    def call() -> int:
        os.execv("/bin/sh", ["sh", "-c", text])

    return call


def test_a_place_is_its_own(tmp_path: Path) -> None:
    ours = {name: Path(f"/proc/self/ns/{name}").readlink() for name in PLACE}
    out = tmp_path / "out"

    def work() -> None:
        rc, said = apart.run(shell("for n in mnt net pid; do readlink /proc/self/ns/$n; done; exit 7"), 5)
        out.write_text(f"{rc}\n{said.decode()}")

    in_fork(work)
    rc, *theirs = out.read_text().splitlines()
    assert rc == "7"
    assert set(theirs).isdisjoint(map(str, ours.values()))


@pytest.mark.parametrize("escape", ["sleep 4321", "setsid sleep 4321 & exit 0", "(trap '' TERM; sleep 4321) & wait"])
def test_nothing_outlives_its_place(escape: str, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def work() -> None:
        began = time.monotonic()
        rc, _ = apart.run(shell(escape), 1)
        out.write_text(f"{rc} {time.monotonic() - began}")

    in_fork(work)
    rc, took = out.read_text().split()
    assert float(took) < 3
    assert rc == ("0" if "exit 0" in escape else "124")
    assert processes("4321") == []


def descendants(mark: str) -> list[str]:
    """Processes that have inherited this from the environment."""
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if mark in _read(path)]


@pytest.mark.parametrize("wait", [0.0, 0.5, 2.0])
def test_killed_without_mercy_nothing_stays(wait: float) -> None:
    mark = f"KPROBE_TEST={uuid.uuid4()}"
    process = subprocess.Popen(
        [KPROBE, "crosscheck", "--intrusive", "--select", "xt.*"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "KPROBE_TEST": mark.partition("=")[2]},
    )
    deadline = time.monotonic() + 30
    while len(descendants(mark)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(wait)
    assert descendants(mark)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while (left := descendants(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_control_c_ends_it_at_once() -> None:
    mark = f"KPROBE_TEST={uuid.uuid4()}"
    process = subprocess.Popen(
        # Where the tests themselves run behind an `&`, a shell has this signal ignored, for children too.
        ["env", "--default-signal=INT", KPROBE, "crosscheck", "--intrusive", "--select", "xt.*"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "KPROBE_TEST": mark.partition("=")[2]},
        start_new_session=True,
    )
    asking = "kprobe.crosscheck.ask"
    assert soon(lambda: any(asking in _read(Path(f"/proc/{pid}/cmdline")) for pid in descendants(mark)))
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("kprobe: interrupted")
    assert "Traceback" not in err
    assert soon(lambda: descendants(mark) == [])


ASLEEP = """
import os
from kprobe.crosscheck import apart
apart.run(lambda: os.execv("/bin/sleep", ["sleep", "600"]), 600)
"""


def test_who_makes_a_place_takes_it_along() -> None:
    mark = f"KPROBE_TEST={uuid.uuid4()}"
    environment = {**os.environ, "KPROBE_TEST": mark.partition("=")[2]}
    process = subprocess.Popen([sys.executable, "-c", ASLEEP], env=environment)
    assert soon(lambda: len(descendants(mark)) >= 4)
    process.kill()
    process.wait()
    assert soon(lambda: descendants(mark) == [])


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_without_capabilities_nobody_is_asked() -> None:
    """Root who may not make namespaces: every program is told as not asked, and nothing is claimed."""
    command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    done = subprocess.run(
        [*command, KPROBE, "crosscheck", "--intrusive", "--json", "--select", "link.*"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    value = json.loads(done.stdout)
    assert {entry["verdict"] for entry in value["findings"]} == {"not asked"}
    assert "no namespace of its own: unshare: Operation not permitted" in {f["said"] for f in value["findings"]}
    assert done.returncode == 3


def test_the_host_is_as_it_was() -> None:
    def state() -> dict[str, object]:
        return {
            "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            "devices": sorted(path.name for path in Path("/sys/class/net").iterdir()),
            "run": sorted(str(path) for path in Path("/run").iterdir()),
            "namespaces": sorted(str(path) for path in Path("/run/netns").glob("*")),
            "rules": subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=True).stdout,
        }

    before = state()
    done = crosscheck("--intrusive", "--select", "ns.*", "--select", "link.*", "--select", "xt.legacy.ipv4.table.*")
    assert done.returncode == 0, done.stdout
    assert state() == before
