/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* tun and tap devices: by /dev/net/tun, since rtnetlink refuses the kind by design (tun_validate()). */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "link.h"

/* linux/if_tun.h */
#define KP_TUNSETIFF _IOW('T', 202, int)
#define KP_TUNGETIFF _IOR('T', 210, unsigned int) /* v2.6.27 */
#define KP_TUNSETPERSIST _IOW('T', 203, int)
#define KP_IFF_MULTI_QUEUE 0x0100

#define TUN_MAJOR 10
#define TUN_MINOR 200

/*
 * The device node, in a tmpfs that only this process sees: whether a container was given /dev/net/tun says nothing about the
 * kernel. Returns the fd or -errno; *ret_step says of what.
 */
static int open_private(const char **ret_step)
{
	int fd, err;

	*ret_step = "unshare mount namespace";
	if (unshare(CLONE_NEWNS))
		return -errno;
	*ret_step = "make / a slave";
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return -errno;
	*ret_step = "mount tmpfs";
	if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k"))
		return -errno;
	*ret_step = "make a node of char 10:200";
	fd = mknod("/dev/tun", S_IFCHR | 0600, makedev(TUN_MAJOR, TUN_MINOR)) ? -errno : 0;
	if (!fd) {
		*ret_step = "open char 10:200";
		fd = open("/dev/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		err = errno;
		if (fd < 0)
			fd = -err;
	}
	/* Later rows of this worker see /dev as it was. */
	umount2("/dev", MNT_DETACH);
	return fd;
}

static int open_tun(struct kp_result *res, const char **ret_step)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	*ret_step = "open /dev/net/tun";
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	if (!res->detail[0])
		kp_detail(res, "/dev/net/tun", "not here: asked by a node of our own");
	return open_private(ret_step);
}

static void run_tun(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct tun_arg *a = row->arg;
	const struct link_arg link = { .kind = "tun", .name = a->name };
	struct ifreq want = { .ifr_flags = (short)a->flags }, told;
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	kp_autoclose second = -1;
	kp_autoclose fd = -1;
	struct link_seen s;
	const char *step;

	if (rtnl < 0)
		return;
	ctx->extack[0] = '\0';
	fd = open_tun(res, &step);
	if (fd < 0)
		return kp_fail(ctx, res, step, KP_CALL_PLAIN, -fd);
	kp_copy(want.ifr_name, sizeof(want.ifr_name), a->name);
	if (ioctl(fd, KP_TUNSETIFF, &want))
		return kp_fail(ctx, res, "TUNSETIFF", KP_CALL_PLAIN, errno);
	if (a->flags & KP_IFF_MULTI_QUEUE) {
		second = open_tun(res, &step);
		if (second < 0)
			return kp_fail(ctx, res, step, KP_CALL_PLAIN, -second);
		if (ioctl(second, KP_TUNSETIFF, &want))
			return kp_fail(ctx, res, "TUNSETIFF of a second queue", KP_CALL_PLAIN, errno);
	}
	/* So that it goes with the namespace, in one batch with everything else: at close() each device costs an RCU grace period. */
	ioctl(fd, KP_TUNSETPERSIST, 1);
	memset(&told, 0, sizeof(told));
	if (ioctl(fd, KP_TUNGETIFF, &told))
		return kp_fail(ctx, res, "TUNGETIFF", KP_CALL_PLAIN, errno);
	if (((uint16_t)told.ifr_flags & a->flags) != a->flags)
		return kp_broken(res, "TUNGETIFF", "the device has not the flags that were asked for");
	rc = kp_link_look(ctx, rtnl, &link, &s);
	if (rc)
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, -rc);
	if (!s.kind)
		return kp_broken(res, "read-back", "the device is not of kind tun");
	rc = kp_link_up(ctx, rtnl, s.index, true);
	if (rc)
		return kp_fail(ctx, res, "set up", KP_CALL_PLAIN, -rc);
	kp_works(res, "set up");
}

static const struct kp_rule tun_rules[] = {
	/* chrdev_open() and misc_open(), after request_module("char-major-10-200") */
	{ ENODEV, KP_ABSENT, "no driver answers for the char device 10:200, after asking for its module" },
	{ ENXIO, KP_ABSENT, "no driver answers for the char device 10:200" },
	{ EINVAL, KP_ABSENT, "the driver does not know a flag (IFF_MULTI_QUEUE came with v3.8)" },
	{ 0 },
};

const struct kp_method kp_link_tun = {
	.run = run_tun,
	.asks = "open /dev/net/tun, or where that is missing a node of it in a private tmpfs; TUNSETIFF, with several queues "
		"twice; TUNGETIFF; RTM_GETLINK; set up",
	.proves = "works: the flags and the kind are read back, and the device is up; absent: ENODEV at open, the kernel has no "
		  "driver for it",
	.rules = tun_rules,
	.gate = KP_CAP_NET_ADMIN,
};
