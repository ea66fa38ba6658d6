#include "base/byteorder.h"
#include "base/crc32c.h"
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "journal/journal.h"
#include "sim/disk.h"
#include "wire/record/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOOPS         3u
#define SEGMENT_BYTES 65536u

struct fix {
	struct sim_disk *disk;
	struct mem_for_tests heap;
	struct mem *loop_mem[LOOPS];
	struct journal *j;
	uint64_t index;
	char why[512];
};

static enum err try_open(struct fix *f)
{
	struct journal_setup s = { .disk = sim_disk_port(f->disk),
				   .mem = &f->heap.mem,
				   .loop_mem = f->loop_mem,
				   .loops_n = LOOPS,
				   .segment_bytes = SEGMENT_BYTES,
				   .checkpoint_every_bytes = SEGMENT_BYTES,
				   .store_id = 77,
				   .cluster_id = 88 };
	struct text why = text_of(f->why, sizeof f->why);
	struct record r;
	uint64_t loc;
	bool is_more = true;
	f->index = 0;
	enum err e = journal_open(&s, &f->j, &why);
	while (e == ERR_OK && is_more) {
		e = journal_recover_record(f->j, &r, &loc, &is_more, &why);
		if (e == ERR_OK && is_more)
			f->index = r.index;
	}
	if (e == ERR_OK)
		e = journal_recovered(f->j, &why);
	if (e != ERR_OK) {
		journal_close(f->j);
		f->j = NULL;
	}
	return e;
}

static struct fix *fix_new(void)
{
	struct fix *f = calloc(1, sizeof *f);
	must(f != NULL);
	f->disk = sim_disk_new(3);
	f->heap = mem_for_tests((size_t)1 << 28);
	for (uint32_t l = 0; l < LOOPS; l++)
		f->loop_mem[l] = &f->heap.mem;
	return f;
}

static struct fix *fix_open(void)
{
	struct fix *f = fix_new();
	enum err e = try_open(f);
	must(e == ERR_OK);
	return f;
}

static void reopen(struct fix *f)
{
	journal_close(f->j);
	f->j = NULL;
	enum err e = try_open(f);
	must(e == ERR_OK);
}

static void fix_free(struct fix *f)
{
	journal_close(f->j);
	must(f->heap.mem.used == 0);
	sim_disk_free(f->disk);
	free(f);
}

/* put submits a batch of one record of `len` bytes, all `fill`; true: the writer is to be woken. */
static bool put(struct fix *f, uint32_t loop, uint32_t len, uint8_t fill)
{
	uint8_t *body;
	uint32_t cap;
	struct jbatch *b = journal_batch(f->j, loop);
	must(b != NULL);
	enum err e = journal_record_begin(b, &body, &cap);
	must(e == ERR_OK && len <= cap);
	memset(body, fill, len);
	struct record r = { .shard = 1, .kind = RECORD_OUTCOMES, .epoch = 1, .index = ++f->index };
	(void)journal_record_end(b, &r, len);
	return journal_submit(f->j, b);
}

static bool write_step(struct fix *f, uint64_t *wake)
{
	enum err e;
	bool is_any = journal_write_step(f->j, wake, &e);
	must(e == ERR_OK);
	return is_any;
}

static bool keep_step(struct fix *f, uint64_t *wake)
{
	enum err e;
	bool is_any = journal_keep_step(f->j, wake, &e);
	must(e == ERR_OK);
	return is_any;
}

static uint64_t take(struct fix *f, uint32_t loop)
{
	struct jbatch *b = journal_done(f->j, loop);
	must(b != NULL);
	uint64_t loc = b->loc;
	journal_batch_free(f->j, b);
	return loc;
}

/* put_durable gives the place of the record's body. */
static uint64_t put_durable(struct fix *f, uint32_t loop, uint32_t len, uint8_t fill)
{
	uint64_t wake;
	(void)put(f, loop, len, fill);
	while (!write_step(f, &wake))
		must(keep_step(f, &wake));
	return take(f, loop) + RECORD_HEAD_BYTES;
}

