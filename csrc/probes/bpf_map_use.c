/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Maps in the forms in which programs use them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf_map.h"

#define METHOD(name_, asks_, proves_)                                                                                              \
	const struct kp_method name_ = {                                                                                           \
		.run = run_##name_, .asks = asks_, .proves = proves_, .rules = kp_bpf_map_rules, .gate = KP_BPF_GATE               \
	}

/* Keys of 4 or 8 bytes; as 8 they are full prefixes of a trie as well. */
static void fill_keys(uint32_t *keys, uint32_t key_size)
{
	for (uint32_t i = 0; i < 2; i++) {
		if (key_size == 8)
			*keys++ = 32;
		*keys++ = i;
	}
}

static void run_kp_bpf_map_batch(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_batch_arg *arg = row->arg;
	kp_autoclose fd = kp_bpf_map_of(arg->type, arg->key_size, 4, 2, arg->flags);
	/* More room than two elements take: a kernel may ask for a whole bucket's. */
	uint32_t keys[16], values[8] = { 11, 22 };
	uint64_t next[2] = { 0, 0 };
	struct kp_bpf_batch_attr put = { .keys = kp_ptr(keys), .values = kp_ptr(values), .count = 2 };
	struct kp_bpf_batch_attr get = { .out_batch = kp_ptr(next), .keys = kp_ptr(keys), .values = kp_ptr(values), .count = 8 };
	long rc;

	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	put.fd = get.fd = (uint32_t)fd;
	fill_keys(keys, arg->key_size);
	rc = kp_bpf(KP_BPF_MAP_UPDATE_BATCH, &put, sizeof(put));
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_BATCH", (int)-rc);
	memset(values, 0, sizeof(values));
	rc = kp_bpf(KP_BPF_MAP_LOOKUP_BATCH, &get, sizeof(get));
	if (rc && rc != -ENOENT) /* ENOENT: these were all */
		return kp_bpf_fail(ctx, res, "BPF_MAP_LOOKUP_BATCH", (int)-rc);
	if (get.count != 2 || values[0] + values[1] != 33)
		return kp_broken(res, "read-back", "a batch brought other elements than the two that were put in");
	kp_works(res, "read-back");
}
METHOD(kp_bpf_map_batch, "BPF_MAP_UPDATE_BATCH of two elements, then BPF_MAP_LOOKUP_BATCH",
       "works: both come back; absent: EINVAL, no such command, or errno 524, this type has none; broken: others come back");

static void run_kp_bpf_map_take(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_batch_arg *arg = row->arg;
	kp_autoclose fd = kp_bpf_map_of(arg->type, arg->key_size, 4, 2, arg->flags);
	uint32_t key[2] = { 1, 2 }, value = 7;
	struct kp_bpf_elem_attr a = { .key = kp_ptr(key), .value = kp_ptr(&value) };
	int rc;

	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	rc = kp_bpf_update(fd, key, &value, 0);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_ELEM", -rc);
	value = 0;
	a.fd = (uint32_t)fd;
	rc = (int)kp_bpf(KP_BPF_MAP_LOOKUP_DELETE, &a, sizeof(a));
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_LOOKUP_AND_DELETE_ELEM", -rc);
	if (value != 7 || kp_bpf_lookup(fd, key, &value, 0) != -ENOENT)
		return kp_broken(res, "read-back", "it returned another value, or the element is still there");
	kp_works(res, "read-back");
}
METHOD(kp_bpf_map_take, "BPF_MAP_LOOKUP_AND_DELETE_ELEM of an element, then a look for it",
       "works: the value came and the element went; absent: EINVAL or errno 524; broken: otherwise");

