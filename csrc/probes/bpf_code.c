/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Loading and running the programs of bpf_code.h. */
#include "bpf_code.h"

#include <errno.h>
#include <unistd.h>

static int valued_map(uint32_t flags, bool freeze)
{
	int fd = kp_bpf_map_of(KP_MAP_ARRAY, 4, 4, 1, flags), rc;
	struct kp_bpf_elem_attr a = { 0 };
	uint32_t key = 0, value = 5;

	if (fd < 0)
		return fd;
	rc = kp_bpf_update(fd, &key, &value, 0);
	a.fd = (uint32_t)fd;
	if (!rc && freeze)
		rc = (int)kp_bpf(KP_BPF_MAP_FREEZE, &a, sizeof(a));
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int progs_map(void)
{
	static const struct kp_insn seven[] = { MOV(R0, 7), EXIT() };
	kp_autoclose prog = kp_bpf_load_maps(&kp_bpf_sched_cls, seven, KP_ARRAY_SIZE(seven), NULL, 0, 0);
	uint32_t key = 0;
	int fd, rc;

	if (prog < 0)
		return prog;
	fd = kp_bpf_map_of(KP_MAP_PROG_ARRAY, 4, 4, 1, 0);
	if (fd < 0)
		return fd;
	rc = kp_bpf_update(fd, &key, &prog, 0);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int typed_map(uint32_t value_type, uint32_t value_size)
{
	kp_autoclose types = kp_bpf_btf_values();
	const struct kp_bpf_map_attr a = {
		.type = KP_MAP_HASH,
		.key_size = 4,
		.value_size = value_size,
		.max_entries = 1,
		.flags = value_type == KP_BTF_SPIN ? KP_MAP_NO_PREALLOC : 0,
		.btf_fd = (uint32_t)types,
		.btf_key = KP_BTF_INT,
		.btf_value = value_type,
	};

	return types < 0 ? types : kp_bpf_map(&a);
}

int kp_bpf_code_map(enum kp_bpf_code_map map, bool *ret_failed)
{
	int fd = -1;

	switch (map) {
	case KP_CODE_NO_MAP:
		break;
	case KP_CODE_HASH:
		fd = kp_bpf_map_of(KP_MAP_HASH, 4, 4, 1, 0);
		break;
	case KP_CODE_ARRAY:
		fd = valued_map(0, false);
		break;
	case KP_CODE_RODATA:
		fd = valued_map(KP_MAP_RDONLY_PROG, true);
		break;
	case KP_CODE_PROGS:
		fd = progs_map();
		break;
	case KP_CODE_RING:
		fd = kp_bpf_map_of(KP_MAP_RINGBUF, 0, 0, 65536, 0);
		break;
	case KP_CODE_PERF:
		fd = kp_bpf_map_of(KP_MAP_PERF_EVENT_ARRAY, 4, 4, 1, 0);
		break;
	case KP_CODE_SOCKHASH:
		fd = kp_bpf_map_of(KP_MAP_SOCKHASH, 4, 4, 1, 0);
		break;
	case KP_CODE_DEVMAP:
		fd = kp_bpf_map_of(KP_MAP_DEVMAP, 4, 4, 1, 0);
		break;
	case KP_CODE_SPIN:
		fd = typed_map(KP_BTF_SPIN, KP_BTF_SPIN_SIZE);
		break;
	case KP_CODE_TIMER:
		fd = typed_map(KP_BTF_TIMER, KP_BTF_TIMER_SIZE);
		break;
	}
	*ret_failed = map != KP_CODE_NO_MAP && fd < 0;
	return fd;
}

int kp_bpf_code_load(const struct kp_bpf_code *code, int map)
{
	return kp_bpf_load_maps(code->kind, code->insns, code->n, &map, code->func, code->global ? KP_BTF_SUB : KP_BTF_MAIN);
}

void kp_bpf_code_run(struct kp_ctx *ctx, struct kp_result *res, const struct kp_bpf_code *code, int prog)
{
	uint32_t got = 0;
	int rc;

	if (code->returns == KP_CODE_NOT_RUN)
		return kp_works(res, "BPF_PROG_LOAD");
	rc = kp_bpf_run(prog, &got);
	/* Running is v4.12 (1cf1cae963c2) and later for some types; that the verifier took the program is the answer then. */
	if (rc == -EINVAL || rc == -KP_ENOTSUPP) {
		kp_detail(res, "run", "this kernel cannot run such a program for a test");
		return kp_works(res, "BPF_PROG_LOAD");
	}
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_PROG_TEST_RUN", -rc);
	if ((int32_t)got == code->returns)
		return kp_works(res, "BPF_PROG_TEST_RUN");
	kp_detail_u(res, "returned", got);
	kp_detail_u(res, "expected", (uint32_t)code->returns);
	kp_broken(res, "BPF_PROG_TEST_RUN", "the program was taken and computes something else than it says");
}
