/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than 3.10's headers; the kernel answers ENOPROTOOPT where it has them not. */
#define KP_SOL_NETLINK 270
#define KP_NETLINK_CAP_ACK 10 /* v4.3, 0a6a3a23ea6e */
#define KP_NETLINK_EXT_ACK 11 /* v4.12, 2d4bc93368f5 */
#define KP_NLM_F_ACK_TLVS 0x200
#define KP_NLMSGERR_ATTR_MSG 1

#define NL_TIMEOUT_MS 2000

void kp_nl_init(struct kp_nlbuf *b)
{
	b->len = 0;
	b->msg = 0;
	b->first = 0;
	b->last = 0;
	b->overflow = false;
}

/* Room for @len bytes, zeroed to the next multiple of four; NULL and a remembered overflow when there is none. */
static void *nl_room(struct kp_nlbuf *b, size_t len)
{
	size_t aligned = NLMSG_ALIGN(len);
	unsigned char *p = b->data + b->len;

	if (len > sizeof(b->data) || aligned > sizeof(b->data) - b->len) {
		b->overflow = true;
		return NULL;
	}
	memset(p, 0, aligned);
	b->len += aligned;
	return p;
}

static void nl_close_msg(struct kp_nlbuf *b)
{
	uint32_t len = (uint32_t)(b->len - b->msg);

	if (b->first && !b->overflow)
		memcpy(b->data + b->msg, &len, sizeof(len));
}

void kp_nl_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, uint16_t type, uint16_t flags, const void *hdr, size_t hdrlen)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST, .nlmsg_seq = ++ctx->seq };
	void *p;

	nl_close_msg(b);
	b->msg = b->len;
	p = nl_room(b, sizeof(h));
	if (p)
		memcpy(p, &h, sizeof(h));
	if (!b->first)
		b->first = h.nlmsg_seq;
	b->last = h.nlmsg_seq;
	if (hdr)
		kp_nl_raw(b, hdr, hdrlen);
}

void kp_nl_raw(struct kp_nlbuf *b, const void *data, size_t len)
{
	void *p = nl_room(b, len);

	if (p && len)
		memcpy(p, data, len);
}

void kp_nl_put(struct kp_nlbuf *b, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_type = type };
	unsigned char *p;

	if (len > UINT16_MAX - sizeof(a)) {
		b->overflow = true;
		return;
	}
	a.nla_len = (uint16_t)(sizeof(a) + len);
	p = nl_room(b, sizeof(a) + len);
	if (!p)
		return;
	memcpy(p, &a, sizeof(a));
	if (len)
		memcpy(p + sizeof(a), data, len);
}

void kp_nl_str(struct kp_nlbuf *b, uint16_t type, const char *text)
{
	kp_nl_put(b, type, text, strlen(text) + 1);
}

void kp_nl_u8(struct kp_nlbuf *b, uint16_t type, uint8_t v)
{
	kp_nl_put(b, type, &v, sizeof(v));
}

void kp_nl_u16(struct kp_nlbuf *b, uint16_t type, uint16_t v)
{
	kp_nl_put(b, type, &v, sizeof(v));
}

void kp_nl_u32(struct kp_nlbuf *b, uint16_t type, uint32_t v)
{
	kp_nl_put(b, type, &v, sizeof(v));
}

void kp_nl_be16(struct kp_nlbuf *b, uint16_t type, uint16_t v)
{
	kp_nl_u16(b, type, htons(v));
}

void kp_nl_be32(struct kp_nlbuf *b, uint16_t type, uint32_t v)
{
	kp_nl_u32(b, type, htonl(v));
}

void kp_nl_flag(struct kp_nlbuf *b, uint16_t type)
{
	kp_nl_put(b, type, NULL, 0);
}

size_t kp_nl_nest(struct kp_nlbuf *b, uint16_t type)
{
	size_t at = b->len;

	kp_nl_put(b, type, NULL, 0);
	return at;
}

