/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A pair of devices with an address at either end, the other end in a network namespace of its own: a pod's. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "../link.h"
#include "attach.h"

enum {
	ATT_PEER_INFO = 1, /* VETH_INFO_PEER and IFLA_NETKIT_PEER_INFO alike */
	ATT_NETKIT_MODE = 5,
	ATT_NETKIT_L2 = 0,
	ATT_NET_NS_FD = 28,
};

#define HERE "kphere0"
#define THERE "kpthere0"

static const unsigned char mac_here[6] = { 2, 0, 0, 0, 7, 1 }, mac_there[6] = { 2, 0, 0, 0, 7, 2 };
static const unsigned char here4[4] = { 10, 111, 7, 1 }, there4[4] = { 10, 111, 7, 2 };

static int make_pair(struct kp_ctx *ctx, int rtnl, bool netkit, int ns)
{
	/*
	 * Two indices, each given: that a device is one end of a pair is told by its index being another than its peer's, and where
	 * they are the same it waits up to a second for its carrier (net/core/link_watch.c, linkwatch_urgent_event()).
	 */
	const struct ifinfomsg near = { .ifi_index = 71 }, far = { .ifi_index = 72 };
	size_t info, data, peer;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &near, sizeof(near));
	kp_nl_str(&b, IFLA_IFNAME, HERE);
	kp_nl_put(&b, IFLA_ADDRESS, mac_here, sizeof(mac_here));
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, netkit ? "netkit" : "veth");
	data = kp_nl_nest(&b, IFLA_INFO_DATA);
	if (netkit)
		kp_nl_u32(&b, ATT_NETKIT_MODE, ATT_NETKIT_L2);
	peer = kp_nl_nest(&b, ATT_PEER_INFO);
	kp_nl_raw(&b, &far, sizeof(far));
	kp_nl_str(&b, IFLA_IFNAME, THERE);
	kp_nl_put(&b, IFLA_ADDRESS, mac_there, sizeof(mac_there));
	kp_nl_u32(&b, ATT_NET_NS_FD, (uint32_t)ns);
	kp_nl_end(&b, peer);
	kp_nl_end(&b, data);
	kp_nl_end(&b, info);
	return kp_nl_talk(ctx, rtnl, &b);
}

/* The other end's address, known beforehand: an ARP request that is lost while there is no carrier is repeated after a second. */
static int know(struct kp_ctx *ctx, int rtnl, int index, bool here)
{
	const struct ndmsg nd = { .ndm_family = AF_INET, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, &nd, sizeof(nd));
	kp_nl_put(&b, NDA_DST, here ? there4 : here4, 4);
	kp_nl_put(&b, NDA_LLADDR, here ? mac_there : mac_here, 6);
	return kp_nl_talk(ctx, rtnl, &b);
}

/* In the current namespace: the device up, its address, and a socket there. Returns the socket or -errno. */
static int furnish(struct att *a, bool here, uint16_t port, int *ret_index)
{
	const unsigned char *addr = here ? here4 : there4;
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(a->ctx, &ignored, NETLINK_ROUTE), rc;

	a->step = "set up an end of the pair";
	if (rtnl < 0)
		return rtnl;
	*ret_index = kp_link_index(a->ctx, rtnl, here ? HERE : THERE);
	rc = *ret_index < 0 ? *ret_index : kp_link_up(a->ctx, rtnl, *ret_index, true);
	if (!rc)
		rc = kp_addr_add(a->ctx, rtnl, *ret_index, AF_INET, addr, 30);
	if (!rc)
		rc = know(a->ctx, rtnl, *ret_index, here);
	return rc ? rc : att_udp(a, addr, port);
}

static int other_namespace(struct att *a)
{
	int there;

	a->step = "unshare network namespace";
	kp_nl_close(a->ctx);
	if (unshare(CLONE_NEWNET))
		return -errno;
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return there < 0 ? -errno : there;
}

static int go(struct att *a, int ns)
{
	a->step = "setns";
	kp_nl_close(a->ctx); /* sockets stay where they were opened */
	return setns(ns, CLONE_NEWNET) ? -errno : 0;
}

int att_wire(struct att *a)
{
	bool netkit = a->arg->place != ATT_AT_VETH, out = a->arg->place == ATT_AT_NETKIT;
	kp_autoclose here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	kp_autoclose there = here < 0 ? -errno : other_namespace(a);
	struct kp_result ignored = { 0 };
	int rtnl, rc, index, end_here, end_there;

	if (here < 0 || there < 0)
		return here < 0 ? -EBADF : there;
	rc = go(a, here);
	rtnl = rc ? rc : kp_nl_socket(a->ctx, &ignored, NETLINK_ROUTE);
	a->step = "RTM_NEWLINK of the pair";
	rc = rtnl < 0 ? rtnl : make_pair(a->ctx, rtnl, netkit, there);
	if (rc)
		return rc;
	end_here = furnish(a, true, out ? ATT_PORT3 : ATT_PORT1, &a->target);
	if (end_here < 0)
		return end_here;
	a->tx = out ? end_here : -1;
	a->rx[0] = out ? -1 : end_here;
	rc = go(a, there);
	if (rc)
		return rc;
	end_there = furnish(a, false, out ? ATT_PORT1 : ATT_PORT3, &index);
	*(out ? &a->rx[0] : &a->tx) = end_there < 0 ? -1 : end_there;
	att_to(a, out ? there4 : here4, ATT_PORT1);
	rc = go(a, here);
	return end_there < 0 ? end_there : rc;
}
