/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The node.* facts: a row each. What is written is allow-listed: named files, of them named keys, of the command line named words,
 * of the environment one word and whether another is there. Each file is read up to KP_HEAD bytes.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "factkit.h"
#include "facts.h"
#include "kconfig.h"

static void number(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	char line[KP_VALUE];
	const char *p = line;
	int err = kp_first_line(f->path, line, sizeof(line));

	(void)env;
	if (err)
		kp_fact_error(o, f->id, f->path, err);
	else
		kp_fact_int(o, f->id, f->path, (long long)kp_parse_u(&p));
}

static void parts(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	const struct kp_part *part = f->arg;
	bool any = false;

	(void)env;
	for (const struct kp_part *p = part; p->path; p++)
		any |= kp_exists(p->path);
	if (!any) {
		kp_fact_error(o, f->id, f->path, ENOENT);
		return;
	}
	kp_fact_open(o, f->id, f->path);
	for (; part->path; part++)
		kp_put_part(o, part);
	kp_fact_close(o);
}

static void keys(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	char head[KP_HEAD];

	(void)env;
	if (!kp_open_with_head(o, f, head, sizeof(head)))
		return;
	kp_put_keys(o, head, f->arg);
	kp_fact_close(o);
}

static void machine(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	const uint16_t one = 1;
	struct utsname u;

	(void)env;
	if (uname(&u)) {
		kp_fact_error(o, f->id, f->path, errno);
		return;
	}
	kp_fact_open(o, f->id, f->path);
	kp_js_text(o, "machine", u.machine);
	kp_js_text(o, "byte_order", *(const uint8_t *)&one ? "little" : "big");
	kp_js_int(o, "collector_bits", 8 * (int)sizeof(long)); /* a 32-bit collector takes other paths through a 64-bit kernel */
	kp_js_int(o, "page_size", sysconf(_SC_PAGESIZE));
	kp_js_int(o, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	kp_fact_close(o);
}

static void os_release(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	struct kp_fact vendor = *f;

	vendor.path = "/usr/lib/os-release"; /* os-release(5): where the other one is not */
	keys(o, kp_exists(f->path) || !kp_exists(vendor.path) ? f : &vendor, env);
}

static void modprobe(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	char path[KP_VALUE];
	int err = kp_first_line(f->path, path, sizeof(path));

	(void)env;
	if (err) {
		kp_fact_error(o, f->id, f->path, err);
		return;
	}
	kp_fact_open(o, f->id, f->path);
	kp_js_text(o, "path", path); /* empty: the kernel loads nothing by itself */
	/* The kernel runs it in the initial mount namespace, which need not be ours. */
	kp_js_bool(o, "exists_here", *path && kp_exists(path));
	kp_fact_close(o);
}

static void taint(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTNJ"; /* bit 0 first; Documentation/admin-guide/tainted-kernels.rst */
	char line[KP_VALUE], set[sizeof(letters)];
	int err = kp_first_line(f->path, line, sizeof(line));
	const char *p = line;
	unsigned long long mask;
	size_t n = 0;

	(void)env;
	if (err) {
		kp_fact_error(o, f->id, f->path, err);
		return;
	}
	mask = kp_parse_u(&p);
	for (size_t bit = 0; letters[bit]; bit++)
		if (mask >> bit & 1)
			set[n++] = letters[bit];
	set[n] = '\0';
	kp_fact_open(o, f->id, f->path);
	kp_js_int(o, "mask", (long long)mask);
	kp_js_text(o, "letters", set);
	kp_fact_close(o);
}

/* Parameter names of the kernel: dashes equal underscores (parameq, kernel/params.c). */
static bool is_param(const char *word, const char *name)
{
	while (*name && (*word == *name || (*word == '-' && *name == '_'))) {
		word++;
		name++;
	}
	return !*name && (!*word || *word == '=');
}

/* The allow-listed words of the command line, never another; of one that is there twice, both values. */
static void cmdline(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char *const names[] = { "ipv6.disable",
					     "ipv6.disable_ipv6",
					     "module_blacklist",
					     "modprobe.blacklist",
					     "initcall_blacklist",
					     "nomodule",
					     "module.sig_enforce",
					     "lockdown",
					     "selinux",
					     "apparmor",
					     "security",
					     "lsm",
					     "fips",
					     "cgroup_no_v1",
					     "systemd.unified_cgroup_hierarchy" };
	char head[KP_HEAD], word[KP_VALUE], values[KP_VALUE];

	(void)env;
	if (!kp_open_with_head(o, f, head, sizeof(head)))
		return;
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++) {
		values[0] = '\0';
		for (const char *p = head; kp_word(&p, word, sizeof(word)) && !kp_equal(word, "--");)
			if (is_param(word, names[i])) {
				const char *eq = strchr(word, '=');

				kp_cat(values, sizeof(values), *values ? " " : "");
				kp_cat(values, sizeof(values), eq ? eq + 1 : "set");
			}
		kp_js_text(o, names[i], values);
	}
	kp_fact_close(o);
}

