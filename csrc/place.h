/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Network namespaces of a worker's own besides the one it lives in, and staying on one processor. */
#ifndef KP_PLACE_H
#define KP_PLACE_H

#include "probe.h"

/* A descriptor of the namespace the worker is in, or -errno. */
int kp_place_here(void);
/* Makes a namespace and goes there. Returns its descriptor or -errno. Netlink sockets of the worker are closed. */
int kp_place_new(struct kp_ctx *ctx);
/* Goes to a namespace. Sockets stay where they were opened; those for netlink are closed. Returns 0 or -errno. */
int kp_place_go(struct kp_ctx *ctx, int place);

/*
 * Keeps the worker on one processor: packets over devices without queues are put into the backlog of the processor that sends them,
 * and come in the order in which they were sent as long as that is one. Dies with the worker.
 */
void kp_place_pin(void);

#endif
