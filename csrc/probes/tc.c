/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Traffic control: qdiscs, filters and actions, put on devices of the worker's namespace and read back from dumps. Module names are
 * those of files; since v6.8 (241a94abcf46) the kernel asks for them as net-sch-KIND, net-cls-KIND, net-act-KIND.
 */
#include "tc.h"

#include <errno.h>

#include "families.h"

/* clang-format off */
#define SCHED "CONFIG_NET_SCHED"
#define ACT SCHED " CONFIG_NET_CLS_U32 CONFIG_NET_CLS_ACT CONFIG_NET_SCH_INGRESS"
#define QDISC(what) .by = &kp_tc_by_qdisc, .arg = &(what)
#define FILTER(what) .by = &kp_tc_by_filter, .arg = &(what)
#define PROGRAM(what) .rules = bpf_rules, .by = &kp_tc_by_program, .arg = &(what)

static const struct kp_rule bpf_rules[] = {
	{ ENOSYS, KP_ABSENT, "there is no bpf(2) in this kernel" },
	{ EINVAL, KP_UNKNOWN, "a program of two instructions, or a filter with it, was refused: see the bpf and attach rows" },
	{ 0 },
};

static const struct kp_probe rows[] = {
	{ .id = "tc.control.positive", .title = "rtnetlink answers", .control = KP_POSITIVE, .by = &kp_link_change_lo },
	{ .id = "tc.control.negative", .title = "an invented qdisc", .control = KP_NEGATIVE, .modules = "sch_kpnone",
	  QDISC(kp_tc_qdisc_none) },
	{ .id = "tc.control.negative.filter", .title = "an invented filter", .control = KP_NEGATIVE,
	  .modules = "sch_ingress cls_kpnone", FILTER(kp_tc_filter_none) },
	{ .id = "tc.control.negative.action", .title = "an invented action", .control = KP_NEGATIVE,
	  .modules = "sch_ingress cls_u32 act_kpnone", FILTER(kp_tc_act_none) },

	{ .id = "tc.qdisc.clsact", .title = "clsact qdisc", .modules = "sch_ingress", .kconfig = SCHED " CONFIG_NET_SCH_INGRESS",
	  .since = "4.5", QDISC(kp_tc_clsact) },
	{ .id = "tc.qdisc.ingress", .title = "ingress qdisc", .modules = "sch_ingress", .kconfig = SCHED " CONFIG_NET_SCH_INGRESS",
	  .since = "2.4", QDISC(kp_tc_ingress) },
	{ .id = "tc.qdisc.tbf", .title = "token bucket at the root, handle 1:0", .modules = "sch_tbf",
	  .kconfig = SCHED " CONFIG_NET_SCH_TBF", .since = "2.4", QDISC(kp_tc_tbf) },
	{ .id = "tc.qdisc.tbf.peakrate", .title = "token bucket with a peak rate", .modules = "sch_tbf",
	  .kconfig = SCHED " CONFIG_NET_SCH_TBF", .since = "2.4", .needs = "tc.qdisc.tbf", QDISC(kp_tc_tbf_peak) },
	{ .id = "tc.qdisc.htb", .title = "hierarchical token bucket", .modules = "sch_htb", .kconfig = SCHED " CONFIG_NET_SCH_HTB",
	  .since = "2.4.20", QDISC(kp_tc_htb) },
	{ .id = "tc.class.htb", .title = "class of a hierarchical token bucket", .modules = "sch_htb",
	  .kconfig = SCHED " CONFIG_NET_SCH_HTB", .since = "2.4.20", .needs = "tc.qdisc.htb", .by = &kp_tc_by_class,
	  .arg = &kp_tc_htb },
	{ .id = "tc.qdisc.fq", .title = "fair queue with pacing", .modules = "sch_fq", .kconfig = SCHED " CONFIG_NET_SCH_FQ",
	  .since = "3.12", QDISC(kp_tc_fq) },
	{ .id = "tc.qdisc.fq_codel", .title = "fair queue with CoDel", .modules = "sch_fq_codel",
	  .kconfig = SCHED " CONFIG_NET_SCH_FQ_CODEL", .since = "3.5", QDISC(kp_tc_fq_codel) },
	{ .id = "tc.qdisc.netem", .title = "network emulator", .modules = "sch_netem", .kconfig = SCHED " CONFIG_NET_SCH_NETEM",
	  .since = "2.6.8", QDISC(kp_tc_netem) },

	{ .id = "tc.filter.u32", .title = "u32 filter", .modules = "sch_ingress cls_u32", .kconfig = SCHED " CONFIG_NET_CLS_U32",
	  .since = "2.4", .needs = "tc.qdisc.ingress", FILTER(kp_tc_u32) },
	{ .id = "tc.filter.flower", .title = "flower filter", .modules = "sch_ingress cls_flower",
	  .kconfig = SCHED " CONFIG_NET_CLS_FLOWER", .since = "4.2", .needs = "tc.qdisc.ingress", FILTER(kp_tc_flower) },
	{ .id = "tc.filter.matchall", .title = "filter of all packets", .modules = "sch_ingress cls_matchall",
	  .kconfig = SCHED " CONFIG_NET_CLS_MATCHALL", .since = "4.8", .needs = "tc.qdisc.ingress", FILTER(kp_tc_matchall) },
	{ .id = "tc.filter.bpf", .title = "BPF filter with direct action", .modules = "sch_ingress cls_bpf",
	  .kconfig = SCHED " CONFIG_NET_CLS_BPF CONFIG_BPF_SYSCALL", .since = "4.4", .needs = "tc.qdisc.ingress",
	  PROGRAM(kp_tc_bpf) },
	{ .id = "tc.filter.bpf.classic", .title = "filter of classic BPF", .modules = "sch_ingress cls_bpf",
	  .kconfig = SCHED " CONFIG_NET_CLS_BPF", .since = "3.13", .needs = "tc.qdisc.ingress", FILTER(kp_tc_bpf_classic) },

	{ .id = "tc.action.mirred", .title = "redirection to a device", .modules = "sch_ingress cls_u32 act_mirred",
	  .kconfig = ACT " CONFIG_NET_ACT_MIRRED", .since = "2.6.12", .needs = "tc.filter.u32", FILTER(kp_tc_mirred) },
	{ .id = "tc.action.mirred.ifb", .title = "redirection to an ifb", .modules = "ifb sch_ingress cls_u32 act_mirred",
	  .kconfig = ACT " CONFIG_NET_ACT_MIRRED CONFIG_IFB", .since = "2.6.16", .host = "ifb0 and ifb1 (the module's numifbs=2)",
	  .needs = "link.ifb tc.action.mirred", FILTER(kp_tc_mirred_ifb) },
	{ .id = "tc.action.gact", .title = "drop", .modules = "sch_ingress cls_u32 act_gact", .kconfig = ACT " CONFIG_NET_ACT_GACT",
	  .since = "2.6.8", .needs = "tc.filter.u32", FILTER(kp_tc_gact) },
	{ .id = "tc.action.police", .title = "drop above a rate", .modules = "sch_ingress cls_u32 act_police",
	  .kconfig = ACT " CONFIG_NET_ACT_POLICE", .since = "2.6.9", .needs = "tc.filter.u32", FILTER(kp_tc_police) },
	{ .id = "tc.action.skbedit", .title = "mark of a packet", .modules = "sch_ingress cls_u32 act_skbedit",
	  .kconfig = ACT " CONFIG_NET_ACT_SKBEDIT", .since = "2.6.32", .needs = "tc.filter.u32", FILTER(kp_tc_skbedit) },
	{ .id = "tc.action.bpf", .title = "action by a BPF program", .modules = "sch_ingress cls_u32 act_bpf",
	  .kconfig = ACT " CONFIG_NET_ACT_BPF CONFIG_BPF_SYSCALL", .since = "4.1", .needs = "tc.filter.u32",
	  PROGRAM(kp_tc_act_bpf) },
};
/* clang-format on */

const struct kp_family kp_family_tc = {
	"tc",
	"Traffic control",
	0,
	rows,
	KP_ARRAY_SIZE(rows),
	"kernel log, level info: what cls_u32, act_mirred and act_gact say when they are loaded; audit records BPF for two "
	"programs",
};
