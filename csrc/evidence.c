/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "evidence.h"

#include <string.h>

/* Room for closing what is open: the deepest record is {"…":{"…":[ . */
#define TAIL 32

const char *kp_tag = "";

static void put(struct kp_out *o, const char *text, size_t len)
{
	if (o->cut || len > KP_LINE - TAIL - o->len) {
		o->cut = true;
		return;
	}
	memcpy(o->line + o->len, text, len);
	o->len += len;
}

static void puts_raw(struct kp_out *o, const char *text)
{
	put(o, text, strlen(text));
}

/* Bytes of the valid UTF-8 sequence at @p, 0 when it is none (RFC 3629: no overlongs, no surrogates, no more than U+10FFFF). */
static unsigned int utf8(const unsigned char *p)
{
	unsigned int n = p[0] < 0x80                    ? 1
			 : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
			 : (p[0] & 0xf0) == 0xe0        ? 3
			 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
							: 0;

	for (unsigned int i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* How many bytes from @p on stand in JSON as they are: nearly all of them. */
static unsigned int plain(const unsigned char *p, const unsigned char *end)
{
	unsigned int n = 0;

	while (p + n < end && p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\')
		n++;
	return n;
}

static void quoted(struct kp_out *o, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	put(o, "\"", 1);
	while (p < end && *p) {
		unsigned int n = plain(p, end);

		if (n) {
			put(o, (const char *)p, n);
			p += n;
			continue;
		}
		n = utf8(p);
		if (!n) {
			puts_raw(o, "\\ufffd");
			p++;
		} else if (*p == '"' || *p == '\\') {
			char esc[2] = { '\\', (char)*p++ };

			put(o, esc, 2);
		} else if (*p < 0x20 || *p == 0x7f) {
			char esc[6] = { '\\', 'u', '0', '0', hex[*p >> 4], hex[*p & 15] };

			put(o, esc, 6);
			p++;
		} else {
			put(o, (const char *)p, n);
			p += n;
		}
	}
	put(o, "\"", 1);
}

static void item(struct kp_out *o, const char *key)
{
	if (o->comma)
		put(o, ",", 1);
	o->comma = true;
	if (key) {
		quoted(o, key, strlen(key));
		put(o, ":", 1);
	}
}

void kp_js_open(struct kp_out *o, const char *type)
{
	o->len = 0;
	o->cut = false;
	o->comma = false;
	put(o, "{", 1);
	kp_js_text(o, "type", type);
	kp_js_text(o, "run", kp_tag);
}

void kp_js_close(struct kp_out *o)
{
	int rc;

	/* A record that did not fit is not half a record: its rows and bounds make that a defect, which must show, not corrupt. */
	if (o->cut) {
		o->len = 0;
		o->cut = false;
		puts_raw(o, "{\"type\":\"oversize\"");
	}
	memcpy(o->line + o->len, "}\n", 2);
	o->len += 2;
	if (o->fd < 0 || o->err)
		return;
	rc = kp_write_all(o->fd, o->line, o->len);
	if (rc)
		o->err = rc;
}

void kp_js_text(struct kp_out *o, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	item(o, key);
	quoted(o, value, strlen(value));
}

void kp_js_int(struct kp_out *o, const char *key, long long value)
{
	char buf[21];

	item(o, key);
	if (value < 0)
		put(o, "-", 1);
	puts_raw(o, kp_utoa(value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value, buf));
}

void kp_js_bool(struct kp_out *o, const char *key, bool value)
{
	item(o, key);
	puts_raw(o, value ? "true" : "false");
}

void kp_js_hex64(struct kp_out *o, const char *key, uint64_t value)
{
	static const char hex[] = "0123456789abcdef";
	char buf[17];

	for (unsigned int i = 0; i < 16; i++)
		buf[i] = hex[value >> (60 - 4 * i) & 15];
	buf[16] = '\0';
	kp_js_text(o, key, buf);
}

void kp_js_words(struct kp_out *o, const char *key, const char *list)
{
	char word[128];
	bool any = false;

	for (const char *p = list; kp_word(&p, word, sizeof(word));) {
		if (!any)
			kp_js_array(o, key);
		any = true;
		kp_js_item(o, word);
	}
	if (any)
		kp_js_end(o, ']');
}

/* Each line of "a\nb\n"; a "key=value" line when @pairs. */
static void each_line(struct kp_out *o, const char *key, const char *lines, bool pairs)
{
	if (!lines || !*lines)
		return;
	pairs ? kp_js_object(o, key) : kp_js_array(o, key);
	while (*lines) {
		const char *end = strchr(lines, '\n'), *eq;
		size_t len = end ? (size_t)(end - lines) : strlen(lines);

		if (o->comma)
			put(o, ",", 1);
		o->comma = true;
		eq = pairs ? memchr(lines, '=', len) : NULL;
		quoted(o, lines, eq ? (size_t)(eq - lines) : len);
		if (pairs) {
			put(o, ":", 1);
			quoted(o, eq ? eq + 1 : "", eq ? len - (size_t)(eq + 1 - lines) : 0);
		}
		lines += len + (end ? 1 : 0);
	}
	kp_js_end(o, pairs ? '}' : ']');
}

void kp_js_lines(struct kp_out *o, const char *key, const char *lines)
{
	each_line(o, key, lines, false);
}

void kp_js_pairs(struct kp_out *o, const char *key, const char *lines)
{
	each_line(o, key, lines, true);
}

void kp_js_object(struct kp_out *o, const char *key)
{
	item(o, key);
	put(o, "{", 1);
	o->comma = false;
}

void kp_js_array(struct kp_out *o, const char *key)
{
	item(o, key);
	put(o, "[", 1);
	o->comma = false;
}

void kp_js_end(struct kp_out *o, char bracket)
{
	put(o, &bracket, 1);
	o->comma = true;
}

void kp_js_item(struct kp_out *o, const char *value)
{
	item(o, NULL);
	quoted(o, value, strlen(value));
}

static void fact(struct kp_out *o, const char *id, const char *source)
{
	kp_js_open(o, "fact");
	kp_js_text(o, "id", id);
	kp_js_text(o, "source", source);
}

void kp_fact_text(struct kp_out *o, const char *id, const char *source, const char *value)
{
	fact(o, id, source);
	item(o, "value");
	quoted(o, value, strlen(value));
	kp_js_close(o);
}

void kp_fact_int(struct kp_out *o, const char *id, const char *source, long long value)
{
	fact(o, id, source);
	kp_js_int(o, "value", value);
	kp_js_close(o);
}

void kp_fact_error(struct kp_out *o, const char *id, const char *source, int err)
{
	char buf[16];

	fact(o, id, source);
	kp_js_text(o, "error", kp_errno_name(err, buf));
	kp_js_close(o);
}

void kp_fact_open(struct kp_out *o, const char *id, const char *source)
{
	fact(o, id, source);
	kp_js_object(o, "value");
}

void kp_fact_close(struct kp_out *o)
{
	kp_js_end(o, '}');
	kp_js_close(o);
}