static void batches_of_all_loops_share_one_write_and_one_sync_in_order(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint64_t wake, before = sim_disk_count(f->disk)->syncs,
		       writes = sim_disk_count(f->disk)->writes;
	(void)put(f, 2, 100, 'a');
	(void)put(f, 0, 200, 'b');
	(void)put(f, 2, 300, 'c');
	must(write_step(f, &wake) && wake == 5);
	must(!write_step(f, &wake) && wake == 0);
	must(sim_disk_count(f->disk)->syncs == before + 1);
	must(sim_disk_count(f->disk)->writes == writes + 1);
	must(journal_has_done(f->j, 2) && !journal_has_done(f->j, 1));
	uint64_t a = take(f, 2), b = take(f, 0), c = take(f, 2);
	must(a == (UINT64_C(1) << 32 | 4160) && b == a + 144 && c == b + 240);
	fix_free(f);
}

static void a_full_segment_is_followed_by_the_keepers_next_one(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint64_t wake, last = 0;
	uint32_t waits = 0;
	for (int i = 0; i < 40; i++) {
		(void)put(f, 0, 9000, 'x');
		while (!write_step(f, &wake)) {
			waits++;
			while (keep_step(f, &wake)) {
			}
		}
		uint64_t loc = take(f, 0);
		must((loc & UINT32_MAX) + 9040 <= SEGMENT_BYTES); /* whole, in one segment */
		must(loc > last);
		last = loc;
	}
	must(waits > 0 && last >> 32 == 7);
	fix_free(f);
}

static void who_gives_work_to_a_sleeper_is_told_once(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint64_t wake;
	must(!put(f, 0, 10, 'x'));
	must(!journal_writer_may_sleep(f->j)); /* there is a batch */
	must(write_step(f, &wake));
	must(journal_writer_may_sleep(f->j));
	must(put(f, 0, 10, 'x') && !put(f, 1, 10, 'y'));
	must(write_step(f, &wake) && wake == 3);
	while (keep_step(f, &wake)) {
	}
	must(!journal_keeper_to_wake(f->j)); /* awake */
	must(journal_keeper_may_sleep(f->j));
	journal_look_free(f->j);
	must(journal_keeper_to_wake(f->j) && !journal_keeper_to_wake(f->j));
	fix_free(f);
}

static void a_loop_has_so_many_batches_and_no_more(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint64_t wake;
	for (uint32_t i = 0; i < JOURNAL_BATCHES; i++)
		(void)put(f, 1, 10, 'x');
	must(journal_batch(f->j, 1) == NULL && journal_batch(f->j, 0) != NULL);
	must(write_step(f, &wake));
	(void)take(f, 1);
	must(journal_batch(f->j, 1) != NULL);
	fix_free(f);
}

static void idle_batches_hold_no_memory(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	size_t idle = f->heap.mem.used;
	for (int i = 0; i < 20; i++)
		(void)put_durable(f, 0, 16000, 'x');
	must(f->heap.mem.used > idle);
	for (uint32_t l = 0; l < LOOPS; l++)
		journal_trim(f->j, l);
	must(f->heap.mem.used < idle + 8192); /* what is left is of segments */
	fix_free(f);
}

/* ---- reads ------------------------------------------------------------------------------ */

static void neighbours_are_read_in_one_go(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	struct jread reads[60];
	uint8_t got[60][100];
	uint64_t loc[60], wake;
	for (uint32_t i = 0; i < 60; i++)
		loc[i] = put_durable(f, 0, 100, (uint8_t)i);
	uint64_t before = sim_disk_count(f->disk)->reads;
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t at = i * 37 % 60; /* in any order */
		reads[at] = (struct jread){
			.loc = loc[at], .bytes = 100, .loop = i % LOOPS, .to = got[at], .tag = at
		};
		must(journal_read(f->j, &reads[at]));
	}
	must(keep_step(f, &wake) && wake == 7);
	must(sim_disk_count(f->disk)->reads == before + 1);
	uint32_t n = 0;
	for (uint32_t l = 0; l < LOOPS; l++)
		for (struct jread *r; (r = journal_read_done(f->j, l)) != NULL; n++) {
			must(r->err == ERR_OK && r == &reads[r->tag]);
			for (int k = 0; k < 100; k++)
				must(r->to[k] == (uint8_t)r->tag);
		}
	must(n == 60);
	fix_free(f);
}

static enum err read_one(struct fix *f, uint64_t loc, uint32_t bytes)
{
	static uint8_t to[SEGMENT_BYTES];
	struct jread read = { .loc = loc, .bytes = bytes, .to = to }, *done;
	uint64_t wake;
	must(journal_read(f->j, &read));
	must(keep_step(f, &wake));
	done = journal_read_done(f->j, 0);
	must(done == &read);
	return done->err;
}

