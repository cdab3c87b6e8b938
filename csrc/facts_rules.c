/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Whose packet rules there are: tables of nf_tables and of legacy iptables, how many rules they hold, and which programs' chains are among
 * them. Only what is loaded is asked: GETTABLE makes a kernel without nf_tables load it, and so does IPT_SO_GET_INFO for a table that is
 * not there (what `iptables-save` does to a node).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

#include "factkit.h"
#include "facts.h"
#include "netlink.h"
#include "probes/xt_abi.h"

#define TABLES_MAX 40
#define LEGACY_MAX (16u << 20)

/* linux/netfilter/nf_tables.h, which 3.10 does not have. */
enum {
	SUBSYS_NFTABLES = 10,
	MSG_GETTABLE = 1,
	MSG_GETCHAIN = 4,
	MSG_GETRULE = 7,
	TABLE_NAME = 1,
	CHAIN_TABLE = 1,
	CHAIN_NAME = 3,
	RULE_TABLE = 1,
};

/* Beginnings of the names of chains that say who made them. The first two are how kubelet marks the backend that it uses. */
static const char *const makers[] = {
	"KUBE-IPTABLES-HINT",
	"KUBE-KUBELET-CANARY",
	"KUBE-PROXY-CANARY",
	"KUBE-SERVICES",
	"KUBE-ROUTER",
	"cali-",
	"ufw-user-",
	"ufw6-user-",
	"IN_public",
	"FWDI_",
	"INPUT_direct",
	"DOCKER",
	"CILIUM_",
	"WEAVE",
	"FLANNEL",
	"f2b-",
	"CROWDSEC",
	"LIBVIRT",
	"nixos-fw",
	"AWS-SNAT",
	"AZURECNI",
	"ANTREA",
	"OVN-",
	"LOCALINPUT",
	"shorewall",
	"fwknop",
};

struct table {
	uint8_t family;
	uint32_t chains, rules, makers;
	char name[32];
};

struct tables {
	unsigned int n, more;
	struct table table[TABLES_MAX];
};

static uint32_t made_by(const char *chain)
{
	uint32_t found = 0;

	for (size_t i = 0; i < KP_ARRAY_SIZE(makers); i++)
		if (kp_starts(chain, makers[i]))
			found |= 1u << i;
	return found;
}

static const char *text_attr(const struct nlmsghdr *msg, uint16_t type)
{
	size_t len = 0;
	const char *text = kp_nl_attr(msg, sizeof(struct nfgenmsg), type, &len);

	return text && len && !text[len - 1] ? text : NULL;
}

static struct table *find_table(struct tables *all, const struct nlmsghdr *msg, uint16_t attr)
{
	const struct nfgenmsg *nfg = NLMSG_DATA(msg);
	const char *name = text_attr(msg, attr);

	for (unsigned int i = 0; name && i < all->n; i++)
		if (all->table[i].family == nfg->nfgen_family && kp_equal(all->table[i].name, name))
			return &all->table[i];
	return NULL;
}

static bool take_table(const struct nlmsghdr *msg, void *arg)
{
	const struct nfgenmsg *nfg = NLMSG_DATA(msg);
	const char *name = text_attr(msg, TABLE_NAME);
	struct tables *all = arg;

	if (name && all->n == TABLES_MAX)
		all->more++;
	else if (name) {
		all->table[all->n].family = nfg->nfgen_family;
		kp_copy(all->table[all->n++].name, sizeof(all->table[0].name), name);
	}
	return true;
}

static bool take_chain(const struct nlmsghdr *msg, void *arg)
{
	struct table *t = find_table(arg, msg, CHAIN_TABLE);
	const char *name = text_attr(msg, CHAIN_NAME);

	if (t && name) {
		t->chains++;
		t->makers |= made_by(name);
	}
	return true;
}

static bool take_rule(const struct nlmsghdr *msg, void *arg)
{
	struct table *t = find_table(arg, msg, RULE_TABLE);

	if (t)
		t->rules++;
	return true;
}

static void put_table(struct kp_out *o, const char *kind, const char *family, const struct table *t)
{
	char key[64], text[512] = "chains=";

	kp_copy(key, sizeof(key), kind);
	kp_cat(key, sizeof(key), family);
	kp_cat(key, sizeof(key), " ");
	kp_cat(key, sizeof(key), t->name);
	kp_cat_u(text, sizeof(text), t->chains);
	kp_cat(text, sizeof(text), " rules=");
	kp_cat_u(text, sizeof(text), t->rules);
	for (size_t i = 0; i < KP_ARRAY_SIZE(makers); i++)
		if (t->makers >> i & 1) {
			kp_cat(text, sizeof(text), " ");
			kp_cat(text, sizeof(text), makers[i]);
		}
	kp_js_text(o, key, text);
}

static void put_error(struct kp_out *o, const char *key, int err)
{
	char text[32] = "error:", name[16];

	kp_cat(text, sizeof(text), kp_errno_name(err, name));
	kp_js_text(o, key, text);
}

