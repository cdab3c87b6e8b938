/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Filters on the ingress qdisc of lo, and actions of a u32 filter, which is the oldest that has them. */
#include "tc.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/pkt_cls.h, tc_act/tc_*.h, bpf.h, filter.h */
enum {
	KP_TCA_U32_CLASSID = 1,
	KP_TCA_U32_SEL = 5,
	KP_TCA_U32_ACT = 7,
	KP_TCA_FLOWER_CLASSID = 1,
	KP_TCA_FLOWER_KEY_ETH_TYPE = 8,
	KP_TCA_FLOWER_KEY_IP_PROTO = 9,
	KP_TCA_FLOWER_KEY_TCP_DST = 19,
	KP_TCA_MATCHALL_CLASSID = 1,
	KP_TCA_BPF_CLASSID = 3,
	KP_TCA_BPF_OPS_LEN = 4,
	KP_TCA_BPF_OPS = 5,
	KP_TCA_BPF_FD = 6,
	KP_TCA_BPF_NAME = 7,
	KP_TCA_BPF_FLAGS = 8, /* v4.4, 045efa82ff56 */
	KP_BPF_DIRECT_ACTION = 1,
	KP_TCA_MIRRED_PARMS = 2,
	KP_TCA_GACT_PARMS = 2,
	KP_TCA_SKBEDIT_PARMS = 2,
	KP_TCA_SKBEDIT_MARK = 5,
	KP_TCA_POLICE_TBF = 1,
	KP_TCA_POLICE_RATE = 2,
	KP_TCA_ACT_BPF_PARMS = 2,
	KP_TCA_ACT_BPF_FD = 5,
	KP_TCA_ACT_BPF_NAME = 6,
	KP_MIRRED_EGRESS_REDIR = 1,
	KP_ACT_SHOT = 2,
	KP_ACT_PIPE = 3,
	KP_ACT_STOLEN = 4,
	KP_BPF_PROG_LOAD = 5,
	KP_PROG_SCHED_CLS = 3,
	KP_PROG_SCHED_ACT = 4,
};

/* Not in the headers of old build hosts. */
#if defined(SYS_bpf)
#define KP_SYS_BPF SYS_bpf
#elif defined(__x86_64__)
#define KP_SYS_BPF 321
#elif defined(__powerpc64__)
#define KP_SYS_BPF 361
#elif defined(__s390x__)
#define KP_SYS_BPF 351
#else
#define KP_SYS_BPF 280
#endif

#define CLASSID 0x00010001u /* 1:1 */
#define SKB_MARK 0x10000u
#define POLICE_RATE 1250000u
#define POLICE_BURST 131072u
#define PROG_NAME "kprobe"

/* tc_gen, with which the parameters of most actions begin. */
struct gen {
	uint32_t index, capab;
	int32_t action, refcnt, bindcnt;
};

struct mirred {
	struct gen gen;
	int32_t eaction;
	uint32_t ifindex;
};

struct police {
	uint32_t index;
	int32_t action;
	uint32_t limit, burst, mtu;
	struct kp_tc_rate rate, peakrate;
	int32_t refcnt, bindcnt;
	uint32_t capab;
};

/* --- filters --- */

/* One key that every packet has: a mask of nothing. netlink in Go sends this where it is given no selector. */
static void put_u32(struct kp_nlbuf *b, uint32_t value)
{
	struct {
		uint8_t flags, offshift, nkeys, pad;
		uint16_t offmask, off;
		int16_t offoff, hoff;
		uint32_t hmask;
		uint32_t mask, val;
		int32_t key_off, key_offmask;
	} sel = { .flags = 1 /* TC_U32_TERMINAL */, .nkeys = 1 };

	(void)value;
	kp_nl_u32(b, KP_TCA_U32_CLASSID, CLASSID);
	kp_nl_put(b, KP_TCA_U32_SEL, &sel, sizeof(sel));
}

static const char *check_class(const void *options, size_t len, uint16_t type)
{
	const void *p = kp_nl_find(options, len, type, NULL);

	return p && kp_get_u32(p) == CLASSID ? NULL : "not the class that was set";
}

static const char *check_u32(const void *options, size_t len)
{
	return kp_nl_find(options, len, KP_TCA_U32_SEL, NULL) ? check_class(options, len, KP_TCA_U32_CLASSID)
							      : "no selector is told";
}

