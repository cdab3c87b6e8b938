/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* nf_tables transactions, and what comes back of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "../kprobe.h"
#include "nft.h"

#define SUBSYS 10 /* NFNL_SUBSYS_NFTABLES */
#define BATCH_BEGIN 0x10
#define BATCH_END 0x11

static void put_msg(struct kp_nft *t, struct kp_nlbuf *b, uint8_t type, uint16_t flags)
{
	const struct kp_nft_header hdr = { .family = t->arg.family };

	kp_nl_msg(t->ctx, b, (uint16_t)(SUBSYS << 8 | type), flags, &hdr, sizeof(hdr));
}

static void put_marker(struct kp_nft *t, struct kp_nlbuf *b, uint16_t type)
{
	const struct kp_nft_header hdr = { .res_id = htons(SUBSYS) };

	kp_nl_msg(t->ctx, b, type, 0, &hdr, sizeof(hdr));
}

/*
 * What is compiled into nf_tables has no module that --no-autoload could look for; on a kernel that has it not, its name would be
 * asked for. Kernels older than the row are taken at their word then.
 */
static bool would_ask(const struct kp_ctx *ctx)
{
	bool rule = ctx->row->by == &kp_nft_rule || ctx->row->by == &kp_nft_form;
	const char *p = ctx->row->since;
	unsigned int major, minor;

	if (!(ctx->env->flags & KP_NO_AUTOLOAD) || !ctx->env->modular || !rule || !p)
		return false;
	major = (unsigned int)kp_parse_u(&p);
	p += *p == '.';
	minor = (unsigned int)kp_parse_u(&p);
	return ctx->env->release < KP_RELEASE(major, minor);
}

bool kp_nft_start(struct kp_nft *t, struct kp_ctx *ctx, struct kp_result *res)
{
	return kp_nft_start_with(t, ctx, res, ctx->row->arg);
}

bool kp_nft_start_with(struct kp_nft *t, struct kp_ctx *ctx, struct kp_result *res, const uint8_t *code)
{
	if (would_ask(ctx)) {
		kp_unknown(res, "no-autoload",
			   "newer than this kernel, which may ask for a module by its name: run without --no-autoload");
		return false;
	}
	*t = (struct kp_nft){ .ctx = ctx, .res = res };
	kp_nft_arg(code, &t->arg);
	t->fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER);
	if (t->fd < 0)
		return false;
	kp_copy(t->table, sizeof(t->table), "kp");
	kp_cat_u(t->table, sizeof(t->table), ctx->seq);
	return true;
}

int kp_nft_get(struct kp_nft *t, uint8_t type, const struct kp_nft_attr *key, uint16_t flags,
	       bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	put_msg(t, &b, type, flags);
	if (key) {
		kp_nl_str(&b, KP_NFTA_TABLE, t->table);
		kp_nft_put(&b, key);
	}
	return kp_nl_query(t->ctx, t->fd, &b, each, arg);
}

static uint16_t make_flags(uint8_t type)
{
	return NLM_F_CREATE | (type == KP_NFT_NEWRULE ? NLM_F_APPEND : 0);
}

/* Only the last message is acknowledged: kp_nl_talk() waits for that, or for the first that fails. */
int kp_nft_commit(struct kp_nft *t, bool with_table, const uint8_t *msgs, const uint8_t *end)
{
	const uint8_t *next;
	struct kp_nft_msg msg;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	put_marker(t, &b, BATCH_BEGIN);
	if (with_table) {
		put_msg(t, &b, KP_NFT_NEWTABLE, NLM_F_CREATE | (*msgs ? 0 : NLM_F_ACK));
		kp_nl_str(&b, KP_NFTA_TABLE, t->table);
		if (t->dormant)
			kp_nl_be32(&b, KP_NFTA_TABLE_FLAGS, 1);
	}
	for (; msgs != end && (next = kp_nft_msg(msgs, &msg)); msgs = next) {
		put_msg(t, &b, msg.type, make_flags(msg.type) | (*next && next != end ? 0 : NLM_F_ACK));
		kp_nl_str(&b, KP_NFTA_TABLE, t->table);
		kp_nft_put_all(&b, msg.attr);
	}
	put_marker(t, &b, BATCH_END);
	return kp_nl_talk(t->ctx, t->fd, &b);
}

bool kp_nft_make(struct kp_nft *t, const char *step, bool with_table, const uint8_t *msgs, const uint8_t *end)
{
	int rc = kp_nft_commit(t, with_table, msgs, end);

	if (rc)
		kp_fail(t->ctx, t->res, step, KP_CALL_PLAIN, -rc);
	return !rc;
}

bool kp_nft_unmake(struct kp_nft *t, const char *step, const struct kp_nft_msg *msg)
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	put_marker(t, &b, BATCH_BEGIN);
	put_msg(t, &b, KP_NFT_DEL(msg->type), NLM_F_ACK);
	kp_nl_str(&b, KP_NFTA_TABLE, t->table);
	kp_nft_put_all(&b, msg->attr);
	put_marker(t, &b, BATCH_END);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	if (rc)
		kp_fail(t->ctx, t->res, step, KP_CALL_PLAIN, -rc);
	return !rc;
}

/*
 * Tables stay until their namespace dies: taking one down patches its hooks out of the kernel's text, which the next row would
 * put in again. But from v4.16 (f92b40a8b264) on and before v4.18 a hook takes one nat chain only, of whichever table.
 */
