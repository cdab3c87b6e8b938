/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * IPVS by generic netlink: each scheduler by a service with two destinations, as kube-proxy makes them, read back. There is no
 * family "IPVS" where there is no IPVS, and the controller answers ENOENT: a library that took that for success (kubernetes PR
 * 114669) is why every row here rests on what is read back.
 */
#include "ipvs.h"

#include <errno.h>
#include <netinet/in.h>

#include <linux/genetlink.h>
#include <linux/netfilter/nfnetlink.h>

#include "families.h"
#include "link.h"
#include "sysctl.h"

/* include/uapi/linux/netfilter/nf_tables_compat.h */
enum {
	KP_SUBSYS_NFT_COMPAT = 11,
	KP_NFT_COMPAT_GET = 0,
	KP_NFTA_COMPAT_NAME = 1,
	KP_NFTA_COMPAT_REV = 2,
	KP_NFTA_COMPAT_TYPE = 3,
};

static const struct kp_rule ipvs_rules[] = {
	{ ENOENT, KP_ABSENT, "there is no generic netlink family \"IPVS\", after asking for its module" },
	{ 0 },
};

/*
 * Before v5.15 (2199f562730d "ipvs: autoload ipvs on genl access") no name that generic netlink asks for is an alias of ip_vs, so
 * this goes the way of iptables' ipvs match: nft_compat asks for ipt_ipvs, and modprobe brings ip_vs with it. What nft_compat
 * answers does not matter.
 */
static void ask_for_match(struct kp_ctx *ctx)
{
	const struct nfgenmsg m = { .nfgen_family = AF_INET, .version = NFNETLINK_V0 };
	struct kp_result ignored = { 0 };
	int fd = kp_nl_socket(ctx, &ignored, NETLINK_NETFILTER);
	struct kp_nlbuf b;

	if (fd < 0)
		return;
	kp_nl_init(&b);
	kp_nl_msg(ctx, &b, KP_SUBSYS_NFT_COMPAT << 8 | KP_NFT_COMPAT_GET, NLM_F_ACK, &m, sizeof(m));
	kp_nl_str(&b, KP_NFTA_COMPAT_NAME, "ipvs");
	kp_nl_be32(&b, KP_NFTA_COMPAT_REV, 0);
	kp_nl_be32(&b, KP_NFTA_COMPAT_TYPE, 0);
	kp_nl_query(ctx, fd, &b, NULL, NULL);
	ctx->extack[0] = '\0';
}

/* Opens the talk; false when the row is answered. */
bool kp_ipvs_start(struct kp_ipvs *t, struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	*t = (struct kp_ipvs){ .ctx = ctx, .s = row->arg };
	t->genl = kp_nl_socket(ctx, res, NETLINK_GENERIC);
	if (t->genl < 0)
		return false;
	t->id = kp_genl_family(ctx, t->genl, "IPVS");
	if (t->id == -ENOENT && ctx->env->modular) {
		ask_for_match(ctx);
		t->id = kp_genl_family(ctx, t->genl, "IPVS");
	}
	if (t->id >= 0)
		return true;
	kp_fail(ctx, res, "CTRL_CMD_GETFAMILY", KP_CALL_PLAIN, -t->id);
	return false;
}

void kp_ipvs_request(struct kp_ipvs *t, struct kp_nlbuf *b, uint8_t cmd, uint16_t flags)
{
	kp_nl_init(b);
	kp_genl_msg(t->ctx, b, t->id, cmd, KP_IPVS_VERSION, flags);
}

/* --- the family itself --- */

struct numbers {
	uint16_t attr[2];
	bool have[2];
	uint32_t value[2];
};

static bool take_numbers(const struct nlmsghdr *msg, void *arg)
{
	struct numbers *n = arg;

	for (unsigned int i = 0; i < 2; i++) {
		size_t len;
		const void *p = kp_nl_attr(msg, GENL_HDRLEN, n->attr[i], &len);

		n->have[i] = p && len == 4;
		if (n->have[i])
			n->value[i] = kp_get_u32(p);
	}
	return false;
}

static void run_info(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct numbers n = { .attr = { KP_IPVS_INFO_VERSION, KP_IPVS_INFO_CONN_TAB_SIZE } };
	struct kp_nlbuf b;
	struct kp_ipvs t;
	int rc;

	if (!kp_ipvs_start(&t, ctx, row, res))
		return;
	kp_ipvs_request(&t, &b, KP_IPVS_CMD_GET_INFO, 0);
	rc = kp_nl_query(ctx, t.genl, &b, take_numbers, &n);
	if (rc)
		return kp_fail(ctx, res, "IPVS_CMD_GET_INFO", KP_CALL_PLAIN, -rc);
	if (!n.have[0] || !n.have[1])
		return kp_broken(res, "IPVS_CMD_GET_INFO", "IPVS tells no version or no size of its connection table");
	kp_detail_u(res, "version", n.value[0]);
	kp_detail_u(res, "connection-table-size", n.value[1]);
	kp_works(res, "IPVS_CMD_GET_INFO");
}

