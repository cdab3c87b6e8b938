/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The x_tables, ipset and nft_compat wire formats that the xt rows fill, written down by us: build hosts with the headers of 3.10
 * have no nf_tables at all, newer revisions are missing there, and the uppercase headers are missing where file names fold case.
 * Kernel pointers at the tail of a structure are "kernel" here and never compared. Sizes are asserted, as 64-bit kernels have them;
 * those of 32-bit kernels, which differ by longs and pointers, and on x86 by where 64-bit numbers may stand, behind them.
 */
#ifndef KP_XT_ABI_H
#define KP_XT_ABI_H

#include <stddef.h>
#include <stdint.h>

/* What a structure is as large as: on 64-bit kernels, on 32-bit ones, and on x86's, where a uint64_t stands at any 4 bytes. */
#if UINTPTR_MAX > UINT32_MAX
#define KP_XT_SIZE(type, wide, narrow, x86) _Static_assert(sizeof(type) == (wide), "layout")
#elif defined(__i386__)
#define KP_XT_SIZE(type, wide, narrow, x86) _Static_assert(sizeof(type) == (x86), "layout")
#else
#define KP_XT_SIZE(type, wide, narrow, x86) _Static_assert(sizeof(type) == (narrow), "layout")
#endif

/* Socket options of ip_tables (level IPPROTO_IP) and ip6_tables (level IPPROTO_IPV6). */
#define KP_XT_SO_SET_REPLACE 64
#define KP_XT_SO_GET_INFO 64
#define KP_XT_SO_GET_ENTRIES 65
#define KP_IPT_SO_GET_REVISION_MATCH 66
#define KP_IP6T_SO_GET_REVISION_MATCH 68 /* 66 and 67 were taken by IPV6_RECVTCLASS and IPV6_TCLASS */
/* ..._TARGET is ..._MATCH + 1 */

#define KP_XT_NAME 29
#define KP_XT_HOOKS 5
#define KP_XT_ALIGN(n) (((n) + _Alignof(struct kp_xt_counters) - 1) & ~(_Alignof(struct kp_xt_counters) - 1))

struct kp_xt_get_revision {
	char name[KP_XT_NAME];
	uint8_t revision;
};

struct kp_xt_info {
	char table[32];
	uint32_t valid_hooks, hook_entry[KP_XT_HOOKS], underflow[KP_XT_HOOKS], num_entries, size;
};
_Static_assert(sizeof(struct kp_xt_info) == 84, "layout");

struct kp_xt_counters {
	uint64_t packets, bytes;
};

struct kp_xt_replace {
	_Alignas(struct kp_xt_counters) char table[32]; /* as entries are, which follow */
	uint32_t valid_hooks, num_entries, size, hook_entry[KP_XT_HOOKS], underflow[KP_XT_HOOKS];
	uint32_t num_counters; /* must be the number of entries that are there now */
	struct kp_xt_counters *counters;
};
KP_XT_SIZE(struct kp_xt_replace, 96, 96, 92);

struct kp_xt_get_entries {
	char table[32];
	_Alignas(struct kp_xt_counters) uint32_t size;
};
KP_XT_SIZE(struct kp_xt_get_entries, 40, 40, 36);

struct kp_ipt_entry {
	uint8_t addresses[16];
	char iniface[16], outiface[16];
	uint8_t iniface_mask[16], outiface_mask[16];
	uint16_t proto;
	uint8_t flags, invflags;
	uint32_t nfcache;
	uint16_t target_offset, next_offset;
	uint32_t comefrom;
	struct kp_xt_counters counters;
};
_Static_assert(sizeof(struct kp_ipt_entry) == 112, "layout");
#define KP_IPT_F_GOTO 0x02

struct kp_ip6t_entry {
	uint8_t addresses[64];
	char iniface[16], outiface[16];
	uint8_t iniface_mask[16], outiface_mask[16];
	uint16_t proto;
	uint8_t tos, flags, invflags;
	uint32_t nfcache;
	uint16_t target_offset, next_offset;
	uint32_t comefrom;
	struct kp_xt_counters counters;
};
KP_XT_SIZE(struct kp_ip6t_entry, 168, 168, 164);
#define KP_IP6T_F_PROTO 0x01
#define KP_IP6T_F_GOTO 0x04

