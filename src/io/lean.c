#include "io/lean.h"

#include "base/must.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void let_go(const struct dl_phdr_info *info, const ElfW(Phdr) * part)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (info->dlpi_addr + part->p_vaddr) & ~(page - 1);
	uintptr_t to = (info->dlpi_addr + part->p_vaddr + part->p_memsz + page - 1) & ~(page - 1);
	must(page > 0 && from < to);
	/* A kernel that will not leaves things as they are. */
	(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* Where relocations are written stays: those pages are the process's own. */
static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	must(info->dlpi_name != NULL);
	if (!strstr(info->dlpi_name, "/libcrypto.so") && !strstr(info->dlpi_name, "/libssl.so"))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && !(info->dlpi_phdr[i].p_flags & PF_W))
			let_go(info, &info->dlpi_phdr[i]);
	return 0;
}

void lean_tls(void)
{
	(void)dl_iterate_phdr(look, NULL);
}
