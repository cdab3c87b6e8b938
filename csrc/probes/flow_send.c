/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Sending at one end and hearing at both, and knowing when there is no more to come. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "../clock.h"
#include "flow.h"

#define MARK_MS 2000   /* for an answer that takes microseconds; a device that has no carrier yet loses the question, */
#define REPEAT_MS 2    /* which is repeated */
#define PATIENCE_MS 200 /* for a packet that is wanted, behind the last mark */
#define RESEND_MS 10
#define MARK_TAG 0xecc00000u
#define ECHO_REQUEST 8
#define ECHO_REPLY 0

static int send_frame(enum kp_flow_at from, bool v6, const struct kp_pkt *p, uint32_t tag, uint32_t ack,
		      const struct kp_pkt *quoted)
{
	unsigned char frame[ETH_HLEN + KP_FRAME_MAX];
	size_t len = kp_pkt_build(frame + ETH_HLEN, v6, p, tag, ack, quoted);
	uint16_t type = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);

	memcpy(frame, kp_flow_node_end[from - 1].mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, kp_flow_end[from - 1].mac, ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, &type, sizeof(type));
	return send(kp_flow_socket(from, v6), frame, ETH_HLEN + len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_raw(bool v6, const struct kp_pkt *p, uint32_t tag)
{
	unsigned char packet[KP_FRAME_MAX];
	size_t len = kp_pkt_build(packet, v6, p, tag, 0, NULL);
	struct sockaddr_storage to;
	socklen_t to_len = kp_flow_sockaddr(&to, v6, kp_flow_addr(p->dst, v6), 0);

	if (sendto(kp_flow_socket(KP_AT_NODE, v6), packet, len, MSG_DONTWAIT, (const struct sockaddr *)&to, to_len) >= 0)
		return 0;
	/* A rule that drops what the node itself sends tells the sender so: EPERM is the packet's fate. */
	return errno == EPERM ? 0 : -errno;
}

/* One frame of an end's, if there is one. Returns its tag, 0: none, or one that is nobody's. */
static bool hear_one(enum kp_flow_at at, struct kp_heard *h, bool *ret_any)
{
	unsigned char frame[ETH_HLEN + KP_FRAME_MAX];
	struct sockaddr_ll from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(kp_flow_socket(at, false), frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&from, &len);

	*ret_any = n >= 0;
	if (n < ETH_HLEN || from.sll_pkttype == PACKET_OUTGOING)
		return false;
	if (!kp_pkt_parse(frame + ETH_HLEN, (size_t)n - ETH_HLEN, h))
		return false;
	h->at = (uint8_t)at;
	h->others = from.sll_pkttype == PACKET_OTHERHOST;
	return true;
}

/* Everything that has come so far. Returns whether the mark @mark was among it. */
static bool drain(struct kp_flow *f, uint32_t mark)
{
	bool marked = false, any;
	struct kp_heard h;

	for (enum kp_flow_at at = KP_AT_POD; at <= KP_AT_FAR; at++)
		do {
			if (!hear_one(at, &h, &any))
				continue;
			marked |= h.tag == mark && h.pkt.proto == IPPROTO_ICMP && h.pkt.sport == ECHO_REPLY;
			if (h.tag == f->tag && h.v6 == f->v6 && f->n_heard < KP_FLOW_HEARD)
				f->heard[f->n_heard++] = h;
		} while (any);
	return marked;
}

static void wait_some(int ms)
{
	struct pollfd p[2] = { { .fd = kp_flow_socket(KP_AT_POD, false), .events = POLLIN },
			       { .fd = kp_flow_socket(KP_AT_FAR, false), .events = POLLIN } };

	poll(p, 2, ms);
}

/* Asks the node for an echo, from @at, and hears until it has come. Returns 0 or -errno. */
static int mark(struct kp_flow *f, enum kp_flow_at at)
{
	static const struct kp_pkt echo[] = {
		[KP_AT_POD] = { .proto = IPPROTO_ICMP, .src = KP_POD, .dst = KP_NODE, .sport = ECHO_REQUEST },
		[KP_AT_FAR] = { .proto = IPPROTO_ICMP, .src = KP_FAR, .dst = KP_UPLINK, .sport = ECHO_REQUEST },
	};
	static uint32_t n;
	uint64_t until = kp_now_ms() + MARK_MS, again = 0;
	uint32_t tag = MARK_TAG + ++n;

	while (!drain(f, tag)) {
		uint64_t now = kp_now_ms();

		if (now > until)
			return -ETIMEDOUT;
		if (now >= again) {
			int rc = send_frame(at, false, &echo[at], tag, 0, NULL);

			if (rc && rc != -ENETDOWN && rc != -ENOBUFS)
				return rc;
			again = now + REPEAT_MS;
			continue;
		}
		wait_some(1);
	}
	return 0;
}

int kp_flow_settle(void)
{
	struct kp_flow none = { 0 };
	int rc = mark(&none, KP_AT_POD);

	return rc ? rc : mark(&none, KP_AT_FAR);
}

/* Is an ICMP error to come of a packet that is none? */
static bool is_error(const struct kp_flow *f, const struct kp_fate *want)
{
	return want->as.proto == IPPROTO_ICMP && f->sent.proto != IPPROTO_ICMP;
}

static bool fits(const struct kp_flow *f, const struct kp_fate *want, const struct kp_heard *h)
{
	const struct kp_pkt *as = &want->as, *sent = &f->sent, *is = &h->pkt;
	bool error = is_error(f, want);

	if (want->at & (h->others ? KP_IN_OUR_FRAME : KP_IN_ANOTHERS))
		return false;
	if (h->at != KP_AT(want->at) || h->bad_checksum || is->proto != (as->proto ? as->proto : sent->proto))
		return false;
	if ((as->src || !error) && is->src != (as->src ? as->src : sent->src))
		return false;
	if (is->dst != (as->dst ? as->dst : sent->dst))
		return false;
	if (as->sport == KP_OTHER_PORT ? is->sport == sent->sport
				       : as->sport != KP_ANY_PORT && is->sport != (as->sport || error ? as->sport : sent->sport))
		return false;
	if (as->dport != KP_ANY_PORT && is->dport != (as->dport || error ? as->dport : sent->dport))
		return false;
	if (as->flags && (is->flags & as->flags) != as->flags)
		return false;
	return (!as->ttl || is->ttl == as->ttl) && (error || as->flags & KP_TCP_RST || is->tos == (as->tos ? as->tos : sent->tos));
}

bool kp_flow_is(const struct kp_flow *f, const struct kp_fate *want)
{
	if (want->at == KP_LOST)
		return !f->n_heard;
	for (unsigned int i = 0; i < f->n_heard; i++)
		if (!fits(f, want, &f->heard[i]))
			return false;
	return f->n_heard;
}

static int send_once(const struct kp_flow *f, enum kp_flow_at from)
{
	return from == KP_AT_NODE ? send_raw(f->v6, &f->sent, f->tag)
				  : send_frame(from, f->v6, &f->sent, f->tag, f->ack, f->quoted.proto ? &f->quoted : NULL);
}

int kp_flow_send(struct kp_flow *f, enum kp_flow_at from, const struct kp_fate *want)
{
	static uint32_t tag = KP_FLOW_TAG;
	uint64_t until;
	int rc;

	f->tag = ++tag;
	f->n_heard = 0;
	f->next[from == KP_AT_FAR] = f->tag + !!(!f->sent.flags || f->sent.flags & (KP_TCP_SYN | KP_TCP_FIN));
	rc = send_once(f, from);
	/* A program of netkit's that drops tells the sender so: that is the packet's fate. */
	if (rc == -ENOBUFS && kp_flow_has_netkit())
		rc = 0;
	/* Twice: what turns once more within the node than an echo does comes behind the first mark, and before the second. */
	if (!rc)
		rc = mark(f, KP_AT_POD);
	if (!rc)
		rc = mark(f, KP_AT_POD);
	for (until = kp_now_ms() + PATIENCE_MS; !rc && want && want->at && !kp_flow_is(f, want) && kp_now_ms() < until;) {
		wait_some(RESEND_MS);
		drain(f, 0);
		/* Errors are limited for the whole host (icmp_global_allow()), and may be left out on a busy one. */
		if (is_error(f, want) && !f->n_heard)
			rc = send_once(f, from);
	}
	return rc;
}
