#include "journal/filebuf.h"

#include "base/bits.h"
#include "base/mem_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FILE_BYTES ((size_t)3 << 20)
#define CAP        ((size_t)2 << 20)
#define FEW_BYTES  ((size_t)256 << 10) /* who asks for little has no more than this read */

static uint8_t content[FILE_BYTES];
static size_t most_read; /* at a time */

static enum err read_content(struct disk *d, int file, uint64_t at, uint8_t *buf, size_t n,
			     size_t *out_n)
{
	(void)d;
	must(file == 1);
	*out_n = at < FILE_BYTES ? min_size(n, FILE_BYTES - (size_t)at) : 0;
	if (*out_n)
		memcpy(buf, content + at, *out_n);
	most_read = max_size(most_read, n);
	return ERR_OK;
}

static const struct disk_ops OPS = { .read = read_content };
static struct disk disk = { .ops = &OPS };
static struct mem_for_tests heap;

static struct filebuf begin(void)
{
	struct filebuf f;
	heap = mem_for_tests(CAP);
	for (size_t i = 0; i < FILE_BYTES; i++)
		content[i] = (uint8_t)(i % 251);
	must(filebuf_init(&f, &disk, &heap.mem, CAP) == ERR_OK);
	filebuf_turn_to(&f, 1);
	most_read = 0;
	return f;
}

static void see(struct filebuf *f, size_t at, size_t n)
{
	struct slice s;
	must(filebuf_get(f, at, n, &s) == ERR_OK);
	must(s.n == min_size(n, FILE_BYTES - min_size(at, FILE_BYTES)));
	must(s.n == 0 || memcmp(s.p, content + at, s.n) == 0);
	filebuf_check(f);
}

static void who_goes_on_in_small_pieces_has_little_read_at_a_time(void **state)
{
	(void)state;
	struct filebuf f = begin();
	for (size_t at = 0; at < FILE_BYTES + 100; at += 1000)
		see(&f, at, 1234);
	must(most_read <= FEW_BYTES);
	filebuf_fini(&f, &heap.mem);
	must(heap.mem.used == 0);
}

static void what_is_asked_for_at_once_comes_whole(void **state)
{
	(void)state;
	struct filebuf f = begin();
	see(&f, 0, 100);
	see(&f, 50, CAP); /* a part of it is there */
	see(&f, 10, 20);  /* back */
	see(&f, FEW_BYTES - 5, 10);
	see(&f, FILE_BYTES - CAP / 2, CAP); /* as much as there is */
	see(&f, FILE_BYTES, 1);
	filebuf_fini(&f, &heap.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_goes_on_in_small_pieces_has_little_read_at_a_time),
		cmocka_unit_test(what_is_asked_for_at_once_comes_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
