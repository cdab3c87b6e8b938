/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * bpf(2) as a kernel has it: numbers, request layouts and the instruction set, written down by us. Build hosts' headers are older
 * than the kernels that are asked. Requests are as long as Linux 7.2's: a kernel takes a longer one when what it does not know is
 * zero (v3.18, db20fd2b0108 "bpf: add lookup/update/delete/iterate methods to BPF maps" was born with that), and says E2BIG else.
 */
#ifndef KP_BPF_ABI_H
#define KP_BPF_ABI_H

#include <stdint.h>

#include "bpf_helpers.h"

enum kp_bpf_cmd {
	KP_BPF_MAP_CREATE,
	KP_BPF_MAP_LOOKUP,
	KP_BPF_MAP_UPDATE,
	KP_BPF_MAP_DELETE,
	KP_BPF_MAP_NEXT_KEY,
	KP_BPF_PROG_LOAD,
	KP_BPF_OBJ_PIN,
	KP_BPF_OBJ_GET,
	KP_BPF_PROG_TEST_RUN = 10,
	KP_BPF_PROG_FD_BY_ID = 13,
	KP_BPF_INFO = 15,
	KP_BPF_BTF_LOAD = 18,
	KP_BPF_MAP_LOOKUP_DELETE = 21,
	KP_BPF_MAP_FREEZE = 22,
	KP_BPF_MAP_LOOKUP_BATCH = 24,
	KP_BPF_MAP_UPDATE_BATCH = 26,
	KP_BPF_MAP_DELETE_BATCH = 27,
	KP_BPF_TOKEN_CREATE = 36,
};

enum kp_bpf_prog_type {
	KP_SOCKET_FILTER = 1,
	KP_KPROBE,
	KP_SCHED_CLS,
	KP_SCHED_ACT,
	KP_TRACEPOINT,
	KP_XDP,
	KP_PERF_EVENT,
	KP_CGROUP_SKB,
	KP_CGROUP_SOCK,
	KP_LWT_IN,
	KP_LWT_OUT,
	KP_LWT_XMIT,
	KP_SOCK_OPS,
	KP_SK_SKB,
	KP_CGROUP_DEVICE,
	KP_SK_MSG,
	KP_RAW_TRACEPOINT,
	KP_CGROUP_SOCK_ADDR,
	KP_LWT_SEG6LOCAL,
	KP_LIRC_MODE2,
	KP_SK_REUSEPORT,
	KP_FLOW_DISSECTOR,
	KP_CGROUP_SYSCTL,
	KP_RAW_TRACEPOINT_WRITABLE,
	KP_CGROUP_SOCKOPT,
	KP_TRACING,
	KP_STRUCT_OPS,
	KP_EXT,
	KP_LSM,
	KP_SK_LOOKUP,
	KP_SYSCALL,
	KP_NETFILTER,
};

enum kp_bpf_map_type {
	KP_MAP_HASH = 1,
	KP_MAP_ARRAY,
	KP_MAP_PROG_ARRAY,
	KP_MAP_PERF_EVENT_ARRAY,
	KP_MAP_PERCPU_HASH,
	KP_MAP_PERCPU_ARRAY,
	KP_MAP_STACK_TRACE,
	KP_MAP_CGROUP_ARRAY,
	KP_MAP_LRU_HASH,
	KP_MAP_LRU_PERCPU_HASH,
	KP_MAP_LPM_TRIE,
	KP_MAP_ARRAY_OF_MAPS,
	KP_MAP_HASH_OF_MAPS,
	KP_MAP_DEVMAP,
	KP_MAP_SOCKMAP,
	KP_MAP_CPUMAP,
	KP_MAP_XSKMAP,
	KP_MAP_SOCKHASH,
	KP_MAP_CGROUP_STORAGE,
	KP_MAP_REUSEPORT_SOCKARRAY,
	KP_MAP_PERCPU_CGROUP_STORAGE,
	KP_MAP_QUEUE,
	KP_MAP_STACK,
	KP_MAP_SK_STORAGE,
	KP_MAP_DEVMAP_HASH,
	KP_MAP_STRUCT_OPS,
	KP_MAP_RINGBUF,
	KP_MAP_INODE_STORAGE,
	KP_MAP_TASK_STORAGE,
	KP_MAP_BLOOM_FILTER,
	KP_MAP_USER_RINGBUF,
	KP_MAP_CGRP_STORAGE,
	KP_MAP_ARENA,
	KP_MAP_INSN_ARRAY,
	KP_MAP_RHASH,
};

