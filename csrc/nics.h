/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Facts about the node's real network devices: the veths of probes say nothing of them. */
#ifndef KP_NICS_H
#define KP_NICS_H

#include "evidence.h"

/*
 * Writes node.nics, of the caller's network namespace: name → driver, MTU, offloads, XDP features. Reads only: makes nothing, sets nothing,
 * and asks for no module. Runs in the parent, before the first fork.
 */
void kp_nics(struct kp_out *o, const struct kp_env *env);

#endif
