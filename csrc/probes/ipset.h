/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The ipset family's own: a set as a row describes it, and the requests that its methods are made of. */
#ifndef KP_PROBES_IPSET_H
#define KP_PROBES_IPSET_H

#include <sys/socket.h>

#include <linux/netfilter/ipset/ip_set.h>

#include "../link.h"

struct kp_ipset_member {
	unsigned char ip[16];
	uint8_t cidr;     /* 0: not said */
	uint8_t protocol; /* 0: no port either */
	uint16_t port;
};

/* The first @n of @member are put in; @other is never. */
struct kp_ipset_members {
	unsigned int n;
	struct kp_ipset_member member[3];
	struct kp_ipset_member other;
	struct kp_ipset_member inside; /* an address in a prefix that is a member; all 0: none */
};

/* One row's set. */
struct kp_ipset_arg {
	const char *type;
	const char *name;
	const char *temp; /* the second set, of a swap */
	const struct kp_ipset_members *of;
	uint8_t family;
};

/* A row's talk with the kernel. */
struct kp_ipset {
	struct kp_ctx *ctx;
	struct kp_result *res;
	int fd;
	uint8_t protocol;
	uint8_t revision;
	const struct kp_ipset_arg *set;
};

/* Two numbers of an answer: the greatest and, where told, the least. */
struct kp_ipset_range {
	uint16_t max_attr;
	int max;
	int min;
};

/* Opens a message; with a member in it. */
void kp_ipset_msg(struct kp_ipset *t, struct kp_nlbuf *b, uint8_t cmd, uint16_t flags, uint8_t family);
void kp_ipset_put(struct kp_ipset *t, struct kp_nlbuf *b, uint8_t cmd, const char *name, const struct kp_ipset_member *m);

/* A command that only answers yes or no. Returns 0 or -errno, which may be one of ipset's own above 4096. */
int kp_ipset_command(struct kp_ipset *t, uint8_t cmd, const char *name, const char *name2);

/* All of these answer the row and return false when something is amiss. */
bool kp_ipset_fail(struct kp_ipset *t, const char *step, int rc);
bool kp_ipset_agree(struct kp_ipset *t, struct kp_ipset_range *ret_protocol);
bool kp_ipset_start(struct kp_ipset *t, struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res);
bool kp_ipset_create(struct kp_ipset *t, const char *name, const char *step);
bool kp_ipset_add(struct kp_ipset *t, const char *name, const struct kp_ipset_member *m, unsigned int n);
bool kp_ipset_test(struct kp_ipset *t, const char *name, const struct kp_ipset_member *m, bool expect);
bool kp_ipset_list(struct kp_ipset *t, const char *name, const struct kp_ipset_member *want, unsigned int n, const char *wrong);

extern const struct kp_rule kp_ipset_rules[];

#endif
