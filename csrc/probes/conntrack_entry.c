/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Entries of connection tracking: what a protocol, a zone, a mark, … adds to one, and what must be told of it again. */
#include <errno.h>
#include <string.h>

#include "conntrack.h"

/* Newer than 3.10's nfnetlink_conntrack.h, or named otherwise there. */
enum {
	KP_CTA_TIMESTAMP = 20,
	KP_CTA_LABELS = 22, /* v3.9, 9b21f6a90924 */
	KP_CTA_LABELS_MASK = 23,
	KP_CTA_TIMESTAMP_START = 1,
	KP_TCP_ESTABLISHED = 3,
	KP_SCTP_ESTABLISHED = 4,
	KP_DCCP_OPEN = 4,
	KP_DCCP_ROLE_SERVER = 1,
};

#define HDR sizeof(struct nfgenmsg)

static void run_entry(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ct_arg *a = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc, set = 0;

	if (fd < 0)
		return;
	if (a->extra && a->extra->sysctl)
		set = kp_ct_sysctl(a->extra->sysctl, "1");
	rc = kp_ct_create(ctx, fd, a);
	if (rc)
		return kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
	for (int reply = 0; reply < 2; reply++) {
		struct kp_ct_seen s = { .flow = &a->flow, .check = a->extra ? a->extra->check : NULL, .outcome = KP_WORKS };
		const char *step = reply ? "get by reply tuple" : "get by original tuple";

		rc = kp_ct_get(ctx, fd, reply, &s);
		if (rc)
			return kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
		/* Nothing is there because it could not be switched on: that is the answer then, unless there is no such switch. */
		if (s.outcome == KP_ABSENT && set && set != -ENOENT)
			return kp_fail(ctx, res, "write sysctl", KP_CALL_PLAIN, -set);
		if (!kp_ct_fine(res, step, &s))
			return;
	}
	kp_works(res, "get");
}

