/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * BPF programs by what they do to packets: at tc, tcx and netkit, in XDP. What is attached stays until the namespace goes, each program
 * for ports of its own; what follows it is asked when it has nothing to say. Sockets: flow_bpf_sock.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "families.h"
#include "flow_bpf.h"
#include "tc.h"
#include "xtables.h"

/* Where programs are attached. */
enum hook { TC_IN, TC_OUT, TC_BACK, TCX_IN, TCX_OUT, XDP_SKB, XDP_DRV, NETKIT_PRIMARY, NETKIT_PEER, HOOKS };

static const struct {
	uint8_t ifindex;
	uint32_t at; /* tc's parent, a link's attach type, XDP's mode */
} hooks[] = {
	[TC_IN] = { KP_POD_IF, KP_TC_INGRESS },         [TC_OUT] = { KP_FAR_IF, KP_TC_EGRESS },
	[TC_BACK] = { KP_FAR_IF, KP_TC_INGRESS },       [TCX_IN] = { KP_POD_IF, ATT_TCX_INGRESS },
	[TCX_OUT] = { KP_FAR_IF, ATT_TCX_EGRESS },      [XDP_SKB] = { KP_FAR_IF, ATT_XDP_SKB_MODE },
	[XDP_DRV] = { KP_POD_IF, ATT_XDP_DRV_MODE },    [NETKIT_PRIMARY] = { KP_POD_IF, ATT_NETKIT_PRIMARY },
	[NETKIT_PEER] = { KP_POD_IF, ATT_NETKIT_PEER },
};

/*
 * At tc each row has a program of its own. Elsewhere to attach one, or to replace it, makes the kernel wait for all processors (v6.18:
 * 16 ms; tcx_entry_sync(), bpf_dispatcher_update()), so there is one for all rows of a hook, which looks for its verdict in a map.
 */
struct flow_bpf {
	const struct kp_insn *body; /* tc: what becomes of UDP packets to .port; R6: the context */
	uint8_t n;
	uint8_t hook;
	uint16_t verdict; /* else: a verdict, or TO + an ifindex */
	uint16_t port;    /* of four that are the row's own */
};

#define TO 256
/* Of a verdict in the map: where, and for which port, as the program reads it. */
#define KEY(where, port) ((uint32_t)(where) << 16 | (port))
#define CODE_MAX 96
#define SABOTAGE 2 /* to be added to the port: one of the row's own that no packet has */

#define LD_PACKET(size, at)                                                                                                        \
	KP_I(0x20 | (size), 0, 0, 0, at) /* BPF_LD | BPF_ABS: R0, in host order, from R6; 0 is returned beyond the end */
#define TC_NEXT (-1)                                         /* TC_ACT_UNSPEC, TCX_NEXT, NETKIT_NEXT */
#define TC_SHOT 2                                            /* TC_ACT_SHOT, TCX_DROP, NETKIT_DROP */
enum { XDP_DROPS = 1, XDP_PASSES, XDP_SENDS };

#define PROTO_AT(v6) ((v6) ? 20 : 23) /* behind an Ethernet header */
#define PORT_AT(v6) ((v6) ? 56 : 36)

struct code {
	struct kp_insn insn[CODE_MAX];
	unsigned int n;
};

/* Those that do not fit the verifier misses. */
static void append(struct code *c, const struct kp_insn *insns, size_t n)
{
	if (c->n + n <= CODE_MAX)
		memcpy(c->insn + c->n, insns, n * sizeof(*insns));
	c->n += (unsigned int)n;
}

#define APPEND(c, ...) append(c, (const struct kp_insn[]){ __VA_ARGS__ }, KP_ARRAY_SIZE(((const struct kp_insn[]){ __VA_ARGS__ })))

/* --- programs; all return a descriptor or -errno --- */

static int load_own(const struct flow_bpf *b, bool v6, uint16_t port)
{
	struct code c = { .n = 0 };

	APPEND(&c, MOVX(R6, R1), LD_PACKET(KP_B, PROTO_AT(v6)), JMP(KP_JNE, R0, IPPROTO_UDP, 2), LD_PACKET(KP_H, PORT_AT(v6)),
	       JMP(KP_JEQ, R0, port, 2), MOV(R0, TC_NEXT), EXIT());
	append(&c, b->body, b->n);
	return kp_bpf_load_maps(&kp_bpf_sched_cls, c.insn, c.n, NULL, 0, 0);
}

