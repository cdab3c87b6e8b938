/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The positive control of families whose own part of netlink may rightly be missing. */
#ifndef KP_PROBES_CONTROL_H
#define KP_PROBES_CONTROL_H

#include "../probe.h"

/*
 * Requests of the same shape to rtnetlink, which every kernel has: they prove what an `absent` of such a family rests on, which is
 * sending, errors and answers.
 */
extern const struct kp_method kp_control_rtnetlink;

#endif
