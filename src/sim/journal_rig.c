#include "sim/journal_rig_state.h"

#include "base/byteorder.h"
#include "base/crc32c.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- contents --------------------------------------------------------------------------- */

static uint8_t content_byte(uint32_t shard, uint64_t index, uint32_t i)
{
	return (uint8_t)(hash_u64(index * 131 + shard, i / 8) >> (i % 8 * 8));
}

static void content_put(uint8_t *to, uint32_t shard, uint64_t index, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		to[i] = content_byte(shard, index, i);
}

bool rig_content_is(const uint8_t *p, uint32_t shard, uint64_t index, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (p[i] != content_byte(shard, index, i))
			return false;
	return true;
}

void rig_fails(struct rig *r, const char *what, uint32_t shard, uint64_t index)
{
	if (!r->failure[0])
		snprintf(r->failure, sizeof r->failure, "%s: shard %u, index %llu", what, shard,
			 (unsigned long long)index);
}

static uint64_t below(struct rig *r, uint64_t n)
{
	return prng_below(&r->prng, n);
}

/* ---- state ------------------------------------------------------------------------------ */

struct said *rig_said(struct shard *s, uint64_t index)
{
	if (index >= s->said_cap) {
		uint64_t cap = index * 2 + 64;
		s->said = realloc(s->said, cap * sizeof *s->said);
		must(s->said != NULL);
		memset(s->said + s->said_cap, 0, (cap - s->said_cap) * sizeof *s->said);
		s->said_cap = cap;
	}
	return &s->said[index];
}

void rig_count_live(struct rig *r, const struct cell *c, int sign)
{
	if (c->index != 0 && c->len != EMPTIED)
		journal_live(r->journal, c->loc, sign * (int64_t)c->len, sign);
}

void rig_apply(struct rig *r, uint32_t shard, uint64_t index, uint64_t body_loc)
{
	struct shard *s = &r->shards[shard];
	const struct said *what = rig_said(s, index);
	struct cell *c = &s->cells[what->cell], old = *c;
	c->index = index;
	c->len = what->len;
	c->loc = body_loc + HEAD_BYTES;
	c->is_dirty = true;
	rig_count_live(r, c, 1);
	rig_count_live(r, &old, -1);
}

/* ---- proposing -------------------------------------------------------------------------- */

static uint32_t random_len(struct rig *r)
{
	if (below(r, 4) == 0)
		return EMPTIED;
	return (uint32_t)(below(r, 20) == 0 ? below(r, CONTENT_MAX) : below(r, 300));
}

static bool propose_one(struct rig *r, struct flying *f, uint32_t shard, uint32_t cell,
			uint32_t len)
{
	struct shard *s = &r->shards[shard];
	uint8_t *body;
	uint32_t cap, off, bytes = len == EMPTIED ? 0 : len;
	if (repl_begin(&s->repl, f->batch, &body, &cap) != ERR_OK)
		return false;
	must(cap >= HEAD_BYTES + bytes);
	uint64_t index = s->repl.proposed + 1;
	store_le32(body, cell);
	store_le32(body + 4, len);
	content_put(body + HEAD_BYTES, shard, index, bytes);
	uint64_t got = repl_propose(&s->repl, f->batch, index, HEAD_BYTES + bytes,
				    crc32c_extend(0, body, HEAD_BYTES + bytes), &off);
	must(got == index);
	*rig_said(s, index) = (struct said){ s->repl.epoch, cell, len };
	f->at[f->n].shard = shard;
	f->at[f->n].off = off;
	f->at[f->n++].index = index;
	return true;
}

static struct flying *flying_new(struct rig *r, uint32_t loop)
{
	for (uint32_t i = 0; i < JOURNAL_BATCHES; i++) {
		struct flying *f = &r->flying[loop][i];
		if (f->batch)
			continue;
		f->batch = journal_batch(r->journal, loop);
		f->n = 0;
		return f->batch ? f : NULL;
	}
	return NULL;
}

static void submit(struct rig *r, struct flying *f)
{
	if (f->n > 0) {
		(void)journal_submit(r->journal, f->batch);
		return;
	}
	journal_batch_free(r->journal, f->batch);
	f->batch = NULL;
}

