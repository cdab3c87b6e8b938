/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Rules of both iptables backends, by what they do to packets. flow_xt_rows.h is the table, read for each backend and family. */
#include <sys/socket.h>

#include "families.h"
#include "flow_log.h"
#include "xt_macros.h"
#include "xtables.h"

#define RULES 2

/* The rules of a row, each alone in its table, and what they rest on. */
struct flow_xt {
	const struct kp_xt_rule *rules[RULES];
	uint32_t by_mark; /* packets with that mark go by another table */
	uint8_t member;   /* of the first rule's set */
	uint8_t log;      /* enum kp_flow_log: their packets are told to user space */
};

/* A rule for packets of a device that nobody has. */
static const struct kp_xt_rule *spoiled(const struct kp_xt_rule *rule, struct kp_xt_rule *buf)
{
	*buf = *rule;
	buf->iface = "kpnone";
	return buf;
}

static void remove_rules(struct kp_flow *f, const struct flow_xt *x, const struct kp_xt_backend *backend)
{
	/* Those of nf_tables stay, each for a port of its own: see flow_xt_rows.h. */
	for (unsigned int i = 0; backend == &kp_xt_legacy && i < RULES && x->rules[i]; i++)
		backend->clear(f->ctx, x->rules[i]);
	if (x->by_mark)
		kp_flow_by_mark(f->ctx, f->v6, x->by_mark, false);
}

static bool put_rules(struct kp_flow *f, const struct flow_xt *x, const struct kp_xt_backend *backend)
{
	struct kp_xt_rule buf;
	int rc = 0;

	if (kp_xt_object_is_global(f->ctx, x->rules[0])) {
		kp_unknown(f->res, "put", "IP sets of this kernel are of no namespace: no packet is sent through the host's");
		return false;
	}
	for (unsigned int i = 0; i < RULES && x->rules[i]; i++) {
		const struct kp_xt_rule *rule = x->rules[i];

		backend->put(f->ctx, f->res, kp_sabotaged(f->ctx) ? spoiled(rule, &buf) : rule);
		if (f->res->outcome == KP_WORKS && rule->also && backend == &kp_xt_nft)
			backend->put(f->ctx, f->res, rule->also);
		if (f->res->outcome != KP_WORKS) {
			remove_rules(f, x, backend);
			return false;
		}
	}
	if (x->member)
		rc = kp_xt_set_add(f->ctx, x->rules[0], kp_flow_addr(x->member, f->v6));
	if (!rc && x->by_mark)
		rc = kp_flow_by_mark(f->ctx, f->v6, x->by_mark, true);
	if (rc) {
		remove_rules(f, x, backend);
		kp_flow_stuck(f, "put", rc);
	}
	return !rc;
}

static bool prepare(struct kp_flow *f, const void *what)
{
	const struct flow_xt *x = what;

	return !x->log || kp_flow_log_hear(f, x->log == KP_LOG_CONNECTION);
}

static bool put_legacy(struct kp_flow *f, const void *what)
{
	return put_rules(f, what, &kp_xt_legacy);
}

static void remove_legacy(struct kp_flow *f, const void *what)
{
	remove_rules(f, what, &kp_xt_legacy);
}

static bool put_nft(struct kp_flow *f, const void *what)
{
	return put_rules(f, what, &kp_xt_nft);
}

static void remove_nft(struct kp_flow *f, const void *what)
{
	remove_rules(f, what, &kp_xt_nft);
}

static void run_legacy(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_flow_object object = { prepare, put_legacy, remove_legacy, kp_flow_log_see };

	kp_flow_run_by(ctx, row, res, &object);
}

static void run_nft(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_flow_object object = { prepare, put_nft, remove_nft, kp_flow_log_see };

	kp_flow_run_by(ctx, row, res, &object);
}

static const struct kp_method by_legacy = {
	.run = run_legacy,
	.asks = KP_FLOW_ASKS,
	.proves = KP_FLOW_PROVES,
	.gate = KP_FLOW_GATE,
};

static const struct kp_method by_nft = {
	.run = run_nft,
	.asks = KP_FLOW_ASKS,
	.proves = KP_FLOW_PROVES,
	.gate = KP_FLOW_GATE,
};

/* What the rows put and send; both backends have the same. */
#define XT_READ(args, rows) args
#define XT_46(v4, v6) v4
#include "flow_xt_rows.h"
#undef XT_46
#define XT_46(v4, v6) v6
#include "flow_xt_rows.h"
#undef XT_46
#undef XT_READ

#define XT_READ(args, rows) rows
#define XT_LEGACY(legacy, nft) legacy
#define XT_B "legacy"
#define XT_METHOD by_legacy
#define XT_F "ipv4"
#define XT_46(v4, v6) v4

static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow.xt", NULL),
#include "flow_xt_rows.h"
#undef XT_F
#undef XT_46
#define XT_F "ipv6"
#define XT_46(v4, v6) v6
#include "flow_xt_rows.h"
#undef XT_LEGACY
#undef XT_B
#undef XT_METHOD
#define XT_LEGACY(legacy, nft) nft
#define XT_B "nft"
#define XT_METHOD by_nft
#include "flow_xt_rows.h"
#undef XT_F
#undef XT_46
#define XT_F "ipv4"
#define XT_46(v4, v6) v4
#include "flow_xt_rows.h"
};

const struct kp_family kp_family_flow_xt = {
	.name = "flow.xt",
	.title = "Packets through rules of iptables",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "audit records NETFILTER_CFG for the tables and rules that are put",
};