/* What a program is meant to be attached as (expected_attach_type); 0 where the type has only one way, or none that is checked. */
enum kp_bpf_attach {
	KP_AS_CGROUP_EGRESS = 1,
	KP_AS_INET4_BIND = 8,
	KP_AS_INET6_BIND,
	KP_AS_INET4_CONNECT,
	KP_AS_INET6_CONNECT,
	KP_AS_INET4_POST_BIND,
	KP_AS_INET6_POST_BIND,
	KP_AS_UDP4_SENDMSG,
	KP_AS_UDP6_SENDMSG,
	KP_AS_LIRC_MODE2,
	KP_AS_UDP4_RECVMSG = 19,
	KP_AS_UDP6_RECVMSG,
	KP_AS_GETSOCKOPT,
	KP_AS_SETSOCKOPT,
	KP_AS_TRACE_RAW_TP,
	KP_AS_TRACE_FENTRY,
	KP_AS_TRACE_FEXIT,
	KP_AS_MODIFY_RETURN,
	KP_AS_LSM_MAC,
	KP_AS_TRACE_ITER,
	KP_AS_INET4_GETPEERNAME,
	KP_AS_INET6_GETPEERNAME,
	KP_AS_INET4_GETSOCKNAME,
	KP_AS_INET6_GETSOCKNAME,
	KP_AS_XDP_DEVMAP,
	KP_AS_SOCK_RELEASE,
	KP_AS_XDP_CPUMAP,
	KP_AS_SK_LOOKUP,
	KP_AS_XDP,
	KP_AS_KPROBE_MULTI = 42,
	KP_AS_LSM_CGROUP,
	KP_AS_NETFILTER = 45,
	KP_AS_UNIX_CONNECT = 49,
	KP_AS_KPROBE_SESSION = 56,
	KP_AS_FSESSION = 58,
};

#define KP_PROG_SLEEPABLE (1u << 4)
#define KP_PROG_XDP_FRAGS (1u << 5)

#define KP_MAP_NO_PREALLOC (1u << 0)
#define KP_MAP_RDONLY_PROG (1u << 7)
#define KP_MAP_MMAPABLE (1u << 10)

#define KP_ELEM_NOEXIST 1u
#define KP_ELEM_LOCK 4u

struct kp_bpf_map_attr {
	uint32_t type, key_size, value_size, max_entries, flags, inner_fd, numa_node;
	char name[16];
	uint32_t ifindex, btf_fd, btf_key, btf_value, btf_vmlinux_value;
	uint64_t extra;
	int32_t value_btf_obj_fd, token_fd;
};

struct kp_bpf_elem_attr {
	uint32_t fd, pad;
	uint64_t key, value, flags;
};

struct kp_bpf_batch_attr {
	uint64_t in_batch, out_batch, keys, values;
	uint32_t count, fd;
	uint64_t elem_flags, flags;
};

struct kp_bpf_load_attr {
	uint32_t type, n_insns;
	uint64_t insns, license;
	uint32_t log_level, log_size;
	uint64_t log_buf;
	uint32_t kern_version, flags;
	char name[16];
	uint32_t ifindex, attach_type, btf_fd, func_info_size;
	uint64_t func_info;
	uint32_t n_func_info, line_info_size;
	uint64_t line_info;
	uint32_t n_line_info, attach_btf_id, attach_prog_fd, n_core_relos;
	uint64_t fd_array;
};

struct kp_bpf_test_attr {
	uint32_t fd, retval, data_size_in, data_size_out;
	uint64_t data_in, data_out;
	uint32_t repeat, duration, ctx_size_in, ctx_size_out;
	uint64_t ctx_in, ctx_out;
	uint32_t flags, cpu, batch_size, pad;
};

struct kp_bpf_obj_attr {
	uint64_t path;
	uint32_t fd, flags;
};

struct kp_bpf_info_attr {
	uint32_t fd, len;
	uint64_t info;
};

struct kp_bpf_btf_attr {
	uint64_t btf, log;
	uint32_t size, log_size, log_level, pad;
};

/* The head of struct bpf_prog_info. */
struct kp_bpf_prog_info {
	uint32_t type, id;
	uint8_t tag[8];
	uint32_t jited_len, xlated_len;
	uint64_t jited, xlated, load_time;
};

struct kp_bpf_func_info {
	uint32_t insn, type_id;
};

/* --- instructions --- */

