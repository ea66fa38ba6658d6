#include "base/byteorder.h"
#include "base/list.h"
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "io/disk_posix.h"
#include "journal/journal.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* The journal as it is used: loops, writer and keeper on threads of their own, a real disk, and
 * nobody waits but by the rules for sleeping. A wake-up that is lost makes this test hang. */

#define LOOPS         3u
#define BATCHES       400u /* of each loop */
#define SEGMENT_BYTES (1u << 20)

struct world {
	struct journal *j;
	struct disk *disk;
	struct mem_for_tests heap, loop_heap[LOOPS];
	struct mem *loop_mem[LOOPS];
	sem_t writer, keeper, loop[LOOPS];
	_Atomic bool is_over;
	_Atomic bool is_turn_taken; /* to make a checkpoint: one loop at a time */
};
struct party {
	struct world *w;
	uint32_t loop;
};

static void wake(sem_t *s)
{
	int failed = sem_post(s);
	must(failed == 0);
}

static void wait_for(sem_t *s)
{
	while (sem_wait(s) != 0) {
	}
}

static void wake_loops(struct world *w, uint64_t mask)
{
	for (uint32_t l = 0; l < LOOPS; l++)
		if (mask >> l & 1)
			wake(&w->loop[l]);
}

static void *writer(void *arg)
{
	struct world *w = arg;
	uint64_t mask;
	enum err e;
	while (!atomic_load(&w->is_over)) {
		bool is_any = journal_write_step(w->j, &mask, &e);
		must(e == ERR_OK);
		wake_loops(w, mask);
		if (journal_keeper_to_wake(w->j))
			wake(&w->keeper);
		if (!is_any && journal_writer_may_sleep(w->j))
			wait_for(&w->writer);
	}
	return NULL;
}

static void *keeper(void *arg)
{
	struct world *w = arg;
	uint64_t mask;
	enum err e;
	while (!atomic_load(&w->is_over)) {
		bool is_any = journal_keep_step(w->j, &mask, &e);
		must(e == ERR_OK);
		wake_loops(w, mask);
		if (journal_writer_to_wake(w->j))
			wake(&w->writer);
		if (!is_any && journal_keeper_may_sleep(w->j))
			wait_for(&w->keeper);
	}
	return NULL;
}

static void put_batch(struct world *w, uint32_t loop, uint64_t index, struct jbatch *b)
{
	uint8_t *body;
	uint32_t cap;
	enum err e = journal_record_begin(b, &body, &cap);
	must(e == ERR_OK);
	uint32_t len = 100 + (uint32_t)(index * 7919 % 40000);
	memset(body, (int)(index + loop), len);
	struct record r = {
		.shard = (uint16_t)loop, .kind = RECORD_OUTCOMES, .epoch = 1, .index = index
	};
	b->ticket = 0;
	(void)journal_record_end(b, &r, len);
	if (journal_submit(w->j, b))
		wake(&w->writer);
}

/* read_back asks for the first bytes of a durable record and waits for them. */
static void read_back(struct world *w, uint32_t loop, uint64_t loc, uint64_t index)
{
	uint8_t got[64] = { 0 };
	struct jread read = { .loc = loc, .bytes = sizeof got, .loop = loop, .to = got }, *done;
	bool is_asked = journal_read(w->j, &read);
	must(is_asked);
	if (journal_keeper_to_wake(w->j))
		wake(&w->keeper);
	while ((done = journal_read_done(w->j, loop)) == NULL)
		wait_for(&w->loop[loop]);
	must(done == &read && read.err == ERR_OK);
	must(got[0] == (uint8_t)(index + loop) && got[63] == got[0]);
}

static void checkpoint(struct world *w, uint32_t loop, uint64_t index)
{
	uint8_t unit[16];
	store_le64(unit, index);
	store_le64(unit + 8, index);
	if (atomic_exchange(&w->is_turn_taken, true))
		return;
	if (!journal_checkpoint_begin(w->j)) {
		atomic_store(&w->is_turn_taken, false);
		return;
	}
	for (;;) {
		if (journal_keeper_to_wake(w->j))
			wake(&w->keeper);
		if (journal_checkpoint_put(w->j, (uint16_t)loop, 1, 1, slice_of(unit, sizeof unit)))
			break;
		sched_yield();
	}
	journal_checkpoint_shard(w->j, &(struct ckpt_shard){ (uint16_t)loop, index, 1, 0, 0 });
	journal_checkpoint_end(w->j);
	atomic_store(&w->is_turn_taken, false);
	if (journal_keeper_to_wake(w->j))
		wake(&w->keeper);
}

