/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "attr.h"

#include <string.h>

/* Kernels count in jiffies or seconds, and the machine may be slow: a timeout that is a minute less is still the one that was set. */
#define FALL_MAX 60

static void big_endian(unsigned char *p, size_t n, uint64_t value)
{
	while (n--) {
		p[n] = (unsigned char)value;
		value >>= 8;
	}
}

static uint64_t from_big_endian(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | *p++;
	return value;
}

/* The bytes of a number as they stand on the wire. Returns their count, 0 for what is no number. */
static size_t wire(const struct kp_attr *a, unsigned char out[8])
{
	const uint8_t u8 = (uint8_t)a->value;
	const uint16_t u16 = (uint16_t)a->value;
	const uint32_t u32 = (uint32_t)a->value;
	size_t n = 0;

	switch ((enum kp_attr_form)a->form) {
	case KP_A_U8:
		memcpy(out, &u8, sizeof(u8));
		return sizeof(u8);
	case KP_A_U16:
		memcpy(out, &u16, sizeof(u16));
		return sizeof(u16);
	case KP_A_U32:
		memcpy(out, &u32, sizeof(u32));
		return sizeof(u32);
	case KP_A_BE16:
		n = 2;
		break;
	case KP_A_BE32:
		n = 4;
		break;
	case KP_A_BE64:
		n = 8;
		break;
	case KP_A_END:
	case KP_A_BYTES:
	case KP_A_TEXT:
	case KP_A_FLAG:
	case KP_A_NEST:
		return 0;
	}
	big_endian(out, n, a->value);
	return n;
}

void kp_attr_put(struct kp_nlbuf *b, const struct kp_attr *list)
{
	unsigned char number[8];
	size_t nest, n;

	for (; list->form != KP_A_END; list++) {
		n = wire(list, number);
		if (n) {
			kp_nl_put(b, list->type, number, n);
		} else if (list->form == KP_A_NEST) {
			nest = kp_nl_nest(b, list->type);
			kp_attr_put(b, list->nest);
			kp_nl_end(b, nest);
		} else if (list->form == KP_A_TEXT) {
			kp_nl_str(b, list->type, list->bytes);
		} else {
			kp_nl_put(b, list->type, list->bytes, list->len);
		}
	}
}

static bool same(const struct kp_attr *a, const unsigned char *told, size_t len)
{
	unsigned char number[8];
	size_t n = wire(a, number);

	if (n && a->falls) {
		uint64_t left = from_big_endian(told, len < n ? len : n);

		return len >= n && left <= a->value && left + FALL_MAX >= a->value;
	}
	if (n)
		return len >= n && !memcmp(told, number, n);
	if (a->form == KP_A_FLAG)
		return !len || *told; /* some flags are told as a number */
	if (a->form == KP_A_TEXT)
		return len > strlen(a->bytes) && !memcmp(told, a->bytes, strlen(a->bytes) + 1);
	return len >= a->len && !memcmp(told, a->bytes, a->len);
}

enum kp_attr_told kp_attr_compare(const void *attrs, size_t len, const struct kp_attr *list, uint16_t *ret_type)
{
	enum kp_attr_told told = KP_A_SAME;

	for (; list->form != KP_A_END && told == KP_A_SAME; list++) {
		size_t n = 0;
		const void *found;

		if (list->untold)
			continue;
		found = kp_nl_find(attrs, len, list->type & NLA_TYPE_MASK, &n);
		if (ret_type)
			*ret_type = list->type & NLA_TYPE_MASK;
		if (!found)
			told = KP_A_MISSING;
		else if (list->form == KP_A_NEST)
			told = kp_attr_compare(found, n, list->nest, ret_type);
		else if (!same(list, found, n))
			told = KP_A_OTHER;
	}
	return told;
}

void kp_attr_each(const void *attrs, size_t len, uint16_t type, void (*each)(const void *data, size_t len, void *arg), void *arg)
{
	const unsigned char *p = attrs;
	struct nlattr a;

	while (p && len >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == type)
			each(p + sizeof(a), a.nla_len - sizeof(a), arg);
		if ((size_t)NLA_ALIGN(a.nla_len) >= len)
			break;
		len -= (size_t)NLA_ALIGN(a.nla_len);
		p += NLA_ALIGN(a.nla_len);
	}
}
