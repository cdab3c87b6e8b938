/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* IP sets and accounting objects that a rule names: made in the worker's network namespace, gone with it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "xtables.h"

/*
 * Sets are of a network namespace since v3.13 (1785e8f47308 "netfilter: ipset: Add net namespace for ipset"), accounting objects
 * since v4.3 (3499abb249bb "netfilter: nfacct: per network namespace support"). Before, they are made in the one place there is,
 * the host's, so the name carries the process id and the row takes them away again. A vendor may have taken the patches earlier:
 * to remove what one made is right there too.
 */
bool kp_xt_object_is_global(const struct kp_ctx *ctx, const struct kp_xt_rule *rule)
{
	if (!rule->object)
		return false;
	return ctx->env->release < (rule->object == KP_XT_NFACCT ? KP_RELEASE(4, 3) : KP_RELEASE(3, 13));
}

static void object_name(const struct kp_xt_rule *rule, char *name, size_t size)
{
	kp_copy(name, size, "kprobe-");
	kp_cat_u(name, size, (unsigned long long)getpid());
	kp_cat(name, size, rule->family == AF_INET6 ? "-6" : "-4");
	if (rule->object == KP_XT_SET_2)
		kp_cat(name, size, "p");
}

/* A family's own refusals stay; nfnetlink answers EINVAL for a subsystem that it has not and could not load, at any request. */
static int refuse(struct kp_ctx *ctx, struct kp_result *res, const char *step, int err, const char *subsystem)
{
	kp_fail(ctx, res, step, KP_CALL_PLAIN, err);
	if (err == EINVAL && res->outcome == KP_UNKNOWN)
		kp_absent(res, step, subsystem);
	return -1;
}

/* hash:ip, or hash:ip,port for a match in two dimensions: Calico's own types, in revision 0, which both still have. */
static int make_set(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, const char *name)
{
	const struct kp_nfgenmsg hdr = { .family = rule->family };
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), err;
	struct kp_nlbuf b;
	size_t data;

	if (fd < 0)
		return -1;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, KP_NFNL_IPSET << 8 | KP_IPSET_CMD_CREATE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &hdr, sizeof(hdr));
	kp_nl_u8(&b, KP_IPSET_ATTR_PROTOCOL, KP_IPSET_PROTOCOL);
	kp_nl_str(&b, KP_IPSET_ATTR_SETNAME, name);
	kp_nl_str(&b, KP_IPSET_ATTR_TYPENAME, rule->object == KP_XT_SET_2 ? "hash:ip,port" : "hash:ip");
	kp_nl_u8(&b, KP_IPSET_ATTR_REVISION, 0);
	kp_nl_u8(&b, KP_IPSET_ATTR_FAMILY, rule->family);
	data = kp_nl_nest(&b, NLA_F_NESTED | KP_IPSET_ATTR_DATA);
	kp_nl_end(&b, data);
	err = -kp_nl_talk(ctx, fd, &b);
	/* The name holds our process id: what is there is what an earlier row of this worker made. */
	if (err && err != EEXIST) {
		refuse(ctx, res, "make an IP set", err, "nfnetlink has no ip_set");
		if (err == KP_IPSET_ERR_FIND_TYPE)
			kp_absent(res, "make an IP set", "ip_set has no such set type");
		return -1;
	}
	return 0;
}

int kp_xt_set_add(struct kp_ctx *ctx, const struct kp_xt_rule *rule, const unsigned char *addr)
{
	const struct kp_nfgenmsg hdr = { .family = rule->family };
	struct kp_result ignored = { 0 };
	int fd = kp_nl_socket(ctx, &ignored, NETLINK_NETFILTER);
	bool v6 = rule->family == AF_INET6;
	struct kp_nlbuf b;
	size_t data, ip;
	char name[32];

	if (fd < 0)
		return fd;
	object_name(rule, name, sizeof(name));
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, KP_NFNL_IPSET << 8 | KP_IPSET_CMD_ADD, NLM_F_ACK, &hdr, sizeof(hdr));
	kp_nl_u8(&b, KP_IPSET_ATTR_PROTOCOL, KP_IPSET_PROTOCOL);
	kp_nl_str(&b, KP_IPSET_ATTR_SETNAME, name);
	data = kp_nl_nest(&b, NLA_F_NESTED | KP_IPSET_ATTR_DATA);
	ip = kp_nl_nest(&b, NLA_F_NESTED | KP_IPSET_ATTR_IP);
	kp_nl_put(&b, NLA_F_NET_BYTEORDER | (KP_IPSET_ATTR_IPADDR + v6), addr, v6 ? 16 : 4);
	kp_nl_end(&b, ip);
	kp_nl_end(&b, data);
	return kp_nl_talk(ctx, fd, &b);
}

