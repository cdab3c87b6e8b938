/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The ways to attach: tc's filters, XDP by rtnetlink, BPF links, BPF_PROG_ATTACH, maps of sockets. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "../netlink.h"
#include "attach.h"
#include "tc.h"

/* bpf(2) commands of this family, and their requests as far as they are used. */
#define ATT_PROG_ATTACH ((enum kp_bpf_cmd)8) /* v4.10, f4324551489e */
#define ATT_PROG_DETACH ((enum kp_bpf_cmd)9)
#define ATT_PROG_QUERY ((enum kp_bpf_cmd)16)  /* v4.15, 468e2f64d220 */
#define ATT_LINK_CREATE ((enum kp_bpf_cmd)28) /* v5.7, af6eea57437a */
#define ATT_LINK_UPDATE ((enum kp_bpf_cmd)29) /* v5.7, 0c991ebc8c69 */

struct prog_attr {
	uint32_t target, prog, type, flags;
};

struct link_attr {
	uint32_t prog, target, type, flags;
};

struct update_attr {
	uint32_t link, prog, flags, old;
};

/* Whole: kernels write into what they know (the revision, since v6.6), however short the request was said to be. */
struct query_attr {
	uint32_t target, type, query_flags, attach_flags;
	uint64_t ids;
	uint32_t count, pad;
	uint64_t prog_flags, link_ids, link_flags, revision;
};

/* --- bpf(2) --- */

int att_prog(bool attach, int prog, int target, uint32_t type)
{
	struct prog_attr p = { .target = (uint32_t)target, .prog = (uint32_t)prog, .type = type };

	return (int)kp_bpf(attach ? ATT_PROG_ATTACH : ATT_PROG_DETACH, &p, sizeof(p));
}

static int by_prog(struct att *a, enum kp_bpf_cmd cmd, int prog, uint32_t type)
{
	a->step = cmd == ATT_PROG_ATTACH ? "BPF_PROG_ATTACH" : "BPF_PROG_DETACH";
	return att_prog(cmd == ATT_PROG_ATTACH, prog, a->target, type);
}

static int prog_attach(struct att *a, unsigned int n)
{
	return by_prog(a, ATT_PROG_ATTACH, a->prog[n], a->arg->type);
}

static int prog_detach(struct att *a)
{
	return by_prog(a, ATT_PROG_DETACH, a->prog[ATT_B], a->arg->type);
}

int att_link(int prog, int target, uint32_t type, uint32_t flags)
{
	struct link_attr l = { .prog = (uint32_t)prog, .target = (uint32_t)target, .type = type, .flags = flags };

	return (int)kp_bpf(ATT_LINK_CREATE, &l, sizeof(l));
}

static int link_create(struct att *a)
{
	a->step = "BPF_LINK_CREATE";
	a->link = att_link(a->prog[ATT_A], a->target, a->arg->type, a->arg->flags);
	return a->link < 0 ? a->link : 0;
}

static int link_update(struct att *a)
{
	struct update_attr u = { .link = (uint32_t)a->link, .prog = (uint32_t)a->prog[ATT_B] };

	a->step = "BPF_LINK_UPDATE";
	return (int)kp_bpf(ATT_LINK_UPDATE, &u, sizeof(u));
}

int att_prog_query(const struct att *a, uint32_t flags, uint32_t id, bool *ret_found)
{
	uint32_t ids[16] = { 0 };
	struct query_attr q = {
		.target = (uint32_t)a->target,
		.type = a->arg->type,
		.query_flags = flags,
		.ids = kp_ptr(ids),
		.count = KP_ARRAY_SIZE(ids),
	};
	long rc = kp_bpf(ATT_PROG_QUERY, &q, sizeof(q));

	*ret_found = false;
	if (rc == -ENOSPC) /* more than fit */
		rc = 0;
	for (size_t i = 0; !rc && i < KP_ARRAY_SIZE(ids); i++)
		*ret_found |= id && ids[i] == id;
	return rc ? (int)rc : (int)q.count;
}

