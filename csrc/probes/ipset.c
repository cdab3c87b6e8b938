/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * IP sets over nfnetlink, with the set types, options, names and operations of Calico's policy. The kernel may be asked to load
 * nfnetlink (by the socket), ip_set (by the first message) and the type's module (by IPSET_CMD_TYPE). IPv6 sets need no IPv6.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

#include "../link.h"
#include "families.h"

#define PROTOCOL_MAX 7 /* v4.19, 23c42a403a9c "netfilter: ipset: Introduction of new commands and protocol version 7" */
#define MAXELEM 1048576u

struct member {
	unsigned char ip[16];
	uint8_t cidr;     /* 0: not said */
	uint8_t protocol; /* 0: no port either */
	uint16_t port;
};

/* One row's set. The first @n of @member are put in; @other is never. */
struct set_arg {
	uint8_t family;
	const char *type;
	const char *name;
	const char *temp; /* the other set of a swap */
	unsigned int n;
	struct member member[3];
	struct member other;
};

struct talk {
	struct kp_ctx *ctx;
	struct kp_result *res;
	int fd;
	uint8_t protocol;
	uint8_t revision;
	const struct set_arg *set;
};

static void open_msg(struct talk *t, struct kp_nlbuf *b, uint8_t cmd, uint16_t flags, uint8_t family)
{
	struct nfgenmsg m = { .nfgen_family = family, .version = NFNETLINK_V0 };

	kp_nl_msg(t->ctx, b, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | cmd), flags, &m, sizeof(m));
	kp_nl_u8(b, IPSET_ATTR_PROTOCOL, t->protocol);
}

/* Sends one command that only answers yes or no. */
static int command(struct talk *t, uint8_t cmd, uint16_t flags, const char *name, const char *name2)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	open_msg(t, &b, cmd, flags | NLM_F_ACK, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	if (name2)
		kp_nl_str(&b, IPSET_ATTR_SETNAME2, name2);
	return kp_nl_talk(t->ctx, t->fd, &b);
}

static bool fail(struct talk *t, const char *step, int rc)
{
	kp_fail(t->ctx, t->res, step, KP_CALL_PLAIN, -rc);
	return false;
}

/* Two numbers of an answer: the greatest and, where told, the least. */
struct range {
	uint16_t max_attr;
	int max;
	int min;
};

static bool take_range(const struct nlmsghdr *msg, void *arg)
{
	struct range *r = arg;
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
static bool agree(struct talk *t, struct range *ret_protocol)
{
	struct range r = { .max_attr = IPSET_ATTR_PROTOCOL };
	struct kp_nlbuf b;
	int rc;

	t->fd = kp_nl_socket(t->ctx, t->res, NETLINK_NETFILTER);
	if (t->fd < 0)
		return false;
	t->protocol = PROTOCOL_MAX;
	kp_nl_init(&b);
	open_msg(t, &b, IPSET_CMD_PROTOCOL, 0, AF_INET);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_range, &r);
	if (rc == -EINVAL) {
		kp_fail(t->ctx, t->res, "protocol", KP_CALL_PLAIN, EINVAL);
		if (t->res->outcome == KP_UNKNOWN)
			kp_absent(t->res, "protocol", "nfnetlink has no ipset subsystem");
		return false;
	}
	if (rc < 0)
		return fail(t, "protocol", rc);
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
static bool revisions(struct talk *t)
{
	struct range r = { .max_attr = IPSET_ATTR_REVISION };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	open_msg(t, &b, IPSET_CMD_TYPE, 0, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_TYPENAME, t->set->type);
	kp_nl_u8(&b, IPSET_ATTR_FAMILY, t->set->family);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_range, &r);
	if (rc < 0)
		return fail(t, "type", rc);
	if (r.max < 0) {
		kp_broken(t->res, "type", "the answer has no revision");
		return false;
	}
	t->revision = (uint8_t)r.max;
	kp_detail_u(t->res, "revision-min", (unsigned int)r.min);
	kp_detail_u(t->res, "revision-max", (unsigned int)r.max);
	return true;
}

