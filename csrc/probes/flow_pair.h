/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Two whole nodes with a wire between them, and a tunnel of the row's over it.
 *
 *	[ near: the worker's namespace ] kpnear0 ---- kpthere0 [ there ]
 *
 * Near has ordinary sockets and sends. There hears everything twice: on the wire, as it came through it, and at the device that it
 * comes out of; and has ordinary sockets, too, which must be content with it.
 */
#ifndef KP_PROBES_FLOW_PAIR_H
#define KP_PROBES_FLOW_PAIR_H

#include <sys/socket.h>

#include "flow.h"

enum { KP_NEAR, KP_THERE, KP_NODES };

/* Networks: 10.111.NET.NODE/24 and fd00:111:NET::NODE/64. */
enum { KP_NET_WIRE = 20, KP_NET_TUNNEL = 30 };

/* The address of @node in @net; @ret: 4 or 16 bytes. Node KP_NODES is nobody. Returns its length. */
size_t kp_pair_addr(unsigned char *ret, unsigned int net, unsigned int node, bool v6);

extern const struct kp_end kp_pair_wire[KP_NODES];
#define KP_WIRE_MTU 1500

/* Makes nodes and wire where they are not there yet. False: the row is answered. */
bool kp_pair_setup(struct kp_ctx *ctx, struct kp_result *res);
/* Goes to a node's namespace. Returns 0 or -errno. */
int kp_pair_go(struct kp_ctx *ctx, unsigned int node);

/* What there heard since it was last asked. */
struct kp_pair_heard {
	unsigned int wire;       /* packets on the wire */
	unsigned int pieces;     /* of them, fragments */
	unsigned int out;        /* the packet itself, out of the tunnel */
	unsigned int socket;     /* and at a socket */
	unsigned int wire_len;   /* bytes of the longest on the wire, with its IP header */
	unsigned int out_len;
	bool bad_checksum;
	bool late;               /* the packet .not came */
};

struct kp_pair_shot {
	unsigned int net;   /* from near to there in this network */
	bool v6;
	unsigned int len;   /* of the IP packet; it must not be fragmented */
	int out_if;         /* the device that it is to come out of */
	bool marks;         /* a mark on the wire behind it comes behind it; else it is waited for */
	uint32_t not;       /* the .tag of one before that must not come even now */
	int err;            /* what sending it answered */
	uint32_t tag;
	struct kp_pair_heard heard;
};

/* Sends a UDP packet and hears what becomes of it. Returns 0 or -errno of what it rests on. */
int kp_pair_shoot(struct kp_pair_shot *s);

struct kp_pair_stream {
	unsigned int net;
	bool v6;
	unsigned int sent, came; /* bytes */
	bool differs;
	unsigned int longest; /* bytes of the longest packet that near handed to the tunnel's device: beyond its MTU by GSO */
	const char *step;
};
#define KP_STREAM (64u << 10)

/* A TCP connection from near to there, and KP_STREAM bytes over it, while some arrive. Returns 0 or -errno of a call that failed. */
int kp_pair_stream(struct kp_pair_stream *s);

/* --- between flow_pair.c and flow_pair_stream.c --- */

#define KP_PAIR_PATIENCE_MS 1500 /* for what two nodes compute on other processors than ours: a handshake */

/* Near's socket, bound to its address in @net, and where to send to. Returns it or -errno. */
int kp_pair_sender(unsigned int net, bool v6, int type, struct sockaddr_storage *ret_to, socklen_t *ret_len);
/* There's, of TCP, or -errno. */
int kp_pair_listener(bool v6);
/* All that has come so far, added to @h; @s may be NULL. Returns whether @mark was among it. */
bool kp_pair_drain(const struct kp_pair_shot *s, uint32_t mark, struct kp_pair_heard *h);

#endif
