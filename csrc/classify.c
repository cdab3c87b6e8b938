/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* What an errno means: the rules that hold everywhere first, the row's own after them. The one place where that is decided. */
#include <errno.h>
#include <string.h>

#include "probe.h"

/* clang-format off */
static const struct {
	int err;
	const char *name;
} names[] = {
#define N(e) { e, #e }
	N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC), N(EBADF), N(ECHILD), N(EAGAIN), N(ENOMEM),
	N(EACCES), N(EFAULT), N(EBUSY), N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR), N(EINVAL), N(ENFILE), N(EMFILE),
	N(ENOTTY), N(ETXTBSY), N(EFBIG), N(ENOSPC), N(EROFS), N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK), N(ENAMETOOLONG), N(ENOLCK),
	N(ENOSYS), N(ENOTEMPTY), N(ELOOP), N(ENOMSG), N(ENOSTR), N(ENODATA), N(ETIME), N(ENOLINK), N(EPROTO), N(EBADMSG), N(EOVERFLOW),
	N(EILSEQ), N(EUSERS), N(ENOTSOCK), N(EDESTADDRREQ), N(EMSGSIZE), N(EPROTOTYPE), N(ENOPROTOOPT), N(EPROTONOSUPPORT),
	N(ESOCKTNOSUPPORT), N(EOPNOTSUPP), N(EPFNOSUPPORT), N(EAFNOSUPPORT), N(EADDRINUSE), N(EADDRNOTAVAIL), N(ENETDOWN),
	N(ENETUNREACH), N(ENETRESET), N(ECONNABORTED), N(ECONNRESET), N(ENOBUFS), N(EISCONN), N(ENOTCONN), N(ETIMEDOUT),
	N(ECONNREFUSED), N(EHOSTDOWN), N(EHOSTUNREACH), N(EALREADY), N(EINPROGRESS), N(ESTALE), N(EDQUOT), N(ECANCELED), N(ENOKEY),
	N(EKEYEXPIRED), N(EKEYREVOKED), N(EKEYREJECTED), N(ERFKILL),
#undef N
	{ 524, "ENOTSUPP" }, /* the kernel's own, never in a libc header */
};
/* clang-format on */

const char *kp_errno_name(int err, char *buf)
{
	if (!err)
		return "";
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++)
		if (names[i].err == err)
			return names[i].name;
	kp_copy(buf, 16, "E");
	kp_cat_u(buf, 16, (unsigned long long)err);
	return buf;
}

const char *kp_outcome_name(enum kp_outcome outcome)
{
	switch (outcome) {
	case KP_WORKS:
		return "works";
	case KP_ABSENT:
		return "absent";
	case KP_DENIED:
		return "denied";
	case KP_BROKEN:
		return "broken";
	case KP_UNKNOWN:
		break;
	}
	return "unknown";
}

const struct kp_rule *kp_find_rule(const struct kp_rule *rules, int err)
{
	for (; rules && rules->err; rules++)
		if (rules->err == err)
			return rules;
	return NULL;
}

static const char *missing_cap(const struct kp_env *env, uint64_t gate)
{
	uint64_t held = gate & KP_GATE_INIT ? env->caps_init : env->caps;
	uint64_t missing = gate & ~KP_GATE_INIT & ~held;
	bool init = gate & KP_GATE_INIT && env->caps & missing;

	if (!missing)
		return NULL;
	if (missing & KP_CAP_NET_ADMIN)
		return init ? "needs CAP_NET_ADMIN in the initial user namespace: run as root on the node"
			    : "needs CAP_NET_ADMIN: run as root, or add the capability to the container";
	if (missing & KP_CAP_SYS_ADMIN)
		return init ? "needs CAP_SYS_ADMIN in the initial user namespace: run as root on the node"
			    : "needs CAP_SYS_ADMIN: run as root, or add the capability to the container";
	if (missing & KP_CAP_SYS_MODULE)
		return "needs CAP_SYS_MODULE in the initial user namespace: run as root on the node";
	return "needs a capability that this process has not: run as root on the node";
}

/* Rules for particular calls, wherever they are made. */
static const struct kp_rule unshare_rules[] = {
	{ ENOSPC, KP_DENIED, "user.max_*_namespaces is reached or 0: raise it (sysctl user.max_net_namespaces)" },
	{ EUSERS, KP_DENIED, "user.max_*_namespaces is reached or 0: raise it (sysctl user.max_net_namespaces)" }, /* before v4.9 */
	{ EINVAL, KP_ABSENT, "this kind of namespace is not built into the kernel" },
	{ 0 },
};

static const struct kp_rule common_rules[] = {
	{ EPERM, KP_DENIED, "refused although the capability is held: an LSM, a seccomp filter or a device policy (see node.lsm)" },
	{ EACCES, KP_DENIED,
	  "refused although the capability is held: an LSM, a seccomp filter or a device policy (see node.lsm)" },
	{ EROFS, KP_DENIED,
	  "mounted read-only here, as /proc/sys is in a container: run as root on the node, or in a privileged container" },
	{ ENOMEM, KP_UNKNOWN, "the kernel ran out of memory, twice: free some and run again" },
	{ ENOBUFS, KP_UNKNOWN, "the kernel ran out of buffers, twice: run again" },
	{ EBUSY, KP_UNKNOWN, "the kernel said busy, twice: run again" },
	{ EINTR, KP_UNKNOWN, "interrupted: run again" },
	{ ETIMEDOUT, KP_UNKNOWN, "the kernel did not answer: run again, with a longer --deadline on a slow machine" },
	{ EMFILE, KP_UNKNOWN, "no file descriptor left: raise the limit (ulimit -n)" },
	{ ENFILE, KP_UNKNOWN, "no file left in the system: raise fs.file-max" },
	{ EMSGSIZE, KP_UNKNOWN, "the request did not fit its buffer: a defect of this row, please report it" },
	{ 0 },
};

