/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Sysctls: what of them is namespaced and may be written, and what is the host's and only read. */
#ifndef KP_PROBES_SYSCTL_H
#define KP_PROBES_SYSCTL_H

#include "../probe.h"

/*
 * A file below /proc/sys. It is written only where both @a and @b are set, which says: in every kernel since v3.10 the file that a
 * process sees is that of its own network namespace. Where there is any doubt (nf_conntrack_max points at the host's value from
 * every namespace before v5.11), they are NULL and the file is only read.
 */
struct kp_sysctl {
	const char *path; /* net/ipv4/ip_forward */
	const char *a;    /* two values that are valid on every kernel; the one that it has not is written */
	const char *b;
};

extern const struct kp_method kp_sysctl_by_write; /* struct kp_sysctl with @a and @b */
extern const struct kp_method kp_sysctl_by_read;  /* struct kp_sysctl */

/*
 * The host's values that Felix, kube-proxy or the CNI plug-in reads or sets, as paths below /proc/sys, for the facts: the parent
 * reads them, who is still in the host's network namespace. Some are not even visible from another one (net/core/bpf_jit_harden).
 */
#define KP_SYSCTL_HOST                                                                                                             \
	"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter",   \
		"net/ipv4/conf/all/src_valid_mark", "net/ipv4/ipfrag_time", "net/ipv6/conf/all/disable_ipv6",                      \
		"net/ipv6/conf/default/disable_ipv6", "net/netfilter/nf_conntrack_acct", "net/netfilter/nf_conntrack_max",         \
		"net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_tcp_be_liberal",                                   \
		"net/netfilter/nf_conntrack_tcp_timeout_syn_sent", "net/netfilter/nf_conntrack_tcp_timeout_established",           \
		"net/netfilter/nf_conntrack_tcp_timeout_time_wait", "net/netfilter/nf_conntrack_generic_timeout",                  \
		"net/netfilter/nf_conntrack_icmp_timeout", "net/ipv4/vs/conntrack", "net/ipv4/vs/conn_reuse_mode",                 \
		"net/ipv4/vs/expire_nodest_conn", "net/ipv4/vs/expire_quiescent_template", "net/core/bpf_jit_enable",              \
		"net/core/bpf_jit_harden", "kernel/unprivileged_bpf_disabled", "net/bridge/bridge-nf-call-iptables",               \
		"net/bridge/bridge-nf-call-ip6tables"

#endif
