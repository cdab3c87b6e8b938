/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Traffic control by rtnetlink: the requests, and what dumps must tell. */
#include "tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	KP_TCA_ACT_KIND = 1,
	KP_TCA_ACT_OPTIONS = 2,
	KP_TCA_BPF_FD = 6,
	KP_TCA_BPF_NAME = 7,
	KP_TCA_BPF_FLAGS = 8,
	KP_TC_DIRECT_ACTION = 1, /* v4.4, 045efa82ff56 */
};

#define ETH_P_EVERYTHING 0x0003 /* ETH_P_ALL */
#define FILTER_PRIO 1u

const struct kp_rule kp_tc_rules[] = {
	/* rtnetlink_rcv_msg(): nobody registered for the message. tcf_exts_validate(): no CONFIG_NET_CLS_ACT. */
	{ EOPNOTSUPP, KP_ABSENT, "there is no traffic control in this kernel, or no classifiers, or no actions for them" },
	/* qdisc_create(), tcf_proto_create(), tc_action_load_ops(), each after request_module(). */
	{ ENOENT, KP_ABSENT, "traffic control has nothing of that kind, after asking for its module" },
	{ 0 },
};

void kp_tc_rtab(struct kp_nlbuf *b, uint16_t type, uint32_t rate)
{
	uint32_t table[256];

	for (uint32_t i = 0; i < 256; i++)
		table[i] = KP_TC_TICKS((i + 1) << KP_TC_CELL_LOG, rate);
	kp_nl_put(b, type, table, sizeof(table));
}

static struct tcmsg message(int ifindex, uint32_t parent, uint32_t handle, uint32_t info)
{
	return (struct tcmsg){
		.tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex, .tcm_parent = parent, .tcm_handle = handle, .tcm_info = info
	};
}

void kp_tc_clear(struct kp_ctx *ctx, int rtnl, int ifindex)
{
	static const uint32_t parents[] = { KP_TC_ROOT, KP_TC_INGRESS_PARENT };
	struct kp_nlbuf b;

	for (unsigned int i = 0; i < KP_ARRAY_SIZE(parents); i++) {
		struct tcmsg t = message(ifindex, parents[i], 0, 0);

		kp_nl_init(&b);
		kp_nl_msg(ctx, &b, RTM_DELQDISC, NLM_F_ACK, &t, sizeof(t));
		kp_nl_talk(ctx, rtnl, &b); /* nothing there is as good */
	}
	ctx->extack[0] = '\0';
}

int kp_tc_qdisc_add(struct kp_ctx *ctx, int rtnl, int ifindex, const struct kp_tc_arg *a)
{
	struct tcmsg t = message(ifindex, a->parent, a->handle, 0);
	struct kp_nlbuf b;
	size_t nest;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	kp_nl_str(&b, TCA_KIND, a->kind);
	if (a->options) {
		nest = kp_nl_nest(&b, TCA_OPTIONS);
		a->options(&b, 0);
		kp_nl_end(&b, nest);
	}
	return kp_nl_talk(ctx, rtnl, &b);
}

/* As Felix and the bandwidth plug-in do it: preference 1 on the ingress qdisc, all protocols where the row says no other. */
int kp_tc_filter_add(struct kp_ctx *ctx, int rtnl, int ifindex, const struct kp_tc_arg *a, uint32_t value)
{
	uint32_t protocol = htons(a->protocol ? a->protocol : ETH_P_EVERYTHING);
	struct tcmsg t = message(ifindex, KP_TC_INGRESS_HANDLE, 0, FILTER_PRIO << 16 | protocol);
	size_t options, acts, one, nest;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	kp_nl_str(&b, TCA_KIND, a->kind);
	options = kp_nl_nest(&b, TCA_OPTIONS);
	if (a->options)
		a->options(&b, value);
	if (a->action) {
		acts = kp_nl_nest(&b, a->act_type);
		one = kp_nl_nest(&b, 1); /* the first of up to 32 (TCA_ACT_MAX_PRIO) */
		kp_nl_str(&b, KP_TCA_ACT_KIND, a->action);
		nest = kp_nl_nest(&b, KP_TCA_ACT_OPTIONS);
		if (a->act)
			a->act(&b, value);
		kp_nl_end(&b, nest);
		kp_nl_end(&b, one);
		kp_nl_end(&b, acts);
	}
	kp_nl_end(&b, options);
	return kp_nl_talk(ctx, rtnl, &b);
}

