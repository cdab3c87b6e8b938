/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Links: each kind made with the attributes and under the name that Calico gives it, then read back. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "families.h"
#include "link.h"

/* Newer than 3.10's if_link.h. */
enum {
	KP_IFLA_VXLAN_ID = 1,
	KP_IFLA_VXLAN_LINK = 3,
	KP_IFLA_VXLAN_LOCAL = 4,
	KP_IFLA_VXLAN_LEARNING = 7,
	KP_IFLA_VXLAN_PORT = 15,
	KP_IFLA_VXLAN_LOCAL6 = 17,           /* v3.11, e4c7ed415387 */
	KP_IFLA_VXLAN_COLLECT_METADATA = 25, /* v4.3, ee122c79d422 */
	KP_IFLA_IPTUN_LOCAL = 2,
	KP_IFLA_IPTUN_REMOTE = 3,
	KP_IFLA_IPTUN_PMTUDISC = 10,
	KP_IFLA_NUM_TX_QUEUES = 31,
	KP_IFLA_NUM_RX_QUEUES = 32,
	KP_VETH_INFO_PEER = 1,
	KP_IFLA_NETKIT_PEER_INFO = 1,
	KP_IFLA_NETKIT_MODE = 5,
	KP_NETKIT_L2 = 0,
};

static const unsigned char mac[6] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };
static const unsigned char local4[4] = { 10, 111, 0, 1 };
static const unsigned char local6[16] = { 0xfd, 0x6b, [15] = 1 };

static void run_make(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_link_make(ctx, res, row->arg);
}

static const struct kp_method make_link = {
	.run = run_make,
	.asks = "RTM_NEWLINK with the kind, name and attributes in a network namespace of our own, then RTM_GETLINK by name; "
		"tunnels are set up",
	.proves = "works: read back with the same kind and attributes; absent: EOPNOTSUPP, no such kind; broken: something else "
		  "was read back",
	.rules = kp_link_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* --- veth --- */

static const struct ifinfomsg no_ifi;

static void peer(struct kp_nlbuf *b, uint16_t type, const char *name)
{
	size_t nest = kp_nl_nest(b, type);

	kp_nl_raw(b, &no_ifi, sizeof(no_ifi));
	kp_nl_str(b, IFLA_IFNAME, name);
	kp_nl_end(b, nest);
}

static void veth_data(struct kp_nlbuf *b)
{
	peer(b, KP_VETH_INFO_PEER, "kpeer0");
}

static void veth_queues_data(struct kp_nlbuf *b)
{
	peer(b, KP_VETH_INFO_PEER, "kpeer1");
}

static void veth_mac_data(struct kp_nlbuf *b)
{
	peer(b, KP_VETH_INFO_PEER, "kpeer2");
}

static void queues(struct kp_nlbuf *b)
{
	kp_nl_u32(b, KP_IFLA_NUM_TX_QUEUES, 2);
	kp_nl_u32(b, KP_IFLA_NUM_RX_QUEUES, 2);
}

static const char *check_queues(const struct nlmsghdr *msg)
{
	size_t len;
	const void *tx = kp_nl_attr(msg, sizeof(struct ifinfomsg), KP_IFLA_NUM_TX_QUEUES, &len);
	const void *rx = kp_nl_attr(msg, sizeof(struct ifinfomsg), KP_IFLA_NUM_RX_QUEUES, &len);

	/* A kernel for one CPU has no CONFIG_RPS, and does not tell of receive queues. */
	return tx && kp_get_u32(tx) == 2 && (!rx || kp_get_u32(rx) == 2) ? NULL
									 : "not the two queues a direction that were asked for";
}

static void calico_mac(struct kp_nlbuf *b)
{
	kp_nl_put(b, IFLA_ADDRESS, mac, sizeof(mac));
}

static const char *check_mac(const struct nlmsghdr *msg)
{
	size_t len;
	const void *addr = kp_nl_attr(msg, sizeof(struct ifinfomsg), IFLA_ADDRESS, &len);

	return addr && len == sizeof(mac) && !memcmp(addr, mac, sizeof(mac)) ? NULL : "not the MAC that was asked for";
}

/*
 * As the CNI plug-in does it: from inside the container's namespace, with the host's end placed there by descriptor. Here both
 * namespaces are ours: the worker's is the "host".
 */
static int veth_into(struct kp_ctx *ctx, struct kp_result *res, int host)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);
	size_t info, data, nest;
	struct kp_nlbuf b;

	if (rtnl < 0)
		return rtnl;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, "eth0");
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, "veth");
	data = kp_nl_nest(&b, IFLA_INFO_DATA);
	nest = kp_nl_nest(&b, KP_VETH_INFO_PEER);
	kp_nl_raw(&b, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, "cali0123456789a");
	kp_nl_u32(&b, IFLA_NET_NS_FD, (uint32_t)host);
	kp_nl_put(&b, IFLA_ADDRESS, mac, sizeof(mac));
	kp_nl_end(&b, nest);
	kp_nl_end(&b, data);
	kp_nl_end(&b, info);
	return kp_nl_talk(ctx, rtnl, &b);
}

