/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Which helpers may a program of some type call? An errno verdict, with arguments that cannot be read.
 *
 * The verifier looks at a call in this order (kernel/bpf/verifier.c, check_helper_call(), v3.18 to v7.3): is there a helper of that
 * number, may this type call it, may this program (licence, target, sleeping) — EINVAL each; then the arguments, from R1 on —
 * EACCES for one that was never written, before its type or value is looked at. What a helper wants of an argument differs by
 * kernel and has EINVAL among its errnos (v7.2, b1f7f67b74c2, made bpf_set_retval() such a one), so R1 must not be what it is when
 * a program starts, the context: a call of something without arguments before it makes R1 to R5 unreadable.
 *
 * Behind the call another register that was never written is read. So a helper without arguments ends in EACCES as well, and no
 * program of all these is ever loaded: no JIT, no audit record. EACCES is yes, EINVAL is no; anything else is told apart.
 * Two controls of each program type: a number that no helper has must be EINVAL, bpf_map_lookup_elem(), which all have, EACCES.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../btf.h"
#include "../kprobe.h"
#include "bpf_code.h"

#define ASK KP_I(0x85, 0, 0, 0, 0), MOVX(R0, R9), EXIT()

/* Ways to make R1 to R5 unreadable, and where the question stands in them. The last needs no helper; v4.16, cc8b0b92a169. */
static struct kp_insn ways[][6] = {
	{ CALL(H_get_prandom_u32), ASK },
	{ CALL(H_get_current_uid_gid), ASK }, /* bpf.prog.cgroup_device of v4.15 has this and little else */
	{ CALL_SUB(3), ASK, MOV(R0, 0), EXIT() },
};
static const unsigned int lengths[] = { 4, 4, 6 };

int kp_bpf_ask(struct kp_bpf_ready *r, const struct kp_bpf_ask *ask, unsigned int helper)
{
	int rc;

	ways[ask->way][1].imm = (int32_t)helper;
	rc = kp_bpf_load(r, ways[ask->way], lengths[ask->way]);
	if (rc >= 0) { /* cannot be: the last instruction but one is invalid */
		close(rc);
		return -EPROTO;
	}
	return rc == -EACCES ? 0 : rc;
}

int kp_bpf_ask_controls(struct kp_bpf_ready *r, struct kp_bpf_ask *ret)
{
	int rc = -EPROTO;

	for (ret->way = 0; ret->way < KP_ARRAY_SIZE(ways); ret->way++) {
		rc = kp_bpf_ask(r, ret, KP_BPF_INVENTED);
		if (rc != -EINVAL)
			return rc ? rc : -EPROTO;
		rc = kp_bpf_ask(r, ret, H_map_lookup_elem);
		if (rc != -EINVAL)
			return rc;
	}
	return rc;
}

/*
 * Lockdown answers for helpers as if they were not there: confidentiality for what reads kernel memory (v5.4, 9d1f8be5cf42),
 * integrity for probe_write_user() (v5.14, 51e1bb9eeaf7).
 */
enum lockdown { LOCKDOWN_NONE, LOCKDOWN_INTEGRITY, LOCKDOWN_CONFIDENTIALITY };

static enum lockdown lockdown(void)
{
	static const char file[] = "/sys/kernel/security/lockdown";
	static int known = -1;
	char text[64];

	if (known >= 0)
		return (enum lockdown)known;
	/* Containers have no securityfs mounted: have one of our own, where nobody else sees it. */
	if (kp_read_file(file, text, sizeof(text)) < 0 && !unshare(CLONE_NEWNS) &&
	    !mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) &&
	    !mount("securityfs", "/sys/kernel/security", "securityfs", MS_RDONLY, NULL))
		kp_read_file(file, text, sizeof(text));
	known = strstr(text, "[confidentiality]") ? LOCKDOWN_CONFIDENTIALITY
		: strstr(text, "[integrity]")     ? LOCKDOWN_INTEGRITY
						  : LOCKDOWN_NONE;
	return (enum lockdown)known;
}

static bool locked_down(unsigned int helper)
{
	static const uint8_t readers[] = { H_probe_read, H_probe_read_str, H_probe_read_kernel, H_probe_read_kernel_str };

	if (helper == H_probe_write_user)
		return lockdown() >= LOCKDOWN_INTEGRITY;
	return memchr(readers, (int)helper, sizeof(readers)) && lockdown() == LOCKDOWN_CONFIDENTIALITY;
}

/*
 * Asking for these has effects before the arguments are looked at: trace_printk and vprintk switch a trace event on and before v5.9
 * fill the log with a banner, probe_write_user warns of itself in the log; override_return marks the program.
 */
static bool has_effects(unsigned int helper)
{
	return helper == H_trace_printk || helper == H_trace_vprintk || helper == H_probe_write_user || helper == H_override_return;
}

struct tally {
	uint8_t bits[32]; /* helper N: bit N % 8 of byte N / 8 */
	unsigned int count, highest;
	char not_asked[32], denied[48], unclear[96];
};

static void append(char *list, size_t size, unsigned int helper, int err)
{
	char buf[16];

	if (*list)
		kp_cat(list, size, ",");
	kp_cat_u(list, size, helper);
	if (!err)
		return;
	kp_cat(list, size, ":");
	kp_cat(list, size, kp_errno_name(err, buf));
}

static void take(struct tally *t, unsigned int helper, int rc)
{
	if (!rc) {
		t->bits[helper / 8] |= (uint8_t)(1u << helper % 8);
		t->count++;
		t->highest = helper;
	} else if (rc != -EINVAL) {
		append(t->unclear, sizeof(t->unclear), helper, -rc);
	} else if (locked_down(helper)) {
		append(t->denied, sizeof(t->denied), helper, 0);
	}
}

