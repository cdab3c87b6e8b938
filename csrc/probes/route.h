/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The route family's own: what its rows can say, and the pieces its methods share. */
#ifndef KP_PROBES_ROUTE_H
#define KP_PROBES_ROUTE_H

#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "../link.h"

/* Where a route leads to, and where its gateways are: kp_route_to(). */
enum kp_route_to {
	KP_TO_NET,      /* the row's own prefix */
	KP_TO_GATEWAYS, /* the prefix in which its gateways are */
	KP_TO_GATEWAY,  /* the first of these alone, a host route */
};

/*
 * One route, as a row asks for it. Unicast IPv6 routes over lo lead to ::1/128, since the kernel turns any other one into a
 * reject route ("we cannot add true routes via loopback here", net/ipv6/route.c); all the rest lead to 198.18.NET.0/24 (RFC 2544)
 * or 2001:db8:0:NET::/64. So the rows share a namespace, and most of them need no device but lo, which every kernel has.
 */
struct kp_route {
	uint8_t family;    /* AF_INET or AF_INET6 */
	uint8_t net;       /* tells rows apart: in the prefix, and (2000 + net) in the metric */
	uint8_t type;      /* RTN_*; 0: RTN_UNICAST */
	uint8_t protocol;  /* RTPROT_*; 0: RTPROT_BOOT */
	uint8_t to;        /* enum kp_route_to */
	uint8_t gateways;  /* 0, 1, or 2: multipath */
	bool onlink;
	bool veth;         /* over a veth pair instead of lo */
	uint32_t table;    /* 0: RT_TABLE_MAIN */
	uint32_t metric;   /* 0: 2000 + net */
	uint32_t mtu;
};

/* What a dump says of it. */
struct kp_route_seen {
	const struct kp_route *want;
	unsigned int n;      /* times it is where it belongs */
	uint32_t elsewhere;  /* a table that has it instead, or 0 */
	uint32_t oif;
	uint32_t flags;
	uint32_t mtu;
	uint8_t type;
	uint8_t protocol;
	uint8_t scope;
	uint8_t gateways;    /* a bit each */
};

unsigned int kp_addr_len(int family);
/* The row's prefix or gateway @host into @ret (16 bytes). Returns the prefix's length. */
unsigned int kp_route_dst(const struct kp_route *r, unsigned char *ret);
void kp_route_gateway(const struct kp_route *r, unsigned int host, unsigned char *ret);

/* Opens RTM_NEWROUTE or RTM_DELROUTE for @r. */
void kp_route_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, uint16_t type, uint16_t flags, const struct kp_route *r, int oif);

/*
 * The following answer the row and return false when something is amiss.
 *
 * kp_route_dev(): the ifindex the row's routes go over. kp_route_add(): one RTM_NEWROUTE. kp_route_check(): is it in the kernel's
 * dump, once, with everything that was asked for? kp_route_lookup(): the type of route that packets to @r would take.
 */
bool kp_route_dev(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, int *ret_oif);
bool kp_route_add(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, int oif, uint16_t flags,
		  const char *step);
bool kp_route_check(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, int oif);
bool kp_route_lookup(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, uint32_t mark,
		     uint8_t *ret_type);

/* Whether IPv6 is switched off in new namespaces. */
bool kp_ipv6_off(void);
/* Where it is: takes that as the row's answer, denied, and returns true. */
bool kp_route_ipv6_off(struct kp_result *res);
/* As kp_fail(), but for IPv6 with the above as the reason where it is. */
void kp_route_fail(struct kp_ctx *ctx, struct kp_result *res, const char *step, int family, int err);

/* A dump of @type for @family: asks with a zeroed header of @hdrlen bytes, whose first byte is the family. */
int kp_route_dump(struct kp_ctx *ctx, int fd, uint16_t type, uint8_t family, size_t hdrlen,
		  bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg);
/* The payload of @msg behind nlmsghdr, if it has @len bytes; else NULL. */
const void *kp_route_header(const struct nlmsghdr *msg, size_t len);

extern const struct kp_rule kp_route_rules[];

/* Which row's .arg each takes: in the comment. */
extern const struct kp_method kp_route_by_add;       /* struct kp_route */
extern const struct kp_method kp_route_by_scope;     /* struct kp_route with a gateway */
extern const struct kp_method kp_route_by_multipath; /* struct kp_route with two gateways */
extern const struct kp_method kp_route_by_tables;    /* struct kp_route */
extern const struct kp_method kp_route_by_replace;   /* struct kp_route */
extern const struct kp_method kp_route_by_priority;  /* struct kp_route */
extern const struct kp_method kp_route_by_strict;    /* struct kp_route */
extern const struct kp_method kp_route_by_message;   /* nothing */
extern const struct kp_method kp_route_by_link_news; /* nothing */
extern const struct kp_method kp_route_by_news;      /* struct kp_route */
extern const struct kp_method kp_route_by_local;     /* struct kp_route, for its family */
extern const struct kp_method kp_route_by_addr;      /* struct kp_route, for its family and net */
extern const struct kp_method kp_route_by_rules;     /* struct kp_route, for its family */
extern const struct kp_method kp_route_by_policy;    /* struct kp_route: what stands in table 1 */
extern const struct kp_method kp_route_by_neigh;     /* struct kp_route, for its family and net */
extern const struct kp_method kp_route_by_fdb;       /* struct kp_route, for its family and net */

#endif
