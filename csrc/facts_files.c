/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Configuration of others on the node: NetworkManager, systemd-networkd, container runtimes, CNI, Kubernetes. Named files and
 * directories, of them named sections and keys, never a file whole. What the lines mean is judged elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "factkit.h"
#include "facts.h"
#include "lines.h"

#define FILES_MAX 64
#define FILE_HEAD 16384

static bool ends(const char *text, const char *tail)
{
	size_t n = strlen(text), m = strlen(tail);

	return n >= m && kp_equal(text + n - m, tail);
}

/* Blanks taken off at both ends; writes into @line. */
static char *trim(char *line)
{
	size_t n;

	line += strspn(line, " \t\r");
	n = strlen(line);
	while (n && strchr(" \t\r", line[n - 1]))
		line[--n] = '\0';
	return line;
}

/* The next line of *pos, trimmed; NULL at the end. Writes into the text. */
static char *next_line(char **pos)
{
	char *line = *pos, *nl = strchr(line, '\n');

	if (!*line)
		return NULL;
	*pos = nl ? nl + 1 : line + strlen(line);
	if (nl)
		*nl = '\0';
	return trim(line);
}

/* --- sections and keys --- */

struct section {
	const char *name; /* a glob; NULL ends the list */
	const char *keys; /* blank-separated; "*?": of every other key only that it is there, not its value */
};

struct ini {
	const char *paths;  /* blank-separated; a directory ends in '/' */
	const char *suffix; /* of files in directories; another blank-separated one after it */
	const struct section *sections;
};

static const struct section *find_section(const struct section *s, const char *name)
{
	for (; s->name; s++)
		if (kp_glob(s->name, name))
			return s;
	return NULL;
}

/* The line of an allowed key; before the first of a section the section's header. */
static void put_key(struct kp_out *o, const struct section *s, const char *line, char **header)
{
	size_t n = strcspn(line, "=");
	char name[64], title[80];
	bool all;

	if (!line[n] || n >= sizeof(name))
		return;
	memcpy(name, line, n);
	name[n] = '\0';
	all = kp_has_word(s->keys, trim(name));
	if (!all && !kp_has_word(s->keys, "*?"))
		return;
	if (*header) {
		kp_copy(title, sizeof(title), "[");
		kp_cat(title, sizeof(title), *header);
		kp_cat(title, sizeof(title), "]");
		kp_js_item(o, title);
		*header = NULL;
	}
	kp_js_item(o, all ? line : trim(name));
}

static void put_error(struct kp_out *o, int err)
{
	char text[32] = "error:", name[16];

	kp_cat(text, sizeof(text), kp_errno_name(err, name));
	kp_js_item(o, text);
}

static void put_lines(struct kp_out *o, const char *path, const struct section *sections)
{
	const struct section *now = find_section(sections, "");
	char text[FILE_HEAD], *pos = text, *line, *header = NULL;
	int err = kp_whole(path, text, sizeof(text));

	kp_js_array(o, path);
	if (err) { /* also of one that is too long: half a configuration misleads */
		put_error(o, err);
		text[0] = '\0';
	}
	while ((line = next_line(&pos))) {
		if (*line == '[') {
			line[strcspn(line, "]")] = '\0';
			header = line + 1;
			now = find_section(sections, header);
		} else if (now && *line && *line != '#' && *line != ';' && *line != '"') {
			put_key(o, now, line, &header);
		}
	}
	kp_js_end(o, ']');
}

struct walk {
	struct kp_out *o;
	const struct ini *ini;
	const char *dir;
	unsigned int left;
};

static bool has_suffix(const char *suffixes, const char *name)
{
	char suffix[16];

	for (const char *p = suffixes; kp_word(&p, suffix, sizeof(suffix));)
		if (ends(name, suffix))
			return true;
	return false;
}

static bool take_file(void *arg, const char *name)
{
	struct walk *w = arg;
	char path[KP_VALUE];

	if (!has_suffix(w->ini->suffix, name))
		return true;
	if (!w->left) { /* no file can have this name, and no answer rests on half of them */
		kp_js_array(w->o, "not/shown");
		put_error(w->o, E2BIG);
		kp_js_end(w->o, ']');
		return false;
	}
	w->left--;
	kp_copy(path, sizeof(path), w->dir);
	if (kp_cat(path, sizeof(path), name))
		put_lines(w->o, path, w->ini->sections);
	return true;
}

