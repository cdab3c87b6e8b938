/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * What a probe is: rows (facts about the kernel), methods (how a row asks), families (a worker each), results (what was said).
 *
 * Methods run after fork() in a possibly threaded process: stack buffers and async-signal-safe calls only, no heap, no stdio.
 */
#ifndef KP_PROBE_H
#define KP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h"

#define KP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum kp_outcome {
	KP_UNKNOWN, /* could not tell, and why */
	KP_WORKS,   /* done and read back */
	KP_ABSENT,  /* this kernel does not have it, autoload included */
	KP_DENIED,  /* it may exist, this process may not */
	KP_BROKEN,  /* taken, but it does not do its job */
};

enum kp_control {
	KP_NO_CONTROL,
	KP_POSITIVE, /* must come back `works` before any `absent` of the family is believed */
	KP_NEGATIVE, /* invented: must come back `absent`, else no `works` of the family is believed */
};

/* Why a row runs only with --intrusive. */
enum kp_risk {
	KP_SAFE,
	/*
	 * Loads nf_conntrack: before v4.10 (0c66dc1ea3f0 "netfilter: conntrack: register hooks in netns when needed by ruleset")
	 * its hooks then sit in every namespace, the host's included, for good. Not a risk where it is loaded or built in.
	 */
	KP_RISK_CONNTRACK,
	/* Loads row's .risk_module, which changes the host lastingly (.host says how). Not a risk where it is loaded or built in. */
	KP_RISK_MODULE,
	/* Loading row's .risk_module may hold up others on the host for as long as the row may take (.host says how). */
	KP_RISK_STALL,
	KP_RISK_ALWAYS, /* on every kernel, whatever is loaded: .host says what */
};

/* Capabilities a call is gated on, as bits; KP_GATE_INIT: they must be held in the initial user namespace. */
#define KP_CAP(n) (UINT64_C(1) << (n))
#define KP_CAP_NET_ADMIN KP_CAP(12)
#define KP_CAP_NET_RAW KP_CAP(13)
#define KP_CAP_SYS_MODULE KP_CAP(16)
#define KP_CAP_SYS_ADMIN KP_CAP(21)
#define KP_GATE_INIT KP_CAP(63)

/* Which call answered: the errno rules that come before a row's own differ by it (classify.c). */
enum kp_call {
	KP_CALL_PLAIN,      /* netlink, ioctl, sockopt: the row's rules decide */
	KP_CALL_SOCKET,     /* socket(2) itself */
	KP_CALL_UNSHARE,    /* unshare(2), setns(2), clone(2) of a namespace */
	KP_CALL_XT_SOCKOPT, /* legacy x_tables get/setsockopt, which does not autoload ip_tables by itself */
	KP_CALL_BPF, /* bpf(2), whose EACCES and E2BIG may be the verifier's: the row's rules come before the common ones */
	KP_CALL_BPF_CHARGED, /* bpf(2) on a kernel that charges RLIMIT_MEMLOCK, which could not be raised */
};

/* What an errno means at a row. Lists end with .err = 0. */
struct kp_rule {
	int err;
	enum kp_outcome outcome;
	const char *why; /* KP_ABSENT: in words; KP_WORKS: the argument why this errno is a yes */
};

#define KP_TEXT 192
#define KP_LOG_LINES 3
#define KP_LOG_TEXT 160

/* One row's answer; goes through a pipe in one write, so it stays under PIPE_BUF. */
struct kp_result {
	uint8_t outcome; /* enum kp_outcome */
	bool retry; /* ENOMEM or EBUSY decided: worth one more try in a fresh worker */
	int32_t err; /* positive errno of the deciding step */
	uint64_t ns;
	uint32_t taint;
	char step[40];
	char extack[KP_TEXT];
	char reason[KP_TEXT];
	char detail[512]; /* "key=value\n"… */
	char loaded[640]; /* "module\n"… that appeared while the row ran */
	char log[KP_LOG_LINES][KP_LOG_TEXT];
};

struct kp_ctx;
struct kp_probe;

/* A detail that is a set, as a number in hexadecimal: bit N stands for the N-th name. */
struct kp_bits {
	const char *detail;
	const char *names; /* blank-separated */
};

/* How rows ask. */
struct kp_method {
	void (*run)(struct kp_ctx *ctx, const struct kp_probe *row, struct kp_result *res);
	const char *asks; /* one sentence: which calls, in which order */
	const char *proves; /* one sentence: what makes it `works`, `absent`, `broken` */
	const struct kp_rule *rules; /* may be NULL */
	uint64_t gate; /* KP_CAP_*, KP_GATE_INIT */
	const struct kp_bits *bits; /* may be NULL */
};

