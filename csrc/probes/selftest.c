/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Rows that misbehave, for the tests of the engine. Only in the test build (-DKP_SELFTEST). */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "families.h"

static void run_fine(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)ctx;
	(void)row;
	kp_detail_u(res, "pid", (unsigned long long)getpid());
	kp_works(res, "nothing");
}

static void run_hang(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)ctx;
	(void)row;
	(void)res;
	for (;;)
		pause();
}

static void run_crash(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)ctx;
	(void)row;
	(void)res;
	raise(SIGSEGV);
}

static void run_killed(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)ctx;
	(void)row;
	(void)res;
	raise(SIGKILL); /* as the out-of-memory killer does */
}

static void run_leave(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)ctx;
	(void)row;
	(void)res;
	_exit(0);
}

static void run_starve(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct rlimit little = { .rlim_cur = 1, .rlim_max = 1 };

	(void)row;
	setrlimit(RLIMIT_AS, &little);
	if (mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return kp_fail(ctx, res, "mmap", KP_CALL_PLAIN, errno);
	kp_works(res, "mmap");
}

static void run_fail(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	kp_fail(ctx, res, "ask", KP_CALL_PLAIN, *(const int *)row->arg);
}

/* clang-format off */
#define METHOD(name) static const struct kp_method name = { .run = run_##name, .asks = "nothing", .proves = "nothing" }
METHOD(fine);
METHOD(hang);
METHOD(crash);
METHOD(killed);
METHOD(leave);
METHOD(starve);
METHOD(fail);
/* clang-format on */

#define ROW(name, ...) { .id = "selftest." name, .title = name, __VA_ARGS__ }

/* clang-format off */
static const struct kp_probe rows[] = {
	ROW("control.negative", .control = KP_NEGATIVE, .by = &fail, .arg = &(const int){ ENXIO },
	    .rules = (const struct kp_rule[]){ { ENXIO, KP_ABSENT, "invented" }, { 0 } }),
	ROW("control.positive", .control = KP_POSITIVE, .by = &fine),
	ROW("hang", .by = &hang),
	ROW("after-hang", .by = &fine),
	ROW("crash", .by = &crash),
	ROW("after-crash", .by = &fine),
	ROW("killed", .by = &killed),
	ROW("exit", .by = &leave),
	ROW("starve", .by = &starve),
	ROW("after-starve", .by = &fine),
	ROW("unruled", .by = &fail, .arg = &(const int){ EDOM }),
	ROW("needs-unknown", .by = &fine, .needs = "selftest.crash"),
	ROW("needs-works", .by = &fine, .needs = "selftest.after-crash"),
	ROW("last", .by = &fine),
};
/* clang-format on */

const struct kp_family kp_family_selftest = {
	.name = "selftest",
	.title = "Misbehaving rows",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
};

/* A negative control that works: nothing of its family may be believed. */
/* clang-format off */
static const struct kp_probe void_rows[] = {
	{ .id = "selftest-void.control.negative", .title = "a control that contradicts", .control = KP_NEGATIVE, .by = &fine },
	{ .id = "selftest-void.control.positive", .title = "a control", .control = KP_POSITIVE, .by = &fine },
	{ .id = "selftest-void.row", .title = "a row", .by = &fine },
};
/* clang-format on */

const struct kp_family kp_family_selftest_void = {
	.name = "selftest-void",
	.title = "A family that is void",
	.rows = void_rows,
	.n_rows = KP_ARRAY_SIZE(void_rows),
};

/* A positive control that could not be answered: no `absent` may be believed. */
/* clang-format off */
static const struct kp_probe doubt_rows[] = {
	{ .id = "selftest-doubt.control.positive", .title = "a control without an answer", .control = KP_POSITIVE, .by = &fail,
	  .arg = &(const int){ EDOM } },
	{ .id = "selftest-doubt.control.negative", .title = "a control", .control = KP_NEGATIVE, .by = &fail, .arg = &(const int){ ENXIO },
	  .rules = (const struct kp_rule[]){ { ENXIO, KP_ABSENT, "invented" }, { 0 } } },
	{ .id = "selftest-doubt.absent", .title = "a no", .by = &fail, .arg = &(const int){ ENXIO },
	  .rules = (const struct kp_rule[]){ { ENXIO, KP_ABSENT, "invented" }, { 0 } } },
	{ .id = "selftest-doubt.works", .title = "a yes", .by = &fine },
};
/* clang-format on */

const struct kp_family kp_family_selftest_doubt = {
	.name = "selftest-doubt",
	.title = "A family in doubt",
	.rows = doubt_rows,
	.n_rows = KP_ARRAY_SIZE(doubt_rows),
};
