/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The kernel's own description of its types, and what CO-RE programs ask of it before they dare: Calico's gates and others'. */
#include <errno.h>
#include <unistd.h>

#include "../btf.h"
#include "bpf.h"
#include "families.h"

/*
 * A file of the kernel's, so its errnos are the VFS's. v5.4 (341dfcf8d78e "btf: expose BTF info through sysfs") and
 * CONFIG_DEBUG_INFO_BTF make it; anybody may read it.
 */
static const struct kp_rule file_rules[] = {
	{ ENOENT, KP_ABSENT, "no /sys/kernel/btf/vmlinux: built without CONFIG_DEBUG_INFO_BTF, or sysfs is not mounted" },
	{ ENOTDIR, KP_ABSENT, "no /sys/kernel/btf/vmlinux: built without CONFIG_DEBUG_INFO_BTF" },
	{ EBADMSG, KP_BROKEN, "/sys/kernel/btf/vmlinux is no BTF" },
	{ 0 },
};

static void run_vmlinux(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_btf *btf;
	int rc = kp_btf_vmlinux(&btf);
	uint32_t n;

	(void)row;
	if (rc)
		return kp_fail(ctx, res, "read", KP_CALL_PLAIN, -rc);
	kp_detail_u(res, "bytes", btf->size);
	n = kp_btf_count(btf);
	kp_detail_u(res, "types", n);
	if (!n)
		return kp_broken(res, "parse", "the BTF has a type that does not fit, or of a kind that it does not describe");
	/* Every kernel has had it since before BTF; a description without it describes something else. */
	if (kp_btf_member(btf, "task_struct", "pid") < 0)
		return kp_broken(res, "struct task_struct", "the BTF has no member pid in struct task_struct");
	kp_works(res, "parse");
}

static const struct kp_method vmlinux = {
	.run = run_vmlinux,
	.asks = "/sys/kernel/btf/vmlinux, mapped or read, and every type in it walked over",
	.proves = "works: it parses to its end and knows task_struct.pid; absent: there is no such file; broken: it does not parse",
	.rules = file_rules,
};

/* What is looked for: struct type.name, or enumerator name of enum type, or function name. */
struct btf_arg {
	enum { BTF_FIELD, BTF_ENUMERATOR, BTF_FUNCTION } what;
	const char *type, *name;
};

static bool has(const struct kp_btf *btf, const struct btf_arg *a)
{
	switch (a->what) {
	case BTF_FIELD:
		return kp_btf_member(btf, a->type, a->name) >= 0;
	case BTF_ENUMERATOR:
		return kp_btf_enumerator(btf, a->type, a->name, NULL);
	case BTF_FUNCTION:
		break;
	}
	return kp_btf_find(btf, KP_KIND_FUNC, a->name, NULL);
}

static void run_look(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_btf *btf;
	int rc = kp_btf_vmlinux(&btf);

	if (rc)
		return kp_fail(ctx, res, "read", KP_CALL_PLAIN, -rc);
	if (!has(btf, row->arg))
		return kp_absent(res, "look up", "the kernel's BTF does not have it");
	kp_works(res, "look up");
}

static const struct kp_method look = {
	.run = run_look,
	.asks = "/sys/kernel/btf/vmlinux, searched for the name, as CO-RE's bpf_core_field_exists() and its sisters do",
	.proves = "works: it is there; absent: it is not, and programs that ask the same take their other way",
	.rules = file_rules,
};

/* The reader itself, on a blob in which the answer is known: must not stand on the kernel having any BTF. */
static void run_reader(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t words[5];
		uint32_t types[17];
		char names[16];
	} blob = {
		.magic = 0xeb9f,
		.version = 1,
		.words = { 24, 0, sizeof(blob.types), sizeof(blob.types), sizeof(blob.names) },
		/* 1: enum e { x = 7 }; 2: an anonymous union of an int f; 3: struct s around it */
		.types = { 1, 6u << 24 | 1, 4, 3, 7, 0, 5u << 24 | 1, 4, 5, 1, 0, 7, 4u << 24 | 1, 4, 0, 2, 0 },
		.names = "\0e\0x\0f\0s",
	};
	struct kp_btf btf;
	uint32_t value = 0;

	(void)ctx;
	(void)row;
	if (kp_btf_parse(&btf, &blob, sizeof(blob)) || kp_btf_count(&btf) != 3)
		return kp_broken(res, "parse", "the reader does not read its own sample");
	if (!kp_btf_enumerator(&btf, "e", "x", &value) || value != 7 || kp_btf_enumerator(&btf, "e", "y", NULL))
		return kp_broken(res, "enumerator", "the reader does not find what it must, or finds what is not there");
	if (kp_btf_member(&btf, "s", "f") != 0 || kp_btf_member(&btf, "s", "x") >= 0)
		return kp_broken(res, "member", "the reader does not find what it must, or finds what is not there");
	kp_works(res, "look up");
}

