/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* clang-format off */
/* Rows of the nft family: sets, objects and expressions that are asked for in family ip alone. No include guard. */

/* --- sets --- */
SET("set.inet_service", "type inet_service", "3.13", SET_HASH, "set.ipv4_addr", ELEM(KEY(BYTES(0, 80))), ELEM(KEY(BYTES(1, 0xbb))),
    SET_OF(kp_set, 0, T_SERVICE, 2)),
SET("set.mark", "type mark", "3.13", SET_HASH, "set.ipv4_addr", ELEM(KEY(HOST(0x10000))), ELEM(KEY(HOST(0x20000))),
    SET_OF(kp_set, 0, T_MARK, 4)),
SET("set.timeout", "type ipv4_addr; flags timeout; timeout 1h", "4.1", SET_HASH, "set.ipv4_addr",
    ELEM(KEY(ADDR1), U64(KP_NFTA_ELEM_TIMEOUT, 600000)), ELEM(KEY(ADDR2)),
    SET_OF(kp_set, KP_NFT_SET_TIMEOUT, T_IPV4, 4, U64(KP_NFTA_SET_TIMEOUT, 3600000))),
SET("set.dynamic", "type ipv4_addr; flags dynamic", "4.1", SET_HASH, "set.ipv4_addr", ELEM(KEY(ADDR1)), ELEM(KEY(ADDR2)),
    SET_OF(kp_set, KP_NFT_SET_EVAL, T_IPV4, 4)),
/* An expression for every element of the set (v5.7, 65038428b2c6); they come back with each. */
SET("set.counter", "type ipv4_addr; counter", "5.7", SET_HASH COUNTER_MODULE, "set.ipv4_addr" NEED("expr.counter.ip"),
    ELEM(KEY(ADDR1)), ELEM(KEY(ADDR2)),
    SET_OF(kp_set, 0, T_IPV4, 4, FAR_NEST(KP_NFTA_SET_EXPR, STR(1, counter), NEST(2, U64(1, 0), U64(2, 0))))),
SET("set.comment", "type ipv4_addr; comment \"kprobe\"", "4.1", SET_HASH, "set.ipv4_addr", ELEM(KEY(ADDR1)), ELEM(KEY(ADDR2)),
    SET_OF(kp_set, 0, T_IPV4, 4, RAW(KP_NFTA_SET_USERDATA, 7, 7, 'k', 'p', 'r', 'o', 'b', 'e', 0))),
SET("set.element-comment", "type ipv4_addr; elements = { 192.0.2.1 comment \"kprobe\" }", "4.1", SET_HASH, "set.ipv4_addr",
    ELEM(KEY(ADDR1), RAW(KP_NFTA_ELEM_USERDATA, 0, 7, 'k', 'p', 'r', 'o', 'b', 'e', 0)), ELEM(KEY(ADDR2)),
    SET_OF(kp_set, 0, T_IPV4, 4)),
/* "*": what no other element has (v5.13, aaa31047a6d2). It has no key. */
SET("set.catchall", "type ipv4_addr : verdict; elements = { * : drop }", "5.13", SET_HASH, "map.addr-verdict.ip",
    ELEM(KEY(ADDR1), VALUE(CHAIN_DATA(GOTO))), ELEM(U32(KP_NFTA_ELEM_FLAGS, 2), VALUE(VERDICT_DATA(DROP))),
    VMAP_OF(kp_set, 0, T_IPV4, 4)),
SET("map.data", "type inet_service : ipv4_addr", "3.13", SET_HASH, "set.inet_service", ELEM(KEY(BYTES(0, 80)), VALUE(ADDR1)),
    ELEM(KEY(BYTES(1, 0xbb)), VALUE(ADDR2)), MAP_OF(kp_set, 0, T_SERVICE, 2, T_IPV4, 4)),