void kp_nl_end(struct kp_nlbuf *b, size_t nest)
{
	size_t len = b->len - nest;
	uint16_t len16 = (uint16_t)len;

	if (len > UINT16_MAX)
		b->overflow = true;
	if (!b->overflow)
		memcpy(b->data + nest, &len16, sizeof(len16));
}

int kp_nl_socket(struct kp_ctx *ctx, struct kp_result *res, int protocol)
{
	int one = 1, fd;

	if (ctx->nl[protocol] >= 0)
		return ctx->nl[protocol];
	ctx->extack[0] = '\0';
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0) {
		int err = errno;

		kp_fail(ctx, res, "socket", KP_CALL_SOCKET, err);
		return -err;
	}
	/* Both only add to what an answer says: without them the verdict is the same. */
	setsockopt(fd, KP_SOL_NETLINK, KP_NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, KP_SOL_NETLINK, KP_NETLINK_CAP_ACK, &one, sizeof(one));
	ctx->nl[protocol] = fd;
	return fd;
}

void kp_nl_close(struct kp_ctx *ctx)
{
	for (unsigned int i = 0; i < KP_NETLINK_MAX; i++) {
		if (ctx->nl[i] >= 0)
			close(ctx->nl[i]);
		ctx->nl[i] = -1;
	}
}

const void *kp_nl_find(const void *attrs, size_t len, uint16_t type, size_t *ret_len)
{
	const unsigned char *p = attrs;
	struct nlattr a;

	while (len >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			if (ret_len)
				*ret_len = a.nla_len - sizeof(a);
			return p + sizeof(a);
		}
		if ((size_t)NLA_ALIGN(a.nla_len) >= len)
			break;
		len -= (size_t)NLA_ALIGN(a.nla_len);
		p += NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

const void *kp_nl_attr(const struct nlmsghdr *msg, size_t hdrlen, uint16_t type, size_t *ret_len)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(hdrlen);

	if (msg->nlmsg_len < skip)
		return NULL;
	return kp_nl_find((const unsigned char *)msg + skip, msg->nlmsg_len - skip, type, ret_len);
}