static const struct kp_method reader = {
	.run = run_reader,
	.asks = "our reader of BTF, about a sample of our own",
	.proves = "works: it finds what is in the sample and nothing else",
};

static void run_btf_load(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	int (*make)(void) = row->arg ? kp_bpf_btf_funcs : kp_bpf_btf_values;
	int fd = make();

	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_BTF_LOAD", -fd);
	close(fd);
	kp_works(res, "BPF_BTF_LOAD");
}

static const struct kp_method load = {
	.run = run_btf_load,
	.asks = "BPF_BTF_LOAD of a few types, as libbpf sends before every map with a spin lock or timer in its value",
	.proves = "works: taken; absent: EINVAL, no such command or no such kind of type",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL,
					   { EINVAL, KP_ABSENT,
					     "bpf(2) has no such command (it came with v4.18), or not these types" },
					   { 0 } },
	.gate = KP_BPF_GATE,
};

#define LOOK(id_, title_, since_, ...)                                                                                             \
	{                                                                                                                          \
		.id = "bpf.btf." id_, .title = title_, .since = since_, .kconfig = "CONFIG_DEBUG_INFO_BTF",                        \
		.needs = "bpf.btf.vmlinux", .by = &look, .arg = &(const struct btf_arg)                                            \
		{                                                                                                                  \
			__VA_ARGS__                                                                                                \
		}                                                                                                                  \
	}
#define FIELD(type, name, since) LOOK("field." type "." name, "struct " type " has " name, since, BTF_FIELD, type, name)
#define HELPER(name, since)                                                                                                        \
	LOOK("enum.BPF_FUNC_" name, "helper " name " by its number's name", since, BTF_ENUMERATOR, "bpf_func_id", "BPF_FUNC_" name)
#define KFUNC(name, since) LOOK("func." name, "function " name, since, BTF_FUNCTION, NULL, name)

static const struct kp_probe rows[] = {
	{ .id = "bpf.btf.control.negative",
	  .title = "an invented structure",
	  .control = KP_NEGATIVE,
	  .by = &look,
	  .arg = &(const struct btf_arg){ BTF_FIELD, "kp_no_such_struct", "kp_no_such_field" } },
	{ .id = "bpf.btf.control.positive", .title = "the reader of BTF", .control = KP_POSITIVE, .by = &reader },
	{ .id = "bpf.btf.vmlinux",
	  .title = "the kernel's BTF",
	  .since = "5.4",
	  .kconfig = "CONFIG_DEBUG_INFO_BTF",
	  .by = &vmlinux },
	{ .id = "bpf.btf.load", .title = "BTF of maps", .since = "4.18", .kconfig = "CONFIG_BPF_SYSCALL", .by = &load },
	{ .id = "bpf.btf.load.func-global",
	  .title = "BTF of global functions",
	  .since = "5.6",
	  .kconfig = "CONFIG_BPF_SYSCALL",
	  .by = &load,
	  .arg = "" },
	/* Calico's gates (felix/bpf-gpl): each chooses between two programs. */
	HELPER("redirect_peer", "5.10"),
	HELPER("trace_vprintk", "5.16"),
	HELPER("loop", "5.17"),
	HELPER("xdp_load_bytes", "5.18"),
	FIELD("bpf_fib_lookup", "mark", "6.10"),
	FIELD("__sk_buff", "gso_size", "5.7"),
	/* Others' (Cilium, Tetragon): functions that programs may call are in the BTF as such. */
	FIELD("sk_buff", "mark", "5.4"),
	FIELD("bpf_fib_lookup", "tbid", "6.5"),
	KFUNC("bpf_dynptr_from_skb", "6.4"),
	KFUNC("bpf_dynptr_from_xdp", "6.4"),
	KFUNC("bpf_xdp_metadata_rx_hash", "6.3"),
	KFUNC("bpf_sock_destroy", "6.5"),
	KFUNC("bpf_iter_num_new", "6.4"),
	KFUNC("bpf_rcu_read_lock", "6.2"),
};

const struct kp_family kp_family_bpf_btf = {
	.name = "bpf.btf",
	.title = "Kernel types (BTF)",
	.flags = KP_FAMILY_HOST_NETNS,
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
};
