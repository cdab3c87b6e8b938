# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""What a run makes this kernel say: no warning that was not announced, no taint; and all of it in the evidence."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.live.engine_lib import COLLECTOR, Stream, catalogue, made

WARNING = 4
TAINTED = Path("/proc/sys/kernel/tainted")


def lines(kmsg: int) -> Iterator[tuple[int, str]]:
    """Level and text of what the kernel itself wrote and nobody has read yet."""
    while True:
        try:
            record = os.read(kmsg, 8192).decode(errors="replace")
        except BlockingIOError:
            return
        except BrokenPipeError:  # the ring went round
            continue
        head, _, text = record.partition(";")
        prio = int(head.split(",")[0])
        if prio < 8:  # programs that write there have another facility
            yield prio, text.partition("\n")[0]


def heard(*options: str) -> tuple[Stream, list[tuple[int, str]]]:
    """Run the collector; return its evidence and what the kernel said meanwhile."""
    kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(kmsg, 0, os.SEEK_END)
        done = subprocess.run([made(COLLECTOR), *options], capture_output=True, timeout=120, check=True)
        return Stream(done.stdout), list(lines(kmsg))
    finally:
        os.close(kmsg)


def announced() -> list[str]:
    """How warnings begin that the plan says a run may cause here."""
    texts = {row.get("records", "") for row in catalogue(COLLECTOR)}
    return [text for records in texts if "level warning" in records for text in re.findall(r'"([^"]+)"', records)]


def test_no_warning_and_no_taint_that_was_not_announced() -> None:
    taint = TAINTED.read_text()
    stream, said = heard()
    expected = announced()
    assert expected
    assert [text for level, text in said if level <= WARNING and not text.startswith(tuple(expected))] == []
    assert TAINTED.read_text() == taint
    assert not any("taint" in probe for probe in stream.probes)


def test_what_the_kernel_said_stands_in_the_evidence() -> None:
    """On a kernel that cannot load modules each IP set type that it has not is a warning: something to count."""
    for select in ("ipset.*", "ns.*"):
        stream, said = heard("--select", select)
        log = stream.end["log"]
        assert log["warnings"] <= log["lines"] <= len(said)
        assert {line[3:] for line in log.get("said", ())} <= {text for _, text in said}
        refused = [p for p in stream.probes if p["outcome"] == "absent" and p["family"] == "ipset"]
        if refused and not Path("/proc/modules").exists():
            assert log["warnings"] >= len({p["id"] for p in refused if "hash:" in p["id"]}) > 0


def test_audit_is_listened_to_or_says_why_not() -> None:
    audit = heard("--select", "nft.table.*")[0].end["audit"]
    assert "error" not in audit if Path("/proc/self/loginuid").exists() else audit["error"] == "ENOENT"
    less = ["setpriv", "--bounding-set=-audit_read", "--inh-caps=-all", str(made(COLLECTOR))]
    done = subprocess.run([*less, "--select", "nft.table.*"], capture_output=True, timeout=60, check=True)
    if Path("/proc/self/loginuid").exists():
        assert Stream(done.stdout).end["audit"] == {"error": "EPERM"}
