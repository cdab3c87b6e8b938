/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* Inside a worker: prerequisites and controls before a row, its modules, taint and log lines after it. */
#include "worker.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"
#include "link.h"

struct bench {
	struct kp_run *run;
	struct kp_ctx ctx;
	int kmsg, tainted;
	uint64_t taint;
};

static uint64_t read_taint(const struct bench *b)
{
	char buf[24];
	const char *p = buf;
	ssize_t n = b->tainted < 0 ? -1 : pread(b->tainted, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return b->taint;
	buf[n] = '\0';
	return kp_parse_u(&p);
}

/* What came into the kernel log since the row began. */
static void read_log(const struct bench *b, const struct kp_probe *row, struct kp_result *res)
{
	unsigned int n = 0, prio;
	bool lost = false;
	const char *text;
	char buf[1024];

	for (unsigned int tries = 0; n < KP_LOG_LINES && tries < 64; tries++) {
		text = kp_klog_next(b->kmsg, buf, sizeof(buf), &prio, &lost);
		if (!text)
			return;
		if (kp_klog_allowed(text, row->modules))
			kp_copy(res->log[n++], KP_LOG_TEXT, text);
	}
}

/* Has a control of the family contradicted? *ret_distrust: `absent` may not be believed. NULL: no. */
static const char *void_by(const struct kp_run *run, unsigned int fam, bool *ret_distrust)
{
	const struct kp_family *f = kp_families[fam];
	unsigned int first = kp_first_row(fam);

	*ret_distrust = false;
	for (unsigned int i = 0; i < f->n_rows; i++) {
		enum kp_outcome o = run->outcome[first + i];
		struct kp_result skipped;

		if (!f->rows[i].control || !run->done[first + i])
			continue;
		if (f->rows[i].control == KP_NEGATIVE && (o == KP_WORKS || o == KP_BROKEN))
			return f->rows[i].id;
		if (f->rows[i].control == KP_POSITIVE && (o == KP_ABSENT || o == KP_BROKEN))
			return f->rows[i].id;
		if (f->rows[i].control == KP_POSITIVE && o == KP_UNKNOWN)
			*ret_distrust |= kp_may_try(run, &f->rows[i], &skipped); /* one that was not to be asked says nothing */
	}
	return NULL;
}

static void sentence(struct kp_result *res, const char *a, const char *id, const char *b)
{
	kp_copy(res->reason, sizeof(res->reason), a);
	kp_cat(res->reason, sizeof(res->reason), id);
	kp_cat(res->reason, sizeof(res->reason), b);
}

/* A prerequisite that does not work answers for the row. */
static bool prerequisites(const struct kp_run *run, const struct kp_probe *row, struct kp_result *res)
{
	char id[96];

	for (const char *p = row->needs; kp_word(&p, id, sizeof(id));) {
		int n = kp_row_number(id);
		enum kp_outcome o = n < 0 || !run->done[n] ? KP_UNKNOWN : (enum kp_outcome)run->outcome[n];

		if (o == KP_WORKS)
			continue;
		res->outcome = o == KP_ABSENT ? KP_ABSENT : o == KP_DENIED ? KP_DENIED : KP_UNKNOWN;
		kp_copy(res->step, sizeof(res->step), "prerequisite");
		sentence(res, "needs ", id, ", which is ");
		kp_cat(res->reason, sizeof(res->reason), kp_outcome_name(o));
		return false;
	}
	return true;
}

/* A network namespace that nobody used, in which lo is up. */
static int fresh_netns(struct bench *b)
{
	kp_nl_close(&b->ctx);
	return unshare(CLONE_NEWNET) ? -errno : 0;
}

static void loopback_up(struct bench *b)
{
	struct kp_result ignored = { 0 };
	int rtnl = kp_nl_socket(&b->ctx, &ignored, NETLINK_ROUTE);

	if (rtnl >= 0)
		kp_link_up(&b->ctx, rtnl, 1, true); /* lo has index 1 in every namespace: it is its first device (net/core/dev.c) */
}

static void run_row(struct bench *b, const struct kp_probe *row, struct kp_result *res)
{
	uint64_t t0 = kp_now_ns(), taint;
	int rc = 0;

	if (b->kmsg >= 0)
		lseek(b->kmsg, 0, SEEK_END);
	b->ctx.row = row;
	b->ctx.extack[0] = '\0';
	if (row->flags & KP_FRESH_NETNS) {
		rc = fresh_netns(b);
		if (!rc)
			loopback_up(b);
	}
	if (rc)
		kp_fail(&b->ctx, res, "unshare network namespace", KP_CALL_UNSHARE, -rc);
	else
		row->by->run(&b->ctx, row, res);
	res->ns = kp_now_ns() - t0;
	kp_ledger_scan(&b->run->ledger, res->loaded, sizeof(res->loaded));
	taint = read_taint(b);
	res->taint = (uint32_t)(taint & ~b->taint);
	b->taint = taint;
	if (res->outcome != KP_WORKS)
		read_log(b, row, res);
}

/*
 * A no is no answer while a module of the row still starts: an earlier request may not have ended yet, modprobe does not wait for it, and
 * the kernel looks too early. It is waited for, and the row asked once more.
 */
static void run_started(struct bench *b, const struct kp_probe *row, struct kp_result *res)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	uint64_t until = kp_now_ms() + b->run->deadline_ms / 2;
	char module[64], loaded[sizeof(res->loaded)];

	run_row(b, row, res);
	if (res->outcome != KP_ABSENT || !kp_ledger_loading(&b->run->ledger, row->modules, module, sizeof(module)))
		return;
	while (kp_ledger_loading(&b->run->ledger, row->modules, module, sizeof(module)) && kp_now_ms() < until)
		nanosleep(&pause, NULL);
	kp_copy(loaded, sizeof(loaded), res->loaded);
	memset(res, 0, sizeof(*res));
	run_row(b, row, res);
	kp_cat(res->loaded, sizeof(res->loaded), loaded);
	if (res->outcome == KP_ABSENT && kp_ledger_loading(&b->run->ledger, row->modules, module, sizeof(module))) {
		res->outcome = KP_UNKNOWN;
		sentence(res, "module ", module, " was still starting: run again");
	}
}

