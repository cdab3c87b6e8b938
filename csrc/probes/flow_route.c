/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Routes, rules and settings that steer packets: as WireGuard's and a pod's need them. */
#include <errno.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>

#include "families.h"
#include "flow_route.h"
#include "tc.h"

#define MARK 0x100000u
#define SKB_MARK 0x10000u /* of kp_tc_skbedit */
#define TABLE 1

/* --- not fwmark M/M lookup 1, and what is thrown out of that table --- */

static const struct kp_flow_route policy[2] = {
	{ .table = TABLE, .gateway = KP_POD2, .oif = KP_POD_IF },
	{ .table = TABLE, .to = KP_FAR2 },
};

static int rule(struct kp_flow *f, int rtnl, bool on)
{
	return kp_flow_rule(f->ctx, rtnl, f->v6, on, MARK, kp_sabotaged(f->ctx) ? 0 : FIB_RULE_INVERT, TABLE);
}

/* What the node itself sends has the mark, as what WireGuard has sealed; what comes from a pod has not. */
static bool put_policy(struct kp_flow *f, const void *what)
{
	uint32_t mark = MARK;
	int rtnl = kp_nl_socket(f->ctx, f->res, NETLINK_ROUTE), rc;

	(void)what;
	if (rtnl < 0)
		return false;
	rc = setsockopt(kp_flow_socket(KP_AT_NODE, f->v6), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ? -errno : 0;
	for (unsigned int i = 0; i < 2 && !rc; i++)
		rc = kp_flow_route(f->ctx, rtnl, f->v6, true, &policy[i]);
	if (!rc)
		rc = rule(f, rtnl, true);
	if (rc)
		kp_flow_stuck(f, "put", rc);
	return !rc;
}

static void remove_policy(struct kp_flow *f, const void *what)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(f->ctx, &ignored, NETLINK_ROUTE);
	uint32_t mark = 0;

	(void)what;
	setsockopt(kp_flow_socket(KP_AT_NODE, f->v6), SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	if (rtnl < 0)
		return;
	rule(f, rtnl, false);
	for (unsigned int i = 2; i--;)
		kp_flow_route(f->ctx, rtnl, f->v6, false, &policy[i]);
}

static const struct kp_flow_object by_policy = { .put = put_policy, .remove = remove_policy };

/* --- src_valid_mark: a source is looked for as a packet with that mark would be sent to it --- */

static bool prepare_mark(struct kp_flow *f, const void *what)
{
	int rtnl = kp_nl_socket(f->ctx, f->res, NETLINK_ROUTE), rc;

	(void)what;
	if (rtnl < 0)
		return false;
	rc = kp_flow_sysctl("ipv4/conf/all/rp_filter", "1");
	if (!rc)
		rc = kp_tc_qdisc_add(f->ctx, rtnl, KP_POD_IF, &kp_tc_ingress);
	if (!rc)
		rc = kp_tc_filter_add(f->ctx, rtnl, KP_POD_IF, &kp_tc_skbedit, 0);
	if (!rc)
		rc = kp_flow_by_mark(f->ctx, false, SKB_MARK, true);
	if (rc)
		kp_flow_stuck(f, "control", rc);
	return !rc;
}

static bool put_mark(struct kp_flow *f, const void *what)
{
	int rc = kp_flow_sysctl("ipv4/conf/all/src_valid_mark", kp_sabotaged(f->ctx) ? "0" : "1");

	(void)what;
	if (rc)
		kp_fail(f->ctx, f->res, "src_valid_mark", KP_CALL_PLAIN, -rc);
	return !rc;
}

static void remove_mark(struct kp_flow *f, const void *what)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(f->ctx, &ignored, NETLINK_ROUTE);

	(void)what;
	kp_flow_sysctl("ipv4/conf/all/src_valid_mark", "0");
	kp_flow_sysctl("ipv4/conf/all/rp_filter", "0");
	kp_flow_by_mark(f->ctx, false, SKB_MARK, false);
	if (rtnl >= 0)
		kp_tc_clear(f->ctx, rtnl, KP_POD_IF);
}

