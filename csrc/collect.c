/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The list of families and the loop. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "facts.h"
#include "nics.h"
#include "probes/families.h"
#include "run.h"

#ifndef KP_VERSION
#define KP_VERSION "0"
#endif

const struct kp_family *const kp_families[] = {
	&kp_family_ns,
	&kp_family_link,
	&kp_family_wireguard,
	&kp_family_route,
	&kp_family_ipset,
	&kp_family_xt_legacy_ipv4,
	&kp_family_xt_legacy_ipv6,
	&kp_family_xt_nft_ipv4,
	&kp_family_xt_nft_ipv6,
	&kp_family_nft,
	&kp_family_conntrack,
	&kp_family_bpf_btf,
	&kp_family_bpf_prog,
	&kp_family_bpf_map,
	&kp_family_bpf_insn,
	&kp_family_bpf_helper,
	&kp_family_bpf,
	&kp_family_sysctl,
	&kp_family_ipvs,
	&kp_family_socket,
	&kp_family_nflog,
	&kp_family_nfqueue,
	&kp_family_tc,
	&kp_family_attach,
	&kp_family_flow,
	&kp_family_flow_xt,
	&kp_family_flow_nft,
	&kp_family_flow_tunnel,
	&kp_family_flow_route,
	&kp_family_flow_ipvs,
	&kp_family_flow_ct,
	&kp_family_flow_bpf,
#ifdef KP_SELFTEST
	&kp_family_selftest,
	&kp_family_selftest_void,
	&kp_family_selftest_doubt,
#endif
};
const unsigned int kp_n_families = KP_ARRAY_SIZE(kp_families);

const char *kp_version(void)
{
	return KP_VERSION;
}

void kp_record(struct kp_run *run, unsigned int fam, unsigned int row, const struct kp_result *res)
{
	const struct kp_probe *p = &kp_families[fam]->rows[row];
	unsigned int number = kp_first_row(fam) + row;
	struct kp_out *o = &run->out;
	char buf[16];

	run->done[number] = 1;
	run->outcome[number] = res->outcome;
	kp_js_open(o, "probe");
	kp_js_int(o, "seq", run->seq++);
	kp_js_int(o, "worker", run->workers);
	kp_describe(o, kp_families[fam], p, res->outcome != KP_WORKS || res->loaded[0]);
	kp_js_text(o, "outcome", kp_outcome_name(res->outcome));
	kp_js_text(o, "step", res->step);
	if (res->err)
		kp_js_int(o, "errno", res->err);
	kp_js_text(o, "error", kp_errno_name(res->err, buf));
	kp_js_text(o, "extack", res->extack);
	kp_js_text(o, "reason", res->reason);
	kp_js_pairs(o, "detail", res->detail);
	if (res->log[0][0]) {
		kp_js_array(o, "log");
		for (unsigned int i = 0; i < KP_LOG_LINES && res->log[i][0]; i++)
			kp_js_item(o, res->log[i]);
		kp_js_end(o, ']');
	}
	kp_js_lines(o, "loaded", res->loaded);
	if (res->taint)
		kp_js_int(o, "taint", res->taint);
	kp_js_int(o, "ns", (long long)res->ns);
	kp_js_close(o);
	if (run->watch)
		run->watch->probe(run->watch->arg, p, res);
}

static void two_digits(char *p, int v)
{
	p[0] = (char)('0' + v / 10 % 10);
	p[1] = (char)('0' + v % 10);
}

static void begin_time(struct kp_out *o)
{
	char text[] = "0000-00-00T00:00:00Z";
	time_t now = time(NULL);
	struct tm t;

	gmtime_r(&now, &t);
	two_digits(text, (t.tm_year + 1900) / 100);
	two_digits(text + 2, (t.tm_year + 1900) % 100);
	two_digits(text + 5, t.tm_mon + 1);
	two_digits(text + 8, t.tm_mday);
	two_digits(text + 11, t.tm_hour);
	two_digits(text + 14, t.tm_min);
	two_digits(text + 17, t.tm_sec);
	kp_js_text(o, "time", text);
}

static void begin_flags(struct kp_out *o, unsigned int flags)
{
	kp_js_array(o, "flags");
	if (flags & KP_NO_AUTOLOAD)
		kp_js_item(o, "no-autoload");
	if (flags & KP_INTRUSIVE)
		kp_js_item(o, "intrusive");
	if (flags & KP_FULL_SIZE)
		kp_js_item(o, "full-size");
	if (flags & KP_NO_FLOWS)
		kp_js_item(o, "no-flows");
	kp_js_item(o, flags & KP_UNLOAD_ALL ? "unload=all" : flags & KP_UNLOAD_NONE ? "unload=none" : "unload=safe");
	kp_js_end(o, ']');
}

static void begin_plan(const struct kp_run *run, struct kp_out *o)
{
	unsigned int n = 0;

	kp_js_object(o, "plan");
	for (unsigned int f = 0; f < kp_n_families; f++) {
		bool any = false;

		for (unsigned int i = 0; i < kp_families[f]->n_rows; i++, n++) {
			if (!run->sel.chosen[n])
				continue;
			if (!any)
				kp_js_array(o, kp_families[f]->name);
			any = true;
			kp_js_item(o, kp_families[f]->rows[i].id);
		}
		if (any)
			kp_js_end(o, ']');
	}
	kp_js_end(o, '}');
}

