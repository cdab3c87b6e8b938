/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The nft family. Everything nf_tables makes is a tree of netlink attributes, so a row is one: trees of attributes, as constants,
 * which the mechanism (nft_tree.c) puts into a request and finds again in an answer. The words that rows are written in:
 * nft_words.h. They make byte code (nft_code.c): as structures with pointers the trees were half of the whole collector.
 *
 * Numbers are written down here and not included: <linux/netfilter/nf_tables.h> came with v3.13 and grows with every release.
 */
#ifndef KP_PROBES_NFT_H
#define KP_PROBES_NFT_H

#include "../netlink.h"
#include "nft_names.h"

/* struct nfgenmsg; the header that has it (linux/netfilter/nfnetlink.h) has changed its enums since. */
struct kp_nft_header {
	uint8_t family;
	uint8_t version;
	uint16_t res_id; /* network order */
};

/* enum nf_tables_msg_types; each GET is its NEW + 1, each DEL its NEW + 2 */
enum kp_nft_type {
	KP_NFT_NEWTABLE = 0,
	KP_NFT_NEWCHAIN = 3,
	KP_NFT_NEWRULE = 6,
	KP_NFT_NEWSET = 9,
	KP_NFT_NEWSETELEM = 12,
	KP_NFT_GETGEN = 16,
	KP_NFT_NEWOBJ = 18,
	KP_NFT_NEWFLOWTABLE = 22,
};
#define KP_NFT_GET(type) ((type) + 1)
#define KP_NFT_DEL(type) ((type) + 2)

/* Attribute 1 of every message is the name of the table: the mechanism puts it, rows do not. */
enum { KP_NFTA_TABLE = 1 };
/* Attribute 2 is the name, where it is not said below to be another. */
enum { KP_NFTA_NAME = 2 };
enum { KP_NFTA_TABLE_FLAGS = 2, KP_NFTA_TABLE_USERDATA = 6 };
enum { KP_NFTA_CHAIN_NAME = 3, KP_NFTA_CHAIN_HOOK, KP_NFTA_CHAIN_POLICY, KP_NFTA_CHAIN_TYPE = 7, KP_NFTA_CHAIN_USERDATA = 12 };
enum { KP_NFTA_HOOK_NUM = 1, KP_NFTA_HOOK_PRIORITY, KP_NFTA_HOOK_DEV };
enum { KP_NFTA_RULE_CHAIN = 2, KP_NFTA_RULE_EXPRESSIONS = 4, KP_NFTA_RULE_USERDATA = 7 };
enum {
	KP_NFTA_SET_FLAGS = 3,
	KP_NFTA_SET_KEY_TYPE,
	KP_NFTA_SET_KEY_LEN,
	KP_NFTA_SET_DATA_TYPE,
	KP_NFTA_SET_DATA_LEN,
	KP_NFTA_SET_DESC = 9,
	KP_NFTA_SET_ID,
	KP_NFTA_SET_TIMEOUT,
	KP_NFTA_SET_USERDATA = 13,
	KP_NFTA_SET_OBJ_TYPE = 15,
	KP_NFTA_SET_EXPR = 17,
};
enum { KP_NFTA_SET_DESC_SIZE = 1, KP_NFTA_SET_DESC_CONCAT };
enum {
	KP_NFT_SET_ANONYMOUS = 1,
	KP_NFT_SET_CONSTANT = 2,
	KP_NFT_SET_INTERVAL = 4,
	KP_NFT_SET_MAP = 8,
	KP_NFT_SET_TIMEOUT = 0x10,
	KP_NFT_SET_EVAL = 0x20,
	KP_NFT_SET_OBJECT = 0x40,
	KP_NFT_SET_CONCAT = 0x80,
};
enum { KP_NFTA_ELEMS_SET = 2, KP_NFTA_ELEMS_ELEMENTS, KP_NFTA_ELEMS_SET_ID };
enum {
	KP_NFTA_ELEM_KEY = 1,
	KP_NFTA_ELEM_DATA,
	KP_NFTA_ELEM_FLAGS,
	KP_NFTA_ELEM_TIMEOUT,
	KP_NFTA_ELEM_USERDATA = 6,
	KP_NFTA_ELEM_OBJREF = 9,
	KP_NFTA_ELEM_KEY_END,
};
enum { KP_NFTA_OBJ_TYPE = 3, KP_NFTA_OBJ_DATA, KP_NFTA_OBJ_USERDATA = 8 };
enum { KP_NFTA_FLOWTABLE_HOOK = 3 };
enum { KP_NFTA_FLOWTABLE_HOOK_NUM = 1, KP_NFTA_FLOWTABLE_HOOK_PRIORITY, KP_NFTA_FLOWTABLE_HOOK_DEVS };
#define KP_NFT_DATA_VERDICT 0xffffff00u

