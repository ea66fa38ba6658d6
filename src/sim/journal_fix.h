/* journal_fix -- a journal on a simulated disk, step by step: for tests only. */
#ifndef SIM_JOURNAL_FIX_H
#define SIM_JOURNAL_FIX_H
#include "base/mem_for_tests.h"
#include "base/text.h"
#include "journal/journal.h"
#include "sim/disk.h"

#include <stdlib.h>

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

/* try_open opens and recovers; on failure there is no journal, and f->why says why. */
static inline enum err try_open(struct fix *f)
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

/* fix_new makes an empty disk, fix_open opens it too, fix_free ends both. */
static inline struct fix *fix_new(void)
{
	struct fix *f = calloc(1, sizeof *f);
	must(f != NULL);
	f->disk = sim_disk_new(3);
	f->heap = mem_for_tests((size_t)1 << 28);
	for (uint32_t l = 0; l < LOOPS; l++)
		f->loop_mem[l] = &f->heap.mem;
	return f;
}

/* fix_open: see fix_new. */
static inline struct fix *fix_open(void)
{
	struct fix *f = fix_new();
	enum err e = try_open(f);
	must(e == ERR_OK);
	return f;
}

/* reopen closes and opens again. */
static inline void reopen(struct fix *f)
{
	journal_close(f->j);
	f->j = NULL;
	enum err e = try_open(f);
	must(e == ERR_OK);
}

static inline void fix_free(struct fix *f)
{
	journal_close(f->j);
	must(f->heap.mem.used == 0);
	sim_disk_free(f->disk);
	free(f);
}

/* put submits a batch of one record of `len` bytes, all `fill`; true: the writer is to be woken. */
static inline bool put(struct fix *f, uint32_t loop, uint32_t len, uint8_t fill)
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

/* write_step and keep_step do a step that must not fail. */
static inline bool write_step(struct fix *f, uint64_t *wake)
{
	enum err e;
	bool is_any = journal_write_step(f->j, wake, &e);
	must(e == ERR_OK);
	return is_any;
}

/* keep_step: see write_step. */
static inline bool keep_step(struct fix *f, uint64_t *wake)
{
	enum err e;
	bool is_any = journal_keep_step(f->j, wake, &e);
	must(e == ERR_OK);
	return is_any;
}

/* take gives the place of the next durable batch of a loop, which must be there. */
static inline uint64_t take(struct fix *f, uint32_t loop)
{
	struct jbatch *b = journal_done(f->j, loop);
	must(b != NULL);
	uint64_t loc = b->loc;
	journal_batch_free(f->j, b);
	return loc;
}

/* put_durable gives the place of the record's body. */
static inline uint64_t put_durable(struct fix *f, uint32_t loop, uint32_t len, uint8_t fill)
{
	uint64_t wake;
	(void)put(f, loop, len, fill);
	while (!write_step(f, &wake))
		must(keep_step(f, &wake));
	return take(f, loop) + RECORD_HEAD_BYTES;
}

/* checkpoint makes one with a single unit. */
static inline void checkpoint(struct fix *f, uint64_t a, const char *unit)
{
	uint64_t wake;
	must(journal_checkpoint_begin(f->j) && !journal_checkpoint_begin(f->j));
	while (!journal_checkpoint_put(f->j, 1, a, 0, slice_str(unit)))
		must(keep_step(f, &wake));
	journal_checkpoint_shard(f->j, &(struct ckpt_shard){ 1, f->index, 1, 0, 0 });
	journal_checkpoint_end(f->j);
	while (keep_step(f, &wake)) {
	}
}
#endif
