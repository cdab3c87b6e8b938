/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The four families: xt_rows.h, the one table of rows, read for each backend and family. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "families.h"
#include "xt_macros.h"
#include "xtables.h"

/* xt_ipvs is built for IPv4, and for IPv6 where IPVS is: its check says EINVAL for the other (net/netfilter/xt_ipvs.c). */
static const struct kp_rule ipvs_rules[] = {
	{ EINVAL, KP_ABSENT, "xt_ipvs is there, built without IPv6 (CONFIG_IP_VS_IPV6)" },
	{ 0 },
};

#define LEGACY_HOST                                                                                                                \
	"/proc/net/ip*_tables_{names,matches,targets} in every namespace; before v5.15 also the filter table's hooks, before "     \
	"v4.6 "                                                                                                                    \
	"those of every table"

/* What the rows put into the kernel. */
#define XT_READ(args, rows) args
#define XT_46(v4, v6) v4
#include "xt_rows.h"
#undef XT_46
#define XT_46(v4, v6) v6
#include "xt_rows.h"
#undef XT_46
#undef XT_READ

/* The rows. */
#define XT_READ(args, rows) rows

#define XT_LEGACY(legacy, nft) legacy
#define XT_B "legacy"
#define XT_HOST LEGACY_HOST
#define XT_BY(method) &kp_xt_legacy_##method

#define XT_F "ipv4"
#define XT_46(v4, v6) v4
#define XT_TOOL "iptables-legacy"
static const struct kp_probe legacy_ipv4[] = {
#include "xt_rows.h"
};
#undef XT_F
#undef XT_46
#undef XT_TOOL

#define XT_F "ipv6"
#define XT_46(v4, v6) v6
#define XT_TOOL "ip6tables-legacy"
static const struct kp_probe legacy_ipv6[] = {
#include "xt_rows.h"
};
#undef XT_F
#undef XT_46
#undef XT_TOOL

#undef XT_LEGACY
#undef XT_B
#undef XT_HOST
#undef XT_BY

#define XT_LEGACY(legacy, nft) nft
#define XT_B "nft"
#define XT_HOST NULL
#define XT_BY(method) &kp_xt_nft_##method

#define XT_F "ipv4"
#define XT_46(v4, v6) v4
#define XT_TOOL "iptables-nft"
static const struct kp_probe nft_ipv4[] = {
#include "xt_rows.h"
};
#undef XT_F
#undef XT_46
#undef XT_TOOL

#define XT_F "ipv6"
#define XT_46(v4, v6) v6
#define XT_TOOL "ip6tables-nft"
static const struct kp_probe nft_ipv6[] = {
#include "xt_rows.h"
};

/* Where auditing is on: audit_log_nfcfg() for each table or batch that is put, and at the end of the namespaces. */
#define RECORDS                                                                                                                    \
	"x_tables' reason for what it refuses (\"x_tables: …\"); audit records NETFILTER_CFG for the tables and rules that are "   \
	"put"

const struct kp_family kp_family_xt_legacy_ipv4 = {
	.name = "xt.legacy.ipv4",
	.title = "iptables (legacy), IPv4",
	.rows = legacy_ipv4,
	.n_rows = KP_ARRAY_SIZE(legacy_ipv4),
	.records = RECORDS,
};

const struct kp_family kp_family_xt_legacy_ipv6 = {
	.name = "xt.legacy.ipv6",
	.title = "iptables (legacy), IPv6",
	.rows = legacy_ipv6,
	.n_rows = KP_ARRAY_SIZE(legacy_ipv6),
	.records = RECORDS,
};

const struct kp_family kp_family_xt_nft_ipv4 = {
	.name = "xt.nft.ipv4",
	.title = "iptables over nf_tables, IPv4",
	.rows = nft_ipv4,
	.n_rows = KP_ARRAY_SIZE(nft_ipv4),
	.records = RECORDS,
};

const struct kp_family kp_family_xt_nft_ipv6 = {
	.name = "xt.nft.ipv6",
	.title = "iptables over nf_tables, IPv6",
	.rows = nft_ipv6,
	.n_rows = KP_ARRAY_SIZE(nft_ipv6),
	.records = RECORDS,
};
