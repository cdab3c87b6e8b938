# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Packets told to user space, logged and queued: tcpdump for groups and queues, by hand what it does not set.

Numbers are those of linux/netfilter/nfnetlink_log.h and nfnetlink_queue.h.
"""

import socket
import struct
from pathlib import Path

from kprobe.crosscheck.model import Oracle, OtherwiseError, asking, expect
from kprobe.crosscheck.netlink import ACK, Attr, Talk, be16, be32, netfilter, u8

LOG, QUEUE = 4 << 8 | 1, 3 << 8 | 2
BIND, PF_BIND, PF_UNBIND = 1, 3, 4
COPY_PACKET = 2
RANGE = 256
WITH_CONNECTION, FAIL_OPEN, CONNECTION, SEGMENTS = 4, 1, 2, 4
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
PROC = Path("/proc/self/net/netfilter")


def log(talk: Talk, family: int, group: int, *attrs: Attr) -> None:
    """Configure a group of the packet log."""
    talk.ask(talk.message(LOG, ACK, netfilter(family, *attrs, resource=group)))


def queue(talk: Talk, number: int, *attrs: Attr) -> None:
    """Configure a queue."""
    talk.ask(talk.message(QUEUE, ACK, netfilter(0, *attrs, resource=number)))


def column(file: str, number: int) -> tuple[int, int]:
    """Copy mode and range of a group or queue, as the kernel lists it."""
    for line in (PROC / file).read_text().splitlines():
        columns = [int(word) for word in line.split()]
        if columns[0] == number:
            return columns[3], columns[4]
    raise OtherwiseError(f"{number} is not in {file}")


def protocol(row: str) -> None:
    """Have a protocol's packets logged by nfnetlink_log, and see it as the protocol's logger."""
    family = FAMILIES[row.rpartition(".")[2]]
    with asking(), Talk() as talk:
        log(talk, family, 0, u8(1, PF_UNBIND))
        log(talk, family, 0, u8(1, PF_BIND))
    shown = dict(line.split(maxsplit=1) for line in (PROC / "nf_log").read_text().splitlines())
    expect(shown[str(family)].split()[0], "nfnetlink_log", "the logger")


def log_with_connection(_row: str) -> None:
    """Have each packet of group 1 told with its connection."""
    with asking(), Talk() as talk:
        log(talk, 0, 1, u8(1, BIND))
        log(talk, 0, 1, Attr(2, struct.pack(">IBB", RANGE, COPY_PACKET, 0)))
        log(talk, 0, 1, be16(6, WITH_CONNECTION))
        expect(column("nfnetlink_log", 1), (COPY_PACKET, RANGE), "mode and range")


FLAGS = {"nfqueue.fail-open": FAIL_OPEN, "nfqueue.gso": SEGMENTS, "nfqueue.conntrack": CONNECTION}


def queue_with(row: str) -> None:
    """Make a queue with a flag."""
    flag = FLAGS[row]
    with asking(), Talk() as talk:
        queue(talk, 7, Attr(1, struct.pack(">BxH", BIND, 0)))
        queue(talk, 7, Attr(2, struct.pack(">IB", RANGE, COPY_PACKET)), be32(3, 100))
        queue(talk, 7, be32(5, flag), be32(4, flag))
        expect(column("nfnetlink_queue", 7), (COPY_PACKET, RANGE), "mode and range")


def netlink(row: str) -> None:
    """Ask a subsystem for the configuration of nothing."""
    with asking(), Talk() as talk:
        try:
            (log if row.startswith("nflog") else lambda talk, _family, number: queue(talk, number))(talk, 0, 0)
        except OSError as error:
            if error.errno != 19:  # ENODEV: nothing is bound
                raise


def _listens(row: str, device: str, file: str, number: int) -> Oracle:
    """Listen for packets, and be listed with all of each packet (2)."""
    listed = f"grep -q '^ *{number} *[0-9]* *[0-9]* 2 ' /proc/self/net/netfilter/{file}"
    command = (
        f"{{ tcpdump -Z root -i {device}:{number} -w /dev/null & listener=$!; tries=0;"
        f" until {listed} || ! kill -0 $listener || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done;"
        f" {listed}; listed=$?; kill $listener; test $listed = 0; }}"
    )
    return Oracle(row, do=(command,))


ORACLES = (
    Oracle("nflog.netlink", ask=netlink, program="python"),
    *(Oracle(f"nflog.{family}", ask=protocol, program="python") for family in FAMILIES),
    _listens("nflog.group.1", "nflog", "nfnetlink_log", 1),
    _listens("nflog.group.2", "nflog", "nfnetlink_log", 2),
    Oracle("nflog.conntrack", ask=log_with_connection, program="python"),
    Oracle("nfqueue.netlink", ask=netlink, program="python"),
    _listens("nfqueue.bind", "nfqueue", "nfnetlink_queue", 3),
    *(Oracle(row, ask=queue_with, program="python") for row in FLAGS),
)

REFUSED = (r"^tcpdump: .*: Invalid argument$",)
