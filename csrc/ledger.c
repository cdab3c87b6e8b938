/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The module ledger. New modules stand at the head of /proc/modules (kernel/module: list_add_rcu(&mod->list, &modules)), so the
 * names before the first known one are those that came since.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define SETTLE_MS 1000 /* namespaces die asynchronously; their rules hold modules until then */

static int find(const struct kp_ledger *l, const char *name)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (kp_equal(l->name[i], name))
			return (int)i;
	return -1;
}

bool kp_ledger_knows(const struct kp_ledger *l, const char *name)
{
	return find(l, name) >= 0;
}

static void add(struct kp_ledger *l, const char *name)
{
	if (l->n == KP_LEDGER_MAX)
		return;
	l->named[l->n] = 0;
	kp_copy(l->name[l->n++], sizeof(l->name[0]), name);
}

/* Calls @each with every name in /proc/modules, and what stands behind it in its line, until it returns false. */
static void walk(int fd, bool (*each)(void *arg, const char *name, const char *rest), void *arg)
{
	char buf[4096], name[64];
	size_t have = 0;
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, buf + have, sizeof(buf) - have, at);
		char *line = buf, *end;

		if (n <= 0)
			return;
		at += n;
		have += (size_t)n;
		while ((end = memchr(line, '\n', have))) {
			const char *p = line;

			*end = '\0';
			if (kp_word(&p, name, sizeof(name)) && !each(arg, name, p))
				return;
			have -= (size_t)(end + 1 - line);
			line = end + 1;
		}
		if (have == sizeof(buf))
			return; /* no line is that long */
		memmove(buf, line, have);
	}
}

static bool each_known(void *arg, const char *name, const char *rest)
{
	(void)rest;
	add(arg, name);
	return true;
}

void kp_ledger_open(struct kp_ledger *l)
{
	l->n = 0;
	l->fd = open("/proc/modules", O_RDONLY | O_CLOEXEC);
	if (l->fd >= 0)
		walk(l->fd, each_known, l);
	l->n_before = l->n;
}

struct fresh {
	const struct kp_ledger *l;
	unsigned int n;
	char name[64][40];
};

static bool each_fresh(void *arg, const char *name, const char *rest)
{
	struct fresh *f = arg;

	(void)rest;
	if (find(f->l, name) >= 0 || f->n == KP_ARRAY_SIZE(f->name))
		return false;
	kp_copy(f->name[f->n++], sizeof(f->name[0]), name);
	return true;
}

void kp_ledger_scan(struct kp_ledger *l, char *loaded, size_t size)
{
	struct fresh f = { .l = l };

	if (l->fd < 0)
		return;
	walk(l->fd, each_fresh, &f);
	while (f.n--) {
		add(l, f.name[f.n]);
		kp_cat(loaded, size, f.name[f.n]);
		kp_cat(loaded, size, "\n");
	}
}

struct loading {
	const char *modules;
	char *ret_name;
	size_t size;
	bool found;
};

/* name, size, uses, users, state: "Loading" until the module's init function has returned. */
static bool each_loading(void *arg, const char *name, const char *rest)
{
	struct loading *f = arg;
	char state[64] = "", word[128];

	for (int i = 0; i < 4; i++)
		if (!kp_word(&rest, state, sizeof(state)))
			return true;
	if (!kp_equal(state, "Loading"))
		return true;
	for (const char *p = f->modules; !f->found && kp_word(&p, word, sizeof(word));)
		for (char *alternative = word, *end; alternative && !f->found; alternative = end) {
			end = strchr(alternative, '|');
			if (end)
				*end++ = '\0';
			f->found = kp_equal(alternative, name);
		}
	if (f->found)
		kp_copy(f->ret_name, f->size, name);
	return !f->found;
}

bool kp_ledger_loading(const struct kp_ledger *l, const char *modules, char *ret_name, size_t size)
{
	struct loading f = { .modules = modules, .ret_name = ret_name, .size = size };

	if (l->fd >= 0 && modules)
		walk(l->fd, each_loading, &f);
	return f.found;
}

