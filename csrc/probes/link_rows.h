/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The rows of the link family that are data alone: the kinds that other CNIs, service meshes and VPNs use. Read in the middle of
 * link.c's table: no include guard, on purpose. Attributes by number, as in uapi/linux/if_link.h and if_tunnel.h of v7.2.
 */
/* clang-format off */

#define OVER_VETH(row_kind, under, ...) .by = &make_link, .needs = "link.veth", \
	.arg = LINK(.kind = row_kind, .name = "kp" row_kind, .over = under, .set = KP_ATTRS(__VA_ARGS__), .up = true)
#define LOCAL4 10, 111, 0, 1
#define REMOTE4(n) 10, 111, 0, n
#define LOCAL6 0xfd, 0x6b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define REMOTE6(n) 0xfd, 0x6b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n
#define FALLBACK(devices) devices ", the fallback device, unless net.core.fb_tunnels_only_for_init_net is 2"
#define FALLBACKS(devices) devices ", the fallback devices, unless net.core.fb_tunnels_only_for_init_net is 2"
/* A flow-based device needs no addresses; where the flag was passed over, they make it differ from the fallback device. */
#define UNTOLD_RAW(t, ...) \
	{ .type = (t), .form = KP_A_BYTES, .untold = true, .len = sizeof((const unsigned char[]){ __VA_ARGS__ }), \
	  .bytes = (const unsigned char[]){ __VA_ARGS__ } }
/* What sends IPv6 as soon as it is up, and warns in the log that its local address is nobody's: it is not set up. */
#define TUNNEL6(row_kind, device, ...) .by = &make_link, \
	.arg = LINK(.kind = row_kind, .name = device, .set = KP_ATTRS(__VA_ARGS__))
#define TUNNEL(row_kind, device, ...) .by = &make_link, \
	.arg = LINK(.kind = row_kind, .name = device, .set = KP_ATTRS(__VA_ARGS__), .up = true)

/* Devices over another one. No macvlan in passthru mode: that is a line in the log and an audit record of promiscuous mode each. */
/* IFLA_MACVLAN_MODE (1), IFLA_IPVLAN_MODE (1), IFLA_VLAN_ID (1), IFLA_VLAN_PROTOCOL (5) */
	{ .id = "link.macvlan", .title = "macvlan in bridge mode", .modules = "veth macvlan",
	  .kconfig = "CONFIG_VETH CONFIG_MACVLAN",
	  .since = "2.6.33", OVER_VETH("macvlan", "kpl-macvlan", KP_NUM(U32, 1, 4)) },
	{ .id = "link.ipvlan", .title = "ipvlan in L2 mode", .modules = "veth ipvlan", .kconfig = "CONFIG_VETH CONFIG_IPVLAN",
	  .since = "3.19", OVER_VETH("ipvlan", "kpl-ipvlan", KP_NUM(U16, 1, 0)) },
	{ .id = "link.ipvlan.l3", .title = "ipvlan in L3 mode", .modules = "veth ipvlan", .kconfig = "CONFIG_VETH CONFIG_IPVLAN",
	  .since = "3.19", .by = &make_link, .needs = "link.ipvlan",
	  .arg = LINK(.kind = "ipvlan", .name = "kpipvlan3", .over = "kpl-ipvlan3", .set = KP_ATTRS(KP_NUM(U16, 1, 1)),
	  .up = true) },
	{ .id = "link.ipvlan.l3s", .title = "ipvlan in L3S mode, which goes through netfilter", .modules = "veth ipvlan",
	  .kconfig = "CONFIG_VETH CONFIG_IPVLAN CONFIG_IPVLAN_L3S", .since = "4.9", .by = &make_link, .needs = "link.ipvlan",
	  .rules = (const struct kp_rule[]){
		  /* ipvlan_nl_validate() before v4.9 (4fbae7d83c98), and ipvlan_l3s_register()'s stub since v5.1 (c675e06a98a4) */
		  { EINVAL, KP_ABSENT, "ipvlan knows no mode L3S (came with v4.9)" },
		  { 524, KP_ABSENT, "ipvlan was built without mode L3S (CONFIG_IPVLAN_L3S)" },
		  { 0 } },
	  .arg = LINK(.kind = "ipvlan", .name = "kpipvlan3s", .over = "kpl-ipvlan3s", .set = KP_ATTRS(KP_NUM(U16, 1, 2)),
	  .up = true) },
	{ .id = "link.vlan", .title = "802.1Q VLAN", .modules = "veth 8021q", .kconfig = "CONFIG_VETH CONFIG_VLAN_8021Q",
	  .since = "2.6.23",
	  .host = "VLAN 0 in the receive filter of each NIC that is up, with a line in the kernel log",
	  .by = &make_link, .needs = "link.veth",
	  .arg = LINK(.kind = "vlan", .name = "kpvlan", .over = "kpl-vlan", .over_up = true,
	  .set = KP_ATTRS(KP_NUM(U16, 1, 100)), .up = true) },
	{ .id = "link.vlan.8021ad", .title = "802.1ad VLAN (QinQ)", .modules = "veth 8021q",
	  .kconfig = "CONFIG_VETH CONFIG_VLAN_8021Q",
	  .since = "3.10", .by = &make_link, .needs = "link.vlan",
	  .arg = LINK(.kind = "vlan", .name = "kpvlanad", .over = "kpl-vlanad", .over_up = true, .up = true,
		      .set = KP_ATTRS(KP_NUM(U16, 1, 100), KP_NUM(BE16, 5, 0x88a8))) },

