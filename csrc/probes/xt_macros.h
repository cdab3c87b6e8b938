/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* How a line of xt_rows.h becomes rows. XT_READ, XT_B, XT_F, XT_46, XT_LEGACY, XT_BY, XT_TOOL, XT_HOST: xt_ext.c. */
#ifndef KP_XT_MACROS_H
#define KP_XT_MACROS_H

/*
 * A revision in parentheses: (first release, number, bytes, the user's bytes, data). It becomes an entry of the row's list, and
 * names a row of its own; hence no braces yet.
 */
#define REV(n, layout, ...) (NULL, n, sizeof(layout), sizeof(layout), &(const layout){ __VA_ARGS__ })
#define REV_TO(n, layout, member, ...) (NULL, n, sizeof(layout), offsetof(layout, member), &(const layout){ __VA_ARGS__ })
#define REV_EMPTY(n) (NULL, n, 0, 0, NULL)
#define FROM(first, rev) CALL(FROM_FIRST, first, UNWRAP rev)
#define FROM_FIRST(first, none, ...) (first, __VA_ARGS__)
#define IPV4_TOO(...) XT_46(COMMA_AND, NOTHING)(__VA_ARGS__)
#define COMMA_AND(...) , __VA_ARGS__
#define NOTHING(...)
#define REVS(...) (__VA_ARGS__)
/* A match in front of the row's target. */
#define WITH(what, rev) &(const struct kp_xt_with){ what, CALL(WITHOUT_FIRST, UNWRAP rev) }
#define WITHOUT_FIRST(first, ...) { __VA_ARGS__ }
#define REVS_OF(list) .revs = (const struct kp_xt_rev[]){ EACH(REVISION_ENTRY, (), UNWRAP list) }, .n_revs = COUNT(UNWRAP list)
#define REVISION_ENTRY(none, rev) CALL(REVISION_ENTRY_OF, UNWRAP rev)
#define REVISION_ENTRY_OF(first, ...) { __VA_ARGS__ },
#define REVISION(context, rev) CALL(REVISION_OF, UNWRAP context, UNWRAP rev)

/* f(context, x) for each x, of which there are up to six. CALL is for what an f expands, APPLY for these: none nests in itself. */
#define UNWRAP(...) __VA_ARGS__
#define CALL(f, ...) f(__VA_ARGS__)
#define APPLY(f, ...) f(__VA_ARGS__)
#define NTH(a, b, c, d, e, f, nth, ...) nth
#define COUNT(...) APPLY(NTH, __VA_ARGS__, 6, 5, 4, 3, 2, 1, ~)
#define EACH(f, c, ...) APPLY(NTH, __VA_ARGS__, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, EACH_1, ~)(f, c, __VA_ARGS__)
#define EACH_OF_MANY(f, c, ...) APPLY(NTH, __VA_ARGS__, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, NOTHING, ~)(f, c, __VA_ARGS__)
#define EACH_1(f, c, x) f(c, x)
#define EACH_2(f, c, x, ...) f(c, x) EACH_1(f, c, __VA_ARGS__)
#define EACH_3(f, c, x, ...) f(c, x) EACH_2(f, c, __VA_ARGS__)
#define EACH_4(f, c, x, ...) f(c, x) EACH_3(f, c, __VA_ARGS__)
#define EACH_5(f, c, x, ...) f(c, x) EACH_4(f, c, __VA_ARGS__)
#define EACH_6(f, c, x, ...) f(c, x) EACH_5(f, c, __VA_ARGS__)

#define ID(name) "xt." XT_B "." XT_F "." name
#define P(v4, v6) XT_46(v4, v6)
#define FIELDS(t, h, ...) { .family = XT_46(AF_INET, AF_INET6), .table = &kp_xt_##t, .hook = KP_XT_##h, __VA_ARGS__ }
/* Of a row that shares it with none. */
#define RULE(...) &(const struct kp_xt_rule)FIELDS(__VA_ARGS__)
#define EXACTLY(n, rule) &(const struct kp_xt_exact){ rule, n }

