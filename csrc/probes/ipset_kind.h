/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Set types and options as data: what ipset_rows.h's rows are made of. */
#ifndef KP_PROBES_IPSET_KIND_H
#define KP_PROBES_IPSET_KIND_H

#include "attr.h"
#include "ipset.h"

#define KP_IPSET_MEMBERS 3

/* A set whose members are lists of attributes. Lists end with NULL, or when they are full. */
struct kp_ipset_kind {
	struct kp_ipset_arg set;      /* family, type, name; first, as the ipset family's requests read it */
	uint8_t revision;             /* of the type, that has the option; 0: each has */
	const char *holds[2];         /* names of hash:ip sets that are made before it, for a list of sets */
	const struct kp_attr *create; /* told again in the list's head; may be NULL */
	const struct kp_attr *member[KP_IPSET_MEMBERS];
	const struct kp_attr *in[KP_IPSET_MEMBERS];  /* besides the members: not added, and yet in it */
	const struct kp_attr *out[KP_IPSET_MEMBERS]; /* not in it */
};

extern const struct kp_method kp_ipset_kind_life;

#endif
