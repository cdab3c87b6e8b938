/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The flow.bpf family's own. */
#ifndef KP_PROBES_FLOW_BPF_H
#define KP_PROBES_FLOW_BPF_H

#include "attach.h"
#include "flow.h"

/* --- flow_bpf_sock.c, flow_bpf_msg.c --- */

/* What a program of a cgroup does to a socket that wants to go to a service. */
enum kp_flow_sock {
	KP_SOCK_CONNECT,  /* connect(2) goes to a backend */
	KP_SOCK_PEERNAME, /* and its name is told as the service's */
	KP_SOCK_DATAGRAM, /* sendmsg(2) goes to a backend, what comes back is told as the service's */
};

struct kp_flow_sock_arg {
	bool v6;
	uint8_t what; /* enum kp_flow_sock */
	struct att_arg att; /* what attach_cgroup.c is to know */
};

extern const struct kp_method kp_flow_by_cgroup;  /* struct kp_flow_sock_arg */
extern const struct kp_method kp_flow_by_sockets; /* nothing */

#endif
