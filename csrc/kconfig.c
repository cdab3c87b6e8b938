/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * /proc/config.gz is the running kernel's own; the files are what a package left for a kernel of the same name. The first that
 * can be read is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "facts.h"
#include "kconfig.h"
#include "lines.h"

#define PACKED_MAX ((size_t)1 << 20)
#define TEXT_MAX ((size_t)2 << 20)

/* Before and after the release. */
static const struct {
	const char *before, *after;
} files[] = {
	{ KP_ROOT "/boot/config-", "" },
	{ KP_ROOT "/usr/lib/modules/", "/config" },
	{ KP_ROOT "/lib/modules/", "/config" },
	{ KP_ROOT "/lib/modules/", "/build/.config" },
	{ KP_ROOT "/run/booted-system/kernel-modules/lib/modules/", "/build/.config" },
};

struct scan {
	struct kp_kconfig *kconfig;
	struct kp_wanted wanted;
};

_Static_assert(KP_KCONFIG_MAX <= KP_WANTED_MAX, "the hash is too small");

static uint16_t *slot_of(struct scan *s, const char *name, size_t len)
{
	return kp_wanted_slot(&s->wanted, s->kconfig->config[0].name, sizeof(s->kconfig->config[0]), name, len);
}

static void want(struct scan *s, const char *name, size_t len)
{
	struct kp_config *c = &s->kconfig->config[s->kconfig->n];
	uint16_t *slot = slot_of(s, name, len);

	if (*slot || !len || len >= sizeof(c->name) || s->kconfig->n == KP_KCONFIG_MAX)
		return;
	memcpy(c->name, name, len);
	*slot = (uint16_t)++s->kconfig->n;
}

static void want_words(struct scan *s, const char *words)
{
	for (const char *p = words; p && *p;) {
		size_t n = strcspn(p, " |");

		want(s, p, n);
		p += n + (p[n] != '\0');
	}
}

/* What no row needs, but who tells of a kernel's BPF tells of these: so does bpftool feature probe. */
static const char about_bpf[] =
	"CONFIG_BPF CONFIG_HAVE_EBPF_JIT CONFIG_BPF_JIT_ALWAYS_ON CONFIG_DEBUG_INFO_BTF_MODULES CONFIG_CGROUP_NET_CLASSID "
	"CONFIG_KPROBE_EVENTS CONFIG_UPROBE_EVENTS CONFIG_TRACING CONFIG_FTRACE_SYSCALLS CONFIG_FUNCTION_ERROR_INJECTION "
	"CONFIG_BPF_KPROBE_OVERRIDE CONFIG_NETFILTER_XT_MATCH_BPF CONFIG_BPFILTER CONFIG_BPFILTER_UMH CONFIG_TEST_BPF "
	"CONFIG_IPV6_SEG6_BPF CONFIG_HZ";

static void want_all(struct scan *s)
{
	for (unsigned int f = 0; f < kp_n_families; f++)
		for (unsigned int r = 0; r < kp_families[f]->n_rows; r++)
			want_words(s, kp_families[f]->rows[r].kconfig);
	want_words(s, about_bpf);
}

/* "CONFIG_VXLAN=m", "CONFIG_HZ=250"; what is "n" has no such line, or the comment "# CONFIG_VXLAN is not set" */
static void config_line(void *arg, char *head)
{
	struct scan *s = arg;
	uint16_t *slot;
	size_t n;

	if (!kp_starts(head, "CONFIG_"))
		return;
	n = strcspn(head, "=");
	if (!head[n])
		return;
	slot = slot_of(s, head, n);
	if (*slot) {
		struct kp_config *c = &s->kconfig->config[*slot - 1];

		kp_copy(c->value, sizeof(c->value), memchr("mn0123456789", head[n + 1], 12) ? head + n + 1 : "y");
	}
}

struct scratch {
	void *at;
	size_t size;
};

static void scratch_free(struct scratch *s)
{
	if (s->at != MAP_FAILED)
		munmap(s->at, s->size);
}

/* Pages that are not touched cost nothing. */
static struct scratch scratch_get(size_t size)
{
	return (struct scratch){ mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size };
}

static int read_gz(struct kp_lines *lines, const char *path)
{
	__attribute__((cleanup(scratch_free))) struct scratch packed = scratch_get(PACKED_MAX), text = scratch_get(TEXT_MAX);
	long n;

	if (packed.at == MAP_FAILED || text.at == MAP_FAILED)
		return -ENOMEM;
	n = kp_read_file(path, packed.at, packed.size);
	if (n < 0)
		return (int)n;
	n = kp_gunzip(text.at, text.size, packed.at, (size_t)n);
	if (n < 0)
		return (int)n;
	kp_lines_feed(lines, text.at, (size_t)n);
	kp_lines_end(lines);
	return 0;
}

/* Reads one source and notes what became of it; of several that failed, the first that is there but cannot be read is kept. */
static bool try(struct scan *s, const char *path, int (*reader)(struct kp_lines *, const char *))
{
	struct kp_lines lines = { .line = config_line, .arg = s };
	struct kp_kconfig *k = s->kconfig;
	int err;

	/* Also wipes what a source left that broke off in the middle. */
	for (unsigned int i = 0; i < k->n; i++)
		kp_copy(k->config[i].value, sizeof(k->config[i].value), "n");
	err = -reader(&lines, path);
	if (err && k->err && (k->err != ENOENT || err == ENOENT))
		return false;
	kp_copy(k->source, sizeof(k->source), path + sizeof(KP_ROOT) - 1);
	k->err = err;
	return !err;
}

void kp_kconfig_scan(struct kp_kconfig *ret)
{
	struct scan s = { .kconfig = ret };
	struct utsname uts;

	memset(ret, 0, sizeof(*ret));
	want_all(&s);
	if (try(&s, KP_ROOT "/proc/config.gz", read_gz) || uname(&uts))
		return;
	for (size_t i = 0; i < KP_ARRAY_SIZE(files); i++) {
		char path[sizeof(ret->source)];

		kp_copy(path, sizeof(path), files[i].before);
		kp_cat(path, sizeof(path), uts.release);
		kp_cat(path, sizeof(path), files[i].after);
		if (try(&s, path, kp_lines_file))
			return;
	}
}
