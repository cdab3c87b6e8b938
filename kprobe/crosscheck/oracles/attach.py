# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""Where BPF programs are attached: tc, and bpf(2) and rtnetlink from Python, with a packet or a call that shows it.

A program here refuses or drops, where its type may: while it is attached the call or packet fails, before and after it
does not. Where it may not, the kernel's list of what is attached there tells.
"""

import errno
import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from kprobe.crosscheck import bpf, cgroup, elf
from kprobe.crosscheck.model import Oracle, OtherwiseError, RefusedError, asking, expect
from kprobe.crosscheck.netlink import ACK, Attr, Talk, nest

from .tc import in_own_files, object_file, shows

LO = 1
WAIT = 0.2
SCHED_CLS, XDP, CGROUP_SKB, CGROUP_SOCK, SOCK_OPS, SK_SKB, SK_MSG = 3, 6, 8, 9, 13, 14, 16
SOCK_ADDR, FLOW_DISSECTOR, SK_LOOKUP = 18, 22, 30
AT_FLOW_DISSECTOR, AT_SK_LOOKUP, AT_XDP = 17, 36, 37
AT_PARSER, AT_STREAM, AT_SK_MSG, AT_VERDICT = 4, 5, 7, 38
AT_TCX = {"ingress": 46, "egress": 47}
AT_NETKIT = {"primary": 54, "peer": 55}
SHOT, XDP_DROP = 2, 1
LENGTH = struct.pack("=BBhi", 0x61, 0x10, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # r0 = skb->len; exit


def ip(*arguments: str) -> None:
    """Run ip."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        assert re.search("^(RTNETLINK answers: |Error: Unknown device type)", done.stderr, re.MULTILINE), done.stderr
        raise RefusedError(0, done.stderr.strip())


# --- what is done, and seen ---


def datagram(family: int = socket.AF_INET) -> bool:
    """Send oneself a datagram over lo, and see whether it comes."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family, socket.SOCK_DGRAM) as receiver, socket.socket(family, socket.SOCK_DGRAM) as sender:
        receiver.bind((host, 0))
        receiver.settimeout(WAIT)
        try:
            sender.sendto(b"kprobe", receiver.getsockname())
            return receiver.recv(16) == b"kprobe"
        except (TimeoutError, PermissionError):
            return False


def connecting(family: int) -> bool:
    """Connect a datagram socket."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family, socket.SOCK_DGRAM) as fd:
        return fd.connect_ex((host, 9)) != errno.EPERM


def sending(family: int) -> bool:
    """Send a datagram without connecting."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family, socket.SOCK_DGRAM) as fd:
        try:
            fd.sendto(b"kprobe", (host, 9))
        except PermissionError:
            return False
        return True


def creating(family: int) -> bool:
    """Make a socket."""
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
    except PermissionError:
        return False
    return True


def refuses(place: AbstractContextManager[None], deed: Callable[[], bool]) -> None:
    """The deed works, does not while the program is attached, and works again."""
    with asking():
        expect(deed(), True, "without a program")
        with place:
            expect(deed(), False, "with a program that refuses")
        expect(deed(), True, "after it")


def is_listed(place: AbstractContextManager[None], target: int, where: int) -> None:
    """The kernel's list has the program while it is attached."""
    with asking():
        expect(bpf.count(target, where), 0, "programs before")
        with place:
            expect(bpf.count(target, where), 1, "programs")
        expect(bpf.count(target, where), 0, "programs after")


# --- devices and namespaces ---


def tcx(row: str) -> None:
    """A link on lo that drops."""
    ip("link", "set", "lo", "up")
    with asking():
        place = bpf.linked(bpf.load(SCHED_CLS, elf.program(SHOT)), LO, AT_TCX[row.rpartition(".")[2]])
    refuses(place, datagram)


def netkit(row: str) -> None:
    """A link on the primary end, for it or for its peer."""
    ip("link", "add", "cali0", "type", "netkit")
    where = AT_NETKIT[row.rpartition(".")[2]]
    index = socket.if_nametoindex("cali0")
    with asking():
        place = bpf.linked(bpf.load(SCHED_CLS, elf.program(SHOT)), index, where)
    is_listed(place, index, where)


SKB_MODE, DRV_MODE, REPLACE = 2, 4, 16
SETLINK, IFLA_XDP = 19, 43


@contextmanager
def xdp(talk: Talk, index: int, program: int, flags: int, expected: int | None = None) -> Iterator[None]:
    """IFLA_XDP, by rtnetlink."""
    set_xdp(talk, index, program, flags, expected)
    try:
        yield
    finally:
        set_xdp(talk, index, -1, flags & ~REPLACE)


