/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Bounded text without stdio or heap, for code that runs after fork(), and the words of blank-separated lists. */
#ifndef KP_STR_H
#define KP_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* Copies what fits and always terminates. Returns false when it was cut. */
bool kp_copy(char *dst, size_t size, const char *src);

/* Appends what fits to the string in @dst and always terminates. Returns false when it was cut. */
bool kp_cat(char *dst, size_t size, const char *src);
bool kp_cat_u(char *dst, size_t size, unsigned long long value);
/* The number between two texts. */
void kp_cat_number(char *dst, size_t size, const char *before, unsigned long long value, const char *after);

/* @buf at least 21 bytes. Returns @buf. */
char *kp_utoa(unsigned long long value, char *buf);

bool kp_starts(const char *text, const char *prefix);
bool kp_equal(const char *a, const char *b);

/*
 * The next blank-separated word of *pos into @word; a word that does not fit is cut. Returns false at the end.
 *	for (const char *p = list; kp_word(&p, word, sizeof(word));)
 */
bool kp_word(const char **pos, char *word, size_t size);
bool kp_has_word(const char *list, const char *word);

/* Globs: * ? and nothing else. */
bool kp_glob(const char *pattern, const char *text);

/* A decimal number at *pos, moved behind it. */
unsigned long long kp_parse_u(const char **pos);

/* Reads a small file whole, terminated. Returns bytes, or -errno (-EFBIG when it did not fit; the head is in @buf then). */
long kp_read_file(const char *path, char *buf, size_t size);

/* Writes @text to a file that is there (of /proc, say), in one write. Returns 0 or -errno. */
int kp_write_file(const char *path, const char *text);

/* Writes all of @len bytes. Returns 0 or -errno. */
int kp_write_all(int fd, const void *buf, size_t len);

static inline void kp_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define kp_autoclose __attribute__((cleanup(kp_closep))) int

#endif
