/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What fact rows are made of: the heads of small files, keys in them, and how these are written. */
#ifndef KP_FACTKIT_H
#define KP_FACTKIT_H

#include "evidence.h"

#define KP_HEAD 4096  /* of a file */
#define KP_VALUE 256  /* of a line or a key in it */

/* Read a file's head, or its first line without the newline; what does not fit is cut. Return 0 or a positive errno. */
int kp_head(const char *path, char *buf, size_t size);
int kp_first_line(const char *path, char *buf, size_t size);

/* All of a small file; EFBIG when it did not fit. */
int kp_whole(const char *path, char *buf, size_t size);

/*
 * Each name in a directory but hidden ones, in no order, until @each returns false. Returns 0 or a positive errno. No heap; the directory
 * stays open meanwhile.
 */
int kp_each_name(const char *path, bool (*each)(void *arg, const char *name), void *arg);

bool kp_exists(const char *path);

/*
 * Finds the line in @head that starts with @key (which ends in ':' or '=') and copies its value: blanks in front skipped,
 * shell quotes taken off.
 */
bool kp_find_key(const char *head, const char *key, char *value, size_t size);

struct kp_fact {
	const char *id;
	const char *path; /* what is read, and named as the source */
	void (*how)(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
	const void *arg;
};

/* The first line of each of some files; one that is not there is left out, one that cannot be read is "error:EACCES". */
struct kp_part {
	const char *key;
	const char *path; /* NULL ends the list */
};

void kp_put_part(struct kp_out *o, const struct kp_part *part);

/* Some keys of a file of "key:	value" or "key=value" lines. */
struct kp_key {
	const char *in;  /* with its ':' or '='; NULL ends the list */
	const char *out;
	bool number;
};

void kp_put_keys(struct kp_out *o, const char *head, const struct kp_key *k);

/* Opens the fact if its file can be read, else writes the error. */
bool kp_open_with_head(struct kp_out *o, const struct kp_fact *f, char *head, size_t size);

/* Rows of facts_self.c. */
void kp_self_namespaces(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
void kp_self_capabilities(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
void kp_self_seccomp(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
void kp_self_userns(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
void kp_self_lockdown(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
void kp_self_lsm(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);
void kp_self_container(struct kp_out *o, const struct kp_fact *f, const struct kp_env *env);

#endif
