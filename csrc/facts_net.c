/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The network of the node as it is: tunnel and other virtual devices, addresses, routes that others made. Dumps only: nothing is made, and
 * no dump makes the kernel load a module.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "facts.h"
#include "netlink.h"
#include "str.h"

#define LINKS_MAX 48
#define ROUTES_MAX 96
#define ADDRESSES_MAX 64

int kp_fact_dump(const struct kp_env *env, int protocol, uint16_t type, const void *hdr, size_t hdrlen,
		 bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg)
{
	static const struct kp_probe none = { .id = "node" };
	struct kp_ctx ctx = { .env = env, .row = &none };
	struct kp_result res = { 0 };
	struct kp_nlbuf b;
	int fd, rc;

	for (unsigned int i = 0; i < KP_NETLINK_MAX; i++)
		ctx.nl[i] = -1;
	fd = kp_nl_socket(&ctx, &res, protocol);
	if (fd < 0)
		return fd;
	kp_nl_init(&b);
	kp_nl_msg(&ctx, &b, type, NLM_F_DUMP, hdr, hdrlen);
	rc = kp_nl_query(&ctx, fd, &b, each, arg);
	kp_nl_close(&ctx);
	return rc;
}

/* Pods' ends and Calico's own devices: they come by the thousand, or say nothing of others. */
static bool is_ours(const char *name)
{
	return kp_starts(name, "cali") || kp_equal(name, "tunl0") || kp_equal(name, "vxlan.calico") ||
	       kp_equal(name, "vxlan-v6.calico") || kp_equal(name, "wireguard.cali") || kp_equal(name, "wg-v6.cali");
}

static bool name_of(unsigned int index, char name[IFNAMSIZ])
{
	return if_indextoname(index, name) != NULL;
}

/* --- devices --- */

static const char *const veths[] = { "cali", "lxc", "eni", "veth", "azv" };

struct links {
	struct kp_out *o;
	unsigned int n, more;
	unsigned int veth[KP_ARRAY_SIZE(veths) + 1];
};

static void cat_key(char *text, size_t size, const char *key, unsigned long long value)
{
	kp_cat(text, size, " ");
	kp_cat(text, size, key);
	kp_cat_u(text, size, value);
}

static bool take_link(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(msg);
	size_t len = 0, name_len = 0, kind_len = 0, data_len = 0;
	const char *name = kp_nl_attr(msg, sizeof(*ifi), IFLA_IFNAME, &name_len);
	const void *info = kp_nl_attr(msg, sizeof(*ifi), IFLA_LINKINFO, &len), *data, *v;
	const char *kind = info ? kp_nl_find(info, len, IFLA_INFO_KIND, &kind_len) : NULL;
	struct links *all = arg;
	char text[128] = "kind=";

	if (msg->nlmsg_type != RTM_NEWLINK || !kind || !kind_len || kind[kind_len - 1] || !name || !name_len || name[name_len - 1])
		return true;
	if (kp_equal(kind, "veth")) {
		size_t i = 0;

		while (i < KP_ARRAY_SIZE(veths) && !kp_starts(name, veths[i]))
			i++;
		all->veth[i]++;
		return true;
	}
	if (all->n == LINKS_MAX) {
		all->more++;
		return true;
	}
	all->n++;
	kp_cat(text, sizeof(text), kind);
	v = kp_nl_attr(msg, sizeof(*ifi), IFLA_MTU, &data_len);
	if (v && data_len >= 4)
		cat_key(text, sizeof(text), "mtu=", kp_get_u32(v));
	data = kp_nl_find(info, len, IFLA_INFO_DATA, &data_len);
	if (data && kp_equal(kind, "vxlan")) {
		size_t n = 0;

		v = kp_nl_find(data, data_len, IFLA_VXLAN_ID, &n);
		if (v && n >= 4)
			cat_key(text, sizeof(text), "id=", kp_get_u32(v));
		v = kp_nl_find(data, data_len, IFLA_VXLAN_PORT, &n);
		if (v && n >= 2)
			cat_key(text, sizeof(text), "port=", kp_get_be16(v));
	}
	kp_cat(text, sizeof(text), ifi->ifi_flags & IFF_UP ? " up" : "");
	kp_js_text(all->o, name, text);
	return true;
}

static void put_links(struct kp_out *o, const struct kp_env *env)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct links all = { .o = o };
	int rc;

	kp_fact_open(o, "node.links", "RTM_GETLINK");
	rc = kp_fact_dump(env, NETLINK_ROUTE, RTM_GETLINK, &ifi, sizeof(ifi), take_link, &all);
	/* No device can have such names: they have a slash. */
	for (size_t i = 0; i < KP_ARRAY_SIZE(all.veth); i++) {
		char key[16] = "veth/";

		kp_cat(key, sizeof(key), i < KP_ARRAY_SIZE(veths) ? veths[i] : "other");
		if (all.veth[i])
			kp_js_int(o, key, all.veth[i]);
	}
	if (all.more || rc)
		kp_js_int(o, "not/shown", rc ? rc : (int)all.more);
	kp_fact_close(o);
}

