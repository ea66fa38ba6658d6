#include "io/past.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A read that may not wait (RWF_NOWAIT) would tell, too, but fills the cache ahead of itself. */
static bool is_cached(int file, uint64_t at, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char in[DISK_AHEAD_BYTES / DISK_ALIGN];
	must(n <= DISK_AHEAD_BYTES && page >= DISK_ALIGN);
	if (at % page != 0)
		return false;
	void *map = mmap(NULL, n, PROT_READ, MAP_SHARED, file, (off_t)at);
	if (map == MAP_FAILED)
		return false;
	size_t pages_n = (n + page - 1) / page, cached_n = 0;
	bool is_known = mincore(map, n, in) == 0;
	for (size_t i = 0; is_known && i < pages_n; i++)
		cached_n += in[i] & 1u;
	(void)munmap(map, n);
	return cached_n > pages_n / 2;
}

static bool set_past(int file, bool is_past)
{
	int flags = fcntl(file, F_GETFL);
	int wanted = is_past ? flags | O_DIRECT : flags & ~O_DIRECT;
	return flags >= 0 && fcntl(file, F_SETFL, wanted) == 0;
}

size_t past_read(int file, uint64_t at, uint8_t *buf, size_t n)
{
	ssize_t got;
	must(n > 0 && n <= DISK_AHEAD_BYTES);
	if (is_cached(file, at, n) || !set_past(file, true))
		return 0;
	do {
		got = pread(file, buf, n, (off_t)at);
	} while (got < 0 && errno == EINTR);
	bool is_back = set_past(file, false);
	must(is_back);
	return got > 0 ? (size_t)got : 0;
}

/* ---- begun now, waited for later ---------------------------------------------------------- */

static bool has_context(struct past *p)
{
	aio_context_t context = 0;
	must(!p->is_refused || p->context == 0);
	if (p->context || p->is_refused)
		return p->context != 0;
	p->is_refused = syscall(SYS_io_setup, (unsigned)DISK_AHEAD_MAX, &context) != 0;
	p->context = p->is_refused ? 0 : context;
	return !p->is_refused;
}

/* How a file is read is looked at when the read begins: it may be set back at once. */
bool past_begin(struct past *p, uint32_t slot, int file, uint64_t at, uint8_t *buf, size_t n)
{
	must(slot < DISK_AHEAD_MAX && !p->at[slot].is_begun && n > 0 && n <= DISK_AHEAD_BYTES);
	if (!has_context(p) || is_cached(file, at, n) || !set_past(file, true))
		return false;
	struct iocb ask = {
		.aio_data = slot,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)file,
		.aio_buf = (uint64_t)(uintptr_t)buf,
		.aio_nbytes = n,
		.aio_offset = (int64_t)at,
	};
	struct iocb *asks[] = { &ask };
	long begun_n = syscall(SYS_io_submit, (aio_context_t)p->context, 1L, asks);
	bool is_back = set_past(file, false);
	must(is_back);
	p->at[slot].is_begun = begun_n == 1;
	p->at[slot].is_done = false;
	return p->at[slot].is_begun;
}

/* Until the system gives it back the buffer may not be used: there is no way on without that. */
static void wait_for_some(struct past *p)
{
	struct io_event done[DISK_AHEAD_MAX];
	long n;
	do {
		n = syscall(SYS_io_getevents, (aio_context_t)p->context, 1L, (long)DISK_AHEAD_MAX,
			    done, NULL);
	} while (n < 0 && errno == EINTR);
	must(n > 0);
	for (long i = 0; i < n; i++) {
		must(done[i].data < DISK_AHEAD_MAX && p->at[done[i].data].is_begun);
		p->at[done[i].data].is_done = true;
		p->at[done[i].data].got = done[i].res > 0 ? (size_t)done[i].res : 0;
	}
}

size_t past_end(struct past *p, uint32_t slot)
{
	must(slot < DISK_AHEAD_MAX && p->at[slot].is_begun);
	while (!p->at[slot].is_done)
		wait_for_some(p);
	p->at[slot].is_begun = false;
	return p->at[slot].got;
}

void past_fini(struct past *p)
{
	for (uint32_t i = 0; i < DISK_AHEAD_MAX; i++)
		if (p->at[i].is_begun)
			(void)past_end(p, i);
	if (p->context)
		(void)syscall(SYS_io_destroy, (aio_context_t)p->context);
	*p = (struct past){ 0 };
}
