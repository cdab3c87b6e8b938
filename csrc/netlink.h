/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Netlink: a bounded request builder, and talks that keep the kernel's errno and its extended ack. No heap. */
#ifndef KP_NETLINK_H
#define KP_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "probe.h"

#define KP_NLBUF 16384

/* One request or a batch of them. Overflow is remembered, and answered with EMSGSIZE when it is sent. */
struct kp_nlbuf {
	size_t len;      /* bytes used, the open message included */
	size_t msg;      /* offset of the open message */
	uint32_t first;  /* sequence numbers of the messages in it */
	uint32_t last;
	bool overflow;
	_Alignas(8) unsigned char data[KP_NLBUF];
};

void kp_nl_init(struct kp_nlbuf *b);

/*
 * Opens the next message, closing the one before. NLM_F_REQUEST is added. @hdr: the fixed header behind nlmsghdr (ifinfomsg,
 * nfgenmsg, genlmsghdr, …), @hdrlen bytes, copied; may be NULL.
 */
void kp_nl_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, uint16_t type, uint16_t flags, const void *hdr, size_t hdrlen);

void kp_nl_put(struct kp_nlbuf *b, uint16_t type, const void *data, size_t len);
void kp_nl_str(struct kp_nlbuf *b, uint16_t type, const char *text); /* with its NUL */
void kp_nl_u8(struct kp_nlbuf *b, uint16_t type, uint8_t v);
void kp_nl_u16(struct kp_nlbuf *b, uint16_t type, uint16_t v);
void kp_nl_u32(struct kp_nlbuf *b, uint16_t type, uint32_t v);
void kp_nl_be16(struct kp_nlbuf *b, uint16_t type, uint16_t v); /* host order in, network order out */
void kp_nl_be32(struct kp_nlbuf *b, uint16_t type, uint32_t v);
void kp_nl_flag(struct kp_nlbuf *b, uint16_t type);

/* Nests: the returned offset goes to kp_nl_end(). NLA_F_NESTED is not added: pass it in @type where the kernel wants it. */
size_t kp_nl_nest(struct kp_nlbuf *b, uint16_t type);
void kp_nl_end(struct kp_nlbuf *b, size_t nest);

/* Raw bytes behind the last attribute (a veth peer's ifinfomsg), padded. */
void kp_nl_raw(struct kp_nlbuf *b, const void *data, size_t len);

/*
 * The worker's socket for a netlink protocol, opened at first use in the current network namespace.
 * Returns the fd, or -errno after the row was answered with kp_fail(…, KP_CALL_SOCKET, …).
 */
int kp_nl_socket(struct kp_ctx *ctx, struct kp_result *res, int protocol);

/* Closes all of the worker's sockets: the next use opens them in the namespace of that moment. */
void kp_nl_close(struct kp_ctx *ctx);

/*
 * Sends @b and waits for the kernel's verdict: the acknowledgement of the last message, or the first error for any of them.
 * The last message must carry NLM_F_ACK (in an nfnetlink batch: the last one inside, not the end marker).
 * Returns 0 or the kernel's -errno; ctx->extack is set. -ETIMEDOUT: no answer within 2 s.
 */
int kp_nl_talk(struct kp_ctx *ctx, int fd, struct kp_nlbuf *b);

/*
 * Sends @b, a request that is answered by messages: calls @each for every one until NLMSG_DONE, an acknowledgement, or — for a
 * request without NLM_F_DUMP and NLM_F_ACK — the first message. @each returns true to go on; false ends the calls, not the draining.
 * @each may be NULL. Returns 0 or -errno, as kp_nl_talk().
 */
int kp_nl_query(struct kp_ctx *ctx, int fd, struct kp_nlbuf *b, bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg);

/*
 * The first attribute of @type among @len bytes of attributes at @attrs (NLA_F_* masked away), or NULL; *ret_len is its
 * payload's length. kp_nl_attr() does so for a message whose fixed header has @hdrlen bytes.
 */
const void *kp_nl_find(const void *attrs, size_t len, uint16_t type, size_t *ret_len);
const void *kp_nl_attr(const struct nlmsghdr *msg, size_t hdrlen, uint16_t type, size_t *ret_len);

/* Unaligned, native order reads. */
uint32_t kp_get_u32(const void *p);
uint16_t kp_get_u16(const void *p);
uint32_t kp_get_be32(const void *p);
uint16_t kp_get_be16(const void *p);

#endif
