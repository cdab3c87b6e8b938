/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * No include guard: read once for each backend and family (flow_xt.c). A line: FLOW(name, title, the rows of xt.* that it needs,
 * since, RULES(…), steps…). A rule matches UDP, or TCP, so that the echo requests that tell the end of a step pass it by.
 *
 * Steps: { from, .send, .without, .with }: what becomes of the packet without the rules, and with them.
 */
/* clang-format off */
#define NEED(name) "xt." XT_B "." XT_F "." name
#define CASE XT_46(JOIN(case_v4_, __LINE__), JOIN(case_v6_, __LINE__))
#define FLOW(...) XT_READ(FLOW_CASE, FLOW_ROW)(__VA_ARGS__)
#define FLOW_CASE(name, ttl, need, first, all, ...)                                                                                \
	static const struct kp_flow_arg CASE = {                                                                                   \
		.v6 = XT_46(false, true),                                                                                          \
		.what = &(const struct flow_xt){ UNWRAP all },                                                                     \
		.steps = KP_STEPS(__VA_ARGS__),                                                                                    \
	};
#define FLOW_ROW(name, ttl, need, first, ...)                                                                                      \
	{ .id = "flow.xt." XT_B "." XT_F "." name, .title = ttl, .since = first,                                                   \
	  .needs = P("link.veth flow.xt.control.positive", "flow.node.ipv6") " " NEED("match.udp") " " need, .by = &XT_METHOD, .arg = &CASE },
#define DROPS(t, h, p, what, revs, ...)                                                                                            \
	RULE(t, h, .kind = KP_XT_MATCH, .verdict = KP_XT_DROP, .proto = p, .name = what, REVS_OF(revs) __VA_OPT__(,) __VA_ARGS__)
/*
 * Each row has four ports of its own, which its rules are for: rules of nf_tables stay until the namespace goes, because to take one out
 * makes the next wait for all CPUs (nft_compat_wait_for_destructors() in net/netfilter/nft_compat.c; v6.18: 16 ms).
 */
#define UDP_PORT(port) .after = WITH("udp", REV(0, struct kp_xt_udp, .spts = { 0, 65535 }, .dpts = { port, port }))
#define UDP_SOURCE(port) .after = WITH("udp", REV(0, struct kp_xt_udp, .spts = { port, port }, .dpts = { 0, 65535 }))
#define TCP_PORT(port) .after = WITH("tcp", REV(0, struct kp_xt_tcp, .spts = { 0, 65535 }, .dpts = { port, port }))
#define TARGET_FOR(p, t, h, what, revs, ...)                                                                                       \
	RULE(t, h, .kind = KP_XT_TARGET, .proto = p, .name = what, REVS_OF(revs) __VA_OPT__(,) __VA_ARGS__)
#define FROM_POD(p, port) KP_AT_POD, .send = { .proto = p, .src = KP_POD, .dst = KP_FAR, .dport = port }
#define FROM_FAR KP_AT_FAR, .reply = true
#define GOES { .at = KP_AT_FAR }
#define COMES { .at = KP_AT_POD }
#define GONE { .at = KP_LOST }
/* 10.111.2.3 and fd00:111:2::3 (KP_FAR2), 10.111.9.1 and fd00:111:9::1 (KP_SERVICE): flow_net.c. */
#define NAT_TO(net, host) { .all = { [0] = KP_BE32(XT_46(0x0a6f0000 | net << 8 | host, 0xfd000111)), [1] = KP_BE32(XT_46(0, net << 16)), \
				     [3] = KP_BE32(XT_46(0, host)) } }
#define NAT_DATA(f, net, host, port)                                                                                               \
	REVS(REV(2, struct kp_nat_range2, .flags = f, .min_addr = NAT_TO(net, host), .max_addr = NAT_TO(net, host),                \
		 .min = KP_BE16(port), .max = KP_BE16(port)),                                                                      \
	     REV(1, struct kp_nat_range, .flags = f, .min_addr = NAT_TO(net, host), .max_addr = NAT_TO(net, host),                 \
		 .min = KP_BE16(port), .max = KP_BE16(port)))

/* Verdicts: Felix's policy, by port, and by set. */
FLOW("drop", "DROP by destination port", NEED("table.filter"), SINCE("2.6.25"),
     (.rules = { DROPS(filter, FORWARD, IPPROTO_UDP, "udp", REVS(REV(0, struct kp_xt_udp, .spts = { 0, 65535 }, .dpts = { 7000, 7000 }))) }),
     { FROM_POD(IPPROTO_UDP, 7000), .without = GOES, .with = GONE }, { FROM_POD(IPPROTO_UDP, 7001), .without = GOES, .with = GOES })
