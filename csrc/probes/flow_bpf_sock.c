/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * BPF programs by what they do to sockets: a client on the node speaks to a service's address, which leads to the far end; a program of
 * its cgroup makes that a backend on the node.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_ether.h>

#include "../clock.h"
#include "flow_bpf.h"
#include "xtables.h"

#define PORT 7800    /* of the service */
#define BACKEND 7801 /* of the node */
#define SABOTAGE 2
#define PATIENCE_MS 1000 /* for what comes at once */

/* Two in a socket address: the service, the backend. */
enum who { SERVICE, NODE };

static socklen_t name_of(struct sockaddr_storage *ret, bool v6, enum who who)
{
	const unsigned char *addr = kp_flow_addr(who == SERVICE ? KP_SERVICE : KP_NODE, v6);

	return kp_flow_sockaddr(ret, v6, addr, who == SERVICE ? PORT : BACKEND);
}

/* A row at work. */
struct talk {
	struct kp_flow f;
	struct att a;
	uint8_t what; /* enum kp_flow_sock */
	int backend, progs[2];
};

/* What became of what the client said. */
struct fate {
	bool far;      /* it went to the far end */
	bool answered; /* it came to the backend, and the backend's answer came back */
	int err;       /* connect(2)'s or sendto(2)'s */
	struct sockaddr_storage peer; /* as the client is told */
};

/* --- programs --- */

/*
 * In an address of the context (struct bpf_sock_addr: IPv4 at 4, IPv6 at 8, port at 24) the service becomes the backend, or the other
 * way round. The two differ in one word: 10.111.9.1 and 10.111.1.1, fd00:111:9::1 and fd00:111:1::1. Returns a descriptor or -errno.
 */
static int load(const struct talk *t, uint32_t as, enum who from, bool spoiled)
{
	static const uint32_t word[2][2] = { { KP_BE32(0x0a6f0901), KP_BE32(0x0a6f0101) },
					     { KP_BE32(0x00090000), KP_BE32(0x00010000) } };
	const struct kp_bpf_kind kind = { .type = KP_CGROUP_SOCK_ADDR, .attach = as };
	const uint16_t port[2] = { htons(PORT), htons(BACKEND) };
	int16_t at = t->f.v6 ? 12 : 4;
	const struct kp_insn code[] = {
		LDX(KP_W, R2, R1, at),
		JMP(KP_JNE, R2, (int32_t)word[t->f.v6][from], 6),
		LDX(KP_W, R2, R1, 24),
		JMP(KP_JNE, R2, spoiled ? SABOTAGE : port[from], 4),
		MOV32(R2, (int32_t)word[t->f.v6][!from]),
		STX(KP_W, R1, at, R2),
		MOV(R2, port[!from]),
		STX(KP_W, R1, 24, R2),
		MOV(R0, 1),
		EXIT(),
	};

	return kp_bpf_load_maps(&kind, code, KP_ARRAY_SIZE(code), NULL, 0, 0);
}

/* Returns 0 or -errno. */
static int attach(struct talk *t, unsigned int i, uint32_t as4, enum who from, bool subject)
{
	uint32_t as = as4 + t->f.v6; /* IPv6's is the next in each pair */

	t->a.step = "BPF_PROG_LOAD";
	t->progs[i] = load(t, as, from, subject && kp_sabotaged(t->f.ctx));
	if (t->progs[i] < 0)
		return t->progs[i];
	t->a.step = "BPF_PROG_ATTACH";
	return att_prog(true, t->progs[i], t->a.target, as);
}

/* --- client and backend --- */

/* Has the far end heard what the client sent to the service? */
static bool at_far(const struct talk *t)
{
	unsigned char frame[ETH_HLEN + KP_FRAME_MAX];
	bool found = false;
	struct kp_heard h;
	ssize_t n;

	while ((n = recv(kp_flow_socket(KP_AT_FAR, false), frame, sizeof(frame), MSG_DONTWAIT)) > 0)
		found |= n > ETH_HLEN && kp_pkt_parse(frame + ETH_HLEN, (size_t)n - ETH_HLEN, &h) && h.v6 == t->f.v6 &&
			 h.pkt.dst == KP_SERVICE && h.pkt.dport == PORT;
	return found;
}

