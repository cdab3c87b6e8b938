/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * A cgroup of the worker's own, kprobe.PID: made for a row, entered, left, removed. Who is killed inside leaves it behind, empty,
 * and the next run removes it.
 *
 * Where: below the root of a cgroup2 that is mounted already and can be written to. A second mount is not harmless: from the
 * initial cgroup namespace it sets nsdelegate, memory_recursiveprot and their like for the whole machine to what its own options
 * say, which is off (cgroup_get_tree(), apply_cgroup_root_flags(); v4.13, 5136f6365ce3). Only where there is none it is mounted, in
 * a mount namespace and a cgroup namespace of the worker's own, from where these are not touched; its root is the worker's own
 * cgroup then. The first mount of all makes /proc/PID/cgroup show everybody a line more, for good: only with --intrusive.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kprobe.h"
#include "attach.h"

#define CGROUP2_MAGIC 0x63677270u
#define QUERY_EFFECTIVE 1u /* BPF_F_QUERY_EFFECTIVE */
#define ATT_CLONE_NEWCGROUP 0x02000000 /* v4.6, a79a908fd2b0 */
#define PREFIX "kprobe."

/* The worker's, for all of its rows. */
static struct {
	int root; /* directory of the hierarchy, as this process sees it; 0: not looked for yet (that is /dev/null, in a worker) */
	char home[512]; /* "PATH/cgroup.procs" of the cgroup the worker came from, below root */
} cg;

/* --- where we are --- */

/*
 * The line of the v2 hierarchy in /proc/self/cgroup: "0::/path". False: none, nobody has ever mounted it. @v1: sockets may be
 * accounted to net_cls or net_prio instead.
 */
static bool own_cgroup(char *path, size_t size, bool *ret_v1)
{
	char text[4096];
	bool found = false;

	*ret_v1 = false;
	path[0] = '\0';
	if (kp_read_file("/proc/self/cgroup", text, sizeof(text)) <= 0)
		return false;
	for (char *line = text, *end; *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		else
			end = line + strlen(line);
		if (kp_starts(line, "0::")) {
			kp_copy(path, size, line + 3);
			found = true;
		} else if (strstr(line, "net_cls") || strstr(line, "net_prio")) {
			*ret_v1 = true;
		}
	}
	return found;
}

/* The kernel's own list, which is not asked by mounting: for a type that it has not it would run modprobe. */
static bool registered(void)
{
	char text[4096];

	return kp_read_file("/proc/filesystems", text, sizeof(text)) <= 0 || strstr(text, "\tcgroup2\n");
}

static void name_of(char *buf, size_t size, pid_t pid)
{
	kp_copy(buf, size, PREFIX);
	kp_cat_u(buf, size, (unsigned long long)pid);
}

/* --- leftovers --- */

/* Is it a worker that lives, not one that nobody has reaped yet? */
static bool lives(unsigned long long pid)
{
	static const char comm[] = "(kprobe-worker) ";
	char path[64] = "/proc/", stat[256];
	const char *p;

	kp_cat_u(path, sizeof(path), pid);
	kp_cat(path, sizeof(path), "/stat");
	kp_read_file(path, stat, sizeof(stat)); /* the head will do; empty when it is gone */
	p = strstr(stat, comm);
	return p && p[sizeof(comm) - 1] != 'Z' && p[sizeof(comm) - 1] != 'X';
}

/* A name of ours whose process is gone, or is another's by now. rmdir(2) spares what is in use. */
static void sweep_one(int root, const char *name)
{
	const char *p = name + sizeof(PREFIX) - 1;
	unsigned long long pid = kp_parse_u(&p);

	if (!*p && pid && pid != (unsigned long long)getpid() && !lives(pid))
		unlinkat(root, name, AT_REMOVEDIR);
}

/* getdents64(2) itself: readdir(3) has a heap. */
static void sweep(int root)
{
	_Alignas(8) char buf[4096];
	kp_autoclose dir = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;

	while (dir >= 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			/* u64 ino, s64 off, u16 reclen, u8 type, name */
			const char *name = buf + at + 19;
			uint16_t reclen;

			memcpy(&reclen, buf + at + 16, sizeof(reclen));
			if (kp_starts(name, PREFIX))
				sweep_one(root, name);
			at += reclen;
		}
}