/* The verdict for R0, which ends the program where it is none of TO. */
#define VERDICT(next)                                                                                                              \
	STX(KP_W, R10, -4, R0), MOVX(R2, R10), ALU(KP_ADD, R2, -4), LD_MAP(R1, 0), CALL(H_map_lookup_elem), JMP(KP_JNE, R0, 0, 2), \
		MOV(R0, next), EXIT(), LDX(KP_W, R0, R0, 0), JMP(KP_JGT, R0, TO - 1, 1), EXIT()

static int load_shared_skb(int verdicts, enum hook hook)
{
	struct code c = { .n = 0 };

	APPEND(&c, MOVX(R6, R1), LD_PACKET(KP_B, PROTO_AT(false)), JMP(KP_JEQ, R0, IPPROTO_UDP, 2), MOV(R0, TC_NEXT), EXIT(),
	       LD_PACKET(KP_H, PORT_AT(false)), ALU(KP_OR, R0, (int32_t)KEY(hook, 0)), VERDICT(TC_NEXT), MOVX(R1, R0),
	       ALU(KP_SUB, R1, TO), MOV(R2, 0), CALL(H_redirect), EXIT());
	return kp_bpf_load_maps(&kp_bpf_sched_cls, c.insn, c.n, &verdicts, 0, 0);
}

/* A map of devices whose keys are their numbers; it is younger than XDP (v4.14), and where it is not there, no row wants it. */
static int devices(void)
{
	int fd = kp_bpf_map_of(KP_MAP_DEVMAP, 4, 4, KP_FAR_IF + 1, 0), rc = fd;

	for (uint32_t i = KP_POD_IF; i <= KP_FAR_IF && rc >= 0; i++)
		rc = kp_bpf_update(fd, &i, &i, 0);
	if (rc < 0 && fd >= 0)
		kp_closep(&fd);
	return rc < 0 ? rc : fd;
}

/* @own: at devices that no verdict is for, too, it passes everything; the field is younger than XDP (v4.16, 02dd3291b2f0). */
static int load_shared_xdp(int verdicts, bool own)
{
	kp_autoclose to = devices();
	const int maps[] = { verdicts, to };
	struct code c = { .n = 0 };

	APPEND(&c, MOV(R5, 0));
	if (own)
		APPEND(&c, LDX(KP_W, R5, R1, 12), ALU(KP_LSH, R5, 16)); /* ingress_ifindex */
	APPEND(&c, LDX(KP_W, R2, R1, 0), LDX(KP_W, R3, R1, 4), MOVX(R4, R2), ALU(KP_ADD, R4, PORT_AT(false) + 2),
	       JMPX(KP_JGT, R4, R3, 2), LDX(KP_B, R0, R2, PROTO_AT(false)), JMP(KP_JEQ, R0, IPPROTO_UDP, 2), MOV(R0, XDP_PASSES),
	       EXIT(), LDX(KP_H, R0, R2, PORT_AT(false)), ALUX(KP_OR, R0, R5), VERDICT(XDP_PASSES));
	if (to >= 0)
		APPEND(&c, MOVX(R2, R0), ALU(KP_SUB, R2, TO), LD_MAP(R1, 1), MOV(R3, 0), CALL(H_redirect_map));
	APPEND(&c, EXIT());
	return kp_bpf_load_maps(&kp_bpf_xdp, c.insn, c.n, maps, 0, 0);
}

/* --- attaching; all return 0 or -errno --- */

static int by_tc(struct kp_flow *f, enum hook hook, int prog)
{
	static bool made[2];
	int ifindex = hooks[hook].ifindex, rtnl = kp_nl_socket(f->ctx, f->res, NETLINK_ROUTE), rc = rtnl < 0 ? rtnl : 0;
	bool *here = &made[ifindex == KP_FAR_IF];

	if (!rc && !*here)
		rc = kp_tc_qdisc_add(f->ctx, rtnl, ifindex, &kp_tc_clsact);
	*here |= !rc;
	return rc ? rc : kp_tc_program_add(f->ctx, rtnl, ifindex, hooks[hook].at, prog);
}

