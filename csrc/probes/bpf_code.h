/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Programs as arguments of rows (bpf.insn.*, bpf.helper.<type>.<helper>): what they need, and what they must return. */
#ifndef KP_BPF_CODE_H
#define KP_BPF_CODE_H

#include "bpf.h"

/* The map that LD_MAP(…, 0) names. */
enum kp_bpf_code_map {
	KP_CODE_NO_MAP,
	KP_CODE_HASH,
	KP_CODE_ARRAY,     /* of one, u32, holding 5 */
	KP_CODE_RODATA,    /* the same, frozen and read-only to programs */
	KP_CODE_PROGS,     /* a program that returns 7 */
	KP_CODE_RING,
	KP_CODE_PERF,
	KP_CODE_SOCKHASH,
	KP_CODE_DEVMAP,
	KP_CODE_SPIN,      /* values with a spin lock at 4 */
	KP_CODE_TIMER,     /* values with a timer at 8 */
};

#define KP_CODE_NOT_RUN INT32_MIN

struct kp_bpf_code {
	const struct kp_bpf_kind *kind;
	enum kp_bpf_code_map map;
	int32_t returns; /* by BPF_PROG_TEST_RUN, or KP_CODE_NOT_RUN */
	uint16_t func;   /* where its second function begins, if BTF must describe it */
	bool global;     /* that function is global, not a callback */
	uint16_t helper; /* the helper whose row this is */
	uint16_t n;
	const struct kp_insn *insns;
};

#define KP_CODE(...)                                                                                                               \
	.n = sizeof((const struct kp_insn[]){ __VA_ARGS__ }) / sizeof(struct kp_insn), .insns = (const struct kp_insn[])           \
	{                                                                                                                          \
		__VA_ARGS__                                                                                                        \
	}

/* Makes the map. Returns a descriptor or -errno; -1 for KP_CODE_NO_MAP. */
int kp_bpf_code_map(enum kp_bpf_code_map map, bool *ret_failed);
/* Loads @code with @map. Returns a descriptor or -errno. */
int kp_bpf_code_load(const struct kp_bpf_code *code, int map);
/* Runs the loaded program and compares; gives the row its answer. */
void kp_bpf_code_run(struct kp_ctx *ctx, struct kp_result *res, const struct kp_bpf_code *code, int prog);

/* --- bpf_inventory.c --- */

/*
 * Is @helper known to programs made ready as @r? 0: yes; -EINVAL: no; other -errno: cannot tell. Needs kp_bpf_ask_controls() first,
 * which says by which way of asking; 0, or -errno when neither way passes its controls.
 */
struct kp_bpf_ask {
	unsigned int way;
};
int kp_bpf_ask_controls(struct kp_bpf_ready *r, struct kp_bpf_ask *ret);
int kp_bpf_ask(struct kp_bpf_ready *r, const struct kp_bpf_ask *ask, unsigned int helper);

#define KP_BPF_INVENTED 0x7ffe /* the number of no helper */

/*
 * A set of helpers has helper N in bit N % 8 of byte N / 8, 32 bytes. Returns whether those in @ret_known, out of @likely, are
 * known.
 */
bool kp_bpf_chain(struct kp_bpf_ready *r, const uint8_t *likely, uint8_t *ret_known);

extern const struct kp_method kp_bpf_inventory, kp_bpf_ask_invented, kp_bpf_ask_known;

#endif