/* Heads a match or a target; its data follow. */
struct kp_xt_ext {
	uint16_t size;
	char name[KP_XT_NAME];
	uint8_t revision;
};
_Static_assert(sizeof(struct kp_xt_ext) == 32, "layout");

#define KP_XT_DROP (-1)
#define KP_XT_ACCEPT (-2)
#define KP_XT_RETURN (-5)

union kp_inet_addr {
	uint32_t all[4];
	uint8_t bytes[16];
};

/* Matches. */
struct kp_xt_comment {
	char comment[256];
};

struct kp_xt_mark_mt1 {
	uint32_t mark, mask;
	uint8_t invert;
};

struct kp_xt_set_info {
	uint16_t index;
	uint8_t dim, flags;
};
#define KP_IPSET_SRC(dim) (1u << (dim)) /* of dimension 1, 2, … */

struct kp_xt_set_mt0 {
	uint16_t index;
	uint32_t words[6]; /* 1 source, 2 destination, for each dimension; the kernel reads them into what follows */
	uint32_t kernel;
};
_Static_assert(sizeof(struct kp_xt_set_mt0) == 32, "layout");

struct kp_xt_set_mt1 { /* and 2 */
	struct kp_xt_set_info set;
};

struct kp_xt_set_mt3 {
	struct kp_xt_set_info set;
	struct {
		uint8_t op;
		uint64_t value;
	} packets, bytes;
	uint32_t flags;
};
KP_XT_SIZE(struct kp_xt_set_mt3, 48, 48, 32);

struct kp_xt_set_mt4 {
	struct kp_xt_set_info set;
	struct {
		_Alignas(8) uint64_t value;
		uint8_t op;
	} packets, bytes;
	uint32_t flags;
};
_Static_assert(sizeof(struct kp_xt_set_mt4) == 48, "layout");

struct kp_xt_multiport1 {
	uint8_t flags, count; /* 0 source, 1 destination, 2 either */
	uint16_t ports[15];
	uint8_t range[15]; /* 1: this and the next port are a range */
	uint8_t invert;
};
_Static_assert(sizeof(struct kp_xt_multiport1) == 48, "layout");

struct kp_xt_tcp {
	uint16_t spts[2], dpts[2];
	uint8_t option, flg_mask, flg_cmp, invflags;
};

struct kp_xt_udp {
	uint16_t spts[2], dpts[2];
	uint8_t invflags;
};

struct kp_xt_sctp {
	uint16_t dpts[2], spts[2];
	uint32_t chunkmap[64], chunk_match_type; /* the kernel divides by the bytes of a word, not its bits */
	uint8_t flag_info[4][3];
	int32_t flag_count;
	uint32_t flags, invflags;
};
_Static_assert(sizeof(struct kp_xt_sctp) == 292, "layout");
#define KP_XT_SCTP_DEST_PORTS 2

struct kp_xt_icmp {
	uint8_t type, code[2], invflags;
};

struct kp_xt_conntrack1 {
	union kp_inet_addr addr[8];
	uint32_t expires_min, expires_max;
	uint16_t l4proto, ports[4], match_flags, invert_flags;
	uint8_t state_mask, status_mask;
};
_Static_assert(sizeof(struct kp_xt_conntrack1) == 152, "layout");

struct kp_xt_conntrack2 {
	union kp_inet_addr addr[8];
	uint32_t expires_min, expires_max;
	uint16_t l4proto, ports[4], match_flags, invert_flags, state_mask, status_mask;
};
_Static_assert(sizeof(struct kp_xt_conntrack2) == 156, "layout");

struct kp_xt_conntrack3 {
	union kp_inet_addr addr[8];
	uint32_t expires_min, expires_max;
	uint16_t l4proto, ports[4], match_flags, invert_flags, state_mask, status_mask, ports_high[4];
};
_Static_assert(sizeof(struct kp_xt_conntrack3) == 164, "layout");
#define KP_CT_STATE 1u /* match_flags */
#define KP_CT_ORIGDST 8u
#define KP_CT_INVALID 1u /* state_mask */
#define KP_CT_ESTABLISHED (1u << 1)
#define KP_CT_RELATED (1u << 2)
#define KP_CT_NEW (1u << 3)
#define KP_CT_DNAT (1u << 7) /* 1 << (IP_CT_NUMBER + 2) */
#define KP_CT_UNTRACKED (1u << 8)

