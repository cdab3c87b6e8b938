/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Many helpers by two loads. Some helpers are easily called as they want to be, so a program may call them one after the other; the
 * verifier walks on behind each. It is loaded twice: with a register that was never written at its end (EACCES), and with an
 * invented helper there (EINVAL). Up to that end both are the same, so had the walk stopped before it, both would have the same
 * errno. Where they differ as they should, every call of the chain was taken. Where not, nothing is known, and each helper is asked
 * by itself.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf_code.h"

enum { HASH, RING, QUEUE, N_MAPS };

/* How a helper is called: the arguments before the call. */
struct way {
	uint8_t n, helpers[14];
	int8_t map; /* -1: none */
	uint8_t n_insns;
	struct kp_insn insns[5];
};

#define BELOW(reg, at) MOVX(reg, R10), ALU(KP_ADD, reg, at)
#define ARGS(map_, ...)                                                                                                            \
	.map = (map_), .n_insns = sizeof((struct kp_insn[]){ __VA_ARGS__ }) / sizeof(struct kp_insn), .insns = { __VA_ARGS__ }

/* R7 and R8 point to 8 and 16 bytes of zeros, R6 is unused. */
static const struct way ways[] = {
	{ .n = 13, .helpers = { 5, 7, 8, 14, 15, 35, 42, 80, 118, 125, 158, 160, 208 }, .map = -1 }, /* without arguments */
	{ .n = 1, .helpers = { 123 }, ARGS(-1, MOV(R1, 0)) }, /* get_current_ancestor_cgroup_id */
	{ .n = 1, .helpers = { 16 }, ARGS(-1, MOVX(R1, R8), MOV(R2, 16)) }, /* get_current_comm */
	/* probe_read and its sisters */
	{ .n = 6, .helpers = { 4, 45, 112, 113, 114, 115 }, ARGS(-1, MOVX(R1, R8), MOV(R2, 8), MOV(R3, 0)) },
	{ .n = 2, .helpers = { 105, 106 }, ARGS(-1, MOVX(R1, R7), MOV(R2, 8), MOV(R3, 0), MOVX(R4, R8)) }, /* strtol, strtoul */
	{ .n = 2, .helpers = { 1, 3 }, ARGS(HASH, LD_MAP(R1, HASH), MOVX(R2, R7)) }, /* map_lookup, map_delete */
	{ .n = 1, .helpers = { 2 }, ARGS(HASH, LD_MAP(R1, HASH), MOVX(R2, R7), MOVX(R3, R7), MOV(R4, 0)) }, /* map_update */
	{ .n = 1, .helpers = { 130 }, ARGS(RING, LD_MAP(R1, RING), MOVX(R2, R7), MOV(R3, 8), MOV(R4, 0)) }, /* ringbuf_output */
	{ .n = 1, .helpers = { 134 }, ARGS(RING, LD_MAP(R1, RING), MOV(R2, 0)) }, /* ringbuf_query */
	{ .n = 3, .helpers = { 87, 88, 89 }, ARGS(QUEUE, LD_MAP(R1, QUEUE), MOVX(R2, R7), MOV(R3, 0)) }, /* map_push, pop, peek */
};

/* Made once by a worker. */
static int maps[N_MAPS] = { -1, -1, -1 };

static void make_maps(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	maps[HASH] = kp_bpf_map_of(KP_MAP_HASH, 4, 4, 1, 0);
	maps[RING] = kp_bpf_map_of(KP_MAP_RINGBUF, 0, 0, 65536, 0);
	maps[QUEUE] = kp_bpf_map_of(KP_MAP_QUEUE, 0, 4, 1, 0);
}

static bool has(const uint8_t *set, unsigned int helper)
{
	return set[helper / 8] >> helper % 8 & 1;
}

/* Appends the calls of what is likely; notes them in @ret_known. */
static unsigned int build(struct kp_insn *insns, const uint8_t *likely, uint8_t *ret_known)
{
	static const struct kp_insn head[] = {
		BELOW(R7, -8), BELOW(R8, -24), ST(KP_DW, R10, -8, 0), ST(KP_DW, R10, -16, 0), ST(KP_DW, R10, -24, 0),
	};
	static const struct kp_insn call = CALL(0);
	unsigned int n = KP_ARRAY_SIZE(head);

	memcpy(insns, head, sizeof(head));
	for (const struct way *w = ways; w < ways + KP_ARRAY_SIZE(ways); w++)
		for (unsigned int i = 0; i < w->n; i++) {
			if (!has(likely, w->helpers[i]) || (w->map >= 0 && maps[w->map] < 0))
				continue;
			memcpy(insns + n, w->insns, w->n_insns * sizeof(*insns));
			if (w->map >= 0)
				insns[n].imm = maps[w->map]; /* LD_MAP comes first */
			n += w->n_insns;
			insns[n] = call;
			insns[n++].imm = w->helpers[i];
			ret_known[w->helpers[i] / 8] |= (uint8_t)(1u << w->helpers[i] % 8);
		}
	return n;
}

bool kp_bpf_chain(struct kp_bpf_ready *r, const uint8_t *likely, uint8_t *ret_known)
{
	static const struct kp_insn unwritten[] = { MOVX(R0, R9), EXIT() }, invented[] = { CALL(KP_BPF_INVENTED), EXIT() };
	struct kp_insn insns[160];
	unsigned int n;
	int fd;

	make_maps();
	memset(ret_known, 0, 32);
	n = build(insns, likely, ret_known);
	memcpy(insns + n, unwritten, sizeof(unwritten));
	fd = kp_bpf_load(r, insns, n + 2);
	if (fd == -EACCES) {
		memcpy(insns + n, invented, sizeof(invented));
		fd = kp_bpf_load(r, insns, n + 2);
		if (fd == -EINVAL)
			return true;
	}
	if (fd >= 0)
		close(fd);
	memset(ret_known, 0, 32);
	return false;
}
