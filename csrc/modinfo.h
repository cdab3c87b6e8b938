/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Where the modules that rows name are: loaded, built in, a file, or nowhere. Read in the parent, before the first fork. */
#ifndef KP_MODINFO_H
#define KP_MODINFO_H

#include <stdbool.h>
#include <stddef.h>

enum kp_modstate {
	KP_MOD_NOWHERE,    /* neither loaded nor in any index */
	KP_MOD_LOADED,     /* in /proc/modules */
	KP_MOD_BUILTIN,    /* in modules.builtin, or /sys/module/NAME exists and /proc/modules does not name it */
	KP_MOD_FILE,       /* modules.dep names it and the file is there */
	KP_MOD_MISSING,    /* modules.dep names it and the file is not there */
	KP_MOD_UNREADABLE, /* not loaded, and the indexes cannot be read: could be anything */
};

#define KP_MODULES_MAX 512

struct kp_module {
	char name[40];  /* underscores */
	char path[160]; /* FILE, MISSING: the file; else "" */
	enum kp_modstate state;
};

struct kp_modinfo {
	unsigned int n;
	bool modular;          /* /proc/modules exists */
	bool builtin_unreadable; /* modules.builtin could not be read */
	bool dep_unreadable;   /* modules.dep could not be read */
	int builtin_err;       /* errno of that, else 0 */
	int dep_err;
	char dep_dir[160]; /* where modules.dep was read, KP_ROOT in front, a slash behind; of no use with dep_err */
	struct kp_module mod[KP_MODULES_MAX];
};

/* Looks up every module that any row of kp_families names (each once). Fills *@ret; never fails as a whole. */
void kp_modinfo_scan(struct kp_modinfo *ret);

/* NULL when no row names it. Dashes equal underscores. */
const struct kp_module *kp_modinfo_find(const struct kp_modinfo *info, const char *name);

#endif
