/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Packets as rows send and hear them: RFC 791, 8200, 768, 9293, 792, 4443, 9260. */
#include "flow.h"

#include <arpa/inet.h>
#include <string.h>

#define HEAD4 20
#define HEAD6 40
#define PAYLOAD 16
#define ICMP4_PROTO 1
#define ICMP6_PROTO 58

uint32_t kp_csum_add(uint32_t sum, const unsigned char *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += kp_get_be16(p);
	return len ? sum + ((uint32_t)*p << 8) : sum;
}

uint16_t kp_csum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* CRC-32C as SCTP has it (RFC 9260, appendix A), bit by bit: few packets, and no table. */
static uint32_t crc32c(const unsigned char *p, size_t len)
{
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

static void put16(unsigned char *p, unsigned int v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

static void put32(unsigned char *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t pseudo(const unsigned char *ip, bool v6, uint8_t proto, size_t len)
{
	uint32_t sum = v6 ? kp_csum_add(0, ip + 8, 32) : kp_csum_add(0, ip + 12, 8);

	return sum + proto + (uint32_t)len;
}

/* Where in the transport header its checksum is; 0: none of its own, or none that is this sum. */
static size_t csum_at(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_TCP:
		return 16;
	case ICMP4_PROTO:
	case ICMP6_PROTO:
		return 2;
	default:
		return 0;
	}
}

/* The checksum over @len bytes of transport; 0 if the one in it is right. */
static uint16_t l4_csum(const unsigned char *ip, bool v6, uint8_t proto, const unsigned char *l4, size_t len)
{
	return kp_csum_end(kp_csum_add(proto == ICMP4_PROTO ? 0 : pseudo(ip, v6, proto, len), l4, len));
}

#define POD_TAG 0x11111111u
#define FAR_TAG 0x22222222u

/*
 * Where a chunk has room for the packet's tag: the first transmission sequence number, the cookie. COOKIE ACK has no body and may
 * have no chunk behind it (do_basic_checks() in net/netfilter/nf_conntrack_proto_sctp.c), so there it is less than a chunk's header,
 * the tag's last three bytes.
 */
static size_t sctp_tag_at(uint8_t chunk)
{
	switch (chunk) {
	case KP_SCTP_INIT:
	case KP_SCTP_INIT_ACK:
		return 28;
	default: /* the cookie; DATA's sequence number */
		return 16;
	}
}

static size_t put_sctp(unsigned char *l4, uint8_t chunk, uint32_t tag)
{
	bool init = chunk == KP_SCTP_INIT || chunk == KP_SCTP_INIT_ACK, data = chunk >= KP_SCTP_DATA;
	size_t at = sctp_tag_at(chunk), len = data ? 32 : chunk == KP_SCTP_COOKIE_ACK ? 19 : at + 4;
	unsigned char last[4];

	if (chunk != KP_SCTP_INIT)
		put32(l4 + 4, chunk == KP_SCTP_FORGED                                    ? tag
			      : chunk == KP_SCTP_INIT_ACK || chunk == KP_SCTP_COOKIE_ACK ? POD_TAG
											 : FAR_TAG);
	l4[12] = data ? 0 : chunk;
	l4[13] = data ? 3 : 0; /* one fragment, the first and the last */
	put16(l4 + 14, chunk == KP_SCTP_COOKIE_ACK ? 4 : (unsigned int)len - 12);
	if (init) {
		put32(l4 + 16, chunk == KP_SCTP_INIT ? POD_TAG : FAR_TAG);
		put32(l4 + 20, 65535);
		put16(l4 + 24, 1);
		put16(l4 + 26, 1);
	}
	put32(last, tag);
	memcpy(l4 + at, chunk == KP_SCTP_COOKIE_ACK ? last + 1 : last, chunk == KP_SCTP_COOKIE_ACK ? 3 : 4);
	return len;
}

/* The transport header and payload. Returns its length without payload. */
static size_t put_l4(unsigned char *l4, const struct kp_pkt *p, uint32_t tag, uint32_t ack)
{
	put16(l4, p->sport);
	put16(l4 + 2, p->dport);
	switch (p->proto) {
	case IPPROTO_UDP:
		return 8;
	case IPPROTO_TCP:
		put32(l4 + 4, tag); /* the sequence number: a reset acknowledges it */
		put32(l4 + 8, ack);
		l4[12] = 5 << 4;
		l4[13] = p->flags ? p->flags : KP_TCP_SYN;
		put16(l4 + 14, 65535);
		return 20;
	case IPPROTO_SCTP:
		return put_sctp(l4, p->flags ? p->flags : KP_SCTP_INIT, tag);
	case IPPROTO_ICMP:
		memset(l4, 0, 4);
		l4[0] = (unsigned char)p->sport;
		l4[1] = (unsigned char)p->dport;
		put32(l4 + 4, tag); /* identifier and sequence number */
		return 8;
	case IPPROTO_GRE:
		put16(l4, 0);
		put16(l4 + 2, 0x88b5); /* a local experiment's protocol (IEEE 802) */
		return 4;
	default:
		memset(l4, 0, 4);
		return 0;
	}
}

static void put_ip(unsigned char *ip, bool v6, const struct kp_pkt *p, size_t len)
{
	if (v6) {
		put32(ip, 6u << 28 | (uint32_t)p->tos << 20);
		put16(ip + 4, (unsigned int)(len - HEAD6));
		ip[6] = p->proto == IPPROTO_ICMP ? ICMP6_PROTO : p->proto;
		ip[7] = p->ttl ? p->ttl : 64;
		memcpy(ip + 8, kp_flow_addr(p->src, true), 16);
		memcpy(ip + 24, kp_flow_addr(p->dst, true), 16);
		return;
	}
	ip[0] = 0x45;
	ip[1] = p->tos;
	put16(ip + 2, (unsigned int)len);
	put16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = p->ttl ? p->ttl : 64;
	ip[9] = p->proto;
	memcpy(ip + 12, kp_flow_addr(p->src, false), 4);
	memcpy(ip + 16, kp_flow_addr(p->dst, false), 4);
	put16(ip + 10, kp_csum_end(kp_csum_add(0, ip, HEAD4)));
}

/* An ICMP error quotes the packet that it is about. Returns the bytes of it. */
static size_t put_quoted(unsigned char *at, bool v6, const struct kp_pkt *quoted, uint32_t tag)
{
	unsigned char whole[KP_FRAME_MAX];
	size_t len = kp_pkt_build(whole, v6, quoted, tag, 0, NULL);

	memcpy(at, whole, len);
	return len;
}

size_t kp_pkt_build(unsigned char *buf, bool v6, const struct kp_pkt *p, uint32_t tag, uint32_t ack, const struct kp_pkt *quoted)
{
	size_t head = v6 ? HEAD6 : HEAD4, l4_head, len, at;
	unsigned char *l4 = buf + head;
	uint8_t proto = v6 && p->proto == IPPROTO_ICMP ? ICMP6_PROTO : p->proto;
	bool tagged;

	memset(buf, 0, KP_FRAME_MAX);
	l4_head = put_l4(l4, p, tag, ack);
	/* What has its tag in its header carries no payload: a reset acknowledges that, too. */
	tagged = p->proto == IPPROTO_SCTP || p->proto == IPPROTO_TCP;
	len = tagged ? head + l4_head : p->len ? p->len : head + l4_head + PAYLOAD;
	if (!tagged)
		put32(l4 + l4_head, tag);
	if (quoted)
		len = head + l4_head + put_quoted(l4 + l4_head, v6, quoted, tag);
	if (p->proto == IPPROTO_UDP)
		put16(l4 + 4, (unsigned int)(len - head));
	put_ip(buf, v6, p, len);
	at = csum_at(proto);
	if (at)
		put16(l4 + at, l4_csum(buf, v6, proto, l4, len - head));
	if (proto == IPPROTO_SCTP) {
		uint32_t crc = crc32c(l4, len - head);

		for (int i = 0; i < 4; i++) /* the one field of its kind with its low byte first */
			l4[8 + i] = (unsigned char)(crc >> 8 * i);
	}
	return len;
}

static uint8_t addr_of(const unsigned char *addr, bool v6)
{
	for (uint8_t i = KP_POD; i < KP_OTHER; i++)
		if (!memcmp(kp_flow_addr(i, v6), addr, v6 ? 16 : 4))
			return i;
	return KP_OTHER;
}

static bool is_error(bool v6, uint8_t type)
{
	return v6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;
}

/* Ports, flags and tag. @quoted: of a packet within an ICMP error, which need not be whole. */
static bool parse_l4(const unsigned char *l4, size_t len, bool quoted, struct kp_heard *h)
{
	struct kp_pkt *p = &h->pkt;
	struct kp_heard inner;

	if (len < 8)
		return false;
	p->sport = kp_get_be16(l4);
	p->dport = kp_get_be16(l4 + 2);
	switch (p->proto) {
	case IPPROTO_UDP:
		h->tag = len >= 12 ? kp_get_be32(l4 + 8) : 0;
		return true;
	case IPPROTO_TCP:
		if (!quoted && len < 20)
			return false;
		h->tag = kp_get_be32(l4 + 4);
		p->flags = len > 13 ? l4[13] : 0;
		if (p->flags & KP_TCP_RST)
			h->tag = kp_get_be32(l4 + 8) - 1; /* what it acknowledges: the SYN that counts as one */
		return true;
	case IPPROTO_SCTP:
		if (len == 19)
			h->tag = KP_FLOW_TAG | (kp_get_be32(l4 + 15) & 0xffffff);
		else if (len >= 16 && len >= sctp_tag_at(l4[12]) + 4)
			h->tag = kp_get_be32(l4 + sctp_tag_at(l4[12]));
		return true;
	case ICMP4_PROTO:
	case ICMP6_PROTO:
		p->sport = l4[0];
		p->dport = l4[1];
		h->tag = kp_get_be32(l4 + 4);
		if (quoted || !is_error(h->v6, l4[0]))
			return true;
		memset(&inner, 0, sizeof(inner));
		inner.v6 = h->v6;
		inner.pkt.proto = l4[8 + (h->v6 ? 6 : 9)];
		if (len < 8u + (h->v6 ? HEAD6 : HEAD4) ||
		    !parse_l4(l4 + 8 + (h->v6 ? HEAD6 : HEAD4), len - 8 - (h->v6 ? HEAD6 : HEAD4), true, &inner))
			return false;
		h->tag = inner.tag;
		return true;
	case IPPROTO_GRE:
		h->tag = kp_get_be32(l4 + 4);
		p->sport = p->dport = 0;
		return true;
	default:
		h->tag = kp_get_be32(l4);
		p->sport = p->dport = 0;
		return true;
	}
}

bool kp_pkt_parse(const unsigned char *ip, size_t len, struct kp_heard *ret)
{
	struct kp_pkt *p = &ret->pkt;
	bool v6 = len && ip[0] >> 4 == 6;
	size_t head = v6 ? HEAD6 : HEAD4, at;

	memset(ret, 0, sizeof(*ret));
	if (len < head || (!v6 && ip[0] != 0x45))
		return false;
	ret->v6 = v6;
	p->len = v6 ? (uint16_t)(kp_get_be16(ip + 4) + HEAD6) : kp_get_be16(ip + 2);
	if (p->len > len || p->len < head)
		return false;
	p->proto = v6 ? ip[6] : ip[9];
	p->ttl = v6 ? ip[7] : ip[8];
	p->tos = v6 ? (uint8_t)(kp_get_be32(ip) >> 20) : ip[1];
	p->src = addr_of(ip + (v6 ? 8 : 12), v6);
	p->dst = addr_of(ip + (v6 ? 24 : 16), v6);
	if (!parse_l4(ip + head, p->len - head, false, ret))
		return false;
	at = csum_at(p->proto);
	ret->bad_checksum = !v6 && kp_csum_end(kp_csum_add(0, ip, HEAD4));
	/* A UDP checksum of 0 is none, in IPv4 */
	if (at && (v6 || p->proto != IPPROTO_UDP || kp_get_be16(ip + head + at)))
		ret->bad_checksum |= !!l4_csum(ip, v6, p->proto, ip + head, p->len - head);
	if (p->proto == ICMP6_PROTO)
		p->proto = IPPROTO_ICMP;
	return true;
}
