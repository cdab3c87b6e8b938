/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What the four xt families share: the built-in tables, and the choice of a revision. */
#include "xtables.h"

#include <errno.h>
#include <string.h>

const char *const kp_xt_hook_name[KP_XT_HOOKS] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" };

/* Hooks as in net/ipv4/netfilter/iptable_*.c, types and priorities as iptables-nft creates its base chains. */
const struct kp_xt_table kp_xt_filter = {
	.name = "filter",
	.hooks = 1u << KP_XT_INPUT | 1u << KP_XT_FORWARD | 1u << KP_XT_OUTPUT,
	.priority = { 0 },
	.type = { NULL, "filter", "filter", "filter", NULL },
};

const struct kp_xt_table kp_xt_nat = {
	.name = "nat",
	.hooks = 1u << KP_XT_PREROUTING | 1u << KP_XT_INPUT | 1u << KP_XT_OUTPUT | 1u << KP_XT_POSTROUTING,
	.priority = { -100, 100, 0, -100, 100 },
	.type = { "nat", "nat", NULL, "nat", "nat" },
};

const struct kp_xt_table kp_xt_mangle = {
	.name = "mangle",
	.hooks = 0x1f,
	.priority = { -150, -150, -150, -150, -150 },
	.type = { "filter", "filter", "filter", "route", "filter" },
};

const struct kp_xt_table kp_xt_raw = {
	.name = "raw",
	.hooks = 1u << KP_XT_PREROUTING | 1u << KP_XT_OUTPUT,
	.priority = { -300, 0, 0, -300, 0 },
	.type = { "filter", NULL, NULL, "filter", NULL },
};

const struct kp_xt_table kp_xt_security = {
	.name = "security",
	.hooks = 1u << KP_XT_INPUT | 1u << KP_XT_FORWARD | 1u << KP_XT_OUTPUT,
	.priority = { 0, 150, 150, 150, 0 },
	.type = { NULL, "filter", "filter", "filter", NULL },
};

static void fill(struct kp_xt_part *part, const struct kp_xt_rev *rev)
{
	part->rev = rev->rev;
	part->size = KP_XT_ALIGN(rev->size);
	part->user = rev->user;
	memset(part->data, 0, sizeof(part->data));
	if (rev->size)
		memcpy(part->data, rev->data, rev->size);
}

/*
 * A name the kernel has not is ENOENT, one it has at other revisions only EPROTONOSUPPORT, in both backends, ever since revisions
 * are asked for (xt_find_revision() in net/netfilter/x_tables.c, v2.6.21); looking for a name it has not yet makes the kernel
 * load its module. The highest revision it has comes along as the value of getsockopt(), and in NFTA_COMPAT_REV.
 */
int kp_xt_choose(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, int fd, enum kp_call call, kp_xt_ask ask,
		 struct kp_xt_part *ret_part)
{
	unsigned int best = 0;
	int err = 0;

	ret_part->name = rule->name;
	ret_part->kind = rule->kind;
	if (rule->kind == KP_XT_VERDICT)
		return 0;
	for (unsigned int i = 0; i < rule->n_revs; i++) {
		err = rule->unasked ? 0 : -ask(ctx, fd, rule, rule->revs[i].rev, &best);
		if (!err) {
			fill(ret_part, &rule->revs[i]);
			if (!rule->unasked && !rule->exact)
				kp_detail_u(res, "revision", ret_part->rev);
			if (best > ret_part->rev && !rule->exact) /* newer than this program knows, or refused before */
				kp_detail_u(res, "highest", best);
			return rule->object ? kp_xt_object_make(ctx, res, rule, ret_part) : 0;
		}
		if (err != EPROTONOSUPPORT)
			break;
	}
	kp_fail(ctx, res, "revision", call, err);
	return -1;
}

const struct kp_xt_rule *kp_xt_at(const struct kp_xt_exact *exact, struct kp_xt_rule *buf)
{
	*buf = *exact->rule;
	while (buf->revs->rev != exact->rev)
		buf->revs++;
	buf->n_revs = 1;
	buf->exact = true;
	return buf;
}

const struct kp_xt_part *kp_xt_after(const struct kp_xt_rule *rule, struct kp_xt_part *buf)
{
	if (!rule->after)
		return NULL;
	buf->name = rule->after->name;
	buf->kind = KP_XT_MATCH;
	fill(buf, &rule->after->rev);
	return buf;
}

void kp_xt_refused(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, enum kp_call call, int err)
{
	kp_fail(ctx, res, "put the rule", call, err);
	/* The name was found a moment ago, so ENOENT comes from the extension's own check: no logger, no such set, … */
	if (err == ENOENT && res->outcome == KP_ABSENT && rule->kind != KP_XT_VERDICT && !rule->unasked)
		kp_absent(
			res, "put the rule",
			"the kernel has the extension, and not what it rests on: a logger, a helper; see the modules of this row");
}
