/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The expressions of an nf_tables rule that iptables-nft uses: put into a request, and looked for in an answer. */
#include "xt_expr.h"

#include <string.h>

/* An expression is a list element with a name and data. */
struct open_expr {
	size_t elem, data;
};

static struct open_expr open_expr(struct kp_nlbuf *b, const char *name)
{
	struct open_expr e = { .elem = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_LIST_ELEM) };

	kp_nl_str(b, KP_NFTA_EXPR_NAME, name);
	e.data = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_EXPR_DATA);
	return e;
}

static void close_expr(struct kp_nlbuf *b, struct open_expr e)
{
	kp_nl_end(b, e.data);
	kp_nl_end(b, e.elem);
}

static const char *expr_name(const struct kp_xt_part *part)
{
	return part->kind == KP_XT_TARGET ? "target" : "match";
}

static void put_ext(struct kp_nlbuf *b, const struct kp_xt_part *part)
{
	struct open_expr e = open_expr(b, expr_name(part));

	kp_nl_str(b, KP_NFTA_XT_NAME, part->name);
	kp_nl_be32(b, KP_NFTA_XT_REV, part->rev);
	kp_nl_put(b, KP_NFTA_XT_INFO, part->data, part->size);
	close_expr(b, e);
}

/* What is loaded is compared with @value: for an interface its first bytes, a prefix without the NUL. */
static void put_meta(struct kp_nlbuf *b, uint32_t key, const void *value, size_t len)
{
	struct open_expr e = open_expr(b, "meta");
	size_t data;

	kp_nl_be32(b, KP_NFTA_META_KEY, key);
	kp_nl_be32(b, KP_NFTA_META_DREG, KP_NFT_REG_1);
	close_expr(b, e);
	e = open_expr(b, "cmp");
	kp_nl_be32(b, KP_NFTA_CMP_SREG, KP_NFT_REG_1);
	kp_nl_be32(b, KP_NFTA_CMP_OP, 0); /* equal */
	data = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_CMP_DATA);
	kp_nl_put(b, KP_NFTA_DATA_VALUE, value, len);
	kp_nl_end(b, data);
	close_expr(b, e);
}

static int verdict_code(const struct kp_xt_rule *rule)
{
	if ((rule->kind == KP_XT_MATCH && !rule->verdict) || rule->verdict == KP_XT_ACCEPT)
		return KP_NFT_ACCEPT;
	if (rule->verdict == KP_XT_DROP)
		return KP_NFT_DROP;
	if (rule->verdict == KP_XT_RETURN)
		return KP_NFT_RETURN;
	return rule->goes ? KP_NFT_GOTO : KP_NFT_JUMP;
}

bool kp_xt_to_chain(const struct kp_xt_rule *rule)
{
	return rule->kind == KP_XT_VERDICT && !rule->verdict;
}

static void put_verdict(struct kp_nlbuf *b, const struct kp_xt_rule *rule)
{
	struct open_expr e = open_expr(b, "immediate");
	size_t data, verdict;

	kp_nl_be32(b, KP_NFTA_IMMEDIATE_DREG, 0); /* NFT_REG_VERDICT */
	data = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_IMMEDIATE_DATA);
	verdict = kp_nl_nest(b, NLA_F_NESTED | KP_NFTA_DATA_VERDICT);
	kp_nl_be32(b, KP_NFTA_VERDICT_CODE, (uint32_t)verdict_code(rule));
	if (kp_xt_to_chain(rule))
		kp_nl_str(b, KP_NFTA_VERDICT_CHAIN, rule->name);
	kp_nl_end(b, verdict);
	kp_nl_end(b, data);
	close_expr(b, e);
}

void kp_xt_exprs_put(struct kp_nlbuf *b, const struct kp_xt_rule *rule, const struct kp_xt_part *part)
{
	struct kp_xt_part buf;
	const struct kp_xt_part *after = kp_xt_after(rule, &buf);

	if (rule->iface)
		put_meta(b, KP_NFT_META_IIFNAME, rule->iface, strlen(rule->iface));
	/* A match for ports reads them at any protocol's place: udp_mt() of net/netfilter/xt_tcpudp.c leaves the protocol to its caller. */
	if (rule->proto)
		put_meta(b, KP_NFT_META_L4PROTO, &rule->proto, sizeof(rule->proto));
	if (after)
		put_ext(b, after);
	if (part->kind != KP_XT_VERDICT)
		put_ext(b, part);
	if (rule->kind != KP_XT_TARGET)
		put_verdict(b, rule);
}

bool kp_xt_is_text(const void *attr, size_t len, const char *text)
{
	return attr && len == strlen(text) + 1 && !memcmp(attr, text, len);
}

