/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* clang-format off */
/* The head of the nft family: controls, nf_tables itself, its families. Asked in family ip where it takes one. No include guard. */
{ .id = "nft.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_control_rtnetlink },
{ .id = "nft.base", .title = "nf_tables answers", .modules = "nfnetlink nf_tables",
  .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_NF_TABLES",
  .since = "3.13", .by = &kp_nft_base },
{ .id = "nft.control.negative.chain", .title = "an invented chain type", .control = KP_NEGATIVE, .needs = "nft.base",
  .modules = BASE " nft_chain_2_kpnone", .by = &kp_nft_chain, .arg = ARG(SUBJECT(BASE_CHAIN(kpnone, FORWARD, 0))) },
{ .id = "nft.control.negative.expr", .title = "an invented expression", .control = KP_NEGATIVE, .needs = "nft.base",
  .modules = BASE " nft_expr_kpnone", .by = &kp_nft_rule, .arg = ARG(SETUP(CHAIN_forward),
  SUBJECT(RULE_MSG(BARE(kpnone)))) },

#define TABLE(af, family_number, first, module, cfg) \
	{ .id = "nft.table." af, .title = "add table " af " kp", .modules = "nfnetlink nf_tables " module "|nf_tables", \
	  .kconfig = "CONFIG_NF_TABLES " cfg, .since = first, .needs = "nft.base", .by = &kp_nft_table, \
	  .arg = ARG_OF(family_number, SUBJECT(MSG(NEWTABLE))) }
TABLE("ip", KP_NFT_IP, "3.13", "nf_tables_ipv4", "CONFIG_NF_TABLES_IPV4"),
TABLE("ip6", KP_NFT_IP6, "3.13", "nf_tables_ipv6", "CONFIG_NF_TABLES_IPV6"),
TABLE("arp", KP_NFT_ARP, "3.13", "nf_tables_arp", "CONFIG_NF_TABLES_ARP"),
TABLE("inet", KP_NFT_INET, "3.14", "nf_tables_inet", "CONFIG_NF_TABLES_INET"),
TABLE("bridge", KP_NFT_BRIDGE, "3.13", "nf_tables_bridge", "CONFIG_NF_TABLES_BRIDGE"),
TABLE("netdev", KP_NFT_NETDEV, "4.2", "nf_tables_netdev", "CONFIG_NF_TABLES_NETDEV"),
{ .id = "nft.genid", .title = "generation of the rule set", .modules = BASE, .kconfig = FILTER_KCONFIG, .since = "3.18",
  .needs = "nft.table.ip", .by = &kp_nft_genid, .arg = ARG() },
{ .id = "nft.transaction", .title = "all of a transaction or nothing", .modules = BASE, .kconfig = FILTER_KCONFIG, .since = "3.16",
  .needs = "nft.table.ip", .by = &kp_nft_transaction, .arg = ARG(SUBJECT(RULE_MSG(VERDICT(ACCEPT)))) },
/* What nft's "comment" becomes: type 0, length, text. knftables drops it where the kernel gives it not back. */
{ .id = "nft.table.comment", .title = "add table ip kp { comment \"kprobe\"; }", .modules = BASE, .kconfig = FILTER_KCONFIG,
  .since = "5.10", .needs = "nft.table.ip", .by = &kp_nft_table,
  .arg = ARG(SUBJECT(MSG(NEWTABLE, RAW(KP_NFTA_TABLE_USERDATA, 0, 7, 'k', 'p', 'r', 'o', 'b', 'e', 0)))) },
{ .id = "nft.chain.comment", .title = "add chain ip kp kp-to { comment \"kprobe\"; }", .modules = BASE, .kconfig = FILTER_KCONFIG,
  .since = "5.10", .needs = "nft.table.ip", .by = &kp_nft_chain,
  .arg = ARG(SUBJECT(MSG(NEWCHAIN, STR(KP_NFTA_CHAIN_NAME, kp_to),
				 RAW(KP_NFTA_CHAIN_USERDATA, 0, 7, 'k', 'p', 'r', 'o', 'b', 'e', 0)))) },
