/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The tc family's own: what a row puts in place, and the requests that its methods are made of. */
#ifndef KP_PROBES_TC_H
#define KP_PROBES_TC_H

#include <linux/rtnetlink.h>

#include "link.h"

#define KP_TC_LO 1 /* lo's ifindex in every namespace */
#define KP_TC_ROOT 0xffffffffu           /* TC_H_ROOT */
#define KP_TC_ROOT_HANDLE 0x00010000u    /* 1:0 */
#define KP_TC_INGRESS_HANDLE 0xffff0000u /* ffff:0 */
#define KP_TC_INGRESS_PARENT 0xfffffff1u /* TC_H_INGRESS; clsact takes the same */

/* struct tc_ratespec; its second byte has a name since v3.11 (8a8e3d84b171). */
struct kp_tc_rate {
	uint8_t cell_log;
	uint8_t linklayer;
	uint16_t overhead;
	int16_t cell_align;
	uint16_t mpu;
	uint32_t rate; /* bytes a second */
};

#define KP_TC_ETHERNET 1 /* TC_LINKLAYER_ETHERNET */
#define KP_TC_CELL_LOG 8
#define KP_TC_TICK_NS 64 /* PSCHED_SHIFT is 6 */

/* The ticks that @bytes take at @rate. */
#define KP_TC_TICKS(bytes, rate) ((uint32_t)((uint64_t)(bytes) * 1000000000 / (rate) / KP_TC_TICK_NS))

/* A rate table, which every kernel takes and those before v3.13 (sch_tbf) demand: the ticks for each size of packet. */
void kp_tc_rtab(struct kp_nlbuf *b, uint16_t type, uint32_t rate);

/* What one row puts on a device. */
struct kp_tc_arg {
	const char *kind;
	const char *action; /* of a filter: its action's kind; NULL: none */
	bool ifb;           /* the action's target is an ifb that is made for it */
	uint32_t parent;    /* of a qdisc */
	uint32_t handle;
	/* The contents of TCA_OPTIONS (qdisc, filter), and of TCA_ACT_OPTIONS; may be NULL. @value: an ifindex, a program's fd. */
	void (*options)(struct kp_nlbuf *b, uint32_t value);
	void (*act)(struct kp_nlbuf *b, uint32_t value);
	/* Look at what is told of them: NULL, or what is not as it was set. May be NULL. */
	const char *(*check)(const void *options, size_t len);
	const char *(*check_act)(const void *options, size_t len, uint32_t value);
	uint16_t act_type;  /* the attribute of the filter's options that takes actions */
	uint16_t protocol;  /* of a filter, an EtherType; 0: all */
	uint8_t program;    /* a BPF program of this type is loaded for it; 0: none */
};

/* Takes away whatever rows before left on @ifindex. */
void kp_tc_clear(struct kp_ctx *ctx, int rtnl, int ifindex);

/* Both return 0 or -errno. */
int kp_tc_qdisc_add(struct kp_ctx *ctx, int rtnl, int ifindex, const struct kp_tc_arg *a);
int kp_tc_filter_add(struct kp_ctx *ctx, int rtnl, int ifindex, const struct kp_tc_arg *a, uint32_t value);

/* Both ways of clsact. */
#define KP_TC_INGRESS 0xfffffff2u
#define KP_TC_EGRESS 0xfffffff3u
/* A program that acts directly, before those that are there. Returns 0 or -errno. */
int kp_tc_program_add(struct kp_ctx *ctx, int rtnl, int ifindex, uint32_t parent, int prog);

/* What a dump told. */
struct kp_tc_seen {
	const struct kp_tc_arg *arg;
	int ifindex;
	uint32_t value;
	bool any;          /* something of the kind was told */
	const char *wrong; /* what is not as it was set, or NULL */
};

/* Dumps qdiscs or filters. Returns 0 or -errno. */
int kp_tc_look(struct kp_ctx *ctx, int rtnl, bool filters, struct kp_tc_seen *s);

extern const struct kp_rule kp_tc_rules[];

/* Qdiscs as rows want them. */
extern const struct kp_tc_arg kp_tc_clsact, kp_tc_ingress, kp_tc_tbf, kp_tc_tbf_peak, kp_tc_htb, kp_tc_fq, kp_tc_fq_codel,
	kp_tc_netem, kp_tc_qdisc_none;
/* Filters, and filters with an action. */
extern const struct kp_tc_arg kp_tc_u32, kp_tc_flower, kp_tc_matchall, kp_tc_bpf, kp_tc_bpf_classic, kp_tc_filter_none;
extern const struct kp_tc_arg kp_tc_mirred, kp_tc_mirred_ifb, kp_tc_gact, kp_tc_police, kp_tc_skbedit, kp_tc_act_bpf,
	kp_tc_act_none;

extern const struct kp_method kp_tc_by_qdisc;  /* struct kp_tc_arg */
extern const struct kp_method kp_tc_by_class;  /* struct kp_tc_arg of an htb */
extern const struct kp_method kp_tc_by_filter; /* struct kp_tc_arg */
extern const struct kp_method kp_tc_by_program; /* struct kp_tc_arg with a program */

#endif
