/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Helpers: an inventory for each program type, and those that Calico calls, each in a program that calls it as Calico does. */
#include <errno.h>
#include <unistd.h>

#include "bpf_code.h"
#include "families.h"

/*
 * A program that the verifier should take. When it does not, the inventory's question tells whether the helper is missing (EINVAL)
 * or only this use of it is refused.
 */
static void run_call(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_bpf_code *code = row->arg;
	kp_bpf_autoready r = KP_BPF_READY_INIT;
	struct kp_bpf_ask ask;
	bool failed;
	kp_autoclose map = kp_bpf_code_map(code->map, &failed);
	kp_autoclose prog = failed ? -1 : kp_bpf_code_load(code, map);
	int rc;

	if (failed && map != -EINVAL)
		return kp_bpf_fail(ctx, res, "map", -map);
	if (prog >= 0)
		return kp_bpf_code_run(ctx, res, code, prog);
	if (!failed && prog != -EINVAL && prog != -EACCES)
		return kp_bpf_fail(ctx, res, "BPF_PROG_LOAD", -prog);
	rc = kp_bpf_prepare(code->kind, &r);
	if (!rc)
		rc = kp_bpf_ask_controls(&r, &ask);
	if (!rc)
		rc = kp_bpf_ask(&r, &ask, code->helper);
	if (rc)
		return kp_bpf_fail(ctx, res, "unreadable arguments", -rc);
	if (failed) /* the helper is older than the map type or BTF that this use stands on */
		return kp_bpf_fail(ctx, res, "map", -map);
	res->err = -prog;
	kp_broken(res, "BPF_PROG_LOAD", "the helper is there, but the verifier refuses the use that is made of it");
}

static const struct kp_method call = {
	.run = run_call,
	.asks = "BPF_PROG_LOAD of a program that makes a valid call of the helper, and where its result can be known, "
		"BPF_PROG_TEST_RUN",
	.proves = "works: taken, and the result is right; absent: refused, and the inventory's question says EINVAL as well; "
		  "broken: refused although the helper is there, or another result",
	.rules = (const struct kp_rule[]){ KP_BPF_NO_SYSCALL,
					   { EINVAL, KP_ABSENT, "this kernel, or this program type, has no such helper" },
					   { E2BIG, KP_ABSENT, "this kernel is older than a field of the request" },
					   { 0 } },
	.gate = KP_BPF_GATE,
};

/* --- the programs --- */

static const struct kp_bpf_kind connect4 = { .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET4_CONNECT };
static const struct kp_bpf_kind sock_ops = { .type = KP_SOCK_OPS }, sk_msg = { .type = KP_SK_MSG };

#define DONE MOV(R0, 0), EXIT()
/* @reg points to a 4-byte key 0, or to 8 zero bytes. */
#define KEY(reg) ST(KP_W, R10, -4, 0), MOVX(reg, R10), ALU(KP_ADD, reg, -4)
#define BYTES(reg) ST(KP_DW, R10, -8, 0), MOVX(reg, R10), ALU(KP_ADD, reg, -8)
#define ZERO(at) ST(KP_DW, R10, at, 0)
#define CALLBACK MOV(R0, 0), EXIT()
/* R0: the value behind key 0 of the map, or the end. @left: instructions to come, DONE not counted. */
#define VALUE(left) KEY(R2), LD_MAP(R1, 0), CALL(H_map_lookup_elem), JMP(KP_JEQ, R0, 0, left)

#define CALL_ROW(type_, name_, since_, kind_, returns_, ...) CALL_AFTER(type_, "", name_, since_, kind_, returns_, __VA_ARGS__)
#define CALL_AFTER(type_, needs_, name_, since_, kind_, returns_, ...)                                                             \
	{                                                                                                                          \
		.id = "bpf.helper." type_ "." #name_, .title = "bpf_" #name_ "()", .since = since_,                                \
		.needs = "bpf.prog." type_ needs_, .by = &call, .arg = &(const struct kp_bpf_code)                                 \
		{                                                                                                                  \
			.kind = &kind_, .helper = H_##name_, .returns = returns_, __VA_ARGS__                                      \
		}                                                                                                                  \
	}
#define TC(name, since, returns, ...) CALL_ROW("sched_cls", name, since, kp_bpf_sched_cls, returns, __VA_ARGS__)
/* A callback is a function that only a JIT can hand out the address of (v5.13, 69c087ba6225): what cannot be made is not called. */
#define TC_CALLBACK(needs, name, since, returns, ...)                                                                              \
	CALL_AFTER("sched_cls", " bpf.insn.callback." needs, name, since, kp_bpf_sched_cls, returns, __VA_ARGS__)
