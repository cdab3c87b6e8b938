/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* The kernel log and the audit trail, from the beginning of a run to its end. */
#include "klog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "run.h"

#define LINES_SHOWN 16
#define LINES_MAX 65536 /* somebody may write faster than this reads */
#define LEVEL 7
#define WARNING 4
#define NETLINK_AUDIT_TRAIL 9
#define GROUP_READLOG 1 /* v3.16, 451f921639fe: needs CAP_AUDIT_READ, in the initial user namespace */
#define CAP_AUDIT_READ 37
#define ROOM (8 << 20) /* some thousand records; taken only as they come */

/* Lines that netfilter, links and the module loader write. */
bool kp_klog_allowed(const char *line, const char *modules)
{
	static const char *const prefixes[] = {
		"x_tables:",
		"ip_tables:",
		"ip6_tables:",
		"xt_",
		"ipt_",
		"ip6t_",
		"nf_",
		"nft_",
		"nfnetlink",
		"ip_set",
		"set ",
		"Cannot find ",
		"cannot load ",
		"IPVS:",
		"wireguard:",
		"vxlan:",
		"netlink:",
		"kp",
		"Lockdown:",
		"Loading of ",
		"module ",
		"Module ",
		"Can't find ip_set type",
	};
	static const char *const loader[] = { ": version magic '", ": disagrees about version of symbol ", ": Unknown symbol " };
	char word[128];

	for (size_t i = 0; i < KP_ARRAY_SIZE(prefixes); i++)
		if (kp_starts(line, prefixes[i]))
			return true;
	for (const char *p = modules; kp_word(&p, word, sizeof(word));)
		if (kp_starts(line, word) && line[strlen(word)] == ':')
			return true;
	/* What the loader says of any module, such as one that a row's module depends on (kernel/module). */
	for (size_t i = 0; i < KP_ARRAY_SIZE(loader); i++)
		if (strstr(line, loader[i]))
			return true;
	return false;
}

char *kp_klog_next(int kmsg, char *buf, size_t size, unsigned int *ret_prio, bool *ret_lost)
{
	for (;;) {
		ssize_t got = kmsg < 0 ? -1 : read(kmsg, buf, size - 1);
		const char *p = buf;
		char *text, *end;

		if (got < 0 && kmsg >= 0 && (errno == EPIPE || errno == EINTR)) {
			*ret_lost |= errno == EPIPE;
			continue;
		}
		if (got <= 0)
			return NULL;
		buf[got] = '\0';
		*ret_prio = (unsigned int)kp_parse_u(&p);
		text = strchr(buf, ';');
		if (!text)
			continue;
		end = strchr(++text, '\n');
		if (end)
			*end = '\0';
		return text;
	}
}