/*
 * In a veth's driver XDP sends to the other end of the pair only where that has a program, too (veth_xdp_xmit(); v4.20, since v5.13 its
 * receive offload would do as well).
 */
static int by_xdp(struct kp_flow *f, enum hook hook, int prog)
{
	int rtnl, rc = 0, back;

	if (hook == XDP_DRV) {
		rc = kp_flow_go(f->ctx, true);
		if (rc)
			return rc;
		rtnl = kp_nl_socket(f->ctx, f->res, NETLINK_ROUTE);
		rc = rtnl < 0 ? rtnl : 0;
		for (unsigned int i = 0; i < 2 && !rc; i++)
			rc = att_xdp(f->ctx, rtnl, kp_flow_end[i].index, ATT_XDP_DRV_MODE, prog, -1);
		back = kp_flow_go(f->ctx, false);
		rc = rc ? rc : back;
	}
	rtnl = rc ? rc : kp_nl_socket(f->ctx, f->res, NETLINK_ROUTE);
	return rtnl < 0 ? rtnl : att_xdp(f->ctx, rtnl, hooks[hook].ifindex, hooks[hook].at, prog, -1);
}

/* What the rows of a hook share. A worker's, like its node. */
static struct {
	int verdicts, xdp; /* a map, a program; 0: not made yet (that is /dev/null, in a worker) */
	bool own;          /* the program looks at the device */
	bool attached[HOOKS];
} shared;

static bool is_xdp(enum hook hook)
{
	return hook == XDP_SKB || hook == XDP_DRV;
}

static int attach_shared(struct kp_flow *f, enum hook hook)
{
	int rc;

	if (shared.verdicts <= 0)
		shared.verdicts = kp_bpf_map_of(KP_MAP_HASH, 4, 4, 64, 0);
	if (shared.verdicts < 0)
		return shared.verdicts;
	if (is_xdp(hook)) { /* one for both modes: the kernel waits for each that is new to it */
		if (shared.xdp <= 0) {
			shared.xdp = load_shared_xdp(shared.verdicts, true);
			shared.own = shared.xdp >= 0;
		}
		if (shared.xdp < 0)
			shared.xdp = load_shared_xdp(shared.verdicts, false);
		return shared.xdp < 0 ? shared.xdp : by_xdp(f, hook, shared.xdp);
	}
	kp_autoclose prog = load_shared_skb(shared.verdicts, hook);

	/* The link is the descriptor: it stays open as long as the worker lives. */
	rc = prog < 0 ? prog : att_link(prog, hooks[hook].ifindex, hooks[hook].at, 0);
	return rc < 0 ? rc : 0;
}

static bool prepare(struct kp_flow *f, const void *what)
{
	const struct flow_bpf *b = what;
	int rc;

	if (b->body || shared.attached[b->hook])
		return true;
	rc = attach_shared(f, b->hook);
	if (rc)
		kp_flow_stuck(f, "attach the program", rc);
	kp_detail(f->res, "waits-for", "all processors, while the program is attached");
	shared.attached[b->hook] = !rc;
	return !rc;
}

static bool put(struct kp_flow *f, const void *what)
{
	const struct flow_bpf *b = what;
	uint16_t port = (uint16_t)(b->port + (kp_sabotaged(f->ctx) ? SABOTAGE : 0));
	const uint32_t key = !is_xdp(b->hook) ? KEY(b->hook, port) : KEY(shared.own ? hooks[b->hook].ifindex : 0, htons(port));
	const uint32_t verdict = b->verdict;
	kp_autoclose prog = b->body ? load_own(b, f->v6, port) : -1;
	int rc = b->body ? prog < 0 ? prog : by_tc(f, b->hook, prog) : kp_bpf_update(shared.verdicts, &key, &verdict, 0);

	if (rc)
		kp_flow_stuck(f, "put", rc);
	return !rc;
}

static const struct kp_flow_object by_program = { .prepare = prepare, .put = put };

static void run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_flow_arg *arg = row->arg;
	enum hook hook = ((const struct flow_bpf *)arg->what)->hook;

	if (hook == NETKIT_PRIMARY || hook == NETKIT_PEER)
		kp_flow_want_netkit();
	kp_flow_run_by(ctx, row, res, &by_program);
}

static const struct kp_method through_program = {
	.run = run,
	.asks = KP_FLOW_ASKS,
	.proves = KP_FLOW_PROVES,
	.gate = KP_BPF_GATE,
};

