#include "base/byteorder.h"
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "io/disk_posix.h"
#include "journal/inspect.h"
#include "journal/journal.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Data directories of every format there ever was, opened by this build. test/golden/journal-1 was
 * made by this test itself: GODWIT_GOLDEN=DIR writes one of today's format into DIR.
 *
 * Two lives: one of 30 records and a checkpoint after the 20th, one of 10 records and a torn write
 * behind the end. Shards take turns; the cell of a record is its index modulo 4. */

#define GOLDEN        "test/golden/journal-1"
#define SHARDS        3u
#define FIRST_LIFE    30u
#define CHECKPOINT_AT 20u
#define RECORDS       40u
#define SEGMENT_BYTES 262144u

struct fix {
	struct disk *disk;
	struct journal *j;
	struct mem_for_tests heap;
	struct mem *loop_mem[1];
	char buf[512];
	struct text why;
};

static uint32_t len_of(uint64_t n)
{
	return (uint32_t)(n * n * 13 % 700);
}

static uint64_t index_of(uint64_t n)
{
	return (n - 1) / SHARDS + 1;
}

static uint16_t shard_of(uint64_t n)
{
	return (uint16_t)((n - 1) % SHARDS);
}

static void body_put(uint8_t *to, uint64_t n)
{
	for (uint32_t i = 0; i < len_of(n); i++)
		to[i] = (uint8_t)(n * 31 + i);
}

static void fix_open(struct fix *f, const char *dir)
{
	*f = (struct fix){ .heap = mem_for_tests((size_t)1 << 28) };
	f->loop_mem[0] = &f->heap.mem;
	f->why = text_of(f->buf, sizeof f->buf);
	enum err e = disk_posix_new(dir, &f->disk, &f->why);
	must(e == ERR_OK);
	struct journal_setup s = { .disk = f->disk,
				   .mem = &f->heap.mem,
				   .loop_mem = f->loop_mem,
				   .loops_n = 1,
				   .segment_bytes = SEGMENT_BYTES,
				   .checkpoint_every_bytes = SEGMENT_BYTES,
				   .store_id = 0x0123456789abcdef,
				   .cluster_id = 0xfedcba9876543210,
				   .wall_ms = 1700000000000 };
	e = journal_open(&s, &f->j, &f->why);
	if (e != ERR_OK)
		fprintf(stderr, "%s\n", f->buf);
	must(e == ERR_OK);
}

static void fix_close(struct fix *f)
{
	journal_close(f->j);
	disk_posix_free(f->disk);
	must(f->heap.mem.used == 0);
}

/* ---- reading ---------------------------------------------------------------------------- */

static void check_units(struct fix *f)
{
	struct ckpt_unit u;
	struct ckpt_shard s;
	bool is_more = true;
	uint32_t units = 0, shards = 0;
	while (is_more) {
		enum err e = journal_recover_unit(f->j, &u, &is_more, &f->why);
		must(e == ERR_OK);
		if (!is_more)
			break;
		must(u.shard < SHARDS && u.a < 4 && u.b == 5 && u.bytes.n == 64);
		must(load_le64(u.bytes.p) % 4 == u.a && load_le64(u.bytes.p) <= 7);
		units++;
	}
	for (is_more = true; is_more; shards += is_more) {
		enum err e = journal_recover_shard(f->j, &s, &is_more);
		must(e == ERR_OK);
		must_if(is_more, s.epoch == 1 && s.next_wall_ms == 1700000000000 + CHECKPOINT_AT);
		must_if(is_more, s.index == (s.shard < 2 ? 7 : 6));
	}
	must(units == 4 * SHARDS && shards == SHARDS);
}

