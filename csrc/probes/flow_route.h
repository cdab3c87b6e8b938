/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The flow.route family's own. */
#ifndef KP_PROBES_FLOW_ROUTE_H
#define KP_PROBES_FLOW_ROUTE_H

#include "flow.h"

/* --- flow_route_count.c, flow_route_frame.c --- */

extern const struct kp_method kp_flow_by_ecmp;      /* bool: IPv6 */
extern const struct kp_method kp_flow_by_tbf;       /* nothing */
extern const struct kp_method kp_flow_by_arp;       /* nothing */
extern const struct kp_method kp_flow_by_localnet;  /* nothing */

#endif
