/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * One pass over each of /proc/modules, modules.builtin and modules.dep; each line's name is looked up in a hash of the wanted.
 *
 * "nowhere" is said only after both indexes have been read. An index that is not there says nothing: containers without
 * /lib/modules, images with modules.dep.bin alone, and kernels installed without their modules.builtin are all real.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "lines.h"
#include "modinfo.h"
#include "probe.h"

/* Where modules of release R are: DIR/R. The last one is NixOS. */
static const char *const module_dirs[] = { KP_ROOT "/lib/modules/", KP_ROOT "/usr/lib/modules/",
					   KP_ROOT "/run/booted-system/kernel-modules/lib/modules/" };

struct scan {
	struct kp_modinfo *info;
	char dir[160]; /* of the index that is being read, with a slash */
	struct kp_wanted wanted;
};

_Static_assert(KP_MODULES_MAX <= KP_WANTED_MAX, "the hash is too small");

static uint16_t *slot_of(struct scan *s, const char *name, size_t len)
{
	return kp_wanted_slot(&s->wanted, s->info->mod[0].name, sizeof(s->info->mod[0]), name, len);
}

static void want(struct scan *s, const char *name, size_t len)
{
	struct kp_module *m = &s->info->mod[s->info->n];
	uint16_t *slot = slot_of(s, name, len);

	/* A name that has no place is not looked up, and kp_modinfo_find() says so. */
	if (*slot || !len || len >= sizeof(m->name) || s->info->n == KP_MODULES_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		m->name[i] = name[i] == '-' ? '_' : name[i];
	*slot = (uint16_t)++s->info->n;
}

static void want_all(struct scan *s)
{
	for (unsigned int f = 0; f < kp_n_families; f++)
		for (unsigned int r = 0; r < kp_families[f]->n_rows; r++)
			for (const char *p = kp_families[f]->rows[r].modules; p && *p;) {
				size_t n = strcspn(p, " |");

				want(s, p, n);
				p += n + (p[n] != '\0');
			}
}

static struct kp_module *wanted(struct scan *s, const char *name, size_t len)
{
	uint16_t *slot = slot_of(s, name, len);

	return *slot ? &s->info->mod[*slot - 1] : NULL;
}

/* /proc/modules: "NAME size refs users state address" */
static void loaded_line(void *arg, char *head)
{
	struct kp_module *m = wanted(arg, head, strcspn(head, " "));

	if (m)
		m->state = KP_MOD_LOADED;
}

/* The wanted module of a path that ends in NAME.ko, NAME.ko.xz, …; not of "foo.kor" or "foo.ko/bar". */
static struct kp_module *by_path(struct scan *s, const char *path)
{
	const char *name = strrchr(path, '/');
	const char *ext;

	name = name ? name + 1 : path;
	ext = strstr(name, ".ko");
	if (!ext || (ext[3] && ext[3] != '.'))
		return NULL;
	/* net/netfilter/Makefile, seen in 7.3: nfnetlink.o is an object of netfilter.o, under whose name alone the index has it. */
	if (kp_starts(name, "netfilter.ko"))
		return wanted(s, "nfnetlink", strlen("nfnetlink"));
	return wanted(s, name, (size_t)(ext - name));
}

/* modules.builtin: "kernel/net/ipv4/tunnel4.ko" */
static void builtin_line(void *arg, char *head)
{
	struct kp_module *m = by_path(arg, head);

	if (m && m->state == KP_MOD_NOWHERE)
		m->state = KP_MOD_BUILTIN;
}

/* modules.dep: "kernel/net/ipv4/ipip.ko.xz: kernel/net/ipv4/tunnel4.ko.xz …"; module-init-tools wrote absolute paths */
static void dep_line(void *arg, char *head)
{
	struct scan *s = arg;
	struct kp_module *m;
	char *colon = strchr(head, ':');
	char path[sizeof(s->dir) + KP_LINE_HEAD];
	struct stat st;

	if (!colon)
		return;
	*colon = '\0';
	m = by_path(s, head);
	if (!m || (m->state != KP_MOD_NOWHERE && m->state != KP_MOD_MISSING))
		return;
	kp_copy(path, sizeof(path), *head == '/' ? KP_ROOT : s->dir);
	kp_cat(path, sizeof(path), head);
	/* Only "not there" is missing: a directory that may not be searched leaves the index's word. */
	m->state = stat(path, &st) && (errno == ENOENT || errno == ENOTDIR) ? KP_MOD_MISSING : KP_MOD_FILE;
	kp_copy(m->path, sizeof(m->path), path + sizeof(KP_ROOT) - 1);
}

/* Reads index @name from the first directory that has it. Returns 0 or a positive errno, the most telling one. */
static int read_index(struct scan *s, const char *release, const char *name, void (*line)(void *, char *))
{
	int ret = ENOENT;

	for (size_t i = 0; i < KP_ARRAY_SIZE(module_dirs); i++) {
		struct kp_lines lines = { .line = line, .arg = s };
		char path[sizeof(s->dir) + 32];
		int err;

		kp_copy(s->dir, sizeof(s->dir), module_dirs[i]);
		kp_cat(s->dir, sizeof(s->dir), release);
		kp_cat(s->dir, sizeof(s->dir), "/");
		kp_copy(path, sizeof(path), s->dir);
		kp_cat(path, sizeof(path), name);
		err = -kp_lines_file(&lines, path);
		if (!err)
			return 0;
		if (ret == ENOENT)
			ret = err;
	}
	return ret;
}

/* What sysfs says of a module that /proc/modules did not name. */
static void ask_sysfs(struct kp_module *m)
{
	char path[sizeof(KP_ROOT) + sizeof(m->name) + 32] = KP_ROOT "/sys/module/";
	struct stat st;

	kp_cat(path, sizeof(path), m->name);
	if (stat(path, &st))
		return;
	/* Only what was loaded has this file: /proc/modules was unreadable, or it came a moment ago. */
	kp_cat(path, sizeof(path), "/initstate");
	m->state = stat(path, &st) ? KP_MOD_BUILTIN : KP_MOD_LOADED;
}

void kp_modinfo_scan(struct kp_modinfo *ret)
{
	struct scan s = { .info = ret };
	struct kp_lines modules = { .line = loaded_line, .arg = &s };
	struct utsname uts;
	int err;

	memset(ret, 0, sizeof(*ret));
	want_all(&s);

	err = kp_lines_file(&modules, KP_ROOT "/proc/modules");
	ret->modular = err != -ENOENT;
	for (unsigned int i = 0; i < ret->n; i++)
		if (ret->mod[i].state == KP_MOD_NOWHERE)
			ask_sysfs(&ret->mod[i]);

	if (uname(&uts))
		kp_copy(uts.release, sizeof(uts.release), "unknown");
	ret->builtin_err = read_index(&s, uts.release, "modules.builtin", builtin_line);
	ret->builtin_unreadable = ret->builtin_err != 0;
	ret->dep_err = read_index(&s, uts.release, "modules.dep", dep_line);
	ret->dep_unreadable = ret->dep_err != 0;
	kp_copy(ret->dep_dir, sizeof(ret->dep_dir), s.dir);

	/* Where nothing can load there is nothing that modules.dep could name. */
	if (ret->builtin_unreadable || (ret->dep_unreadable && ret->modular))
		for (unsigned int i = 0; i < ret->n; i++)
			if (ret->mod[i].state == KP_MOD_NOWHERE)
				ret->mod[i].state = KP_MOD_UNREADABLE;
}

const struct kp_module *kp_modinfo_find(const struct kp_modinfo *info, const char *name)
{
	for (unsigned int i = 0; i < info->n; i++) {
		const char *a = info->mod[i].name, *b = name;

		while (*a && *a == (*b == '-' ? '_' : *b)) {
			a++;
			b++;
		}
		if (!*a && !*b)
			return &info->mod[i];
	}
	return NULL;
}
