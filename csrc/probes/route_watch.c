/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Methods that listen to rtnetlink, and those about the addresses that its dumps tell. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "route.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>

#define NEWS_TIMEOUT_MS 1000

/* What is waited for: @match says whether a message is it. */
struct news {
	bool (*match)(const struct nlmsghdr *msg, const struct news *n);
	uint16_t type;
	int ifindex;
	uint32_t mtu;
	const struct kp_route *route;
};

/* Returns the subscribed socket, or -1 after the row was answered. */
static int subscribe(struct kp_ctx *ctx, struct kp_result *res, uint32_t groups)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd;

	ctx->extack[0] = '\0';
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0) {
		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
		return -1;
	}
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0) {
		kp_fail(ctx, res, "subscribe", KP_CALL_PLAIN, errno);
		close(fd);
		return -1;
	}
	return fd;
}

/* Reads until what is waited for comes, or nothing comes any more. Notifications are queued before the change is acknowledged. */
static bool arrives(int fd, const struct news *n)
{
	_Alignas(8) unsigned char buf[16384];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		const struct nlmsghdr *msg = (const void *)buf;
		ssize_t got = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN && poll(&p, 1, NEWS_TIMEOUT_MS) > 0)
			continue;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		for (size_t left = (size_t)got; left >= NLMSG_HDRLEN;) {
			size_t step = NLMSG_ALIGN(msg->nlmsg_len);

			if (msg->nlmsg_len < NLMSG_HDRLEN || msg->nlmsg_len > left)
				break;
			if (n->match(msg, n))
				return true;
			if (step >= left)
				break;
			left -= step;
			msg = (const void *)((const unsigned char *)msg + step);
		}
	}
}

static bool is_mtu(const struct nlmsghdr *msg, const struct news *n)
{
	const struct ifinfomsg *m = kp_route_header(msg, sizeof(*m));
	const void *mtu = m ? kp_nl_attr(msg, sizeof(*m), IFLA_MTU, NULL) : NULL;

	return msg->nlmsg_type == n->type && m && m->ifi_index == n->ifindex && mtu && kp_get_u32(mtu) == n->mtu;
}

static bool is_route(const struct nlmsghdr *msg, const struct news *n)
{
	const struct rtmsg *m = kp_route_header(msg, sizeof(*m));
	unsigned char want[16];
	unsigned int plen = kp_route_dst(n->route, want);
	const void *dst = m ? kp_nl_attr(msg, sizeof(*m), RTA_DST, NULL) : NULL;

	return msg->nlmsg_type == n->type && m && m->rtm_family == n->route->family && m->rtm_dst_len == plen &&
	       m->rtm_table == RT_TABLE_MAIN && dst && !memcmp(dst, want, kp_addr_len(m->rtm_family));
}

static bool take_mtu(const struct nlmsghdr *msg, void *arg)
{
	const void *mtu = kp_nl_attr(msg, sizeof(struct ifinfomsg), IFLA_MTU, NULL);

	if (mtu)
		*(uint32_t *)arg = kp_get_u32(mtu);
	return false;
}

static int set_mtu(struct kp_ctx *ctx, int rtnl, int ifindex, uint32_t mtu)
{
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK, &m, sizeof(m));
	kp_nl_u32(&b, IFLA_MTU, mtu);
	return kp_nl_talk(ctx, rtnl, &b);
}

