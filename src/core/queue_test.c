#include "core/queue.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
	struct mem_for_tests heap;
	struct chunk_pool pool;
	struct queue q;
};

static void begin(struct fixture *f)
{
	f->heap = mem_for_tests(1 << 28);
	chunk_pool_init(&f->pool, &f->heap.mem);
	queue_init(&f->q, 7, 0);
}

static void release(struct fixture *f, struct chunk *k)
{
	queue_unlink(&f->q, k);
	chunk_put(&f->pool, k);
}

/* Adds n entries, the first with id `id`; every id twice, as a transient twin has it. */
static void add(struct fixture *f, uint64_t id, uint32_t n)
{
	struct queue *q = &f->q;
	for (uint32_t i = 0; i < n; i++) {
		struct chunk *done, *k = queue_tail(q, &f->pool, &done);
		if (done)
			release(f, done);
		chunk_room(&f->pool, k, k->used + 1);
		k->entry[k->used] = (struct entry){ .id = id + i / 2, .mem = 1, .bytes = 1 };
		chunk_use(k, 1);
		q->last_id = id + i / 2;
		q->tail_pos++;
		q->live_n++;
		q->live_bytes++;
		queue_on(q, k, k->used - 1);
	}
	queue_check(q);
}

static void drop(struct fixture *f, uint64_t pos)
{
	struct queue *q = &f->q;
	struct chunk *k = queue_chunk(q, pos_chunk(pos));
	uint32_t slot = pos_slot(pos);
	must(k && bits_test(k->live, slot) && bits_test(k->ready, slot));
	queue_off(q, k, slot);
	bits_clear(k->live, slot);
	k->live_n--;
	q->live_n--;
	q->live_bytes--;
	bool is_tail = k->number + 1 == queue_end(q);
	if (k->live_n == 0 && (!is_tail || q->live_n == 0))
		release(f, k);
	if (q->live_n == 0 && q->chunks.n)
		release(f, queue_chunk(q, queue_end(q) - 1));
}

static void end(struct fixture *f)
{
	uint64_t pos = 0;
	while (queue_next_live(&f->q, &pos))
		drop(f, pos);
	queue_fini(&f->q, &f->heap.mem);
	chunk_pool_fini(&f->pool);
	must(f->heap.mem.used == 0);
}

static void an_empty_queue_has_no_chunk(void **s)
{
	(void)s;
	struct fixture f;
	begin(&f);
	for (uint64_t i = 0; i < 5; i++) {
		uint64_t pos = f.q.tail_pos;
		add(&f, 10 * i, 3);
		must(f.pool.out_n == 1 && f.q.tail_pos == pos + 3);
		for (uint64_t k = 0; k < 3; k++)
			drop(&f, pos + k);
		must(f.pool.out_n == 0 && pos_slot(f.q.tail_pos) == 0 && f.q.tail_pos > pos + 3);
		queue_check(&f.q);
	}
	end(&f);
}

/* One old entry stays: the directory grows by a row for each 512 that pass behind it, no more. */
static void one_that_stays_pins_one_chunk(void **s)
{
	(void)s;
	struct fixture f;
	begin(&f);
	add(&f, 1, 1);
	for (uint64_t i = 0; i < 20 * CHUNK_N; i++) {
		add(&f, 2 + i, 1);
		drop(&f, f.q.tail_pos - 1);
	}
	queue_check(&f.q);
	must(f.pool.out_n == 2 && f.q.chunks.n == 21);
	drop(&f, pos_of(1, 0));
	must(f.pool.out_n == 0 && f.q.chunks.n == 0);
	end(&f);
}

static void entries_are_found_by_id_whatever_is_gone(void **s)
{
	(void)s;
	struct fixture f;
	struct prng r = prng_of(4);
	begin(&f);
	const uint32_t n = 9 * CHUNK_N + 100;
	uint64_t from = f.q.tail_pos;
	add(&f, 1000, n);
	for (uint32_t chunk = 0; chunk < 9; chunk++) /* whole chunks, the first two among them */
		for (uint32_t i = 0; i < CHUNK_N; i++)
			if (chunk < 2 || chunk == 5 || chunk == 6 || prng_chance(&r, 1, 3))
				drop(&f, from + chunk * CHUNK_N + i);
	queue_check(&f.q);
	for (uint64_t id = 0; id < 1000 + n / 2 + 10; id++) {
		uint64_t pos = queue_find(&f.q, id), live = pos, scan = 0;
		const struct chunk *k = queue_next_live(&f.q, &live), *all;
		while ((all = queue_next_live(&f.q, &scan)) && all->entry[pos_slot(scan)].id < id)
			scan++;
		must((k != NULL) == (all != NULL) && (!k || live == scan));
		id += prng_below(&r, 60);
	}
	end(&f);
}

static void chunks_come_back_in_any_order(void **s)
{
	(void)s;
	const uint64_t numbers[] = { 900, 7, 31, 1, 8, 30, 901 };
	struct fixture f;
	begin(&f);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct chunk *k = chunk_take(&f.pool, numbers[i]);
		must(queue_place(&f.q, k, &f.heap.mem) == ERR_OK);
		must(queue_chunk(&f.q, numbers[i]) == k);
	}
	must(f.q.first == 1 && queue_end(&f.q) == 902);
	struct chunk *again = chunk_take(&f.pool, 30), *far = chunk_take(&f.pool, 1u << 30);
	must(queue_place(&f.q, again, &f.heap.mem) == ERR_CORRUPT);
	must(queue_place(&f.q, far, &f.heap.mem) == ERR_CORRUPT);
	must(queue_end(&f.q) == 902);
	chunk_put(&f.pool, again);
	chunk_put(&f.pool, far);
	uint64_t n = 0;
	for (struct chunk *k; (k = queue_next_used(&f.q, 0)) != NULL; n++)
		release(&f, k);
	must(n == sizeof numbers / sizeof *numbers);
	end(&f);
}

static void an_idle_queue_shares_what_is_special_and_counts_nothing(void **s)
{
	(void)s;
	struct fixture f;
	struct queue other;
	begin(&f);
	queue_init(&other, 8, 0);
	size_t before = f.heap.mem.used;
	must(f.q.has == other.has && !f.q.has->ruled && queue_counted(&f.q)->published == 0);
	must(f.heap.mem.used == before && sizeof f.q <= 304);
	struct ruled rules = { .queue = &f.q };
	queue_special(&f.q, &f.heap.mem)->ruled = &rules;
	queue_counting(&f.q, &f.heap.mem)->published += 3;
	must(f.q.has->ruled == &rules && !other.has->ruled && f.q.has != other.has);
	queue_special(&f.q, &f.heap.mem)->ruled = NULL;
	must(queue_counted(&f.q)->published == 3 && queue_counted(&other)->published == 0);
	queue_fini(&other, &f.heap.mem);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_queue_has_no_chunk),
		cmocka_unit_test(one_that_stays_pins_one_chunk),
		cmocka_unit_test(entries_are_found_by_id_whatever_is_gone),
		cmocka_unit_test(chunks_come_back_in_any_order),
		cmocka_unit_test(an_idle_queue_shares_what_is_special_and_counts_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