static void propose(struct rig *r)
{
	uint32_t loop = (uint32_t)below(r, RIG_LOOPS);
	struct flying *f = flying_new(r, loop);
	if (!f)
		return;
	uint64_t n = 1 + below(r, 8);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t shard = (uint32_t)below(r, RIG_SHARDS);
		shard -= shard % RIG_LOOPS; /* shards live on loops: shard % RIG_LOOPS == loop */
		shard += loop;
		if (shard < RIG_SHARDS)
			(void)propose_one(r, f, shard, (uint32_t)below(r, RIG_CELLS),
					  random_len(r));
	}
	submit(r, f);
}

/* forward copies what lives in the named segment, as new records of its cells. */
static void forward(struct rig *r)
{
	if (r->forward == 0)
		r->forward = journal_forward(r->journal);
	for (uint32_t shard = 0; r->forward && shard < RIG_SHARDS; shard++)
		for (uint32_t c = 0; c < RIG_CELLS; c++) {
			const struct cell *cell = &r->shards[shard].cells[c];
			if (cell->len == EMPTIED || cell->loc >> 32 != r->forward ||
			    cell->index == 0)
				continue;
			struct flying *f = flying_new(r, shard % RIG_LOOPS);
			if (!f)
				return;
			(void)propose_one(r, f, shard, c, cell->len);
			submit(r, f);
		}
	if (r->forward)
		journal_forwarded(r->journal, r->forward);
	r->forward = 0;
}

static void consume(struct rig *r, uint32_t loop)
{
	struct jbatch *b;
	while ((b = journal_done(r->journal, loop)) != NULL) {
		struct flying *f = NULL;
		for (uint32_t i = 0; i < JOURNAL_BATCHES; i++)
			if (r->flying[loop][i].batch == b)
				f = &r->flying[loop][i];
		must(f != NULL);
		for (uint32_t i = 0; i < f->n; i++) {
			struct shard *s = &r->shards[f->at[i].shard];
			if (!repl_durable(&s->repl, f->at[i].index))
				rig_fails(r, "durable out of order", f->at[i].shard,
					  f->at[i].index);
			s->confirmed = s->repl.committed;
			rig_apply(r, f->at[i].shard, f->at[i].index, b->loc + f->at[i].off);
		}
		f->batch = NULL;
		journal_batch_free(r->journal, b);
	}
}

/* ---- reading ---------------------------------------------------------------------------- */

static void read_cell(struct rig *r, uint32_t shard, uint32_t cell)
{
	const struct cell *c = &r->shards[shard].cells[cell];
	struct reading *x = r->reads;
	while (x < r->reads + READS_MAX && x->is_out)
		x++;
	if (x == r->reads + READS_MAX || c->index == 0 || c->len == EMPTIED)
		return;
	x->buf = malloc(c->len + 1);
	must(x->buf != NULL);
	x->shard = shard;
	x->cell = cell;
	x->index = c->index;
	x->len = c->len;
	x->read = (struct jread){
		.loc = c->loc, .bytes = c->len, .loop = shard % RIG_LOOPS, .to = x->buf
	};
	x->is_out = journal_read(r->journal, &x->read);
	must(x->is_out);
}

static void take_reads(struct rig *r, uint32_t loop)
{
	struct jread *read;
	while ((read = journal_read_done(r->journal, loop)) != NULL) {
		struct reading *x = containerof(read, struct reading, read);
		const struct cell *c = &r->shards[x->shard].cells[x->cell];
		bool is_current = c->index == x->index; /* else its place may be gone */
		if (is_current && read->err != ERR_OK && read->err != ERR_IO)
			rig_fails(r, "cannot be read", x->shard, x->index);
		if (is_current && read->err == ERR_OK && !r->has_damage &&
		    !rig_content_is(x->buf, x->shard, x->index, x->len))
			rig_fails(r, "reads differently", x->shard, x->index);
		free(x->buf);
		x->buf = NULL;
		x->is_out = false;
	}
}

/* ---- checkpoints ------------------------------------------------------------------------ */

