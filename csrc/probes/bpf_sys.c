/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* bpf(2): the call, its errnos, maps, BTF of our own, running a program. Kinds of programs: bpf_kind.c. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"

/* v3.18, 99c55f7d47c0; libcs older than that lack the number. */
#ifdef SYS_bpf
#define KP_SYS_bpf SYS_bpf
#elif defined(__x86_64__)
#define KP_SYS_bpf 321
#elif defined(__s390x__)
#define KP_SYS_bpf 351
#elif defined(__powerpc64__)
#define KP_SYS_bpf 361
#else
#define KP_SYS_bpf 280 /* asm-generic */
#endif

/* Per worker: they are processes, and what is set here dies with them. */
static bool asked, memlock_short;

/*
 * Before v5.11 (3ac1f01b43b6 "bpf: Eliminate rlimit-based memory accounting for bpf progs") maps and programs are charged to
 * RLIMIT_MEMLOCK, of which 64 KB are given; bpf(2) says EPERM when it is used up. Raising it takes CAP_SYS_RESOURCE.
 */
static void raise_memlock(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit now = { 0, 0 };

	asked = true;
	if (!setrlimit(RLIMIT_MEMLOCK, &all) || getrlimit(RLIMIT_MEMLOCK, &now))
		return;
	memlock_short = now.rlim_cur != RLIM_INFINITY;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &now); /* what there is */
}

long kp_bpf(enum kp_bpf_cmd cmd, void *attr, size_t size)
{
	long rc;

	if (!asked)
		raise_memlock();
	rc = syscall(KP_SYS_bpf, (int)cmd, attr, (unsigned int)size);
	return rc < 0 ? -errno : rc;
}

void kp_bpf_fail(struct kp_ctx *ctx, struct kp_result *res, const char *step, int err)
{
	bool charged = memlock_short && ctx->env->release < KP_RELEASE(5, 11);

	kp_fail(ctx, res, step, charged ? KP_CALL_BPF_CHARGED : KP_CALL_BPF, err);
}

/* --- maps --- */

int kp_bpf_map(const struct kp_bpf_map_attr *attr)
{
	struct kp_bpf_map_attr a = *attr;

	return (int)kp_bpf(KP_BPF_MAP_CREATE, &a, sizeof(a));
}

int kp_bpf_map_of(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags)
{
	const struct kp_bpf_map_attr a = {
		.type = type, .key_size = key_size, .value_size = value_size, .max_entries = max_entries, .flags = flags
	};

	return kp_bpf_map(&a);
}

static int element(enum kp_bpf_cmd cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	struct kp_bpf_elem_attr a = { .fd = (uint32_t)fd, .key = kp_ptr(key), .value = kp_ptr(value), .flags = flags };

	return (int)kp_bpf(cmd, &a, sizeof(a));
}

int kp_bpf_lookup(int fd, const void *key, void *ret_value, uint64_t flags)
{
	return element(KP_BPF_MAP_LOOKUP, fd, key, ret_value, flags);
}

int kp_bpf_update(int fd, const void *key, const void *value, uint64_t flags)
{
	return element(KP_BPF_MAP_UPDATE, fd, key, value, flags);
}

int kp_bpf_delete(int fd, const void *key)
{
	return element(KP_BPF_MAP_DELETE, fd, key, NULL, 0);
}

/* --- running --- */

int kp_bpf_run(int fd, uint32_t *ret_value)
{
	/* Ethernet, then an IPv4 header from 10.0.0.1 to 10.0.0.2, UDP; 64 bytes, since v7.x wants whole headers. */
	static const uint8_t packet[64] = { [12] = 0x08, 0x00, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };
	uint8_t out[512];
	struct kp_bpf_test_attr a = {
		.fd = (uint32_t)fd,
		.data_in = kp_ptr(packet),
		.data_size_in = sizeof(packet),
		.data_out = kp_ptr(out),
		.data_size_out = sizeof(out),
		.repeat = 1,
	};
	long rc = kp_bpf(KP_BPF_PROG_TEST_RUN, &a, sizeof(a));

	*ret_value = a.retval;
	return (int)rc;
}

/* --- BTF of our own --- */

#define BTF_INFO(kind, vlen) ((uint32_t)(kind) << 24 | (vlen))

enum { BTF_INT = 1, BTF_STRUCT = 4, BTF_FUNC = 12, BTF_FUNC_PROTO = 13, BTF_GLOBAL = 1 };

static int load_btf(const uint32_t *types, uint32_t types_len, const char *names, uint32_t names_len)
{
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t hdr_len, type_off, type_len, str_off, str_len;
		uint8_t body[512];
	} blob = {
		.magic = 0xeb9f, .version = 1, .hdr_len = 24, .type_len = types_len, .str_off = types_len, .str_len = names_len
	};
	struct kp_bpf_btf_attr a = { .btf = kp_ptr(&blob), .size = 24 + types_len + names_len };

	if (types_len + names_len > sizeof(blob.body))
		return -EMSGSIZE;
	memcpy(blob.body, types, types_len);
	memcpy(blob.body + types_len, names, names_len);
	return (int)kp_bpf(KP_BPF_BTF_LOAD, &a, sizeof(a));
}

int kp_bpf_btf_values(void)
{
	/* Offsets:                   1     5      10            24   28    33     39         49    */
	static const char names[] = "\0int\0long\0bpf_spin_lock\0val\0lock\0value\0bpf_timer\0timed";
	static const uint32_t types[] = {
		1,
		BTF_INFO(BTF_INT, 0),
		4,
		1u << 24 | 32,                 /* 1: int */
		10,
		BTF_INFO(BTF_STRUCT, 1),
		4,
		24,
		1,
		0,                   /* 2: struct bpf_spin_lock { int val; } */
		33,
		BTF_INFO(BTF_STRUCT, 2),
		KP_BTF_SPIN_SIZE,
		24,
		1,
		0,
		28,
		2,
		32,   /* 3: struct value { int val; … lock; } */
		5,
		BTF_INFO(BTF_INT, 0),
		8,
		1u << 24 | 64,                 /* 4: long */
		39,
		BTF_INFO(BTF_STRUCT, 2),
		16,
		24,
		4,
		0,
		28,
		4,
		64,       /* 5: struct bpf_timer { long val, lock; } */
		49,
		BTF_INFO(BTF_STRUCT, 2),
		KP_BTF_TIMER_SIZE,
		24,
		4,
		0,
		28,
		5,
		64, /* 6: struct timed { long val; … lock; } */
	};

	return load_btf(types, sizeof(types), names, sizeof(names));
}

int kp_bpf_btf_funcs(void)
{
	static const char names[] = "\0int\0main\0sub\0x"; /* 1, 5, 10, 14 */
	static const uint32_t types[] = {
		1,  BTF_INFO(BTF_INT, 0),           4, 1u << 24 | 32,    /* 1: int */
		0,  BTF_INFO(BTF_FUNC_PROTO, 0),    1,            /* 2: int (void) */
		0,  BTF_INFO(BTF_FUNC_PROTO, 1),    1, 14,
		1,     /* 3: int (int x) */
		5,  BTF_INFO(BTF_FUNC, 0),          2,                  /* 4: main */
		10, BTF_INFO(BTF_FUNC, BTF_GLOBAL), 3,         /* 5: sub; linkage since v5.6, 51c39bb1d5d1 */
	};

	return load_btf(types, sizeof(types), names, sizeof(names));
}
