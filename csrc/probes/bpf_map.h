/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Maps in the forms in which programs use them (bpf_map_use.c); their rows stand in bpf_map.c. */
#ifndef KP_BPF_MAP_H
#define KP_BPF_MAP_H

#include "bpf.h"

extern const struct kp_rule kp_bpf_map_rules[];
extern const struct kp_method kp_bpf_map_batch, kp_bpf_map_take, kp_bpf_map_locked, kp_bpf_map_timed, kp_bpf_map_frozen,
	kp_bpf_map_mmap, kp_bpf_map_ringbuf, kp_bpf_map_progs, kp_bpf_map_full;

/* Of kp_bpf_map_batch and kp_bpf_map_take. */
struct kp_bpf_batch_arg {
	uint32_t type, key_size, flags;
};

/* Of kp_bpf_map_progs: two programs into one map. */
struct kp_bpf_progs_arg {
	struct kp_bpf_kind a, b;
};

/* Of kp_bpf_map_full (bpf_map_full.c). */
struct kp_bpf_full_arg {
	struct kp_bpf_map_attr attr;
	bool write;
};

#endif
