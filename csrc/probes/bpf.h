/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What the families bpf.* share: bpf(2), kinds of programs, small maps and BTF, running a program. */
#ifndef KP_PROBES_BPF_H
#define KP_PROBES_BPF_H

#include "../probe.h"
#include "bpf_abi.h"

/* CAP_BPF and CAP_PERFMON (v5.8) are not enough for everything here; CAP_SYS_ADMIN in the initial user namespace always was. */
#define KP_BPF_GATE (KP_CAP_SYS_ADMIN | KP_GATE_INIT)

/* bpf_audit_prog(): v5.6, bae141f54be4 "bpf: Emit audit messages upon successful prog load and unload". */
#define KP_BPF_RECORDS "where auditing is on, an audit record (BPF) for each program loaded and again for each unloaded"

#define KP_ENOTSUPP 524 /* the kernel's own: NFS's, then everybody's */

/* kernel/sys_ni.c answers for a kernel without CONFIG_BPF_SYSCALL. Seccomp, which may say it as well, is classify.c's business. */
#define KP_BPF_NO_SYSCALL { ENOSYS, KP_ABSENT, "this kernel has no bpf(2): built without CONFIG_BPF_SYSCALL" }
/*
 * For positive controls: they must not stand on what may be absent. Where bpf(2) itself is absent every row of the family gets this
 * same answer, from the system call table, and that is a proof which needs no other.
 */
#define KP_BPF_NO_SYSCALL_CONTROL { ENOSYS, KP_WORKS, "there is no bpf(2) at all, and each row says so by the same errno" }

/* bpf(2). Returns what it returns, or -errno. The first call of a worker raises RLIMIT_MEMLOCK, which v5.11 stopped charging. */
long kp_bpf(enum kp_bpf_cmd cmd, void *attr, size_t size);
/* kp_fail() for a bpf(2) call: knows whether RLIMIT_MEMLOCK may be behind an EPERM. */
void kp_bpf_fail(struct kp_ctx *ctx, struct kp_result *res, const char *step, int err);

/* --- programs --- */

enum kp_bpf_target {
	KP_TARGET_NONE,
	KP_TARGET_FUNC,   /* attach_btf_id: a function in the kernel's BTF */
	KP_TARGET_RAW_TP, /* attach_btf_id: a typedef btf_trace_… */
	KP_TARGET_MEMBER, /* attach_btf_id: a struct of function pointers, attach type: number of its member */
	KP_TARGET_PROG,   /* attach_prog_fd: a program made for the purpose, attach_btf_id: its global function */
};

/* A program type in the form in which it is loaded. */
struct kp_bpf_kind {
	uint32_t type, attach, flags;
	enum kp_bpf_target target;
	const char *names;  /* of the target, blank-separated: the first that is there */
	const char *member; /* KP_TARGET_MEMBER */
	const char *license; /* NULL: GPL */
	int32_t retval;      /* of the minimal program; 0 but where the verifier wants another */
};

/* A kind made ready: what the load request needs besides instructions. Descriptors are the receiver's to close. */
struct kp_bpf_ready {
	struct kp_bpf_load_attr attr;
	struct kp_bpf_func_info func[2];
	int prog_fd, btf_fd;
};

#define KP_BPF_READY_INIT { .prog_fd = -1, .btf_fd = -1 }

/* Returns 0, -ENOENT when the kernel's BTF has no such target (or there is no BTF), or the -errno of what else failed. */
int kp_bpf_prepare(const struct kp_bpf_kind *kind, struct kp_bpf_ready *ret);
void kp_bpf_readyp(struct kp_bpf_ready *r);
#define kp_bpf_autoready __attribute__((cleanup(kp_bpf_readyp))) struct kp_bpf_ready

/* Loads @insns as @ready says. Returns a descriptor or -errno. */
int kp_bpf_load(struct kp_bpf_ready *ready, const struct kp_insn *insns, unsigned int n);
/*
 * kp_bpf_load() of a kind without target, after putting @fds in the places of LD_MAP and LD_MAP_VALUE. At most 128 instructions.
 * @func: where a second function begins, that BTF must describe (a callback, v5.13 69c087ba6225), as type @func_type; 0: none.
 */
int kp_bpf_load_maps(const struct kp_bpf_kind *kind, const struct kp_insn *insns, unsigned int n, const int *fds, unsigned int func,
		     unsigned int func_type);
/* Runs a program once over an IPv4 packet of 64 bytes. Returns 0 or -errno. */
int kp_bpf_run(int fd, uint32_t *ret_value);

/* Whether a program that the kernel takes is not compiled: no JIT, or net.core.bpf_jit_enable is 0. */
bool kp_bpf_interpreted(void);

extern const struct kp_bpf_kind kp_bpf_sched_cls, kp_bpf_xdp;
extern const struct kp_method kp_bpf_load_any; /* the positive control of programs */

/* --- maps --- */

int kp_bpf_map(const struct kp_bpf_map_attr *attr);
int kp_bpf_map_of(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags);
int kp_bpf_lookup(int fd, const void *key, void *ret_value, uint64_t flags);
int kp_bpf_update(int fd, const void *key, const void *value, uint64_t flags);
int kp_bpf_delete(int fd, const void *key);

/* --- BTF of our own, as descriptors --- */

enum { KP_BTF_INT = 1, KP_BTF_SPIN = 3, KP_BTF_TIMER = 6 }; /* types in kp_bpf_btf_values() */
enum { KP_BTF_MAIN = 4, KP_BTF_SUB = 5 };                   /* functions in kp_bpf_btf_funcs() */

/*
 * int; a value with a spin lock, { int x; struct bpf_spin_lock lock; }; a value with a timer, { long x; struct bpf_timer timer; }.
 */
int kp_bpf_btf_values(void);
/* int main(void), and a global int sub(int x). */
int kp_bpf_btf_funcs(void);
#define KP_BTF_SPIN_SIZE 8
#define KP_BTF_TIMER_SIZE 24

static inline uint64_t kp_ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

#endif