SET("map.interval-verdict", "type ipv4_addr : verdict; flags interval", "3.13", SET_TREE, "set.interval.ip",
    ELEM(KEY(BYTES(192, 0, 2, 0)), VALUE(CHAIN_DATA(GOTO))), ELEM(INTERVAL_END, KEY(BYTES(192, 0, 2, 128))),
    VMAP_OF(kp_set, KP_NFT_SET_INTERVAL, T_IPV4, 4)),
{ .id = "nft.map.object", .title = "type ipv4_addr : counter", .modules = BASE SET_HASH COUNTER_MODULE,
  .kconfig = FILTER_KCONFIG " " COUNTER_KCONFIG, .since = "4.10", .needs = "nft.set.ipv4_addr", .by = &kp_nft_set,
  .arg = ARG(SETUP(OBJECT(1, kp_obj, U64(1, 0), U64(2, 0))),
	     SUBJECT(SET_OF(kp_set, KP_NFT_SET_OBJECT, T_IPV4, 4, U32(KP_NFTA_SET_OBJ_TYPE, 1)),
			     ELEMS_MSG(kp_set, ELEM(KEY(ADDR1), STR(KP_NFTA_ELEM_OBJREF, kp_obj))))) },

/* --- objects, and the rule that refers to one --- */
OBJ("counter", "add counter ip kp kp-obj", "4.10", COUNTER_MODULE, COUNTER_KCONFIG, OBJECTS, "", 1, U64(1, 0), U64(2, 0)),
OBJ("quota", "add quota ip kp kp-obj { over 10 mbytes }", "4.10", " nft_quota", "CONFIG_NFT_QUOTA", , NEED("object.counter"), 2,
    U64(1, 10485760), U32(2, 1)),
OBJ("limit", "add limit ip kp kp-obj { rate 10/second burst 5 packets }", "4.14", " nft_limit", "CONFIG_NFT_LIMIT", ,
    NEED("object.counter"), 4, U64(1, 10), U64(2, 1), U32(3, 5), U32(4, 0), U32(5, 0)),
OBJ("connlimit", "ct count over 10, as an object", "4.18", " nft_connlimit nf_conncount" CT_TRACKER, "CONFIG_NFT_CONNLIMIT", TRACKS,
    NEED("object.counter"), 5, U32(1, 10), U32(2, 1)),
/*
 * The helper is looked for by name, with its module. Where helpers are assigned by port (net.netfilter.nf_conntrack_helper)
 * it is so for all.
 */
{ .id = "nft.object.ct-helper", .title = "add ct helper ip kp kp-obj { type \"ftp\" protocol tcp; }",
  .modules = BASE CT_MODULES " nf_conntrack_ftp nft_objref|nf_tables",
  .kconfig = FILTER_KCONFIG " CONFIG_NFT_OBJREF|CONFIG_NF_TABLES CONFIG_NFT_CT CONFIG_NF_CONNTRACK_FTP",
  .since = "4.12", .risk = KP_RISK_CONNTRACK, .host = "before v4.7, the host's FTP connections get nf_conntrack_ftp's help",
  .needs = NEEDS_forward " nft.object.counter nft.expr.ct.state.ip", .by = &kp_nft_rule,
  .arg = ARG(SETUP(CHAIN_forward), SUBJECT(OBJECT(3, kp_obj, STR(1, ftp), U16(2, KP_NFT_IP), U8(3, 6)),
  RULE_MSG(OBJREF(3, kp_obj)))) },
OBJ("ct-timeout", "add ct timeout ip kp kp-obj { protocol tcp; policy = { established: 100 }; }", "4.19", CT_MODULES,
    "CONFIG_NFT_CT CONFIG_NF_CONNTRACK_TIMEOUT", TRACKS, NEED("object.counter") NEED("expr.ct.state.ip"), 7, U16(1, KP_NFT_IP),
    U8(2, 6), NEST(3, U32(3, 100))),
