/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * IPVS by masquerading, as kube-proxy has it: a service's address on the node, two backends behind its far wire. Who is chosen for
 * each new client is counted; an answer must come back from the service's address.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "families.h"
#include "flow.h"
#include "ipvs.h"
#include "xtables.h"

#define CLIENTS 8u
#define BACKEND_PORT 8080

struct arg {
	bool v6;
	uint16_t port; /* a service of its own for each row */
	const char *sched;
	const struct kp_xt_rule *rule; /* drops what IPVS sends on, as the match says; NULL: none */
};

struct row {
	struct kp_flow f;
	const struct arg *arg;
	struct kp_ipvs t;
	unsigned int came[2], other; /* per backend; what came anywhere else or not at all */
	unsigned int answered;
};

/* --- the service --- */

static void put_service(const struct row *r, struct kp_nlbuf *b, bool full)
{
	const uint32_t flags[2] = { 0, UINT32_MAX };
	size_t nest = kp_nl_nest(b, KP_IPVS_ATTR_SERVICE | NLA_F_NESTED);
	unsigned char addr[16] = { 0 };
	bool v6 = r->arg->v6;

	memcpy(addr, kp_flow_addr(KP_SERVICE, v6), v6 ? 16 : 4);
	kp_nl_u16(b, KP_IPVS_SVC_AF, v6 ? AF_INET6 : AF_INET);
	kp_nl_u16(b, KP_IPVS_SVC_PROTOCOL, IPPROTO_UDP);
	kp_nl_put(b, KP_IPVS_SVC_ADDR, addr, sizeof(addr));
	kp_nl_be16(b, KP_IPVS_SVC_PORT, r->arg->port);
	if (full) {
		kp_nl_str(b, KP_IPVS_SVC_SCHED_NAME,
			  kp_sabotaged(r->f.ctx) && kp_equal(r->arg->sched, "sh") ? "rr" : r->arg->sched);
		kp_nl_put(b, KP_IPVS_SVC_FLAGS, flags, sizeof(flags));
		kp_nl_u32(b, KP_IPVS_SVC_TIMEOUT, 0);
		kp_nl_u32(b, KP_IPVS_SVC_NETMASK, v6 ? 128 : UINT32_MAX);
	}
	kp_nl_end(b, nest);
}

/* Sabotaged, rr's second backend is somewhere else. */
static uint8_t backend(const struct row *r, unsigned int i)
{
	if (!i)
		return KP_FAR;
	return kp_sabotaged(r->f.ctx) && kp_equal(r->arg->sched, "rr") && !r->arg->rule ? KP_POD2 : KP_FAR2;
}

static int make_service(struct row *r)
{
	struct kp_nlbuf b;
	int rc;

	kp_ipvs_request(&r->t, &b, KP_IPVS_CMD_NEW_SERVICE, NLM_F_ACK);
	put_service(r, &b, true);
	rc = kp_nl_talk(r->f.ctx, r->t.genl, &b);
	for (unsigned int i = 0; i < 2 && !rc; i++) {
		unsigned char addr[16] = { 0 };
		size_t nest;

		memcpy(addr, kp_flow_addr(backend(r, i), r->arg->v6), r->arg->v6 ? 16 : 4);
		kp_ipvs_request(&r->t, &b, KP_IPVS_CMD_NEW_DEST, NLM_F_ACK);
		put_service(r, &b, false);
		nest = kp_nl_nest(&b, KP_IPVS_ATTR_DEST | NLA_F_NESTED);
		kp_nl_put(&b, KP_IPVS_DEST_ADDR, addr, sizeof(addr));
		kp_nl_be16(&b, KP_IPVS_DEST_PORT, BACKEND_PORT);
		kp_nl_u32(&b, KP_IPVS_DEST_FWD_METHOD, KP_IPVS_FWD_MASQ);
		kp_nl_u32(&b, KP_IPVS_DEST_WEIGHT, 1);
		kp_nl_u32(&b, KP_IPVS_DEST_U_THRESH, 0);
		kp_nl_u32(&b, KP_IPVS_DEST_L_THRESH, 0);
		kp_nl_end(&b, nest);
		rc = kp_nl_talk(r->f.ctx, r->t.genl, &b);
	}
	return rc;
}

/* The service's address is the node's: only then IPVS sees what is sent to it. */
static int own_address(struct row *r)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(r->f.ctx, &ignored, NETLINK_ROUTE), rc;
	const unsigned char *addr = kp_flow_addr(KP_SERVICE, r->arg->v6);

	if (rtnl < 0)
		return rtnl;
	rc = kp_addr_add(r->f.ctx, rtnl, 1, r->arg->v6 ? AF_INET6 : AF_INET, addr, r->arg->v6 ? 128 : 32);
	if (!rc && r->arg->v6)
		rc = kp_addr6_await(r->f.ctx, rtnl, addr);
	return rc == -EEXIST ? 0 : rc;
}