void kp_ledger_note(struct kp_ledger *l, const char *loaded, const struct kp_modinfo *info)
{
	char name[64];

	for (const char *p = loaded; kp_word(&p, name, sizeof(name));) {
		if (find(l, name) < 0)
			add(l, name);
		if (find(l, name) >= 0)
			l->named[find(l, name)] = kp_modinfo_find(info, name) != NULL;
	}
}

/*
 * Modules whose every object holds a module reference: with a count of zero nothing of anybody's goes with them. Not link kinds
 * (rtnl_link_unregister() deletes every device of the kind), not nf_conntrack (can wait for ever), nor what they pull in.
 */
static bool safe(const char *name)
{
	static const char *const prefixes[] = { "xt_", "ipt_", "ip6t_", "nft_", "ip_set_", "ip_vs_", "sch_", "cls_", "act_" };

	for (size_t i = 0; i < KP_ARRAY_SIZE(prefixes); i++)
		if (kp_starts(name, prefixes[i]))
			return true;
	return false;
}

static bool wanted(const struct kp_ledger *l, unsigned int i, unsigned int flags)
{
	if (flags & KP_UNLOAD_NONE)
		return false;
	return flags & KP_UNLOAD_ALL || (l->named[i] && safe(l->name[i]));
}

/* Newest first, in rounds, while the namespaces die. err[]: 0 gone, -1 not tried, else the errno. */
static void unload(struct kp_ledger *l, unsigned int flags, int *err)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	bool again = true;

	for (unsigned int i = 0; i < l->n; i++)
		err[i] = -1;
	for (unsigned int waited = 0; again && waited <= SETTLE_MS; waited += 5) {
		again = false;
		for (unsigned int i = l->n; i-- > l->n_before;) {
			if (!wanted(l, i, flags) || !err[i])
				continue;
			err[i] = syscall(SYS_delete_module, l->name[i], O_NONBLOCK) ? errno : 0;
			if (err[i] == ENOENT)
				err[i] = 0; /* somebody else was faster */
			again |= err[i] == EAGAIN || err[i] == EBUSY;
		}
		if (again)
			nanosleep(&pause, NULL);
	}
}

/* A dependency has no command: modprobe -r takes it along with what needs it. */
static void left(struct kp_out *o, const char *name, bool named, const char *reason)
{
	char command[64] = "modprobe -r ";

	kp_cat(command, sizeof(command), name);
	kp_js_object(o, NULL);
	kp_js_text(o, "module", name);
	kp_js_text(o, "command", named ? command : "");
	kp_js_text(o, "reason", reason);
	kp_js_end(o, '}');
}

static const char *why_left(const struct kp_ledger *l, unsigned int i, unsigned int flags, int err)
{
	if (flags & KP_UNLOAD_NONE)
		return "--unload=none";
	if (!wanted(l, i, flags) && !l->named[i])
		return "no row names it: a dependency, or another process brought it";
	if (!wanted(l, i, flags))
		return "unloading it may take other processes' devices or state with it";
	if (err == EAGAIN || err == EBUSY)
		return "in use";
	return err == EPERM ? "not permitted" : "the kernel refused";
}

void kp_ledger_settle(struct kp_ledger *l, struct kp_out *o, unsigned int flags)
{
	int err[KP_LEDGER_MAX];
	bool gone = false, some = false;

	if (l->n == l->n_before)
		return;
	unload(l, flags, err);
	kp_js_array(o, "loaded");
	for (unsigned int i = l->n_before; i < l->n; i++) {
		kp_js_item(o, l->name[i]);
		gone |= !err[i];
		some |= !!err[i];
	}
	kp_js_end(o, ']');
	if (gone) {
		kp_js_array(o, "unloaded");
		for (unsigned int i = l->n; i-- > l->n_before;)
			if (!err[i])
				kp_js_item(o, l->name[i]);
		kp_js_end(o, ']');
	}
	if (some) {
		kp_js_array(o, "left");
		for (unsigned int i = l->n; i-- > l->n_before;)
			if (err[i])
				left(o, l->name[i], l->named[i], why_left(l, i, flags, err[i]));
		kp_js_end(o, ']');
	}
}
