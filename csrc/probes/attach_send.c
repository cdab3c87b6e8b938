/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Datagrams of the worker's own, in its own namespaces: sockets, sending, and being sure that one did not come. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/filter.h>

#include "../clock.h"
#include "../place.h"
#include "attach.h"

#define RESEND_MS 20

/* --- sockets --- */

static socklen_t address(struct sockaddr_storage *ret, int family, const unsigned char *addr, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = { .s6_addr = { [15] = 1 } } };

	memset(ret, 0, sizeof(*ret));
	if (family == AF_INET6) {
		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	}
	if (addr)
		memcpy(&in.sin_addr, addr, 4);
	memcpy(ret, &in, sizeof(in));
	return sizeof(in);
}

uint16_t att_port_of(const struct sockaddr_storage *s)
{
	struct sockaddr_in in;

	memcpy(&in, s, sizeof(in)); /* sin6_port lies where sin_port does */
	return ntohs(in.sin_port);
}

int att_family(const struct att *a)
{
	return a->arg->family == AF_INET6 ? AF_INET6 : AF_INET;
}

void att_to(struct att *a, const unsigned char *addr, uint16_t port)
{
	a->to_len = address(&a->to, att_family(a), addr, port);
}

/* One that never blocks for longer than a trial may last. */
int att_socket(struct att *a, int type, const unsigned char *addr, uint16_t port)
{
	const struct timeval limit = { .tv_sec = ATT_WAIT_MS / 1000 };
	struct sockaddr_storage s;
	socklen_t len = address(&s, att_family(a), addr, port);
	int fd = socket(att_family(a), type | SOCK_CLOEXEC, 0), rc;

	a->step = "socket";
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (!port || !bind(fd, (const struct sockaddr *)&s, len))
		return fd;
	rc = -errno;
	a->step = "bind";
	close(fd);
	return rc;
}

int att_udp(struct att *a, const unsigned char *addr, uint16_t port)
{
	return att_socket(a, SOCK_DGRAM, addr, port);
}

int att_open_receivers(struct att *a)
{
	a->rx[0] = att_udp(a, NULL, ATT_PORT1);
	if (a->rx[0] < 0)
		return a->rx[0];
	a->rx[1] = att_udp(a, NULL, ATT_PORT2);
	if (a->rx[1] < 0)
		return a->rx[1];
	att_to(a, NULL, ATT_PORT1);
	return 0;
}

int att_open_pair(struct att *a)
{
	int rc = a->rx[0] < 0 ? att_open_receivers(a) : 0; /* a wire brings its own */

	if (rc)
		return rc;
	if (a->tx < 0)
		a->tx = att_udp(a, NULL, ATT_PORT3);
	return a->tx < 0 ? a->tx : 0;
}

int att_send_tag(struct att *a)
{
	unsigned char payload[ATT_PAYLOAD] = { 'k' };

	memcpy(payload, &a->tag, sizeof(a->tag));
	payload[ATT_PAYLOAD - 1] = (unsigned char)a->tag;
	a->step = "sendto";
	return sendto(a->tx, payload, sizeof(payload), 0, (const struct sockaddr *)&a->to, a->to_len) < 0 ? -errno : 0;
}

uint32_t att_receive(const struct att *a, int ms, unsigned int *ret_at, struct sockaddr_storage *from)
{
	struct pollfd p[2] = { { .fd = a->rx[0], .events = POLLIN }, { .fd = a->rx[1], .events = POLLIN } };
	uint32_t tag;

	if (poll(p, 2, ms) <= 0)
		return 0;
	for (unsigned int i = 0; i < 2; i++) {
		socklen_t len = sizeof(*from);

		if (p[i].fd < 0 || !p[i].revents)
			continue;
		*ret_at = i;
		if (recvfrom(p[i].fd, &tag, sizeof(tag), MSG_DONTWAIT, (struct sockaddr *)from, from ? &len : NULL) == sizeof(tag))
			return tag;
	}
	return 0;
}

static bool ran(const struct att *a, uint64_t before)
{
	return a->stage < 2 && att_count(a, a->stage) > before;
}

/*
 * What a stream's program redirects is handed on by a work queue (sk_psock_backlog()), behind the hundreds of programs of the rows before,
 * which the same queue frees (bpf_prog_free_deferred()): that took 3 to 16 s on an emulated 32-bit ARM. Once the program has run, only
 * the row's deadline ends the wait, and then nothing is claimed.
 */
static bool queued(const struct att *a)
{
	if (a->stage != ATT_B)
		return false;
	if (a->arg->partner.action == ATT_REDIRECT)
		return att_count(a, ATT_PARTNER);
	return a->arg->action == ATT_REDIRECT && att_count(a, ATT_B);
}

/*
 * That nothing comes takes no waiting: once the program has run it has judged, and should its datagram come all the same it comes
 * before the next one, which is how ATT_LATE is told.
 */
