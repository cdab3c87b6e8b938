# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""nft_compat, asked by hand: a match or target as netlink messages that are put together here.

For what iptables-nft asks as nf_tables' own expressions instead, so that it says nothing about nft_compat.
Run as a program, it reads requests as JSON from its input and prints ``ROW ERRNO`` lines.
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

NETLINK_NETFILTER = 12
CLONE_NEWNET = 0x40000000
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLM_F_APPEND = 1, 4, 0x400, 0x800
NLMSG_ERROR = 2
BATCH_BEGIN, BATCH_END = 16, 17
SUBSYSTEM = 10 << 8  # NFNL_SUBSYS_NFTABLES
NEWTABLE, NEWCHAIN, NEWRULE = SUBSYSTEM, SUBSYSTEM | 3, SUBSYSTEM | 6
NESTED = 0x8000
HOOK = {"INPUT": 1, "FORWARD": 2, "OUTPUT": 3}
FAMILY = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


@dataclass(frozen=True)
class Request:
    """A rule with one extension of x_tables in a filter chain."""

    row: str
    family: str
    chain: str
    kind: str
    name: str
    revision: int
    data: str
    protocol: int


def ask(requests: Sequence[Request]) -> dict[str, int]:
    """Errno by row, each asked in a network namespace of its own."""
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps([asdict(request) for request in requests]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {row: int(errno) for row, errno in (line.rsplit(" ", 1) for line in done.stdout.splitlines())}


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    head = struct.pack("=HH", 4 + len(payload), kind)
    return head + payload + bytes(-len(payload) % 4)


def nest(kind: int, *attributes: bytes) -> bytes:
    """Attributes in an attribute."""
    return attribute(kind | NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """A string with its NUL."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """A number in network order."""
    return attribute(kind, struct.pack(">I", value))


def message(kind: int, flags: int, family: int, seq: int, *attributes: bytes, resource: int = 0) -> bytes:
    """One message of nfnetlink."""
    body = struct.pack(">BBH", family, 0, resource) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, seq, 0) + body


def batch(request: Request) -> bytes:
    """Table, base chain and rule; the rule's sequence number is 4."""
    family = FAMILY[request.family]
    expression = nest(
        1,
        text(1, request.kind),
        nest(2, text(1, request.name), number(2, request.revision), attribute(3, bytes.fromhex(request.data))),
    )
    return b"".join(
        (
            message(BATCH_BEGIN, 0, 0, 1, resource=10),
            message(NEWTABLE, NLM_F_CREATE, family, 2, text(1, "filter")),
            message(
                NEWCHAIN,
                NLM_F_CREATE,
                family,
                3,
                text(1, "filter"),
                text(3, request.chain),
                nest(4, number(1, HOOK[request.chain]), number(2, 0)),
                text(7, "filter"),
            ),
            message(
                NEWRULE,
                NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
                family,
                4,
                text(1, "filter"),
                text(2, request.chain),
                nest(4, expression),
                nest(5, number(1, request.protocol), number(2, 0)),
            ),
            message(BATCH_END, 0, 0, 5, resource=10),
        )
    )


def put(request: Request) -> int:
    """Send the batch and wait for the rule's acknowledgement, or the first error."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as fd:
        fd.bind((0, 0))
        fd.settimeout(5)
        fd.send(batch(request))
        while True:
            got = fd.recv(65536)
            while got:
                size, kind, _, seq, _ = struct.unpack_from("=IHHII", got)
                if kind == NLMSG_ERROR:
                    errno = -struct.unpack_from("=i", got, 16)[0]
                    if errno or seq == 4:
                        return int(errno)
                got = got[size + -size % 4 :]


def main() -> None:
    """Answer the requests."""
    libc = ctypes.CDLL(None, use_errno=True)
    for fields in json.load(sys.stdin):
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        request = Request(**fields)
        print(request.row, put(request), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
