# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Sockets and their options: Python's socket module. Numbers are those of the kernel's UAPI headers."""

import socket
import struct
import subprocess
from collections.abc import Callable

from kprobe.crosscheck.model import Oracle, asking, expect

SOL_PACKET, SOL_ICMPV6, SOL_UDP = 263, 58, 17
SO_MARK, SO_PROTOCOL, SO_DOMAIN = 36, 38, 39
SCTP = 132
TCP_MD5SIG, TCP_AO_INFO = 14, 40
ICMPV6_FILTER, NEIGHBOUR_SOLICITATION = 1, 135
V4, V6 = socket.AF_INET, socket.AF_INET6
TCP, UDP, RAW = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
WAIT = 0.1

# Family, type, level, option, value.
OPTIONS: dict[str, tuple[int, int, int, int, int]] = {
    "packet.ignore-outgoing": (socket.AF_PACKET, RAW, SOL_PACKET, 23, 1),
    "ip.minttl": (V4, TCP, socket.IPPROTO_IP, 21, 254),
    "ipv6.minhopcount": (V6, TCP, socket.IPPROTO_IPV6, 73, 254),
    "mark": (V4, TCP, socket.SOL_SOCKET, SO_MARK, 0x10000),
    "reuseport": (V4, TCP, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1),
    "ip.freebind": (V4, TCP, socket.IPPROTO_IP, 15, 1),
    "ip.transparent": (V4, TCP, socket.IPPROTO_IP, 19, 1),
    "ipv6.transparent": (V6, TCP, socket.IPPROTO_IPV6, 75, 1),
    "udp.segment": (V4, UDP, SOL_UDP, 103, 1200),
    "udp.gro": (V4, UDP, SOL_UDP, 104, 1),
}
# Family, type, protocol; what tells which it is, and what it tells.
KINDS: dict[str, tuple[int, int, int, int, int]] = {
    "packet": (socket.AF_PACKET, RAW, 0, SO_DOMAIN, socket.AF_PACKET),
    "raw.ipip": (V4, RAW, socket.IPPROTO_IPIP, SO_PROTOCOL, socket.IPPROTO_IPIP),
    "sctp": (V4, TCP, SCTP, SO_PROTOCOL, SCTP),
}


def kind(row: str) -> None:
    """Make a socket, and see of which kind it is."""
    family, form, protocol, option, told = KINDS[row.removeprefix("socket.")]
    with asking(), socket.socket(family, form, protocol) as fd:
        expect(fd.getsockopt(socket.SOL_SOCKET, option), told, "the socket's kind")


def option(row: str) -> None:
    """Set an option, and read it."""
    family, form, level, name, value = OPTIONS[row.removeprefix("socket.")]
    with asking(), socket.socket(family, form) as fd:
        fd.setsockopt(level, name, value)
        expect(fd.getsockopt(level, name), value, "the option")


def bind_to_device(_row: str) -> None:
    """Bind a socket to lo."""
    with asking(), socket.socket(V4, TCP) as fd:
        fd.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        expect(fd.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16), b"lo\0", "the device")


def icmpv6_filter(_row: str) -> None:
    """Block all types but one."""
    words = [0xFFFFFFFF] * 8
    words[NEIGHBOUR_SOLICITATION // 32] &= ~(1 << NEIGHBOUR_SOLICITATION % 32) & 0xFFFFFFFF
    blocked = struct.pack("=8I", *words)
    with asking(), socket.socket(V6, RAW, socket.IPPROTO_ICMPV6) as fd:
        fd.setsockopt(SOL_ICMPV6, ICMPV6_FILTER, blocked)
        expect(fd.getsockopt(SOL_ICMPV6, ICMPV6_FILTER, 32), blocked, "the filter")


def signed(family: int, mine: bytes, theirs: bytes) -> bool:
    """Connect two sockets over lo, each with a key for the other, and see whether they come to a connection."""
    host = "::1" if family == V6 else "127.0.0.1"
    peer = struct.pack("=HHI", family, 0, 0) + socket.inet_pton(V6, host) if family == V6 else b""
    peer = peer or struct.pack("=HH", family, 0) + socket.inet_pton(V4, host)
    with socket.socket(family, TCP) as server, socket.socket(family, TCP) as client:
        for fd, key in ((server, mine), (client, theirs)):
            # struct tcp_md5sig: address, flags, prefix length, length of the key, interface, key
            fd.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, struct.pack("=128sBBHi80s", peer, 0, 0, len(key), 0, key))
        server.bind((host, 0))
        server.listen(1)
        client.settimeout(WAIT if mine != theirs else 2)
        try:
            client.connect(server.getsockname())
        except TimeoutError:
            return False
        return True


def md5sig(row: str) -> None:
    """With one key two sockets come to a connection, with two they do not."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607
    family = V6 if row.endswith("inet6") else V4
    with asking():
        expect(signed(family, b"kprobe", b"kprobe"), True, "a connection with one key")
        expect(signed(family, b"kprobe", b"another"), False, "a connection with two keys")


def tcp_ao(_row: str) -> None:
    """Have a socket take what ICMP says of signed connections."""
    accept_icmps = 1 << (4 if struct.pack("=H", 1) == struct.pack("<H", 1) else 27)
    with asking(), socket.socket(V4, TCP) as fd:
        fd.setsockopt(socket.IPPROTO_TCP, TCP_AO_INFO, struct.pack("=IHBB5Q", accept_icmps, 0, 0, 0, 0, 0, 0, 0, 0))
        shown = struct.unpack_from("=I", fd.getsockopt(socket.IPPROTO_TCP, TCP_AO_INFO, 48))[0]
        expect(bool(shown & accept_icmps), True, "the flag")


ASKS: dict[str, Callable[[str], None]] = {
    **dict.fromkeys(KINDS, kind),
    **dict.fromkeys(OPTIONS, option),
    "bindtodevice": bind_to_device,
    "raw.icmpv6-filter": icmpv6_filter,
    "tcp.md5sig.inet": md5sig,
    "tcp.md5sig.inet6": md5sig,
    "tcp.ao": tcp_ao,
}
ORACLES = tuple(Oracle(f"socket.{row}", ask=function, program="python") for row, function in ASKS.items())
