/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * No include guard: read for ip and for ip6 (flow_nft.c). A line: FLOW(name, title, the rows of nft.* that it needs, since, what is
 * put, steps…). Steps: { from, .send, .without, .with }: what becomes of the packet without it, and with it. What is put is for UDP to
 * four ports of the row's own.
 */
/* clang-format off */
#define FLOW(name, ttl, need, first, what_, ...)                                                                                   \
	{ .id = "flow.nft." F "." name, .title = ttl, .since = first,                                                              \
	  .needs = V("link.veth flow.nft.control.positive", "flow.node.ipv6") " " need, .by = &through_nft,                                  \
	  .arg = &(const struct kp_flow_arg){ .v6 = V(false, true), .what = &(const struct flow_nft){ UNWRAP what_ },             \
					      .steps = KP_STEPS(__VA_ARGS__) } },
#define UNWRAP(...) __VA_ARGS__
#define CODE(...) .code = ARG_OF(V(KP_NFT_IP, KP_NFT_IP6), __VA_ARGS__)
#define PUT(...) (CODE(SUBJECT(__VA_ARGS__)))
/* Into a chain that all rows share. */
#define IN(chain, ...) MSG(NEWRULE, STR(KP_NFTA_RULE_CHAIN, kp_##chain), EXPRESSIONS(__VA_ARGS__))
#define SET_HERE(flags, type, len, n, ...) ANON_SET(anon_set, flags, type, len, n), ANON_ELEMS(anon_set, __VA_ARGS__)
#define VMAP_HERE(type, len, n, ...)                                                                                               \
	ANON_SET(anon_map, KP_NFT_SET_MAP, type, len, n, LONG(KP_NFTA_SET_DATA_TYPE, KP_NFT_DATA_VERDICT), U32(KP_NFTA_SET_DATA_LEN, 0)), \
		ANON_ELEMS(anon_map, __VA_ARGS__)
#define BY_MAP LOOKUP_ANON_TO(KP_NFT_VERDICT_REG)
#define TO(port) L4(17), PAYLOAD(TH, 2, 2), CMP(EQ, BYTES((port) >> 8, (port) & 0xff))
#define DROPPED VERDICT(DROP)
#define EXPR_NEED(name) "nft.expr." name "." F
#define AT(net, host) V(BYTES(10, 111, net, host), BYTES(0xfd, 0, 0x01, 0x11, 0, net, 0, 0, 0, 0, 0, 0, 0, 0, 0, host))
#define ADDR_LEN V(4, 16)
#define T_ADDR V(T_IPV4, T_IPV6)
#define SADDR PAYLOAD(NH, V(12, 8), ADDR_LEN)
#define DADDR PAYLOAD(NH, V(16, 24), ADDR_LEN)
#define FROM_POD(port) KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_FAR, .dport = port }
#define FROM_POD2(port) KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD2, .dst = KP_FAR, .dport = port }
#define REPLY KP_AT_FAR, .reply = true, .send = { .proto = IPPROTO_UDP }
#define GOES { .at = KP_AT_FAR }
#define COMES { .at = KP_AT_POD }
#define LOST { .at = KP_LOST }
#define STATE(bit) CT(CT_STATE), AND_XOR(bit, 0), CMP(NEQ, HOST(0))

/* Verdicts, sets and maps, as Felix and kube-proxy write policy and services. */
FLOW("drop", "drop by destination port", EXPR_NEED("th.dport"), "3.15",
     PUT(IN(forward, TO(7500), DROPPED)),
     { FROM_POD(7500), .without = GOES, .with = LOST }, { FROM_POD(7501), .without = GOES, .with = GOES })
FLOW("reject", "reject answers with an ICMP error", EXPR_NEED("reject"), "3.15",
     PUT(IN(forward, TO(7504), EXPR(reject, U32(1, 0), U8(2, V(3, 4))))),
     { FROM_POD(7504), .without = GOES,
       .with = { KP_AT_POD, { .proto = IPPROTO_ICMP, .dst = KP_POD, .sport = V(3, 1), .dport = V(3, 4) } } })
