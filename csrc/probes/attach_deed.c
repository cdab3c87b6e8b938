/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What passes the places besides single datagrams: socket calls and TCP connections of the worker's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>

#include "attach.h"

/* --- connect(2): its errno, or the port it went to --- */

static int peer_port(struct att *a, int fd, uint32_t *ret_seen)
{
	struct sockaddr_storage s;
	socklen_t len = sizeof(s);

	a->step = "getpeername";
	if (getpeername(fd, (struct sockaddr *)&s, &len))
		return -errno;
	*ret_seen = att_port_of(&s);
	return 0;
}

static int act_connect(struct att *a, uint32_t *ret_seen)
{
	kp_autoclose fd = att_socket(a, SOCK_DGRAM, NULL, 0);

	if (fd < 0)
		return fd;
	if (!connect(fd, (const struct sockaddr *)&a->to, a->to_len))
		return peer_port(a, fd, ret_seen);
	*ret_seen = ATT_ERRNO | (uint32_t)errno;
	return 0;
}

const struct att_deed att_connect = { att_open_receivers, act_connect };

/* --- sendmsg(2) without a connection: its errno, or the port where it arrived --- */

static int act_sendmsg(struct att *a, uint32_t *ret_seen)
{
	unsigned int at = 0;
	int rc;

	a->tag++;
	rc = att_send_tag(a);
	if (rc) {
		*ret_seen = ATT_ERRNO | (uint32_t)-rc;
		return 0;
	}
	att_wait_tag(a, 0, ret_seen, &at, NULL);
	if (*ret_seen == ATT_DONE)
		*ret_seen = at ? ATT_PORT2 : ATT_PORT1;
	return 0;
}

const struct att_deed att_sendmsg = { att_open_pair, act_sendmsg };

/* --- recvmsg(2): the port it says to come from --- */

static int act_recvmsg(struct att *a, uint32_t *ret_seen)
{
	struct sockaddr_storage from;
	unsigned int at;
	int rc;

	a->tag++;
	rc = att_send_tag(a);
	if (rc)
		return rc;
	att_wait_tag(a, 0, ret_seen, &at, &from);
	if (*ret_seen == ATT_DONE)
		*ret_seen = att_port_of(&from);
	return 0;
}

const struct att_deed att_recvmsg = { att_open_pair, act_recvmsg };

/* --- getpeername(2) of a connected socket --- */

static int open_connected(struct att *a)
{
	int rc = att_open_receivers(a);

	if (rc)
		return rc;
	a->tx = att_udp(a, NULL, ATT_PORT3);
	if (a->tx < 0)
		return a->tx;
	a->step = "connect";
	return connect(a->tx, (const struct sockaddr *)&a->to, a->to_len) ? -errno : 0;
}

static int act_getpeername(struct att *a, uint32_t *ret_seen)
{
	return peer_port(a, a->tx, ret_seen);
}

const struct att_deed att_getpeername = { open_connected, act_getpeername };

/* --- socket(2) --- */

static int open_nothing(struct att *a)
{
	(void)a;
	return 0;
}

