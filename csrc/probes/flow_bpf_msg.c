/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A message that a program on a hash of sockets sends to another connection than it was sent on. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "flow_bpf.h"

#define PATIENCE_MS 1000 /* for what comes at once */

struct pair {
	int near, far;
};

static void close_pair(struct pair *p)
{
	kp_closep(&p->near);
	kp_closep(&p->far);
}

/* Returns 0 or -errno. */
static int connect_pair(struct pair *p)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	kp_autoclose listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	p->near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || p->near < 0 || bind(listener, (struct sockaddr *)&in, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&in, &len) || connect(p->near, (struct sockaddr *)&in, len))
		return -errno;
	p->far = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return p->far < 0 ? -errno : 0;
}

/* Sends four bytes on @a. Returns the connection whose far end has them (1, 2), 0: none, or -errno. */
static int arrives(const struct pair *a, const struct pair *b)
{
	struct pollfd p[2] = { { .fd = a->far, .events = POLLIN }, { .fd = b->far, .events = POLLIN } };
	uint32_t word = 0x6b70726f, got = 0;

	if (send(a->near, &word, sizeof(word), MSG_NOSIGNAL) != sizeof(word))
		return -errno;
	poll(p, 2, PATIENCE_MS);
	for (int i = 0; i < 2; i++)
		if (recv(p[i].fd, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got) && got == word)
			return i + 1;
	return 0;
}

static int redirect(int map)
{
	static const struct kp_bpf_kind kind = { .type = KP_SK_MSG };
	static const struct kp_insn code[] = {
		ST(KP_W, R10, -4, 1),      LD_MAP(R2, 0), MOVX(R3, R10), ALU(KP_ADD, R3, -4), MOV(R4, 1),
		CALL(H_msg_redirect_hash), EXIT(),
	};

	return kp_bpf_load_maps(&kind, code, KP_ARRAY_SIZE(code), &map, 0, 0);
}

static void ask_sockets(struct kp_flow *f, struct pair *a, struct pair *b)
{
	kp_autoclose map = kp_bpf_map_of(KP_MAP_SOCKHASH, 4, 4, 4, 0);
	kp_autoclose prog = map < 0 ? map : redirect(map);
	const uint32_t own = 0, other = kp_sabotaged(f->ctx) ? 2 : 1, near = (uint32_t)a->near, far = (uint32_t)b->far;
	int rc = arrives(a, b);

	if (rc != 1)
		return kp_flow_stuck(f, "control", rc < 0 ? rc : -EPROTO);
	/* Sockets have the programs that the map had when they came into it. */
	rc = prog < 0 ? prog : att_prog(true, prog, map, ATT_SK_MSG_VERDICT);
	if (!rc)
		rc = kp_bpf_update(map, &own, &near, 0);
	if (!rc)
		rc = kp_bpf_update(map, &other, &far, 0);
	if (rc)
		return kp_flow_stuck(f, "put", rc);
	rc = arrives(a, b);
	kp_bpf_delete(map, &own);
	if (rc == 2)
		return kp_works(f->res, "packet");
	kp_broken(f->res, "packet",
		  rc == 1 ? "sent 4 bytes of tcp, expected them at the other connection's end; they came to their own's"
			  : "sent 4 bytes of tcp, expected them at the other connection's end; they came nowhere");
}

static void run_sockets(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_flow f = { .ctx = ctx, .res = res };
	struct pair a = { -1, -1 }, b = { -1, -1 };
	int rc = connect_pair(&a);

	(void)row;
	ctx->extack[0] = '\0';
	if (!rc)
		rc = connect_pair(&b);
	if (rc)
		kp_flow_stuck(&f, "TCP connections over lo", rc);
	else
		ask_sockets(&f, &a, &b);
	close_pair(&a);
	close_pair(&b);
}

const struct kp_method kp_flow_by_sockets = {
	.run = run_sockets,
	.asks = "4 bytes on one of two TCP connections over lo, without a program and with one for messages on a hash of "
		"sockets, which sends them to the other's end",
	.proves = "works: without it they come to their own connection's end, with it to the other's; broken: they do not",
	.gate = KP_BPF_GATE,
};
