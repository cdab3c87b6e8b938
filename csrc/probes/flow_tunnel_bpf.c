/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A tunnel whose device knows no other end: a program says for each packet where it goes, as in Calico's eBPF data plane. */
#include <arpa/inet.h>
#include <errno.h>

#include <linux/if_ether.h>

#include "bpf.h"
#include "flow_tunnel.h"
#include "tc.h"

#define KEY (-28) /* struct bpf_tunnel_key, as of v4.6: id, remote (16 bytes, IPv4 in host order), tos, ttl, ext, label */
#define KEY_LEN 28
#define TTL_AT (KEY + 21)

static int load(uint32_t vni)
{
	unsigned char to[16];
	kp_bpf_autoready ready = KP_BPF_READY_INIT;
	int rc = kp_bpf_prepare(&kp_bpf_sched_cls, &ready);

	kp_pair_addr(to, KP_NET_WIRE, KP_THERE, false);
	const struct kp_insn insns[] = {
		MOVX(R6, R1),
		ST(KP_W, R10, KEY, (int32_t)vni),
		ST(KP_W, R10, KEY + 4, (int32_t)kp_get_be32(to)),
		ST(KP_W, R10, KEY + 8, 0),
		ST(KP_W, R10, KEY + 12, 0),
		ST(KP_W, R10, KEY + 16, 0),
		ST(KP_W, R10, KEY + 20, 0),
		ST(KP_W, R10, KEY + 24, 0),
		ST(KP_B, R10, TTL_AT, 64),
		MOVX(R2, R10),
		ALU(KP_ADD, R2, KEY),
		MOV(R3, KEY_LEN),
		MOV(R4, 0),
		CALL(H_skb_set_tunnel_key),
		MOV(R0, 0),
		EXIT(),
	};

	return rc ? rc : kp_bpf_load(&ready, insns, KP_ARRAY_SIZE(insns));
}

int kp_tunnel_md_path(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE), ifindex = kp_tunnel_if(t), rc;
	kp_autoclose prog = -1;

	if (node != KP_NEAR || rtnl < 0)
		return rtnl < 0 ? rtnl : 0;
	kp_tc_clear(ctx, rtnl, ifindex);
	if (!what)
		return 0;
	prog = load(kp_tunnel_vni(t) + (what == KP_WRONG_ID));
	if (prog < 0)
		return prog;
	rc = kp_tc_qdisc_add(ctx, rtnl, ifindex, &kp_tc_clsact);
	return rc ? rc : kp_tc_program_add(ctx, rtnl, ifindex, KP_TC_EGRESS, prog);
}
