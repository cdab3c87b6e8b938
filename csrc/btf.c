/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include "btf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "str.h"

#define BTF_MAGIC 0xeb9f
#define HEADER_MIN 24u
#define SIZE_MAX_MB 64 /* of a file; kernels of 2026 have 5 to 12 */
#define NEST_MAX 8     /* anonymous members inside one another */

/* The data is the machine's own byte order and not aligned for certain. */
static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* A type begins with these three. Since v7.x vlen has 24 bits and kind 7; before they were 16 and 5, with zeros between. */
struct type {
	uint32_t name, kind, vlen, size;
	const uint8_t *more; /* behind them */
};

/* Bytes behind the first twelve: fixed, and for each of vlen. */
static const uint8_t known_layout[][2] = {
	[KP_KIND_INT] = { 4, 0 },      [KP_KIND_ARRAY] = { 12, 0 },     [KP_KIND_STRUCT] = { 0, 12 }, [KP_KIND_UNION] = { 0, 12 },
	[KP_KIND_ENUM] = { 0, 8 },     [KP_KIND_FUNC_PROTO] = { 0, 8 }, [KP_KIND_VAR] = { 4, 0 },     [KP_KIND_DATASEC] = { 0, 12 },
	[KP_KIND_DECL_TAG] = { 4, 0 }, [KP_KIND_ENUM64] = { 0, 12 },
};

/* The type at @at. Returns where the next begins, or 0 when it does not fit or nobody says how long it is. */
static inline uint32_t read_type(const struct kp_btf *btf, uint32_t at, struct type *ret)
{
	const uint8_t *p = btf->types + at;
	uint64_t end;
	uint32_t info;

	if (at > btf->types_len || btf->types_len - at < 12)
		return 0;
	info = get32(p + 4);
	ret->name = get32(p);
	ret->kind = info >> 24 & 0x7f;
	ret->vlen = info & 0xffffff;
	ret->size = get32(p + 8);
	ret->more = p + 12;
	end = (uint64_t)at + 12;
	if (ret->kind - 1 < KP_KIND_ENUM64)
		end += known_layout[ret->kind][0] + (uint64_t)known_layout[ret->kind][1] * ret->vlen;
	else if (ret->kind && (uint64_t)ret->kind * 4 + 4 <= btf->layout_len) /* newer than us: v7.x describes its kinds */
		end += btf->layout[ret->kind * 4] + (uint64_t)btf->layout[ret->kind * 4 + 1] * ret->vlen;
	else
		return 0;
	return end > btf->types_len ? 0 : (uint32_t)end;
}

static const char *name_at(const struct kp_btf *btf, uint32_t off)
{
	return off < btf->names_len ? (const char *)btf->names + off : "";
}

static bool inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off + len <= size;
}

int kp_btf_parse(struct kp_btf *ret, const void *data, size_t size)
{
	const uint8_t *p = data;
	uint32_t head, type_off, str_off, layout_off = 0;
	uint16_t magic;

	memset(ret, 0, sizeof(*ret));
	if (size < HEADER_MIN)
		return -EBADMSG;
	memcpy(&magic, p, sizeof(magic));
	head = get32(p + 4);
	type_off = get32(p + 8);
	ret->types_len = get32(p + 12);
	str_off = get32(p + 16);
	ret->names_len = get32(p + 20);
	if (magic != BTF_MAGIC || p[2] != 1 || head < HEADER_MIN || head > size)
		return -EBADMSG;
	if (head >= HEADER_MIN + 8) {
		layout_off = get32(p + 24);
		ret->layout_len = get32(p + 28);
	}
	size -= head;
	if (!inside(type_off, ret->types_len, size) || !inside(str_off, ret->names_len, size) ||
	    !inside(layout_off, ret->layout_len, size))
		return -EBADMSG;
	ret->types = p + head + type_off;
	ret->names = p + head + str_off;
	ret->layout = p + head + layout_off;
	ret->size = size + head;
	if (!ret->names_len || ret->names[0] || ret->names[ret->names_len - 1])
		return -EBADMSG;
	return 0;
}

uint32_t kp_btf_count(const struct kp_btf *btf)
{
	uint32_t at = 0, n = 0;
	struct type t;

	for (; at < btf->types_len; n++) {
		at = read_type(btf, at, &t);
		if (!at)
			return 0;
	}
	return n;
}