static void begin(struct kp_run *run)
{
	struct kp_out *o = &run->out;
	struct utsname u = { .sysname = "" };

	uname(&u);
	kp_js_open(o, "begin");
	kp_js_int(o, "format", 1);
	kp_js_text(o, "version", KP_VERSION);
	begin_time(o);
	kp_js_object(o, "uname");
	kp_js_text(o, "sysname", u.sysname);
	kp_js_text(o, "nodename", u.nodename);
	kp_js_text(o, "release", u.release);
	kp_js_text(o, "version", u.version);
	kp_js_text(o, "machine", u.machine);
	kp_js_end(o, '}');
	kp_js_int(o, "uid", (long long)geteuid());
	kp_js_object(o, "caps");
	kp_js_hex64(o, "effective", run->env.caps_effective);
	kp_js_hex64(o, "bounding", run->env.caps_bounding);
	kp_js_end(o, '}');
	kp_js_text(o, "sandbox", run->env.userns ? "userns" : "root");
	kp_js_int(o, "seccomp", run->env.seccomp);
	begin_flags(o, run->env.flags);
	kp_js_text(o, "select", run->select);
	kp_js_int(o, "deadline_ms", run->deadline_ms);
	begin_plan(run, o);
	kp_js_close(o);
}

/*
 * Modules that a row without success would have needed, and that are not there: what stands in their way explains the row. Nothing
 * is in the way of what --no-autoload or --intrusive kept from being tried.
 */
static void missed_modules(struct kp_run *run)
{
	uint8_t missed[KP_MODULES_MAX] = { 0 };
	unsigned int n = 0;
	char word[128], name[96];

	for (unsigned int f = 0; f < kp_n_families; f++)
		for (unsigned int i = 0; i < kp_families[f]->n_rows; i++, n++)
			for (const char *p = kp_families[f]->rows[i].modules;
			     run->done[n] && run->outcome[n] == KP_ABSENT && kp_word(&p, word, sizeof(word));) {
				enum kp_modstate state;
				const struct kp_module *m;

				if (kp_nothing_to_load(&run->modinfo, word, name, sizeof(name), &state))
					continue;
				m = kp_modinfo_find(&run->modinfo, name);
				if (m && (state == KP_MOD_FILE || state == KP_MOD_MISSING) &&
				    !kp_ledger_knows(&run->ledger, m->name))
					missed[m - run->modinfo.mod] = 1;
			}
	kp_facts_of_missed(&run->out, &run->modinfo, missed);
}

static void end(struct kp_run *run, uint64_t t0)
{
	struct kp_out *o = &run->out;

	kp_sandbox_reap(run);
	missed_modules(run);
	kp_js_open(o, "end");
	kp_js_int(o, "rows", run->seq);
	kp_ledger_settle(&run->ledger, o, run->env.flags);
	kp_klog_tell(&run->klog, o, &run->ledger);
	if (run->abandoned) {
		kp_js_object(o, "leaks");
		kp_js_int(o, "children", run->abandoned);
		kp_js_end(o, '}');
	}
	kp_js_int(o, "ns", (long long)(kp_now_ns() - t0));
	kp_js_close(o);
}

/* Some hundred KB, for one run: from the kernel, so that two runs in one process do not meet. */
struct kp_run *kp_run_new(void)
{
	void *p = mmap(NULL, sizeof(struct kp_run), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void kp_run_freep(struct kp_run **run)
{
	if (*run && (*run)->ledger.fd >= 0)
		close((*run)->ledger.fd);
	if (*run)
		kp_klog_close(&(*run)->klog);
	if (*run)
		munmap(*run, sizeof(**run));
}

/* What kp_run(), kp_list() and kp_plan() have in common. Returns 0 or -errno. */
int kp_run_prepare(struct kp_run *run, int fd, const char *select, unsigned int flags)
{
	int rc;

	if (!run)
		return -ENOMEM;
	run->out.fd = fd;
	run->out.line = run->line;
	run->ledger.fd = -1;
	run->klog = (struct kp_klog)KP_KLOG_INIT;
	run->select = select ? select : "";
	rc = kp_select(&run->sel, run->select, flags);
	return rc ? rc : kp_env_scan(&run->env, flags);
}

int kp_run(int fd, const char *select, unsigned int flags, unsigned int deadline_ms, const struct kp_watch *watch)
{
	kp_autorun run = kp_run_new();
	uint64_t t0 = kp_now_ns();
	int rc = kp_run_prepare(run, fd, select, flags);

	if (rc)
		return rc;
	run->deadline_ms = deadline_ms ? deadline_ms : KP_DEADLINE_MS;
	run->watch = watch;
	kp_modinfo_scan(&run->modinfo);
	begin(run);
	kp_facts(&run->out, &run->env, &run->modinfo);
	kp_nics(&run->out, &run->env);
	kp_facts_net(&run->out, &run->env);
	kp_facts_rules(&run->out, &run->env, &run->modinfo);
	kp_ledger_open(&run->ledger);
	kp_klog_open(&run->klog, &run->env);
	for (unsigned int f = 0; f < kp_n_families && !rc && !run->out.err; f++)
		rc = kp_sandbox_family(run, f);
	if (!rc)
		end(run, t0);
	kp_sandbox_reap(run);
	return rc ? rc : run->out.err;
}

int kp_collect(int fd, const char *select, unsigned int flags, unsigned int deadline_ms)
{
	return kp_run(fd, select, flags, deadline_ms, NULL);
}
