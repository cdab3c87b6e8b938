/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Queueing of packets to user space. A network namespace's since v3.10 (e8179610ef6b). */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "families.h"
#include "nflog.h"

/* include/uapi/linux/netfilter/nfnetlink_queue.h */
enum {
	KP_NFQNL_MSG_CONFIG = 2,
	KP_NFQA_CFG_CMD = 1,
	KP_NFQA_CFG_PARAMS = 2,
	KP_NFQA_CFG_QUEUE_MAXLEN = 3,
	KP_NFQA_CFG_MASK = 4,  /* v3.6, fdb694a01f1f */
	KP_NFQA_CFG_FLAGS = 5,
	KP_NFQNL_BIND = 1,
	KP_NFQNL_UNBIND = 2,
	KP_NFQNL_COPY_PACKET = 2,
	KP_NFQA_F_FAIL_OPEN = 1, /* v3.6 */
	KP_NFQA_F_CONNTRACK = 2, /* v3.6 */
	KP_NFQA_F_GSO = 4,       /* v3.10, a5fedd43d5f6 */
	KP_NFQA_F_INVENTED = 1 << 20,
};

#define COPY_RANGE 512u

static const struct kp_nflog_subsys queue = { NFNL_SUBSYS_QUEUE, KP_NFQNL_MSG_CONFIG };

struct queue_arg {
	uint16_t number;
	uint32_t flags;
};

static int command(struct kp_ctx *ctx, int fd, uint8_t cmd, uint16_t number)
{
	const struct {
		uint8_t command, pad;
		uint16_t family;
	} c = { .command = cmd };
	struct kp_nlbuf b;

	kp_nflog_msg(ctx, &b, &queue, AF_UNSPEC, number);
	kp_nl_put(&b, KP_NFQA_CFG_CMD, &c, sizeof(c));
	return kp_nl_talk(ctx, fd, &b);
}

static int configure(struct kp_ctx *ctx, int fd, const struct queue_arg *q, const char **ret_step)
{
	const struct {
		uint32_t range;
		uint8_t mode;
	} __attribute__((packed)) params = { htonl(COPY_RANGE), KP_NFQNL_COPY_PACKET };
	struct kp_nlbuf b;
	int rc;

	*ret_step = "NFQNL_CFG_CMD_BIND";
	rc = command(ctx, fd, KP_NFQNL_BIND, q->number);
	if (rc)
		return rc;
	*ret_step = "copy mode, length";
	kp_nflog_msg(ctx, &b, &queue, AF_UNSPEC, q->number);
	kp_nl_put(&b, KP_NFQA_CFG_PARAMS, &params, sizeof(params));
	kp_nl_be32(&b, KP_NFQA_CFG_QUEUE_MAXLEN, 100);
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc || !q->flags)
		return rc;
	*ret_step = "flags";
	kp_nflog_msg(ctx, &b, &queue, AF_UNSPEC, q->number);
	kp_nl_be32(&b, KP_NFQA_CFG_FLAGS, q->flags);
	kp_nl_be32(&b, KP_NFQA_CFG_MASK, q->flags);
	return kp_nl_talk(ctx, fd, &b);
}

/* Columns of /proc/net/netfilter/nfnetlink_queue (seq_show()). */
enum { NUMBER, PORTID, QUEUED, MODE, RANGE, COLUMNS };

