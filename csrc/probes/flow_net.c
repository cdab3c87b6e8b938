/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The node and its wires: made once for a worker, and all settings with it that a new namespace has from the host. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/fib_rules.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "../place.h"
#include "flow.h"

const struct kp_end kp_flow_node_end[2] = {
	{ .name = "kppod0", .index = KP_POD_IF, .mac = { 2, 0, 0, 0, 8, 1 } },
	{ .name = "kpfar0", .index = KP_FAR_IF, .mac = { 2, 0, 0, 0, 8, 2 } },
};
const struct kp_end kp_flow_end[2] = {
	{ .name = "pod0", .index = 91, .mac = { 2, 0, 0, 0, 9, 1 } },
	{ .name = "far0", .index = 92, .mac = { 2, 0, 0, 0, 9, 2 } },
};

/* The third and fourth byte of IPv4's, the last two of IPv6's words. */
static const struct {
	const char *name;
	unsigned char net, host;
} addrs[] = {
	[KP_POD] = { "pod", 1, 2 },       [KP_POD2] = { "pod 2", 1, 3 },      [KP_NODE] = { "node", 1, 1 },
	[KP_UPLINK] = { "uplink", 2, 1 }, [KP_FAR] = { "far", 2, 2 },         [KP_FAR2] = { "far 2", 2, 3 },
	[KP_FAR3] = { "far 3", 2, 4 },    [KP_SERVICE] = { "service", 9, 1 }, [KP_OTHER] = { "another", 0, 0 },
};

const unsigned char *kp_flow_addr(uint8_t addr, bool v6)
{
	static unsigned char v4_of[4] = { 10, 111 }, v6_of[16] = { 0xfd, 0, 0x01, 0x11 };

	v4_of[2] = v6_of[5] = addrs[addr].net;
	v4_of[3] = v6_of[15] = addrs[addr].host;
	return v6 ? v6_of : v4_of;
}

socklen_t kp_flow_sockaddr(struct sockaddr_storage *ret, bool v6, const unsigned char *addr, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (addr)
		memcpy(v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, addr, v6 ? 16 : 4);
	memcpy(ret, v6 ? (void *)&in6 : (void *)&in, v6 ? sizeof(in6) : sizeof(in));
	return v6 ? sizeof(in6) : sizeof(in);
}

const char *kp_flow_addr_name(uint8_t addr)
{
	return addrs[addr].name ? addrs[addr].name : "";
}

int kp_flow_sysctl(const char *path, const char *value)
{
	char name[96] = "/proc/sys/net/";

	return kp_cat(name, sizeof(name), path) ? kp_write_file(name, value) : -ENAMETOOLONG;
}

#define KP_FLOW_TABLE 100

struct setting {
	const char *path, *value;
};

/*
 * A new namespace has the host's IPv4 settings (net.core.devconf_inherit_init_net, v5.10: 9efd6a3cecdd; before, always those), so each
 * that forwarding depends on is written. Of those for all devices and for one the greater counts for rp_filter, either for most.
 */
static const struct setting node_settings[] = {
	{ "ipv4/ip_forward", "1" },
	{ "ipv4/icmp_echo_ignore_all", "0" },
	{ "ipv4/icmp_ratemask", "0" },
	{ "ipv4/conf/all/rp_filter", "0" },
	{ "ipv4/conf/default/rp_filter", "0" },
	{ "ipv4/conf/all/log_martians", "0" },
	{ "ipv4/conf/default/log_martians", "0" },
	{ "ipv4/conf/all/send_redirects", "0" },
	{ "ipv4/conf/default/send_redirects", "0" },
	{ "ipv4/conf/all/accept_local", "0" },
	{ "ipv4/conf/default/accept_local", "0" },
	{ "ipv4/conf/all/route_localnet", "0" },
	{ "ipv4/conf/default/route_localnet", "0" },
	{ "ipv4/conf/all/src_valid_mark", "0" },
	{ "ipv4/conf/all/proxy_arp", "0" },
	{ "ipv4/conf/default/proxy_arp", "0" },
	{ "ipv4/conf/all/arp_ignore", "0" },
	{ "ipv4/conf/all/arp_filter", "0" },
	{ "ipv4/conf/all/disable_policy", "0" },
	{ "ipv4/conf/all/disable_xfrm", "0" },
	{ "ipv4/fwmark_reflect", "0" },
	{ "ipv4/tcp_l3mdev_accept", "0" },
	{ 0 },
};