static void *loop(void *arg)
{
	struct party *p = arg;
	struct world *w = p->w;
	uint64_t sent = 0, done = 0;
	while (done < BATCHES) {
		struct jbatch *b = sent < BATCHES ? journal_batch(w->j, p->loop) : NULL;
		if (b)
			put_batch(w, p->loop, ++sent, b);
		while ((b = journal_done(w->j, p->loop)) != NULL) {
			uint64_t loc = b->loc;
			must(loc != 0);
			done++;
			journal_live(w->j, loc, 1, 1);
			if (done % 8 == 0)
				read_back(w, p->loop, loc + 40, done);
			journal_live(w->j, loc, -1, -1);
			journal_batch_free(w->j, b);
			if (done % 64 == 0)
				checkpoint(w, p->loop, done);
		}
		if (journal_keeper_to_wake(w->j))
			wake(&w->keeper);
		if (done < BATCHES && !journal_has_done(w->j, p->loop) &&
		    (sent == BATCHES || sent - done == 4))
			wait_for(&w->loop[p->loop]);
	}
	return NULL;
}

static void open_all(struct world *w, const char *dir)
{
	char buf[256];
	struct text why = text_of(buf, sizeof buf);
	enum err e = disk_posix_new(dir, &w->disk, &why);
	must(e == ERR_OK);
	struct journal_setup s = { .disk = w->disk,
				   .mem = &w->heap.mem,
				   .loop_mem = w->loop_mem,
				   .loops_n = LOOPS,
				   .segment_bytes = SEGMENT_BYTES,
				   .checkpoint_every_bytes = SEGMENT_BYTES,
				   .store_id = 5,
				   .cluster_id = 6 };
	e = journal_open(&s, &w->j, &why);
	must(e == ERR_OK);
	uint64_t at[LOOPS] = { 0 }, records = 0;
	for (bool is_more = true; is_more; records += is_more) {
		struct record r;
		uint64_t loc;
		e = journal_recover_record(w->j, &r, &loc, &is_more, &why);
		must(e == ERR_OK);
		must_if(is_more && at[r.shard], r.index == at[r.shard] + 1);
		if (is_more)
			at[r.shard] = r.index;
	}
	e = journal_recovered(w->j, &why);
	must(e == ERR_OK);
	for (uint32_t l = 0; l < LOOPS && records > 0; l++)
		must(at[l] == 0 || at[l] == BATCHES);
}

static void close_all(struct world *w)
{
	journal_close(w->j);
	disk_posix_free(w->disk);
	must(w->heap.mem.used == 0);
	for (uint32_t l = 0; l < LOOPS; l++)
		must(w->loop_heap[l].mem.used == 0);
}

static void run_threads(struct world *w)
{
	pthread_t threads[LOOPS + 2];
	struct party parties[LOOPS];
	int failed = pthread_create(&threads[LOOPS], NULL, writer, w);
	failed |= pthread_create(&threads[LOOPS + 1], NULL, keeper, w);
	for (uint32_t l = 0; l < LOOPS; l++) {
		parties[l] = (struct party){ w, l };
		failed |= pthread_create(&threads[l], NULL, loop, &parties[l]);
	}
	must(failed == 0);
	for (uint32_t l = 0; l < LOOPS; l++)
		pthread_join(threads[l], NULL);
	atomic_store(&w->is_over, true);
	wake(&w->writer);
	wake(&w->keeper);
	pthread_join(threads[LOOPS], NULL);
	pthread_join(threads[LOOPS + 1], NULL);
}

static void remove_dir(const char *dir, int depth)
{
	char path[600];
	DIR *d = opendir(dir);
	struct dirent *e;
	while (d && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.' && unlink(path) != 0 && depth < 2)
			remove_dir(path, depth + 1);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static void loops_writer_and_keeper_work_side_by_side(void **state)
{
	(void)state;
	char dir[256];
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof dir, "%s/journal-threads-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(dir) != NULL);
	static struct world w;
	w.heap = mem_for_tests((size_t)1 << 28);
	sem_init(&w.writer, 0, 0);
	sem_init(&w.keeper, 0, 0);
	for (uint32_t l = 0; l < LOOPS; l++) {
		sem_init(&w.loop[l], 0, 0);
		w.loop_heap[l] = mem_for_tests((size_t)1 << 28);
		w.loop_mem[l] = &w.loop_heap[l].mem;
	}
	open_all(&w, dir);
	run_threads(&w);
	must(journal_checkpoint_done(w.j) > 0);
	close_all(&w);
	open_all(&w, dir);
	close_all(&w);
	remove_dir(dir, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_writer_and_keeper_work_side_by_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
