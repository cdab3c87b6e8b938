/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* How the rows of the nft family ask. */
#include <errno.h>
#include <string.h>

#include "../link.h"
#include "nft.h"

/* A dump of all tables needs no transaction, so that its EINVAL can only be nfnetlink's, which has no nf_tables. */
static void run_base(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_nft t;
	int rc;

	(void)row;
	if (!kp_nft_start(&t, ctx, res))
		return;
	rc = kp_nft_get(&t, KP_NFT_GET(KP_NFT_NEWTABLE), NULL, NLM_F_DUMP, NULL, NULL);
	if (rc)
		kp_fail(ctx, res, "list tables", KP_CALL_PLAIN, -rc);
	else
		kp_works(res, "list tables");
}

static bool take_generation(const struct nlmsghdr *msg, void *arg)
{
	size_t len = 0;
	const void *id = kp_nl_attr(msg, sizeof(struct kp_nft_header), 1, &len); /* NFTA_GEN_ID */

	if (id && len == 4)
		*(uint32_t *)arg = kp_get_be32(id);
	return true;
}

static void run_genid(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	uint32_t before = 0, after = 0;
	struct kp_nft t;
	int rc;

	(void)row;
	if (!kp_nft_start(&t, ctx, res))
		return;
	rc = kp_nft_get(&t, KP_NFT_GETGEN, NULL, 0, take_generation, &before);
	if (!rc)
		rc = kp_nft_commit(&t, true, t.arg.subject, NULL);
	if (!rc)
		rc = kp_nft_get(&t, KP_NFT_GETGEN, NULL, 0, take_generation, &after);
	if (rc)
		kp_fail(ctx, res, "ask for the generation", KP_CALL_PLAIN, -rc);
	else if (before == after)
		kp_broken(res, "ask for the generation", "a transaction did not change the generation");
	else
		kp_works(res, "ask for the generation");
	kp_nft_drop(&t);
}

static bool take_table(const struct nlmsghdr *msg, void *arg)
{
	struct kp_nft *t = arg;
	const char *name = kp_nl_attr(msg, sizeof(struct kp_nft_header), KP_NFTA_TABLE, NULL);

	if (name && kp_equal(name, t->table))
		t->table[0] = '\0'; /* found */
	return true;
}

/* A rule for a chain that is not there comes last: its ENOENT must undo the table before it. */
static void run_transaction(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_nft t;
	int rc;

	(void)row;
	if (!kp_nft_start(&t, ctx, res))
		return;
	rc = kp_nft_commit(&t, true, t.arg.subject, NULL);
	if (!rc)
		kp_broken(res, "rule without a chain", "a rule was taken for a chain that is not there");
	else if (rc != -ENOENT)
		kp_fail(ctx, res, "rule without a chain", KP_CALL_PLAIN, -rc);
	else if ((rc = kp_nft_get(&t, KP_NFT_GET(KP_NFT_NEWTABLE), NULL, NLM_F_DUMP, take_table, &t)))
		kp_fail(ctx, res, "list tables", KP_CALL_PLAIN, -rc);
	else if (!t.table[0])
		kp_broken(res, "list tables", "a part of a transaction that failed is there");
	else
		kp_works(res, "list tables");
	kp_nft_drop(&t);
}

static void run_table(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_nft_msg msg;
	struct kp_nft t;

	(void)row;
	if (!kp_nft_start(&t, ctx, res))
		return;
	kp_nft_msg(t.arg.subject, &msg);
	if (kp_nft_make(&t, "make the table", false, t.arg.subject, NULL) && kp_nft_read_back(&t, "read back", &msg))
		kp_works(res, "read back");
	kp_nft_drop(&t);
}

static void tell_priority(char *text, size_t size, const struct kp_nft_msg *msg)
{
	struct kp_nft_attr hook, prio;
	int32_t value = 0;

	if (kp_nft_find(msg->attr, KP_NFTA_CHAIN_HOOK, &hook) && kp_nft_find(hook.data, KP_NFTA_HOOK_PRIORITY, &prio))
		value = (int32_t)prio.num;
	kp_cat(text, size, text[0] ? " " : "");
	kp_cat(text, size, value < 0 ? "-" : "");
	kp_cat_u(text, size, (unsigned int)(value < 0 ? -value : value));
}

