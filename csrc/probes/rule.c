/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Methods about policy routing: rules, and the lookups they steer. */
#include <errno.h>

#include "route.h"

#include <linux/fib_rules.h>

#define PRIORITY 99
#define MARK 0x100000u
#define TABLE 1

/* One rule of a dump: what it must have, and whether it was there. */
struct rule {
	uint8_t family;
	uint32_t priority;
	uint32_t table;
	uint32_t mark;
	uint32_t flags;
	bool found;
	bool differs;
};

static uint32_t rule_u32(const struct nlmsghdr *msg, uint16_t type, uint32_t otherwise)
{
	size_t len = 0;
	const void *p = kp_nl_attr(msg, sizeof(struct fib_rule_hdr), type, &len);

	return p && len >= 4 ? kp_get_u32(p) : otherwise;
}

/* Priority and mark are left out of a dump where they are 0. */
static bool see(const struct nlmsghdr *msg, void *arg)
{
	const struct fib_rule_hdr *h = kp_route_header(msg, sizeof(*h));
	struct rule *r = arg;

	if (!h || msg->nlmsg_type != RTM_NEWRULE || h->family != r->family || rule_u32(msg, FRA_PRIORITY, 0) != r->priority)
		return true;
	r->found = true;
	r->differs = h->action != FR_ACT_TO_TBL || rule_u32(msg, FRA_TABLE, h->table) != r->table ||
		     rule_u32(msg, FRA_FWMARK, 0) != r->mark || rule_u32(msg, FRA_FWMASK, 0) != r->mark ||
		     (h->flags & FIB_RULE_INVERT) != r->flags;
	return !r->differs;
}

/* Answers the row and returns false when @r is not in the kernel's dump. */
static bool check(struct kp_ctx *ctx, struct kp_result *res, int rtnl, struct rule *r, const char *missing)
{
	int rc = kp_route_dump(ctx, rtnl, RTM_GETRULE, r->family, sizeof(struct fib_rule_hdr), see, r);

	if (rc < 0)
		kp_route_fail(ctx, res, "dump rules", r->family, -rc);
	else if (!r->found)
		kp_broken(res, "dump rules", missing);
	else if (r->differs)
		kp_broken(res, "dump rules", "a rule came back with another mark, mask, table or action, or without its inversion");
	return !rc && r->found && !r->differs;
}

/* A new namespace has the kernel's own rules: local first, main next to last. */
static void run_rules(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	struct rule local = { .family = r->family, .priority = 0, .table = RT_TABLE_LOCAL };
	struct rule main = { .family = r->family, .priority = 32766, .table = RT_TABLE_MAIN };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);

	if (rtnl >= 0 && check(ctx, res, rtnl, &local, "the rule for table local is missing") &&
	    check(ctx, res, rtnl, &main, "the rule for table main is missing"))
		kp_works(res, "dump rules");
}

/* Without rules: EOPNOTSUPP, where only this family lacks them: EAFNOSUPPORT (net/core/fib_rules.c, fib_nl_dumprule()). */
static const struct kp_rule rules_rules[] = {
	{ EAFNOSUPPORT, KP_ABSENT, "no policy routing for this address family" },
	{ EOPNOTSUPP, KP_ABSENT, "no policy routing in this kernel" },
	{ 0 },
};

const struct kp_method kp_route_by_rules = {
	.run = run_rules,
	.asks = "RTM_GETRULE dumps",
	.proves = "works: the dump has the kernel's own rules for the tables local and main; absent: EAFNOSUPPORT or EOPNOTSUPP; "
		  "broken: they are missing",
	.rules = rules_rules,
};

static int send_rule(struct kp_ctx *ctx, int rtnl, uint16_t type, uint16_t flags, uint8_t family)
{
	struct fib_rule_hdr h = { .family = family, .table = TABLE, .action = FR_ACT_TO_TBL, .flags = FIB_RULE_INVERT };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, type, flags | NLM_F_ACK, &h, sizeof(h));
	kp_nl_u32(&b, FRA_PRIORITY, PRIORITY);
	kp_nl_u32(&b, FRA_FWMARK, MARK);
	kp_nl_u32(&b, FRA_FWMASK, MARK);
	kp_nl_u32(&b, FRA_TABLE, TABLE);
	return kp_nl_talk(ctx, rtnl, &b);
}

