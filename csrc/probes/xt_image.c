/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * A legacy table is one block: for each hook its rules and a last one that is the policy, then each user-defined chain with a head
 * that names it and a last rule that returns, then the end marker. net/ipv4/netfilter/ip_tables.c, translate_table(), checks it.
 */
#include "xt_image.h"

#include <string.h>
#include <sys/socket.h>

#define STANDARD "" /* the target of verdicts */
#define ERROR "ERROR" /* the target that heads a chain and ends the table; its data are a name */

struct target {
	const char *name;
	uint8_t rev;
	const void *data;
	size_t size;
};

static size_t head_size(uint8_t family)
{
	return family == AF_INET6 ? sizeof(struct kp_ip6t_entry) : sizeof(struct kp_ipt_entry);
}

/* The two entries differ in their addresses and in two flags. */
#define PUT_HEAD(type, goto_flag)                                                                                                  \
	do {                                                                                                                       \
		type e = { .target_offset = target, .next_offset = next };                                                         \
		if (rule) {                                                                                                        \
			e.proto = rule->proto;                                                                                     \
			e.flags = rule->goes ? (goto_flag) : 0;                                                                    \
			if (rule->iface) { /* the mask ends before the +: whatever follows the prefix matches */                   \
				kp_copy(e.iniface, sizeof(e.iniface), rule->iface);                                                \
				memset(e.iniface_mask, 0xff, strlen(e.iniface));                                                   \
				kp_cat(e.iniface, sizeof(e.iniface), "+");                                                         \
			}                                                                                                          \
		}                                                                                                                  \
		memcpy(p, &e, sizeof(e));                                                                                          \
	} while (0)

static void put_head(unsigned char *p, uint8_t family, const struct kp_xt_rule *rule, uint16_t target, uint16_t next)
{
	if (family == AF_INET6) {
		PUT_HEAD(struct kp_ip6t_entry, KP_IP6T_F_GOTO);
		if (rule && rule->proto) /* unlike IPv4, the protocol counts only with its flag */
			p[offsetof(struct kp_ip6t_entry, flags)] |= KP_IP6T_F_PROTO;
	} else {
		PUT_HEAD(struct kp_ipt_entry, KP_IPT_F_GOTO);
	}
}

static void put_ext(unsigned char *p, const char *name, uint8_t rev, const void *data, size_t size)
{
	struct kp_xt_ext x = { .size = (uint16_t)(sizeof(x) + KP_XT_ALIGN(size)), .revision = rev };

	kp_copy(x.name, sizeof(x.name), name);
	memcpy(p, &x, sizeof(x));
	if (size)
		memcpy(p + sizeof(x), data, size);
}

static size_t ext_size(const struct kp_xt_part *match)
{
	return match ? sizeof(struct kp_xt_ext) + match->size : 0;
}

/* @after: a match in front of @match; both may be NULL. */
static void put_entry(struct kp_xt_image *im, uint8_t family, const struct kp_xt_rule *rule, const struct kp_xt_part *after,
		      const struct kp_xt_part *match, const struct target *t)
{
	size_t match_at = head_size(family);
	size_t target_at = match_at + ext_size(after) + ext_size(match);
	size_t next = target_at + sizeof(struct kp_xt_ext) + KP_XT_ALIGN(t->size);
	unsigned char *p = im->entries + im->head.size;

	if (next > sizeof(im->entries) - im->head.size) {
		im->overflow = true;
		return;
	}
	memset(p, 0, next);
	put_head(p, family, rule, (uint16_t)target_at, (uint16_t)next);
	if (after)
		put_ext(p + match_at, after->name, after->rev, after->data, after->size);
	if (match)
		put_ext(p + match_at + ext_size(after), match->name, match->rev, match->data, match->size);
	put_ext(p + target_at, t->name, t->rev, t->data, t->size);
	im->head.size += (uint32_t)next;
	im->head.num_entries++;
}

static void put_verdict(struct kp_xt_image *im, uint8_t family, const struct kp_xt_rule *rule, const struct kp_xt_part *after,
			const struct kp_xt_part *match, int32_t verdict)
{
	put_entry(im, family, rule, after, match, &(struct target){ STANDARD, 0, &verdict, sizeof(verdict) });
}

static void put_error(struct kp_xt_image *im, uint8_t family, const char *name)
{
	char text[30] = "";

	kp_copy(text, sizeof(text), name);
	put_entry(im, family, NULL, NULL, NULL, &(struct target){ ERROR, 0, text, sizeof(text) });
}

