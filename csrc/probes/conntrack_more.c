/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* ctnetlink beyond entries: events, expectations, timeout policies. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "conntrack.h"

#define EVENT_WAIT_MS 1000

/* include/uapi/linux/netfilter/nfnetlink_cttimeout.h (v3.4, 50978462300f) */
enum {
	KP_SUBSYS_CTTIMEOUT = 8,
	KP_MSG_TIMEOUT_NEW = 0,
	KP_MSG_TIMEOUT_GET = 1,
	KP_MSG_TIMEOUT_DELETE = 2,
	KP_CTA_TIMEOUT_NAME = 1,
	KP_CTA_TIMEOUT_L3PROTO = 2,
	KP_CTA_TIMEOUT_L4PROTO = 3,
	KP_CTA_TIMEOUT_DATA = 4,
	KP_CTA_TIMEOUT_TCP_ESTABLISHED = 3,
	KP_CTA_EXPECT_TIMEOUT = 4,
};

/* --- events --- */

/* Bound, because a socket without a port id hears nothing: do_one_broadcast() takes it for the one that is to be left out. */
static int listener(const int *groups, unsigned int n)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), rc = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)))
		rc = -errno;
	for (unsigned int i = 0; i < n && !rc; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])))
			rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* Waits for a message of @type. Returns 1 when one came, 0 when none did, or -errno; what it told is in @s. */
static int wait_for(int fd, uint8_t cmd, struct kp_ct_seen *s)
{
	_Alignas(8) unsigned char buf[8192];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const struct nlmsghdr *msg = (const void *)buf;

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			int rc = poll(&p, 1, EVENT_WAIT_MS);

			if (rc < 0 && errno != EINTR)
				return -errno;
			if (!rc)
				return 0;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* A message a datagram: nfnetlink multicasts each event by itself. */
		if (n < NLMSG_HDRLEN || msg->nlmsg_len > (size_t)n || msg->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | cmd))
			continue;
		kp_ct_see(msg, s);
		return 1;
	}
}

/*
 * Since v5.19 (2794cdb0b97b "netfilter: nfnetlink: allow to detect if ctnetlink listeners exist") entries that are made while
 * nobody listens have no event: first listen, then make. Without CONFIG_NF_CONNTRACK_EVENTS one can listen, and nothing comes.
 */
static void run_events(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const int groups[] = { NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY };
	const struct kp_ct_arg *a = row->arg;
	struct kp_ct_seen made = { .flow = &a->flow, .outcome = KP_WORKS }, gone = made;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	kp_autoclose news = -1;

	if (fd < 0)
		return;
	/* Not there: no events in this kernel, or an old one that hides it from user namespaces. What comes will tell. */
	kp_ct_sysctl("nf_conntrack_events", "1");
	news = listener(groups, KP_ARRAY_SIZE(groups));
	if (news < 0)
		return kp_fail(ctx, res, "NETLINK_ADD_MEMBERSHIP", KP_CALL_PLAIN, -news);
	rc = kp_ct_create(ctx, fd, a);
	if (rc)
		return kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
	rc = wait_for(news, IPCTNL_MSG_CT_NEW, &made);
	if (rc < 0)
		return kp_fail(ctx, res, "wait for the new entry's event", KP_CALL_PLAIN, -rc);
	if (!rc)
		return kp_absent(res, "event", "no event of a new entry came within a second: this kernel has no conntrack events");
	if (!kp_ct_fine(res, "event", &made))
		return;
	rc = kp_ct_delete(ctx, fd, &a->flow, false);
	if (rc)
		return kp_fail(ctx, res, "delete", KP_CALL_PLAIN, -rc);
	rc = wait_for(news, IPCTNL_MSG_CT_DELETE, &gone);
	if (rc < 0)
		return kp_fail(ctx, res, "wait for the deleted entry's event", KP_CALL_PLAIN, -rc);
	if (!rc)
		return kp_broken(res, "event", "the event of the new entry came, that of its deletion did not");
	if (kp_ct_fine(res, "event", &gone))
		kp_works(res, "event");
}

