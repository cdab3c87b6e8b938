/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Facts about this process: where it is, and what it may. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "factkit.h"

/*
 * The inode number of a namespace of this process, 0 when there is none. Those of the initial user and pid namespaces are fixed
 * since v3.8 (98f842e675f9 "proc: Usable inode numbers for the namespace file descriptors.").
 */
enum { INIT_USER = 0xeffffffd, INIT_PID = 0xeffffffc };

static long long ns_inode(const char *name)
{
	char path[64] = "/proc/self/ns/";
	struct stat st;

	kp_cat(path, sizeof(path), name);
	return stat(path, &st) ? 0 : (long long)st.st_ino;
}

void kp_self_namespaces(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char *const names[] = { "net", "user", "mnt", "pid", "cgroup" };

	static const char *const of_init[][2] = { { "pid1.net", "/proc/1/ns/net" }, { "pid1.mnt", "/proc/1/ns/mnt" } };
	struct stat st;

	(void)env;
	kp_fact_open(o, f->id, f->path);
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++) {
		long long inode = ns_inode(names[i]);

		if (inode)
			kp_js_int(o, names[i], inode);
	}
	/* Where process 1 is the host's, these are the host's: the facts about its files and its network are seen from there or not. */
	for (size_t i = 0; i < KP_ARRAY_SIZE(of_init); i++)
		if (!stat(of_init[i][1], &st))
			kp_js_int(o, of_init[i][0], (long long)st.st_ino);
	kp_fact_close(o);
}

static const struct kp_key cap_keys[] = { { "CapEff:", "effective", false }, { "CapPrm:", "permitted", false },
					  { "CapBnd:", "bounding", false },  { "CapInh:", "inheritable", false },
					  { "CapAmb:", "ambient", false },   { NULL, NULL, false } };