static bool create(struct talk *t, const char *name, const char *step)
{
	struct kp_nlbuf b;
	size_t data;
	int rc;

	kp_nl_init(&b);
	open_msg(t, &b, IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	kp_nl_str(&b, IPSET_ATTR_TYPENAME, t->set->type);
	kp_nl_u8(&b, IPSET_ATTR_REVISION, t->revision);
	kp_nl_u8(&b, IPSET_ATTR_FAMILY, t->set->family);
	data = kp_nl_nest(&b, IPSET_ATTR_DATA | NLA_F_NESTED);
	kp_nl_be32(&b, IPSET_ATTR_MAXELEM | NLA_F_NET_BYTEORDER, MAXELEM);
	kp_nl_end(&b, data);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	return rc < 0 ? fail(t, step, rc) : true;
}

static size_t ip_len(const struct talk *t)
{
	return t->set->family == AF_INET6 ? 16 : 4;
}

static void put_member(struct talk *t, struct kp_nlbuf *b, uint8_t cmd, const char *name, const struct member *m)
{
	uint16_t type = t->set->family == AF_INET6 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4;
	size_t data, ip;

	/* No NLM_F_EXCL: "-exist", as restore is always run. A member that is there is not added again. */
	open_msg(t, b, cmd, NLM_F_ACK, t->set->family);
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

static bool add(struct talk *t, const char *name, const struct member *m, unsigned int n)
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	for (unsigned int i = 0; i < n; i++)
		put_member(t, &b, IPSET_CMD_ADD, name, &m[i]);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	return rc < 0 ? fail(t, "add", rc) : true;
}

/* Whether @m is in the set, by IPSET_CMD_TEST. Answers the row and returns false when that is not @expect. */
static bool test(struct talk *t, const char *name, const struct member *m, bool expect)
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	put_member(t, &b, IPSET_CMD_TEST, name, m);
	rc = kp_nl_talk(t->ctx, t->fd, &b);
	if (rc < 0 && rc != -IPSET_ERR_EXIST)
		return fail(t, "test", rc);
	if (!rc == expect)
		return true;
	kp_broken(t->res, "test", expect ? "a member that was added is not in the set" : "something that was not added is in the set");
	return false;
}

/* What a list must have, and what it has. */
struct listing {
	const struct talk *t;
	const char *name;
	const struct member *want;
	unsigned int n;
	unsigned int seen; /* a bit per wanted member */
	unsigned int others;
	bool wrong_set;
};

static bool same_member(const struct talk *t, const void *data, size_t len, const struct member *m)
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
static bool list(struct talk *t, const char *name, const struct member *want, unsigned int n, const char *wrong)
{
	struct listing l = { .t = t, .name = name, .want = want, .n = n };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	open_msg(t, &b, IPSET_CMD_LIST, NLM_F_DUMP, t->set->family);
	kp_nl_str(&b, IPSET_ATTR_SETNAME, name);
	rc = kp_nl_query(t->ctx, t->fd, &b, take_list, &l);
	if (rc < 0)
		return fail(t, "list", rc);
	if (!l.wrong_set && !l.others && l.seen == (1u << n) - 1)
		return true;
	kp_broken(t->res, "list", l.wrong_set ? "another set was listed" : wrong);
	return false;
}

