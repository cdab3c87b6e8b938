/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* IP sets over nfnetlink: the requests, and what their answers must be. */
#include "ipset.h"

#include <errno.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>

#define PROTOCOL_MAX 7 /* v4.19, 23c42a403a9c "netfilter: ipset: Introduction of new commands and protocol version 7" */
#define MAXELEM 1048576u

void kp_ipset_msg(struct kp_ipset *t, struct kp_nlbuf *b, uint8_t cmd, uint16_t flags, uint8_t family)
{
	struct nfgenmsg m = { .nfgen_family = family, .version = NFNETLINK_V0 };

	kp_nl_msg(t->ctx, b, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | cmd), flags, &m, sizeof(m));
	kp_nl_u8(b, IPSET_ATTR_PROTOCOL, t->protocol);
}

/* Sends one command that only answers yes or no. */
int kp_ipset_command(struct kp_ipset *t, uint8_t cmd, const char *name, const char *name2)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_ipset_msg(t, &b, cmd, NLM_F_ACK, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	if (name2)
		kp_nl_str(&b, IPSET_ATTR_SETNAME2, name2);
	return kp_nl_talk(t->ctx, t->fd, &b);
}

bool kp_ipset_fail(struct kp_ipset *t, const char *step, int rc)
{
	kp_fail(t->ctx, t->res, step, KP_CALL_PLAIN, -rc);
	return false;
}

static bool take_range(const struct nlmsghdr *msg, void *arg)
{
	struct kp_ipset_range *r = arg;
	const uint8_t *max = kp_nl_attr(msg, sizeof(struct nfgenmsg), r->max_attr, NULL);
	const uint8_t *min = kp_nl_attr(msg, sizeof(struct nfgenmsg), IPSET_ATTR_PROTOCOL_MIN, NULL);

	r->max = max ? *max : -1;
	r->min = min ? *min : r->max;
	return false;
}

/*
 * Opens the socket and agrees on a protocol version: the kernel says its own to any question (net/netfilter/ipset/ip_set_core.c,
 * ip_set_protocol()), everything else must come with one it knows. EINVAL, from nfnetlink itself: no such subsystem.
 */
bool kp_ipset_agree(struct kp_ipset *t, struct kp_ipset_range *ret_protocol)
{
	struct kp_ipset_range r = { .max_attr = IPSET_ATTR_PROTOCOL };
	struct kp_nlbuf b;
	int rc;

	t->fd = kp_nl_socket(t->ctx, t->res, NETLINK_NETFILTER);
	if (t->fd < 0)
		return false;
	t->protocol = PROTOCOL_MAX;
	kp_nl_init(&b);
	kp_ipset_msg(t, &b, IPSET_CMD_PROTOCOL, 0, AF_INET);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_range, &r);
	if (rc == -EINVAL) {
		kp_fail(t->ctx, t->res, "protocol", KP_CALL_PLAIN, EINVAL);
		if (t->res->outcome == KP_UNKNOWN)
			kp_absent(t->res, "protocol", "nfnetlink has no ipset subsystem");
		return false;
	}
	if (rc < 0)
		return kp_ipset_fail(t, "protocol", rc);
	if (r.max < 0 || r.min > PROTOCOL_MAX) {
		kp_unknown(t->res, "protocol", "the kernel speaks no ipset protocol up to 7: run a newer kprobe");
		return false;
	}
	if (r.max < PROTOCOL_MAX)
		t->protocol = (uint8_t)r.max;
	if (ret_protocol)
		*ret_protocol = r;
	return true;
}

