/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#ifndef KP_WORKER_H
#define KP_WORKER_H

#include "run.h"

/* What a worker sends for each row: one write(2), so it is whole or not there at all (pipe(7): PIPE_BUF). */
struct kp_msg {
	uint32_t row; /* of its family */
	struct kp_result res;
};
_Static_assert(sizeof(struct kp_msg) <= 4096, "a message must fit PIPE_BUF");

/* Runs the chosen rows of family @fam from @first on, sending a kp_msg each to @fd. @again: @first is tried for the second time. */
void kp_work(struct kp_run *run, unsigned int fam, unsigned int first, bool again, int fd);

#endif
