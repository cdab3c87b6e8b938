/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Methods that add routes and look for them. */
#include <errno.h>
#include <string.h>

#include "route.h"

#define NEW (NLM_F_CREATE | NLM_F_EXCL)

/* Newer than 3.10: v4.20, 89d35528d17d "netlink: Add new socket option to enable strict checking on dumps". */
#define KP_SOL_NETLINK 270
#define KP_NETLINK_GET_STRICT_CHK 12

/*
 * Can a route of this kind be added, and is it then what was asked for? The read-back matters: kernels drop what they do not know
 * (RTNH_F_ONLINK for IPv6 before v4.16, fc1e64e1092f) or turn one type into another (IPv6 blackhole and throw before v3.7).
 * An onlink route is first asked for without the flag, which must be refused: so it is the flag that lets it in.
 */
static void run_add(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif, rc;
	uint8_t type;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &oif))
		return;
	if (r->onlink) {
		struct kp_route plain = *r;
		struct kp_nlbuf b;

		plain.onlink = false;
		kp_nl_init(&b);
		kp_route_msg(ctx, &b, RTM_NEWROUTE, NEW | NLM_F_ACK, &plain, oif);
		rc = kp_nl_talk(ctx, rtnl, &b);
		if (!rc) {
			kp_unknown(res, "without onlink", "a gateway that is on no link was taken without the flag: run again");
			return;
		}
		if (rc != -ENETUNREACH && rc != -EHOSTUNREACH && rc != -EINVAL) {
			kp_route_fail(ctx, res, "without onlink", r->family, -rc);
			return;
		}
	}
	if (!kp_route_add(ctx, res, rtnl, r, oif, NEW, "add") || !kp_route_check(ctx, res, rtnl, r, oif))
		return;
	if (r->type == RTN_BLACKHOLE) {
		if (!kp_route_lookup(ctx, res, rtnl, r, 0, &type))
			return;
		if (type != r->type) {
			kp_broken(res, "lookup", "packets to the prefix would not take the route");
			return;
		}
	}
	kp_works(res, "read-back");
}

const struct kp_method kp_route_by_add = {
	.run = run_add,
	.asks = "RTM_NEWROUTE (NLM_F_CREATE|NLM_F_EXCL), then an RTM_GETROUTE dump; a blackhole is also looked up, an onlink route "
		"first asked for without its flag",
	.proves = "works: the dump has the route once, in its table, with the same type, protocol, scope, device, gateway, flags "
		  "and MTU; broken: it differs",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A gateway is taken when a route of narrower scope leads to it: the pair that gives a pod its default route (169.254.1.1). */
static void run_scope(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	struct kp_route link = { .family = r->family, .net = r->net, .veth = r->veth, .to = KP_TO_GATEWAY };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &oif))
		return;
	if (kp_route_add(ctx, res, rtnl, &link, oif, NEW, "add link route") && kp_route_check(ctx, res, rtnl, &link, oif) &&
	    kp_route_add(ctx, res, rtnl, r, oif, NEW, "add route through it") && kp_route_check(ctx, res, rtnl, r, oif))
		kp_works(res, "read-back");
}

const struct kp_method kp_route_by_scope = {
	.run = run_scope,
	.asks = "RTM_NEWROUTE for a host route of link scope, then one whose gateway is that host, then RTM_GETROUTE dumps",
	.proves = "works: the dumps have both, with their scopes; broken: they differ",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* Two gateways in one route, found by a route to the prefix they are in. IPv6 groups only hops that have gateways. */
static void run_multipath(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	struct kp_route link = { .family = r->family, .net = r->net, .veth = r->veth, .to = KP_TO_GATEWAYS };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &oif))
		return;
	if (kp_route_add(ctx, res, rtnl, &link, oif, NEW, "add link route") &&
	    kp_route_add(ctx, res, rtnl, r, oif, NEW, "add multipath route") && kp_route_check(ctx, res, rtnl, r, oif))
		kp_works(res, "read-back");
}

const struct kp_method kp_route_by_multipath = {
	.run = run_multipath,
	.asks = "RTM_NEWROUTE to the gateways' prefix, RTM_NEWROUTE with RTA_MULTIPATH over two of them, then an RTM_GETROUTE dump",
	.proves = "works: the dump has both gateways (in one route, or in a route each as before v4.11); broken: one is missing",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* Tables from the ends and the middle of 1–250, in one batch. Tables are made when the first route comes. */
static void run_tables(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const uint8_t tables[] = { 1, 2, 99, 128, 250 };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif, rc;
	struct kp_route r = *(const struct kp_route *)row->arg;
	struct kp_nlbuf b;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, &r, &oif))
		return;
	kp_nl_init(&b);
	for (size_t i = 0; i < KP_ARRAY_SIZE(tables); i++) {
		r.table = tables[i];
		r.metric = 3000u + tables[i]; /* or a kernel with one table would say EEXIST to the second */
		kp_route_msg(ctx, &b, RTM_NEWROUTE, NEW | NLM_F_ACK, &r, oif);
	}
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc < 0) {
		kp_route_fail(ctx, res, "add", r.family, -rc);
		return;
	}
	for (size_t i = 0; i < KP_ARRAY_SIZE(tables); i++) {
		r.table = tables[i];
		r.metric = 3000u + tables[i];
		if (!kp_route_check(ctx, res, rtnl, &r, oif))
			return;
	}
	kp_works(res, "read-back");
}