/*
 * A map's programs are those of sockets that come into it afterwards (net/core/sock_map.c, sock_map_link()): so one comes anew. Messages
 * are judged at the socket that sends, streams at the one that receives.
 */
static int socket_into_map(struct att *a)
{
	const uint32_t key = 0, value = (uint32_t)(a->arg->type == ATT_SK_MSG_VERDICT ? a->tx : a->rx[0]);

	a->step = "BPF_MAP_UPDATE_ELEM of a connected socket";
	return kp_bpf_update(a->target, &key, &value, 0);
}

/*
 * Out of the map. Streams go on by another connection: from v6.4 (e5c6de5fa025) to v6.14 (36b62df5683c) a socket whose data came by way
 * of a program believes to have read more than came, and warns about itself when it reads on without one.
 */
static int socket_out_of_map(struct att *a)
{
	const uint32_t key = 0;

	a->step = "BPF_MAP_DELETE_ELEM";
	kp_bpf_delete(a->target, &key);
	return a->arg->type == ATT_SK_MSG_VERDICT ? 0 : att_tcp_again(a);
}

static int socket_in(struct att *a, unsigned int n)
{
	int rc = socket_out_of_map(a);

	if (!rc)
		rc = prog_attach(a, n);
	if (!rc && a->arg->partner.type && n == ATT_A)
		rc = by_prog(a, ATT_PROG_ATTACH, a->partner, a->arg->partner.type);
	return rc ? rc : socket_into_map(a);
}

/* A socket in a map without programs is as one outside; the one that messages were judged at stays outside. */
static int socket_out(struct att *a)
{
	int rc = socket_out_of_map(a);

	if (!rc && a->arg->partner.type)
		rc = by_prog(a, ATT_PROG_DETACH, a->partner, a->arg->partner.type);
	if (!rc)
		rc = prog_detach(a);
	return rc || a->arg->type == ATT_SK_MSG_VERDICT ? rc : socket_into_map(a);
}

/* --- rtnetlink --- */

#define FILTER_HANDLE 1
#define FILTER_INFO (1u << 16 | htons(0x0003)) /* preference 1, ETH_P_ALL */
#define BPF_FLAG_ACT_DIRECT 1u                 /* v4.4, 045efa82ff56 */

enum {
	ATT_TCA_KIND = 1,
	ATT_TCA_OPTIONS = 2,
	ATT_TCA_BPF_FD = 6,
	ATT_TCA_BPF_NAME = 7,
	ATT_TCA_BPF_FLAGS = 8,
	ATT_TCA_BPF_ID = 11, /* v4.13, e86283071f2c */
	ATT_IFLA_XDP = 43,
	ATT_IFLA_XDP_FD = 1,
	ATT_IFLA_XDP_FLAGS = 3,       /* v4.10, 85de8576a0f2 */
	ATT_IFLA_XDP_PROG_ID = 4,     /* v4.13, 58038695e62e */
	ATT_IFLA_XDP_EXPECTED_FD = 8, /* v5.7 */
};

static int rtnl_of(struct att *a)
{
	struct kp_result ignored = { 0 };

	return kp_nl_socket(a->ctx, &ignored, NETLINK_ROUTE);
}

static struct tcmsg filter_of(const struct att *a)
{
	return (struct tcmsg){
		.tcm_ifindex = a->target, .tcm_handle = FILTER_HANDLE, .tcm_parent = a->arg->type, .tcm_info = FILTER_INFO
	};
}

static int set_filter(struct att *a, int rtnl, unsigned int n)
{
	const struct tcmsg tc = filter_of(a);
	struct kp_nlbuf b;
	size_t nest;

	a->step = n ? "RTM_NEWTFILTER that replaces" : "RTM_NEWTFILTER";
	kp_nl_init(&b);
	kp_nl_msg(a->ctx, &b, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | (n ? NLM_F_REPLACE : NLM_F_EXCL), &tc, sizeof(tc));
	kp_nl_str(&b, ATT_TCA_KIND, "bpf");
	nest = kp_nl_nest(&b, ATT_TCA_OPTIONS);
	kp_nl_u32(&b, ATT_TCA_BPF_FD, (uint32_t)a->prog[n]);
	kp_nl_str(&b, ATT_TCA_BPF_NAME, "kprobe");
	kp_nl_u32(&b, ATT_TCA_BPF_FLAGS, BPF_FLAG_ACT_DIRECT);
	kp_nl_end(&b, nest);
	return kp_nl_talk(a->ctx, rtnl, &b);
}

