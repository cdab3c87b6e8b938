/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Program types in the form in which they are loaded: attach types, targets in the kernel's BTF, and the load itself. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../btf.h"
#include "bpf.h"

const struct kp_bpf_kind kp_bpf_sched_cls = { .type = KP_SCHED_CLS }, kp_bpf_xdp = { .type = KP_XDP };

static uint32_t version_in(const char *text)
{
	unsigned long long v[3] = { 0, 0, 0 };

	for (unsigned int i = 0; i < 3; i++) {
		v[i] = kp_parse_u(&text);
		if (*text != '.')
			break;
		text++;
	}
	return (uint32_t)(v[0] << 16 | v[1] << 8 | (v[2] > 255 ? 255 : v[2]));
}

/*
 * Before v5.0 (6c4fc209fcf9 "bpf: remove useless version check for prog load") kprobe programs must say LINUX_VERSION_CODE. Ubuntu
 * and Debian keep the upstream version, which that is, away from uname's release.
 */
static uint32_t kernel_version(void)
{
	struct utsname u;
	char text[128];
	const char *p;

	if (kp_read_file("/proc/version_signature", text, sizeof(text)) > 0) {
		p = strrchr(text, ' ');
		return version_in(p ? p + 1 : text);
	}
	if (uname(&u))
		return 0;
	p = strstr(u.version, "Debian ");
	return version_in(p ? p + 7 : u.release);
}

/* Id of the first of @names that is there. */
static uint32_t find_first(const struct kp_btf *btf, enum kp_btf_kind kind, const char *names)
{
	char name[64];

	for (const char *p = names; kp_word(&p, name, sizeof(name));) {
		uint32_t id = kp_btf_find(btf, kind, name, NULL);

		if (id)
			return id;
	}
	return 0;
}

static int find_target(const struct kp_bpf_kind *kind, struct kp_bpf_load_attr *a)
{
	static const enum kp_btf_kind kinds[] = { [KP_TARGET_FUNC] = KP_KIND_FUNC,
						  [KP_TARGET_RAW_TP] = KP_KIND_TYPEDEF,
						  [KP_TARGET_MEMBER] = KP_KIND_STRUCT };
	const struct kp_btf *btf;
	int rc = kp_btf_vmlinux(&btf);

	if (rc)
		return rc;
	a->attach_btf_id = find_first(btf, kinds[kind->target], kind->names);
	if (!a->attach_btf_id)
		return -ENOENT;
	if (kind->target == KP_TARGET_MEMBER) {
		int n = kp_btf_member(btf, kind->names, kind->member);

		if (n < 0)
			return -ENOENT;
		a->attach_type = (uint32_t)n;
	}
	return 0;
}

/* A program with a global function (v5.6, be8704ff07d2 "bpf: Introduce dynamic program extensions"), which the kind replaces. */
static int make_target(struct kp_bpf_ready *r)
{
	static const struct kp_insn insns[] = { MOV(R1, 1), CALL_SUB(1), EXIT(), MOV(R0, 0), EXIT() };
	const struct kp_bpf_func_info funcs[] = { { 0, KP_BTF_MAIN }, { 3, KP_BTF_SUB } };
	struct kp_bpf_ready target = KP_BPF_READY_INIT;

	r->btf_fd = kp_bpf_btf_funcs();
	if (r->btf_fd < 0)
		return r->btf_fd;
	target.attr.type = KP_XDP;
	target.attr.btf_fd = (uint32_t)r->btf_fd;
	target.attr.func_info = kp_ptr(funcs);
	target.attr.func_info_size = sizeof(funcs[0]);
	target.attr.n_func_info = KP_ARRAY_SIZE(funcs);
	r->prog_fd = kp_bpf_load(&target, insns, KP_ARRAY_SIZE(insns));
	if (r->prog_fd < 0)
		return r->prog_fd;
	r->func[0] = (struct kp_bpf_func_info){ 0, KP_BTF_SUB };
	r->attr.btf_fd = (uint32_t)r->btf_fd;
	r->attr.func_info_size = sizeof(r->func[0]);
	r->attr.n_func_info = 1;
	r->attr.attach_prog_fd = (uint32_t)r->prog_fd;
	r->attr.attach_btf_id = KP_BTF_SUB;
	return 0;
}

int kp_bpf_prepare(const struct kp_bpf_kind *kind, struct kp_bpf_ready *ret)
{
	struct kp_bpf_load_attr *a = &ret->attr;

	memset(ret, 0, sizeof(*ret));
	ret->prog_fd = ret->btf_fd = -1;
	a->type = kind->type;
	a->attach_type = kind->attach;
	a->flags = kind->flags;
	a->license = kp_ptr(kind->license);
	if (kind->type == KP_KPROBE)
		a->kern_version = kernel_version();
	if (kind->target == KP_TARGET_PROG)
		return make_target(ret);
	return kind->target == KP_TARGET_NONE ? 0 : find_target(kind, a);
}

void kp_bpf_readyp(struct kp_bpf_ready *r)
{
	kp_closep(&r->prog_fd);
	kp_closep(&r->btf_fd);
}

int kp_bpf_load(struct kp_bpf_ready *ready, const struct kp_insn *insns, unsigned int n)
{
	struct kp_bpf_load_attr a = ready->attr;
	int rc = -EAGAIN;

	a.insns = kp_ptr(insns);
	a.n_insns = n;
	if (!a.license)
		a.license = kp_ptr("GPL");
	if (a.n_func_info && !a.func_info)
		a.func_info = kp_ptr(ready->func);
	/* EAGAIN: the verifier saw a signal pending (v5.1, c3494801cd17 "bpf: check pending signals while verifying programs"). */
	for (unsigned int tries = 0; rc == -EAGAIN && tries < 5; tries++)
		rc = (int)kp_bpf(KP_BPF_PROG_LOAD, &a, sizeof(a));
	return rc;
}

static int describe(struct kp_bpf_ready *r, unsigned int func, unsigned int func_type)
{
	r->btf_fd = kp_bpf_btf_funcs();
	if (r->btf_fd < 0)
		return r->btf_fd;
	r->func[0] = (struct kp_bpf_func_info){ 0, KP_BTF_MAIN };
	r->func[1] = (struct kp_bpf_func_info){ func, func_type };
	r->attr.btf_fd = (uint32_t)r->btf_fd;
	r->attr.func_info_size = sizeof(r->func[0]);
	r->attr.n_func_info = 2;
	return 0;
}

int kp_bpf_load_maps(const struct kp_bpf_kind *kind, const struct kp_insn *insns, unsigned int n, const int *fds, unsigned int func,
		     unsigned int func_type)
{
	kp_bpf_autoready r = KP_BPF_READY_INIT;
	struct kp_insn own[128];
	int rc = n > KP_ARRAY_SIZE(own) ? -EMSGSIZE : kp_bpf_prepare(kind, &r);

	if (!rc && func)
		rc = describe(&r, func, func_type);
	if (rc)
		return rc;
	memcpy(own, insns, n * sizeof(own[0]));
	for (unsigned int i = 0; i < n; i++)
		if (own[i].code == 0x18 && (KP_SRC(&own[i]) == 1 || KP_SRC(&own[i]) == 2))
			own[i].imm = fds[own[i].imm];
	return kp_bpf_load(&r, own, n);
}
