/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What is counted: flows over two next hops, a token bucket's queue. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "flow_route.h"
#include "tc.h"

#define FLOWS 32u

/* --- two next hops --- */

static int two_ways(struct kp_flow *f, bool on)
{
	static const struct {
		uint8_t gateway;
		int oif;
	} hop[2] = { { KP_POD2, KP_POD_IF }, { KP_FAR2, KP_FAR_IF } };
	const struct rtmsg rtm = {
		.rtm_family = f->v6 ? AF_INET6 : AF_INET,
		.rtm_dst_len = f->v6 ? 128 : 32,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = RTN_UNICAST,
	};
	size_t len = f->v6 ? 16 : 4, nest;
	int rtnl = kp_nl_socket(f->ctx, &(struct kp_result){ 0 }, NETLINK_ROUTE);
	struct kp_nlbuf b;

	if (rtnl < 0)
		return rtnl;
	kp_nl_init(&b);
	kp_nl_msg(f->ctx, &b, on ? RTM_NEWROUTE : RTM_DELROUTE, NLM_F_ACK | (on ? NLM_F_CREATE | NLM_F_EXCL : 0), &rtm,
		  sizeof(rtm));
	kp_nl_put(&b, RTA_DST, kp_flow_addr(KP_SERVICE, f->v6), len);
	nest = kp_nl_nest(&b, RTA_MULTIPATH);
	for (unsigned int i = 0; i < 2; i++) {
		const struct rtnexthop nh = { .rtnh_len = (unsigned short)(sizeof(nh) + NLA_HDRLEN + len),
					      .rtnh_ifindex = hop[i].oif };

		kp_nl_raw(&b, &nh, sizeof(nh));
		kp_nl_put(&b, RTA_GATEWAY, kp_flow_addr(hop[i].gateway, f->v6), len);
	}
	kp_nl_end(&b, nest);
	return kp_nl_talk(f->ctx, rtnl, &b);
}

/* Sends FLOWS flows; @at[i]: where the i-th came out. Returns 0 or -errno. */
static int send_flows(struct kp_flow *f, uint8_t *at)
{
	for (unsigned int i = 0; i < FLOWS; i++) {
		int rc;

		f->sent = (struct kp_pkt){
			.proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_SERVICE, .sport = (uint16_t)(42000 + 7 * i), .dport = 7777
		};
		rc = kp_flow_send(f, KP_AT_POD, NULL);
		if (rc)
			return rc;
		at[i] = f->n_heard == 1 ? f->heard[0].at : KP_LOST;
	}
	return 0;
}

static unsigned int count(const uint8_t *at, uint8_t want)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FLOWS; i++)
		n += at[i] == want;
	return n;
}

static void tell_flows(char *text, const char *expected, const uint8_t *at)
{
	text[0] = '\0';
	kp_cat_number(text, KP_TEXT, "sent ", FLOWS, " udp flows pod > service, expected ");
	kp_cat(text, KP_TEXT, expected);
	kp_cat_number(text, KP_TEXT, "; came ", count(at, KP_AT_POD), " by the first next hop, ");
	kp_cat_number(text, KP_TEXT, "", count(at, KP_AT_FAR), " by the second");
}

static void run_ecmp(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_flow f = { .ctx = ctx, .res = res, .v6 = *(const bool *)row->arg };
	const char *policy = f.v6 ? "ipv6/fib_multipath_hash_policy" : "ipv4/fib_multipath_hash_policy";
	uint8_t at[FLOWS], again[FLOWS];
	char text[KP_TEXT];
	int rc;

	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res))
		return;
	rc = kp_flow_sysctl(policy, kp_sabotaged(ctx) ? "0" : "1"); /* 1: ports count; 0: addresses only */
	if (rc)
		return kp_fail(ctx, res, policy, KP_CALL_PLAIN, -rc);
	rc = send_flows(&f, at);
	if (rc)
		return kp_flow_stuck(&f, "control", rc);
	tell_flows(text, "all by the default route's", at);
	if (count(at, KP_AT_FAR) != FLOWS)
		return kp_unknown(res, "control", text);
	rc = two_ways(&f, true);
	if (rc)
		return kp_fail(ctx, res, "route with two next hops", KP_CALL_PLAIN, -rc);
	rc = send_flows(&f, at);
	if (!rc)
		rc = send_flows(&f, again);
	two_ways(&f, false);
	if (rc)
		return kp_flow_stuck(&f, "packet", rc);
	kp_detail_u(res, "first", count(at, KP_AT_POD));
	kp_detail_u(res, "second", count(at, KP_AT_FAR));
	if (!count(at, KP_AT_POD) || !count(at, KP_AT_FAR) || count(at, KP_LOST)) {
		tell_flows(text, "some by each of two", at);
		return kp_broken(res, "packet", text);
	}
	tell_flows(text, "the second packet of each by the same as the first", again);
	if (memcmp(at, again, sizeof(at)))
		return kp_broken(res, "packet", text);
	kp_works(res, "packet");
}

const struct kp_method kp_flow_by_ecmp = {
	.run = run_ecmp,
	.asks = "fib_multipath_hash_policy=1; 32 UDP flows, each of another source port, without a route of two next hops, and "
		"twice with it",
	.proves = "works: without it all come by one, with it some by each and each flow twice by the same; broken: they do not",
	.rules = (const struct kp_rule[]){ { ENOENT, KP_ABSENT, "there is no such setting" }, { 0 } },
	.gate = KP_FLOW_GATE,
};

/* --- token bucket: by its counters, not by a stopwatch --- */

enum { KP_TCA_TBF_PARMS = 1, KP_TCA_TBF_RTAB = 2, KP_TCA_STATS2 = 7, KP_TCA_STATS_QUEUE = 3 };