const struct kp_method kp_ct_by_events = {
	.run = run_events,
	.asks = "membership of NFNLGRP_CONNTRACK_NEW and _DESTROY, then an entry made and deleted over another socket",
	.proves = "works: both events came, with the entry's tuples; absent: not even that of the new entry came; broken: "
		  "only that one, or another entry's",
	.rules = kp_ct_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* --- expectations --- */

static const struct kp_ct_flow expected = { .family = AF_INET, .proto = IPPROTO_TCP, .port = 40091 };

static void put_mask(struct kp_nlbuf *b)
{
	static const unsigned char all[4] = { 255, 255, 255, 255 };
	size_t mask = kp_nl_nest(b, CTA_EXPECT_MASK | NLA_F_NESTED), nest = kp_nl_nest(b, CTA_TUPLE_IP | NLA_F_NESTED);

	kp_nl_put(b, CTA_IP_V4_SRC, all, sizeof(all));
	kp_nl_put(b, CTA_IP_V4_DST, all, sizeof(all));
	kp_nl_end(b, nest);
	nest = kp_nl_nest(b, CTA_TUPLE_PROTO | NLA_F_NESTED);
	kp_nl_u8(b, CTA_PROTO_NUM, expected.proto);
	kp_nl_be16(b, CTA_PROTO_SRC_PORT, 0xffff);
	kp_nl_be16(b, CTA_PROTO_DST_PORT, 0xffff);
	kp_nl_end(b, nest);
	kp_nl_end(b, mask);
}

static bool same_port(const struct nlmsghdr *msg, uint16_t attr, uint16_t port)
{
	size_t len;
	const void *p = kp_nl_attr(msg, sizeof(struct nfgenmsg), attr, &len);

	p = p ? kp_nl_find(p, len, CTA_TUPLE_PROTO, &len) : NULL;
	p = p ? kp_nl_find(p, len, CTA_PROTO_SRC_PORT, &len) : NULL;
	return p && len >= 2 && kp_get_be16(p) == port;
}

struct wanted {
	uint16_t master;
	bool seen;
};

static bool take_expect(const struct nlmsghdr *msg, void *arg)
{
	struct wanted *w = arg;

	w->seen |= same_port(msg, CTA_EXPECT_TUPLE, expected.port) && same_port(msg, CTA_EXPECT_MASTER, w->master);
	return true;
}

/* An expectation belongs to an entry with a helper, which may have one for it: hence the FTP helper's entry as master. */
static void run_expect(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ct_arg *a = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct wanted w = { .master = a->flow.port };
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	rc = kp_ct_create(ctx, fd, a);
	if (rc)
		return kp_fail(ctx, res, "create the master", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, AF_INET);
	kp_ct_tuple(&b, CTA_EXPECT_MASTER, &a->flow, false);
	kp_ct_tuple(&b, CTA_EXPECT_TUPLE, &expected, false);
	put_mask(&b);
	kp_nl_be32(&b, KP_CTA_EXPECT_TIMEOUT, 300);
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc)
		return kp_fail(ctx, res, "create the expectation", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET, NLM_F_DUMP, AF_INET);
	rc = kp_nl_query(ctx, fd, &b, take_expect, &w);
	if (rc)
		return kp_fail(ctx, res, "dump", KP_CALL_PLAIN, -rc);
	if (!w.seen)
		return kp_broken(res, "dump", "the expectation that was made is not told, or not its master");
	kp_works(res, "dump");
}