/* Path → its lines. A file or directory that is not there is left out; none at all is still an answer: an empty object. */
static void ini_files(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	const struct ini *ini = f->arg;
	struct walk w = { o, ini, NULL, FILES_MAX };
	char path[96];

	(void)env;
	kp_fact_open(o, f->id, f->path);
	for (const char *p = ini->paths; w.left && kp_word(&p, path, sizeof(path));) {
		w.dir = path;
		if (ends(path, "/")) {
			int err = kp_each_name(path, take_file, &w);

			if (err && err != ENOENT) {
				kp_js_array(o, path);
				put_error(o, err);
				kp_js_end(o, ']');
			}
		} else if (kp_exists(path)) {
			put_lines(o, path, ini->sections);
		}
	}
	kp_fact_close(o);
}

static const struct section nm_sections[] = {
	{ "keyfile", "unmanaged-devices unmanaged-devices+ unmanaged-devices- .set.unmanaged-devices .was.unmanaged-devices" },
	{ "device*", "match-device match-device+ match-device- managed stop-match" },
	{ ".config", "enable" },
	{ NULL, NULL },
};
static const struct ini networkmanager = {
	"/usr/lib/NetworkManager/conf.d/ /run/NetworkManager/conf.d/ /etc/NetworkManager/NetworkManager.conf "
	"/etc/NetworkManager/conf.d/ "
	"/var/lib/NetworkManager/NetworkManager-intern.conf",
	".conf",
	nm_sections,
};

/* Of a MAC address or a host name that a file may match, only that it does. */
static const struct section networkd_sections[] = {
	{ "Match", "Name Type Kind Driver *?" },
	{ "Link", "Unmanaged" },
	{ "Network", "ManageForeignRoutes ManageForeignRoutingPolicyRules" },
	{ NULL, NULL },
};
static const struct ini networkd = {
	"/usr/lib/systemd/network/ /usr/local/lib/systemd/network/ /run/systemd/network/ /etc/systemd/network/ "
	"/usr/lib/systemd/networkd.conf /usr/lib/systemd/networkd.conf.d/ /run/systemd/networkd.conf.d/ /etc/systemd/networkd.conf "
	"/etc/systemd/networkd.conf.d/",
	".network .network.d .conf",
	networkd_sections,
};

static const struct section cni_sections[] = {
	{ "*", "conf_dir bin_dir bin_dirs network_dir plugin_dirs" },
	{ NULL, NULL },
};
static const struct ini runtimes = {
	"/etc/containerd/config.toml /etc/crio/crio.conf /etc/crio/crio.conf.d/ "
	"/var/lib/rancher/k3s/agent/etc/containerd/config.toml "
	"/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
	".conf",
	cni_sections,
};

/* --- CNI --- */

/* The strings of "type" and "cniVersion", in their order: which plug-ins a configuration chains. */
static void put_plugins(struct kp_out *o, const char *path)
{
	static const char *const keys[] = { "\"type\"", "\"cniVersion\"" };
	char text[FILE_HEAD], word[64];
	int err = kp_whole(path, text, sizeof(text));

	kp_js_array(o, path);
	if (err) {
		put_error(o, err);
		text[0] = '\0';
	}
	for (const char *p = strchr(text, '"'); p; p = strchr(p + 1, '"'))
		for (size_t k = 0; k < KP_ARRAY_SIZE(keys); k++) {
			const char *value = p + strlen(keys[k]);
			size_t len;

			if (!kp_starts(p, keys[k]))
				continue;
			value += strspn(value, " \t\r\n");
			if (*value != ':')
				continue;
			value++;
			value += strspn(value, " \t\r\n");
			len = *value == '"' ? strcspn(value + 1, "\"\n\\") : 0;
			if (!len || len > 40)
				continue;
			kp_copy(word, sizeof(word), k ? "cniVersion=" : "type=");
			strncat(word, value + 1, len);
			kp_js_item(o, word);
		}
	kp_js_end(o, ']');
}

static bool take_cni(void *arg, const char *name)
{
	struct walk *w = arg;
	char path[KP_VALUE];

	/* What libcni's ConfFiles() takes. */
	if (!has_suffix(".conf .conflist .json", name) || !w->left)
		return true;
	w->left--;
	kp_copy(path, sizeof(path), w->dir);
	if (kp_cat(path, sizeof(path), name))
		put_plugins(w->o, path);
	return true;
}