#define BASE TABLES XT_LEGACY("", " x_tables nft_compat")
/* nft's tables, and what names a verdict in them, go without nft_compat. */
#define TABLES XT_LEGACY("x_tables " P("ip_tables", "ip6_tables"), "nfnetlink nf_tables")
#define CONNTRACK                                                                                                                  \
	"nf_conntrack|" P("nf_conntrack_ipv4", "nf_conntrack_ipv6") " nf_defrag_ipv4|nf_conntrack nf_defrag_ipv6|nf_conntrack"
#define NAT "nf_nat|" P("nf_nat_ipv4", "nf_nat_ipv6") " " CONNTRACK
#define NFT_PLAIN P("nf_tables|nf_tables_ipv4", "nf_tables|nf_tables_ipv6")
#define IN_filter TABLES " " XT_LEGACY(P("iptable_filter", "ip6table_filter"), NFT_PLAIN)
#define IN_mangle                                                                                                                  \
	TABLES " " XT_LEGACY(P("iptable_mangle", "ip6table_mangle"),                                                               \
			     P("nf_tables|nft_chain_route_ipv4", "nf_tables|nft_chain_route_ipv6"))
#define IN_security TABLES " " XT_LEGACY(P("iptable_security", "ip6table_security"), NFT_PLAIN)
#define IN_raw TABLES " " XT_LEGACY(P("iptable_raw", "ip6table_raw"), NFT_PLAIN)
#define IN_nat                                                                                                                     \
	TABLES " " XT_LEGACY(P("iptable_nat", "ip6table_nat"),                                                                     \
			     "nft_chain_nat|" P("nft_chain_nat_ipv4", "nft_chain_nat_ipv6")) " " NAT

/* nft_compat came with nf_tables in v3.13 (0ca743a55991), so what is older is as old as that there. */
#define SINCE(release) XT_LEGACY(release, "3.13")

/*
 * A line is read as what its rows put into the kernel, which both backends share, and as rows that point there, by its number.
 * XT_READ(args, rows), of xt_ext.c, is either.
 */
#define ARG XT_46(JOIN(xt_v4_, __LINE__), JOIN(xt_v6_, __LINE__))
#define ARG_AT(n) JOIN(ARG, JOIN(_rev, n))
#define JOIN(a, b) JOIN_THEM(a, b)
#define JOIN_THEM(a, b) a##b

#define ROW(...) XT_READ(NOTHING, ROW_OF)(__VA_ARGS__)
#define ROW_OF(name, ttl, mods, cfg, first, ...)                                                                                   \
	{ .id = ID(name), .title = ttl, .modules = mods, .kconfig = cfg, .since = first, __VA_ARGS__ },
#define TYPED(t, h, cmd) XT_TOOL " -t " #t " -A " #h " " cmd

#define XT_NF_TABLES "CONFIG_NF_TABLES " P("CONFIG_NF_TABLES_IPV4", "CONFIG_NF_TABLES_IPV6")
#define TABLE(...) XT_READ(TABLE_ARG, TABLE_ROW)(__VA_ARGS__)
#define TABLE_ARG(t, ...) static const struct kp_xt_rule ARG = FIELDS(t, OUTPUT);
#define TABLE_ROW(t, cfg, first, r)                                                                                                \
	ROW("table." #t, XT_TOOL " -t " #t, IN_##t, cfg, first, .by = XT_BY(table), .arg = &ARG, ROW_##r,                          \
	    .needs = XT_LEGACY(ID("base"), NULL))