static void snapshot(struct rig *r, uint32_t shard)
{
	struct shard *s = &r->shards[shard];
	r->snap.shard = shard;
	r->snap.at = 0;
	if (shard == RIG_SHARDS)
		return;
	r->snap.row = (struct ckpt_shard){ (uint16_t)shard, s->repl.committed, s->repl.epoch,
					   s->repl.wall_ms, 0 };
	memcpy(r->snap.cells, s->cells, sizeof s->cells);
	for (uint32_t c = 0; c < RIG_CELLS; c++)
		s->cells[c].is_dirty = false;
}

static bool put_cell(struct rig *r, uint32_t c)
{
	const struct cell *cell = &r->snap.cells[c];
	uint8_t unit[600] = { 0 };
	if (!cell->is_dirty)
		return true;
	size_t n = cell->len == EMPTIED ? 0 : 24 + cell->index % 500;
	store_le64(unit, cell->index);
	store_le64(unit + 8, cell->loc);
	store_le32(unit + 16, cell->len);
	return journal_checkpoint_put(r->journal, (uint16_t)r->snap.shard, c, 7, slice_of(unit, n));
}

/* Cells that a checkpoint was to hold are changed again when it failed. */
static void after_failure(struct rig *r)
{
	for (uint32_t shard = 0; shard < RIG_SHARDS; shard++)
		for (uint32_t c = 0; c < RIG_CELLS; c++)
			r->shards[shard].cells[c].is_dirty = true;
}

static void checkpoint(struct rig *r)
{
	if (r->is_ending) {
		if (journal_checkpoint_done(r->journal) > r->ckpt_done)
			r->checkpoints++;
		else if (journal_checkpoint_failed(r->journal) > r->ckpt_failed)
			after_failure(r);
		else
			return;
		r->is_checkpointing = r->is_ending = false;
		return;
	}
	if (!r->is_checkpointing) {
		r->ckpt_done = journal_checkpoint_done(r->journal);
		r->ckpt_failed = journal_checkpoint_failed(r->journal);
		r->is_checkpointing = journal_checkpoint_begin(r->journal);
		r->snap.shard = UINT32_MAX;
		return;
	}
	if (r->snap.shard == UINT32_MAX) {
		if (below(r, 2) == 0)
			snapshot(r, 0);
		return;
	}
	for (; r->snap.at < RIG_CELLS; r->snap.at++)
		if (!put_cell(r, r->snap.at))
			return;
	journal_checkpoint_shard(r->journal, &r->snap.row);
	snapshot(r, r->snap.shard + 1);
	if (r->snap.shard < RIG_SHARDS)
		return;
	journal_checkpoint_end(r->journal);
	r->is_ending = true;
}

/* ---- work ------------------------------------------------------------------------------- */

static bool is_over(struct rig *r)
{
	return r->failure[0] || sim_disk_is_dead(r->disk) || journal_why(r->journal)[0];
}

static void step(struct rig *r)
{
	uint64_t wake;
	enum err e;
	uint32_t loop = (uint32_t)below(r, RIG_LOOPS);
	switch (below(r, 16)) {
	case 0:
	case 1:
	case 2:
	case 3: propose(r); break;
	case 4:
	case 5:
	case 6: (void)journal_write_step(r->journal, &wake, &e); break;
	case 7:
	case 8:
	case 9:
	case 10: (void)journal_keep_step(r->journal, &wake, &e); break;
	case 11:
	case 12: consume(r, loop); break;
	case 13:
		read_cell(r, (uint32_t)below(r, RIG_SHARDS), (uint32_t)below(r, RIG_CELLS));
		take_reads(r, loop);
		break;
	case 14: checkpoint(r); break;
	default:
		if (below(r, 8) == 0)
			forward(r);
	}
}

void rig_work(struct rig *r, uint64_t steps)
{
	for (uint64_t i = 0; i < steps && !is_over(r); i++)
		step(r);
}

/* drain lets writer and keeper do all they have. */
static void drain(struct rig *r)
{
	uint64_t wake;
	enum err e;
	bool is_any = true;
	while (is_any && !is_over(r)) {
		is_any = journal_write_step(r->journal, &wake, &e);
		is_any |= journal_keep_step(r->journal, &wake, &e);
		for (uint32_t l = 0; l < RIG_LOOPS; l++) {
			consume(r, l);
			take_reads(r, l);
		}
	}
}

