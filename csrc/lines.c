/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lines.h"
#include "str.h"

#define WINDOW (32 * 1024)
#define FILE_MAX (64u << 20) /* no index is that long: something else lies there */

static void keep(struct kp_lines *l, const char *text, size_t len)
{
	size_t room = sizeof(l->head) - 1 - l->len;

	if (len > room)
		len = room;
	memcpy(l->head + l->len, text, len);
	l->len += len;
}

static void emit(struct kp_lines *l)
{
	l->head[l->len] = '\0';
	l->len = 0;
	l->line(l->arg, l->head);
}

void kp_lines_feed(struct kp_lines *l, const char *text, size_t len)
{
	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;
		const char *blank = l->words ? memchr(text, ' ', n) : NULL;

		if (blank)
			n = (size_t)(blank - text);
		keep(l, text, n);
		if (!nl && !blank)
			return;
		emit(l);
		text += n + 1;
		len -= n + 1;
	}
}

void kp_lines_end(struct kp_lines *l)
{
	if (l->len)
		emit(l);
}

int kp_lines_file(struct kp_lines *l, const char *path)
{
	kp_autoclose fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char window[WINDOW];

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < FILE_MAX;) {
		ssize_t n = read(fd, window, sizeof(window));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) {
			kp_lines_end(l);
			return 0;
		}
		kp_lines_feed(l, window, (size_t)n);
		done += (size_t)n;
	}
	return -EFBIG;
}

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

static bool same(const char *a, const char *name, size_t len)
{
	size_t i = 0;

	while (i < len && a[i] && fold(a[i]) == fold(name[i]))
		i++;
	return i == len && !a[i];
}

uint16_t *kp_wanted_slot(struct kp_wanted *w, const char *first, size_t size, const char *name, size_t len)
{
	uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)fold(name[i])) * UINT32_C(16777619);
	for (hash ^= hash >> 16;; hash++) {
		uint16_t *slot = &w->slot[hash % (2 * KP_WANTED_MAX)];

		if (!*slot || same(first + (*slot - 1U) * size, name, len))
			return slot;
	}
}