/* Registers: 1 to 4 of 16 bytes; since v4.1 (49499c3e6e18) also 8 to 23 of 4 bytes in the same place. */
enum { KP_NFT_VERDICT_REG, KP_NFT_R1, KP_NFT_R2, KP_NFT_R3, KP_NFT_R4, KP_NFT_R32 = 8 };

enum { KP_NFT_DROP = 0, KP_NFT_ACCEPT = 1, KP_NFT_JUMP = -3, KP_NFT_GOTO = -4, KP_NFT_RETURN = -5 };

/*
 * An attribute in byte code: kind | type << 4, or the kind alone and the type in a byte of its own. No attribute has type 0, no
 * kind with a value is 0, so that a byte of 0 ends whatever is a list. What follows, integers with their high byte first:
 */
enum kp_nft_kind {
	KP_NFT_END,
	KP_NFT_U8,
	KP_NFT_U16,    /* integers in attributes are in network order; those that are data of a packet's are not: HOST */
	KP_NFT_U32,    /* the value in one byte, as most are */
	KP_NFT_LONG,   /* U32, the value in four bytes */
	KP_NFT_U64,    /* the value in four bytes */
	KP_NFT_HOST,   /* length, value: in the machine's order, as are marks, interface indices, whatever the kernel computes */
	KP_NFT_BITS,   /* U32 of flags, to which the kernel may add its own */
	KP_NFT_STR,    /* index of a text */
	KP_NFT_CHARS,  /* the same, in 16 bytes: data */
	KP_NFT_RAW,    /* length, bytes */
	KP_NFT_UNSAID, /* U32 that is not given back: the number of a set within its transaction */
	KP_NFT_FORMAT, /* the name of an anonymous set, "__set%d", of which only what stands before the % is given back */
	KP_NFT_NEST,   /* attributes, KP_NFT_END: each attribute once */
	KP_NFT_LIST,   /* the same attribute repeated, in order: the expressions of a rule */
	KP_NFT_BAG,    /* the same, in any order: the elements of a set */
};

/* The attribute that the byte code says. */
struct kp_nft_attr {
	uint8_t kind; /* enum kp_nft_kind */
	uint8_t type;
	uint8_t len;  /* KP_NFT_HOST, KP_NFT_RAW */
	uint32_t num;
	union {
		const char *text;
		const uint8_t *data; /* bytes, or the byte code of a nest's attributes */
	};
};

/* Messages: KP_NFT_MSG | type, attributes, KP_NFT_END; a list of them ends with a byte of 0. */
#define KP_NFT_MSG 0x80
struct kp_nft_msg {
	uint8_t type; /* enum kp_nft_type */
	const uint8_t *attr;
};

/* What a row puts into a table of its own: the family (KP_NFT_INET, …), lists of messages with these before each, a byte of 0. */
enum kp_nft_part { KP_NFT_SETUP = 1, KP_NFT_SUBJECT, KP_NFT_GONE, KP_NFT_LEFT };
struct kp_nft_arg {
	uint8_t family;
	const uint8_t *setup;   /* what the subject needs: a transaction of its own, before */
	const uint8_t *subject; /* what is asked for, and read back */
	const uint8_t *gone;    /* elements that are then taken out again, */
	const uint8_t *left;    /* and those that must be there after that */
};

