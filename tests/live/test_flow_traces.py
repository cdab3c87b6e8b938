# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Packets of flows stay in the namespaces made for them: nothing of the caller's counts, tracks, knows or logs one.

The caller's namespace is one made for the test, so that nobody else's packets are in it, with an address, a neighbour
and a rule that asks for connection tracking: whatever came there would be seen. The machine's own is looked at for what
is known to be ours.
"""

import ctypes
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.live.engine_lib import COLLECTOR, Stream, ask

CLONE_NEWNET = 0x40000000
T = TypeVar("T")
NET = Path("/proc/thread-self/net")
OURS = re.compile(r"10\.111\.|fd00:111:|\bkp(pod|far|near|there)0\b|calico-packet")
"""Addresses, devices and words that only flows have."""


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def entries() -> list[str]:
    """Connection tracking's table by ctnetlink, without what changes by itself."""
    from pyroute2 import NFCTSocket

    def tuples(entry: Any) -> str:
        return " ".join(repr(entry.get_attr(name)) for name in ("CTA_TUPLE_ORIG", "CTA_TUPLE_REPLY"))

    with NFCTSocket() as ctnetlink:
        return sorted(tuples(entry) for entry in ctnetlink.dump())


LOOKS: dict[str, Callable[[], Any]] = {
    "counters": lambda: {name: (NET / name).read_text() for name in ("snmp", "snmp6", "netstat", "dev")},
    "conntrack": entries,
    "how many are tracked": Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text,
    "neighbours": lambda: run("ip", "neigh", "show", "nud", "all"),
    "ARP": (NET / "arp").read_text,
    "interfaces": lambda: run("ip", "-j", "-s", "link") + run("ip", "-j", "addr"),
}


@contextmanager
def kernel_log() -> Iterator[Callable[[], list[str]]]:
    """What the kernel's log says of flows from now on."""
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(fd, 0, os.SEEK_END)

    def lines() -> list[str]:
        found = []
        while True:
            try:
                found.append(os.read(fd, 8192).decode(errors="replace"))
            except BlockingIOError:
                return [line for line in found if OURS.search(line)]
            except BrokenPipeError:  # older ones were overwritten
                continue

    yield lines
    os.close(fd)


def apart(body: Callable[[], T]) -> T:
    """Call it in a thread with a network namespace of its own, set up to notice what comes there."""

    def there() -> T:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "kptest0", "type", "veth", "peer", "name", "kptest1")
        run("ip", "link", "set", "kptest0", "up")
        run("ip", "addr", "add", "192.0.2.1/24", "dev", "kptest0")
        run("ip", "neigh", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", "kptest0")
        run("nft", "add table inet t; add chain inet t c { type filter hook output priority 0; }")
        run("nft", "add rule inet t c ct state new")
        return body()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(there).result()


def snapshot() -> dict[str, Any]:
    return {name: look() for name, look in LOOKS.items()}


def flows() -> Stream:
    stream = ask(COLLECTOR, "--select", "flow*")
    assert [row for row, outcome in stream.outcomes().items() if row.startswith("flow.") and outcome == "works"]
    return stream


def settled() -> dict[str, Any]:
    """A snapshot that stays: a new device talks for a moment."""
    before = snapshot()
    for _ in range(200):
        now = snapshot()
        if now == before:
            return now
        before = now
    pytest.fail("the namespace made for the test does not come to rest")


def test_nothing_of_the_callers_notices() -> None:
    def body() -> None:
        before = settled()
        with kernel_log() as logged:
            flows()
            assert logged() == []
        after = snapshot()
        for name in before:
            assert after[name] == before[name], name

    apart(body)


def packet(to: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"k", (to, 9))


DEEDS: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "a packet over loopback": (
        lambda: packet("127.0.0.1"),
        {"counters", "conntrack", "how many are tracked", "interfaces"},
    ),
    "a packet by a device": (
        lambda: packet("192.0.2.2"),
        {"counters", "conntrack", "how many are tracked"},
    ),
    "a neighbour": (
        lambda: run("ip", "neigh", "add", "192.0.2.3", "lladdr", "02:00:00:00:00:03", "dev", "kptest0"),
        {"neighbours", "ARP"},
    ),
    "a device": (
        lambda: run("ip", "link", "add", "kptest2", "type", "veth", "peer", "name", "kptest3"),
        {"interfaces"},
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_came_there_would_be_noticed(deed: str) -> None:
    act, noticed = DEEDS[deed]

    def body() -> set[str]:
        before = settled()
        act()
        after = snapshot()
        return {name for name in before if after[name] != before[name]}

    assert apart(body) >= noticed


def test_what_were_logged_would_be_noticed() -> None:
    with kernel_log() as logged:
        Path("/dev/kmsg").write_text("<7>kprobe's tests: martian source 10.111.1.2 on dev kppod0\n")
        assert len(logged()) == 1


def test_nothing_of_ours_is_on_the_machine() -> None:
    def found() -> str:
        return "\n".join([*entries(), run("ip", "neigh", "show", "nud", "all"), run("ip", "-o", "addr")])

    with kernel_log() as logged:
        flows()
        assert logged() == []
    assert not OURS.search(found())