static void run_peer_netns(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct link_arg host_end = { .kind = "veth", .name = "cali0123456789a", .check = check_mac };
	kp_autoclose host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct link_seen s;
	int rc, rtnl;

	(void)row;
	if (host < 0)
		return kp_fail(ctx, res, "open /proc/self/ns/net", KP_CALL_PLAIN, errno);
	kp_nl_close(ctx);
	if (unshare(CLONE_NEWNET))
		return kp_fail(ctx, res, "unshare", KP_CALL_UNSHARE, errno);
	rc = veth_into(ctx, res, host);
	kp_nl_close(ctx);
	/* Both ends die with the container's namespace, as a pod's do: ask the host's before it goes. */
	if (!rc) {
		kp_autoclose inner = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

		if (inner < 0 || setns(host, CLONE_NEWNET))
			return kp_fail(ctx, res, "setns", KP_CALL_UNSHARE, errno);
		rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);
		if (rtnl < 0)
			return;
		rc = kp_link_look(ctx, rtnl, &host_end, &s);
		if (rc)
			return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, -rc);
		if (!s.kind || s.wrong)
			return kp_broken(res, "read-back", s.wrong ? s.wrong : "the host's end is not a veth");
		return kp_works(res, "read-back");
	}
	if (setns(host, CLONE_NEWNET))
		return kp_fail(ctx, res, "setns", KP_CALL_UNSHARE, errno);
	kp_fail(ctx, res, "create", KP_CALL_PLAIN, -rc);
}

