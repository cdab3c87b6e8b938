/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What rows say of themselves: in evidence, in the catalogue, in the plan. */
#include <string.h>

#include "run.h"

/* What a row says of itself. @why: also what explains a no, or what it loaded; a plain yes needs no explanation. */
void kp_describe(struct kp_out *o, const struct kp_family *fam, const struct kp_probe *row, bool why)
{
	static const char *const controls[] = { [KP_NO_CONTROL] = "", [KP_POSITIVE] = "positive", [KP_NEGATIVE] = "negative" };

	kp_js_text(o, "family", fam->name);
	kp_js_text(o, "id", row->id);
	kp_js_text(o, "title", row->title);
	kp_js_text(o, "control", controls[row->control]);
	if (!why)
		return;
	kp_js_words(o, "modules", row->modules);
	kp_js_words(o, "kconfig", row->kconfig);
	kp_js_text(o, "since", row->since);
	kp_js_words(o, "needs", row->needs);
}

/* @over: rules that go before these: what has one of them is not said again. */
static void describe_rules(struct kp_out *o, const struct kp_rule *rules, const struct kp_rule *over)
{
	for (const struct kp_rule *r = rules; r && r->err; r++) {
		char text[KP_TEXT], buf[16];

		if (kp_find_rule(over, r->err))
			continue;
		kp_copy(text, sizeof(text), kp_outcome_name(r->outcome));
		kp_cat(text, sizeof(text), r->why ? ": " : "");
		kp_cat(text, sizeof(text), r->why ? r->why : "");
		kp_js_text(o, kp_errno_name(r->err, buf), text);
	}
}

static void describe_more(struct kp_out *o, const struct kp_family *fam, const struct kp_probe *row, bool risk)
{
	static const char *const risks[] = {
		[KP_RISK_CONNTRACK] = "changes the host lastingly before Linux 4.10, unless nf_conntrack is there already",
		[KP_RISK_MODULE] = "changes the host lastingly, unless the module is there already",
		[KP_RISK_STALL] = "may hold up the host, unless the module is there already",
		[KP_RISK_ALWAYS] = "changes the host lastingly",
	};

	kp_js_text(o, "asks", row->asks ? row->asks : row->by->asks);
	kp_js_text(o, "proves", row->by->proves);
	kp_js_object(o, "errnos");
	describe_rules(o, row->rules, NULL);
	describe_rules(o, row->by->rules, row->rules);
	kp_js_end(o, '}');
	kp_js_text(o, "host", row->host);
	kp_js_text(o, "records", fam->records);
	kp_js_text(o, "risk", risk ? risks[row->risk] : "");
	if (row->mib)
		kp_js_int(o, "mib", kp_mib(row));
	if (row->by->bits) {
		kp_js_object(o, "bits");
		kp_js_words(o, row->by->bits->detail, row->by->bits->names);
		kp_js_end(o, '}');
	}
}

static void would_load(struct kp_out *o, const struct kp_modinfo *info, const struct kp_probe *row)
{
	enum kp_modstate state;
	bool any = false;
	char word[128], name[96];

	for (const char *p = row->modules; kp_word(&p, word, sizeof(word));) {
		if (kp_nothing_to_load(info, word, name, sizeof(name), &state) || state != KP_MOD_FILE)
			continue;
		if (!any)
			kp_js_array(o, "would_load");
		any = true;
		kp_js_item(o, name);
	}
	if (any)
		kp_js_end(o, ']');
}

static int catalogue(int fd, const char *select, unsigned int flags, bool plan)
{
	kp_autorun run = kp_run_new();
	int rc = kp_run_prepare(run, fd, select, flags);
	unsigned int n = 0;

	if (rc)
		return rc;
	if (plan)
		kp_modinfo_scan(&run->modinfo);
	for (unsigned int f = 0; f < kp_n_families; f++)
		for (unsigned int i = 0; i < kp_families[f]->n_rows; i++, n++) {
			const struct kp_probe *row = &kp_families[f]->rows[i];
			struct kp_result res = { 0 };

			if (!run->sel.chosen[n])
				continue;
			kp_js_open(&run->out, "row");
			kp_describe(&run->out, kp_families[f], row, true);
			describe_more(&run->out, kp_families[f], row, !plan || kp_risky(run, row));
			if (plan) {
				would_load(&run->out, &run->modinfo, row);
				kp_js_bool(&run->out, "tried", kp_may_try(run, row, &res));
				kp_js_text(&run->out, "reason", res.reason);
			}
			kp_js_close(&run->out);
		}
	return run->out.err;
}

int kp_list(int fd, const char *select)
{
	return catalogue(fd, select, KP_FULL_SIZE, false); /* all that there is */
}

int kp_plan(int fd, const char *select, unsigned int flags)
{
	return catalogue(fd, select, flags, true);
}
