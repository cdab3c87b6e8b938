/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Netlink attributes as data: a list says what is set and, since kernels tell what they were told, what must be read back. So a row
 * with attributes needs no code of its own.
 */
#ifndef KP_PROBES_ATTR_H
#define KP_PROBES_ATTR_H

#include "../netlink.h"

enum kp_attr_form {
	KP_A_END,
	KP_A_U8,
	KP_A_U16,
	KP_A_U32,
	KP_A_BE16, /* network byte order on the wire, the host's here */
	KP_A_BE32,
	KP_A_BE64,
	KP_A_BYTES,
	KP_A_TEXT, /* with its NUL */
	KP_A_FLAG, /* without payload */
	KP_A_NEST,
};

struct kp_attr {
	uint16_t type; /* with NLA_F_* where the kernel wants them; they are not compared */
	uint8_t form;  /* enum kp_attr_form; KP_A_END ends a list */
	bool untold;   /* the kernel does not tell it, or in other words */
	bool falls;    /* a timeout: may have got less when it is read */
	uint16_t len;  /* of KP_A_BYTES */
	union {                /* by .form */
		uint64_t value;
		const void *bytes; /* or text */
		const struct kp_attr *nest;
	};
};

enum kp_attr_told {
	KP_A_SAME,
	KP_A_MISSING, /* one is not told at all */
	KP_A_OTHER,   /* one has another value */
};

void kp_attr_put(struct kp_nlbuf *b, const struct kp_attr *list);

/* Are all of @list among the @len bytes of attributes at @attrs, as they were set? *ret_type: the first that is not; may be NULL. */
enum kp_attr_told kp_attr_compare(const void *attrs, size_t len, const struct kp_attr *list, uint16_t *ret_type);

/* Calls @each for every attribute of @type among @len bytes of attributes at @attrs. */
void kp_attr_each(const void *attrs, size_t len, uint16_t type, void (*each)(const void *data, size_t len, void *arg), void *arg);

/* For tables. */
#define KP_ATTRS(...) ((const struct kp_attr[]){ __VA_ARGS__, { .form = KP_A_END } })
#define KP_NUM(kind, t, v) { .type = (t), .form = KP_A_##kind, .value = (v) }
#define KP_FLAG(t) { .type = (t), .form = KP_A_FLAG }
#define KP_STR(t, text) { .type = (t), .form = KP_A_TEXT, .bytes = (text) }
#define KP_NESTED(t, ...) { .type = (t), .form = KP_A_NEST, .nest = KP_ATTRS(__VA_ARGS__) }
#define KP_RAW(t, ...)                                                                                                             \
	{                                                                                                                          \
		.type = (t), .form = KP_A_BYTES, .len = sizeof((const unsigned char[]){ __VA_ARGS__ }),                            \
		.bytes = (const unsigned char[])                                                                                   \
		{                                                                                                                  \
			__VA_ARGS__                                                                                                \
		}                                                                                                                  \
	}

#endif
