/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Connection tracking by whole exchanges: what ctnetlink says of a flow behind each of its packets. A kernel tracks in a namespace as
 * long as a rule asks for it (v4.10, 0c66dc1ea3f0), so the controls of all rows come before the rule that they share.
 */
#include <errno.h>
#include <string.h>

#include "conntrack.h"
#include "families.h"
#include "flow.h"
#include "nft_words.h"

/* What is to be said behind a step: a state of TCP's (enum tcp_conntrack, include/uapi/linux/netfilter/nf_conntrack_tcp.h), or this. */
enum { SYN_SENT = 1, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, ONE_WAY, BOTH_WAYS };

static const char *const names[] = { "nothing",    "SYN_SENT", "SYN_RECV",  "ESTABLISHED",   "FIN_WAIT",
				     "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "one way alone", "both ways" };

#define SEEN_REPLY 2u /* IPS_SEEN_REPLY */

#define PORT 7620

/* A rule that asks for a packet's state; sabotaged, one before it that excepts all packets. */
#define ASKS RULE_MSG(CT(CT_STATE))
#define TRACK(family) ARG_OF(family, SETUP(BASE_CHAIN(filter, FORWARD, 0), ASKS))
#define EXCEPT(family) ARG_OF(family, SETUP(BASE_CHAIN(filter, PREROUTING, -300), RULE_MSG(BARE(notrack)), ASKS))
static const uint8_t *const rules[2][2] = { { TRACK(KP_NFT_IP), TRACK(KP_NFT_IP6) }, { EXCEPT(KP_NFT_IP), EXCEPT(KP_NFT_IP6) } };

/* By family; a worker's, like its node. */
static bool controlled[2], tracked[2];

/* --- what ctnetlink says --- */

static uint8_t said;

static void check(const struct nlmsghdr *msg, struct kp_ct_seen *s)
{
	const size_t hdr = sizeof(struct nfgenmsg);
	size_t len, n;
	const void *status = kp_nl_attr(msg, hdr, CTA_STATUS, &len), *info = kp_nl_attr(msg, hdr, CTA_PROTOINFO, &n);
	const uint8_t *state;

	if (s->flow->proto == IPPROTO_TCP) {
		info = info ? kp_nl_find(info, n, CTA_PROTOINFO_TCP, &n) : NULL;
		state = info ? kp_nl_find(info, n, CTA_PROTOINFO_TCP_STATE, &n) : NULL;
		said = state && *state < ONE_WAY ? *state : 0;
	} else if (status && len == 4) {
		said = kp_get_be32(status) & SEEN_REPLY ? BOTH_WAYS : ONE_WAY;
	}
}

static const char *see(struct kp_flow *f, const struct kp_flow_step *step, bool with)
{
	static char text[96];
	unsigned char addr[2][16];
	bool back = f->sent.src != KP_POD;
	struct kp_ct_flow flow = { .family = f->v6 ? AF_INET6 : AF_INET, .proto = f->sent.proto, .addr = { addr[0], addr[1] } };
	struct kp_ct_seen s = { .flow = &flow, .check = check, .outcome = KP_WORKS };
	int fd, rc;

	memcpy(addr[0], kp_flow_addr(KP_POD, f->v6), f->v6 ? 16 : 4);
	memcpy(addr[1], kp_flow_addr(KP_FAR, f->v6), f->v6 ? 16 : 4);
	if (flow.proto == IPPROTO_ICMP) {
		flow.proto = f->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		flow.port = (uint16_t)(f->tag >> 16); /* the identifier */
	} else {
		flow.port = back ? f->sent.dport : f->sent.sport;
		flow.dport = back ? f->sent.sport : f->sent.dport;
	}
	said = 0;
	fd = kp_nl_socket(f->ctx, f->res, NETLINK_NETFILTER);
	rc = fd < 0 ? fd : kp_ct_get(f->ctx, fd, false, &s);
	if (!with)
		return rc == -ENOENT ? NULL : "no entry of connection tracking; there is one before anything asks for it";
	if (!rc && s.outcome == KP_WORKS && said == step->see)
		return NULL;
	kp_copy(text, sizeof(text), "an entry that says ");
	kp_cat(text, sizeof(text), names[step->see]);
	kp_cat(text, sizeof(text), rc ? "; there is none" : "; there is one that says ");
	if (!rc)
		kp_cat(text, sizeof(text), s.outcome == KP_WORKS ? names[said] : s.why);
	return text;
}

/* --- the rule --- */

static bool prepare(struct kp_flow *f, const void *what);

static bool put(struct kp_flow *f, const void *what)
{
	struct kp_nft t;

	(void)what;
	if (tracked[f->v6])
		return true;
	if (!kp_nft_start_with(&t, f->ctx, f->res, rules[kp_sabotaged(f->ctx)][f->v6]) ||
	    !kp_nft_make(&t, "put", true, t.arg.setup, NULL))
		return false;
	tracked[f->v6] = true;
	return true;
}

static const struct kp_flow_object by_rule = { .prepare = prepare, .put = put, .see = see };

static void run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_flow_run_by(ctx, row, res, &by_rule);
}