/* A socket of a protocol that the kernel has not would make it load a module: /proc/PID/loginuid is there where there is audit. */
static int listen_audit(const struct kp_env *env)
{
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = 1u << (GROUP_READLOG - 1) };
	const int room = ROOM;
	int fd, rc;

	if (access("/proc/self/loginuid", F_OK))
		return -errno;
	/* Not tried in vain: a refusal is an audit record as well. */
	if (!(env->caps_init & KP_CAP(CAP_AUDIT_READ)))
		return -EPERM;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT_TRAIL);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (!bind(fd, (const struct sockaddr *)&to, sizeof(to)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void kp_klog_open(struct kp_klog *l, const struct kp_env *env)
{
	l->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	l->kmsg_err = l->kmsg < 0 ? errno : 0;
	if (l->kmsg >= 0)
		lseek(l->kmsg, 0, SEEK_END);
	l->audit = listen_audit(env);
	l->audit_err = l->audit < 0 ? -l->audit : 0;
}

static bool of_module(const struct kp_ledger *ledger, const char *line)
{
	for (unsigned int i = ledger->n_before; i < ledger->n; i++)
		if (kp_starts(line, ledger->name[i]) && line[strlen(ledger->name[i])] == ':')
			return true;
	return false;
}

static void tell_log(struct kp_klog *l, struct kp_out *o, const struct kp_ledger *ledger)
{
	char buf[1024], shown[LINES_SHOWN][KP_LOG_TEXT], name[16];
	unsigned int lines = 0, warnings = 0, n = 0, prio = 0;
	bool lost = false;
	const char *text;

	while (lines < LINES_MAX && (text = kp_klog_next(l->kmsg, buf, sizeof(buf), &prio, &lost))) {
		if (prio > LEVEL)
			continue; /* a program's: other facilities */
		lines++;
		warnings += (prio & LEVEL) <= WARNING;
		if (n < LINES_SHOWN && (kp_klog_allowed(text, NULL) || of_module(ledger, text))) {
			char number[24];

			kp_copy(shown[n], KP_LOG_TEXT, "<");
			kp_cat(shown[n], KP_LOG_TEXT, kp_utoa(prio & LEVEL, number));
			kp_cat(shown[n], KP_LOG_TEXT, ">");
			kp_cat(shown[n++], KP_LOG_TEXT, text);
		}
	}
	kp_js_object(o, "log");
	kp_js_text(o, "error", kp_errno_name(l->kmsg_err, name));
	kp_js_int(o, "lines", lines);
	kp_js_int(o, "warnings", warnings);
	if (lost)
		kp_js_bool(o, "lost", true);
	if (n) {
		kp_js_array(o, "said");
		for (unsigned int i = 0; i < n; i++)
			kp_js_item(o, shown[i]);
		kp_js_end(o, ']');
	}
	kp_js_end(o, '}');
}

/*
 * Whether this is a record of SELinux that it refused this (security/selinux/avc.c, avc_audit_pre_callback()). With "permissive=1" it
 * only would have.
 */
static bool refused(const char *text, const char *what)
{
	const char *denied = strstr(text, "avc:  denied  { ");

	return denied && kp_starts(denied + 16, what) && !strstr(text, "permissive=1");
}

/* Who caused a record does not stand in each: those of the types that rows cause are counted, whoever it was. */
static void tell_audit(struct kp_klog *l, struct kp_out *o)
{
	static const struct {
		uint16_t type;
		const char *name;
		const char *refused;
	} types[] = { { 1325, "NETFILTER_CFG", NULL },
		      { 1334, "BPF", NULL },
		      { 1700, "ANOM_PROMISCUOUS", NULL },
		      { 1335, "EVENT_LISTENER", NULL },
		      { 1400, "AVC.module_request", "module_request }" }, /* the two that keep the kernel from getting a module */
		      { 1400, "AVC.module_load", "module_load }" } };
	unsigned int count[KP_ARRAY_SIZE(types)] = { 0 };
	char buf[8192 + 1];
	char name[16];
	bool lost = false;
	ssize_t got;

	while (l->audit >= 0 && ((got = recv(l->audit, buf, sizeof(buf) - 1, 0)) > 0 || (got < 0 && errno == ENOBUFS))) {
		struct nlmsghdr head;

		lost |= got < 0;
		if (got < (ssize_t)sizeof(head))
			continue;
		memcpy(&head, buf, sizeof(head));
		buf[got] = '\0';
		for (size_t i = 0; i < KP_ARRAY_SIZE(types); i++)
			count[i] += head.nlmsg_type == types[i].type &&
				    (!types[i].refused || refused(buf + sizeof(head), types[i].refused));
	}
	kp_js_object(o, "audit");
	kp_js_text(o, "error", kp_errno_name(l->audit_err, name));
	for (size_t i = 0; i < KP_ARRAY_SIZE(types); i++)
		if (count[i])
			kp_js_int(o, types[i].name, count[i]);
	if (lost)
		kp_js_bool(o, "lost", true);
	kp_js_end(o, '}');
}

void kp_klog_tell(struct kp_klog *l, struct kp_out *o, const struct kp_ledger *ledger)
{
	tell_log(l, o, ledger);
	tell_audit(l, o);
}

void kp_klog_close(struct kp_klog *l)
{
	kp_closep(&l->kmsg);
	kp_closep(&l->audit);
	l->kmsg = l->audit = -1;
}
