/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The time since some moment, for durations and deadlines: clock_gettime(2) is async-signal-safe. */
#ifndef KP_CLOCK_H
#define KP_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t kp_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t kp_now_ms(void)
{
	return kp_now_ns() / 1000000;
}

#endif