enum kp_outcome kp_classify(const struct kp_env *env, const struct kp_probe *row, enum kp_call call, int err, bool *ret_retry,
			    const char **ret_reason)
{
	const struct kp_method *by = row->by;
	const struct kp_rule *rule = NULL;
	const char *why;

	*ret_retry = false;
	*ret_reason = "";
	if (!err)
		return KP_WORKS;

	/* A filter cannot be told from an old kernel by its errno: never call that absent. */
	if (env->seccomp > 0 && (err == ENOSYS || (call == KP_CALL_SOCKET && err == EAFNOSUPPORT))) {
		*ret_reason = "a seccomp filter is active and may have answered for the kernel: run without it (privileged, or "
			      "Unconfined)";
		return KP_UNKNOWN;
	}
	/* Without its capability a gated call says nothing about the kernel, whatever the errno (v6.x rtnetlink says EINVAL first). */
	why = by ? missing_cap(env, by->gate) : NULL;
	if (why) {
		*ret_reason = why;
		return KP_DENIED;
	}
	if (call == KP_CALL_UNSHARE)
		rule = kp_find_rule(unshare_rules, err);
	/* Nobody may have asked for ip_tables yet, and we may not: getsockopt() does not load it. */
	if (call == KP_CALL_XT_SOCKOPT && err == ENOPROTOOPT && env->modular && !(env->caps_init & KP_CAP_SYS_MODULE)) {
		*ret_reason = "legacy x_tables is not loaded, and asking for it takes CAP_SYS_MODULE: run as root on the node";
		return KP_UNKNOWN;
	}
	if (call == KP_CALL_BPF_CHARGED && err == EPERM) {
		*ret_reason = "RLIMIT_MEMLOCK, which kernels before 5.11 charge BPF to, could not be raised: run as root with "
			      "CAP_SYS_RESOURCE";
		return KP_UNKNOWN;
	}
	if (call == KP_CALL_BPF || call == KP_CALL_BPF_CHARGED) {
		rule = kp_find_rule(row->rules, err);
		if (!rule && by)
			rule = kp_find_rule(by->rules, err);
		if (rule) {
			*ret_reason = rule->why ? rule->why : "";
			return rule->outcome;
		}
	}
	if (!rule)
		rule = kp_find_rule(common_rules, err);
	if (rule)
		*ret_retry = err == ENOMEM || err == ENOBUFS || err == EBUSY;
	if (!rule)
		rule = kp_find_rule(row->rules, err);
	if (!rule && by)
		rule = kp_find_rule(by->rules, err);
	if (rule) {
		*ret_reason = rule->why ? rule->why : "";
		return rule->outcome;
	}
	*ret_reason = err == EEXIST ? "the name was taken, which proves nothing: run again"
				    : "this errno has no rule at this row: please report it with the evidence";
	return KP_UNKNOWN;
}

void kp_works(struct kp_result *res, const char *step)
{
	res->outcome = KP_WORKS;
	res->err = 0;
	kp_copy(res->step, sizeof(res->step), step);
}

void kp_fail(struct kp_ctx *ctx, struct kp_result *res, const char *step, enum kp_call call, int err)
{
	const char *reason;

	res->outcome = (uint8_t)kp_classify(ctx->env, ctx->row, call, err, &res->retry, &reason);
	res->err = err;
	kp_copy(res->step, sizeof(res->step), step);
	kp_copy(res->reason, sizeof(res->reason), reason);
	kp_copy(res->extack, sizeof(res->extack), ctx->extack);
}

static void answer(struct kp_result *res, enum kp_outcome outcome, const char *step, const char *reason)
{
	res->outcome = (uint8_t)outcome;
	kp_copy(res->step, sizeof(res->step), step);
	kp_copy(res->reason, sizeof(res->reason), reason);
}

void kp_broken(struct kp_result *res, const char *step, const char *reason)
{
	answer(res, KP_BROKEN, step, reason);
}

void kp_unknown(struct kp_result *res, const char *step, const char *reason)
{
	answer(res, KP_UNKNOWN, step, reason);
}

void kp_absent(struct kp_result *res, const char *step, const char *reason)
{
	answer(res, KP_ABSENT, step, reason);
}

void kp_detail(struct kp_result *res, const char *key, const char *value)
{
	size_t at = strlen(res->detail);

	kp_cat(res->detail, sizeof(res->detail), key);
	kp_cat(res->detail, sizeof(res->detail), "=");
	/* A newline ends an entry, so none may be inside one. */
	for (size_t n = strlen(res->detail); *value && n + 1 < sizeof(res->detail); value++) {
		res->detail[n++] = *value == '\n' ? ' ' : *value;
		res->detail[n] = '\0';
	}
	if (!kp_cat(res->detail, sizeof(res->detail), "\n"))
		res->detail[at] = '\0'; /* half an entry would be a lie */
}

void kp_detail_u(struct kp_result *res, const char *key, unsigned long long value)
{
	char buf[21];

	kp_detail(res, key, kp_utoa(value, buf));
}
