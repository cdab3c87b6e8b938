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

#endif
