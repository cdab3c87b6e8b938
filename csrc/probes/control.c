/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "control.h"

#include <errno.h>

#include "../link.h"

static void run_get(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;

	(void)row;
	if (rtnl < 0)
		return;
	rc = kp_link_index(ctx, rtnl, "kpnone0");
	if (rc != -ENODEV) {
		kp_broken(res, "get kpnone0", "a device that is not there was not refused with ENODEV");
		return;
	}
	rc = kp_link_index(ctx, rtnl, "lo");
	if (rc < 0)
		kp_fail(ctx, res, "get lo", KP_CALL_PLAIN, -rc);
	else
		kp_works(res, "get lo");
}

const struct kp_method kp_control_rtnetlink = {
	.run = run_get,
	.asks = "RTM_GETLINK for a device that is not there, and for lo",
	.proves = "works: the first answers ENODEV, the second lo's index",
};
