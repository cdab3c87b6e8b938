/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * iptables over nf_tables: tables and base chains of the names, hooks and priorities that iptables-nft uses, and in them rules
 * whose matches and targets are "match" and "target" expressions of nft_compat, which carry the very bytes of the legacy backend.
 * Verdicts and interfaces have no such form: they are nf_tables' own expressions, as iptables-nft sends them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../link.h"
#include "xt_expr.h"

static const struct kp_nfgenmsg *header(const struct kp_xt_rule *rule, struct kp_nfgenmsg *hdr)
{
	*hdr = (struct kp_nfgenmsg){ .family = rule->family };
	return hdr;
}

static void put_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, const struct kp_xt_rule *rule, uint16_t type, uint16_t flags)
{
	struct kp_nfgenmsg hdr;

	kp_nl_msg(ctx, b, type, flags, header(rule, &hdr), sizeof(hdr));
}

static void put_marker(struct kp_ctx *ctx, struct kp_nlbuf *b, uint16_t type)
{
	const struct kp_nfgenmsg hdr = { .res_id = htons(KP_NFNL_NFTABLES) };

	kp_nl_msg(ctx, b, type, 0, &hdr, sizeof(hdr));
}

/* The table and all of its base chains; whatever is there already stays. */
static void put_table(struct kp_ctx *ctx, struct kp_nlbuf *b, const struct kp_xt_rule *rule)
{
	const struct kp_xt_table *t = rule->table;
	size_t hook;

	put_msg(ctx, b, rule, KP_NFT_NEWTABLE, NLM_F_CREATE);
	kp_nl_str(b, KP_NFTA_TABLE_NAME, t->name);
	for (unsigned int h = 0; h < KP_XT_HOOKS; h++) {
		if (!(t->hooks & 1u << h))
			continue;
		put_msg(ctx, b, rule, KP_NFT_NEWCHAIN, NLM_F_CREATE | (t->hooks >> (h + 1) ? 0 : NLM_F_ACK));
		kp_nl_str(b, KP_NFTA_CHAIN_TABLE, t->name);
		kp_nl_str(b, KP_NFTA_CHAIN_NAME, kp_xt_hook_name[h]);
		hook = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_CHAIN_HOOK);
		kp_nl_be32(b, KP_NFTA_HOOK_NUM, h);
		kp_nl_be32(b, KP_NFTA_HOOK_PRIORITY, (uint32_t)t->priority[h]);
		kp_nl_end(b, hook);
		kp_nl_be32(b, KP_NFTA_CHAIN_POLICY, KP_NFT_ACCEPT);
		kp_nl_str(b, KP_NFTA_CHAIN_TYPE, t->type[h]);
	}
}

static void put_rule(struct kp_ctx *ctx, struct kp_nlbuf *b, const struct kp_xt_rule *rule, const struct kp_xt_part *part)
{
	size_t nest;

	put_msg(ctx, b, rule, KP_NFT_NEWRULE, NLM_F_CREATE | NLM_F_ACK);
	kp_nl_str(b, KP_NFTA_RULE_TABLE, rule->table->name);
	kp_nl_str(b, KP_NFTA_RULE_CHAIN, kp_xt_hook_name[rule->hook]);
	nest = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_RULE_EXPRESSIONS);
	kp_xt_exprs_put(b, rule, part);
	kp_nl_end(b, nest);
	/* The protocol that matches and targets check their rule for. */
	nest = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_RULE_COMPAT);
	kp_nl_be32(b, KP_NFTA_RULE_COMPAT_PROTO, rule->proto);
	kp_nl_be32(b, KP_NFTA_RULE_COMPAT_FLAGS, 0);
	kp_nl_end(b, nest);
}

/*
 * The tables that this worker has made: to put a base chain that is there makes the kernel wait for all CPUs (v6.18: 8 ms), where a
 * new rule takes 20 µs. A new worker is a new process with a new namespace.
 */
static struct {
	const struct kp_xt_table *table;
	uint8_t family;
} made[10];

static bool is_made(const struct kp_xt_rule *rule)
{
	for (size_t i = 0; i < KP_ARRAY_SIZE(made); i++)
		if (made[i].table == rule->table && made[i].family == rule->family)
			return true;
	return false;
}

