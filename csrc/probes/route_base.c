/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Routes as rows describe them: into a request, and out of a dump again. */
#include <errno.h>
#include <string.h>

#include "route.h"

#define VETH "calikprobe0"
#define VETH_PEER "calikprobe1"

const struct kp_rule kp_route_rules[] = {
	{ EOPNOTSUPP, KP_ABSENT, "rtnetlink has no such message for this address family" },
	{ EAFNOSUPPORT, KP_ABSENT, "this address family is not in the kernel, or has no rules (CONFIG_IP_MULTIPLE_TABLES)" },
	{ EPFNOSUPPORT, KP_ABSENT, "this address family is not in the kernel" },
	{ 0 },
};

unsigned int kp_addr_len(int family)
{
	return family == AF_INET6 ? 16 : 4;
}

static bool rejects(const struct kp_route *r)
{
	return r->type && r->type != RTN_UNICAST;
}

static uint32_t table_of(const struct kp_route *r)
{
	return r->table ? r->table : RT_TABLE_MAIN;
}

static uint32_t metric_of(const struct kp_route *r)
{
	return r->metric ? r->metric : 2000u + r->net;
}

static void address(const struct kp_route *r, uint8_t block, uint8_t host, unsigned char *ret)
{
	memset(ret, 0, 16);
	if (r->family == AF_INET) {
		ret[0] = 198;
		ret[1] = (uint8_t)(18 + block);
		ret[2] = r->net;
		ret[3] = host;
		return;
	}
	ret[0] = 0x20;
	ret[1] = 0x01;
	ret[2] = 0x0d;
	ret[3] = 0xb8;
	ret[5] = block;
	ret[7] = r->net;
	ret[15] = host;
}

void kp_route_gateway(const struct kp_route *r, unsigned int host, unsigned char *ret)
{
	address(r, 1, (uint8_t)host, ret);
}

unsigned int kp_route_dst(const struct kp_route *r, unsigned char *ret)
{
	if (r->family == AF_INET6 && !r->veth && !rejects(r)) {
		memset(ret, 0, 16);
		ret[15] = 1;
		return 128;
	}
	address(r, r->to == KP_TO_NET ? 0 : 1, r->to == KP_TO_GATEWAY, ret);
	if (r->to == KP_TO_GATEWAY)
		return kp_addr_len(r->family) * 8;
	return r->family == AF_INET ? 24 : 64;
}

static uint8_t scope_of(const struct kp_route *r)
{
	/* IPv6 has no scopes: its routes read back as universe, whatever was asked for. */
	if (r->family == AF_INET6 || rejects(r) || r->gateways)
		return RT_SCOPE_UNIVERSE;
	return RT_SCOPE_LINK;
}

static void put_multipath(struct kp_nlbuf *b, const struct kp_route *r, int oif)
{
	size_t nest = kp_nl_nest(b, RTA_MULTIPATH);

	for (unsigned int i = 1; i <= r->gateways; i++) {
		unsigned int len = kp_addr_len(r->family);
		struct rtnexthop hop = { .rtnh_len = (unsigned short)RTNH_LENGTH(RTA_SPACE(len)), .rtnh_ifindex = oif };
		unsigned char gw[16];

		kp_route_gateway(r, i, gw);
		kp_nl_raw(b, &hop, sizeof(hop));
		kp_nl_put(b, RTA_GATEWAY, gw, len);
	}
	kp_nl_end(b, nest);
}

void kp_route_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, uint16_t type, uint16_t flags, const struct kp_route *r, int oif)
{
	unsigned char dst[16], gw[16];
	struct rtmsg m = {
		.rtm_family = r->family,
		.rtm_dst_len = (unsigned char)kp_route_dst(r, dst),
		.rtm_table = (unsigned char)table_of(r),
		.rtm_protocol = r->protocol ? r->protocol : RTPROT_BOOT,
		.rtm_scope = scope_of(r),
		.rtm_type = r->type ? r->type : RTN_UNICAST,
		.rtm_flags = r->onlink ? RTNH_F_ONLINK : 0,
	};

	kp_nl_msg(ctx, b, type, flags, &m, sizeof(m));
	kp_nl_put(b, RTA_DST, dst, kp_addr_len(r->family));
	kp_nl_u32(b, RTA_TABLE, table_of(r));
	kp_nl_u32(b, RTA_PRIORITY, metric_of(r));
	if (!rejects(r) && r->gateways < 2)
		kp_nl_u32(b, RTA_OIF, (uint32_t)oif);
	if (r->gateways == 1) {
		kp_route_gateway(r, 1, gw);
		kp_nl_put(b, RTA_GATEWAY, gw, kp_addr_len(r->family));
	} else if (r->gateways) {
		put_multipath(b, r, oif);
	}
	if (r->mtu) {
		size_t nest = kp_nl_nest(b, RTA_METRICS);

		kp_nl_u32(b, RTAX_MTU, r->mtu);
		kp_nl_end(b, nest);
	}
}