/* The change that can be made to any kernel's only sure device, and undone: lo's MTU. */
static void run_link_news(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), lo, rc;
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	kp_autoclose fd = -1;
	struct news n = { .match = is_mtu, .type = RTM_NEWLINK };
	uint32_t mtu = 0;
	struct kp_nlbuf b;
	bool came;

	(void)row;
	if (rtnl < 0)
		return;
	lo = kp_link_index(ctx, rtnl, "lo");
	if (lo < 0) {
		kp_route_fail(ctx, res, "get lo", AF_UNSPEC, -lo);
		return;
	}
	m.ifi_index = lo;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETLINK, 0, &m, sizeof(m));
	rc = kp_nl_query(ctx, rtnl, &b, take_mtu, &mtu);
	if (rc < 0 || mtu < 2) {
		kp_route_fail(ctx, res, "get lo", AF_UNSPEC, rc < 0 ? -rc : ENODATA);
		return;
	}
	fd = subscribe(ctx, res, RTMGRP_LINK);
	if (fd < 0)
		return;
	n.ifindex = lo;
	n.mtu = mtu - 1;
	rc = set_mtu(ctx, rtnl, lo, n.mtu);
	if (rc < 0) {
		kp_route_fail(ctx, res, "change lo", AF_UNSPEC, -rc);
		return;
	}
	came = arrives(fd, &n);
	set_mtu(ctx, rtnl, lo, mtu);
	if (came)
		kp_works(res, "notification");
	else
		kp_broken(res, "notification", "no RTM_NEWLINK came within a second of a change");
}

const struct kp_method kp_route_by_link_news = {
	.run = run_link_news,
	.asks = "bind to RTNLGRP_LINK, then a change of lo's MTU (undone)",
	.proves = "works: the RTM_NEWLINK with the new MTU arrives; broken: it does not within a second",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

static void run_news(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), oif, rc;
	struct news n = { .match = is_route, .type = RTM_NEWROUTE, .route = r };
	kp_autoclose fd = -1;
	struct kp_nlbuf b;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &oif))
		return;
	fd = subscribe(ctx, res, r->family == AF_INET ? RTMGRP_IPV4_ROUTE : RTMGRP_IPV6_ROUTE);
	if (fd < 0 || !kp_route_add(ctx, res, rtnl, r, oif, NLM_F_CREATE | NLM_F_EXCL, "add"))
		return;
	if (!arrives(fd, &n)) {
		kp_broken(res, "notification", "no RTM_NEWROUTE came within a second of a new route");
		return;
	}
	kp_nl_init(&b);
	kp_route_msg(ctx, &b, RTM_DELROUTE, NLM_F_ACK, r, oif);
	rc = kp_nl_talk(ctx, rtnl, &b);
	n.type = RTM_DELROUTE;
	if (rc < 0)
		kp_route_fail(ctx, res, "delete", r->family, -rc);
	else if (!arrives(fd, &n))
		kp_broken(res, "notification", "no RTM_DELROUTE came within a second of a deletion");
	else
		kp_works(res, "notification");
}

const struct kp_method kp_route_by_news = {
	.run = run_news,
	.asks = "bind to the address family's route group, then RTM_NEWROUTE and RTM_DELROUTE",
	.proves = "works: both notifications arrive; broken: one does not within a second",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* An address: looked for among local routes or among lo's addresses. */
struct address {
	uint8_t family;
	uint8_t scope;
	int ifindex;
	unsigned int len;
	unsigned char addr[16];
	bool found;
	bool other_scope;
};

static bool local_route(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *m = kp_route_header(msg, sizeof(*m));
	struct address *a = arg;
	const void *dst = m ? kp_nl_attr(msg, sizeof(*m), RTA_DST, NULL) : NULL;

	if (msg->nlmsg_type == RTM_NEWROUTE && dst && m->rtm_family == a->family && m->rtm_table == RT_TABLE_LOCAL &&
	    m->rtm_type == RTN_LOCAL && m->rtm_dst_len == a->len * 8 && !memcmp(dst, a->addr, a->len))
		a->found = true;
	return !a->found;
}

static bool type_is_local(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *m = kp_route_header(msg, sizeof(*m));

	*(bool *)arg = m && msg->nlmsg_type == RTM_NEWROUTE && m->rtm_type == RTN_LOCAL;
	return false;
}

/*
 * The loopback address is looked up before the dump, since a family that is not there is told by the former alone: a dump for it
 * falls through to rtnl_dump_all(), which answers with the routes of the others.
 */
static void run_local(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	struct address a = { .family = r->family, .len = kp_addr_len(r->family) };
	struct rtmsg m = { .rtm_family = r->family, .rtm_dst_len = (unsigned char)(a.len * 8) };
	bool local = false;
	struct kp_nlbuf b;

	if (rtnl < 0)
		return;
	a.addr[a.len - 1] = 1;
	if (r->family == AF_INET)
		a.addr[0] = 127;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETROUTE, 0, &m, sizeof(m));
	kp_nl_put(&b, RTA_DST, a.addr, a.len);
	rc = kp_nl_query(ctx, rtnl, &b, type_is_local, &local);
	if (rc < 0) {
		kp_route_fail(ctx, res, "look up the loopback address", r->family, -rc);
		return;
	}
	if (!local) {
		kp_broken(res, "look up the loopback address", "lo is up, and its address is not local");
		if (r->family == AF_INET6)
			kp_route_ipv6_off(res); /* old kernels tell what a lookup ends at, instead of refusing it */
		return;
	}
	rc = kp_route_dump(ctx, rtnl, RTM_GETROUTE, r->family, sizeof(m), local_route, &a);
	if (rc < 0)
		kp_route_fail(ctx, res, "dump routes", r->family, -rc);
	else if (!a.found)
		kp_broken(res, "dump routes", "the dump has no route of type local, in table local, to lo's address");
	else
		kp_works(res, "dump routes");
}

