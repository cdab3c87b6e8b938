/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* How much memory there is to be had, by the files of /proc and of the cgroups. Nothing is taken. */
#ifndef KP_MEMORY_H
#define KP_MEMORY_H

#include <stdint.h>

/*
 * Bytes that can be had without swapping: MemAvailable (v3.14), or less where a cgroup that we are in has a limit, which what the
 * kernel takes for us counts against (BPF maps since v5.11). 0 where it cannot be read.
 */
uint64_t kp_memory_available(void);

/* CPUs that this kernel may ever have: what "per CPU" multiplies by. At least 1. */
unsigned int kp_possible_cpus(void);

#endif