static const struct kp_method ask_info = {
	.run = run_info,
	.asks = "CTRL_CMD_GETFAMILY of \"IPVS\" (where that is not there and modules can be loaded: nft_compat for the match ipvs, "
		"and "
		"again), IPVS_CMD_GET_INFO",
	.proves = "works: IPVS tells its version and the size of its connection table; absent: ENOENT, no such family",
	.rules = ipvs_rules,
	.gate = KP_CAP_NET_ADMIN | KP_GATE_INIT,
};

/* A service is taken for any protocol: which of them IPVS knows shows in whose timeouts it tells. */
static void run_protocol(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct numbers n = { .attr = { *(const uint16_t *)row->arg, *(const uint16_t *)row->arg } };
	struct kp_nlbuf b;
	struct kp_ipvs t;
	int rc;

	if (!kp_ipvs_start(&t, ctx, row, res))
		return;
	kp_ipvs_request(&t, &b, KP_IPVS_CMD_GET_CONFIG, 0);
	rc = kp_nl_query(ctx, t.genl, &b, take_numbers, &n);
	if (rc)
		return kp_fail(ctx, res, "IPVS_CMD_GET_CONFIG", KP_CALL_PLAIN, -rc);
	if (!n.have[0])
		return kp_absent(res, "IPVS_CMD_GET_CONFIG", "IPVS has no timeout for this protocol, so it does not know it");
	kp_detail_u(res, "timeout", n.value[0]);
	kp_works(res, "IPVS_CMD_GET_CONFIG");
}

static const struct kp_method ask_protocol = {
	.run = run_protocol,
	.asks = "IPVS_CMD_GET_CONFIG",
	.proves = "works: a timeout for the protocol is told; absent: none is",
	.rules = ipvs_rules,
	.gate = KP_CAP_NET_ADMIN | KP_GATE_INIT,
};

/* clang-format off */
#define PERSIST_S 10800 /* kube-proxy's and the API's default */
#define CONFIG "CONFIG_NETFILTER CONFIG_IP_VS"
#define HOST \
	"ip_vs and nf_conntrack stay, before Linux 5.15 also nft_compat and xt_ipvs, which bring ip_vs; before 5.9 the hooks of " \
	"ip_vs sit in every namespace, without effect until there is a service"
#define IPVS .host = HOST, .risk = KP_RISK_CONNTRACK
#define SERVICE(...) .by = &kp_ipvs_by_service, .arg = &(const struct kp_ipvs_service){ __VA_ARGS__ }
#define SCHED_RISKY(name, option, port_, release, ...) \
	{ .id = "ipvs.sched." name, .title = "IPVS scheduler " name, .modules = "ip_vs ip_vs_" name, \
	  .kconfig = CONFIG " CONFIG_IP_VS_" option, .since = release, .needs = "ipvs.genl", __VA_ARGS__, \
	  SERVICE(.sched = name, .family = AF_INET, .protocol = IPPROTO_TCP, .port = (port_)) }
#define SCHED(name, option, port_, release) SCHED_RISKY(name, option, port_, release, IPVS)
/*
 * These two register with every network namespace as they start, for which pernet_ops_rwsem is taken (register_pernet_subsys()); the
 * kernel waits for them under __ip_vs_mutex (ip_vs_genl_set_cmd() to request_module()); and a namespace that ends at that moment holds
 * the first and waits for the second (cleanup_net() to ip_vs_service_nets_cleanup()). All three then wait until the one who asked is
 * killed, and with them whoever wants a namespace. Seen on Debian's 5.10 with PREEMPT_RT, in whole runs always.
 */
#define SCHED_PERNET(name, option, port_, release) \
	SCHED_RISKY(name, option, port_, release, .risk = KP_RISK_STALL, .risk_module = "ip_vs_" name, \
	  .host = "where a network namespace ends while the kernel loads this scheduler, none can be made or removed until the row's deadline")
#define VS_SYSCTL(name, more, release) \
	{ .id = "ipvs.sysctl." name, .title = "net.ipv4.vs." name, .modules = "ip_vs", .kconfig = CONFIG " CONFIG_SYSCTL" more, \
	  .since = release, .needs = "ipvs.genl", IPVS, .by = &kp_sysctl_by_write, \
	  .arg = &(const struct kp_sysctl){ .path = "net/ipv4/vs/" name, .a = "0", .b = "1" } }

