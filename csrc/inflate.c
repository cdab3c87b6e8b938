/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * gzip (RFC 1952) and deflate (RFC 1951), decompression only, for /proc/config.gz and for the collector's own constants.
 *
 * Accepts exactly what zlib's inflate() accepts; tests/unit/test_inflate.py holds it to that with damaged input. All state is on
 * the stack, output goes straight to the caller's buffer, which is the window as well, and each loop eats input or makes output.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "facts.h"

#define MAX_BITS 15  /* longest code that the format allows */
#define FAST_BITS 10 /* codes up to here take one look-up; longer ones are rare and walked bit by bit */
#define MAX_LITERALS 288
#define MAX_DISTANCES 32

struct code {
	uint16_t fast[1 << FAST_BITS]; /* symbol << 4 | bits, by the next input bits; 0: a longer code, or none */
	uint16_t count[MAX_BITS + 1];  /* codes of each length */
	uint16_t symbol[MAX_LITERALS]; /* by code */
};

struct inflate {
	const uint8_t *in, *end;
	uint64_t hold; /* input bits not yet used, the next one lowest; zero above @bits */
	unsigned int bits;
	uint8_t *out;
	size_t size, made;
	bool fixed; /* the two codes below hold the fixed ones */
	struct code literal, distance;
};

static void refill(struct inflate *z)
{
	while (z->bits <= 56 && z->in < z->end) {
		z->hold |= (uint64_t)*z->in++ << z->bits;
		z->bits += 8;
	}
}

static void drop(struct inflate *z, unsigned int n)
{
	z->hold >>= n;
	z->bits -= n;
}

/* The next @n ≤ 16 bits, or -EBADMSG at the end of the input. */
static int take(struct inflate *z, unsigned int n)
{
	int value;

	refill(z);
	if (z->bits < n)
		return -EBADMSG;
	value = (int)(z->hold & ((UINT64_C(1) << n) - 1));
	drop(z, n);
	return value;
}

static unsigned int reverse(unsigned int code, unsigned int bits)
{
	unsigned int r = 0;

	for (; bits; bits--, code >>= 1)
		r = r << 1 | (code & 1);
	return r;
}

/*
 * Makes a decoder from the lengths of codes. More codes than fit are an error; fewer too, but for none at all and, where
 * @may_be_short, a single one of one bit. A code that does not exist is then noticed when it is used.
 */
static int build(struct code *c, const uint8_t *lengths, unsigned int n, bool may_be_short)
{
	unsigned int offset[MAX_BITS + 2] = { 0 }, next[MAX_BITS + 2] = { 0 }, used;
	int left = 1;

	memset(c->count, 0, sizeof(c->count));
	memset(c->fast, 0, sizeof(c->fast));
	for (unsigned int i = 0; i < n; i++)
		c->count[lengths[i]]++;
	for (unsigned int len = 1; len <= MAX_BITS; len++) {
		left = (left << 1) - c->count[len];
		if (left < 0)
			return -EBADMSG;
		offset[len + 1] = offset[len] + c->count[len];
		next[len + 1] = (next[len] + c->count[len]) << 1;
	}
	used = n - c->count[0];
	if (left > 0 && used && !(may_be_short && used == 1 && c->count[1] == 1))
		return -EBADMSG;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int len = lengths[i];

		if (!len)
			continue;
		c->symbol[offset[len]++] = (uint16_t)i;
		if (len <= FAST_BITS)
			for (unsigned int at = reverse(next[len], len); at < 1U << FAST_BITS; at += 1U << len)
				c->fast[at] = (uint16_t)(i << 4 | len);
		next[len]++;
	}
	return 0;
}