/* --- what programs do --- */

/* clang-format off */
#define BODY(...) .n = sizeof((const struct kp_insn[]){ __VA_ARGS__ }) / sizeof(struct kp_insn), .body = (const struct kp_insn[]){ __VA_ARGS__ }
#define SAYS(verdict) BODY(MOV(R0, verdict), EXIT())
#define STACK(reg, at) MOVX(reg, R10), ALU(KP_ADD, reg, at)
#define LOAD(offset, at, len) MOVX(R1, R6), MOV(R2, offset), STACK(R3, at), MOV(R4, len), CALL(H_skb_load_bytes)
#define STORE(offset, at, len) MOVX(R1, R6), MOV(R2, offset), STACK(R3, at), MOV(R4, len), MOV(R5, 0), CALL(H_skb_store_bytes)
#define REDIRECT(helper, to) BODY(MOV(R1, to), MOV(R2, 0), CALL(helper), EXIT())
#define NEIGHBOUR BODY(MOV(R1, KP_FAR_IF), MOV(R2, 0), MOV(R3, 0), MOV(R4, 0), CALL(H_redirect_neigh), EXIT())

/* 10.111.9.1 (KP_SERVICE) becomes 10.111.2.3 (KP_FAR2), with both checksums: behind Ethernet 24 and 40, the address at 30. */
#define OLD KP_BE32(0x0a6f0901)
#define NEW KP_BE32(0x0a6f0203)
#define CSUM(helper, at, flags) MOVX(R1, R6), MOV(R2, at), MOV32(R3, (int32_t)OLD), MOV32(R4, (int32_t)NEW), MOV(R5, flags), CALL(helper)
#define REWRITE BODY(CSUM(H_l4_csum_replace, 40, 0x10 | 4), CSUM(H_l3_csum_replace, 24, 4), ST(KP_W, R10, -8, (int32_t)NEW), STORE(30, -8, 4), \
		     MOV(R0, TC_NEXT), EXIT())

/*
 * struct bpf_fib_lookup of 64 bytes at -64: family, at 8 ifindex, at 16 source, at 32 destination; told: ifindex, at 52 the MACs. Where
 * it says anything but 0 the packet is left to the stack, as Calico does.
 */
#define ZERO(at) ST(KP_DW, R10, at, 0)
#define LOOKUP(family, from, len, flags)                                                                                          \
	ZERO(-64), ZERO(-56), ZERO(-48), ZERO(-40), ZERO(-32), ZERO(-24), ZERO(-16), ZERO(-8), ST(KP_B, R10, -64, family),                \
	ST(KP_W, R10, -56, KP_POD_IF), LOAD(from, -48, len), LOAD(from + len, -32, len), MOVX(R1, R6), STACK(R2, -64), MOV(R3, 64),       \
	MOV(R4, flags), CALL(H_fib_lookup), JMP(KP_JEQ, R0, 0, 2), MOV(R0, TC_NEXT), EXIT(), LDX(KP_W, R7, R10, -56)
#define BY_ROUTE(...) BODY(LOOKUP(__VA_ARGS__, 0), STORE(0, -6, 6), STORE(6, -12, 6), MOVX(R1, R7), MOV(R2, 0), CALL(H_redirect), EXIT())
/* struct bpf_redir_neigh of 20 bytes at -24: family, next hop, here 10.111.2.2 (KP_FAR). BPF_FIB_LOOKUP_SKIP_NEIGH is 4. */
#define BY_ROUTE_ALONE BODY(LOOKUP(AF_INET, 26, 4, 4), ST(KP_W, R10, -24, AF_INET), ST(KP_W, R10, -20, (int32_t)KP_BE32(0x0a6f0202)),        \
			    MOVX(R1, R7), STACK(R2, -24), MOV(R3, 20), MOV(R4, 0), CALL(H_redirect_neigh), EXIT())