/* The type's revisions; a set is made with the highest, whose new options are all optional. */
static bool revisions(struct kp_ipset *t)
{
	struct kp_ipset_range r = { .max_attr = IPSET_ATTR_REVISION };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_ipset_msg(t, &b, IPSET_CMD_TYPE, 0, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_TYPENAME, t->set->type);
	kp_nl_u8(&b, IPSET_ATTR_FAMILY, t->set->family);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_range, &r);
	if (rc < 0)
		return kp_ipset_fail(t, "type", rc);
	if (r.max < 0) {
		kp_broken(t->res, "type", "the answer has no revision");
		return false;
	}
	t->revision = (uint8_t)r.max;
	kp_detail_u(t->res, "revision-min", (unsigned int)r.min);
	kp_detail_u(t->res, "revision-max", (unsigned int)r.max);
	return true;
}

bool kp_ipset_create(struct kp_ipset *t, const char *name, const char *step)
{
	struct kp_nlbuf b;
	size_t data;
	int rc;

	kp_nl_init(&b);
	kp_ipset_msg(t, &b, IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	kp_nl_str(&b, IPSET_ATTR_TYPENAME, t->set->type);
	kp_nl_u8(&b, IPSET_ATTR_REVISION, t->revision);
	kp_nl_u8(&b, IPSET_ATTR_FAMILY, t->set->family);
	data = kp_nl_nest(&b, IPSET_ATTR_DATA | NLA_F_NESTED);
	kp_nl_be32(&b, IPSET_ATTR_MAXELEM | NLA_F_NET_BYTEORDER, MAXELEM);
	kp_nl_end(&b, data);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	return rc < 0 ? kp_ipset_fail(t, step, rc) : true;
}

static size_t ip_len(const struct kp_ipset *t)
{
	return t->set->family == AF_INET6 ? 16 : 4;
}

void kp_ipset_put(struct kp_ipset *t, struct kp_nlbuf *b, uint8_t cmd, const char *name, const struct kp_ipset_member *m)
{
	uint16_t type = t->set->family == AF_INET6 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4;
	size_t data, ip;

	/* No NLM_F_EXCL: "-exist", as restore is always run. A member that is there is not added again. */
	kp_ipset_msg(t, b, cmd, NLM_F_ACK, t->set->family);
	kp_nl_str(b, IPSET_ATTR_SETNAME, name);
	data = kp_nl_nest(b, IPSET_ATTR_DATA | NLA_F_NESTED);
	ip = kp_nl_nest(b, IPSET_ATTR_IP | NLA_F_NESTED);
	kp_nl_put(b, type | NLA_F_NET_BYTEORDER, m->ip, ip_len(t));
	kp_nl_end(b, ip);
	if (m->cidr)
		kp_nl_u8(b, IPSET_ATTR_CIDR, m->cidr);
	if (m->protocol) {
		kp_nl_be16(b, IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, m->port);
		kp_nl_u8(b, IPSET_ATTR_PROTO, m->protocol);
	}
	kp_nl_end(b, data);
}

bool kp_ipset_add(struct kp_ipset *t, const char *name, const struct kp_ipset_member *m, unsigned int n)
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	for (unsigned int i = 0; i < n; i++)
		kp_ipset_put(t, &b, IPSET_CMD_ADD, name, &m[i]);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	return rc < 0 ? kp_ipset_fail(t, "add", rc) : true;
}

/* Whether @m is in the set, by IPSET_CMD_TEST. Answers the row and returns false when that is not @expect. */
bool kp_ipset_test(struct kp_ipset *t, const char *name, const struct kp_ipset_member *m, bool expect)
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_ipset_put(t, &b, IPSET_CMD_TEST, name, m);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	if (rc < 0 && rc != -IPSET_ERR_EXIST)
		return kp_ipset_fail(t, "test", rc);
	if (!rc == expect)
		return true;
	kp_broken(t->res, "test",
		  expect ? "a member that was added is not in the set" : "something that was not added is in the set");
	return false;
}

/* What a list must have, and what it has. */
struct listing {
	const struct kp_ipset *t;
	const char *name;
	const struct kp_ipset_member *want;
	unsigned int n;
	unsigned int seen; /* a bit per wanted member */
	unsigned int others;
	bool wrong_set;
};