static const struct kp_probe rows[] = {
	{ .id = "ipvs.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_link_change_lo },
	{ .id = "ipvs.control.negative", .title = "an invented scheduler", .control = KP_NEGATIVE,
	  .modules = "ip_vs ip_vs_kpnone", IPVS,
	  SERVICE(.sched = "kpnone", .family = AF_INET, .protocol = IPPROTO_TCP, .port = 7999) },

	{ .id = "ipvs.genl", .title = "IPVS over generic netlink", .modules = "ip_vs", .kconfig = CONFIG, .since = "2.6.28", IPVS,
	  .by = &ask_info },
	{ .id = "ipvs.proto.tcp", .title = "IPVS for TCP", .modules = "ip_vs", .kconfig = CONFIG " CONFIG_IP_VS_PROTO_TCP",
	  .since = "2.6.28", .needs = "ipvs.genl", IPVS, .by = &ask_protocol,
	  .arg = &(const uint16_t){ KP_IPVS_ATTR_TIMEOUT_TCP } },
	{ .id = "ipvs.proto.udp", .title = "IPVS for UDP", .modules = "ip_vs", .kconfig = CONFIG " CONFIG_IP_VS_PROTO_UDP",
	  .since = "2.6.28", .needs = "ipvs.genl", IPVS, .by = &ask_protocol,
	  .arg = &(const uint16_t){ KP_IPVS_ATTR_TIMEOUT_UDP } },

	{ .id = "ipvs.service.inet", .title = "IPv4 service with two destinations", .modules = "ip_vs ip_vs_rr",
	  .kconfig = CONFIG " CONFIG_IP_VS_RR", .since = "2.6.28", .needs = "ipvs.genl", IPVS,
	  SERVICE(.sched = "rr", .family = AF_INET, .protocol = IPPROTO_TCP, .port = 8000) },
	{ .id = "ipvs.service.inet6", .title = "IPv6 service with two destinations", .modules = "ip_vs ip_vs_rr",
	  .kconfig = CONFIG " CONFIG_IP_VS_IPV6 CONFIG_IP_VS_RR", .since = "2.6.28", .needs = "ipvs.genl", IPVS,
	  SERVICE(.sched = "rr", .family = AF_INET6, .protocol = IPPROTO_TCP, .port = 8000) },
	{ .id = "ipvs.service.udp", .title = "UDP service with two destinations", .modules = "ip_vs ip_vs_rr",
	  .kconfig = CONFIG " CONFIG_IP_VS_PROTO_UDP CONFIG_IP_VS_RR", .since = "2.6.28", .needs = "ipvs.proto.udp", IPVS,
	  SERVICE(.sched = "rr", .family = AF_INET, .protocol = IPPROTO_UDP, .port = 8000) },
	{ .id = "ipvs.service.persistent", .title = "service whose clients stay with a destination", .modules = "ip_vs ip_vs_rr",
	  .kconfig = CONFIG " CONFIG_IP_VS_RR", .since = "2.6.28", .needs = "ipvs.service.inet", IPVS,
	  SERVICE(.sched = "rr", .family = AF_INET, .protocol = IPPROTO_TCP, .port = 8001, .persistent = PERSIST_S) },

	SCHED("rr", "RR", 8010, "2.6.28"),
	SCHED("wrr", "WRR", 8011, "2.6.28"),
	SCHED("lc", "LC", 8012, "2.6.28"),
	SCHED("wlc", "WLC", 8013, "2.6.28"),
	SCHED_PERNET("lblc", "LBLC", 8014, "2.6.28"),
	SCHED_PERNET("lblcr", "LBLCR", 8015, "2.6.28"),
	SCHED("dh", "DH", 8016, "2.6.28"),
	SCHED("sh", "SH", 8017, "2.6.28"),
	SCHED("sed", "SED", 8018, "2.6.28"),
	SCHED("nq", "NQ", 8019, "2.6.28"),
	SCHED("fo", "FO", 8020, "3.18"),
	SCHED("ovf", "OVF", 8021, "4.3"),
	SCHED("mh", "MH", 8022, "4.18"),
	SCHED("twos", "TWOS", 8023, "5.12"),

	/* net.ipv4.vs is a namespace's since v2.6.39 (a0840e2e165a "IPVS: netns, ip_vs_ctl local vars moved to ipvs struct"). */
	VS_SYSCTL("conntrack", " CONFIG_IP_VS_NFCT", "2.6.37"),
	VS_SYSCTL("conn_reuse_mode", "", "4.1"),
	VS_SYSCTL("expire_nodest_conn", "", "2.6.28"),
	VS_SYSCTL("expire_quiescent_template", "", "2.6.28"),
};
/* clang-format on */

const struct kp_family kp_family_ipvs = {
	"ipvs",
	"IPVS",
	0,
	rows,
	KP_ARRAY_SIZE(rows),
	"kernel log, level info: what ip_vs says of itself, schedulers that register, and the invented one that is not found",
};
