/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* One run: what the collector's own files share. Nothing in probes/ includes this. */
#ifndef KP_RUN_H
#define KP_RUN_H

#include <sys/types.h>

#include "evidence.h"
#include "klog.h"
#include "kprobe.h"
#include "modinfo.h"
#include "probe.h"

#define KP_ROWS_MAX 2048
#define KP_LEDGER_MAX 768
#define KP_DEADLINE_MS 5000

/* The module ledger: every name in /proc/modules, and those of them that came during the run. */
struct kp_ledger {
	int fd;               /* /proc/modules, -1: nothing can load */
	unsigned int n;       /* known names */
	unsigned int n_before; /* of them, there before the run; the others follow in the order of their coming */
	char name[KP_LEDGER_MAX][40];
	uint8_t named[KP_LEDGER_MAX]; /* a row names it (it is not merely a dependency, or somebody else's) */
};

void kp_ledger_open(struct kp_ledger *l);
/* Appends "name\n" for each module that came since the last scan to @loaded, oldest first. */
void kp_ledger_scan(struct kp_ledger *l, char *loaded, size_t size);
bool kp_ledger_knows(const struct kp_ledger *l, const char *name);
/* Whether one of a row's @modules (blank-separated, a|b) is not there yet: its init function still runs. */
bool kp_ledger_loading(const struct kp_ledger *l, const char *modules, char *ret_name, size_t size);
/* The parent's copy learns what a worker saw: @loaded as above. */
void kp_ledger_note(struct kp_ledger *l, const char *loaded, const struct kp_modinfo *info);
/* Unloads what @flags allow, newest first; writes loaded, unloaded and left to the open record. */
void kp_ledger_settle(struct kp_ledger *l, struct kp_out *o, unsigned int flags);

/* A bit per row of the selection; rows are numbered through all families. */
struct kp_selection {
	uint8_t chosen[KP_ROWS_MAX];
	unsigned int n;
};

/*
 * -EINVAL when a glob selects nothing, or nothing is left. Controls and prerequisites of what is selected come along.
 * @flags: KP_FULL_SIZE and KP_NO_FLOWS count.
 */
int kp_select(struct kp_selection *sel, const char *select, unsigned int flags);
/* Number of the first row of family @fam. */
unsigned int kp_first_row(unsigned int fam);
/* Number of the row with that id, or -1. */
int kp_row_number(const char *id);

/* Watches a run besides the evidence (the collector's table). */
struct kp_watch {
	void (*probe)(void *arg, const struct kp_probe *row, const struct kp_result *res);
	void *arg;
};

struct kp_run {
	struct kp_out out;
	struct kp_env env;
	struct kp_modinfo modinfo;
	struct kp_ledger ledger;
	struct kp_klog klog;
	struct kp_selection sel;
	uint8_t done[KP_ROWS_MAX];    /* answered */
	uint8_t outcome[KP_ROWS_MAX]; /* enum kp_outcome */
	unsigned int deadline_ms;
	unsigned int seq;
	unsigned int workers;
	unsigned int
		n_dying; /* workers that were told to die, to be reaped at the end: their namespaces fall while the next one works */
	pid_t dying[64];
	unsigned int abandoned; /* workers that did not die: D state */
	const struct kp_watch *watch;
	const char *select;
	char line[KP_LINE];
};

/* A run in memory of its own, from the kernel: two in one process do not meet. NULL: there is none to be had. */
struct kp_run *kp_run_new(void);
void kp_run_freep(struct kp_run **run);
#define kp_autorun __attribute__((cleanup(kp_run_freep))) struct kp_run *
/* Selects rows and looks at the process. Returns 0, -EINVAL for a bad selection, -ENOMEM when @run is NULL. */
int kp_run_prepare(struct kp_run *run, int fd, const char *select, unsigned int flags);

/* What a row says of itself. @why: also what explains a no, or what it loaded; a plain yes needs no explanation. */
void kp_describe(struct kp_out *o, const struct kp_family *fam, const struct kp_probe *row, bool why);

/*
 * One word of .modules, whose alternatives a|b differ by kernel version: is what this kernel would ask for there already? Of the
 * names that exist on this kernel all must be. If not, *ret_name and *ret_state are the alternative that says most.
 */
bool kp_nothing_to_load(const struct kp_modinfo *info, const char *word, char *ret_name, size_t size, enum kp_modstate *ret_state);

int kp_env_scan(struct kp_env *ret, unsigned int flags);
/* Would trying @row change the host lastingly, on this kernel, with the modules it has now? */
bool kp_risky(const struct kp_run *run, const struct kp_probe *row);
/* What @row takes for a moment here. 0: next to nothing. */
unsigned int kp_mib(const struct kp_probe *row);
/* Whether the run may try @row at all; if not, fills the answer. Asks the kernel nothing. */
bool kp_may_try(const struct kp_run *run, const struct kp_probe *row, struct kp_result *res);
/* Runs one family: workers, deadlines, hand-over. Calls kp_record() for every chosen row, in order. */
int kp_sandbox_family(struct kp_run *run, unsigned int fam);
/* Reaps the workers. */
void kp_sandbox_reap(struct kp_run *run);
/* Takes an answer into the books and the evidence. */
void kp_record(struct kp_run *run, unsigned int fam, unsigned int row, const struct kp_result *res);

/* kp_collect() with a watcher. */
int kp_run(int fd, const char *select, unsigned int flags, unsigned int deadline_ms, const struct kp_watch *watch);

#endif
