/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef KP_TABLE_H
#define KP_TABLE_H

#include "run.h"

struct kp_table {
	struct kp_watch watch;
	int fd;
	bool colour;
	unsigned int count[KP_BROKEN + 1];
};

void kp_table_init(struct kp_table *t, int fd, bool with_colour);
/* Prints how many rows came out how. */
void kp_table_end(const struct kp_table *t);

#endif
