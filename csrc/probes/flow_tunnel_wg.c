/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* WireGuard between the two nodes: keys, and the peer that is the other node or is not. */
#include "flow_tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "../genl.h"

/* include/uapi/linux/wireguard.h */
enum {
	WG_CMD_SET_DEVICE = 1,
	WGDEVICE_A_IFINDEX = 1,
	WGDEVICE_A_PRIVATE_KEY = 3,
	WGDEVICE_A_FLAGS = 5,
	WGDEVICE_A_LISTEN_PORT = 6,
	WGDEVICE_A_PEERS = 8,
	WGDEVICE_F_REPLACE_PEERS = 1,
	WGPEER_A_PUBLIC_KEY = 1,
	WGPEER_A_ENDPOINT = 4,
	WGPEER_A_ALLOWEDIPS = 9,
	WGALLOWEDIP_A_FAMILY = 1,
	WGALLOWEDIP_A_IPADDR = 2,
	WGALLOWEDIP_A_CIDR_MASK = 3,
	KP_NLA_F_NESTED = 0x8000,
};

/* RFC 7748, section 6.1: Alice is near, Bob there. The wrong key is the curve's base point, of which nobody here has the other half. */
/* clang-format off */
static const unsigned char private_key[KP_NODES][32] = {
	{ 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
	  0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a },
	{ 0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1, 0x7f, 0x8b, 0x83, 0x80, 0x0e, 0xe6,
	  0x6f, 0x3b, 0xb1, 0x29, 0x26, 0x18, 0xb6, 0xfd, 0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb },
};
static const unsigned char public_key[KP_NODES + 1][32] = {
	{ 0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
	  0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a },
	{ 0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37,
	  0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f },
	{ 9 },
};
/* clang-format on */

/* IPv4's and IPv6's devices of a node share its namespace, not their ports. */
static uint16_t port_of(const struct kp_tunnel *t)
{
	return t->under6 ? 51821 : 51820;
}

static int device(struct kp_ctx *ctx, const struct kp_tunnel *t, struct kp_nlbuf *b)
{
	struct kp_result ignored = { 0 };
	int genl = kp_nl_socket(ctx, &ignored, NETLINK_GENERIC), family = genl < 0 ? genl : kp_genl_family(ctx, genl, "wireguard");

	if (family < 0)
		return family;
	kp_nl_init(b);
	kp_genl_msg(ctx, b, family, WG_CMD_SET_DEVICE, 1, NLM_F_ACK);
	kp_nl_u32(b, WGDEVICE_A_IFINDEX, (uint32_t)kp_tunnel_if(t));
	return genl;
}

int kp_tunnel_wg_more(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node)
{
	struct kp_nlbuf b;
	int genl = device(ctx, t, &b);

	if (genl < 0)
		return genl;
	kp_nl_put(&b, WGDEVICE_A_PRIVATE_KEY, private_key[node], 32);
	kp_nl_u16(&b, WGDEVICE_A_LISTEN_PORT, port_of(t));
	return kp_nl_talk(ctx, genl, &b);
}

static void put_endpoint(struct kp_nlbuf *b, const struct kp_tunnel *t, unsigned int node)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port_of(t)) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port_of(t)) };
	unsigned char addr[16];

	kp_pair_addr(addr, KP_NET_WIRE, node, t->under6);
	memcpy(t->under6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, addr, t->under6 ? 16 : 4);
	kp_nl_put(b, WGPEER_A_ENDPOINT, t->under6 ? (void *)&in6 : (void *)&in, t->under6 ? sizeof(in6) : sizeof(in));
}

static void put_allowed(struct kp_nlbuf *b, const struct kp_tunnel *t, unsigned int node, bool v6)
{
	size_t nest = kp_nl_nest(b, KP_NLA_F_NESTED);
	unsigned char addr[16];

	kp_nl_u16(b, WGALLOWEDIP_A_FAMILY, v6 ? AF_INET6 : AF_INET);
	kp_nl_put(b, WGALLOWEDIP_A_IPADDR, addr, kp_pair_addr(addr, KP_NET_TUNNEL + t->id, node, v6));
	kp_nl_u8(b, WGALLOWEDIP_A_CIDR_MASK, v6 ? 128 : 32);
	kp_nl_end(b, nest);
}

/*
 * A peer made anew at both nodes, and so a handshake of its own, at once: neither waits for the five seconds after which an unanswered
 * one is repeated, nor takes there the first for a replay of the one before.
 */
int kp_tunnel_wg_path(struct kp_ctx *ctx, const struct kp_tunnel *t, unsigned int node, enum kp_path what)
{
	const unsigned char *key = public_key[node == KP_NEAR && what != KP_PATH ? (unsigned int)KP_NODES : !node];
	size_t peers, peer, ips;
	struct kp_nlbuf b;
	int genl = device(ctx, t, &b);

	if (genl < 0)
		return genl;
	kp_nl_u32(&b, WGDEVICE_A_FLAGS, WGDEVICE_F_REPLACE_PEERS);
	peers = kp_nl_nest(&b, WGDEVICE_A_PEERS | KP_NLA_F_NESTED);
	peer = kp_nl_nest(&b, KP_NLA_F_NESTED);
	kp_nl_put(&b, WGPEER_A_PUBLIC_KEY, key, 32);
	put_endpoint(&b, t, !node);
	ips = kp_nl_nest(&b, WGPEER_A_ALLOWEDIPS | KP_NLA_F_NESTED);
	put_allowed(&b, t, !node, false);
	put_allowed(&b, t, !node, true);
	kp_nl_end(&b, ips);
	kp_nl_end(&b, peer);
	kp_nl_end(&b, peers);
	return kp_nl_talk(ctx, genl, &b);
}
