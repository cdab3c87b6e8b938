/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Two nodes and a wire: made once for a worker; packets from one to the other, and what is heard of them. */
#include "flow_pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "../clock.h"
#include "../place.h"

#define PORT 7777
#define MARK_TAG 0xecd00000u
#define SETTLE_MS 2000
#define REPEAT_MS 2

const struct kp_end kp_pair_wire[KP_NODES] = {
	{ .name = "kpnear0", .index = 81, .mac = { 2, 0, 0, 0, 10, 1 } },
	{ .name = "kpthere0", .index = 82, .mac = { 2, 0, 0, 0, 10, 2 } },
};

static struct {
	int place[KP_NODES];
	int tap;         /* there: all that comes in by any device, with its IP header first */
	int udp[2];      /* there, by family */
	int listener[2];
	int mark;        /* near */
	int back;        /* there, to near's mark */
} pair;

size_t kp_pair_addr(unsigned char *ret, unsigned int net, unsigned int node, bool v6)
{
	memset(ret, 0, v6 ? 16 : 4);
	if (v6) {
		ret[0] = 0xfd;
		ret[2] = 0x01;
		ret[3] = 0x11;
		ret[5] = (unsigned char)net;
		ret[15] = (unsigned char)(node + 1);
		return 16;
	}
	ret[0] = 10;
	ret[1] = 111;
	ret[2] = (unsigned char)net;
	ret[3] = (unsigned char)(node + 1);
	return 4;
}

int kp_pair_go(struct kp_ctx *ctx, unsigned int node)
{
	return kp_place_go(ctx, pair.place[node]);
}

int kp_pair_listener(bool v6)
{
	return pair.listener[v6];
}

/* --- sockets --- */

