/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Set types and options as data: what ipset_rows.h's rows are made of. */
#ifndef KP_PROBES_IPSET_KIND_H
#define KP_PROBES_IPSET_KIND_H

#include "attr.h"
#include "ipset.h"

#define KP_IPSET_MEMBERS 3
#define KP_IPSET_HOLDS 2

/* A set whose members are lists of attributes. Lists end with NULL, or when they are full. */
struct kp_ipset_kind {
	struct kp_ipset_arg set;      /* family, type, name; first, as the ipset family's requests read it */
	uint8_t revision;             /* of the type, that has the option; 0: each has */
	uint8_t tests;                /* a bit for each member that must be seen in it by a question for it */
	const char *const *holds;     /* names of hash:ip sets that are made before it, for a list of sets; may be NULL */
	const struct kp_attr *create; /* told again in the list's head; may be NULL */
	const struct kp_attr *member[KP_IPSET_MEMBERS];
	const struct kp_attr *in[2];  /* not added, and yet in it */
	const struct kp_attr *out[2]; /* not in it */
};

extern const struct kp_method kp_ipset_kind_life;

#endif