/* --- the hierarchy --- */

/* Are we named in @procs, a cgroup.procs? */
static bool member(int root, const char *procs)
{
	const unsigned long long self = (unsigned long long)getpid();
	kp_autoclose fd = openat(root, procs, O_RDONLY | O_CLOEXEC);
	unsigned long long pid = 0;
	char buf[512];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + (unsigned long long)(buf[i] - '0');
				continue;
			}
			if (pid == self)
				return true;
			pid = 0;
		}
	return false;
}

static bool take(int root, const char *home)
{
	char name[32];

	name_of(name, sizeof(name), getpid());
	/* Can it be written to? In a container it is often mounted read-only. */
	if (mkdirat(root, name, 0755) && errno != EEXIST)
		return false;
	unlinkat(root, name, AT_REMOVEDIR);
	kp_copy(cg.home, sizeof(cg.home), ".");
	kp_cat(cg.home, sizeof(cg.home), home);
	kp_cat(cg.home, sizeof(cg.home), "/cgroup.procs");
	/* The way back must lead where we are, which may have been removed, or be shown as another cgroup namespace sees it. */
	errno = ENOENT;
	if (!member(root, cg.home))
		return false;
	cg.root = root;
	return true;
}

static bool take_mounted(const char *home)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	/* "/..": it lies outside of our cgroup namespace, so there would be no way back. */
	for (size_t i = 0; home[0] && !kp_starts(home, "/..") && i < KP_ARRAY_SIZE(places); i++) {
		int root = statfs(places[i], &fs) || (uint32_t)fs.f_type != CGROUP2_MAGIC
				   ? -1
				   : open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (root >= 0 && take(root, home))
			return true;
		kp_closep(&root);
	}
	return false;
}