const struct kp_method kp_ct_by_expect = {
	.run = run_expect,
	.asks = "IPCTNL_MSG_CT_NEW of an entry with the FTP helper, IPCTNL_MSG_EXP_NEW of an expectation of it, "
		"IPCTNL_MSG_EXP_GET of all",
	.proves = "works: the expectation is told with its tuple and its master's; broken: it is not",
	.rules = kp_ct_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* --- timeout policies --- */

#define POLICY "kprobe-policy"
#define ESTABLISHED_S 1234

struct policy {
	bool name, protocol, timeout;
};

static bool take_policy(const struct nlmsghdr *msg, void *arg)
{
	const size_t hdr = sizeof(struct nfgenmsg);
	struct policy *p = arg;
	size_t len, data_len;
	const char *name = kp_nl_attr(msg, hdr, KP_CTA_TIMEOUT_NAME, &len);
	const uint8_t *l4 = kp_nl_attr(msg, hdr, KP_CTA_TIMEOUT_L4PROTO, NULL);
	const void *l3 = kp_nl_attr(msg, hdr, KP_CTA_TIMEOUT_L3PROTO, NULL);
	const void *data = kp_nl_attr(msg, hdr, KP_CTA_TIMEOUT_DATA, &data_len), *s;

	p->name = name && len == sizeof(POLICY) && !memcmp(name, POLICY, sizeof(POLICY));
	p->protocol = l4 && *l4 == IPPROTO_TCP && l3 && kp_get_be16(l3) == AF_INET;
	s = data ? kp_nl_find(data, data_len, KP_CTA_TIMEOUT_TCP_ESTABLISHED, &len) : NULL;
	p->timeout = s && len >= 4 && kp_get_be32(s) == ESTABLISHED_S;
	return false;
}

static int policy_by_name(struct kp_ctx *ctx, int fd, uint8_t cmd, uint16_t flags, struct policy *p)
{
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, KP_SUBSYS_CTTIMEOUT, cmd, flags, AF_UNSPEC);
	kp_nl_str(&b, KP_CTA_TIMEOUT_NAME, POLICY);
	return p ? kp_nl_query(ctx, fd, &b, take_policy, p) : kp_nl_talk(ctx, fd, &b);
}

static int policy_new(struct kp_ctx *ctx, int fd)
{
	struct kp_nlbuf b;
	size_t data;

	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, KP_SUBSYS_CTTIMEOUT, KP_MSG_TIMEOUT_NEW, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, AF_UNSPEC);
	kp_nl_str(&b, KP_CTA_TIMEOUT_NAME, POLICY);
	kp_nl_be16(&b, KP_CTA_TIMEOUT_L3PROTO, AF_INET);
	kp_nl_u8(&b, KP_CTA_TIMEOUT_L4PROTO, IPPROTO_TCP);
	data = kp_nl_nest(&b, KP_CTA_TIMEOUT_DATA | NLA_F_NESTED);
	kp_nl_be32(&b, KP_CTA_TIMEOUT_TCP_ESTABLISHED, ESTABLISHED_S);
	kp_nl_end(&b, data);
	return kp_nl_talk(ctx, fd, &b);
}

/* Policies are a namespace's since v4.5 (19576c947868 "netfilter: cttimeout: add netns support"); before, they are the host's. */
static void run_policy(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct policy p = { 0 };

	(void)row;
	if (fd < 0)
		return;
	if (ctx->env->release < KP_RELEASE(4, 5))
		return kp_unknown(res, "risk",
				  "before Linux 4.5 a timeout policy would be the host's, not the namespace's: not tried");
	rc = policy_new(ctx, fd);
	if (rc)
		return kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
	rc = policy_by_name(ctx, fd, KP_MSG_TIMEOUT_GET, 0, &p);
	if (rc)
		return kp_fail(ctx, res, "get", KP_CALL_PLAIN, -rc);
	if (!p.name || !p.protocol || !p.timeout)
		return kp_broken(res, "get",
				 !p.name       ? "not the name that was set"
				 : !p.protocol ? "not the protocols that were set"
					       : "not the timeout that was set");
	rc = policy_by_name(ctx, fd, KP_MSG_TIMEOUT_DELETE, NLM_F_ACK, NULL);
	if (rc)
		return kp_fail(ctx, res, "delete", KP_CALL_PLAIN, -rc);
	kp_works(res, "get");
}

const struct kp_method kp_ct_by_policy = {
	.run = run_policy,
	.asks = "IPCTNL_MSG_TIMEOUT_NEW of a policy for TCP with a timeout for established connections, "
		"IPCTNL_MSG_TIMEOUT_GET, IPCTNL_MSG_TIMEOUT_DELETE",
	.proves = "works: read back with its name, protocols and timeout, and deleted; broken: something else was read back",
	.rules =
		(const struct kp_rule[]){
			{ EOPNOTSUPP, KP_ABSENT, "nfnetlink_cttimeout has no policies for TCP over IPv4" },
			{ ENOENT, KP_BROKEN, "the policy that was made is not found" },
			{ 0 },
		},
	.gate = KP_CAP_NET_ADMIN,
};