/* --- addresses --- */

struct list {
	struct kp_out *o;
	unsigned int n, more;
};

static void cat_address(char *text, size_t size, int family, const void *address, unsigned int bits)
{
	const uint8_t *byte = address;

	/* Not by inet_ntop(3), which brings stdio's formatting along. All eight words of IPv6. */
	for (int i = 0; family == AF_INET && i < 4; i++) {
		kp_cat(text, size, i ? "." : "");
		kp_cat_u(text, size, byte[i]);
	}
	for (int i = 0; family == AF_INET6 && i < 16; i++) {
		const char hex[] = { "0123456789abcdef"[byte[i] >> 4], "0123456789abcdef"[byte[i] & 15], '\0' };

		kp_cat(text, size, i && i % 2 == 0 ? ":" : "");
		kp_cat(text, size, hex);
	}
	kp_cat(text, size, "/");
	kp_cat_u(text, size, bits);
}

static bool take_address(const struct nlmsghdr *msg, void *arg)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(msg);
	size_t len = 0, need = ifa->ifa_family == AF_INET ? 4 : 16;
	const void *address = kp_nl_attr(msg, sizeof(*ifa), IFA_LOCAL, &len);
	char name[IFNAMSIZ], text[128] = "";
	struct list *all = arg;

	if (!address)
		address = kp_nl_attr(msg, sizeof(*ifa), IFA_ADDRESS, &len);
	if (msg->nlmsg_type != RTM_NEWADDR || !address || len < need || ifa->ifa_scope >= RT_SCOPE_LINK)
		return true;
	/* kube-ipvs0 and nodelocaldns hold addresses of services, by the thousand. */
	if (!name_of(ifa->ifa_index, name) || is_ours(name) || kp_equal(name, "kube-ipvs0") || kp_starts(name, "nodelocaldns"))
		return true;
	if (all->n == ADDRESSES_MAX) {
		all->more++;
		return true;
	}
	all->n++;
	kp_cat(text, sizeof(text), name);
	kp_cat(text, sizeof(text), " ");
	cat_address(text, sizeof(text), ifa->ifa_family, address, ifa->ifa_prefixlen);
	kp_js_item(all->o, text);
	return true;
}

/* --- routes --- */

/* Of the main table, what neither the kernel made for an address nor Calico made: prefix, device, protocol. */
static bool take_route(const struct nlmsghdr *msg, void *arg)
{
	enum { BIRD = 12, CALICO = 80 }; /* protocols: BIRD's, and DeviceRouteProtocol as Calico's documents number it */
	const struct rtmsg *rt = NLMSG_DATA(msg);
	size_t len = 0, need = rt->rtm_family == AF_INET ? 4 : 16, n = 0;
	const void *dst = kp_nl_attr(msg, sizeof(*rt), RTA_DST, &len);
	const void *oif = kp_nl_attr(msg, sizeof(*rt), RTA_OIF, &n);
	char name[IFNAMSIZ] = "-", text[128] = "";
	struct list *all = arg;

	if (msg->nlmsg_type != RTM_NEWROUTE || rt->rtm_table != RT_TABLE_MAIN || rt->rtm_type != RTN_UNICAST ||
	    rt->rtm_flags & RTM_F_CLONED || rt->rtm_protocol == RTPROT_KERNEL || rt->rtm_protocol == BIRD ||
	    rt->rtm_protocol == CALICO || !dst || len < need)
		return true;
	if ((rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6) ||
	    (oif && n >= 4 && name_of(kp_get_u32(oif), name) && is_ours(name)))
		return true;
	if (all->n == ROUTES_MAX) {
		all->more++;
		return true;
	}
	all->n++;
	cat_address(text, sizeof(text), rt->rtm_family, dst, rt->rtm_dst_len);
	kp_cat(text, sizeof(text), " ");
	kp_cat(text, sizeof(text), name);
	cat_key(text, sizeof(text), "proto=", rt->rtm_protocol);
	kp_js_item(all->o, text);
	return true;
}

static void put_list(struct kp_out *o, const struct kp_env *env, const char *id, const char *source, uint16_t type,
		     bool (*each)(const struct nlmsghdr *msg, void *arg))
{
	const struct rtmsg any = { .rtm_family = AF_UNSPEC }; /* longer than ifaddrmsg, and as empty */
	struct list all = { .o = o };
	int rc;

	kp_fact_open(o, id, source);
	kp_js_array(o, "seen");
	rc = kp_fact_dump(env, NETLINK_ROUTE, type, &any, type == RTM_GETROUTE ? sizeof(any) : sizeof(struct ifaddrmsg), each,
			  &all);
	kp_js_end(o, ']');
	if (all.more || rc)
		kp_js_int(o, "not_shown", rc ? rc : (int)all.more);
	kp_fact_close(o);
}

void kp_facts_net(struct kp_out *o, const struct kp_env *env)
{
	put_links(o, env);
	put_list(o, env, "node.addresses", "RTM_GETADDR", RTM_GETADDR, take_address);
	put_list(o, env, "node.routes", "RTM_GETROUTE", RTM_GETROUTE, take_route);
}