/* Which tables of legacy iptables the caller's own network namespace has: the kernel lists them here once ip_tables is there. */
static void tables(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const struct kp_part files[] = { { "ipv4", "/proc/net/ip_tables_names" }, { "ipv6", "/proc/net/ip6_tables_names" } };
	char head[KP_HEAD], name[16];

	(void)env;
	kp_fact_open(o, f->id, f->path);
	for (size_t i = 0; i < KP_ARRAY_SIZE(files); i++) {
		int err = kp_head(files[i].path, head, sizeof(head));

		if (err) {
			kp_copy(head, sizeof(head), "error:");
			kp_cat(head, sizeof(head), kp_errno_name(err, name));
			kp_js_text(o, files[i].key, head);
			continue;
		}
		kp_js_array(o, files[i].key);
		for (const char *p = head; kp_word(&p, name, sizeof(name));)
			kp_js_item(o, name);
		kp_js_end(o, ']');
	}
	kp_fact_close(o);
}

static void modules(struct kp_out *o, const struct kp_modinfo *info)
{
	static const char *const names[] = {
		[KP_MOD_NOWHERE] = "nowhere", [KP_MOD_LOADED] = "loaded",    [KP_MOD_BUILTIN] = "builtin",
		[KP_MOD_FILE] = "file:",      [KP_MOD_MISSING] = "missing:", [KP_MOD_UNREADABLE] = "unreadable",
	};
	char value[sizeof(info->mod[0].path) + 16];

	kp_fact_open(o, "node.modules", "/proc/modules, /sys/module, modules.builtin, modules.dep");
	for (unsigned int i = 0; i < info->n; i++) {
		kp_copy(value, sizeof(value), names[info->mod[i].state]);
		kp_cat(value, sizeof(value), info->mod[i].path);
		kp_js_text(o, info->mod[i].name, value);
	}
	kp_fact_close(o);
	if (info->builtin_err)
		kp_fact_error(o, "node.modules-builtin", "modules.builtin", info->builtin_err);
	if (info->dep_err && info->modular)
		kp_fact_error(o, "node.modules-dep", "modules.dep", info->dep_err);
}

static void kconfig(struct kp_out *o)
{
	struct kp_kconfig k;

	kp_kconfig_scan(&k);
	if (k.err) {
		kp_fact_error(o, "node.kconfig", k.source, k.err);
		return;
	}
	kp_fact_open(o, "node.kconfig", k.source);
	for (unsigned int i = 0; i < k.n; i++)
		kp_js_text(o, k.config[i].name, k.config[i].value);
	kp_fact_close(o);
}

/*
 * What Felix, kube-proxy or the CNI plug-in reads or sets, as the host has it. Some of it another namespace cannot even see
 * (net/core/bpf_jit_harden): that is why it is read here, by the parent.
 */
static void sysctls(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char *const names[] = {
		"net/ipv4/ip_forward",
		"net/ipv6/conf/all/forwarding",
		"net/ipv6/conf/all/accept_dad",
		"net/ipv6/conf/default/accept_dad",
		"net/ipv4/conf/all/rp_filter",
		"net/ipv4/conf/default/rp_filter",
		"net/ipv4/conf/all/src_valid_mark",
		"net/ipv4/ipfrag_time",
		"net/netfilter/nf_conntrack_acct",
		"net/netfilter/nf_conntrack_max",
		"net/netfilter/nf_conntrack_count",
		"net/netfilter/nf_conntrack_tcp_be_liberal",
		"net/netfilter/nf_conntrack_tcp_timeout_syn_sent",
		"net/netfilter/nf_conntrack_tcp_timeout_established",
		"net/netfilter/nf_conntrack_tcp_timeout_time_wait",
		"net/netfilter/nf_conntrack_generic_timeout",
		"net/netfilter/nf_conntrack_icmp_timeout",
		"net/ipv4/vs/conntrack",
		"net/ipv4/vs/conn_reuse_mode",
		"net/ipv4/vs/expire_nodest_conn",
		"net/ipv4/vs/expire_quiescent_template",
		"net/core/bpf_jit_enable",
		"net/core/bpf_jit_harden",
		"net/core/bpf_jit_kallsyms",
		"net/core/bpf_jit_limit",
		"kernel/unprivileged_bpf_disabled",
		"net/bridge/bridge-nf-call-iptables",
		"net/bridge/bridge-nf-call-ip6tables",
		"net/netfilter/nf_conntrack_buckets",
		"net/ipv4/neigh/default/gc_thresh1",
		"net/ipv4/neigh/default/gc_thresh2",
		"net/ipv4/neigh/default/gc_thresh3",
		"net/ipv6/neigh/default/gc_thresh3",
		"user/max_net_namespaces",
	};

	(void)env;
	kp_fact_open(o, f->id, f->path);
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++) {
		char path[96] = "/proc/sys/";
		const struct kp_part part = { names[i], path };

		kp_cat(path, sizeof(path), names[i]);
		kp_put_part(o, &part);
	}
	kp_fact_close(o);
}