/* No duplicate address detection, no routers, no link-local addresses of the kernel's own making: nothing that takes time or talks. */
static const struct setting node_settings6[] = {
	{ "ipv6/conf/all/disable_ipv6", "0" },
	{ "ipv6/conf/default/disable_ipv6", "0" },
	{ "ipv6/conf/default/accept_dad", "0" },
	{ "ipv6/conf/default/accept_ra", "0" },
	{ "ipv6/conf/default/autoconf", "0" },
	{ "ipv6/conf/all/forwarding", "1" },
	{ "ipv6/icmp/ratelimit", "0" },
	{ "ipv6/icmp/ratemask", "128" }, /* no errors: they would share one limit with the whole host (icmpv6_global_allow()) */
	{ "ipv6/conf/default/addr_gen_mode",
	  "1" }, /* v4.11 (d35a00b8e33d); without it there is a link-local address, which hurts not */
	{ 0 },
};

static const struct setting end_settings[] = {
	{ "ipv4/ip_forward", "0" },
	{ "ipv4/conf/all/log_martians", "0" },
	{ "ipv4/conf/default/log_martians", "0" },
	{ "ipv6/conf/all/disable_ipv6", "1" },
	{ "ipv6/conf/default/disable_ipv6", "1" },
	{ 0 },
};

static struct {
	int socket[4][2]; /* by enum kp_flow_at and family */
	int place[2];     /* the node, the ends */
	bool netkit;
	const char *step; /* NULL: nothing is made yet */
	int rc;
} net;

void kp_flow_want_netkit(void)
{
	if (net.netkit)
		return;
	for (enum kp_flow_at at = KP_AT_POD; net.step && at <= KP_AT_NODE; at++)
		for (unsigned int v6 = 0; v6 < 2; v6++)
			kp_closep(&net.socket[at][v6]);
	net = (typeof(net)){ .netkit = true };
}

bool kp_flow_has_netkit(void)
{
	return net.netkit;
}

int kp_flow_go(struct kp_ctx *ctx, bool ends)
{
	return kp_place_go(ctx, net.place[ends]);
}

int kp_flow_socket(enum kp_flow_at at, bool v6)
{
	return net.socket[at][at == KP_AT_NODE && v6];
}

/* Files that a kernel has not are no matter: then it has no such behaviour. */
static int apply(const struct setting *s)
{
	for (; s->path; s++) {
		int rc = kp_flow_sysctl(s->path, s->value);

		if (rc && rc != -ENOENT)
			return rc;
	}
	return 0;
}

int kp_flow_node_settings(void)
{
	int rc = apply(node_settings);

	return rc ? rc : apply(node_settings6);
}

static int packet_socket(const struct kp_end *end)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = end->index };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* Whoever hears a frame must see its checksum as a wire would carry it: not left to a device that is none. */
void kp_flow_no_offload(const char *name)
{
	kp_autoclose fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value off = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_data = (void *)&off;
	kp_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	if (fd >= 0)
		ioctl(fd, SIOCETHTOOL, &ifr);
}

static int address(struct kp_ctx *ctx, int rtnl, int index, bool v6, uint8_t own, uint8_t first, const unsigned char *mac)
{
	int family = v6 ? AF_INET6 : AF_INET;
	int rc = kp_addr_add(ctx, rtnl, index, family, kp_flow_addr(own, v6), v6 ? KP_V6_PREFIX : KP_POD_PREFIX);

	if (rc)
		return rc;
	rc = kp_neigh_add(ctx, rtnl, index, family, kp_flow_addr(first, v6), mac);
	return rc ? rc : kp_neigh_add(ctx, rtnl, index, family, kp_flow_addr(first + 1, v6), mac);
}

/* NLM_F_* of a request that puts something, or takes it away. */
static uint16_t flags_of(bool on)
{
	return NLM_F_ACK | (on ? NLM_F_CREATE | NLM_F_EXCL : 0);
}

int kp_flow_route(struct kp_ctx *ctx, int rtnl, bool v6, bool on, const struct kp_flow_route *r)
{
	const struct rtmsg rtm = {
		.rtm_family = v6 ? AF_INET6 : AF_INET,
		.rtm_dst_len = !r->to ? 0
			       : v6   ? 128
				      : 32,
		.rtm_table = r->table,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = r->gateway ? RTN_UNICAST : RTN_THROW,
	};
	size_t len = v6 ? 16 : 4;
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, on ? RTM_NEWROUTE : RTM_DELROUTE, flags_of(on), &rtm, sizeof(rtm));
	if (r->to)
		kp_nl_put(&b, RTA_DST, kp_flow_addr(r->to, v6), len);
	if (r->gateway) {
		kp_nl_put(&b, RTA_GATEWAY, kp_flow_addr(r->gateway, v6), len);
		kp_nl_u32(&b, RTA_OIF, r->oif);
	}
	return kp_nl_talk(ctx, rtnl, &b);
}

