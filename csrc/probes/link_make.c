/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* How links are made and looked at. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "link.h"

const struct kp_rule kp_link_rules[] = {
	/* __rtnl_newlink(): rtnl_link_ops_get() found no such kind, after request_module("rtnl-link-KIND"). */
	{ EOPNOTSUPP, KP_ABSENT, "rtnetlink has no such link kind, after asking for its module" },
	{ 0 },
};

const void *kp_link_data(const struct nlmsghdr *msg, uint16_t type, size_t *ret_len)
{
	size_t len;
	const void *info = kp_nl_attr(msg, sizeof(struct ifinfomsg), IFLA_LINKINFO, &len);
	const void *data = info ? kp_nl_find(info, len, IFLA_INFO_DATA, &len) : NULL;

	return data ? kp_nl_find(data, len, type, ret_len) : NULL;
}

/* A kernel tells what it was told. What it does not tell at all it passed over, as it does with what it does not know. */
static void look_set(const void *info, size_t info_len, struct link_seen *s)
{
	size_t len = 0;
	const void *data = info ? kp_nl_find(info, info_len, IFLA_INFO_DATA, &len) : NULL;
	uint16_t type;

	switch (kp_attr_compare(data, len, s->arg->set, &type)) {
	case KP_A_SAME:
		break;
	case KP_A_MISSING:
		s->missing = type;
		break;
	case KP_A_OTHER:
		s->wrong = "an attribute has not the value that was set";
		break;
	}
}

static bool look(const struct nlmsghdr *msg, void *ptr)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(msg);
	struct link_seen *s = ptr;
	size_t info_len = 0, len = 0;
	const void *info = kp_nl_attr(msg, sizeof(*ifi), IFLA_LINKINFO, &info_len);
	const char *kind = info ? kp_nl_find(info, info_len, IFLA_INFO_KIND, &len) : NULL;

	s->index = ifi->ifi_index;
	s->kind = kind && len >= strlen(s->arg->kind) && !strncmp(kind, s->arg->kind, len);
	if (s->arg->check)
		s->wrong = s->arg->check(msg);
	if (s->arg->set)
		look_set(info, info_len, s);
	if (s->arg->mtu && !s->wrong) {
		const void *mtu = kp_nl_attr(msg, sizeof(*ifi), IFLA_MTU, &len);

		if (!mtu || kp_get_u32(mtu) != s->arg->mtu)
			s->wrong = "the MTU is not the one that was set";
	}
	return false;
}

int kp_link_look(struct kp_ctx *ctx, int rtnl, const struct link_arg *a, struct link_seen *s)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct kp_nlbuf b;

	*s = (struct link_seen){ .arg = a, .index = -1 };
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, a->name);
	return kp_nl_query(ctx, rtnl, &b, look, s);
}

static int create(struct kp_ctx *ctx, int rtnl, const struct link_arg *a, int over)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct kp_nlbuf b;
	size_t info, data;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	kp_nl_str(&b, IFLA_IFNAME, a->name);
	if (a->mtu && !a->adopt)
		kp_nl_u32(&b, IFLA_MTU, a->mtu);
	if (a->common)
		a->common(&b);
	if (over)
		kp_nl_u32(&b, IFLA_LINK, (uint32_t)over);
	info = kp_nl_nest(&b, IFLA_LINKINFO);
	kp_nl_str(&b, IFLA_INFO_KIND, a->kind);
	if (a->data || a->set) {
		data = kp_nl_nest(&b, IFLA_INFO_DATA);
		if (a->data)
			a->data(&b);
		if (a->set)
			kp_attr_put(&b, a->set);
		kp_nl_end(&b, data);
	}
	kp_nl_end(&b, info);
	return kp_nl_talk(ctx, rtnl, &b);
}

int kp_link_mtu(struct kp_ctx *ctx, int rtnl, int index, uint32_t mtu)
{
	const struct ifinfomsg ifi = { .ifi_index = index };
	struct kp_nlbuf b;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_NEWLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	kp_nl_u32(&b, IFLA_MTU, mtu);
	return kp_nl_talk(ctx, rtnl, &b);
}

static int failed(struct kp_ctx *ctx, struct kp_result *res, const char *step, int rc)
{
	kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
	return -1;
}

/* The veth that @a lies over, with a peer of its own. Returns its ifindex or -errno. */
static int make_over(struct kp_ctx *ctx, int rtnl, const struct link_arg *a)
{
	char peer[IFNAMSIZ];
	int index, rc = 0;

	kp_copy(peer, sizeof(peer), a->over);
	kp_cat(peer, sizeof(peer), "-p");
	index = kp_veth_add(ctx, rtnl, a->over, peer);
	if (index > 0 && a->over_up)
		rc = kp_link_up(ctx, rtnl, index, true);
	return rc ? rc : index;
}

static int passed_over(struct kp_result *res, const struct link_seen *s)
{
	kp_detail_u(res, "attribute-not-told", s->missing);
	kp_absent(res, "read-back", "the kernel made the device and passed an attribute over that it does not know");
	return -1;
}

int kp_link_make(struct kp_ctx *ctx, struct kp_result *res, const struct link_arg *a)
{
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), over = 0, rc;
	struct link_seen s;

	if (rtnl < 0)
		return -1;
	if (a->over) {
		over = make_over(ctx, rtnl, a);
		if (over < 0)
			return failed(ctx, res, "make a veth to lie over", over);
	}
	rc = create(ctx, rtnl, a, over);
	if (rc == -EEXIST && a->adopt) {
		kp_detail(res, "adopted", "the fallback device that came with the namespace");
		rc = 0;
	}
	if (rc)
		return failed(ctx, res, "create", rc);
	/* Adopted or not, what is there must be of the kind: EEXIST alone proves nothing. */
	if (a->adopt) {
		rc = kp_link_look(ctx, rtnl, &(struct link_arg){ .kind = a->kind, .name = a->name }, &s);
		if (!rc && a->mtu)
			rc = kp_link_mtu(ctx, rtnl, s.index, a->mtu);
		if (rc)
			return failed(ctx, res, "set MTU", rc);
	}
	rc = kp_link_look(ctx, rtnl, a, &s);
	if (rc)
		return failed(ctx, res, "read-back", rc);
	if (!s.kind || s.wrong) {
		kp_broken(res, "read-back", s.wrong ? s.wrong : "the device is not of the kind that was asked for");
		return -1;
	}
	if (s.missing)
		return passed_over(res, &s);
	if (a->up) {
		rc = kp_link_up(ctx, rtnl, s.index, true);
		if (rc)
			return failed(ctx, res, "set up", rc);
	}
	kp_works(res, a->up ? "set up" : "read-back");
	return s.index;
}
