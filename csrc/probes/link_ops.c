/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What is asked of links that are there: lo, and a tunnel's checksum offload. */
#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "link.h"

/* lo is in every network namespace of every kernel with CONFIG_NET: changing its MTU is the request nobody can lack. */
static void run_lo(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct link_arg lo = { .kind = "", .name = "lo", .mtu = 61000 };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	struct link_seen s;

	(void)row;
	if (rtnl < 0)
		return;
	rc = kp_link_mtu(ctx, rtnl, LO_INDEX, lo.mtu);
	if (rc)
		return kp_fail(ctx, res, "set MTU of lo", KP_CALL_PLAIN, -rc);
	rc = kp_link_look(ctx, rtnl, &lo, &s);
	if (rc)
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, -rc);
	if (s.wrong)
		return kp_broken(res, "read-back", s.wrong);
	kp_works(res, "read-back");
}

const struct kp_method kp_link_change_lo = {
	.run = run_lo,
	.asks = "RTM_NEWLINK that changes the MTU of lo, then RTM_GETLINK",
	.proves = "works: the new MTU is read back",
	.gate = KP_CAP_NET_ADMIN,
};

static int ethtool_value(int fd, const char *name, uint32_t cmd, uint32_t *value)
{
	struct ethtool_value v = { .cmd = cmd, .data = *value };
	struct ifreq ifr = { .ifr_data = (void *)&v };

	kp_copy(ifr.ifr_name, sizeof(ifr.ifr_name), name);
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		return -errno;
	*value = v.data;
	return 0;
}

/* Felix switches it off on tunnels of kernels up to 5.7.0. The device is there, so the ioctl loads no module. */
static void run_tx_checksum(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *name = row->arg;
	uint32_t value = 0;
	int rc;

	ctx->extack[0] = '\0';
	if (fd < 0)
		return kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
	rc = ethtool_value(fd, name, ETHTOOL_GTXCSUM, &value);
	if (rc)
		return kp_fail(ctx, res, "ETHTOOL_GTXCSUM", KP_CALL_PLAIN, -rc);
	kp_detail(res, "before", value ? "on" : "off");
	value = 0;
	rc = ethtool_value(fd, name, ETHTOOL_STXCSUM, &value);
	if (rc)
		return kp_fail(ctx, res, "ETHTOOL_STXCSUM", KP_CALL_PLAIN, -rc);
	value = 1;
	rc = ethtool_value(fd, name, ETHTOOL_GTXCSUM, &value);
	if (rc)
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, -rc);
	if (value)
		return kp_broken(res, "read-back", "transmit checksum offload was switched off and is still on");
	kp_works(res, "read-back");
}

const struct kp_method kp_link_tx_checksum = {
	.run = run_tx_checksum,
	.asks = "SIOCETHTOOL with ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM 0 and ETHTOOL_GTXCSUM again on the tunnel that was made",
	.proves = "works: it reads off afterwards; absent: EOPNOTSUPP, the device has no such offload",
	.rules = (const struct kp_rule[]){ { EOPNOTSUPP, KP_ABSENT, "the device's driver has no transmit checksum offload" },
					   { 0 } },
	.gate = KP_CAP_NET_ADMIN,
};