FLOW("reject.tcp-reset", "reject answers with a TCP reset", EXPR_NEED("reject.tcp-reset"), "3.15",
     PUT(IN(forward, L4(6), PAYLOAD(TH, 2, 2), CMP(EQ, BYTES(7508 >> 8, 7508 & 0xff)), EXPR(reject, U32(1, 1)))),
     { KP_AT_POD, .send = { .proto = IPPROTO_TCP, .src = KP_POD, .dst = KP_FAR, .dport = 7508 }, .without = GOES,
       .with = { KP_AT_POD, { .src = KP_FAR, .dst = KP_POD, .sport = 7508, .dport = KP_ANY_PORT, .flags = KP_TCP_RST } } })
FLOW("set", "a set's element is dropped, another address is not", EXPR_NEED("addr.saddr.set"), "3.15",
     PUT(SET_HERE(0, T_ADDR, ADDR_LEN, 1, ELEM(KEY(AT(1, 2)))), IN(forward, TO(7512), SADDR, LOOKUP_ANON, DROPPED)),
     { FROM_POD(7512), .without = GOES, .with = LOST }, { FROM_POD2(7512), .without = GOES, .with = GOES })
FLOW("set.interval", "an interval's addresses are dropped, the next is not", "nft.set.interval." F " " EXPR_NEED("addr.saddr.set"), "3.15",
     PUT(SET_HERE(KP_NFT_SET_INTERVAL, T_ADDR, ADDR_LEN, 2, ELEM(KEY(AT(1, 0))), ELEM(INTERVAL_END, KEY(AT(1, 3)))),
	 IN(forward, TO(7516), SADDR, LOOKUP_ANON, DROPPED)),
     { FROM_POD(7516), .without = GOES, .with = LOST }, { FROM_POD2(7516), .without = GOES, .with = GOES })
FLOW("vmap.iifname", "the device decides by a verdict map", EXPR_NEED("meta.iifname.vmap"), "3.15",
     PUT(VMAP_HERE(T_IFNAME, 16, 1, ELEM(KEY(TEXT(kppod0)), VALUE(VERDICT_DATA(DROP)))),
	 IN(forward, TO(7520), META(M_IIFNAME), BY_MAP)),
     { FROM_POD(7520), .without = GOES, .with = LOST },
     { KP_AT_FAR, .send = { .proto = IPPROTO_UDP, .src = KP_FAR, .dst = KP_POD, .dport = 7520 }, .without = COMES, .with = COMES })
FLOW("vmap.service", "address . protocol . port lead to a chain", EXPR_NEED("concat.vmap"), "4.1",
     PUT(VMAP_HERE(CONCAT2(T_PROTO, T_SERVICE), 8, 1,
		   ELEM(KEY(BYTES(17, 0, 0, 0, 7524 >> 8, 7524 & 0xff, 0, 0)), VALUE(CHAIN_DATA(GOTO)))),
	 IN(to, DROPPED), IN(forward, META(M_L4PROTO), PAYLOAD_TO(R32(1), TH, 2, 2), BY_MAP)),
     { FROM_POD(7524), .without = GOES, .with = LOST }, { FROM_POD(7525), .without = GOES, .with = GOES })
FLOW("numgen", "every other packet goes another way", "nft.expr.numgen.vmap." F, "4.9",
     PUT(VMAP_HERE(T_INTEGER, 4, 1, ELEM(KEY(HOST(0)), VALUE(VERDICT_DATA(DROP)))),
	 IN(forward, TO(7528), EXPR(numgen, U32(1, R1), U32(2, 2), U32(3, 0), UNSAID(4, 0)), BY_MAP)),
     { FROM_POD(7528), .without = GOES, .with = LOST }, { FROM_POD(7528), .without = GOES, .with = GOES },
     { FROM_POD(7528), .without = GOES, .with = LOST })
FLOW("limit", "two packets match, the third does not", EXPR_NEED("limit.burst"), "4.3",
     PUT(IN(forward, TO(7532), LIMIT(1, 3600, 2, 0, 0), DROPPED)),
     { FROM_POD(7532), .without = GOES, .with = LOST }, { FROM_POD(7532), .without = GOES, .with = LOST },
     { FROM_POD(7532), .without = GOES, .with = GOES })