static int mount_somewhere(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/dev", "/tmp", "/mnt" };
	int root = -ENOENT;

	for (size_t i = 0; i < KP_ARRAY_SIZE(places) && (root == -ENOENT || root == -ENOTDIR); i++) {
		root = mount("kprobe", places[i], "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ? -errno : 0;
		if (!root)
			root = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return root;
}

/* Returns whether cg.root is there; if not, the row is answered. */
static bool have_root(struct kp_ctx *ctx, struct kp_result *res)
{
	char home[400];
	bool v1, seen;
	int root;

	if (cg.root > 0)
		return true;
	seen = own_cgroup(home, sizeof(home), &v1);
	if (!seen && !registered()) {
		kp_absent(res, "/proc/filesystems", "this kernel has no cgroup v2: before v4.5, or built without CONFIG_CGROUPS");
		return false;
	}
	if (!seen && !(ctx->env->flags & KP_INTRUSIVE)) {
		kp_unknown(res, "risk",
			   "no cgroup2 was ever mounted here; mounting it, even privately, adds a line 0:: to /proc/PID/cgroup for "
			   "good: "
			   "run with --intrusive");
		return false;
	}
	if (!take_mounted(home)) {
		/* The mount is nobody else's. Slave, never private, which would pin what the host unmounts. */
		if (unshare(CLONE_NEWNS)) {
			kp_fail(ctx, res, "unshare mount namespace", KP_CALL_UNSHARE, errno);
			return false;
		}
		if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) {
			kp_fail(ctx, res, "make / a slave", KP_CALL_PLAIN, errno);
			return false;
		}
		/* EINVAL: before v4.6 there are none, and no such options either. */
		if (unshare(ATT_CLONE_NEWCGROUP) && errno != EINVAL) {
			kp_fail(ctx, res, "unshare cgroup namespace", KP_CALL_UNSHARE, errno);
			return false;
		}
		root = mount_somewhere();
		if (root < 0) {
			kp_fail(ctx, res, "mount cgroup2", KP_CALL_PLAIN, -root);
			return false;
		}
		if (!take(root, "")) {
			kp_fail(ctx, res, "mkdir in cgroup2", KP_CALL_PLAIN, errno);
			close(root);
			return false;
		}
	}
	sweep(cg.root);
	return true;
}

/* --- in and out --- */

static int move_to(const char *procs)
{
	kp_autoclose fd = openat(cg.root, procs, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, "0", 1) == 1 ? 0 : -errno; /* 0: who writes */
}

/* Returns a directory or -errno; @ret_step: what failed. */
static int make_and_enter(const char *name, const char **ret_step)
{
	char procs[64];
	int rc;

	kp_copy(procs, sizeof(procs), name);
	kp_cat(procs, sizeof(procs), "/cgroup.procs");
	*ret_step = "mkdir of a cgroup";
	if (mkdirat(cg.root, name, 0755) && errno != EEXIST)
		return -errno;
	*ret_step = "move into the cgroup";
	rc = move_to(procs);
	if (!rc) {
		*ret_step = "open the cgroup";
		rc = openat(cg.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = rc < 0 ? -errno : rc;
	}
	return rc;
}

static int leave_and_remove(const char *name)
{
	int rc = move_to(cg.home);

	if (unlinkat(cg.root, name, AT_REMOVEDIR) && !rc)
		rc = -errno;
	return rc;
}

bool att_cgroup_enter(struct att *a)
{
	char name[32];
	bool found;
	int n;

	if (!have_root(a->ctx, a->res))
		return false;
	name_of(name, sizeof(name), getpid());
	a->in_cgroup = true;
	a->target_fd = true;
	a->target = make_and_enter(name, &a->step);
	if (a->target < 0) {
		att_stuck(a, a->target);
		return false;
	}
	n = att_prog_query(a, QUERY_EFFECTIVE, 0, &found);
	a->foreign = n > 0 ? (uint32_t)n : 0;
	if (n > 0)
		kp_detail_u(a->res, "foreign-programs", (unsigned long long)n);
	return true;
}

void att_cgroup_leave(struct att *a)
{
	char name[32];

	if (!a->in_cgroup)
		return;
	name_of(name, sizeof(name), getpid());
	leave_and_remove(name);
}

/*
 * Until v5.15 (8520e224f547 "bpf, cgroups: Fix cgroup v2 fallback on v1/v2 mixed mode") a socket had room for one membership: once
 * somebody used net_cls or net_prio, sockets were in no v2 cgroup but the root.
 */
const char *att_cgroup_blind(const struct att *a)
{
	char path[16];
	bool v1;

	if (a->ctx->env->release >= KP_RELEASE(5, 15))
		return NULL;
	own_cgroup(path, sizeof(path), &v1);
	return v1 ? "net_cls or net_prio is mounted: before Linux 5.15 sockets are then in no v2 cgroup but the root, where "
		    "nothing is tried"
		  : NULL;
}

static void run_make(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	char name[32], here[400], want[40] = "/";
	const char *step;
	bool v1, seen;
	int dir;

	(void)row;
	if (!have_root(ctx, res))
		return;
	name_of(name, sizeof(name), getpid());
	kp_cat(want, sizeof(want), name);
	dir = make_and_enter(name, &step);
	seen = own_cgroup(here, sizeof(here), &v1);
	kp_closep(&dir);
	if (dir < 0) {
		leave_and_remove(name);
		return kp_fail(ctx, res, step, KP_CALL_PLAIN, -dir);
	}
	dir = leave_and_remove(name);
	if (dir)
		return kp_fail(ctx, res, "leave and remove the cgroup", KP_CALL_PLAIN, -dir);
	if (!seen || !kp_equal(here, want))
		return kp_broken(res, "read-back", "/proc/self/cgroup does not name the cgroup that the process was moved into");
	kp_works(res, "read-back");
}

const struct kp_method att_cgroup_make = {
	.run = run_make,
	.asks = "a directory kprobe.PID in cgroup2 (what is mounted; else mounted in namespaces of our own), a move into it, "
		"/proc/self/cgroup, "
		"and back",
	.proves = "works: the process was in it and it is gone again; absent: the kernel lists no cgroup2",
	.rules =
		(const struct kp_rule[]){
			{ ENODEV, KP_ABSENT, "this kernel has no cgroup v2: before v4.5, or built without CONFIG_CGROUPS" },
			{ EAGAIN, KP_UNKNOWN, "cgroup.max.descendants or cgroup.max.depth of a cgroup above is reached: raise it" },
			{ 0 },
		},
	.gate = KP_BPF_GATE,
};
