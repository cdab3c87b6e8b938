/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What the kernel's configuration says of every CONFIG_ that a row names. It explains a "no" and never decides one. */
#ifndef KP_KCONFIG_H
#define KP_KCONFIG_H

#define KP_KCONFIG_MAX 512

struct kp_config {
	char name[60]; /* with CONFIG_ */
	char value[12]; /* "y", "m", "n" or a number */
};

struct kp_kconfig {
	unsigned int n;
	int err;         /* 0, or the positive errno of the best source when none could be read; the values then mean nothing */
	char source[160];
	struct kp_config config[KP_KCONFIG_MAX];
};

/* Looks up every CONFIG_ that any row of kp_families names (each once), and what else tells of a kernel's BPF. Fills *@ret; never fails as a whole. */
void kp_kconfig_scan(struct kp_kconfig *ret);

#endif
