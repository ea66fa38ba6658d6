#include "journal/reader.h"
#include "sim/journal_fix.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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

/* What is left of a disk that is nearly full is for the log, and for who looks after it. */
static void zeros_ahead_leave_the_room_of_a_segment(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	const uint64_t max = sim_disk_used(f->disk) + 2 * SEGMENT_BYTES;
	uint64_t wake;
	sim_disk_faults(f->disk)->bytes_max = max;
	journal_look_free(f->j);
	for (int i = 0; i < 2; i++)
		(void)put_durable(f, 0, 9000, 'x');
	while (keep_step(f, &wake)) {
	}
	must(sim_disk_used(f->disk) + SEGMENT_BYTES <= max);
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

/* Whoever reads the same once more has it kept by the system; what was read from is not asked for
 * again as long as it is in a window. */
static void what_is_read_first_goes_past_the_cache_and_then_through_it(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	const struct sim_disk_count *count = sim_disk_count(f->disk);
	uint64_t first = put_durable(f, 0, 20000, 'a');
	uint64_t second = put_durable(f, 0, 20000, 'b');
	uint64_t third = put_durable(f, 0, 13000, 'c');
	must(third >> 32 == 1);
	assert_int_equal(read_one(f, first, 20000), ERR_OK);
	must(count->reads_past == 0); /* a small one */
	uint64_t before = count->reads;
	assert_int_equal(read_one(f, second, 20000), ERR_OK);
	assert_int_equal(read_one(f, third, 13000), ERR_OK);
	must(count->reads_past == 1 && count->reads == before + 1); /* twice as much */
	uint64_t other = put_durable(f, 0, 50000, 'd'); /* the window is for something else */
	must(other >> 32 == 2);
	assert_int_equal(read_one(f, other, 50000), ERR_OK);
	must(count->reads_past == 2);
	assert_int_equal(read_one(f, first, 20000), ERR_OK);
	assert_int_equal(read_one(f, second, 20000), ERR_OK);
	assert_int_equal(read_one(f, third, 13000), ERR_OK);
	must(count->reads_past == 2);
	fix_free(f);
}

/* fill_segments puts records until some segments are full, and notes where they are. */
#define AHEAD_BYTES 5000u
#define AHEAD_N     100u
static void fill_segments(struct fix *f, uint64_t *loc)
{
	for (uint32_t i = 0; i < AHEAD_N; i++)
		loc[i] = put_durable(f, 0, AHEAD_BYTES, (uint8_t)(i + 1));
	must(loc[AHEAD_N - 1] >> 32 > loc[0] >> 32);
}

/* read_right reads one, which must be as it was put. */
static void read_right(struct fix *f, uint64_t loc, uint8_t fill)
{
	static uint8_t to[AHEAD_BYTES];
	struct jread read = { .loc = loc, .bytes = AHEAD_BYTES, .to = to };
	uint64_t wake;
	must(journal_read(f->j, &read) && keep_step(f, &wake));
	must(journal_read_done(f->j, 0) == &read && read.err == ERR_OK);
	for (uint32_t i = 0; i < AHEAD_BYTES; i++)
		must(to[i] == fill);
}

/* Who reads on and on finds that what comes next was begun before, also in the next segment; for
 * nobody else anything is begun, and what is begun has a bound. */
static void what_comes_next_is_read_before_anybody_asks(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	const struct sim_disk_count *count = sim_disk_count(f->disk);
	uint64_t loc[AHEAD_N];
	fill_segments(f, loc);
	for (uint32_t i = AHEAD_N; i-- > 0;) /* backwards: that goes on nowhere */
		read_right(f, loc[i], (uint8_t)(i + 1));
	must(count->begun == 0);
	reopen(f);
	uint64_t before = count->reads;
	for (uint32_t i = 0; i < AHEAD_N; i++) {
		uint64_t begun = count->begun;
		read_right(f, loc[i], (uint8_t)(i + 1));
		must(count->begun - begun <= WINDOWS_AHEAD);
	}
	must(count->begun >= 2 && count->reads - before < AHEAD_N / 2);
	uint64_t begun = count->begun;
	reopen(f); /* with some of it on its way: it is waited for */
	must(count->begun == begun);
	fix_free(f);
}

/* A disk that fails under what nobody has asked for: it is read once more when somebody does. */
static void a_failed_read_ahead_is_nobodys_error(void **state)
{
	(void)state;
	struct fix *f = fix_open();
	const struct sim_disk_count *count = sim_disk_count(f->disk);
	uint64_t loc[AHEAD_N];
	fill_segments(f, loc);
	uint64_t begun = count->begun;
	for (uint32_t i = 0; i < AHEAD_N; i++) {
		if (count->begun > begun) { /* the next read is the end of that */
			sim_disk_faults(f->disk)->fail_read_in = 1;
			begun = count->begun;
		}
		read_right(f, loc[i], (uint8_t)(i + 1));
	}
	must(begun > 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_of_all_loops_share_one_write_and_one_sync_in_order),
		cmocka_unit_test(a_full_segment_is_followed_by_the_keepers_next_one),
		cmocka_unit_test(zeros_ahead_leave_the_room_of_a_segment),
		cmocka_unit_test(who_gives_work_to_a_sleeper_is_told_once),
		cmocka_unit_test(a_loop_has_so_many_batches_and_no_more),
		cmocka_unit_test(idle_batches_hold_no_memory),
		cmocka_unit_test(neighbours_are_read_in_one_go),
		cmocka_unit_test(only_what_is_durable_can_be_read),
		cmocka_unit_test(what_is_read_first_goes_past_the_cache_and_then_through_it),
		cmocka_unit_test(what_comes_next_is_read_before_anybody_asks),
		cmocka_unit_test(a_failed_read_ahead_is_nobodys_error),
		cmocka_unit_test(what_is_spilled_comes_back_until_it_is_freed),
		cmocka_unit_test(a_full_disk_refuses_to_spill_and_nothing_else_happens),
		cmocka_unit_test(a_full_disk_spoils_a_checkpoint_and_not_the_journal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