#define KP_FRESH_NETNS 1u /* the row wants a network namespace nobody used before it */
#define KP_MIB_PER_CPU 2u /* .mib is for each possible CPU */

struct kp_probe {
	const char *id; /* family.object[.variant], stable for ever */
	const char *title;
	const char *modules; /* blank-separated: everything the kernel may be asked to load for this row, by module name */
	const char *kconfig; /* blank-separated, CONFIG_… */
	const char *since; /* first release */
	const char *needs; /* blank-separated ids of rows before this one, all of which must work */
	const char *host; /* what the kernel makes in the host's namespaces when the modules load */
	const char *asks; /* instead of the method's, where the row is special */
	const char *risk_module; /* of KP_RISK_MODULE and KP_RISK_STALL */
	uint8_t risk; /* enum kp_risk */
	uint8_t control; /* enum kp_control */
	uint8_t flags; /* KP_FRESH_NETNS, KP_MIB_PER_CPU */
	uint16_t mib; /* not 0: takes so many MiB for a moment, and so runs only with --full-size */
	const struct kp_method *by;
	const void *arg;
	const struct kp_rule *rules; /* before the method's; may be NULL */
};

#define KP_FAMILY_HOST_NETNS 1u /* the worker starts in the caller's network namespace (the ns family, which makes its own) */

struct kp_family {
	const char *name; /* prefix of its ids, without the dot; a worker each */
	const char *title;
	unsigned int flags;
	const struct kp_probe *rows;
	unsigned int n_rows;
	const char *
		records; /* what a run of it may write into the kernel log or the audit trail, besides modules announcing themselves */
};

/* What this process is and may; decided once, before the first fork. */
struct kp_env {
	uint64_t caps; /* effective, in the user namespace the workers live in */
	uint64_t caps_effective; /* the caller's own, before any user namespace of the workers' */
	uint64_t caps_bounding;
	uint64_t caps_init; /* effective, if that is the initial user namespace; else 0 */
	int seccomp; /* 0, 1, 2; -1 unreadable */
	bool userns; /* workers make a user namespace of their own */
	bool modular; /* /proc/modules exists: something could be loaded */
	bool logs_all_netns; /* net.netfilter.nf_log_all_netns of the initial namespace, or it cannot be seen */
	unsigned int flags; /* enum kp_flags */
	unsigned int release; /* KP_RELEASE(major, minor); for risks, never for a verdict */
	char lsm[96]; /* comma-separated, "" unreadable */
};
#ifdef KP_SELFTEST
#define KP_SABOTAGE (1u << 31) /* of .flags: see flow.h */
#endif
#define KP_RELEASE(a, b) ((unsigned int)(a) << 16 | (unsigned int)(b))

#define KP_NETLINK_MAX 32

struct kp_ctx {
	const struct kp_env *env;
	const struct kp_probe *row;
	int nl[KP_NETLINK_MAX]; /* netlink sockets by protocol, -1: not open; closed when the namespace changes */
	uint32_t seq;
	char extack[KP_TEXT]; /* of the last netlink answer */
};

/*
 * The answers a method gives. Each row ends with exactly one of these; @step names what was being done, in a word or two.
 *
 * kp_fail(): a call answered @err (positive errno); the errno rules decide the outcome. The last extack is taken along.
 */
void kp_works(struct kp_result *res, const char *step);
void kp_fail(struct kp_ctx *ctx, struct kp_result *res, const char *step, enum kp_call call, int err);
void kp_broken(struct kp_result *res, const char *step, const char *reason);
void kp_unknown(struct kp_result *res, const char *step, const char *reason);
void kp_absent(struct kp_result *res, const char *step, const char *reason);

/* Facts measured besides: shown as they are. The same key again is a second entry: don't. */
void kp_detail(struct kp_result *res, const char *key, const char *value);
void kp_detail_u(struct kp_result *res, const char *key, unsigned long long value);

/*
 * The errno rules, in one place (classify.c): those that hold everywhere, then @row's, then its method's.
 * *ret_reason is set to a static string, or to "" when there is nothing to say.
 */
enum kp_outcome kp_classify(const struct kp_env *env, const struct kp_probe *row, enum kp_call call, int err, bool *ret_retry,
			    const char **ret_reason);

/* The rule for @err in a list that may be NULL, or NULL. */
const struct kp_rule *kp_find_rule(const struct kp_rule *rules, int err);

/* "EOPNOTSUPP"; "" for 0; "E524" style for what has no name. @buf at least 16 bytes, used for the latter. */
const char *kp_errno_name(int err, char *buf);

const char *kp_outcome_name(enum kp_outcome outcome);

extern const struct kp_family *const kp_families[];
extern const unsigned int kp_n_families;

#endif