FLOW("mark.route", "a mark leads to another routing table", EXPR_NEED("meta.mark.set-or") " " V("route.rule.fwmark-invert.inet", "route.rule.fwmark-invert.inet6"),
     "3.15",
     (.by_mark = 0x40000, CODE(SUBJECT(IN(mangle, TO(7536), IMMEDIATE(R1, HOST(0x40000)), META_SET(M_MARK))))),
     { FROM_POD(7536), .without = GOES, .with = COMES }, { FROM_POD(7537), .without = GOES, .with = GOES })
FLOW("fib.rpf", "a source of another device is dropped", EXPR_NEED("fib.rpf"), "4.10",
     PUT(IN(raw, TO(7540), FIB(FIB_OIF, F_SADDR | F_MARK | F_IIF), CMP(EQ, HOST(0)), DROPPED)),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_FAR2, .dst = KP_FAR, .dport = 7540 }, .without = GOES, .with = LOST },
     { FROM_POD(7540), .without = GOES, .with = GOES })
FLOW("fib.local", "what is for the node itself is dropped", EXPR_NEED("fib.daddr-type"), "4.10",
     PUT(IN(raw, TO(7544), FIB(FIB_TYPE, F_DADDR), CMP(EQ, HOST(2)), DROPPED)),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_NODE, .dport = 7544 },
       .without = { KP_AT_POD, { .proto = IPPROTO_ICMP, .dst = KP_POD, .sport = V(3, 1), .dport = V(3, 4) } }, .with = LOST },
     { FROM_POD(7544), .without = GOES, .with = GOES })

/* Connection tracking. */
FLOW("ct.new", "the first packet of a flow", EXPR_NEED("ct.state.new"), "3.15",
     PUT(IN(forward, TO(7548), STATE(8), DROPPED)), { FROM_POD(7548), .without = GOES, .with = LOST })
FLOW("ct.established", "the answer, but not the first packet", EXPR_NEED("ct.state"), "3.15",
     PUT(IN(forward, L4(17), PAYLOAD(TH, 0, 2), CMP(EQ, BYTES(7552 >> 8, 7552 & 0xff)), STATE(2), DROPPED)),
     { FROM_POD(7552), .without = GOES, .with = GOES }, { REPLY, .without = COMES, .with = LOST })
FLOW("ct.related", "an ICMP error about a flow", EXPR_NEED("ct.state"), "3.15",
     PUT(IN(forward, L4(V(1, 58)), STATE(4), DROPPED)),
     { FROM_POD(7556), .without = GOES, .with = GOES },
     { KP_AT_FAR, .quote = true, .send = { .proto = IPPROTO_ICMP, .src = KP_FAR, .dst = KP_POD, .sport = V(3, 1), .dport = V(3, 4) },
       .without = COMES, .with = LOST })
/* SYN and FIN together: tcp_valid_flags in net/netfilter/nf_conntrack_proto_tcp.c has no such pair. */
FLOW("ct.invalid", "a TCP segment that nobody may send", EXPR_NEED("ct.state.invalid"), "3.15",
     PUT(IN(forward, L4(6), PAYLOAD(TH, 0, 2), CMP(EQ, BYTES(7560 >> 8, 7560 & 0xff)), STATE(1), DROPPED)),
     { KP_AT_FAR, .send = { .proto = IPPROTO_TCP, .src = KP_FAR, .dst = KP_POD, .sport = 7560, .dport = 7560, .flags = 0x03 },
       .without = COMES, .with = LOST })
FLOW("notrack", "what is not tracked is told so", EXPR_NEED("notrack") " " EXPR_NEED("ct.state.untracked"), "4.9",
     PUT(IN(raw, TO(7564), BARE(notrack)), IN(forward, TO(7564), STATE(0x40), DROPPED)),
     { FROM_POD(7564), .without = GOES, .with = LOST }, { FROM_POD(7565), .without = GOES, .with = GOES })
FLOW("ct.count", "the second flow at once is one too many", EXPR_NEED("ct.count"), "4.18",
     PUT(IN(forward, TO(7568), EXPR(connlimit, U32(1, 1), U32(2, 1)), DROPPED)),
     { FROM_POD(7568), .without = GOES, .with = GOES }, { FROM_POD(7568), .without = GOES, .with = LOST })

