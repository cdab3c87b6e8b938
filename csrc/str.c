/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

bool kp_cat(char *dst, size_t size, const char *src)
{
	size_t at = strlen(dst);

	while (*src && at + 1 < size)
		dst[at++] = *src++;
	dst[at] = '\0';
	return !*src;
}

bool kp_copy(char *dst, size_t size, const char *src)
{
	dst[0] = '\0';
	return kp_cat(dst, size, src);
}

char *kp_utoa(unsigned long long value, char *buf)
{
	char tmp[21];
	unsigned int n = 0, i;

	do {
		tmp[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (i = 0; i < n; i++)
		buf[i] = tmp[n - 1 - i];
	buf[n] = '\0';
	return buf;
}

bool kp_cat_u(char *dst, size_t size, unsigned long long value)
{
	char buf[21];

	return kp_cat(dst, size, kp_utoa(value, buf));
}

void kp_cat_number(char *dst, size_t size, const char *before, unsigned long long value, const char *after)
{
	kp_cat(dst, size, before);
	kp_cat_u(dst, size, value);
	kp_cat(dst, size, after);
}

bool kp_starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

bool kp_equal(const char *a, const char *b)
{
	return !strcmp(a, b);
}

bool kp_word(const char **pos, char *word, size_t size)
{
	const char *p = *pos;
	size_t n = 0;

	if (!p)
		return false;
	while (*p == ' ' || *p == '\n' || *p == '\t')
		p++;
	if (!*p) {
		*pos = p;
		return false;
	}
	for (; *p && *p != ' ' && *p != '\n' && *p != '\t'; p++)
		if (n + 1 < size)
			word[n++] = *p;
	word[n] = '\0';
	*pos = p;
	return true;
}

bool kp_has_word(const char *list, const char *word)
{
	char each[96];

	for (const char *p = list; kp_word(&p, each, sizeof(each));)
		if (kp_equal(each, word))
			return true;
	return false;
}

bool kp_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			mark = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

unsigned long long kp_parse_u(const char **pos)
{
	unsigned long long v = 0;

	for (; **pos >= '0' && **pos <= '9'; (*pos)++)
		v = v * 10 + (unsigned long long)(**pos - '0');
	return v;
}

long kp_read_file(const char *path, char *buf, size_t size)
{
	kp_autoclose fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t n = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t got = read(fd, buf + n, size - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += (size_t)got;
		buf[n] = '\0';
		if (!got)
			return (long)n;
		if (n == size - 1)
			return -EFBIG;
	}
}

int kp_write_file(const char *path, const char *text)
{
	kp_autoclose fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : kp_write_all(fd, text, strlen(text));
}

int kp_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t put = write(fd, p, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}
