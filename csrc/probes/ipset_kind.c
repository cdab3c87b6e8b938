/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A set's life, for types and options whose members are lists of attributes. */
#include "ipset_kind.h"

#include <errno.h>

#include <linux/netfilter/nfnetlink.h>

static size_t count(const struct kp_attr *const *list, size_t max)
{
	size_t n = 0;

	while (n < max && list[n])
		n++;
	return n;
}

static size_t members(const struct kp_ipset_kind *k)
{
	return count(k->member, KP_IPSET_MEMBERS);
}

static bool create(struct kp_ipset *t, const char *type, uint8_t revision, uint8_t family, const char *name,
		   const struct kp_attr *with)
{
	struct kp_nlbuf b;
	size_t data;
	int rc;

	kp_nl_init(&b);
	kp_ipset_msg(t, &b, IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	kp_nl_str(&b, IPSET_ATTR_TYPENAME, type);
	kp_nl_u8(&b, IPSET_ATTR_REVISION, revision);
	kp_nl_u8(&b, IPSET_ATTR_FAMILY, family);
	data = kp_nl_nest(&b, IPSET_ATTR_DATA | NLA_F_NESTED);
	if (with)
		kp_attr_put(&b, with);
	kp_nl_end(&b, data);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	return rc < 0 ? kp_ipset_fail(t, "create", rc) : true;
}

static int change(struct kp_ipset *t, uint8_t cmd, const struct kp_attr *const *member, size_t n)
{
	struct kp_nlbuf b;
	size_t data;

	kp_nl_init(&b);
	for (size_t i = 0; i < n; i++) {
		/* No NLM_F_EXCL: a member that is there is not refused. */
		kp_ipset_msg(t, &b, cmd, NLM_F_ACK, t->set->family);
		kp_nl_str(&b, IPSET_ATTR_SETNAME, t->set->name);
		data = kp_nl_nest(&b, IPSET_ATTR_DATA | NLA_F_NESTED);
		kp_attr_put(&b, member[i]);
		kp_nl_end(&b, data);
	}
	return kp_nl_talk(t->ctx, t->fd, &b);
}

static bool test(struct kp_ipset *t, const struct kp_attr *const *what, bool expect)
{
	int rc = change(t, IPSET_CMD_TEST, what, 1);

	if (rc < 0 && rc != -IPSET_ERR_EXIST)
		return kp_ipset_fail(t, "test", rc);
	if (!rc == expect)
		return true;
	kp_broken(t->res, "test", expect ? "what should be in the set is not" : "what should not be in the set is");
	return false;
}

static bool test_all(struct kp_ipset *t, const struct kp_ipset_kind *k)
{
	for (size_t i = 0; i < members(k); i++)
		if (k->tests >> i & 1 && !test(t, &k->member[i], true))
			return false;
	for (size_t i = 0; i < count(k->in, KP_ARRAY_SIZE(k->in)); i++)
		if (!test(t, &k->in[i], true))
			return false;
	for (size_t i = 0; i < count(k->out, KP_ARRAY_SIZE(k->out)); i++)
		if (!test(t, &k->out[i], false))
			return false;
	return true;
}

struct told {
	const struct kp_ipset_kind *kind;
	size_t first; /* members before it are gone */
	unsigned int seen, others;
	bool head;
	uint16_t missing, other; /* attributes of the head */
};

static void take_member(const void *data, size_t len, void *arg)
{
	struct told *t = arg;

	for (size_t i = t->first; i < members(t->kind); i++)
		if (kp_attr_compare(data, len, t->kind->member[i], NULL) == KP_A_SAME) {
			t->seen |= 1u << i;
			return;
		}
	t->others++;
}

static bool take_list(const struct nlmsghdr *msg, void *arg)
{
	struct told *t = arg;
	size_t len = 0;
	const void *head = kp_nl_attr(msg, sizeof(struct nfgenmsg), IPSET_ATTR_DATA, &len), *members;
	uint16_t type = 0;

	if (head && t->kind->create && !t->head) {
		enum kp_attr_told how = kp_attr_compare(head, len, t->kind->create, &type);

		t->missing = how == KP_A_MISSING ? type : 0;
		t->other = how == KP_A_OTHER ? type : 0;
	}
	t->head |= head != NULL;
	members = kp_nl_attr(msg, sizeof(struct nfgenmsg), IPSET_ATTR_ADT, &len);
	if (members)
		kp_attr_each(members, len, IPSET_ATTR_DATA, take_member, t);
	return true;
}

static bool list(struct kp_ipset *t, const struct kp_ipset_kind *k, size_t first)
{
	unsigned int all = (1u << members(k)) - 1, gone = (1u << first) - 1;
	struct told told = { .kind = k, .first = first };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_ipset_msg(t, &b, IPSET_CMD_LIST, NLM_F_DUMP, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, t->set->name);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_list, &told);
	if (rc < 0)
		return kp_ipset_fail(t, "list", rc);
	if (told.missing)
		kp_broken(t->res, "list", "the set was made without an option that was asked for");
	else if (told.other)
		kp_broken(t->res, "list", "the set has an option with another value");
	else if (told.others || told.seen != (all & ~gone))
		kp_broken(t->res, "list", "the list differs from the members that are in the set");
	else
		return true;
	if (told.missing || told.other)
		kp_detail_u(t->res, "attribute", told.missing ? told.missing : told.other);
	return false;
}

static void run_kind(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ipset_kind *k = row->arg;
	size_t n = members(k);
	struct kp_ipset t;
	int rc;

	if (!kp_ipset_start(&t, ctx, row, res))
		return;
	if (t.revision < k->revision) {
		kp_absent(res, "type", "the type's highest revision is older than the option");
		return;
	}
	for (size_t i = 0; k->holds && i < KP_IPSET_HOLDS; i++)
		if (!create(&t, "hash:ip", 0, AF_INET, k->holds[i], NULL))
			return;
	if (!create(&t, k->set.type, t.revision, k->set.family, k->set.name, k->create))
		return;
	for (int again = 0; again < 2; again++) {
		rc = change(&t, IPSET_CMD_ADD, k->member, n);
		if (rc < 0) {
			kp_ipset_fail(&t, "add", rc);
			return;
		}
	}
	if (!test_all(&t, k) || !list(&t, k, 0))
		return;
	rc = change(&t, IPSET_CMD_DEL, k->member, 1);
	if (rc < 0)
		kp_ipset_fail(&t, "delete", rc);
	else if (list(&t, k, 1))
		kp_works(res, "list");
}

const struct kp_method kp_ipset_kind_life = {
	.run = run_kind,
	.asks = "IPSET_CMD_TYPE for the revisions, CREATE with the options, ADD of each member twice, TEST of members and of "
		"others, LIST, DEL of one, LIST",
	.proves = "works: tests and lists have the members, all of them and no other, and the options; absent: error 4098 "
		  "(IPSET_ERR_FIND_TYPE), or the type's highest revision is older than the option; broken: they differ",
	.rules = kp_ipset_rules,
	.gate = KP_CAP_NET_ADMIN,
};