/* The set as one number in hexadecimal, so that helper N is its bit N. */
static void print(struct kp_result *res, const struct tally *t)
{
	static const char hex[] = "0123456789abcdef";
	char text[65] = "";

	for (unsigned int i = 0; i < 32; i++) {
		text[2 * i] = hex[t->bits[31 - i] >> 4];
		text[2 * i + 1] = hex[t->bits[31 - i] & 15];
	}
	kp_detail(res, "helpers", text);
	kp_detail_u(res, "count", t->count);
	kp_detail_u(res, "highest", t->highest);
	if (t->not_asked[0])
		kp_detail(res, "not_asked", t->not_asked);
	if (t->denied[0])
		kp_detail(res, "denied_by_lockdown", t->denied);
	if (t->unclear[0])
		kp_detail(res, "unclear", t->unclear);
}

/*
 * One more than the last helper that this kernel numbers, where that is known without further reading: what has a target in the kernel's
 * BTF loads slowly before v6.2, which walks over all symbols each time, so nothing is asked in vain.
 */
static unsigned int end_of_helpers(const struct kp_bpf_kind *kind)
{
	const struct kp_btf *btf;
	uint32_t end;

	if (kind->target != KP_TARGET_FUNC || kp_btf_vmlinux(&btf) ||
	    !kp_btf_enumerator(btf, "bpf_func_id", "__BPF_FUNC_MAX_ID", &end))
		return KP_BPF_N_HELPERS;
	return end < KP_BPF_N_HELPERS ? end : KP_BPF_N_HELPERS;
}

static void run_inventory(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	bool intrusive = ctx->env->flags & KP_INTRUSIVE;
	kp_bpf_autoready r = KP_BPF_READY_INIT;
	/* What all types so far had is asked in a chain first: a guess, about which the kernel then says yes or no. */
	static uint8_t likely[32];
	static bool guess;
	uint8_t known[32] = { 0 };
	struct tally t = { .count = 0 };
	struct kp_bpf_ask ask;
	unsigned int end = end_of_helpers(row->arg);
	int rc = kp_bpf_prepare(row->arg, &r);

	if (!rc)
		rc = kp_bpf_ask_controls(&r, &ask);
	if (rc == -EPROTO)
		return kp_unknown(res, "control", "an invented helper is taken, so no answer can be believed: please report it");
	if (rc == -EINVAL)
		return kp_unknown(
			res, "control",
			"bpf_map_lookup_elem() is refused, which all types have, so no answer can be believed: please report it");
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -rc);
	if (guess)
		kp_bpf_chain(&r, likely, known);
	for (unsigned int helper = 1; helper < end; helper++) {
		if (has_effects(helper) && !intrusive)
			append(t.not_asked, sizeof(t.not_asked), helper, 0);
		else if (known[helper / 8] >> helper % 8 & 1)
			take(&t, helper, 0);
		else
			take(&t, helper, kp_bpf_ask(&r, &ask, helper));
	}
	print(res, &t);
	for (unsigned int i = 0; i < sizeof(likely); i++)
		likely[i] = guess ? likely[i] & t.bits[i] : t.bits[i];
	guess = true;
	kp_works(res, "BPF_PROG_LOAD");
}

#define NAME(name) #name " "
static const struct kp_bits bits = { "helpers", KP_BPF_HELPERS(NAME) };

const struct kp_method kp_bpf_inventory = {
	.run = run_inventory,
	.asks = "BPF_PROG_LOAD with a call of each helper, its arguments made unreadable, behind a control of an invented "
		"helper and one of bpf_map_lookup_elem(); no program gets loaded",
	.proves = "works: the controls held, and detail.helpers has bit N for helper N: EACCES, its arguments were looked at; "
		  "EINVAL is no bit",
	.gate = KP_BPF_GATE,
	.bits = &bits,
};

/* One question to the first type there is. */
static void ask_one(struct kp_ctx *ctx, struct kp_result *res, unsigned int helper)
{
	static const uint32_t types[] = { KP_SOCKET_FILTER, KP_KPROBE, KP_TRACEPOINT };
	int rc = -EINVAL;

	for (size_t i = 0; rc == -EINVAL && i < KP_ARRAY_SIZE(types); i++) {
		const struct kp_bpf_kind kind = { .type = types[i] };
		kp_bpf_autoready r = KP_BPF_READY_INIT;

		kp_bpf_prepare(&kind, &r);
		for (struct kp_bpf_ask ask = { 0 }; rc == -EINVAL && ask.way < KP_ARRAY_SIZE(ways); ask.way++)
			rc = kp_bpf_ask(&r, &ask, helper);
	}
	if (rc)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -rc);
	kp_works(res, "BPF_PROG_LOAD");
}

static void run_invented(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)row;
	ask_one(ctx, res, KP_BPF_INVENTED);
}

static void run_known(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	(void)row;
	ask_one(ctx, res, H_map_lookup_elem);
}

const struct kp_method kp_bpf_ask_invented = {
	.run = run_invented,
	.asks = "the question of the inventory, about a number that no helper has",
	.proves = "absent: EINVAL, and not the EACCES of unreadable arguments",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL, { EINVAL, KP_ABSENT, "no such helper" }, { 0 } },
	.gate = KP_BPF_GATE,
};

const struct kp_method kp_bpf_ask_known = {
	.run = run_known,
	.asks = "the question of the inventory, about bpf_map_lookup_elem(), the first helper there was",
	.proves = "works: EACCES, its arguments were looked at; or there is no bpf(2) at all",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL_CONTROL, { EINVAL, KP_ABSENT, "no such helper" }, { 0 } },
	.gate = KP_BPF_GATE,
};
