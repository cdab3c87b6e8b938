/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Runs a program with less than root has:
 *
 *	confine [-c CAPABILITY]... [-s SYSCALL:ERRNO]... [-u UID] PROGRAM [ARGUMENT]...
 *
 * -c drops a capability, by its number, from every set; -s makes a seccomp filter answer a system call, by its number, with an
 * errno; -u becomes another user, without capabilities. Exit status 255: usage, or the kernel refused.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define CALLS_MAX 16

static int drop(unsigned int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (cap > 63 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) || syscall(SYS_capget, &head, data))
		return -1;
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	data[cap / 32].inheritable &= ~(1u << cap % 32);
	return (int)syscall(SYS_capset, &head, data);
}

static int filter(const char *const *calls, unsigned int n)
{
	struct sock_filter code[2 + 2 * CALLS_MAX] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .len = 1, .filter = code };

	for (unsigned int i = 0; i < n; i++) {
		const char *colon = strchr(calls[i], ':');

		if (!colon)
			return -1;
		code[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)atoi(calls[i]), 0, 1);
		code[program.len++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)atoi(colon + 1) & SECCOMP_RET_DATA));
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

int main(int argc, char **argv)
{
	const char *calls[CALLS_MAX];
	unsigned int n = 0, uid = 0;
	int opt;

	while ((opt = getopt(argc, argv, "+c:s:u:")) != -1)
		if (opt == 'c' && !drop((unsigned int)atoi(optarg)))
			continue;
		else if (opt == 's' && n < CALLS_MAX)
			calls[n++] = optarg;
		else if (opt == 'u')
			uid = (unsigned int)atoi(optarg);
		else
			goto fail;
	/* Without no_new_privs, so that nothing but the filter changes: root may. */
	if (optind >= argc || (n && filter(calls, n)) || (uid && (setgid(uid) || setuid(uid))))
		goto fail;
	execvp(argv[optind], argv + optind);
fail:
	fprintf(stderr, "confine: %s\n", strerror(errno));
	return 255;
}
