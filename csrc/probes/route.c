/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Routes, rules, neighbours and addresses, and their news. Most rows need no device but lo, in a namespace they share: .net tells
 * their prefixes apart (struct kp_route). Rows that do need one say so in .needs. None makes the kernel load anything but that
 * device's module: rtnetlink asks for no address family, and to load ipv6 where an admin left it out would change the host's links.
 */
#include <errno.h>

#include "families.h"
#include "route.h"

#define ROUTE(...) (&(const struct kp_route){ __VA_ARGS__ })

/* An invented route type; net/ipv4/fib_semantics.c takes none above RTN_MAX. */
static const struct kp_rule invented_rules[] = {
	{ EINVAL, KP_ABSENT, "the kernel does not know the route type" },
	{ 0 },
};

static const struct kp_rule multipath_rules[] = {
	{ EINVAL, KP_ABSENT, "multipath routes are not built into the kernel (CONFIG_IP_ROUTE_MULTIPATH)" },
	{ 0 },
};

/* Before v4.16 the flag was passed over, and the gateway looked for on the link. */
static const struct kp_rule onlink6_rules[] = {
	{ EHOSTUNREACH, KP_ABSENT, "the kernel passes over the onlink flag of IPv6 routes" },
	{ ENETUNREACH, KP_ABSENT, "the kernel passes over the onlink flag of IPv6 routes" },
	{ 0 },
};