const struct kp_method kp_route_by_local = {
	.run = run_local,
	.asks = "RTM_GETROUTE for 127.0.0.1 or ::1, then a dump with RTM_GETROUTE",
	.proves = "works: both say that lo's address is local, the dump by a route of type local in table 255; broken: they do not",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN, /* not for these requests, but without it nobody could set lo up */
};

static bool same_address(const struct nlmsghdr *msg, void *arg)
{
	const struct ifaddrmsg *m = kp_route_header(msg, sizeof(*m));
	struct address *a = arg;
	const void *addr;

	if (!m || msg->nlmsg_type != RTM_NEWADDR || m->ifa_family != a->family || (int)m->ifa_index != a->ifindex ||
	    m->ifa_prefixlen != a->len * 8)
		return true;
	addr = kp_nl_attr(msg, sizeof(*m), IFA_ADDRESS, NULL);
	if (!addr || memcmp(addr, a->addr, a->len))
		return true;
	a->found = true;
	a->other_scope = a->family == AF_INET && m->ifa_scope != a->scope;
	return false;
}

/* Tunnel devices get their address as a host prefix: of link scope for IPv4; IPv6 tells the scope from the address. */
static void run_addr(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	struct address a = { .family = r->family, .len = kp_addr_len(r->family), .scope = RT_SCOPE_LINK };
	struct ifaddrmsg m = { .ifa_family = r->family, .ifa_prefixlen = (unsigned char)(a.len * 8), .ifa_scope = RT_SCOPE_LINK };
	struct kp_nlbuf b;

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &a.ifindex))
		return;
	kp_route_gateway(r, 9, a.addr);
	m.ifa_index = (unsigned int)a.ifindex;
	m.ifa_flags = r->family == AF_INET6 ? IFA_F_NODAD : 0;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &m, sizeof(m));
	kp_nl_put(&b, IFA_LOCAL, a.addr, a.len);
	kp_nl_put(&b, IFA_ADDRESS, a.addr, a.len);
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc < 0) {
		kp_route_fail(ctx, res, "add", r->family, -rc);
		return;
	}
	rc = kp_route_dump(ctx, rtnl, RTM_GETADDR, r->family, sizeof(m), same_address, &a);
	if (rc < 0)
		kp_route_fail(ctx, res, "dump addresses", r->family, -rc);
	else if (!a.found)
		kp_broken(res, "read-back", "the address is not in the dump");
	else if (a.other_scope)
		kp_broken(res, "read-back", "the address came back with another scope");
	else
		kp_works(res, "read-back");
}

const struct kp_method kp_route_by_addr = {
	.run = run_addr,
	.asks = "RTM_NEWADDR of a host prefix on lo, then an RTM_GETADDR dump",
	.proves = "works: the dump has it on that device, for IPv4 with link scope; broken: it differs",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};
