/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The x_tables wire formats, continued: targets. */
#ifndef KP_XT_ABI_TG_H
#define KP_XT_ABI_TG_H

#include "xt_abi.h"

struct kp_xt_mark_tg2 {
	uint32_t mark, mask;
};

struct kp_xt_connmark_tg1 {
	uint32_t ctmark, ctmask, nfmask;
	uint8_t mode;
};

enum { KP_CONNMARK_SET, KP_CONNMARK_SAVE, KP_CONNMARK_RESTORE };

struct kp_xt_connmark_tg2 {
	uint32_t ctmark, ctmask, nfmask;
	uint8_t shift_dir, shift_bits, mode;
};
_Static_assert(sizeof(struct kp_xt_connmark_tg2) == 16, "layout");

struct kp_xt_reject {
	uint32_t with;
};
#define KP_IPT_PORT_UNREACHABLE 3
#define KP_IPT_TCP_RESET 7
#define KP_IP6T_PORT_UNREACH 4
#define KP_IP6T_TCP_RESET 6

struct kp_xt_ct0 {
	uint16_t flags, zone;
	uint32_t ct_events, exp_events;
	char helper[16];
	_Alignas(8) void *kernel;
};

struct kp_xt_ct1 { /* and 2 */
	uint16_t flags, zone;
	uint32_t ct_events, exp_events;
	char helper[16], timeout[32];
	_Alignas(8) void *kernel;
};
_Static_assert(sizeof(struct kp_xt_ct0) == 40 && sizeof(struct kp_xt_ct1) == 72, "layout");
#define KP_CT_NOTRACK 1
#define KP_CT_NOTRACK_ALIAS 2 /* so that iptables lists it as NOTRACK; revision 2 on */

struct kp_xt_log {
	uint8_t level, flags;
	char prefix[30];
};

struct kp_xt_nflog {
	uint32_t len;
	uint16_t group, threshold, flags, pad;
	char prefix[64];
};
_Static_assert(sizeof(struct kp_xt_nflog) == 76, "layout");
#define KP_NFLOG_COPY_LEN 1

struct kp_xt_dscp {
	uint8_t dscp;
};

/* NAT: IPv4's own old form, the one for both families, and v4.18's with a base port (2eb0f624b709). */
struct kp_nat_ipv4 {
	uint32_t rangesize, flags, min_ip, max_ip;
	uint16_t min, max; /* network order */
};
_Static_assert(sizeof(struct kp_nat_ipv4) == 20, "layout");

struct kp_nat_range {
	uint32_t flags;
	union kp_inet_addr min_addr, max_addr;
	uint16_t min, max;
};
_Static_assert(sizeof(struct kp_nat_range) == 40, "layout");

struct kp_nat_range2 {
	uint32_t flags;
	union kp_inet_addr min_addr, max_addr;
	uint16_t min, max, base;
};
_Static_assert(sizeof(struct kp_nat_range2) == 44, "layout");
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define KP_BE16(n) ((uint16_t)((n) >> 8 | ((n) & 0xff) << 8))
#define KP_BE32(n) ((uint32_t)(n) >> 24 | ((n) >> 8 & 0xff00) | ((n) & 0xff00) << 8 | ((n) & 0xffu) << 24)
#else
#define KP_BE16(n) (n)
#define KP_BE32(n) (n)
#endif
#define KP_NAT_IPS 1
#define KP_NAT_PORTS 2
#define KP_NAT_RANDOM_FULLY 16 /* v3.14, 34ce324019e7 */

struct kp_xt_tproxy0 {
	uint32_t mark_mask, mark_value, address;
	uint16_t port; /* network order */
};

struct kp_xt_tproxy1 {
	uint32_t mark_mask, mark_value;
	union kp_inet_addr address;
	uint16_t port;
};
_Static_assert(sizeof(struct kp_xt_tproxy0) == 16 && sizeof(struct kp_xt_tproxy1) == 28, "layout");

struct kp_xt_tcpmss {
	uint16_t mss;
};

struct kp_xt_checksum {
	uint8_t operation;
};
#define KP_CHECKSUM_FILL 1

#endif
