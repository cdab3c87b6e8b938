/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* nf_tables by what it does to packets. flow_nft_rows.h is the table, read for ip and for ip6. */
#include <errno.h>

#include "families.h"
#include "flow_log.h"
#include "nft_words.h"

/* Rules go into the chains that all rows share and stay there: each row's are for ports of its own, as those of flow_xt_rows.h. */
struct flow_nft {
	const uint8_t *code;
	bool own;         /* into a table of its own */
	uint8_t log;      /* enum kp_flow_log: its packets are told to user space */
	bool writes;      /* into the kernel's log, were it the host's namespace */
	uint32_t by_mark; /* packets with that mark go by another routing table */
};

/* clang-format off */
#define BASE(family)                                                                                                               \
	ARG_OF(family,                                                                                                             \
	       SETUP(CHAIN_NAMED(kp_forward, filter, FORWARD, 0), CHAIN_NAMED(kp_raw, filter, PREROUTING, -300),                   \
		     CHAIN_NAMED(kp_mangle, filter, PREROUTING, -150), CHAIN_TO),                                                  \
	       SUBJECT(CHAIN_NAMED(kp_dnat, nat, PREROUTING, -100), CHAIN_NAMED(kp_snat, nat, POSTROUTING, 100)))
/* clang-format on */
static const uint8_t *const base_chains[] = { BASE(KP_NFT_IP), BASE(KP_NFT_IP6) };

#define SHARED "kpflow"

/*
 * The chains that rows share, made once for each family: a base chain takes the kernel 8 ms (v6.18), however many a transaction has.
 * Those for NAT may not be had: rows that want them need the rows that say so.
 */
static bool share(struct kp_flow *f)
{
	static bool made[2];
	struct kp_result ignored = { 0 };
	struct kp_nft t;

	if (made[f->v6])
		return true;
	if (!kp_nft_start_with(&t, f->ctx, f->res, base_chains[f->v6]))
		return false;
	t.dormant = kp_sabotaged(f->ctx);
	kp_copy(t.table, sizeof(t.table), SHARED);
	if (!kp_nft_make(&t, "chains", true, t.arg.setup, NULL))
		return false;
	t.res = &ignored;
	kp_nft_make(&t, "chains", false, t.arg.subject, NULL);
	made[f->v6] = true;
	return true;
}

static bool put_own(struct kp_flow *f, const struct flow_nft *n, bool subject)
{
	struct kp_nft t;

	if (!kp_nft_start_with(&t, f->ctx, f->res, n->code))
		return false;
	t.dormant = subject && kp_sabotaged(f->ctx);
	if (subject)
		kp_cat(t.table, sizeof(t.table), "s");
	return kp_nft_make(&t, subject ? "put" : "set up", true, subject ? t.arg.subject : t.arg.setup, NULL);
}

static bool put_shared(struct kp_flow *f, const struct flow_nft *n)
{
	struct kp_nft t;

	if (!kp_nft_start_with(&t, f->ctx, f->res, n->code))
		return false;
	kp_copy(t.table, sizeof(t.table), SHARED);
	return kp_nft_make(&t, "put", false, t.arg.subject, NULL);
}

static bool prepare(struct kp_flow *f, const void *what)
{
	const struct flow_nft *n = what;

	if (n->writes && kp_flow_log_reaches_host(f))
		return false;
	if (n->log && !kp_flow_log_hear(f, n->log == KP_LOG_CONNECTION))
		return false;
	return n->own ? put_own(f, n, false) : share(f);
}

static bool put(struct kp_flow *f, const void *what)
{
	const struct flow_nft *n = what;
	int rc = 0;

	if (!(n->own ? put_own(f, n, true) : put_shared(f, n)))
		return false;
	if (n->by_mark)
		rc = kp_flow_by_mark(f->ctx, f->v6, n->by_mark, true);
	if (rc)
		kp_flow_stuck(f, "put", rc);
	return !rc;
}

static void take_out(struct kp_flow *f, const void *what)
{
	const struct flow_nft *n = what;

	if (n->by_mark)
		kp_flow_by_mark(f->ctx, f->v6, n->by_mark, false);
}

static const struct kp_flow_object by_nft = { prepare, put, take_out, kp_flow_log_see };

static void run_nft(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_flow_run_by(ctx, row, res, &by_nft);
}

static const struct kp_method through_nft = {
	.run = run_nft,
	.asks = KP_FLOW_ASKS,
	.proves = KP_FLOW_PROVES,
	.rules = (const struct kp_rule[]){ { ENOENT, KP_ABSENT, "nf_tables has not all that the rule is made of" },
					   { EOPNOTSUPP, KP_ABSENT, "nf_tables has not all that the rule is made of" },
					   { 0 } },
	.gate = KP_FLOW_GATE,
};

#define V(v4, v6) v4
#define F "ip"
static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow.nft", NULL),
#include "flow_nft_rows.h"
#undef V
#undef F
#define V(v4, v6) v6
#define F "ip6"
#include "flow_nft_rows.h"
};

const struct kp_family kp_family_flow_nft = {
	.name = "flow.nft",
	.title = "Packets through rules of nf_tables",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "audit records NETFILTER_CFG for the tables that are put",
};