bool kp_xt_is_u32(const void *attr, size_t len, uint32_t value)
{
	return attr && len == 4 && kp_get_be32(attr) == value;
}

/* The data of the next expression of that name in a rule, from *pos on, which moves behind it. */
static const void *next_expr(const unsigned char **pos, const unsigned char *end, const char *name, size_t *ret_len)
{
	const unsigned char *elem;
	size_t n = 0, m = 0;

	while (*pos < end && (elem = kp_nl_find(*pos, (size_t)(end - *pos), KP_NFTA_LIST_ELEM, &n))) {
		const void *is = kp_nl_find(elem, n, KP_NFTA_EXPR_NAME, &m);

		*pos = (size_t)NLA_ALIGN(n) < (size_t)(end - elem) ? elem + NLA_ALIGN(n) : end;
		if (kp_xt_is_text(is, m, name))
			return kp_nl_find(elem, n, KP_NFTA_EXPR_DATA, ret_len);
	}
	return NULL;
}

static const void *find_expr(const void *exprs, size_t len, const char *name, size_t *ret_len)
{
	const unsigned char *pos = exprs;

	return next_expr(&pos, pos + len, name, ret_len);
}

static bool is_ext(const void *data, size_t n, const struct kp_xt_part *part)
{
	size_t a = 0;
	const void *attr = kp_nl_find(data, n, KP_NFTA_XT_NAME, &a);

	if (!kp_xt_is_text(attr, a, part->name))
		return false;
	attr = kp_nl_find(data, n, KP_NFTA_XT_REV, &a);
	if (!kp_xt_is_u32(attr, a, part->rev))
		return false;
	attr = kp_nl_find(data, n, KP_NFTA_XT_INFO, &a);
	return attr && a == part->size && !memcmp(attr, part->data, part->user);
}

static bool same_ext(const void *exprs, size_t len, const struct kp_xt_part *part)
{
	const unsigned char *pos = exprs, *end = pos + len;
	const void *data;
	size_t n = 0;

	while ((data = next_expr(&pos, end, expr_name(part), &n)))
		if (is_ext(data, n, part))
			return true;
	return false;
}

static bool same_verdict(const void *exprs, size_t len, const struct kp_xt_rule *rule)
{
	size_t n = 0, a = 0;
	const void *at = find_expr(exprs, len, "immediate", &n), *attr;

	at = at ? kp_nl_find(at, n, KP_NFTA_IMMEDIATE_DATA, &n) : NULL;
	at = at ? kp_nl_find(at, n, KP_NFTA_DATA_VERDICT, &n) : NULL;
	if (!at)
		return false;
	attr = kp_nl_find(at, n, KP_NFTA_VERDICT_CODE, &a);
	if (!kp_xt_is_u32(attr, a, (uint32_t)verdict_code(rule)))
		return false;
	attr = kp_nl_find(at, n, KP_NFTA_VERDICT_CHAIN, &a);
	return kp_xt_to_chain(rule) ? kp_xt_is_text(attr, a, rule->name) : !attr;
}

static bool same_meta(const void *exprs, size_t len, uint32_t key, const void *value, size_t size)
{
	const unsigned char *pos = exprs, *end = pos + len;
	size_t n = 0, a = 0;
	const void *at, *attr;

	do {
		at = next_expr(&pos, end, "meta", &n);
		attr = at ? kp_nl_find(at, n, KP_NFTA_META_KEY, &a) : NULL;
	} while (at && !kp_xt_is_u32(attr, a, key));
	at = at ? next_expr(&pos, end, "cmp", &n) : NULL;
	at = at ? kp_nl_find(at, n, KP_NFTA_CMP_DATA, &n) : NULL;
	attr = at ? kp_nl_find(at, n, KP_NFTA_DATA_VALUE, &a) : NULL;
	return attr && a == size && !memcmp(attr, value, a);
}

bool kp_xt_exprs_equal(const void *exprs, size_t len, const struct kp_xt_rule *rule, const struct kp_xt_part *part)
{
	struct kp_xt_part buf;
	const struct kp_xt_part *after = kp_xt_after(rule, &buf);

	return (part->kind == KP_XT_VERDICT || same_ext(exprs, len, part)) && (!after || same_ext(exprs, len, after)) &&
	       (rule->kind == KP_XT_TARGET || same_verdict(exprs, len, rule)) &&
	       (!rule->iface || same_meta(exprs, len, KP_NFT_META_IIFNAME, rule->iface, strlen(rule->iface))) &&
	       (!rule->proto || same_meta(exprs, len, KP_NFT_META_L4PROTO, &rule->proto, sizeof(rule->proto)));
}