/* Adds what table 1 and main have for one prefix, reads it back, and asks where packets without and with the mark would go. */
static void steer(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r)
{
	struct rule rule = { .family = r->family, .priority = PRIORITY, .table = TABLE, .mark = MARK, .flags = FIB_RULE_INVERT };
	struct kp_route first = *r, second = *r, fallback = *r;
	uint8_t unmarked, marked;

	first.table = TABLE;
	/* Behind a throw route: where a lookup would end, were it not thrown out of the table. */
	second.table = TABLE;
	second.type = RTN_PROHIBIT;
	second.metric = 5000;
	fallback.type = RTN_BLACKHOLE;
	if (!check(ctx, res, rtnl, &rule, "the rule is missing") ||
	    !kp_route_add(ctx, res, rtnl, &first, 0, NLM_F_CREATE | NLM_F_EXCL, "add to table 1") ||
	    !kp_route_check(ctx, res, rtnl, &first, 0) ||
	    (r->type == RTN_THROW &&
	     !kp_route_add(ctx, res, rtnl, &second, 0, NLM_F_CREATE | NLM_F_EXCL, "add second to table 1")) ||
	    !kp_route_add(ctx, res, rtnl, &fallback, 0, NLM_F_CREATE | NLM_F_EXCL, "add to main") ||
	    !kp_route_check(ctx, res, rtnl, &fallback, 0) || !kp_route_lookup(ctx, res, rtnl, r, 0, &unmarked) ||
	    !kp_route_lookup(ctx, res, rtnl, r, MARK, &marked))
		return;
	if (r->type == RTN_THROW && unmarked != RTN_BLACKHOLE)
		kp_broken(res, "lookup", "a lookup that meets the throw route does not go on to the next rule");
	else if (r->type != RTN_THROW && unmarked != r->type)
		kp_broken(res, "lookup", "an unmarked packet would not take the table that the inverted rule sends it to");
	else if (marked != RTN_BLACKHOLE)
		kp_broken(res, "lookup", "a marked packet would take the table that the inverted rule keeps it from");
	else
		kp_works(res, "lookup");
}

/*
 * Keeping encrypted packets out of the tunnel: "not fwmark M/M lookup 1", and in table 1 throw routes for what is not to be
 * tunnelled. Which route a lookup ends at shows by its type, so this needs no device. The rule is deleted again: it would steer
 * later rows' lookups.
 */
static void run_policy(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_route *r = row->arg;
	struct rule gone = { .family = r->family, .priority = PRIORITY };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;

	if (rtnl < 0)
		return;
	rc = send_rule(ctx, rtnl, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, r->family);
	if (rc < 0) {
		kp_route_fail(ctx, res, "add rule", r->family, -rc);
		return;
	}
	steer(ctx, res, rtnl, r);
	rc = send_rule(ctx, rtnl, RTM_DELRULE, 0, r->family);
	if (res->outcome != KP_WORKS)
		return;
	if (rc < 0) {
		kp_route_fail(ctx, res, "delete rule", r->family, -rc);
		return;
	}
	rc = kp_route_dump(ctx, rtnl, RTM_GETRULE, r->family, sizeof(struct fib_rule_hdr), see, &gone);
	if (rc < 0)
		kp_route_fail(ctx, res, "dump rules", r->family, -rc);
	else if (gone.found)
		kp_broken(res, "delete rule", "the rule is there after its deletion");
}

const struct kp_method kp_route_by_policy = {
	.run = run_policy,
	.asks = "RTM_NEWRULE (priority 99, not fwmark 0x100000/0x100000, table 1), RTM_NEWROUTE for one prefix into table 1 "
		"and, a blackhole, into main (and behind a throw route a prohibit one), dumps, lookups without and with the "
		"mark, RTM_DELRULE",
	.proves = "works: rule and routes read back as they were asked for, unmarked lookups go to table 1 (and past a throw route "
		  "there on to main), marked ones to main; broken: they do not",
	.rules = rules_rules,
	.gate = KP_CAP_NET_ADMIN,
};
