/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What a program may be made of: levels of the instruction set, loops, functions, data, the fields of its context. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../btf.h"
#include "bpf_code.h"
#include "families.h"

/*
 * Every program here is a valid one, so the verifier's EINVAL (instruction, function or size unknown) and EACCES (field of the
 * context unknown) are about what the row is named after. That the type itself loads is its prerequisite: an LSM's EACCES stops
 * there.
 */
static const struct kp_rule rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel's verifier or JIT does not know it" },
	{ EACCES, KP_ABSENT, "this kernel's verifier does not allow it" },
	{ E2BIG, KP_ABSENT, "this kernel takes no program of that size, or is older than a field of the request" },
	{ KP_ENOTSUPP, KP_ABSENT, "this architecture's JIT cannot do it" },
	{ 0 },
};

static void run_program(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_code *code = row->arg;
	bool failed;
	kp_autoclose map = kp_bpf_code_map(code->map, &failed);
	kp_autoclose prog = failed ? -1 : kp_bpf_code_load(code, map);

	if (failed)
		return kp_bpf_fail(ctx, res, "map", -map);
	if (prog < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -prog);
	kp_bpf_code_run(ctx, res, code, prog);
}

static const struct kp_method program = {
	.run = run_program,
	.asks = "BPF_PROG_LOAD of a valid program that contains it, and where its result can be known, BPF_PROG_TEST_RUN",
	.proves = "works: taken, and it computes what it says; absent: EINVAL, EACCES or E2BIG; broken: it computes something else",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

/* More than 4096 instructions: the same commit let the verifier look at a million (v5.2, c04c0d2b968a). */
static void run_large(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct kp_insn zero = MOV(R0, 0), end = EXIT();
	const unsigned int n = 4200;
	struct kp_bpf_ready r = KP_BPF_READY_INIT;
	struct kp_insn *insns = mmap(NULL, n * sizeof(zero), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	(void)row;
	if (insns == MAP_FAILED)
		return kp_bpf_fail(ctx, res, "mmap", errno);
	for (unsigned int i = 0; i < n; i++)
		insns[i] = i + 1 < n ? zero : end;
	kp_bpf_prepare(&kp_bpf_sched_cls, &r);
	fd = kp_bpf_load(&r, insns, n);
	munmap(insns, n * sizeof(zero));
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -fd);
	close(fd);
	kp_works(res, "BPF_PROG_LOAD");
}

static const struct kp_method large = {
	.run = run_large,
	.asks = "BPF_PROG_LOAD of a program of 4200 instructions",
	.proves = "works: taken; absent: E2BIG, the limit is 4096, and 131072 for the verifier's walk",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

/* By the numbers that the kernel's BTF gives them; both are open to every program type. */
static void run_kfunc(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_insn insns[] = { CALL_KFUNC(0), CALL_KFUNC(0), MOV(R0, 9), EXIT() };
	struct kp_bpf_code code = { .kind = &kp_bpf_sched_cls, .returns = 9, .n = KP_ARRAY_SIZE(insns), .insns = insns };
	const struct kp_btf *btf;
	int rc = kp_btf_vmlinux(&btf);
	kp_autoclose prog = -1;

	(void)row;
	if (rc)
		return kp_bpf_fail(ctx, res, "kernel BTF", -rc);
	insns[0].imm = (int32_t)kp_btf_find(btf, KP_KIND_FUNC, "bpf_rcu_read_lock", NULL);
	insns[1].imm = (int32_t)kp_btf_find(btf, KP_KIND_FUNC, "bpf_rcu_read_unlock", NULL);
	if (!insns[0].imm || !insns[1].imm)
		return kp_absent(res, "kernel BTF",
				 "the kernel's BTF has no bpf_rcu_read_lock(), the function that is called here");
	prog = kp_bpf_code_load(&code, -1);
	if (prog < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -prog);
	kp_bpf_code_run(ctx, res, &code, prog);
}

static const struct kp_method kfunc = {
	.run = run_kfunc,
	.asks = "a tc classifier that calls the kernel functions bpf_rcu_read_lock() and _unlock() by their numbers in the "
		"kernel's BTF",
	.proves = "works: taken and run; absent: the BTF does not have them, or EINVAL",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_bpf_kind connect6 = { .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET6_CONNECT };
static const struct kp_bpf_kind connect4 = { .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET4_CONNECT };

#define ROW(name, title, since, needs, kind, returns, ...) ROW_OF(NULL, name, title, since, needs, kind, returns, __VA_ARGS__)
#define ROW_OF(kconfig_, name_, title_, since_, needs_, kind_, returns_, ...)                                                      \
	{                                                                                                                          \
		.id = "bpf.insn." name_, .title = title_, .kconfig = kconfig_, .since = since_, .needs = needs_, .by = &program,   \
		.arg = &(const struct kp_bpf_code)                                                                                 \
		{                                                                                                                  \
			.kind = &kind_, .returns = returns_, __VA_ARGS__                                                           \
		}                                                                                                                  \
	}
#define TC(name, title, since, returns, ...) ROW(name, title, since, "bpf.prog.sched_cls", kp_bpf_sched_cls, returns, __VA_ARGS__)
#define TYPED(name, title, since, returns, ...)                                                                                    \
	ROW(name, title, since, "bpf.prog.sched_cls bpf.btf.load", kp_bpf_sched_cls, returns, __VA_ARGS__)
/* What the interpreter refuses (fixup_call_args()). */
#define JIT "CONFIG_BPF_JIT"
#define JITTED(name, title, since, returns, ...)                                                                                   \
	ROW_OF(JIT, name, title, since, "bpf.prog.sched_cls bpf.btf.load", kp_bpf_sched_cls, returns, __VA_ARGS__)
#define XDP(name, title, since, ...) ROW(name, title, since, "bpf.prog.xdp", kp_bpf_xdp, NOT_RUN, __VA_ARGS__)
#define CONNECT(kind, prog, name, title, ...) ROW(name, title, "4.17", "bpf.prog." prog, kind, NOT_RUN, __VA_ARGS__)
#define NOT_RUN KP_CODE_NOT_RUN
#define DONE MOV(R0, 0), EXIT()
/* 5 in memory, 2 in R1; the operation; R0 = 10 * memory + R1. */
#define ATOMICALLY(size, op)                                                                                                       \
	KP_CODE(MOV(R0, 5), ST(KP_DW, R10, -8, 5), MOV(R1, 2), ATOMIC(size, op, R10, -8, R1), LDX(size, R0, R10, -8),              \
		ALU(0x20, R0, 10), ALUX(KP_ADD, R0, R1), EXIT())
#define FIELD(at) KP_CODE(LDX(KP_W, R0, R1, at), DONE)

static const struct kp_probe rows[] = {
	{ .id = "bpf.insn.control.negative",
	  .title = "an invented instruction",
	  .control = KP_NEGATIVE,
	  .by = &program,
	  .arg = &(const struct kp_bpf_code){ .kind = &(const struct kp_bpf_kind){ .type = KP_SOCKET_FILTER },
					      .returns = NOT_RUN,
					      KP_CODE(KP_I(0xff, R0, 0, 0, 0), DONE) } },
	{ .id = "bpf.insn.control.positive", .title = "the smallest program", .control = KP_POSITIVE, .by = &kp_bpf_load_any },

	/* Levels (-mcpu= of compilers). */
	TC("v1", "instruction set v1", "4.1", 42,
	   KP_CODE(LD64(R1, 0, 42), ALU(KP_RSH, R1, 31), ALU(KP_RSH, R1, 1), MOV(R0, 0), JMP(KP_JNE, R1, 42, 1), MOVX(R0, R1),
		   EXIT())),
	TC("v2", "instruction set v2: jumps if lower", "4.14", 3,
	   KP_CODE(MOV(R0, 0), MOV(R1, -1), JMP(KP_JLT, R1, 5, 3), JMP(KP_JSLT, R1, 5, 1), EXIT(), MOV(R0, 3), EXIT())),
	TC("v3", "instruction set v3: 32-bit jumps", "5.1", 3,
	   KP_CODE(MOV(R0, 0), LD64(R1, 5, 1), JMP(KP_JEQ, R1, 5, 2), JMP32(KP_JEQ, R1, 5, 1), EXIT(), MOV(R0, 3), EXIT())),
	TC("v4", "instruction set v4, whole", "6.6", 0x2ff,
	   KP_CODE(MOV(R0, 0), JMP(KP_JNE, R0, 0, 1), KP_I(0x06, 0, 0, 0, 1), EXIT(), /* gotol over the exit */
		   ST(KP_W, R10, -4, -7), LDSX(KP_W, R1, R10, -4),           /* R1 = -7, sign kept */
		   KP_I(0x37, R1, 0, 1, 2),                                  /* signed R1 / 2 = -3 */
		   MOV(R0, 0xff00), KP_I(0xd7, R0, 0, 0, 16),                /* bswap16 = 0x00ff */
		   KP_I(0xbf, R2, R0, 8, 0),                                 /* R2 = (s8)0xff = -1 */
		   ALUX(KP_SUB, R2, R1), ALU(KP_LSH, R2, 8), ALUX(KP_ADD, R0, R2), EXIT())), /* (-1 + 3) << 8 | 0xff */
	TC("v4.movsx", "v4: move with sign", "6.6", -1, KP_CODE(MOV(R1, 0xff), KP_I(0xbf, R0, R1, 8, 0), EXIT())),
	TC("v4.ldsx", "v4: load with sign", "6.6", -7, KP_CODE(ST(KP_W, R10, -4, -7), LDSX(KP_W, R0, R10, -4), EXIT())),
	TC("v4.bswap", "v4: unconditional byte swap", "6.6", 0xff, KP_CODE(MOV(R0, 0xff00), KP_I(0xd7, R0, 0, 0, 16), EXIT())),
	TC("v4.sdiv", "v4: signed division", "6.6", -3, KP_CODE(MOV(R0, -7), KP_I(0x37, R0, 0, 1, 2), EXIT())),
	TC("v4.gotol", "v4: long jump", "6.6", 4,
	   KP_CODE(MOV(R0, 4), JMP(KP_JNE, R0, 4, 1), KP_I(0x06, 0, 0, 0, 1), MOV(R0, 5), EXIT())),
	TC("may_goto", "loop that the kernel bounds", "6.9", 1, KP_CODE(MOV(R0, 1), KP_I(0xe5, 0, 0, 1, 0), MOV(R0, 1), EXIT())),

	/* Those with a result are v5.12, 5ca419f2864a and after; arm64's JIT has them since v5.18. */
	TC("atomic.add", "atomic addition", "4.1", 72, ATOMICALLY(KP_DW, KP_ADD)),
	TC("atomic.fetch_add", "atomic addition with the old value", "5.12", 75, ATOMICALLY(KP_DW, KP_ADD | KP_FETCH)),
	TC("atomic.fetch_or", "atomic or with the old value", "5.12", 75, ATOMICALLY(KP_DW, KP_OR | KP_FETCH)),
	TC("atomic.fetch_and", "atomic and with the old value", "5.12", 5, ATOMICALLY(KP_DW, KP_AND | KP_FETCH)),
	TC("atomic.xchg", "atomic exchange", "5.12", 25, ATOMICALLY(KP_DW, KP_XCHG)),
	TC("atomic.cmpxchg", "atomic exchange if equal", "5.12", 22, ATOMICALLY(KP_DW, KP_CMPXCHG)),
	TC("atomic.fetch_or32", "atomic or with the old value, 32 bits", "5.12", 75,
	   KP_CODE(ST(KP_W, R10, -4, 5), MOV(R1, 2), ATOMIC(KP_W, KP_OR | KP_FETCH, R10, -4, R1), LDX(KP_W, R0, R10, -4),
		   ALU(0x20, R0, 10), ALUX(KP_ADD, R0, R1), EXIT())),
	TC("atomic.load-acquire", "load-acquire and store-release", "6.15", 2,
	   KP_CODE(ST(KP_DW, R10, -8, 5), MOV(R1, 2), ATOMIC(KP_DW, KP_STORE_REL, R10, -8, R1),
		   ATOMIC(KP_DW, KP_LOAD_ACQ, R0, -8, R10), EXIT())),

	TC("bounded-loop", "loop with a known bound", "5.3", 10,
	   KP_CODE(MOV(R0, 0), ALU(KP_ADD, R0, 1), JMP(KP_JNE, R0, 10, -2), EXIT())),
	{ .id = "bpf.insn.large", .title = "a million instructions", .since = "5.2", .needs = "bpf.prog.sched_cls", .by = &large },

	/* Functions. */
	TC("func-call", "BPF-to-BPF calls", "4.16", 42,
	   KP_CODE(MOV(R1, 41), CALL_SUB(1), EXIT(), MOVX(R0, R1), ALU(KP_ADD, R0, 1), EXIT())),
	TYPED("func-call.global", "global functions, verified once", "5.6", 42, .func = 3, .global = true,
	      KP_CODE(MOV(R1, 41), CALL_SUB(1), EXIT(), MOV(R0, 42), EXIT())),
	TC("tail-call", "tail calls", "4.2", 7, .map = KP_CODE_PROGS,
	   KP_CODE(LD_MAP(R2, 0), MOV(R3, 0), CALL(H_tail_call), MOV(R0, 1), EXIT())),
	/* Both in one program: refused before v5.10 (e411901c0b77); takes a JIT that can (arm64: v6.0). */
	ROW_OF(JIT, "func-call.and-tail-call", "BPF-to-BPF calls and tail calls in one program", "5.10", "bpf.prog.sched_cls",
	       kp_bpf_sched_cls, 7, .map = KP_CODE_PROGS,
	       KP_CODE(MOVX(R6, R1), CALL_SUB(7), MOVX(R1, R6), LD_MAP(R2, 0), MOV(R3, 0), CALL(H_tail_call), MOV(R0, 1), EXIT(),
		       DONE)),
	/* Inside the function, whose caller goes on with what the tail returned. */
	JITTED("func-call.tail-call", "tail calls inside BPF-to-BPF calls", "5.10", 8, .map = KP_CODE_PROGS, .func = 3,
	       KP_CODE(CALL_SUB(2), ALU(KP_ADD, R0, 1), EXIT(), LD_MAP(R2, 0), MOV(R3, 0), CALL(H_tail_call), MOV(R0, 1), EXIT())),
	JITTED("callback.for_each_map_elem", "callback over the elements of a map", "5.13", 1, .map = KP_CODE_ARRAY, .func = 8,
	       KP_CODE(LD_MAP(R1, 0), LD_FUNC(R2, 5), MOV(R3, 0), MOV(R4, 0), CALL(H_for_each_map_elem), EXIT(), DONE)),
	JITTED("callback.loop", "callback as the body of a loop", "5.17", 4, .func = 7,
	       KP_CODE(MOV(R1, 4), LD_FUNC(R2, 5), MOV(R3, 0), MOV(R4, 0), CALL(H_loop), EXIT(), DONE)),
	{ .id = "bpf.insn.kfunc",
	  .title = "calls of kernel functions",
	  .kconfig = JIT,
	  .since = "6.2",
	  .needs = "bpf.prog.sched_cls bpf.btf.vmlinux",
	  .by = &kfunc },

	/* Data. */
	TC("global-data", "global variables", "5.2", 9, .map = KP_CODE_ARRAY,
	   KP_CODE(LD_MAP_VALUE(R1, 0, 0), ST(KP_W, R1, 0, 9), LDX(KP_W, R0, R1, 0), EXIT())),
	TC("global-data.rodata", "global constants (.rodata)", "5.2", 5, .map = KP_CODE_RODATA,
	   KP_CODE(LD_MAP_VALUE(R1, 0, 0), LDX(KP_W, R0, R1, 0), EXIT())),
	/* The 13th byte of the packet: the first of its EtherType, IPv4. */
	TC("packet-access", "direct reading of the packet", "4.7", 8,
	   KP_CODE(MOV(R0, 0), LDX(KP_W, R2, R1, 76), LDX(KP_W, R3, R1, 80), MOVX(R4, R2), ALU(KP_ADD, R4, 14),
		   JMPX(KP_JGT, R4, R3, 1), LDX(KP_B, R0, R2, 12), EXIT())),

	/* Fields of the context that Calico reads and writes. */
	TC("ctx.sk_buff", "fields of __sk_buff", "4.7", 0,
	   KP_CODE(LDX(KP_W, R0, R1, 0), LDX(KP_W, R0, R1, 8), LDX(KP_W, R0, R1, 16), LDX(KP_W, R0, R1, 36), LDX(KP_W, R0, R1, 40),
		   LDX(KP_W, R2, R1, 76), LDX(KP_W, R2, R1, 80), MOV(R3, 1), STX(KP_W, R1, 8, R3), STX(KP_W, R1, 48, R3),
		   STX(KP_W, R1, 52, R3), DONE)),
	TC("ctx.sk_buff.data_meta", "__sk_buff.data_meta", "4.15", 0, FIELD(140)),
	TC("ctx.sk_buff.gso_segs", "__sk_buff.gso_segs", "5.1", 0, FIELD(164)),
	TC("ctx.sk_buff.gso_size", "__sk_buff.gso_size", "5.7", 0, FIELD(176)),
	XDP("ctx.xdp_md", "fields of xdp_md", "4.16",
	    KP_CODE(LDX(KP_W, R2, R1, 0), LDX(KP_W, R2, R1, 4), LDX(KP_W, R2, R1, 8), LDX(KP_W, R0, R1, 12), DONE)),
	CONNECT(connect4, "cgroup_sock_addr", "ctx.bpf_sock_addr.ip4", "fields of bpf_sock_addr, IPv4",
		KP_CODE(LDX(KP_W, R2, R1, 4), LDX(KP_W, R2, R1, 24), LDX(KP_W, R2, R1, 32), STX(KP_W, R1, 4, R2),
			STX(KP_W, R1, 24, R2), DONE)),
	CONNECT(connect6, "cgroup_sock_addr.connect6", "ctx.bpf_sock_addr.ip6", "fields of bpf_sock_addr, IPv6",
		KP_CODE(LDX(KP_W, R2, R1, 8), LDX(KP_W, R2, R1, 20), LDX(KP_W, R2, R1, 24), STX(KP_W, R1, 8, R2),
			STX(KP_W, R1, 24, R2), DONE)),
};

const struct kp_family kp_family_bpf_insn = {
	.name = "bpf.insn",
	.title = "BPF instructions",
	.flags = KP_FAMILY_HOST_NETNS,
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
