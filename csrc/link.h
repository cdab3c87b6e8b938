/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Links, addresses and the loopback in the worker's namespace: what more than one family needs. */
#ifndef KP_LINK_H
#define KP_LINK_H

#include "netlink.h"

/* ifindex of @name in the worker's namespace by RTM_GETLINK (never by ioctl, which may load netdev-NAME), or -errno. */
int kp_link_index(struct kp_ctx *ctx, int rtnl, const char *name);

/* Sets or clears IFF_UP. Returns 0 or -errno. */
int kp_link_up(struct kp_ctx *ctx, int rtnl, int ifindex, bool up);

/* Adds an address without duplicate address detection. @family AF_INET or AF_INET6. Returns 0 or -errno. */
int kp_addr_add(struct kp_ctx *ctx, int rtnl, int ifindex, int family, const void *addr, unsigned int prefixlen);

/*
 * Waits, for at most 2 s, until packets to the namespace's own IPv6 address @addr are its own: the route that says so is put in by a work
 * queue (net/ipv6/addrconf.c, addrconf_dad_work()), even without detection of duplicates. Returns 0 or -errno.
 */
int kp_addr6_await(struct kp_ctx *ctx, int rtnl, const void *addr);

/* One end of a pair of devices. Give the two different indices: kp_pair_add(). */
struct kp_end {
	const char *name;
	int index;
	unsigned char mac[6];
};

/*
 * Makes a veth or netkit (L2) pair with @near in the worker's namespace and @far in that of the descriptor @ns. Returns 0 or -errno.
 *
 * That a device is one end of a pair is told by its index being another than its peer's, and where they are the same it waits up to
 * a second for its carrier (net/core/link_watch.c, linkwatch_urgent_event()).
 */
int kp_pair_add(struct kp_ctx *ctx, int rtnl, bool netkit, const struct kp_end *near, const struct kp_end *far, int ns);

/* Adds a permanent neighbour, so that nothing is asked for and lost. Returns 0 or -errno. */
int kp_neigh_add(struct kp_ctx *ctx, int rtnl, int ifindex, int family, const void *addr, const unsigned char *mac);

/* Makes a veth pair @name / @peer in the worker's namespace. Returns the ifindex of @name or -errno. */
int kp_veth_add(struct kp_ctx *ctx, int rtnl, const char *name, const char *peer);

#endif
