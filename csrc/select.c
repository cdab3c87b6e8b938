/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Which rows run: globs over ids, and with each row its family's controls and its prerequisites. */
#include <errno.h>
#include <string.h>

#include "run.h"

unsigned int kp_first_row(unsigned int fam)
{
	unsigned int n = 0;

	while (fam--)
		n += kp_families[fam]->n_rows;
	return n;
}

static const struct kp_probe *row_at(unsigned int number, unsigned int *ret_fam)
{
	for (unsigned int f = 0; f < kp_n_families; f++) {
		if (number < kp_families[f]->n_rows) {
			*ret_fam = f;
			return &kp_families[f]->rows[number];
		}
		number -= kp_families[f]->n_rows;
	}
	return NULL;
}

int kp_row_number(const char *id)
{
	unsigned int n = 0;

	/* A family's name is the prefix of its ids: the others need not be looked through. */
	for (unsigned int f = 0; f < kp_n_families; n += kp_families[f++]->n_rows)
		for (unsigned int i = 0; kp_starts(id, kp_families[f]->name) && i < kp_families[f]->n_rows; i++)
			if (kp_equal(kp_families[f]->rows[i].id, id))
				return (int)(n + i);
	return -1;
}

/* Marks what @pattern matches, out of all rows or without those that take much memory; returns how many it matched. */
static unsigned int mark(struct kp_selection *sel, const char *pattern, uint8_t value, bool large)
{
	unsigned int hits = 0, fam;
	const struct kp_probe *row;
	int exact;

	if (!strpbrk(pattern, "*?")) { /* a list of some hundred ids is quite usual: --needed */
		exact = kp_row_number(pattern);
		if (exact >= 0)
			sel->chosen[exact] = value;
		return exact >= 0;
	}
	for (unsigned int n = 0; (row = row_at(n, &fam)); n++)
		if ((large || !row->mib) && kp_glob(pattern, row->id)) {
			sel->chosen[n] = value;
			hits++;
		}
	return hits;
}

static void choose_needs(struct kp_selection *sel, const struct kp_probe *row)
{
	char id[96];

	for (const char *p = row->needs; kp_word(&p, id, sizeof(id));) {
		int n = kp_row_number(id);

		if (n >= 0)
			sel->chosen[n] = 1;
	}
}

static void choose_controls(struct kp_selection *sel, unsigned int fam)
{
	unsigned int first = kp_first_row(fam);

	for (unsigned int i = 0; i < kp_families[fam]->n_rows; i++)
		if (kp_families[fam]->rows[i].control)
			sel->chosen[first + i] = 1;
}

/*
 * Rows of true size ask again what others ask in small, so "all" does not mean them, nor does a glob that matches others too:
 * without --full-size their answer would be that it is missing. A pattern that matches nothing else means them, and gets that answer.
 */
static bool choose(struct kp_selection *sel, const char *pattern, uint8_t value, unsigned int flags)
{
	return mark(sel, pattern, value, !value || flags & KP_FULL_SIZE) || mark(sel, pattern, value, true);
}

int kp_select(struct kp_selection *sel, const char *select, unsigned int flags)
{
	unsigned int fam = 0, before, total = kp_first_row(kp_n_families);
	bool positive = false;
	char word[128];

	memset(sel, 0, sizeof(*sel));
	if (total > KP_ROWS_MAX)
		return -E2BIG;
	for (const char *p = select; kp_word(&p, word, sizeof(word));)
		positive |= word[0] != '!';
	if (!positive)
		choose(sel, "*", 1, flags);
	for (const char *p = select; kp_word(&p, word, sizeof(word));)
		if (!choose(sel, word[0] == '!' ? word + 1 : word, word[0] != '!', flags))
			return -EINVAL;
	if (flags & KP_NO_FLOWS)
		choose(sel, "flow.*", 0, flags);
	/* What a chosen row needs may need something in turn, and so may the controls: until nothing is added. */
	do {
		before = sel->n;
		sel->n = 0;
		for (unsigned int n = total; n--;) {
			const struct kp_probe *row = row_at(n, &fam);

			if (!sel->chosen[n])
				continue;
			choose_needs(sel, row);
			choose_controls(sel, fam);
		}
		for (unsigned int n = 0; n < total; n++)
			sel->n += sel->chosen[n];
	} while (sel->n != before);
	return sel->n ? 0 : -EINVAL;
}