/* The next symbol, or -EBADMSG. */
static int decode(struct inflate *z, const struct code *c)
{
	unsigned int entry, code = 0, first = 0, index = 0;

	refill(z);
	entry = c->fast[z->hold & ((1U << FAST_BITS) - 1)];
	if (entry) {
		if ((entry & 15) > z->bits)
			return -EBADMSG;
		drop(z, entry & 15);
		return (int)(entry >> 4);
	}
	for (unsigned int len = 1; len <= MAX_BITS && len <= z->bits; len++) {
		unsigned int count = c->count[len];

		code |= (unsigned int)(z->hold >> (len - 1)) & 1;
		if (code - first < count) {
			drop(z, len);
			return c->symbol[index + code - first];
		}
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return -EBADMSG;
}

static int stored_block(struct inflate *z)
{
	int len, check;

	drop(z, z->bits & 7);
	len = take(z, 16);
	check = take(z, 16);
	if (len < 0 || check < 0 || len != (~check & 0xffff))
		return -EBADMSG;
	/* Whole bytes that were read ahead go back, so that the rest can be copied in one piece. */
	z->in -= z->bits / 8;
	z->hold = 0;
	z->bits = 0;
	if (z->end - z->in < len)
		return -EBADMSG;
	if (z->size - z->made < (size_t)len)
		return -EFBIG;
	memcpy(z->out + z->made, z->in, (size_t)len);
	z->in += len;
	z->made += (size_t)len;
	return 0;
}

/*
 * What the tables of RFC 1951, 3.2.5, say, as it is made: from a few values on, 1 << step of them share a number of extra bits. No
 * tables, since the collector unpacks its own constants with this: csrc/unpack.c.
 */
static unsigned int base_of(unsigned int symbol, unsigned int step, unsigned int *ret_extra)
{
	unsigned int first = 1U << step, extra = symbol < 2 * first ? 0 : (symbol >> step) - 1;

	*ret_extra = extra;
	return extra ? (first + (symbol & (first - 1))) << extra : symbol;
}

static int copy_match(struct inflate *z, unsigned int symbol)
{
	unsigned int bits;
	size_t length, far;
	int extra, s;

	if (symbol > 28)
		return -EBADMSG;
	length = 3 + base_of(symbol, 2, &bits);
	if (symbol == 28) {
		length = 258;
		bits = 0;
	}
	extra = take(z, bits);
	if (extra < 0)
		return extra;
	length += (size_t)extra;
	s = decode(z, &z->distance);
	if (s < 0 || s > 29)
		return -EBADMSG;
	far = 1 + base_of((unsigned int)s, 1, &bits);
	extra = take(z, bits);
	if (extra < 0)
		return extra;
	far += (size_t)extra;
	if (far > z->made)
		return -EBADMSG;
	if (z->size - z->made < length)
		return -EFBIG;
	/* Byte by byte: a match may overlap what it makes. */
	for (uint8_t *to = z->out + z->made, *stop = to + length; to < stop; to++)
		*to = to[-(ptrdiff_t)far];
	z->made += length;
	return 0;
}

static int coded_block(struct inflate *z)
{
	for (;;) {
		int s = decode(z, &z->literal);

		if (s < 0)
			return s;
		if (s == 256)
			return 0;
		if (s > 256) {
			int err = copy_match(z, (unsigned int)s - 257);

			if (err)
				return err;
			continue;
		}
		if (z->made == z->size)
			return -EFBIG;
		z->out[z->made++] = (uint8_t)s;
	}
}

static int fixed_codes(struct inflate *z)
{
	uint8_t lengths[MAX_LITERALS];

	/* Kept from block to block: else a stream of empty fixed blocks, 10 bits each, would cost two tables a time. */
	if (z->fixed)
		return 0;
	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	if (build(&z->literal, lengths, MAX_LITERALS, false))
		return -EBADMSG;
	memset(lengths, 5, MAX_DISTANCES);
	if (build(&z->distance, lengths, MAX_DISTANCES, false))
		return -EBADMSG;
	z->fixed = true;
	return 0;
}

/* One entry of the run-length coded list of code lengths: sets *ret_value, returns how often, or -EBADMSG. */
static int length_run(struct inflate *z, unsigned int symbol, const uint8_t *lengths, unsigned int done, uint8_t *ret_value)
{
	int extra;

	*ret_value = 0;
	switch (symbol) {
	case 16:
		if (!done)
			return -EBADMSG;
		*ret_value = lengths[done - 1];
		extra = take(z, 2);
		return extra < 0 ? extra : 3 + extra;
	case 17:
	case 18:
		extra = take(z, symbol == 17 ? 3 : 7);
		return extra < 0 ? extra : (symbol == 17 ? 3 : 11) + extra;
	default:
		*ret_value = (uint8_t)symbol;
		return 1;
	}
}

#define LENGTH_SYMBOLS 19

/* 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, …, 1, 15: the order in which a block names the lengths of the length symbols. */
static unsigned int order(unsigned int i)
{
	if (i < 4)
		return i == 3 ? 0 : 16 + i;
	return i & 1 ? 8 - (i - 3) / 2 : 8 + (i - 4) / 2;
}

static int dynamic_codes(struct inflate *z)
{
	uint8_t lengths[MAX_LITERALS + MAX_DISTANCES] = { 0 };
	int head = take(z, 14);
	unsigned int n_literal, n_far, n_order, done = 0;

	z->fixed = false;
	if (head < 0)
		return head;
	n_literal = ((unsigned int)head & 31) + 257;
	n_far = ((unsigned int)head >> 5 & 31) + 1;
	n_order = ((unsigned int)head >> 10) + 4;
	if (n_literal > 286 || n_far > 30)
		return -EBADMSG;
	for (unsigned int i = 0; i < n_order; i++) {
		int len = take(z, 3);

		if (len < 0)
			return len;
		lengths[order(i)] = (uint8_t)len;
	}
	/* The literals' code is not there yet: its place serves the code of the code lengths. */
	if (build(&z->literal, lengths, LENGTH_SYMBOLS, false))
		return -EBADMSG;
	memset(lengths, 0, sizeof(lengths));
	while (done < n_literal + n_far) {
		int s = decode(z, &z->literal), run;
		uint8_t value;

		if (s < 0)
			return s;
		run = length_run(z, (unsigned int)s, lengths, done, &value);
		if (run < 0 || (unsigned int)run > n_literal + n_far - done)
			return -EBADMSG;
		memset(lengths + done, value, (size_t)run);
		done += (unsigned int)run;
	}
	if (!lengths[256]) /* no end of block */
		return -EBADMSG;
	if (build(&z->literal, lengths, n_literal, true) || build(&z->distance, lengths + n_literal, n_far, true))
		return -EBADMSG;
	return 0;
}

/* Decodes up to the end of the last block. */
static int inflate(struct inflate *z)
{
	int err = 0, head;

	do {
		head = take(z, 3);
		if (head < 0 || head >> 1 == 3)
			return -EBADMSG;
		if (head >> 1 == 0) {
			err = stored_block(z);
			continue;
		}
		err = head >> 1 == 1 ? fixed_codes(z) : dynamic_codes(z);
		if (!err)
			err = coded_block(z);
	} while (!err && !(head & 1));
	return err;
}

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t table[256], crc = ~UINT32_C(0);

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? UINT32_C(0xedb88320) : 0);
	}
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

