/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "factkit.h"
#include "lines.h"

int kp_whole(const char *path, char *buf, size_t size)
{
	char full[sizeof(KP_ROOT) + KP_VALUE];
	long n;

	kp_copy(full, sizeof(full), KP_ROOT);
	kp_cat(full, sizeof(full), path);
	n = kp_read_file(full, buf, size);
	return n < 0 ? (int)-n : 0;
}

int kp_head(const char *path, char *buf, size_t size)
{
	int err = kp_whole(path, buf, size);

	return err == EFBIG ? 0 : err;
}

/* As the kernel fills it (linux/dirent.h). By the system call: opendir(3) takes heap. */
struct name {
	uint64_t ino, off;
	uint16_t len;
	uint8_t type;
	char name[];
};

int kp_each_name(const char *path, bool (*each)(void *arg, const char *name), void *arg)
{
	char full[sizeof(KP_ROOT) + KP_VALUE];
	_Alignas(struct name) char buf[2048];
	kp_autoclose fd = -1;

	kp_copy(full, sizeof(full), KP_ROOT);
	kp_cat(full, sizeof(full), path);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, buf, sizeof(buf));

		if (n <= 0)
			return n ? errno : 0;
		for (long at = 0; at < n;) {
			const struct name *entry = (const struct name *)(const void *)(buf + at);

			if (*entry->name != '.' && !each(arg, entry->name))
				return 0;
			at += entry->len;
		}
	}
}

bool kp_exists(const char *path)
{
	char full[sizeof(KP_ROOT) + KP_VALUE];
	struct stat st;

	kp_copy(full, sizeof(full), KP_ROOT);
	return kp_cat(full, sizeof(full), path) && !stat(full, &st);
}

int kp_first_line(const char *path, char *buf, size_t size)
{
	int err = kp_head(path, buf, size);

	if (!err)
		buf[strcspn(buf, "\n")] = '\0';
	return err;
}

bool kp_find_key(const char *head, const char *key, char *value, size_t size)
{
	const char *line = head;
	size_t n = 0;
	char quote;

	while (!kp_starts(line, key)) {
		line = strchr(line, '\n');
		if (!line)
			return false;
		line++;
	}
	line += strlen(key);
	line += strspn(line, " \t");
	quote = *line == '"' || *line == '\'' ? *line++ : '\n';
	for (; *line && *line != '\n' && *line != quote && n + 1 < size; line++) {
		if (*line == '\\' && quote == '"' && line[1] && line[1] != '\n')
			line++;
		value[n++] = *line;
	}
	value[n] = '\0';
	return true;
}

void kp_put_part(struct kp_out *o, const struct kp_part *part)
{
	char line[KP_VALUE], name[16];
	int err = kp_first_line(part->path, line, sizeof(line));

	if (err == ENOENT)
		return;
	if (err) {
		kp_copy(line, sizeof(line), "error:");
		kp_cat(line, sizeof(line), kp_errno_name(err, name));
	}
	kp_js_text(o, part->key, line);
}

void kp_put_keys(struct kp_out *o, const char *head, const struct kp_key *k)
{
	char value[KP_VALUE];

	for (; k->in; k++) {
		const char *p = value;

		if (!kp_find_key(head, k->in, value, sizeof(value)))
			continue;
		if (k->number)
			kp_js_int(o, k->out, (long long)kp_parse_u(&p));
		else
			kp_js_text(o, k->out, value);
	}
}

bool kp_open_with_head(struct kp_out *o, const struct kp_fact *f, char *head, size_t size)
{
	int err = kp_head(f->path, head, size);

	if (err)
		kp_fact_error(o, f->id, f->path, err);
	else
		kp_fact_open(o, f->id, f->path);
	return !err;
}
