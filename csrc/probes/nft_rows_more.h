/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* clang-format off */
/*
 * Rows of the nft family that are asked for once: other families, objects, and every other expression the kernel knows. No
 * include guard.
 */

/* --- arp: what Calico makes in every mode since 3.32, against a host that answers for its workloads --- */
#define F "arp"
#define SUFFIX "." F
#define FAMILY KP_NFT_ARP
#define AF_MODULE "nf_tables_arp"
#define V(ip, ip6) ip
CHAINS("filter.input", "type filter hook input", "3.13", "", "CONFIG_NF_TABLES CONFIG_NF_TABLES_ARP", ,
     BASE_CHAIN(filter, ARP_INPUT, 0)),
CHAINS("filter.output", "type filter hook output", "3.13", "", "CONFIG_NF_TABLES CONFIG_NF_TABLES_ARP", ,
       BASE_CHAIN(filter, ARP_OUTPUT, 0)),
#undef FILTER_KCONFIG
#define FILTER_KCONFIG "CONFIG_NF_TABLES CONFIG_NF_TABLES_ARP"
SET("map.ifname-verdict.arp", "type ifname : verdict", "3.13", SET_HASH, "table.arp", IF_GOTO(cali1), IF_GOTO(cali2),
    VMAP_OF(kp_set, 0, T_IFNAME, 16)),
RULE_IN("meta.oifname.vmap", "oifname vmap @kp-set", "3.13", arp_output, META_MODULE, "", , NEED("map.ifname-verdict.arp"),
	(VMAP_OF(kp_set, 0, T_IFNAME, 16), ELEMS_MSG(kp_set, IF_GOTO(cali1))), META(M_OIFNAME), VMAP(kp_set)),
RULE("reply", "oifname \"cali1\" arp operation reply arp saddr ip 192.0.2.1 counter drop", "3.13", arp_output,
     META_MODULE COUNTER_MODULE, COUNTER_KCONFIG, ,
     META(M_OIFNAME), CMP(EQ, TEXT(cali1)), PAYLOAD(NH, 6, 2), CMP(EQ, BYTES(0, 2)), PAYLOAD(NH, 14, 4), CMP(EQ, ADDR1),
     COUNTER, VERDICT(DROP)),
#undef F
#undef FAMILY
#undef AF_MODULE

/* --- bridge --- */
#define F "bridge"
#define FAMILY KP_NFT_BRIDGE
#define AF_MODULE "nf_tables_bridge"
#undef FILTER_KCONFIG
#define FILTER_KCONFIG "CONFIG_NF_TABLES CONFIG_NF_TABLES_BRIDGE"
CHAINS("filter.prerouting", "type filter hook prerouting", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, PREROUTING, -300)),
CHAINS("filter.input", "type filter hook input", "3.13", "", FILTER_KCONFIG, , BASE_CHAIN(filter, INPUT, -200)),
CHAINS("filter.forward", "type filter hook forward", "3.13", "", FILTER_KCONFIG, , BASE_CHAIN(filter, FORWARD, -200)),
CHAINS("filter.output", "type filter hook output", "3.13", "", FILTER_KCONFIG, , BASE_CHAIN(filter, OUTPUT, 200)),
CHAINS("filter.postrouting", "type filter hook postrouting", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, POSTROUTING, 300)),
RULE("meta.ibrname", "meta ibrname \"br0\"", "3.16", forward, " nft_meta_bridge bridge", "CONFIG_NFT_BRIDGE_META", ,
     META(M_BRI_IIFNAME), CMP(EQ, TEXT(br0))),
RULE("reject", "reject", "3.18", input, " nft_reject_bridge bridge nf_reject_ipv4 nf_reject_ipv6", "CONFIG_NFT_BRIDGE_REJECT", ,
     EXPR(reject, U32(1, 2), U8(2, 1))),
RULE("ct.state", "ct state established,related", "5.3", forward, CT_MODULES " nf_conntrack_bridge bridge",
     "CONFIG_NF_CONNTRACK_BRIDGE CONFIG_NFT_CT", TRACKS, CT(CT_STATE), AND_XOR(6, 0), CMP(NEQ, HOST(0))),
#undef F
#undef FAMILY
#undef AF_MODULE

/* --- netdev --- */
#define F "netdev"
#define FAMILY KP_NFT_NETDEV
#define AF_MODULE "nf_tables_netdev"
#undef FILTER_KCONFIG
#define FILTER_KCONFIG "CONFIG_NF_TABLES CONFIG_NF_TABLES_NETDEV"
DEVICE_CHAIN("filter.ingress", "type filter hook ingress device \"lo\"", "4.2", "CONFIG_NETFILTER_INGRESS", "",
	     BASE_CHAIN(filter, INGRESS, 0, STR(KP_NFTA_HOOK_DEV, lo))),
DEVICE_CHAIN("filter.egress", "type filter hook egress device \"lo\"", "5.16", "CONFIG_NETFILTER_EGRESS",
     NEED("chain.netdev.filter.ingress"), BASE_CHAIN(filter, EGRESS, 0, STR(KP_NFTA_HOOK_DEV, lo))),
RULE("fwd", "fwd to \"lo\"", "4.5", ingress, " nft_fwd_netdev nf_dup_netdev", "CONFIG_NFT_FWD_NETDEV", , IMMEDIATE(R1, HOST(1)),
     EXPR(fwd, U32(1, R1))),
RULE("dup", "dup to \"lo\"", "4.5", ingress, " nft_dup_netdev nf_dup_netdev", "CONFIG_NFT_DUP_NETDEV", , IMMEDIATE(R1, HOST(1)),
     EXPR(dup, U32(2, R1))),
