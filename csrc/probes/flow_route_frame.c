/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Settings that answer to frames which no step can say: questions for addresses, and packets for 127.0.0.1. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "flow_route.h"

#define WAIT_MS 1000 /* for an answer that takes microseconds */

/* Asks, sets what @path names, asks again. @ask: 1 as with it, 0 as without, or -errno; @fd is its own. */
static void by_setting(struct kp_flow *f, const char *path, int (*ask)(int fd), int fd, const char *broken)
{
	int rc = ask(fd);

	if (rc)
		return kp_flow_stuck(f, "control", rc < 0 ? rc : -EPROTO);
	rc = kp_flow_sysctl(path, kp_sabotaged(f->ctx) ? "0" : "1");
	if (rc)
		return kp_fail(f->ctx, f->res, path, KP_CALL_PLAIN, -rc);
	rc = ask(fd);
	kp_flow_sysctl(path, "0");
	if (rc < 0)
		return kp_flow_stuck(f, "packet", rc);
	if (!rc)
		return kp_broken(f->res, "packet", broken);
	kp_works(f->res, "packet");
}

/* --- proxy_arp --- */

struct arp {
	unsigned char dst[6], src[6];
	uint16_t type, hw, proto;
	uint8_t hw_len, proto_len;
	uint16_t op;
	unsigned char from_mac[6], from[4], to_mac[6], to[4];
} __attribute__((packed));

static int ask_who(uint8_t addr)
{
	struct arp a = {
		.type = htons(ETH_P_ARP), .hw = htons(1), .proto = htons(ETH_P_IP), .hw_len = 6, .proto_len = 4, .op = htons(1)
	};

	memset(a.dst, 0xff, 6);
	memcpy(a.src, kp_flow_end[0].mac, 6);
	memcpy(a.from_mac, kp_flow_end[0].mac, 6);
	memcpy(a.from, kp_flow_addr(KP_POD, false), 4);
	memcpy(a.to, kp_flow_addr(addr, false), 4);
	return send(kp_flow_socket(KP_AT_POD, false), &a, sizeof(a), MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Asks for an address behind the node, and then for its own, which is always answered. Returns whether the first was, or -errno. */
static int answered(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc = ask_who(KP_SERVICE), found = 0;

	if (!rc)
		rc = ask_who(KP_NODE);
	while (!rc && poll(&p, 1, WAIT_MS) > 0) {
		struct sockaddr_ll at;
		socklen_t len = sizeof(at);
		struct arp a;
		ssize_t n = recvfrom(p.fd, &a, sizeof(a), MSG_DONTWAIT, (struct sockaddr *)&at, &len);

		if (n < (ssize_t)sizeof(a) || at.sll_pkttype == PACKET_OUTGOING || a.type != htons(ETH_P_ARP) || a.op != htons(2))
			continue;
		if (memcmp(a.from_mac, kp_flow_node_end[0].mac, 6))
			continue;
		if (!memcmp(a.from, kp_flow_addr(KP_SERVICE, false), 4))
			found = 1;
		if (!memcmp(a.from, kp_flow_addr(KP_NODE, false), 4))
			return found;
	}
	return rc ? rc : -ETIMEDOUT;
}

static void run_arp(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	struct kp_flow f = { .ctx = ctx, .res = res };
	int rc;

	(void)row;
	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res))
		return;
	/* Else an answer to a question for everybody waits up to 0.8 s, by chance (net/ipv4/arp.c, arp_process()). Calico sets it, too. */
	rc = kp_flow_sysctl("ipv4/neigh/kppod0/proxy_delay", "0");
	if (rc)
		return kp_fail(ctx, res, "proxy_delay", KP_CALL_PLAIN, -rc);
	by_setting(&f, "ipv4/conf/kppod0/proxy_arp", answered, kp_flow_socket(KP_AT_POD, false),
		   "sent arp who has service, tell pod; expected an answer with the node's MAC; none came before that "
		   "to the question behind it");
}

static const struct kp_rule setting_rules[] = { { ENOENT, KP_ABSENT, "there is no such setting" }, { 0 } };

const struct kp_method kp_flow_by_arp = {
	.run = run_arp,
	.asks = "an ARP request for an address behind the node, and one for the node's own, with proxy_arp=0 and with 1 on the "
		"device that they come in by",
	.proves = "works: the first is answered with 1 and not with 0, the second both times; broken: not",
	.rules = setting_rules,
	.gate = KP_FLOW_GATE,
};

/* --- route_localnet --- */

#define LOCAL_PORT 7778

static int send_local(bool loopback, uint32_t tag)
{
	const struct kp_pkt p = { .proto = IPPROTO_UDP, .src = KP_POD, .dst = KP_NODE, .sport = 44000, .dport = LOCAL_PORT };
	unsigned char frame[ETH_HLEN + KP_FRAME_MAX], *ip = frame + ETH_HLEN;
	size_t len = kp_pkt_build(ip, false, &p, tag, 0, NULL);
	uint16_t type = htons(ETH_P_IP), sum;

	memcpy(frame, kp_flow_node_end[0].mac, 6);
	memcpy(frame + 6, kp_flow_end[0].mac, 6);
	memcpy(frame + 12, &type, 2);
	if (loopback) {
		static const unsigned char to[4] = { 127, 0, 0, 1 };

		memcpy(ip + 16, to, 4);
		memset(ip + 10, 0, 2);
		memset(ip + 26, 0, 2); /* UDP's: none */
		sum = htons(kp_csum_end(kp_csum_add(0, ip, 20)));
		memcpy(ip + 10, &sum, 2);
	}
	return send(kp_flow_socket(KP_AT_POD, false), frame, ETH_HLEN + len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* One to 127.0.0.1, and behind it one to the node's own address. Returns whether the first came, or -errno. */
static int taken(int fd)
{
	static uint32_t tag = 0x6b720000;
	uint32_t mine = ++tag, mark = ++tag, got;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc = send_local(true, mine), found = 0;

	if (!rc)
		rc = send_local(false, mark);
	while (!rc && poll(&p, 1, WAIT_MS) > 0) {
		if (recv(fd, &got, sizeof(got), MSG_DONTWAIT) < (ssize_t)sizeof(got))
			continue;
		if (ntohl(got) == mine)
			found = 1;
		if (ntohl(got) == mark)
			return found;
	}
	return rc ? rc : -ETIMEDOUT;
}

static void run_localnet(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(LOCAL_PORT) };
	struct kp_flow f = { .ctx = ctx, .res = res };
	kp_autoclose fd = -1;

	(void)row;
	ctx->extack[0] = '\0';
	if (!kp_flow_setup(ctx, res))
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)))
		return kp_flow_stuck(&f, "socket", -errno);
	by_setting(&f, "ipv4/conf/kppod0/route_localnet", taken, fd,
		   "sent udp pod > 127.0.0.1, expected it at a socket of the node; it did not come before the one behind it");
}

const struct kp_method kp_flow_by_localnet = {
	.run = run_localnet,
	.asks = "a UDP packet for 127.0.0.1 from a pod, and one for the node's address behind it, with route_localnet=0 and "
		"with 1 on the device that they come in by",
	.proves = "works: the first comes to a socket with 1 and not with 0, the second both times; broken: not",
	.rules = setting_rules,
	.gate = KP_FLOW_GATE,
};
