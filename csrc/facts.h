/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Facts about the node, read from files under an allow-list with size bounds; they explain a "no" and never decide one. */
#ifndef KP_FACTS_H
#define KP_FACTS_H

#include "evidence.h"
#include "modinfo.h"

/* Writes every node.* fact. Runs in the parent, before the first fork. */
void kp_facts(struct kp_out *o, const struct kp_env *env, const struct kp_modinfo *modinfo);

/* Parts of it: configuration of others; processes and sockets; devices, addresses, routes and rules. */
void kp_facts_files(struct kp_out *o, const struct kp_env *env);
void kp_facts_proc(struct kp_out *o);
void kp_facts_net(struct kp_out *o, const struct kp_env *env);
void kp_facts_rules(struct kp_out *o, const struct kp_env *env, const struct kp_modinfo *modinfo);

struct nlmsghdr;

/* One dump, through a socket of its own in the caller's network namespace; @each as for kp_nl_query(). Returns 0 or -errno. */
int kp_fact_dump(const struct kp_env *env, int protocol, uint16_t type, const void *hdr, size_t hdrlen,
		 bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg);

/* What stands in the way of the modules of @info that @missed marks; see facts_modules.c. Writes nothing where it marks none. */
void kp_facts_of_missed(struct kp_out *o, const struct kp_modinfo *info, const uint8_t *missed);
void kp_fact_module_tree(struct kp_out *o, const struct kp_modinfo *info);

/*
 * Inflates a gzip member (RFC 1952, RFC 1951) from @src into @dst, at most @size bytes. No heap, no globals.
 * Returns the bytes made, -EBADMSG for what is not gzip or is damaged (length or CRC-32 wrong too), -EFBIG when @dst is too small.
 */
long kp_gunzip(void *dst, size_t size, const void *src, size_t len);

#endif
