/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Generic netlink: families by name. */
#ifndef KP_GENL_H
#define KP_GENL_H

#include "netlink.h"

/* Id of the generic netlink family @name, or -errno (-ENOENT: there is none; the kernel may load a module for it first). */
int kp_genl_family(struct kp_ctx *ctx, int genl, const char *name);

/* Opens a request to family @id in @b. */
void kp_genl_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, int id, uint8_t cmd, uint8_t version, uint16_t flags);

#endif