/* The extended ack's text stands behind the echoed request, or behind its header alone where CAP_ACK holds. */
static void nl_extack(struct kp_ctx *ctx, const struct nlmsghdr *msg)
{
	const unsigned char *base = (const unsigned char *)msg;
	const struct nlmsgerr *e = (const void *)(base + NLMSG_HDRLEN);
	size_t skip = NLMSG_HDRLEN + sizeof(*e), len = 0;
	const char *text;

	if (!(msg->nlmsg_flags & KP_NLM_F_ACK_TLVS) || msg->nlmsg_len < skip)
		return;
	if (!(msg->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (skip >= msg->nlmsg_len)
		return;
	text = kp_nl_find(base + skip, msg->nlmsg_len - skip, KP_NLMSGERR_ATTR_MSG, &len);
	if (!text || !len)
		return;
	if (len > sizeof(ctx->extack) - 1)
		len = sizeof(ctx->extack) - 1;
	memcpy(ctx->extack, text, len);
	ctx->extack[len] = '\0';
}

static int nl_send(struct kp_ctx *ctx, int fd, struct kp_nlbuf *b)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };

	ctx->extack[0] = '\0';
	nl_close_msg(b);
	if (b->overflow)
		return -EMSGSIZE;
	while (sendto(fd, b->data, b->len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Returns bytes, 0 when nothing came within @timeout_ms, or -errno. */
static long nl_recv(int fd, void *buf, size_t size, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int rc;

	/* Most answers are there before sendto() returns: ask first, wait second. */
	for (;;) {
		n = recv(fd, buf, size, MSG_DONTWAIT);
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (!timeout_ms)
			return 0;
		do {
			rc = poll(&p, 1, timeout_ms);
		} while (rc < 0 && errno == EINTR);
		if (rc <= 0)
			return rc < 0 ? -errno : 0;
	}
}

struct nl_wait {
	uint32_t first, last;
	bool single; /* the first message answers */
	bool (*each)(const struct nlmsghdr *msg, void *arg);
	void *arg;
	bool done;
	int err;
};

static void nl_one(struct kp_ctx *ctx, const struct nlmsghdr *msg, struct nl_wait *w)
{
	int err = 0;

	if (msg->nlmsg_seq < w->first || msg->nlmsg_seq > w->last)
		return; /* a notification, or the tail of an earlier answer */
	if (msg->nlmsg_type == NLMSG_NOOP)
		return;
	if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE) {
		if (msg->nlmsg_len >= NLMSG_HDRLEN + sizeof(err))
			memcpy(&err, (const unsigned char *)msg + NLMSG_HDRLEN, sizeof(err));
		/* A batch that fails answers for each of its messages: the first one is the cause. */
		if (err && !w->err) {
			w->err = err;
			if (msg->nlmsg_type == NLMSG_ERROR)
				nl_extack(ctx, msg);
		}
		if (err || msg->nlmsg_type == NLMSG_DONE || msg->nlmsg_seq == w->last)
			w->done = true;
		return;
	}
	if (w->each && !w->each(msg, w->arg))
		w->each = NULL;
	if (w->single)
		w->done = true;
}

static int nl_wait(struct kp_ctx *ctx, int fd, struct nl_wait *w)
{
	_Alignas(8) unsigned char buf[32768];

	for (;;) {
		/* Once there is a verdict, whatever else is queued belongs to it: drain, do not wait. */
		long n = nl_recv(fd, buf, sizeof(buf), w->done ? 0 : NL_TIMEOUT_MS);
		struct nlmsghdr *msg = (void *)buf;
		size_t left;

		if (n == -ENOBUFS)
			continue;
		if (n < 0)
			return (int)n;
		if (!n)
			return w->done ? w->err : -ETIMEDOUT;
		for (left = (size_t)n; left >= NLMSG_HDRLEN;) {
			size_t step = NLMSG_ALIGN(msg->nlmsg_len);

			if (msg->nlmsg_len < NLMSG_HDRLEN || msg->nlmsg_len > left)
				break;
			nl_one(ctx, msg, w);
			if (step >= left)
				break;
			left -= step;
			msg = (void *)((unsigned char *)msg + step);
		}
		if (w->done && w->first == w->last)
			return w->err;
	}
}

int kp_nl_talk(struct kp_ctx *ctx, int fd, struct kp_nlbuf *b)
{
	struct nl_wait w = { .first = b->first, .last = b->last };
	int rc = nl_send(ctx, fd, b);

	/* In a batch the message that acknowledges may not be the last (the end marker is not answered for on old kernels). */
	for (size_t at = 0; !rc && at + NLMSG_HDRLEN <= b->len;) {
		const struct nlmsghdr *msg = (const void *)(b->data + at);

		if (msg->nlmsg_flags & NLM_F_ACK)
			w.last = msg->nlmsg_seq;
		at += NLMSG_ALIGN(msg->nlmsg_len);
	}
	return rc ? rc : nl_wait(ctx, fd, &w);
}

int kp_nl_query(struct kp_ctx *ctx, int fd, struct kp_nlbuf *b, bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg)
{
	const struct nlmsghdr *msg = (const void *)(b->data + b->msg);
	struct nl_wait w = { .first = b->first, .last = b->last, .each = each, .arg = arg };
	int rc = nl_send(ctx, fd, b);

	if (rc)
		return rc;
	/* NLM_F_DUMP is NLM_F_ROOT|NLM_F_MATCH; for a get request both mean a dump. */
	w.single = !(msg->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK));
	return nl_wait(ctx, fd, &w);
}

uint32_t kp_get_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint16_t kp_get_u16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint32_t kp_get_be32(const void *p)
{
	return ntohl(kp_get_u32(p));
}

uint16_t kp_get_be16(const void *p)
{
	return ntohs(kp_get_u16(p));
}
