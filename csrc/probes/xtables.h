/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * What the four xt families share. xt_rows.h is the table of rows, read once for each family by xt_ext.c; xt_legacy.c and
 * xt_nft.c put a row's rule into the kernel and read it back.
 */
#ifndef KP_XTABLES_H
#define KP_XTABLES_H

#include "../netlink.h"
#include "../probe.h"
#include "xt_abi.h"
#include "xt_abi_nl.h"
#include "xt_abi_tg.h"

enum kp_xt_hook { KP_XT_PREROUTING, KP_XT_INPUT, KP_XT_FORWARD, KP_XT_OUTPUT, KP_XT_POSTROUTING };

/* A built-in table as iptables has it: the same name, chains and priorities in both backends. */
struct kp_xt_table {
	const char *name;
	uint32_t hooks;               /* a bit for each of enum kp_xt_hook */
	int32_t priority[KP_XT_HOOKS]; /* nft: of the base chain there */
	const char *type[KP_XT_HOOKS]; /* nft: its type */
};

extern const struct kp_xt_table kp_xt_filter, kp_xt_nat, kp_xt_mangle, kp_xt_raw, kp_xt_security;
extern const char *const kp_xt_hook_name[KP_XT_HOOKS];

enum kp_xt_kind {
	KP_XT_VERDICT, /* built into the tables themselves: no extension */
	KP_XT_MATCH,
	KP_XT_TARGET,
};

/* Something that must exist before the rule that names it. */
enum kp_xt_object { KP_XT_NO_OBJECT, KP_XT_SET, KP_XT_SET_2, KP_XT_NFACCT };

/* One revision of a match or target, with the data that say what the row wants. */
struct kp_xt_rev {
	uint8_t rev;
	uint16_t size; /* of data; aligned to 8 for the kernel */
	uint16_t user; /* how much of it is the user's: what follows belongs to the kernel and is not compared */
	const void *data;
};

/* A match in front of another, or of a target. */
struct kp_xt_with {
	const char *name;
	struct kp_xt_rev rev;
};

/* What a row puts into the kernel. */
struct kp_xt_rule {
	const struct kp_xt_table *table;
	const char *name;      /* of the match or target; of the verdict's chain */
	const char *iface;     /* -i, a prefix; NULL: any */
	const struct kp_xt_rev *revs; /* highest first */
	const struct kp_xt_with *after; /* a match in front of the match or target; may be NULL */
	const struct kp_xt_rule *also; /* legacy: another of the table, at a later hook, put with it; may be NULL */
	uint8_t n_revs;
	int8_t verdict;        /* KP_XT_VERDICT: KP_XT_ACCEPT, …; 0: to the chain @name. KP_XT_MATCH: the same; 0: KP_XT_ACCEPT */
	uint8_t hook;          /* enum kp_xt_hook */
	uint8_t family;        /* AF_INET, AF_INET6 */
	uint8_t kind;          /* enum kp_xt_kind */
	uint8_t proto;         /* -p, 0: any */
	uint8_t object;        /* enum kp_xt_object */
	bool goes;             /* to a chain: goto, not jump */
	bool exact;            /* kp_xt_at() */
	bool unasked;          /* a control: straight into the rule, without the question for its revision */
};

/* What a row about one revision puts there: the rule at that. */
struct kp_xt_exact {
	const struct kp_xt_rule *rule;
	uint8_t rev; /* one of the rule's */
};

/* @buf holds it. */
const struct kp_xt_rule *kp_xt_at(const struct kp_xt_exact *exact, struct kp_xt_rule *buf);

#define KP_XT_DATA_MAX 312

/* A match or target as it goes into a rule. */
struct kp_xt_part {
	const char *name;
	uint8_t kind; /* KP_XT_MATCH, KP_XT_TARGET; KP_XT_VERDICT: there is none */
	uint8_t rev;
	size_t size, user;
	_Alignas(8) unsigned char data[KP_XT_DATA_MAX];
};

/*
 * Asks for one revision of a match or target. Returns 0 or the kernel's -errno; *ret_best, where the kernel says so, is the highest
 * one it has, else left alone.
 */
typedef int (*kp_xt_ask)(struct kp_ctx *ctx, int fd, const struct kp_xt_rule *rule, uint8_t rev, unsigned int *ret_best);