/* The rule names the set by its number, which ip_set tells on any IPv4 socket (SO_IP_SET), as iptables asks for it. */
static int set_index(struct kp_ctx *ctx, struct kp_result *res, const char *name, struct kp_xt_part *part)
{
	struct kp_ip_set_req req = { .op = KP_IP_SET_OP_GET_BYNAME, .version = KP_IPSET_PROTOCOL };
	socklen_t len = sizeof(req);
	kp_autoclose fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, errno);
		return -1;
	}
	kp_copy(req.set.name, sizeof(req.set.name), name);
	if (getsockopt(fd, IPPROTO_IP, KP_SO_IP_SET, &req, &len)) {
		kp_fail(ctx, res, "find the IP set", KP_CALL_PLAIN, errno);
		return -1;
	}
	if (req.set.index == UINT16_MAX) { /* IPSET_INVALID_ID */
		kp_broken(res, "find the IP set", "the kernel took the set and does not find it by its name");
		return -1;
	}
	memcpy(part->data + offsetof(struct kp_xt_set_info, index), &req.set.index, sizeof(req.set.index));
	return 0;
}

static int talk_nfacct(struct kp_ctx *ctx, struct kp_result *res, uint16_t msg, uint16_t flags, const char *name)
{
	const struct kp_nfgenmsg hdr = { 0 };
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER);
	struct kp_nlbuf b;

	if (fd < 0)
		return 1;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, (uint16_t)(KP_NFNL_ACCT << 8 | msg), NLM_F_ACK | flags, &hdr, sizeof(hdr));
	kp_nl_str(&b, KP_NFACCT_NAME, name);
	return kp_nl_talk(ctx, fd, &b);
}

int kp_xt_object_make(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, struct kp_xt_part *part)
{
	char name[32];
	int err;

	object_name(rule, name, sizeof(name));
	if (rule->object == KP_XT_SET || rule->object == KP_XT_SET_2)
		return make_set(ctx, res, rule, name) ? -1 : set_index(ctx, res, name, part);
	err = talk_nfacct(ctx, res, KP_NFACCT_NEW, NLM_F_CREATE | NLM_F_EXCL, name);
	if (err > 0)
		return -1;
	if (err && err != -EEXIST)
		return refuse(ctx, res, "make an accounting object", -err, "nfnetlink has no nfnetlink_acct");
	kp_copy((char *)part->data, sizeof(((struct kp_xt_nfacct0 *)0)->name), name);
	return 0;
}

void kp_xt_object_drop(struct kp_ctx *ctx, const struct kp_xt_rule *rule)
{
	const struct kp_nfgenmsg hdr = { .family = rule->family };
	struct kp_result ignored = { 0 };
	struct kp_nlbuf b;
	char name[32];
	int fd;

	if (!kp_xt_object_is_global(ctx, rule))
		return;
	object_name(rule, name, sizeof(name));
	fd = kp_nl_socket(ctx, &ignored, NETLINK_NETFILTER);
	if (fd < 0)
		return;
	if (rule->object == KP_XT_NFACCT) {
		talk_nfacct(ctx, &ignored, KP_NFACCT_DEL, 0, name);
		return;
	}
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, KP_NFNL_IPSET << 8 | KP_IPSET_CMD_DESTROY, NLM_F_ACK, &hdr, sizeof(hdr));
	kp_nl_u8(&b, KP_IPSET_ATTR_PROTOCOL, KP_IPSET_PROTOCOL);
	kp_nl_str(&b, KP_IPSET_ATTR_SETNAME, name);
	kp_nl_talk(ctx, fd, &b);
}