const void *kp_route_header(const struct nlmsghdr *msg, size_t len)
{
	return msg->nlmsg_len < NLMSG_HDRLEN + len ? NULL : (const unsigned char *)msg + NLMSG_HDRLEN;
}

int kp_route_dump(struct kp_ctx *ctx, int fd, uint16_t type, uint8_t family, size_t hdrlen,
		  bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg)
{
	unsigned char hdr[32] = { family };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, type, NLM_F_DUMP, hdr, hdrlen);
	return kp_nl_query(ctx, fd, &b, each, arg);
}

static void see_gateway(struct kp_route_seen *s, const void *addr, size_t len)
{
	unsigned char gw[16];

	for (unsigned int i = 1; addr && i <= 2; i++) {
		kp_route_gateway(s->want, i, gw);
		if (len == kp_addr_len(s->want->family) && !memcmp(addr, gw, len))
			s->gateways |= (uint8_t)(1u << (i - 1));
	}
}

static void see_hops(struct kp_route_seen *s, const unsigned char *p, size_t left)
{
	struct rtnexthop hop;

	while (left >= sizeof(hop)) {
		const void *gw;
		size_t len = 0;

		memcpy(&hop, p, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return;
		gw = kp_nl_find(p + sizeof(hop), hop.rtnh_len - sizeof(hop), RTA_GATEWAY, &len);
		see_gateway(s, gw, len);
		s->oif = (uint32_t)hop.rtnh_ifindex;
		if ((size_t)RTNH_ALIGN(hop.rtnh_len) >= left)
			return;
		left -= (size_t)RTNH_ALIGN(hop.rtnh_len);
		p += RTNH_ALIGN(hop.rtnh_len);
	}
}

static uint32_t attr_u32(const struct nlmsghdr *msg, uint16_t type, uint32_t otherwise)
{
	size_t len = 0;
	const void *p = kp_nl_attr(msg, sizeof(struct rtmsg), type, &len);

	return p && len >= 4 ? kp_get_u32(p) : otherwise;
}

/* Before v4.11 (beb1afac518d) an IPv6 multipath route is dumped as a route for each hop: both forms are taken together here. */
static bool see(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *m = kp_route_header(msg, sizeof(*m));
	struct kp_route_seen *s = arg;
	unsigned char want[16];
	unsigned int plen = kp_route_dst(s->want, want);
	const void *dst, *p;
	size_t len = 0;
	uint32_t table;

	if (!m || msg->nlmsg_type != RTM_NEWROUTE || m->rtm_family != s->want->family || m->rtm_dst_len != plen ||
	    m->rtm_flags & RTM_F_CLONED)
		return true;
	dst = kp_nl_attr(msg, sizeof(*m), RTA_DST, &len);
	if (!dst || len != kp_addr_len(m->rtm_family) || memcmp(dst, want, len) ||
	    attr_u32(msg, RTA_PRIORITY, 0) != metric_of(s->want))
		return true;
	table = attr_u32(msg, RTA_TABLE, m->rtm_table);
	if (table != table_of(s->want)) {
		s->elsewhere = table;
		return true;
	}
	s->n++;
	s->type = m->rtm_type;
	s->protocol = m->rtm_protocol;
	s->scope = m->rtm_scope;
	s->flags = m->rtm_flags;
	s->oif = attr_u32(msg, RTA_OIF, 0);
	p = kp_nl_attr(msg, sizeof(*m), RTA_GATEWAY, &len);
	see_gateway(s, p, len);
	p = kp_nl_attr(msg, sizeof(*m), RTA_MULTIPATH, &len);
	if (p)
		see_hops(s, p, len);
	p = kp_nl_attr(msg, sizeof(*m), RTA_METRICS, &len);
	p = p ? kp_nl_find(p, len, RTAX_MTU, &len) : NULL;
	s->mtu = p && len >= 4 ? kp_get_u32(p) : 0;
	return true;
}

static const char *differs(const struct kp_route_seen *s, int oif)
{
	const struct kp_route *r = s->want;

	if (!s->n)
		return "the route is not in the dump";
	if (s->n > 1 && r->gateways < 2)
		return "the route is in the dump more than once";
	if (s->type != (r->type ? r->type : RTN_UNICAST))
		return "the route came back with another type";
	if (s->protocol != (r->protocol ? r->protocol : RTPROT_BOOT))
		return "the route came back with another protocol";
	if (r->family == AF_INET && s->scope != scope_of(r))
		return "the route came back with another scope";
	if (!rejects(r) && s->oif != (uint32_t)oif)
		return "the route came back over another device";
	if (s->gateways != (1u << r->gateways) - 1)
		return "the route came back without its gateways";
	if (r->onlink && !(s->flags & RTNH_F_ONLINK))
		return "the route came back without its onlink flag";
	if (s->mtu != r->mtu)
		return "the route came back with another MTU";
	return NULL;
}

bool kp_route_check(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, int oif)
{
	struct kp_route_seen s = { .want = r };
	int rc = kp_route_dump(ctx, rtnl, RTM_GETROUTE, r->family, sizeof(struct rtmsg), see, &s);
	const char *wrong;

	if (rc < 0) {
		kp_route_fail(ctx, res, "dump routes", r->family, -rc);
		return false;
	}
	/* A kernel with one table takes every table's number for that one (include/net/ip_fib.h, fib_new_table()). */
	if (!s.n && s.elsewhere) {
		kp_detail_u(res, "table", s.elsewhere);
		kp_absent(res, "read-back", "the kernel put the route into its one table: no policy routing");
		return false;
	}
	wrong = differs(&s, oif);
	if (wrong)
		kp_broken(res, "read-back", wrong);
	return !wrong;
}

/*
 * A new namespace takes disable_ipv6 from the module's parameter, never from the host's sysctls (net/ipv6/addrconf.c,
 * addrconf_init_net()). Routes and addresses then answer EACCES, neighbours EINVAL, lookups ENETUNREACH.
 */
bool kp_ipv6_off(void)
{
	char text[4];

	return kp_read_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", text, sizeof(text)) > 0 && text[0] == '1';
}

bool kp_route_ipv6_off(struct kp_result *res)
{
	if (!kp_ipv6_off())
		return false;
	res->outcome = KP_DENIED;
	kp_copy(res->reason, sizeof(res->reason),
		"IPv6 is switched off in new network namespaces: boot without ipv6.disable_ipv6=1");
	return true;
}

void kp_route_fail(struct kp_ctx *ctx, struct kp_result *res, const char *step, int family, int err)
{
	kp_fail(ctx, res, step, KP_CALL_PLAIN, err);
	if (family == AF_INET6 && (err == EACCES || err == EINVAL || err == ENETUNREACH || err == EHOSTUNREACH))
		kp_route_ipv6_off(res);
}

bool kp_route_add(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, int oif, uint16_t flags,
		  const char *step)
{
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_route_msg(ctx, &b, RTM_NEWROUTE, flags | NLM_F_ACK, r, oif);
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc < 0)
		kp_route_fail(ctx, res, step, r->family, -rc);
	return rc >= 0;
}

