/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Queueing disciplines, each with an option or two that must be told again. On lo, which every namespace has. */
#include "tc.h"

#include <errno.h>
#include <string.h>

/* include/uapi/linux/pkt_sched.h */
enum {
	KP_TCA_TBF_PARMS = 1,
	KP_TCA_TBF_RTAB = 2,
	KP_TCA_TBF_PTAB = 3,
	KP_TCA_HTB_PARMS = 1,
	KP_TCA_HTB_INIT = 2,
	KP_TCA_HTB_CTAB = 3,
	KP_TCA_HTB_RTAB = 4,
	KP_TCA_FQ_PLIMIT = 1,
	KP_TCA_FQ_CODEL_LIMIT = 2,
	KP_HTB_VERSION = 3,
};

struct tbf {
	struct kp_tc_rate rate, peakrate;
	uint32_t limit, buffer, mtu;
};

struct htb_glob {
	uint32_t version, rate2quantum, defcls, debug, direct_pkts;
};

struct htb_class {
	struct kp_tc_rate rate, ceil;
	uint32_t buffer, cbuffer, quantum, level, prio;
};

struct netem {
	uint32_t latency, limit, loss, gap, duplicate, jitter;
};

/* 100 Mbit/s and 200 Mbit/s. A burst below lo's MTU of 65536 would be a warning in the kernel log. */
#define RATE 12500000u
#define PEAK 25000000u
#define BURST 131072u
#define RATESPEC(r) { .cell_log = KP_TC_CELL_LOG, .linklayer = KP_TC_ETHERNET, .cell_align = -1, .rate = (r) }

static const struct tbf tbf = { .rate = RATESPEC(RATE), .limit = 1048576, .buffer = KP_TC_TICKS(BURST, RATE) };
static const struct tbf tbf_peak = {
	.rate = RATESPEC(RATE),
	.peakrate = RATESPEC(PEAK),
	.limit = 1048576,
	.buffer = KP_TC_TICKS(BURST, RATE),
	.mtu = KP_TC_TICKS(BURST, PEAK),
};

static void put_tbf(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_put(b, KP_TCA_TBF_PARMS, &tbf, sizeof(tbf));
	kp_tc_rtab(b, KP_TCA_TBF_RTAB, RATE);
}

static void put_tbf_peak(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_put(b, KP_TCA_TBF_PARMS, &tbf_peak, sizeof(tbf_peak));
	kp_tc_rtab(b, KP_TCA_TBF_RTAB, RATE);
	kp_tc_rtab(b, KP_TCA_TBF_PTAB, PEAK);
}

/* A tick is 64 ns, and the kernel computes in ns: what is told may be a tick off. */
static bool near(uint32_t a, uint32_t b)
{
	return a == b || a + 1 == b || a == b + 1;
}

static const char *check_tbf_as(const void *options, size_t len, const struct tbf *want)
{
	size_t n;
	const void *p = kp_nl_find(options, len, KP_TCA_TBF_PARMS, &n);
	struct tbf got;

	if (!p || n < sizeof(got))
		return "it is told without its parameters";
	memcpy(&got, p, sizeof(got));
	if (got.rate.rate != want->rate.rate || got.peakrate.rate != want->peakrate.rate)
		return "not the rate that was set";
	if (got.limit != want->limit)
		return "not the limit that was set";
	return near(got.buffer, want->buffer) && near(got.mtu, want->mtu) ? NULL : "not the burst that was set";
}

static const char *check_tbf(const void *options, size_t len)
{
	return check_tbf_as(options, len, &tbf);
}

static const char *check_tbf_peak(const void *options, size_t len)
{
	return check_tbf_as(options, len, &tbf_peak);
}

static void put_htb(struct kp_nlbuf *b, uint32_t value)
{
	const struct htb_glob glob = { .version = KP_HTB_VERSION, .rate2quantum = 10, .defcls = 0x10 };

	(void)value;
	kp_nl_put(b, KP_TCA_HTB_INIT, &glob, sizeof(glob));
}

