/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The devices of tunnels as Calico makes them, and who is at the other end: by route, by forwarding database. */
#include "flow_tunnel.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "../place.h"

/* Newer than 3.10's if_link.h and neighbour.h. */
enum {
	KP_IFLA_VXLAN_ID = 1,
	KP_IFLA_VXLAN_LINK = 3,
	KP_IFLA_VXLAN_LOCAL = 4,
	KP_IFLA_VXLAN_LEARNING = 7,
	KP_IFLA_VXLAN_PORT = 15,
	KP_IFLA_VXLAN_LOCAL6 = 17,
	KP_IFLA_VXLAN_COLLECT_METADATA = 25,
	KP_IFLA_IPTUN_LOCAL = 2,
	KP_IFLA_IPTUN_PMTUDISC = 10,
	KP_NDA_VNI = 7,
};

#define VXLAN_PORT 4789
#define VXLAN_MD_PORT 4790

int kp_tunnel_if(const struct kp_tunnel *t)
{
	return KP_NET_TUNNEL + t->id;
}

static void mac_of(unsigned char *ret, const struct kp_tunnel *t, unsigned int node)
{
	const unsigned char mac[6] = { 2, 0, 0, 0, (unsigned char)(KP_NET_TUNNEL + t->id), (unsigned char)(node + 1) };

	memcpy(ret, mac, sizeof(mac));
}

static void ipip_data(struct kp_nlbuf *b, const struct kp_tunnel *t, unsigned int node)
{
	unsigned char addr[16];

	(void)t;
	/* Of its own: without, it would be the fallback device once more, and answer EEXIST. To whom is the route's business. */
	kp_nl_put(b, KP_IFLA_IPTUN_LOCAL, addr, kp_pair_addr(addr, KP_NET_WIRE, node, false));
	kp_nl_u8(b, KP_IFLA_IPTUN_PMTUDISC, 1);
}

static void vxlan_data(struct kp_nlbuf *b, const struct kp_tunnel *t, unsigned int node)
{
	unsigned char addr[16];

	kp_nl_be16(b, KP_IFLA_VXLAN_PORT, t->sets ? VXLAN_MD_PORT : VXLAN_PORT);
	if (t->sets && node == KP_NEAR) {
		kp_nl_u8(b, KP_IFLA_VXLAN_COLLECT_METADATA, 1);
		return;
	}
	kp_nl_u32(b, KP_IFLA_VXLAN_ID, kp_tunnel_vni(t));
	kp_nl_u8(b, KP_IFLA_VXLAN_LEARNING, 0);
	kp_nl_u32(b, KP_IFLA_VXLAN_LINK, (uint32_t)kp_pair_wire[node].index);
	kp_nl_put(b, t->under6 ? KP_IFLA_VXLAN_LOCAL6 : KP_IFLA_VXLAN_LOCAL, addr,
		  kp_pair_addr(addr, KP_NET_WIRE, node, t->under6));
}

static int create(struct kp_ctx *ctx, int rtnl, const struct kp_tunnel *t, unsigned int node)
{
	const struct ifinfomsg ifi = { .ifi_index = kp_tunnel_if(t), .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	char name[16] = "kptun";
	unsigned char mac[6];
	size_t info, data;
	struct kp_nlbuf b;

	kp_cat_u(name, sizeof(name), t->id);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, name);
	kp_nl_u32(&b, IFLA_MTU, t->mtu);
	if (t->data == vxlan_data) {
		mac_of(mac, t, node);
		kp_nl_put(&b, IFLA_ADDRESS, mac, sizeof(mac));
	}
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, t->kind);
	if (t->data) {
		data = kp_nl_nest(&b, IFLA_INFO_DATA);
		t->data(&b, t, node);
		kp_nl_end(&b, data);
	}
	kp_nl_end(&b, info);
	return kp_nl_talk(ctx, rtnl, &b);
}

static int furnish(struct kp_ctx *ctx, int rtnl, const struct kp_tunnel *t, unsigned int node, bool v6)
{
	unsigned int net = KP_NET_TUNNEL + t->id, plen = v6 ? 64 : t->only4 ? 32 : 24;
	int family = v6 ? AF_INET6 : AF_INET, rc;
	unsigned char addr[16], mac[6];

	kp_pair_addr(addr, net, node, v6);
	rc = kp_addr_add(ctx, rtnl, kp_tunnel_if(t), family, addr, plen);
	if (!rc && v6)
		rc = kp_addr6_await(ctx, rtnl, addr);
	if (rc || t->data != vxlan_data)
		return rc;
	kp_pair_addr(addr, net, !node, v6);
	mac_of(mac, t, !node);
	return kp_neigh_add(ctx, rtnl, kp_tunnel_if(t), family, addr, mac);
}

static int make_at(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, const char **step)
{
	struct kp_result ignored = { 0 };
	int rc = kp_pair_go(ctx, node), rtnl = rc ? rc : kp_nl_socket(ctx, &ignored, NETLINK_ROUTE);

	*step = "make the device of the tunnel";
	rc = rtnl < 0 ? rtnl : create(ctx, rtnl, t, node);
	if (rc)
		return rc;
	*step = "addresses of the tunnel";
	rc = furnish(ctx, rtnl, t, node, false);
	if (!rc && !t->only4)
		furnish(ctx, rtnl, t, node, true); /* where there is no IPv6, the rows that need it say so */
	*step = "configure the tunnel";
	return rc || !t->more ? rc : t->more(ctx, t, node);
}

