/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "netlink.h"
#include "place.h"

int kp_place_here(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int kp_place_new(struct kp_ctx *ctx)
{
	kp_nl_close(ctx);
	return unshare(CLONE_NEWNET) ? -errno : kp_place_here();
}

int kp_place_go(struct kp_ctx *ctx, int place)
{
	kp_nl_close(ctx);
	return setns(place, CLONE_NEWNET) ? -errno : 0;
}

void kp_place_pin(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	CPU_ZERO(&one);
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}
