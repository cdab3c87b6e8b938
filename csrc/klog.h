/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What a run made the kernel say: its log and, where that may be listened to, the audit trail. */
#ifndef KP_KLOG_H
#define KP_KLOG_H

#include "evidence.h"

struct kp_ledger;

struct kp_klog {
	int kmsg, audit; /* -1: cannot be read */
	int kmsg_err, audit_err;
};

#define KP_KLOG_INIT { -1, -1, 0, 0 }

/* From here on. */
void kp_klog_open(struct kp_klog *l, const struct kp_env *env);
/* Writes log and audit to the open record. @ledger: whose modules' lines are shown besides those of the allow-list. */
void kp_klog_tell(struct kp_klog *l, struct kp_out *o, const struct kp_ledger *ledger);
void kp_klog_close(struct kp_klog *l);

/*
 * One record of /dev/kmsg, "prio,seq,time,flags;text\n" and more (v3.5, e11fea92e13f), without waiting. Returns its text, terminated, in
 * @buf; NULL: there is no more. *ret_prio: level and facility; *ret_lost: the ring went round.
 */
char *kp_klog_next(int kmsg, char *buf, size_t size, unsigned int *ret_prio, bool *ret_lost);

/* Is a line such as what rows ask writes? Nothing of anybody else's gets into the evidence. @modules: may be NULL. */
bool kp_klog_allowed(const char *line, const char *modules);

#endif