/*
 * Four packets make an association, in which data pass; with a tag that is not the association's they are INVALID. A kernel that does
 * not track SCTP lets them pass, too, or calls even the first invalid.
 */
#define SCTP(from, chunk) from, .send = { .proto = IPPROTO_SCTP, .flags = KP_SCTP_##chunk }
FLOW("sctp", "an SCTP association is followed, and forged data told", EXPR_NEED("ct.state.invalid") " " V("conntrack.proto.sctp.inet", "conntrack.proto.sctp.inet6"), "3.15",
     PUT(IN(forward, L4(132), STATE(1), DROPPED)),
     { KP_AT_POD, .send = { .proto = IPPROTO_SCTP, .src = KP_POD, .dst = KP_FAR, .dport = 7596 }, .without = GOES, .with = GOES },
     { SCTP(KP_AT_FAR, INIT_ACK), .reply = true, .without = COMES, .with = COMES },
     { SCTP(KP_AT_POD, COOKIE_ECHO), .reply = true, .without = GOES, .with = GOES },
     { SCTP(KP_AT_FAR, COOKIE_ACK), .reply = true, .without = COMES, .with = COMES },
     { SCTP(KP_AT_POD, DATA), .reply = true, .without = GOES, .with = GOES },
     { KP_AT_POD, .same = true, .send = { .proto = IPPROTO_SCTP, .flags = KP_SCTP_FORGED }, .without = GOES, .with = LOST })
FLOW("gre", "a GRE packet is the first of a flow", EXPR_NEED("ct.state.new"), "3.15",
     PUT(IN(forward, L4(47), STATE(8), DROPPED)),
     { KP_AT_POD, .send = { .proto = IPPROTO_GRE, .src = KP_POD, .dst = KP_FAR }, .without = GOES, .with = LOST })

/* NAT. What comes back is looked at, too. */
FLOW("dnat", "dnat to an endpoint, and the answer back", EXPR_NEED("dnat.port"), "3.15",
     PUT(IN(dnat, TO(7572), IMMEDIATE(R1, AT(2, 3)), IMMEDIATE(R2, BYTES(8888 >> 8, 8888 & 0xff)),
		  NAT(1, V(KP_NFT_IP, KP_NFT_IP6), U32(5, R2), BITS(7, 2)))),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_SERVICE, .dport = 7572 },
       .without = GOES, .with = { KP_AT_FAR, { .dst = KP_FAR2, .dport = 8888 } } },
     { REPLY, .after = true, .with = { KP_AT_POD, { .src = KP_SERVICE, .sport = 7572 } } })
FLOW("snat", "snat to an address, and the answer back", EXPR_NEED("snat"), "3.15",
     PUT(IN(snat, TO(7576), IMMEDIATE(R1, AT(9, 1)), NAT(0, V(KP_NFT_IP, KP_NFT_IP6)))),
     { FROM_POD(7576), .without = GOES, .with = { KP_AT_FAR, { .src = KP_SERVICE } } },
     { REPLY, .after = true, .with = { KP_AT_POD, { .dst = KP_POD } } })
FLOW("masquerade", "masquerade as the uplink, and the answer back", EXPR_NEED("masquerade"), "3.18",
     PUT(IN(snat, TO(7580), BARE(masq))),
     { FROM_POD(7580), .without = GOES, .with = { KP_AT_FAR, { .src = KP_UPLINK } } },
     { REPLY, .after = true, .with = { KP_AT_POD, { .dst = KP_POD } } })
FLOW("masquerade.fully-random", "masquerade draws another port", EXPR_NEED("masquerade.fully-random"), "3.18",
     PUT(IN(snat, TO(7584), EXPR(masq, BITS(1, 0x10)))),
     { FROM_POD(7584), .without = GOES, .with = { KP_AT_FAR, { .src = KP_UPLINK, .sport = KP_OTHER_PORT } } })