/* Waits until @fd has something, or the far end has heard it. */
static void await(const struct talk *t, int fd, short events, struct fate *x)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = kp_flow_socket(KP_AT_FAR, false), .events = POLLIN } };
	uint64_t until = kp_now_ms() + PATIENCE_MS;

	while (kp_now_ms() < until && !p[0].revents && !x->far) {
		poll(p, 2, PATIENCE_MS);
		x->far |= at_far(t);
	}
}

static void talk_tcp(const struct talk *t, int client, const struct sockaddr_storage *to, socklen_t len, struct fate *x)
{
	const struct linger reset = { .l_onoff = 1 }; /* no TIME_WAIT that would hold the cgroup */
	socklen_t size = sizeof(int), name = sizeof(x->peer);
	kp_autoclose server = -1;
	char c = 'k';

	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(client, (const struct sockaddr *)to, len) && errno != EINPROGRESS) {
		x->err = errno;
		return;
	}
	await(t, client, POLLOUT, x);
	if (x->far || getsockopt(client, SOL_SOCKET, SO_ERROR, &x->err, &size) || x->err)
		return;
	server = accept4(t->backend, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (server < 0 || send(client, &c, 1, MSG_NOSIGNAL) != 1)
		return;
	await(t, server, POLLIN, x);
	if (recv(server, &c, 1, 0) != 1 || send(server, &c, 1, MSG_NOSIGNAL) != 1)
		return;
	await(t, client, POLLIN, x);
	x->answered = recv(client, &c, 1, 0) == 1 && !getpeername(client, (struct sockaddr *)&x->peer, &name);
}

static void talk_udp(const struct talk *t, int client, const struct sockaddr_storage *to, socklen_t len, struct fate *x)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from), name = sizeof(x->peer);
	uint32_t word = 0;

	if (sendto(client, &word, sizeof(word), 0, (const struct sockaddr *)to, len) < 0) {
		x->err = errno;
		return;
	}
	await(t, t->backend, POLLIN, x);
	if (recvfrom(t->backend, &word, sizeof(word), 0, (struct sockaddr *)&from, &size) < 0 ||
	    sendto(t->backend, &word, sizeof(word), 0, (const struct sockaddr *)&from, size) < 0)
		return;
	await(t, client, POLLIN, x);
	x->answered = recvfrom(client, &word, sizeof(word), 0, (struct sockaddr *)&x->peer, &name) == sizeof(word);
}