int kp_tunnel_make(struct kp_ctx *ctx, const struct kp_tunnel *t, const char **step)
{
	static bool made[8];
	int rc;

	if (made[t->id])
		return 0;
	made[t->id] = true;
	rc = make_at(ctx, t, KP_THERE, step);
	return rc ? rc : make_at(ctx, t, KP_NEAR, step);
}

int kp_tunnel_path(struct kp_ctx *ctx, const struct kp_tunnel *t, enum kp_path what)
{
	int rc = kp_pair_go(ctx, KP_THERE);

	if (!rc)
		rc = t->path(ctx, t, KP_THERE, what ? KP_PATH : KP_NO_PATH);
	if (!rc)
		rc = kp_pair_go(ctx, KP_NEAR);
	return rc ? rc : t->path(ctx, t, KP_NEAR, what);
}

/* --- by route: IP in IP, with the other node as gateway --- */

static int route_path(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what)
{
	const struct rtmsg rtm = {
		.rtm_family = AF_INET,
		.rtm_dst_len = 32,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = what ? RTPROT_STATIC : RTPROT_UNSPEC,
		.rtm_type = what ? RTN_UNICAST : 0,
		.rtm_scope = what ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE,
		.rtm_flags = what ? RTNH_F_ONLINK : 0,
	};
	int rtnl = kp_nl_socket(ctx, &(struct kp_result){ 0 }, NETLINK_ROUTE), rc;
	unsigned char addr[16];
	struct kp_nlbuf b;

	if (rtnl < 0)
		return rtnl;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, what ? RTM_NEWROUTE : RTM_DELROUTE, NLM_F_ACK | (what ? NLM_F_CREATE | NLM_F_REPLACE : 0), &rtm,
		  sizeof(rtm));
	kp_nl_put(&b, RTA_DST, addr, kp_pair_addr(addr, KP_NET_TUNNEL + t->id, !node, false));
	if (what) {
		unsigned int to = what == KP_PATH ? !node : KP_NODES;

		kp_nl_put(&b, RTA_GATEWAY, addr, kp_pair_addr(addr, KP_NET_WIRE, to, false));
		kp_nl_u32(&b, RTA_OIF, (uint32_t)kp_tunnel_if(t));
	}
	rc = kp_nl_talk(ctx, rtnl, &b);
	return !what && rc == -ESRCH ? 0 : rc;
}

/* --- by forwarding database: VXLAN, from the other node's MAC to its address --- */

static int fdb_path(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what)
{
	const struct ndmsg nd = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = kp_tunnel_if(t),
		.ndm_state = NUD_PERMANENT | NUD_NOARP,
		.ndm_flags = NTF_SELF,
	};
	int rtnl = kp_nl_socket(ctx, &(struct kp_result){ 0 }, NETLINK_ROUTE), rc;
	unsigned char addr[16], mac[6];
	struct kp_nlbuf b;

	if (rtnl < 0)
		return rtnl;
	mac_of(mac, t, !node);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, what ? RTM_NEWNEIGH : RTM_DELNEIGH, NLM_F_ACK | (what ? NLM_F_CREATE | NLM_F_REPLACE : 0), &nd,
		  sizeof(nd));
	kp_nl_put(&b, NDA_LLADDR, mac, sizeof(mac));
	if (what)
		kp_nl_put(&b, NDA_DST, addr,
			  kp_pair_addr(addr, KP_NET_WIRE, what == KP_WRONG_NODE ? (unsigned int)KP_NODES : !node, t->under6));
	if (what == KP_WRONG_ID)
		kp_nl_u32(&b, KP_NDA_VNI, 1);
	rc = kp_nl_talk(ctx, rtnl, &b);
	return !what && (rc == -ENOENT || rc == -ESRCH) ? 0 : rc;
}

/* clang-format off */
const struct kp_tunnel kp_tunnel_ipip = { "ipip", 0, .only4 = true, .marks = true, .mtu = 1480, .data = ipip_data, .path = route_path };
const struct kp_tunnel kp_tunnel_vxlan4 = { "vxlan", 1, .marks = true, .mtu = 1450, .data = vxlan_data, .path = fdb_path };
const struct kp_tunnel kp_tunnel_vxlan6 = { "vxlan", 2, .under6 = true, .marks = true, .mtu = 1430, .data = vxlan_data, .path = fdb_path };
const struct kp_tunnel kp_tunnel_vxlan_md = { "vxlan", 3, .sets = true, .marks = true, .mtu = 1450, .data = vxlan_data, .path = kp_tunnel_md_path };
const struct kp_tunnel kp_tunnel_wg4 = { "wireguard", 4, .mtu = 1440, .more = kp_tunnel_wg_more, .path = kp_tunnel_wg_path };
const struct kp_tunnel kp_tunnel_wg6 = { "wireguard", 5, .under6 = true, .mtu = 1420, .more = kp_tunnel_wg_more, .path = kp_tunnel_wg_path };
/* clang-format on */
