/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* BPF as a whole: the system call, the JIT, running, pinning, and what only a run tells. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf_code.h"
#include "families.h"

static const struct kp_rule rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel does not know the command, flag or type" },
	{ E2BIG, KP_ABSENT, "this kernel is older than a field of the request" },
	{ KP_ENOTSUPP, KP_ABSENT, "this kernel cannot do that with such a program" },
	{ EOPNOTSUPP, KP_ABSENT, "switched off in this kernel" },
	{ ENODEV, KP_ABSENT, "no such file system" },
	{ 0 },
};

/* --- the system call --- */

/* An array, since v3.18's bpf(2) had no map type and nothing to be asked for: that one is as good as none. */
static void run_syscall(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const uint32_t *cmd = row->arg;
	struct kp_bpf_map_attr a = { .type = KP_MAP_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };
	long rc = kp_bpf((enum kp_bpf_cmd) * cmd, &a, sizeof(a));
	static const char *const sysctls[][2] = {
		{ "unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled" },
		{ "bpf_stats_enabled", "/proc/sys/kernel/bpf_stats_enabled" },
	};
	char text[24];

	if (rc < 0)
		return kp_bpf_fail(ctx, res, "bpf", (int)-rc);
	close((int)rc);
	for (size_t i = 0; i < KP_ARRAY_SIZE(sysctls); i++) {
		long n = kp_read_file(sysctls[i][1], text, sizeof(text));

		if (n > 0 && text[n - 1] == '\n')
			text[n - 1] = '\0';
		if (n > 0)
			kp_detail(res, sysctls[i][0], text);
	}
	kp_works(res, "bpf");
}

static const struct kp_method syscall_itself = {
	.run = run_syscall,
	.asks = "BPF_MAP_CREATE of an array, the first thing bpf(2) could do",
	.proves = "works: made; absent: ENOSYS, or EINVAL",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method syscall_control = {
	.run = run_syscall,
	.asks = "BPF_MAP_CREATE of an array",
	.proves = "works: made, or there is no bpf(2) at all",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL_CONTROL, { EINVAL, KP_ABSENT, "not even arrays" }, { 0 } },
	.gate = KP_BPF_GATE,
};

/* --- programs that run --- */

static const struct kp_insn returns_42[] = { MOV(R0, 42), EXIT() };

static void run_test_run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_kind *kind = row->arg;
	kp_autoclose fd = kp_bpf_load_maps(kind, returns_42, KP_ARRAY_SIZE(returns_42), NULL, 0, 0);
	uint32_t got;
	int rc;

	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -fd);
	rc = kp_bpf_run(fd, &got);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_PROG_TEST_RUN", -rc);
	if (got != 42)
		return kp_broken(res, "BPF_PROG_TEST_RUN", "a program that returns 42 returned something else");
	kp_works(res, "BPF_PROG_TEST_RUN");
}