static const char *check_htb(const void *options, size_t len)
{
	size_t n;
	const void *p = kp_nl_find(options, len, KP_TCA_HTB_INIT, &n);
	struct htb_glob got;

	if (!p || n < sizeof(got))
		return "it is told without its parameters";
	memcpy(&got, p, sizeof(got));
	return got.defcls == 0x10 && got.rate2quantum == 10 ? NULL : "not the default class that was set";
}

static void put_fq(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_u32(b, KP_TCA_FQ_PLIMIT, 5000);
}

static const char *check_fq(const void *options, size_t len)
{
	const void *p = kp_nl_find(options, len, KP_TCA_FQ_PLIMIT, NULL);

	return p && kp_get_u32(p) == 5000 ? NULL : "not the limit that was set";
}

static void put_fq_codel(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_u32(b, KP_TCA_FQ_CODEL_LIMIT, 2048);
}

static const char *check_fq_codel(const void *options, size_t len)
{
	const void *p = kp_nl_find(options, len, KP_TCA_FQ_CODEL_LIMIT, NULL);

	return p && kp_get_u32(p) == 2048 ? NULL : "not the limit that was set";
}

/* netem's options begin with the bare struct. */
static const struct netem netem = { .latency = 15625, .limit = 1234 }; /* 1 ms */

static void put_netem(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_raw(b, &netem, sizeof(netem));
}

static const char *check_netem(const void *options, size_t len)
{
	struct netem got;

	if (len < sizeof(got))
		return "it is told without its parameters";
	memcpy(&got, options, sizeof(got));
	return got.latency == netem.latency && got.limit == netem.limit ? NULL : "not the delay and limit that were set";
}

#define ROOT .parent = KP_TC_ROOT, .handle = KP_TC_ROOT_HANDLE
#define INGRESS .parent = KP_TC_INGRESS_PARENT, .handle = KP_TC_INGRESS_HANDLE

const struct kp_tc_arg kp_tc_qdisc_none = { .kind = "kpnone", ROOT };
const struct kp_tc_arg kp_tc_clsact = { .kind = "clsact", INGRESS };
const struct kp_tc_arg kp_tc_ingress = { .kind = "ingress", INGRESS };
const struct kp_tc_arg kp_tc_tbf = { .kind = "tbf", ROOT, .options = put_tbf, .check = check_tbf };
const struct kp_tc_arg kp_tc_tbf_peak = { .kind = "tbf", ROOT, .options = put_tbf_peak, .check = check_tbf_peak };
const struct kp_tc_arg kp_tc_htb = { .kind = "htb", ROOT, .options = put_htb, .check = check_htb };
const struct kp_tc_arg kp_tc_fq = { .kind = "fq", ROOT, .options = put_fq, .check = check_fq };
const struct kp_tc_arg kp_tc_fq_codel = { .kind = "fq_codel", ROOT, .options = put_fq_codel, .check = check_fq_codel };
const struct kp_tc_arg kp_tc_netem = { .kind = "netem", ROOT, .options = put_netem, .check = check_netem };

static void run_qdisc(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_tc_seen s = { .arg = row->arg, .ifindex = KP_TC_LO };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;

	if (rtnl < 0)
		return;
	kp_tc_clear(ctx, rtnl, KP_TC_LO);
	rc = kp_tc_qdisc_add(ctx, rtnl, KP_TC_LO, row->arg);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWQDISC", KP_CALL_PLAIN, -rc);
	rc = kp_tc_look(ctx, rtnl, false, &s);
	if (rc)
		return kp_fail(ctx, res, "RTM_GETQDISC", KP_CALL_PLAIN, -rc);
	kp_tc_clear(ctx, rtnl, KP_TC_LO);
	if (!s.any || s.wrong)
		return kp_broken(res, "RTM_GETQDISC", s.any ? s.wrong : "the qdisc that was made is not told");
	kp_works(res, "RTM_GETQDISC");
}