const struct kp_method kp_route_by_tables = {
	.run = run_tables,
	.asks = "RTM_NEWROUTE into each of the tables 1, 2, 99, 128 and 250, then RTM_GETROUTE dumps",
	.proves = "works: each route is in its own table; absent: they came into the main table (a kernel without policy routing)",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* The same prefix, metric and table twice: the second takes the first one's place. */
static void run_replace(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_route r = *(const struct kp_route *)row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, &r, &oif))
		return;
	r.mtu = 1400;
	if (!kp_route_add(ctx, res, rtnl, &r, oif, NLM_F_CREATE | NLM_F_REPLACE, "add") || !kp_route_check(ctx, res, rtnl, &r, oif))
		return;
	r.mtu = 1300;
	r.protocol = 80;
	if (kp_route_add(ctx, res, rtnl, &r, oif, NLM_F_CREATE | NLM_F_REPLACE, "replace") &&
	    kp_route_check(ctx, res, rtnl, &r, oif))
		kp_works(res, "read-back");
}

const struct kp_method kp_route_by_replace = {
	.run = run_replace,
	.asks = "RTM_NEWROUTE (NLM_F_CREATE|NLM_F_REPLACE) twice for one prefix, with another MTU and protocol, and an "
		"RTM_GETROUTE dump after each",
	.proves = "works: the second dump has one route, the new one; broken: both, or the old one",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* Which of two routes is taken shows by their types, so this needs no device. */
static void run_priority(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_route r = *(const struct kp_route *)row->arg, low;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);
	uint8_t type;

	if (rtnl < 0)
		return;
	r.type = RTN_BLACKHOLE;
	r.metric = 1024;
	low = r;
	low.type = RTN_PROHIBIT;
	low.metric = 512;
	if (!kp_route_add(ctx, res, rtnl, &r, 0, NEW, "add") || !kp_route_add(ctx, res, rtnl, &low, 0, NEW, "add second") ||
	    !kp_route_check(ctx, res, rtnl, &r, 0) || !kp_route_check(ctx, res, rtnl, &low, 0) ||
	    !kp_route_lookup(ctx, res, rtnl, &r, 0, &type))
		return;
	if (type == RTN_PROHIBIT)
		kp_works(res, "lookup");
	else
		kp_broken(res, "lookup", "packets would not take the route with the lower metric");
}

const struct kp_method kp_route_by_priority = {
	.run = run_priority,
	.asks = "RTM_NEWROUTE for one prefix with metric 1024 (blackhole) and 512 (prohibit), an RTM_GETROUTE dump, and a lookup "
		"in the prefix",
	.proves = "works: the dump has both and the lookup ends at the one with 512; broken: it does not",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

struct strict {
	unsigned int local;   /* routes of table local: what was asked for */
	unsigned int foreign; /* others */
};

static bool count_tables(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *m = kp_route_header(msg, sizeof(*m));
	struct strict *s = arg;

	if (m && msg->nlmsg_type == RTM_NEWROUTE)
		*(m->rtm_table == RT_TABLE_LOCAL ? &s->local : &s->foreign) += 1;
	return true;
}

/*
 * The option alone proves little, so a dump is filtered: the table in the request's header is ignored without it. Main and local
 * are the two tables that every kernel has. The option stays with its socket: an own one.
 */
static void run_strict(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif, one = 1, rc;
	struct rtmsg m = { .rtm_family = r->family, .rtm_table = RT_TABLE_LOCAL };
	kp_autoclose fd = -1;
	struct strict s = { 0 };
	struct kp_nlbuf b;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &oif))
		return;
	ctx->extack[0] = '\0';
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0) {
		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
		return;
	}
	if (setsockopt(fd, KP_SOL_NETLINK, KP_NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0) {
		kp_fail(ctx, res, "setsockopt NETLINK_GET_STRICT_CHK", KP_CALL_PLAIN, errno);
		return;
	}
	if (!kp_route_add(ctx, res, rtnl, r, oif, NEW, "add"))
		return;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m));
	rc = kp_nl_query(ctx, fd, &b, count_tables, &s);
	if (rc < 0)
		kp_route_fail(ctx, res, "filtered dump", r->family, -rc);
	else if (!s.local)
		kp_broken(res, "filtered dump", "the dump of table local is empty");
	else if (s.foreign)
		kp_broken(res, "filtered dump", "the dump of one table has routes of others");
	else
		kp_works(res, "filtered dump");
}

static const struct kp_rule strict_rules[] = {
	{ ENOPROTOOPT, KP_ABSENT, "the kernel does not know the socket option" },
	{ EOPNOTSUPP, KP_ABSENT, "the kernel does not know the socket option" },
	{ 0 },
};

const struct kp_method kp_route_by_strict = {
	.run = run_strict,
	.asks = "setsockopt NETLINK_GET_STRICT_CHK on an own socket, RTM_NEWROUTE into main, then an RTM_GETROUTE dump of table "
		"local",
	.proves = "works: the dump has routes of table local and no other; absent: ENOPROTOOPT; broken: the dump is not filtered",
	.rules = strict_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A message type far above RTM_MAX: a kernel that acknowledges it would acknowledge anything. */
static void run_message(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	struct rtmsg m = { .rtm_family = AF_INET };
	struct kp_nlbuf b;

	(void)row;
	if (rtnl < 0)
		return;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, 0xfff0, NLM_F_ACK, &m, sizeof(m));
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc < 0)
		kp_route_fail(ctx, res, "message 65520", AF_UNSPEC, -rc);
	else
		kp_works(res, "message 65520");
}

const struct kp_method kp_route_by_message = {
	.run = run_message,
	.asks = "an rtnetlink message of type 65520, which no kernel has",
	.proves = "absent: refused with EOPNOTSUPP; works: acknowledged, so no acknowledgement of this kernel is to be believed",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};
