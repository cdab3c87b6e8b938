/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The nft family: nf_tables as Calico's nftables data plane, kube-proxy's nftables mode and others use it, and every other
 * expression
 * the kernel knows. Rows are in nft_rows_*.h; what is said here is how a row of each kind is asked, and which modules it may load:
 * nfnetlink by the socket, nf_tables by the first message, families, chain types, expressions, sets and objects by their names.
 * Where a part was a module of its own on older kernels, "old|new" names both.
 */
#include <errno.h>

#include "control.h"
#include "families.h"
#include "nft_words.h"

/* clang-format off */
#define ARG(...) ARG_OF(FAMILY, __VA_ARGS__)
#define NEED(id) " nft." id
#define OPT_
#define OPT_TRACKS .risk = KP_RISK_CONNTRACK, .host = "conntrack's sysctls and, before v4.10, its hooks in every namespace",
#define OPT_OBJECTS .rules = object_rules,
/* Messages in parentheses, with a comma behind each. */
#define SPREAD(...) __VA_ARGS__ __VA_OPT__(,)

#define CHAIN_forward BASE_CHAIN(filter, FORWARD, 0)
#define CHAIN_input BASE_CHAIN(filter, INPUT, 0)
#define CHAIN_output BASE_CHAIN(filter, OUTPUT, 0)
#define CHAIN_raw BASE_CHAIN(filter, PREROUTING, -300)
#define CHAIN_mangle_prerouting BASE_CHAIN(filter, PREROUTING, -150)
#define CHAIN_mangle_postrouting BASE_CHAIN(filter, POSTROUTING, -150)
#define CHAIN_nat_prerouting BASE_CHAIN(nat, PREROUTING, -100)
#define CHAIN_nat_postrouting BASE_CHAIN(nat, POSTROUTING, 110)
#define CHAIN_ingress BASE_CHAIN(filter, INGRESS, 0, STR(KP_NFTA_HOOK_DEV, lo))
#define CHAIN_arp_output BASE_CHAIN(filter, ARP_OUTPUT, 0)
#define CHAIN_inet_nat_postrouting BASE_CHAIN(nat, POSTROUTING, 100)
#define NEEDS_forward "nft.chain." F ".filter.forward"
#define NEEDS_input "nft.chain." F ".filter.input"
#define NEEDS_output "nft.chain." F ".filter.output"
#define NEEDS_raw "nft.chain." F ".filter.prerouting"
#define NEEDS_mangle_prerouting "nft.chain." F ".filter.prerouting"
#define NEEDS_mangle_postrouting "nft.chain." F ".filter.postrouting"
#define NEEDS_nat_prerouting "nft.chain." F ".nat.prerouting"
#define NEEDS_nat_postrouting "nft.chain." F ".nat.postrouting"
#define NEEDS_inet_nat_postrouting "nft.chain." F ".nat.postrouting"
#define NEEDS_ingress "nft.chain." F ".filter.ingress"
#define NEEDS_arp_output "nft.chain." F ".filter.output"

/*
 * A row names its own modules and options; those of its family and hook are named by the rows it needs, which have worked when
 * it is its turn.
 */

/* Base chains: one message a priority. */
#define CHAINS(name, stmt, first, mods, cfg, extra, ...) \
	{ .id = "nft.chain." F "." name, .title = stmt, .modules = BASE mods, .kconfig = cfg, .since = first, OPT_##extra \
	  .needs = "nft.table." F, .by = &kp_nft_chain, .arg = ARG(SUBJECT(__VA_ARGS__)) }
/* A set with two elements, @b of which is deleted again. */
#define SET(name, stmt, first, mods, need, a, b, ...) \
	{ .id = "nft." name, .title = stmt, .modules = "nf_tables" mods, .kconfig = "CONFIG_NF_TABLES", .since = first, \
	  .needs = "nft." need, .by = &kp_nft_set, \
	  .arg = ARG(SETUP(CHAIN_TO), SUBJECT(__VA_ARGS__, ELEMS_MSG(kp_set, a, b)), \
		     GONE(ELEMS_MSG(kp_set, b)), LEFT(ELEMS_MSG(kp_set, a))) }