static void put_flower(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_u32(b, KP_TCA_FLOWER_CLASSID, CLASSID);
	kp_nl_be16(b, KP_TCA_FLOWER_KEY_ETH_TYPE, 0x0800);
	kp_nl_u8(b, KP_TCA_FLOWER_KEY_IP_PROTO, 6);
	kp_nl_be16(b, KP_TCA_FLOWER_KEY_TCP_DST, 179);
}

static const char *check_flower(const void *options, size_t len)
{
	const uint8_t *proto = kp_nl_find(options, len, KP_TCA_FLOWER_KEY_IP_PROTO, NULL);
	const void *port = kp_nl_find(options, len, KP_TCA_FLOWER_KEY_TCP_DST, NULL);

	if (!proto || *proto != 6 || !port || kp_get_be16(port) != 179)
		return "not the protocol and port that were set";
	return check_class(options, len, KP_TCA_FLOWER_CLASSID);
}

static void put_matchall(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_u32(b, KP_TCA_MATCHALL_CLASSID, CLASSID);
}

static const char *check_matchall(const void *options, size_t len)
{
	return check_class(options, len, KP_TCA_MATCHALL_CLASSID);
}

static void put_bpf(struct kp_nlbuf *b, uint32_t value)
{
	kp_nl_u32(b, KP_TCA_BPF_FD, value);
	kp_nl_str(b, KP_TCA_BPF_NAME, PROG_NAME);
	kp_nl_u32(b, KP_TCA_BPF_FLAGS, KP_BPF_DIRECT_ACTION);
}

static const char *check_bpf(const void *options, size_t len)
{
	size_t n;
	const char *name = kp_nl_find(options, len, KP_TCA_BPF_NAME, &n);
	const void *flags = kp_nl_find(options, len, KP_TCA_BPF_FLAGS, NULL);

	if (!name || n != sizeof(PROG_NAME) || memcmp(name, PROG_NAME, n))
		return "not the program that was set";
	return flags && kp_get_u32(flags) & KP_BPF_DIRECT_ACTION ? NULL : "not the direct action that was set";
}

/* A classic program, one instruction: return -1, "this filter's class". */
static const struct {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
} ret_class = { .code = 0x06, .k = UINT32_MAX };

static void put_classic(struct kp_nlbuf *b, uint32_t value)
{
	(void)value;
	kp_nl_u32(b, KP_TCA_BPF_CLASSID, CLASSID);
	kp_nl_u16(b, KP_TCA_BPF_OPS_LEN, 1);
	kp_nl_put(b, KP_TCA_BPF_OPS, &ret_class, sizeof(ret_class));
}

static const char *check_classic(const void *options, size_t len)
{
	size_t n;
	const void *ops = kp_nl_find(options, len, KP_TCA_BPF_OPS, &n);

	if (!ops || n != sizeof(ret_class) || memcmp(ops, &ret_class, n))
		return "not the program that was set";
	return check_class(options, len, KP_TCA_BPF_CLASSID);
}

const struct kp_tc_arg kp_tc_filter_none = { .kind = "kpnone" };
const struct kp_tc_arg kp_tc_u32 = { .kind = "u32", .options = put_u32, .check = check_u32 };
const struct kp_tc_arg kp_tc_flower = { .kind = "flower", .protocol = 0x0800, .options = put_flower, .check = check_flower };
const struct kp_tc_arg kp_tc_matchall = { .kind = "matchall", .options = put_matchall, .check = check_matchall };
const struct kp_tc_arg kp_tc_bpf = { .kind = "bpf", .options = put_bpf, .check = check_bpf, .program = KP_PROG_SCHED_CLS };
const struct kp_tc_arg kp_tc_bpf_classic = { .kind = "bpf", .options = put_classic, .check = check_classic };

/* --- actions --- */

static const char *check_gen(const void *options, size_t len, uint16_t type, int32_t action)
{
	size_t n;
	const void *p = kp_nl_find(options, len, type, &n);
	struct gen got;

	if (!p || n < sizeof(got))
		return "the action is told without its parameters";
	memcpy(&got, p, sizeof(got));
	return got.action == action ? NULL : "not the verdict that was set";
}

static void put_mirred(struct kp_nlbuf *b, uint32_t value)
{
	const struct mirred m = { .gen.action = KP_ACT_STOLEN, .eaction = KP_MIRRED_EGRESS_REDIR, .ifindex = value };

	kp_nl_put(b, KP_TCA_MIRRED_PARMS, &m, sizeof(m));
}

