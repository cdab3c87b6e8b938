/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Namespaces: what every other family stands on, and what a CNI plug-in does for each pod. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "../netlink.h"
#include "families.h"

/* Newer than 3.10: v4.0, 0c7aecd4bde4 "netns: add rtnl cmd to add and get peer netns ids". */
#define KP_RTM_NEWNSID 88
#define KP_RTM_GETNSID 90
#define KP_NETNSA_NSID 1
#define KP_NETNSA_FD 3

static ino_t ns_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

struct unshare_arg {
	int flag;
	const char *file; /* its inode is the namespace's name; NULL: nothing changes that could be seen */
};

/* unshare(2) succeeded when /proc/self/ns names another namespace than before. */
static void run_unshare(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct unshare_arg *a = row->arg;
	ino_t before = a->file ? ns_inode(a->file) : 0;

	kp_nl_close(ctx);
	if (unshare(a->flag))
		return kp_fail(ctx, res, "unshare", KP_CALL_UNSHARE, errno);
	if (a->file && before && before == ns_inode(a->file))
		return kp_broken(res, "read-back", "unshare() succeeded and the namespace is the same");
	kp_works(res, "unshare");
}

static const struct kp_method unshare_it = {
	.run = run_unshare,
	.asks = "unshare(2) in a worker, then the inode of /proc/self/ns before and after",
	.proves = "works: the inode changed; absent: EINVAL, this kind of namespace is not built in",
	.gate = KP_CAP_SYS_ADMIN,
};

static const struct kp_method unshare_plain = {
	.run = run_unshare,
	.asks = "unshare(2) of something that takes no privilege",
	.proves = "works: it succeeded",
};

/* As every worker that mounts must: slave first, so that nothing of ours reaches the host and its unmounts still reach us. */
static void run_mount(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	run_unshare(ctx, row, res);
	if (res->outcome != KP_WORKS)
		return;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return kp_fail(ctx, res, "make / a slave", KP_CALL_PLAIN, errno);
	kp_works(res, "make / a slave");
}

static const struct kp_method mount_ns = {
	.run = run_mount,
	.asks = "unshare(CLONE_NEWNS), then mount(2) of / with MS_REC|MS_SLAVE inside",
	.proves = "works: both succeeded and the inode of /proc/self/ns/mnt changed",
	.gate = KP_CAP_SYS_ADMIN,
};

static void run_setns(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const char path[] = "/proc/self/ns/net";
	kp_autoclose home = open(path, O_RDONLY | O_CLOEXEC);
	ino_t before = ns_inode(path);

	(void)row;
	if (home < 0)
		return kp_fail(ctx, res, "open /proc/self/ns/net", KP_CALL_PLAIN, errno);
	kp_nl_close(ctx);
	if (unshare(CLONE_NEWNET))
		return kp_fail(ctx, res, "unshare", KP_CALL_UNSHARE, errno);
	if (setns(home, CLONE_NEWNET))
		return kp_fail(ctx, res, "setns", KP_CALL_UNSHARE, errno);
	if (ns_inode(path) != before)
		return kp_broken(res, "read-back", "setns() succeeded and did not go back");
	kp_works(res, "setns");
}

static const struct kp_method set_ns = {
	.run = run_setns,
	.asks = "open /proc/self/ns/net, unshare(CLONE_NEWNET), setns(2) back, and the inode at the end",
	.proves = "works: the inode is the first one again",
	.gate = KP_CAP_SYS_ADMIN,
};

static bool take_nsid(const struct nlmsghdr *msg, void *arg)
{
	size_t len;
	const void *id = msg->nlmsg_type == KP_RTM_NEWNSID ? kp_nl_attr(msg, sizeof(struct rtgenmsg), KP_NETNSA_NSID, &len) : NULL;

	if (id && len == 4)
		*(int *)arg = (int)kp_get_u32(id);
	return false;
}

static void run_nsid(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct rtgenmsg gen = { .rtgen_family = AF_UNSPEC };
	kp_autoclose peer = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const int want = 7;
	int got = -1, rtnl, rc;
	struct kp_nlbuf b;

	(void)row;
	if (peer < 0)
		return kp_fail(ctx, res, "open /proc/self/ns/net", KP_CALL_PLAIN, errno);
	kp_nl_close(ctx);
	if (unshare(CLONE_NEWNET))
		return kp_fail(ctx, res, "unshare", KP_CALL_UNSHARE, errno);
	rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE);
	if (rtnl < 0)
		return;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, KP_RTM_NEWNSID, NLM_F_ACK, &gen, sizeof(gen));
	kp_nl_u32(&b, KP_NETNSA_FD, (uint32_t)peer);
	kp_nl_u32(&b, KP_NETNSA_NSID, (uint32_t)want);
	rc = kp_nl_talk(ctx, rtnl, &b);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWNSID", KP_CALL_PLAIN, -rc);
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, KP_RTM_GETNSID, 0, &gen, sizeof(gen));
	kp_nl_u32(&b, KP_NETNSA_FD, (uint32_t)peer);
	rc = kp_nl_query(ctx, rtnl, &b, take_nsid, &got);
	if (rc)
		return kp_fail(ctx, res, "RTM_GETNSID", KP_CALL_PLAIN, -rc);
	if (got != want)
		return kp_broken(res, "read-back", "RTM_GETNSID names another id than the one that was set");
	kp_works(res, "read-back");
}

static const struct kp_method ns_id = {
	.run = run_nsid,
	.asks = "RTM_NEWNSID with an id for another namespace (NETNSA_FD), then RTM_GETNSID",
	.proves = "works: the same id is read back; absent: EOPNOTSUPP, rtnetlink has no such message",
	.rules = (const struct kp_rule[]){ { EOPNOTSUPP, KP_ABSENT, "rtnetlink has no such message (came with v4.0)" }, { 0 } },
	.gate = KP_CAP_SYS_ADMIN,
};

/* clang-format off */
static const struct kp_probe rows[] = {
	/* 1 is part of CSIGNAL and no flag of unshare(2) since there is one: refused by check_unshare_flags(). */
	{ .id = "ns.control.negative", .title = "an invented kind of namespace", .control = KP_NEGATIVE,
	  .by = &unshare_plain, .arg = &(struct unshare_arg){ .flag = 1 } },
	/* The file table can be unshared on every kernel, by everybody. */
	{ .id = "ns.control.positive", .title = "unshare(2) itself", .control = KP_POSITIVE,
	  .by = &unshare_plain, .arg = &(struct unshare_arg){ .flag = CLONE_FILES } },
	{ .id = "ns.net", .title = "network namespace", .kconfig = "CONFIG_NET_NS", .since = "2.6.24",
	  .by = &unshare_it, .arg = &(struct unshare_arg){ CLONE_NEWNET, "/proc/self/ns/net" } },
	{ .id = "ns.mount", .title = "mount namespace, / as a slave", .kconfig = "CONFIG_NAMESPACES", .since = "2.4.19",
	  .by = &mount_ns, .arg = &(struct unshare_arg){ CLONE_NEWNS, "/proc/self/ns/mnt" } },
	{ .id = "ns.setns", .title = "going back to a network namespace", .kconfig = "CONFIG_NET_NS", .since = "3.0", .needs = "ns.net",
	  .by = &set_ns },
	{ .id = "ns.nsid", .title = "network namespace ids", .kconfig = "CONFIG_NET_NS", .since = "4.0", .needs = "ns.net",
	  .by = &ns_id },
};
/* clang-format on */

const struct kp_family kp_family_ns = {
	.name = "ns",
	.title = "Namespaces",
	.flags = KP_FAMILY_HOST_NETNS,
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
};