struct kp_insn {
	uint8_t code;
	uint8_t regs; /* two bit-fields in the kernel's header, so the order of the halves is the machine's */
	int16_t off;
	int32_t imm;
};

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define KP_REGS(dst, src) (uint8_t)((dst) << 4 | (src))
#define KP_SRC(insn) ((insn)->regs & 15)
#else
#define KP_REGS(dst, src) (uint8_t)((src) << 4 | (dst))
#define KP_SRC(insn) ((insn)->regs >> 4)
#endif

enum kp_bpf_reg { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

/* Sizes in loads and stores. */
#define KP_W 0x00
#define KP_H 0x08
#define KP_B 0x10
#define KP_DW 0x18

/* Operations; as ALU they compute, as JMP they compare. */
#define KP_ADD 0x00
#define KP_SUB 0x10
#define KP_DIV 0x30
#define KP_OR 0x40
#define KP_AND 0x50
#define KP_LSH 0x60
#define KP_RSH 0x70
#define KP_MOD 0x90
#define KP_XOR 0xa0
#define KP_MOVE 0xb0
#define KP_END 0xd0
#define KP_JEQ 0x10
#define KP_JGT 0x20
#define KP_JNE 0x50
#define KP_JSGT 0x60
#define KP_JLT 0xa0
#define KP_JLE 0xb0
#define KP_JSLT 0xc0
#define KP_JSLE 0xd0

#define KP_I(code_, dst_, src_, off_, imm_) { .code = (code_), .regs = KP_REGS(dst_, src_), .off = (off_), .imm = (imm_) }
#define ALU(op, dst, imm) KP_I(0x07 | (op), dst, 0, 0, imm)
#define ALUX(op, dst, src) KP_I(0x0f | (op), dst, src, 0, 0)
#define ALU32(op, dst, imm) KP_I(0x04 | (op), dst, 0, 0, imm)
#define MOV(dst, imm) ALU(KP_MOVE, dst, imm)
#define MOVX(dst, src) ALUX(KP_MOVE, dst, src)
#define MOV32(dst, imm) ALU32(KP_MOVE, dst, imm)
#define LDX(size, dst, src, off) KP_I(0x61 | (size), dst, src, off, 0)
#define LDSX(size, dst, src, off) KP_I(0x81 | (size), dst, src, off, 0) /* v4 */
#define ST(size, dst, off, imm) KP_I(0x62 | (size), dst, 0, off, imm)
#define STX(size, dst, off, src) KP_I(0x63 | (size), dst, src, off, 0)
#define ATOMIC(size, op, dst, off, src) KP_I(0xc3 | (size), dst, src, off, op)
#define JMP(op, dst, imm, off) KP_I(0x05 | (op), dst, 0, off, imm)
#define JMPX(op, dst, src, off) KP_I(0x0d | (op), dst, src, off, 0)
#define JMP32(op, dst, imm, off) KP_I(0x06 | (op), dst, 0, off, imm)
#define GOTO(off) KP_I(0x05, 0, 0, off, 0)
#define CALL(helper) KP_I(0x85, 0, 0, 0, helper)
#define CALL_SUB(off) KP_I(0x85, 0, 1, 0, off)
#define CALL_KFUNC(btf_id) KP_I(0x85, 0, 2, 0, btf_id)
#define EXIT() KP_I(0x95, 0, 0, 0, 0)
/* 64-bit immediates take two. The loader (bpf_sys.c) puts the descriptor of map @slot in its place. */
#define LD64(dst, lo, hi) KP_I(0x18, dst, 0, 0, lo), KP_I(0, 0, 0, 0, hi)
#define LD_MAP(dst, slot) KP_I(0x18, dst, 1, 0, slot), KP_I(0, 0, 0, 0, 0)
#define LD_MAP_VALUE(dst, slot, at) KP_I(0x18, dst, 2, 0, slot), KP_I(0, 0, 0, 0, at)
#define LD_FUNC(dst, off) KP_I(0x18, dst, 4, 0, off), KP_I(0, 0, 0, 0, 0)

#define KP_FETCH 0x01
#define KP_XCHG 0xe1
#define KP_CMPXCHG 0xf1
#define KP_LOAD_ACQ 0x100
#define KP_STORE_REL 0x110

/* Helpers by name: H_map_lookup_elem is 1. */
#define KP_BPF_HELPER_NUMBER(name) H_##name,
enum kp_bpf_helper { KP_BPF_HELPERS(KP_BPF_HELPER_NUMBER) KP_BPF_N_HELPERS };

#endif
