/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Runs a program under a seccomp filter: seccomp_old MODE PROGRAM ARGUMENTS…
 *
 *	linux-3.10	ENOSYS to every system call that came after it, ENOPROTOOPT to netlink options that came after it
 *	no-userns	EINVAL to unshare(CLONE_NEWUSER), as without CONFIG_USER_NS and on RHEL 7
 *	no-netns	EINVAL to unshare(CLONE_NEWNET), as without CONFIG_NET_NS
 *	eperm		EPERM to unshare(2), as a container runtime's profile does
 *	enosys		ENOSYS to unshare(2), as other profiles do
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the numbers below are those of x86-64"
#endif

#define NEWER 314 /* sched_setattr, v3.14: the first after finit_module, v3.8 (arch/x86/entry/syscalls/syscall_64.tbl) */
#define SOL_NETLINK 270
#define OLDEST_NEWER_OPTION                                                                                                        \
	6 /* behind NETLINK_NO_ENOBUFS, v2.6.30: RX_RING and TX_RING, v3.10, gone again; the rest v4.0 and later */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (__u32)offsetof(struct seccomp_data, field))
#define ARG_LOW(n) LOAD(args[n])
#define SAY(err) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define UNLESS_ARCH_KILL                                                                                                           \
	LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL)

static struct sock_filter linux_3_10[] = {
	UNLESS_ARCH_KILL,
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NEWER, 6, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 4),
	ARG_LOW(1),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_NETLINK, 0, 2),
	ARG_LOW(2),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OLDEST_NEWER_OPTION, 2, 0),
	ALLOW,
	SAY(ENOSYS),
	SAY(ENOPROTOOPT),
};

/* unshare(2) with this flag answers that. */
#define UNSHARE(flag, err)                                                                                                         \
	{                                                                                                                          \
		UNLESS_ARCH_KILL,                                                                                                  \
		LOAD(nr),                                                                                                          \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 2),                                                            \
		ARG_LOW(0),                                                                                                        \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 1, 0),                                                                  \
		ALLOW,                                                                                                             \
		SAY(err),                                                                                                          \
	}

static struct sock_filter no_userns[] = UNSHARE(CLONE_NEWUSER, EINVAL);
static struct sock_filter no_netns[] = UNSHARE(CLONE_NEWNET, EINVAL);
static struct sock_filter eperm[] = UNSHARE(0xffffffff, EPERM);
static struct sock_filter enosys[] = UNSHARE(0xffffffff, ENOSYS);

static const struct mode {
	const char *name;
	struct sock_fprog prog;
} modes[] = {
#define MODE(name, code)                                                                                                           \
	{                                                                                                                          \
		name,                                                                                                              \
		{                                                                                                                  \
			sizeof(code) / sizeof((code)[0]), code                                                                     \
		}                                                                                                                  \
	}
	MODE("linux-3.10", linux_3_10), MODE("no-userns", no_userns), MODE("no-netns", no_netns),
	MODE("eperm", eperm),           MODE("enosys", enosys),
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &modes[i].prog)) {
			perror("seccomp");
			return 125;
		}
		execv(argv[2], argv + 2);
		perror(argv[2]);
		return 126;
	}
	fputs("usage: seccomp_old MODE PROGRAM ARGUMENTS…\n", stderr);
	return 125;
}