static int del_filter(struct att *a, int rtnl)
{
	const struct tcmsg tc = filter_of(a);
	struct kp_nlbuf b;

	a->step = "RTM_DELTFILTER";
	kp_nl_init(&b);
	kp_nl_msg(a->ctx, &b, RTM_DELTFILTER, NLM_F_ACK, &tc, sizeof(tc));
	kp_nl_str(&b, ATT_TCA_KIND, "bpf");
	return kp_nl_talk(a->ctx, rtnl, &b);
}

/* What a message says of programs. */
struct told {
	uint32_t id;  /* 0: no id told */
	bool any;
	bool xdp;
};

static bool take(const struct nlmsghdr *msg, void *arg)
{
	struct told *t = arg;
	size_t len, id_len;
	const void *nest = t->xdp ? kp_nl_attr(msg, sizeof(struct ifinfomsg), ATT_IFLA_XDP, &len)
				  : kp_nl_attr(msg, sizeof(struct tcmsg), ATT_TCA_OPTIONS, &len);
	const void *id = nest ? kp_nl_find(nest, len, t->xdp ? ATT_IFLA_XDP_PROG_ID : ATT_TCA_BPF_ID, &id_len) : NULL;

	if (!t->xdp && msg->nlmsg_type == RTM_NEWTFILTER)
		t->any = true;
	if (id && id_len == 4) {
		t->id = kp_get_u32(id);
		t->any = true;
	}
	return false;
}

static int told_id(const struct told *t, uint32_t id)
{
	if (t->any && id && !t->id)
		return -EINVAL; /* this kernel tells no ids */
	return id ? t->id == id : t->any;
}

static int query_filter(struct att *a, int rtnl, uint32_t id)
{
	const struct tcmsg tc = filter_of(a);
	struct told t = { .xdp = false };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_nl_msg(a->ctx, &b, RTM_GETTFILTER, 0, &tc, sizeof(tc));
	kp_nl_str(&b, ATT_TCA_KIND, "bpf");
	rc = kp_nl_query(a->ctx, rtnl, &b, take, &t);
	/* No such filter, and as of v4.13 no such list of filters either. */
	if (!id && (rc == -ENOENT || rc == -EINVAL))
		return 0;
	return rc ? rc : told_id(&t, id);
}

static int query_xdp(struct att *a, int rtnl, uint32_t id)
{
	const struct ifinfomsg ifi = { .ifi_index = a->target };
	struct told t = { .xdp = true };
	struct kp_nlbuf b;
	int rc;

	kp_nl_init(&b);
	kp_nl_msg(a->ctx, &b, RTM_GETLINK, 0, &ifi, sizeof(ifi));
	rc = kp_nl_query(a->ctx, rtnl, &b, take, &t);
	return rc ? rc : told_id(&t, id);
}

int att_xdp(struct kp_ctx *ctx, int rtnl, int ifindex, uint32_t flags, int fd, int expected)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	struct kp_nlbuf b;
	size_t nest;

	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	nest = kp_nl_nest(&b, ATT_IFLA_XDP | NLA_F_NESTED);
	kp_nl_u32(&b, ATT_IFLA_XDP_FD, (uint32_t)fd);
	kp_nl_u32(&b, ATT_IFLA_XDP_FLAGS, expected >= 0 ? flags : flags & ~(uint32_t)ATT_XDP_REPLACE);
	if (expected >= 0)
		kp_nl_u32(&b, ATT_IFLA_XDP_EXPECTED_FD, (uint32_t)expected);
	kp_nl_end(&b, nest);
	return kp_nl_talk(ctx, rtnl, &b);
}

static int set_xdp(struct att *a, int rtnl, int fd, int expected)
{
	return att_xdp(a->ctx, rtnl, a->target, a->arg->type, fd, expected);
}

