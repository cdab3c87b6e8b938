/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Tunnels between the two nodes: how each kind is made, and how it comes to know the other node. */
#ifndef KP_PROBES_FLOW_TUNNEL_H
#define KP_PROBES_FLOW_TUNNEL_H

#include "flow_pair.h"

enum kp_path {
	KP_NO_PATH,
	KP_PATH,
	KP_WRONG_NODE, /* near sends it to nobody */
	KP_WRONG_ID,   /* with another network's number, or sealed for another key */
};

struct kp_tunnel {
	const char *kind;
	uint8_t id;        /* of its network, its device, its VNI */
	bool under6, only4; /* over IPv6; carries IPv4 only */
	bool sets;          /* sets the tunnel by a program */
	bool marks;         /* struct kp_pair_shot */
	uint16_t mtu;       /* Calico's, over a wire of KP_WIRE_MTU */
	void (*data)(struct kp_nlbuf *b, const struct kp_tunnel *t, unsigned int node);
	/* Once: what the device needs besides addresses. May be NULL. */
	int (*more)(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node);
	/* In the namespace of @node: the way to the other. Returns 0 or -errno. */
	int (*path)(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what);
};

extern const struct kp_tunnel kp_tunnel_ipip, kp_tunnel_vxlan4, kp_tunnel_vxlan6, kp_tunnel_vxlan_md, kp_tunnel_wg4, kp_tunnel_wg6;

/* Its device at either node. */
int kp_tunnel_if(const struct kp_tunnel *t);

/* The number of its network, of a VXLAN. */
static inline uint32_t kp_tunnel_vni(const struct kp_tunnel *t)
{
	return 4096u + t->id;
}

/* Makes both devices where they are not there yet. Returns 0 or -errno; *step. */
int kp_tunnel_make(struct kp_ctx *ctx, const struct kp_tunnel *t, const char **step);
/* Both ways; only near's is ever wrong. */
int kp_tunnel_path(struct kp_ctx *ctx, const struct kp_tunnel *t, enum kp_path what);

/* --- flow_tunnel_wg.c --- */

int kp_tunnel_wg_more(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node);
int kp_tunnel_wg_path(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what);

/* --- flow_tunnel_bpf.c --- */

int kp_tunnel_md_path(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what);

#endif
