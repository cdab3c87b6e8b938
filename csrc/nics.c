/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "nics.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "genl.h"

#define NICS_MAX 16
#define FEATURES_MAX 128 /* 64 in v5.x; more words than the kernel has are not asked for */
#define SOURCE "RTM_GETLINK, SIOCETHTOOL, NETDEV_CMD_DEV_GET"

/* Newer than 3.10's headers. */
enum {
	KP_IFLA_EXT_MASK = 29,
	KP_RTEXT_FILTER_SKIP_STATS = 8, /* v4.4; passed over before */
	KP_NETDEV_CMD_DEV_GET = 1,      /* v6.3 */
	KP_NETDEV_A_DEV_IFINDEX = 1,
	KP_NETDEV_A_DEV_XDP_FEATURES = 3,
};

struct nic {
	int index;
	uint32_t mtu;
	bool xdp_told;
	uint64_t xdp;
	char name[IFNAMSIZ];
};

struct nics {
	unsigned int n, more;
	struct nic nic[NICS_MAX];
};

/* A device that no rtnetlink kind made is hardware's, or made to look like it: virtio, Xen, Hyper-V, a cloud's own. */
static bool take_link(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(msg);
	size_t len = 0, name_len = 0;
	const void *info, *mtu;
	const char *name;
	struct nics *all = arg;
	struct nic *nic;

	if (msg->nlmsg_type != RTM_NEWLINK || ifi->ifi_flags & IFF_LOOPBACK)
		return true;
	/* The info of a bond's port is there without a kind of its own. */
	info = kp_nl_attr(msg, sizeof(*ifi), IFLA_LINKINFO, &len);
	if (info && kp_nl_find(info, len, IFLA_INFO_KIND, NULL))
		return true;
	name = kp_nl_attr(msg, sizeof(*ifi), IFLA_IFNAME, &name_len);
	if (!name || !name_len || name_len > IFNAMSIZ || name[name_len - 1])
		return true;
	if (all->n == NICS_MAX) {
		all->more++;
		return true;
	}
	nic = &all->nic[all->n++];
	nic->index = ifi->ifi_index;
	kp_copy(nic->name, sizeof(nic->name), name);
	mtu = kp_nl_attr(msg, sizeof(*ifi), IFLA_MTU, &len);
	nic->mtu = mtu && len >= 4 ? kp_get_u32(mtu) : 0;
	return true;
}

static bool take_family(const struct nlmsghdr *msg, void *arg)
{
	size_t len = 0, id_len = 0;
	const char *name = kp_nl_attr(msg, GENL_HDRLEN, CTRL_ATTR_FAMILY_NAME, &len);
	const void *id = kp_nl_attr(msg, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID, &id_len);

	if (!name || !len || name[len - 1] || !kp_equal(name, "netdev") || !id || id_len < 2)
		return true;
	*(int *)arg = kp_get_u16(id);
	return false;
}

static bool take_xdp(const struct nlmsghdr *msg, void *arg)
{
	size_t len = 0, xdp_len = 0;
	const void *index = kp_nl_attr(msg, GENL_HDRLEN, KP_NETDEV_A_DEV_IFINDEX, &len);
	const void *xdp = kp_nl_attr(msg, GENL_HDRLEN, KP_NETDEV_A_DEV_XDP_FEATURES, &xdp_len);
	struct nics *all = arg;

	for (unsigned int i = 0; index && len >= 4 && xdp && xdp_len >= 8 && i < all->n; i++)
		if (all->nic[i].index == (int)kp_get_u32(index)) {
			memcpy(&all->nic[i].xdp, xdp, sizeof(all->nic[i].xdp));
			all->nic[i].xdp_told = true;
		}
	return true;
}

/*
 * Since v6.3 (d3d854fd6a1d "netdev-genl: create a simple family for netdev stuff"). Asking for a family by name makes the kernel
 * load net-pf-16-proto-16-family-NAME where it has none; a dump of all families loads nothing.
 */
static void ask_xdp(struct kp_ctx *ctx, struct kp_result *res, struct nics *all)
{
	int genl = kp_nl_socket(ctx, res, NETLINK_GENERIC), family = -1;
	struct kp_nlbuf b;

	if (genl < 0)
		return;
	kp_nl_init(&b);
	kp_genl_msg(ctx, &b, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, NLM_F_DUMP);
	if (kp_nl_query(ctx, genl, &b, take_family, &family) || family < 0)
		return;
	kp_nl_init(&b);
	kp_genl_msg(ctx, &b, family, KP_NETDEV_CMD_DEV_GET, 1, NLM_F_DUMP);
	kp_nl_query(ctx, genl, &b, take_xdp, all);
}

/*
 * The ioctl goes by name, and would load netdev-NAME for one that is not there. The name was read from the kernel just before; it is
 * read again here by index, so that only a device that is renamed or pulled out between two calls could cause it.
 */
