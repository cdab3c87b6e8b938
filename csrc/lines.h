/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Text files of any size, line by line through a fixed window (no heap, and no mapping that a truncated file could take away), and
 * the few names that are wanted out of their thousands.
 */
#ifndef KP_LINES_H
#define KP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In front of every absolute path of files read: the tests' made-up tree. */
#ifndef KP_ROOT
#define KP_ROOT ""
#endif

#define KP_LINE_HEAD 256

struct kp_lines {
	void (*line)(void *arg, char *head); /* @head: a line without its newline, cut to what fits; may be written to */
	void *arg;
	bool words; /* blanks part as newlines do */
	size_t len;
	char head[KP_LINE_HEAD];
};

/* Any piece of the text, as it comes; kp_lines_end() after the last. */
void kp_lines_feed(struct kp_lines *l, const char *text, size_t len);
void kp_lines_end(struct kp_lines *l);

/* All of a file. Returns 0 or -errno. */
int kp_lines_file(struct kp_lines *l, const char *path);

/* A hash over names that lie in an array of structs, as their first members; dashes equal underscores. All zero is empty. */
#define KP_WANTED_MAX 512
struct kp_wanted {
	uint16_t slot[2 * KP_WANTED_MAX]; /* 1 + index; 0 is free */
};

/* The slot of @name of @len bytes, or the free one that it would get, among the @first and its followers of @size bytes each. */
uint16_t *kp_wanted_slot(struct kp_wanted *w, const char *first, size_t size, const char *name, size_t len);

#endif