/*
 * The rule's extension at the highest revision that both the kernel and the row have, and the object it names. Returns 0, or -1
 * after the row was answered.
 */
int kp_xt_choose(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, int fd, enum kp_call call, kp_xt_ask ask,
		 struct kp_xt_part *ret_part);

/* The match in front of the rule's own, NULL: none. @buf holds it. */
const struct kp_xt_part *kp_xt_after(const struct kp_xt_rule *rule, struct kp_xt_part *buf);

/* The rule was refused with @err: answers the row. */
void kp_xt_refused(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, enum kp_call call, int err);

/* xt_objects.c. Makes what the rule names and writes its number into the part. Returns 0, or -1 after the row was answered. */
int kp_xt_object_make(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule, struct kp_xt_part *part);
/* Where objects are not of a network namespace yet (see there), takes it away again; the rule must be gone. */
void kp_xt_object_drop(struct kp_ctx *ctx, const struct kp_xt_rule *rule);
bool kp_xt_object_is_global(const struct kp_ctx *ctx, const struct kp_xt_rule *rule);

/* Puts @addr, 4 or 16 bytes, into the IP set that was made for the rule. Returns 0 or -errno, which may be one of ipset's own. */
int kp_xt_set_add(struct kp_ctx *ctx, const struct kp_xt_rule *rule, const unsigned char *addr);

/* Puts a rule and answers the row, as the rows' own methods do; it stays in its table, alone. clear takes it out again. */
struct kp_xt_backend {
	void (*put)(struct kp_ctx *ctx, struct kp_result *res, const struct kp_xt_rule *rule);
	void (*clear)(struct kp_ctx *ctx, const struct kp_xt_rule *rule);
};
extern const struct kp_xt_backend kp_xt_legacy, kp_xt_nft;

/*
 * Methods. The *_option ones are for a row whose extension has been seen to work without the option, the
 * *_revision ones for one that asks for one revision of it.
 */
extern const struct kp_method kp_xt_legacy_alive, kp_xt_legacy_base, kp_xt_legacy_table, kp_xt_legacy_rule, kp_xt_legacy_option,
	kp_xt_legacy_revision;
extern const struct kp_method kp_xt_nft_alive, kp_xt_nft_base, kp_xt_nft_table, kp_xt_nft_rule, kp_xt_nft_option,
	kp_xt_nft_revision;

/*
 * What errnos mean at rules, the same in both backends. @first: rules of the backend's own.
 *
 * EINVAL proves neither way: it is what x_tables answers for a size, table, hook or protocol that the extension does not take, and
 * what many extensions answer for their data. Where the plain form works and the option does not, the option is refused.
 *
 * At a revision row the row before has found the extension, so EPROTONOSUPPORT says that this revision is not among those the kernel
 * has: never was, or not any more (xt_find_revision() in net/netfilter/x_tables.c).
 */
/* clang-format off */
#define KP_XT_NO_EXTENSION \
	{ ENOENT, KP_ABSENT, "the kernel has nothing of that name, and found no module for it" }, \
	{ EOPNOTSUPP, KP_ABSENT, "the kernel has the extension, not what it rests on" }
#define KP_XT_LOWER_ONLY { EPROTONOSUPPORT, KP_ABSENT, "the kernel has it, at lower revisions only than this needs" }
#define KP_XT_RULE_RULES(...) { \
	__VA_ARGS__, KP_XT_LOWER_ONLY, \
	{ EINVAL, KP_UNKNOWN, "the kernel has it at this revision and refuses the rule; the kernel log says why: please report it" }, \
	{ 0 } }
#define KP_XT_OPTION_RULES(...) { \
	__VA_ARGS__, KP_XT_LOWER_ONLY, \
	{ EINVAL, KP_ABSENT, "the kernel takes the rule without this option (see the row it needs) and refuses it with the option" }, \
	{ 0 } }
#define KP_XT_REVISION_RULES(...) { \
	{ EPROTONOSUPPORT, KP_ABSENT, "the kernel has the extension, not at this revision" }, __VA_ARGS__, \
	{ EINVAL, KP_UNKNOWN, "the kernel has this revision and refuses the rule; the kernel log says why: please report it" }, \
	{ 0 } }
/* clang-format on */

#endif
