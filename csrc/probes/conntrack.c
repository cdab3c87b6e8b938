/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Connection tracking by ctnetlink: entries made, told, dumped and deleted as Felix and conntrack(8) do it. No packet is sent, no
 * hook is asked for: whether packets are tracked is what the flow rows ask.
 */
#include "conntrack.h"

#include <errno.h>
#include <netinet/in.h>

#include "families.h"
#include "link.h"

enum {
	KP_MSG_CTHELPER_GET = 1,
	KP_MSG_TIMEOUT_GET = 1,
	KP_SUBSYS_CTTIMEOUT = 8, /* v3.4, 50978462300f */
	KP_SUBSYS_CTHELPER = 9,  /* v3.6, 12f7a505331e */
};

/* --- subsystems --- */

struct subsystem {
	uint8_t id, get;
};

/*
 * Each subsystem of nfnetlink is a question of its own, because a dump of everything has no argument that could be wrong: EINVAL
 * then comes from nfnetlink_rcv_msg(), which found no such subsystem after request_module("nfnetlink-subsys-N").
 */
static void run_subsystem(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct subsystem *s = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	kp_nl_init(&b);
	kp_ct_msg(ctx, &b, s->id, s->get, NLM_F_DUMP, AF_UNSPEC);
	rc = kp_nl_query(ctx, fd, &b, NULL, NULL);
	if (rc)
		return kp_fail(ctx, res, "dump", KP_CALL_PLAIN, -rc);
	kp_works(res, "dump");
}

