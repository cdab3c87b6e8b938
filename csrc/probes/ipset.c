/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * IP sets over nfnetlink, with the set types, options, names and operations of Calico's policy. The kernel may be asked to load
 * nfnetlink (by the socket), ip_set (by the first message) and the type's module (by IPSET_CMD_TYPE). IPv6 sets need no IPv6.
 */
#include "ipset.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/netfilter/nfnetlink.h>

#include "control.h"
#include "families.h"
#include "ipset_kind.h"

/* Whether the kernel has sets at all, and which protocol it speaks. */
static void run_protocol(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_ipset t = { .ctx = ctx, .res = res };
	struct kp_ipset_range r;

	(void)row;
	if (!kp_ipset_agree(&t, &r))
		return;
	kp_detail_u(res, "protocol-min", (unsigned int)r.min);
	kp_detail_u(res, "protocol-max", (unsigned int)r.max);
	kp_works(res, "protocol");
}

static const struct kp_method protocol = {
	.run = run_protocol,
	.asks = "IPSET_CMD_PROTOCOL over nfnetlink",
	.proves = "works: the kernel tells its protocol versions, 6 or 7 among them; absent: no NETLINK_NETFILTER "
		  "(EPROTONOSUPPORT), or no ipset subsystem in it (EINVAL)",
	.rules = kp_ipset_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A set's life, as policy needs it. Half of its members are deleted again, to see that one can. */
static void run_set(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ipset_arg *s = row->arg;
	struct kp_nlbuf b;
	struct kp_ipset t;
	int rc;

	if (!kp_ipset_start(&t, ctx, row, res) || !kp_ipset_create(&t, s->name, "create") ||
	    !kp_ipset_add(&t, s->name, s->of->member, s->of->n) || !kp_ipset_add(&t, s->name, s->of->member, s->of->n))
		return;
	for (unsigned int i = 0; i < s->of->n; i++)
		if (!kp_ipset_test(&t, s->name, &s->of->member[i], true))
			return;
	if (!kp_ipset_test(&t, s->name, &s->of->other, false) ||
	    (s->of->inside.ip[0] && !kp_ipset_test(&t, s->name, &s->of->inside, true)) ||
	    !kp_ipset_list(&t, s->name, s->of->member, s->of->n, "the list differs from the members that were added"))
		return;
	kp_nl_init(&b);
	kp_ipset_put(&t, &b, IPSET_CMD_DEL, s->name, &s->of->member[0]);
	rc = kp_nl_talk(ctx, t.fd, &b);
	if (rc < 0)
		kp_ipset_fail(&t, "delete", rc);
	else if (kp_ipset_list(&t, s->name, s->of->member + 1, s->of->n - 1,
			       "the list differs from the members that were not deleted"))
		kp_works(res, "list");
}

static const struct kp_method set_life = {
	.run = run_set,
	.asks = "IPSET_CMD_TYPE for the revisions, CREATE (maxelem 1048576), ADD of each member twice, TEST of each, of something "
		"else, and of an address in a prefix, LIST, DEL of one, LIST",
	.proves = "works: the tests and lists have the members, all of them and no other; absent: error 4098 "
		  "(IPSET_ERR_FIND_TYPE); broken: they differ",
	.rules = kp_ipset_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A set changes under the rules that use it by being swapped with a temporary one. */
static void run_swap(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ipset_arg *s = row->arg;
	struct kp_ipset t;
	int rc;

	if (!kp_ipset_start(&t, ctx, row, res) || !kp_ipset_create(&t, s->name, "create") ||
	    !kp_ipset_create(&t, s->temp, "create temporary") || !kp_ipset_add(&t, s->name, s->of->member, s->of->n) ||
	    !kp_ipset_add(&t, s->temp, &s->of->other, 1))
		return;
	rc = kp_ipset_command(&t, IPSET_CMD_SWAP, s->name, s->temp);
	if (rc < 0)
		kp_ipset_fail(&t, "swap", rc);
	else if (kp_ipset_list(&t, s->name, &s->of->other, 1, "the set does not have the temporary one's members") &&
		 kp_ipset_list(&t, s->temp, s->of->member, s->of->n, "the temporary set does not have the first one's members"))
		kp_works(res, "list");
}

static const struct kp_method swap = {
	.run = run_swap,
	.asks = "CREATE of a set and a temporary one, ADD of other members to each, IPSET_CMD_SWAP, LIST of both",
	.proves = "works: each list has the other's members; broken: it does not",
	.rules = kp_ipset_rules,
	.gate = KP_CAP_NET_ADMIN,
};

static void run_destroy(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ipset_arg *s = row->arg;
	struct kp_ipset t;
	int rc;

	if (!kp_ipset_start(&t, ctx, row, res) || !kp_ipset_create(&t, s->name, "create") ||
	    !kp_ipset_add(&t, s->name, s->of->member, s->of->n))
		return;
	rc = kp_ipset_command(&t, IPSET_CMD_DESTROY, s->name, NULL);
	if (rc < 0) {
		kp_ipset_fail(&t, "destroy", rc);
		return;
	}
	rc = kp_ipset_command(&t, IPSET_CMD_FLUSH, s->name, NULL);
	if (rc == -ENOENT)
		kp_works(res, "destroy");
	else if (rc < 0)
		kp_ipset_fail(&t, "look for it", rc);
	else
		kp_broken(res, "look for it", "the set is there after it was destroyed");
}

static const struct kp_method destroy = {
	.run = run_destroy,
	.asks = "CREATE of a set, ADD, IPSET_CMD_DESTROY, then IPSET_CMD_FLUSH for it",
	.proves = "works: the last answers ENOENT, the set is gone; broken: it is still there",
	.rules = kp_ipset_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* The names of all sets: two are made, both must be told. */
struct names {
	const struct kp_ipset_arg *set;
	bool first, second;
};

static bool take_name(const struct nlmsghdr *msg, void *arg)
{
	size_t len = 0;
	const char *name = kp_nl_attr(msg, sizeof(struct nfgenmsg), IPSET_ATTR_SETNAME, &len);
	struct names *n = arg;

	if (name && len && !name[len - 1]) {
		n->first |= kp_equal(name, n->set->name);
		n->second |= kp_equal(name, n->set->temp);
	}
	return true;
}

static void run_names(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_ipset_arg *s = row->arg;
	struct names n = { .set = s };
	struct kp_nlbuf b;
	struct kp_ipset t;
	int rc;

	if (!kp_ipset_start(&t, ctx, row, res) || !kp_ipset_create(&t, s->name, "create") ||
	    !kp_ipset_create(&t, s->temp, "create second"))
		return;
	kp_nl_init(&b);
	kp_ipset_msg(&t, &b, IPSET_CMD_LIST, NLM_F_DUMP, s->family);
	kp_nl_be32(&b, IPSET_ATTR_FLAGS | NLA_F_NET_BYTEORDER, IPSET_FLAG_LIST_SETNAME);
	rc = kp_nl_query(ctx, t.fd, &b, take_name, &n);
	if (rc < 0)
		kp_ipset_fail(&t, "list names", rc);
	else if (!n.first || !n.second)
		kp_broken(res, "list names", "a set is missing from the list of names");
	else
		kp_works(res, "list names");
}

static const struct kp_method list_names = {
	.run = run_names,
	.asks = "CREATE of two sets, then IPSET_CMD_LIST with IPSET_FLAG_LIST_SETNAME and no name",
	.proves = "works: both names are in the list; broken: one is missing",
	.rules = kp_ipset_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* clang-format off */
#define ADDR(...) { { __VA_ARGS__ }, 0, 0, 0 }
#define PREFIX(cidr, ...) { { __VA_ARGS__ }, cidr, 0, 0 }
#define PORT(proto, port, ...) { { __VA_ARGS__ }, 0, proto, port }
#define IP6(net, host) 0x20, 0x01, 0x0d, 0xb8, 0, net, 0, 0, 0, 0, 0, 0, 0, 0, 0, host

/* Documentation addresses (RFC 5737, 3849). */
static const struct kp_ipset_members ip4 = {
	.n = 2, .member = { ADDR(192, 0, 2, 1), ADDR(192, 0, 2, 77) }, .other = ADDR(192, 0, 2, 2)
};
static const struct kp_ipset_members ip6 = {
	.n = 2, .member = { ADDR(IP6(0, 1)), ADDR(IP6(0, 77)) }, .other = ADDR(IP6(0, 2))
};
static const struct kp_ipset_members net4 = {
	.n = 2, .member = { PREFIX(24, 198, 51, 100), PREFIX(26, 203, 0, 113, 64) }, .other = PREFIX(26, 203, 0, 113, 128),
	.inside = ADDR(198, 51, 100, 7)
};
static const struct kp_ipset_members net6 = {
	.n = 2, .member = { PREFIX(48, IP6(1, 0)), PREFIX(64, IP6(2, 0)) }, .other = PREFIX(48, IP6(3, 0)),
	.inside = ADDR(IP6(2, 7))
};
static const struct kp_ipset_members port4 = {
	.n = 2, .member = { PORT(IPPROTO_TCP, 179, 192, 0, 2, 1), PORT(IPPROTO_UDP, 4789, 192, 0, 2, 1) },
	.other = PORT(IPPROTO_UDP, 179, 192, 0, 2, 1)
};
static const struct kp_ipset_members port6 = {
	.n = 2, .member = { PORT(IPPROTO_TCP, 179, IP6(0, 1)), PORT(IPPROTO_UDP, 4789, IP6(0, 1)) },
	.other = PORT(IPPROTO_UDP, 179, IP6(0, 1))
};
/* Three members that differ by protocol alone: a kernel that keeps no port for SCTP shows it in the list. */
static const struct kp_ipset_members sctp4 = {
	.n = 3, .member = { PORT(IPPROTO_TCP, 3868, 192, 0, 2, 1), PORT(IPPROTO_UDP, 3868, 192, 0, 2, 1),
	PORT(IPPROTO_SCTP, 3868, 192, 0, 2, 1) },
	.other = PORT(IPPROTO_SCTP, 3869, 192, 0, 2, 1)
};
static const struct kp_ipset_members sctp6 = {
	.n = 3, .member = { PORT(IPPROTO_TCP, 3868, IP6(0, 1)), PORT(IPPROTO_UDP, 3868, IP6(0, 1)),
	PORT(IPPROTO_SCTP, 3868, IP6(0, 1)) },
	.other = PORT(IPPROTO_SCTP, 3869, IP6(0, 1))
};

/* Addresses that the lists of attributes in ipset_rows.h point to: aV_HOST and, of networks, nV_NET. */
#define IP4_LIST(...) { KP_RAW(IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, __VA_ARGS__), { .form = KP_A_END } }
#define IP6_LIST(net, host) { KP_RAW(IPSET_ATTR_IPADDR_IPV6 | NLA_F_NET_BYTEORDER, IP6(net, host)), { .form = KP_A_END } }
static const struct kp_attr a4_0[] = IP4_LIST(192, 0, 2, 0), a4_1[] = IP4_LIST(192, 0, 2, 1), a4_2[] = IP4_LIST(192, 0, 2, 2);
static const struct kp_attr a4_7[] = IP4_LIST(192, 0, 2, 7), a4_77[] = IP4_LIST(192, 0, 2, 77), a4_128[] = IP4_LIST(192, 0, 2, 128);
static const struct kp_attr a4_200[] = IP4_LIST(192, 0, 2, 200), a4_255[] = IP4_LIST(192, 0, 2, 255);
static const struct kp_attr n4_1[] = IP4_LIST(198, 51, 100, 32), n4_2[] = IP4_LIST(198, 51, 100, 64);
static const struct kp_attr a6_1[] = IP6_LIST(0, 1), a6_2[] = IP6_LIST(0, 2), n6_1[] = IP6_LIST(1, 0), n6_2[] = IP6_LIST(2, 0);
static const char *const held[KP_IPSET_HOLDS] = { "kp-held-1", "kp-held-2" };

#define SET(...) (&(const struct kp_ipset_arg){ __VA_ARGS__ })
#define IP_MODULES "nfnetlink ip_set ip_set_hash_ip"
#define IP_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_HASH_IP"
#define NET_MODULES "nfnetlink ip_set ip_set_hash_net"
#define NET_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_HASH_NET"
#define PORT_MODULES "nfnetlink ip_set ip_set_hash_ipport"
#define PORT_CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET CONFIG_IP_SET_HASH_IPPORT"

static const struct kp_probe rows[] = {
	{ .id = "ipset.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_control_rtnetlink },
	{ .id = "ipset.control.negative", .title = "an invented set type", .control = KP_NEGATIVE,
	  .modules = "nfnetlink ip_set ip_set_hash:kpnone", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:kpnone", .name = "cali40kprobe-none", .of = &ip4) },

	{ .id = "ipset.protocol", .title = "IP sets over nfnetlink", .modules = "nfnetlink ip_set",
	  .kconfig = "CONFIG_NETFILTER_NETLINK CONFIG_IP_SET", .since = "2.6.39", .by = &protocol },

	{ .id = "ipset.hash:ip.inet", .title = "set of IPv4 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-ip", .of = &ip4) },
	{ .id = "ipset.hash:ip.inet.swap", .title = "swap of sets of IPv4 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .needs = "ipset.hash:ip.inet", .by = &swap,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-ip-s", .temp = "cali4tkprobe-ip-s", .of = &ip4) },
	{ .id = "ipset.hash:ip.inet.destroy", .title = "deletion of a set of IPv4 addresses", .modules = IP_MODULES,
	  .kconfig = IP_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip.inet", .by = &destroy,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-ip-d", .of = &ip4) },
	{ .id = "ipset.hash:ip.inet6", .title = "set of IPv6 addresses", .modules = IP_MODULES, .kconfig = IP_CONFIG,
	  .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip", .name = "cali60kprobe-ip", .of = &ip6) },
	{ .id = "ipset.hash:ip.inet6.swap", .title = "swap of sets of IPv6 addresses", .modules = IP_MODULES,
	  .kconfig = IP_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip.inet6", .by = &swap,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip", .name = "cali60kprobe-ip-s", .temp = "cali6tkprobe-ip-s",
		     .of = &ip6) },
	{ .id = "ipset.hash:ip.inet6.destroy", .title = "deletion of a set of IPv6 addresses", .modules = IP_MODULES,
	  .kconfig = IP_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip.inet6", .by = &destroy,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip", .name = "cali60kprobe-ip-d", .of = &ip6) },
	{ .id = "ipset.list-names", .title = "names of all sets", .modules = IP_MODULES, .kconfig = IP_CONFIG, .since = "2.6.39",
	  .needs = "ipset.hash:ip.inet", .by = &list_names,
	  .arg = SET(.family = AF_INET, .type = "hash:ip", .name = "cali40kprobe-a", .temp = "cali40kprobe-b", .of = &ip4) },

	{ .id = "ipset.hash:net.inet", .title = "set of IPv4 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG,
	  .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:net", .name = "cali40kprobe-net", .of = &net4) },
	{ .id = "ipset.hash:net.inet.swap", .title = "swap of sets of IPv4 prefixes", .modules = NET_MODULES,
	  .kconfig = NET_CONFIG, .since = "2.6.39", .needs = "ipset.hash:net.inet", .by = &swap,
	  .arg = SET(.family = AF_INET, .type = "hash:net", .name = "cali40kprobe-net-s", .temp = "cali4tkprobe-net-s",
		     .of = &net4) },
	{ .id = "ipset.hash:net.inet.destroy", .title = "deletion of a set of IPv4 prefixes", .modules = NET_MODULES,
	  .kconfig = NET_CONFIG, .since = "2.6.39", .needs = "ipset.hash:net.inet", .by = &destroy,
	  .arg = SET(.family = AF_INET, .type = "hash:net", .name = "cali40kprobe-net-d", .of = &net4) },
	{ .id = "ipset.hash:net.inet6", .title = "set of IPv6 prefixes", .modules = NET_MODULES, .kconfig = NET_CONFIG,
	  .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET6, .type = "hash:net", .name = "cali60kprobe-net", .of = &net6) },
	{ .id = "ipset.hash:net.inet6.swap", .title = "swap of sets of IPv6 prefixes", .modules = NET_MODULES,
	  .kconfig = NET_CONFIG, .since = "2.6.39", .needs = "ipset.hash:net.inet6", .by = &swap,
	  .arg = SET(.family = AF_INET6, .type = "hash:net", .name = "cali60kprobe-net-s", .temp = "cali6tkprobe-net-s",
		     .of = &net6) },
	{ .id = "ipset.hash:net.inet6.destroy", .title = "deletion of a set of IPv6 prefixes", .modules = NET_MODULES,
	  .kconfig = NET_CONFIG, .since = "2.6.39", .needs = "ipset.hash:net.inet6", .by = &destroy,
	  .arg = SET(.family = AF_INET6, .type = "hash:net", .name = "cali60kprobe-net-d", .of = &net6) },

	{ .id = "ipset.hash:ip,port.inet", .title = "set of IPv4 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port", .of = &port4) },
	{ .id = "ipset.hash:ip,port.inet.sctp", .title = "IPv4 SCTP port in a set", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "3.0", .needs = "ipset.hash:ip,port.inet", .by = &set_life,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port-p", .of = &sctp4) },
	{ .id = "ipset.hash:ip,port.inet.swap", .title = "swap of sets of IPv4 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet", .by = &swap,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port-s",
		     .temp = "cali4tkprobe-port-s", .of = &port4) },
	{ .id = "ipset.hash:ip,port.inet.destroy", .title = "deletion of a set of IPv4 addresses and ports",
	  .modules = PORT_MODULES, .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet", .by = &destroy,
	  .arg = SET(.family = AF_INET, .type = "hash:ip,port", .name = "cali40kprobe-port-d", .of = &port4) },
	{ .id = "ipset.hash:ip,port.inet6", .title = "set of IPv6 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .by = &set_life,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port", .of = &port6) },
	{ .id = "ipset.hash:ip,port.inet6.sctp", .title = "IPv6 SCTP port in a set", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "3.0", .needs = "ipset.hash:ip,port.inet6", .by = &set_life,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port-p", .of = &sctp6) },
	{ .id = "ipset.hash:ip,port.inet6.swap", .title = "swap of sets of IPv6 addresses and ports", .modules = PORT_MODULES,
	  .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet6", .by = &swap,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port-s",
		     .temp = "cali6tkprobe-port-s", .of = &port6) },
	{ .id = "ipset.hash:ip,port.inet6.destroy", .title = "deletion of a set of IPv6 addresses and ports",
	  .modules = PORT_MODULES, .kconfig = PORT_CONFIG, .since = "2.6.39", .needs = "ipset.hash:ip,port.inet6", .by = &destroy,
	  .arg = SET(.family = AF_INET6, .type = "hash:ip,port", .name = "cali60kprobe-port-d", .of = &port6) },
#include "ipset_rows.h"
};
/* clang-format on */

const struct kp_family kp_family_ipset = {
	.name = "ipset",
	.title = "IP sets",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	/* load_settype(): request_module() below 0, as without CONFIG_MODULES. Nobody can ask for a type and not cause it. */
	.records = "kernel log, level warning, only where the kernel cannot run modprobe: \"Can't find ip_set type\" for each it "
		   "has not",
};