static void answer(struct bench *b, unsigned int fam, const struct kp_probe *row, struct kp_result *res)
{
	bool distrust;
	const char *void_id = void_by(b->run, fam, &distrust);

	if (!row->control && void_id) {
		kp_unknown(res, "control", "");
		sentence(res, "the family's control ", void_id,
			 " contradicts itself, so none of its answers can be believed: please report it");
		return;
	}
	if (!prerequisites(b->run, row, res) || !kp_may_try(b->run, row, res))
		return;
	run_started(b, row, res);
	if (!row->control && distrust && res->outcome == KP_ABSENT) {
		res->outcome = KP_UNKNOWN;
		sentence(res, "", "", "the family's positive control could not be answered, so this no cannot be believed");
	}
}

void kp_work(struct kp_run *run, unsigned int fam, unsigned int first, bool again, int fd)
{
	const struct kp_family *f = kp_families[fam];
	unsigned int base = kp_first_row(fam);
	struct bench b = { .run = run, .ctx = { .env = &run->env } };
	struct kp_msg msg;

	for (unsigned int i = 0; i < KP_NETLINK_MAX; i++)
		b.ctx.nl[i] = -1;
	b.kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	b.tainted = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	b.taint = read_taint(&b);
	if (!(f->flags & KP_FAMILY_HOST_NETNS))
		loopback_up(&b);
	for (unsigned int i = first; i < f->n_rows; i++) {
		if (!run->sel.chosen[base + i])
			continue;
		memset(&msg, 0, sizeof(msg));
		msg.row = i;
		answer(&b, fam, &f->rows[i], &msg.res);
		if (kp_write_all(fd, &msg, sizeof(msg)))
			return;
		if (msg.res.retry && !again)
			return; /* the parent tries this row once more, in a fresh worker */
		again = false;
		run->done[base + i] = 1;
		run->outcome[base + i] = msg.res.outcome;
	}
}
