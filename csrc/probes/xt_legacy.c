/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Legacy iptables: socket options of ip_tables and ip6_tables on a datagram socket (any socket of the family reaches them:
 * nf_setsockopt() in net/netfilter/nf_sockopt.c), so that CAP_NET_RAW is not needed.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../kprobe.h"
#include "xt_image.h"

#define COUNTERS 64 /* entries of the table before: a new namespace's, or the last row's */

static int level(const struct kp_xt_rule *rule)
{
	return rule->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

static int open_socket(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule)
{
	int fd = socket(rule->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
	return fd;
}

/* The kernel answers with the highest revision it has as the value of getsockopt(), which is 0 or more. */
static int ask_revision(int fd, const struct kp_xt_rule *rule, const char *name, bool target, uint8_t rev)
{
	struct kp_xt_get_revision req = { .revision = rev };
	socklen_t len = sizeof(req);
	int opt = rule->family == AF_INET6 ? KP_IP6T_SO_GET_REVISION_MATCH : KP_IPT_SO_GET_REVISION_MATCH;
	int rc;

	kp_copy(req.name, sizeof(req.name), name);
	rc = getsockopt(fd, level(rule), opt + target, &req, &len);
	return rc < 0 ? -errno : rc;
}

static int ask(struct kp_ctx *ctx, int fd, const struct kp_xt_rule *rule, uint8_t rev, unsigned int *ret_best)
{
	int rc = ask_revision(fd, rule, rule->name, rule->kind == KP_XT_TARGET, rev);

	(void)ctx;
	if (rc > 0)
		*ret_best = (unsigned int)rc;
	return rc < 0 ? rc : 0;
}

static int get_info(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, int fd, struct kp_xt_info *ret)
{
	socklen_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	kp_copy(ret->table, sizeof(ret->table), rule->table->name);
	if (getsockopt(fd, level(rule), KP_XT_SO_GET_INFO, ret, &len)) {
		kp_fail(ctx, res, "get info", KP_CALL_XT_SOCKOPT, errno);
		return -1;
	}
	if ((ret->valid_hooks & rule->table->hooks) != rule->table->hooks) {
		kp_broken(res, "get info", "the table has not all of its chains");
		return -1;
	}
	if (ret->num_entries > COUNTERS) {
		kp_unknown(res, "get info", "somebody put rules into the namespace that was made for this run: run again");
		return -1;
	}
	return 0;
}

/* Replaces the whole table by its chains and, with @part, the rule. Returns 0, or -1 after the row was answered. */
static int replace(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, const struct kp_xt_part *part,
		   const struct kp_xt_part *also, int fd, struct kp_xt_image *im)
{
	struct kp_xt_counters counters[COUNTERS];
	struct kp_xt_info info;

	if (get_info(ctx, res, rule, fd, &info))
		return -1;
	kp_xt_image_build(im, rule, part, also, info.valid_hooks);
	im->head.num_counters = info.num_entries;
	im->head.counters = counters;
	if (im->overflow) {
		kp_unknown(res, "replace", "the table did not fit its buffer: a defect of this row, please report it");
		return -1;
	}
	if (setsockopt(fd, level(rule), KP_XT_SO_SET_REPLACE, im, (socklen_t)(sizeof(im->head) + im->head.size))) {
		if (part)
			kp_xt_refused(ctx, res, rule, KP_CALL_XT_SOCKOPT, errno);
		else
			kp_fail(ctx, res, "put the table", KP_CALL_XT_SOCKOPT, errno);
		return -1;
	}
	return 0;
}

static void read_back(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, const struct kp_xt_part *part,
		      int fd, struct kp_xt_image *im)
{
	struct kp_xt_readback rb = { .head = { .size = im->head.size } };
	socklen_t len = (socklen_t)(sizeof(rb.head) + im->head.size);

	kp_copy(rb.head.table, sizeof(rb.head.table), rule->table->name);
	if (getsockopt(fd, level(rule), KP_XT_SO_GET_ENTRIES, &rb, &len)) {
		kp_fail(ctx, res, "read back", KP_CALL_XT_SOCKOPT, errno);
		return;
	}
	if (kp_xt_image_equal(im, rb.entries, rb.head.size, rule, part))
		kp_works(res, "read back");
	else
		kp_broken(res, "read back", "the table that the kernel gives back is not the one that was put there");
}

static void run_table(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_xt_rule *rule = row->arg;
	kp_autoclose fd = open_socket(ctx, res, rule);
	struct kp_xt_image im;

	if (fd >= 0 && !replace(ctx, res, rule, NULL, NULL, fd, &im))
		read_back(ctx, res, rule, NULL, fd, &im);
}

static void put_and_read(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule)
{
	kp_autoclose fd = open_socket(ctx, res, rule);
	struct kp_xt_part part = { 0 }, also = { 0 };
	struct kp_result unsaid = { 0 }; /* the revision is told of the first */
	struct kp_xt_image im;

	if (fd < 0)
		return;
	if (rule->also && kp_xt_choose(ctx, &unsaid, rule->also, fd, KP_CALL_XT_SOCKOPT, ask, &also)) {
		*res = unsaid;
		return;
	}
	if (!kp_xt_choose(ctx, res, rule, fd, KP_CALL_XT_SOCKOPT, ask, &part) && !replace(ctx, res, rule, &part, &also, fd, &im))
		read_back(ctx, res, rule, &part, fd, &im);
	if (kp_xt_object_is_global(ctx, rule)) {
		struct kp_result ignored = { 0 };

		replace(ctx, &ignored, rule, NULL, NULL, fd, &im);
		kp_xt_object_drop(ctx, rule);
	}
}

static void clear(struct kp_ctx *ctx, const struct kp_xt_rule *rule)
{
	struct kp_result ignored = { 0 };
	kp_autoclose fd = open_socket(ctx, &ignored, rule);
	struct kp_xt_image im;

	if (fd >= 0)
		replace(ctx, &ignored, rule, NULL, NULL, fd, &im);
}

const struct kp_xt_backend kp_xt_legacy = { put_and_read, clear };

static void run_rule(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	put_and_read(ctx, res, row->arg);
}

static void run_revision(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_xt_rule rule;

	put_and_read(ctx, res, kp_xt_at(row->arg, &rule));
}

/*
 * getsockopt() does not load ip_tables; the iptables program runs modprobe first. An ioctl that names an interface which is not
 * there makes the kernel do the same: dev_load() in net/core/dev_ioctl.c asks for "netdev-NAME" (CAP_NET_ADMIN), and where that
 * failed for "NAME" (CAP_SYS_MODULE), both in the initial user namespace: 8909c9ad8ff0 "net: don't allow CAP_NET_ADMIN to load
 * non-netdev kernel modules", v2.6.38. SIOCGIFINDEX reads only and ends in ENODEV; names have room for 15 characters.
 */
static bool load(struct kp_ctx *ctx, struct kp_result *res, int fd, const char *module)
{
	struct ifreq ifr;
	char how[32] = "dev_load ";

	if (ctx->env->flags & KP_NO_AUTOLOAD || !ctx->env->modular || !(ctx->env->caps_init & KP_CAP_SYS_MODULE))
		return false;
	memset(&ifr, 0, sizeof(ifr));
	kp_copy(ifr.ifr_name, sizeof(ifr.ifr_name), module);
	ioctl(fd, SIOCGIFINDEX, &ifr);
	kp_cat(how, sizeof(how), module);
	kp_detail(res, "autoload", how);
	return true;
}

/* The target that ends every table is registered by ip_tables itself, at revision 0: to ask for it loads nothing. */
static void run_base(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_xt_rule *rule = row->arg;
	kp_autoclose fd = open_socket(ctx, res, rule);
	int rc;

	if (fd < 0)
		return;
	rc = ask_revision(fd, rule, "ERROR", true, 0);
	if (rc == -ENOPROTOOPT && load(ctx, res, fd, rule->family == AF_INET6 ? "ip6_tables" : "ip_tables"))
		rc = ask_revision(fd, rule, "ERROR", true, 0);
	if (rc < 0)
		kp_fail(ctx, res, "revision", KP_CALL_XT_SOCKOPT, -rc);
	else
		kp_works(res, "revision");
}

/*
 * The positive control: ip_tables may rightly be missing, so it cannot be what must answer. A socket option of the same level,
 * which comes before netfilter's in ip_getsockopt() and ipv6_getsockopt(), is always there; without IPv6 in the kernel, IPv4's.
 */
static void run_alive(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_xt_rule *rule = row->arg;
	bool v6 = rule->family == AF_INET6;
	kp_autoclose fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int value = 0;
	socklen_t len = sizeof(value);

	if (fd < 0 && v6 && errno == EAFNOSUPPORT) {
		v6 = false;
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	if (fd < 0)
		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
	else if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &value, &len))
		kp_fail(ctx, res, "getsockopt", KP_CALL_PLAIN, errno);
	else
		kp_works(res, "getsockopt");
}

#define NO_BACKEND                                                                                                                 \
	{ EAFNOSUPPORT, KP_ABSENT, "no IPv6 in this kernel, or switched off at boot (ipv6.disable=1)" },                           \
		{ ENOPROTOOPT, KP_ABSENT, "neither ip_tables nor ip6_tables answers here: not built in, and not to be loaded" }

static const struct kp_rule base_rules[] = { NO_BACKEND, { 0 } };

static const struct kp_rule table_rules[] = {
	NO_BACKEND,
	{ ENOENT, KP_ABSENT, "no such table: not built in, and not to be loaded" },
	{ 0 },
};

static const struct kp_rule rule_rules[] = KP_XT_RULE_RULES(NO_BACKEND, KP_XT_NO_EXTENSION);
static const struct kp_rule option_rules[] = KP_XT_OPTION_RULES(NO_BACKEND, KP_XT_NO_EXTENSION);
static const struct kp_rule revision_rules[] = KP_XT_REVISION_RULES(NO_BACKEND, KP_XT_NO_EXTENSION);

#define RULE_ASKS "IPT_SO_GET_REVISION downwards from the highest known, IPT_SO_SET_REPLACE with the rule, IPT_SO_GET_ENTRIES"
#define RULE_PROVES                                                                                                                \
	"works: the table comes back with the rule as it was put; absent: no such name or revision; broken: another table comes "  \
	"back"

const struct kp_method kp_xt_legacy_alive = {
	.run = run_alive,
	.asks = "getsockopt() of an option that every kernel has, at the level where x_tables has its own",
	.proves = "that socket options of this level reach the kernel: without it no absent of the family is believed",
};

const struct kp_method kp_xt_legacy_base = {
	.run = run_base,
	.asks = "IPT_SO_GET_REVISION_TARGET for the built-in target ERROR; after ENOPROTOOPT an interface ioctl that loads the "
		"module, and again",
	.proves = "works: ip_tables (ip6_tables) answered; absent: still ENOPROTOOPT",
	.rules = base_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_legacy_table = {
	.run = run_table,
	.asks = "IPT_SO_GET_INFO (which loads the table), IPT_SO_SET_REPLACE with its chains and policies, IPT_SO_GET_ENTRIES",
	.proves = "works: the table comes back as it was put; absent: no such table; broken: another one comes back",
	.rules = table_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_legacy_rule = {
	.run = run_rule,
	.asks = RULE_ASKS,
	.proves = RULE_PROVES,
	.rules = rule_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_legacy_option = {
	.run = run_rule,
	.asks = RULE_ASKS,
	.proves = RULE_PROVES "; absent too: EINVAL, where the rule without the option works",
	.rules = option_rules,
	.gate = KP_CAP_NET_ADMIN,
};

const struct kp_method kp_xt_legacy_revision = {
	.run = run_revision,
	.asks = "IPT_SO_GET_REVISION for it, IPT_SO_SET_REPLACE with the rule at it, IPT_SO_GET_ENTRIES",
	.proves = "works: the rule comes back as it was put, at this revision; absent: the kernel has it at others only",
	.rules = revision_rules,
	.gate = KP_CAP_NET_ADMIN,
};