static bool same_member(const struct kp_ipset *t, const void *data, size_t len, const struct kp_ipset_member *m)
{
	uint16_t type = t->set->family == AF_INET6 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4;
	size_t ip_size = 0, size = 0;
	const void *ip = kp_nl_find(data, len, IPSET_ATTR_IP, &ip_size);
	const uint8_t *cidr = kp_nl_find(data, len, IPSET_ATTR_CIDR, NULL);
	const uint8_t *protocol = kp_nl_find(data, len, IPSET_ATTR_PROTO, NULL);
	const void *port = kp_nl_find(data, len, IPSET_ATTR_PORT, &size);

	if (m->protocol && (!protocol || *protocol != m->protocol || !port || size < 2 || kp_get_be16(port) != m->port))
		return false;
	if (m->cidr && (!cidr || *cidr != m->cidr))
		return false;
	ip = ip ? kp_nl_find(ip, ip_size, type, &size) : NULL;
	return ip && size >= ip_len(t) && !memcmp(ip, m->ip, ip_len(t));
}

static void list_member(struct listing *l, const void *data, size_t len)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (same_member(l->t, data, len, &l->want[i])) {
			l->seen |= 1u << i;
			return;
		}
	l->others++;
}

static bool take_list(const struct nlmsghdr *msg, void *arg)
{
	size_t name_len = 0, left = 0, hdr = sizeof(struct nfgenmsg);
	struct listing *l = arg;
	const char *name = kp_nl_attr(msg, hdr, IPSET_ATTR_SETNAME, &name_len);
	const unsigned char *p = kp_nl_attr(msg, hdr, IPSET_ATTR_ADT, &left);
	struct nlattr a;

	if (!name || name_len != strlen(l->name) + 1 || memcmp(name, l->name, name_len))
		l->wrong_set = true;
	while (p && left >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > left)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == IPSET_ATTR_DATA)
			list_member(l, p + sizeof(a), a.nla_len - sizeof(a));
		if ((size_t)NLA_ALIGN(a.nla_len) >= left)
			break;
		left -= (size_t)NLA_ALIGN(a.nla_len);
		p += NLA_ALIGN(a.nla_len);
	}
	return true;
}

/* Answers the row and returns false when the set's members are not exactly @want. */
bool kp_ipset_list(struct kp_ipset *t, const char *name, const struct kp_ipset_member *want, unsigned int n, const char *wrong)
{
	struct listing l = { .t = t, .name = name, .want = want, .n = n };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_ipset_msg(t, &b, IPSET_CMD_LIST, NLM_F_DUMP, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_list, &l);
	if (rc < 0)
		return kp_ipset_fail(t, "list", rc);
	if (!l.wrong_set && !l.others && l.seen == (1u << n) - 1)
		return true;
	kp_broken(t->res, "list", l.wrong_set ? "another set was listed" : wrong);
	return false;
}

bool kp_ipset_start(struct kp_ipset *t, struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	*t = (struct kp_ipset){ .ctx = ctx, .res = res, .set = row->arg };
	return kp_ipset_agree(t, NULL) && revisions(t);
}

const struct kp_rule kp_ipset_rules[] = {
	{ EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
	{ EAFNOSUPPORT, KP_ABSENT, "there is no netlink" },
	{ IPSET_ERR_PROTOCOL, KP_UNKNOWN, "the kernel's ipset protocol takes another form of this request: please report it" },
	{ IPSET_ERR_FIND_TYPE, KP_ABSENT, "there is no such set type, or not for this address family or revision" },
	{ IPSET_ERR_MAX_SETS, KP_UNKNOWN, "the kernel's limit of sets is reached (ip_set.max_sets)" },
	{ IPSET_ERR_BUSY, KP_UNKNOWN, "the set is in use: run again" },
	{ IPSET_ERR_TYPE_MISMATCH, KP_UNKNOWN, "two sets of one type were said to differ: please report it" },
	{ IPSET_ERR_INVALID_FAMILY, KP_ABSENT, "the set type does not know this address family" },
	{ 0 },
};
