/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The attach family's own. A row is data: a kind of program, where it is attached and how, one deed (a packet, a system call) that
 * passes there, and what the deed shows without a program, with program A and with program B.
 */
#ifndef KP_PROBES_ATTACH_H
#define KP_PROBES_ATTACH_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "bpf.h"

/* bpf_attach_type, where the program type alone does not say it (v7.2's numbers). */
enum {
	ATT_CGROUP_INGRESS = 0,
	ATT_CGROUP_EGRESS = 1,
	ATT_CGROUP_SOCK_CREATE = 2,
	ATT_CGROUP_SOCK_OPS = 3,
	ATT_SK_SKB_PARSER = 4,
	ATT_SK_SKB_VERDICT = 5,
	ATT_SK_MSG_VERDICT = 7,
	ATT_FLOW_DISSECTOR = 17,
	ATT_SK_SKB_ALONE = 38, /* BPF_SK_SKB_VERDICT, v5.13 a7ba4558e69a */
	ATT_TCX_INGRESS = 46,
	ATT_TCX_EGRESS = 47,
	ATT_NETKIT_PRIMARY = 54,
	ATT_NETKIT_PEER = 55,
	ATT_INVENTED = 0x7fff,
};

enum {
	ATT_XDP_SKB_MODE = 1 << 1,
	ATT_XDP_DRV_MODE = 1 << 2,
	ATT_XDP_REPLACE = 1 << 4, /* v5.7, 92234c8f15c8 */
	ATT_XDP_INVENTED = 1 << 20,
};

/* Parents of tc filters: TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS or _EGRESS). */
#define ATT_TC_INGRESS 0xfffffff2u
#define ATT_TC_EGRESS 0xfffffff3u

enum att_how {
	ATT_TC,     /* clsact and a cls_bpf filter; .type: its parent */
	ATT_XDP,    /* IFLA_XDP; .type: flags; with ATT_XDP_REPLACE a wrong expected program is tried first */
	ATT_LINK,   /* BPF_LINK_CREATE; .type: attach type, .flags: the link's */
	ATT_PROG,   /* BPF_PROG_ATTACH; .type: attach type */
	ATT_SOCKET, /* BPF_PROG_ATTACH to a map of sockets; .map: its type */
};

enum att_place {
	ATT_AT_LO,
	ATT_AT_VETH,        /* this end of a pair whose other end is in a namespace of its own; packets come in */
	ATT_AT_NETKIT,      /* packets go out */
	ATT_AT_NETKIT_PEER, /* packets come in */
	ATT_AT_NETNS,
	ATT_AT_CGROUP,
	ATT_AT_MAP,
};

/* Which packets and events a program counts and judges; it lets others pass as program B does. */
enum att_filter {
	ATT_ALL,
	ATT_SKB_LEN,     /* the length of our datagrams with their Ethernet header */
	ATT_XDP_LEN,
	ATT_ESTABLISHED, /* of a TCP connection, on the side that asked for it */
	ATT_LOOKUP,      /* of the socket our datagrams go to; ICMP errors look for the sender */
};

/* What it does besides. */
enum att_action {
	ATT_JUDGE,        /* nothing: its return value is the effect */
	ATT_SET_PORT,     /* writes the port of a socket address */
	ATT_SET_PRIORITY, /* bpf_setsockopt(SO_PRIORITY) */
	ATT_SET_KEYS,     /* says where the transport header begins */
	ATT_REDIRECT,     /* bpf_sk_redirect_map() to the socket itself, as if it came in */
};

struct att;

/* One thing that passes the place. Both run in the place (its namespace, its cgroup), and return 0 or -errno with a->step set. */
struct att_deed {
	int (*open)(struct att *a);
	int (*act)(struct att *a, uint32_t *ret_seen);
};

/* What a deed showed: a port, a length, a priority, or one of these. */
enum {
	ATT_LOST = 0,
	ATT_DONE = 1,
	ATT_LATE = 2, /* a datagram came that was believed dropped */
	ATT_ERRNO = 1 << 16,
};

struct att_prog {
	int32_t verdict;
	uint32_t value; /* of the action; 0: none is taken */
	uint32_t seen;  /* what the deed shows then */
};

struct att_arg {
	struct kp_bpf_kind kind;
	enum att_how how;
	enum att_place place;
	enum att_filter filter;
	enum att_action action;
	uint32_t type, flags, map;
	/* ATT_SOCKET: a second program, which the first is run with. */
	struct {
		uint32_t type; /* attach type; 0: none */
		int32_t verdict;
		enum att_action action;
	} partner;
	int family; /* AF_INET6; else AF_INET */
	const struct att_deed *deed;
	uint32_t before; /* what the deed shows without a program */
	struct att_prog prog[2];
};

enum att_stage { ATT_A, ATT_B, ATT_BEFORE, ATT_AFTER };
#define ATT_PARTNER 2 /* its runs are counted behind those of A and B */

