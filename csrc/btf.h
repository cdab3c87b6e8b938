/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* A bounded reader of BTF, the kernel's own description of its types. Every offset in the data is checked before it is used. */
#ifndef KP_BTF_H
#define KP_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kp_btf_kind {
	KP_KIND_INT = 1,
	KP_KIND_PTR,
	KP_KIND_ARRAY,
	KP_KIND_STRUCT,
	KP_KIND_UNION,
	KP_KIND_ENUM,
	KP_KIND_FWD,
	KP_KIND_TYPEDEF,
	KP_KIND_VOLATILE,
	KP_KIND_CONST,
	KP_KIND_RESTRICT,
	KP_KIND_FUNC,
	KP_KIND_FUNC_PROTO,
	KP_KIND_VAR,
	KP_KIND_DATASEC,
	KP_KIND_FLOAT,
	KP_KIND_DECL_TAG,
	KP_KIND_TYPE_TAG,
	KP_KIND_ENUM64,
};

struct kp_btf {
	const uint8_t *types, *names, *layout;
	uint32_t types_len, names_len, layout_len;
	size_t size;
};

/* Looks at the header. Returns 0, or -EBADMSG when it is no BTF. The types are looked at when they are asked for. */
int kp_btf_parse(struct kp_btf *ret, const void *data, size_t size);

/* How many types, each of them looked at; 0 when there is one of a kind that nobody described, or that does not fit. */
uint32_t kp_btf_count(const struct kp_btf *btf);

/* /sys/kernel/btf/vmlinux, read once by a process. Returns 0, or the -errno of reading or parsing. */
int kp_btf_vmlinux(const struct kp_btf **ret);

/* Id of the type with that kind and name, 0 if there is none. *ret_size (may be NULL) its size, or the type it refers to. */
uint32_t kp_btf_find(const struct kp_btf *btf, enum kp_btf_kind kind, const char *name, uint32_t *ret_size);
/* Has enum @type (or enum64) the enumerator @name? *ret_value (may be NULL): the lower 32 bits of its value. */
bool kp_btf_enumerator(const struct kp_btf *btf, const char *type, const char *name, uint32_t *ret_value);
/* Number of member @field in struct @type, looking into anonymous members as C does; -1 if there is none. */
int kp_btf_member(const struct kp_btf *btf, const char *type, const char *field);

#endif