static void check_records(struct fix *f, uint64_t last)
{
	uint64_t n = CHECKPOINT_AT;
	for (bool is_more = true; is_more;) {
		struct record r;
		uint64_t loc;
		uint8_t want[700];
		enum err e = journal_recover_record(f->j, &r, &loc, &is_more, &f->why);
		if (e != ERR_OK)
			fprintf(stderr, "%s\n", f->buf);
		must(e == ERR_OK);
		if (!is_more)
			break;
		n++;
		body_put(want, n);
		must(r.shard == shard_of(n) && r.index == index_of(n) && r.kind == RECORD_OUTCOMES);
		must(r.epoch == (n <= FIRST_LIFE ? 1 : 2) && r.wall_ms == 1700000000000 + n);
		must(r.body.n == len_of(n) && memcmp(r.body.p, want, r.body.n) == 0);
	}
	must(n == last);
}

static void recover(struct fix *f, uint64_t last)
{
	if (last >= CHECKPOINT_AT) {
		check_units(f);
		check_records(f, last);
	} else {
		struct record r;
		uint64_t loc;
		bool is_more;
		enum err e = journal_recover_record(f->j, &r, &loc, &is_more, &f->why);
		must(e == ERR_OK && !is_more);
	}
	enum err e = journal_recovered(f->j, &f->why);
	must(e == ERR_OK);
}

/* ---- writing ---------------------------------------------------------------------------- */

static void put(struct fix *f, uint64_t n)
{
	uint8_t *body;
	uint32_t cap;
	uint64_t wake;
	struct jbatch *b = journal_batch(f->j, 0);
	must(b != NULL);
	enum err e = journal_record_begin(b, &body, &cap);
	must(e == ERR_OK);
	body_put(body, n);
	struct record r = { .shard = shard_of(n),
			    .kind = RECORD_OUTCOMES,
			    .epoch = n <= FIRST_LIFE ? 1 : 2,
			    .index = index_of(n),
			    .wall_ms = 1700000000000 + n };
	(void)journal_record_end(b, &r, len_of(n));
	(void)journal_submit(f->j, b);
	if (n % 3 == 1 && n != RECORDS) /* some commits hold two records */
		return;
	(void)journal_write_step(f->j, &wake, &e);
	must(e == ERR_OK);
	while ((b = journal_done(f->j, 0)) != NULL)
		journal_batch_free(f->j, b);
}

static void checkpoint(struct fix *f)
{
	uint64_t wake, unit[8] = { 0 };
	enum err e;
	must(journal_checkpoint_begin(f->j));
	for (uint16_t s = 0; s < SHARDS; s++) {
		uint64_t last = s < 2 ? 7 : 6;
		for (uint64_t index = last - 3; index <= last; index++) {
			store_le64(unit, index);
			struct slice bytes = slice_of(unit, sizeof unit);
			while (!journal_checkpoint_put(f->j, s, index % 4, 5, bytes)) {
				(void)journal_keep_step(f->j, &wake, &e);
				must(e == ERR_OK);
			}
		}
		journal_checkpoint_shard(
			f->j, &(struct ckpt_shard){ s, last, 1, 1700000000000 + CHECKPOINT_AT, 0 });
	}
	journal_checkpoint_end(f->j);
	while (journal_keep_step(f->j, &wake, &e))
		must(e == ERR_OK);
	must(journal_checkpoint_done(f->j) == 1);
}

/* tear puts the half of a commit behind the end: what a crash leaves. */
static void tear(const char *dir)
{
	char path[300];
	uint8_t half[512] = { 0 };
	snprintf(path, sizeof path, "%s/segment/0000000000000002.seg", dir);
	FILE *file = fopen(path, "r+b");
	must(file != NULL);
	memset(half + 100, 0xaa, sizeof half - 100);
	must(fseek(file, 0, SEEK_END) == 0 && fwrite(half, 1, sizeof half, file) == sizeof half);
	must(fclose(file) == 0);
}

