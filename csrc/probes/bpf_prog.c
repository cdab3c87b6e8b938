/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Program types: the smallest program of each, loaded as what it would be attached as. */
#include <errno.h>
#include <unistd.h>

#include "bpf.h"
#include "families.h"

/*
 * find_prog_type() says EINVAL for a type that is not built in, before it looks at anything else. The program behind it, "return
 * 0", is valid in all of them, so no other EINVAL is to be had. E2BIG: expected_attach_type is set and the kernel's request is
 * shorter (v4.17, 5e43f899b03a "bpf: Check attach type at prog load time"), so it has no such type either.
 */
static const struct kp_rule rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel has no such program type, or not this way to attach it" },
	{ E2BIG, KP_ABSENT, "this kernel is older than a field of the request" },
	{ KP_ENOTSUPP, KP_ABSENT, "the kernel's BTF has the structure, but no program may implement it" },
	{ 0 },
};

static void run_load(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_kind *kind = row->arg;
	const struct kp_insn insns[] = { MOV(R0, kind->retval), EXIT() };
	kp_bpf_autoready r = KP_BPF_READY_INIT;
	int rc = kp_bpf_prepare(kind, &r), fd;

	if (rc == -ENOENT)
		return kp_absent(res, "attach target", "the kernel's BTF names nothing that such a program could be attached to");
	if (rc)
		return kp_bpf_fail(ctx, res, "attach target", -rc);
	fd = kp_bpf_load(&r, insns, KP_ARRAY_SIZE(insns));
	/*
	 * Without CONFIG_BPF_JIT there are no trampolines, and bpf_trampoline_get() is a stub that looks like a lack of memory to
	 * its caller (v5.5, fec56f5890d9 "bpf: Introduce BPF trampoline"). Memory is not short when another program is taken at once.
	 */
	if (fd == -ENOMEM && kind->target == KP_TARGET_FUNC && kp_bpf_interpreted())
		return kp_absent(res, "BPF_PROG_LOAD",
				 "programs are interpreted here, and without a JIT there is no such attaching");
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -fd);
	close(fd);
	/* The module loads programs without being in the list of active ones; they are never called then. */
	if (kind->type == KP_LSM && ctx->env->lsm[0])
		kp_detail(res, "active", kp_glob("*bpf*", ctx->env->lsm) ? "yes" : "no: \"bpf\" is not in lsm=");
	kp_works(res, "BPF_PROG_LOAD");
}

static const struct kp_method load = {
	.run = run_load,
	.asks = "BPF_PROG_LOAD of the smallest program of this type, with the attach type or target that it takes",
	.proves = "works: the verifier took it; absent: EINVAL, no such type, or the kernel's BTF has no target for it",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

/* Any of the first types will do: RHEL 7's 3.10 has those for tracing and no socket filter. */
static void run_any(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const uint32_t types[] = { KP_SOCKET_FILTER, KP_KPROBE, KP_TRACEPOINT };
	static const struct kp_insn insns[] = { MOV(R0, 0), EXIT() };
	int fd = -1;

	(void)row;
	for (size_t i = 0; fd < 0 && fd != -ENOSYS && i < KP_ARRAY_SIZE(types); i++) {
		const struct kp_bpf_kind kind = { .type = types[i] };
		kp_bpf_autoready r = KP_BPF_READY_INIT;

		kp_bpf_prepare(&kind, &r);
		fd = kp_bpf_load(&r, insns, KP_ARRAY_SIZE(insns));
	}
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -fd);
	close(fd);
	kp_works(res, "BPF_PROG_LOAD");
}

const struct kp_method kp_bpf_load_any = {
	.run = run_any,
	.asks = "BPF_PROG_LOAD of \"return 0\" as a socket filter; where that is unknown as a kprobe or tracepoint program",
	.proves = "works: one was taken, or there is no bpf(2) at all",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL_CONTROL, { EINVAL, KP_ABSENT, "not one of them" }, { 0 } },
	.gate = KP_BPF_GATE,
};

#define PROG(name_, title_, since_, kconfig_, needs_, ...)                                                                         \
	{ .id = "bpf.prog." name_,                                                                                                 \
	  .title = title_,                                                                                                         \
	  .since = since_,                                                                                                         \
	  .kconfig = kconfig_,                                                                                                     \
	  .needs = needs_,                                                                                                         \
	  .by = &load,                                                                                                             \
	  .arg = &(const struct kp_bpf_kind){ __VA_ARGS__ } },
#define BOTH PROG

static const struct kp_probe rows[] = {
	{ .id = "bpf.prog.control.negative",
	  .title = "an invented program type",
	  .control = KP_NEGATIVE,
	  .by = &load,
	  .arg = &(const struct kp_bpf_kind){ .type = 0x7fff } },
	{ .id = "bpf.prog.control.positive",
	  .title = "a program type that every kernel with bpf(2) has",
	  .control = KP_POSITIVE,
	  .by = &kp_bpf_load_any },
#include "bpf_kinds.h"
};

const struct kp_family kp_family_bpf_prog = {
	.name = "bpf.prog",
	.title = "BPF program types",
	.flags = KP_FAMILY_HOST_NETNS,
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