/* A row at work. Descriptors are closed at its end. */
struct att {
	struct kp_ctx *ctx;
	struct kp_result *res;
	const struct att_arg *arg;
	const char *step;
	int counters, prog[2], partner, link;
	uint32_t id[2]; /* of the programs, 0 where the kernel has no ids (before v4.13) */
	int target;     /* an ifindex, or the descriptor of a place */
	bool target_fd, in_cgroup, attached;
	uint32_t foreign; /* programs of others that run in our cgroup as well */
	int tx, rx[2], third;
	struct sockaddr_storage to;
	socklen_t to_len;
	uint32_t tag, floor; /* of the last datagram; of the last before there was a program */
	enum att_stage stage;
	uint32_t want;
};

void att_run(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res);

/* What the row rests on (a socket, a device, a cgroup) could not be had: whatever the errno, that is no word on attaching. */
void att_stuck(struct att *a, int rc);

/* Runs of program @n so far. */
uint64_t att_count(const struct att *a, unsigned int n);

/* Loads program @n of the row, or the one that is run with it. Return a descriptor or -errno. */
int att_load(const struct att *a, unsigned int n);
int att_load_partner(const struct att *a);

/* --- attach_how.c: what the rows of other families share; a descriptor of the link, 0, or -errno --- */

int att_link(int prog, int target, uint32_t type, uint32_t flags);
int att_prog(bool attach, int prog, int target, uint32_t type);
/* @fd -1 detaches. @expected: with ATT_XDP_REPLACE, the program that must be there; -1: none. */
int att_xdp(struct kp_ctx *ctx, int rtnl, int ifindex, uint32_t flags, int fd, int expected);

/* --- the same file: all return 0 or -errno, a->step says what it was --- */

int att_attach(struct att *a);
int att_replace(struct att *a); /* A by B */
int att_detach(struct att *a);
/* Of a row that ends in the middle: what would stay on lo for the rows behind it. The rest goes with its descriptor or cgroup. */
void att_undo(struct att *a);
/* Is a program attached, by the kernel's own list? 1, 0, or -errno. @id 0: is any? */
int att_query(struct att *a, uint32_t id);
/* BPF_PROG_QUERY: how many programs; *ret_found: @id is one of the first 16. Returns a count or -errno. */
int att_prog_query(const struct att *a, uint32_t flags, uint32_t id, bool *ret_found);

/* --- attach_send.c --- */

#define ATT_WAIT_MS 2000 /* for what comes within microseconds on an idle machine */
#define ATT_PAYLOAD 75
#define ATT_TAG 4 /* bytes of a message over TCP */
#define ATT_PACKET (14 + 20 + 8 + ATT_PAYLOAD) /* Ethernet, IPv4, UDP */
enum { ATT_PORT1 = 7001, ATT_PORT2 = 7002, ATT_PORT3 = 7003 };

/* Sockets in the current namespace and cgroup, bound to @port (0: not) of @addr (NULL: loopback). Return them or -errno. */
int att_socket(struct att *a, int type, const unsigned char *addr, uint16_t port);
int att_udp(struct att *a, const unsigned char *addr, uint16_t port);
int att_family(const struct att *a);
uint16_t att_port_of(const struct sockaddr_storage *s);
/* Where the row's datagrams go; @addr as above. */
void att_to(struct att *a, const unsigned char *addr, uint16_t port);

/* Receivers at PORT1 and PORT2, and where to send to; and a sender at PORT3. A wire has brought its own. */
int att_open_receivers(struct att *a);
int att_open_pair(struct att *a);

int att_send_tag(struct att *a);
/* What came to a receiver within @ms. Returns its tag, 0 for nothing; *ret_at: which receiver; @from may be NULL. */
uint32_t att_receive(const struct att *a, int ms, unsigned int *ret_at, struct sockaddr_storage *from);
/* Did the last tag come? @before: runs of the stage's program until then. */
void att_wait_tag(struct att *a, uint64_t before, uint32_t *ret_seen, unsigned int *ret_at, struct sockaddr_storage *from);

extern const struct att_deed att_datagram;
extern const struct kp_method att_control_positive;

/* --- attach_deed.c --- */

extern const struct att_deed att_connect, att_sendmsg, att_recvmsg, att_getpeername, att_sock_create, att_tcp_connect, att_tcp_send,
	att_dissect;

/* A new TCP connection in the place of the one there is. */
int att_tcp_again(struct att *a);

/* --- attach_wire.c --- */

/* Makes the pair, addresses, and the sockets at both ends; a->target: its end here. Returns as the above. */
int att_wire(struct att *a);

/* --- attach_cgroup.c --- */

/* Makes a cgroup and moves the worker into it; false: the row is answered. */
bool att_cgroup_enter(struct att *a);
void att_cgroup_leave(struct att *a);
/* Why a program of our cgroup may not see our sockets although it is attached, or NULL. */
const char *att_cgroup_blind(const struct att *a);
extern const struct kp_method att_cgroup_make;

#endif
