/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The words that rows of the nft family are written in: attributes, then expressions as `nft --debug=netlink` shows them, then
 * chains, sets and rules. Texts go by their names in nft_names.h. Data of packets are bytes as they lie in the packet; HOST(…) is
 * for what the kernel itself computes. Whatever takes attributes takes them last, for a comma within braces divides arguments.
 */
#ifndef KP_PROBES_NFT_WORDS_H
#define KP_PROBES_NFT_WORDS_H

#include "nft.h"

/* clang-format off */
/*
 * Byte code (enum kp_nft_kind). A value that does not fit into its bytes, or a type above 15, is a warning of the compiler's, and
 * so an error: LONG and FAR_NEST are for those. (A negative value would not be one, but for + 0u.)
 */
#define ATTR(kind, t) (KP_NFT_##kind | (t) << 4)
#define ONE(v) (v) + 0u
#define BE2(v) ((v) + 0u) >> 8, (v) & 0xff
#define BE4(v) ((v) + 0u) >> 24, (v) >> 16 & 0xff, (v) >> 8 & 0xff, (v) & 0xff
#define U8(t, v) ATTR(U8, t), ONE(v)
#define U16(t, v) ATTR(U16, t), BE2(v)
#define U32(t, v) ATTR(U32, t), ONE(v)
#define LONG(t, v) ATTR(LONG, t), BE4((uint32_t)(v))
#define U64(t, v) ATTR(U64, t), BE4(v)
#define BITS(t, v) ATTR(BITS, t), ONE(v)
#define STR(t, name) ATTR(STR, t), KP_NFT_TEXT_##name
#define RAW(t, ...) ATTR(RAW, t), sizeof((const uint8_t[]){ __VA_ARGS__ }), __VA_ARGS__
#define NEST_OF(kind, t, ...) ATTR(kind, t), __VA_ARGS__ __VA_OPT__(,) KP_NFT_END
#define NEST(t, ...) NEST_OF(NEST, t, __VA_ARGS__)
#define LIST(t, ...) NEST_OF(LIST, t, __VA_ARGS__)
#define BAG(t, ...) NEST_OF(BAG, t, __VA_ARGS__)
#define FAR_NEST(t, ...) KP_NFT_NEST, t, __VA_ARGS__ __VA_OPT__(,) KP_NFT_END

/* Data, which are a nest of their own: NFTA_DATA_VALUE or NFTA_DATA_VERDICT. */
#define BYTES(...) RAW(1, __VA_ARGS__)
#define TEXT(name) ATTR(CHARS, 1), KP_NFT_TEXT_##name
#define HOST_AT(t, v) ATTR(HOST, t), 4, BE4(v)
#define HOST(v) HOST_AT(1, v)
#define HOST16(v) ATTR(HOST, 1), 2, BE2(v)
#define VERDICT_DATA(code) NEST(2, LONG(1, KP_NFT_##code))
#define CHAIN_DATA(code) NEST(2, LONG(1, KP_NFT_##code), STR(2, kp_to))

/* --- expressions --- */
#define EXPR(name, ...) NEST(1, STR(1, name), NEST(2, __VA_ARGS__))
#define BARE(name) NEST(1, STR(1, name))
#define R1 KP_NFT_R1
#define R2 KP_NFT_R2
#define R3 KP_NFT_R3
#define R32(n) (KP_NFT_R32 + (n))

enum { EQ, NEQ, LT, LTE, GT, GTE };
enum { LL, NH, TH };
enum { M_LEN, M_PROTOCOL, M_PRIORITY, M_MARK, M_IIF, M_OIF, M_IIFNAME, M_OIFNAME, M_IIFTYPE, M_OIFTYPE, M_SKUID, M_SKGID, M_NFTRACE,
       M_RTCLASSID, M_SECMARK, M_NFPROTO, M_L4PROTO, M_BRI_IIFNAME, M_BRI_OIFNAME, M_PKTTYPE, M_CPU, M_IIFGROUP, M_OIFGROUP,
       M_CGROUP, M_PRANDOM, M_SECPATH, M_IIFKIND, M_OIFKIND, M_BRI_IIFPVID, M_BRI_IIFVPROTO, M_TIME_NS, M_TIME_DAY, M_TIME_HOUR,
       M_SDIF, M_SDIFNAME, M_BRI_BROUTE };
enum { CT_STATE, CT_DIRECTION, CT_STATUS, CT_MARK, CT_SECMARK, CT_EXPIRATION, CT_HELPER, CT_L3PROTOCOL, CT_SRC, CT_DST, CT_PROTOCOL,
       CT_PROTO_SRC, CT_PROTO_DST, CT_LABELS, CT_PKTS, CT_BYTES, CT_AVGPKT, CT_ZONE, CT_EVENTMASK, CT_SRC_IP, CT_DST_IP, CT_SRC_IP6,
       CT_DST_IP6, CT_ID };
