/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/* kprobe-collect: the C core as a static program, for nodes with nothing on them. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "evidence.h"
#include "probe.h"
#include "str.h"
#include "table.h"

/* clang-format off */
static const char usage[] =
	"kprobe-collect: asks this kernel, by doing, what it can do for container networking\n"
	"\n"
	"  kprobe-collect [options]        run; a table on a terminal, evidence (NDJSON) otherwise\n"
	"  --list                          the catalogue of rows (NDJSON)\n"
	"  --plan                          what a run may load and leave; touches nothing (NDJSON)\n"
	"  --select 'GLOB …'               rows by id; '!GLOB' takes out (default: all)\n"
	"  --no-autoload                   try nothing that could make the kernel load a module\n"
	"  --intrusive                     also rows that change a host lastingly\n"
	"  --full-size                     also rows that take much memory for a moment, where there is plenty\n"
	"  --no-flows                      send no packets: leave out the rows that prove by them\n"
	"  --unload=none|safe|all          which of the modules this run brought to remove (default: safe)\n"
	"  --deadline MS                   per row, 1 to 600000 (default: 5000)\n"
	"  --host                          in a container that sees the host's processes: in the host's namespaces\n"
	"  --tag TEXT                      stands in each record: tells streams in one log apart\n"
	"  --output FILE                   evidence goes there, the table to standard output\n"
	"  --version, --help\n"
	"\n"
	"Exit status: 0 ran (whatever the answers are) · 2 usage, or it could not run\n";
/* clang-format on */

enum opt {
	OPT_LIST = 1,
	OPT_PLAN,
	OPT_SELECT,
	OPT_NO_AUTOLOAD,
	OPT_INTRUSIVE,
	OPT_FULL_SIZE,
	OPT_NO_FLOWS,
	OPT_UNLOAD,
	OPT_DEADLINE,
	OPT_HOST,
	OPT_TAG,
	OPT_OUTPUT,
	OPT_VERSION,
	OPT_HELP,
#ifdef KP_SELFTEST
	OPT_SABOTAGE,
#endif
};

static const struct option options[] = {
	{ "list", no_argument, NULL, OPT_LIST },
	{ "plan", no_argument, NULL, OPT_PLAN },
	{ "select", required_argument, NULL, OPT_SELECT },
	{ "no-autoload", no_argument, NULL, OPT_NO_AUTOLOAD },
	{ "intrusive", no_argument, NULL, OPT_INTRUSIVE },
	{ "full-size", no_argument, NULL, OPT_FULL_SIZE },
	{ "no-flows", no_argument, NULL, OPT_NO_FLOWS },
	{ "unload", required_argument, NULL, OPT_UNLOAD },
	{ "deadline", required_argument, NULL, OPT_DEADLINE },
	{ "host", no_argument, NULL, OPT_HOST },
	{ "tag", required_argument, NULL, OPT_TAG },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
#ifdef KP_SELFTEST
	{ "sabotage", no_argument, NULL, OPT_SABOTAGE },
#endif
	{ 0 },
};

/* Names of nodes are DNS names. */
enum { TAG_MAX = 253 };

struct args {
	enum opt mode; /* OPT_LIST, OPT_PLAN, or 0: run */
	const char *select, *output;
	unsigned int flags, deadline_ms;
	bool host;
};

/* Not by stdio: its formats alone are 8 KB of the program. */
static void say(int fd, const char *text)
{
	kp_write_all(fd, text, strlen(text));
}

static int complain(const char *what, const char *which)
{
	say(STDERR_FILENO, "kprobe-collect: ");
	say(STDERR_FILENO, which);
	say(STDERR_FILENO, ": ");
	say(STDERR_FILENO, what);
	say(STDERR_FILENO, "; see --help\n");
	return 2;
}

static int parse_unload(struct args *a, const char *how)
{
	a->flags &= ~(unsigned int)(KP_UNLOAD_NONE | KP_UNLOAD_ALL);
	if (!strcmp(how, "none"))
		a->flags |= KP_UNLOAD_NONE;
	else if (!strcmp(how, "all"))
		a->flags |= KP_UNLOAD_ALL;
	else if (strcmp(how, "safe"))
		return complain("not one of none, safe, all", "--unload");
	return 0;
}

static int parse_deadline(struct args *a, const char *text)
{
	char *end;
	unsigned long ms = strtoul(text, &end, 10);

	if (*end || !ms || ms > 600000)
		return complain("not a number of milliseconds from 1 to 600000", "--deadline");
	a->deadline_ms = (unsigned int)ms;
	return 0;
}

