/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* ctnetlink: the requests, and what their answers must be. */
#include "conntrack.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#define TIMEOUT_S 3600
#define DEST_PORT 179 /* no helper's port: none is attached by itself */
#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_ANSWER 0
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_ANSWER 129
#define KP_CTA_ZONE 18

/* RFC 5737, RFC 3849. */
static const unsigned char addr4[2][4] = { { 192, 0, 2, 1 }, { 198, 51, 100, 1 } };
static const unsigned char addr6[2][16] = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 } };

static const unsigned char *address(const struct kp_ct_flow *f, bool second)
{
	return f->addr[second] ? f->addr[second] : f->family == AF_INET6 ? addr6[second] : addr4[second];
}

static size_t address_len(const struct kp_ct_flow *f)
{
	return f->family == AF_INET6 ? 16 : 4;
}

static bool is_icmp(const struct kp_ct_flow *f)
{
	return f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6;
}

static uint8_t icmp_type(const struct kp_ct_flow *f, bool reply)
{
	if (f->proto == IPPROTO_ICMP)
		return reply ? ICMP_ECHO_ANSWER : ICMP_ECHO_REQUEST;
	return reply ? ICMP6_ECHO_ANSWER : ICMP6_ECHO_REQUEST;
}

void kp_ct_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, uint8_t subsys, uint8_t cmd, uint16_t flags, uint8_t family)
{
	const struct nfgenmsg m = { .nfgen_family = family, .version = NFNETLINK_V0 };

	kp_nl_msg(ctx, b, (uint16_t)(subsys << 8 | cmd), flags, &m, sizeof(m));
}

void kp_ct_tuple(struct kp_nlbuf *b, uint16_t attr, const struct kp_ct_flow *f, bool reply)
{
	bool six = f->family == AF_INET6;
	size_t tuple = kp_nl_nest(b, attr | NLA_F_NESTED);
	size_t nest = kp_nl_nest(b, CTA_TUPLE_IP | NLA_F_NESTED);

	kp_nl_put(b, six ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, address(f, reply), address_len(f));
	kp_nl_put(b, six ? CTA_IP_V6_DST : CTA_IP_V4_DST, address(f, !reply), address_len(f));
	kp_nl_end(b, nest);
	nest = kp_nl_nest(b, CTA_TUPLE_PROTO | NLA_F_NESTED);
	kp_nl_u8(b, CTA_PROTO_NUM, f->proto);
	if (is_icmp(f)) {
		bool v4 = f->proto == IPPROTO_ICMP;

		kp_nl_be16(b, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, f->port);
		kp_nl_u8(b, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, icmp_type(f, reply));
		kp_nl_u8(b, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, 0);
	} else {
		uint16_t dest = f->addr[0] ? f->dport : DEST_PORT;

		kp_nl_be16(b, CTA_PROTO_SRC_PORT, reply ? dest : f->port);
		kp_nl_be16(b, CTA_PROTO_DST_PORT, reply ? f->port : dest);
	}
	kp_nl_end(b, nest);
	kp_nl_end(b, tuple);
}

int kp_ct_create(struct kp_ctx *ctx, int fd, const struct kp_ct_arg *a)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, a->flow.family);
	kp_ct_tuple(&b, CTA_TUPLE_ORIG, &a->flow, false);
	kp_ct_tuple(&b, CTA_TUPLE_REPLY, &a->flow, true);
	kp_nl_be32(&b, CTA_TIMEOUT, TIMEOUT_S);
	if (a->flow.zone)
		kp_nl_be16(&b, KP_CTA_ZONE, a->flow.zone);
	if (a->extra && a->extra->put)
		a->extra->put(&b);
	return kp_nl_talk(ctx, fd, &b);
}

/* One request about one entry. */
static void about(struct kp_ctx *ctx, struct kp_nlbuf *b, uint8_t cmd, uint16_t flags, const struct kp_ct_flow *f, bool reply)
{
	kp_nl_init(b);
	kp_ct_msg(ctx, b, NFNL_SUBSYS_CTNETLINK, cmd, flags, f->family);
	kp_ct_tuple(b, reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG, f, reply);
	if (f->zone)
		kp_nl_be16(b, KP_CTA_ZONE, f->zone);
}

void kp_ct_say(struct kp_ct_seen *s, enum kp_outcome outcome, const char *why)
{
	if (s->outcome != KP_WORKS)
		return; /* the first thing amiss is the cause */
	s->outcome = outcome;
	s->why = why;
}

/*
 * A tuple's protocol part. nf_conntrack takes any protocol, but keeps ports (ids, keys) only where it has a tracker for it:
 * ctnetlink_dump_tuples_proto() leaves them out for the generic one.
 */
static void see_proto(const void *proto, size_t proto_len, bool reply, struct kp_ct_seen *s)
{
	const struct kp_ct_flow *f = s->flow;
	size_t len = 0;
	const uint8_t *num = kp_nl_find(proto, proto_len, CTA_PROTO_NUM, NULL);
	const void *port;

	if (!num || *num != f->proto)
		return kp_ct_say(s, KP_BROKEN, "not the protocol that was set");
	if (is_icmp(f)) {
		bool v4 = f->proto == IPPROTO_ICMP;
		const uint8_t *type = kp_nl_find(proto, proto_len, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, NULL);

		port = kp_nl_find(proto, proto_len, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, &len);
		if (type && *type != icmp_type(f, reply))
			return kp_ct_say(s, KP_BROKEN, "not the ICMP type that was set");
	} else {
		port = kp_nl_find(proto, proto_len, reply ? CTA_PROTO_DST_PORT : CTA_PROTO_SRC_PORT, &len);
	}
	if (!port || len < 2)
		return kp_ct_say(s, KP_ABSENT,
				 "no tracker of this protocol: the generic one took the entry, without ports, ids or keys");
	if (kp_get_be16(port) != f->port)
		kp_ct_say(s, KP_BROKEN, "not the port, id or key that was set");
}