/* The chain at each of the row's priorities, each in a table of its own. */
static void run_chain(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const uint8_t *code, *next;
	char priorities[64] = "";
	struct kp_nft_arg arg;
	struct kp_nft_msg msg;
	bool good = true;
	struct kp_nft t;

	kp_nft_arg(row->arg, &arg);
	for (code = arg.subject; good && (next = kp_nft_msg(code, &msg)); code = next) {
		if (!kp_nft_start(&t, ctx, res))
			return;
		good = kp_nft_make(&t, "make the chain", true, code, next) && kp_nft_read_back(&t, "read back", &msg);
		kp_nft_drop(&t);
		tell_priority(priorities, sizeof(priorities), &msg);
	}
	kp_detail(res, good ? "priorities" : "priorities-until", priorities);
	if (good)
		kp_works(res, "read back");
}

/* Anonymous sets are told by the rule that looks into them; they have no name to ask for. */
static bool is_anonymous(const struct kp_nft_msg *msg)
{
	bool set = msg->type == KP_NFT_NEWSET || msg->type == KP_NFT_NEWSETELEM;
	struct kp_nft_attr name;

	return set && kp_nft_find(msg->attr, KP_NFTA_NAME, &name) && name.kind == KP_NFT_FORMAT;
}

static bool take_out(struct kp_nft *t)
{
	struct kp_nft_msg gone, left;

	if (!kp_nft_msg(t->arg.gone, &gone))
		return true;
	kp_nft_msg(t->arg.left, &left);
	return kp_nft_unmake(t, "delete", &gone) && kp_nft_read_back(t, "read back the rest", &left);
}

static void run_subject(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const uint8_t *code, *next;
	struct kp_nft_msg msg;
	struct kp_nft t;
	bool good;

	(void)row;
	if (!kp_nft_start(&t, ctx, res))
		return;
	good = (!*t.arg.setup || kp_nft_make(&t, "make what it needs", true, t.arg.setup, NULL)) &&
	       kp_nft_make(&t, "put", !*t.arg.setup, t.arg.subject, NULL);
	for (code = t.arg.subject; good && (next = kp_nft_msg(code, &msg)); code = next)
		good = is_anonymous(&msg) || kp_nft_read_back(&t, "read back", &msg);
	if (good && take_out(&t))
		kp_works(res, "read back");
	kp_nft_drop(&t);
}

#define NO_NFNETLINK { EPROTONOSUPPORT, KP_ABSENT, "no nfnetlink in this kernel" }
#define NO_BATCH { EOPNOTSUPP, KP_ABSENT, "nfnetlink takes no transactions for nf_tables: it is not there" }
#define NO_FAMILY { EAFNOSUPPORT, KP_ABSENT, "nf_tables is built without this family" }

static const struct kp_rule base_rules[] = {
	NO_NFNETLINK,
	{ EINVAL, KP_ABSENT, "nfnetlink has no nf_tables: not built in, and not to be loaded" },
	{ 0 },
};

/* nfnetlink's answer to a message that nf_tables has no handler for. */
static const struct kp_rule genid_rules[] = {
	{ EINVAL, KP_ABSENT, "nf_tables does not tell its generation before v3.18" },
	NO_FAMILY,
	{ 0 },
};

static const struct kp_rule table_rules[] = {
	NO_BATCH,
	NO_FAMILY,
	{ EINVAL, KP_ABSENT, "before v3.16 nf_tables has transactions for rules alone, and nobody makes tables without any more" },
	{ 0 },
};

static const struct kp_rule chain_rules[] = {
	NO_FAMILY,
	{ ENOENT, KP_ABSENT, "nf_tables has no chains of this type in this family: not built in, and not to be loaded" },
	{ EOPNOTSUPP, KP_ABSENT, "chains of this type have no such hook in this family" },
	{ 0 },
};

/*
 * ENOENT: the expression, object or set type was looked for under its own name, with its module. EOPNOTSUPP: it is there and does
 * not know the key or operation, or may not be used in this family or hook. ERANGE: nft_validate_output_register(), of kernels
 * whose registers end at 4. EPROTO…: conntrack found no module for the family (nf_ct_netns_get()).
 */
/* clang-format off */
#define NO_EXPRESSION \
	NO_FAMILY, \
	{ ENOENT, KP_ABSENT, "nf_tables has no such expression or object: not built in, and not to be loaded" }, \
	{ EOPNOTSUPP, KP_ABSENT, "nf_tables has the expression, not this form of it, or not here" }, \
	{ ERANGE, KP_ABSENT, "before v4.1 there are no registers of four bytes, and so no concatenation" }, \
	{ EPROTOTYPE, KP_ABSENT, "there is no connection tracking for this family" }, \
	{ EPROTONOSUPPORT, KP_ABSENT, "there is no connection tracking for this family" }, \
	{ EPROTO, KP_ABSENT, "there is no connection tracking for bridges" }
