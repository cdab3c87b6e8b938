/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Map types: each made as small as it goes, and where user space may, written and read back. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../btf.h"
#include "bpf_map.h"
#include "families.h"

/*
 * find_and_alloc_map() says EINVAL for a type that is not built in. So do the types' own checks of sizes and flags, but each
 * request here is one that its type has taken since it came. EOPNOTSUPP and ENOTSUPP: the type stands on an architecture's JIT, or
 * on a structure that nobody registered. E2BIG: a field of the request is newer than the kernel, and the type with it.
 */
const struct kp_rule kp_bpf_map_rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel has no such map type, command or flag" },
	{ E2BIG, KP_ABSENT, "this kernel is older than a field of the request" },
	{ EOPNOTSUPP, KP_ABSENT, "the map type cannot do that on this kernel" },
	{ KP_ENOTSUPP, KP_ABSENT, "the map type cannot do that on this kernel" },
	{ 0 },
};

struct map_arg {
	struct kp_bpf_map_attr attr;
	bool inner;             /* needs a map to be like */
	bool btf;               /* needs types of key and value */
	const char *struct_ops; /* needs this structure of the kernel's */
	bool write;             /* user space writes and reads it */
	bool keyless;           /* by the bpf(2) request: queue, stack */
};

/* Per-CPU values come and go 8 bytes for each possible CPU; 8192 is the most that any architecture builds for. */
static uint8_t values[8 * 8192];

static int write_read(int fd, const struct map_arg *a, const char **ret_step)
{
	/* As a key of an LPM trie: the prefix length, then the address in the network's order. */
	static const uint32_t trie_key[2] = { 32, 0x0100000a };
	uint32_t zero = 0;
	const void *key = a->keyless ? NULL : a->attr.type == KP_MAP_LPM_TRIE ? (const void *)trie_key : (const void *)&zero;
	int rc;

	memset(values, 0x5a, sizeof(values));
	*ret_step = "BPF_MAP_UPDATE_ELEM";
	rc = kp_bpf_update(fd, key, values, 0);
	if (rc)
		return rc;
	memset(values, 0, sizeof(values));
	*ret_step = "BPF_MAP_LOOKUP_ELEM";
	return kp_bpf_lookup(fd, key, values, 0);
}

static void run_create(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct map_arg *arg = row->arg;
	struct kp_bpf_map_attr a = arg->attr;
	kp_autoclose inner = arg->inner ? kp_bpf_map_of(KP_MAP_ARRAY, 4, 4, 1, 0) : -1;
	kp_autoclose types = arg->btf || arg->struct_ops ? kp_bpf_btf_values() : -1;
	kp_autoclose fd = -1;
	const char *step;
	int rc;

	if (arg->inner && inner < 0)
		return kp_bpf_fail(ctx, res, "inner map", -inner);
	if ((arg->btf || arg->struct_ops) && types < 0)
		return kp_bpf_fail(ctx, res, "BPF_BTF_LOAD", -types);
	if (arg->inner)
		a.inner_fd = (uint32_t)inner;
	if (types >= 0)
		a.btf_fd = (uint32_t)types;
	if (arg->btf)
		a.btf_key = a.btf_value = KP_BTF_INT;
	if (arg->struct_ops) {
		const struct kp_btf *btf;

		rc = kp_btf_vmlinux(&btf);
		if (rc)
			return kp_bpf_fail(ctx, res, "kernel BTF", -rc);
		a.btf_vmlinux_value = kp_btf_find(btf, KP_KIND_STRUCT, arg->struct_ops, &a.value_size);
		if (!a.btf_vmlinux_value)
			return kp_absent(res, "kernel BTF", "the kernel's BTF has no structure that programs could implement");
	}
	fd = kp_bpf_map(&a);
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -fd);
	if (!arg->write)
		return kp_works(res, "BPF_MAP_CREATE");
	rc = write_read(fd, arg, &step);
	if (rc)
		return kp_bpf_fail(ctx, res, step, -rc);
	if (values[0] != 0x5a || values[3] != 0x5a)
		return kp_broken(res, step, "another value was read than the one that was written");
	kp_works(res, "read-back");
}

static const struct kp_method create = {
	.run = run_create,
	.asks = "BPF_MAP_CREATE of the smallest map of this type; then, where user space may, BPF_MAP_UPDATE_ELEM and "
		"BPF_MAP_LOOKUP_ELEM",
	.proves = "works: made, and the value read back is the one written; absent: EINVAL, no such type; broken: another value",
	.rules = kp_bpf_map_rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method create_any = {
	.run = run_create,
	.asks = "BPF_MAP_CREATE of an array, the first type there was; write and read",
	.proves = "works: read back, or there is no bpf(2) at all",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL_CONTROL, { EINVAL, KP_ABSENT, "not even arrays" }, { 0 } },
	.gate = KP_BPF_GATE,
};

