/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * Workers: the only fork() in the project. A worker runs the rows of one family in namespaces of its own and sends each answer
 * through a pipe in one write. The parent keeps the deadlines; when a worker dies or overruns, its current row is `unknown` and a
 * new worker goes on behind it. What a worker made dies with its namespaces.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "run.h"
#include "worker.h"

#define KP_SYS_close_range 436 /* v5.9, 278a5fbaed89; one number on all architectures */
#define REAP_MS 1000           /* after SIGKILL; longer means D state */
#define MSG_SETUP UINT32_MAX   /* kp_msg.row: the worker could not get its namespaces */

struct worker {
	pid_t pid;
	int fd; /* read end */
};

/* Every descriptor but @keep, which becomes 3: a worker must hold nothing of its parent's open. */
static int close_others(int keep)
{
	struct rlimit lim = { .rlim_cur = 1024 };
	int null;

	if (keep != 3 && dup2(keep, 3) < 0)
		return -errno;
	null = open("/dev/null", O_RDWR); /* after that, or 3 could be its own number */
	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (!syscall(KP_SYS_close_range, 4, ~0U, 0))
		return 3;
	getrlimit(RLIMIT_NOFILE, &lim);
	for (int fd = 4; fd < (lim.rlim_cur > 65536 ? 65536 : (int)lim.rlim_cur); fd++)
		close(fd);
	return 3;
}