static void cni_conf(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	struct walk w = { o, NULL, f->path, FILES_MAX };
	int err;

	(void)env;
	kp_fact_open(o, f->id, f->path);
	err = kp_each_name(f->path, take_cni, &w);
	if (err) {
		kp_js_array(o, f->path);
		put_error(o, err);
		kp_js_end(o, ']');
	}
	kp_fact_close(o);
}

static void cni_bin(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char names[] =
		"calico calico-ipam loopback host-local portmap bandwidth tuning bridge flannel cilium-cni weave-net "
		"antrea aws-cni azure-vnet azure-vnet-ipam multus multus-shim kube-router kube-ovn ovn-k8s-cni-overlay "
		"romana contiv-k8s.bin nuage-cni-k8s gke dhcp ipvlan macvlan ptp";
	char path[KP_VALUE], name[32], found[sizeof(names)] = "";

	(void)env;
	if (!kp_exists(f->path)) {
		kp_fact_error(o, f->id, f->path, ENOENT);
		return;
	}
	for (const char *p = names; kp_word(&p, name, sizeof(name));) {
		kp_copy(path, sizeof(path), f->path);
		kp_cat(path, sizeof(path), name);
		if (kp_exists(path)) {
			kp_cat(found, sizeof(found), *found ? " " : "");
			kp_cat(found, sizeof(found), name);
		}
	}
	kp_fact_open(o, f->id, f->path);
	kp_js_bool(o, "there", true);
	kp_js_text(o, "plugins", found);
	kp_fact_close(o);
}

/* --- programs that decide where rules go --- */

/* Follows a program's links by hand, below @root, to the file's own name: xtables-nft-multi or xtables-legacy-multi. */
static bool program_of(const char *root, const char *name, char *ret, size_t size)
{
	static const char *const dirs[] = { "/usr/local/sbin/", "/usr/sbin/", "/sbin/", "/usr/bin/" };

	for (size_t d = 0; d < KP_ARRAY_SIZE(dirs); d++) {
		char path[KP_VALUE], full[2 * KP_VALUE], target[KP_VALUE];

		kp_copy(path, sizeof(path), dirs[d]);
		kp_cat(path, sizeof(path), name);
		for (int hops = 0; hops < 8; hops++) {
			char *slash;
			ssize_t n;

			kp_copy(full, sizeof(full), KP_ROOT);
			kp_cat(full, sizeof(full), root);
			kp_cat(full, sizeof(full), path);
			n = readlink(full, target, sizeof(target) - 1);
			if (n < 0) {
				if (access(full, F_OK))
					break;
				slash = strrchr(path, '/');
				return kp_copy(ret, size, slash ? slash + 1 : path);
			}
			target[n] = '\0';
			slash = strrchr(path, '/');
			if (*target == '/' || !slash)
				kp_copy(path, sizeof(path), target);
			else {
				slash[1] = '\0';
				kp_cat(path, sizeof(path), target);
			}
		}
	}
	return false;
}

static void programs(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env)
{
	static const char *const names[] = { "iptables", "ip6tables", "nft" };
	static const char *const roots[][2] = { { "", "here " }, { "/proc/1/root", "host " } };
	char key[32], value[64];

	(void)env;
	kp_fact_open(o, f->id, f->path);
	for (size_t r = 0; r < KP_ARRAY_SIZE(roots); r++)
		for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++)
			if (program_of(roots[r][0], names[i], value, sizeof(value))) {
				kp_copy(key, sizeof(key), roots[r][1]);
				kp_cat(key, sizeof(key), names[i]);
				kp_js_text(o, key, value);
			}
	kp_fact_close(o);
}

static const struct kp_fact facts[] = {
	{ "node.networkmanager", "/usr/lib, /run and /etc/NetworkManager", ini_files, &networkmanager },
	{ "node.networkd", "/usr/lib, /run and /etc/systemd", ini_files, &networkd },
	{ "node.cni-runtime", "/etc/containerd, /etc/crio", ini_files, &runtimes },
	{ "node.cni-conf", "/etc/cni/net.d/", cni_conf, NULL },
	{ "node.cni-bin", "/opt/cni/bin/", cni_bin, NULL },
	{ "node.programs", "iptables, ip6tables and nft: links, here and of process 1", programs, NULL },
};

void kp_facts_files(struct kp_out *o, const struct kp_env *env)
{
	for (size_t i = 0; i < KP_ARRAY_SIZE(facts); i++)
		facts[i].how(o, &facts[i], env);
}
