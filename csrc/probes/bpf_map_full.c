/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Maps as large as they are in use: what the small ones of the same type cannot tell is whether there is memory for them. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../memory.h"
#include "bpf_map.h"

#define GIVE_BACK_MS 100
#define SLACK (16u << 20) /* others take and give as well, and freed pages rest with a CPU first */

/* A power of two, which a ring must be. */
static uint32_t ring_size(uint32_t each)
{
	uint64_t size = each;

	while (size < (uint64_t)each * kp_possible_cpus())
		size *= 2;
	return size > INT32_MAX ? 1u << 30 : (uint32_t)size;
}

/* One element there and back. Returns 0, -errno, or 1 when it is another one. */
static int element(int fd, const struct kp_bpf_map_attr *a, const char **ret_step)
{
	uint32_t key[16] = { 0 };
	uint8_t out[256], in[256];
	int rc;

	if (a->type == KP_MAP_LPM_TRIE)
		key[0] = (a->key_size - 4) * 8; /* all bits behind the length: a host's entry */
	memset(out, 0x5a, sizeof(out));
	memset(in, 0, sizeof(in));
	*ret_step = "BPF_MAP_UPDATE_ELEM";
	rc = kp_bpf_update(fd, key, out, 0);
	if (rc)
		return rc;
	*ret_step = "BPF_MAP_LOOKUP_ELEM";
	rc = kp_bpf_lookup(fd, key, in, 0);
	return rc ? rc : memcmp(in, out, a->value_size) != 0;
}

/* The kernel frees a map an RCU grace period after it was closed: the next one must not come on top of it. */
static void wait_given_back(uint64_t before)
{
	const struct timespec pause = { .tv_nsec = 2000000 };

	for (unsigned int ms = 0; ms < GIVE_BACK_MS && kp_memory_available() + SLACK < before; ms += 2)
		nanosleep(&pause, NULL);
}

static void run_full(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_full_arg *arg = row->arg;
	const uint64_t before = kp_memory_available();
	struct kp_bpf_map_attr a = arg->attr;
	const char *step = "BPF_MAP_CREATE";
	int fd, rc = 0;

	if (row->flags & KP_MIB_PER_CPU)
		a.max_entries = ring_size(a.max_entries);
	kp_detail_u(res, "max_entries", a.max_entries);
	fd = kp_bpf_map(&a);
	if (fd < 0)
		return kp_bpf_fail(ctx, res, step, -fd);
	if (arg->write)
		rc = element(fd, &a, &step);
	close(fd);
	wait_given_back(before);
	if (rc < 0)
		return kp_bpf_fail(ctx, res, step, -rc);
	if (rc)
		return kp_broken(res, step, "another value was read than the one that was written");
	kp_works(res, arg->write ? "read-back" : step);
}

const struct kp_method kp_bpf_map_full = {
	.run = run_full,
	.asks = "BPF_MAP_CREATE of a map of this size, where user space may write it an element there and back, close; then a wait "
		"until the kernel has given its memory back",
	.proves =
		"works: made; absent: EINVAL, no such type or flag; unknown: ENOMEM twice, or less memory than is asked for before",
	.rules = kp_bpf_map_rules,
	.gate = KP_BPF_GATE,
};