static const char *check_mirred(const void *options, size_t len, uint32_t value)
{
	size_t n;
	const void *p = kp_nl_find(options, len, KP_TCA_MIRRED_PARMS, &n);
	struct mirred got;

	if (!p || n < sizeof(got))
		return "the action is told without its parameters";
	memcpy(&got, p, sizeof(got));
	return got.eaction == KP_MIRRED_EGRESS_REDIR && got.ifindex == value ? NULL : "not the redirection that was set";
}

static void put_gact(struct kp_nlbuf *b, uint32_t value)
{
	const struct gen g = { .action = KP_ACT_SHOT };

	(void)value;
	kp_nl_put(b, KP_TCA_GACT_PARMS, &g, sizeof(g));
}

static const char *check_gact(const void *options, size_t len, uint32_t value)
{
	(void)value;
	return check_gen(options, len, KP_TCA_GACT_PARMS, KP_ACT_SHOT);
}

static void put_police(struct kp_nlbuf *b, uint32_t value)
{
	const struct police p = {
		.action = KP_ACT_SHOT,
		.burst = KP_TC_TICKS(POLICE_BURST, POLICE_RATE),
		.mtu = 65536,
		.rate = { .cell_log = KP_TC_CELL_LOG, .linklayer = KP_TC_ETHERNET, .cell_align = -1, .rate = POLICE_RATE },
	};

	(void)value;
	kp_nl_put(b, KP_TCA_POLICE_TBF, &p, sizeof(p));
	kp_tc_rtab(b, KP_TCA_POLICE_RATE, POLICE_RATE);
}

static const char *check_police(const void *options, size_t len, uint32_t value)
{
	size_t n;
	const void *p = kp_nl_find(options, len, KP_TCA_POLICE_TBF, &n);
	struct police got;

	(void)value;
	if (!p || n < sizeof(got))
		return "the action is told without its parameters";
	memcpy(&got, p, sizeof(got));
	return got.action == KP_ACT_SHOT && got.rate.rate == POLICE_RATE ? NULL : "not the rate or the verdict that was set";
}

static void put_skbedit(struct kp_nlbuf *b, uint32_t value)
{
	const struct gen g = { .action = KP_ACT_PIPE };

	(void)value;
	kp_nl_put(b, KP_TCA_SKBEDIT_PARMS, &g, sizeof(g));
	kp_nl_u32(b, KP_TCA_SKBEDIT_MARK, SKB_MARK);
}

static const char *check_skbedit(const void *options, size_t len, uint32_t value)
{
	const void *mark = kp_nl_find(options, len, KP_TCA_SKBEDIT_MARK, NULL);

	(void)value;
	if (!mark || kp_get_u32(mark) != SKB_MARK)
		return "not the mark that was set";
	return check_gen(options, len, KP_TCA_SKBEDIT_PARMS, KP_ACT_PIPE);
}

static void put_act_bpf(struct kp_nlbuf *b, uint32_t value)
{
	const struct gen g = { .action = KP_ACT_PIPE };

	kp_nl_put(b, KP_TCA_ACT_BPF_PARMS, &g, sizeof(g));
	kp_nl_u32(b, KP_TCA_ACT_BPF_FD, value);
	kp_nl_str(b, KP_TCA_ACT_BPF_NAME, PROG_NAME);
}

static const char *check_act_bpf(const void *options, size_t len, uint32_t value)
{
	size_t n;
	const char *name = kp_nl_find(options, len, KP_TCA_ACT_BPF_NAME, &n);

	(void)value;
	if (!name || n != sizeof(PROG_NAME) || memcmp(name, PROG_NAME, n))
		return "not the program that was set";
	return check_gen(options, len, KP_TCA_ACT_BPF_PARMS, KP_ACT_PIPE);
}

#define U32 .kind = "u32", .options = put_u32, .check = check_u32, .act_type = KP_TCA_U32_ACT