/* --- rows --- */
#define SEND(at_, from, to, p) at_, .send = { .proto = IPPROTO_UDP, .src = from, .dst = to, .dport = p }
#define POD_TO(to, p) SEND(KP_AT_POD, KP_POD, to, p)
#define FAR_TO(to, p) SEND(KP_AT_FAR, KP_FAR, to, p)
#define TTL(at_, ttl_) { at_, { .ttl = ttl_ } }
#define ROUTED TTL(KP_AT_FAR, 63)
#define ROUTED_BACK TTL(KP_AT_POD, 63)
#define LOST { .at = KP_LOST }
/* Others are left alone. */
#define OTHERS(p) { POD_TO(KP_FAR, (p) + 1), .without = ROUTED, .with = ROUTED }
#define OTHERS_BACK(p) { FAR_TO(KP_POD, (p) + 1), .without = ROUTED_BACK, .with = ROUTED_BACK }
#define ARG_OF(six, where, ...) .arg = &(const struct kp_flow_arg){ .v6 = six, .what = &(const struct flow_bpf){ UNWRAP where }, .steps = KP_STEPS(__VA_ARGS__) }
#define UNWRAP(...) __VA_ARGS__
#define ROW(name, ttl, first, need, ...)                                                                                          \
	{ .id = "flow.bpf." name, .title = ttl, .since = first, .needs = "link.veth flow.bpf.control.positive " need, .by = &through_program, __VA_ARGS__ }
#define TC(p, side, ...) (.port = p, .hook = TC_##side, __VA_ARGS__)
#define BY(p, hook_, says) (.port = p, .hook = hook_, .verdict = says)
#define CGROUP(name, first, what_, six, ttl, need)                                                                               \
	{ .id = "flow.bpf.cgroup." name, .title = ttl, .kconfig = "CONFIG_CGROUP_BPF", .since = first, .needs = "link.veth flow.bpf.control.positive " need, \
	  .host = "kprobe.PID, a cgroup, while the row runs", .by = &kp_flow_by_cgroup,                                              \
	  .arg = &(const struct kp_flow_sock_arg){ .v6 = six, .what = what_, .att = { .place = ATT_AT_CGROUP, .type = KP_AS_INET4_CONNECT + six } } }
#define HELPER(name) "bpf.helper.sched_cls." name