/* A kernel that does not know spin locks (before v5.1, d83525ca62cf) makes the map all the same and says EINVAL to BPF_F_LOCK. */
static void run_kp_bpf_map_locked(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose types = kp_bpf_btf_values();
	struct kp_bpf_map_attr a = {
		.type = KP_MAP_HASH, .key_size = 4, .value_size = KP_BTF_SPIN_SIZE, .max_entries = 1, .flags = KP_MAP_NO_PREALLOC
	};
	kp_autoclose fd = -1;
	uint32_t key = 0, value[2] = { 9, 0 };
	int rc;

	(void)row;
	if (types < 0)
		return kp_bpf_fail(ctx, res, "BPF_BTF_LOAD", -types);
	a.btf_fd = (uint32_t)types;
	a.btf_key = KP_BTF_INT;
	a.btf_value = KP_BTF_SPIN;
	fd = kp_bpf_map(&a);
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	rc = kp_bpf_update(fd, &key, value, 0);
	if (!rc)
		rc = kp_bpf_update(fd, &key, value, KP_ELEM_LOCK);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_ELEM, BPF_F_LOCK", -rc);
	value[0] = 0;
	rc = kp_bpf_lookup(fd, &key, value, KP_ELEM_LOCK);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_LOOKUP_ELEM, BPF_F_LOCK", -rc);
	if (value[0] != 9)
		return kp_broken(res, "read-back", "another value was read than the one that was written");
	kp_works(res, "read-back");
}
METHOD(kp_bpf_map_locked,
       "a hash table without preallocation whose value's BTF names a bpf_spin_lock; written and read with BPF_F_LOCK",
       "works: the value is read back; absent: EINVAL, this kernel sees no lock in the value; broken: another value");