int kp_tc_program_add(struct kp_ctx *ctx, int rtnl, int ifindex, uint32_t parent, int prog)
{
	struct tcmsg t = message(ifindex, parent, 0, FILTER_PRIO << 16 | htons(ETH_P_EVERYTHING));
	struct kp_nlbuf b;
	size_t nest;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	kp_nl_str(&b, TCA_KIND, "bpf");
	nest = kp_nl_nest(&b, TCA_OPTIONS);
	kp_nl_u32(&b, KP_TCA_BPF_FD, (uint32_t)prog);
	kp_nl_str(&b, KP_TCA_BPF_NAME, "kprobe");
	kp_nl_u32(&b, KP_TCA_BPF_FLAGS, KP_TC_DIRECT_ACTION);
	kp_nl_end(&b, nest);
	return kp_nl_talk(ctx, rtnl, &b);
}

static bool same_kind(const char *kind, size_t len, const char *want)
{
	return kind && len == strlen(want) + 1 && !memcmp(kind, want, len);
}

/* The filter's action must be told with it. */
static const char *look_at_action(const void *options, size_t len, const struct kp_tc_seen *s)
{
	const struct kp_tc_arg *a = s->arg;
	size_t n;
	const void *acts = kp_nl_find(options, len, a->act_type, &n), *one, *opt;
	const char *kind;

	one = acts ? kp_nl_find(acts, n, 1, &n) : NULL;
	kind = one ? kp_nl_find(one, n, KP_TCA_ACT_KIND, &len) : NULL;
	if (!same_kind(kind, len, a->action))
		return "the filter is told without the action that was set";
	opt = kp_nl_find(one, n, KP_TCA_ACT_OPTIONS, &len);
	if (!opt)
		return "the action is told without its options";
	return a->check_act ? a->check_act(opt, len, s->value) : NULL;
}

struct looking {
	struct kp_tc_seen *s;
	bool filters;
};

static bool look(const struct nlmsghdr *msg, void *ptr)
{
	const struct looking *l = ptr;
	struct kp_tc_seen *s = l->s;
	const struct tcmsg *t = NLMSG_DATA(msg);
	size_t len, n;
	const char *kind = kp_nl_attr(msg, sizeof(*t), TCA_KIND, &len);
	const void *options = kp_nl_attr(msg, sizeof(*t), TCA_OPTIONS, &n);

	if (t->tcm_ifindex != s->ifindex || !same_kind(kind, len, s->arg->kind))
		return true;
	/* u32 and others tell their tables as well as their filters: only a filter has a handle of its own and options. */
	if (l->filters && !(options && (!s->arg->check || !s->arg->check(options, n))))
		return true;
	s->any = true;
	if (l->filters)
		s->wrong = s->arg->action ? look_at_action(options, n, s) : NULL;
	else if (t->tcm_handle != s->arg->handle || t->tcm_parent != s->arg->parent)
		s->wrong = "not the handle or the parent that was set";
	else if (s->arg->check)
		s->wrong = options ? s->arg->check(options, n) : "it is told without options";
	return false;
}

int kp_tc_look(struct kp_ctx *ctx, int rtnl, bool filters, struct kp_tc_seen *s)
{
	struct tcmsg t = message(s->ifindex, filters ? KP_TC_INGRESS_HANDLE : 0, 0, 0);
	struct looking l = { .s = s, .filters = filters };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, filters ? RTM_GETTFILTER : RTM_GETQDISC, NLM_F_DUMP, &t, sizeof(t));
	return kp_nl_query(ctx, rtnl, &b, look, &l);
}
