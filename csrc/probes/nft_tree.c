/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Trees of nf_tables attributes: put into a request, and looked for in an answer. */
#include <arpa/inet.h>
#include <string.h>

#include "nft.h"

static bool is_nest(const struct kp_nft_attr *a)
{
	return a->kind == KP_NFT_NEST || a->kind == KP_NFT_LIST || a->kind == KP_NFT_BAG;
}

/* Data that are a text: IFNAMSIZ, NF_CT_HELPER_NAME_LEN and others. */
#define CHARS_LEN 16

/* The value as it goes over the wire; @buf holds what is not there as such. Not for nests. */
static const void *value(const struct kp_nft_attr *a, unsigned char buf[CHARS_LEN], size_t *ret_len)
{
	const uint32_t be[2] = { 0, htonl(a->num) };
	const uint16_t be16 = htons((uint16_t)a->num), host16 = (uint16_t)a->num;

	switch (a->kind) {
	case KP_NFT_U8:
		buf[0] = (unsigned char)a->num;
		*ret_len = 1;
		return buf;
	case KP_NFT_U16:
		memcpy(buf, &be16, sizeof(be16));
		*ret_len = sizeof(be16);
		return buf;
	case KP_NFT_U64:
		memcpy(buf, be, sizeof(be));
		*ret_len = sizeof(be);
		return buf;
	case KP_NFT_HOST:
		memcpy(buf, a->len == 2 ? (const void *)&host16 : &a->num, a->len);
		*ret_len = a->len;
		return buf;
	case KP_NFT_STR:
	case KP_NFT_FORMAT:
		*ret_len = strlen(a->text) + 1;
		return a->text;
	case KP_NFT_CHARS:
		memset(buf, 0, CHARS_LEN);
		memcpy(buf, a->text, strnlen(a->text, CHARS_LEN));
		*ret_len = CHARS_LEN;
		return buf;
	case KP_NFT_RAW:
		*ret_len = a->len;
		return a->data;
	default: /* U32, LONG, BITS, UNSAID */
		memcpy(buf, &be[1], sizeof(be[1]));
		*ret_len = sizeof(be[1]);
		return buf;
	}
}

void kp_nft_put(struct kp_nlbuf *b, const struct kp_nft_attr *attr)
{
	unsigned char buf[CHARS_LEN];
	size_t len = 0;

	if (is_nest(attr)) {
		size_t nest = kp_nl_nest(b, NLA_F_NESTED | attr->type);

		kp_nft_put_all(b, attr->data);
		kp_nl_end(b, nest);
	} else if (attr->kind != KP_NFT_END) {
		const void *p = value(attr, buf, &len);

		kp_nl_put(b, attr->type, p, len);
	}
}

void kp_nft_put_all(struct kp_nlbuf *b, const uint8_t *code)
{
	struct kp_nft_attr attr;

	while ((code = kp_nft_attr(code, &attr)))
		kp_nft_put(b, &attr);
}

/* The first attribute of @type at *pos, which is moved behind it. */
static const void *next(const unsigned char **pos, const unsigned char *end, uint16_t type, size_t *ret_len)
{
	const unsigned char *found = kp_nl_find(*pos, (size_t)(end - *pos), type, ret_len);
	size_t step = NLA_ALIGN(*ret_len);

	if (found)
		*pos = step < (size_t)(end - found) ? found + step : end;
	return found;
}

static bool differs(struct kp_nft_diff *ret, uint16_t attr, bool missing)
{
	ret->attr = attr;
	ret->missing = missing;
	return false;
}

/* An expression opens with its name, which is text; an element of a set with its key, which is not. */
static void note_name(struct kp_nft_diff *ret, const struct kp_nft_attr *nest)
{
	struct kp_nft_attr first;

	if (nest->kind == KP_NFT_NEST && kp_nft_attr(nest->data, &first) && first.kind == KP_NFT_STR)
		ret->name = first.text;
}

static bool same_list(const unsigned char *pos, size_t len, const uint8_t *code, struct kp_nft_diff *ret)
{
	const unsigned char *end = pos + len;
	struct kp_nft_attr want;
	const void *data;
	size_t n = 0;

	while ((code = kp_nft_attr(code, &want))) {
		note_name(ret, &want);
		data = pos < end ? next(&pos, end, want.type, &n) : NULL;
		if (!data)
			return differs(ret, want.type, false);
		if (!kp_nft_same_one(data, n, &want, ret))
			return false;
	}
	ret->name = NULL;
	return pos == end || differs(ret, 0, false);
}

static bool in_bag(const void *data, size_t len, const uint8_t *code, struct kp_nft_diff *ret)
{
	struct kp_nft_attr want;

	while ((code = kp_nft_attr(code, &want)))
		if (kp_nft_same_one(data, len, &want, ret))
			return true;
	return false;
}

static bool same_bag(const unsigned char *attrs, size_t len, const uint8_t *code, struct kp_nft_diff *ret)
{
	unsigned int have = 0, wanted = 0;
	const unsigned char *pos = attrs, *end = attrs + len;
	struct kp_nft_attr first, w;
	const void *data;
	size_t n = 0;

	kp_nft_attr(code, &first);
	for (const uint8_t *c = code; (c = kp_nft_attr(c, &w));)
		wanted++;
	while (pos < end && (data = next(&pos, end, first.type, &n))) {
		if (!in_bag(data, n, code, ret))
			return false;
		have++;
	}
	return have == wanted || differs(ret, first.type, false);
}

static bool same_value(const void *data, size_t len, const struct kp_nft_attr *want)
{
	unsigned char buf[CHARS_LEN];
	size_t n = 0;
	const void *p = value(want, buf, &n);

	if (want->kind == KP_NFT_BITS)
		return len == 4 && (kp_get_be32(data) & want->num) == want->num;
	if (want->kind == KP_NFT_FORMAT) {
		n = strcspn(want->text, "%");
		return len > n && !memcmp(data, p, n);
	}
	/* Text goes out with its NUL, and comes back so. */
	return len == n && !memcmp(data, p, n);
}

bool kp_nft_same_one(const void *data, size_t len, const struct kp_nft_attr *want, struct kp_nft_diff *ret)
{
	switch (want->kind) {
	case KP_NFT_NEST:
		return kp_nft_same(data, len, want->data, ret);
	case KP_NFT_LIST:
		return same_list(data, len, want->data, ret);
	case KP_NFT_BAG:
		return same_bag(data, len, want->data, ret);
	default:
		return same_value(data, len, want) || differs(ret, want->type, false);
	}
}

bool kp_nft_same(const void *attrs, size_t len, const uint8_t *code, struct kp_nft_diff *ret)
{
	struct kp_nft_attr want;

	while ((code = kp_nft_attr(code, &want))) {
		size_t n = 0;
		const void *data;

		if (want.kind == KP_NFT_UNSAID)
			continue;
		data = kp_nl_find(attrs, len, want.type, &n);
		if (!data)
			return differs(ret, want.type, true);
		if (!kp_nft_same_one(data, n, &want, ret))
			return false;
	}
	return true;
}