/* --- clients --- */

/* Is what was heard the packet, at backend @i? */
static bool at_backend(struct row *r, unsigned int i)
{
	const struct kp_fate want = { KP_AT_FAR, { .dst = i ? KP_FAR2 : KP_FAR, .dport = BACKEND_PORT } };

	return kp_flow_is(&r->f, &want);
}

/* The backend's answer to what it heard: it must come to the client from the service. Returns 0 or -errno. */
static int answer(struct row *r, unsigned int i, uint16_t client)
{
	const struct kp_fate want = { KP_AT_POD, { .src = KP_SERVICE, .sport = r->arg->port } };
	int rc;

	r->f.sent = (struct kp_pkt){
		.proto = IPPROTO_UDP, .src = i ? KP_FAR2 : KP_FAR, .dst = KP_POD, .sport = BACKEND_PORT, .dport = client
	};
	rc = kp_flow_send(&r->f, KP_AT_FAR, &want);
	r->answered += !rc && kp_flow_is(&r->f, &want);
	return rc;
}

/* CLIENTS new ones, of one address. Returns 0 or -errno. */
static int clients(struct row *r)
{
	static uint16_t port = 45000;

	r->came[0] = r->came[1] = r->other = r->answered = 0;
	for (unsigned int n = 0; n < CLIENTS; n++) {
		uint16_t client = ++port;
		int rc;

		r->f.sent = (struct kp_pkt){
			.proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_SERVICE, .sport = client, .dport = r->arg->port
		};
		rc = kp_flow_send(&r->f, KP_AT_POD, NULL);
		if (rc)
			return rc;
		if (at_backend(r, 0) || at_backend(r, 1)) {
			unsigned int i = at_backend(r, 1);

			r->came[i]++;
			rc = answer(r, i, client);
			if (rc)
				return rc;
		} else {
			r->other++;
		}
	}
	return 0;
}

static void tell(const struct row *r, const char *expected, char *text)
{
	text[0] = '\0';
	kp_cat_number(text, KP_TEXT, "sent ", CLIENTS, " udp pod > service, expected ");
	kp_cat(text, KP_TEXT, expected);
	kp_cat_number(text, KP_TEXT, "; came ", r->came[0], " to the first backend, ");
	kp_cat_number(text, KP_TEXT, "", r->came[1], " to the second, ");
	kp_cat_number(text, KP_TEXT, "", r->other, " elsewhere or nowhere; ");
	kp_cat_number(text, KP_TEXT, "", r->answered, " answers came back");
}

/* --- the row --- */

/* Did the clients fare as the row says? */
static bool judge(struct row *r, const char **ret_expected)
{
	if (r->arg->rule) {
		*ret_expected = "none behind a rule that drops what IPVS sends on";
		return r->other == CLIENTS;
	}
	if (kp_equal(r->arg->sched, "rr")) {
		*ret_expected = "half to each backend and all answered";
		return r->came[0] == CLIENTS / 2 && r->came[1] == CLIENTS / 2 && r->answered == CLIENTS;
	}
	*ret_expected = "all to one backend, as they have one source, and all answered";
	return (r->came[0] == CLIENTS || r->came[1] == CLIENTS) && r->answered == CLIENTS;
}

/* Before the rule of a row with one, IPVS serves; sabotaged, the rule stands where nothing has gone through IPVS yet. */
static bool put_rule(struct row *r)
{
	struct kp_xt_rule early = *r->arg->rule;
	char text[KP_TEXT];
	int rc = clients(r);

	early.hook = KP_XT_INPUT;
	if (rc) {
		kp_flow_stuck(&r->f, "control", rc);
		return false;
	}
	if (r->other) {
		tell(r, "all to the backends before there is a rule", text);
		kp_unknown(r->f.res, "control", text);
		return false;
	}
	kp_xt_nft.put(r->f.ctx, r->f.res, kp_sabotaged(r->f.ctx) ? &early : r->arg->rule);
	return r->f.res->outcome == KP_WORKS;
}

static void run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct arg *arg = row->arg;
	struct row r = { .f = { .ctx = ctx, .res = res, .v6 = arg->v6 }, .arg = arg };
	const char *expected = "";
	char text[KP_TEXT];
	int rc;

	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res))
		return;
	rc = own_address(&r);
	if (!rc)
		rc = clients(&r);
	if (rc)
		return kp_flow_stuck(&r.f, "control", rc);
	tell(&r, "none to a backend without a service", text);
	if (r.came[0] || r.came[1])
		return kp_unknown(res, "control", text);
	if (!kp_ipvs_start(&r.t, ctx, row, res))
		return;
	rc = make_service(&r);
	if (rc)
		return kp_fail(ctx, res, "make the service", KP_CALL_PLAIN, -rc);
	if (arg->rule && !put_rule(&r))
		return;
	rc = clients(&r);
	if (arg->rule)
		kp_xt_nft.clear(ctx, arg->rule);
	if (rc)
		return kp_flow_stuck(&r.f, "packet", rc);
	kp_detail_u(res, "first", r.came[0]);
	kp_detail_u(res, "second", r.came[1]);
	if (judge(&r, &expected))
		return kp_works(res, "packet");
	tell(&r, expected, text);
	kp_broken(res, "packet", text);
}