static const struct kp_method veth_netns = {
	.run = run_peer_netns,
	.asks = "RTM_NEWLINK of a veth from inside one namespace, the peer placed in another by IFLA_NET_NS_FD with a fixed MAC; "
		"RTM_GETLINK there",
	.proves = "works: the peer is in the other namespace, a veth, with its name and MAC",
	.rules = kp_link_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* --- tunnels --- */

static void vxlan_common(struct kp_nlbuf *b)
{
	kp_nl_u32(b, KP_IFLA_VXLAN_ID, 4096);
	kp_nl_be16(b, KP_IFLA_VXLAN_PORT, 4789);
	kp_nl_u8(b, KP_IFLA_VXLAN_LEARNING, 0);
	kp_nl_u32(b, KP_IFLA_VXLAN_LINK, LO_INDEX);
}

static void vxlan4_data(struct kp_nlbuf *b)
{
	vxlan_common(b);
	kp_nl_put(b, KP_IFLA_VXLAN_LOCAL, local4, sizeof(local4));
}

static void vxlan6_data(struct kp_nlbuf *b)
{
	vxlan_common(b);
	kp_nl_put(b, KP_IFLA_VXLAN_LOCAL6, local6, sizeof(local6));
}

static const char *check_vxlan(const struct nlmsghdr *msg)
{
	size_t len;
	const void *id = kp_link_data(msg, KP_IFLA_VXLAN_ID, &len);
	const void *port = kp_link_data(msg, KP_IFLA_VXLAN_PORT, &len);
	const unsigned char *learning = kp_link_data(msg, KP_IFLA_VXLAN_LEARNING, &len);

	if (!id || kp_get_u32(id) != 4096)
		return "not the VNI that was asked for";
	if (!port || kp_get_be16(port) != 4789)
		return "not the UDP port that was asked for";
	return learning && !*learning ? NULL : "learning is on though it was asked to be off";
}

static const char *check_vxlan4(const struct nlmsghdr *msg)
{
	size_t len;
	const void *local = kp_link_data(msg, KP_IFLA_VXLAN_LOCAL, &len);

	return local && len == 4 && !memcmp(local, local4, 4) ? check_vxlan(msg) : "not the local address that was asked for";
}

static const char *check_vxlan6(const struct nlmsghdr *msg)
{
	size_t len;
	const void *local = kp_link_data(msg, KP_IFLA_VXLAN_LOCAL6, &len);

	return local && len == 16 && !memcmp(local, local6, 16) ? check_vxlan(msg) : "not the local address that was asked for";
}

static void vxlan_md_data(struct kp_nlbuf *b)
{
	kp_nl_u8(b, KP_IFLA_VXLAN_COLLECT_METADATA, 1);
	kp_nl_be16(b, KP_IFLA_VXLAN_PORT, 4789);
}

static const char *check_vxlan_md(const struct nlmsghdr *msg)
{
	size_t len;
	const unsigned char *md = kp_link_data(msg, KP_IFLA_VXLAN_COLLECT_METADATA, &len);

	return md && (!len || *md) ? NULL : "the device is not flow-based though that was asked for";
}

/* Before v4.3 the attribute is unknown and passed over, and a device without a VNI is refused. */
static const struct kp_rule vxlan_md_rules[] = {
	{ EINVAL, KP_ABSENT, "a VNI is demanded, so COLLECT_METADATA is not known (came with v4.3)" },
	{ 0 },
};

/* vxlan over IPv6 where IPv6 is compiled out or was disabled at boot: vxlan_dev_configure(), then udp_sock_create6(). */
static const struct kp_rule vxlan6_rules[] = {
	{ EAFNOSUPPORT, KP_ABSENT, "no IPv6 in this kernel, or ipv6.disable=1" },
	{ EPFNOSUPPORT, KP_ABSENT, "vxlan has no IPv6 in this kernel" },
	{ 0 },
};

/* geneve_configure(), as above. Before v4.4 (8ed66f0e8235) REMOTE6 is passed over and REMOTE is demanded. */
static const struct kp_rule geneve6_rules[] = {
	{ EINVAL, KP_ABSENT, "an IPv4 address is demanded, so REMOTE6 is not known (came with v4.4)" },
	{ EAFNOSUPPORT, KP_ABSENT, "no IPv6 in this kernel, or ipv6.disable=1" },
	{ EPFNOSUPPORT, KP_ABSENT, "geneve has no IPv6 in this kernel" },
	{ 0 },
};

/* v4.3, e305ac6cf5a1 */
static const struct kp_rule geneve_md_rules[] = {
	{ EINVAL, KP_ABSENT, "a VNI is demanded, so COLLECT_METADATA is not known (came with v4.3)" },
	{ 0 },
};

static void ipip_data(struct kp_nlbuf *b)
{
	/* Addresses of its own: with none it would have the fallback device's parameters, and answer EEXIST for them. */
	static const unsigned char remote[4] = { 10, 111, 0, 2 };

	kp_nl_put(b, KP_IFLA_IPTUN_LOCAL, local4, sizeof(local4));
	kp_nl_put(b, KP_IFLA_IPTUN_REMOTE, remote, sizeof(remote));
	kp_nl_u8(b, KP_IFLA_IPTUN_PMTUDISC, 1);
}

static const char *check_ipip(const struct nlmsghdr *msg)
{
	size_t len;
	const void *local = kp_link_data(msg, KP_IFLA_IPTUN_LOCAL, &len);

	return local && len == 4 && !memcmp(local, local4, 4) ? NULL : "not the local address that was asked for";
}

/* --- netkit --- */

static void netkit_data(struct kp_nlbuf *b)
{
	kp_nl_u32(b, KP_IFLA_NETKIT_MODE, KP_NETKIT_L2);
	peer(b, KP_IFLA_NETKIT_PEER_INFO, "cali_nk_peer");
}

static const char *check_netkit(const struct nlmsghdr *msg)
{
	size_t len;
	const void *mode = kp_link_data(msg, KP_IFLA_NETKIT_MODE, &len);

	return mode && kp_get_u32(mode) == KP_NETKIT_L2 ? NULL : "not the L2 mode that was asked for";
}

/* clang-format off */
#define LINK(...) &(const struct link_arg){ __VA_ARGS__ }

static const struct kp_probe rows[] = {
	{ .id = "link.control.negative", .title = "an invented link kind", .control = KP_NEGATIVE, .modules = "rtnl-link-kpnone",
	  .by = &make_link, .arg = LINK(.kind = "kpnone", .name = "kpnone0") },
	{ .id = "link.control.positive", .title = "changing lo", .control = KP_POSITIVE, .by = &kp_link_change_lo },

	{ .id = "link.veth", .title = "veth pair", .modules = "veth", .kconfig = "CONFIG_VETH", .since = "2.6.24",
	  .by = &make_link, .arg = LINK(.kind = "veth", .name = "cali00000000000", .data = veth_data, .up = true) },
	{ .id = "link.veth.peer-netns", .title = "veth made in a pod's namespace, its peer placed in the host's", .modules = "veth",
	  .kconfig = "CONFIG_VETH", .since = "3.0", .needs = "link.veth ns.setns", .by = &veth_netns },
	{ .id = "link.veth.queues", .title = "veth with two queues a direction", .modules = "veth", .kconfig = "CONFIG_VETH", .since = "3.8",
	  .needs = "link.veth", .by = &make_link,
	  .arg = LINK(.kind = "veth", .name = "cali00000000001", .common = queues, .data = veth_queues_data, .check = check_queues) },
	{ .id = "link.veth.mac", .title = "veth with the fixed MAC ee:ee:ee:ee:ee:ee", .modules = "veth", .kconfig = "CONFIG_VETH",
	  .since = "2.6.24", .needs = "link.veth", .by = &make_link,
	  .arg = LINK(.kind = "veth", .name = "cali00000000002", .common = calico_mac, .data = veth_mac_data, .check = check_mac) },

	{ .id = "link.ipip", .title = "IP-in-IP tunnel device", .modules = "ipip", .kconfig = "CONFIG_NET_IPIP", .since = "3.8",
	  .host = "tunl0, the fallback device, unless net.core.fb_tunnels_only_for_init_net is 2", .by = &make_link,
	  .arg = LINK(.kind = "ipip", .name = "kpipip0", .data = ipip_data, .check = check_ipip, .up = true) },
	{ .id = "link.ipip.tunl0", .title = "tunl0, made or adopted", .modules = "ipip", .kconfig = "CONFIG_NET_IPIP", .since = "3.8",
	  .needs = "link.ipip", .by = &make_link,
	  .arg = LINK(.kind = "ipip", .name = "tunl0", .adopt = true, .mtu = 1480, .up = true) },

	{ .id = "link.vxlan.inet", .title = "VXLAN tunnel device over IPv4, VNI 4096, UDP 4789, no learning", .modules = "vxlan",
	  .kconfig = "CONFIG_VXLAN", .since = "3.7", .by = &make_link,
	  .arg = LINK(.kind = "vxlan", .name = "vxlan.calico", .data = vxlan4_data, .check = check_vxlan4, .mtu = 1450, .up = true) },
	{ .id = "link.tx-checksum", .title = "transmit checksum offload of a VXLAN device can be switched off", .modules = "vxlan",
	  .kconfig = "CONFIG_VXLAN", .since = "3.7", .needs = "link.vxlan.inet", .by = &kp_link_tx_checksum, .arg = "vxlan.calico" },
	{ .id = "link.vxlan.inet6", .title = "VXLAN tunnel device over IPv6, VNI 4096, UDP 4789, no learning", .modules = "vxlan",
	  .kconfig = "CONFIG_VXLAN CONFIG_IPV6", .since = "3.11", .by = &make_link, .rules = vxlan6_rules,
	  .arg = LINK(.kind = "vxlan", .name = "vxlan-v6.calico", .data = vxlan6_data, .check = check_vxlan6, .mtu = 1430, .up = true) },
	{ .id = "link.vxlan.collect-metadata", .title = "flow-based VXLAN tunnel device", .modules = "vxlan", .kconfig = "CONFIG_VXLAN",
	  .since = "4.3", .flags = KP_FRESH_NETNS, .by = &make_link, .rules = vxlan_md_rules,
	  .arg = LINK(.kind = "vxlan", .name = "vxlan.calico", .data = vxlan_md_data, .check = check_vxlan_md, .up = true) },

	{ .id = "link.ifb", .title = "intermediate functional block", .modules = "ifb", .kconfig = "CONFIG_IFB", .since = "2.6.28",
	  .host = "ifb0 and ifb1 (the module's numifbs=2)", .by = &make_link, .arg = LINK(.kind = "ifb", .name = "bwcali0000000", .up = true) },
	{ .id = "link.netkit", .title = "netkit pair, L2", .modules = "netkit", .kconfig = "CONFIG_NETKIT", .since = "6.7", .by = &make_link,
	  .arg = LINK(.kind = "netkit", .name = "cali_nk_probe", .data = netkit_data, .check = check_netkit) },
	{ .id = "link.dummy", .title = "dummy device", .modules = "dummy", .kconfig = "CONFIG_DUMMY", .since = "2.6.28",
	  .host = "dummy0 (the module's numdummies=1)", .by = &make_link, .arg = LINK(.kind = "dummy", .name = "kube-ipvs0", .up = true) },
	{ .id = "link.bridge", .title = "bridge", .modules = "bridge", .kconfig = "CONFIG_BRIDGE", .since = "2.6.38", .by = &make_link,
	  .arg = LINK(.kind = "bridge", .name = "cni0", .up = true) },
#include "link_rows.h"
};
/* clang-format on */

const struct kp_family kp_family_link = {
	.name = "link",
	.title = "Links",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = "kernel log, level info: bonds that are taken down, and the VLAN 0 that 8021q gives to a bond",
};