FLOW("reject", "REJECT answers with an ICMP error", NEED("target.REJECT"), SINCE("2.6.25"),
     (.rules = { TARGET_FOR(IPPROTO_UDP, filter, FORWARD, "REJECT",
			   REVS(REV(0, struct kp_xt_reject, .with = P(KP_IPT_PORT_UNREACHABLE, KP_IP6T_PORT_UNREACH))), UDP_PORT(7004)) }),
     { FROM_POD(IPPROTO_UDP, 7004), .without = GOES,
       .with = { KP_AT_POD, { .proto = IPPROTO_ICMP, .dst = KP_POD, .sport = P(3, 1), .dport = P(3, 4) } } })
FLOW("reject.tcp-reset", "REJECT answers with a TCP reset", NEED("target.REJECT.tcp-reset"), SINCE("2.6.25"),
     (.rules = { TARGET_FOR(IPPROTO_TCP, filter, FORWARD, "REJECT",
			   REVS(REV(0, struct kp_xt_reject, .with = P(KP_IPT_TCP_RESET, KP_IP6T_TCP_RESET))), TCP_PORT(7008)) }),
     { FROM_POD(IPPROTO_TCP, 7008), .without = GOES,
       .with = { KP_AT_POD, { .src = KP_FAR, .dst = KP_POD, .sport = 7008, .dport = KP_ANY_PORT, .flags = KP_TCP_RST } } })
FLOW("set", "an IP set's member is dropped, another address is not", NEED("match.set"), SINCE("2.6.39"),
     (.member = KP_POD,
     .rules = { DROPS(filter, FORWARD, IPPROTO_UDP, "set", REVS(SETS(1, KP_IPSET_SRC(1), { 1 })), .object = KP_XT_SET, UDP_PORT(7012)) }),
     { FROM_POD(IPPROTO_UDP, 7012), .without = GOES, .with = GONE },
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD2, .dst = KP_FAR, .dport = 7012 }, .without = GOES, .with = GOES })
FLOW("multiport", "ports and a range of them", NEED("match.multiport"), SINCE("2.6.25"),
     (.rules = { DROPS(filter, FORWARD, IPPROTO_UDP, "multiport",
		      REVS(REV(1, struct kp_xt_multiport1, .flags = 1, .count = 3, .ports = { 7016, 7018, 7019 }, .range = { 0, 1 }))) }),
     { FROM_POD(IPPROTO_UDP, 7016), .without = GOES, .with = GONE }, { FROM_POD(IPPROTO_UDP, 7019), .without = GOES, .with = GONE },
     { FROM_POD(IPPROTO_UDP, 7017), .without = GOES, .with = GOES })
FLOW("mark", "a mark that one rule sets, another sees", NEED("target.MARK") " " NEED("match.mark"), SINCE("2.6.25"),
     (.rules = { TARGET_FOR(IPPROTO_UDP, mangle, PREROUTING, "MARK",
			  REVS(REV(2, struct kp_xt_mark_tg2, .mark = 0x10000, .mask = 0x10000)), UDP_PORT(7020)),
	       DROPS(filter, FORWARD, IPPROTO_UDP, "mark", REVS(REV(1, struct kp_xt_mark_mt1, .mark = 0x10000, .mask = 0x10000))) }),
     { FROM_POD(IPPROTO_UDP, 7020), .without = GOES, .with = GONE }, { FROM_POD(IPPROTO_UDP, 7021), .without = GOES, .with = GOES })
FLOW("mark.route", "a mark leads to another routing table", NEED("target.MARK") " " P("route.rule.fwmark-invert.inet", "route.rule.fwmark-invert.inet6"), SINCE("2.6.25"),
     (.by_mark = 0x20000,
     .rules = { TARGET_FOR(IPPROTO_UDP, mangle, PREROUTING, "MARK",
			   REVS(REV(2, struct kp_xt_mark_tg2, .mark = 0x20000, .mask = 0x20000)), UDP_PORT(7024)) }),
     { FROM_POD(IPPROTO_UDP, 7024), .without = GOES, .with = COMES }, { FROM_POD(IPPROTO_UDP, 7025), .without = GOES, .with = GOES })