static const struct kp_key os_keys[] = { { "ID=", "id", false },
					 { "ID_LIKE=", "id_like", false },
					 { "VERSION_ID=", "version_id", false },
					 { "VARIANT_ID=", "variant_id", false },
					 { "PRETTY_NAME=", "pretty_name", false },
					 { NULL, NULL, false } };
static const struct kp_key memory_keys[] = { { "MemTotal:", "total_kib", true },
					     { "MemAvailable:", "available_kib", true }, /* since v3.14 */
					     { NULL, NULL, false } };
static const struct kp_part ipv6_parts[] = { { "all.disable_ipv6", "/proc/sys/net/ipv6/conf/all/disable_ipv6" },
					     { "default.disable_ipv6", "/proc/sys/net/ipv6/conf/default/disable_ipv6" },
					     { "module.disable", "/sys/module/ipv6/parameters/disable" },
					     { NULL, NULL } };

static const struct kp_part signature_parts[] = { { "sig_enforce", "/sys/module/module/parameters/sig_enforce" }, { NULL, NULL } };

static const struct kp_fact facts[] = {
	{ "node.arch", "uname(2), sysconf(3)", machine, NULL },
	{ "node.os-release", "/etc/os-release", os_release, os_keys },
	{ "node.capabilities", "/proc/self/status", kp_self_capabilities, NULL },
	{ "node.userns", "/proc/self/uid_map", kp_self_userns, NULL },
	{ "node.seccomp", "/proc/self/status", kp_self_seccomp, NULL },
	{ "node.lsm", "/sys/kernel/security/lsm", kp_self_lsm, NULL },
	{ "node.lockdown", "/sys/kernel/security/lockdown", kp_self_lockdown, NULL },
	{ "node.modules-disabled", "/proc/sys/kernel/modules_disabled", number, NULL },
	{ "node.module-signature", "/sys/module/module/parameters", parts, signature_parts },
	{ "node.modprobe", "/proc/sys/kernel/modprobe", modprobe, NULL },
	{ "node.container", "/proc/1/cgroup, /.dockerenv, /run/.containerenv, environment", kp_self_container, NULL },
	{ "node.namespaces", "/proc/self/ns", kp_self_namespaces, NULL },
	{ "node.taint", "/proc/sys/kernel/tainted", taint, NULL },
	{ "node.memory", "/proc/meminfo", keys, memory_keys },
	{ "node.cmdline", "/proc/cmdline", cmdline, NULL },
	{ "node.ip-tables-names", "/proc/net/ip_tables_names, /proc/net/ip6_tables_names", tables, NULL },
	{ "node.ipv6", "/proc/sys/net/ipv6, /sys/module/ipv6", parts, ipv6_parts },
	{ "node.sysctl", "/proc/sys", sysctls, NULL },
};

/* What the bits of a family's sets stand for, so that evidence can be read without the core that wrote it. */
static void names(struct kp_out *o, const struct kp_family *fam)
{
	const struct kp_bits *bits = NULL;
	char id[64] = "names.";

	for (unsigned int i = 0; i < fam->n_rows && !bits; i++)
		bits = fam->rows[i].by ? fam->rows[i].by->bits : NULL;
	if (!bits)
		return;
	kp_cat(id, sizeof(id), fam->name);
	kp_fact_open(o, id, "kprobe");
	kp_js_words(o, bits->detail, bits->names);
	kp_fact_close(o);
}

void kp_facts(struct kp_out *o, const struct kp_env *env, const struct kp_modinfo *modinfo)
{
	for (size_t i = 0; i < KP_ARRAY_SIZE(facts); i++)
		facts[i].how(o, &facts[i], env);
	modules(o, modinfo);
	kp_fact_module_tree(o, modinfo);
	kconfig(o);
	kp_facts_files(o, env);
	kp_facts_proc(o);
	for (unsigned int f = 0; f < kp_n_families; f++)
		names(o, kp_families[f]);
}