/* Is it this flow's? Before v4.19 (a0ae2562c6c4) addresses are kept only where nf_conntrack_ipv4, nf_conntrack_ipv6 are loaded. */
static void see_tuple(const void *tuple, size_t tuple_len, bool reply, struct kp_ct_seen *s)
{
	const struct kp_ct_flow *f = s->flow;
	bool six = f->family == AF_INET6;
	size_t ip_len, proto_len, len;
	const void *ip = kp_nl_find(tuple, tuple_len, CTA_TUPLE_IP, &ip_len);
	const void *proto = kp_nl_find(tuple, tuple_len, CTA_TUPLE_PROTO, &proto_len);
	const void *src = ip ? kp_nl_find(ip, ip_len, six ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, &len) : NULL;
	const void *dst = ip ? kp_nl_find(ip, ip_len, six ? CTA_IP_V6_DST : CTA_IP_V4_DST, NULL) : NULL;

	if (!src || !dst)
		return kp_ct_say(
			s, KP_ABSENT,
			six ? "no IPv6 address is kept: nf_conntrack_ipv6 is not loaded (a module of its own before v4.19)"
			    : "no IPv4 address is kept: nf_conntrack_ipv4 is not loaded (a module of its own before v4.19)");
	if (len != address_len(f) || memcmp(src, address(f, reply), len) || memcmp(dst, address(f, !reply), len))
		return kp_ct_say(s, KP_BROKEN, "not the addresses that were set");
	if (!proto)
		return kp_ct_say(s, KP_BROKEN, "no protocol is told");
	see_proto(proto, proto_len, reply, s);
}

void kp_ct_see(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const size_t hdr = sizeof(struct nfgenmsg);
	size_t orig_len, reply_len;
	const void *orig = kp_nl_attr(msg, hdr, CTA_TUPLE_ORIG, &orig_len);
	const void *reply = kp_nl_attr(msg, hdr, CTA_TUPLE_REPLY, &reply_len);

	s->n++;
	if (!orig || !reply)
		return kp_ct_say(s, KP_BROKEN, "an entry without its two tuples");
	see_tuple(orig, orig_len, false, s);
	see_tuple(reply, reply_len, true, s);
	if (s->check && s->outcome == KP_WORKS)
		s->check(msg, s);
}

static bool take_one(const struct nlmsghdr *msg, void *arg)
{
	kp_ct_see(msg, arg);
	return false;
}

int kp_ct_get(struct kp_ctx *ctx, int fd, bool reply, struct kp_ct_seen *s)
{
	struct kp_nlbuf b;

	about(ctx, &b, IPCTNL_MSG_CT_GET, 0, s->flow, reply);
	return kp_nl_query(ctx, fd, &b, take_one, s);
}

struct listing {
	struct kp_ct_seen *s;
	unsigned int n;
};

/* A dump has every row's entries: each flow's are told by their port, all else is passed over. */
static bool take_each(const struct nlmsghdr *msg, void *arg)
{
	struct listing *l = arg;
	size_t len;
	const void *p = kp_nl_attr(msg, sizeof(struct nfgenmsg), CTA_TUPLE_ORIG, &len);

	p = p ? kp_nl_find(p, len, CTA_TUPLE_PROTO, &len) : NULL;
	p = p ? kp_nl_find(p, len, CTA_PROTO_SRC_PORT, &len) : NULL;
	for (unsigned int i = 0; p && len >= 2 && i < l->n; i++)
		if (kp_get_be16(p) == l->s[i].flow->port)
			kp_ct_see(msg, &l->s[i]);
	return true;
}

int kp_ct_dump(struct kp_ctx *ctx, int fd, struct kp_ct_seen *s, unsigned int n)
{
	struct listing l = { .s = s, .n = n };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, NLM_F_DUMP, s->flow->family);
	return kp_nl_query(ctx, fd, &b, take_each, &l);
}

int kp_ct_delete(struct kp_ctx *ctx, int fd, const struct kp_ct_flow *f, bool reply)
{
	struct kp_nlbuf b;

	about(ctx, &b, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, f, reply);
	return kp_nl_talk(ctx, fd, &b);
}

bool kp_ct_fine(struct kp_result *res, const char *step, const struct kp_ct_seen *s)
{
	if (s->n == 1 && s->outcome == KP_WORKS)
		return true;
	if (s->outcome == KP_ABSENT)
		kp_absent(res, step, s->why);
	else if (s->outcome == KP_BROKEN)
		kp_broken(res, step, s->why);
	else
		kp_broken(res, step, s->n ? "the entry is told more than once" : "the entry that was made is not told");
	return false;
}

int kp_ct_sysctl(const char *name, const char *value)
{
	char path[96] = "/proc/sys/net/netfilter/";
	int fd, rc;

	kp_cat(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = kp_write_all(fd, value, strlen(value));
	close(fd);
	return rc;
}

const struct kp_rule kp_ct_rules[] = {
	{ EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
	{ EAFNOSUPPORT, KP_ABSENT, "there is no netlink" },
	{ ENOENT, KP_BROKEN, "the entry that was made is not found" },
	{ 0 },
};