static void make(const char *dir)
{
	struct fix f;
	fix_open(&f, dir);
	recover(&f, 0);
	for (uint64_t n = 1; n <= FIRST_LIFE; n++) {
		put(&f, n);
		if (n == CHECKPOINT_AT)
			checkpoint(&f);
	}
	put(&f, FIRST_LIFE + 1); /* lost: it was never committed */
	fix_close(&f);
	fix_open(&f, dir);
	recover(&f, FIRST_LIFE);
	for (uint64_t n = FIRST_LIFE + 1; n <= RECORDS; n++)
		put(&f, n);
	fix_close(&f);
	tear(dir);
}

/* ---- the test --------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
	char buf[4096];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	must(in && out);
	for (size_t n; (n = fread(buf, 1, sizeof buf, in)) > 0;)
		must(fwrite(buf, 1, n, out) == n);
	must(fclose(in) == 0 && fclose(out) == 0);
}

static void each_file(const char *dir, const char *sub, const char *to)
{
	char from_path[600], to_path[600];
	snprintf(from_path, sizeof from_path, "%s/%s", dir, sub);
	DIR *d = opendir(from_path);
	must(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.' || e->d_type == DT_DIR)
			continue;
		snprintf(from_path, sizeof from_path, "%s/%s/%s", dir, sub, e->d_name);
		snprintf(to_path, sizeof to_path, "%s/%s/%s", to ? to : "", sub, e->d_name);
		if (to)
			copy_file(from_path, to_path);
		else
			must(unlink(from_path) == 0);
	}
	closedir(d);
}

static const char *const subs[] = { ".", "segment", "checkpoint", "spill" };

static void copy_golden(char *dir)
{
	struct disk *d;
	char buf[256];
	struct text why = text_of(buf, sizeof buf);
	enum err e = disk_posix_new(dir, &d, &why);
	must(e == ERR_OK);
	for (int i = 1; i < 4; i++) {
		e = d->ops->make_dir(d, subs[i]);
		must(e == ERR_OK);
	}
	disk_posix_free(d);
	for (int i = 0; i < 3; i++)
		each_file(GOLDEN, subs[i], dir);
}

static void remove_copy(const char *dir)
{
	char path[300];
	for (int i = 3; i >= 0; i--) {
		each_file(dir, subs[i], NULL);
		snprintf(path, sizeof path, "%s/%s", dir, subs[i]);
		must(rmdir(i ? path : dir) == 0);
	}
}

static void verify(const char *dir)
{
	struct mem_for_tests heap = mem_for_tests((size_t)1 << 28);
	struct disk *d;
	struct journal_inspect *i;
	char buf[INSPECT_LINE_BYTES];
	struct text line = text_of(buf, sizeof buf);
	enum err e = disk_posix_new(dir, &d, &line);
	must(e == ERR_OK);
	e = journal_inspect_open(d, &heap.mem, INSPECT_VERIFY, NULL, &i, &line);
	must(e == ERR_OK);
	uint32_t lines = 0;
	for (; journal_inspect_next(i, &line); lines++)
		line = text_of(buf, sizeof buf);
	must(journal_inspect_damage_n(i) == 0 && lines >= 4);
	journal_inspect_close(i);
	disk_posix_free(d);
}

static void a_data_directory_of_format_1_opens(void **state)
{
	(void)state;
	char dir[256];
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/golden-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(dir) != NULL);
	struct fix f;
	verify(GOLDEN);
	copy_golden(dir);
	fix_open(&f, dir);
	must(journal_store_id(f.j) == 0x0123456789abcdef);
	recover(&f, RECORDS);
	for (uint64_t n = RECORDS + 1; n <= RECORDS + 5; n++)
		put(&f, n);
	fix_close(&f);
	fix_open(&f, dir);
	recover(&f, RECORDS + 5);
	fix_close(&f);
	remove_copy(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_data_directory_of_format_1_opens),
	};
	if (getenv("GODWIT_GOLDEN")) {
		make(getenv("GODWIT_GOLDEN"));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