void kp_self_capabilities(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	char head[KP_HEAD];

	(void)env;
	if (!kp_open_with_head(o, f, head, sizeof(head)))
		return;
	kp_put_keys(o, head, cap_keys);
	/* The file has NoNewPrivs since v4.10, the call is there since v3.5. */
	kp_js_bool(o, "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	kp_fact_close(o);
}

void kp_self_seccomp(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char *const modes[] = { "none", "strict", "filter" };
	char head[KP_HEAD], value[KP_VALUE];
	const char *p = value;

	if (env->seccomp < 0) {
		int err = kp_head(f->path, head, sizeof(head));

		kp_fact_error(o, f->id, f->path, err ? err : ENODATA);
		return;
	}
	kp_fact_open(o, f->id, f->path);
	kp_js_text(o, "mode", env->seccomp < (int)KP_ARRAY_SIZE(modes) ? modes[env->seccomp] : "other");
	if (!kp_head(f->path, head, sizeof(head)) && kp_find_key(head, "Seccomp_filters:", value, sizeof(value)))
		kp_js_int(o, "filters", (long long)kp_parse_u(&p));
	kp_fact_close(o);
}

void kp_self_userns(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const struct kp_part sysctls[] = {
		{ "max_user_namespaces", "/proc/sys/user/max_user_namespaces" },
		{ "unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone" },
		{ "apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns" },
		{ NULL, NULL },
	};
	char map[KP_VALUE], word[24], folded[KP_VALUE] = "";
	long long inode = ns_inode("user");

	(void)env;
	kp_fact_open(o, f->id, f->path);
	/* Without user namespaces in the kernel everybody is in the initial one. The map alone does not tell: root can copy it. */
	kp_js_bool(o, "initial", !inode || inode == INIT_USER);
	if (!kp_first_line(f->path, map, sizeof(map)))
		for (const char *p = map; kp_word(&p, word, sizeof(word));) {
			kp_cat(folded, sizeof(folded), *folded ? " " : "");
			kp_cat(folded, sizeof(folded), word);
		}
	kp_js_text(o, "uid_map", folded);
	for (const struct kp_part *part = sysctls; part->path; part++)
		kp_put_part(o, part);
	kp_fact_close(o);
}

/* "none [integrity] confidentiality" */
void kp_self_lockdown(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	char line[KP_VALUE];
	int err = kp_first_line(f->path, line, sizeof(line));
	char *chosen = strchr(line, '[');

	(void)env;
	if (err || !chosen) {
		kp_fact_error(o, f->id, f->path, err ? err : EBADMSG);
		return;
	}
	chosen[strcspn(chosen, "]")] = '\0';
	kp_fact_text(o, f->id, f->path, chosen + 1);
}

/*
 * The list where securityfs is not mounted: since v6.8 (ad4aff9ec25f "LSM: Create lsm_list_modules system call"), on all but alpha
 * by this number. Not under a seccomp filter, which may kill for a call that it does not know.
 */
static bool ask_lsms(char *list, size_t size)
{
	static const char *const names[] = { "capability", "selinux",  "smack", "tomoyo",   "apparmor", "yama", "loadpin",
					     "safesetid",  "lockdown", "bpf",   "landlock", "ima",      "evm",  "ipe" };
	uint64_t id[32];
	uint32_t bytes = sizeof(id);
	long n = syscall(461, id, &bytes, 0);

	for (long i = 0; i < n && i < (long)KP_ARRAY_SIZE(id); i++) {
		kp_cat(list, size, *list ? "," : "");
		if (id[i] - 100 < KP_ARRAY_SIZE(names))
			kp_cat(list, size, names[id[i] - 100]);
		else
			kp_cat_u(list, size, id[i]);
	}
	return n > 0;
}

void kp_self_lsm(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const struct kp_part apparmor[] = { { "apparmor", "/sys/module/apparmor/parameters/enabled" },
						   { "label", "/proc/self/attr/current" } };
	char list[KP_VALUE] = "", mode[KP_VALUE], label[KP_VALUE];
	const char *source = f->path;
	int err = kp_first_line(f->path, list, sizeof(list));

	if (err) {
		list[0] = '\0';
		if (env->seccomp == 0 && ask_lsms(list, sizeof(list)))
			source = "lsm_list_modules(2)";
	}
	if (err && !*list && !kp_exists("/sys/fs/selinux/enforce") && !kp_exists(apparmor[0].path)) {
		kp_fact_error(o, f->id, f->path, err);
		return;
	}
	kp_fact_open(o, f->id, source);
	kp_js_text(o, "active", list);
	kp_put_part(o, &apparmor[0]);
	if (!kp_first_line("/sys/fs/selinux/enforce", mode, sizeof(mode)))
		kp_js_text(o, "selinux", *mode == '0' ? "permissive" : "enforcing");
	if (!kp_first_line(apparmor[1].path, label, sizeof(label))) /* EINVAL where no LSM has labels */
		kp_js_text(o, "label", label);
	kp_fact_close(o);
}

void kp_self_container(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char *const hints[] = {
		"kubepods", "docker", "crio", "libpod", "containerd", "lxc", "nspawn", "machine.slice"
	};
	static const char *const cgroups[] = { "/proc/1/cgroup", "/proc/self/cgroup" };
	const char *word = getenv("container"), *found = "";
	char head[KP_HEAD];
	long long inode = ns_inode("pid");

	(void)env;
	for (size_t i = 0; i < KP_ARRAY_SIZE(cgroups) && !*found; i++)
		for (size_t h = 0; h < KP_ARRAY_SIZE(hints) && !*found && !kp_head(cgroups[i], head, sizeof(head)); h++)
			if (strstr(head, hints[h]))
				found = hints[h];
	kp_fact_open(o, f->id, f->path);
	kp_js_bool(o, "dockerenv", kp_exists("/.dockerenv"));
	kp_js_bool(o, "containerenv", kp_exists("/run/.containerenv"));
	kp_js_bool(o, "kubernetes", getenv("KUBERNETES_SERVICE_HOST") != NULL);
	kp_js_text(o, "cgroup", found);
	/* By convention the name of a container manager; what does not look like one is not passed on. */
	if (word && *word)
		kp_js_text(o, "environment",
			   strlen(word) <= 32 && !word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-_")] ? word : "yes");
	kp_js_bool(o, "own_pid_namespace", inode && inode != INIT_PID);
	kp_fact_close(o);
}