enum { FIB_OIF = 1, FIB_OIFNAME, FIB_TYPE };
enum { F_SADDR = 1, F_DADDR = 2, F_MARK = 4, F_IIF = 8, F_OIF = 16, F_PRESENT = 32 };

#define META_TO(reg, key) EXPR(meta, U32(2, key), U32(1, reg))
#define META(key) META_TO(R1, key)
#define META_SET(key) EXPR(meta, U32(2, key), U32(3, R1))
#define CMP(op, ...) EXPR(cmp, U32(1, R1), U32(2, op), NEST(3, __VA_ARGS__))
#define AND_XOR(mask, xor) EXPR(bitwise, U32(1, R1), U32(2, R1), U32(3, 4), NEST(4, HOST(mask)), NEST(5, HOST(xor)))
#define AND_XOR_BYTES(n, mask, xor) EXPR(bitwise, U32(1, R1), U32(2, R1), U32(3, n), NEST(4, mask), NEST(5, xor))
#define PAYLOAD_TO(reg, base, offset, len) EXPR(payload, U32(1, reg), U32(2, base), U32(3, offset), U32(4, len))
#define PAYLOAD(base, offset, len) PAYLOAD_TO(R1, base, offset, len)
#define PAYLOAD_WRITE(base, offset, len, csum, at) \
	EXPR(payload, U32(5, R1), U32(2, base), U32(3, offset), U32(4, len), U32(6, csum), U32(7, at))
#define IMMEDIATE(reg, ...) EXPR(immediate, U32(1, reg), NEST(2, __VA_ARGS__))
#define VERDICT(code) IMMEDIATE(KP_NFT_VERDICT_REG, VERDICT_DATA(code))
#define TO_CHAIN(code) IMMEDIATE(KP_NFT_VERDICT_REG, CHAIN_DATA(code))
#define LOOKUP(set) EXPR(lookup, U32(2, R1), STR(1, set))
#define LOOKUP_NOT(set) EXPR(lookup, U32(2, R1), STR(1, set), U32(5, 1))
#define LOOKUP_TO(reg, set) EXPR(lookup, U32(2, R1), U32(3, reg), STR(1, set))
#define VMAP(set) LOOKUP_TO(KP_NFT_VERDICT_REG, set)
#define ANONYMOUS(t, name) ATTR(FORMAT, t), KP_NFT_TEXT_##name
#define UNSAID(t, v) ATTR(UNSAID, t), ONE(v)
#define LOOKUP_ANON EXPR(lookup, U32(2, R1), ANONYMOUS(1, anon_set), UNSAID(4, 1))
#define LOOKUP_ANON_TO(reg) EXPR(lookup, U32(2, R1), U32(3, reg), ANONYMOUS(1, anon_map), UNSAID(4, 1))
#define CT(key) EXPR(ct, U32(2, key), U32(1, R1))
#define CT_OF(key, direction) EXPR(ct, U32(2, key), U32(1, R1), U8(3, direction))
#define CT_SET(key) EXPR(ct, U32(2, key), U32(4, R1))
#define FIB(result, flags) EXPR(fib, U32(1, R1), U32(2, result), U32(3, flags))
#define COUNTER EXPR(counter, U64(1, 0), U64(2, 0))
#define LIMIT(rate, unit, burst, type, flags) \
	EXPR(limit, U64(1, rate), U64(2, unit), LONG(3, burst), U32(4, type), U32(5, flags))
#define NAT(type, family, ...) EXPR(nat, U32(1, type), U32(2, family), U32(3, R1) __VA_OPT__(,) __VA_ARGS__)
#define L4(proto) META(M_L4PROTO), CMP(EQ, BYTES(proto))

/* --- messages --- */
#define MSG(msg_type, ...) KP_NFT_MSG | KP_NFT_##msg_type, __VA_ARGS__ __VA_OPT__(,) KP_NFT_END
/* What a row puts: lists of messages. */
#define ARG_OF(family, ...) (const uint8_t[]){ family, __VA_ARGS__ __VA_OPT__(,) KP_NFT_END }
#define SETUP(...) KP_NFT_SETUP, __VA_ARGS__, KP_NFT_END
#define SUBJECT(...) KP_NFT_SUBJECT, __VA_ARGS__, KP_NFT_END
#define GONE(...) KP_NFT_GONE, __VA_ARGS__, KP_NFT_END
#define LEFT(...) KP_NFT_LEFT, __VA_ARGS__, KP_NFT_END

#define CHAIN_NAMED(name, kind, hook, prio, ...) \
	MSG(NEWCHAIN, STR(KP_NFTA_CHAIN_NAME, name), STR(KP_NFTA_CHAIN_TYPE, kind), U32(KP_NFTA_CHAIN_POLICY, KP_NFT_ACCEPT), \
	    NEST(KP_NFTA_CHAIN_HOOK, U32(KP_NFTA_HOOK_NUM, hook), LONG(KP_NFTA_HOOK_PRIORITY, prio) __VA_OPT__(,) __VA_ARGS__))