static void only_what_is_durable_can_be_read(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint64_t loc = put_durable(f, 0, 472 - 64, 'x'), end = loc + 472 - 64;
	assert_int_equal(read_one(f, loc, 472 - 64), ERR_OK);
	assert_int_equal(read_one(f, end, 1), ERR_CORRUPT);
	assert_int_equal(read_one(f, loc, 473), ERR_CORRUPT);
	assert_int_equal(read_one(f, UINT64_C(9) << 32 | 4096, 1), ERR_CORRUPT);
	sim_disk_faults(f->disk)->fail_read_in = 1;
	uint64_t next = put_durable(f, 0, 30000, 'y');
	assert_int_equal(read_one(f, next, 30000), ERR_IO);
	assert_int_equal(read_one(f, next, 30000), ERR_OK);
	fix_free(f);
}

/* ---- spill ------------------------------------------------------------------------------ */

static size_t files_in(struct fix *f, const char *dir)
{
	char names[4096];
	size_t len = 0, n = 0;
	struct disk *d = sim_disk_port(f->disk);
	enum err e = d->ops->list(d, dir, names, sizeof names, &len);
	must(e == ERR_OK);
	for (size_t at = 0; at < len; at += strlen(names + at) + 1)
		n++;
	return n;
}

static void what_is_spilled_comes_back_until_it_is_freed(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint8_t bytes[1000], got[1000];
	uint64_t loc[200], wake, syncs = sim_disk_count(f->disk)->syncs;
	for (uint32_t i = 0; i < 200; i++) {
		memset(bytes, (int)i, sizeof bytes);
		enum err e = journal_spill(f->j, i % LOOPS, slice_of(bytes, sizeof bytes), &loc[i]);
		must(e == ERR_OK);
	}
	must(files_in(f, "spill") == 6 && sim_disk_count(f->disk)->syncs == syncs);
	for (uint32_t i = 0; i < 200; i++) {
		struct jread read = {
			.loc = loc[i], .bytes = 1000, .loop = 1, .to = got, .is_spill = true
		};
		must(journal_read(f->j, &read) && keep_step(f, &wake));
		struct jread *done = journal_read_done(f->j, 1);
		must(done == &read && done->err == ERR_OK);
		must(got[0] == (uint8_t)i && got[999] == (uint8_t)i);
		journal_spill_free(f->j, loc[i], 1000);
	}
	while (keep_step(f, &wake)) {
	}
	must(files_in(f, "spill") == LOOPS); /* the open ones */
	reopen(f);
	must(files_in(f, "spill") == 0);
	fix_free(f);
}

static void a_full_disk_refuses_to_spill_and_nothing_else_happens(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	uint8_t bytes[1000] = { 1 };
	uint64_t loc = 0;
	sim_disk_faults(f->disk)->bytes_max = 1;
	enum err e = journal_spill(f->j, 0, slice_of(bytes, sizeof bytes), &loc);
	must(e == ERR_NO_SPACE && loc == 0 && journal_why(f->j)[0] == '\0');
	sim_disk_faults(f->disk)->bytes_max = 0;
	e = journal_spill(f->j, 0, slice_of(bytes, sizeof bytes), &loc);
	must(e == ERR_OK && loc != 0);
	fix_free(f);
}

/* ---- checkpoints ------------------------------------------------------------------------ */

static void checkpoint(struct fix *f, uint64_t a, const char *unit)
{
	uint64_t wake;
	must(journal_checkpoint_begin(f->j) && !journal_checkpoint_begin(f->j));
	while (!journal_checkpoint_put(f->j, 1, a, 0, slice_str(unit)))
		must(keep_step(f, &wake));
	journal_checkpoint_shard(f->j, &(struct ckpt_shard){ 1, f->index, 1, 0 });
	journal_checkpoint_end(f->j);
	while (keep_step(f, &wake)) {
	}
}

static void a_full_disk_spoils_a_checkpoint_and_not_the_journal(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	(void)put_durable(f, 0, 100, 'x');
	checkpoint(f, 1, "one");
	must(journal_checkpoint_done(f->j) == 1);
	sim_disk_faults(f->disk)->bytes_max = 1;
	checkpoint(f, 2, "two");
	must(journal_checkpoint_done(f->j) == 1 && journal_checkpoint_failed(f->j) == 1);
	sim_disk_faults(f->disk)->bytes_max = 0;
	checkpoint(f, 3, "three");
	must(journal_checkpoint_done(f->j) == 2 && journal_why(f->j)[0] == '\0');
	reopen(f);
	journal_close(f->j);
	f->j = NULL;
	fix_free(f);
}

