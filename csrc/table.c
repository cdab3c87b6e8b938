/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The collector's table for people: one line a row, written as it happens. */
#include "table.h"

#include <string.h>

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

/* Text from the kernel goes to a terminal without its control characters. */
static void cat_clean(char *dst, size_t size, const char *src)
{
	size_t n = strlen(dst);

	for (; *src && n + 1 < size; src++)
		dst[n++] = (unsigned char)*src < 0x20 || *src == 0x7f ? '?' : *src;
	dst[n] = '\0';
}

static void pad(char *dst, size_t size, size_t to)
{
	for (size_t n = strlen(dst); n < to && n + 1 < size; n++) {
		dst[n] = ' ';
		dst[n + 1] = '\0';
	}
}

static const char *colour(enum kp_outcome o)
{
	return o == KP_WORKS ? GREEN : o == KP_ABSENT || o == KP_BROKEN ? RED : YELLOW;
}

static void print_probe(void *arg, const struct kp_probe *row, const struct kp_result *res)
{
	struct kp_table *t = arg;
	char line[1024] = "", err[16];

	t->count[res->outcome]++;
	if (row->control)
		return; /* they test us, not the node */
	if (t->colour)
		kp_cat(line, sizeof(line), colour(res->outcome));
	kp_cat(line, sizeof(line), kp_outcome_name(res->outcome));
	pad(line, sizeof(line), t->colour ? 13 : 8);
	if (t->colour)
		kp_cat(line, sizeof(line), PLAIN);
	kp_cat(line, sizeof(line), " ");
	kp_cat(line, sizeof(line), row->id);
	if (res->outcome != KP_WORKS) {
		pad(line, sizeof(line), t->colour ? 66 : 57);
		kp_cat(line, sizeof(line), " ");
		kp_cat(line, sizeof(line), res->step);
		if (res->err) {
			kp_cat(line, sizeof(line), ": ");
			kp_cat(line, sizeof(line), kp_errno_name(res->err, err));
		}
		if (res->extack[0]) {
			kp_cat(line, sizeof(line), " \"");
			cat_clean(line, sizeof(line), res->extack);
			kp_cat(line, sizeof(line), "\"");
		}
		if (res->reason[0]) {
			kp_cat(line, sizeof(line), ": ");
			cat_clean(line, sizeof(line), res->reason);
		}
	}
	kp_cat(line, sizeof(line) - 1, "\n");
	kp_write_all(t->fd, line, strlen(line));
}

void kp_table_init(struct kp_table *t, int fd, bool with_colour)
{
	memset(t, 0, sizeof(*t));
	t->fd = fd;
	t->colour = with_colour;
	t->watch.probe = print_probe;
	t->watch.arg = t;
}

void kp_table_end(const struct kp_table *t)
{
	static const enum kp_outcome order[] = { KP_WORKS, KP_ABSENT, KP_DENIED, KP_BROKEN, KP_UNKNOWN };
	char line[256] = "\n";

	for (size_t i = 0; i < KP_ARRAY_SIZE(order); i++) {
		kp_cat(line, sizeof(line), i ? "  " : "");
		kp_cat(line, sizeof(line), kp_outcome_name(order[i]));
		kp_cat(line, sizeof(line), " ");
		kp_cat_u(line, sizeof(line), t->count[order[i]]);
	}
	kp_cat(line, sizeof(line), "\n");
	kp_write_all(t->fd, line, strlen(line));
}