/* Tunnels. IFLA_GENEVE_ID (1), REMOTE (2), PORT (5), COLLECT_METADATA (6), REMOTE6 (7) */
	{ .id = "link.geneve.inet", .title = "Geneve tunnel device over IPv4", .modules = "geneve",
	  .kconfig = "CONFIG_GENEVE", .since = "4.2",
	  TUNNEL("geneve", "kpgeneve4", KP_NUM(U32, 1, 4096), KP_RAW(2, REMOTE4(2)), KP_NUM(BE16, 5, 6081)) },
	{ .id = "link.geneve.inet6", .title = "Geneve tunnel device over IPv6", .modules = "geneve",
	  .kconfig = "CONFIG_GENEVE CONFIG_IPV6",
	  .since = "4.4", .rules = geneve6_rules,
	  TUNNEL("geneve", "kpgeneve6", KP_NUM(U32, 1, 4097), KP_RAW(7, REMOTE6(2)), KP_NUM(BE16, 5, 6082)) },
	{ .id = "link.geneve.collect-metadata", .title = "flow-based Geneve tunnel device", .modules = "geneve",
	  .kconfig = "CONFIG_GENEVE",
	  .since = "4.3", .rules = geneve_md_rules,
	  TUNNEL("geneve", "kpgenevemd", KP_FLAG(6), KP_NUM(BE16, 5, 6083)) },
/* IFLA_GRE_IFLAGS (2) and OFLAGS (3): GRE_KEY, GRE_SEQ; IKEY (4), OKEY (5), LOCAL (6), REMOTE (7), ERSPAN_INDEX (21) */
	{ .id = "link.gre", .title = "GRE tunnel device", .modules = "ip_gre", .kconfig = "CONFIG_NET_IPGRE", .since = "2.6.28",
	  .host = FALLBACKS("gre0, gretap0 and erspan0"),
	  TUNNEL("gre", "kpgre", KP_RAW(6, LOCAL4), KP_RAW(7, REMOTE4(2))) },
	{ .id = "link.gretap", .title = "Ethernet over GRE tunnel device", .modules = "ip_gre", .kconfig = "CONFIG_NET_IPGRE",
	  .since = "2.6.28", .host = FALLBACKS("gre0, gretap0 and erspan0"),
	  TUNNEL("gretap", "kpgretap", KP_RAW(6, LOCAL4), KP_RAW(7, REMOTE4(2))) },
	{ .id = "link.erspan", .title = "ERSPAN tunnel device", .modules = "ip_gre", .kconfig = "CONFIG_NET_IPGRE", .since = "4.14",
	  .host = FALLBACKS("gre0, gretap0 and erspan0"),
	  TUNNEL("erspan", "kperspan", KP_NUM(BE16, 2, 0x3000), KP_NUM(BE16, 3, 0x3000), KP_NUM(BE32, 4, 30), KP_NUM(BE32, 5, 30),
		 KP_RAW(6, LOCAL4), KP_RAW(7, REMOTE4(2)), KP_NUM(U32, 21, 123)) },
	{ .id = "link.ip6gre", .title = "GRE over IPv6 tunnel device", .modules = "ip6_gre", .kconfig = "CONFIG_IPV6_GRE",
	  .since = "3.7",
	  .host = FALLBACK("ip6gre0"),
	  TUNNEL6("ip6gre", "kpip6gre", KP_RAW(6, LOCAL6), KP_RAW(7, REMOTE6(2))) },
	{ .id = "link.ip6gretap", .title = "Ethernet over GRE over IPv6 tunnel device", .modules = "ip6_gre",
	  .kconfig = "CONFIG_IPV6_GRE",
	  .since = "3.7", .host = FALLBACK("ip6gre0"),
	  TUNNEL6("ip6gretap", "kpip6gretap", KP_RAW(6, LOCAL6), KP_RAW(7, REMOTE6(2))) },
