/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Packets that a rule tells to user space: what rows of both tables' families share. */
#ifndef KP_PROBES_FLOW_LOG_H
#define KP_PROBES_FLOW_LOG_H

#include "flow.h"

/* What a step with .see is to be told of its packet; without the object: nothing. */
enum kp_flow_log {
	KP_LOG_PACKET = 1,
	KP_LOG_CONNECTION, /* and its connection */
	KP_LOG_NOTHING,
};

/* Hears log group 1 of the namespace; @conntrack: packets are to come with their connections. False: the row is answered. */
bool kp_flow_log_hear(struct kp_flow *f, bool conntrack);
/* For struct kp_flow_object. */
const char *kp_flow_log_see(struct kp_flow *f, const struct kp_flow_step *s, bool with);

/*
 * Would the kernel write into the host's log what a rule for LOG matches here? Outside the initial network namespace it does not (v3.10,
 * 69b34fb996b2), but where net.netfilter.nf_log_all_netns is set (v4.11, 2851940ffee3).
 */
bool kp_flow_log_reaches_host(struct kp_flow *f);

#endif
