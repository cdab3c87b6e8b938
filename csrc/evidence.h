/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The only writer of JSON. One record is built in a buffer and written with one write, so a cut stream ends between lines. */
#ifndef KP_EVIDENCE_H
#define KP_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

#include "probe.h"

#define KP_LINE (64 * 1024)

/* Names the stream in each of its records, so that several can share one log; empty: nothing does. Set before a run, if at all. */
extern const char *kp_tag;

struct kp_out {
	int fd;          /* -1: nothing is written */
	int err;         /* first -errno of a write, sticky */
	size_t len;
	bool comma;      /* the next item needs a comma before it */
	bool cut;        /* the record did not fit: {"type":"oversize"} is written instead */
	char *line;      /* KP_LINE bytes, the caller's */
};

/* Records and their items. Strings are made valid UTF-8 and escaped; empty strings and lists are left out by the kp_js_* calls. */
void kp_js_open(struct kp_out *o, const char *type);                     /* {"type":… */
void kp_js_close(struct kp_out *o);                                      /* } and writes the line */
void kp_js_text(struct kp_out *o, const char *key, const char *value);
void kp_js_int(struct kp_out *o, const char *key, long long value);      /* always written */
void kp_js_bool(struct kp_out *o, const char *key, bool value);          /* always written */
void kp_js_hex64(struct kp_out *o, const char *key, uint64_t value);     /* 16 digits, a string */
void kp_js_words(struct kp_out *o, const char *key, const char *list);   /* blank-separated list → array of strings */
void kp_js_lines(struct kp_out *o, const char *key, const char *lines);  /* "a\nb\n" → array of strings */
void kp_js_pairs(struct kp_out *o, const char *key, const char *lines);  /* "k=v\nk=v\n" → object of strings */
void kp_js_object(struct kp_out *o, const char *key);                    /* "key":{  … */
void kp_js_array(struct kp_out *o, const char *key);                     /* "key":[  … ; key NULL inside an array */
void kp_js_end(struct kp_out *o, char bracket);                          /* } or ] of kp_js_object, kp_js_array */
void kp_js_item(struct kp_out *o, const char *value);                    /* a string in an array */

/* Facts. kp_fact_error(): it could not be read, @err is a positive errno. */
void kp_fact_text(struct kp_out *o, const char *id, const char *source, const char *value);
void kp_fact_int(struct kp_out *o, const char *id, const char *source, long long value);
void kp_fact_error(struct kp_out *o, const char *id, const char *source, int err);
/* An object of strings: kp_fact_open(), any number of kp_js_text(), kp_fact_close(). */
void kp_fact_open(struct kp_out *o, const char *id, const char *source);
void kp_fact_close(struct kp_out *o);

#endif