/* IFLA_IPTUN_LOCAL (2), REMOTE (3), PROTO (9), COLLECT_METADATA (19) */
	{ .id = "link.ipip.collect-metadata", .title = "flow-based IP-in-IP tunnel device", .modules = "ipip",
	  .kconfig = "CONFIG_NET_IPIP",
	  .since = "4.9", .needs = "link.ipip", .flags = KP_FRESH_NETNS, .host = FALLBACK("tunl0"),
	  /* cfc7381b3002 */
	  TUNNEL("ipip", "kpipipmd", KP_FLAG(19), UNTOLD_RAW(2, LOCAL4), UNTOLD_RAW(3, REMOTE4(2))) },
	{ .id = "link.sit", .title = "IPv6 in IPv4 tunnel device", .modules = "sit", .kconfig = "CONFIG_IPV6_SIT", .since = "3.8",
	  .host = FALLBACK("sit0"),
	  TUNNEL("sit", "kpsit", KP_RAW(2, LOCAL4), KP_RAW(3, REMOTE4(2))) },
	{ .id = "link.ip6tnl.ip6ip6", .title = "IPv6 in IPv6 tunnel device", .modules = "ip6_tunnel",
	  .kconfig = "CONFIG_IPV6_TUNNEL",
	  .since = "3.8", .host = FALLBACK("ip6tnl0"),
	  TUNNEL6("ip6tnl", "kpip6tnl6", KP_RAW(2, LOCAL6), KP_RAW(3, REMOTE6(2)), KP_NUM(U8, 9, 41)) },
	{ .id = "link.ip6tnl.ipip6", .title = "IPv4 in IPv6 tunnel device", .modules = "ip6_tunnel",
	  .kconfig = "CONFIG_IPV6_TUNNEL",
	  .since = "3.8", .host = FALLBACK("ip6tnl0"),
	  TUNNEL6("ip6tnl", "kpip6tnl4", KP_RAW(2, LOCAL6), KP_RAW(3, REMOTE6(3)), KP_NUM(U8, 9, 4)) },
	{ .id = "link.ip6tnl.collect-metadata", .title = "flow-based IPv6 tunnel device", .modules = "ip6_tunnel",
	  .kconfig = "CONFIG_IPV6_TUNNEL", .since = "4.9", .needs = "link.ip6tnl.ip6ip6", .host = FALLBACK("ip6tnl0"),
	  /* 6712abc168eb */
	  TUNNEL6("ip6tnl", "kpip6tnlmd", KP_FLAG(19), UNTOLD_RAW(2, LOCAL6), UNTOLD_RAW(3, REMOTE6(4))) },
/* IFLA_XFRM_LINK (1): demanded until v5.3 (22d6552f827e), IF_ID (2): not 0 since v5.17 (8dce43919566) */
	{ .id = "link.xfrm", .title = "IPsec device", .modules = "xfrm_interface", .kconfig = "CONFIG_XFRM_INTERFACE",
	  .since = "4.19",
	  TUNNEL("xfrm", "kpxfrm", KP_NUM(U32, 1, LO_INDEX), KP_NUM(U32, 2, 42)) },

/* Devices that take others in. IFLA_VRF_TABLE (1), IFLA_BOND_MODE (1), MIIMON (3) */
	{ .id = "link.vrf", .title = "virtual routing and forwarding", .modules = "vrf", .kconfig = "CONFIG_NET_VRF",
	  .since = "4.3",
	  TUNNEL("vrf", "kpvrf", KP_NUM(U32, 1, 100)) },
	{ .id = "link.team", .title = "team device", .modules = "team", .kconfig = "CONFIG_NET_TEAM", .since = "3.3",
	  .by = &make_link, .arg = LINK(.kind = "team", .name = "kpteam") },
	{ .id = "link.bond", .title = "bond", .modules = "bonding", .kconfig = "CONFIG_BONDING", .since = "2.6.32",
	  .host = "bond0 (the module's max_bonds=1)", .risk = KP_RISK_MODULE, .risk_module = "bonding",
	  .by = &make_link, .arg = LINK(.kind = "bond", .name = "kpbond") },
	{ .id = "link.bond.active-backup", .title = "bond that is told by netlink to be active-backup, with link monitoring",
	  .modules = "bonding", .kconfig = "CONFIG_BONDING", .since = "3.14", .needs = "link.bond",
	  .host = "bond0 (the module's max_bonds=1)", .risk = KP_RISK_MODULE, .risk_module = "bonding",
	  TUNNEL("bond", "kpbondab", KP_NUM(U8, 1, 1), KP_NUM(U32, 3, 100)) },

/* IFF_TUN (1), IFF_TAP (2), IFF_MULTI_QUEUE (0x100), IFF_NO_PI (0x1000), IFF_VNET_HDR (0x4000) */
	{ .id = "link.tun", .title = "tun device", .modules = "tun", .kconfig = "CONFIG_TUN", .since = "2.6.27",
	  .by = &kp_link_tun, .arg = &(const struct tun_arg){ "kptun0", 0x1001 } },
	{ .id = "link.tap", .title = "tap device", .modules = "tun", .kconfig = "CONFIG_TUN", .since = "2.6.27",
	  .by = &kp_link_tun, .arg = &(const struct tun_arg){ "kptap0", 0x1002 } },
	{ .id = "link.tap.multi-queue", .title = "tap device with several queues and offload headers, as virtual machines use it",
	  .modules = "tun", .kconfig = "CONFIG_TUN", .since = "3.8", .needs = "link.tap",
	  .by = &kp_link_tun, .arg = &(const struct tun_arg){ "kptap1", 0x5102 } },
/* clang-format on */
