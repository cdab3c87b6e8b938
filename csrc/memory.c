/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Memory that can be had: the node's, and below the limits of the cgroups that we are in. */
#include "memory.h"

#include <string.h>

#include "str.h"

/* In front of every path: the tests' made-up tree. */
#ifndef KP_ROOT
#define KP_ROOT ""
#endif

static bool number(const char *dir, const char *file, uint64_t *ret)
{
	char path[640], text[32];
	const char *p = text;

	kp_copy(path, sizeof(path), dir);
	if (!kp_cat(path, sizeof(path), file) || kp_read_file(path, text, sizeof(text)) <= 0 || *p < '0' || *p > '9')
		return false; /* not there, or "max" */
	*ret = kp_parse_u(&p);
	return true;
}

/* What the limits of a cgroup and of those above it leave. A container sees its own cgroup where the mount is. */
static uint64_t below_limits(const char *mount, const char *path, const char *limit, const char *usage, uint64_t available)
{
	char dir[512];
	size_t root = strlen(mount), n;

	kp_copy(dir, sizeof(dir), mount);
	kp_cat(dir, sizeof(dir), path);
	for (n = strlen(dir); n >= root; n--) {
		uint64_t most, used, room;

		if (n > root && dir[n] && dir[n] != '/')
			continue;
		dir[n] = '\0';
		if (!number(dir, limit, &most) || !number(dir, usage, &used))
			continue;
		room = most > used ? most - used : 0;
		if (room < available)
			available = room;
	}
	return available;
}

static uint64_t of_cgroups(char *text, uint64_t available)
{
	for (char *line = text, *end; *line; line = end) {
		char *path;

		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		else
			end = line + strlen(line);
		path = strchr(line, '/');
		if (!path)
			continue;
		if (kp_starts(line, "0::"))
			available = below_limits(KP_ROOT "/sys/fs/cgroup", path, "/memory.max", "/memory.current", available);
		else if (strstr(line, ":memory:"))
			available = below_limits(KP_ROOT "/sys/fs/cgroup/memory", path, "/memory.limit_in_bytes",
						 "/memory.usage_in_bytes", available);
	}
	return available;
}

uint64_t kp_memory_available(void)
{
	static const char key[] = "\nMemAvailable:";
	char text[4096];
	const char *p;
	uint64_t available;

	kp_read_file(KP_ROOT "/proc/meminfo", text, sizeof(text));
	p = strstr(text, key);
	if (!p)
		return 0;
	p += sizeof(key) - 1;
	while (*p == ' ')
		p++;
	available = kp_parse_u(&p) * 1024;
	return kp_read_file(KP_ROOT "/proc/self/cgroup", text, sizeof(text)) > 0 ? of_cgroups(text, available) : available;
}

unsigned int kp_possible_cpus(void)
{
	unsigned int last = 0;
	char text[128];

	/* "0-7", or with holes "0,2-3": the last number counts. */
	if (kp_read_file(KP_ROOT "/sys/devices/system/cpu/possible", text, sizeof(text)) <= 0)
		return 1;
	for (const char *p = text; *p; p++)
		if (*p >= '0' && *p <= '9') {
			last = (unsigned int)kp_parse_u(&p);
			p--;
		}
	return last + 1;
}