/* clang-format off */
static const struct kp_probe rows[] = {
	/* A plain IPv4 route over lo: there is no kernel with a network and without it. */
	{ .id = "route.control.positive", .title = "a plain route over lo", .control = KP_POSITIVE, .by = &kp_route_by_add,
	  .arg = ROUTE(.family = AF_INET, .net = 1) },
	{ .id = "route.control.negative.type", .title = "an invented route type", .control = KP_NEGATIVE, .by = &kp_route_by_add,
	  .rules = invented_rules, .arg = ROUTE(.family = AF_INET, .net = 2, .type = 200) },
	{ .id = "route.control.negative.message", .title = "an invented rtnetlink message", .control = KP_NEGATIVE,
	  .by = &kp_route_by_message },

	{ .id = "route.subscribe.link", .title = "news of links", .kconfig = "CONFIG_NET", .since = "2.2",
	  .by = &kp_route_by_link_news },
	{ .id = "route.subscribe.route.inet", .title = "news of IPv4 routes", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_news, .arg = ROUTE(.family = AF_INET, .net = 3) },
	{ .id = "route.subscribe.route.inet6", .title = "news of IPv6 routes", .kconfig = "CONFIG_IPV6", .since = "2.2",
	  .by = &kp_route_by_news, .arg = ROUTE(.family = AF_INET6, .net = 3) },
	{ .id = "route.dump.local.inet", .title = "IPv4 addresses told by the local table", .kconfig = "CONFIG_INET",
	  .since = "2.2", .by = &kp_route_by_local, .arg = ROUTE(.family = AF_INET) },
	{ .id = "route.dump.local.inet6", .title = "IPv6 addresses told by the local table", .kconfig = "CONFIG_IPV6",
	  .since = "2.6.19", .by = &kp_route_by_local, .arg = ROUTE(.family = AF_INET6) },
	{ .id = "route.strict-check", .title = "dumps filtered by the kernel", .kconfig = "CONFIG_INET", .since = "4.20",
	  .by = &kp_route_by_strict, .arg = ROUTE(.family = AF_INET, .net = 4) },

	{ .id = "route.addr.inet", .title = "an IPv4 host address of link scope", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_addr, .arg = ROUTE(.family = AF_INET, .net = 5) },
	{ .id = "route.addr.inet6", .title = "an IPv6 host address", .kconfig = "CONFIG_IPV6", .since = "2.2",
	  .by = &kp_route_by_addr, .arg = ROUTE(.family = AF_INET6, .net = 5) },

	{ .id = "route.rule.dump.inet", .title = "list of IPv4 routing rules", .kconfig = "CONFIG_IP_MULTIPLE_TABLES",
	  .since = "2.2", .by = &kp_route_by_rules, .arg = ROUTE(.family = AF_INET) },
	{ .id = "route.rule.dump.inet6", .title = "list of IPv6 routing rules",
	  .kconfig = "CONFIG_IPV6 CONFIG_IPV6_MULTIPLE_TABLES", .since = "2.6.19", .by = &kp_route_by_rules,
	  .arg = ROUTE(.family = AF_INET6) },
	{ .id = "route.rule.fwmark-invert.inet", .title = "IPv4 rule for packets without a mark",
	  .kconfig = "CONFIG_IP_MULTIPLE_TABLES", .since = "2.6.20", .by = &kp_route_by_policy,
	  .arg = ROUTE(.family = AF_INET, .net = 6, .type = RTN_PROHIBIT) },
	{ .id = "route.rule.fwmark-invert.inet6", .title = "IPv6 rule for packets without a mark",
	  .kconfig = "CONFIG_IPV6 CONFIG_IPV6_MULTIPLE_TABLES", .since = "2.6.20", .by = &kp_route_by_policy,
	  .arg = ROUTE(.family = AF_INET6, .net = 6, .type = RTN_PROHIBIT) },
	{ .id = "route.throw.inet", .title = "IPv4 throw route", .kconfig = "CONFIG_IP_MULTIPLE_TABLES", .since = "2.6.20",
	  .by = &kp_route_by_policy, .arg = ROUTE(.family = AF_INET, .net = 7, .type = RTN_THROW) },
	{ .id = "route.throw.inet6", .title = "IPv6 throw route", .kconfig = "CONFIG_IPV6 CONFIG_IPV6_MULTIPLE_TABLES",
	  .since = "3.7", .by = &kp_route_by_policy, .arg = ROUTE(.family = AF_INET6, .net = 7, .type = RTN_THROW) },
	{ .id = "route.table.inet", .title = "IPv4 routing tables 1 to 250", .kconfig = "CONFIG_IP_MULTIPLE_TABLES",
	  .since = "2.2", .by = &kp_route_by_tables, .arg = ROUTE(.family = AF_INET, .net = 8) },
	{ .id = "route.table.inet6", .title = "IPv6 routing tables 1 to 250",
	  .kconfig = "CONFIG_IPV6 CONFIG_IPV6_MULTIPLE_TABLES", .since = "2.6.19", .by = &kp_route_by_tables,
	  .arg = ROUTE(.family = AF_INET6, .net = 8) },

	{ .id = "route.blackhole.inet", .title = "IPv4 blackhole route", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET, .net = 9, .type = RTN_BLACKHOLE, .protocol = 80) },
	{ .id = "route.blackhole.inet6", .title = "IPv6 blackhole route", .kconfig = "CONFIG_IPV6", .since = "3.7",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET6, .net = 9, .type = RTN_BLACKHOLE, .protocol = 80) },
	{ .id = "route.protocol.inet", .title = "IPv4 route that bears protocol 80", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET, .net = 10, .protocol = 80) },
	{ .id = "route.protocol.inet6", .title = "IPv6 route that bears protocol 80", .kconfig = "CONFIG_IPV6", .since = "2.2",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET6, .net = 10, .protocol = 80) },
	{ .id = "route.mtu.inet", .title = "IPv4 route with an MTU", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET, .net = 11, .mtu = 1400) },
	{ .id = "route.mtu.inet6", .title = "IPv6 route with an MTU", .kconfig = "CONFIG_IPV6", .since = "2.2",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET6, .net = 11, .mtu = 1400) },
	{ .id = "route.replace.inet", .title = "IPv4 route replaced in one step", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_replace, .arg = ROUTE(.family = AF_INET, .net = 12) },
	{ .id = "route.replace.inet6", .title = "IPv6 route replaced in one step", .kconfig = "CONFIG_IPV6", .since = "3.3",
	  .by = &kp_route_by_replace, .arg = ROUTE(.family = AF_INET6, .net = 12) },
	{ .id = "route.priority.inet", .title = "IPv4 routes of metric 1024 and 512 side by side", .kconfig = "CONFIG_INET",
	  .since = "2.2", .by = &kp_route_by_priority, .arg = ROUTE(.family = AF_INET, .net = 13, .type = RTN_BLACKHOLE) },
	{ .id = "route.priority.inet6", .title = "IPv6 routes of metric 1024 and 512 side by side", .kconfig = "CONFIG_IPV6",
	  .since = "3.7", .by = &kp_route_by_priority, .arg = ROUTE(.family = AF_INET6, .net = 13, .type = RTN_BLACKHOLE) },

	/* No IPv6 row: its routes have no scope. */
	{ .id = "route.scope.link", .title = "IPv4 gateway reached by a link-scope host route", .kconfig = "CONFIG_INET",
	  .since = "2.2", .by = &kp_route_by_scope, .arg = ROUTE(.family = AF_INET, .net = 14, .gateways = 1) },
	{ .id = "route.onlink.inet", .title = "IPv4 gateway that is on no link", .kconfig = "CONFIG_INET", .since = "2.2",
	  .by = &kp_route_by_add, .arg = ROUTE(.family = AF_INET, .net = 15, .gateways = 1, .onlink = true) },
	/* IPv6 takes no gateway over lo: "Egress device can not be loopback device for this route". */
	{ .id = "route.onlink.inet6", .title = "IPv6 gateway that is on no link", .modules = "veth", .kconfig = "CONFIG_IPV6",
	  .since = "4.16", .needs = "link.veth", .rules = onlink6_rules, .by = &kp_route_by_add,
	  .arg = ROUTE(.family = AF_INET6, .net = 15, .gateways = 1, .onlink = true, .veth = true) },
	{ .id = "route.multipath.inet", .title = "IPv4 route with two gateways", .kconfig = "CONFIG_IP_ROUTE_MULTIPATH",
	  .since = "2.2", .rules = multipath_rules, .by = &kp_route_by_multipath,
	  .arg = ROUTE(.family = AF_INET, .net = 16, .gateways = 2) },
	{ .id = "route.multipath.inet6", .title = "IPv6 route with two gateways", .modules = "veth", .kconfig = "CONFIG_IPV6",
	  .since = "3.8", .needs = "link.veth", .by = &kp_route_by_multipath,
	  .arg = ROUTE(.family = AF_INET6, .net = 16, .gateways = 2, .veth = true) },

	{ .id = "route.neigh.permanent.inet", .title = "permanent IPv4 neighbour", .modules = "veth", .kconfig = "CONFIG_INET",
	  .since = "2.2", .needs = "link.veth", .by = &kp_route_by_neigh,
	  .arg = ROUTE(.family = AF_INET, .net = 17, .veth = true) },
	{ .id = "route.neigh.permanent.inet6", .title = "permanent IPv6 neighbour", .modules = "veth", .kconfig = "CONFIG_IPV6",
	  .since = "2.2", .needs = "link.veth", .by = &kp_route_by_neigh,
	  .arg = ROUTE(.family = AF_INET6, .net = 17, .veth = true) },
	{ .id = "route.fdb.vxlan.inet", .title = "VXLAN forwarding entry to an IPv4 node", .modules = "vxlan",
	  .kconfig = "CONFIG_VXLAN", .since = "3.7", .needs = "link.vxlan.inet", .by = &kp_route_by_fdb,
	  .arg = ROUTE(.family = AF_INET, .net = 18) },
	{ .id = "route.fdb.vxlan.inet6", .title = "VXLAN forwarding entry to an IPv6 node", .modules = "vxlan",
	  .kconfig = "CONFIG_VXLAN CONFIG_IPV6", .since = "4.13", .needs = "link.vxlan.inet6", .by = &kp_route_by_fdb,
	  .arg = ROUTE(.family = AF_INET6, .net = 18) },
};
/* clang-format on */

const struct kp_family kp_family_route = {
	.name = "route",
	.title = "Routes, rules, neighbours",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	/* The invented message: selinux_netlink_send() says of a type that it does not know that it is unrecognized. */
	.records = "where SELinux has a policy, a line about an unrecognized netlink message (65520)",
};