static void set_made(const struct kp_xt_rule *rule)
{
	size_t i = 0;

	if (is_made(rule))
		return;
	while (i + 1 < KP_ARRAY_SIZE(made) && made[i].table)
		i++;
	made[i].table = rule->table;
	made[i].family = rule->family;
}

/* What a dump is searched for. */
struct search {
	const struct kp_xt_rule *rule;
	const struct kp_xt_part *part;
	uint32_t hooks; /* base chains that were found as they were put */
	bool equal;
};

static bool msg_text(const struct nlmsghdr *msg, uint16_t type, const char *text)
{
	size_t len = 0;
	const void *attr = kp_nl_attr(msg, sizeof(struct kp_nfgenmsg), type, &len);

	return kp_xt_is_text(attr, len, text);
}

static bool each_chain(const struct nlmsghdr *msg, void *arg)
{
	struct search *s = arg;
	const struct kp_xt_table *t = s->rule->table;
	size_t len = 0, n = 0, p = 0;
	const void *hook, *num, *prio;

	if (msg->nlmsg_type != KP_NFT_NEWCHAIN || !msg_text(msg, KP_NFTA_CHAIN_TABLE, t->name))
		return true;
	hook = kp_nl_attr(msg, sizeof(struct kp_nfgenmsg), KP_NFTA_CHAIN_HOOK, &len);
	if (!hook)
		return true;
	num = kp_nl_find(hook, len, KP_NFTA_HOOK_NUM, &n);
	prio = kp_nl_find(hook, len, KP_NFTA_HOOK_PRIORITY, &p);
	for (unsigned int h = 0; h < KP_XT_HOOKS; h++)
		if (t->hooks & 1u << h && msg_text(msg, KP_NFTA_CHAIN_NAME, kp_xt_hook_name[h]) && kp_xt_is_u32(num, n, h) &&
		    kp_xt_is_u32(prio, p, (uint32_t)t->priority[h]) && msg_text(msg, KP_NFTA_CHAIN_TYPE, t->type[h]))
			s->hooks |= 1u << h;
	return true;
}

static bool each_rule(const struct nlmsghdr *msg, void *arg)
{
	struct search *s = arg;
	const struct kp_xt_rule *rule = s->rule;
	size_t len = 0;
	const void *exprs;

	if (msg->nlmsg_type != KP_NFT_NEWRULE || !msg_text(msg, KP_NFTA_RULE_TABLE, rule->table->name) ||
	    !msg_text(msg, KP_NFTA_RULE_CHAIN, kp_xt_hook_name[rule->hook]))
		return true; /* before v4.18 a dump is not filtered by chain */
	exprs = kp_nl_attr(msg, sizeof(struct kp_nfgenmsg), KP_NFTA_RULE_EXPRESSIONS, &len);
	s->equal = exprs && kp_xt_exprs_equal(exprs, len, rule, s->part);
	return false; /* the first one: it was put at the head */
}

static int dump(struct kp_ctx *ctx, struct kp_result *res, struct search *s, int fd, uint16_t type,
		bool (*each)(const struct nlmsghdr *msg, void *arg))
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	put_msg(ctx, &b, s->rule, type, NLM_F_DUMP);
	if (type == KP_NFT_GETRULE) {
		kp_nl_str(&b, KP_NFTA_RULE_TABLE, s->rule->table->name);
		kp_nl_str(&b, KP_NFTA_RULE_CHAIN, kp_xt_hook_name[s->rule->hook]);
	}
	rc = kp_nl_query(ctx, fd, &b, each, s);
	if (rc)
		kp_fail(ctx, res, "read back", KP_CALL_PLAIN, -rc);
	return rc;
}

static void run_table(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct search s = { .rule = row->arg };
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	kp_nl_init(&b);
	put_marker(ctx, &b, KP_NFNL_BATCH_BEGIN);
	put_table(ctx, &b, s.rule);
	put_marker(ctx, &b, KP_NFNL_BATCH_END);
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc)
		kp_fail(ctx, res, "put the table", KP_CALL_PLAIN, -rc);
	else if (!dump(ctx, res, &s, fd, KP_NFT_GETCHAIN, each_chain)) {
		set_made(s.rule);
		if (s.hooks == s.rule->table->hooks)
			kp_works(res, "read back");
		else
			kp_broken(res, "read back", "the chains that the kernel gives back are not those that were put there");
	}
}

