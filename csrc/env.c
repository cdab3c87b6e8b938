/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What this process is and may: read once, before the first fork. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "run.h"

static uint64_t parse_hex(const char *p)
{
	uint64_t v = 0;

	for (;; p++) {
		if (*p >= '0' && *p <= '9')
			v = v << 4 | (uint64_t)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			v = v << 4 | (uint64_t)(*p - 'a' + 10);
		else
			return v;
	}
}

static const char *field(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	if (!p)
		return NULL;
	p += strlen(key);
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* The initial user namespace has had this inode number since v3.8 (98f842e675f9: PROC_USER_INIT_INO); its map can be had by others. */
#define INIT_USERNS_INODE 0xeffffffdu

static bool initial_userns(void)
{
	struct stat st;

	/* No such file: a kernel without user namespaces, where all are in the one there is. */
	return stat("/proc/self/ns/user", &st) ? errno == ENOENT : st.st_ino == INIT_USERNS_INODE;
}

/* The file is told to the initial namespace alone (net/netfilter/nf_log.c), so here and not in a worker. */
static bool logs_all_netns(void)
{
	char text[8];

	return kp_read_file("/proc/sys/net/netfilter/nf_log_all_netns", text, sizeof(text)) > 0 && text[0] != '0';
}

int kp_env_scan(struct kp_env *ret, unsigned int flags)
{
	char status[4096];
	const char *p;
	struct utsname u;

	memset(ret, 0, sizeof(*ret));
	ret->flags = flags;
	ret->seccomp = -1;
	kp_read_file("/proc/self/status", status, sizeof(status));
	p = field(status, "CapEff:");
	ret->caps = ret->caps_effective = p ? parse_hex(p) : 0;
	p = field(status, "CapBnd:");
	ret->caps_bounding = p ? parse_hex(p) : 0;
	p = field(status, "Seccomp:"); /* since v3.8 */
	if (p)
		ret->seccomp = *p - '0';
	ret->caps_init = initial_userns() ? ret->caps : 0;
	if (!(ret->caps & KP_CAP_SYS_ADMIN)) {
		ret->userns = true;
		ret->caps = UINT64_MAX >> 1; /* all of them, inside the namespace to be made */
		ret->caps_init = 0;
	}
	ret->modular = !access("/proc/modules", F_OK);
	ret->logs_all_netns = logs_all_netns();
	if (!uname(&u)) {
		const char *r = u.release;
		unsigned int major = (unsigned int)kp_parse_u(&r);

		if (*r == '.')
			r++;
		ret->release = KP_RELEASE(major, kp_parse_u(&r));
	}
	kp_read_file("/sys/kernel/security/lsm", ret->lsm, sizeof(ret->lsm));
	return 0;
}
