/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* One row: two programs, and the same deed before them, under each, and after them. What is seen and what they counted decides. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../place.h"
#include "attach.h"
#include "route.h"

/* --- programs --- */

#define SKB_LEN 0
#define SKB_FLOW_KEYS 144 /* struct __sk_buff, v4.20 d58e468b1112 */
#define XDP_DATA 0
#define XDP_DATA_END 4
#define SOCK_OPS_OP 0
#define OP_ACTIVE_ESTABLISHED 4
#define SOCK_ADDR_PORT 24
#define SK_LOOKUP_LOCAL_PORT 60
#define KEYS_NHOFF 0 /* struct bpf_flow_keys */
#define KEYS_THOFF 2
#define KEYS_IP_PROTO 9
#define KEYS_N_PROTO 10
#define F_INGRESS 1 /* BPF_F_INGRESS, v4.18 fa246693a111 */

struct code {
	struct kp_insn insn[64];
	unsigned int n;
};

static void emit(struct code *c, const struct kp_insn *insns, size_t n)
{
	if (c->n + n > KP_ARRAY_SIZE(c->insn))
		return; /* the verifier misses the exit and says so */
	memcpy(c->insn + c->n, insns, n * sizeof(*insns));
	c->n += (unsigned int)n;
}

#define EMIT(c, ...) emit(c, (const struct kp_insn[]){ __VA_ARGS__ }, KP_ARRAY_SIZE(((const struct kp_insn[]){ __VA_ARGS__ })))

static void emit_filter(struct code *c, enum att_filter filter, int32_t pass)
{
	switch (filter) {
	case ATT_ALL:
		break;
	case ATT_SKB_LEN:
		EMIT(c, LDX(KP_W, R1, R6, SKB_LEN), JMP(KP_JEQ, R1, ATT_PACKET, 2), MOV(R0, pass), EXIT());
		break;
	case ATT_XDP_LEN:
		/* Pointers into a packet are only ever compared: their difference is open to programs since v4.14 alone. */
		EMIT(c, LDX(KP_W, R2, R6, XDP_DATA), LDX(KP_W, R3, R6, XDP_DATA_END), MOVX(R4, R2), ALU(KP_ADD, R4, ATT_PACKET),
		     JMPX(KP_JGT, R4, R3, 3), MOVX(R4, R2), ALU(KP_ADD, R4, ATT_PACKET + 1), JMPX(KP_JGT, R4, R3, 2), MOV(R0, pass),
		     EXIT());
		break;
	case ATT_ESTABLISHED:
		EMIT(c, LDX(KP_W, R1, R6, SOCK_OPS_OP), JMP(KP_JEQ, R1, OP_ACTIVE_ESTABLISHED, 2), MOV(R0, pass), EXIT());
		break;
	case ATT_LOOKUP:
		EMIT(c, LDX(KP_W, R1, R6, SK_LOOKUP_LOCAL_PORT), JMP(KP_JEQ, R1, ATT_PORT1, 2), MOV(R0, pass), EXIT());
		break;
	}
}

static void emit_count(struct code *c, int map, unsigned int n)
{
	EMIT(c, ST(KP_W, R10, -4, (int32_t)n), MOVX(R2, R10), ALU(KP_ADD, R2, -4), LD_MAP(R1, map), CALL(H_map_lookup_elem),
	     JMP(KP_JEQ, R0, 0, 2), MOV(R1, 1), ATOMIC(KP_DW, KP_ADD, R0, 0, R1));
}

static void emit_action(const struct att *a, struct code *c, enum att_action action, uint32_t value)
{
	if (!value)
		return;
	switch (action) {
	case ATT_JUDGE:
		break;
	case ATT_SET_PORT:
		/* A context is written to from registers: immediate stores into it came with v6.4 (0d80a619c113). */
		EMIT(c, MOV(R1, htons((uint16_t)value)), STX(KP_W, R6, SOCK_ADDR_PORT, R1));
		break;
	case ATT_SET_PRIORITY:
		EMIT(c, ST(KP_W, R10, -8, (int32_t)value), MOVX(R1, R6), MOV(R2, SOL_SOCKET), MOV(R3, SO_PRIORITY), MOVX(R4, R10),
		     ALU(KP_ADD, R4, -8), MOV(R5, 4), CALL(H_setsockopt));
		break;
	case ATT_SET_KEYS:
		EMIT(c, LDX(KP_DW, R1, R6, SKB_FLOW_KEYS), LDX(KP_H, R2, R1, KEYS_NHOFF), ALU(KP_ADD, R2, (int32_t)value),
		     STX(KP_H, R1, KEYS_THOFF, R2), MOV(R2, IPPROTO_UDP), STX(KP_B, R1, KEYS_IP_PROTO, R2), MOV(R2, htons(0x0800)),
		     STX(KP_H, R1, KEYS_N_PROTO, R2));
		break;
	case ATT_REDIRECT:
		EMIT(c, MOVX(R1, R6), LD_MAP(R2, a->target), MOV(R3, 0), MOV(R4, F_INGRESS), CALL(H_sk_redirect_map));
		break;
	}
}

