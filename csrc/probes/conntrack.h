/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The conntrack family's own: an entry as a row describes it, and the requests that its methods are made of. */
#ifndef KP_PROBES_CONNTRACK_H
#define KP_PROBES_CONNTRACK_H

#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "../link.h"

#define KP_IPPROTO_DCCP 33
#define KP_IPPROTO_UDPLITE 136

/* A flow between two documentation addresses. @port tells the flows of the rows apart: source port, ICMP id or GRE key. */
struct kp_ct_flow {
	uint8_t family;
	uint8_t proto;
	uint16_t port;
	uint16_t zone;
	uint16_t dport; /* with .addr */
	const unsigned char *addr[2]; /* instead of those */
};

/* What a message told of a flow. KP_WORKS until something is amiss. */
struct kp_ct_seen {
	const struct kp_ct_flow *flow;
	void (*check)(const struct nlmsghdr *msg, struct kp_ct_seen *s); /* looks at what the row is about; may be NULL */
	unsigned int n; /* messages of this flow */
	enum kp_outcome outcome;
	const char *why;
};

/* What an entry has besides its tuples. */
struct kp_ct_extra {
	void (*put)(struct kp_nlbuf *b); /* its attributes; may be NULL */
	void (*check)(const struct nlmsghdr *msg, struct kp_ct_seen *s);
	const char *sysctl; /* set to 1 before, in this namespace; may be NULL */
};

/* One row's entry. */
struct kp_ct_arg {
	struct kp_ct_flow flow;
	const struct kp_ct_extra *extra; /* may be NULL */
};

void kp_ct_say(struct kp_ct_seen *s, enum kp_outcome outcome, const char *why);

/* Opens a message to a subsystem of nfnetlink. */
void kp_ct_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, uint8_t subsys, uint8_t cmd, uint16_t flags, uint8_t family);

/* CTA_TUPLE_ORIG, CTA_TUPLE_REPLY or an expectation's, by @attr; @reply: the other direction. */
void kp_ct_tuple(struct kp_nlbuf *b, uint16_t attr, const struct kp_ct_flow *f, bool reply);

/* All of these return 0 or -errno. kp_ct_get(): by the original tuple, or the reply's. */
int kp_ct_create(struct kp_ctx *ctx, int fd, const struct kp_ct_arg *a);
int kp_ct_get(struct kp_ctx *ctx, int fd, bool reply, struct kp_ct_seen *s);
int kp_ct_dump(struct kp_ctx *ctx, int fd, struct kp_ct_seen *s, unsigned int n);
int kp_ct_delete(struct kp_ctx *ctx, int fd, const struct kp_ct_flow *f, bool reply);

/* Takes a message into account where it is about @s->flow. */
void kp_ct_see(const struct nlmsghdr *msg, struct kp_ct_seen *s);

/* Answers the row if anything is amiss with what was seen; true when nothing is. */
bool kp_ct_fine(struct kp_result *res, const char *step, const struct kp_ct_seen *s);

/* net.netfilter.@name of the worker's namespace. Returns 0 or -errno. */
int kp_ct_sysctl(const char *name, const char *value);

extern const struct kp_rule kp_ct_rules[];

extern const struct kp_ct_extra kp_ct_tcp, kp_ct_sctp, kp_ct_dccp, kp_ct_zone, kp_ct_mark, kp_ct_acct, kp_ct_timestamp, kp_ct_ftp;

extern const struct kp_method kp_ct_by_entry;  /* struct kp_ct_arg */
extern const struct kp_method kp_ct_by_zones;  /* struct kp_ct_arg with a zone */
extern const struct kp_method kp_ct_by_label;  /* struct kp_ct_arg */
extern const struct kp_method kp_ct_by_expect; /* struct kp_ct_arg */
extern const struct kp_method kp_ct_by_events; /* struct kp_ct_arg */
extern const struct kp_method kp_ct_by_policy; /* nothing */

#endif