static void put_nft(struct kp_out *o, const struct kp_env *env, const struct kp_modinfo *info)
{
	static const char *const families[] = { [NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip",       [NFPROTO_ARP] = "arp",
						[5] = "netdev",          [NFPROTO_BRIDGE] = "bridge", [NFPROTO_IPV6] = "ip6" };
	static const struct {
		uint16_t get;
		bool (*each)(const struct nlmsghdr *msg, void *arg);
	} dumps[] = { { MSG_GETTABLE, take_table }, { MSG_GETCHAIN, take_chain }, { MSG_GETRULE, take_rule } };
	const struct kp_module *module = kp_modinfo_find(info, "nf_tables");
	const struct nfgenmsg any = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
	struct tables all = { 0 };
	int rc = 0;

	if (info->modular && (!module || module->state == KP_MOD_UNREADABLE)) { /* it may be built in */
		put_error(o, "nft", ENODATA);
		return;
	}
	if (info->modular && module->state != KP_MOD_LOADED && module->state != KP_MOD_BUILTIN) {
		kp_js_text(o, "nft", "not loaded");
		return;
	}
	for (size_t i = 0; i < KP_ARRAY_SIZE(dumps) && !rc; i++)
		rc = kp_fact_dump(env, NETLINK_NETFILTER, (uint16_t)(SUBSYS_NFTABLES << 8 | dumps[i].get), &any, sizeof(any),
				  dumps[i].each, &all);
	if (rc) {
		put_error(o, "nft", -rc);
		return;
	}
	kp_js_text(o, "nft", all.more ? "more" : "read");
	for (unsigned int i = 0; i < all.n; i++) {
		const char *family = all.table[i].family < KP_ARRAY_SIZE(families) ? families[all.table[i].family] : NULL;

		put_table(o, "nft ", family ? family : "?", &all.table[i]);
	}
}

/* --- legacy --- */

/*
 * Entries as getsockopt gives them: a chain of one's own begins with the target ERROR that holds its name and ends with a RETURN; built-in
 * ones end with their policy; a last ERROR closes the table.
 */
static void count_entries(const unsigned char *at, const struct kp_xt_info *info, size_t target_at, struct table *t)
{
	uint32_t entries = 0, named = 0;

	for (size_t off = 0; off + target_at + 4 <= info->size;) {
		uint16_t target = kp_get_u16(at + off + target_at), next = kp_get_u16(at + off + target_at + 2);
		const char *name = (const char *)at + off + target + 2; /* struct xt_entry_target: size, name, revision */

		if (next < target_at + 4 || off + next > info->size || target + 64u > next + 32u)
			break;
		entries++;
		if (kp_equal(name, "ERROR") && (size_t)target + 32 + 30 <= next) {
			const char *chain = name + 30;

			if (memchr(chain, 0, 30) && !kp_equal(chain, "ERROR")) {
				named++;
				t->makers |= made_by(chain);
			}
		}
		off += next;
	}
	t->chains = named + (uint32_t)__builtin_popcount(info->valid_hooks);
	t->rules = entries - 2 * named - (uint32_t)__builtin_popcount(info->valid_hooks) - 1;
}

static int read_table(int fd, int level, size_t target_at, struct table *t)
{
	struct kp_xt_info info = { 0 };
	socklen_t len = sizeof(info);
	struct kp_xt_get_entries *get;
	size_t size;
	int err = 0;

	kp_copy(info.table, sizeof(info.table), t->name);
	if (getsockopt(fd, level, KP_XT_SO_GET_INFO, &info, &len))
		return errno;
	size = sizeof(*get) + info.size;
	if (info.size > LEGACY_MAX)
		return EFBIG;
	get = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (get == MAP_FAILED)
		return errno;
	kp_copy(get->table, sizeof(get->table), t->name);
	get->size = info.size;
	len = (socklen_t)size;
	if (getsockopt(fd, level, KP_XT_SO_GET_ENTRIES, get, &len))
		err = errno;
	else
		count_entries((const unsigned char *)get + sizeof(*get), &info, target_at, t);
	munmap(get, size);
	return err;
}

static void put_legacy(struct kp_out *o, int family, const char *file, const char *word, size_t target_at)
{
	kp_autoclose fd = -1;
	char names[512], key[64] = "legacy ";
	int err = kp_whole(file, names, sizeof(names));

	kp_cat(key, sizeof(key), word);
	if (err) {
		if (err == ENOENT)
			kp_js_text(o, key, "not loaded");
		else
			put_error(o, key, err);
		return;
	}
	kp_js_text(o, key, "read");
	for (const char *p = names; *p;) {
		struct table t = { 0 };

		if (!kp_word(&p, t.name, sizeof(t.name)))
			break;
		if (fd < 0)
			fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		err = fd < 0 ? errno : read_table(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, target_at, &t);
		if (err) {
			kp_cat(key, sizeof(key), " ");
			kp_cat(key, sizeof(key), t.name);
			put_error(o, key, err);
			return;
		}
		put_table(o, "legacy ", word, &t);
	}
}

void kp_facts_rules(struct kp_out *o, const struct kp_env *env, const struct kp_modinfo *info)
{
	kp_fact_open(o, "node.rules", "NFT_MSG_GETTABLE, GETCHAIN, GETRULE; IPT_SO_GET_ENTRIES");
	put_nft(o, env, info);
	put_legacy(o, AF_INET, "/proc/net/ip_tables_names", "ip", offsetof(struct kp_ipt_entry, target_offset));
	put_legacy(o, AF_INET6, "/proc/net/ip6_tables_names", "ip6", offsetof(struct kp_ip6t_entry, target_offset));
	kp_fact_close(o);
}