/*
 * 500 bytes a second: of packets of 1414 bytes none is earned while the row runs. One fits the bucket, two the queue. Slower it cannot
 * be: of a bucket's depth the kernel keeps 32 bits of nanoseconds (net/sched/sch_tbf.c, tbf_change()).
 */
#define PACKET 1400u
#define PACKETS 6u
#define RATE 500u
#define BURST 1600u
#define LIMIT 3000u
#define PLENTY 12500000u
#define PLENTY_BURST 131072u

struct tbf {
	struct kp_tc_rate rate, peakrate;
	uint32_t limit, buffer, mtu;
};

static void put_rate(struct kp_nlbuf *b, uint32_t rate, uint32_t burst, uint32_t limit)
{
	const struct tbf tbf = {
		.rate = { .cell_log = KP_TC_CELL_LOG, .linklayer = KP_TC_ETHERNET, .cell_align = -1, .rate = rate },
		.limit = limit,
		.buffer = KP_TC_TICKS(burst, rate),
	};

	kp_nl_put(b, KP_TCA_TBF_PARMS, &tbf, sizeof(tbf));
	kp_tc_rtab(b, KP_TCA_TBF_RTAB, rate);
}

static void put_little(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	put_rate(b, RATE, BURST, LIMIT);
}

static void put_plenty(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	put_rate(b, PLENTY, PLENTY_BURST, PLENTY_BURST);
}

struct queue {
	uint32_t qlen, backlog, drops, requeues, overlimits;
	bool any;
};

static bool take_queue(const struct nlmsghdr *msg, void *arg)
{
	const struct tcmsg *t = NLMSG_DATA(msg);
	struct queue *q = arg;
	size_t len, n;
	const void *stats = kp_nl_attr(msg, sizeof(*t), KP_TCA_STATS2, &len);
	const void *queue = stats ? kp_nl_find(stats, len, KP_TCA_STATS_QUEUE, &n) : NULL;

	if (t->tcm_ifindex != KP_FAR_IF || t->tcm_handle != KP_TC_ROOT_HANDLE || !queue || n < 20)
		return true;
	memcpy(q, queue, 20);
	q->any = true;
	return true;
}

/* Returns how many came out, or -errno. */
static int send_packets(struct kp_flow *f)
{
	int n = 0;

	for (unsigned int i = 0; i < PACKETS; i++) {
		int rc;

		f->sent = (struct kp_pkt){ .proto = IPPROTO_UDP,
					   .src = KP_POD,
					   .dst = KP_FAR,
					   .sport = (uint16_t)(43000 + i),
					   .dport = 7777,
					   .len = PACKET };
		rc = kp_flow_send(f, KP_AT_POD, NULL);
		if (rc)
			return rc;
		n += f->n_heard == 1 && f->heard[0].at == KP_AT_FAR;
	}
	return n;
}

static void run_tbf(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_tc_arg little = {
		.kind = "tbf", .parent = KP_TC_ROOT, .handle = KP_TC_ROOT_HANDLE, .options = put_little
	};
	static const struct kp_tc_arg plenty = {
		.kind = "tbf", .parent = KP_TC_ROOT, .handle = KP_TC_ROOT_HANDLE, .options = put_plenty
	};
	struct kp_flow f = { .ctx = ctx, .res = res };
	const struct tcmsg all = { .tcm_ifindex = KP_FAR_IF };
	struct queue q = { 0 };
	char text[KP_TEXT] = "";
	struct kp_nlbuf b;
	int rtnl, rc, came;

	(void)row;
	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res))
		return;
	rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);
	if (rtnl < 0)
		return;
	came = send_packets(&f);
	if (came != PACKETS)
		return kp_flow_stuck(&f, "control", came < 0 ? came : -ETIMEDOUT);
	rc = kp_tc_qdisc_add(ctx, rtnl, KP_FAR_IF, kp_sabotaged(ctx) ? &plenty : &little);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWQDISC", KP_CALL_PLAIN, -rc);
	came = send_packets(&f);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETQDISC, NLM_F_DUMP, &all, sizeof(all));
	rc = kp_nl_query(ctx, rtnl, &b, take_queue, &q);
	kp_tc_clear(ctx, rtnl, KP_FAR_IF);
	if (came < 0)
		return kp_flow_stuck(&f, "packet", came);
	if (rc || !q.any)
		return kp_fail(ctx, res, "RTM_GETQDISC", KP_CALL_PLAIN, rc ? -rc : ENOENT);
	kp_detail_u(res, "through", (unsigned int)came);
	kp_detail_u(res, "held", q.qlen);
	kp_detail_u(res, "dropped", q.drops);
	/* Or more: what the node says of itself by that device (IPv6's listener reports) is held or dropped with ours. */
	if (came == 1 && q.qlen >= 2 && q.drops >= PACKETS - 3 && q.overlimits)
		return kp_works(res, "packet");
	kp_cat_number(text, KP_TEXT, "sent ", PACKETS, " udp of 1400 bytes, expected 1 through, 2 held, 3 dropped; ");
	kp_cat_number(text, KP_TEXT, "came ", (unsigned int)came, ", ");
	kp_cat_number(text, KP_TEXT, "", q.qlen, " held, ");
	kp_cat_number(text, KP_TEXT, "", q.drops, " dropped");
	kp_broken(res, "packet", text);
}

const struct kp_method kp_flow_by_tbf = {
	.run = run_tbf,
	.asks = "6 UDP packets of 1400 bytes through the node, without and with a token bucket for 1600 bytes with room for "
		"3000 on its far device; RTM_GETQDISC",
	.proves = "works: without it all come, with it one, two are held and three dropped, by its own counters; broken: others",
	.rules = kp_tc_rules,
	.gate = KP_FLOW_GATE,
};
