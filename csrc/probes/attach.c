/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Where BPF programs are attached, each with a packet or a socket call that passes there. How: attach_how.c. */
#include <errno.h>

#include "attach.h"
#include "families.h"

#define PROVES                                                                                                                     \
	"works: before it the deed shows what it does without a program; program A and, after replacing, B are counted once each " \
	"and "                                                                                                                     \
	"what they say is seen; after detaching nothing runs and all is as before; broken: any of that is not so"

/* The program loaded, so nothing but the way to attach can be what is not known. */
static const struct kp_rule bpf_rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel does not know this command, or not this place to attach to" },
	{ EOPNOTSUPP, KP_ABSENT, "this kernel does not attach such programs here" },
	{ 0 },
};

static const struct kp_rule tc_rules[] = {
	KP_BPF_NO_SYSCALL,
	{ ENOENT, KP_ABSENT, "no such qdisc or filter: clsact (v4.5) or cls_bpf is not built, or has no module file" },
	{ EINVAL, KP_ABSENT, "cls_bpf does not take BPF programs that act directly (v4.4)" },
	{ EOPNOTSUPP, KP_ABSENT, "rtnetlink has no qdiscs: built without CONFIG_NET_SCHED" },
	{ 0 },
};

static const struct kp_rule xdp_rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel does not know a flag of the request" },
	{ EOPNOTSUPP, KP_ABSENT, "the device's driver takes no XDP programs" },
	{ EILSEQ, KP_BROKEN, "a program was replaced although another one was expected to be there" },
	{ 0 },
};

/* flow_dissector_bpf_prog_attach_check(); v5.5, a11c397c43d5 "…: add mode to enforce global BPF flow dissector". */
static const struct kp_rule netns_rules[] = {
	KP_BPF_NO_SYSCALL,
	{ EINVAL, KP_ABSENT, "this kernel has no links to network namespaces, or none for such programs" },
	{ EEXIST, KP_UNKNOWN,
	  "a flow dissector of somebody's is attached to the host's namespace, and then no other one may be: a conflict" },
	{ 0 },
};