/* NFPROTO_* */
enum { KP_NFT_INET = 1, KP_NFT_IP = 2, KP_NFT_ARP = 3, KP_NFT_NETDEV = 5, KP_NFT_BRIDGE = 7, KP_NFT_IP6 = 10 };

/* A row's table and the talk about it. */
struct kp_nft {
	struct kp_ctx *ctx;
	struct kp_result *res;
	struct kp_nft_arg arg;
	int fd;
	char table[16]; /* another one for each row */
	bool dormant;   /* the table is made without its hooks: no packet meets its rules */
};

/* nft_tree.c: where a tree that came back differs from the one that was put. */
struct kp_nft_diff {
	bool missing;     /* not there at all, else there with another value */
	const char *name; /* of the innermost expression, or NULL */
	uint16_t attr;
};

/*
 * nft_code.c. Those that return a pointer take one to where an attribute (message) may begin: it is told to @ret, and what is
 * returned lies behind it. At the end of the list they return NULL, and @ret is empty.
 */
const uint8_t *kp_nft_attr(const uint8_t *code, struct kp_nft_attr *ret);
const uint8_t *kp_nft_msg(const uint8_t *code, struct kp_nft_msg *ret);
void kp_nft_arg(const uint8_t *code, struct kp_nft_arg *ret); /* NULL: a row without any */
/* The attribute of @type in a list, into @ret: empty where there is none. */
bool kp_nft_find(const uint8_t *code, uint16_t type, struct kp_nft_attr *ret);

void kp_nft_put(struct kp_nlbuf *b, const struct kp_nft_attr *attr); /* nothing, if it is empty */
void kp_nft_put_all(struct kp_nlbuf *b, const uint8_t *code);
/* Is what @want says in the @len bytes of an attribute's at @data? */
bool kp_nft_same_one(const void *data, size_t len, const struct kp_nft_attr *want, struct kp_nft_diff *ret_diff);
/* Are all of @want among @len bytes of attributes at @attrs? */
bool kp_nft_same(const void *attrs, size_t len, const uint8_t *want, struct kp_nft_diff *ret_diff);

/* nft_talk.c. Those that return bool have answered the row where they return false. */
bool kp_nft_start(struct kp_nft *t, struct kp_ctx *ctx, struct kp_result *res);
/* With @code instead of the row's own argument. */
bool kp_nft_start_with(struct kp_nft *t, struct kp_ctx *ctx, struct kp_result *res, const uint8_t *code);
/* @key: with the row's table, and what else is not empty; NULL: without any attribute. */
int kp_nft_get(struct kp_nft *t, uint8_t type, const struct kp_nft_attr *key, uint16_t flags,
	       bool (*each)(const struct nlmsghdr *msg, void *arg), void *arg);
/* One transaction: the table, if @with_table, and the messages of @msgs up to @end, NULL: all. Returns 0 or -errno. */
int kp_nft_commit(struct kp_nft *t, bool with_table, const uint8_t *msgs, const uint8_t *end);
bool kp_nft_make(struct kp_nft *t, const char *step, bool with_table, const uint8_t *msgs, const uint8_t *end);
bool kp_nft_unmake(struct kp_nft *t, const char *step, const struct kp_nft_msg *msg);
void kp_nft_drop(struct kp_nft *t); /* at the end of a row */
bool kp_nft_read_back(struct kp_nft *t, const char *step, const struct kp_nft_msg *msg);

extern const struct kp_method kp_nft_base, kp_nft_genid, kp_nft_transaction;
extern const struct kp_method kp_nft_table, kp_nft_chain, kp_nft_rule, kp_nft_form, kp_nft_set, kp_nft_flowtable;

#endif
