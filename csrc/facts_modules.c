/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * What stands in the way of modules: what modprobe.d says of them, what their files look like, on which others they depend. Read
 * after the rows, and only for modules that a row would have needed and the kernel did not get: on most nodes that is nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "factkit.h"
#include "facts.h"
#include "lines.h"

#define NAMES_MAX 400 /* missed modules, and those on which they depend */
#define PATH 256

/* --- directories --- */

struct tree {
	struct kp_out *o;
	const char *release;
	unsigned int n;
};

/* Releases only: what does not look like one is not passed on. */
static bool another_release(void *arg, const char *name)
{
	struct tree *t = arg;

	if (*name < '0' || *name > '9' || strlen(name) > 64 || kp_equal(name, t->release))
		return true;
	for (const char *p = name; *p; p++)
		if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_+~", *p))
			return true;
	kp_js_item(t->o, name);
	return ++t->n < 8;
}

/* Which kernels have modules here, and whether the index of the running one says anything. */
void kp_fact_module_tree(struct kp_out *o, const struct kp_modinfo *info)
{
	struct utsname uts = { .release = "" };
	struct tree t = { .o = o, .release = uts.release };
	char path[sizeof(info->dep_dir) + 16];
	struct stat st;

	uname(&uts);
	kp_copy(path, sizeof(path), info->dep_dir);
	kp_cat(path, sizeof(path), "modules.dep");
	kp_fact_open(o, "node.module-tree", "/lib/modules");
	if (!stat(path, &st)) {
		kp_js_text(o, "directory", info->dep_dir + sizeof(KP_ROOT) - 1);
		kp_js_int(o, "dep_bytes", (long long)st.st_size);
	}
	kp_js_array(o, "others");
	if (kp_each_name("/lib/modules", another_release, &t))
		kp_each_name("/usr/lib/modules", another_release, &t);
	kp_js_end(o, ']');
	kp_fact_close(o);
}

/* --- files --- */