OBJ("ct-expectation", "add ct expectation ip kp kp-obj { protocol udp; dport 9876; timeout 2m; size 12; }", "5.3", CT_MODULES,
    "CONFIG_NFT_CT", TRACKS, NEED("object.counter") NEED("expr.ct.state.ip"), 9, U16(1, KP_NFT_IP), U8(2, 17), RAW(3, 0x26, 0x94),
    HOST_AT(4, 120000),
    U8(5, 12)),
OBJ("synproxy", "add synproxy ip kp kp-obj { mss 1460 wscale 7 timestamp sack-perm; }", "5.4",
     " nft_synproxy nf_synproxy_core" CT_TRACKER,
    "CONFIG_NFT_SYNPROXY", TRACKS, NEED("object.counter"), 10, U16(1, 1460), U8(2, 7), U32(3, 15)),
/* A context would have to be one of this node's policy: without any, the object is asked for its own refusal. */
{ .id = "nft.object.secmark", .title = "add secmark ip kp kp-obj", .modules = BASE META_MODULE,
  .kconfig = FILTER_KCONFIG " CONFIG_NETWORK_SECMARK",
  .since = "4.20", .needs = "nft.object.counter", .rules = secmark_rules, .by = &kp_nft_rule,
  .asks = "NFT_MSG_NEWOBJ of a secmark without a context", .arg = ARG(SUBJECT(OBJECT(8, kp_obj))) },
/* A value looked up is the object's name (v4.10). */
RULE_IN("objref.map", "counter name ip saddr map @kp-set", "4.10", forward, SET_HASH COUNTER_MODULE " nft_objref|nf_tables",
     "CONFIG_NFT_OBJREF|CONFIG_NF_TABLES", , NEED("map.object"),
	(OBJECT(1, kp_obj, U64(1, 0), U64(2, 0)), SET_OF(kp_set, KP_NFT_SET_OBJECT, T_IPV4, 4, U32(KP_NFTA_SET_OBJ_TYPE, 1)),
	 ELEMS_MSG(kp_set, ELEM(KEY(ADDR1), STR(KP_NFTA_ELEM_OBJREF, kp_obj)))),
	SADDR, EXPR(objref, U32(3, R1), STR(4, kp_set))),

/* --- nf_tables' own --- */
FORM("meta.mark.ip", "immediate", "meta mark set 0x1", "3.14", forward, META_MODULE, "", , IMMEDIATE(R1, HOST(1)),
     META_SET(M_MARK)),
RULE("cmp.range", "tcp dport 1000-2000", "3.15", forward, META_MODULE, "", , L4(6), PAYLOAD(TH, 2, 2), CMP(GTE, BYTES(3, 0xe8)),
     CMP(LTE, BYTES(7, 0xd0))),
RULE("range", "tcp dport != 1000-2000", "4.9", forward, META_MODULE, "", , L4(6), PAYLOAD(TH, 2, 2),
     EXPR(range, U32(1, R1), U32(2, 1), NEST(3, BYTES(3, 0xe8)), NEST(4, BYTES(7, 0xd0)))),
RULE("byteorder", "meta length 1000-1500", "3.13", forward, META_MODULE, "", , META(M_LEN),
     EXPR(byteorder, U32(1, R1), U32(2, R1), U32(3, 1), U32(4, 4), U32(5, 4)), CMP(GTE, BYTES(0, 0, 3, 0xe8)),
     CMP(LTE, BYTES(0, 0, 5, 0xdc))),
/* Shifts: v5.6, 567d746b55bc. Before, the operation is passed over and mask and xor, which it has not, are missed: EINVAL. */
FORM("meta.mark.ip", "bitwise.shift", "meta mark set meta mark << 1", "5.6", forward, META_MODULE, "", , META(M_MARK),
     EXPR(bitwise, U32(1, R1), U32(2, R1), U32(3, 4), U32(6, 1), NEST(7, HOST(1))), META_SET(M_MARK)),