int att_load(const struct att *a, unsigned int n)
{
	const struct att_prog *p = &a->arg->prog[n];
	kp_bpf_autoready r = KP_BPF_READY_INIT;
	struct code c = { .n = 0 };
	int rc = kp_bpf_prepare(&a->arg->kind, &r);

	if (rc)
		return rc;
	EMIT(&c, MOVX(R6, R1));
	emit_filter(&c, a->arg->filter, a->arg->prog[ATT_B].verdict);
	emit_count(&c, a->counters, n);
	emit_action(a, &c, a->arg->action, p->value);
	EMIT(&c, MOV(R0, p->verdict), EXIT());
	return kp_bpf_load(&r, c.insn, c.n);
}

int att_load_partner(const struct att *a)
{
	kp_bpf_autoready r = KP_BPF_READY_INIT;
	struct code c = { .n = 0 };
	int rc = kp_bpf_prepare(&a->arg->kind, &r);

	if (rc)
		return rc;
	EMIT(&c, MOVX(R6, R1));
	emit_count(&c, a->counters, ATT_PARTNER);
	emit_action(a, &c, a->arg->partner.action, 1);
	EMIT(&c, MOV(R0, a->arg->partner.verdict), EXIT());
	return kp_bpf_load(&r, c.insn, c.n);
}

/* v4.13, 1e2709769086 "bpf: Add BPF_OBJ_GET_INFO_BY_FD". */
static uint32_t id_of(int prog)
{
	struct kp_bpf_prog_info info = { .id = 0 };
	struct kp_bpf_info_attr a = { .fd = (uint32_t)prog, .len = sizeof(info), .info = kp_ptr(&info) };

	return kp_bpf(KP_BPF_INFO, &a, sizeof(a)) ? 0 : info.id;
}

uint64_t att_count(const struct att *a, unsigned int n)
{
	const uint32_t key = n;
	uint64_t value = 0;

	kp_bpf_lookup(a->counters, &key, &value, 0);
	return value;
}

/* --- the row --- */

static const char *const steps[] = {
	[ATT_A] = "run",
	[ATT_B] = "run after replacing",
	[ATT_BEFORE] = "before the attach",
	[ATT_AFTER] = "run after detaching",
};

/* Attaching, or what belongs to it, was answered by an errno: the row's rules say what that means. */
static void failed(struct att *a, bool bpf, int rc)
{
	bool found;

	if (bpf && a->arg->place == ATT_AT_CGROUP && rc == -EPERM && a->foreign)
		return kp_unknown(
			a->res, a->step,
			"refused, and a program that allows no other beside it sits on a cgroup above: a conflict, no answer");
	/* The list of those above is itself younger (v4.15, 468e2f64d220) than what may sit there. */
	if (bpf && a->arg->place == ATT_AT_CGROUP && rc == -EPERM && att_prog_query(a, 0, 0, &found) < 0)
		return kp_unknown(a->res, a->step,
				  "refused, which a program on a cgroup above may be the cause of; this kernel cannot list them");
	if (!bpf)
		return kp_fail(a->ctx, a->res, a->step, KP_CALL_PLAIN, -rc);
	a->ctx->extack[0] = '\0';
	kp_bpf_fail(a->ctx, a->res, a->step, -rc);
}

void att_stuck(struct att *a, int rc)
{
	if (a->foreign && rc == -EPERM)
		return kp_unknown(a->res, a->step,
				  "refused, and programs of others sit on cgroups above, one of which may have done that");
	kp_fail(a->ctx, a->res, a->step, KP_CALL_PLAIN, -rc);
	if (a->res->outcome != KP_ABSENT)
		return;
	a->res->outcome = KP_UNKNOWN;
	kp_copy(a->res->reason, sizeof(a->res->reason), "what this row needs to show anything could not be had");
}