/* In the current namespace, bound to PORT of any address. Returns it or -errno. */
static int receiver(bool v6, int type)
{
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, rc;
	struct sockaddr_storage s;
	socklen_t len = kp_flow_sockaddr(&s, v6, NULL, PORT);

	if (fd < 0)
		return -errno;
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!bind(fd, (const struct sockaddr *)&s, len) && (type != SOCK_STREAM || !listen(fd, 4)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* --- hearing --- */

/* A packet that came in by the wire: is it the mark @mark? Others are counted. */
static bool on_wire(const unsigned char *ip, size_t len, uint32_t mark, struct kp_pair_heard *h)
{
	bool v6 = ip[0] >> 4 == 6;
	struct kp_heard p;

	if (kp_pkt_parse(ip, len, &p) && p.pkt.proto == IPPROTO_UDP && p.pkt.dport == PORT)
		return mark && p.tag == mark;
	if (len < 40 && v6)
		return false;
	if (v6 && (ip[6] == IPPROTO_ICMPV6 || ip[6] == 0)) /* neighbours and multicast listeners */
		return false;
	h->wire++;
	if (v6 ? ip[6] == 44 : kp_get_be16(ip + 6) & 0x3fff)
		h->pieces++;
	if (len > h->wire_len)
		h->wire_len = (unsigned int)len;
	return false;
}

/* All that has come so far. Returns whether the mark was among it. */
bool kp_pair_drain(const struct kp_pair_shot *s, uint32_t mark, struct kp_pair_heard *h)
{
	uint32_t tag = s ? s->tag : 0, not = s ? s->not : 0;
	unsigned char buf[KP_FRAME_MAX];
	bool marked = false;

	for (;;) {
		struct sockaddr_ll from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(pair.tap, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_len);
		size_t len = (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf);
		uint16_t type = ntohs(from.sll_protocol);
		struct kp_heard p;

		if (n < 0)
			break;
		if (n < 20 || from.sll_pkttype == PACKET_OUTGOING || (type != ETH_P_IP && type != ETH_P_IPV6))
			continue;
		if (from.sll_ifindex == kp_pair_wire[KP_THERE].index)
			marked |= on_wire(buf, len, mark, h);
		if (!s || from.sll_ifindex != s->out_if || !kp_pkt_parse(buf, len, &p))
			continue;
		h->late |= not && p.tag == not;
		if (p.tag == tag) {
			h->out++;
			h->out_len = p.pkt.len;
			h->bad_checksum |= p.bad_checksum;
		}
	}
	for (unsigned int v6 = 0; v6 < 2; v6++)
		while (pair.udp[v6] >= 0) {
			uint32_t got = 0;

			if (recv(pair.udp[v6], &got, sizeof(got), MSG_DONTWAIT | MSG_TRUNC) < 0)
				break;
			h->socket += ntohl(got) == tag;
		}
	return marked;
}

static void wait_some(int ms)
{
	struct pollfd p = { .fd = pair.tap, .events = POLLIN };

	poll(&p, 1, ms);
}

/* Sends a mark over the wire, and hears until it has come. */
static int mark(const struct kp_pair_shot *s, struct kp_pair_heard *h)
{
	static uint32_t n;
	uint32_t number = MARK_TAG + ++n, be = htonl(number);
	uint64_t until = kp_now_ms() + SETTLE_MS, again = 0;
	struct sockaddr_storage to;
	unsigned char addr[16];
	socklen_t len;

	kp_pair_addr(addr, KP_NET_WIRE, KP_THERE, false);
	len = kp_flow_sockaddr(&to, false, addr, PORT);
	while (!kp_pair_drain(s, number, h)) {
		uint64_t now = kp_now_ms();

		if (now > until)
			return -ETIMEDOUT;
		if (now >= again) {
			sendto(pair.mark, &be, sizeof(be), MSG_DONTWAIT, (const struct sockaddr *)&to, len);
			again = now + REPEAT_MS;
			continue;
		}
		wait_some(1);
	}
	return 0;
}

/* The other way, too, there must be a carrier: asks until one comes. */
static int settle_back(void)
{
	uint64_t until = kp_now_ms() + SETTLE_MS;
	struct pollfd p = { .fd = pair.mark, .events = POLLIN };
	struct sockaddr_storage to;
	unsigned char addr[16];
	socklen_t len;

	kp_pair_addr(addr, KP_NET_WIRE, KP_NEAR, false);
	len = kp_flow_sockaddr(&to, false, addr, PORT);
	do {
		if (kp_now_ms() > until)
			return -ETIMEDOUT;
		sendto(pair.back, "", 1, MSG_DONTWAIT, (const struct sockaddr *)&to, len);
	} while (poll(&p, 1, REPEAT_MS) <= 0);
	return 0;
}

/* --- sending --- */

/* Near's socket, bound to its address in the tunnel. Returns it or -errno. */
int kp_pair_sender(unsigned int net, bool v6, int type, struct sockaddr_storage *ret_to, socklen_t *ret_len)
{
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int whole = IP_PMTUDISC_DO, one = 1, rc;
	struct sockaddr_storage own;
	unsigned char addr[16];
	socklen_t len;

	if (fd < 0)
		return -errno;
	kp_pair_addr(addr, net, KP_NEAR, v6);
	len = kp_flow_sockaddr(&own, v6, addr, 0);
	kp_pair_addr(addr, net, KP_THERE, v6);
	*ret_len = kp_flow_sockaddr(ret_to, v6, addr, PORT);
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &(int){ IPV6_PMTUDISC_DO }, sizeof(int));
	else
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof(whole));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, (const struct sockaddr *)&own, len))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int kp_pair_shoot(struct kp_pair_shot *s)
{
	static uint32_t count = 0x6b710000;
	unsigned int head = s->v6 ? 48 : 28;
	unsigned char payload[KP_FRAME_MAX];
	uint32_t be = htonl(++count);
	struct sockaddr_storage to;
	socklen_t len;
	kp_autoclose fd = kp_pair_sender(s->net, s->v6, SOCK_DGRAM, &to, &len);
	uint64_t until;
	int rc = 0;

	s->tag = count;
	memset(&s->heard, 0, sizeof(s->heard));
	if (fd < 0)
		return fd;
	for (unsigned int i = 0; i < sizeof(payload); i++)
		payload[i] = (unsigned char)(i * 7);
	memcpy(payload, &be, sizeof(be));
	s->err = sendto(fd, payload, s->len - head, MSG_DONTWAIT, (const struct sockaddr *)&to, len) < 0 ? errno : 0;
	/* Twice: a device of its own queue there hands on behind what is on the wire already, before what comes later. */
	for (unsigned int i = 0; s->marks && i < 2 && !rc; i++)
		rc = mark(s, &s->heard);
	for (until = kp_now_ms() + KP_PAIR_PATIENCE_MS; !s->marks && !s->err && kp_now_ms() < until;) {
		kp_pair_drain(s, 0, &s->heard);
		if (s->heard.socket) {
			/* The tap has what a socket has, but it was asked first. */
			kp_pair_drain(s, 0, &s->heard);
			break;
		}
		wait_some(1);
	}
	return rc;
}