#define EXPR_ROW(method, need, name, stmt, first, where, mods, cfg, extra, setup_msgs, anon, ...) \
	{ .id = "nft.expr." name SUFFIX, .title = stmt, .modules = "nf_tables" mods, .kconfig = cfg, .since = first, \
	  OPT_##extra .needs = NEEDS_##where need, .by = &kp_nft_##method, \
	  .arg = ARG(SETUP(CHAIN_TO, SPREAD setup_msgs CHAIN_##where), SUBJECT(SPREAD anon RULE_MSG(__VA_ARGS__))) }
/*
 * Rules: …_IN() with messages that are sent before it, …_WITH() with those of its own transaction, both in parentheses.
 * FORM…(of, …): a form of what row @of has, newer or rarer.
 */
#define RULE_IN(name, stmt, first, where, mods, cfg, extra, need, setup_msgs, ...) \
	EXPR_ROW(rule, need, name, stmt, first, where, mods, cfg, extra, setup_msgs, (), __VA_ARGS__)
#define RULE_WITH(name, stmt, first, where, mods, cfg, extra, need, anon, ...) \
	EXPR_ROW(rule, need, name, stmt, first, where, mods, cfg, extra, (), anon, __VA_ARGS__)
#define FORM_IN(of, name, stmt, first, where, mods, cfg, extra, need, setup_msgs, ...) \
	EXPR_ROW(form, " nft.expr." of SUFFIX need, name, stmt, first, where, mods, cfg, extra, setup_msgs, (), __VA_ARGS__)
#define FORM_WITH(of, name, stmt, first, where, mods, cfg, extra, need, anon, ...) \
	EXPR_ROW(form, " nft.expr." of SUFFIX need, name, stmt, first, where, mods, cfg, extra, (), anon, __VA_ARGS__)
#define RULE(name, stmt, first, where, mods, cfg, extra, ...) \
	EXPR_ROW(rule, , name, stmt, first, where, mods, cfg, extra, (), (), __VA_ARGS__)
#define FORM(of, name, stmt, first, where, mods, cfg, extra, ...) \
	EXPR_ROW(form, " nft.expr." of SUFFIX, name, stmt, first, where, mods, cfg, extra, (), (), __VA_ARGS__)
#define FLOW(name, stmt, first, ...) \
	{ .id = "nft.flowtable." name SUFFIX, .title = stmt, .modules = BASE FLOW_MODULES CT_TRACKER, .kconfig = FLOW_KCONFIG, \
	  .since = first, OPT_TRACKS .needs = "nft.table." F, .by = &kp_nft_flowtable, \
	  .arg = ARG(SUBJECT(__VA_ARGS__)) }

#define DEVICE_CHAIN(name, stmt, first, cfg, need, ...) \
	{ .id = "nft.chain." F "." name, .title = stmt, .modules = BASE, .kconfig = FILTER_KCONFIG " " cfg, .since = first, \
	  .needs = "nft.table." F need, .rules = hook_rules, .by = &kp_nft_chain, .arg = ARG(SUBJECT(__VA_ARGS__)) }
/* An object, and the rule that refers to it. */
#define OBJ(name, stmt, first, mods, cfg, extra, need, type, ...) \
	{ .id = "nft.object." name, .title = stmt, .modules = "nf_tables" mods " nft_objref|nf_tables", \
	  .kconfig = "CONFIG_NFT_OBJREF|CONFIG_NF_TABLES " cfg, .since = first, OPT_##extra .needs = NEEDS_forward need, \
	  .by = &kp_nft_rule, .arg = ARG(SETUP(CHAIN_forward), \
					 SUBJECT(OBJECT(type, kp_obj, __VA_ARGS__), RULE_MSG(OBJREF(type, kp_obj)))) }

/* --- modules and options --- */
#define BASE "nfnetlink nf_tables " AF_MODULE "|nf_tables"
#define META_MODULE " nft_meta|nf_tables"
#define COUNTER_MODULE " nft_counter|nf_tables"
#define SET_HASH " nft_set_hash|nf_tables_set|nf_tables"
#define SET_TREE " nft_set_rbtree|nf_tables_set|nf_tables"
#define LIMIT_MODULE " nft_limit"

#define LOG_MODULES " nft_log nf_log_syslog|" V("nf_log_ipv4", "nf_log_ipv6")
#define NFLOG_MODULES " nft_log nfnetlink_log"
#define FIB_MODULE " nft_fib " V("nft_fib_ipv4", "nft_fib_ipv6")
#define REJECT_MODULE " nft_reject " V("nft_reject_ipv4", "nft_reject_ipv6")
#define CT_TRACKER " nf_conntrack " V("nf_conntrack_ipv4", "nf_conntrack_ipv6") "|nf_conntrack"
#define CT_MODULES " nft_ct" CT_TRACKER
#define NAT_CHAIN " " V("nft_chain_nat_ipv4", "nft_chain_nat_ipv6") "|nft_chain_nat nf_nat" CT_TRACKER
#define NAT_MODULES NAT_CHAIN " nft_nat"
#define MASQ_MODULES NAT_CHAIN " nft_masq " V("nft_masq_ipv4", "nft_masq_ipv6") "|nft_masq"
#define REDIR_MODULES NAT_CHAIN " nft_redir " V("nft_redir_ipv4", "nft_redir_ipv6") "|nft_redir"
#define TPROXY_MODULES " nft_tproxy " V("nf_tproxy_ipv4", "nf_tproxy_ipv6")
#define DUP_MODULES " " V("nft_dup_ipv4 nf_dup_ipv4", "nft_dup_ipv6 nf_dup_ipv6")
#define FLOW_MODULES " nf_flow_table " V("nf_flow_table_ipv4", "nf_flow_table_ipv6") "|nf_flow_table_inet"

#define FILTER_KCONFIG "CONFIG_NF_TABLES " V("CONFIG_NF_TABLES_IPV4", "CONFIG_NF_TABLES_IPV6")
#define COUNTER_KCONFIG "CONFIG_NFT_COUNTER|CONFIG_NF_TABLES"
#define NAT_KCONFIG FILTER_KCONFIG " CONFIG_NF_NAT CONFIG_NFT_NAT"
#define FIB_KCONFIG V("CONFIG_NFT_FIB_IPV4", "CONFIG_NFT_FIB_IPV6")
#define REJECT_KCONFIG V("CONFIG_NFT_REJECT_IPV4", "CONFIG_NFT_REJECT_IPV6")
#define CT_KCONFIG "CONFIG_NFT_CT CONFIG_NF_CONNTRACK"
#define LOG_KCONFIG "CONFIG_NFT_LOG CONFIG_NF_LOG_SYSLOG|" V("CONFIG_NF_LOG_IPV4", "CONFIG_NF_LOG_IPV6")
#define NFLOG_KCONFIG "CONFIG_NFT_LOG CONFIG_NETFILTER_NETLINK_LOG"
#define FLOW_KCONFIG FILTER_KCONFIG " CONFIG_NF_FLOW_TABLE " V("CONFIG_NF_FLOW_TABLE_IPV4", "CONFIG_NF_FLOW_TABLE_IPV6") "|CONFIG_NF_FLOW_TABLE_INET"

/* --- data: documentation addresses (RFC 5737, 3849) --- */
#define ADDR V("ip", "ip6")
#define ADDR_LEN V(4, 16)
#define T_ADDR V(T_IPV4, T_IPV6)
#define SADDR PAYLOAD(NH, V(12, 8), ADDR_LEN)
#define DADDR PAYLOAD(NH, V(16, 24), ADDR_LEN)
#define IP6(a, b) 0x20, 0x01, 0x0d, 0xb8, 0, a, 0, 0, 0, 0, 0, 0, 0, 0, 0, b
#define TEXT1 V("192.0.2.1", "2001:db8::1")
#define TEXT2 V("192.0.2.77", "2001:db8::4d")
#define ZERO16 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define ADDR1 V(BYTES(192, 0, 2, 1), BYTES(IP6(0, 1)))
#define ADDR2 V(BYTES(192, 0, 2, 77), BYTES(IP6(0, 77)))
#define ADDR_ADDR(n) V(BYTES(192, 0, 2, n, 198, 51, 100, n), BYTES(IP6(0, n), IP6(1, n)))
#define TEXT_NET V("192.0.2.64/26", "2001:db8:0:40::/58")
#define NET_MASK V(AND_XOR_BYTES(4, BYTES(255, 255, 255, 192), BYTES(0, 0, 0, 0)), \
		   AND_XOR_BYTES(16, BYTES(255, 255, 255, 255, 255, 255, 255, 192, 0, 0, 0, 0, 0, 0, 0, 0), \
				 BYTES(ZERO16)))
#define NET1 V(BYTES(192, 0, 2, 64), BYTES(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0))
/* What lies between two prefixes ends where it begins anew: an interval is a start, and an end that is not in it. */
#define FROM_TO(from, to) ELEM(KEY(from)), ELEM(INTERVAL_END, KEY(to))
#define RANGE1 V(FROM_TO(BYTES(192, 0, 2, 0), BYTES(192, 0, 2, 128)), FROM_TO(BYTES(IP6(1, 0)), BYTES(IP6(2, 0))))
#define RANGE2 V(FROM_TO(BYTES(198, 51, 100, 0), BYTES(198, 51, 101, 0)), FROM_TO(BYTES(IP6(4, 0)), BYTES(IP6(5, 0))))
/* In a concatenation each part begins at a multiple of four bytes. */
#define ADDR_TCP_80 V(BYTES(192, 0, 2, 1, 6, 0, 0, 0, 0, 80, 0, 0), BYTES(IP6(0, 1), 6, 0, 0, 0, 0, 80, 0, 0))
#define ADDR_UDP_53 V(BYTES(192, 0, 2, 1, 17, 0, 0, 0, 0, 53, 0, 0), BYTES(IP6(0, 1), 17, 0, 0, 0, 0, 53, 0, 0))
#define FROM1 V(BYTES(192, 0, 2, 0, 0, 80, 0, 0), BYTES(IP6(1, 0), 0, 80, 0, 0))
#define UPTO1 V(BYTES(192, 0, 2, 127, 0, 90, 0, 0), BYTES(IP6(1, 255), 0, 90, 0, 0))
#define FROM2 V(BYTES(198, 51, 100, 0, 1, 0, 0, 0), BYTES(IP6(4, 0), 1, 0, 0, 0))
#define UPTO2 V(BYTES(198, 51, 100, 255, 1, 9, 0, 0), BYTES(IP6(4, 255), 1, 9, 0, 0))
#define IF_GOTO(name) ELEM(KEY(TEXT(name)), VALUE(CHAIN_DATA(GOTO)))

/* What EINVAL means where it is the answer itself. */
static const struct kp_rule hook_rules[] = {
	{ EINVAL, KP_ABSENT, "the family has no such hook" }, /* its number is beyond the last one: before v5.10, v5.16 */
	{ 0 },
};

static const struct kp_rule object_rules[] = {
	{ EINVAL, KP_ABSENT, "before v4.10 nf_tables has no objects" }, /* nfnetlink's answer to a message without a handler */
	{ 0 },
};

static const struct kp_rule secmark_rules[] = {
	{ EINVAL, KP_WORKS, "the secmark object's own check refused it for want of a context, which only an LSM could give" },
	{ 0 },
};

static const struct kp_probe rows[] = {
#define F "ip"
#define SUFFIX "." F
#define FAMILY KP_NFT_IP
#define AF_MODULE "nf_tables_ipv4"
#define NFT_IP6 0
#define V(ip, ip6) ip
#include "nft_rows_head.h"
#include "nft_rows_ip.h"
#undef F
#undef FAMILY
#undef AF_MODULE
#undef NFT_IP6
#undef V

#define F "ip6"
#define FAMILY KP_NFT_IP6
#define AF_MODULE "nf_tables_ipv6"
#define NFT_IP6 1
#define V(ip, ip6) ip6
#include "nft_rows_ip.h"
#undef F
#undef SUFFIX
#undef FAMILY
#undef AF_MODULE
#undef NFT_IP6
#undef V

#include "nft_rows_more.h"
};
/* clang-format on */

const struct kp_family kp_family_nft = {
	.name = "nft",
	.title = "nf_tables",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	/* nf_tables_commit_audit_log(): v5.13, c520292f29b8 "audit: log nftables configuration change events once per table". */
	.records = "where auditing is on, an audit record (NETFILTER_CFG) for each transaction",
};