const struct kp_method kp_ct_by_entry = {
	.run = run_entry,
	.asks = "IPCTNL_MSG_CT_NEW of an entry with both tuples and what the row is about, IPCTNL_MSG_CT_GET by each tuple",
	.proves = "works: both tell the tuples that were set, and what the row is about; absent: the kernel left that out of "
		  "the entry",
	.rules = kp_ct_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* Without a tracker for the protocol the state is taken and left out: the generic one has none. */
static const void *protoinfo(const struct nlmsghdr *msg, uint16_t proto, uint16_t attr, size_t *ret_len)
{
	size_t len;
	const void *p = kp_nl_attr(msg, HDR, CTA_PROTOINFO, &len);

	p = p ? kp_nl_find(p, len, proto, &len) : NULL;
	return p ? kp_nl_find(p, len, attr, ret_len) : NULL;
}

static void put_tcp(struct kp_nlbuf *b)
{
	size_t info = kp_nl_nest(b, CTA_PROTOINFO | NLA_F_NESTED), nest = kp_nl_nest(b, CTA_PROTOINFO_TCP | NLA_F_NESTED);

	kp_nl_u8(b, CTA_PROTOINFO_TCP_STATE, KP_TCP_ESTABLISHED);
	kp_nl_end(b, nest);
	kp_nl_end(b, info);
}

static void check_tcp(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const uint8_t *state = protoinfo(msg, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE, NULL);

	if (!state || *state != KP_TCP_ESTABLISHED)
		kp_ct_say(s, KP_BROKEN, "not the TCP state that was set");
}

const struct kp_ct_extra kp_ct_tcp = { .put = put_tcp, .check = check_tcp };

#define VTAG_ORIG 0x6b70726fu
#define VTAG_REPLY 0x62650001u

static void put_sctp(struct kp_nlbuf *b)
{
	size_t info = kp_nl_nest(b, CTA_PROTOINFO | NLA_F_NESTED), nest = kp_nl_nest(b, CTA_PROTOINFO_SCTP | NLA_F_NESTED);

	kp_nl_u8(b, CTA_PROTOINFO_SCTP_STATE, KP_SCTP_ESTABLISHED);
	kp_nl_be32(b, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, VTAG_ORIG);
	kp_nl_be32(b, CTA_PROTOINFO_SCTP_VTAG_REPLY, VTAG_REPLY);
	kp_nl_end(b, nest);
	kp_nl_end(b, info);
}

static void check_sctp(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const uint8_t *state = protoinfo(msg, CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_STATE, NULL);
	const void *orig = protoinfo(msg, CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, NULL);
	const void *reply = protoinfo(msg, CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_VTAG_REPLY, NULL);

	if (!state || *state != KP_SCTP_ESTABLISHED)
		return kp_ct_say(s, KP_BROKEN, "not the SCTP state that was set");
	if (!orig || !reply || kp_get_be32(orig) != VTAG_ORIG || kp_get_be32(reply) != VTAG_REPLY)
		kp_ct_say(s, KP_BROKEN, "not the SCTP verification tags that were set");
}

const struct kp_ct_extra kp_ct_sctp = { .put = put_sctp, .check = check_sctp };

static void put_dccp(struct kp_nlbuf *b)
{
	size_t info = kp_nl_nest(b, CTA_PROTOINFO | NLA_F_NESTED), nest = kp_nl_nest(b, CTA_PROTOINFO_DCCP | NLA_F_NESTED);

	kp_nl_u8(b, CTA_PROTOINFO_DCCP_STATE, KP_DCCP_OPEN);
	kp_nl_u8(b, CTA_PROTOINFO_DCCP_ROLE, KP_DCCP_ROLE_SERVER);
	kp_nl_end(b, nest);
	kp_nl_end(b, info);
}

static void check_dccp(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const uint8_t *state = protoinfo(msg, CTA_PROTOINFO_DCCP, CTA_PROTOINFO_DCCP_STATE, NULL);

	if (!state || *state != KP_DCCP_OPEN)
		kp_ct_say(s, KP_BROKEN, "not the DCCP state that was set");
}

const struct kp_ct_extra kp_ct_dccp = { .put = put_dccp, .check = check_dccp };

static void check_zone(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const void *zone = kp_nl_attr(msg, HDR, CTA_ZONE, NULL);

	if (!zone || kp_get_be16(zone) != s->flow->zone)
		kp_ct_say(s, KP_BROKEN, "not the zone that was set");
}

const struct kp_ct_extra kp_ct_zone = { .check = check_zone };

/* The same tuple twice is what zones are for: the second one would be EEXIST without them. */
static void run_zone(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_ct_arg plain = *(const struct kp_ct_arg *)row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;

	if (fd < 0)
		return;
	plain.flow.zone = 0;
	rc = kp_ct_create(ctx, fd, &plain);
	if (rc)
		return kp_fail(ctx, res, "create without zone", KP_CALL_PLAIN, -rc);
	run_entry(ctx, row, res);
}

const struct kp_method kp_ct_by_zones = {
	.run = run_zone,
	.asks = "IPCTNL_MSG_CT_NEW of an entry, and of one with the same tuples and CTA_ZONE 7; IPCTNL_MSG_CT_GET in that "
		"zone by each tuple",
	.proves = "works: the second is made and told with its zone; absent: EOPNOTSUPP",
	.rules =
		(const struct kp_rule[]){
			{ EOPNOTSUPP, KP_ABSENT, "conntrack has no zones in this kernel (CONFIG_NF_CONNTRACK_ZONES)" },
			{ ENOENT, KP_BROKEN, "the entry that was made is not found in its zone" },
			{ EEXIST, KP_BROKEN, "the zone makes no difference to an entry" },
			{ 0 },
		},
	.gate = KP_CAP_NET_ADMIN,
};

#define MARK 0x10000u

static void put_mark(struct kp_nlbuf *b)
{
	kp_nl_be32(b, CTA_MARK, MARK);
}

static void check_mark(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const void *mark = kp_nl_attr(msg, HDR, CTA_MARK, NULL);

	if (!mark)
		kp_ct_say(s, KP_ABSENT, "the mark was left out: conntrack has no marks in this kernel (CONFIG_NF_CONNTRACK_MARK)");
	else if (kp_get_be32(mark) != MARK)
		kp_ct_say(s, KP_BROKEN, "not the mark that was set");
}

const struct kp_ct_extra kp_ct_mark = { .put = put_mark, .check = check_mark };

static void check_acct(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	static const uint16_t dirs[] = { CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY };

	for (unsigned int i = 0; i < KP_ARRAY_SIZE(dirs); i++) {
		size_t len;
		const void *c = kp_nl_attr(msg, HDR, dirs[i], &len);

		if (!c)
			return kp_ct_say(s, KP_ABSENT, "the entry has no counters though nf_conntrack_acct was set to 1");
		if (!kp_nl_find(c, len, CTA_COUNTERS_PACKETS, NULL) || !kp_nl_find(c, len, CTA_COUNTERS_BYTES, NULL))
			return kp_ct_say(s, KP_BROKEN, "counters without packets or bytes");
	}
}

const struct kp_ct_extra kp_ct_acct = { .check = check_acct, .sysctl = "nf_conntrack_acct" };

static void check_timestamp(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	static const unsigned char zero[8];
	size_t len;
	const void *t = kp_nl_attr(msg, HDR, KP_CTA_TIMESTAMP, &len);

	if (!t)
		return kp_ct_say(s, KP_ABSENT, "the entry has no time stamp: no CONFIG_NF_CONNTRACK_TIMESTAMP");
	t = kp_nl_find(t, len, KP_CTA_TIMESTAMP_START, &len);
	if (!t || len != 8 || !memcmp(t, zero, 8))
		kp_ct_say(s, KP_BROKEN, "the time stamp says no time");
}

const struct kp_ct_extra kp_ct_timestamp = { .check = check_timestamp, .sysctl = "nf_conntrack_timestamp" };

static void put_ftp(struct kp_nlbuf *b)
{
	size_t help = kp_nl_nest(b, CTA_HELP | NLA_F_NESTED);

	kp_nl_str(b, CTA_HELP_NAME, "ftp");
	kp_nl_end(b, help);
}

static void check_ftp(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	size_t len;
	const char *help = kp_nl_attr(msg, HDR, CTA_HELP, &len);

	help = help ? kp_nl_find(help, len, CTA_HELP_NAME, &len) : NULL;
	if (!help || len < 3 || strncmp(help, "ftp", len))
		kp_ct_say(s, KP_BROKEN, "not the helper that was set");
}

const struct kp_ct_extra kp_ct_ftp = { .put = put_ftp, .check = check_ftp };

/* --- labels --- */

/*
 * An entry has room for labels only where a rule of the namespace uses them (nf_connlabels_get()), and nf_connlabels_replace() says
 * ENOSPC where there is none. Without CONFIG_NF_CONNTRACK_LABELS it is EOPNOTSUPP, before any look at the entry.
 */
static void run_label(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const unsigned char labels[16] = { 5 };
	const struct kp_ct_arg *a = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	rc = kp_ct_create(ctx, fd, a);
	if (rc)
		return kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW, NLM_F_ACK, a->flow.family);
	kp_ct_tuple(&b, CTA_TUPLE_ORIG, &a->flow, false);
	kp_nl_put(&b, KP_CTA_LABELS, labels, sizeof(labels));
	kp_nl_put(&b, KP_CTA_LABELS_MASK, labels, sizeof(labels));
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc)
		return kp_fail(ctx, res, "set labels", KP_CALL_PLAIN, -rc);
	kp_unknown(res, "set labels",
		   "labels were taken in a namespace where no rule uses them: before v3.9 ctnetlink passes them over");
}

const struct kp_method kp_ct_by_label = {
	.run = run_label,
	.asks = "IPCTNL_MSG_CT_NEW of an entry, and again with CTA_LABELS",
	.proves = "works: ENOSPC, see there; absent: EOPNOTSUPP",
	.rules =
		(const struct kp_rule[]){
			{ ENOSPC, KP_WORKS,
			  "there are labels: the entry has no room for them, since no rule of the namespace uses any" },
			{ EOPNOTSUPP, KP_ABSENT, "conntrack has no labels in this kernel (CONFIG_NF_CONNTRACK_LABELS)" },
			{ ENOENT, KP_BROKEN, "the entry that was made is not found" },
			{ 0 },
		},
	.gate = KP_CAP_NET_ADMIN,
};