static int act_socket(struct att *a, uint32_t *ret_seen)
{
	kp_autoclose fd = socket(att_family(a), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret_seen = fd < 0 ? ATT_ERRNO | (uint32_t)errno : ATT_DONE;
	return 0;
}

const struct att_deed att_sock_create = { open_nothing, act_socket };

/* --- a TCP connection: the priority of the side that asks for it --- */

static int open_listener(struct att *a)
{
	a->third = att_socket(a, SOCK_STREAM, NULL, ATT_PORT1);
	if (a->third < 0)
		return a->third;
	att_to(a, NULL, ATT_PORT1);
	a->step = "listen";
	return listen(a->third, 4) ? -errno : 0;
}

/* A connection's two ends. Returns 0 or -errno. */
static int tcp_pair(struct att *a, int *ret_near, int *ret_far)
{
	const struct linger reset = { .l_onoff = 1 };
	int rc = 0;

	*ret_near = att_socket(a, SOCK_STREAM, NULL, 0);
	if (*ret_near < 0)
		return *ret_near;
	setsockopt(*ret_near, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* no TIME_WAIT that would hold the cgroup */
	a->step = "connect";
	if (connect(*ret_near, (const struct sockaddr *)&a->to, a->to_len))
		rc = -errno;
	a->step = rc ? a->step : "accept";
	*ret_far = rc ? -1 : accept4(a->third, NULL, NULL, SOCK_CLOEXEC);
	return rc ? rc : *ret_far < 0 ? -errno : 0;
}

static int act_tcp_connect(struct att *a, uint32_t *ret_seen)
{
	kp_autoclose near = -1;
	kp_autoclose far = -1;
	int rc = tcp_pair(a, &near, &far), priority = 0;
	socklen_t len = sizeof(priority);

	if (rc)
		return rc;
	a->step = "SO_PRIORITY";
	if (getsockopt(near, SOL_SOCKET, SO_PRIORITY, &priority, &len))
		return -errno;
	*ret_seen = (uint32_t)priority;
	return 0;
}

const struct att_deed att_tcp_connect = { open_listener, act_tcp_connect };

/* --- send(2) on a TCP connection: its errno, or whether it arrived --- */

static int open_connection(struct att *a)
{
	int rc = open_listener(a);

	return rc ? rc : tcp_pair(a, &a->tx, &a->rx[0]);
}

int att_tcp_again(struct att *a)
{
	kp_closep(&a->tx);
	kp_closep(&a->rx[0]);
	a->tx = a->rx[0] = -1;
	return tcp_pair(a, &a->tx, &a->rx[0]);
}

static int act_send(struct att *a, uint32_t *ret_seen)
{
	uint64_t before = a->stage < 2 ? att_count(a, a->stage) : 0;
	unsigned int at;

	a->tag++;
	if (send(a->tx, &a->tag, sizeof(a->tag), MSG_NOSIGNAL) < 0) {
		*ret_seen = ATT_ERRNO | (uint32_t)errno;
		return 0;
	}
	att_wait_tag(a, before, ret_seen, &at, NULL);
	return 0;
}

const struct att_deed att_tcp_send = { open_connection, act_send };

/* --- a packet whose headers the kernel looks through --- */

/*
 * A filter of the old kind on a raw socket that keeps the headers only, which takes the flow dissector (SKF_AD_PAY_OFFSET, v3.10
 * 3e5289d5e3f9): what is received is as long as it said. A raw socket gets its copy before UDP does (ip_local_deliver_finish()),
 * so once the datagram is there, so is the copy, or none.
 */
static int open_raw(struct att *a)
{
	struct sock_filter keep[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PAY_OFFSET) },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	const struct sock_fprog prog = { .len = KP_ARRAY_SIZE(keep), .filter = keep };
	int rc = att_open_pair(a);

	if (rc)
		return rc;
	a->step = "raw socket";
	a->third = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	if (a->third < 0)
		return -errno;
	a->step = "SO_ATTACH_FILTER";
	return setsockopt(a->third, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

static int act_dissect(struct att *a, uint32_t *ret_seen)
{
	unsigned char packet[256];
	uint32_t arrived;
	unsigned int at;
	ssize_t n;
	int rc;

	a->tag++;
	rc = att_send_tag(a);
	if (rc)
		return rc;
	att_wait_tag(a, UINT64_MAX, &arrived, &at, NULL);
	a->step = "receive";
	if (arrived != ATT_DONE)
		return -ETIMEDOUT;
	n = recv(a->third, packet, sizeof(packet), MSG_DONTWAIT);
	*ret_seen = n < 0 ? 0 : (uint32_t)n;
	return 0;
}

const struct att_deed att_dissect = { open_raw, act_dissect };