/* clang-format on */

static const struct kp_rule rule_rules[] = {
	NO_EXPRESSION,
	{ EINVAL, KP_UNKNOWN, "nf_tables has the expression and refuses this rule: please report it" },
	{ 0 },
};

static const struct kp_rule form_rules[] = {
	NO_EXPRESSION,
	{ EINVAL, KP_ABSENT, "nf_tables takes the plain form (see the row that this one needs) and refuses this one" },
	{ 0 },
};

/* Flags and descriptions that a kernel does not know are refused; what it knows it takes for the sets that such a row needs. */
static const struct kp_rule set_rules[] = {
	NO_FAMILY,
	{ ENOENT, KP_ABSENT, "nf_tables has no kind of set for this: not built in, and not to be loaded" },
	{ EOPNOTSUPP, KP_ABSENT, "nf_tables has no kind of set that does this" },
	{ EINVAL, KP_ABSENT, "nf_tables takes simpler sets (see the row that this one needs) and refuses this one" },
	{ 0 },
};

static const struct kp_rule flowtable_rules[] = {
	NO_FAMILY,
	{ ENOENT, KP_ABSENT, "nf_tables has no flowtables for this family: nf_flow_table is not built in, and not to be loaded" },
	{ EOPNOTSUPP, KP_ABSENT, "nf_tables has no flowtables here" },
	{ EINVAL, KP_ABSENT, "before v4.16 nf_tables has no flowtables, before v5.8 none without a device" },
	{ 0 },
};

const struct kp_method kp_nft_base = {
	.run = run_base,
	.asks = "NFT_MSG_GETTABLE, a dump, over nfnetlink",
	.proves = "works: the dump ends well; absent: EPROTONOSUPPORT from the socket, or EINVAL from nfnetlink, which has no "
		  "nf_tables",
	.rules = base_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_genid = {
	.run = run_genid,
	.asks = "NFT_MSG_GETGEN before and after a transaction",
	.proves = "works: the number is another one after it; absent: EINVAL, there is no such message; broken: it is the same",
	.rules = genid_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_transaction = {
	.run = run_transaction,
	.asks = "one transaction of NFT_MSG_NEWTABLE and NFT_MSG_NEWRULE for a chain that is not there, then a dump of all tables",
	.proves = "works: ENOENT, and no table is there; broken: the rule was taken, or the table is there",
	.rules = table_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_table = {
	.run = run_table,
	.asks = "NFT_MSG_NEWTABLE in a transaction, NFT_MSG_GETTABLE",
	.proves = "works: the table comes back; absent: EAFNOSUPPORT, nf_tables is built without the family",
	.rules = table_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_chain = {
	.run = run_chain,
	.asks = "NFT_MSG_NEWTABLE and NFT_MSG_NEWCHAIN at each priority, NFT_MSG_GETCHAIN",
	.proves = "works: hook, priority, type and policy come back; absent: ENOENT, no such chain type, or EOPNOTSUPP, it has no "
		  "such hook",
	.rules = chain_rules,
	.gate = KP_CAP_NET_ADMIN,
};

#define RULE_ASKS "one transaction with what the rule names, one of NFT_MSG_NEWRULE, NFT_MSG_GETRULE"
#define RULE_PROVES                                                                                                                \
	"works: the rule comes back with every attribute that was put; absent: ENOENT, EOPNOTSUPP, or an attribute is passed "     \
	"over; "                                                                                                                   \
	"broken: another rule comes back"

const struct kp_method kp_nft_rule = {
	.run = run_subject,
	.asks = RULE_ASKS,
	.proves = RULE_PROVES,
	.rules = rule_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_form = {
	.run = run_subject,
	.asks = RULE_ASKS,
	.proves = RULE_PROVES "; absent too: EINVAL, where the expression's plain form works",
	.rules = form_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_set = {
	.run = run_subject,
	.asks = "one transaction of NFT_MSG_NEWSET and NFT_MSG_NEWSETELEM, a dump of both, NFT_MSG_DELSETELEM of one element, a "
		"dump",
	.proves = "works: the set and exactly its elements come back; absent: the kind of set is refused; broken: they differ",
	.rules = set_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_nft_flowtable = {
	.run = run_subject,
	.asks = "NFT_MSG_NEWFLOWTABLE, NFT_MSG_GETFLOWTABLE",
	.proves = "works: the flowtable comes back; absent: ENOENT, no nf_flow_table for the family, or EINVAL, not in this form",
	.rules = flowtable_rules,
	.gate = KP_CAP_NET_ADMIN,
};