static const struct kp_rule subsystem_rules[] = {
	{ EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
	{ EAFNOSUPPORT, KP_ABSENT, "there is no netlink" },
	{ EINVAL, KP_ABSENT, "nfnetlink has no such subsystem, after asking for its module" },
	{ 0 },
};

static const struct kp_method dump_subsystem = {
	.run = run_subsystem,
	.asks = "a dump of everything in the namespace from one subsystem of nfnetlink",
	.proves = "works: the dump ends well; absent: no NETLINK_NETFILTER (EPROTONOSUPPORT), or no such subsystem (EINVAL)",
	.rules = subsystem_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* nfnl_cthelper_get() asks capable(CAP_NET_ADMIN), since helpers are of no namespace (v4.15, 4b380c42f7d0). */
static const struct kp_method dump_helpers = {
	.run = run_subsystem,
	.asks = "NFNL_MSG_CTHELPER_GET of all helpers in user space; none is made, because a helper is in no namespace",
	.proves = "works: the dump ends well; absent: no NETLINK_NETFILTER (EPROTONOSUPPORT), or no such subsystem (EINVAL)",
	.rules = subsystem_rules,
	.gate = KP_CAP_NET_ADMIN | KP_GATE_INIT,
};

/*
 * conntrack itself is asked for one entry that is not there: a dump would walk the host's whole table, some 40 ms for 2^18 buckets.
 * The tuple is complete, so that EINVAL can only be nfnetlink's, as above.
 */
static void run_lookup(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ct_arg *a = row->arg;
	struct kp_ct_seen s = { .flow = &a->flow, .outcome = KP_WORKS };
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;

	if (fd < 0)
		return;
	rc = kp_ct_get(ctx, fd, false, &s);
	if (rc)
		return kp_fail(ctx, res, "get", KP_CALL_PLAIN, -rc);
	kp_broken(res, "get", "an entry is told that nobody made");
}

static const struct kp_method look_up = {
	.run = run_lookup,
	.asks = "IPCTNL_MSG_CT_GET of an entry that is not there",
	.proves = "works: ENOENT, it was looked for; absent: no NETLINK_NETFILTER (EPROTONOSUPPORT), or no such subsystem (EINVAL)",
	.rules = (const struct kp_rule[]){ { EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
					   { EAFNOSUPPORT, KP_ABSENT, "there is no netlink" },
					   { ENOENT, KP_WORKS, "conntrack looked for the entry, which nobody made" },
					   { EINVAL, KP_ABSENT, "nfnetlink has no such subsystem, after asking for its module" },
					   { 0 } },
	.gate = KP_CAP_NET_ADMIN,
};

/* --- dump and delete --- */

/* Two entries: the row's, and one with the next port. */
static int make_two(struct kp_ctx *ctx, int fd, const struct kp_ct_arg *a, struct kp_ct_flow *second)
{
	struct kp_ct_arg other = *a;
	int rc = kp_ct_create(ctx, fd, a);

	other.flow.port++;
	*second = other.flow;
	return rc ? rc : kp_ct_create(ctx, fd, &other);
}

static void run_dump(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ct_arg *a = row->arg;
	const struct kp_ct_extra *e = a->extra && a->extra->sysctl ? a->extra : NULL;
	void (*check)(const struct nlmsghdr *msg, struct kp_ct_seen *s) = e ? e->check : NULL;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_ct_flow second;
	struct kp_ct_seen s[2] = {
		{ .flow = &a->flow, .check = check, .outcome = KP_WORKS },
		{ .flow = &second, .check = check, .outcome = KP_WORKS },
	};

	if (fd < 0)
		return;
	rc = e ? kp_ct_sysctl(e->sysctl, "1") : 0;
	if (rc && rc != -ENOENT)
		return kp_fail(ctx, res, "write sysctl", KP_CALL_PLAIN, -rc);
	rc = make_two(ctx, fd, a, &second);
	if (rc)
		return kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
	rc = kp_ct_dump(ctx, fd, s, 2);
	if (rc)
		return kp_fail(ctx, res, "dump", KP_CALL_PLAIN, -rc);
	if (kp_ct_fine(res, "dump", &s[0]) && kp_ct_fine(res, "dump", &s[1]))
		kp_works(res, "dump");
}

static const struct kp_method dump_two = {
	.run = run_dump,
	.asks = "IPCTNL_MSG_CT_NEW of two entries, IPCTNL_MSG_CT_GET of all of the address family",
	.proves = "works: each is told once, with its tuples and, where asked for, its counters; broken: one is not",
	.rules = kp_ct_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* conntrack --delete --orig-src dumps, picks, and deletes each entry by its tuple. */
static void run_delete(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ct_arg *a = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_ct_flow second;

	if (fd < 0)
		return;
	rc = make_two(ctx, fd, a, &second);
	if (rc)
		return kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
	for (int reply = 0; reply < 2; reply++) {
		const struct kp_ct_flow *f = reply ? &second : &a->flow;
		const char *step = reply ? "delete by reply tuple" : "delete by original tuple";
		struct kp_ct_seen gone = { .flow = f, .outcome = KP_WORKS }, left = { .flow = &second, .outcome = KP_WORKS };

		rc = kp_ct_delete(ctx, fd, f, reply);
		if (rc)
			return kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
		rc = kp_ct_get(ctx, fd, false, &gone);
		if (!rc)
			return kp_broken(res, step, "the entry is there after it was deleted");
		if (rc != -ENOENT)
			return kp_fail(ctx, res, "look for it", KP_CALL_PLAIN, -rc);
		rc = reply ? 0 : kp_ct_get(ctx, fd, false, &left);
		if (rc)
			return kp_fail(ctx, res, "look for the other", KP_CALL_PLAIN, -rc);
		if (!reply && !kp_ct_fine(res, "look for the other", &left))
			return;
	}
	kp_works(res, "look for it");
}

static const struct kp_method delete_two = {
	.run = run_delete,
	.asks = "IPCTNL_MSG_CT_NEW of two entries, IPCTNL_MSG_CT_DELETE of one by its original tuple, of the other by its "
		"reply tuple, IPCTNL_MSG_CT_GET of both",
	.proves = "works: what was deleted answers ENOENT, the other one stays until its turn; broken: otherwise",
	.rules = kp_ct_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* Without the helper's module the answer is EOPNOTSUPP, after request_module("nfct-helper-ftp"). */
static const struct kp_rule helper_rules[] = {
	{ EOPNOTSUPP, KP_ABSENT, "conntrack has no helper of that name, after asking for its module" },
	{ 0 },
};

/* clang-format off */
#define CT_MODULES "nfnetlink nf_conntrack_netlink"
#define CT_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_NF_CONNTRACK CONFIG_NF_CT_NETLINK"
#define CT .modules = CT_MODULES, .kconfig = CT_CONFIG, .risk = KP_RISK_CONNTRACK, .needs = "conntrack.netlink", .since = "2.6.14"
#define CT_WITH(more_modules, more_config, release) \
	.modules = CT_MODULES more_modules, .kconfig = CT_CONFIG more_config, .risk = KP_RISK_CONNTRACK, \
	.needs = "conntrack.netlink", .since = release
#define FTP \
	.modules = CT_MODULES " nf_conntrack_ftp", .kconfig = CT_CONFIG " CONFIG_NF_CONNTRACK_FTP", .since = "2.6.14", \
	.risk = KP_RISK_MODULE, .risk_module = "nf_conntrack_ftp", \
	.host = "the FTP helper takes tracked connections to port 21, before Linux 4.7 or where nf_conntrack_helper is 1"
#define FLOW(f, p, n) .flow = { .family = (f), .proto = (p), .port = (n) }
#define ENTRY(...) &(const struct kp_ct_arg){ __VA_ARGS__ }

static const struct kp_probe rows[] = {
	{ .id = "conntrack.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_link_change_lo },
	/* 253 is for experiments (RFC 3692): the generic tracker takes it, and keeps no ports. */
	{ .id = "conntrack.control.negative", .title = "an invented protocol", .control = KP_NEGATIVE, .modules = CT_MODULES,
	  .risk = KP_RISK_CONNTRACK, .by = &kp_ct_by_entry, .arg = ENTRY(FLOW(AF_INET, 253, 40000)),
	  .rules = (const struct kp_rule[]){ { EINVAL, KP_ABSENT, "nfnetlink has no conntrack subsystem either" }, { 0 } } },

	{ .id = "conntrack.netlink", .title = "conntrack over netlink", .modules = CT_MODULES, .kconfig = CT_CONFIG,
	  .risk = KP_RISK_CONNTRACK, .since = "2.6.14", .by = &look_up, .arg = ENTRY(FLOW(AF_INET, IPPROTO_TCP, 40001)) },
	{ .id = "conntrack.dump.inet", .title = "dump of IPv4 connections", CT, .by = &dump_two,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_TCP, 40010), .extra = &kp_ct_tcp) },
	{ .id = "conntrack.dump.inet6", .title = "dump of IPv6 connections", CT, .by = &dump_two,
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_TCP, 40010), .extra = &kp_ct_tcp) },
	{ .id = "conntrack.dump.counters", .title = "dump of connections with counters", CT, .by = &dump_two,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40012), .extra = &kp_ct_acct) },
	{ .id = "conntrack.delete.inet", .title = "deletion of an IPv4 connection by tuple", CT, .by = &delete_two,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_TCP, 40014), .extra = &kp_ct_tcp) },
	{ .id = "conntrack.delete.inet6", .title = "deletion of an IPv6 connection by tuple", CT, .by = &delete_two,
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_TCP, 40014), .extra = &kp_ct_tcp) },

	{ .id = "conntrack.proto.tcp.inet", .title = "TCP connection over IPv4", CT, .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_TCP, 40020), .extra = &kp_ct_tcp) },
	{ .id = "conntrack.proto.tcp.inet6", .title = "TCP connection over IPv6", CT, .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_TCP, 40020), .extra = &kp_ct_tcp) },
	{ .id = "conntrack.proto.udp.inet", .title = "UDP flow over IPv4", CT, .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40022)) },
	{ .id = "conntrack.proto.udp.inet6", .title = "UDP flow over IPv6", CT, .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_UDP, 40022)) },
	{ .id = "conntrack.proto.icmp", .title = "ICMP echo", CT, .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_ICMP, 40024)) },
	{ .id = "conntrack.proto.icmpv6", .title = "ICMPv6 echo", CT_WITH("", " CONFIG_IPV6", "2.6.14"), .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_ICMPV6, 40026)) },
	/*
	 * Modules of their own before v4.10 (sctp a85406afeb3e, dccp c51d39010a1b, udplite 9b91c96c5d1f) and v5.1 (gre
	 * 22fc4c4c9fd6), for which the kernel never asks by itself: a protocol whose module nobody loaded is the generic tracker's.
	 */
	{ .id = "conntrack.proto.sctp.inet", .title = "SCTP association over IPv4", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_sctp|nf_conntrack", " CONFIG_NF_CT_PROTO_SCTP", "2.6.15"),
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_SCTP, 40030), .extra = &kp_ct_sctp) },
	{ .id = "conntrack.proto.sctp.inet6", .title = "SCTP association over IPv6", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_sctp|nf_conntrack", " CONFIG_NF_CT_PROTO_SCTP", "2.6.15"),
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_SCTP, 40030), .extra = &kp_ct_sctp) },
	{ .id = "conntrack.proto.gre.inet", .title = "GRE with keys over IPv4", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_gre|nf_conntrack", " CONFIG_NF_CT_PROTO_GRE", "2.6.23"),
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_GRE, 40032)) },
	{ .id = "conntrack.proto.gre.inet6", .title = "GRE with keys over IPv6", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_gre|nf_conntrack", " CONFIG_NF_CT_PROTO_GRE", "5.1"),
	  .arg = ENTRY(FLOW(AF_INET6, IPPROTO_GRE, 40032)) },
	{ .id = "conntrack.proto.dccp.inet", .title = "DCCP connection over IPv4", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_dccp|nf_conntrack", " CONFIG_NF_CT_PROTO_DCCP", "2.6.26"),
	  .arg = ENTRY(FLOW(AF_INET, KP_IPPROTO_DCCP, 40034), .extra = &kp_ct_dccp) },
	{ .id = "conntrack.proto.dccp.inet6", .title = "DCCP connection over IPv6", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_dccp|nf_conntrack", " CONFIG_NF_CT_PROTO_DCCP", "2.6.26"),
	  .arg = ENTRY(FLOW(AF_INET6, KP_IPPROTO_DCCP, 40034), .extra = &kp_ct_dccp) },
	{ .id = "conntrack.proto.udplite.inet", .title = "UDP-Lite flow over IPv4", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_udplite|nf_conntrack", " CONFIG_NF_CT_PROTO_UDPLITE", "2.6.23"),
	  .arg = ENTRY(FLOW(AF_INET, KP_IPPROTO_UDPLITE, 40036)) },
	{ .id = "conntrack.proto.udplite.inet6", .title = "UDP-Lite flow over IPv6", .by = &kp_ct_by_entry,
	  CT_WITH(" nf_conntrack_proto_udplite|nf_conntrack", " CONFIG_NF_CT_PROTO_UDPLITE", "2.6.23"),
	  .arg = ENTRY(FLOW(AF_INET6, KP_IPPROTO_UDPLITE, 40036)) },

	{ .id = "conntrack.zone", .title = "the same connection in two zones", CT_WITH("", " CONFIG_NF_CONNTRACK_ZONES", "2.6.34"),
	  .by = &kp_ct_by_zones, .arg = ENTRY(.flow = { AF_INET, IPPROTO_UDP, 40040, .zone = 7 }, .extra = &kp_ct_zone) },
	{ .id = "conntrack.mark", .title = "mark of a connection", CT_WITH("", " CONFIG_NF_CONNTRACK_MARK", "2.6.14"),
	  .by = &kp_ct_by_entry, .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40042), .extra = &kp_ct_mark) },
	{ .id = "conntrack.label", .title = "labels of a connection", CT_WITH("", " CONFIG_NF_CONNTRACK_LABELS", "3.9"),
	  .by = &kp_ct_by_label, .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40044)) },
	{ .id = "conntrack.acct", .title = "counters of a connection, by nf_conntrack_acct", CT, .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40046), .extra = &kp_ct_acct) },
	{ .id = "conntrack.timestamp", .title = "start of a connection, by nf_conntrack_timestamp",
	  CT_WITH("", " CONFIG_NF_CONNTRACK_TIMESTAMP", "2.6.39"), .by = &kp_ct_by_entry,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40048), .extra = &kp_ct_timestamp) },
	{ .id = "conntrack.events", .title = "events of new and deleted connections",
	  CT_WITH("", " CONFIG_NF_CONNTRACK_EVENTS", "2.6.14"), .by = &kp_ct_by_events,
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_UDP, 40050)) },

	{ .id = "conntrack.netlink.timeout", .title = "timeout policies over netlink", .modules = "nfnetlink nfnetlink_cttimeout",
	  .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_NF_CT_NETLINK_TIMEOUT CONFIG_NF_CONNTRACK_TIMEOUT", .since = "3.4",
	  .risk = KP_RISK_CONNTRACK, .by = &dump_subsystem,
	  .arg = &(const struct subsystem){ KP_SUBSYS_CTTIMEOUT, KP_MSG_TIMEOUT_GET } },
	/*
	 * Since v5.19 (523895e5b278 "netfilter: cttimeout: inc/dec module refcount per object, not per use refcount") making a policy
	 * takes a reference to the module, which only a rule that was the last to use it gives back: not deleting it, not the end of
	 * its namespace. Neither nfnetlink_cttimeout nor nf_conntrack can then be unloaded. Seen on Debian's 6.1, 6.12 and 6.18, and
	 * not on 5.10 and 7.3. The row above makes none, and leaves nothing.
	 */
	{ .id = "conntrack.timeout-policy", .title = "timeout policy for TCP", .modules = "nfnetlink nfnetlink_cttimeout",
	  .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_NF_CT_NETLINK_TIMEOUT CONFIG_NF_CONNTRACK_TIMEOUT", .since = "3.4",
	  .host = "some kernels can then never unload nfnetlink_cttimeout and nf_conntrack again", .risk = KP_RISK_MODULE,
	  .risk_module = "nfnetlink_cttimeout", .needs = "conntrack.netlink.timeout", .by = &kp_ct_by_policy },
	{ .id = "conntrack.netlink.helper", .title = "helpers in user space over netlink",
	  .modules = "nfnetlink nfnetlink_cthelper", .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_NF_CT_NETLINK_HELPER",
	  .since = "3.6", .risk = KP_RISK_CONNTRACK,
	  .by = &dump_helpers, .arg = &(const struct subsystem){ KP_SUBSYS_CTHELPER, KP_MSG_CTHELPER_GET } },
	/*
	 * Before v4.7 (3bb398d925ec "netfilter: nf_ct_helper: disable automatic helper assignment"), and later where
	 * net.netfilter.nf_conntrack_helper is 1, the helper attaches itself to connections to port 21 wherever they are tracked.
	 */
	{ .id = "conntrack.helper.ftp", .title = "connection with the FTP helper", .by = &kp_ct_by_entry, .rules = helper_rules,
	  FTP, .needs = "conntrack.netlink",
	  .arg = ENTRY(FLOW(AF_INET, IPPROTO_TCP, 40060), .extra = &kp_ct_ftp) },
	{ .id = "conntrack.expect", .title = "expectation of a connection", .by = &kp_ct_by_expect, .rules = helper_rules,
	  FTP, .needs = "conntrack.helper.ftp", .arg = ENTRY(FLOW(AF_INET, IPPROTO_TCP, 40062), .extra = &kp_ct_ftp) },
};
/* clang-format on */

const struct kp_family kp_family_conntrack = { "conntrack", "Connection tracking", 0, rows, KP_ARRAY_SIZE(rows), NULL };
