/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "flow_log.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter/nfnetlink.h>

#include "nflog.h"

/* include/uapi/linux/netfilter/nfnetlink_log.h */
enum { KP_NFULNL_MSG_PACKET = 0, KP_NFULA_PAYLOAD = 9, KP_NFULA_CT = 18, KP_NFULA_CT_INFO = 19 };

bool kp_flow_log_hear(struct kp_flow *f, bool conntrack)
{
	const char *step = "socket";
	int rc;

	f->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	rc = f->fd < 0 ? -errno : kp_nflog_hear(f->ctx, f->fd, 1, conntrack, &step);
	if (rc)
		kp_flow_stuck(f, step, rc);
	return !rc;
}

/* Has @msg the packet, and if @conntrack, its connection? */
static bool tells(const struct kp_flow *f, const struct nlmsghdr *msg, bool conntrack)
{
	const size_t hdr = sizeof(struct nfgenmsg);
	struct kp_heard h;
	size_t len, n;
	const void *packet = kp_nl_attr(msg, hdr, KP_NFULA_PAYLOAD, &len);

	if (msg->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | KP_NFULNL_MSG_PACKET) || !packet || !kp_pkt_parse(packet, len, &h) ||
	    h.tag != f->tag)
		return false;
	return !conntrack || (kp_nl_attr(msg, hdr, KP_NFULA_CT, &n) && kp_nl_attr(msg, hdr, KP_NFULA_CT_INFO, &n));
}

/* A packet is told before it goes on: when it came out at an end, it has been. */
const char *kp_flow_log_see(struct kp_flow *f, const struct kp_flow_step *s, bool with)
{
	_Alignas(8) unsigned char buf[4096];
	bool conntrack = s->see == KP_LOG_CONNECTION, told = false;
	ssize_t n;

	while ((n = recv(f->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		size_t left = (size_t)n;

		for (const struct nlmsghdr *msg = (const void *)buf; NLMSG_OK(msg, left); msg = NLMSG_NEXT(msg, left))
			told |= tells(f, msg, conntrack && with);
	}
	if (told == (with && s->see != KP_LOG_NOTHING))
		return NULL;
	if (told)
		return "no message of log group 1; one came with it";
	return conntrack ? "a message of log group 1 with it and its connection; none came"
			 : "a message of log group 1 with it; none came";
}

bool kp_flow_log_reaches_host(struct kp_flow *f)
{
	if (!f->ctx->env->logs_all_netns)
		return false;
	kp_unknown(f->res, "risk",
		   "net.netfilter.nf_log_all_netns is 1: what LOG writes here would come into the host's log, so no packet is sent "
		   "to it");
	return true;
}