static const struct kp_method test_run = {
	.run = run_test_run,
	.asks = "BPF_PROG_TEST_RUN of a program that returns 42, over a small packet",
	.proves = "works: 42; absent: EINVAL or errno 524; broken: something else",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

static int prog_info(int fd, struct kp_bpf_prog_info *ret)
{
	struct kp_bpf_info_attr a = { .fd = (uint32_t)fd, .len = sizeof(*ret), .info = kp_ptr(ret) };

	memset(ret, 0, sizeof(*ret));
	return (int)kp_bpf(KP_BPF_INFO, &a, sizeof(a));
}

bool kp_bpf_interpreted(void)
{
	kp_autoclose fd = kp_bpf_load_maps(&kp_bpf_sched_cls, returns_42, KP_ARRAY_SIZE(returns_42), NULL, 0, 0);
	struct kp_bpf_prog_info info;

	return fd >= 0 && !prog_info(fd, &info) && !info.jited_len;
}

static void run_info(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose fd = kp_bpf_load_maps(&kp_bpf_sched_cls, returns_42, KP_ARRAY_SIZE(returns_42), NULL, 0, 0);
	struct kp_bpf_prog_info info;
	uint32_t by_id[3] = { 0, 0, 0 };
	kp_autoclose again = -1;
	int rc;

	(void)row;
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -fd);
	rc = prog_info(fd, &info);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_OBJ_GET_INFO_BY_FD", -rc);
	if (info.type != KP_SCHED_CLS || !info.id)
		return kp_broken(res, "BPF_OBJ_GET_INFO_BY_FD", "the program's type or id is not what was loaded");
	by_id[0] = info.id;
	again = (int)kp_bpf(KP_BPF_PROG_FD_BY_ID, by_id, sizeof(by_id));
	if (again < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_GET_FD_BY_ID", -again);
	kp_works(res, "BPF_PROG_GET_FD_BY_ID");
}

static const struct kp_method properties = {
	.run = run_info,
	.asks = "BPF_OBJ_GET_INFO_BY_FD of a program, then BPF_PROG_GET_FD_BY_ID with the id from it",
	.proves = "works: type and id are right and the id gives a descriptor; absent: EINVAL, no such command",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

static void run_jit(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const char *const names[] = { "bpf_jit_enable", "bpf_jit_harden", "bpf_jit_kallsyms", "bpf_jit_limit" };
	kp_autoclose fd = kp_bpf_load_maps(&kp_bpf_sched_cls, returns_42, KP_ARRAY_SIZE(returns_42), NULL, 0, 0);
	struct kp_bpf_prog_info info;
	int rc;

	(void)row;
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++) {
		char path[64] = "/proc/sys/net/core/", text[24];
		long n;

		kp_cat(path, sizeof(path), names[i]);
		n = kp_read_file(path, text, sizeof(text));
		if (n > 0 && text[n - 1] == '\n')
			text[n - 1] = '\0';
		if (n > 0)
			kp_detail(res, names[i], text);
	}
	if (fd < 0)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -fd);
	rc = prog_info(fd, &info);
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_OBJ_GET_INFO_BY_FD", -rc);
	kp_detail_u(res, "jited_bytes", info.jited_len);
	if (!info.jited_len)
		return kp_absent(res, "jited_prog_len",
				 "programs are interpreted: net.core.bpf_jit_enable is 0, or this architecture has no JIT");
	kp_works(res, "jited_prog_len");
}