/* Is this the whole of a zstd frame (RFC 8878): a header, then blocks, each with its size in front? */
static bool zstd_whole(int fd, off_t size)
{
	uint8_t h[18] = { 0 };
	off_t at;

	if (pread(fd, h, 14, 0) < 6)
		return false;
	at = 5 + !(h[4] & 0x20);                                      /* magic, descriptor, window */
	at += (h[4] & 3) == 3 ? 4 : h[4] & 3;                         /* dictionary */
	at += h[4] >> 6 ? 1 << (h[4] >> 6) : h[4] & 0x20 ? 1 : 0;     /* content size */
	for (;;) {
		uint32_t block;

		if (pread(fd, h, 3, at) != 3)
			return false;
		block = (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16;
		at += 3 + ((block >> 1 & 3) == 1 ? 1 : (off_t)(block >> 3)); /* of a run, one byte stands there */
		if (block & 1)
			return at <= size;
	}
}

/* Does the section table, which comes last, fit into the file? Another byte order or class is not looked into. */
static bool elf_whole(const uint8_t *h, off_t size)
{
	uint64_t shoff;
	uint16_t each, n;

	if (h[4] != sizeof(long) / 4 || h[5] != (*(const uint8_t *)&(const uint16_t){ 1 } ? 1 : 2))
		return true;
	if (sizeof(long) == 8) {
		memcpy(&shoff, h + 40, 8);
		memcpy(&each, h + 58, 2);
		memcpy(&n, h + 60, 2);
	} else {
		uint32_t word;

		memcpy(&word, h + 32, 4);
		shoff = word;
		memcpy(&each, h + 46, 2);
		memcpy(&n, h + 48, 2);
	}
	return shoff <= (uint64_t)size && (uint64_t)each * n <= (uint64_t)size - shoff;
}

/* What is wrong with a module's file, by its head and, where the format has one, its foot; NULL: nothing that can be seen. */
static const char *trouble(const char *path)
{
	kp_autoclose fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t head[64] = { 0 }, foot[2];
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? "missing" : NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return NULL;
	if (!st.st_size)
		return "empty";
	if (pread(fd, head, sizeof(head), 0) < 6)
		return "damaged";
	if (!memcmp(head, "\177ELF", 4))
		return elf_whole(head, st.st_size) ? NULL : "damaged";
	if (!memcmp(head, "\375\067zXZ", 6)) /* the .xz File Format, 2.1.2.4: it ends in "YZ" */
		return pread(fd, foot, 2, st.st_size - 2) == 2 && !memcmp(foot, "YZ", 2) ? NULL : "damaged";
	if (!memcmp(head, "\050\265\057\375", 4))
		return zstd_whole(fd, st.st_size) ? NULL : "damaged";
	return head[0] == 0x1f && head[1] == 0x8b ? NULL : "damaged"; /* of gzip only the beginning is looked at */
}

/* --- modules.dep --- */

struct names {
	unsigned int n, n_missed;
	struct {
		char name[40];
		bool looked_at;
	} mod[NAMES_MAX];
	struct kp_wanted hash;
};

_Static_assert(NAMES_MAX <= KP_WANTED_MAX, "the hash is too small");

/* The number of a name, which @add puts there if it is new; -1: not there, or no room. */
static int number_of(struct names *w, const char *name, size_t len, bool add)
{
	uint16_t *slot = kp_wanted_slot(&w->hash, w->mod[0].name, sizeof(w->mod[0]), name, len);

	if (*slot)
		return *slot - 1;
	if (!add || w->n == NAMES_MAX || !len || len >= sizeof(w->mod[0].name))
		return -1;
	for (size_t i = 0; i < len; i++)
		w->mod[w->n].name[i] = name[i] == '-' ? '_' : name[i];
	*slot = (uint16_t)++w->n;
	return *slot - 1;
}

struct deps {
	struct kp_out *o;
	struct names *names;
	const char *dir;
	char found[8 * 1024]; /* "name=trouble:path\n" */
	char of[40], list[400];
};

/* Looks once at the file of each module. */
static void look(struct deps *d, int number, const char *path)
{
	char full[PATH];
	const char *what;
	size_t had = strlen(d->found);

	if (number < 0 || d->names->mod[number].looked_at)
		return;
	d->names->mod[number].looked_at = true;
	kp_copy(full, sizeof(full), *path == '/' ? KP_ROOT : d->dir);
	kp_cat(full, sizeof(full), path);
	what = trouble(full);
	if (what && !(kp_cat(d->found, sizeof(d->found), d->names->mod[number].name) && kp_cat(d->found, sizeof(d->found), "=") &&
		      kp_cat(d->found, sizeof(d->found), what) && kp_cat(d->found, sizeof(d->found), ":") &&
		      kp_cat(d->found, sizeof(d->found), full + sizeof(KP_ROOT) - 1) && kp_cat(d->found, sizeof(d->found), "\n")))
		d->found[had] = '\0'; /* half of one would be a lie */
}

static size_t stem(const char **path)
{
	const char *slash = strrchr(*path, '/'), *ext;

	*path = slash ? slash + 1 : *path;
	ext = strstr(*path, ".ko");
	return ext ? (size_t)(ext - *path) : strlen(*path);
}

/* One path of modules.dep: "a.ko:" begins the line of a, others are on what it depends. */
static void dep_word(void *arg, char *word)
{
	struct deps *d = arg;
	size_t n = strlen(word);
	const char *name = word;
	int number;

	if (!n)
		return;
	if (word[n - 1] == ':') {
		kp_js_text(d->o, d->of, d->list);
		d->list[0] = d->of[0] = '\0';
		word[n - 1] = '\0';
		n = stem(&name);
		number = number_of(d->names, name, n, false);
		if (number < 0 || number >= (int)d->names->n_missed)
			return;
		kp_copy(d->of, sizeof(d->of), d->names->mod[number].name);
		look(d, number, word);
	} else if (d->of[0]) {
		n = stem(&name);
		number = number_of(d->names, name, n, true);
		if (number < 0)
			return;
		kp_cat(d->list, sizeof(d->list), d->list[0] ? " " : "");
		kp_cat(d->list, sizeof(d->list), d->names->mod[number].name);
		look(d, number, word);
	}
}

static void dependencies(struct kp_out *o, const struct kp_modinfo *info, struct names *names)
{
	struct deps d = { .o = o, .names = names, .dir = info->dep_dir };
	struct kp_lines lines = { .line = dep_word, .arg = &d, .words = true };
	char path[sizeof(info->dep_dir) + 16];

	kp_copy(path, sizeof(path), info->dep_dir);
	kp_cat(path, sizeof(path), "modules.dep");
	kp_fact_open(o, "node.module-needs", "modules.dep");
	kp_lines_file(&lines, path);
	kp_js_text(o, d.of, d.list);
	kp_fact_close(o);
	kp_fact_open(o, "node.module-files", info->dep_dir + sizeof(KP_ROOT) - 1);
	for (char *p = d.found, *eq, *nl; (eq = strchr(p, '=')) && (nl = strchr(eq, '\n')); p = nl + 1) {
		*eq = *nl = '\0';
		kp_js_text(o, p, eq + 1);
	}
	kp_fact_close(o);
}

/* --- modprobe.d --- */

/* modprobe.d(5), in the order of precedence: of files with the same name the first counts. */
static const char *const conf_dirs[] = { KP_ROOT "/etc/modprobe.d/", KP_ROOT "/run/modprobe.d/",
					 KP_ROOT "/usr/local/lib/modprobe.d/", KP_ROOT "/usr/lib/modprobe.d/",
					 KP_ROOT "/lib/modprobe.d/" };

struct conf {
	struct kp_out *o;
	struct names *names;
	size_t dir;
	unsigned int n;
	char path[PATH];
};

/* "blacklist NAME", "install NAME COMMAND": of the command only whether it is one that does nothing. */
static void conf_line(void *arg, char *line)
{
	struct conf *c = arg;
	const char *p = line;
	char verb[16], name[40], command[32], said[PATH + 96];

	if (!kp_word(&p, verb, sizeof(verb)) || !(kp_equal(verb, "blacklist") || kp_equal(verb, "install")) ||
	    !kp_word(&p, name, sizeof(name)) || number_of(c->names, name, strlen(name), false) < 0 || c->n++ >= 64)
		return;
	kp_copy(said, sizeof(said), verb);
	if (kp_equal(verb, "install")) {
		const char *last;

		kp_copy(command, sizeof(command), "");
		kp_word(&p, command, sizeof(command));
		last = strrchr(command, '/');
		last = last ? last + 1 : command;
		kp_cat(said, sizeof(said),
		       kp_equal(last, "true") || kp_equal(last, "false") || kp_equal(last, ":") ? "-nothing" : "-other");
	}
	kp_cat(said, sizeof(said), " ");
	kp_cat(said, sizeof(said), name);
	kp_cat(said, sizeof(said), " ");
	kp_cat(said, sizeof(said), c->path + sizeof(KP_ROOT) - 1);
	kp_js_item(c->o, said);
}

static bool conf_file(void *arg, const char *name)
{
	struct conf *c = arg;
	struct kp_lines lines = { .line = conf_line, .arg = c };
	const char *ext = strrchr(name, '.');
	struct stat st;

	if (!ext || !kp_equal(ext, ".conf"))
		return true;
	for (size_t i = 0; i < c->dir; i++) {
		kp_copy(c->path, sizeof(c->path), conf_dirs[i]);
		if (kp_cat(c->path, sizeof(c->path), name) && !lstat(c->path, &st))
			return true;
	}
	kp_copy(c->path, sizeof(c->path), conf_dirs[c->dir]);
	if (kp_cat(c->path, sizeof(c->path), name))
		kp_lines_file(&lines, c->path);
	return true;
}

static void modprobe_d(struct kp_out *o, struct names *names)
{
	struct conf c = { .o = o, .names = names };
	struct stat lib, usr;

	kp_fact_open(o, "node.modprobe-d", "/etc/modprobe.d, /run, /usr/local/lib, /usr/lib, /lib");
	kp_js_array(o, "lines");
	for (c.dir = 0; c.dir < KP_ARRAY_SIZE(conf_dirs); c.dir++) {
		/* The last two are one where /lib is a link to /usr/lib. */
		if (c.dir + 1 == KP_ARRAY_SIZE(conf_dirs) && !stat(conf_dirs[c.dir], &lib) && !stat(conf_dirs[c.dir - 1], &usr) &&
		    lib.st_ino == usr.st_ino && lib.st_dev == usr.st_dev)
			break;
		kp_each_name(conf_dirs[c.dir] + sizeof(KP_ROOT) - 1, conf_file, &c);
	}
	kp_js_end(o, ']');
	kp_fact_close(o);
}

void kp_facts_of_missed(struct kp_out *o, const struct kp_modinfo *info, const uint8_t *missed)
{
	struct names names;

	memset(&names, 0, sizeof(names));
	for (unsigned int i = 0; i < info->n && names.n < NAMES_MAX / 2; i++)
		if (missed[i])
			number_of(&names, info->mod[i].name, strlen(info->mod[i].name), true);
	if (!names.n)
		return;
	names.n_missed = names.n;
	dependencies(o, info, &names);
	modprobe_d(o, &names);
}