#define VERDICT(...) XT_READ(VERDICT_ARG, VERDICT_ROW)(__VA_ARGS__)
#define VERDICT_ARG(id, t, h, cmd, mods, ...) static const struct kp_xt_rule ARG = FIELDS(t, h, .kind = KP_XT_VERDICT, __VA_ARGS__);
#define VERDICT_ROW(id, t, h, cmd, mods, ...)                                                                                      \
	ROW(id, TYPED(t, h, cmd), mods, NULL, SINCE("2.6.16"), .by = XT_BY(rule), .needs = ID("table." #t), ROW_PLAIN, .arg = &ARG)
#define EXT(...) XT_READ(EXT_ARG, EXT_ROW)(__VA_ARGS__)
#define EXT_ARG(group, method, k, also, tag, t, h, cmd, mods, cfg, first, what, p, r, revs, ...)                                   \
	static const struct kp_xt_rule ARG = FIELDS(t, h, .kind = k, .name = what, .proto = p, REVS_OF(revs), __VA_ARGS__);
#define EXT_ROW(group, method, k, also, tag, t, h, cmd, mods, cfg, first, what, p, r, revs, ...)                                   \
	ROW(group tag, TYPED(t, h, cmd), mods, cfg, first, .by = XT_BY(method), ROW_##r,                                           \
	    .needs = ID("base") " " ID("table." #t) also, .arg = &ARG)
/* clang-format off */
/* A row, and behind it, where more than one revision is known, a row for each, put at exactly that. */
#define EXT_REVISIONS(group, k, tag, t, h, cmd, mods, cfg, first, what, p, r, revs, ...)                                           \
	EXT(group, rule, k, "", tag, t, h, cmd, mods, cfg, first, what, p, r, revs, __VA_ARGS__)                                   \
	EACH_OF_MANY(REVISION, (group, tag), UNWRAP revs)
/*
 * What it may load, its options and its risks are those of the row that it needs: that has loaded all of it, and a question for a
 * revision loads nothing where the kernel has any (xtables.c, kp_xt_choose()).
 */
#define REVISION_OF(...) XT_READ(REVISION_ARG, REVISION_ROW)(__VA_ARGS__)
#define REVISION_ARG(group, tag, first, n, ...) static const struct kp_xt_exact ARG_AT(n) = { &ARG, n };
#define REVISION_ROW(group, tag, first, n, ...)                                                                                    \
	{ .id = ID(group tag ".rev" #n), .title = tag ", revision " #n, .since = first, .needs = ID(group tag),                    \
	  .by = XT_BY(revision), .arg = &ARG_AT(n) },
/* clang-format on */
#define MATCH(...) EXT_REVISIONS("match.", KP_XT_MATCH, __VA_ARGS__)
#define MATCH_OPTION(of, ...) EXT("match.", option, KP_XT_MATCH, " " ID("match." of), __VA_ARGS__)
#define TARGET(...) EXT_REVISIONS("target.", KP_XT_TARGET, __VA_ARGS__)
#define TARGET_OPTION(of, ...) EXT("target.", option, KP_XT_TARGET, " " ID("target." of), __VA_ARGS__)

/* What a row does to a host. */
#define ROW_PLAIN .risk = KP_SAFE, .host = XT_HOST
#define ROW_TRACKS .risk = KP_RISK_CONNTRACK, .host = XT_HOST
#define ROW_IPVS                                                                                                                   \
	.risk = KP_RISK_CONNTRACK, .host = "/proc/net/ip_vs* and the sysctls net.ipv4.vs.* in every namespace", .rules = ipvs_rules
/* The match asks for br_netfilter since v3.18 (34666d467cbf); before, that was in the bridge. */
#define ROW_BRIDGES                                                                                                                \
	.risk = KP_RISK_MODULE, .risk_module = "br_netfilter",                                                                     \
	.host = "loads br_netfilter: what crosses a bridge then goes through iptables (net.bridge.bridge-nf-call-iptables=1)"

/* Revisions that several rows share, with the release that brought each where that is known. */
#define STATES(f, ...)                                                                                                             \
	FROM(SINCE("2.6.39"), REV(3, struct kp_xt_conntrack3, .match_flags = f, __VA_ARGS__)),                                     \
		FROM(SINCE("2.6.31"), REV(2, struct kp_xt_conntrack2, .match_flags = f, __VA_ARGS__)),                             \
		FROM(SINCE("2.6.25"), REV(1, struct kp_xt_conntrack1, .match_flags = f, __VA_ARGS__))
/* Revision 0 has a word for each dimension, and was IPv4's alone. */
#define SETS(d, f, ...)                                                                                                            \
	FROM("3.19", REV(4, struct kp_xt_set_mt4, .set = { .dim = d, .flags = f })),                                               \
		FROM(SINCE("3.10"), REV(3, struct kp_xt_set_mt3, .set = { .dim = d, .flags = f })),                                \
		FROM(SINCE("3.7"), REV(2, struct kp_xt_set_mt1, .set = { .dim = d, .flags = f })),                                 \
		FROM(SINCE("2.6.39"), REV(1, struct kp_xt_set_mt1, .set = { .dim = d, .flags = f }))                               \
			IPV4_TOO(FROM(SINCE("2.6.39"), REV_TO(0, struct kp_xt_set_mt0, kernel, .words = __VA_ARGS__)))
#define NO_CHUNKS { { 0xff }, { 0xff }, { 0xff }, { 0xff } }
/* MASQUERADE has one revision, in the old form for IPv4; two modules before v5.2 (adf82accc5f5). */
#define MASQ_MODULES "xt_MASQUERADE|" P("ipt_MASQUERADE", "ip6t_MASQUERADE")
#define MASQ_CONFIG "CONFIG_NETFILTER_XT_TARGET_MASQUERADE " P("CONFIG_IP_NF_TARGET_MASQUERADE", "CONFIG_IP6_NF_TARGET_MASQUERADE")
#define MASQ(f, a, b)                                                                                                              \
	XT_46(REV(0, struct kp_nat_ipv4, .rangesize = 1, .flags = f, .min = KP_BE16(a), .max = KP_BE16(b)),                        \
	      REV(0, struct kp_nat_range, .flags = f, .min = KP_BE16(a), .max = KP_BE16(b)))
/* 192.0.2.1 and 2001:db8::1, addresses for documentation. Revision 1 is as old as NAT for both families (v3.7, c7232c9979cb). */
#define DOC_ADDRESS P("192.0.2.1", "2001:db8::1")
#define ADDRESS                                                                                                                    \
	{                                                                                                                          \
		.all = { [0] = KP_BE32(XT_46(0xc0000201, 0x20010db8)), [3] = KP_BE32(XT_46(0, 1)) }                                \
	}
#define NATS(f, port)                                                                                                              \
	FROM("4.18", REV(2, struct kp_nat_range2, .flags = f, .min_addr = ADDRESS, .max_addr = ADDRESS, .min = KP_BE16(port),      \
			 .max = KP_BE16(port))),                                                                                   \
		FROM(SINCE("3.7"), REV(1, struct kp_nat_range, .flags = f, .min_addr = ADDRESS, .max_addr = ADDRESS,               \
				       .min = KP_BE16(port), .max = KP_BE16(port)))                                                \
			IPV4_TOO(FROM(SINCE("2.6.16"),                                                                             \
				      REV(0, struct kp_nat_ipv4, .rangesize = 1, .flags = f, .min_ip = KP_BE32(0xc0000201),        \
					  .max_ip = KP_BE32(0xc0000201), .min = KP_BE16(port), .max = KP_BE16(port))))

/* xt_socket and xt_TPROXY bring what they need; before v4.12 that was nf_conntrack too. */
#define SOCKET_MODULES                                                                                                             \
	"xt_socket nf_socket_ipv4|xt_socket nf_socket_ipv6|xt_socket nf_defrag_ipv4|xt_socket nf_defrag_ipv6|xt_socket "           \
	"nf_conntrack|xt_socket"
#define SOCKET_CONFIG "CONFIG_NETFILTER_XT_MATCH_SOCKET"
#define TPROXY_MODULES                                                                                                             \
	"xt_TPROXY nf_tproxy_ipv4|nf_tproxy_core|xt_TPROXY nf_tproxy_ipv6|xt_TPROXY nf_defrag_ipv4|xt_TPROXY "                     \
	"nf_defrag_ipv6|xt_TPROXY"

#endif
