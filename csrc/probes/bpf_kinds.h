/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Every way a program is loaded, once: bpf_prog.c makes a row of each, bpf_helper.c one of each BOTH.
 *
 *	BOTH|PROG(name, title, since, kconfig, needs, kind…)
 *
 * The type of a bare name is loaded as libbpf's probes and so bpftool's do, that their answers can be compared.
 */
#define NET "CONFIG_NET"
#define CGROUP "CONFIG_CGROUP_BPF"
#define EVENTS "CONFIG_BPF_EVENTS"
#define TRAMPOLINE "CONFIG_BPF_EVENTS CONFIG_BPF_JIT"
#define BTF "bpf.btf.vmlinux"

BOTH("socket_filter", "socket filter", "3.19", NET, NULL, .type = KP_SOCKET_FILTER)
BOTH("kprobe", "kprobe and uprobe", "4.1", EVENTS, NULL, .type = KP_KPROBE)
BOTH("sched_cls", "tc classifier", "4.1", NET, NULL, .type = KP_SCHED_CLS)
/* Calico generates its policy programs as such; no GPL-only helper is open to them. */
PROG("sched_cls.not-gpl", "tc classifier under the Apache licence", "4.1", NET, NULL, .type = KP_SCHED_CLS, .license = "Apache-2.0")
BOTH("sched_act", "tc action", "4.1", NET, NULL, .type = KP_SCHED_ACT)
BOTH("tracepoint", "tracepoint", "4.7", EVENTS, NULL, .type = KP_TRACEPOINT)
BOTH("xdp", "XDP", "4.8", NET, NULL, .type = KP_XDP)
PROG("xdp.devmap", "XDP, on redirect through a device map", "5.8", NET, NULL, .type = KP_XDP, .attach = KP_AS_XDP_DEVMAP)
PROG("xdp.cpumap", "XDP, on redirect through a CPU map", "5.9", NET, NULL, .type = KP_XDP, .attach = KP_AS_XDP_CPUMAP)
PROG("xdp.frags", "XDP on packets of several buffers", "5.18", NET, NULL, .type = KP_XDP, .flags = KP_PROG_XDP_FRAGS)
BOTH("perf_event", "perf event", "4.9", EVENTS, NULL, .type = KP_PERF_EVENT)
BOTH("cgroup_skb", "cgroup packet filter", "4.10", CGROUP, NULL, .type = KP_CGROUP_SKB)
BOTH("cgroup_sock", "cgroup socket creation", "4.10", CGROUP, NULL, .type = KP_CGROUP_SOCK)
PROG("cgroup_sock.post_bind4", "cgroup, after bind, IPv4", "4.17", CGROUP, NULL, .type = KP_CGROUP_SOCK,
     .attach = KP_AS_INET4_POST_BIND)
PROG("cgroup_sock.post_bind6", "cgroup, after bind, IPv6", "4.17", CGROUP, NULL, .type = KP_CGROUP_SOCK,
     .attach = KP_AS_INET6_POST_BIND)
PROG("cgroup_sock.release", "cgroup, on release of a socket", "5.9", CGROUP, NULL, .type = KP_CGROUP_SOCK,
     .attach = KP_AS_SOCK_RELEASE)
BOTH("lwt_in", "light-weight tunnel, input", "4.10", "CONFIG_LWTUNNEL_BPF", NULL, .type = KP_LWT_IN)
BOTH("lwt_out", "light-weight tunnel, output", "4.10", "CONFIG_LWTUNNEL_BPF", NULL, .type = KP_LWT_OUT)
BOTH("lwt_xmit", "light-weight tunnel, transmit", "4.10", "CONFIG_LWTUNNEL_BPF", NULL, .type = KP_LWT_XMIT)
BOTH("sock_ops", "TCP socket operations", "4.13", CGROUP, NULL, .type = KP_SOCK_OPS)
BOTH("sk_skb", "sockmap stream", "4.14", NET, NULL, .type = KP_SK_SKB)
BOTH("cgroup_device", "cgroup device access", "4.15", CGROUP, NULL, .type = KP_CGROUP_DEVICE)
BOTH("sk_msg", "sockmap message", "4.17", NET, NULL, .type = KP_SK_MSG)
BOTH("raw_tracepoint", "raw tracepoint", "4.17", EVENTS, NULL, .type = KP_RAW_TRACEPOINT)
BOTH("cgroup_sock_addr", "cgroup, connect, IPv4", "4.17", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET4_CONNECT)
PROG("cgroup_sock_addr.connect6", "cgroup, connect, IPv6", "4.17", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_INET6_CONNECT)
PROG("cgroup_sock_addr.bind4", "cgroup, bind, IPv4", "4.17", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET4_BIND)
PROG("cgroup_sock_addr.bind6", "cgroup, bind, IPv6", "4.17", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR, .attach = KP_AS_INET6_BIND)
PROG("cgroup_sock_addr.sendmsg4", "cgroup, sendmsg, IPv4", "4.18", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_UDP4_SENDMSG)
PROG("cgroup_sock_addr.sendmsg6", "cgroup, sendmsg, IPv6", "4.18", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_UDP6_SENDMSG)
/* A recvmsg program may only say 1: nothing is refused there (v5.2, 983695fa6765). */
PROG("cgroup_sock_addr.recvmsg4", "cgroup, recvmsg, IPv4", "5.2", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_UDP4_RECVMSG, .retval = 1)
PROG("cgroup_sock_addr.recvmsg6", "cgroup, recvmsg, IPv6", "5.2", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_UDP6_RECVMSG, .retval = 1)
PROG("cgroup_sock_addr.getpeername4", "cgroup, getpeername, IPv4", "5.8", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_INET4_GETPEERNAME, .retval = 1)
PROG("cgroup_sock_addr.getpeername6", "cgroup, getpeername, IPv6", "5.8", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_INET6_GETPEERNAME, .retval = 1)
PROG("cgroup_sock_addr.getsockname4", "cgroup, getsockname, IPv4", "5.8", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_INET4_GETSOCKNAME, .retval = 1)
PROG("cgroup_sock_addr.getsockname6", "cgroup, getsockname, IPv6", "5.8", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_INET6_GETSOCKNAME, .retval = 1)
PROG("cgroup_sock_addr.connect-unix", "cgroup, connect, Unix", "6.7", CGROUP, NULL, .type = KP_CGROUP_SOCK_ADDR,
     .attach = KP_AS_UNIX_CONNECT)
