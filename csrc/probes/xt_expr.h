/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The expressions of an nf_tables rule that iptables-nft uses. */
#ifndef KP_XT_EXPR_H
#define KP_XT_EXPR_H

#include "xtables.h"

bool kp_xt_to_chain(const struct kp_xt_rule *rule);

/* Attributes, which may be NULL: a string with its NUL, a number in network order. */
bool kp_xt_is_text(const void *attr, size_t len, const char *text);
bool kp_xt_is_u32(const void *attr, size_t len, uint32_t value);

/* The elements of NFTA_RULE_EXPRESSIONS for @rule with @part. */
void kp_xt_exprs_put(struct kp_nlbuf *b, const struct kp_xt_rule *rule, const struct kp_xt_part *part);
bool kp_xt_exprs_equal(const void *exprs, size_t len, const struct kp_xt_rule *rule, const struct kp_xt_part *part);

#endif