static const struct kp_method by_tc = {
	.run = att_run,
	.asks = "RTM_NEWQDISC of clsact, RTM_NEWTFILTER of a direct-action program, RTM_GETTFILTER, the same with NLM_F_REPLACE, "
		"RTM_DELTFILTER; "
		"a datagram over lo in each state",
	.proves = PROVES,
	.rules = tc_rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method by_xdp = {
	.run = att_run,
	.asks = "RTM_SETLINK with IFLA_XDP, RTM_GETLINK, IFLA_XDP with another program, and with none; a datagram in each state",
	.proves = PROVES,
	.rules = xdp_rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method by_link = {
	.run = att_run,
	.asks = "BPF_LINK_CREATE, the kernel's list of what is attached there, BPF_LINK_UPDATE, close; a packet or a socket call "
		"in each state",
	.proves = PROVES,
	.rules = bpf_rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method by_netns_link = {
	.run = att_run,
	.asks = "BPF_LINK_CREATE on a network namespace, BPF_PROG_QUERY, BPF_LINK_UPDATE, close; a datagram over lo in each state",
	.proves = PROVES,
	.rules = netns_rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method by_prog = {
	.run = att_run,
	.asks = "BPF_PROG_ATTACH, BPF_PROG_QUERY, BPF_PROG_ATTACH of another, BPF_PROG_DETACH; a packet or a socket call in each "
		"state",
	.proves = PROVES,
	.rules = bpf_rules,
	.gate = KP_BPF_GATE,
};

static const struct kp_method by_map = {
	.run = att_run,
	.asks = "BPF_PROG_ATTACH to a map of sockets, a connected TCP socket put into it, another program, both taken out; send(2) "
		"in each state",
	.proves = PROVES,
	.rules = bpf_rules,
	.gate = KP_BPF_GATE,
};

/* clang-format off */
#define ARG(...) &(const struct att_arg){ __VA_ARGS__ }
#define SCHED "CONFIG_NET_SCH_INGRESS CONFIG_NET_CLS_BPF"
#define SOCKMAP "CONFIG_NET_SOCK_MSG|CONFIG_BPF_STREAM_PARSER"

/* TC_ACT_SHOT and TC_ACT_OK, which tcx and netkit share; XDP_DROP and XDP_PASS; SK_DROP and SK_PASS, as cgroups' 0 and 1. */
#define SHOT_OK .prog = { { 2, 0, ATT_LOST }, { 0, 0, ATT_DONE } }
#define DROP_PASS .prog = { { 1, 0, ATT_LOST }, { 2, 0, ATT_DONE } }
#define NO_YES .prog = { { 0, 0, ATT_LOST }, { 1, 0, ATT_DONE } }
#define REFUSE_ALLOW(err) .prog = { { 0, 0, ATT_ERRNO | (err) }, { 1, 0, ATT_DONE } }

/* Datagrams that pass a device. */
#define TC_DATAGRAM .kind = { .type = KP_SCHED_CLS }, .filter = ATT_SKB_LEN, .deed = &att_datagram, .before = ATT_DONE, SHOT_OK
#define XDP_DATAGRAM .kind = { .type = KP_XDP }, .filter = ATT_XDP_LEN, .deed = &att_datagram, .before = ATT_DONE, DROP_PASS

/* TCP to a socket in a map. */
#define STREAM .needs = "bpf.prog.sk_skb", .by = &by_map
#define STREAM_ARG(type_, ...)                                                                                                     \
	ARG(.kind = { .type = KP_SK_SKB }, .how = ATT_SOCKET, .place = ATT_AT_MAP, .map = KP_MAP_SOCKMAP, .type = type_,           \
	    .deed = &att_tcp_send, .before = ATT_DONE, __VA_ARGS__)
#define DROP_REDIRECT .action = ATT_REDIRECT, .prog = { { 0, 0, ATT_LOST }, { 1, 1, ATT_DONE } }

/* Both ways to attach to a cgroup: by a link (since @link_since_), and as it was done before there were any. */
#define CGROUP(id_, title_, since_, link_since_, prog_, ...)                                                                       \
	{ .id = id_, .title = title_, .kconfig = "CONFIG_CGROUP_BPF", .since = link_since_,                                        \
	  .needs = "attach.cgroup bpf.prog." prog_, .by = &by_link,                                                                \
	  .arg = ARG(.how = ATT_LINK, .place = ATT_AT_CGROUP, __VA_ARGS__) },                                                      \
	{ .id = id_ ".legacy", .title = title_ ", without a link", .kconfig = "CONFIG_CGROUP_BPF", .since = since_,                \
	  .needs = "attach.cgroup bpf.prog." prog_, .by = &by_prog,                                                                \
	  .arg = ARG(.how = ATT_PROG, .place = ATT_AT_CGROUP, __VA_ARGS__) },

/* Socket addresses, in which a program of the kind @as_ writes another port. */
#define ADDRESS(as_, deed_)                                                                                                        \
	.kind = { .type = KP_CGROUP_SOCK_ADDR, .attach = as_ }, .type = as_, .action = ATT_SET_PORT, .deed = &(deed_)
#define REFUSE_REWRITE .before = ATT_PORT1, .prog = { { 0, 0, ATT_ERRNO | EPERM }, { 1, ATT_PORT2, ATT_PORT2 } }
/* Where nothing can be refused: a program must say 1. */
#define REWRITE(before_, a_) .before = before_, .prog = { { 1, a_, a_ }, { 1, ATT_PORT2, ATT_PORT2 } }
#define V6 .family = AF_INET6

static const struct kp_probe rows[] = {
	{ .id = "attach.control.negative", .title = "an invented attach type", .control = KP_NEGATIVE, .by = &by_prog,
	  .arg = ARG(.kind = { .type = KP_SOCKET_FILTER }, .how = ATT_PROG, .type = ATT_INVENTED, .deed = &att_datagram,
		     .before = ATT_DONE, NO_YES) },
	{ .id = "attach.control.negative.xdp", .title = "an invented XDP flag", .control = KP_NEGATIVE, .flags = KP_FRESH_NETNS,
	  .by = &by_xdp, .arg = ARG(.how = ATT_XDP, .type = ATT_XDP_SKB_MODE | ATT_XDP_INVENTED, XDP_DATAGRAM) },
	{ .id = "attach.control.positive", .title = "a classic filter on a socket", .control = KP_POSITIVE,
	  .by = &att_control_positive },

	{ .id = "attach.tc.ingress", .title = "tc classifier on ingress, acting directly", .modules = "sch_ingress cls_bpf",
	  .kconfig = SCHED, .since = "4.5", .needs = "tc.qdisc.clsact bpf.prog.sched_cls", .flags = KP_FRESH_NETNS, .by = &by_tc,
	  .arg = ARG(.how = ATT_TC, .type = ATT_TC_INGRESS, TC_DATAGRAM) },
	{ .id = "attach.tc.egress", .title = "tc classifier on egress, acting directly", .modules = "sch_ingress cls_bpf",
	  .kconfig = SCHED, .since = "4.5", .needs = "tc.qdisc.clsact bpf.prog.sched_cls", .flags = KP_FRESH_NETNS, .by = &by_tc,
	  .arg = ARG(.how = ATT_TC, .type = ATT_TC_EGRESS, TC_DATAGRAM) },
	{ .id = "attach.tcx.ingress", .title = "tcx link on ingress", .kconfig = "CONFIG_NET_XGRESS", .since = "6.6",
	  .needs = "bpf.prog.sched_cls", .by = &by_link, .arg = ARG(.how = ATT_LINK, .type = ATT_TCX_INGRESS, TC_DATAGRAM) },
	{ .id = "attach.tcx.egress", .title = "tcx link on egress", .kconfig = "CONFIG_NET_XGRESS", .since = "6.6",
	  .needs = "bpf.prog.sched_cls", .by = &by_link, .arg = ARG(.how = ATT_LINK, .type = ATT_TCX_EGRESS, TC_DATAGRAM) },
	{ .id = "attach.netkit.primary", .title = "netkit link, what leaves the primary end", .modules = "netkit",
	  .kconfig = "CONFIG_NETKIT", .since = "6.7", .needs = "bpf.prog.sched_cls link.netkit", .flags = KP_FRESH_NETNS,
	  .by = &by_link, .arg = ARG(.how = ATT_LINK, .place = ATT_AT_NETKIT, .type = ATT_NETKIT_PRIMARY, TC_DATAGRAM) },
	{ .id = "attach.netkit.peer", .title = "netkit link, what leaves the peer end", .modules = "netkit",
	  .kconfig = "CONFIG_NETKIT", .since = "6.7", .needs = "bpf.prog.sched_cls link.netkit", .flags = KP_FRESH_NETNS,
	  .by = &by_link, .arg = ARG(.how = ATT_LINK, .place = ATT_AT_NETKIT_PEER, .type = ATT_NETKIT_PEER, TC_DATAGRAM) },

	{ .id = "attach.xdp.skb", .title = "XDP on any device (generic mode)", .kconfig = "CONFIG_NET", .since = "4.12",
	  .needs = "bpf.prog.xdp", .flags = KP_FRESH_NETNS, .by = &by_xdp,
	  .arg = ARG(.how = ATT_XDP, .type = ATT_XDP_SKB_MODE, XDP_DATAGRAM) },
	{ .id = "attach.xdp.drv", .title = "XDP in a driver (veth's)", .modules = "veth", .kconfig = "CONFIG_VETH", .since = "4.19",
	  .needs = "bpf.prog.xdp link.veth", .flags = KP_FRESH_NETNS, .by = &by_xdp,
	  .arg = ARG(.how = ATT_XDP, .place = ATT_AT_VETH, .type = ATT_XDP_DRV_MODE, XDP_DATAGRAM) },
	{ .id = "attach.xdp.replace", .title = "XDP program replaced only if it is the expected one", .kconfig = "CONFIG_NET",
	  .since = "5.7", .needs = "attach.xdp.skb", .flags = KP_FRESH_NETNS, .by = &by_xdp,
	  .asks = "IFLA_XDP; XDP_FLAGS_REPLACE with a wrong IFLA_XDP_EXPECTED_FD, which must be refused, with the right one, and "
		  "without a program; a datagram in each state",
	  .arg = ARG(.how = ATT_XDP, .type = ATT_XDP_SKB_MODE | ATT_XDP_REPLACE, XDP_DATAGRAM) },
	{ .id = "attach.xdp.link", .title = "XDP link", .kconfig = "CONFIG_NET", .since = "5.9", .needs = "bpf.prog.xdp",
	  .by = &by_link, .arg = ARG(.how = ATT_LINK, .type = KP_AS_XDP, .flags = ATT_XDP_SKB_MODE, XDP_DATAGRAM) },

	{ .id = "attach.flow_dissector", .title = "flow dissector of a network namespace", .kconfig = "CONFIG_BPF_SYSCALL",
	  .since = "5.8", .needs = "bpf.prog.flow_dissector", .by = &by_netns_link,
	  .arg = ARG(.kind = { .type = KP_FLOW_DISSECTOR }, .how = ATT_LINK, .place = ATT_AT_NETNS, .type = ATT_FLOW_DISSECTOR,
		     .action = ATT_SET_KEYS, .deed = &att_dissect, .before = 28, .prog = { { 2, 0, 0 }, { 0, 24, 32 } }) },
	{ .id = "attach.sk_lookup", .title = "socket lookup of a network namespace", .kconfig = "CONFIG_INET", .since = "5.9",
	  .needs = "bpf.prog.sk_lookup", .by = &by_netns_link,
	  .arg = ARG(.kind = { .type = KP_SK_LOOKUP, .attach = KP_AS_SK_LOOKUP }, .how = ATT_LINK, .place = ATT_AT_NETNS,
		     .type = KP_AS_SK_LOOKUP, .filter = ATT_LOOKUP, .deed = &att_datagram, .before = ATT_DONE, NO_YES) },
	{ .id = "attach.sk_msg", .title = "messages of sockets in a hash", .kconfig = SOCKMAP, .since = "4.18",
	  .needs = "bpf.prog.sk_msg", .by = &by_map,
	  .arg = ARG(.kind = { .type = KP_SK_MSG }, .how = ATT_SOCKET, .place = ATT_AT_MAP, .map = KP_MAP_SOCKHASH,
		     .type = ATT_SK_MSG_VERDICT, .deed = &att_tcp_send, .before = ATT_DONE, REFUSE_ALLOW(EACCES)) },
	{ .id = "attach.sk_msg.sockmap", .title = "messages of sockets in an array", .kconfig = SOCKMAP, .since = "4.17",
	  .needs = "bpf.prog.sk_msg", .by = &by_map,
	  .arg = ARG(.kind = { .type = KP_SK_MSG }, .how = ATT_SOCKET, .place = ATT_AT_MAP, .map = KP_MAP_SOCKMAP,
		     .type = ATT_SK_MSG_VERDICT, .deed = &att_tcp_send, .before = ATT_DONE, REFUSE_ALLOW(EACCES)) },

	/*
	 * A verdict must never let pass without redirecting behind a parser: that locks up the CPU for good on kernels that have
	 * 6648e613226e (v6.9, and stable kernels from 5.10 on) without 8ca2a1eeadf0 (v6.13), Debian's 5.10.223 among them; before v4.20
	 * it dropped. A redirect goes another way (sk_psock_skb_redirect(): a work queue), and to the same socket it comes to the same.
	 */
	{ .id = "attach.sk_skb", .title = "streams to sockets in an array, behind a parser", .kconfig = "CONFIG_BPF_STREAM_PARSER",
	  .since = "4.18", STREAM, .arg = STREAM_ARG(ATT_SK_SKB_VERDICT, .partner = { ATT_SK_SKB_PARSER, ATT_TAG }, DROP_REDIRECT) },
	/* It says how long a message is, or 0 when it must see more of it. */
	{ .id = "attach.sk_skb.parser", .title = "parser of streams to sockets in an array", .kconfig = "CONFIG_BPF_STREAM_PARSER",
	  .since = "4.18", STREAM,
	  .arg = STREAM_ARG(ATT_SK_SKB_PARSER, .partner = { ATT_SK_SKB_VERDICT, 1, ATT_REDIRECT },
			    .prog = { { 0, 0, ATT_LOST }, { ATT_TAG, 0, ATT_DONE } }) },
	{ .id = "attach.sk_skb.verdict", .title = "streams to sockets in an array, without a parser", .kconfig = SOCKMAP,
	  .since = "5.13", STREAM, .arg = STREAM_ARG(ATT_SK_SKB_ALONE, NO_YES) },

	{ .id = "attach.cgroup", .title = "a cgroup v2 of one's own", .kconfig = "CONFIG_CGROUPS", .since = "4.5",
	  .host = "kprobe.PID, a cgroup, while a row runs; with --intrusive, where cgroup2 was never mounted: a line 0:: in "
		  "/proc/PID/cgroup",
	  .by = &att_cgroup_make },
	CGROUP("attach.cgroup.connect4", "connect, IPv4", "4.17", "5.7", "cgroup_sock_addr",
	       ADDRESS(KP_AS_INET4_CONNECT, att_connect), REFUSE_REWRITE)
	CGROUP("attach.cgroup.connect6", "connect, IPv6", "4.17", "5.7", "cgroup_sock_addr.connect6",
	       ADDRESS(KP_AS_INET6_CONNECT, att_connect), REFUSE_REWRITE, V6)
	CGROUP("attach.cgroup.sendmsg4", "sendmsg without a connection, IPv4", "4.18", "5.7", "cgroup_sock_addr.sendmsg4",
	       ADDRESS(KP_AS_UDP4_SENDMSG, att_sendmsg), REFUSE_REWRITE)
	CGROUP("attach.cgroup.sendmsg6", "sendmsg without a connection, IPv6", "4.18", "5.7", "cgroup_sock_addr.sendmsg6",
	       ADDRESS(KP_AS_UDP6_SENDMSG, att_sendmsg), REFUSE_REWRITE, V6)
	CGROUP("attach.cgroup.recvmsg4", "recvmsg, IPv4", "5.2", "5.7", "cgroup_sock_addr.recvmsg4",
	       ADDRESS(KP_AS_UDP4_RECVMSG, att_recvmsg), REWRITE(ATT_PORT3, ATT_PORT1))
	CGROUP("attach.cgroup.recvmsg6", "recvmsg, IPv6", "5.2", "5.7", "cgroup_sock_addr.recvmsg6",
	       ADDRESS(KP_AS_UDP6_RECVMSG, att_recvmsg), REWRITE(ATT_PORT3, ATT_PORT1), V6)
	CGROUP("attach.cgroup.getpeername4", "getpeername, IPv4", "5.8", "5.8", "cgroup_sock_addr.getpeername4",
	       ADDRESS(KP_AS_INET4_GETPEERNAME, att_getpeername), REWRITE(ATT_PORT1, ATT_PORT3))
	CGROUP("attach.cgroup.getpeername6", "getpeername, IPv6", "5.8", "5.8", "cgroup_sock_addr.getpeername6",
	       ADDRESS(KP_AS_INET6_GETPEERNAME, att_getpeername), REWRITE(ATT_PORT1, ATT_PORT3), V6)
	CGROUP("attach.cgroup.sock_create", "socket creation", "4.10", "5.7", "cgroup_sock", .kind = { .type = KP_CGROUP_SOCK },
	       .type = ATT_CGROUP_SOCK_CREATE, .deed = &att_sock_create, .before = ATT_DONE, REFUSE_ALLOW(EPERM))
	CGROUP("attach.cgroup.skb.ingress", "packets to sockets", "4.10", "5.7", "cgroup_skb", .kind = { .type = KP_CGROUP_SKB },
	       .type = ATT_CGROUP_INGRESS, .deed = &att_datagram, .before = ATT_DONE, NO_YES)
	CGROUP("attach.cgroup.skb.egress", "packets from sockets", "4.10", "5.7", "cgroup_skb", .kind = { .type = KP_CGROUP_SKB },
	       .type = ATT_CGROUP_EGRESS, .deed = &att_datagram, .before = ATT_DONE, NO_YES)
	CGROUP("attach.sock_ops", "TCP socket operations", "4.13", "5.7", "sock_ops", .kind = { .type = KP_SOCK_OPS },
	       .type = ATT_CGROUP_SOCK_OPS, .filter = ATT_ESTABLISHED, .action = ATT_SET_PRIORITY, .deed = &att_tcp_connect,
	       .before = 0, .prog = { { 1, 5, 5 }, { 1, 6, 6 } })
};
/* clang-format on */

const struct kp_family kp_family_attach = {
	.name = "attach",
	.title = "BPF programs attached, and run by packets and socket calls",
	.rows = rows,
	.n_rows = KP_ARRAY_SIZE(rows),
	.records = KP_BPF_RECORDS,
};