const struct kp_method kp_tc_by_qdisc = {
	.run = run_qdisc,
	.asks = "RTM_NEWQDISC on lo with the kind and options, RTM_GETQDISC of all, RTM_DELQDISC",
	.proves = "works: it is told with its handle, parent and options; absent: ENOENT, no such kind; broken: something else is "
		  "told",
	.rules = kp_tc_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* --- a class of htb --- */

static bool take_class(const struct nlmsghdr *msg, void *arg)
{
	const struct tcmsg *t = NLMSG_DATA(msg);
	struct kp_tc_seen *s = arg;
	struct htb_class got;
	size_t len;
	const void *p = kp_nl_attr(msg, sizeof(*t), TCA_OPTIONS, &len);

	if (t->tcm_ifindex != s->ifindex || t->tcm_handle != (KP_TC_ROOT_HANDLE | 0x10))
		return true;
	s->any = true;
	p = p ? kp_nl_find(p, len, KP_TCA_HTB_PARMS, &len) : NULL;
	if (!p || len < sizeof(got)) {
		s->wrong = "the class is told without its parameters";
		return true;
	}
	memcpy(&got, p, sizeof(got));
	if (got.rate.rate != RATE || got.ceil.rate != PEAK)
		s->wrong = "not the rate and the ceiling that were set";
	return true;
}

static void run_class(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	/* A quantum of its own, because the computed one would be big enough for a warning in the kernel log. */
	const struct htb_class class = {
		.rate = RATESPEC(RATE),
		.ceil = RATESPEC(PEAK),
		.buffer = KP_TC_TICKS(BURST, RATE),
		.cbuffer = KP_TC_TICKS(BURST, PEAK),
		.quantum = 60000,
	};
	const struct tcmsg t = { .tcm_ifindex = KP_TC_LO, .tcm_parent = KP_TC_ROOT_HANDLE, .tcm_handle = KP_TC_ROOT_HANDLE | 0x10 };
	const struct tcmsg all = { .tcm_ifindex = KP_TC_LO };
	struct kp_tc_seen s = { .ifindex = KP_TC_LO };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	struct kp_nlbuf b;
	size_t nest;

	if (rtnl < 0)
		return;
	kp_tc_clear(ctx, rtnl, KP_TC_LO);
	rc = kp_tc_qdisc_add(ctx, rtnl, KP_TC_LO, row->arg);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWQDISC", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWTCLASS, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	kp_nl_str(&b, TCA_KIND, "htb");
	nest = kp_nl_nest(&b, TCA_OPTIONS);
	kp_nl_put(&b, KP_TCA_HTB_PARMS, &class, sizeof(class));
	kp_tc_rtab(&b, KP_TCA_HTB_RTAB, RATE);
	kp_tc_rtab(&b, KP_TCA_HTB_CTAB, PEAK);
	kp_nl_end(&b, nest);
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWTCLASS", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETTCLASS, NLM_F_DUMP, &all, sizeof(all));
	rc = kp_nl_query(ctx, rtnl, &b, take_class, &s);
	if (rc)
		return kp_fail(ctx, res, "RTM_GETTCLASS", KP_CALL_PLAIN, -rc);
	kp_tc_clear(ctx, rtnl, KP_TC_LO);
	if (!s.any || s.wrong)
		return kp_broken(res, "RTM_GETTCLASS", s.any ? s.wrong : "the class that was made is not told");
	kp_works(res, "RTM_GETTCLASS");
}

const struct kp_method kp_tc_by_class = {
	.run = run_class,
	.asks = "RTM_NEWQDISC of an htb on lo, RTM_NEWTCLASS with rate and ceiling, RTM_GETTCLASS of all",
	.proves = "works: the class is told with its rate and ceiling; broken: something else is told",
	.rules = kp_tc_rules,
	.gate = KP_CAP_NET_ADMIN,
};