static void put_rule(struct kp_xt_image *im, const struct kp_xt_rule *rule, const struct kp_xt_part *part)
{
	struct kp_xt_part buf;
	const struct kp_xt_part *after = kp_xt_after(rule, &buf);

	if (rule->kind == KP_XT_TARGET)
		put_entry(im, rule->family, rule, after, NULL, &(struct target){ part->name, part->rev, part->data, part->size });
	else
		put_verdict(im, rule->family, rule, after, rule->kind == KP_XT_MATCH ? part : NULL,
			    rule->kind == KP_XT_MATCH && !rule->verdict ? KP_XT_ACCEPT : rule->verdict);
}

void kp_xt_image_build(struct kp_xt_image *im, const struct kp_xt_rule *rule, const struct kp_xt_part *part,
		       const struct kp_xt_part *also, uint32_t valid_hooks)
{
	size_t rule_at = 0;

	memset(&im->head, 0, sizeof(im->head));
	im->overflow = false;
	kp_copy(im->head.table, sizeof(im->head.table), rule->table->name);
	im->head.valid_hooks = valid_hooks;
	for (unsigned int h = 0; h < KP_XT_HOOKS; h++) {
		if (!(valid_hooks & 1u << h))
			continue;
		im->head.hook_entry[h] = im->head.size;
		if (part && rule->hook == h) {
			rule_at = im->head.size;
			put_rule(im, rule, part);
		}
		if (part && rule->also && rule->also->hook == h)
			put_rule(im, rule->also, also);
		im->head.underflow[h] = im->head.size;
		put_verdict(im, rule->family, NULL, NULL, NULL, KP_XT_ACCEPT);
	}
	if (part && rule->kind == KP_XT_VERDICT && !rule->verdict) {
		int32_t chain;

		put_error(im, rule->family, rule->name);
		chain = (int32_t)im->head.size; /* a jump's verdict is the offset of the chain's first rule */
		memcpy(im->entries + rule_at + head_size(rule->family) + sizeof(struct kp_xt_ext), &chain, sizeof(chain));
		put_verdict(im, rule->family, NULL, NULL, NULL, KP_XT_RETURN);
	}
	put_error(im, rule->family, ERROR);
}

/*
 * A match or target: behind the name's NUL there is a kernel pointer before v4.11 (f32815d21d4d "xtables: add xt_match, xt_target
 * and data copy_to_user functions"), behind the user's part of the data then too; zeros since.
 */
static void tidy_ext(unsigned char *p, size_t len, const struct kp_xt_part *part)
{
	char *name = (char *)p + offsetof(struct kp_xt_ext, name);
	size_t n = strnlen(name, KP_XT_NAME), user = len - sizeof(struct kp_xt_ext);

	memset(name + n, 0, KP_XT_NAME - n);
	if (kp_equal(name, STANDARD))
		user = sizeof(int32_t);
	else if (kp_equal(name, ERROR))
		user = 30;
	else if (part && kp_equal(name, part->name))
		user = part->user;
	if (user < len - sizeof(struct kp_xt_ext))
		memset(p + sizeof(struct kp_xt_ext) + user, 0, len - sizeof(struct kp_xt_ext) - user);
}

static bool tidy(unsigned char *p, size_t size, uint8_t family, const struct kp_xt_part *part)
{
	bool v6 = family == AF_INET6;
	size_t head = head_size(family), ext = sizeof(struct kp_xt_ext), at, len;

	for (size_t next; size; p += next, size -= next) {
		size_t target;

		if (size < head + ext)
			return false;
		target = kp_get_u16(
			p + (v6 ? offsetof(struct kp_ip6t_entry, target_offset) : offsetof(struct kp_ipt_entry, target_offset)));
		next = kp_get_u16(p +
				  (v6 ? offsetof(struct kp_ip6t_entry, next_offset) : offsetof(struct kp_ipt_entry, next_offset)));
		if (next > size || next < head + ext || target < head || target > next - ext)
			return false;
		/* comefrom and, behind it, the counters are the last of the head */
		at = v6 ? offsetof(struct kp_ip6t_entry, comefrom) : offsetof(struct kp_ipt_entry, comefrom);
		memset(p + at, 0, head - at);
		for (at = head; at < target; at += len) {
			len = kp_get_u16(p + at);
			if (len < ext || len > target - at)
				return false;
			tidy_ext(p + at, len, part);
		}
		tidy_ext(p + target, next - target, part);
	}
	return true;
}

bool kp_xt_image_equal(struct kp_xt_image *im, unsigned char *entries, size_t size, const struct kp_xt_rule *rule,
		       const struct kp_xt_part *part)
{
	return size == im->head.size && tidy(im->entries, size, rule->family, part) && tidy(entries, size, rule->family, part) &&
	       !memcmp(im->entries, entries, size);
}
