/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A pair of devices with an address at either end, the other end in a network namespace of its own: a pod's. */
#include <errno.h>

#include "../link.h"
#include "../place.h"
#include "attach.h"

static const struct kp_end near = { .name = "kphere0", .index = 71, .mac = { 2, 0, 0, 0, 7, 1 } };
static const struct kp_end far = { .name = "kpthere0", .index = 72, .mac = { 2, 0, 0, 0, 7, 2 } };
static const unsigned char here4[4] = { 10, 111, 7, 1 }, there4[4] = { 10, 111, 7, 2 };

/* In the current namespace: the device up, its address, and a socket there. Returns the socket or -errno. */
static int furnish(struct att *a, bool here, uint16_t port)
{
	const struct kp_end *end = here ? &near : &far, *other = here ? &far : &near;
	const unsigned char *addr = here ? here4 : there4;
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(a->ctx, &ignored, NETLINK_ROUTE), rc;

	a->step = "set up an end of the pair";
	if (rtnl < 0)
		return rtnl;
	rc = kp_link_up(a->ctx, rtnl, end->index, true);
	if (!rc)
		rc = kp_addr_add(a->ctx, rtnl, end->index, AF_INET, addr, 30);
	if (!rc) /* known beforehand: an ARP request that is lost while there is no carrier is repeated after a second */
		rc = kp_neigh_add(a->ctx, rtnl, end->index, AF_INET, here ? there4 : here4, other->mac);
	return rc ? rc : att_udp(a, addr, port);
}

int att_wire(struct att *a)
{
	bool netkit = a->arg->place != ATT_AT_VETH, out = a->arg->place == ATT_AT_NETKIT;
	kp_autoclose here = kp_place_here();
	kp_autoclose there = here < 0 ? here : kp_place_new(a->ctx);
	struct kp_result ignored = { 0 };
	int rtnl, rc, end_here, end_there;

	a->step = "unshare network namespace";
	if (there < 0)
		return there;
	a->step = "setns";
	rc = kp_place_go(a->ctx, here);
	rtnl = rc ? rc : kp_nl_socket(a->ctx, &ignored, NETLINK_ROUTE);
	a->step = "RTM_NEWLINK of the pair";
	rc = rtnl < 0 ? rtnl : kp_pair_add(a->ctx, rtnl, netkit, &near, &far, there);
	if (rc)
		return rc;
	end_here = furnish(a, true, out ? ATT_PORT3 : ATT_PORT1);
	a->target = near.index;
	if (end_here < 0)
		return end_here;
	a->tx = out ? end_here : -1;
	a->rx[0] = out ? -1 : end_here;
	a->step = "setns";
	rc = kp_place_go(a->ctx, there);
	if (rc)
		return rc;
	end_there = furnish(a, false, out ? ATT_PORT1 : ATT_PORT3);
	*(out ? &a->rx[0] : &a->tx) = end_there < 0 ? -1 : end_there;
	att_to(a, out ? there4 : here4, ATT_PORT1);
	a->step = end_there < 0 ? a->step : "setns";
	rc = kp_place_go(a->ctx, here);
	return end_there < 0 ? end_there : rc;
}
