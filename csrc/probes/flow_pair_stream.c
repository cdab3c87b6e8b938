/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A TCP connection from one of the two nodes to the other. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "../clock.h"
#include "flow_pair.h"

static unsigned char octet(unsigned int at)
{
	return (unsigned char)(at ^ at >> 8 ^ 0x5a);
}

static void write_some(struct kp_pair_stream *s, int fd)
{
	unsigned char buf[4096];

	while (s->sent < KP_STREAM) {
		unsigned int n = KP_STREAM - s->sent < sizeof(buf) ? KP_STREAM - s->sent : sizeof(buf);
		ssize_t did;

		for (unsigned int i = 0; i < n; i++)
			buf[i] = octet(s->sent + i);
		did = send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (did <= 0)
			return;
		s->sent += (unsigned int)did;
	}
}

static bool read_some(struct kp_pair_stream *s, int fd)
{
	unsigned char buf[4096];
	bool any = false;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			s->differs |= buf[i] != octet(s->came + (unsigned int)i);
		s->came += (unsigned int)n;
		any = true;
	}
	return any;
}

/* The longest packet that near handed to its devices. */
static void look_out(struct kp_pair_stream *s, int tap)
{
	unsigned char buf[1];
	struct sockaddr_ll at;
	ssize_t n;

	for (;;) {
		socklen_t len = sizeof(at);

		n = recvfrom(tap, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&at, &len);
		if (n < 0)
			return;
		if (at.sll_pkttype == PACKET_OUTGOING && at.sll_ifindex != kp_pair_wire[KP_NEAR].index && n > (ssize_t)s->longest)
			s->longest = (unsigned int)n;
	}
}

int kp_pair_stream(struct kp_pair_stream *s)
{
	const struct linger reset = { .l_onoff = 1 };
	struct sockaddr_storage to;
	socklen_t len;
	kp_autoclose near = kp_pair_sender(s->net, s->v6, SOCK_STREAM, &to, &len);
	kp_autoclose tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	kp_autoclose far = -1;
	uint64_t until = kp_now_ms() + KP_PAIR_PATIENCE_MS;
	struct kp_pair_heard none;

	s->step = "socket";
	if (near < 0 || tap < 0)
		return near < 0 ? near : -errno;
	setsockopt(near, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	/* Built into every kernel, and without pacing: what a host prefers may make a timer of every packet. */
	setsockopt(near, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	s->step = "connect";
	if (connect(near, (const struct sockaddr *)&to, len) && errno != EINPROGRESS)
		return -errno;
	while (s->came < KP_STREAM && kp_now_ms() < until) {
		struct pollfd p[2] = { { .fd = near, .events = s->sent < KP_STREAM ? POLLOUT : 0 },
				       { .fd = far < 0 ? kp_pair_listener(s->v6) : far, .events = POLLIN } };

		poll(p, 2, 10);
		if (far < 0)
			far = accept4(kp_pair_listener(s->v6), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (far < 0)
			continue;
		s->step = "transfer";
		write_some(s, near);
		if (read_some(s, far))
			until = kp_now_ms() + KP_PAIR_PATIENCE_MS;
		look_out(s, tap);
		kp_pair_drain(NULL, 0, &none);
	}
	return 0;
}