static const struct kp_method by_exchange = {
	.run = run,
	.asks = "the packets of an exchange through a node made for it, without a rule that asks for connection tracking and "
		"with one; behind each, IPCTNL_MSG_CT_GET of the flow",
	.proves = "works: there is no entry without the rule, and with it one that says of each packet what it must; broken: it "
		  "does not",
	.rules = (const struct kp_rule[]){ { ENOENT, KP_ABSENT, "nf_tables has not all that the rule is made of" },
					   { EOPNOTSUPP, KP_ABSENT, "nf_tables has not all that the rule is made of" },
					   { 0 } },
	.gate = KP_FLOW_GATE,
};

/* clang-format off */
#define GOES .without = { .at = KP_AT_FAR }, .with = { .at = KP_AT_FAR }
#define COMES .without = { .at = KP_AT_POD }, .with = { .at = KP_AT_POD }
#define FIRST(p, says, ...) { KP_AT_POD, .send = { .proto = p, .src = KP_POD, .dst = KP_FAR, __VA_ARGS__ }, .see = says, GOES }
#define ANSWER(says, ...) { KP_AT_FAR, .reply = true, .send = { __VA_ARGS__ }, .see = says, COMES }
#define NEXT(from, how, says, flags_, ...) { from, .how = true, .send = { .flags = flags_ }, .see = says, __VA_ARGS__ }
#define ACK KP_TCP_ACK
#define TCP                                                                                                                        \
	FIRST(IPPROTO_TCP, SYN_SENT, .dport = PORT), ANSWER(SYN_RECV, .flags = KP_TCP_SYN | ACK),                                      \
	NEXT(KP_AT_POD, reply, ESTABLISHED, ACK, GOES), NEXT(KP_AT_POD, same, FIN_WAIT, KP_TCP_FIN | ACK, GOES),                       \
	NEXT(KP_AT_FAR, reply, CLOSE_WAIT, ACK, COMES), NEXT(KP_AT_FAR, same, LAST_ACK, KP_TCP_FIN | ACK, COMES),                       \
	NEXT(KP_AT_POD, reply, TIME_WAIT, ACK, GOES)
#define UDP FIRST(IPPROTO_UDP, ONE_WAY, .dport = PORT), ANSWER(BOTH_WAYS, 0)
#define ECHO(request, answer) FIRST(IPPROTO_ICMP, ONE_WAY, .sport = request),                                                     \
	{ KP_AT_FAR, .send = { .proto = IPPROTO_ICMP, .src = KP_FAR, .dst = KP_POD, .sport = answer }, .see = BOTH_WAYS, COMES }
#define GRE FIRST(IPPROTO_GRE, ONE_WAY, 0), ANSWER(BOTH_WAYS, 0)

#define ROW(name, ttl, need, config, six, ...)                                                                                    \
	{ .id = "flow.ct." name, .title = ttl, .since = "4.10", .kconfig = "CONFIG_NF_CONNTRACK CONFIG_NF_CT_NETLINK" config, .by = &by_exchange, \
	  .needs = need, .arg = &(const struct kp_flow_arg){ .v6 = six, .steps = KP_STEPS(__VA_ARGS__) } }
#define V4(proto) "link.veth flow.ct.control.positive nft.expr.ct.state.ip conntrack.proto." proto
#define V6(proto) "flow.node.ipv6 nft.expr.ct.state.ip6 conntrack.proto." proto

static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow.ct", KP_FLOW_KCONFIG),
	ROW("tcp.ipv4", "a TCP connection is followed from SYN to TIME_WAIT", V4("tcp.inet"), "", false, TCP),
	ROW("udp.ipv4", "a UDP flow is followed, one way and both", V4("udp.inet"), "", false, UDP),
	ROW("icmp.ipv4", "an ICMP echo is followed, request and answer", V4("icmp"), "", false, ECHO(8, 0)),
	ROW("gre.ipv4", "GRE is followed, one way and both", V4("gre.inet"), " CONFIG_NF_CT_PROTO_GRE", false, GRE),
	ROW("tcp.ipv6", "a TCP connection is followed from SYN to TIME_WAIT, IPv6", V6("tcp.inet6"), " CONFIG_IPV6", true, TCP),
	ROW("udp.ipv6", "a UDP flow is followed, one way and both, IPv6", V6("udp.inet6"), " CONFIG_IPV6", true, UDP),
	ROW("icmp.ipv6", "an ICMPv6 echo is followed, request and answer", V6("icmpv6"), " CONFIG_IPV6", true, ECHO(128, 129)),
	ROW("gre.ipv6", "GRE is followed, one way and both, IPv6", V6("gre.inet6"), " CONFIG_IPV6 CONFIG_NF_CT_PROTO_GRE", true, GRE),
};
/* clang-format on */

/* The controls of all rows of the address family, once, before the rule. */
static bool prepare(struct kp_flow *f, const void *what)
{
	(void)what;
	for (unsigned int i = 0; !controlled[f->v6] && i < KP_ARRAY_SIZE(rows); i++) {
		struct kp_flow other = *f;

		other.arg = rows[i].arg;
		if (rows[i].by == &by_exchange && other.arg->v6 == f->v6 && !kp_flow_walk(&other, &by_rule, false))
			return false;
	}
	f->controlled = controlled[f->v6] = true;
	return true;
}

const struct kp_family kp_family_flow_ct = {
	.name = "flow.ct",
	.title = "Packets followed by connection tracking",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "audit records NETFILTER_CFG for the tables that are put",
};