#define XDP(name, since, returns, ...) CALL_ROW("xdp", name, since, kp_bpf_xdp, returns, __VA_ARGS__)
#define CONNECT(name, since, ...) CALL_ROW("cgroup_sock_addr", name, since, connect4, KP_CODE_NOT_RUN, __VA_ARGS__)
#define NOT_RUN KP_CODE_NOT_RUN
#define REDIRECT 7 /* TC_ACT_REDIRECT */

#define LOOKUP .map = KP_CODE_HASH, KP_CODE(KEY(R2), LD_MAP(R1, 0), CALL(H_map_lookup_elem), DONE)
#define UPDATE .map = KP_CODE_HASH, KP_CODE(KEY(R2), MOVX(R3, R2), MOV(R4, 0), LD_MAP(R1, 0), CALL(H_map_update_elem), DONE)
#define DELETE .map = KP_CODE_HASH, KP_CODE(KEY(R2), LD_MAP(R1, 0), CALL(H_map_delete_elem), DONE)
#define TAIL_CALL .map = KP_CODE_PROGS, KP_CODE(LD_MAP(R2, 0), MOV(R3, 0), CALL(H_tail_call), DONE)
#define FIB_LOOKUP                                                                                                                 \
	KP_CODE(ZERO(-64), ZERO(-56), ZERO(-48), ZERO(-40), ZERO(-32), ZERO(-24), ZERO(-16), ZERO(-8), ST(KP_B, R10, -64, 2),      \
		MOVX(R2, R10), ALU(KP_ADD, R2, -64), MOV(R3, 64), MOV(R4, 0), CALL(H_fib_lookup), DONE)
#define TIMER_CALL                                                                                                                 \
	.map = KP_CODE_TIMER, .func = 24,                                                                                          \
	KP_CODE(VALUE(15), MOVX(R6, R0), ALU(KP_ADD, R6, 8), MOVX(R1, R6), LD_MAP(R2, 0), MOV(R3, 1), CALL(H_timer_init),          \
		MOVX(R1, R6), LD_FUNC(R2, 8), CALL(H_timer_set_callback), MOVX(R1, R6), MOV(R2, 0), MOV(R3, 0),                    \
		CALL(H_timer_start), DONE, CALLBACK)

/* bpf.helper.<type> for every type; then bpf.helper.<type>.<helper>. */
#define PROG(...)
#define BOTH(name_, title_, since_, kconfig_, needs_, ...)                                                                         \
	{ .id = "bpf.helper." name_,                                                                                               \
	  .title = "helpers of: " title_,                                                                                          \
	  .since = since_,                                                                                                         \
	  .kconfig = kconfig_,                                                                                                     \
	  .needs = "bpf.prog." name_,                                                                                              \
	  .by = &kp_bpf_inventory,                                                                                                 \
	  .arg = &(const struct kp_bpf_kind){ __VA_ARGS__ } },