#define BASE_CHAIN(...) CHAIN_NAMED(kp_base, __VA_ARGS__)
#define CHAIN_TO MSG(NEWCHAIN, STR(KP_NFTA_CHAIN_NAME, kp_to))
enum { PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING, INET_INGRESS };
enum { ARP_INPUT, ARP_OUTPUT };
enum { INGRESS, EGRESS };

#define EXPRESSIONS(...) LIST(KP_NFTA_RULE_EXPRESSIONS, __VA_ARGS__)
#define RULE_MSG(...) MSG(NEWRULE, STR(KP_NFTA_RULE_CHAIN, kp_base), EXPRESSIONS(__VA_ARGS__))

#define SET_MSG(name, ...) MSG(NEWSET, STR(KP_NFTA_NAME, name), __VA_ARGS__)
/* No flags are not given back as none. */
#define SET_FLAGS(v) ((v) ? ATTR(U32, KP_NFTA_SET_FLAGS) : ATTR(UNSAID, KP_NFTA_SET_FLAGS)), ONE(v)
#define SET_OF(name, flags, type, len, ...) \
	SET_MSG(name, SET_FLAGS(flags), LONG(KP_NFTA_SET_KEY_TYPE, type), U32(KP_NFTA_SET_KEY_LEN, len), \
		UNSAID(KP_NFTA_SET_ID, 1) __VA_OPT__(,) __VA_ARGS__)
#define VMAP_OF(name, flags, type, len, ...) \
	SET_OF(name, (flags) | KP_NFT_SET_MAP, type, len, LONG(KP_NFTA_SET_DATA_TYPE, KP_NFT_DATA_VERDICT), \
	       UNSAID(KP_NFTA_SET_DATA_LEN, 0) __VA_OPT__(,) __VA_ARGS__)
#define MAP_OF(name, flags, type, len, to, to_len) \
	SET_OF(name, (flags) | KP_NFT_SET_MAP, type, len, U32(KP_NFTA_SET_DATA_TYPE, to), U32(KP_NFTA_SET_DATA_LEN, to_len))
#define ANON_SET(name, flags, type, len, n, ...) \
	MSG(NEWSET, ANONYMOUS(KP_NFTA_NAME, name), U32(KP_NFTA_SET_FLAGS, (flags) | KP_NFT_SET_ANONYMOUS | KP_NFT_SET_CONSTANT), \
	    LONG(KP_NFTA_SET_KEY_TYPE, type), U32(KP_NFTA_SET_KEY_LEN, len), U32(KP_NFTA_SET_ID, 1), \
	    NEST(KP_NFTA_SET_DESC, U32(KP_NFTA_SET_DESC_SIZE, n)) __VA_OPT__(,) __VA_ARGS__)
#define ELEMENTS(...) BAG(KP_NFTA_ELEMS_ELEMENTS, __VA_ARGS__)
#define ELEMS_MSG(set, ...) MSG(NEWSETELEM, STR(KP_NFTA_ELEMS_SET, set), ELEMENTS(__VA_ARGS__))
#define ANON_ELEMS(set, ...) \
	MSG(NEWSETELEM, ANONYMOUS(KP_NFTA_ELEMS_SET, set), U32(KP_NFTA_ELEMS_SET_ID, 1), ELEMENTS(__VA_ARGS__))
#define ELEM(...) NEST(1, __VA_ARGS__)
#define KEY(...) NEST(KP_NFTA_ELEM_KEY, __VA_ARGS__)
#define KEY_END(...) NEST(KP_NFTA_ELEM_KEY_END, __VA_ARGS__)
#define VALUE(...) NEST(KP_NFTA_ELEM_DATA, __VA_ARGS__)
#define INTERVAL_END U32(KP_NFTA_ELEM_FLAGS, 1)
/* What user space calls the types of keys: nft shows a set by them. */
enum { T_VERDICT = 1, T_PROTO = 12, T_SERVICE = 13, T_MARK = 19, T_INTEGER = 4, T_IFNAME = 41, T_IPV4 = 7, T_IPV6 = 8 };
/* A concatenation is six bits for each of its types. */
#define CONCAT2(a, b) ((a) << 6 | (b))
#define CONCAT3(a, b, c) (CONCAT2(a, b) << 6 | (c))

#define OBJECT(type, name, ...) \
	MSG(NEWOBJ, STR(KP_NFTA_NAME, name), U32(KP_NFTA_OBJ_TYPE, type), NEST(KP_NFTA_OBJ_DATA, __VA_ARGS__))
#define OBJREF(type, name) EXPR(objref, U32(1, type), STR(2, name))
#define FLOWTABLE(...) \
	MSG(NEWFLOWTABLE, STR(KP_NFTA_NAME, kp_flow), \
	    NEST(KP_NFTA_FLOWTABLE_HOOK, U32(KP_NFTA_FLOWTABLE_HOOK_NUM, INGRESS), U32(KP_NFTA_FLOWTABLE_HOOK_PRIORITY, 0) \
		 __VA_OPT__(,) __VA_ARGS__))
/* clang-format on */

#endif