/* A kernel that does not know timers (before v5.15, b00628b1c7d5) makes the map all the same: a program must call for one. */
static void run_kp_bpf_map_timed(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_insn insns[] = {
		ST(KP_W, R10, -4, 0),
		MOVX(R2, R10),
		ALU(KP_ADD, R2, -4),
		LD_MAP(R1, 0),
		CALL(H_map_lookup_elem),
		JMP(KP_JEQ, R0, 0, 6),
		MOVX(R1, R0),
		ALU(KP_ADD, R1, 8),
		LD_MAP(R2, 0),
		MOV(R3, 1 /* CLOCK_MONOTONIC */),
		CALL(H_timer_init),
		MOV(R0, 0),
		EXIT(),
	};
	kp_autoclose types = kp_bpf_btf_values();
	struct kp_bpf_map_attr a = { .type = KP_MAP_LRU_HASH, .key_size = 4, .value_size = KP_BTF_TIMER_SIZE, .max_entries = 1 };
	kp_autoclose fd = -1, prog = -1;

	(void)row;
	if (types < 0)
		return kp_bpf_fail(ctx, res, "BPF_BTF_LOAD", -types);
	a.btf_fd = (uint32_t)types;
	a.btf_key = KP_BTF_INT;
	a.btf_value = KP_BTF_TIMER;
	fd = kp_bpf_map(&a);
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	prog = kp_bpf_load_maps(&kp_bpf_sched_cls, insns, KP_ARRAY_SIZE(insns), &fd, 0, 0);
	/*
	 * PREEMPT_RT refuses timers (v6.17, e25ddfb388c8 "bpf: Reject bpf_timer for PREEMPT_RT", in longterm releases as well). What
	 * v6.1 makes of that in check_func_arg() is EACCES.
	 */
	if (prog == -EOPNOTSUPP || prog == -EACCES)
		return kp_absent(res, "BPF_PROG_LOAD with bpf_timer_init()", "a real-time kernel gives programs no timers");
	if (prog < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD with bpf_timer_init()", -prog);
	kp_works(res, "BPF_PROG_LOAD with bpf_timer_init()");
}
METHOD(kp_bpf_map_timed,
       "an LRU hash table whose value's BTF names a bpf_timer, and a tc classifier that calls bpf_timer_init() on it",
       "works: the verifier took the program; absent: EINVAL, no such helper; EOPNOTSUPP or EACCES, a real-time kernel");

/*
 * CONFIG data of programs: written once, frozen, then constants to the verifier (v5.2, 87df15de441b "bpf: add syscall side map
 * freeze").
 */
static void run_kp_bpf_map_frozen(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = kp_bpf_map_of(KP_MAP_ARRAY, 4, 64, 1, KP_MAP_RDONLY_PROG);
	uint32_t key = 0, value[16] = { 5 };
	struct kp_bpf_elem_attr a = { 0 };
	int rc;

	(void)row;
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	rc = kp_bpf_update(fd, &key, value, 0);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_ELEM", -rc);
	a.fd = (uint32_t)fd;
	rc = (int)kp_bpf(KP_BPF_MAP_FREEZE, &a, sizeof(a));
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_FREEZE", -rc);
	if (kp_bpf_update(fd, &key, value, 0) != -EPERM)
		return kp_broken(res, "BPF_MAP_UPDATE_ELEM", "a frozen map could be written");
	kp_works(res, "BPF_MAP_FREEZE");
}
METHOD(kp_bpf_map_frozen, "an array with BPF_F_RDONLY_PROG, written, frozen with BPF_MAP_FREEZE, and written again",
       "works: the second write is refused with EPERM; absent: EINVAL, no such flag or command; broken: it is not refused");

static void run_kp_bpf_map_mmap(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = kp_bpf_map_of(KP_MAP_ARRAY, 4, 8, 1, KP_MAP_MMAPABLE);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t value = 0x1122334455667788, *p;
	uint32_t key = 0;
	int rc;

	(void)row;
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	rc = kp_bpf_update(fd, &key, &value, 0);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_ELEM", -rc);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return kp_bpf_fail(ctx, res, "mmap", errno);
	rc = *p != value;
	munmap(p, page);
	if (rc)
		return kp_broken(res, "read-back", "the mapped memory holds another value than the one that was written");
	kp_works(res, "read-back");
}
METHOD(kp_bpf_map_mmap, "an array with BPF_F_MMAPABLE, written by bpf(2) and read by mmap(2)",
       "works: the value is there; absent: EINVAL, no such flag; broken: another value");

/* As libbpf's ring_buffer: one page for the consumer, writable; behind it the producer's and the data twice, read-only. */
static void run_kp_bpf_map_ringbuf(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_insn insns[] = {
		ST(KP_DW, R10, -8, 0x1234), LD_MAP(R1, 0), MOVX(R2, R10), ALU(KP_ADD, R2, -8), MOV(R3, 8), MOV(R4, 0),
		CALL(H_ringbuf_output),     EXIT(),
	};
	const size_t size = 65536, page = (size_t)sysconf(_SC_PAGESIZE), all = page + 2 * size;
	kp_autoclose fd = kp_bpf_map_of(KP_MAP_RINGBUF, 0, 0, size, 0);
	kp_autoclose prog = -1;
	uint8_t *consumer, *producer;
	const char *wrong = NULL;
	uint32_t retval;
	int rc;

	(void)row;
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	prog = kp_bpf_load_maps(&kp_bpf_sched_cls, insns, KP_ARRAY_SIZE(insns), &fd, 0, 0);
	if (prog < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -prog);
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	producer = mmap(NULL, all, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (consumer == MAP_FAILED || producer == MAP_FAILED)
		return kp_bpf_fail(ctx, res, "mmap", errno);
	rc = kp_bpf_run(prog, &retval);
	/* A record: its length and a page offset, then 8 bytes of data. */
	if (!rc) {
		uint64_t at, data;
		uint32_t len;

		memcpy(&at, producer, sizeof(at));
		memcpy(&len, producer + page, sizeof(len));
		memcpy(&data, producer + page + 8, sizeof(data));
		if (retval || at != 16 || len != 8 || data != 0x1234)
			wrong = "the program sent a record and another was read, or none";
	}
	munmap(consumer, page);
	munmap(producer, all);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_PROG_TEST_RUN", -rc);
	if (wrong)
		return kp_broken(res, "read-back", wrong);
	kp_works(res, "read-back");
}
METHOD(kp_bpf_map_ringbuf,
       "a ring buffer, mapped as libbpf does, a tc classifier that calls bpf_ringbuf_output(), and BPF_PROG_TEST_RUN of it",
       "works: the record is in the mapped memory; absent: EINVAL, no such type; broken: it is not there");

static void run_kp_bpf_map_progs(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_insn insns[] = { MOV(R0, 0), EXIT() };
	const struct kp_bpf_progs_arg *arg = row->arg;
	kp_autoclose fd = kp_bpf_map_of(KP_MAP_PROG_ARRAY, 4, 4, 2, 0);
	kp_autoclose a = kp_bpf_load_maps(&arg->a, insns, KP_ARRAY_SIZE(insns), NULL, 0, 0);
	kp_autoclose b = kp_bpf_load_maps(&arg->b, insns, KP_ARRAY_SIZE(insns), NULL, 0, 0);
	uint32_t zero = 0, one = 1;
	int rc;

	if (fd < 0 || a < 0 || b < 0)
		return kp_unknown(res, "BPF_PROG_LOAD",
				  "the map or one of the programs could not be made, though the rows before this one could");
	rc = kp_bpf_update(fd, &zero, &a, 0);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_ELEM, first", -rc);
	rc = kp_bpf_update(fd, &one, &b, 0);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_MAP_UPDATE_ELEM, second", -rc);
	kp_works(res, "BPF_MAP_UPDATE_ELEM");
}
METHOD(kp_bpf_map_progs, "an array of programs, and one after the other put into it",
       "works: both are taken; absent: EINVAL, the second may not stand beside the first");