const struct kp_tc_arg kp_tc_act_none = { U32, .action = "kpnone" };
const struct kp_tc_arg kp_tc_mirred = { U32, .action = "mirred", .act = put_mirred, .check_act = check_mirred };
const struct kp_tc_arg kp_tc_mirred_ifb = { U32, .action = "mirred", .act = put_mirred, .check_act = check_mirred, .ifb = true };
const struct kp_tc_arg kp_tc_gact = { U32, .action = "gact", .act = put_gact, .check_act = check_gact };
const struct kp_tc_arg kp_tc_police = { U32, .action = "police", .act = put_police, .check_act = check_police };
const struct kp_tc_arg kp_tc_skbedit = { U32, .action = "skbedit", .act = put_skbedit, .check_act = check_skbedit };
const struct kp_tc_arg kp_tc_act_bpf = { U32, .action = "bpf", .act = put_act_bpf, .check_act = check_act_bpf,
					 .program = KP_PROG_SCHED_ACT };

/* --- the method --- */

/* r0 = 0; exit. What of BPF there is beyond this is asked elsewhere. Returns the fd or -errno. */
static int load_program(uint32_t type)
{
	static const struct {
		uint8_t code, regs;
		int16_t off;
		int32_t imm;
	} insns[] = { { .code = 0xb7 }, { .code = 0x95 } };
	struct {
		uint32_t type, insn_cnt;
		uint64_t insns, license;
		uint32_t log_level, log_size;
		uint64_t log_buf;
		uint32_t kern_version, flags;
	} attr = { .type = type, .insn_cnt = 2, .insns = (uintptr_t)insns, .license = (uintptr_t)"GPL" };
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	long fd;

	setrlimit(RLIMIT_MEMLOCK, &all); /* what is charged to it before v5.11 */
	fd = syscall(KP_SYS_BPF, KP_BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}

static void run_filter(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct link_arg ifb = { .kind = "ifb", .name = "bwcali0000000", .up = true };
	const struct kp_tc_arg *a = row->arg;
	struct kp_tc_seen s = { .arg = a, .ifindex = KP_TC_LO, .value = KP_TC_LO };
	int rtnl = kp_nl_socket(ctx, res, NETLINK_ROUTE), rc;
	kp_autoclose program = -1;

	if (rtnl < 0)
		return;
	kp_tc_clear(ctx, rtnl, KP_TC_LO);
	if (a->ifb) {
		rc = kp_link_make(ctx, res, &ifb);
		if (rc < 0)
			return;
		s.value = (uint32_t)rc;
	}
	if (a->program) {
		program = load_program(a->program);
		if (program < 0)
			return kp_fail(ctx, res, "BPF_PROG_LOAD", KP_CALL_PLAIN, -program);
		s.value = (uint32_t)program;
	}
	rc = kp_tc_qdisc_add(ctx, rtnl, KP_TC_LO, &kp_tc_ingress);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWQDISC", KP_CALL_PLAIN, -rc);
	rc = kp_tc_filter_add(ctx, rtnl, KP_TC_LO, a, s.value);
	if (rc)
		return kp_fail(ctx, res, "RTM_NEWTFILTER", KP_CALL_PLAIN, -rc);
	rc = kp_tc_look(ctx, rtnl, true, &s);
	if (rc)
		return kp_fail(ctx, res, "RTM_GETTFILTER", KP_CALL_PLAIN, -rc);
	kp_tc_clear(ctx, rtnl, KP_TC_LO);
	if (!s.any || s.wrong)
		return kp_broken(res, "RTM_GETTFILTER", s.any ? s.wrong : "the filter that was made is not told as it was set");
	kp_works(res, "RTM_GETTFILTER");
}

const struct kp_method kp_tc_by_filter = {
	.run = run_filter,
	.asks = "RTM_NEWQDISC of ingress on lo, RTM_NEWTFILTER there with preference 1 and the row's options and action, "
		"RTM_GETTFILTER",
	.proves = "works: the filter is told with its options, and its action with what was set; absent: ENOENT, no such kind; "
		  "broken: something else is told",
	.rules = kp_tc_rules,
	.gate = KP_CAP_NET_ADMIN,
};

/* A program of these types takes capabilities in the initial user namespace, whoever owns the network's. */
const struct kp_method kp_tc_by_program = {
	.run = run_filter,
	.asks = "BPF_PROG_LOAD of two instructions, RTM_NEWQDISC of ingress on lo, RTM_NEWTFILTER there with the program, "
		"RTM_GETTFILTER",
	.proves = "works: the filter is told with the program; absent: ENOENT, no such kind, or no bpf(2); broken: something else "
		  "is told",
	.rules = kp_tc_rules,
	.gate = KP_CAP_NET_ADMIN | KP_GATE_INIT,
};
