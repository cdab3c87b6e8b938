# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
"""nf_tables: what nft 1.0.6 (Debian 12) has no word for, as netlink messages that are put together here.

A rule (and an object before it) in one transaction, then a dump of the chain, which must have every attribute that was
put. Numbers are those of linux/netfilter/nf_tables.h.
"""

import struct
from dataclasses import dataclass

from kprobe.crosscheck.model import Oracle, OtherwiseError, asking
from kprobe.crosscheck.netlink import (
    ACK,
    APPEND,
    CREATE,
    DUMP,
    Attr,
    Talk,
    attrs,
    be32,
    find,
    has,
    nest,
    netfilter,
    text,
    u8,
)

SUBSYSTEM = 10
BATCH_BEGIN, BATCH_END = 16, 17
NEWTABLE, NEWCHAIN, NEWRULE, GETRULE, NEWOBJ = (SUBSYSTEM << 8 | kind for kind in (0, 3, 6, 7, 18))
IP, NETDEV = 2, 5
FORWARD = (be32(1, 2), be32(2, 0))
INGRESS = (be32(1, 0), be32(2, 0), text(3, "lo"))
R1, R2 = 1, 2


@dataclass(frozen=True)
class Question:
    """What is put into a chain of a table of a family."""

    expressions: tuple[Attr, ...]
    family: int = IP
    hook: tuple[Attr, ...] = FORWARD
    object: tuple[Attr, ...] = ()


def expression(name: str, *attrs: Attr) -> Attr:
    """An expression in a rule."""
    return nest(1, text(1, name), *((nest(2, *attrs),) if attrs else ()))


def equal(data: bytes) -> Attr:
    """Register 1 is this."""
    return expression("cmp", be32(1, R1), be32(2, 0), nest(3, Attr(1, data)))


def host(value: int) -> bytes:
    """A number as the kernel computes with it."""
    return struct.pack("=I", value)


def reference(kind: int) -> Attr:
    """An object, by its type and name."""
    return expression("objref", be32(1, kind), text(2, "kp-obj"))


META_MARK, META_L4PROTO, CT_MARK = 3, 16, 3
LOAD_MARK = expression("meta", be32(2, META_MARK), be32(1, R1))
SET_MARK = expression("meta", be32(2, META_MARK), be32(3, R1))
BOOLEAN_OR = 4
CONNLIMIT, TUNNEL = 5, 6

QUESTIONS = {
    "nft.expr.last": Question((expression("last"),)),
    "nft.expr.bitwise.registers": Question(
        (
            LOAD_MARK,
            expression("ct", be32(2, CT_MARK), be32(1, R2)),
            expression("bitwise", be32(1, R1), be32(2, R1), be32(3, 4), be32(6, BOOLEAN_OR), be32(8, R2)),
            SET_MARK,
        )
    ),
    # UDP to port 4789, then the source address behind 8 bytes of VXLAN, link and network headers.
    "nft.expr.inner.vxlan": Question(
        (
            expression("meta", be32(2, META_L4PROTO), be32(1, R1)),
            equal(bytes((17,))),
            expression("payload", be32(1, R1), be32(2, 2), be32(3, 2), be32(4, 2)),
            equal(struct.pack(">H", 4789)),
            expression(
                "inner",
                be32(1, 0),
                be32(2, 1),
                be32(3, 1 | 2 | 4 | 8),
                be32(4, 8),
                nest(5, text(1, "payload"), nest(2, be32(1, R1), be32(2, 1), be32(3, 12), be32(4, 4))),
            ),
            equal(bytes((192, 0, 2, 1))),
        )
    ),
    "nft.expr.exthdr.dccp-option": Question(
        (
            expression("exthdr", be32(1, R1), u8(2, 40), be32(3, 0), be32(4, 1), be32(5, 1), be32(6, 4)),
            equal(bytes((1,))),
        )
    ),
    "nft.expr.tunnel.netdev": Question(
        (expression("tunnel", be32(1, 1), be32(2, R1)), equal(host(1))),
        family=NETDEV,
        hook=INGRESS,
    ),
    "nft.object.tunnel": Question(
        (reference(TUNNEL),),
        family=NETDEV,
        hook=INGRESS,
        object=(be32(3, TUNNEL), nest(4, be32(1, 1), nest(2, Attr(2, bytes((192, 0, 2, 1)))))),
    ),
    "nft.object.connlimit": Question(
        (reference(CONNLIMIT),), object=(be32(3, CONNLIMIT), nest(4, be32(1, 10), be32(2, 1)))
    ),
}


def ask(row: str) -> None:
    """Ask one row, in this process's network namespace."""
    question = QUESTIONS[row]
    family = question.family
    table, chain = text(1, "kp"), text(2, "kp-base")
    with asking(), Talk() as talk:
        parts = [
            talk.message(BATCH_BEGIN, 0, netfilter(0, resource=SUBSYSTEM)),
            talk.message(NEWTABLE, CREATE, netfilter(family, table)),
            talk.message(
                NEWCHAIN,
                CREATE,
                netfilter(family, table, text(3, "kp-base"), text(7, "filter"), nest(4, *question.hook)),
            ),
        ]
        if question.object:
            parts.append(talk.message(NEWOBJ, CREATE, netfilter(family, table, text(2, "kp-obj"), *question.object)))
        rule = netfilter(family, table, chain, nest(4, *question.expressions))
        parts.append(talk.message(NEWRULE, CREATE | APPEND | ACK, rule))
        parts.append(talk.message(BATCH_END, 0, netfilter(0, resource=SUBSYSTEM)))
        talk.ask(*parts)
        shown = talk.ask(talk.message(GETRULE, DUMP, netfilter(family, table, chain)))
    found = [find(attrs(reply.body[4:]), 4) for reply in shown if reply.kind == NEWRULE]
    if len(found) != 1 or found[0] is None or not has(found[0], question.expressions):
        raise OtherwiseError(f"the rule is listed as {found}")


ORACLES = tuple(Oracle(row, ask=ask, program="python") for row in QUESTIONS)