FLOW("rpfilter", "a source of another device is dropped", NEED("match.rpfilter.validmark-invert"), SINCE("3.3"),
     (.rules = { DROPS(raw, PREROUTING, IPPROTO_UDP, "rpfilter", REVS(REV(0, struct kp_xt_rpfilter, .flags = KP_RPF_VALIDMARK | KP_RPF_INVERT)), UDP_PORT(7028)) }),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_FAR2, .dst = KP_FAR, .dport = 7028 }, .without = GOES, .with = GONE },
     { FROM_POD(IPPROTO_UDP, 7028), .without = GOES, .with = GOES })
FLOW("addrtype", "what is for the node itself is dropped", NEED("match.addrtype"), SINCE("2.6.39"),
     (.rules = { DROPS(raw, PREROUTING, IPPROTO_UDP, "addrtype", REVS(REV(1, struct kp_xt_addrtype1, .dest = KP_ADDR_LOCAL)), UDP_PORT(7032)) }),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_NODE, .dport = 7032 },
       .without = { KP_AT_POD, { .proto = IPPROTO_ICMP, .dst = KP_POD, .sport = P(3, 1), .dport = P(3, 4) } }, .with = GONE },
     { FROM_POD(IPPROTO_UDP, 7032), .without = GOES, .with = GOES })
/* Two an hour at once: the third does not match any more. The unit of .avg is 1/10000 s (net/netfilter/xt_limit.c). */
FLOW("limit", "two packets match, the third does not", NEED("match.limit"), SINCE("2.6.25"),
     (.rules = { DROPS(filter, FORWARD, IPPROTO_UDP, "limit", REVS(REV_TO(0, struct kp_xt_limit, kernel, .avg = 36000000, .burst = 2)), UDP_PORT(7036)) }),
     { FROM_POD(IPPROTO_UDP, 7036), .without = GOES, .with = GONE }, { FROM_POD(IPPROTO_UDP, 7036), .without = GOES, .with = GONE },
     { FROM_POD(IPPROTO_UDP, 7036), .without = GOES, .with = GOES })

/* Connection tracking, which is there as long as a rule asks for it. */
#define STATE(s, p, need, ttl, also, ...)                                                                                          \
	FLOW("conntrack." s, ttl, NEED("match.conntrack"), SINCE("2.6.39"),                                                        \
	     (.rules = { DROPS(filter, FORWARD, p, "conntrack", REVS(STATES(KP_CT_STATE, .state_mask = need)), also) }), __VA_ARGS__)
STATE("new", IPPROTO_UDP, KP_CT_NEW, "the first packet of a flow", UDP_PORT(7040),
      { FROM_POD(IPPROTO_UDP, 7040), .without = GOES, .with = GONE })
STATE("established", IPPROTO_UDP, KP_CT_ESTABLISHED, "the answer, but not the first packet", UDP_SOURCE(7044),
      { FROM_POD(IPPROTO_UDP, 7044), .without = GOES, .with = GOES },
      { FROM_FAR, .send = { .proto = IPPROTO_UDP }, .without = COMES, .with = GONE })
STATE("related", P(IPPROTO_ICMP, IPPROTO_ICMPV6), KP_CT_RELATED, "an ICMP error about a flow", .after = NULL,
      { FROM_POD(IPPROTO_UDP, 7048), .without = GOES, .with = GOES },
      { KP_AT_FAR, .quote = true, .send = { .proto = IPPROTO_ICMP, .src = KP_FAR, .dst = KP_POD, .sport = P(3, 1), .dport = P(3, 4) },
	.without = COMES, .with = GONE })
/* SYN and FIN together: tcp_valid_flags in net/netfilter/nf_conntrack_proto_tcp.c has no such pair. */
STATE("invalid", IPPROTO_TCP, KP_CT_INVALID, "a TCP segment that nobody may send", TCP_PORT(7052),
      { KP_AT_POD, .send = { .proto = IPPROTO_TCP, .src = KP_POD, .dst = KP_FAR, .dport = 7052, .flags = 0x03 }, .without = GOES, .with = GONE },
      { FROM_POD(IPPROTO_TCP, 7052), .without = GOES, .with = GOES })