FLOW("hairpin", "a pod's packet to its service comes back to another pod", EXPR_NEED("dnat.port") " " EXPR_NEED("masquerade"), "3.18",
     PUT(IN(dnat, TO(7588), IMMEDIATE(R1, AT(1, 3)), IMMEDIATE(R2, BYTES(8889 >> 8, 8889 & 0xff)),
		  NAT(1, V(KP_NFT_IP, KP_NFT_IP6), U32(5, R2), BITS(7, 2))),
	 IN(snat, CT(CT_STATUS), AND_XOR(0x20, 0), CMP(NEQ, HOST(0)), L4(17), PAYLOAD(TH, 2, 2), CMP(EQ, BYTES(8889 >> 8, 8889 & 0xff)),
		   BARE(masq))),
     { KP_AT_POD, .send = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_SERVICE, .dport = 7588 },
       .without = GOES, .with = { KP_AT_POD, { .src = KP_NODE, .dst = KP_POD2, .dport = 8889 } } },
     { KP_AT_POD, .reply = true, .after = true, .send = { .proto = IPPROTO_UDP },
       .with = { KP_AT_POD, { .src = KP_SERVICE, .dst = KP_POD, .sport = 7588, .dport = KP_ANY_PORT } } })

/* What is told to user space: Felix's flow logs. And what would be written into the kernel's log, did the host not keep it from that. */
#define LOGGED EXPR(log, STR(2, api0), U16(1, 1))
#define NFLOG(name, ttl, need, first, logs, code, port)                                                                           \
	FLOW(name, ttl, EXPR_NEED("log.group1") " " need, first, (.log = logs, code),                                             \
	     { FROM_POD(port), .see = logs, .without = GOES, .with = GOES },                                                      \
	     { FROM_POD(port + 1), .see = KP_LOG_NOTHING, .without = GOES, .with = GOES })
NFLOG("log.group", "log delivers the packet to its group", "nflog.group.1", "3.13", KP_LOG_PACKET,
      CODE(SUBJECT(IN(forward, TO(7600), LOGGED))), 7600)
NFLOG("log.group.conntrack", "log delivers the packet with its connection", "nflog.conntrack " EXPR_NEED("ct.state.new"), "4.4", KP_LOG_CONNECTION,
      CODE(SUBJECT(IN(forward, TO(7604), STATE(8), LOGGED))), 7604)
FLOW("log", "log goes on to the verdict", EXPR_NEED("log.prefix"), "3.18",
     (.writes = true, CODE(SUBJECT(IN(forward, TO(7608), EXPR(log, STR(2, calico_packet), U32(5, 6)), DROPPED)))),
     { FROM_POD(7608), .without = GOES, .with = LOST }, { FROM_POD(7609), .without = GOES, .with = GOES })
#undef NFLOG
#undef LOGGED

/*
 * The flow's second packet in this direction does not come past the forward hook, where a rule would drop it: the flowtable's hook at
 * the device has taken it. It is offered to the table by the answer to the first.
 */
FLOW("flowtable", "a flowtable takes packets past the forward hook", "nft.flowtable.offload-rule." F " nft.flowtable.devices." F, "4.16",
     (.own = true, CODE(SETUP(BASE_CHAIN(filter, FORWARD, 0), RULE_MSG(TO(7592), STATE(2), DROPPED)),
	   SUBJECT(FLOWTABLE(NEST(KP_NFTA_FLOWTABLE_HOOK_DEVS, STR(1, kppod0), STR(1, kpfar0))), BASE_CHAIN(filter, FORWARD, -10),
		   RULE_MSG(L4(17), EXPR(flow_offload, STR(1, kp_flow)))))),
     { FROM_POD(7592), .without = GOES, .with = GOES }, { REPLY, .without = COMES, .with = COMES },
     { KP_AT_POD, .reply = true, .send = { .proto = IPPROTO_UDP }, .without = LOST, .with = GOES })
#undef FLOW
#undef UNWRAP
#undef CODE
#undef PUT
#undef TO
#undef IN
#undef SET_HERE
#undef VMAP_HERE
#undef BY_MAP
#undef DROPPED
#undef EXPR_NEED
#undef AT
#undef ADDR_LEN
#undef T_ADDR
#undef SADDR
#undef DADDR
#undef FROM_POD
#undef FROM_POD2
#undef REPLY
#undef GOES
#undef COMES
#undef LOST
#undef STATE
#undef SCTP
/* clang-format on */
