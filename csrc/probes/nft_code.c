/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The byte code of nf_tables attributes and messages, read. */
#include "nft.h"

#define TEXT(name, text) [KP_NFT_TEXT_##name] = text,
static const char *const texts[] = { KP_NFT_TEXTS(TEXT) };
#undef TEXT
_Static_assert(KP_ARRAY_SIZE(texts) <= 256, "a text's number is one byte");

static uint32_t number(const uint8_t **pos, size_t len)
{
	uint32_t v = 0;

	while (len--)
		v = v << 8 | *(*pos)++;
	return v;
}

/* Behind the end of a list. */
static const uint8_t *behind(const uint8_t *code)
{
	struct kp_nft_attr a;
	const uint8_t *next;

	while ((next = kp_nft_attr(code, &a)))
		code = next;
	return code + 1;
}

const uint8_t *kp_nft_attr(const uint8_t *code, struct kp_nft_attr *ret)
{
	*ret = (struct kp_nft_attr){ .kind = *code & 15, .type = *code >> 4 };
	if (!*code)
		return NULL;
	code++;
	if (!ret->type)
		ret->type = *code++;
	switch (ret->kind) {
	case KP_NFT_U16:
		ret->num = number(&code, 2);
		return code;
	case KP_NFT_LONG:
	case KP_NFT_U64:
		ret->num = number(&code, 4);
		return code;
	case KP_NFT_HOST:
		ret->len = *code++;
		ret->num = number(&code, ret->len);
		return code;
	case KP_NFT_STR:
	case KP_NFT_CHARS:
	case KP_NFT_FORMAT:
		ret->text = texts[*code++];
		return code;
	case KP_NFT_RAW:
		ret->len = *code++;
		ret->data = code;
		return code + ret->len;
	case KP_NFT_NEST:
	case KP_NFT_LIST:
	case KP_NFT_BAG:
		ret->data = code;
		return behind(code);
	default: /* U8, U32, BITS, UNSAID */
		ret->num = *code++;
		return code;
	}
}

const uint8_t *kp_nft_msg(const uint8_t *code, struct kp_nft_msg *ret)
{
	*ret = (struct kp_nft_msg){ .type = *code & ~KP_NFT_MSG, .attr = code + 1 };
	return *code ? behind(code + 1) : NULL;
}

void kp_nft_arg(const uint8_t *code, struct kp_nft_arg *ret)
{
	static const uint8_t none[1];
	const uint8_t **parts[] = {
		[KP_NFT_SETUP] = &ret->setup,
		[KP_NFT_SUBJECT] = &ret->subject,
		[KP_NFT_GONE] = &ret->gone,
		[KP_NFT_LEFT] = &ret->left,
	};
	struct kp_nft_msg msg;
	const uint8_t *next;

	*ret = (struct kp_nft_arg){ .setup = none, .subject = none, .gone = none, .left = none };
	if (!code)
		return;
	for (ret->family = *code++; *code; code++) {
		*parts[*code] = code + 1;
		for (code++; (next = kp_nft_msg(code, &msg));)
			code = next;
	}
}

bool kp_nft_find(const uint8_t *code, uint16_t type, struct kp_nft_attr *ret)
{
	while ((code = kp_nft_attr(code, ret)))
		if (ret->type == type)
			return true;
	return false;
}
