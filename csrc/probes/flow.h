/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * What the flow families share: a node between two wires, and packets through it.
 *
 *	pod ---- kppod0 [ node: the worker's namespace ] kpfar0 ---- far
 *
 * The node is a whole network stack, set up as a node is: it forwards. The ends of the wires are devices without addresses in a
 * namespace of their own, at which packet sockets send and hear whole frames: what arrives is known to the bit, and nothing but the
 * node answers. A row sends packets before its object is there (the control), puts the object, and sends them again.
 *
 * That a packet does not come takes no waiting: behind each the node is sent an echo request, and its answer says that all before it
 * is done, for one processor handles packets in the order in which they came.
 */
#ifndef KP_PROBES_FLOW_H
#define KP_PROBES_FLOW_H

#include <netinet/in.h>

#include "../link.h"

/* 10.111.0.0/16 and fd00:111::/32. Each names an IPv4 and an IPv6 address. */
enum kp_flow_addr {
	KP_SAME,    /* in a fate: as it was sent */
	KP_POD,     /* behind the pod's wire */
	KP_POD2,
	KP_NODE,    /* the node's, towards the pod */
	KP_UPLINK,  /* the node's, towards the far end */
	KP_FAR,     /* behind the far wire */
	KP_FAR2,
	KP_FAR3,    /* there, too, but no neighbour of the node's */
	KP_SERVICE, /* nobody's, routed to the far end */
	KP_OTHER,   /* heard: none of these */
};
#define KP_POD_PREFIX 24
#define KP_V6_PREFIX 64

enum kp_flow_at {
	KP_LOST,
	KP_AT_POD,
	KP_AT_FAR,
	KP_AT_NODE, /* only sent: by a raw socket of the node's own */
};

enum { KP_POD_IF = 81, KP_FAR_IF = 82 }; /* of the node */
extern const struct kp_end kp_flow_node_end[2], kp_flow_end[2]; /* by enum kp_flow_at, less one */

/* A packet, sent or heard. */
struct kp_pkt {
	uint8_t proto;         /* IPPROTO_*; IPPROTO_ICMP is ICMPv6 in IPv6 */
	uint8_t src, dst;      /* enum kp_flow_addr */
	uint8_t flags;         /* TCP's; 0: SYN, when sent. SCTP: enum kp_sctp, when sent; 0: INIT */
	uint16_t sport, dport; /* of ICMP: type and code; sent, 0: a fresh source port */
	uint8_t tos;
	uint8_t ttl;           /* sent, 0: 64 */
	uint16_t len;          /* of the whole IP packet; sent, 0: as short as it gets */
};

#define KP_TCP_FIN 0x01
#define KP_TCP_SYN 0x02
#define KP_TCP_RST 0x04
#define KP_TCP_ACK 0x10

/* In a fate: the kernel chose it; it chose another. */
#define KP_ANY_PORT 0xffff
#define KP_OTHER_PORT 0xfffe

/*
 * SCTP packets of one association, each of one chunk: RFC 9260. The pod's tag and the far end's are constants; which of them a packet
 * has is told by its chunk.
 */
enum kp_sctp {
	KP_SCTP_INIT = 1,
	KP_SCTP_INIT_ACK = 2,
	KP_SCTP_COOKIE_ECHO = 10,
	KP_SCTP_COOKIE_ACK = 11,
	KP_SCTP_DATA = 0x80,
	KP_SCTP_FORGED
};

/* What a packet is to have become. What is 0 is as it was sent, but that a TTL is not looked at where it is 0. */
struct kp_fate {
	uint8_t at; /* enum kp_flow_at, and to whom its frame is to be addressed, if that matters */
	struct kp_pkt as;
};

#define KP_IN_OUR_FRAME 0x10
#define KP_IN_ANOTHERS 0x20
#define KP_AT(at) ((at) & 0x0f)

/* A packet that came out at an end. */
struct kp_heard {
	uint8_t at;
	bool v6, bad_checksum;
	bool others; /* its frame is addressed to somebody else */
	uint32_t tag; /* of the packet, or of the one that an ICMP error quotes */
	struct kp_pkt pkt;
};

struct kp_flow_step {
	uint8_t from; /* enum kp_flow_at */
	bool again;   /* the ports of the step before: the same flow */
	bool same;    /* its addresses, too: the same way once more */
	bool after;   /* only with the object: what came before was its control */
	bool reply;   /* as an answer to what the step before made of its packet: addresses and ports the other way round */
	bool quote;   /* .send is an ICMP error, about what the step before made of its packet */
	uint8_t see;  /* not 0: what the object's see() is to find behind it */
	struct kp_pkt send;
	struct kp_fate without, with;
};

struct kp_flow;

/*
 * How an object gets there and goes again. put: false, and the row is answered. prepare, if it is not NULL, comes before the control:
 * what stays the same without the object and with it. remove may be NULL: it goes with the namespace. see, where a step has .see: is
 * besides the packet's fate there what must be, or NULL, or what was expected, in words.
 */
struct kp_flow_object {
	bool (*prepare)(struct kp_flow *f, const void *what);
	bool (*put)(struct kp_flow *f, const void *what);
	void (*remove)(struct kp_flow *f, const void *what);
	const char *(*see)(struct kp_flow *f, const struct kp_flow_step *s, bool with);
};

#define KP_FLOW_HEARD 4

struct kp_flow_arg {
	bool v6;
	const struct kp_flow_object *by; /* NULL: the node itself, or the method says */
	const void *what;
	const struct kp_flow_step *steps; /* to the first without .from: KP_STEPS(…) */
};

#define KP_STEPS(...)                                                                                                              \
	(const struct kp_flow_step[])                                                                                              \
	{                                                                                                                          \
		__VA_ARGS__, { 0 }                                                                                                 \
	}

/* A row at work. */
struct kp_flow {
	struct kp_ctx *ctx;
	struct kp_result *res;
	const struct kp_flow_arg *arg;
	bool v6;
	uint32_t tag;                            /* of the last packet */
	struct kp_pkt sent;                      /* it, with what was filled in */
	struct kp_pkt quoted;                    /* what it is an error about, if .proto */
	uint32_t next[2];                        /* TCP's next sequence number of either end's, by enum kp_flow_at, less one */
	uint32_t ack;                            /* of .sent */
	int fd;                                  /* of the object's */
	bool controlled;                         /* the control was before */
	struct kp_heard heard[KP_FLOW_HEARD];    /* what it became */
	unsigned int n_heard;
};

/*
 * Does the test build want this run sabotaged: each object put so that it cannot do its job (in another chain, with a wrong key)?
 * The row must answer `broken` then, or its packets prove nothing.
 */
#ifdef KP_SELFTEST
bool kp_sabotaged(const struct kp_ctx *ctx);
#else
static inline bool kp_sabotaged(const struct kp_ctx *ctx)
{
	(void)ctx;
	return false;
}
#endif

/* --- flow_net.c --- */

/* Makes node and wires where they are not there yet. False: the row is answered. */
bool kp_flow_setup(struct kp_ctx *ctx, struct kp_result *res);
/* From now on the worker's node is another one, whose wire to the pod is of netkit. */
void kp_flow_want_netkit(void);
bool kp_flow_has_netkit(void);
/* Goes to the namespace of the ends, or back to the node's. Returns 0 or -errno. */
int kp_flow_go(struct kp_ctx *ctx, bool ends);
/* Packet sockets at the ends, and raw sockets of the node, which have their IP header included. */
int kp_flow_socket(enum kp_flow_at at, bool v6);

/* Writes "name" or "conf/DEV/name" below /proc/sys/net/. Returns 0 or -errno. */
int kp_flow_sysctl(const char *path, const char *value);
/* All settings that a node depends on, in the current namespace. Returns 0 or -errno. */
int kp_flow_node_settings(void);
/* Checksums of what goes out by the device are written, not left to it. */
void kp_flow_no_offload(const char *name);

/* A route of the node's: to @to, or to what is nobody's if that is 0, by @gateway and @oif; no @gateway: it throws. */
struct kp_flow_route {
	uint8_t table, to, gateway; /* the latter two: enum kp_flow_addr */
	uint32_t oif;
};

/* Both put, or take away (not @on). Packets with @mark, or with FIB_RULE_INVERT those without, go by @table. Return 0 or -errno. */
int kp_flow_route(struct kp_ctx *ctx, int rtnl, bool v6, bool on, const struct kp_flow_route *r);
int kp_flow_rule(struct kp_ctx *ctx, int rtnl, bool v6, bool on, uint32_t mark, uint32_t flags, uint8_t table);
/* Packets with @mark go by a table of their own, which leads to the second pod. Returns 0 or -errno. */
int kp_flow_by_mark(struct kp_ctx *ctx, bool v6, uint32_t mark, bool on);

const unsigned char *kp_flow_addr(uint8_t addr, bool v6); /* 4 or 16 bytes */
const char *kp_flow_addr_name(uint8_t addr);
/* The name of a socket; @addr NULL: any. Returns its length. */
socklen_t kp_flow_sockaddr(struct sockaddr_storage *ret, bool v6, const unsigned char *addr, uint16_t port);

/* --- flow_packet.c --- */

#define KP_FRAME_MAX 2048
#define KP_FLOW_TAG 0x6b000000u /* the first byte of all tags */

/* The IP packet, with its checksums, @tag and TCP's @ack in it; @quoted, if it is an ICMP error about that. Returns its length. */
size_t kp_pkt_build(unsigned char *buf, bool v6, const struct kp_pkt *p, uint32_t tag, uint32_t ack, const struct kp_pkt *quoted);
/* Reads @len bytes of IP packet. False: it is none of those that rows send. */
bool kp_pkt_parse(const unsigned char *ip, size_t len, struct kp_heard *ret);
/* The Internet checksum of @len bytes, on top of the sum @sum; in host order, not yet inverted. */
uint32_t kp_csum_add(uint32_t sum, const unsigned char *p, size_t len);
uint16_t kp_csum_end(uint32_t sum);

/* --- flow_send.c --- */

/* Waits until both wires carry: that is a work queue's business, and what is sent before is lost. Returns 0 or -errno. */
int kp_flow_settle(void);

/*
 * Sends f->sent with a new tag from @from, and hears what becomes of it until the node is done, or, where @want is something, until that
 * has come. Returns 0 or -errno.
 */
int kp_flow_send(struct kp_flow *f, enum kp_flow_at from, const struct kp_fate *want);
/* Is that what was heard? */
bool kp_flow_is(const struct kp_flow *f, const struct kp_fate *want);

/* --- flow_run.c --- */

void kp_flow_run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res);
/* The same, with an object of the method's instead of arg->by. */
void kp_flow_run_by(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res, const struct kp_flow_object *by);
/* All steps without the object, or with it. False: the row is answered. */
bool kp_flow_walk(struct kp_flow *f, const struct kp_flow_object *by, bool with);
#define KP_FLOW_ASKS                                                                                                               \
	"packets from one end of a node made for it to the other, without what is asked for and with it, each followed by an "     \
	"echo request, whose answer says that the packet will not come any more"