static bool each_revision(const struct nlmsghdr *msg, void *arg)
{
	size_t len = 0;
	const void *rev = kp_nl_attr(msg, sizeof(struct kp_nfgenmsg), KP_NFTA_COMPAT_REV, &len);

	if (rev && len == 4)
		*(unsigned int *)arg = kp_get_be32(rev);
	return true;
}

static int ask(struct kp_ctx *ctx, int fd, const struct kp_xt_rule *rule, uint8_t rev, unsigned int *ret_best)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	put_msg(ctx, &b, rule, KP_NFNL_NFT_COMPAT << 8, 0);
	kp_nl_str(&b, KP_NFTA_COMPAT_NAME, rule->name);
	kp_nl_be32(&b, KP_NFTA_COMPAT_REV, rev);
	kp_nl_be32(&b, KP_NFTA_COMPAT_TYPE, rule->kind == KP_XT_TARGET);
	return kp_nl_query(ctx, fd, &b, each_revision, ret_best);
}

/* Takes all rules out of the row's chain. */
static void flush(struct kp_ctx *ctx, int fd, const struct kp_xt_rule *rule)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	put_marker(ctx, &b, KP_NFNL_BATCH_BEGIN);
	put_msg(ctx, &b, rule, KP_NFT_DELRULE, NLM_F_ACK);
	kp_nl_str(&b, KP_NFTA_RULE_TABLE, rule->table->name);
	kp_nl_str(&b, KP_NFTA_RULE_CHAIN, kp_xt_hook_name[rule->hook]);
	put_marker(ctx, &b, KP_NFNL_BATCH_END);
	kp_nl_talk(ctx, fd, &b);
}

static void put_and_read(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule)
{
	struct kp_xt_part part = { 0 };
	struct search s = { .rule = rule, .part = &part };
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_nlbuf b;

	if (fd < 0 || kp_xt_choose(ctx, res, rule, fd, KP_CALL_PLAIN, ask, &part))
		return;
	kp_nl_init(&b);
	put_marker(ctx, &b, KP_NFNL_BATCH_BEGIN);
	if (!is_made(rule))
		put_table(ctx, &b, rule);
	if (kp_xt_to_chain(rule)) {
		put_msg(ctx, &b, rule, KP_NFT_NEWCHAIN, NLM_F_CREATE);
		kp_nl_str(&b, KP_NFTA_CHAIN_TABLE, rule->table->name);
		kp_nl_str(&b, KP_NFTA_CHAIN_NAME, rule->name);
	}
	put_rule(ctx, &b, rule, &part);
	put_marker(ctx, &b, KP_NFNL_BATCH_END);
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc)
		kp_xt_refused(ctx, res, rule, KP_CALL_PLAIN, -rc);
	else if (!dump(ctx, res, &s, fd, KP_NFT_GETRULE, each_rule)) {
		set_made(rule);
		if (s.equal)
			kp_works(res, "read back");
		else
			kp_broken(res, "read back", "the rule that the kernel gives back is not the one that was put there");
	}
	if (kp_xt_object_is_global(ctx, rule)) {
		flush(ctx, fd, rule);
		kp_xt_object_drop(ctx, rule);
	}
}

static void clear(struct kp_ctx *ctx, const struct kp_xt_rule *rule)
{
	struct kp_result ignored = { 0 };
	int fd = kp_nl_socket(ctx, &ignored, NETLINK_NETFILTER);

	if (fd >= 0)
		flush(ctx, fd, rule);
}

const struct kp_xt_backend kp_xt_nft = { put_and_read, clear };

static void run_rule(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	put_and_read(ctx, res, row->arg);
}

static void run_revision(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_xt_rule rule;

	put_and_read(ctx, res, kp_xt_at(row->arg, &rule));
}

/*
 * The positive control: nf_tables and nft_compat may rightly be missing, so neither can be what must answer. A request of the same
 * shape to a netlink family that every kernel with a network has.
 */
static void run_alive(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int fd = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;

	(void)row;
	if (fd < 0)
		return;
	rc = kp_link_index(ctx, fd, "lo");
	if (rc < 0)
		kp_fail(ctx, res, "netlink", KP_CALL_PLAIN, -rc);
	else
		kp_works(res, "netlink");
}