/* next_unit: 0 at the end, else the key of the unit. */
static uint64_t next_unit(struct journal *j, struct text *why)
{
	struct ckpt_unit u;
	bool is_more;
	enum err e = journal_recover_unit(j, &u, &is_more, why);
	must(e == ERR_OK);
	return is_more ? u.a : 0;
}

static void a_damaged_checkpoint_falls_back_to_the_one_before(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	(void)put_durable(f, 0, 100, 'x');
	checkpoint(f, 1, "one");
	(void)put_durable(f, 0, 100, 'x');
	checkpoint(f, 2, "two");
	journal_close(f->j);
	f->j = NULL;
	must(sim_disk_flip(f->disk, "checkpoint/0000000000000001.ckpt", 1024 + 41, 1));
	struct journal_setup s = { .disk = sim_disk_port(f->disk),
				   .mem = &f->heap.mem,
				   .loop_mem = f->loop_mem,
				   .loops_n = LOOPS,
				   .segment_bytes = SEGMENT_BYTES,
				   .store_id = 1 };
	struct text why = text_of(f->why, sizeof f->why);
	enum err e = journal_open(&s, &f->j, &why);
	must(e == ERR_OK && strstr(f->why, "checkpoint 2 is damaged") != NULL);
	must(strstr(f->why, "the one before it is used") != NULL);
	must(next_unit(f->j, &why) == 1 && next_unit(f->j, &why) == 0);
	struct ckpt_shard row;
	struct record r;
	uint64_t loc;
	bool is_more;
	e = journal_recover_shard(f->j, &row, &is_more);
	must(e == ERR_OK && is_more && row.index == 1);
	e = journal_recover_record(f->j, &r, &loc, &is_more, &why);
	must(e == ERR_OK && is_more && r.index == 2);
	fix_free(f);
}

/* ---- open ------------------------------------------------------------------------------- */

static void must_refuse(struct fix *f, enum err want, const char *says)
{
	uint64_t hash = sim_disk_hash(f->disk);
	enum err e = try_open(f);
	if (e != want || !strstr(f->why, says))
		fprintf(stderr, "error %d: %s\n", (int)e, f->why);
	must(e == want && strstr(f->why, says) != NULL);
	must(sim_disk_hash(f->disk) == hash);
}

static void rename_file(struct fix *f, const char *from, const char *to)
{
	struct disk *d = sim_disk_port(f->disk);
	enum err e = d->ops->rename(d, from, to);
	must(e == ERR_OK);
}

static void write_file(struct fix *f, const char *path, const uint8_t *p, size_t n)
{
	struct disk *d = sim_disk_port(f->disk);
	struct slice part = { p, n };
	int file;
	enum err e = d->ops->open(d, path, DISK_WRITE | DISK_CREATE, &file);
	must(e == ERR_OK);
	e = d->ops->write(d, file, 0, &part, 1);
	must(e == ERR_OK);
	d->ops->close(d, file);
}

static struct fix *fix_closed(void)
{
	struct fix *f = fix_open();
	for (int i = 0; i < 30; i++)
		(void)put_durable(f, 0, 9000, 'x');
	journal_close(f->j);
	f->j = NULL;
	return f;
}

static void what_cannot_be_opened_is_refused_in_a_sentence(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	rename_file(f, "store", "store.bak");
	must_refuse(f, ERR_CORRUPT, "and no store: name an empty one");
	rename_file(f, "store.bak", ".store.bak");
	must_refuse(f, ERR_CORRUPT, "the file store is missing, but there is");
	rename_file(f, ".store.bak", "store");
	rename_file(f, "segment/0000000000000003.seg", "segment/three");
	must_refuse(f, ERR_CORRUPT, "segment/0000000000000002.seg: a commit is damaged or missing");
	rename_file(f, "segment/three", "segment/0000000000000009.seg");
	must_refuse(f, ERR_CORRUPT, "its head names another segment");
	rename_file(f, "segment/0000000000000009.seg", "segment/0000000000000003.seg");
	must(sim_disk_flip(f->disk, "segment/0000000000000002.seg", 100, 4));
	must_refuse(f, ERR_CORRUPT, "segment/0000000000000002.seg: its head is damaged");
	must(sim_disk_flip(f->disk, "segment/0000000000000002.seg", 100, 4));
	must(sim_disk_flip(f->disk, "store", 100, 4));
	must_refuse(f, ERR_CORRUPT, "store: both slots are damaged");
	must(sim_disk_flip(f->disk, "store", 100, 4));
	enum err e = try_open(f);
	must(e == ERR_OK && f->index == 30);
	struct journal *first = f->j;
	f->j = NULL;
	must_refuse(f, ERR_BUSY, "the data directory is in use by another process");
	f->j = first;
	fix_free(f);
}

