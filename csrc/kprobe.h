/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The whole public interface of the C core. No preprocessor line and nothing but ints, pointers to char and file descriptors:
 * cc and cffi.cdef() read this very file.
 */

enum kp_flags {
	KP_NO_AUTOLOAD = 1,   /* try nothing that could make the kernel load a module */
	KP_INTRUSIVE = 2,     /* also rows that change a host lastingly */
	KP_UNLOAD_NONE = 4,   /* leave every module that the run brought */
	KP_UNLOAD_ALL = 8,    /* remove every module that the run brought: test machines only */
	KP_FULL_SIZE = 16,    /* also rows that take much memory for a moment, where there is plenty of it */
	KP_NO_FLOWS = 32,     /* leave out the rows that send packets */
};

/*
 * Runs the selected rows and writes evidence (NDJSON, docs/evidence-format.md) to @fd as it happens.
 *
 * @select: globs over row ids, separated by blanks (ids contain commas); "!" before one takes rows out; NULL or "" is all
 * @flags: of enum kp_flags
 * @deadline_ms: per row, milliseconds; 0 is the default of 5000
 *
 * Returns 0, or -EINVAL when a glob selects nothing, or the -errno of a failing write to @fd or of setting up.
 */
int kp_collect(int fd, const char *select, unsigned int flags, unsigned int deadline_ms);

/* Writes the catalogue, one row a line. Touches nothing but @fd. Returns as kp_collect(). */
int kp_list(int fd, const char *select);

/* Writes the selected rows with what each may load and whether it would be tried. Reads files, asks the kernel for nothing. */
int kp_plan(int fd, const char *select, unsigned int flags);

/* The version this core was built as. */
const char *kp_version(void);