static int sock_of(const struct talk *t)
{
	return socket(t->f.v6 ? AF_INET6 : AF_INET,
		      (t->what == KP_SOCK_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Returns 0 or -errno. */
static int speak(const struct talk *t, struct fate *x)
{
	kp_autoclose client = sock_of(t);
	struct sockaddr_storage to;
	socklen_t len = name_of(&to, t->f.v6, SERVICE);

	memset(x, 0, sizeof(*x));
	if (client < 0)
		return -errno;
	at_far(t); /* what came before */
	(t->what == KP_SOCK_DATAGRAM ? talk_udp : talk_tcp)(t, client, &to, len, x);
	return 0;
}

static int open_backend(struct talk *t)
{
	int one = 1, rtnl;
	struct sockaddr_storage s;
	socklen_t len = name_of(&s, t->f.v6, NODE);

	if (t->f.v6) {
		rtnl = kp_nl_socket(t->f.ctx, t->f.res, NETLINK_ROUTE);
		if (rtnl < 0 || kp_addr6_await(t->f.ctx, rtnl, kp_flow_addr(KP_NODE, true)))
			return -EADDRNOTAVAIL;
	}
	t->backend = sock_of(t);
	if (t->backend < 0)
		return -errno;
	setsockopt(t->backend, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(t->backend, (const struct sockaddr *)&s, len) || (t->what != KP_SOCK_DATAGRAM && listen(t->backend, 4)))
		return -errno;
	return 0;
}

/* --- the row --- */

static bool is_peer(const struct talk *t, const struct fate *x, enum who who)
{
	struct sockaddr_storage want;
	socklen_t len = name_of(&want, t->f.v6, who);

	return x->answered && !x->far && !memcmp(&x->peer, &want, t->f.v6 ? 24 : len); /* not IPv6's scope */
}

static void tell(const struct talk *t, const struct fate *x, const char *expected, char *text)
{
	char name[16];

	kp_copy(text, KP_TEXT, t->what == KP_SOCK_DATAGRAM ? "sent udp" : "sent tcp");
	kp_cat(text, KP_TEXT, " node > service:7800, expected ");
	kp_cat(text, KP_TEXT, expected);
	kp_cat(text, KP_TEXT, "; ");
	if (x->far)
		kp_cat(text, KP_TEXT, "it came to the far end");
	else if (x->answered)
		kp_cat(text, KP_TEXT,
		       is_peer(t, x, NODE)      ? "the backend answers"
		       : is_peer(t, x, SERVICE) ? "the service answers"
						: "another answers");
	else if (x->err)
		kp_cat(text, KP_TEXT, kp_errno_name(x->err, name));
	else
		kp_cat(text, KP_TEXT, "nobody answers");
}

/* What the row rests on besides what it asks for. Returns 0 or -errno. */
static int rests_on(struct talk *t)
{
	return t->what == KP_SOCK_PEERNAME ? attach(t, 0, KP_AS_INET4_CONNECT, SERVICE, false) : 0;
}

static int subject(struct talk *t)
{
	int rc;

	switch (t->what) {
	case KP_SOCK_CONNECT:
		return attach(t, 0, KP_AS_INET4_CONNECT, SERVICE, true);
	case KP_SOCK_PEERNAME:
		return attach(t, 1, KP_AS_INET4_GETPEERNAME, NODE, true);
	default:
		rc = attach(t, 0, KP_AS_UDP4_SENDMSG, SERVICE, false);
		return rc ? rc : attach(t, 1, KP_AS_UDP4_RECVMSG, NODE, true);
	}
}

/* In the cgroup. */
static void ask(struct talk *t)
{
	bool named = t->what == KP_SOCK_PEERNAME;
	struct kp_result *res = t->f.res;
	const char *blind = att_cgroup_blind(&t->a);
	char text[KP_TEXT];
	struct fate x;
	int rc = open_backend(t);

	if (!rc)
		rc = rests_on(t);
	if (!rc)
		rc = speak(t, &x);
	if (rc)
		return kp_flow_stuck(&t->f, "control", rc);
	tell(t, &x, named ? "the backend by its own name" : "it at the far end, without a program", text);
	if (named ? !is_peer(t, &x, NODE) : !x.far)
		return kp_unknown(res, "control", text);
	rc = subject(t);
	if (rc)
		return kp_flow_stuck(&t->f, t->a.step, rc);
	rc = speak(t, &x);
	if (rc)
		return kp_flow_stuck(&t->f, "packet", rc);
	if (t->what == KP_SOCK_CONNECT ? is_peer(t, &x, NODE) : is_peer(t, &x, SERVICE))
		return kp_works(res, "packet");
	tell(t, &x, t->what == KP_SOCK_CONNECT ? "the backend's answer" : "the backend's answer, as the service's", text);
	if (t->a.foreign)
		return kp_unknown(res, "packet",
				  "programs of others on cgroups above run as well, and may have changed what is seen");
	if (blind)
		return kp_unknown(res, "packet", blind);
	kp_broken(res, "packet", text);
}

static void run_cgroup(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct kp_flow_sock_arg *arg = row->arg;
	struct talk t = { .f = { .ctx = ctx, .res = res, .v6 = arg->v6 },
			  .a = { .ctx = ctx, .res = res, .arg = &arg->att, .step = "", .target = -1 },
			  .what = arg->what,
			  .backend = -1,
			  .progs = { -1, -1 } };

	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res) || !att_cgroup_enter(&t.a))
		return;
	ask(&t);
	kp_closep(&t.backend); /* it holds the cgroup it was made in */
	att_cgroup_leave(&t.a);
	kp_closep(&t.a.target);
	kp_closep(&t.progs[0]);
	kp_closep(&t.progs[1]);
}

const struct kp_method kp_flow_by_cgroup = {
	.run = run_cgroup,
	.asks = "a client of a cgroup of our own on the node, who speaks to a service's address, without the programs of the "
		"row and with them; a backend on the node answers",
	.proves = "works: without them it is heard at the far end (getpeername: told by the backend's name), with them the "
		  "backend's answer "
		  "comes back, for datagrams and getpeername as the service's; broken: it does not",
	.gate = KP_BPF_GATE,
};