static uint32_t get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Length of the gzip header, or -EBADMSG. */
static long header(const uint8_t *src, size_t len)
{
	enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };
	size_t at = 10;

	if (len < at || src[0] != 0x1f || src[1] != 0x8b || src[2] != 8 || src[3] & RESERVED)
		return -EBADMSG;
	if (src[3] & FEXTRA) {
		if (len - at < 2)
			return -EBADMSG;
		at += 2U + src[at] + ((size_t)src[at + 1] << 8);
	}
	for (unsigned int flag = FNAME; flag <= FCOMMENT; flag <<= 1) {
		const uint8_t *nul;

		if (!(src[3] & flag))
			continue;
		nul = at < len ? memchr(src + at, 0, len - at) : NULL;
		if (!nul)
			return -EBADMSG;
		at = (size_t)(nul - src) + 1;
	}
	if (src[3] & FHCRC) {
		if (at > len || len - at < 2 || (crc32(src, at) & 0xffff) != (src[at] | (uint32_t)src[at + 1] << 8))
			return -EBADMSG;
		at += 2;
	}
	return at <= len ? (long)at : -EBADMSG;
}

long kp_gunzip(void *dst, size_t size, const void *src, size_t len)
{
	struct inflate z;
	long at = header(src, len);
	int err;

	if (at < 0)
		return at;
	z.in = (const uint8_t *)src + at;
	z.end = (const uint8_t *)src + len;
	z.out = dst;
	z.size = size;
	z.hold = 0;
	z.bits = 0;
	z.made = 0;
	z.fixed = false;
	err = inflate(&z);
	if (err)
		return err;
	z.in -= z.bits / 8; /* read ahead */
	if (z.end - z.in < 8 || get_le32(z.in) != crc32(dst, z.made) || get_le32(z.in + 4) != (uint32_t)z.made)
		return -EBADMSG;
	return (long)z.made;
}