FLOW("notrack", "what is not tracked is told so", NEED("target.CT.notrack") " " NEED("match.conntrack"), SINCE("2.6.39"),
     (.rules = { TARGET_FOR(IPPROTO_UDP, raw, PREROUTING, "CT",
			  REVS(REV_TO(2, struct kp_xt_ct1, kernel, .flags = KP_CT_NOTRACK),
			       REV_TO(1, struct kp_xt_ct1, kernel, .flags = KP_CT_NOTRACK)), UDP_PORT(7056)),
	       DROPS(filter, FORWARD, IPPROTO_UDP, "conntrack", 
		     REVS(REV(3, struct kp_xt_conntrack3, .match_flags = KP_CT_STATE, .state_mask = KP_CT_UNTRACKED),
			  REV(2, struct kp_xt_conntrack2, .match_flags = KP_CT_STATE, .state_mask = KP_CT_UNTRACKED))) }),
     { FROM_POD(IPPROTO_UDP, 7056), .without = GOES, .with = GONE }, { FROM_POD(IPPROTO_UDP, 7057), .without = GOES, .with = GOES })
FLOW("connlimit", "the second flow at once is one too many", NEED("match.connlimit"), SINCE("2.6.39"),
     (.rules = { DROPS(filter, FORWARD, IPPROTO_UDP, "connlimit", REVS(REV_TO(1, struct kp_xt_connlimit1, kernel, .limit = 1)), UDP_PORT(7060)) }),
     { FROM_POD(IPPROTO_UDP, 7060), .without = GOES, .with = GOES }, { FROM_POD(IPPROTO_UDP, 7060), .without = GOES, .with = GONE })

/* NAT: services, pools' outgoing packets. What comes back is looked at, too. */
FLOW("dnat", "DNAT to an endpoint, and the answer back", NEED("target.DNAT"), P(SINCE("2.6.25"), SINCE("3.7")),
     (.rules = { TARGET_FOR(IPPROTO_UDP, nat, PREROUTING, "DNAT", NAT_DATA(KP_NAT_IPS | KP_NAT_PORTS, 2, 3, 8888), UDP_PORT(7064)) }),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_SERVICE, .dport = 7064 },
       .without = GOES, .with = { KP_AT_FAR, { .dst = KP_FAR2, .dport = 8888 } } },
     { FROM_FAR, .after = true, .send = { .proto = IPPROTO_UDP }, .with = { KP_AT_POD, { .src = KP_SERVICE, .sport = 7064 } } })
FLOW("snat", "SNAT to an address, and the answer back", NEED("target.SNAT"), P(SINCE("2.6.25"), SINCE("3.7")),
     (.rules = { TARGET_FOR(IPPROTO_UDP, nat, POSTROUTING, "SNAT", NAT_DATA(KP_NAT_IPS, 9, 1, 0), UDP_PORT(7068)) }),
     { FROM_POD(IPPROTO_UDP, 7068), .without = GOES, .with = { KP_AT_FAR, { .src = KP_SERVICE } } },
     { FROM_FAR, .after = true, .send = { .proto = IPPROTO_UDP }, .with = { KP_AT_POD, { .dst = KP_POD } } })
FLOW("masquerade", "MASQUERADE as the uplink, and the answer back", NEED("target.MASQUERADE"), P(SINCE("2.6.25"), SINCE("3.7")),
     (.rules = { TARGET_FOR(IPPROTO_UDP, nat, POSTROUTING, "MASQUERADE", REVS(MASQ(0, 0, 0)), UDP_PORT(7072)) }),
     { FROM_POD(IPPROTO_UDP, 7072), .without = GOES, .with = { KP_AT_FAR, { .src = KP_UPLINK } } },
     { FROM_FAR, .after = true, .send = { .proto = IPPROTO_UDP }, .with = { KP_AT_POD, { .dst = KP_POD } } })
FLOW("masquerade.random-fully", "MASQUERADE draws another port", NEED("target.MASQUERADE.random-fully"), "3.14",
     (.rules = { TARGET_FOR(IPPROTO_UDP, nat, POSTROUTING, "MASQUERADE", REVS(MASQ(KP_NAT_RANDOM_FULLY, 0, 0)), UDP_PORT(7076)) }),
     { FROM_POD(IPPROTO_UDP, 7076), .without = GOES, .with = { KP_AT_FAR, { .src = KP_UPLINK, .sport = KP_OTHER_PORT } } })
FLOW("dscp", "DSCP writes the field", NEED("target.DSCP"), SINCE("2.6.25"),
     (.rules = { TARGET_FOR(IPPROTO_UDP, mangle, POSTROUTING, "DSCP", REVS(REV(0, struct kp_xt_dscp, .dscp = 20)), UDP_PORT(7080)) }),
     { FROM_POD(IPPROTO_UDP, 7080), .without = GOES, .with = { KP_AT_FAR, { .tos = 20 << 2 } } })