BOTH("lwt_seg6local", "segment routing", "4.18", "CONFIG_NET", NULL, .type = KP_LWT_SEG6LOCAL)
BOTH("lirc_mode2", "infra-red decoder", "4.18", "CONFIG_BPF_LIRC_MODE2", NULL, .type = KP_LIRC_MODE2, .attach = KP_AS_LIRC_MODE2)
BOTH("sk_reuseport", "choice of a listening socket", "4.19", "CONFIG_INET", NULL, .type = KP_SK_REUSEPORT)
BOTH("flow_dissector", "flow dissector", "4.20", NET, NULL, .type = KP_FLOW_DISSECTOR)
BOTH("cgroup_sysctl", "cgroup sysctl access", "5.2", CGROUP, NULL, .type = KP_CGROUP_SYSCTL)
BOTH("raw_tracepoint_writable", "writable raw tracepoint", "5.2", EVENTS, NULL, .type = KP_RAW_TRACEPOINT_WRITABLE)
BOTH("cgroup_sockopt", "cgroup getsockopt", "5.3", CGROUP, NULL, .type = KP_CGROUP_SOCKOPT, .attach = KP_AS_GETSOCKOPT)
PROG("cgroup_sockopt.set", "cgroup setsockopt", "5.3", CGROUP, NULL, .type = KP_CGROUP_SOCKOPT, .attach = KP_AS_SETSOCKOPT)
/*
 * Nothing gets attached, so any function would do. Before v6.2 (60443c88f3a8 "kallsyms: Improve the performance of
 * kallsyms_lookup_name()") each load walks over all symbols up to it: mmput() is among the first.
 */
BOTH("tracing", "entry of a kernel function", "5.5", TRAMPOLINE, BTF, .type = KP_TRACING, .attach = KP_AS_TRACE_FENTRY,
     .target = KP_TARGET_FUNC, .names = "mmput vfs_read")
PROG("tracing.fexit", "exit of a kernel function", "5.5", TRAMPOLINE, BTF, .type = KP_TRACING, .attach = KP_AS_TRACE_FEXIT,
     .target = KP_TARGET_FUNC, .names = "mmput vfs_read")
PROG("tracing.modify_return", "return value of a kernel function", "5.7", TRAMPOLINE, BTF, .type = KP_TRACING,
     .attach = KP_AS_MODIFY_RETURN, .target = KP_TARGET_FUNC, .names = "security_file_open bpf_modify_return_test")
PROG("tracing.raw_tp", "tracepoint with types", "5.5", EVENTS, BTF, .type = KP_TRACING, .attach = KP_AS_TRACE_RAW_TP,
     .target = KP_TARGET_RAW_TP, .names = "btf_trace_sched_switch btf_trace_kfree_skb")
BOTH("tracing.iter", "iterator", "5.8", EVENTS, BTF, .type = KP_TRACING, .attach = KP_AS_TRACE_ITER, .target = KP_TARGET_FUNC,
     .names = "bpf_iter_task bpf_iter_bpf_map")
BOTH("struct_ops", "structure of functions (congestion control)", "5.6", "CONFIG_BPF_JIT CONFIG_INET", BTF, .type = KP_STRUCT_OPS,
     .target = KP_TARGET_MEMBER, .names = "tcp_congestion_ops", .member = "ssthresh")
BOTH("ext", "replacement of a global function", "5.6", "CONFIG_BPF_JIT", BTF, .type = KP_EXT, .target = KP_TARGET_PROG)
BOTH("lsm", "security module", "5.7", "CONFIG_BPF_LSM", BTF, .type = KP_LSM, .attach = KP_AS_LSM_MAC, .target = KP_TARGET_FUNC,
     .names = "bpf_lsm_file_open")
PROG("lsm.sleepable", "security module, may sleep", "5.11", "CONFIG_BPF_LSM", BTF, .type = KP_LSM, .attach = KP_AS_LSM_MAC,
     .flags = KP_PROG_SLEEPABLE, .target = KP_TARGET_FUNC, .names = "bpf_lsm_file_open")
PROG("lsm.cgroup", "security module, for a cgroup", "6.0", "CONFIG_BPF_LSM CONFIG_CGROUP_BPF", BTF, .type = KP_LSM,
     .attach = KP_AS_LSM_CGROUP, .target = KP_TARGET_FUNC, .names = "bpf_lsm_socket_bind")
BOTH("sk_lookup", "socket lookup", "5.9", "CONFIG_INET", NULL, .type = KP_SK_LOOKUP, .attach = KP_AS_SK_LOOKUP)
BOTH("syscall", "program that makes system calls", "5.14", "CONFIG_BPF_SYSCALL", NULL, .type = KP_SYSCALL,
     .flags = KP_PROG_SLEEPABLE)
BOTH("netfilter", "netfilter hook", "6.4", "CONFIG_NETFILTER_BPF_LINK", NULL, .type = KP_NETFILTER, .attach = KP_AS_NETFILTER)

#undef NET
#undef CGROUP
#undef EVENTS
#undef TRAMPOLINE
#undef BTF