void kp_nft_drop(struct kp_nft *t)
{
	char extack[KP_TEXT];
	struct kp_nlbuf b;

	if (t->ctx->env->release < KP_RELEASE(4, 16) || t->ctx->env->release >= KP_RELEASE(4, 18))
		return;
	kp_copy(extack, sizeof(extack), t->ctx->extack);
	kp_nl_init(&b);
	put_marker(t, &b, BATCH_BEGIN);
	put_msg(t, &b, KP_NFT_DEL(KP_NFT_NEWTABLE), NLM_F_ACK);
	kp_nl_str(&b, KP_NFTA_TABLE, t->table);
	put_marker(t, &b, BATCH_END);
	kp_nl_talk(t->ctx, t->fd, &b);
	kp_copy(t->ctx->extack, sizeof(t->ctx->extack), extack);
}

/* A dump is searched for the message that was put. */
struct search {
	const struct kp_nft *t;
	const struct kp_nft_msg *msg;
	struct kp_nft_attr key; /* what tells it from others; empty for a table */
	unsigned int found;
	bool same;
	struct kp_nft_diff diff;
	struct kp_nlbuf elems;
};

/* What tells one object of a table from another: none for a table, none but the chain for a rule. */
static uint16_t name_attr(uint8_t type)
{
	return type == KP_NFT_NEWTABLE ? 0 : type == KP_NFT_NEWCHAIN ? KP_NFTA_CHAIN_NAME : KP_NFTA_NAME;
}

static bool is_text(const struct nlmsghdr *msg, uint16_t type, const char *text)
{
	size_t len = 0;
	const char *attr = kp_nl_attr(msg, sizeof(struct kp_nft_header), type, &len);

	return attr && len == strlen(text) + 1 && !memcmp(attr, text, len);
}

/* Elements of one set may come in several messages (a "*" in one of its own), the last of which may have none. */
static void gather(struct search *s, const struct nlmsghdr *msg)
{
	size_t len = 0;
	const void *elems = kp_nl_attr(msg, sizeof(struct kp_nft_header), KP_NFTA_ELEMS_ELEMENTS, &len);

	if (elems)
		kp_nl_raw(&s->elems, elems, len);
	s->found = 1;
}

static void compare_gathered(struct search *s)
{
	struct kp_nft_attr want;

	kp_nft_find(s->msg->attr, KP_NFTA_ELEMS_ELEMENTS, &want);
	s->same = kp_nft_same_one(s->elems.data, s->elems.len, &want, &s->diff);
}

static bool compare(const struct nlmsghdr *msg, void *arg)
{
	const size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct kp_nft_header));
	struct search *s = arg;

	/* Dumps are of one table, one chain only since v4.8 (6e1f760e13c7) for rules, of one table since v4.1 for sets, else of all. */
	if (msg->nlmsg_type != (SUBSYS << 8 | s->msg->type) || !is_text(msg, KP_NFTA_TABLE, s->t->table) ||
	    (s->key.type && !is_text(msg, s->key.type, s->key.text)))
		return true;
	if (s->msg->type == KP_NFT_NEWSETELEM) {
		gather(s, msg);
		return true;
	}
	s->found++;
	s->diff.name = NULL;
	s->same = kp_nft_same((const unsigned char *)msg + skip, msg->nlmsg_len - skip, s->msg->attr, &s->diff);
	return true;
}

static void describe(struct kp_result *res, const struct kp_nft_diff *d)
{
	char text[64] = "";

	kp_cat(text, sizeof(text), d->name ? d->name : "object");
	kp_cat(text, sizeof(text), " attribute ");
	kp_cat_u(text, sizeof(text), d->attr);
	kp_detail(res, d->missing ? "passed-over" : "differs", text);
}

/*
 * An attribute that the kernel does not know is passed over by nla_parse() where the policy is not strict, as nf_tables' is not:
 * the object comes back without it. That is a kernel that has not got it, not one that is broken.
 */
bool kp_nft_read_back(struct kp_nft *t, const char *step, const struct kp_nft_msg *msg)
{
	struct search s;
	int rc;

	s.t = t;
	s.msg = msg;
	s.found = 0;
	s.same = false;
	s.diff = (struct kp_nft_diff){ 0 };
	kp_nft_find(msg->attr, name_attr(msg->type), &s.key);
	kp_nl_init(&s.elems);
	rc = kp_nft_get(t, KP_NFT_GET(msg->type), &s.key, NLM_F_DUMP, compare, &s);
	if (!rc && s.found && msg->type == KP_NFT_NEWSETELEM)
		compare_gathered(&s);
	if (rc) {
		kp_fail(t->ctx, t->res, step, KP_CALL_PLAIN, -rc);
		return false;
	}
	if (s.found == 1 && s.same)
		return true;
	if (s.found != 1) {
		kp_broken(t->res, step,
			  s.found ? "the kernel gives back more than was put there"
				  : "the kernel does not give back what was put there");
		return false;
	}
	describe(t->res, &s.diff);
	if (s.diff.missing)
		kp_absent(t->res, step,
			  "the kernel took it and passed over a part that it does not know: it is newer than the kernel");
	else
		kp_broken(t->res, step, "what the kernel gives back is not what was put there");
	return false;
}