static const struct kp_probe rows[] = {
	{ .id = "bpf.helper.control.negative", .title = "an invented helper", .control = KP_NEGATIVE, .by = &kp_bpf_ask_invented },
	{ .id = "bpf.helper.control.positive", .title = "bpf_map_lookup_elem()", .control = KP_POSITIVE, .by = &kp_bpf_ask_known },
#include "bpf_kinds.h"

	TC(map_lookup_elem, "4.1", 0, LOOKUP),
	TC(map_update_elem, "4.1", 0, UPDATE),
	TC(map_delete_elem, "4.1", 0, DELETE),
	TC(tail_call, "4.2", 7, TAIL_CALL),
	TC(ktime_get_ns, "4.1", 0, KP_CODE(CALL(H_ktime_get_ns), DONE)),
	TC(get_prandom_u32, "4.1", 0, KP_CODE(CALL(H_get_prandom_u32), DONE)),
	TC(skb_load_bytes, "4.5", 0, KP_CODE(MOV(R2, 0), BYTES(R3), MOV(R4, 8), CALL(H_skb_load_bytes), EXIT())),
	TC(skb_store_bytes, "4.1", 0, KP_CODE(MOV(R2, 0), BYTES(R3), MOV(R4, 8), MOV(R5, 0), CALL(H_skb_store_bytes), EXIT())),
	TC(skb_pull_data, "4.9", 0, KP_CODE(MOV(R2, 34), CALL(H_skb_pull_data), EXIT())),
	TC(skb_change_tail, "4.9", 0, KP_CODE(MOV(R2, 80), MOV(R3, 0), CALL(H_skb_change_tail), EXIT())),
	TC(skb_change_head, "4.10", 0, KP_CODE(MOV(R2, 14), MOV(R3, 0), CALL(H_skb_change_head), EXIT())),
	TC(skb_change_type, "4.8", 0, KP_CODE(MOV(R2, 0), CALL(H_skb_change_type), EXIT())),
	/* Room for an outer IPv4 and UDP header, behind the MAC: FIXED_GSO, ENCAP_L3_IPV4, ENCAP_L4_UDP (v5.2, 868d523535c2). */
	TC(skb_adjust_room, "5.2", 0, KP_CODE(MOV(R2, 28), MOV(R3, 1), MOV(R4, 0x13), CALL(H_skb_adjust_room), EXIT())),
	TC(l3_csum_replace, "4.1", 0, KP_CODE(MOV(R2, 24), MOV(R3, 0), MOV(R4, 0), MOV(R5, 2), CALL(H_l3_csum_replace), EXIT())),
	/* PSEUDO_HDR, MARK_MANGLED_0, two bytes. */
	TC(l4_csum_replace, "4.4", 0, KP_CODE(MOV(R2, 40), MOV(R3, 0), MOV(R4, 0), MOV(R5, 0x32), CALL(H_l4_csum_replace), EXIT())),
	TC(csum_diff, "4.6", 0, KP_CODE(MOV(R1, 0), MOV(R2, 0), KEY(R3), MOV(R4, 4), MOV(R5, 0), CALL(H_csum_diff), EXIT())),
	TC(redirect, "4.2", REDIRECT, KP_CODE(MOV(R1, 1), MOV(R2, 1 /* ingress */), CALL(H_redirect), EXIT())),
	TC(redirect_neigh, "5.10", REDIRECT,
	   KP_CODE(ZERO(-24), ZERO(-16), ST(KP_W, R10, -8, 0), ST(KP_W, R10, -24, 2 /* AF_INET */), MOV(R1, 1), MOVX(R2, R10),
		   ALU(KP_ADD, R2, -24), MOV(R3, 20), MOV(R4, 0), CALL(H_redirect_neigh), EXIT())),
	TC(redirect_peer, "5.10", REDIRECT, KP_CODE(MOV(R1, 1), MOV(R2, 0), CALL(H_redirect_peer), EXIT())),
	/* 28 bytes: the key up to the label, which every kernel takes; ZERO_CSUM_TX and TUNINFO_IPV6. */
	TC(skb_set_tunnel_key, "4.6", 0,
	   KP_CODE(ZERO(-32), ZERO(-24), ZERO(-16), ZERO(-8), MOVX(R2, R10), ALU(KP_ADD, R2, -32), MOV(R3, 28), MOV(R4, 3),
		   CALL(H_skb_set_tunnel_key), EXIT())),
	TC(fib_lookup, "4.18", NOT_RUN, FIB_LOOKUP),
	TC(spin_lock, "5.1", 0, .map = KP_CODE_SPIN,
	   KP_CODE(VALUE(6), MOVX(R6, R0), ALU(KP_ADD, R6, 4), MOVX(R1, R6), CALL(H_spin_lock), MOVX(R1, R6), CALL(H_spin_unlock),
		   DONE)),
	TC(ringbuf_output, "5.8", 0, .map = KP_CODE_RING,
	   KP_CODE(BYTES(R2), LD_MAP(R1, 0), MOV(R3, 8), MOV(R4, 0), CALL(H_ringbuf_output), EXIT())),
	/* Calico up to 3.30. No event is in the array, so it is not run. */
	TC(perf_event_output, "4.4", NOT_RUN, .map = KP_CODE_PERF,
	   KP_CODE(BYTES(R4), LD_MAP(R2, 0), MOV32(R3, -1), MOV(R5, 8), CALL(H_perf_event_output), DONE)),
	TC_CALLBACK("for_each_map_elem", for_each_map_elem, "5.13", 1, .map = KP_CODE_ARRAY, .func = 8,
		    KP_CODE(LD_MAP(R1, 0), LD_FUNC(R2, 5), MOV(R3, 0), MOV(R4, 0), CALL(H_for_each_map_elem), EXIT(), CALLBACK)),
	TC_CALLBACK("for_each_map_elem bpf.map.lru_hash.timer", timer_init, "5.15", 0, TIMER_CALL),
	TC_CALLBACK("for_each_map_elem bpf.map.lru_hash.timer", timer_set_callback, "5.15", 0, TIMER_CALL),
	TC_CALLBACK("for_each_map_elem bpf.map.lru_hash.timer", timer_start, "5.15", 0, TIMER_CALL),
	TC_CALLBACK("loop", loop, "5.17", 4, .func = 7,
		    KP_CODE(MOV(R1, 4), LD_FUNC(R2, 5), MOV(R3, 0), MOV(R4, 0), CALL(H_loop), EXIT(), CALLBACK)),
	{ .id = "bpf.helper.sched_cls.trace_printk",
	  .title = "bpf_trace_printk()",
	  .kconfig = "CONFIG_BPF_EVENTS",
	  .since = "4.1",
	  .needs = "bpf.prog.sched_cls",
	  .risk = KP_RISK_ALWAYS,
	  .host = "the trace event bpf_trace_printk is switched on; before Linux 5.9 a banner in the kernel log",
	  .by = &call,
	  .arg = &(const struct kp_bpf_code){ .kind = &kp_bpf_sched_cls,
					      .helper = H_trace_printk,
					      .returns = NOT_RUN,
					      KP_CODE(BYTES(R1), MOV(R2, 8), CALL(H_trace_printk), DONE) } },
	{ .id = "bpf.helper.sched_cls.trace_vprintk",
	  .title = "bpf_trace_vprintk()",
	  .kconfig = "CONFIG_BPF_EVENTS",
	  .since = "5.16",
	  .needs = "bpf.prog.sched_cls",
	  .risk = KP_RISK_ALWAYS,
	  .host = "the trace event bpf_trace_printk is switched on",
	  .by = &call,
	  .arg = &(const struct kp_bpf_code){ .kind = &kp_bpf_sched_cls,
					      .helper = H_trace_vprintk,
					      .returns = NOT_RUN,
					      KP_CODE(BYTES(R1), MOV(R2, 8), MOV(R3, 0), MOV(R4, 0), CALL(H_trace_vprintk),
						      DONE) } },

	XDP(map_lookup_elem, "4.8", 0, LOOKUP),
	XDP(map_update_elem, "4.8", 0, UPDATE),
	XDP(xdp_adjust_meta, "4.15", 0, KP_CODE(MOV(R2, -4), CALL(H_xdp_adjust_meta), EXIT())),
	XDP(xdp_load_bytes, "5.18", 0, KP_CODE(MOV(R2, 0), BYTES(R3), MOV(R4, 8), CALL(H_xdp_load_bytes), EXIT())),
	XDP(redirect_map, "4.14", NOT_RUN, .map = KP_CODE_DEVMAP,
	    KP_CODE(LD_MAP(R1, 0), MOV(R2, 0), MOV(R3, 0), CALL(H_redirect_map), EXIT())),
	XDP(fib_lookup, "4.18", NOT_RUN, FIB_LOOKUP),
	XDP(ringbuf_output, "5.8", 0, .map = KP_CODE_RING,
	    KP_CODE(BYTES(R2), LD_MAP(R1, 0), MOV(R3, 8), MOV(R4, 0), CALL(H_ringbuf_output), EXIT())),

	CONNECT(map_lookup_elem, "4.17", LOOKUP),
	CONNECT(map_update_elem, "4.17", UPDATE),
	CONNECT(get_socket_cookie, "4.19", KP_CODE(CALL(H_get_socket_cookie), DONE)),
	CALL_ROW("sock_ops", sock_hash_update, "4.18", sock_ops, NOT_RUN, .map = KP_CODE_SOCKHASH,
		 KP_CODE(KEY(R3), LD_MAP(R2, 0), MOV(R4, 0), CALL(H_sock_hash_update), DONE)),
	CALL_ROW("sk_msg", msg_redirect_hash, "4.18", sk_msg, NOT_RUN, .map = KP_CODE_SOCKHASH,
		 KP_CODE(KEY(R3), LD_MAP(R2, 0), MOV(R4, 0), CALL(H_msg_redirect_hash), DONE)),
};

const struct kp_family kp_family_bpf_helper = {
	.name = "bpf.helper",
	.title = "BPF helpers",
	.flags = KP_FAMILY_HOST_NETNS,
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