static const struct kp_flow_object by_mark = { .prepare = prepare_mark, .put = put_mark, .remove = remove_mark };

/* clang-format off */
#define UDP(from, to) .send = { .proto = IPPROTO_UDP, .src = from, .dst = to, .dport = 7777 }
#define AT_FAR { .at = KP_AT_FAR }
#define AT_POD { .at = KP_AT_POD }
#define LOST { .at = KP_LOST }
#define POLICY(six) \
	.by = &kp_flow_through, .arg = &(const struct kp_flow_arg){ .v6 = six, .by = &by_policy, .steps = KP_STEPS( \
		{ KP_AT_POD, UDP(KP_POD, KP_SERVICE), .without = AT_FAR, .with = AT_POD }, \
		{ KP_AT_POD, UDP(KP_POD, KP_FAR2), .without = AT_FAR, .with = AT_FAR }, \
		{ KP_AT_NODE, UDP(KP_UPLINK, KP_SERVICE), .without = AT_FAR, .with = AT_FAR }) }
#define V4 "link.veth flow.route.control.positive"

static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow.route", KP_FLOW_KCONFIG),

	{ .id = "flow.route.policy.ipv4", .title = "not fwmark 0x100000 by table 1, a throw route in it: as WireGuard is kept out of itself",
	  .kconfig = "CONFIG_IP_MULTIPLE_TABLES", .since = "2.6.25", .needs = V4 " route.rule.fwmark-invert.inet route.throw.inet", POLICY(false) },
	{ .id = "flow.route.policy.ipv6", .title = "the same for IPv6", .kconfig = "CONFIG_IPV6_MULTIPLE_TABLES", .since = "3.7",
	  .needs = "flow.node.ipv6 route.rule.fwmark-invert.inet6 route.throw.inet6", POLICY(true) },
	{ .id = "flow.route.ecmp.ipv4", .title = "two next hops: flows are spread over both, each stays where it is",
	  .kconfig = "CONFIG_IP_ROUTE_MULTIPATH", .since = "4.12", .needs = V4 " route.multipath.inet", .by = &kp_flow_by_ecmp, .arg = &(const bool){ false } },
	{ .id = "flow.route.ecmp.ipv6", .title = "two next hops of IPv6: flows are spread over both, each stays where it is",
	  .kconfig = "CONFIG_IPV6", .since = "4.18", .needs = "flow.node.ipv6 route.multipath.inet6", .by = &kp_flow_by_ecmp, .arg = &(const bool){ true } },
	{ .id = "flow.route.tbf", .title = "a token bucket lets through what it may, holds some and drops the rest", .modules = "sch_tbf",
	  .kconfig = "CONFIG_NET_SCH_TBF", .since = "2.6.25", .needs = V4 " tc.qdisc.tbf", .by = &kp_flow_by_tbf },
	{ .id = "flow.route.proxy_arp", .title = "proxy_arp=1 answers for addresses behind the node", .since = "2.6.25", .needs = V4, .by = &kp_flow_by_arp },
	{ .id = "flow.route.route_localnet", .title = "route_localnet=1 takes packets to 127.0.0.1 from a pod", .since = "3.6", .needs = V4,
	  .by = &kp_flow_by_localnet },
	{ .id = "flow.route.src_valid_mark", .title = "src_valid_mark=1: rp_filter looks with the packet's mark",
	  .modules = "sch_ingress cls_u32 act_skbedit", .since = "2.6.33", .needs = V4 " route.rule.fwmark-invert.inet tc.action.skbedit",
	  .by = &kp_flow_through, .arg = &(const struct kp_flow_arg){ .by = &by_mark, .steps = KP_STEPS(
		{ KP_AT_POD, UDP(KP_FAR2, KP_FAR), .without = LOST, .with = AT_POD }) } },
};
/* clang-format on */

const struct kp_family kp_family_flow_route = {
	.name = "flow.route",
	.title = "Packets by routes, rules and settings",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "",
};