static const struct kp_probe rows[] = {
	KP_FLOW_CONTROLS("flow.bpf", KP_FLOW_KCONFIG),

	ROW("tc.ingress", "a tc program drops what comes in", "4.5", "attach.tc.ingress", ARG_OF(false, TC(7700, IN, SAYS(TC_SHOT)),
	    { POD_TO(KP_FAR, 7700), .without = ROUTED, .with = LOST }, OTHERS(7700))),
	ROW("tc.egress", "a tc program drops what goes out", "4.5", "attach.tc.egress", ARG_OF(false, TC(7704, OUT, SAYS(TC_SHOT)),
	    { POD_TO(KP_FAR, 7704), .without = ROUTED, .with = LOST }, OTHERS(7704))),
	ROW("tc.rewrite", "a tc program writes another destination, and both checksums", "4.5",
	    "attach.tc.ingress " HELPER("skb_store_bytes") " " HELPER("l3_csum_replace") " " HELPER("l4_csum_replace"),
	    ARG_OF(false, TC(7708, IN, REWRITE),
	    { POD_TO(KP_SERVICE, 7708), .without = ROUTED, .with = { KP_AT_FAR, { .dst = KP_FAR2, .ttl = 63 } } }, OTHERS(7708))),
	ROW("tc.redirect", "bpf_redirect() takes a packet past the stack", "4.5", "attach.tc.ingress " HELPER("redirect"),
	    ARG_OF(false, TC(7712, IN, REDIRECT(H_redirect, KP_FAR_IF)),
	    { POD_TO(KP_FAR, 7712), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_ANOTHERS, 64) }, OTHERS(7712))),
	ROW("tc.redirect_peer", "bpf_redirect_peer() puts a packet into the pod's namespace", "5.10", "attach.tc.ingress " HELPER("redirect_peer"),
	    ARG_OF(false, TC(7716, BACK, REDIRECT(H_redirect_peer, KP_POD_IF)),
	    { FAR_TO(KP_POD, 7716), .without = ROUTED_BACK, .with = TTL(KP_AT_POD, 64) }, OTHERS_BACK(7716))),
	ROW("tc.redirect_neigh.ipv4", "bpf_redirect_neigh() sends to the neighbour", "5.10", "attach.tc.ingress " HELPER("redirect_neigh"),
	    ARG_OF(false, TC(7720, IN, NEIGHBOUR),
	    { POD_TO(KP_FAR, 7720), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_OUR_FRAME, 64) }, OTHERS(7720))),
	ROW("tc.redirect_neigh.ipv6", "bpf_redirect_neigh() sends to the neighbour, IPv6", "5.10", "flow.node.ipv6 attach.tc.ingress " HELPER("redirect_neigh"),
	    ARG_OF(true, TC(7724, IN, NEIGHBOUR),
	    { POD_TO(KP_FAR, 7724), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_OUR_FRAME, 64) }, OTHERS(7724))),
	ROW("tc.fib_lookup.ipv4", "bpf_fib_lookup() says where to, and to which neighbour", "4.18", "attach.tc.ingress " HELPER("fib_lookup"),
	    ARG_OF(false, TC(7728, IN, BY_ROUTE(AF_INET, 26, 4)),
	    { POD_TO(KP_FAR, 7728), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_OUR_FRAME, 64) }, OTHERS(7728))),
	ROW("tc.fib_lookup.ipv6", "bpf_fib_lookup() says where to, and to which neighbour, IPv6", "4.18", "flow.node.ipv6 attach.tc.ingress " HELPER("fib_lookup"),
	    ARG_OF(true, TC(7732, IN, BY_ROUTE(AF_INET6, 22, 16)),
	    { POD_TO(KP_FAR, 7732), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_OUR_FRAME, 64) }, OTHERS(7732))),
	/* Nobody knows the destination's MAC: left to the stack, the packet waits for an answer that does not come. */
	ROW("tc.fib_lookup.skip-neigh", "bpf_fib_lookup() without a neighbour (BPF_FIB_LOOKUP_SKIP_NEIGH), and bpf_redirect_neigh() by another", "6.3",
	    "attach.tc.ingress bpf.fib_lookup.skip-neigh " HELPER("redirect_neigh"),
	    ARG_OF(false, TC(7736, IN, BY_ROUTE_ALONE),
	    { POD_TO(KP_FAR3, 7736), .without = LOST, .with = TTL(KP_AT_FAR | KP_IN_OUR_FRAME, 64) }, OTHERS(7736))),

	ROW("tcx.ingress", "a tcx program drops what comes in", "6.6", "attach.tcx.ingress", ARG_OF(false, BY(7740, TCX_IN, TC_SHOT),
	    { POD_TO(KP_FAR, 7740), .without = ROUTED, .with = LOST }, OTHERS(7740))),
	ROW("tcx.egress", "a tcx program drops what goes out", "6.6", "attach.tcx.egress", ARG_OF(false, BY(7744, TCX_OUT, TC_SHOT),
	    { POD_TO(KP_FAR, 7744), .without = ROUTED, .with = LOST }, OTHERS(7744))),
	ROW("tcx.redirect", "bpf_redirect() takes a packet past the stack from tcx", "6.6", "attach.tcx.ingress " HELPER("redirect"),
	    ARG_OF(false, BY(7748, TCX_IN, TO + KP_FAR_IF),
	    { POD_TO(KP_FAR, 7748), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_ANOTHERS, 64) }, OTHERS(7748))),

	ROW("xdp.skb.drop", "an XDP program drops, in generic mode", "4.12", "attach.xdp.skb", ARG_OF(false, BY(7752, XDP_SKB, XDP_DROPS),
	    { FAR_TO(KP_POD, 7752), .without = ROUTED_BACK, .with = LOST }, OTHERS_BACK(7752))),
	ROW("xdp.skb.tx", "XDP_TX sends back where it came from, in generic mode", "4.12", "attach.xdp.skb", ARG_OF(false, BY(7756, XDP_SKB, XDP_SENDS),
	    { FAR_TO(KP_POD, 7756), .without = ROUTED_BACK, .with = TTL(KP_AT_FAR, 64) }, OTHERS_BACK(7756))),
	ROW("xdp.skb.redirect", "XDP_REDIRECT by a map of devices, in generic mode", "4.14", "attach.xdp.skb bpf.map.devmap bpf.helper.xdp.redirect_map",
	    ARG_OF(false, BY(7760, XDP_SKB, TO + KP_POD_IF),
	    { FAR_TO(KP_POD, 7760), .without = ROUTED_BACK, .with = TTL(KP_AT_POD, 64) }, OTHERS_BACK(7760))),
	ROW("xdp.drv.drop", "an XDP program drops, in veth's driver", "4.19", "attach.xdp.drv", ARG_OF(false, BY(7764, XDP_DRV, XDP_DROPS),
	    { POD_TO(KP_FAR, 7764), .without = ROUTED, .with = LOST }, OTHERS(7764))),
	ROW("xdp.drv.tx", "XDP_TX sends back where it came from, in veth's driver", "4.19", "attach.xdp.drv", ARG_OF(false, BY(7768, XDP_DRV, XDP_SENDS),
	    { POD_TO(KP_FAR, 7768), .without = ROUTED, .with = TTL(KP_AT_POD, 64) }, OTHERS(7768))),
	ROW("xdp.drv.redirect", "XDP_REDIRECT by a map of devices, in veth's driver", "4.19", "attach.xdp.drv bpf.map.devmap bpf.helper.xdp.redirect_map",
	    ARG_OF(false, BY(7772, XDP_DRV, TO + KP_FAR_IF),
	    { POD_TO(KP_FAR, 7772), .without = ROUTED, .with = TTL(KP_AT_FAR, 64) }, OTHERS(7772))),

	CGROUP("connect4", "4.17", KP_SOCK_CONNECT, false, "connect(2) to a service goes to a backend", "attach.cgroup.connect4.legacy"),
	CGROUP("connect6", "4.17", KP_SOCK_CONNECT, true, "connect(2) to a service goes to a backend, IPv6", "flow.node.ipv6 attach.cgroup.connect6.legacy"),
	CGROUP("udp4", "5.2", KP_SOCK_DATAGRAM, false, "a datagram to a service goes to a backend, whose answer comes from the service",
	       "attach.cgroup.sendmsg4.legacy attach.cgroup.recvmsg4.legacy"),
	CGROUP("udp6", "5.2", KP_SOCK_DATAGRAM, true, "a datagram to a service goes to a backend, whose answer comes from the service, IPv6",
	       "flow.node.ipv6 attach.cgroup.sendmsg6.legacy attach.cgroup.recvmsg6.legacy"),
	CGROUP("getpeername4", "5.8", KP_SOCK_PEERNAME, false, "a backend's name is told as the service's",
	       "attach.cgroup.connect4.legacy attach.cgroup.getpeername4.legacy"),
	CGROUP("getpeername6", "5.8", KP_SOCK_PEERNAME, true, "a backend's name is told as the service's, IPv6",
	       "flow.node.ipv6 attach.cgroup.connect6.legacy attach.cgroup.getpeername6.legacy"),
	{ .id = "flow.bpf.sockets", .title = "a message goes to another connection by a hash of sockets", .kconfig = "CONFIG_NET_SOCK_MSG|CONFIG_BPF_STREAM_PARSER",
	  .since = "4.18", .needs = "link.veth flow.bpf.control.positive attach.sk_msg bpf.helper.sk_msg.msg_redirect_hash", .by = &kp_flow_by_sockets },

	/* The last: they have a node of their own. */
	ROW("netkit.primary", "a program at the primary end of netkit drops what goes to the pod", "6.7", "attach.netkit.primary",
	    ARG_OF(false, BY(7776, NETKIT_PRIMARY, TC_SHOT),
	    { FAR_TO(KP_POD, 7776), .without = ROUTED_BACK, .with = LOST }, OTHERS_BACK(7776))),
	ROW("netkit.peer", "a program at the peer end of netkit drops what the pod sends", "6.7", "attach.netkit.peer",
	    ARG_OF(false, BY(7780, NETKIT_PEER, TC_SHOT), { POD_TO(KP_FAR, 7780), .without = ROUTED, .with = LOST }, OTHERS(7780))),
	ROW("netkit.redirect", "bpf_redirect() takes what the pod sends past the stack from netkit", "6.7", "attach.netkit.peer " HELPER("redirect"),
	    ARG_OF(false, BY(7784, NETKIT_PEER, TO + KP_FAR_IF),
	    { POD_TO(KP_FAR, 7784), .without = ROUTED, .with = TTL(KP_AT_FAR | KP_IN_ANOTHERS, 64) }, OTHERS(7784))),
};
/* clang-format on */

const struct kp_family kp_family_flow_bpf = {
	.name = "flow.bpf",
	.title = "Packets by BPF programs",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