static const struct kp_method by_service = {
	.run = run,
	.asks = "8 UDP clients at a service's address, without a service of IPVS and with one of two backends by masquerading, "
		"whose answers go "
		"back; for the match: with a rule that drops what it matches",
	.proves = "works: without, no backend hears them; with it the scheduler's choice is counted and answers come from the "
		  "service; broken: they do not",
	.gate = KP_CAP_NET_ADMIN | KP_CAP_NET_RAW | KP_GATE_INIT,
};

static const struct kp_xt_rev ipvs_rev = { 0, sizeof(struct kp_xt_ipvs), sizeof(struct kp_xt_ipvs),
					   &(const struct kp_xt_ipvs){ .bitmask = 1 } };
#define MATCH_RULE(fam)                                                                                                            \
	&(const struct kp_xt_rule){ .table = &kp_xt_filter,                                                                        \
				    .hook = KP_XT_OUTPUT,                                                                          \
				    .kind = KP_XT_MATCH,                                                                           \
				    .verdict = KP_XT_DROP,                                                                         \
				    .family = fam,                                                                                 \
				    .name = "ipvs",                                                                                \
				    .revs = &ipvs_rev,                                                                             \
				    .n_revs = 1 }

/* clang-format off */
#define CONFIG "CONFIG_IP_VS CONFIG_IP_VS_PROTO_UDP"
#define SERVICE(...) .since = "2.6.28", .by = &by_service, .arg = &(const struct arg){ __VA_ARGS__ }
#define V4 "link.veth flow.ipvs.control.positive ipvs.service.udp"
#define V6 "flow.node.ipv6 ipvs.service.udp ipvs.service.inet6"

static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow.ipvs", KP_FLOW_KCONFIG),
	{ .id = "flow.ipvs.rr.ipv4", .title = "IPVS, rr: half of the clients to each backend", .modules = "ip_vs ip_vs_rr",
	  .kconfig = CONFIG " CONFIG_IP_VS_RR", .needs = V4 " ipvs.sched.rr", SERVICE(false, 9001, "rr") },
	{ .id = "flow.ipvs.sh.ipv4", .title = "IPVS, sh: all clients of one source to one backend", .modules = "ip_vs ip_vs_sh",
	  .kconfig = CONFIG " CONFIG_IP_VS_SH", .needs = V4 " ipvs.sched.sh", SERVICE(false, 9002, "sh") },
	{ .id = "flow.ipvs.match.ipv4", .title = "the match ipvs sees what IPVS sends on", .modules = "ip_vs ip_vs_rr xt_ipvs nft_compat",
	  .kconfig = CONFIG " CONFIG_NETFILTER_XT_MATCH_IPVS", .needs = V4 " xt.nft.ipv4.match.ipvs", SERVICE(false, 9003, "rr", MATCH_RULE(AF_INET)) },
	{ .id = "flow.ipvs.rr.ipv6", .title = "IPVS over IPv6, rr: half of the clients to each backend", .modules = "ip_vs ip_vs_rr",
	  .kconfig = CONFIG " CONFIG_IP_VS_IPV6 CONFIG_IP_VS_RR", .needs = V6 " ipvs.sched.rr", SERVICE(true, 9001, "rr") },
	{ .id = "flow.ipvs.sh.ipv6", .title = "IPVS over IPv6, sh: all clients of one source to one backend", .modules = "ip_vs ip_vs_sh",
	  .kconfig = CONFIG " CONFIG_IP_VS_IPV6 CONFIG_IP_VS_SH", .needs = V6 " ipvs.sched.sh", SERVICE(true, 9002, "sh") },
	{ .id = "flow.ipvs.match.ipv6", .title = "the match ipvs sees what IPVS sends on over IPv6", .modules = "ip_vs ip_vs_rr xt_ipvs nft_compat",
	  .kconfig = CONFIG " CONFIG_IP_VS_IPV6 CONFIG_NETFILTER_XT_MATCH_IPVS", .needs = V6 " xt.nft.ipv6.match.ipvs",
	  SERVICE(true, 9003, "rr", MATCH_RULE(AF_INET6)) },
};
/* clang-format on */

const struct kp_family kp_family_flow_ipvs = {
	.name = "flow.ipvs",
	.title = "Packets by IPVS",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "kernel log, level info: what ip_vs says of itself, schedulers that register",
};