struct kp_xt_rpfilter {
	uint8_t flags;
};
#define KP_RPF_VALIDMARK 2
#define KP_RPF_INVERT 8

struct kp_xt_addrtype0 {
	uint16_t source, dest;
	uint32_t invert_source, invert_dest;
};

struct kp_xt_addrtype1 {
	uint16_t source, dest;
	uint32_t flags;
};
#define KP_ADDR_LOCAL (1u << 2) /* 1 << RTN_LOCAL */
#define KP_ADDR_INVERT_SOURCE 1u
#define KP_ADDR_LIMIT_IFACE_OUT 8u

struct kp_xt_limit {
	uint32_t avg, burst;
	unsigned long kernel;
	uint32_t credit, credit_cap, cost;
	void *master;
};
KP_XT_SIZE(struct kp_xt_limit, 40, 28, 28);

struct kp_xt_connlimit1 {
	union kp_inet_addr mask;
	uint32_t limit, flags;
	_Alignas(8) void *kernel;
};
_Static_assert(sizeof(struct kp_xt_connlimit1) == 32, "layout");

struct kp_xt_ipvs {
	union kp_inet_addr vaddr, vmask;
	uint16_t vport;
	uint8_t l4proto, fwd_method;
	uint16_t vportctl;
	uint8_t invert, bitmask;
};
_Static_assert(sizeof(struct kp_xt_ipvs) == 40, "layout");

struct kp_xt_statistic {
	uint16_t mode, flags;
	uint32_t probability, packet, count;
	_Alignas(8) void *kernel;
};
_Static_assert(sizeof(struct kp_xt_statistic) == 24, "layout");

struct kp_xt_recent0 {
	uint32_t seconds, hit_count;
	uint8_t check_set, invert;
	char name[200];
	uint8_t side;
};

struct kp_xt_recent1 {
	uint32_t seconds, hit_count;
	uint8_t check_set, invert;
	char name[200];
	uint8_t side;
	union kp_inet_addr mask;
};
_Static_assert(sizeof(struct kp_xt_recent0) == 212 && sizeof(struct kp_xt_recent1) == 228, "layout");
#define KP_RECENT_CHECK 1
#define KP_RECENT_REAP 32

struct kp_xt_physdev {
	char in[16], in_mask[16], out[16], out_mask[16];
	uint8_t invert, bitmask;
};
#define KP_PHYSDEV_ISIN 8

struct kp_xt_nfacct0 {
	char name[32];
	void *kernel;
};

struct kp_xt_nfacct1 { /* differs on 32-bit only */
	char name[32];
	_Alignas(8) void *kernel;
};
KP_XT_SIZE(struct kp_xt_nfacct0, 40, 36, 36);
_Static_assert(sizeof(struct kp_xt_nfacct1) == 40, "layout");

struct kp_xt_socket { /* 1, 2 and 3; 0 has no data */
	uint8_t flags;
};
#define KP_SOCKET_TRANSPARENT 1
#define KP_SOCKET_NOWILDCARD 2 /* revision 2 on */

struct kp_xt_owner {
	uint32_t uid_min, uid_max, gid_min, gid_max;
	uint8_t match, invert;
};
_Static_assert(sizeof(struct kp_xt_owner) == 20, "layout");
#define KP_OWNER_UID 1

struct kp_xt_policy {
	struct {
		union kp_inet_addr saddr, smask, daddr, dmask;
		uint32_t spi, reqid;
		uint8_t proto, mode, match, invert;
	} pol[4];
	uint16_t flags, len; /* len: how many of pol are asked for */
};
_Static_assert(sizeof(struct kp_xt_policy) == 308, "layout");
#define KP_POLICY_IN 1
#define KP_POLICY_NONE 4

#endif