static void another_store_or_version_is_refused(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	uint8_t head[HEAD_BYTES];
	head_put(head,
		 &(struct head){ .kind = HEAD_SEGMENT, .store = 78, .cluster = 88, .number = 2 });
	write_file(f, "segment/0000000000000002.seg", head, sizeof head);
	must_refuse(f, ERR_CORRUPT, "segment/0000000000000002.seg: it belongs to another store");
	head_put(head, &(struct head){ .kind = HEAD_STORE, .store = 77, .cluster = 88 });
	store_le32(head + 8, HEAD_VERSION + 1);
	store_le32(head + HEAD_BYTES - 4, 0);
	write_file(f, "store", head, sizeof head);
	must_refuse(f, ERR_CORRUPT, "both slots are damaged");
	uint32_t crc = 0;
	for (uint32_t at = 0; at < HEAD_BYTES - 4; at++)
		crc = crc32c_extend(crc, head + at, 1);
	store_le32(head + HEAD_BYTES - 4, crc);
	write_file(f, "store", head, sizeof head);
	must_refuse(f, ERR_NOT_IMPLEMENTED, "has format 2, this build knows format 1");
	fix_free(f);
}

static void a_segment_that_is_counted_on_must_be_there(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	struct journal_setup s = { .disk = sim_disk_port(f->disk),
				   .mem = &f->heap.mem,
				   .loop_mem = f->loop_mem,
				   .loops_n = LOOPS,
				   .segment_bytes = SEGMENT_BYTES,
				   .store_id = 1 };
	struct text why = text_of(f->why, sizeof f->why);
	struct record r;
	uint64_t loc;
	bool is_more = true;
	enum err e = journal_open(&s, &f->j, &why);
	must(e == ERR_OK);
	while (is_more) {
		e = journal_recover_record(f->j, &r, &loc, &is_more, &why);
		must(e == ERR_OK);
	}
	journal_live(f->j, UINT64_C(99) << 32 | 4096, 10, 1);
	e = journal_recovered(f->j, &why);
	must(e == ERR_CORRUPT && strstr(f->why, "0000000000000099.seg is missing") != NULL);
	fix_free(f);
}

static void without_memory_nothing_is_opened_and_nothing_leaks(void **state)
{
	(void)state;
	struct fix *f = fix_closed();
	uint64_t hash = sim_disk_hash(f->disk);
	enum err e = ERR_LIMIT;
	for (long n = 1; e != ERR_OK; n++) {
		f->heap.fail_in = n;
		e = try_open(f);
		must(e == ERR_OK || e == ERR_LIMIT);
		must_if(e != ERR_OK, f->heap.mem.used == 0);
		must(n < 100);
	}
	f->heap.fail_in = 0;
	must(sim_disk_hash(f->disk) != hash && f->index == 30);
	fix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_of_all_loops_share_one_write_and_one_sync_in_order),
		cmocka_unit_test(a_full_segment_is_followed_by_the_keepers_next_one),
		cmocka_unit_test(who_gives_work_to_a_sleeper_is_told_once),
		cmocka_unit_test(a_loop_has_so_many_batches_and_no_more),
		cmocka_unit_test(idle_batches_hold_no_memory),
		cmocka_unit_test(neighbours_are_read_in_one_go),
		cmocka_unit_test(only_what_is_durable_can_be_read),
		cmocka_unit_test(what_is_spilled_comes_back_until_it_is_freed),
		cmocka_unit_test(a_full_disk_refuses_to_spill_and_nothing_else_happens),
		cmocka_unit_test(a_full_disk_spoils_a_checkpoint_and_not_the_journal),
		cmocka_unit_test(a_damaged_checkpoint_falls_back_to_the_one_before),
		cmocka_unit_test(what_cannot_be_opened_is_refused_in_a_sentence),
		cmocka_unit_test(another_store_or_version_is_refused),
		cmocka_unit_test(a_segment_that_is_counted_on_must_be_there),
		cmocka_unit_test(without_memory_nothing_is_opened_and_nothing_leaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
