/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Logging of packets to user space: the groups and options of Calico's flow logs. That a packet comes out is what the flow rows
 * ask. All of it is a network namespace's since v3.10 (9368a53c471b).
 */
#include "nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "families.h"

/* include/uapi/linux/netfilter/nfnetlink_log.h */
enum {
	KP_NFULNL_MSG_CONFIG = 1,
	KP_NFULA_CFG_CMD = 1,
	KP_NFULA_CFG_MODE = 2,
	KP_NFULA_CFG_NLBUFSIZ = 3,
	KP_NFULA_CFG_TIMEOUT = 4,
	KP_NFULA_CFG_QTHRESH = 5,
	KP_NFULA_CFG_FLAGS = 6,
	KP_NFULNL_BIND = 1,
	KP_NFULNL_UNBIND = 2,
	KP_NFULNL_PF_BIND = 3,
	KP_NFULNL_PF_UNBIND = 4,
	KP_NFULNL_INVENTED = 77,
	KP_NFULNL_COPY_PACKET = 2,
	KP_NFULNL_F_CONNTRACK = 4, /* v4.4, a29a9a585b28 */
	KP_ENOTSUPP = 524,
};

#define COPY_RANGE 256u
#define TIMEOUT 50u /* hundredths of a second */

static const struct kp_nflog_subsys ulog = { NFNL_SUBSYS_ULOG, KP_NFULNL_MSG_CONFIG };

void kp_nflog_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, const struct kp_nflog_subsys *s, uint8_t family, uint16_t number)
{
	const struct nfgenmsg m = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(number) };

	kp_nl_init(b);
	kp_nl_msg(ctx, b, (uint16_t)(s->id << 8 | s->config), NLM_F_ACK, &m, sizeof(m));
}

/* Lines of the file one after the other into @line. Returns false at the end. */
static bool next_line(int fd, char *line, size_t size)
{
	size_t n = 0;
	char c;

	while (read(fd, &c, 1) == 1 && c != '\n')
		if (n + 1 < size)
			line[n++] = c;
	line[n] = '\0';
	return n;
}