static int ethtool(int fd, const struct nic *nic, void *data)
{
	struct ifreq ifr = { .ifr_data = data };
	char now[IFNAMSIZ];

	if (!if_indextoname((unsigned int)nic->index, now) || !kp_equal(now, nic->name))
		return -ENODEV;
	kp_copy(ifr.ifr_name, sizeof(ifr.ifr_name), nic->name);
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static void put_driver(int fd, const struct nic *nic, char *out, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (ethtool(fd, nic, &info))
		return;
	info.driver[sizeof(info.driver) - 1] = '\0';
	kp_cat(out, size, "driver=");
	kp_cat(out, size, info.driver);
	kp_cat(out, size, " ");
}

static void put_switch(char *out, size_t size, const char *name, bool on)
{
	kp_cat(out, size, " ");
	kp_cat(out, size, name);
	kp_cat(out, size, on ? "=on" : "=off");
}

/* By the old single questions, which every kernel answers from the same bits. */
static void put_offloads(int fd, const struct nic *nic, char *out, size_t size)
{
	static const struct {
		uint32_t cmd;
		const char *name;
	} asked[] = {
		{ ETHTOOL_GTXCSUM, "tx-checksum" },
		{ ETHTOOL_GRXCSUM, "rx-checksum" },
		{ ETHTOOL_GSG, "scatter-gather" },
		{ ETHTOOL_GTSO, "tso" },
		{ ETHTOOL_GGSO, "gso" },
		{ ETHTOOL_GGRO, "gro" },
	};

	for (size_t i = 0; i < KP_ARRAY_SIZE(asked); i++) {
		struct ethtool_value v = { .cmd = asked[i].cmd };

		if (!ethtool(fd, nic, &v))
			put_switch(out, size, asked[i].name, v.data);
	}
}

/* Those that have a name only: the kernel's list of names says which bit is which. */
static void put_features(int fd, const struct nic *nic, char *out, size_t size)
{
	static const char *const wanted[][2] = {
		{ "tx-udp_tnl-segmentation", "udp-tnl-segmentation" },
		{ "tx-udp_tnl-csum-segmentation", "udp-tnl-csum-segmentation" },
		{ "tx-gre-segmentation", "gre-segmentation" },
		{ "tx-ipxip4-segmentation", "ipip-segmentation" },
		{ "tx-udp-segmentation", "udp-segmentation" },
		{ "hw-tc-offload", "hw-tc-offload" },
		{ "rx-gro-hw", "gro-hw" },
	};
	/* As in linux/ethtool.h, whose structs end in arrays without a size. */
	struct {
		uint32_t cmd, reserved;
		uint64_t mask;
		uint32_t count;
	} sset = { .cmd = ETHTOOL_GSSET_INFO, .mask = UINT64_C(1) << ETH_SS_FEATURES };
	struct {
		uint32_t cmd, set, len;
		char name[FEATURES_MAX][ETH_GSTRING_LEN];
	} names = { .cmd = ETHTOOL_GSTRINGS, .set = ETH_SS_FEATURES };
	struct {
		uint32_t cmd, size;
		struct {
			uint32_t available, requested, active, never_changed;
		} block[FEATURES_MAX / 32];
	} bits = { .cmd = ETHTOOL_GFEATURES, .size = FEATURES_MAX / 32 };

	/* The kernel writes as many names as it has, whatever was asked: never more than there is room for. */
	if (ethtool(fd, nic, &sset) || !sset.mask || !sset.count || sset.count > FEATURES_MAX)
		return;
	names.len = sset.count;
	if (ethtool(fd, nic, &names) || ethtool(fd, nic, &bits))
		return;
	for (size_t w = 0; w < KP_ARRAY_SIZE(wanted); w++)
		for (uint32_t i = 0; i < sset.count && i / 32 < bits.size; i++) {
			names.name[i][ETH_GSTRING_LEN - 1] = '\0';
			if (kp_equal(names.name[i], wanted[w][0]))
				put_switch(out, size, wanted[w][1], bits.block[i / 32].active >> i % 32 & 1);
		}
}

static void put_xdp(const struct nic *nic, char *out, size_t size)
{
	static const char *const names[] = {
		"basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg"
	};
	bool any = false;

	if (!nic->xdp_told) /* before v6.3 nobody can say */
		return;
	kp_cat(out, size, " xdp=");
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++)
		if (nic->xdp >> i & 1) {
			kp_cat(out, size, any ? "," : "");
			kp_cat(out, size, names[i]);
			any = true;
		}
	kp_cat(out, size, any ? "" : "none");
}

void kp_nics(struct kp_out *o, const struct kp_env *env)
{
	static const struct kp_probe none = { .id = "node.nics" };
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct kp_ctx ctx = { .env = env, .row = &none };
	kp_autoclose fd = -1;
	struct kp_result res = { 0 };
	struct nics all = { 0 };
	struct kp_nlbuf b;
	int rtnl, rc;

	for (unsigned int i = 0; i < KP_NETLINK_MAX; i++)
		ctx.nl[i] = -1;
	rtnl = kp_nl_socket(&ctx, &res, NETLINK_ROUTE);
	rc = rtnl;
	if (rtnl >= 0) {
		kp_nl_init(&b);
		kp_nl_msg(&ctx, &b, RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
		kp_nl_u32(&b, KP_IFLA_EXT_MASK, KP_RTEXT_FILTER_SKIP_STATS);
		rc = kp_nl_query(&ctx, rtnl, &b, take_link, &all);
	}
	if (rc < 0) {
		kp_fact_error(o, "node.nics", SOURCE, -rc);
		kp_nl_close(&ctx);
		return;
	}
	ask_xdp(&ctx, &res, &all);
	kp_nl_close(&ctx);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	kp_fact_open(o, "node.nics", SOURCE);
	for (unsigned int i = 0; i < all.n; i++) {
		char text[512] = "";

		if (fd >= 0)
			put_driver(fd, &all.nic[i], text, sizeof(text));
		kp_cat(text, sizeof(text), "mtu=");
		kp_cat_u(text, sizeof(text), all.nic[i].mtu);
		if (fd >= 0) {
			put_offloads(fd, &all.nic[i], text, sizeof(text));
			put_features(fd, &all.nic[i], text, sizeof(text));
		}
		put_xdp(&all.nic[i], text, sizeof(text));
		kp_js_text(o, all.nic[i].name, text);
	}
	/* No device can have this name: it has a slash. */
	if (all.more)
		kp_js_int(o, "not/shown", all.more);
	kp_fact_close(o);
}
