/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A legacy table as it is handed to the kernel: built in memory, and compared with what the kernel gives back. */
#ifndef KP_XT_IMAGE_H
#define KP_XT_IMAGE_H

#include "xtables.h"

#define KP_XT_IMAGE 4096

struct kp_xt_image {
	struct kp_xt_replace head; /* head.size: bytes used of entries */
	_Alignas(struct kp_xt_counters) unsigned char entries[KP_XT_IMAGE];
	bool overflow;
};

/* Room behind the header of IPT_SO_GET_ENTRIES, whose entries stand at an offset of 40 (of 36 on 32-bit x86). */
struct kp_xt_readback {
	struct kp_xt_get_entries head;
	_Alignas(struct kp_xt_counters) unsigned char entries[KP_XT_IMAGE];
};

/*
 * The whole table with @valid_hooks, every policy ACCEPT, and @rule with @part at the top of its chain; @part NULL: no rule. @also: the
 * part of rule->also, if there is one.
 */
void kp_xt_image_build(struct kp_xt_image *im, const struct kp_xt_rule *rule, const struct kp_xt_part *part,
		       const struct kp_xt_part *also, uint32_t valid_hooks);

/*
 * Are @size bytes of @entries, from the kernel, the image's? What is the kernel's own (counters, back pointers, its pointers in and
 * behind the extensions' data) is set to zero in both before.
 */
bool kp_xt_image_equal(struct kp_xt_image *im, unsigned char *entries, size_t size, const struct kp_xt_rule *rule,
		       const struct kp_xt_part *part);

#endif