#define KP_FLOW_PROVES "works: each fares as it must both times; broken: one does not with it; unknown: one does not without it"
#define KP_FLOW_GATE (KP_CAP_NET_ADMIN | KP_CAP_NET_RAW)
extern const struct kp_method kp_flow_through, kp_flow_negative;
/* The controls of a family: one packet that no node forwards, and one through the node. */
extern const struct kp_flow_arg kp_flow_plain, kp_flow_martian;
/* clang-format off */
#define KP_FLOW_CONTROLS(family, config)                                                                                           \
	{ .id = family ".control.negative", .title = "a packet with the node's own address as its source", .control = KP_NEGATIVE, \
	  .modules = "veth af_packet", .by = &kp_flow_negative, .arg = &kp_flow_martian },                                         \
	{ .id = family ".control.positive", .title = "an IPv4 packet through the node", .control = KP_POSITIVE,                    \
	  .modules = "veth af_packet", .kconfig = config, .by = &kp_flow_through, .arg = &kp_flow_plain }
/* clang-format on */
#define KP_FLOW_KCONFIG "CONFIG_VETH CONFIG_PACKET"

/* `unknown`: what the row rests on could not be had; that says nothing about what it asks for. */
void kp_flow_stuck(struct kp_flow *f, const char *step, int rc);
/* Says why the node could not be made; a node without veth is no finding about the row. */
void kp_flow_unmade(struct kp_ctx *ctx, struct kp_result *res, const char *step, int rc);

#endif