static const struct kp_method jit = {
	.run = run_jit,
	.asks = "the length of a program's machine code by BPF_OBJ_GET_INFO_BY_FD; net.core.bpf_jit_* besides",
	.proves = "works: it has machine code; absent: it has none",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

/*
 * bpf_fib_lookup() at run time: a flag that it does not know makes it return EINVAL, which Calico takes for "ask the stack", so
 * packets silently go the slow way. Asked with no flag (must not be EINVAL), with one of the last bit (must), then with the one in
 * question.
 */
static int fib_lookup(uint32_t flags, int32_t *ret)
{
	const struct kp_insn insns[] = {
		ST(KP_DW, R10, -64, 0),
		ST(KP_DW, R10, -56, 0),
		ST(KP_DW, R10, -48, 0),
		ST(KP_DW, R10, -40, 0),
		ST(KP_DW, R10, -32, 0),
		ST(KP_DW, R10, -24, 0),
		ST(KP_DW, R10, -16, 0),
		ST(KP_DW, R10, -8, 0),
		ST(KP_B, R10, -64, 2 /* AF_INET */),
		ST(KP_W, R10, -56, 1 /* lo */),
		ST(KP_B, R10, -32, 127),
		MOVX(R2, R10),
		ALU(KP_ADD, R2, -64),
		MOV(R3, 64),
		MOV32(R4, (int32_t)flags),
		CALL(H_fib_lookup),
		EXIT(),
	};
	kp_autoclose fd = kp_bpf_load_maps(&kp_bpf_sched_cls, insns, KP_ARRAY_SIZE(insns), NULL, 0, 0);

	return fd < 0 ? fd : kp_bpf_run(fd, (uint32_t *)ret);
}

static void run_fib(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const uint32_t asked[] = { 0, 1u << 31, *(const uint32_t *)row->arg };
	int32_t got[3] = { 0, 0, 0 };

	for (unsigned int i = 0; i < 3; i++) {
		int rc = fib_lookup(asked[i], &got[i]);

		if (rc)
			return kp_bpf_fail(ctx, res, "run bpf_fib_lookup()", -rc);
	}
	if (got[0] < 0 || got[1] != -EINVAL)
		return kp_unknown(res, "control",
				  "bpf_fib_lookup() without a flag fails, or takes an invented one, so no answer can be believed");
	if (got[2] == -EINVAL) {
		res->err = EINVAL;
		return kp_absent(res, "bpf_fib_lookup()",
				 "the helper returns EINVAL for the flag when it runs, whatever the packet");
	}
	kp_detail_u(res, "returned", (uint32_t)got[2]);
	kp_works(res, "bpf_fib_lookup()");
}

static const struct kp_method fib = {
	.run = run_fib,
	.asks = "BPF_PROG_TEST_RUN of a tc classifier that calls bpf_fib_lookup() without a flag, with an invented one, and with "
		"this one",
	.proves = "works: any result but EINVAL; absent: EINVAL, as for the invented flag",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

/* --- bpffs and tokens --- */

/*
 * A bpffs of our own in a mount namespace of our own, over a directory that nothing here needs any more: the last rows of the
 * worker.
 */
static int own_bpffs(const char **ret_dir)
{
	static const char *const dirs[] = { "/sys/fs/bpf", "/sys/fs", "/mnt", "/tmp" };

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return -errno;
	for (size_t i = 0; i < KP_ARRAY_SIZE(dirs); i++) {
		*ret_dir = dirs[i];
		if (!mount("bpffs", dirs[i], "bpf", 0, NULL))
			return 0;
		if (errno != ENOENT)
			return -errno;
	}
	return -ENOENT;
}

static void run_pin(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_autoclose map = kp_bpf_map_of(KP_MAP_ARRAY, 4, 4, 1, 0), again = -1;
	uint32_t key = 0, value = 77;
	struct kp_bpf_obj_attr a = { 0 };
	const char *dir = "";
	char path[64];
	int rc;

	(void)row;
	if (map < 0)
		return kp_bpf_fail(ctx, res, "BPF_MAP_CREATE", -map);
	rc = own_bpffs(&dir);
	if (rc)
		return kp_bpf_fail(ctx, res, "mount bpffs", -rc);
	kp_copy(path, sizeof(path), dir);
	kp_cat(path, sizeof(path), "/kprobe");
	a.path = kp_ptr(path);
	a.fd = (uint32_t)map;
	rc = (int)kp_bpf(KP_BPF_OBJ_PIN, &a, sizeof(a));
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_OBJ_PIN", -rc);
	a.fd = 0;
	again = (int)kp_bpf(KP_BPF_OBJ_GET, &a, sizeof(a));
	unlink(path);
	if (again < 0)
		return kp_bpf_fail(ctx, res, "BPF_OBJ_GET", -again);
	rc = kp_bpf_update(map, &key, &value, 0);
	value = 0;
	if (!rc)
		rc = kp_bpf_lookup(again, &key, &value, 0);
	if (rc)
		return kp_bpf_fail(ctx, res, "read-back", -rc);
	if (value != 77)
		return kp_broken(res, "read-back", "what was pinned and what was got are two maps");
	kp_works(res, "read-back");
}

static const struct kp_method pin = {
	.run = run_pin,
	.asks = "mount(2) of a bpffs in a mount namespace of our own, BPF_OBJ_PIN of a map there, BPF_OBJ_GET",
	.proves = "works: written through one descriptor and read through the other; absent: ENODEV, no bpffs, or EINVAL",
	.rules = rules,
	.gate = KP_BPF_GATE,
};

/*
 * BPF_TOKEN_CREATE looks at its descriptor first (v6.9, 35f96de04127): one that is not open is EBADF, where an unknown command is
 * EINVAL.
 */
static void run_token(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	uint32_t a[4] = { 0, 0x7fffffff };

	(void)row;
	kp_bpf_fail(ctx, res, "BPF_TOKEN_CREATE", (int)-kp_bpf(KP_BPF_TOKEN_CREATE, a, sizeof(a)));
}

static const struct kp_method token = {
	.run = run_token,
	.asks = "BPF_TOKEN_CREATE with a descriptor that is not open",
	.proves = "works: EBADF, the command looked at its descriptor; absent: EINVAL, no such command",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL,
					   { EBADF, KP_WORKS, "the command looked for the bpffs, so there is such a command" },
					   { EINVAL, KP_ABSENT, "bpf(2) has no such command" },
					   { 0 } },
	.gate = KP_BPF_GATE,
};

#define FIB(name_, title_, since_, flags_)                                                                                         \
	{                                                                                                                          \
		.id = "bpf.fib_lookup." name_, .title = title_, .since = since_, .needs = "bpf.test-run", .by = &fib,              \
		.arg = &(const uint32_t)                                                                                           \
		{                                                                                                                  \
			flags_                                                                                                     \
		}                                                                                                                  \
	}

static const struct kp_probe rows[] = {
	{ .id = "bpf.control.negative",
	  .title = "an invented command",
	  .control = KP_NEGATIVE,
	  .by = &syscall_itself,
	  .arg = &(const uint32_t){ 0x7fff } },
	{ .id = "bpf.control.positive",
	  .title = "the system call",
	  .control = KP_POSITIVE,
	  .by = &syscall_control,
	  .arg = &(const uint32_t){ 0 } },
	{ .id = "bpf.syscall",
	  .title = "bpf(2)",
	  .since = "3.18",
	  .kconfig = "CONFIG_BPF_SYSCALL",
	  .by = &syscall_itself,
	  .arg = &(const uint32_t){ 0 } },
	{ .id = "bpf.test-run",
	  .title = "running a tc classifier for a test",
	  .since = "4.12",
	  .by = &test_run,
	  .arg = &kp_bpf_sched_cls },
	{ .id = "bpf.test-run.xdp",
	  .title = "running an XDP program for a test",
	  .since = "4.12",
	  .by = &test_run,
	  .arg = &kp_bpf_xdp },
	{ .id = "bpf.prog.info", .title = "a program's properties, and programs by id", .since = "4.13", .by = &properties },
	{ .id = "bpf.jit", .title = "just-in-time compiler", .since = "4.13", .kconfig = "CONFIG_BPF_JIT", .by = &jit },
	FIB("direct", "route look-up past the rules", "4.18", 1u << 0),
	FIB("output", "route look-up for output", "4.18", 1u << 1),
	/* Calico since 3.30, unconditionally. */
	FIB("skip-neigh", "route look-up without the neighbour", "6.3", 1u << 2),
	FIB("src", "route look-up that gives the source address", "6.7", 1u << 4),
	FIB("mark", "route look-up by mark", "6.10", 1u << 5),
	{ .id = "bpf.token", .title = "delegation of BPF by token", .since = "6.9", .by = &token },
	/* Filling a bpffs asks for bpf_preload where the kernel has it: v5.10, d71fa5c9763c. */
	{ .id = "bpf.pin", .title = "bpffs: pinning and getting", .modules = "bpf_preload", .since = "4.4", .by = &pin },
};

const struct kp_family kp_family_bpf = {
	.name = "bpf",
	.title = "BPF",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
