/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What packets go to user space by: nfnetlink_log and nfnetlink_queue are configured and told alike. */
#ifndef KP_PROBES_NFLOG_H
#define KP_PROBES_NFLOG_H

#include <linux/netfilter/nfnetlink.h>

#include "link.h"

/* A subsystem of nfnetlink and its message that configures. */
struct kp_nflog_subsys {
	uint8_t id;
	uint8_t config;
};

/* Opens a configuring message for group or queue @number in @b. */
void kp_nflog_msg(struct kp_ctx *ctx, struct kp_nlbuf *b, const struct kp_nflog_subsys *s, uint8_t family, uint16_t number);

/*
 * The line of /proc/net/netfilter/@file that begins with @number: its first @n columns, numbers, go to @ret. Returns 0, -ENOENT
 * when there is no such line, -ENOSYS when there is no such file to be read.
 */
int kp_nflog_line(const char *file, unsigned int number, unsigned int *ret, unsigned int n);

/* Binds log group @number to @fd: each packet at once, whole; @conntrack: with its connection. Returns 0 or -errno. */
int kp_nflog_hear(struct kp_ctx *ctx, int fd, uint16_t number, bool conntrack, const char **ret_step);

extern const struct kp_rule kp_nflog_rules[];

extern const struct kp_method kp_nflog_by_subsystem; /* struct kp_nflog_subsys */

/* Before the rules of log and queue, where packets are to come with their connection. */
extern const struct kp_rule kp_nflog_glue_rules[];

#endif