/* A mismatch: broken, unless others have a hand in it. */
static bool wrong(struct att *a, enum att_stage stage, uint32_t seen, const char *reason)
{
	const char *blind = a->arg->place == ATT_AT_CGROUP ? att_cgroup_blind(a) : NULL;

	kp_detail_u(a->res, "seen", seen);
	kp_detail_u(a->res, "expected", a->want);
	kp_detail_u(a->res, "runs-a", att_count(a, ATT_A));
	kp_detail_u(a->res, "runs-b", att_count(a, ATT_B));
	if (a->foreign)
		kp_unknown(a->res, steps[stage],
			   "programs of others on cgroups above run as well, and may have changed what is seen");
	else if (stage == ATT_A && blind)
		kp_unknown(a->res, steps[stage], blind);
	else if (stage == ATT_BEFORE)
		kp_unknown(a->res, steps[stage], reason);
	else
		kp_broken(a->res, steps[stage], reason);
	return false;
}

/* The deed at @stage: is what it shows, and what the programs counted, as it must be? */
static bool trial(struct att *a, enum att_stage stage)
{
	const uint64_t a0 = att_count(a, ATT_A), b0 = att_count(a, ATT_B);
	uint64_t ran_a, ran_b;
	uint32_t seen = 0;
	int rc;

	a->stage = stage;
	a->want = stage == ATT_A || stage == ATT_B ? a->arg->prog[stage].seen : a->arg->before;
	rc = a->arg->deed->act(a, &seen);
	if (rc) {
		att_stuck(a, rc);
		return false;
	}
	ran_a = att_count(a, ATT_A) - a0;
	ran_b = att_count(a, ATT_B) - b0;
	switch (stage) {
	case ATT_BEFORE:
		if (seen != a->want)
			return wrong(a, stage, seen,
				     "what is tried does not work without a program either, so it cannot show what one does");
		break;
	case ATT_A:
		if (!ran_a)
			return wrong(a, stage, seen, "the program was attached and is not run");
		if (seen != a->want)
			return wrong(a, stage, seen, "the program runs, and what it says has not the effect");
		break;
	case ATT_B:
		if (!ran_b)
			return wrong(a, stage, seen, "the program was replaced and the new one is not run");
		if (seen != a->want)
			return wrong(a, stage, seen, "the new program runs, and what it says has not the effect");
		break;
	case ATT_AFTER:
		if (seen != a->want)
			return wrong(a, stage, seen, "the program was detached, and things are not as they were before it");
		break;
	}
	if (ran_a != (stage == ATT_A) || ran_b != (stage == ATT_B))
		return wrong(a, stage, seen, "the programs' counters do not say one run of the one that is attached");
	return true;
}

/* The kernel's own list of what is attached must name program @n (-1: none). Kernels before ids and lists are not asked. */
static bool listed(struct att *a, int n)
{
	int rc = n >= 0 && !a->id[n] ? -EINVAL : att_query(a, n >= 0 ? a->id[n] : 0);

	if (rc == -EINVAL || rc == -EOPNOTSUPP || rc == -KP_ENOTSUPP)
		return true;
	if (rc < 0) {
		failed(a, a->arg->how != ATT_TC && a->arg->how != ATT_XDP, rc);
		return false;
	}
	if (rc == (n >= 0))
		return true;
	kp_broken(a->res, a->step,
		  n >= 0 ? "the list of what is attached has not our program in it"
			 : "the list of what is attached still has our program");
	return false;
}

/* A row whose type of program is known to load (.needs) says nothing by that ours does not: that is between the verifier and us. */
static void refused(struct att *a, int rc)
{
	a->step = "BPF_PROG_LOAD";
	failed(a, true, rc);
	if (!a->ctx->row->needs || (rc != -EINVAL && rc != -EACCES))
		return;
	a->res->outcome = KP_UNKNOWN;
	kp_copy(a->res->reason, sizeof(a->res->reason),
		"the verifier takes the smallest program of this type and not ours: a defect of this row, please report it");
}

static bool made_map(struct att *a, int fd)
{
	if (fd >= 0)
		return true;
	a->step = "BPF_MAP_CREATE";
	failed(a, true, fd);
	return false;
}

