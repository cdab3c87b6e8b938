/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The node itself: that packets go through it, and what its own settings do to them. */
#include "flow.h"

#include <errno.h>
#include <linux/if_ether.h>

#include "families.h"

#ifdef KP_SELFTEST
bool kp_sabotaged(const struct kp_ctx *ctx)
{
	return ctx->env->flags & KP_SABOTAGE;
}
#endif

/* --- sysctls --- */

struct sysctl {
	const char *path, *value, *back;
};

static bool put_sysctl(struct kp_flow *f, const void *what)
{
	const struct sysctl *s = what;
	int rc = kp_flow_sysctl(s->path, kp_sabotaged(f->ctx) ? s->back : s->value);

	if (rc)
		kp_fail(f->ctx, f->res, s->path, KP_CALL_PLAIN, -rc);
	return !rc;
}

static void remove_sysctl(struct kp_flow *f, const void *what)
{
	const struct sysctl *s = what;

	(void)f;
	kp_flow_sysctl(s->path, s->back);
}

static const struct kp_flow_object by_sysctl = { .put = put_sysctl, .remove = remove_sysctl };

const struct kp_method kp_flow_through = {
	.run = kp_flow_run,
	.asks = KP_FLOW_ASKS,
	.proves = KP_FLOW_PROVES,
	.rules = (const struct kp_rule[]){ { ENOENT, KP_ABSENT, "there is no such setting" }, { 0 } },
	.gate = KP_FLOW_GATE,
};

/* The negative control: a martian (net/ipv4/fib_frontend.c, __fib_validate_source()) must come out nowhere. */
static void run_negative(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_flow_run(ctx, row, res);
	if (res->outcome == KP_WORKS)
		kp_absent(res, "packet", "it came out nowhere, as it must");
	else if (res->outcome == KP_UNKNOWN && res->err == 0)
		kp_works(res, "packet");
}

const struct kp_method kp_flow_negative = {
	.run = run_negative,
	.asks = "a packet that no kernel forwards: it comes in with the node's own address as its source",
	.proves = "absent: it came out at neither end; anything else contradicts",
	.gate = KP_FLOW_GATE,
};

/* clang-format off */
#define UDP(from, to) .send = { .proto = IPPROTO_UDP, .src = from, .dst = to, .dport = 7777 }
#define THROUGH { .at = KP_AT_FAR, { .ttl = 63 } }
#define LOST { .at = KP_LOST }
#define FLOW(...) .by = &kp_flow_through, .arg = &(const struct kp_flow_arg){ __VA_ARGS__ }
#define SYSCTL(six, p, on, off, ...)                                                                                              \
	.since = "2.6.25", .needs = six ? "flow.node.ipv6" : "link.veth flow.control.positive",                                              \
	FLOW(.v6 = six, .by = &by_sysctl, .what = &(const struct sysctl){ p, on, off }, .steps = KP_STEPS(__VA_ARGS__))

const struct kp_flow_arg kp_flow_martian = {
	.steps = KP_STEPS({ KP_AT_POD, UDP(KP_NODE, KP_FAR), .without = LOST }) };
const struct kp_flow_arg kp_flow_plain = {
	.steps = KP_STEPS({ KP_AT_POD, UDP(KP_POD, KP_FAR), .without = THROUGH }) };

static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow", KP_FLOW_KCONFIG),
	{ .id = "flow.node.ipv6", .title = "an IPv6 packet through the node", .since = "2.6.29", .needs = "link.veth route.replace.inet6 flow.control.positive",
	  .kconfig = "CONFIG_IPV6", FLOW(.v6 = true, .steps = KP_STEPS({ KP_AT_POD, UDP(KP_POD, KP_FAR), .without = THROUGH })) },
	{ .id = "flow.sysctl.ip_forward", .title = "net.ipv4.ip_forward=0 stops forwarding",
	  SYSCTL(false, "ipv4/ip_forward", "0", "1", { KP_AT_POD, UDP(KP_POD, KP_FAR), .without = THROUGH, .with = LOST }) },
	{ .id = "flow.sysctl.rp_filter", .title = "net.ipv4.conf.all.rp_filter=1 drops a source of another device",
	  SYSCTL(false, "ipv4/conf/all/rp_filter", "1", "0",
		 { KP_AT_POD, UDP(KP_FAR2, KP_FAR), .without = THROUGH, .with = LOST },
		 { KP_AT_POD, UDP(KP_POD, KP_FAR), .without = THROUGH, .with = THROUGH }) },
	{ .id = "flow.sysctl.ipv6.forwarding", .title = "net.ipv6.conf.all.forwarding=0 stops forwarding",
	  SYSCTL(true, "ipv6/conf/all/forwarding", "0", "1", { KP_AT_POD, UDP(KP_POD, KP_FAR), .without = THROUGH, .with = LOST }) },
};
/* clang-format on */

const struct kp_family kp_family_flow = {
	.name = "flow",
	.title = "Packets through a node",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "",
};