/* Returns an exit status, or -1 to go on. */
static int parse(struct args *a, int argc, char **argv)
{
	int opt, rc = 0;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case OPT_LIST:
		case OPT_PLAN:
			a->mode = (enum opt)opt;
			break;
		case OPT_SELECT:
			a->select = optarg;
			break;
		case OPT_NO_AUTOLOAD:
			a->flags |= KP_NO_AUTOLOAD;
			break;
		case OPT_INTRUSIVE:
			a->flags |= KP_INTRUSIVE;
			break;
		case OPT_FULL_SIZE:
			a->flags |= KP_FULL_SIZE;
			break;
		case OPT_NO_FLOWS:
			a->flags |= KP_NO_FLOWS;
			break;
		case OPT_UNLOAD:
			rc = parse_unload(a, optarg);
			break;
		case OPT_DEADLINE:
			rc = parse_deadline(a, optarg);
			break;
		case OPT_HOST:
			a->host = true;
			break;
		case OPT_TAG:
			if (strlen(optarg) > TAG_MAX)
				return complain("more than 253 bytes", "--tag");
			kp_tag = optarg;
			break;
		case OPT_OUTPUT:
			a->output = optarg;
			break;
		case OPT_VERSION:
			say(STDOUT_FILENO, "kprobe-collect ");
			say(STDOUT_FILENO, kp_version());
			say(STDOUT_FILENO, "\n");
			return 0;
		case OPT_HELP:
			say(STDOUT_FILENO, usage);
			return 0;
#ifdef KP_SELFTEST
		case OPT_SABOTAGE:
			a->flags |= KP_SABOTAGE;
			break;
#endif
		default:
			return 2; /* getopt_long() has said why */
		}
		if (rc)
			return rc;
	}
	return optind < argc ? complain("unexpected argument", argv[optind]) : -1;
}

static int run(const struct args *a, int fd)
{
	struct kp_table table;
	bool tty = isatty(STDOUT_FILENO), people = a->output || tty;
	int rc;

	kp_table_init(&table, STDOUT_FILENO, tty && !getenv("NO_COLOR"));
	rc = kp_run(fd, a->select, a->flags, a->deadline_ms, people ? &table.watch : NULL);
	if (!rc && people)
		kp_table_end(&table);
	return rc;
}

/* A caller may have closed 0, 1 or 2: what is opened later must not take their places, or a message goes into the evidence. */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * Go where process 1 is, as a pod with hostPID may that is privileged: files, network and names are then the host's, and so are the
 * answers. What the container's environment says is not true of there. Returns 0 or a positive errno.
 */
static int enter_host(void)
{
	static const char *const names[] = { "ipc", "uts", "net", "cgroup", "mnt" };
	char path[32];
	int fds[KP_ARRAY_SIZE(names)];

	if (getpid() == 1)
		return ESRCH;
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++) {
		kp_copy(path, sizeof(path), "/proc/1/ns/");
		kp_cat(path, sizeof(path), names[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0 && errno != ENOENT) /* cgroup namespaces came with v4.6 */
			return errno;
	}
	for (size_t i = 0; i < KP_ARRAY_SIZE(names); i++)
		if (fds[i] >= 0 && (setns(fds[i], 0) || close(fds[i])))
			return errno;
	return clearenv() ? ENOMEM : 0;
}

/*
 * A program of 32 bits under a kernel of 64 is answered by another part of it, compat, which translates some structures (x_tables',
 * with CONFIG_NETFILTER_XTABLES_COMPAT) and not others (those that nft_compat carries): its answers are not the kernel's. setarch
 * may hide what kernel it is.
 */
static const char *wider_kernel(struct utsname *u)
{
#if UINTPTR_MAX == UINT32_MAX
	int old = personality(PER_LINUX);

	if (!uname(u) && strstr(u->machine, "64"))
		return u->machine;
	personality((unsigned long)old);
#endif
	(void)u;
	return NULL;
}

int main(int argc, char **argv)
{
	struct utsname u;
	struct args a = { 0 };
	int rc, fd = STDOUT_FILENO;

	hold_standard_descriptors();
	signal(SIGPIPE, SIG_IGN); /* a reader that goes must not take the clean-up with it */
	rc = parse(&a, argc, argv);
	if (rc >= 0)
		return rc;
	if (a.mode != OPT_LIST && wider_kernel(&u))
		return complain("this program is for 32-bit kernels, take the collector for", u.machine);
	if (a.output) {
		fd = open(a.output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			return complain(strerror(errno), a.output);
	} else if (!a.mode && isatty(STDOUT_FILENO)) {
		fd = -1; /* the table alone */
	}
	if (a.host && (rc = enter_host()))
		return complain(rc == ESRCH ? "this process is number 1: the container needs the host's processes (hostPID)"
					    : strerror(rc),
				rc == EPERM || rc == EACCES ? "--host takes a privileged container" : "--host");
	if (a.mode)
		rc = a.mode == OPT_LIST ? kp_list(fd, a.select) : kp_plan(fd, a.select, a.flags);
	else
		rc = run(&a, fd);
	if (a.output && close(fd) && !rc)
		rc = -errno;
	if (rc == -EINVAL)
		return complain("selects no row (see --list)", a.select ? a.select : "--select");
	return rc ? complain(strerror(-rc), a.output ? a.output : "run") : 0;
}