#define ATTR(type_, key_, value_, max_, flags_)                                                                                    \
	.attr = { .type = KP_MAP_##type_, .key_size = key_, .value_size = value_, .max_entries = max_, .flags = flags_ }
#define ROW(name_, title_, since_, ...) { .id = "bpf.map." name_, .title = title_, .since = since_, __VA_ARGS__ }
#define MAP(name_, title_, since_, kconfig_, ...)                                                                                  \
	ROW(name_, title_, since_, .kconfig = "CONFIG_BPF_SYSCALL " kconfig_, .by = &create,                                       \
	    .arg = &(const struct map_arg){ __VA_ARGS__ })
#define BATCH(type_, key_, flags_) &(const struct kp_bpf_batch_arg){ KP_MAP_##type_, key_, flags_ }
#define TYPED .needs = "bpf.btf.load"

/* .mib: elements of 48 bytes, key and value (kernel/bpf/hashtab.c, struct htab_elem), and 16 bytes a bucket. */
#define FULL(name_, title_, since_, mib_, needs_, ...)                                                                             \
	ROW("full." name_, title_, since_, .needs = "bpf.map." needs_, .mib = mib_, .by = &kp_bpf_map_full,                        \
	    .arg = &(const struct kp_bpf_full_arg){ __VA_ARGS__ })

/* struct bpf_cgroup_storage_key: 12 bytes on 32-bit x86, 16 elsewhere. */
struct cgroup_key {
	uint64_t inode;
	uint32_t attach_type;
};

/* A ring's size is a power of two of whole pages: 64 KB is one on every architecture. */
#define RING 65536

static const struct kp_probe rows[] = {
	ROW("control.negative", "an invented map type", NULL, .control = KP_NEGATIVE, .by = &create,
	    .arg = &(const struct map_arg){ .attr = { .type = 0x7fff, .key_size = 4, .value_size = 4, .max_entries = 1 } }),
	ROW("control.positive", "an array", NULL, .control = KP_POSITIVE, .by = &create_any,
	    .arg = &(const struct map_arg){ ATTR(ARRAY, 4, 4, 1, 0), .write = true }),
	MAP("hash", "hash table", "3.19", "", ATTR(HASH, 4, 4, 1, 0), .write = true),
	MAP("hash.no-prealloc", "hash table whose elements are made when needed", "4.6", "",
	    ATTR(HASH, 4, 4, 1, KP_MAP_NO_PREALLOC), .write = true),
	MAP("array", "array", "3.19", "", ATTR(ARRAY, 4, 4, 1, 0), .write = true),
	MAP("prog_array", "programs to jump to", "4.2", "", ATTR(PROG_ARRAY, 4, 4, 1, 0)),
	MAP("perf_event_array", "perf events", "4.3", "", ATTR(PERF_EVENT_ARRAY, 4, 4, 1, 0)),
	MAP("percpu_hash", "hash table, per CPU", "4.6", "", ATTR(PERCPU_HASH, 4, 4, 1, 0), .write = true),
	MAP("percpu_hash.no-prealloc", "hash table, per CPU, elements made when needed", "4.6", "",
	    ATTR(PERCPU_HASH, 4, 4, 1, KP_MAP_NO_PREALLOC), .write = true),
	MAP("percpu_array", "array, per CPU", "4.6", "", ATTR(PERCPU_ARRAY, 4, 4, 1, 0), .write = true),
	MAP("stack_trace", "stack traces", "4.6", "CONFIG_PERF_EVENTS", ATTR(STACK_TRACE, 4, 8, 1, 0)),
	MAP("cgroup_array", "cgroups", "4.8", "CONFIG_CGROUPS", ATTR(CGROUP_ARRAY, 4, 4, 1, 0)),
	MAP("lru_hash", "hash table that forgets the least recently used", "4.10", "", ATTR(LRU_HASH, 4, 4, 1, 0), .write = true),
	MAP("lru_percpu_hash", "hash table that forgets, per CPU", "4.10", "", ATTR(LRU_PERCPU_HASH, 4, 4, 1, 0), .write = true),
	MAP("lpm_trie", "longest prefix match", "4.11", "", ATTR(LPM_TRIE, 8, 4, 1, KP_MAP_NO_PREALLOC), .write = true),
	/* Not filled: an update of these waits for an RCU grace period (v4.20, 1ae80cf31938), some 10 ms. */
	MAP("array_of_maps", "array of maps", "4.12", "", ATTR(ARRAY_OF_MAPS, 4, 4, 1, 0), .inner = true),
	MAP("hash_of_maps", "hash table of maps", "4.12", "", ATTR(HASH_OF_MAPS, 4, 4, 1, 0), .inner = true),
	MAP("devmap", "devices to redirect to", "4.14", "CONFIG_NET", ATTR(DEVMAP, 4, 4, 1, 0)),
	MAP("sockmap", "sockets to redirect to", "4.14", "CONFIG_NET", ATTR(SOCKMAP, 4, 4, 1, 0)),
	MAP("cpumap", "CPUs to redirect to", "4.15", "", ATTR(CPUMAP, 4, 4, 1, 0)),
	MAP("xskmap", "AF_XDP sockets to redirect to", "4.18", "CONFIG_XDP_SOCKETS", ATTR(XSKMAP, 4, 4, 1, 0)),
	MAP("sockhash", "sockets to redirect to, by key", "4.18", "CONFIG_NET", ATTR(SOCKHASH, 4, 4, 1, 0)),
	MAP("cgroup_storage", "storage of an attached cgroup", "4.19", "CONFIG_CGROUP_BPF",
	    ATTR(CGROUP_STORAGE, sizeof(struct cgroup_key), 4, 0, 0)),
	MAP("reuseport_sockarray", "listening sockets", "4.19", "CONFIG_INET", ATTR(REUSEPORT_SOCKARRAY, 4, 4, 1, 0)),
	MAP("percpu_cgroup_storage", "storage of an attached cgroup, per CPU", "4.20", "CONFIG_CGROUP_BPF",
	    ATTR(PERCPU_CGROUP_STORAGE, sizeof(struct cgroup_key), 4, 0, 0)),
	MAP("queue", "queue", "4.20", "", ATTR(QUEUE, 0, 4, 1, 0), .write = true, .keyless = true),
	MAP("stack", "stack", "4.20", "", ATTR(STACK, 0, 4, 1, 0), .write = true, .keyless = true),
	MAP("sk_storage", "storage of sockets", "5.2", "CONFIG_NET", ATTR(SK_STORAGE, 4, 4, 0, KP_MAP_NO_PREALLOC), .btf = true),
	MAP("devmap_hash", "devices to redirect to, by key", "5.4", "CONFIG_NET", ATTR(DEVMAP_HASH, 4, 4, 1, 0)),
	ROW("struct_ops", "structure of functions (congestion control)", "5.6", .kconfig = "CONFIG_BPF_JIT CONFIG_INET",
	    .needs = "bpf.btf.vmlinux", .by = &create,
	    .arg = &(const struct map_arg){ ATTR(STRUCT_OPS, 4, 0, 1, 0), .struct_ops = "bpf_struct_ops_tcp_congestion_ops" }),
	MAP("ringbuf", "ring buffer", "5.8", "", ATTR(RINGBUF, 0, 0, RING, 0)),
	MAP("inode_storage", "storage of inodes", "5.10", "CONFIG_BPF_LSM", ATTR(INODE_STORAGE, 4, 4, 0, KP_MAP_NO_PREALLOC),
	    .btf = true),
	MAP("task_storage", "storage of tasks", "5.11", "", ATTR(TASK_STORAGE, 4, 4, 0, KP_MAP_NO_PREALLOC), .btf = true),
	MAP("bloom_filter", "Bloom filter", "5.16", "", ATTR(BLOOM_FILTER, 0, 4, 1, 0)),
	MAP("user_ringbuf", "ring buffer that user space fills", "6.1", "", ATTR(USER_RINGBUF, 0, 0, RING, 0)),
	MAP("cgrp_storage", "storage of cgroups", "6.2", "CONFIG_CGROUPS", ATTR(CGRP_STORAGE, 4, 4, 0, KP_MAP_NO_PREALLOC),
	    .btf = true),
	MAP("arena", "memory shared with user space", "6.9", "CONFIG_MMU", ATTR(ARENA, 0, 0, 1, KP_MAP_MMAPABLE)),
	MAP("insn_array", "instructions to jump to", "6.19", "", ATTR(INSN_ARRAY, 4, 16, 1, 0)),
	MAP("rhash", "hash table that grows", "7.2", "", ATTR(RHASH, 4, 4, 1, KP_MAP_NO_PREALLOC), .write = true),

	/* What Calico and others do with them. */
	ROW("hash.batch", "many elements of a hash table by one call", "5.6", .by = &kp_bpf_map_batch, .arg = BATCH(HASH, 8, 0)),
	/* v5.16, f56387c534df; Calico asks a trie for a batch and takes errno 524 for no. */
	ROW("lpm_trie.batch", "many elements of a trie by one call", "5.16", .by = &kp_bpf_map_batch,
	    .arg = BATCH(LPM_TRIE, 8, KP_MAP_NO_PREALLOC)),
	ROW("array.batch", "many elements of an array by one call", "5.6", .by = &kp_bpf_map_batch, .arg = BATCH(ARRAY, 4, 0)),
	ROW("hash.take", "look up and delete in one call, hash table", "5.14", .by = &kp_bpf_map_take, .arg = BATCH(HASH, 8, 0)),
	ROW("hash.spin_lock", "hash table whose values have a spin lock", "5.1", TYPED, .by = &kp_bpf_map_locked),
	ROW("lru_hash.timer", "hash table whose values have a timer", "5.15", .needs = "bpf.btf.load bpf.prog.sched_cls",
	    .by = &kp_bpf_map_timed),
	ROW("array.frozen", "array that can no longer be written (.rodata)", "5.2", .by = &kp_bpf_map_frozen),
	ROW("array.mmap", "array that user space maps", "5.5", .by = &kp_bpf_map_mmap),
	ROW("prog_array.update", "two programs to jump to", "4.2", .needs = "bpf.prog.sched_cls", .by = &kp_bpf_map_progs,
	    .arg = &(const struct kp_bpf_progs_arg){ { .type = KP_SCHED_CLS }, { .type = KP_SCHED_CLS } }),
	/*
	 * Refused since v6.18 and in stable kernels since (4540aed51b12 "bpf: Enforce expected_attach_type for tailcall
	 * compatibility"); Calico splits its arrays per attach type for that.
	 */
	ROW("prog_array.mixed-attach", "programs of two attach types in one array", "4.17",
	    .needs = "bpf.prog.cgroup_sock_addr.sendmsg4", .by = &kp_bpf_map_progs,
	    .rules = (const struct kp_rule[]){ { EINVAL, KP_ABSENT, "one array takes programs of one attach type only: split it" },
					       { 0 } },
	    .arg = &(const struct kp_bpf_progs_arg){ { .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET4_CONNECT },
						     { .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_UDP4_SENDMSG } }),
	ROW("ringbuf.mmap", "a record through a ring buffer into mapped memory", "5.8",
	    .needs = "bpf.map.ringbuf bpf.prog.sched_cls", .by = &kp_bpf_map_ringbuf),

	/* The largest of Calico's eBPF data plane, by its own numbers: felix/bpf-gpl/{nat,conntrack}_types.h, jump.h, policy.h, … */
	FULL("hash", "hash table of 262,144 x (8 + 8) bytes, made when needed", "4.6", 4, "hash.no-prealloc",
	     ATTR(HASH, 8, 8, 262144, KP_MAP_NO_PREALLOC), .write = true),
	FULL("prog_array", "240,000 programs to jump to", "4.2", 2, "prog_array", ATTR(PROG_ARRAY, 4, 4, 240000, 0)),
	FULL("lpm_trie", "longest prefix match of 1,048,576 x (20 + 4) bytes", "4.11", 1, "lpm_trie",
	     ATTR(LPM_TRIE, 20, 4, 1048576, KP_MAP_NO_PREALLOC), .write = true),
	FULL("lpm_trie.inet6", "longest prefix match of 1,048,576 x (32 + 4) bytes", "4.11", 1, "lpm_trie",
	     ATTR(LPM_TRIE, 32, 4, 1048576, KP_MAP_NO_PREALLOC), .write = true),
	FULL("lru_hash", "connections: hash table that forgets, 512,000 x (16 + 88) bytes", "4.10", 83, "lru_hash",
	     ATTR(LRU_HASH, 16, 88, 512000, 0), .write = true),
	FULL("lru_hash.inet6", "connections, IPv6: hash table that forgets, 512,000 x (40 + 128) bytes", "4.10", 114, "lru_hash",
	     ATTR(LRU_HASH, 40, 128, 512000, 0), .write = true),
	FULL("lru_hash.sockets", "peers of UDP sockets: hash table that forgets, 510,000 x (16 + 8) bytes", "4.10", 43, "lru_hash",
	     ATTR(LRU_HASH, 16, 8, 510000, 0), .write = true),
	ROW("full.ringbuf", "ring buffer of 1 MiB a CPU", "5.8", .needs = "bpf.map.ringbuf", .mib = 1, .flags = KP_MIB_PER_CPU,
	    .by = &kp_bpf_map_full, .arg = &(const struct kp_bpf_full_arg){ ATTR(RINGBUF, 0, 0, 1048576, 0) }),
};

const struct kp_family kp_family_bpf_map = {
	.name = "bpf.map",
	.title = "BPF map types",
	.flags = KP_FAMILY_HOST_NETNS,
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
