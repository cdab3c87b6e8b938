/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What a row may do to this node: the modules it could load, the risks it has. Asks the kernel nothing. */
#include <string.h>

#include "memory.h"
#include "run.h"

static bool present(const struct kp_modinfo *info, const char *name)
{
	const struct kp_module *m = kp_modinfo_find(info, name);

	return m && (m->state == KP_MOD_LOADED || m->state == KP_MOD_BUILTIN);
}

/*
 * One word of .modules, whose alternatives a|b differ by kernel version: is what this kernel would ask for there already? Of the
 * names that exist on this kernel all must be: with one that is a mere file, the kernel would load that one.
 * If not, *ret_name and *ret_state are the alternative that says most.
 */
bool kp_nothing_to_load(const struct kp_modinfo *info, const char *word, char *ret_name, size_t size, enum kp_modstate *ret_state)
{
	bool some = false;

	*ret_state = KP_MOD_NOWHERE;
	ret_name[0] = '\0';
	for (const char *p = word; *p; p += *p == '|') {
		const struct kp_module *m;
		char one[96];
		size_t n = 0;

		while (*p && *p != '|' && n + 1 < sizeof(one))
			one[n++] = *p++;
		one[n] = '\0';
		m = kp_modinfo_find(info, one);
		if (m && (m->state == KP_MOD_LOADED || m->state == KP_MOD_BUILTIN)) {
			some = true;
			continue;
		}
		if (ret_name[0] && (!m || m->state == KP_MOD_NOWHERE || *ret_state == KP_MOD_FILE))
			continue;
		kp_copy(ret_name, size, one);
		*ret_state = m ? m->state : KP_MOD_NOWHERE;
	}
	return some && *ret_state != KP_MOD_FILE;
}

static void refuse(struct kp_result *res, const char *step, const char *a, const char *name, const char *b)
{
	kp_unknown(res, step, a);
	kp_cat(res->reason, sizeof(res->reason), name);
	kp_cat(res->reason, sizeof(res->reason), b);
}

/* --no-autoload promises that not one module is asked for: what is not certainly there is not tried. */
static bool autoload_free(const struct kp_run *run, const struct kp_probe *row, struct kp_result *res)
{
	enum kp_modstate state;
	char word[128], name[96];

	for (const char *p = row->modules; kp_word(&p, word, sizeof(word));) {
		if (kp_nothing_to_load(&run->modinfo, word, name, sizeof(name), &state))
			continue;
		if (state == KP_MOD_FILE)
			refuse(res, "no-autoload", "would load ", name, ": run without --no-autoload");
		else if (state == KP_MOD_UNREADABLE)
			refuse(res, "no-autoload", "may load ", name,
			       ": it is not loaded, and whether it is built in cannot be read");
		else
			refuse(res, "no-autoload", "would make the kernel ask for ", name,
			       ", which has no file: run without --no-autoload");
		return false;
	}
	return true;
}

bool kp_risky(const struct kp_run *run, const struct kp_probe *row)
{
	bool old = run->env.release < KP_RELEASE(4, 10);

	switch ((enum kp_risk)row->risk) {
	case KP_SAFE:
		return false;
	case KP_RISK_CONNTRACK:
		return run->env.modular && old && !present(&run->modinfo, "nf_conntrack");
	case KP_RISK_MODULE:
	case KP_RISK_STALL:
		return run->env.modular && !present(&run->modinfo, row->risk_module);
	case KP_RISK_ALWAYS:
		break;
	}
	return true;
}

unsigned int kp_mib(const struct kp_probe *row)
{
	return row->mib * (row->flags & KP_MIB_PER_CPU ? kp_possible_cpus() : 1);
}

/* Twice what the row takes, and something for everybody else: where that is missing, it is not tried. */
#define RESERVE_MIB 128

static bool room(const struct kp_run *run, const struct kp_probe *row, struct kp_result *res)
{
	unsigned int mib = kp_mib(row);
	uint64_t want = 2 * (uint64_t)mib + RESERVE_MIB, have = kp_memory_available() >> 20;

	if (run->env.flags & KP_FULL_SIZE && have >= want)
		return true;
	kp_unknown(res, "size", "would take ");
	kp_cat_u(res->reason, sizeof(res->reason), mib);
	kp_cat(res->reason, sizeof(res->reason), " MiB of memory for a moment: ");
	if (!(run->env.flags & KP_FULL_SIZE)) {
		kp_cat(res->reason, sizeof(res->reason), "run with --full-size");
		return false;
	}
	kp_cat(res->reason, sizeof(res->reason), "that is not tried with less than ");
	kp_cat_u(res->reason, sizeof(res->reason), want);
	kp_cat(res->reason, sizeof(res->reason), " MiB available, and there are ");
	kp_cat_u(res->reason, sizeof(res->reason), have);
	return false;
}

bool kp_may_try(const struct kp_run *run, const struct kp_probe *row, struct kp_result *res)
{
	if (run->env.flags & KP_NO_AUTOLOAD && run->env.modular && !autoload_free(run, row, res))
		return false;
	if (row->mib && !room(run, row, res))
		return false;
	if (run->env.flags & KP_INTRUSIVE || !kp_risky(run, row))
		return true;
	if (row->risk == KP_RISK_CONNTRACK)
		refuse(res, "risk", "would load nf_conntrack, whose hooks stay in every namespace before Linux 4.10", "",
		       ": run with --intrusive");
	else
		refuse(res, "risk", row->risk == KP_RISK_STALL ? "may hold up this host (" : "changes this host lastingly (",
		       row->host ? row->host : "see kprobe explain", "): run with --intrusive");
	return false;
}