void att_wait_tag(struct att *a, uint64_t before, uint32_t *ret_seen, unsigned int *ret_at, struct sockaddr_storage *from)
{
	uint64_t until = kp_now_ms() + ATT_WAIT_MS;

	*ret_seen = ATT_LOST;
	do {
		uint32_t tag = att_receive(a, a->want == ATT_LOST ? 1 : ATT_WAIT_MS, ret_at, from);

		if (tag == a->tag) {
			*ret_seen = ATT_DONE;
			return;
		}
		if (tag > a->floor) {
			*ret_seen = ATT_LATE;
			return;
		}
		if (!tag && a->want == ATT_LOST && ran(a, before))
			return;
	} while (kp_now_ms() < until || queued(a));
}

/* --- a datagram: did it come? --- */

/*
 * New devices wait for their carrier, which is a work queue's business; until then datagrams are lost. What comes of these later
 * comes before the one that counts, and is passed over.
 */
static void settle(struct att *a)
{
	uint64_t until = kp_now_ms() + ATT_WAIT_MS;
	unsigned int at;

	do {
		a->tag++;
		att_send_tag(a);
	} while (!att_receive(a, RESEND_MS, &at, NULL) && kp_now_ms() < until);
	a->floor = a->tag;
}

static int act_datagram(struct att *a, uint32_t *ret_seen)
{
	uint64_t before = a->stage < 2 ? att_count(a, a->stage) : 0;
	unsigned int at;
	int rc;

	if (a->stage == ATT_BEFORE && a->arg->place != ATT_AT_LO)
		settle(a);
	a->tag++;
	rc = att_send_tag(a);
	*ret_seen = ATT_LOST;
	if (rc == -EPERM) /* a cgroup's egress program tells the sender */
		return 0;
	if (!rc)
		att_wait_tag(a, before, ret_seen, &at, NULL);
	return rc;
}

const struct att_deed att_datagram = { att_open_pair, act_datagram };

/* --- the positive control --- */

#define DROPPED 100

/* Filters of the old kind are in net/core/sock.c of every kernel with sockets; and datagrams over lo are what most rows rest on. */
static void run_positive(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	static const struct att_arg none = { .before = ATT_DONE };
	struct sock_filter drop[] = {
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 8 + ATT_PAYLOAD - 1 }, /* behind the UDP header: the tag's last byte */
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, DROPPED },
		{ BPF_RET | BPF_K, 0, 0, 0 },
		{ BPF_RET | BPF_K, 0, 0, 0xffffffff },
	};
	const struct sock_fprog prog = { .len = KP_ARRAY_SIZE(drop), .filter = drop };
	kp_autoclose in = -1;
	kp_autoclose out = -1;
	struct att a = { .ctx = ctx, .res = res, .arg = &none, .step = "", .rx = { -1, -1 }, .stage = ATT_AFTER, .want = ATT_DONE };
	uint32_t seen;
	int rc;

	(void)row;
	kp_place_pin();
	a.rx[0] = in = att_udp(&a, NULL, ATT_PORT1);
	a.tx = out = in < 0 ? in : att_udp(&a, NULL, ATT_PORT3);
	if (out < 0)
		return kp_fail(ctx, res, a.step, KP_CALL_PLAIN, -out);
	att_to(&a, NULL, ATT_PORT1);
	rc = act_datagram(&a, &seen);
	if (rc)
		return kp_fail(ctx, res, a.step, KP_CALL_PLAIN, -rc);
	if (seen != ATT_DONE)
		return kp_unknown(res, "receive", "a datagram over lo does not come");
	if (setsockopt(in, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		return kp_fail(ctx, res, "SO_ATTACH_FILTER", KP_CALL_PLAIN, errno);
	a.tag = DROPPED;
	rc = att_send_tag(&a);
	if (!rc)
		rc = act_datagram(&a, &seen); /* the next one: in order, so the one before has been judged */
	if (rc)
		return kp_fail(ctx, res, a.step, KP_CALL_PLAIN, -rc);
	if (seen != ATT_DONE)
		return kp_broken(res, "receive", "the filter let through what it drops, or dropped what it lets through");
	if (setsockopt(in, SOL_SOCKET, SO_DETACH_FILTER, &prog, sizeof(prog)))
		return kp_fail(ctx, res, "SO_DETACH_FILTER", KP_CALL_PLAIN, errno);
	a.tag = DROPPED + 255; /* and one: the same last byte */
	rc = act_datagram(&a, &seen);
	if (rc)
		return kp_fail(ctx, res, a.step, KP_CALL_PLAIN, -rc);
	if (seen != ATT_DONE)
		return kp_broken(res, "receive", "the filter was detached, and what it dropped still does not come");
	kp_works(res, "receive");
}

const struct kp_method att_control_positive = {
	.run = run_positive,
	.asks = "SO_ATTACH_FILTER of a classic filter that drops some, on a UDP socket; datagrams over lo before, under and after "
		"it",
	.proves = "works: they come, do not come, and come again; every kernel with sockets has such filters",
};