static const struct kp_rule set_rules[] = {
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

static bool start(struct talk *t, struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	*t = (struct talk){ .ctx = ctx, .res = res, .set = row->arg };
	return agree(t, NULL) && revisions(t);
}

/* Whether the kernel has sets at all, and which protocol it speaks. */
static void run_protocol(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct talk t = { .ctx = ctx, .res = res };
	struct range r;

	(void)row;
	if (!agree(&t, &r))
		return;
	kp_detail_u(res, "protocol-min", (unsigned int)r.min);
	kp_detail_u(res, "protocol-max", (unsigned int)r.max);
	kp_works(res, "protocol");
}

static const struct kp_method protocol = {
	.run = run_protocol,
	.asks = "IPSET_CMD_PROTOCOL over nfnetlink",
	.proves = "works: the kernel tells its protocol versions, 6 or 7 among them; absent: no NETLINK_NETFILTER (EPROTONOSUPPORT), or no ipset "
		  "subsystem in it (EINVAL)",
	.rules = set_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A set's life, as policy needs it. Half of its members are deleted again, to see that one can. */
static void run_set(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct set_arg *s = row->arg;
	struct kp_nlbuf b;
	struct talk t;
	int rc;

	if (!start(&t, ctx, row, res) || !create(&t, s->name, "create") || !add(&t, s->name, s->member, s->n) ||
	    !add(&t, s->name, s->member, s->n))
		return;
	for (unsigned int i = 0; i < s->n; i++)
		if (!test(&t, s->name, &s->member[i], true))
			return;
	if (!test(&t, s->name, &s->other, false) ||
	    !list(&t, s->name, s->member, s->n, "the list differs from the members that were added"))
		return;
	kp_nl_init(&b);
	put_member(&t, &b, IPSET_CMD_DEL, s->name, &s->member[0]);
	rc = kp_nl_talk(ctx, t.fd, &b);
	if (rc < 0)
		fail(&t, "delete", rc);
	else if (list(&t, s->name, s->member + 1, s->n - 1, "the list differs from the members that were not deleted"))
		kp_works(res, "list");
}

static const struct kp_method set_life = {
	.run = run_set,
	.asks = "IPSET_CMD_TYPE for the revisions, CREATE (maxelem 1048576), ADD of each member twice, TEST of each and of something else, LIST, "
		"DEL of one, LIST",
	.proves = "works: the tests and lists have the members, all of them and no other; absent: error 4098 (IPSET_ERR_FIND_TYPE); broken: they "
		  "differ",
	.rules = set_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A set changes under the rules that use it by being swapped with a temporary one. */
static void run_swap(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct set_arg *s = row->arg;
	struct talk t;
	int rc;

	if (!start(&t, ctx, row, res) || !create(&t, s->name, "create") || !create(&t, s->temp, "create temporary") ||
	    !add(&t, s->name, s->member, s->n) || !add(&t, s->temp, &s->other, 1))
		return;
	rc = command(&t, IPSET_CMD_SWAP, 0, s->name, s->temp);
	if (rc < 0)
		fail(&t, "swap", rc);
	else if (list(&t, s->name, &s->other, 1, "the set does not have the temporary one's members") &&
		 list(&t, s->temp, s->member, s->n, "the temporary set does not have the first one's members"))
		kp_works(res, "list");
}

static const struct kp_method swap = {
	.run = run_swap,
	.asks = "CREATE of a set and a temporary one, ADD of other members to each, IPSET_CMD_SWAP, LIST of both",
	.proves = "works: each list has the other's members; broken: it does not",
	.rules = set_rules,
	.gate = KP_CAP_NET_ADMIN,
};

static void run_destroy(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct set_arg *s = row->arg;
	struct talk t;
	int rc;

	if (!start(&t, ctx, row, res) || !create(&t, s->name, "create") || !add(&t, s->name, s->member, s->n))
		return;
	rc = command(&t, IPSET_CMD_DESTROY, 0, s->name, NULL);
	if (rc < 0) {
		fail(&t, "destroy", rc);
		return;
	}
	rc = command(&t, IPSET_CMD_FLUSH, 0, s->name, NULL);
	if (rc == -ENOENT)
		kp_works(res, "destroy");
	else if (rc < 0)
		fail(&t, "look for it", rc);
	else
		kp_broken(res, "look for it", "the set is there after it was destroyed");
}

static const struct kp_method destroy = {
	.run = run_destroy,
	.asks = "CREATE of a set, ADD, IPSET_CMD_DESTROY, then IPSET_CMD_FLUSH for it",
	.proves = "works: the last answers ENOENT, the set is gone; broken: it is still there",
	.rules = set_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* The names of all sets: two are made, both must be told. */
struct names {
	const struct set_arg *set;
	bool first, second;
};

static bool take_name(const struct nlmsghdr *msg, void *arg)
{
	size_t len = 0;
	const char *name = kp_nl_attr(msg, sizeof(struct nfgenmsg), IPSET_ATTR_SETNAME, &len);
	struct names *n = arg;

	if (name && len && !name[len - 1]) {
		n->first |= kp_equal(name, n->set->name);
		n->second |= kp_equal(name, n->set->temp);
	}
	return true;
}

static void run_names(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct set_arg *s = row->arg;
	struct names n = { .set = s };
	struct kp_nlbuf b;
	struct talk t;
	int rc;

	if (!start(&t, ctx, row, res) || !create(&t, s->name, "create") || !create(&t, s->temp, "create second"))
		return;
	kp_nl_init(&b);
	open_msg(&t, &b, IPSET_CMD_LIST, NLM_F_DUMP, s->family);
	kp_nl_be32(&b, IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER, IPSET_FLAG_LIST_SETNAME);
	rc = kp_nl_query(ctx, t.fd, &b, take_name, &n);
	if (rc < 0)
		fail(&t, "list names", rc);
	else if (!n.first || !n.second)
		kp_broken(res, "list names", "a set is missing from the list of names");
	else
		kp_works(res, "list names");
}

static const struct kp_method list_names = {
	.run = run_names,
	.asks = "CREATE of two sets, then IPSET_CMD_LIST with IPSET_FLAG_LIST_SETNAME and no name",
	.proves = "works: both names are in the list; broken: one is missing",
	.rules = set_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/*
 * nfnetlink, ip_set and each type may all be absent, so the known-good row cannot be among them: a request of the same shape to
 * rtnetlink, which every kernel has. It proves what the absent ones rest on: sending, errors, answers.
 */
static void run_lo(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;

	(void)row;
	if (rtnl < 0)
		return;
	rc = kp_link_index(ctx, rtnl, "kpnone0");
	if (rc != -ENODEV) {
		kp_broken(res, "get kpnone0", "a device that is not there was not refused with ENODEV");
		return;
	}
	rc = kp_link_index(ctx, rtnl, "lo");
	if (rc < 0)
		kp_fail(ctx, res, "get lo", KP_CALL_PLAIN, -rc);
	else
		kp_works(res, "get lo");
}

static const struct kp_method get_lo = {
	.run = run_lo,
	.asks = "RTM_GETLINK for a device that is not there, and for lo",
	.proves = "works: the first answers ENODEV, the second lo's index",
};

#define A4(...) { { __VA_ARGS__ }, 0, 0, 0 }
#define N4(cidr, ...) { { __VA_ARGS__ }, cidr, 0, 0 }
#define P4(proto, port, ...) { { __VA_ARGS__ }, 0, proto, port }
#define IP6(net, host) 0x20, 0x01, 0x0d, 0xb8, 0, net, 0, 0, 0, 0, 0, 0, 0, 0, 0, host

/* Documentation addresses (RFC 5737, 3849). */
#define IP4_MEMBERS .n = 2, .member = { A4(192, 0, 2, 1), A4(192, 0, 2, 77) }, .other = A4(192, 0, 2, 2)
#define IP6_MEMBERS .n = 2, .member = { A4(IP6(0, 1)), A4(IP6(0, 77)) }, .other = A4(IP6(0, 2))
#define NET4_MEMBERS .n = 2, .member = { N4(24, 198, 51, 100), N4(26, 203, 0, 113, 64) }, .other = N4(26, 203, 0, 113, 128)
#define NET6_MEMBERS .n = 2, .member = { N4(48, IP6(1, 0)), N4(64, IP6(2, 0)) }, .other = N4(48, IP6(3, 0))
#define PORT4_MEMBERS \
	.n = 2, .member = { P4(IPPROTO_TCP, 179, 192, 0, 2, 1), P4(IPPROTO_UDP, 4789, 192, 0, 2, 1) }, \
	.other = P4(IPPROTO_UDP, 179, 192, 0, 2, 1)
#define PORT6_MEMBERS \
	.n = 2, .member = { P4(IPPROTO_TCP, 179, IP6(0, 1)), P4(IPPROTO_UDP, 4789, IP6(0, 1)) }, \
	.other = P4(IPPROTO_UDP, 179, IP6(0, 1))
/* Three members that differ by protocol alone: a kernel that keeps no port for SCTP shows it in the list. */
#define SCTP4_MEMBERS \
	.n = 3, .member = { P4(IPPROTO_TCP, 3868, 192, 0, 2, 1), P4(IPPROTO_UDP, 3868, 192, 0, 2, 1), P4(IPPROTO_SCTP, 3868, 192, 0, 2, 1) }, \
	.other = P4(IPPROTO_SCTP, 3869, 192, 0, 2, 1)
#define SCTP6_MEMBERS \
	.n = 3, .member = { P4(IPPROTO_TCP, 3868, IP6(0, 1)), P4(IPPROTO_UDP, 3868, IP6(0, 1)), P4(IPPROTO_SCTP, 3868, IP6(0, 1)) }, \
	.other = P4(IPPROTO_SCTP, 3869, IP6(0, 1))

#define SET(...) (&(const struct set_arg){ __VA_ARGS__ })
#define IP_MODULES "nfnetlink ip_set ip_set_hash_ip"
#define IP_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_HASH_IP"
#define NET_MODULES "nfnetlink ip_set ip_set_hash_net"
#define NET_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_HASH_NET"
#define PORT_MODULES "nfnetlink ip_set ip_set_hash_ipport"
#define PORT_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_HASH_IPPORT"

static const struct kp_probe rows[] = {
	{ .id = "ipset.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &get_lo },
	{ .id = "ipset.control.negative", .title = "an invented set type", .control = KP_NEGATIVE,
	  .modules = "nfnetlink ip_set ip_set_hash:kpnone", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:kpnone", .name = "cali40kprobe-none", IP4_MEMBERS) },

	{ .id = "ipset.protocol", .title = "IP sets over nfnetlink", .modules = "nfnetlink ip_set",
	  .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET", .since = "2.6.39", .by = &protocol },

	{ .id = "ipset.hash:ip.inet", .title = "set of IPv4 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG, .since = "2.6.39",
	  .by = &set_life, .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-ip", IP4_MEMBERS) },
	{ .id = "ipset.hash:ip.inet.swap", .title = "swap of sets of IPv4 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:ip.inet", .by = &swap,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-ip-s", .temp = "cali4tkprobe-ip-s", IP4_MEMBERS) },
	{ .id = "ipset.hash:ip.inet.destroy", .title = "deletion of a set of IPv4 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:ip.inet", .by = &destroy,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-ip-d", IP4_MEMBERS) },
	{ .id = "ipset.hash:ip.inet6", .title = "set of IPv6 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG, .since = "2.6.39",
	  .by = &set_life, .arg = SET(.family = AF_INET6, .type = "hash:ip", .name = "cali60kprobe-ip", IP6_MEMBERS) },
	{ .id = "ipset.hash:ip.inet6.swap", .title = "swap of sets of IPv6 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:ip.inet6", .by = &swap,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip", .name = "cali60kprobe-ip-s", .temp = "cali6tkprobe-ip-s", IP6_MEMBERS) },
	{ .id = "ipset.hash:ip.inet6.destroy", .title = "deletion of a set of IPv6 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:ip.inet6", .by = &destroy,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip", .name = "cali60kprobe-ip-d", IP6_MEMBERS) },
	{ .id = "ipset.list-names", .title = "names of all sets", .modules = IP_MODULES, .kconfig = IP_CONFIG, .since = "2.6.39",
	  .needs = "ipset.hash:ip.inet", .by = &list_names,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-a", .temp = "cali40kprobe-b", IP4_MEMBERS) },

	{ .id = "ipset.hash:net.inet", .title = "set of IPv4 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG, .since = "2.6.39",
	  .by = &set_life, .arg = SET(.family = AF_INET, .type = "hash:net", .name = "cali40kprobe-net", NET4_MEMBERS) },
	{ .id = "ipset.hash:net.inet.swap", .title = "swap of sets of IPv4 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:net.inet", .by = &swap,
	  .arg = SET(.family = AF_INET, .type = "hash:net", .name = "cali40kprobe-net-s", .temp = "cali4tkprobe-net-s", NET4_MEMBERS) },
	{ .id = "ipset.hash:net.inet.destroy", .title = "deletion of a set of IPv4 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:net.inet", .by = &destroy,
	  .arg = SET(.family = AF_INET, .type = "hash:net", .name = "cali40kprobe-net-d", NET4_MEMBERS) },
	{ .id = "ipset.hash:net.inet6", .title = "set of IPv6 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG, .since = "2.6.39",
	  .by = &set_life, .arg = SET(.family = AF_INET6, .type = "hash:net", .name = "cali60kprobe-net", NET6_MEMBERS) },
	{ .id = "ipset.hash:net.inet6.swap", .title = "swap of sets of IPv6 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:net.inet6", .by = &swap,
	  .arg = SET(.family = AF_INET6, .type = "hash:net", .name = "cali60kprobe-net-s", .temp = "cali6tkprobe-net-s", NET6_MEMBERS) },
	{ .id = "ipset.hash:net.inet6.destroy", .title = "deletion of a set of IPv6 prefixes", .modules = NET_MODULES,
	  .kconfig = NET_CONFIG, .since = "2.6.39", .needs = "ipset.hash:net.inet6", .by = &destroy,
	  .arg = SET(.family = AF_INET6, .type = "hash:net", .name = "cali60kprobe-net-d", NET6_MEMBERS) },

	{ .id = "ipset.hash:ip,port.inet", .title = "set of IPv4 addresses and ports", .modules = PORT_MODULES, .kconfig = PORT_CONFIG,
	  .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port", PORT4_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet.sctp", .title = "IPv4 SCTP port in a set", .modules = PORT_MODULES, .kconfig = PORT_CONFIG,
	  .since = "3.0", .needs = "ipset.hash:ip,port.inet", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port-p", SCTP4_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet.swap", .title = "swap of sets of IPv4 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet", .by = &swap,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port-s", .temp = "cali4tkprobe-port-s", PORT4_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet.destroy", .title = "deletion of a set of IPv4 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet", .by = &destroy,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port-d", PORT4_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet6", .title = "set of IPv6 addresses and ports", .modules = PORT_MODULES, .kconfig = PORT_CONFIG,
	  .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port", PORT6_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet6.sctp", .title = "IPv6 SCTP port in a set", .modules = PORT_MODULES, .kconfig = PORT_CONFIG,
	  .since = "3.0", .needs = "ipset.hash:ip,port.inet6", .by = &set_life,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port-p", SCTP6_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet6.swap", .title = "swap of sets of IPv6 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet6", .by = &swap,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port-s", .temp = "cali6tkprobe-port-s", PORT6_MEMBERS) },
	{ .id = "ipset.hash:ip,port.inet6.destroy", .title = "deletion of a set of IPv6 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet6", .by = &destroy,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port-d", PORT6_MEMBERS) },
};

const struct kp_family kp_family_ipset = { "ipset", "IP sets", 0, rows, KP_ARRAY_SIZE(rows) };
