/* SPDX-License-Identifier: GPL-2.0-or-later OR MIT */
/*
 * The static collector's constants, two thirds of it, lie gzip-compressed in its file (tools/pack.py, docs/adr/0015). This puts them in
 * their place, ahead of the C library's own start: nothing that runs here may have a constant or a table in memory, which the Makefile
 * sees to. A collector that is not packed passes by.
 */
#include <elf.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "facts.h"

/* What tools/pack.py puts in front of the compressed bytes, in the machine's byte order. */
struct packed {
	uint64_t to, size;    /* where they go, how many they are */
	uint64_t start, kept; /* what is to be written to no more then; 0 bytes: nothing */
	uint64_t length;      /* of the gzip member behind this */
	char damaged[88];     /* what to say when it is no such thing */
};

/* Linux leaves p_paddr of a program alone: there the segment is told from others by. */
#define PACKED_SEGMENT 0x6b7061636bULL /* "kpack" */

typedef int (*kp_main)(int argc, char **argv, char **envp);

int __real___libc_start_main(kp_main entry, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*ldso)(void));
int __wrap___libc_start_main(kp_main entry, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*ldso)(void));

static void unpack(const struct packed *p)
{
	void *to = (void *)(uintptr_t)p->to;

	if (kp_gunzip(to, p->size, p + 1, p->length) != (long)p->size) {
		write(STDERR_FILENO, p->damaged, sizeof(p->damaged));
		_exit(1);
	}
	if (p->kept)
		/* The kernel rounds up to its own pages; the C library's function would, to the largest that there may be, and fail. */
		syscall(SYS_mprotect, p->start, p->kept, PROT_READ);
}

/* In the place of the C library's: what the kernel told the program lies behind its arguments and environment. */
int __wrap___libc_start_main(kp_main entry, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*ldso)(void))
{
	const Elf64_Phdr *phdr = NULL;
	uint64_t n = 0;
	char **env = argv + argc + 1;

	while (*env)
		env++;
	for (const Elf64_auxv_t *aux = (const void *)(env + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_PHDR)
			phdr = (const void *)(uintptr_t)aux->a_un.a_val;
		if (aux->a_type == AT_PHNUM)
			n = aux->a_un.a_val;
	}
	for (; phdr && n; n--, phdr++)
		if (phdr->p_type == PT_LOAD && phdr->p_paddr == PACKED_SEGMENT)
			unpack((const void *)(uintptr_t)phdr->p_vaddr);
	return __real___libc_start_main(entry, argc, argv, init, fini, ldso);
}