/* Two registers: v6.13, b0ccf4f53d96. */
FORM("bitwise.shift", "bitwise.registers", "meta mark set meta mark | ct mark", "6.13", forward, META_MODULE CT_MODULES,
     "CONFIG_NFT_CT", TRACKS, META(M_MARK),
     EXPR(ct, U32(2, CT_MARK), U32(1, R2)), EXPR(bitwise, U32(1, R1), U32(8, R2), U32(2, R1), U32(3, 4), U32(6, 4)),
     META_SET(M_MARK)),
RULE_WITH("lookup.map", "dnat to tcp dport map { 80 : 192.0.2.1 }", "3.13", nat_prerouting, SET_HASH NAT_MODULES,
     "CONFIG_NFT_NAT", TRACKS, NEED("map.data") NEED("expr.dnat.ip"),
	  (ANON_SET(anon_map, KP_NFT_SET_MAP, T_SERVICE, 2, 1, U32(KP_NFTA_SET_DATA_TYPE, T_IPV4), U32(KP_NFTA_SET_DATA_LEN, 4)),
	   ANON_ELEMS(anon_map, ELEM(KEY(BYTES(0, 80)), VALUE(ADDR1)))),
	  L4(6), PAYLOAD(TH, 2, 2), LOOKUP_ANON_TO(R1), NAT(1, FAMILY)),
RULE_IN("dynset.add", "add @kp-set { ip saddr timeout 1m }", "4.1", forward, SET_HASH, "", , NEED("set.dynamic-timeout.ip"),
	(SET_OF(kp_set, KP_NFT_SET_EVAL | KP_NFT_SET_TIMEOUT, T_IPV4, 4, U64(KP_NFTA_SET_TIMEOUT, 10800000))), SADDR,
	EXPR(dynset, U32(4, R1), U32(3, 0), STR(1, kp_set), U64(6, 60000))),
FORM_IN("dynset.add", "dynset.delete", "delete @kp-set { ip saddr }", "5.4", forward, SET_HASH, "", , ,
	(SET_OF(kp_set, KP_NFT_SET_EVAL | KP_NFT_SET_TIMEOUT, T_IPV4, 4, U64(KP_NFTA_SET_TIMEOUT, 10800000))), SADDR,
	EXPR(dynset, U32(4, R1), U32(3, 2), STR(1, kp_set))),
RULE_IN("dynset.limit", "add @kp-set { ip saddr limit rate over 10/second }", "4.1", forward, SET_HASH " nft_limit",
     "CONFIG_NFT_LIMIT", , NEED("set.dynamic") NEED("expr.limit.over.ip"), (SET_OF(kp_set, KP_NFT_SET_EVAL, T_IPV4, 4)), SADDR,
	EXPR(dynset, U32(4, R1), U32(3, 0), STR(1, kp_set), NEST(7, STR(1, limit),
	NEST(2, U64(1, 10), U64(2, 1), U32(3, 5), U32(4, 0), U32(5, 1))))),
RULE("last", "last", "5.14", forward, "", "", , BARE(last)),
RULE("payload.inner", "@ih,0,8 0x1", "5.16", forward, "", "", , PAYLOAD(3, 0, 1), CMP(EQ, BYTES(1))),
/*
 * The header within VXLAN: v6.2, 3a07327d10a0. Type 1, header of 8 bytes, flags of a link header: what nft sends for "vxlan
 * ip saddr".
 */
RULE("inner.vxlan", "udp dport 4789 vxlan ip saddr 192.0.2.1", "6.2", forward, META_MODULE, "", , L4(17), PAYLOAD(TH, 2, 2),
     CMP(EQ, BYTES(0x12, 0xb5)), EXPR(inner, U32(1, 0), U32(2, 1), U32(3, 15), U32(4, 8),
	  NEST(5, STR(1, payload), NEST(2, U32(1, R1), U32(2, NH), U32(3, 12), U32(4, 4)))), CMP(EQ, ADDR1)),
#include "nft_rows_rest2.h"