/* A service's packet to another pod behind the same device, which must come back by the node. */
FLOW("hairpin", "a pod's packet to its service comes back to another pod", NEED("target.DNAT") " " NEED("target.MASQUERADE"), P(SINCE("2.6.25"), SINCE("3.7")),
     (.rules = { TARGET_FOR(IPPROTO_UDP, nat, PREROUTING, "DNAT", NAT_DATA(KP_NAT_IPS | KP_NAT_PORTS, 1, 3, 8889), UDP_PORT(7084),
			    .also = TARGET_FOR(IPPROTO_UDP, nat, POSTROUTING, "MASQUERADE", REVS(MASQ(0, 0, 0)), UDP_PORT(8889))) }),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_SERVICE, .dport = 7084 },
       .without = GOES, .with = { KP_AT_POD, { .src = KP_NODE, .dst = KP_POD2, .dport = 8889, .sport = KP_ANY_PORT } } },
     { KP_AT_POD, .reply = true, .after = true, .send = { .proto = IPPROTO_UDP },
       .with = { KP_AT_POD, { .src = KP_SERVICE, .dst = KP_POD, .sport = 7084, .dport = KP_ANY_PORT } } })

/* A connection's mark, set by its first packet (which alone goes through nat), restored to the answer, which it leads back. */
#define CONNMARK(what)                                                                                                             \
	REVS(REV(2, struct kp_xt_connmark_tg2, .ctmark = 0x80000, .ctmask = 0x80000, .nfmask = 0x80000, .mode = what),             \
	     REV(1, struct kp_xt_connmark_tg1, .ctmark = 0x80000, .ctmask = 0x80000, .nfmask = 0x80000, .mode = what))
FLOW("connmark", "a mark that is set for a connection comes back to its answer", NEED("target.CONNMARK") " " NEED("table.nat") " " P("route.rule.fwmark-invert.inet", "route.rule.fwmark-invert.inet6"),
     P(SINCE("2.6.25"), SINCE("3.7")),
     (.by_mark = 0x80000,
      .rules = { TARGET_FOR(IPPROTO_UDP, nat, PREROUTING, "CONNMARK", CONNMARK(KP_CONNMARK_SET), UDP_PORT(7088)),
		 TARGET_FOR(IPPROTO_UDP, mangle, PREROUTING, "CONNMARK", CONNMARK(KP_CONNMARK_RESTORE), UDP_SOURCE(7088)) }),
     { KP_AT_FAR, .send = { .proto = IPPROTO_UDP, .src = KP_FAR, .dst = KP_POD, .dport = 7088 }, .without = COMES, .with = COMES },
     { KP_AT_POD, .reply = true, .send = { .proto = IPPROTO_UDP }, .without = GOES, .with = COMES })

/* What is told to user space: Felix's flow logs. */
#define NFLOG(name, ttl, need, first, logs, port, also)                                                                            \
	FLOW(name, ttl, NEED("target.NFLOG") " " need, first,                                                                      \
	     (.log = logs, .rules = { TARGET_FOR(IPPROTO_UDP, filter, FORWARD, "NFLOG",                                            \
						 REVS(REV(0, struct kp_xt_nflog, .group = 1, .prefix = "kprobe")), also) }),       \
	     { FROM_POD(IPPROTO_UDP, port), .see = logs, .without = GOES, .with = GOES })
NFLOG("nflog", "NFLOG delivers the packet to its group", "nflog.group.1", SINCE("2.6.20"), KP_LOG_PACKET, 7092, UDP_PORT(7092))
NFLOG("nflog.conntrack", "NFLOG delivers the packet with its connection", "nflog.conntrack " NEED("match.conntrack"), "4.4", KP_LOG_CONNECTION, 7096,
      .after = WITH("conntrack", REV(1, struct kp_xt_conntrack1, .match_flags = KP_CT_STATE, .state_mask = KP_CT_NEW)))
#undef NFLOG
#undef CONNMARK
#undef NEED
#undef FLOW
#undef DROPS
#undef UDP_PORT
#undef UDP_SOURCE
#undef TCP_PORT
#undef CASE
#undef FLOW_CASE
#undef FLOW_ROW
#undef TARGET_FOR
#undef FROM_POD
#undef FROM_FAR
#undef GOES
#undef COMES
#undef GONE
#undef NAT_TO
#undef NAT_DATA
#undef STATE
/* clang-format on */