/* The rows over veth need link.veth, so here it only fails in ways that are no answer to them. */
bool kp_route_dev(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, int *ret_oif)
{
	int oif = kp_link_index(ctx, rtnl, r->veth ? VETH : "lo"), rc = oif;

	if (oif == -ENODEV && r->veth) {
		int peer;

		rc = oif = kp_veth_add(ctx, rtnl, VETH, VETH_PEER);
		peer = rc < 0 ? rc : kp_link_index(ctx, rtnl, VETH_PEER);
		rc = peer < 0 ? peer : kp_link_up(ctx, rtnl, peer, true);
		if (rc >= 0)
			rc = kp_link_up(ctx, rtnl, oif, true);
	}
	if (rc < 0)
		kp_route_fail(ctx, res, "device", AF_UNSPEC, -rc);
	else
		*ret_oif = oif;
	return rc >= 0;
}

static bool take_type(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *m = kp_route_header(msg, sizeof(*m));

	if (m && msg->nlmsg_type == RTM_NEWROUTE)
		*(uint8_t *)arg = m->rtm_type;
	return false;
}

/* A route that rejects is told by the errno it rejects with (net/ipv4/fib_semantics.c fib_props; IPv6 says it by either way). */
bool kp_route_lookup(struct kp_ctx *ctx, struct kp_result *res, int rtnl, const struct kp_route *r, uint32_t mark,
		     uint8_t *ret_type)
{
	struct rtmsg m = { .rtm_family = r->family, .rtm_dst_len = (unsigned char)(kp_addr_len(r->family) * 8) };
	unsigned char dst[16];
	struct kp_nlbuf b;
	int rc;

	kp_route_dst(r, dst);
	dst[kp_addr_len(r->family) - 1] = 1;
	*ret_type = RTN_UNSPEC;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETROUTE, 0, &m, sizeof(m));
	kp_nl_put(&b, RTA_DST, dst, kp_addr_len(r->family));
	if (mark)
		kp_nl_u32(&b, RTA_MARK, mark);
	rc = kp_nl_query(ctx, rtnl, &b, take_type, ret_type);
	switch (-rc) {
	case 0:
		return true;
	case EINVAL:
		*ret_type = RTN_BLACKHOLE;
		return true;
	case EACCES:
		*ret_type = RTN_PROHIBIT;
		return true;
	case EAGAIN:
		*ret_type = RTN_THROW;
		return true;
	case EHOSTUNREACH:
	case ENETUNREACH:
		*ret_type = RTN_UNREACHABLE;
		return true;
	default:
		kp_route_fail(ctx, res, "lookup", r->family, -rc);
		return false;
	}
}
