/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Sysctls in the worker's network namespace: /proc/sys/net shows each process the files of its own (since v2.6.25). The host's
 * values are facts (sysctl.h), not rows.
 */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "families.h"

#define VALUE 64

static int open_sysctl(const char *name, int flags)
{
	char path[128] = "/proc/sys/";
	int fd;

	if (!kp_cat(path, sizeof(path), name))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The value without its newline. Returns 0 or -errno. */
static int get(int fd, char *value)
{
	ssize_t n = pread(fd, value, VALUE - 1, 0);

	if (n < 0)
		return -errno;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

/* A sysctl takes a value in one write at the beginning of the file. */
static int put(int fd, const char *value)
{
	size_t len = strlen(value);
	ssize_t n;

	do {
		n = pwrite(fd, value, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/*
 * Written is only in a namespace that is not the parent's. Not being able to tell is a no; but in a user namespace of ours, from
 * which the parent's cannot be seen, it is the kernel that forbids writing the host's.
 */
static bool own_netns(const struct kp_env *env)
{
	char path[40] = "/proc/";
	struct stat mine, theirs;

	if (env->userns)
		return true;
	kp_cat_u(path, sizeof(path), (unsigned long long)getppid());
	kp_cat(path, sizeof(path), "/ns/net");
	if (stat("/proc/self/ns/net", &mine) || stat(path, &theirs))
		return false;
	return mine.st_ino != theirs.st_ino;
}

static const struct kp_rule sysctl_rules[] = {
	{ ENOENT, KP_ABSENT, "there is no such file" },
	{ ENOTDIR, KP_ABSENT, "there is no such file" },
	{ 0 },
};

static void run_read(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_sysctl *s = row->arg;
	kp_autoclose fd = open_sysctl(s->path, O_RDONLY);
	char value[VALUE];
	int rc;

	ctx->extack[0] = '\0';
	if (fd < 0)
		return kp_fail(ctx, res, "open", KP_CALL_PLAIN, -fd);
	rc = get(fd, value);
	if (rc)
		return kp_fail(ctx, res, "read", KP_CALL_PLAIN, -rc);
	kp_detail(res, "value", value);
	if (!value[0])
		return kp_broken(res, "read", "the file is empty");
	kp_works(res, "read");
}

const struct kp_method kp_sysctl_by_read = {
	.run = run_read,
	.asks = "open and read of the file in a network namespace of our own",
	.proves = "works: it has a value; absent: there is no such file",
	.rules = sysctl_rules,
};

static void run_write(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_sysctl *s = row->arg;
	kp_autoclose fd = open_sysctl(s->path, O_RDWR);
	char before[VALUE], after[VALUE];
	const char *other;
	int rc;

	ctx->extack[0] = '\0';
	if (fd < 0)
		return kp_fail(ctx, res, "open", KP_CALL_PLAIN, -fd);
	rc = get(fd, before);
	if (rc)
		return kp_fail(ctx, res, "read", KP_CALL_PLAIN, -rc);
	kp_detail(res, "value", before);
	if (!own_netns(ctx->env))
		return kp_unknown(res, "namespace",
				  "it cannot be told that this namespace is not the host's, so nothing is written");
	other = kp_equal(before, s->a) ? s->b : s->a;
	rc = put(fd, other);
	if (rc)
		return kp_fail(ctx, res, "write", KP_CALL_PLAIN, -rc);
	rc = get(fd, after);
	if (rc)
		return kp_fail(ctx, res, "read-back", KP_CALL_PLAIN, -rc);
	put(fd, before); /* for the rows behind this one */
	if (!kp_equal(after, other))
		return kp_broken(res, "read-back", "the value that was written is not the one that is read");
	kp_works(res, "read-back");
}

const struct kp_method kp_sysctl_by_write = {
	.run = run_write,
	.asks = "open and read of the file in a network namespace of our own, write of another value, read",
	.proves = "works: that value is read back; absent: there is no such file; broken: another value is read",
	.rules = sysctl_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* Without procfs every file would look absent. */
static void run_osrelease(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = open_sysctl("kernel/osrelease", O_RDONLY);
	char value[VALUE];
	struct utsname u;
	int rc;

	(void)row;
	ctx->extack[0] = '\0';
	if (fd < 0)
		return kp_fail(ctx, res, "open", KP_CALL_PLAIN, -fd);
	rc = get(fd, value);
	if (rc)
		return kp_fail(ctx, res, "read", KP_CALL_PLAIN, -rc);
	if (uname(&u))
		return kp_fail(ctx, res, "uname", KP_CALL_PLAIN, errno);
	if (strncmp(value, u.release, VALUE - 1))
		return kp_broken(res, "compare", "kernel.osrelease is not what uname(2) says");
	kp_works(res, "compare");
}

static const struct kp_method read_osrelease = {
	.run = run_osrelease,
	.asks = "open and read of /proc/sys/kernel/osrelease, uname(2)",
	.proves = "works: they say the same; unknown: there is no /proc/sys to ask",
	.rules = (const struct kp_rule[]){ { ENOENT, KP_UNKNOWN, "there is no /proc/sys here: mount proc and run again" }, { 0 } },
};

/* clang-format off */
#define SYSCTL(...) &(const struct kp_sysctl){ __VA_ARGS__ }
#define READ(p) .by = &kp_sysctl_by_read, .arg = SYSCTL(.path = (p))
#define WRITE(p, x, y) .by = &kp_sysctl_by_write, .arg = SYSCTL(.path = (p), .a = (x), .b = (y))
#define SWITCH(p) WRITE(p, "0", "1")
#define V4(more, release) .kconfig = "CONFIG_SYSCTL CONFIG_INET" more, .since = release
#define V6(release) .kconfig = "CONFIG_SYSCTL CONFIG_IPV6", .since = release
/* nf_conntrack's files: nothing that these rows do would load it, hence the prerequisite. */
#define CT .kconfig = "CONFIG_SYSCTL CONFIG_NF_CONNTRACK", .since = "2.6.18", .needs = "conntrack.netlink", .rules = ct_rules

static const struct kp_rule ct_rules[] = {
	{ ENOENT, KP_ABSENT, "there is no such file: nf_conntrack has no such sysctl in this kernel" },
	{ 0 },
};

static const struct kp_rule v6_rules[] = {
	{ ENOENT, KP_ABSENT, "there is no such file: no IPv6 in this kernel, or ipv6.disable=1" },
	{ 0 },
};

static const struct kp_probe rows[] = {
	{ .id = "sysctl.control.positive", .title = "kernel.osrelease", .control = KP_POSITIVE, .by = &read_osrelease },
	{ .id = "sysctl.control.negative", .title = "an invented sysctl", .control = KP_NEGATIVE, READ("net/ipv4/kpnone") },

	{ .id = "sysctl.net.ipv4.ip_forward", .title = "IPv4 forwarding", V4("", "2.2"), SWITCH("net/ipv4/ip_forward") },
	{ .id = "sysctl.net.ipv4.conf.all.rp_filter", .title = "reverse path filter of all interfaces", V4("", "2.2"),
	  WRITE("net/ipv4/conf/all/rp_filter", "0", "2") },
	{ .id = "sysctl.net.ipv4.conf.default.rp_filter", .title = "reverse path filter of new interfaces", V4("", "2.2"),
	  READ("net/ipv4/conf/default/rp_filter") },
	{ .id = "sysctl.net.ipv4.conf.all.src_valid_mark", .title = "marks in the reverse path filter", V4("", "2.6.33"),
	  SWITCH("net/ipv4/conf/all/src_valid_mark") },
	{ .id = "sysctl.net.ipv4.conf.if.rp_filter", .title = "reverse path filter of an interface", V4("", "2.2"),
	  WRITE("net/ipv4/conf/lo/rp_filter", "0", "2") },
	{ .id = "sysctl.net.ipv4.conf.if.route_localnet", .title = "127/8 routed over an interface", V4("", "3.6"),
	  SWITCH("net/ipv4/conf/lo/route_localnet") },
	{ .id = "sysctl.net.ipv4.conf.if.proxy_arp", .title = "proxy ARP of an interface", V4("", "2.2"),
	  SWITCH("net/ipv4/conf/lo/proxy_arp") },
	{ .id = "sysctl.net.ipv4.conf.if.forwarding", .title = "IPv4 forwarding of an interface", V4("", "2.2"),
	  SWITCH("net/ipv4/conf/lo/forwarding") },
	{ .id = "sysctl.net.ipv4.conf.if.accept_local", .title = "own source addresses accepted on an interface", V4("", "2.6.33"),
	  SWITCH("net/ipv4/conf/lo/accept_local") },
	/* The files of a device lie in its neigh_parms (neigh_sysctl_register()), and the device in its namespace. */
	{ .id = "sysctl.net.ipv4.neigh.if.proxy_delay", .title = "delay of proxy ARP of an interface", V4("", "2.2"),
	  WRITE("net/ipv4/neigh/lo/proxy_delay", "0", "10") },
	{ .id = "sysctl.net.ipv4.ipfrag_time", .title = "time that fragments are kept", V4("", "2.2"),
	  READ("net/ipv4/ipfrag_time") },

	{ .id = "sysctl.net.ipv6.conf.all.forwarding", .title = "IPv6 forwarding", V6("2.2"), .rules = v6_rules,
	  SWITCH("net/ipv6/conf/all/forwarding") },
	{ .id = "sysctl.net.ipv6.conf.all.disable_ipv6", .title = "IPv6 switched off or on, all interfaces", V6("2.6.29"),
	  .rules = v6_rules, SWITCH("net/ipv6/conf/all/disable_ipv6") },
	{ .id = "sysctl.net.ipv6.conf.default.disable_ipv6", .title = "IPv6 switched off or on, new interfaces", V6("2.6.29"),
	  .rules = v6_rules, SWITCH("net/ipv6/conf/default/disable_ipv6") },
	{ .id = "sysctl.net.ipv6.conf.if.disable_ipv6", .title = "IPv6 switched off or on, one interface", V6("2.6.29"),
	  .rules = v6_rules, SWITCH("net/ipv6/conf/lo/disable_ipv6") },
	{ .id = "sysctl.net.ipv6.conf.all.accept_dad", .title = "duplicate address detection, all interfaces", V6("2.6.27"),
	  .rules = v6_rules, SWITCH("net/ipv6/conf/all/accept_dad") },
	{ .id = "sysctl.net.ipv6.conf.default.accept_dad", .title = "duplicate address detection, new interfaces", V6("2.6.27"),
	  .rules = v6_rules, SWITCH("net/ipv6/conf/default/accept_dad") },
	{ .id = "sysctl.net.ipv6.conf.if.accept_dad", .title = "duplicate address detection, one interface", V6("2.6.27"),
	  .rules = v6_rules, SWITCH("net/ipv6/conf/lo/accept_dad") },
	{ .id = "sysctl.net.ipv6.conf.if.proxy_ndp", .title = "proxy NDP of an interface", V6("2.6.19"), .rules = v6_rules,
	  SWITCH("net/ipv6/conf/lo/proxy_ndp") },
	{ .id = "sysctl.net.ipv6.conf.if.forwarding", .title = "IPv6 forwarding of an interface", V6("2.2"), .rules = v6_rules,
	  SWITCH("net/ipv6/conf/lo/forwarding") },
	{ .id = "sysctl.net.ipv6.conf.if.accept_ra", .title = "router advertisements on an interface", V6("2.2"), .rules = v6_rules,
	  SWITCH("net/ipv6/conf/lo/accept_ra") },

	{ .id = "sysctl.net.netfilter.nf_conntrack_acct", .title = "counters of connections", CT,
	  SWITCH("net/netfilter/nf_conntrack_acct") },
	/* Before v5.11 (d0febd81ae77) the file points at the host's value from every namespace: never written. */
	{ .id = "sysctl.net.netfilter.nf_conntrack_max", .title = "how many connections are tracked", CT,
	  READ("net/netfilter/nf_conntrack_max") },
	{ .id = "sysctl.net.netfilter.nf_conntrack_generic_timeout", .title = "timeout of other protocols", CT,
	  READ("net/netfilter/nf_conntrack_generic_timeout") },
	{ .id = "sysctl.net.netfilter.nf_conntrack_icmp_timeout", .title = "timeout of ICMP", CT,
	  READ("net/netfilter/nf_conntrack_icmp_timeout") },
	{ .id = "sysctl.net.netfilter.nf_conntrack_tcp_timeout_syn_sent", .title = "timeout of TCP, SYN sent", CT,
	  READ("net/netfilter/nf_conntrack_tcp_timeout_syn_sent") },
	{ .id = "sysctl.net.netfilter.nf_conntrack_tcp_timeout_established", .title = "timeout of TCP, established", CT,
	  READ("net/netfilter/nf_conntrack_tcp_timeout_established") },
	{ .id = "sysctl.net.netfilter.nf_conntrack_tcp_timeout_time_wait", .title = "timeout of TCP, TIME_WAIT", CT,
	  READ("net/netfilter/nf_conntrack_tcp_timeout_time_wait") },

	/* The machine's, whatever the namespace: only read. */
	{ .id = "sysctl.kernel.unprivileged_bpf_disabled", .title = "bpf(2) forbidden without capabilities",
	  .kconfig = "CONFIG_SYSCTL CONFIG_BPF_SYSCALL", .since = "4.4", READ("kernel/unprivileged_bpf_disabled") },
};
/* clang-format on */

const struct kp_family kp_family_sysctl = { "sysctl", "Sysctls", 0, rows, KP_ARRAY_SIZE(rows), NULL };