static void default_signals(void)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL }, ign = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (int sig = 1; sig < 32; sig++)
		sigaction(sig, &dfl, NULL);
	/* An interrupt at the terminal is the parent's business; it takes the workers with it. */
	sigaction(SIGINT, &ign, NULL);
	sigaction(SIGQUIT, &ign, NULL);
	sigaction(SIGPIPE, &ign, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int map_root(const char *path, unsigned int id)
{
	char line[40] = "0 ";

	kp_cat_u(line, sizeof(line), id);
	kp_cat(line, sizeof(line), " 1\n");
	return kp_write_file(path, line);
}

/* Returns 0 or -errno; *ret_step says what failed. */
static int enter_namespaces(const struct kp_run *run, const struct kp_family *fam, const char **ret_step)
{
	unsigned int uid = geteuid(), gid = getegid();
	int rc;

	if (run->env.userns) {
		*ret_step = "unshare user namespace";
		if (unshare(CLONE_NEWUSER))
			return -errno;
		*ret_step = "map user namespace";
		kp_write_file("/proc/self/setgroups", "deny"); /* v3.19; older kernels want none */
		rc = map_root("/proc/self/uid_map", uid);
		if (!rc)
			rc = map_root("/proc/self/gid_map", gid);
		if (rc)
			return rc;
	}
	*ret_step = "unshare network namespace";
	if (!(fam->flags & KP_FAMILY_HOST_NETNS) && unshare(CLONE_NEWNET))
		return -errno;
	return 0;
}

static void worker_main(struct kp_run *run, unsigned int fam, unsigned int first, bool again, int fd, pid_t parent)
{
	const struct rlimit none = { 0 };
	struct kp_msg msg = { .row = MSG_SETUP };
	const char *step = "";
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	prctl(PR_SET_NAME, "kprobe-worker");
	default_signals();
	setrlimit(RLIMIT_CORE, &none);
	fd = close_others(fd);
	if (fd < 0)
		_exit(1);
	/* A process that changed its uid may be undumpable, and could not write its own uid_map (proc(5)). */
	prctl(PR_SET_DUMPABLE, 1);
	rc = enter_namespaces(run, kp_families[fam], &step);
	/* No core dump handler of the host's for a crashing row. Not before the maps: an undumpable process may not write its own. */
	prctl(PR_SET_DUMPABLE, 0);
	if (rc) {
		msg.res.err = -rc;
		kp_copy(msg.res.step, sizeof(msg.res.step), step);
		kp_write_all(fd, &msg, sizeof(msg));
		_exit(0);
	}
	/* The parent's /proc/modules went with the other descriptors. */
	run->ledger.fd = run->ledger.fd < 0 ? -1 : open("/proc/modules", O_RDONLY | O_CLOEXEC);
	kp_work(run, fam, first, again, fd);
	_exit(0);
}

static int start(struct kp_run *run, unsigned int fam, unsigned int first, bool again, struct worker *w)
{
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	w->pid = fork();
	if (!w->pid)
		worker_main(run, fam, first, again, fds[1], parent);
	close(fds[1]);
	w->fd = fds[0];
	if (w->pid < 0) {
		int err = errno;

		close(fds[0]);
		return -err;
	}
	run->workers++;
	return 0;
}

/* Returns the wait status, 0 when it is not ours to wait for (somebody ignores SIGCHLD), -1 when it would not die. */
static int reap(struct kp_run *run, pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t until = kp_now_ms() + REAP_MS;
	int status = 0;

	do {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return 0;
		nanosleep(&pause, NULL);
	} while (kp_now_ms() < until);
	run->abandoned++;
	return -1;
}

void kp_sandbox_reap(struct kp_run *run)
{
	while (run->n_dying)
		reap(run, run->dying[--run->n_dying]);
}

/* A worker that has answered everything: it dies while the next one works. */
static void dismiss(struct kp_run *run, struct worker *w)
{
	close(w->fd);
	kill(w->pid, SIGKILL);
	if (run->n_dying == KP_ARRAY_SIZE(run->dying))
		kp_sandbox_reap(run);
	run->dying[run->n_dying++] = w->pid;
}

/* A worker that overran, died, or closed its pipe without dying. What it died of stays what it was. Returns as reap(). */
static int stop(struct kp_run *run, struct worker *w)
{
	int status = 0;
	pid_t got;

	close(w->fd);
	got = waitpid(w->pid, &status, WNOHANG);
	if (got)
		return got == w->pid ? status : 0;
	kill(w->pid, SIGKILL);
	return reap(run, w->pid);
}

enum heard { HEARD, HEARD_END, HEARD_NOTHING };

/* One message, or the worker's end, or nothing until @until. A grandchild may hold the pipe: the pid decides, not EOF alone. */
static enum heard hear(struct kp_run *run, struct worker *w, struct kp_msg *msg, uint64_t until)
{
	for (;;) {
		uint64_t now = kp_now_ms();
		struct pollfd p[2] = { { .fd = w->fd, .events = POLLIN }, { .fd = run->out.fd } };
		siginfo_t info = { .si_pid = 0 };
		int left = now < until ? (int)(until - now) : 0;

		if (poll(p, 2, left > 100 ? 100 : left) > 0) {
			ssize_t n;

			/* Nobody reads the evidence any more (POLLERR; POLLHUP of a socket): do not keep a caller waiting for a slow row. */
			if (p[1].revents) {
				run->out.err = -EPIPE;
				return HEARD_NOTHING;
			}
			if (!p[0].revents)
				continue;
			n = read(w->fd, msg, sizeof(*msg));

			if (n == (ssize_t)sizeof(*msg))
				return HEARD;
			if (n < 0 && errno == EINTR)
				continue;
			return HEARD_END;
		}
		if (!waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == w->pid) {
			/* It may have answered since poll() gave up: its last words go before its end. */
			if (poll(p, 1, 0) > 0 && p[0].revents & POLLIN)
				continue;
			return HEARD_END;
		}
		if (!left)
			return HEARD_NOTHING;
	}
}

static const char *signal_reason(int status)
{
	static const char *const known[32] = {
		[SIGSEGV] = "the worker died of SIGSEGV: a defect of this row, please report it",
		[SIGBUS] = "the worker died of SIGBUS: a defect of this row, please report it",
		[SIGABRT] = "the worker died of SIGABRT: a defect of this row, please report it",
		[SIGILL] = "the worker died of SIGILL: a defect of this row, please report it",
		[SIGKILL] = "the worker was killed (SIGKILL): out of memory, or somebody's hand; run again",
		[SIGSYS] = "the worker died of SIGSYS: a seccomp filter kills; run without it",
	};

	if (WIFSIGNALED(status) && WTERMSIG(status) < 32 && known[WTERMSIG(status)])
		return known[WTERMSIG(status)];
	return "the worker ended before it answered; run again";
}

static int next_row(const struct kp_run *run, unsigned int fam, unsigned int from)
{
	unsigned int first = kp_first_row(fam);

	for (unsigned int i = from; i < kp_families[fam]->n_rows; i++)
		if (run->sel.chosen[first + i])
			return (int)i;
	return -1;
}

/*
 * The worker died, or its deadline passed, at @row. False: the row is worth one more try, for a module came while it waited. Loading
 * it took the time, or stood still until the worker was killed: ip_vs_lblc's init waits for namespaces to fall, whose clean-up waits
 * for the lock that the request to ip_vs holds (seen on 5.10 and 6.1). @first_try: what the row brought before.
 */
static bool lost(struct kp_run *run, unsigned int fam, unsigned int row, struct worker *w, enum heard how, bool again,
		 char *first_try, size_t size)
{
	struct kp_result res = { .outcome = KP_UNKNOWN };
	int status = stop(run, w);

	kp_ledger_scan(&run->ledger, res.loaded, sizeof(res.loaded));
	kp_ledger_note(&run->ledger, res.loaded, &run->modinfo);
	if (how == HEARD_NOTHING && status >= 0 && !again && res.loaded[0]) {
		kp_copy(first_try, size, res.loaded);
		return false;
	}
	if (again)
		kp_cat(res.loaded, sizeof(res.loaded), first_try);
	if (how == HEARD_NOTHING) {
		kp_copy(res.step, sizeof(res.step), "deadline");
		kp_copy(res.reason, sizeof(res.reason), "no answer within ");
		kp_cat_u(res.reason, sizeof(res.reason), run->deadline_ms);
		kp_cat(res.reason, sizeof(res.reason),
		       status < 0 ? " ms, and the worker sits in the kernel (D state): look at its stack"
				    " before another run"
				  : " ms: run again with a longer --deadline");
		res.ns = (uint64_t)run->deadline_ms * 1000000;
	} else {
		kp_unknown(&res, "worker", signal_reason(status));
	}
	kp_record(run, fam, row, &res);
	return true;
}

/* No namespace was to be had: every row that is left has that for an answer. */
static void no_namespace(struct kp_run *run, unsigned int fam, int row, const struct kp_result *setup)
{
	for (; row >= 0; row = next_row(run, fam, (unsigned int)row + 1)) {
		struct kp_ctx ctx = { .env = &run->env, .row = &kp_families[fam]->rows[row] };
		struct kp_result res = { 0 };

		kp_fail(&ctx, &res, setup->step, KP_CALL_UNSHARE, setup->err);
		/* The kernel lacks that kind of namespace (or RHEL 7 keeps it off), which says nothing about what the row asks for. */
		if (res.outcome == KP_ABSENT) {
			res.outcome = run->env.userns ? KP_DENIED : KP_UNKNOWN;
			kp_copy(res.reason, sizeof(res.reason),
				run->env.userns ? "this kernel gives an unprivileged user no namespaces: run as root on the node"
						: "this kernel has no such namespaces, and nothing is tried in the host's own");
		}
		kp_record(run, fam, (unsigned int)row, &res);
	}
}

int kp_sandbox_family(struct kp_run *run, unsigned int fam)
{
	char first_try[sizeof(((struct kp_result *)0)->loaded)] = "";
	int row = next_row(run, fam, 0);
	bool again = false;

	while (row >= 0 && !run->out.err) {
		struct worker w = { .pid = -1, .fd = -1 };
		struct kp_msg msg;
		enum heard how = HEARD;
		int rc = start(run, fam, (unsigned int)row, again, &w);

		if (rc)
			return rc;
		while (row >= 0) {
			how = hear(run, &w, &msg, kp_now_ms() + run->deadline_ms);
			if (how != HEARD || msg.row == MSG_SETUP)
				break;
			kp_ledger_note(&run->ledger, msg.res.loaded, &run->modinfo);
			if (msg.res.retry && !again) {
				again = true;
				kp_copy(first_try, sizeof(first_try), msg.res.loaded);
				break; /* once more, in a fresh worker */
			}
			/* What the first try brought belongs to the row as well. */
			if (again)
				kp_cat(msg.res.loaded, sizeof(msg.res.loaded), first_try);
			again = false;
			kp_record(run, fam, (unsigned int)row, &msg.res);
			row = next_row(run, fam, (unsigned int)row + 1);
		}
		if (how != HEARD) {
			again = !lost(run, fam, (unsigned int)row, &w, how, again, first_try, sizeof(first_try));
			if (!again)
				row = next_row(run, fam, (unsigned int)row + 1);
			continue;
		}
		if (row >= 0 && msg.row == MSG_SETUP) {
			no_namespace(run, fam, row, &msg.res);
			row = -1;
		}
		dismiss(run, &w);
	}
	return 0;
}
