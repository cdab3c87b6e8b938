/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Methods about neighbours and forwarding entries that somebody else keeps. */
#include <errno.h>
#include <string.h>

#include "route.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>

#define KP_IFLA_VXLAN_LOCAL6 17 /* v3.12, e4c7ed415387 "vxlan: add ipv6 support" */

static const unsigned char mac[6] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };

/* An entry: what it is in the request, and in the dump. */
struct entry {
	uint8_t family; /* of the table: AF_INET, AF_INET6 or AF_BRIDGE */
	uint8_t flags;
	int ifindex;
	size_t len;
	unsigned char dst[16];
	bool found;
	bool differs;
};

static bool see(const struct nlmsghdr *msg, void *arg)
{
	const struct ndmsg *m = kp_route_header(msg, sizeof(*m));
	struct entry *e = arg;
	size_t dst_len = 0, mac_len = 0;
	const void *dst, *lladdr;
	bool same_dst, same_mac;

	if (!m || msg->nlmsg_type != RTM_NEWNEIGH || m->ndm_family != e->family || m->ndm_ifindex != e->ifindex)
		return true;
	dst = kp_nl_attr(msg, sizeof(*m), NDA_DST, &dst_len);
	lladdr = kp_nl_attr(msg, sizeof(*m), NDA_LLADDR, &mac_len);
	same_dst = dst && dst_len == e->len && !memcmp(dst, e->dst, e->len);
	same_mac = lladdr && mac_len == sizeof(mac) && !memcmp(lladdr, mac, sizeof(mac));
	/* A forwarding entry is known by its MAC, a neighbour by its address. */
	if (e->family == AF_BRIDGE ? !same_mac : !same_dst)
		return true;
	e->found = true;
	e->differs = !same_dst || !same_mac || !(m->ndm_state & NUD_PERMANENT) || (m->ndm_flags & e->flags) != e->flags;
	return e->differs;
}

static void add_and_see(struct kp_ctx *ctx, struct kp_result *res, int rtnl, struct entry *e)
{
	struct ndmsg m = { .ndm_family = e->family, .ndm_ifindex = e->ifindex, .ndm_state = NUD_PERMANENT, .ndm_flags = e->flags };
	int family = e->len == 16 ? AF_INET6 : AF_INET, rc;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &m, sizeof(m));
	kp_nl_put(&b, NDA_DST, e->dst, e->len);
	kp_nl_put(&b, NDA_LLADDR, mac, sizeof(mac));
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc < 0) {
		kp_route_fail(ctx, res, "add", family, -rc);
		return;
	}
	rc = kp_route_dump(ctx, rtnl, RTM_GETNEIGH, e->family, sizeof(m), see, e);
	if (rc < 0)
		kp_route_fail(ctx, res, "dump", family, -rc);
	else if (!e->found)
		kp_broken(res, "read-back", "the entry is not in the dump");
	else if (e->differs)
		kp_broken(res, "read-back", "the entry came back with another address, MAC or state");
	else
		kp_works(res, "read-back");
}

/*
 * Over veth: lo takes neighbours too, but IPv4 enters each of them as 0.0.0.0 there (v4.15, cd9ff4de0107 "ipv4: Make neigh lookup
 * keys for loopback/point-to-point devices be INADDR_ANY").
 */
static void run_neigh(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	struct entry e = { .family = r->family, .len = kp_addr_len(r->family) };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);

	if (rtnl < 0 || !kp_route_dev(ctx, res, rtnl, r, &e.ifindex))
		return;
	kp_route_gateway(r, 9, e.dst);
	add_and_see(ctx, res, rtnl, &e);
}

const struct kp_method kp_route_by_neigh = {
	.run = run_neigh,
	.asks = "RTM_NEWNEIGH (NUD_PERMANENT) on a veth device, then an RTM_GETNEIGH dump",
	.proves = "works: the dump has the address with its MAC, permanent; broken: it differs",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};

static int add_vxlan(struct kp_ctx *ctx, int rtnl, const struct kp_route *r)
{
	const char *name = r->family == AF_INET ? "vxlan.calico" : "vxlan-v6.calico";
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	unsigned char local[16];
	size_t info, data;
	struct kp_nlbuf b;
	int rc;

	kp_route_gateway(r, 1, local);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &m, sizeof(m));
	kp_nl_str(&b, IFLA_IFNAME, name);
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, "vxlan");
	data = kp_nl_nest(&b, IFLA_INFO_DATA);
	/* An own number each: old kernels want it different for each device of a port, whatever the address family. */
	kp_nl_u32(&b, IFLA_VXLAN_ID, 4096u + (r->family == AF_INET6));
	kp_nl_be16(&b, IFLA_VXLAN_PORT, 4789);
	kp_nl_u8(&b, IFLA_VXLAN_LEARNING, 0);
	kp_nl_put(&b, r->family == AF_INET ? IFLA_VXLAN_LOCAL : KP_IFLA_VXLAN_LOCAL6, local, kp_addr_len(r->family));
	kp_nl_end(&b, data);
	kp_nl_end(&b, info);
	rc = kp_nl_talk(ctx, rtnl, &b);
	return rc < 0 ? rc : kp_link_index(ctx, rtnl, name);
}

/*
 * Where a MAC is behind the tunnel. NTF_SELF: the device's own table, not that of a bridge it may be in. The IPv6 row asks for
 * more than the device's: before v4.13 a device with an IPv6 local address and no remote one took IPv4 entries only
 * (EAFNOSUPPORT; vxlan_dev_configure() assumed IPv4).
 */
static void run_fdb(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	struct entry e = { .family = AF_BRIDGE, .flags = NTF_SELF, .len = kp_addr_len(r->family) };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);

	if (rtnl < 0)
		return;
	e.ifindex = add_vxlan(ctx, rtnl, r);
	if (e.ifindex < 0) {
		kp_route_fail(ctx, res, "add vxlan device", r->family, -e.ifindex);
		return;
	}
	kp_route_gateway(r, 9, e.dst);
	add_and_see(ctx, res, rtnl, &e);
}

const struct kp_method kp_route_by_fdb = {
	.run = run_fdb,
	.asks = "RTM_NEWLINK of a vxlan device, RTM_NEWNEIGH (AF_BRIDGE, NTF_SELF, NUD_PERMANENT, NDA_DST) on it, then an "
		"RTM_GETNEIGH dump",
	.proves = "works: the dump has the MAC with its destination, permanent, on the device itself; broken: it differs",
	.rules = kp_route_rules,
	.gate = KP_CAP_NET_ADMIN,
};