def set_xdp(talk: Talk, index: int, program: int, flags: int, expected: int | None = None) -> None:
    """One request."""
    wanted = [Attr(1, struct.pack("=i", program)), Attr(3, struct.pack("=I", flags))]
    if expected is not None:
        wanted.append(Attr(8, struct.pack("=i", expected)))
    body = struct.pack("=BxHiII", 0, 0, index, 0, 0) + nest(IFLA_XDP, *wanted).packed()
    talk.ask(talk.message(SETLINK, ACK, body))


def xdp_skb(_row: str) -> None:
    """A program on lo that drops."""
    ip("link", "set", "lo", "up")
    with Talk(0) as talk:
        with asking():
            place = xdp(talk, LO, bpf.load(XDP, elf.program(XDP_DROP)), SKB_MODE)
        refuses(place, datagram)


def xdp_replace(_row: str) -> None:
    """One that drops for one that passes: refused where another one is expected to be there."""
    ip("link", "set", "lo", "up")
    with asking(), Talk(0) as talk:
        drops, passes = (bpf.load(XDP, elf.program(returns)) for returns in (XDP_DROP, 2))
        with xdp(talk, LO, drops, SKB_MODE):
            try:
                set_xdp(talk, LO, passes, SKB_MODE | REPLACE, passes)
            except OSError as error:
                if error.errno == errno.EINVAL:
                    raise
                expect(error.errno, errno.EEXIST, "where another one is expected")
            else:
                raise OtherwiseError("it was replaced though another one was expected")
            expect(datagram(), False, "with the one that drops")
            set_xdp(talk, LO, passes, SKB_MODE | REPLACE, drops)
            expect(datagram(), True, "with the one that passes")


def xdp_link(_row: str) -> None:
    """A link on lo that drops."""
    ip("link", "set", "lo", "up")
    with asking():
        place = bpf.linked(bpf.load(XDP, elf.program(XDP_DROP)), LO, AT_XDP, SKB_MODE)
    refuses(place, datagram)


def frame() -> bool:
    """Send a frame from one end of a veth, and see whether it comes out of the other."""
    kind = 0x88B5  # for experiments (IEEE 802)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind)) as receiver:
        receiver.bind(("cali1", kind))
        receiver.settimeout(WAIT)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("cali0", 0))
            sender.send(b"\xff" * 12 + struct.pack(">H", kind) + bytes(46))
        try:
            return bool(receiver.recv(64))
        except TimeoutError:
            return False


def xdp_drv(_row: str) -> None:
    """A program in veth's driver that drops."""
    ip("link", "add", "cali0", "type", "veth", "peer", "name", "cali1")
    for name in ("cali0", "cali1"):
        ip("link", "set", name, "up")
    deadline = time.monotonic() + 5
    while not frame() and time.monotonic() < deadline:
        pass  # the carrier takes its time
    with Talk(0) as talk:
        with asking():
            place = xdp(talk, socket.if_nametoindex("cali1"), bpf.load(XDP, elf.program(XDP_DROP)), DRV_MODE)
        refuses(place, frame)


def flow_dissector(_row: str) -> None:
    """A link to the network namespace."""
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
    with asking():
        place = bpf.linked(bpf.load(FLOW_DISSECTOR, elf.program(0)), namespace, AT_FLOW_DISSECTOR)
    is_listed(place, namespace, AT_FLOW_DISSECTOR)


def sk_lookup(_row: str) -> None:
    """A link to the network namespace that finds no socket."""
    ip("link", "set", "lo", "up")
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
    with asking():
        place = bpf.linked(bpf.load(SK_LOOKUP, elf.program(0), AT_SK_LOOKUP), namespace, AT_SK_LOOKUP)
    refuses(place, datagram)


# --- sockets in maps ---


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection over lo."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.socket()
        client.connect(server.getsockname())
        other, _ = server.accept()
    with client, other:
        other.settimeout(WAIT)
        yield client, other


def comes(client: socket.socket, other: socket.socket) -> bool:
    """Send, and see whether it comes."""
    try:
        client.send(b"kprobe")
        return other.recv(16) == b"kprobe"
    except (TimeoutError, PermissionError):
        return False


def stream(kind: int, programs: dict[int, int], sender: bool) -> None:
    """A socket in a map: its messages, or what comes to it, do not pass. Never one that passes: see kprobe's rows."""
    ip("link", "set", "lo", "up")
    with asking():
        at = bpf.sockets(kind)
        with connected() as ends:
            expect(comes(*ends), True, "without a program")
            with ExitStack() as stack:
                for where, program in programs.items():
                    stack.enter_context(bpf.attached(program, at, where))
                bpf.put(at, ends[0 if sender else 1].fileno())
                expect(comes(*ends), False, "with a program that refuses")
                bpf.take(at)
        with connected() as ends:
            expect(comes(*ends), True, "after it")