static bool loaded(struct att *a)
{
	a->counters = kp_bpf_map_of(KP_MAP_ARRAY, 4, 8, 3, 0);
	if (!made_map(a, a->counters))
		return false;
	if (a->arg->place == ATT_AT_MAP) { /* before the programs, which may name it */
		a->target_fd = true;
		a->target = kp_bpf_map_of(a->arg->map, 4, 4, 1, 0);
		if (!made_map(a, a->target))
			return false;
	}
	for (unsigned int n = 0; n < 2; n++) {
		a->prog[n] = att_load(a, n);
		if (a->prog[n] < 0) {
			refused(a, a->prog[n]);
			return false;
		}
		a->id[n] = id_of(a->prog[n]);
	}
	a->partner = a->arg->partner.type ? att_load_partner(a) : -1;
	if (a->arg->partner.type && a->partner < 0) {
		refused(a, a->partner);
		return false;
	}
	return true;
}

static bool has_ipv6(void)
{
	/* Whether it is there is looked up: a socket of AF_INET6 would load the module, where an admin left it out. */
	return !access("/proc/self/net/if_inet6", F_OK);
}

/* Gets to the place: a->target, the sockets. */
static bool ready(struct att *a)
{
	int rc = 0;

	if (a->arg->family == AF_INET6 && !has_ipv6()) {
		kp_absent(a->res, "IPv6", "no IPv6 in this kernel: not built, not loaded, or ipv6.disable=1");
		return false;
	}
	switch (a->arg->place) {
	case ATT_AT_LO:
		a->target = 1; /* in every namespace (net/core/dev.c) */
		break;
	case ATT_AT_VETH:
	case ATT_AT_NETKIT:
	case ATT_AT_NETKIT_PEER:
		rc = att_wire(a);
		break;
	case ATT_AT_NETNS:
		a->target_fd = true;
		a->target = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		a->step = "open /proc/self/ns/net";
		rc = a->target < 0 ? -errno : 0;
		break;
	case ATT_AT_CGROUP:
		if (!att_cgroup_enter(a))
			return false;
		break;
	case ATT_AT_MAP:
		break;
	}
	if (!rc)
		rc = a->arg->deed->open(a);
	if (!rc)
		return true;
	if (a->arg->family == AF_INET6 && rc == -EADDRNOTAVAIL && kp_ipv6_off())
		kp_unknown(a->res, a->step, "IPv6 is switched off in new network namespaces: boot without ipv6.disable_ipv6=1");
	else
		att_stuck(a, rc);
	return false;
}

static void sequence(struct att *a)
{
	bool bpf = a->arg->how != ATT_TC && a->arg->how != ATT_XDP;
	int rc;

	if (!loaded(a) || !ready(a) || !trial(a, ATT_BEFORE))
		return;
	rc = att_attach(a);
	if (rc)
		return failed(a, bpf, rc);
	a->attached = true;
	if (!listed(a, ATT_A) || !trial(a, ATT_A))
		return;
	rc = att_replace(a);
	if (rc)
		return failed(a, bpf, rc);
	if (!listed(a, ATT_B) || !trial(a, ATT_B))
		return;
	rc = att_detach(a);
	if (rc)
		return failed(a, bpf, rc);
	a->attached = false;
	if (!listed(a, -1) || !trial(a, ATT_AFTER))
		return;
	kp_works(a->res, "run after detaching");
}

void att_run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct att a = { .ctx = ctx,
			 .res = res,
			 .arg = row->arg,
			 .step = "",
			 .counters = -1,
			 .prog = { -1, -1 },
			 .partner = -1,
			 .link = -1,
			 .target = -1,
			 .tx = -1,
			 .rx = { -1, -1 },
			 .third = -1 };

	kp_place_pin();
	sequence(&a);
	if (a.attached)
		att_undo(&a);
	kp_closep(&a.link);
	/* Sockets hold the cgroup they were made in: they go before it does. */
	kp_closep(&a.tx);
	kp_closep(&a.rx[0]);
	kp_closep(&a.rx[1]);
	kp_closep(&a.third);
	if (a.arg->place == ATT_AT_CGROUP)
		att_cgroup_leave(&a);
	if (a.target_fd)
		kp_closep(&a.target);
	kp_closep(&a.prog[0]);
	kp_closep(&a.prog[1]);
	kp_closep(&a.partner);
	kp_closep(&a.counters);
}