void rig_settle(struct rig *r)
{
	drain(r);
	for (uint32_t shard = 0; shard < RIG_SHARDS; shard++)
		for (uint32_t c = 0; c < RIG_CELLS && !is_over(r); c++) {
			read_cell(r, shard, c);
			if (c % 8 == 7)
				drain(r);
		}
	for (uint32_t shard = 0; shard < RIG_SHARDS && !is_over(r); shard++)
		if (r->shards[shard].repl.committed != r->shards[shard].repl.proposed)
			rig_fails(r, "no progress", shard, r->shards[shard].repl.committed);
}

/* ---- life ------------------------------------------------------------------------------- */

bool rig_open(struct rig *r)
{
	struct journal_setup setup = {
		.disk = sim_disk_port(r->disk),
		.mem = &r->heap.mem,
		.loop_mem = r->loop_mem,
		.loops_n = RIG_LOOPS,
		.segment_bytes = SEGMENT_BYTES,
		.checkpoint_every_bytes = SEGMENT_BYTES,
		.store_id = 0x5eed,
		.cluster_id = 0xc1,
		.wall_ms = 1,
	};
	struct text why = text_of(r->why, sizeof r->why);
	must(!r->journal);
	if (journal_open(&setup, &r->journal, &why) != ERR_OK) {
		r->journal = NULL;
		return false;
	}
	r->is_open = rig_recover(r, &why);
	return r->is_open;
}

void rig_close(struct rig *r, bool is_clean)
{
	if (r->is_open && is_clean) {
		drain(r);
		for (int kept = 0; kept < 2 && !is_over(r); kept += !r->is_checkpointing) {
			checkpoint(r);
			drain(r);
		}
	}
	journal_close(r->journal);
	r->journal = NULL;
	for (uint32_t i = 0; i < READS_MAX; i++) {
		free(r->reads[i].buf);
		r->reads[i] = (struct reading){ 0 };
	}
	memset(r->flying, 0, sizeof r->flying);
	r->is_open = r->is_checkpointing = r->is_ending = false;
	r->forward = 0;
	if (r->heap.mem.used != 0)
		rig_fails(r, "memory is not given back", 0, r->heap.mem.used);
}

struct rig *rig_new(uint64_t seed)
{
	struct rig *r = calloc(1, sizeof *r);
	must(r != NULL);
	r->disk = sim_disk_new(seed * 2 + 1);
	rig_mem_init(&r->heap);
	r->prng = prng_of(seed);
	for (uint32_t l = 0; l < RIG_LOOPS; l++)
		r->loop_mem[l] = &r->heap.mem;
	for (uint32_t s = 0; s < RIG_SHARDS; s++)
		repl_init(&r->shards[s].repl, (uint16_t)s, 1, 0, 0);
	return r;
}

void rig_free(struct rig *own_r)
{
	if (own_r->journal)
		rig_close(own_r, false);
	for (uint32_t s = 0; s < RIG_SHARDS; s++)
		free(own_r->shards[s].said);
	rig_mem_fini(&own_r->heap);
	sim_disk_free(own_r->disk);
	free(own_r);
}

void rig_commit(struct rig *r)
{
	uint64_t wake;
	enum err e;
	for (int i = 0; i < 12; i++)
		propose(r);
	(void)journal_write_step(r->journal, &wake, &e);
}

void rig_believe_reads(struct rig *r, bool yes)
{
	r->has_damage = !yes;
}

struct sim_disk *rig_swap_disk(struct rig *r, struct sim_disk *own_d)
{
	struct sim_disk *d = r->disk;
	must(!r->journal);
	r->disk = own_d;
	return d;
}

struct sim_disk *rig_disk(struct rig *r)
{
	return r->disk;
}

const char *rig_failure(const struct rig *r)
{
	return r->failure;
}

const char *rig_why(const struct rig *r)
{
	return r->why;
}

uint64_t rig_checkpoints(const struct rig *r)
{
	return r->checkpoints;
}

uint64_t rig_confirmed(const struct rig *r)
{
	uint64_t sum = 0;
	for (uint32_t s = 0; s < RIG_SHARDS; s++)
		sum += r->shards[s].confirmed;
	return sum;
}