static int replace_xdp(struct att *a, int rtnl)
{
	int rc;

	a->step = "IFLA_XDP that replaces";
	if (!(a->arg->type & ATT_XDP_REPLACE))
		return set_xdp(a, rtnl, a->prog[ATT_B], -1);
	/* Program A is attached: that B is expected must be refused, by EEXIST (dev_change_xdp_fd(), later dev_xdp_attach()). */
	a->step = "IFLA_XDP with a wrong expected program";
	rc = set_xdp(a, rtnl, a->prog[ATT_B], a->prog[ATT_B]);
	if (rc != -EEXIST)
		return rc ? rc : -EILSEQ;
	a->step = "IFLA_XDP that replaces the expected program";
	return set_xdp(a, rtnl, a->prog[ATT_B], a->prog[ATT_A]);
}

/* --- all of them --- */

int att_attach(struct att *a)
{
	int rtnl, rc = 0;

	switch (a->arg->how) {
	case ATT_TC:
		rtnl = rtnl_of(a);
		a->step = "RTM_NEWQDISC of clsact";
		rc = rtnl < 0 ? rtnl : kp_tc_qdisc_add(a->ctx, rtnl, a->target, &kp_tc_clsact);
		return rc ? rc : set_filter(a, rtnl, ATT_A);
	case ATT_XDP:
		rtnl = rtnl_of(a);
		a->step = "IFLA_XDP";
		return rtnl < 0 ? rtnl : set_xdp(a, rtnl, a->prog[ATT_A], -1);
	case ATT_LINK:
		return link_create(a);
	case ATT_PROG:
		return prog_attach(a, ATT_A);
	case ATT_SOCKET:
		return socket_in(a, ATT_A);
	}
	return -EINVAL;
}

int att_replace(struct att *a)
{
	switch (a->arg->how) {
	case ATT_TC:
		return set_filter(a, rtnl_of(a), ATT_B);
	case ATT_XDP:
		return replace_xdp(a, rtnl_of(a));
	case ATT_LINK:
		return link_update(a);
	case ATT_PROG:
		return prog_attach(a, ATT_B);
	case ATT_SOCKET:
		return socket_in(a, ATT_B);
	}
	return -EINVAL;
}

int att_detach(struct att *a)
{
	bool replace = a->arg->type & ATT_XDP_REPLACE;

	switch (a->arg->how) {
	case ATT_TC:
		return del_filter(a, rtnl_of(a));
	case ATT_XDP:
		a->step = "IFLA_XDP without a program";
		return set_xdp(a, rtnl_of(a), -1, replace ? a->prog[ATT_B] : -1);
	case ATT_LINK:
		a->step = "close of the link";
		kp_closep(&a->link);
		a->link = -1;
		return 0;
	case ATT_PROG:
		return prog_detach(a);
	case ATT_SOCKET:
		return socket_out(a);
	}
	return -EINVAL;
}

void att_undo(struct att *a)
{
	switch (a->arg->how) {
	case ATT_TC:
		del_filter(a, rtnl_of(a));
		break;
	case ATT_XDP:
		set_xdp(a, rtnl_of(a), -1, -1);
		break;
	case ATT_LINK:
	case ATT_PROG:
	case ATT_SOCKET:
		break;
	}
}

int att_query(struct att *a, uint32_t id)
{
	bool found;
	int rc;

	switch (a->arg->how) {
	case ATT_TC:
		a->step = "RTM_GETTFILTER";
		return query_filter(a, rtnl_of(a), id);
	case ATT_XDP:
		a->step = "RTM_GETLINK";
		return query_xdp(a, rtnl_of(a), id);
	case ATT_LINK:
		if (a->arg->kind.type == KP_XDP) {
			a->step = "RTM_GETLINK";
			return query_xdp(a, rtnl_of(a), id);
		}
		break;
	case ATT_PROG:
	case ATT_SOCKET:
		break;
	}
	a->step = "BPF_PROG_QUERY";
	rc = att_prog_query(a, 0, id, &found);
	return rc < 0 ? rc : id ? found : rc > 0;
}