def sk_msg(row: str) -> None:
    """What is sent."""
    with asking():
        program = bpf.load(SK_MSG, elf.program(0))
    stream(bpf.SOCKMAP if row.endswith("sockmap") else bpf.SOCKHASH, {AT_SK_MSG: program}, sender=True)


def sk_skb(_row: str) -> None:
    """What comes, behind a parser."""
    with asking():
        programs = {AT_PARSER: bpf.load(SK_SKB, LENGTH), AT_STREAM: bpf.load(SK_SKB, elf.program(0))}
    stream(bpf.SOCKMAP, programs, sender=False)


def sk_skb_alone(_row: str) -> None:
    """What comes, without a parser."""
    with asking():
        program = bpf.load(SK_SKB, elf.program(0))
    stream(bpf.SOCKMAP, {AT_VERDICT: program}, sender=False)


# --- cgroups ---


@dataclass(frozen=True)
class Place:
    """A place in a cgroup, its programs' type, and the call that a program there refuses; None: it may refuse none."""

    where: int
    kind: int
    deed: Callable[[int], bool] | None
    family: int = socket.AF_INET


V6 = socket.AF_INET6
PLACES = {
    "cgroup.connect4": Place(10, SOCK_ADDR, connecting),
    "cgroup.connect6": Place(11, SOCK_ADDR, connecting, V6),
    "cgroup.sendmsg4": Place(14, SOCK_ADDR, sending),
    "cgroup.sendmsg6": Place(15, SOCK_ADDR, sending, V6),
    "cgroup.recvmsg4": Place(19, SOCK_ADDR, None),
    "cgroup.recvmsg6": Place(20, SOCK_ADDR, None),
    "cgroup.getpeername4": Place(29, SOCK_ADDR, None),
    "cgroup.getpeername6": Place(30, SOCK_ADDR, None),
    "cgroup.sock_create": Place(2, CGROUP_SOCK, creating),
    "cgroup.skb.ingress": Place(0, CGROUP_SKB, datagram),
    "cgroup.skb.egress": Place(1, CGROUP_SKB, datagram),
    "sock_ops": Place(3, SOCK_OPS, None),
}


def in_cgroup(row: str) -> None:
    """Attach in a cgroup of one's own, by a link or as it was done before there were any."""
    name = row.removeprefix("attach.").removesuffix(".legacy")
    place = PLACES[name]
    attach = bpf.attached if row.endswith(".legacy") else bpf.linked
    ip("link", "set", "lo", "up")
    with cgroup.entered() as (directory, _):
        code = elf.program(0 if place.deed else 1)
        with asking():
            program = bpf.load(place.kind, code, place.where if place.kind == SOCK_ADDR else 0)
        is_listed(attach(program, directory, place.where), directory, place.where)
        deed = place.deed
        if deed:
            refuses(attach(program, directory, place.where), lambda: deed(place.family))


def own_cgroup(_row: str) -> None:
    """Be in a cgroup of one's own."""
    with cgroup.entered() as (_, name):
        expect(cgroup.own().rpartition("/")[2], name, "the cgroup")


# --- tc ---


def _tc(direction: str) -> Oracle:
    attach = f"tc filter {{}} dev lo {direction} pref 1 protocol all bpf da object-file /tmp/kprobe.o section tc"
    return Oracle(
        f"attach.tc.{direction}",
        setup=("tc qdisc add dev lo clsact",),
        do=(in_own_files(object_file("tc", SHOT), attach.format("add"), attach.format("replace")),),
        see=(
            shows(f"filter show dev lo {direction}", "pref 1 bpf chain 0 handle 0x1 kprobe.o:[tc] direct-action"),
            f"tc filter del dev lo {direction}",
            f'test -z "$(tc filter show dev lo {direction})"',
        ),
        less="that it is run",
    )


ASKS: dict[str, Callable[[str], None]] = {
    "attach.tcx.ingress": tcx,
    "attach.tcx.egress": tcx,
    "attach.netkit.primary": netkit,
    "attach.netkit.peer": netkit,
    "attach.xdp.skb": xdp_skb,
    "attach.xdp.drv": xdp_drv,
    "attach.xdp.replace": xdp_replace,
    "attach.xdp.link": xdp_link,
    "attach.flow_dissector": flow_dissector,
    "attach.sk_lookup": sk_lookup,
    "attach.sk_msg": sk_msg,
    "attach.sk_msg.sockmap": sk_msg,
    "attach.sk_skb": sk_skb,
    "attach.sk_skb.parser": sk_skb,
    "attach.sk_skb.verdict": sk_skb_alone,
    "attach.cgroup": own_cgroup,
    **{f"attach.{name}{suffix}": in_cgroup for name in PLACES for suffix in ("", ".legacy")},
}
ORACLES = (
    *map(_tc, ("ingress", "egress")),
    *(Oracle(row, ask=function, program="python") for row, function in ASKS.items()),
)