/*
 * Is nft_compat there? nfnetlink answers EINVAL for a subsystem it has not and could not load. One it has gets its attributes
 * checked by its own policy before it looks at anything: a name longer than NFT_COMPAT_NAME_MAX is ERANGE (nla_validate(), all
 * versions), and no extension is looked for, so no module either.
 */
static void run_base(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const char long_name[40] = "kprobe";
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER);
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	kp_nl_init(&b);
	put_msg(ctx, &b, row->arg, KP_NFNL_NFT_COMPAT << 8, NLM_F_ACK);
	kp_nl_put(&b, KP_NFTA_COMPAT_NAME, long_name, sizeof(long_name));
	kp_fail(ctx, res, "ask nft_compat", KP_CALL_PLAIN, -kp_nl_talk(ctx, fd, &b));
}

#define NO_NFNETLINK { EPROTONOSUPPORT, KP_ABSENT, "no nfnetlink in this kernel" }

static const struct kp_rule base_rules[] = {
	NO_NFNETLINK,
	{ ERANGE, KP_WORKS, "nft_compat's own check of attributes refused a name that was made too long for it" },
	{ EINVAL, KP_ABSENT, "nfnetlink has no nft_compat: not built in, and not to be loaded" },
	{ 0 },
};

static const struct kp_rule table_rules[] = {
	NO_NFNETLINK,
	{ EOPNOTSUPP, KP_ABSENT, "nfnetlink has no nf_tables: not built in, and not to be loaded" },
	{ EAFNOSUPPORT, KP_ABSENT, "nf_tables is built without this family" },
	{ ENOENT, KP_ABSENT, "nf_tables has no chains of this type in this family: not built in, and not to be loaded" },
	{ 0 },
};

/* As in xt_legacy.c; that nft_compat and the table are there has been seen by the rows that these need. */
/* What nft_compat says of revisions is xt_find_revision()'s answer passed on. */
static const struct kp_rule rule_rules[] = KP_XT_RULE_RULES(KP_XT_NO_EXTENSION);
static const struct kp_rule option_rules[] = KP_XT_OPTION_RULES(KP_XT_NO_EXTENSION);
static const struct kp_rule revision_rules[] = KP_XT_REVISION_RULES(KP_XT_NO_EXTENSION);

#define RULE_ASKS "NFNL_MSG_COMPAT_GET downwards from the highest known revision, NFT_MSG_NEWRULE with it, NFT_MSG_GETRULE"
#define RULE_PROVES "works: the rule comes back as it was put; absent: no such name or revision; broken: another rule comes back"

const struct kp_method kp_xt_nft_alive = {
	.run = run_alive,
	.asks = "RTM_GETLINK for lo",
	.proves = "that netlink requests reach the kernel: without it no absent of the family is believed",
};

const struct kp_method kp_xt_nft_base = {
	.run = run_base,
	.asks = "NFNL_MSG_COMPAT_GET with a name that is too long",
	.proves = "works: ERANGE, from nft_compat's own check; absent: EINVAL, from nfnetlink, which has no such subsystem",
	.rules = base_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_nft_table = {
	.run = run_table,
	.asks = "a batch of NFT_MSG_NEWTABLE and NFT_MSG_NEWCHAIN as iptables-nft sends it, NFT_MSG_GETCHAIN",
	.proves = "works: the chains come back as they were put; absent: no nf_tables, family or chain type; broken: other chains "
		  "come back",
	.rules = table_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_nft_rule = {
	.run = run_rule,
	.asks = RULE_ASKS,
	.proves = RULE_PROVES,
	.rules = rule_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_nft_option = {
	.run = run_rule,
	.asks = RULE_ASKS,
	.proves = RULE_PROVES "; absent too: EINVAL, where the rule without the option works",
	.rules = option_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_nft_revision = {
	.run = run_revision,
	.asks = "NFNL_MSG_COMPAT_GET for the revision, NFT_MSG_NEWRULE with it, NFT_MSG_GETRULE",
	.proves = "works: the rule comes back as it was put, at this revision; absent: the kernel has it at others only",
	.rules = revision_rules,
	.gate = KP_CAP_NET_ADMIN,
};
