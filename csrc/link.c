/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "link.h"

enum {
	KP_PEER_INFO = 1, /* VETH_INFO_PEER and IFLA_NETKIT_PEER_INFO alike */
	KP_NETKIT_MODE = 5,
	KP_NETKIT_L2 = 0,
	KP_NET_NS_FD = 28,
};
#define KP_IFA_FLAGS 8 /* v3.14, 479840ffdbe4; unknown attributes are passed over before */
#define KP_IFA_F_NODAD 0x02

static bool take_index(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(msg);

	if (msg->nlmsg_type == RTM_NEWLINK)
		*(int *)arg = ifi->ifi_index;
	return false;
}

int kp_link_index(struct kp_ctx *ctx, int rtnl, const char *name)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct kp_nlbuf b;
	int index = -ENODEV, rc;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, name);
	rc = kp_nl_query(ctx, rtnl, &b, take_index, &index);
	return rc ? rc : index;
}

int kp_link_up(struct kp_ctx *ctx, int rtnl, int ifindex, bool up)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	return kp_nl_talk(ctx, rtnl, &b);
}

int kp_addr_add(struct kp_ctx *ctx, int rtnl, int ifindex, int family, const void *addr, unsigned int prefixlen)
{
	const struct ifaddrmsg ifa = {
		.ifa_family = (unsigned char)family,
		.ifa_prefixlen = (unsigned char)prefixlen,
		.ifa_flags = KP_IFA_F_NODAD,
		.ifa_index = (unsigned int)ifindex,
	};
	size_t len = family == AF_INET ? 4 : 16;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifa, sizeof(ifa));
	kp_nl_put(&b, IFA_LOCAL, addr, len);
	kp_nl_put(&b, IFA_ADDRESS, addr, len);
	return kp_nl_talk(ctx, rtnl, &b);
}

static bool take_type(const struct nlmsghdr *msg, void *arg)
{
	const struct rtmsg *rtm = NLMSG_DATA(msg);

	if (msg->nlmsg_type == RTM_NEWROUTE)
		*(uint8_t *)arg = rtm->rtm_type;
	return false;
}

int kp_addr6_await(struct kp_ctx *ctx, int rtnl, const void *addr)
{
	const struct rtmsg rtm = { .rtm_family = AF_INET6, .rtm_dst_len = 128 };
	struct kp_nlbuf b;

	for (unsigned int ms = 0; ms < 2000; ms++) {
		uint8_t type = 0;
		int rc;

		kp_nl_init(&b);
		kp_nl_msg(ctx, &b, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
		kp_nl_put(&b, RTA_DST, addr, 16);
		rc = kp_nl_query(ctx, rtnl, &b, take_type, &type);
		if (!rc && type == RTN_LOCAL)
			return 0;
		poll(NULL, 0, 1);
	}
	return -ETIMEDOUT;
}

int kp_veth_add(struct kp_ctx *ctx, int rtnl, const char *name, const char *peer)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	size_t info, data, peer_info;
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, name);
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, "veth");
	data = kp_nl_nest(&b, IFLA_INFO_DATA);
	peer_info = kp_nl_nest(&b, KP_PEER_INFO);
	kp_nl_raw(&b, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, peer);
	kp_nl_end(&b, peer_info);
	kp_nl_end(&b, data);
	kp_nl_end(&b, info);
	rc = kp_nl_talk(ctx, rtnl, &b);
	return rc ? rc : kp_link_index(ctx, rtnl, name);
}

static void put_end(struct kp_nlbuf *b, const struct kp_end *e)
{
	kp_nl_str(b, IFLA_IFNAME, e->name);
	kp_nl_put(b, IFLA_ADDRESS, e->mac, sizeof(e->mac));
}

int kp_pair_add(struct kp_ctx *ctx, int rtnl, bool netkit, const struct kp_end *near, const struct kp_end *far, int ns)
{
	const struct ifinfomsg here = { .ifi_index = near->index }, there = { .ifi_index = far->index };
	size_t info, data, peer;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &here, sizeof(here));
	put_end(&b, near);
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, netkit ? "netkit" : "veth");
	data = kp_nl_nest(&b, IFLA_INFO_DATA);
	if (netkit)
		kp_nl_u32(&b, KP_NETKIT_MODE, KP_NETKIT_L2);
	peer = kp_nl_nest(&b, KP_PEER_INFO);
	kp_nl_raw(&b, &there, sizeof(there));
	put_end(&b, far);
	kp_nl_u32(&b, KP_NET_NS_FD, (uint32_t)ns);
	kp_nl_end(&b, peer);
	kp_nl_end(&b, data);
	kp_nl_end(&b, info);
	return kp_nl_talk(ctx, rtnl, &b);
}

int kp_neigh_add(struct kp_ctx *ctx, int rtnl, int ifindex, int family, const void *addr, const unsigned char *mac)
{
	const struct ndmsg nd = { .ndm_family = (unsigned char)family, .ndm_ifindex = ifindex, .ndm_state = NUD_PERMANENT };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE, &nd, sizeof(nd));
	kp_nl_put(&b, NDA_DST, addr, family == AF_INET ? 4 : 16);
	kp_nl_put(&b, NDA_LLADDR, mac, 6);
	return kp_nl_talk(ctx, rtnl, &b);
}