RULE("fib.daddr-type", "fib daddr type local", "4.14", ingress, " nft_fib_netdev", "CONFIG_NFT_FIB_NETDEV", ,
     FIB(FIB_TYPE, F_DADDR), CMP(EQ, HOST(2))),
RULE("reject", "reject", "5.11", ingress, " nft_reject_netdev", "CONFIG_NFT_REJECT_NETDEV", , EXPR(reject, U32(1, 2), U8(2, 1))),
/* The tunnel expression and object are of netdev alone (net/netfilter/nft_tunnel.c). */
RULE("tunnel", "tunnel id 1", "4.19", ingress, " nft_tunnel", "CONFIG_NFT_TUNNEL", , EXPR(tunnel, U32(1, 1), U32(2, R1)),
     CMP(EQ, HOST(1))),
{ .id = "nft.object.tunnel", .title = "add tunnel netdev kp kp-obj { id 1; ip daddr 192.0.2.1; }",
  .modules = BASE " nft_tunnel nft_objref|nf_tables", .kconfig = FILTER_KCONFIG " CONFIG_NFT_OBJREF|CONFIG_NF_TABLES CONFIG_NFT_TUNNEL",
  .since = "4.19",
  .needs = NEEDS_ingress, .by = &kp_nft_rule,
  .arg = ARG(SETUP(CHAIN_ingress),
	     SUBJECT(OBJECT(6, kp_obj, U32(1, 1), NEST(2, RAW(2, 192, 0, 2, 1))), RULE_MSG(OBJREF(6, kp_obj)))) },
#undef F
#undef FAMILY
#undef AF_MODULE
#undef V

/* --- inet --- */
#define F "inet"
#define FAMILY KP_NFT_INET
#define AF_MODULE "nf_tables_inet"
#undef FILTER_KCONFIG
#define FILTER_KCONFIG "CONFIG_NF_TABLES CONFIG_NF_TABLES_INET"
#define INET_CT " nf_conntrack nf_conntrack_ipv4|nf_conntrack nf_conntrack_ipv6|nf_conntrack"
#define INET_NAT " nft_chain_nat nf_nat" INET_CT
CHAINS("filter.prerouting", "type filter hook prerouting", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, PREROUTING, -300)),
CHAINS("filter.input", "type filter hook input", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, INPUT, 0)),
CHAINS("filter.forward", "type filter hook forward", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, FORWARD, 0)),
CHAINS("filter.output", "type filter hook output", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, OUTPUT, 0)),
CHAINS("filter.postrouting", "type filter hook postrouting", "3.14", "", FILTER_KCONFIG, , BASE_CHAIN(filter, POSTROUTING, 0)),
DEVICE_CHAIN("filter.ingress", "type filter hook ingress device \"lo\"", "5.10", "CONFIG_NETFILTER_INGRESS",
	     NEED("chain.inet.filter.prerouting"), BASE_CHAIN(filter, INET_INGRESS, 0, STR(KP_NFTA_HOOK_DEV, lo))),
CHAINS("route.output", "type route hook output", "5.2", "", FILTER_KCONFIG, , BASE_CHAIN(route, OUTPUT, -150)),
CHAINS("nat.prerouting", "type nat hook prerouting", "5.2", INET_NAT, FILTER_KCONFIG " CONFIG_NFT_NAT", TRACKS,
       BASE_CHAIN(nat, PREROUTING, -100)),
CHAINS("nat.input", "type nat hook input", "5.2", INET_NAT, FILTER_KCONFIG " CONFIG_NFT_NAT", TRACKS,
     BASE_CHAIN(nat, INPUT, 100)),
CHAINS("nat.output", "type nat hook output", "5.2", INET_NAT, FILTER_KCONFIG " CONFIG_NFT_NAT", TRACKS,
     BASE_CHAIN(nat, OUTPUT, -100)),
CHAINS("nat.postrouting", "type nat hook postrouting", "5.2", INET_NAT, FILTER_KCONFIG " CONFIG_NFT_NAT", TRACKS,
       BASE_CHAIN(nat, POSTROUTING, 100)),
RULE("reject", "reject", "3.18", forward, " nft_reject_inet nft_reject nf_reject_ipv4 nf_reject_ipv6", "CONFIG_NFT_REJECT_INET", ,
     EXPR(reject, U32(1, 2), U8(2, 1))),
RULE("fib.daddr-type", "fib daddr type local", "4.10", forward, " nft_fib_inet nft_fib_ipv4 nft_fib_ipv6 nft_fib",
     "CONFIG_NFT_FIB_INET", , FIB(FIB_TYPE, F_DADDR), CMP(EQ, HOST(2))),
RULE("ct.state", "ct state established,related", "3.14", forward, " nft_ct" INET_CT, "CONFIG_NFT_CT", TRACKS, CT(CT_STATE),
     AND_XOR(6, 0), CMP(NEQ, HOST(0))),
RULE("meta.nfproto", "meta nfproto ipv4", "3.15", forward, META_MODULE, "", , META(M_NFPROTO), CMP(EQ, BYTES(2))),
RULE("masquerade", "masquerade", "5.2", inet_nat_postrouting, " nft_masq" INET_NAT, "CONFIG_NFT_MASQ", TRACKS, BARE(masq)),
#undef F
#undef SUFFIX
#undef FAMILY
#undef AF_MODULE
#undef FILTER_KCONFIG

/* --- whatever else, in ip, unless it is of ip6 alone --- */
#define F "ip"
#define SUFFIX ""
#define FAMILY KP_NFT_IP
#define AF_MODULE "nf_tables_ipv4"
#define V(ip, ip6) ip
#define FILTER_KCONFIG "CONFIG_NF_TABLES CONFIG_NF_TABLES_IPV4"
#include "nft_rows_rest.h"