static void run_queue(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct queue_arg *q = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc, line;
	unsigned int col[COLUMNS];
	const char *step;

	if (fd < 0)
		return;
	rc = configure(ctx, fd, q, &step);
	if (rc) {
		kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
		command(ctx, fd, KP_NFQNL_UNBIND, q->number);
		return;
	}
	line = kp_nflog_line("nfnetlink_queue", q->number, col, COLUMNS);
	rc = command(ctx, fd, KP_NFQNL_UNBIND, q->number);
	if (rc)
		return kp_fail(ctx, res, "NFQNL_CFG_CMD_UNBIND", KP_CALL_PLAIN, -rc);
	if (line == -ENOENT)
		return kp_broken(res, "read-back", "the queue that was bound is not in /proc/net/netfilter/nfnetlink_queue");
	if (!line && (col[MODE] != KP_NFQNL_COPY_PACKET || col[RANGE] != COPY_RANGE))
		return kp_broken(res, "read-back", "not the copy mode or range that was set");
	if (line)
		kp_detail(res, "read-back", "no /proc/net/netfilter/nfnetlink_queue to be read");
	kp_works(res, line ? step : "read-back");
}

static const struct kp_method bind_queue = {
	.run = run_queue,
	.asks = "NFQNL_CFG_CMD_BIND of the queue, NFQNL_COPY_PACKET with a range, a length, the row's flags; "
		"/proc/net/netfilter/nfnetlink_queue; NFQNL_CFG_CMD_UNBIND",
	.proves = "works: the queue is told with its mode and range; absent: EOPNOTSUPP, the flag is not known; broken: something "
		  "else is told",
	/* nfqnl_recv_config(): flags above the highest; of conntrack also no nfnl_ct_hook, after request_module(). */
	.rules = (const struct kp_rule[]){ { EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
					   { EOPNOTSUPP, KP_ABSENT, "nfnetlink_queue does not know this flag" },
					   { 0 } },
	.gate = KP_CAP_NET_ADMIN,
};

static const struct kp_rule invented_rules[] = {
	{ EINVAL, KP_ABSENT, "nfnetlink_queue refuses the bit as a reserved one (seen with v7.3), or is not there at all" },
	{ 0 },
};

/* clang-format off */
#define MODULES "nfnetlink nfnetlink_queue"
#define CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_NETFILTER_NETLINK_QUEUE"
#define QUEUE(n, f) .by = &bind_queue, .arg = &(const struct queue_arg){ n, f }

static const struct kp_probe rows[] = {
	{ .id = "nfqueue.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_link_change_lo },
	{ .id = "nfqueue.control.negative", .title = "an invented flag", .control = KP_NEGATIVE, .modules = MODULES,
	  .rules = invented_rules, QUEUE(7, KP_NFQA_F_INVENTED) },

	{ .id = "nfqueue.netlink", .title = "packet queues over netlink", .modules = MODULES, .kconfig = CONFIG, .since = "2.6.14",
	  .by = &kp_nflog_by_subsystem, .arg = &queue },
	{ .id = "nfqueue.bind", .title = "packet queue", .modules = MODULES, .kconfig = CONFIG, .since = "2.6.14",
	  .needs = "nfqueue.netlink", QUEUE(100, 0) },
	{ .id = "nfqueue.fail-open", .title = "packet queue that lets pass when it is full", .modules = MODULES, .kconfig = CONFIG,
	  .since = "3.6", .needs = "nfqueue.bind", QUEUE(101, KP_NFQA_F_FAIL_OPEN) },
	{ .id = "nfqueue.gso", .title = "packet queue of segments yet to be cut", .modules = MODULES, .kconfig = CONFIG,
	  .since = "3.10", .needs = "nfqueue.bind", QUEUE(102, KP_NFQA_F_GSO) },
	{ .id = "nfqueue.conntrack", .title = "packet queue with the packet's connection",
	  .modules = MODULES " nf_conntrack_netlink", .kconfig = CONFIG " CONFIG_NF_CT_NETLINK CONFIG_NETFILTER_NETLINK_GLUE_CT",
	  .since = "3.6", .needs = "nfqueue.bind",
	  .risk = KP_RISK_CONNTRACK, .rules = kp_nflog_glue_rules, QUEUE(103, KP_NFQA_F_CONNTRACK) },
};
/* clang-format on */

const struct kp_family kp_family_nfqueue = { "nfqueue", "Packet queues", 0, rows, KP_ARRAY_SIZE(rows), NULL };
