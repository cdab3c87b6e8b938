/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What this process is and may: read once, before the first fork. */
#include <errno.h>
#include <string.h>
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

/* The initial user namespace maps all of 32 bits onto itself; no other one can (user_namespaces(7)). */
static bool initial_userns(void)
{
	static const char *const want[] = { "0", "0", "4294967295" };
	char map[128], word[24];
	const char *p = map;

	if (kp_read_file("/proc/self/uid_map", map, sizeof(map)) == -ENOENT)
		return true; /* a kernel without user namespaces */
	for (unsigned int i = 0; i < KP_ARRAY_SIZE(want); i++)
		if (!kp_word(&p, word, sizeof(word)) || !kp_equal(word, want[i]))
			return false;
	return true;
}

void kp_env_caps(uint64_t *ret_effective, uint64_t *ret_bounding)
{
	char status[4096];
	const char *p;

	kp_read_file("/proc/self/status", status, sizeof(status));
	p = field(status, "CapEff:");
	*ret_effective = p ? parse_hex(p) : 0;
	p = field(status, "CapBnd:");
	*ret_bounding = p ? parse_hex(p) : 0;
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
	ret->caps = p ? parse_hex(p) : 0;
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
