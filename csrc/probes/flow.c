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

static const struct kp_flow_object by_sysctl = { put_sysctl, remove_sysctl };

const struct kp_method kp_flow_through = {
	.run = kp_flow_run,
	.asks = "packets from one end of a node made for it to the other, without what is asked for and with it, each followed by "
		"an echo request, whose answer says that the packet will not come any more",
	.proves = "works: each fares as it must both times; broken: one does not with it; unknown: one does not without it",
	.rules = (const struct kp_rule[]){ { EROFS, KP_DENIED, "/proc/sys is mounted read-only here: run as root on the node" },
					   { ENOENT, KP_ABSENT, "there is no such setting" },
					   { 0 } },
	.gate = KP_CAP_NET_ADMIN | KP_CAP_NET_RAW,
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
	.gate = KP_CAP_NET_ADMIN | KP_CAP_NET_RAW,
};

/* clang-format off */
#define UDP(...) { .proto = IPPROTO_UDP, __VA_ARGS__ }
#define THROUGH { .at = KP_AT_FAR }
#define LOST { .at = KP_LOST }
#define SYSCTL(...) .by = &by_sysctl, .what = &(const struct sysctl){ __VA_ARGS__ }
#define FLOW(...) .by = &kp_flow_through, .arg = &(const struct kp_flow_arg){ __VA_ARGS__ }
#define NODE .needs = "flow.control.positive", .since = "2.6.25"

static const struct kp_probe rows[] = {
	{ .id = "flow.control.negative", .title = "a packet with the node's own address as its source", .control = KP_NEGATIVE, .by = &kp_flow_negative,
	  .arg = &(const struct kp_flow_arg){
		.steps = { { KP_AT_POD, .send = UDP(.src = KP_NODE, .dst = KP_FAR, .dport = 7777), .without = LOST } } } },
	{ .id = "flow.control.positive", .title = "an IPv4 packet through the node", .control = KP_POSITIVE, .by = &kp_flow_through,
	  .modules = "veth af_packet", .kconfig = "CONFIG_VETH CONFIG_PACKET",
	  .arg = &(const struct kp_flow_arg){
		.steps = { { KP_AT_POD, .send = UDP(.src = KP_POD, .dst = KP_FAR, .dport = 7777),
			     .without = { KP_AT_FAR, { .ttl = 63 } } } } } },
	{ .id = "flow.node.ipv6", .title = "an IPv6 packet through the node", NODE, .kconfig = "CONFIG_IPV6",
	  FLOW(.v6 = true, .steps = { { KP_AT_POD, .send = UDP(.src = KP_POD, .dst = KP_FAR, .dport = 7777),
			     .without = { KP_AT_FAR, { .ttl = 63 } } } }) },
	{ .id = "flow.sysctl.ip_forward", .title = "net.ipv4.ip_forward=0 stops forwarding", NODE,
	  FLOW(SYSCTL("ipv4/ip_forward", "0", "1"),
	       .steps = { { KP_AT_POD, .send = UDP(.src = KP_POD, .dst = KP_FAR, .dport = 7777), .without = THROUGH, .with = LOST } }) },
	{ .id = "flow.sysctl.rp_filter", .title = "net.ipv4.conf.all.rp_filter=1 drops a source of another device", NODE,
	  FLOW(SYSCTL("ipv4/conf/all/rp_filter", "1", "0"),
	       .steps = { { KP_AT_POD, .send = UDP(.src = KP_FAR2, .dst = KP_FAR, .dport = 7777), .without = THROUGH, .with = LOST },
			  { KP_AT_POD, .send = UDP(.src = KP_POD, .dst = KP_FAR, .dport = 7777), .without = THROUGH, .with = THROUGH } }) },
	{ .id = "flow.sysctl.ipv6.forwarding", .title = "net.ipv6.conf.all.forwarding=0 stops forwarding", .needs = "flow.node.ipv6", .since = "2.6.29",
	  FLOW(SYSCTL("ipv6/conf/all/forwarding", "0", "1"), .v6 = true,
	       .steps = { { KP_AT_POD, .send = UDP(.src = KP_POD, .dst = KP_FAR, .dport = 7777), .without = THROUGH, .with = LOST } }) },
};
/* clang-format on */

const struct kp_family kp_family_flow = {
	.name = "flow",
	.title = "Packets through a node",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "",
};