int kp_flow_rule(struct kp_ctx *ctx, int rtnl, bool v6, bool on, uint32_t mark, uint32_t flags, uint8_t table)
{
	const struct fib_rule_hdr hdr = {
		.family = v6 ? AF_INET6 : AF_INET, .table = table, .action = FR_ACT_TO_TBL, .flags = flags
	};
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, on ? RTM_NEWRULE : RTM_DELRULE, flags_of(on), &hdr, sizeof(hdr));
	kp_nl_u32(&b, FRA_PRIORITY, 99);
	kp_nl_u32(&b, FRA_FWMARK, mark);
	kp_nl_u32(&b, FRA_FWMASK, mark);
	return kp_nl_talk(ctx, rtnl, &b);
}

int kp_flow_by_mark(struct kp_ctx *ctx, bool v6, uint32_t mark, bool on)
{
	static const struct kp_flow_route back = { .table = KP_FLOW_TABLE, .gateway = KP_POD2, .oif = KP_POD_IF };
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE), rc;

	if (rtnl < 0)
		return rtnl;
	rc = on ? kp_flow_route(ctx, rtnl, v6, true, &back) : 0;
	if (rc && rc != -EEXIST)
		return rc;
	return kp_flow_rule(ctx, rtnl, v6, on, mark, 0, KP_FLOW_TABLE);
}

static int furnish_node(struct kp_ctx *ctx, int rtnl, bool v6)
{
	static const struct kp_flow_route out = { .table = RT_TABLE_MAIN, .gateway = KP_FAR, .oif = KP_FAR_IF };
	int rc = 0;

	for (unsigned int i = 0; i < 2 && !rc; i++)
		rc = address(ctx, rtnl, kp_flow_node_end[i].index, v6, i ? KP_UPLINK : KP_NODE, i ? KP_FAR : KP_POD,
			     kp_flow_end[i].mac);
	return rc ? rc : kp_flow_route(ctx, rtnl, v6, true, &out);
}

/* In the namespace of the ends. */
static int furnish_ends(struct kp_ctx *ctx, const char **step)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE), rc = rtnl < 0 ? rtnl : 0;

	for (unsigned int i = 0; i < 2 && !rc; i++) {
		*step = "set up the ends of the wires";
		rc = kp_link_up(ctx, rtnl, kp_flow_end[i].index, true);
		if (rc)
			break;
		*step = "packet socket";
		net.socket[i + 1][0] = packet_socket(&kp_flow_end[i]);
		rc = net.socket[i + 1][0] < 0 ? net.socket[i + 1][0] : 0;
	}
	return rc;
}

static int make(struct kp_ctx *ctx, const char **step)
{
	struct kp_result ignored = { 0 };
	int rtnl, rc;

	*step = "unshare network namespace";
	net.place[0] = net.netkit ? kp_place_new(ctx) : kp_place_here();
	net.place[1] = net.place[0] < 0 ? net.place[0] : kp_place_new(ctx);
	if (net.place[1] < 0)
		return net.place[1];
	*step = "settings of the namespace, in /proc/sys/net";
	rc = apply(end_settings);
	if (!rc)
		rc = kp_flow_go(ctx, false);
	if (!rc)
		rc = kp_flow_node_settings();
	if (rc)
		return rc;
	rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE);
	if (rtnl < 0)
		return rtnl;
	for (unsigned int i = 0; i < 2; i++) {
		bool netkit = net.netkit && !i;

		*step = netkit ? "make a netkit pair" : "make a veth pair";
		rc = kp_pair_add(ctx, rtnl, netkit, &kp_flow_node_end[i], &kp_flow_end[i], net.place[1]);
		if (rc)
			return rc;
		kp_flow_no_offload(kp_flow_node_end[i].name);
		*step = "set up a wire";
		rc = kp_link_up(ctx, rtnl, kp_flow_node_end[i].index, true);
		if (rc)
			return rc;
	}
	*step = "addresses and routes";
	rc = furnish_node(ctx, rtnl, false);
	if (rc)
		return rc;
	furnish_node(ctx, rtnl, true); /* where there is no IPv6, the control for it says so */
	*step = "raw socket";
	net.socket[KP_AT_NODE][0] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	net.socket[KP_AT_NODE][1] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (net.socket[KP_AT_NODE][0] < 0)
		return -errno;
	rc = kp_flow_go(ctx, true);
	if (!rc)
		rc = furnish_ends(ctx, step);
	return rc ? rc : kp_flow_go(ctx, false);
}

bool kp_flow_setup(struct kp_ctx *ctx, struct kp_result *res)
{
	/* Once for a worker: what was half made is in the way of another try. */
	if (!net.step) {
		net.step = "";
		kp_place_pin();
		net.rc = make(ctx, &net.step);
		if (!net.rc) {
			net.step = "wait for the wires";
			net.rc = kp_flow_settle();
		}
	}
	if (net.rc)
		kp_flow_unmade(ctx, res, net.step, net.rc);
	return !net.rc;
}