/* --- nodes --- */

static int furnish(struct kp_ctx *ctx, unsigned int node, bool v6)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE), index = kp_pair_wire[node].index, family = v6 ? AF_INET6 : AF_INET,
	    rc;
	unsigned char addr[16];

	if (rtnl < 0)
		return rtnl;
	kp_pair_addr(addr, KP_NET_WIRE, node, v6);
	rc = kp_addr_add(ctx, rtnl, index, family, addr, v6 ? 64 : 24);
	if (!rc && v6)
		rc = kp_addr6_await(ctx, rtnl, addr);
	if (rc)
		return rc;
	kp_pair_addr(addr, KP_NET_WIRE, !node, v6);
	return kp_neigh_add(ctx, rtnl, index, family, addr, kp_pair_wire[!node].mac);
}

static int open_there(const char **step)
{
	*step = "packet socket";
	pair.tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (pair.tap < 0)
		return -errno;
	*step = "socket";
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		pair.udp[v6] = receiver(v6, SOCK_DGRAM);
		pair.listener[v6] = receiver(v6, SOCK_STREAM);
	}
	pair.back = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (pair.back < 0)
		return -errno;
	return pair.udp[0] < 0 ? pair.udp[0] : pair.listener[0] < 0 ? pair.listener[0] : 0;
}

/* In the namespace of @node, whose end of the wire is there. */
static int set_up(struct kp_ctx *ctx, unsigned int node, const char **step)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE), rc;

	*step = "set up the wire";
	rc = rtnl < 0 ? rtnl : kp_link_up(ctx, rtnl, kp_pair_wire[node].index, true);
	if (rc)
		return rc;
	kp_flow_no_offload(kp_pair_wire[node].name);
	*step = "addresses";
	rc = furnish(ctx, node, false);
	if (!rc)
		furnish(ctx, node, true); /* where there is no IPv6, the rows that need it say so */
	return rc;
}

static int make(struct kp_ctx *ctx, const char **step)
{
	struct kp_result ignored = { 0 };
	int rtnl, rc;

	*step = "settings of the namespace, in /proc/sys/net";
	rc = kp_flow_node_settings();
	if (rc)
		return rc;
	*step = "unshare network namespace";
	pair.place[KP_NEAR] = kp_place_here();
	pair.place[KP_THERE] = pair.place[KP_NEAR] < 0 ? pair.place[KP_NEAR] : kp_place_new(ctx);
	if (pair.place[KP_THERE] < 0)
		return pair.place[KP_THERE];
	*step = "settings of the namespace, in /proc/sys/net";
	rc = kp_flow_node_settings();
	if (rc)
		return rc;
	*step = "make a veth pair";
	rtnl = kp_nl_socket(ctx, &ignored, NETLINK_ROUTE);
	rc = rtnl < 0 ? rtnl : kp_pair_add(ctx, rtnl, false, &kp_pair_wire[KP_THERE], &kp_pair_wire[KP_NEAR], pair.place[KP_NEAR]);
	if (!rc)
		rc = set_up(ctx, KP_THERE, step);
	if (!rc)
		rc = open_there(step);
	if (!rc)
		rc = kp_pair_go(ctx, KP_NEAR);
	if (!rc)
		rc = set_up(ctx, KP_NEAR, step);
	if (rc)
		return rc;
	*step = "socket";
	pair.mark = receiver(false, SOCK_DGRAM);
	return pair.mark < 0 ? pair.mark : 0;
}

bool kp_pair_setup(struct kp_ctx *ctx, struct kp_result *res)
{
	/* Once for a worker, as kp_flow_setup(). */
	static const char *step;
	static int rc;

	if (!step) {
		struct kp_pair_heard none = { 0 };

		step = "";
		kp_place_pin();
		rc = make(ctx, &step);
		if (!rc) {
			step = "wait for the wire";
			rc = mark(NULL, &none);
			rc = rc ? rc : settle_back();
		}
	}
	if (rc)
		kp_flow_unmade(ctx, res, step, rc);
	return !rc;
}
