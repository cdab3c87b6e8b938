/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The families, each defined in a file of this folder and listed in collect.c. */
#ifndef KP_FAMILIES_H
#define KP_FAMILIES_H

#include "../probe.h"

extern const struct kp_family kp_family_ns;
extern const struct kp_family kp_family_link;
extern const struct kp_family kp_family_wireguard;
extern const struct kp_family kp_family_route;
extern const struct kp_family kp_family_ipset;
extern const struct kp_family kp_family_bpf_btf;
extern const struct kp_family kp_family_bpf_prog;
extern const struct kp_family kp_family_bpf_map;
extern const struct kp_family kp_family_bpf_insn;
extern const struct kp_family kp_family_bpf_helper;
extern const struct kp_family kp_family_bpf;
extern const struct kp_family kp_family_xt_legacy_ipv4;
extern const struct kp_family kp_family_xt_legacy_ipv6;
extern const struct kp_family kp_family_xt_nft_ipv4;
extern const struct kp_family kp_family_xt_nft_ipv6;
extern const struct kp_family kp_family_nft;
extern const struct kp_family kp_family_conntrack;
extern const struct kp_family kp_family_sysctl;
extern const struct kp_family kp_family_ipvs;
extern const struct kp_family kp_family_socket;
extern const struct kp_family kp_family_nflog;
extern const struct kp_family kp_family_nfqueue;
extern const struct kp_family kp_family_tc;
extern const struct kp_family kp_family_attach;
extern const struct kp_family kp_family_flow;
extern const struct kp_family kp_family_flow_xt;
extern const struct kp_family kp_family_flow_nft;
extern const struct kp_family kp_family_flow_tunnel;
extern const struct kp_family kp_family_flow_route;
extern const struct kp_family kp_family_flow_ipvs;
extern const struct kp_family kp_family_flow_bpf;
extern const struct kp_family kp_family_flow_ct;
/* Only in the test build. */
extern const struct kp_family kp_family_selftest;
extern const struct kp_family kp_family_selftest_void;
extern const struct kp_family kp_family_selftest_doubt;

#endif