static int open_proc(const char *file)
{
	char path[96] = "/proc/net/netfilter/";

	kp_cat(path, sizeof(path), file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int kp_nflog_line(const char *file, unsigned int number, unsigned int *ret, unsigned int n)
{
	kp_autoclose fd = open_proc(file);
	char line[160];

	if (fd < 0)
		return -ENOSYS;
	while (next_line(fd, line, sizeof(line))) {
		const char *p = line;

		for (unsigned int i = 0; i < n; i++) {
			while (*p == ' ')
				p++;
			ret[i] = (unsigned int)kp_parse_u(&p);
		}
		if (ret[0] == number)
			return 0;
	}
	return -ENOENT;
}

/* --- the subsystem --- */

const struct kp_rule kp_nflog_rules[] = {
	{ EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
	{ EAFNOSUPPORT, KP_ABSENT, "there is no netlink" },
	{ 0 },
};

static const struct kp_rule subsystem_rules[] = {
	{ EPROTONOSUPPORT, KP_ABSENT, "there is no nfnetlink" },
	{ EAFNOSUPPORT, KP_ABSENT, "there is no netlink" },
	{ ENODEV, KP_WORKS, "the subsystem says that nothing is bound, which is so" },
	{ EINVAL, KP_ABSENT, "nfnetlink has no such subsystem, after asking for its module" },
	{ 0 },
};

/* Without an attribute nothing can be wrong with the question: EINVAL comes from nfnetlink_rcv_msg(), which found no subsystem. */
static void run_subsystem(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	kp_nflog_msg(ctx, &b, row->arg, AF_UNSPEC, 0);
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc)
		return kp_fail(ctx, res, "config", KP_CALL_PLAIN, -rc);
	kp_works(res, "config");
}

const struct kp_method kp_nflog_by_subsystem = {
	.run = run_subsystem,
	.asks = "the subsystem's message to configure number 0, with nothing in it",
	.proves = "works: it is taken, or ENODEV, nothing is bound; absent: EINVAL, nfnetlink has no such subsystem",
	.rules = subsystem_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* --- protocols --- */

static int command(struct kp_ctx *ctx, int fd, uint8_t cmd, uint8_t family, uint16_t group)
{
	struct kp_nlbuf b;

	kp_nflog_msg(ctx, &b, &ulog, family, group);
	kp_nl_u8(&b, KP_NFULA_CFG_CMD, cmd);
	return kp_nl_talk(ctx, fd, &b);
}

/* "2 nfnetlink_log (nfnetlink_log)" is the logger of family 2, and what it could be. Returns 1, 0, or -ENOSYS. */
static int is_logger(unsigned int family)
{
	kp_autoclose fd = open_proc("nf_log");
	char line[160];

	if (fd < 0)
		return -ENOSYS;
	while (next_line(fd, line, sizeof(line))) {
		const char *p = line;

		while (*p == ' ')
			p++;
		if (kp_parse_u(&p) == family)
			return kp_starts(p, " nfnetlink_log ");
	}
	return 0;
}

static void run_protocol(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const uint8_t family = *(const uint8_t *)row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc;

	if (fd < 0)
		return;
	rc = command(ctx, fd, KP_NFULNL_PF_UNBIND, family, 0);
	if (rc)
		return kp_fail(ctx, res, "NFULNL_CFG_CMD_PF_UNBIND", KP_CALL_PLAIN, -rc);
	rc = command(ctx, fd, KP_NFULNL_PF_BIND, family, 0);
	if (rc)
		return kp_fail(ctx, res, "NFULNL_CFG_CMD_PF_BIND", KP_CALL_PLAIN, -rc);
	rc = is_logger(family);
	if (rc < 0)
		kp_detail(res, "read-back", "no /proc/net/netfilter/nf_log to be read");
	if (!rc)
		return kp_broken(res, "read-back", "nfnetlink_log is not the protocol's logger though it was bound");
	kp_works(res, rc > 0 ? "read-back" : "NFULNL_CFG_CMD_PF_BIND");
}

static const struct kp_method bind_protocol = {
	.run = run_protocol,
	.asks = "NFULNL_CFG_CMD_PF_UNBIND and _PF_BIND of the address family in a namespace of our own, /proc/net/netfilter/nf_log",
	.proves = "works: nfnetlink_log is told as the family's logger; absent: ENOENT, it is none for this family",
	.rules = (const struct kp_rule[]){ { ENOENT, KP_ABSENT, "nfnetlink_log cannot log this protocol" }, { 0 } },
	.gate = KP_CAP_NET_ADMIN,
};

/* --- groups --- */

struct group {
	uint16_t number;
	uint8_t command; /* BIND, or the invented one */
	uint16_t flags;
};

/* As Felix does: the command first, what goes with it after. */
static int configure(struct kp_ctx *ctx, int fd, const struct group *g, uint32_t threshold, const char **ret_step)
{
	const struct {
		uint32_t range;
		uint8_t mode, pad;
	} __attribute__((packed)) mode = { htonl(COPY_RANGE), KP_NFULNL_COPY_PACKET, 0 };
	struct kp_nlbuf b;
	int rc;

	*ret_step = "NFULNL_CFG_CMD_BIND";
	rc = command(ctx, fd, g->command, AF_UNSPEC, g->number);
	if (rc)
		return rc;
	*ret_step = "copy mode, thresholds";
	kp_nflog_msg(ctx, &b, &ulog, AF_UNSPEC, g->number);
	kp_nl_put(&b, KP_NFULA_CFG_MODE, &mode, sizeof(mode));
	kp_nl_be32(&b, KP_NFULA_CFG_NLBUFSIZ, 65536);
	kp_nl_be32(&b, KP_NFULA_CFG_TIMEOUT, TIMEOUT);
	kp_nl_be32(&b, KP_NFULA_CFG_QTHRESH, threshold);
	rc = kp_nl_talk(ctx, fd, &b);
	if (rc || !g->flags)
		return rc;
	*ret_step = "flags";
	kp_nflog_msg(ctx, &b, &ulog, AF_UNSPEC, g->number);
	kp_nl_be16(&b, KP_NFULA_CFG_FLAGS, g->flags);
	return kp_nl_talk(ctx, fd, &b);
}

int kp_nflog_hear(struct kp_ctx *ctx, int fd, uint16_t number, bool conntrack, const char **ret_step)
{
	const struct group g = { number, KP_NFULNL_BIND, conntrack ? KP_NFULNL_F_CONNTRACK : 0 };

	return configure(ctx, fd, &g, 1, ret_step);
}

/* Columns of /proc/net/netfilter/nfnetlink_log (seq_show()). */
enum { GROUP, PORTID, QUEUED, MODE, RANGE, FLUSH, COLUMNS };

static void run_group(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct group *g = row->arg;
	int fd = kp_nl_socket(ctx, res, NETLINK_NETFILTER), rc, line;
	unsigned int col[COLUMNS];
	const char *step;

	if (fd < 0)
		return;
	rc = configure(ctx, fd, g, 10, &step);
	if (rc) {
		kp_fail(ctx, res, step, KP_CALL_PLAIN, -rc);
		command(ctx, fd, KP_NFULNL_UNBIND, AF_UNSPEC, g->number);
		return;
	}
	line = kp_nflog_line("nfnetlink_log", g->number, col, COLUMNS);
	rc = command(ctx, fd, KP_NFULNL_UNBIND, AF_UNSPEC, g->number);
	if (rc)
		return kp_fail(ctx, res, "NFULNL_CFG_CMD_UNBIND", KP_CALL_PLAIN, -rc);
	if (line == -ENOENT)
		return kp_broken(res, "read-back", "the group that was bound is not in /proc/net/netfilter/nfnetlink_log");
	if (!line && (col[MODE] != KP_NFULNL_COPY_PACKET || col[RANGE] != COPY_RANGE || col[FLUSH] != TIMEOUT))
		return kp_broken(res, "read-back", "not the copy mode, range or timeout that was set");
	if (line)
		kp_detail(res, "read-back", "no /proc/net/netfilter/nfnetlink_log to be read");
	/* The release only keeps a yes from being believed: those kernels take every flag, and no flag can be read back. */
	if (g->flags && ctx->env->release < KP_RELEASE(4, 4))
		return kp_unknown(res, "flags",
				  "kernels before 4.4 take this flag without knowing it, unless their maker added it");
	kp_works(res, line ? step : "read-back");
}

static const struct kp_method bind_group = {
	.run = run_group,
	.asks = "NFULNL_CFG_CMD_BIND of the group, NFULNL_COPY_PACKET with a range, buffer size, timeout and threshold, the "
		"row's flags; /proc/net/netfilter/nfnetlink_log; NFULNL_CFG_CMD_UNBIND",
	.proves = "works: the group is told with its mode, range and timeout; absent: a command or a flag is not known; "
		  "broken: something else is told",
	.rules = kp_nflog_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* nfulnl_recv_config(): no nfnl_ct_hook, after request_module("ip_conntrack_netlink"). */
const struct kp_rule kp_nflog_glue_rules[] = {
	{ EOPNOTSUPP, KP_ABSENT,
	  "conntrack cannot be told along: no CONFIG_NETFILTER_NETLINK_GLUE_CT, or no nf_conntrack_netlink" },
	{ 0 },
};

static const struct kp_rule invented_rules[] = {
	{ EINVAL, KP_ABSENT, "nfnetlink has no such subsystem, after asking for its module" },
	{ EOPNOTSUPP, KP_ABSENT, "nfnetlink_log has no such command" },
	{ KP_ENOTSUPP, KP_ABSENT, "nfnetlink_log has no such command" },
	{ 0 },
};

/* clang-format off */
#define MODULES "nfnetlink nfnetlink_log"
#define CONFIG "CONFIG_NETFILTER_NETLINK CONFIG_NETFILTER_NETLINK_LOG"
#define LOG .modules = MODULES, .kconfig = CONFIG, .since = "2.6.14", .needs = "nflog.netlink"

static const struct kp_probe rows[] = {
	{ .id = "nflog.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_link_change_lo },
	{ .id = "nflog.control.negative", .title = "an invented command", .control = KP_NEGATIVE, .modules = MODULES,
	  .rules = invented_rules, .by = &bind_group, .arg = &(const struct group){ 7, KP_NFULNL_INVENTED, 0 } },

	{ .id = "nflog.netlink", .title = "packet log over netlink", .modules = MODULES, .kconfig = CONFIG, .since = "2.6.14",
	  .by = &kp_nflog_by_subsystem, .arg = &ulog },
	{ .id = "nflog.inet", .title = "packet log of IPv4", LOG, .by = &bind_protocol, .arg = &(const uint8_t){ AF_INET } },
	{ .id = "nflog.inet6", .title = "packet log of IPv6", LOG, .by = &bind_protocol, .arg = &(const uint8_t){ AF_INET6 } },
	{ .id = "nflog.group.1", .title = "packet log, group 1, with packets", LOG, .by = &bind_group,
	  .arg = &(const struct group){ 1, KP_NFULNL_BIND, 0 } },
	{ .id = "nflog.group.2", .title = "packet log, group 2, with packets", LOG, .by = &bind_group,
	  .arg = &(const struct group){ 2, KP_NFULNL_BIND, 0 } },
	{ .id = "nflog.conntrack", .title = "packet log with the packet's connection", .modules = MODULES " nf_conntrack_netlink",
	  .kconfig = CONFIG " CONFIG_NF_CT_NETLINK CONFIG_NETFILTER_NETLINK_GLUE_CT", .since = "4.4", .needs = "nflog.group.1",
	  .risk = KP_RISK_CONNTRACK, .rules = kp_nflog_glue_rules, .by = &bind_group,
	  .arg = &(const struct group){ 1, KP_NFULNL_BIND, KP_NFULNL_F_CONNTRACK } },
};
/* clang-format on */

const struct kp_family kp_family_nflog = { "nflog", "Packet log", 0, rows, KP_ARRAY_SIZE(rows), NULL };