/* The first @want bytes of the file, in memory of our own. Sysfs gives a page a read. */
static void *slurp(int fd, size_t want)
{
	uint8_t *p = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t got = 0;

	if (p == MAP_FAILED)
		return p;
	while (got < want) {
		ssize_t n = read(fd, p + got, want - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (got == want)
		return p;
	munmap(p, want);
	errno = EIO;
	return MAP_FAILED;
}

static int load_vmlinux(struct kp_btf *ret)
{
	kp_autoclose fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_size <= 0 || st.st_size > (off_t)SIZE_MAX_MB << 20)
		return -EFBIG;
	/* v6.16, a539e2a6d51d "btf: Allow mmap of vmlinux btf": before that ENODEV. */
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		p = slurp(fd, (size_t)st.st_size);
	if (p == MAP_FAILED)
		return -errno;
	return kp_btf_parse(ret, p, (size_t)st.st_size);
}

int kp_btf_vmlinux(const struct kp_btf **ret)
{
	/* Kept for the life of the worker: its other rows ask it as well. */
	static struct kp_btf btf;
	static int rc = 1;

	if (rc > 0)
		rc = load_vmlinux(&btf);
	*ret = &btf;
	return rc;
}

/* As kp_btf_find(), with the type itself. Over a hundred thousand types, so most are passed by their kind or first letter. */
static uint32_t find(const struct kp_btf *btf, uint32_t kind, const char *name, struct type *ret)
{
	uint32_t at = 0;

	for (uint32_t id = 1; at < btf->types_len; id++) {
		const char *have;

		at = read_type(btf, at, ret);
		if (!at)
			return 0;
		if (ret->kind != kind)
			continue;
		have = name_at(btf, ret->name);
		if (*have == *name && kp_equal(have, name))
			return id;
	}
	return 0;
}

uint32_t kp_btf_find(const struct kp_btf *btf, enum kp_btf_kind kind, const char *name, uint32_t *ret_size)
{
	struct type t;
	uint32_t id = find(btf, kind, name, &t);

	if (id && ret_size)
		*ret_size = t.size;
	return id;
}

static bool by_id(const struct kp_btf *btf, uint32_t id, struct type *ret)
{
	uint32_t at = 0;

	for (uint32_t i = 1; i <= id; i++) {
		at = at < btf->types_len ? read_type(btf, at, ret) : 0;
		if (!at)
			return false;
	}
	return id;
}

bool kp_btf_enumerator(const struct kp_btf *btf, const char *type, const char *name, uint32_t *ret_value)
{
	static const uint32_t kinds[] = { KP_KIND_ENUM, KP_KIND_ENUM64 };
	struct type t;

	for (size_t k = 0; k < 2; k++) {
		uint32_t step = known_layout[kinds[k]][1];

		if (!find(btf, kinds[k], type, &t))
			continue;
		for (uint32_t i = 0; i < t.vlen; i++) {
			const uint8_t *one = t.more + (size_t)i * step;

			if (!kp_equal(name_at(btf, get32(one)), name))
				continue;
			if (ret_value)
				*ret_value = get32(one + 4);
			return true;
		}
	}
	return false;
}

/* Through const, volatile and the like to the struct or union an anonymous member is. */
static bool strip(const struct kp_btf *btf, uint32_t id, struct type *ret)
{
	for (unsigned int i = 0; i < NEST_MAX; i++) {
		if (!by_id(btf, id, ret))
			return false;
		if (ret->kind == KP_KIND_STRUCT || ret->kind == KP_KIND_UNION)
			return true;
		if (ret->kind < KP_KIND_TYPEDEF || ret->kind > KP_KIND_RESTRICT)
			return false;
		id = ret->size;
	}
	return false;
}

static int member(const struct kp_btf *btf, const struct type *t, const char *field, unsigned int depth)
{
	for (uint32_t i = 0; i < t->vlen; i++) {
		const uint8_t *m = t->more + (size_t)i * 12;
		const char *name = name_at(btf, get32(m));
		struct type inner;

		if (kp_equal(name, field))
			return (int)i;
		if (!*name && depth < NEST_MAX && strip(btf, get32(m + 4), &inner) && member(btf, &inner, field, depth + 1) >= 0)
			return (int)i;
	}
	return -1;
}

int kp_btf_member(const struct kp_btf *btf, const char *type, const char *field)
{
	struct type t;

	return find(btf, KP_KIND_STRUCT, type, &t) ? member(btf, &t, field, 0) : -1;
}
