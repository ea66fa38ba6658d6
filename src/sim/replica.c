#include "sim/replica.h"

#include "base/bits.h"
#include "base/byteorder.h"
#include "base/crc32c.h"
#include "sim/journal_rig_state.h"

#include <stdlib.h>

#define FOLLOWED    3u /* shards */
#define LIVES       5
#define STEPS       60
#define ENTRIES_MAX 400u /* of one shard, in all lives */
#define ITEMS_MAX   6u   /* records of one batch */
#define BODY_MAX    2000u

/* What a leader has once sent; its number is in its record's body. */
struct entry {
	uint64_t index, epoch;
	bool is_gone; /* cut by a durable record, or not found by a recovery: it must stay away */
};

struct follower {
	struct repl repl;
	struct entry entry[ENTRIES_MAX];
	uint32_t entries_n;
	uint32_t log[ENTRIES_MAX + 1]; /* which entry, by index */
	uint64_t loc[ENTRIES_MAX + 1]; /* of its body, when recovered */
	uint32_t len[ENTRIES_MAX + 1];
	uint32_t kept[ENTRIES_MAX + 1];     /* the committed ones, by index */
	uint64_t durable, committed, epoch; /* epoch: the newest leader's */
};

/* What lies in one batch on its way: an entry, or a cut. */
struct item {
	uint32_t shard, entry;
	uint64_t from, epoch; /* a cut's; from 0: an entry */
};
struct sent {
	struct jbatch *batch; /* NULL: free */
	struct item at[ITEMS_MAX];
	uint32_t n;
};

struct replica {
	struct story *story;
	struct prng prng;
	struct sim_disk *disk;
	struct rig_mem heap;
	struct mem *loop_mem[1];
	struct journal *journal;
	struct follower f[FOLLOWED];
	struct sent sent[JOURNAL_BATCHES];
};

/* ---- the log on its way ------------------------------------------------------------------- */

static void append(struct replica *r, struct sent *s, uint32_t shard)
{
	struct follower *f = &r->f[shard];
	uint8_t *body;
	uint32_t cap, off, no = f->entries_n, len = (uint32_t)prng_between(&r->prng, 8, BODY_MAX);
	if (no == ENTRIES_MAX || repl_begin(&f->repl, s->batch, &body, &cap) != ERR_OK)
		return;
	must(cap >= len);
	memset(body, (int)no, len);
	store_le32(body, no);
	uint64_t index = repl_propose(&f->repl, s->batch, 0, len, crc32c_extend(0, body, len),
				      &off);
	f->entry[f->entries_n++] = (struct entry){ index, f->repl.epoch, false };
	f->log[index] = no;
	s->at[s->n++] = (struct item){ .shard = shard, .entry = no };
}

/* A new leader cuts what it does not know, and nothing that was committed. */
static void cut(struct replica *r, struct sent *s, uint32_t shard)
{
	struct follower *f = &r->f[shard];
	uint8_t *body;
	uint32_t cap;
	if (f->repl.proposed == f->committed ||
	    journal_record_begin(s->batch, &body, &cap) != ERR_OK)
		return;
	struct record rec = { .shard = (uint16_t)shard,
			      .kind = RECORD_TRUNCATE,
			      .epoch = ++f->epoch,
			      .index = prng_between(&r->prng, f->committed + 1, f->repl.proposed) };
	TELL(r->story, cut, shard, rec.index, f->repl.proposed, rec.epoch);
	(void)journal_record_end(s->batch, &rec, 0);
	f->repl.proposed = rec.index - 1;
	f->repl.epoch = rec.epoch;
	f->durable = min_u64(f->durable, f->repl.proposed);
	s->at[s->n++] = (struct item){ .shard = shard, .from = rec.index, .epoch = rec.epoch };
}

static void send(struct replica *r)
{
	struct sent *s = r->sent;
	while (s < r->sent + JOURNAL_BATCHES && s->batch)
		s++;
	if (s == r->sent + JOURNAL_BATCHES)
		return;
	*s = (struct sent){ .batch = journal_batch(r->journal, 0) };
	for (uint64_t n = prng_between(&r->prng, 1, ITEMS_MAX); s->batch && n > 0; n--) {
		uint32_t shard = (uint32_t)prng_below(&r->prng, FOLLOWED);
		if (prng_chance(&r->prng, 1, 6))
			cut(r, s, shard);
		else
			append(r, s, shard);
	}
	if (s->n > 0) {
		(void)journal_submit(r->journal, s->batch);
	} else if (s->batch) {
		journal_batch_free(r->journal, s->batch);
		s->batch = NULL;
	}
}

static void take_item(struct follower *f, const struct item *x)
{
	uint64_t index = f->entry[x->entry].index;
	if (x->from == 0) {
		if (index <= f->repl.proposed && f->log[index] == x->entry)
			f->durable = index;
		return;
	}
	for (uint32_t i = 0; i < f->entries_n; i++)
		f->entry[i].is_gone |= f->entry[i].index >= x->from && f->entry[i].epoch < x->epoch;
}

static void take(struct replica *r)
{
	struct jbatch *b = journal_done(r->journal, 0);
	if (!b)
		return;
	struct sent *s = r->sent;
	while (s->batch != b)
		s++;
	must(s < r->sent + JOURNAL_BATCHES);
	for (uint32_t i = 0; i < s->n; i++)
		take_item(&r->f[s->at[i].shard], &s->at[i]);
	journal_batch_free(r->journal, b);
	s->batch = NULL;
}

/* The majority has some of what is durable here. */
static void commit(struct replica *r)
{
	struct follower *f = &r->f[prng_below(&r->prng, FOLLOWED)];
	uint64_t to = f->durable > f->committed ? prng_between(&r->prng, f->committed, f->durable)
						: f->committed;
	while (f->committed < to) {
		f->committed++;
		f->kept[f->committed] = f->log[f->committed];
	}
	(void)repl_durable(&f->repl, to);
}

static void step(struct replica *r)
{
	uint64_t wake;
	enum err e = ERR_OK;
	switch (prng_below(&r->prng, 6)) {
	case 0:
	case 1: send(r); break;
	case 2: (void)journal_write_step(r->journal, &wake, &e); break;
	case 3: (void)journal_keep_step(r->journal, &wake, &e); break;
	case 4: take(r); break;
	default: commit(r);
	}
	must(e == ERR_OK || sim_disk_is_dead(r->disk));
}

/* ---- coming back ---------------------------------------------------------------------------- */

static void wrong(struct replica *r, uint32_t shard, uint64_t index, const char *what)
{
	story_wrong(r->story, "a follower's record %lu of shard %u %s", (unsigned long)index, shard,
		    what);
}

static void recover_one(struct replica *r, const struct record *rec, uint64_t loc)
{
	struct follower *f = &r->f[rec->shard < FOLLOWED ? rec->shard : 0];
	uint32_t no = rec->body.n >= 8 ? load_le32(rec->body.p) : 0;
	if (repl_recovered(&f->repl, rec) != ERR_OK) {
		wrong(r, rec->shard, rec->index, "does not follow the one before");
		return;
	}
	if (rec->kind == RECORD_TRUNCATE)
		return;
	if (no >= f->entries_n || f->entry[no].index != rec->index ||
	    f->entry[no].epoch != rec->epoch) {
		wrong(r, rec->shard, rec->index, "was never sent");
		return;
	}
	f->log[rec->index] = no;
	f->loc[rec->index] = loc;
	f->len[rec->index] = (uint32_t)rec->body.n;
}

/* Compares what came back, and counts what lives. */
static void check_shard(struct replica *r, uint32_t shard)
{
	struct follower *f = &r->f[shard];
	bool is_there[ENTRIES_MAX] = { false };
	for (uint64_t i = 1; i <= f->repl.proposed; i++) {
		is_there[f->log[i]] = true;
		if (f->entry[f->log[i]].is_gone)
			wrong(r, shard, i, "was cut, and is back");
		journal_live(r->journal, f->loc[i], f->len[i], 1);
	}
	for (uint64_t i = 1; i <= f->committed; i++)
		if (i > f->repl.proposed || f->log[i] != f->kept[i])
			wrong(r, shard, i, "was committed, and is lost");
	for (uint32_t i = 0; i < f->entries_n; i++)
		f->entry[i].is_gone |= !is_there[i];
	f->durable = f->repl.proposed;
	f->repl.committed = f->committed; /* recovery takes all for it, as a single node must */
	f->repl.epoch = ++f->epoch;
}

static enum err recover(struct replica *r, struct text *why)
{
	for (uint16_t s = 0; s < FOLLOWED; s++)
		repl_init(&r->f[s].repl, s, 0, 0, 0);
	for (;;) {
		struct record rec;
		uint64_t loc;
		bool is_more;
		TRY(journal_recover_record(r->journal, &rec, &loc, &is_more, why));
		if (!is_more)
			break;
		recover_one(r, &rec, loc);
		if (r->story->is_wrong)
			return ERR_OK;
	}
	for (uint32_t s = 0; s < FOLLOWED; s++)
		check_shard(r, s);
	return journal_recovered(r->journal, why);
}

static void start(struct replica *r)
{
	struct journal_setup setup = {
		.disk = sim_disk_port(r->disk),
		.mem = &r->heap.mem,
		.loop_mem = r->loop_mem,
		.loops_n = 1,
		.segment_bytes = SEGMENT_BYTES,
		.checkpoint_every_bytes = SEGMENT_BYTES,
		.store_id = 0xf0110,
		.cluster_id = 0xc1,
		.wall_ms = 1,
	};
	char room[512];
	struct text why = text_of(room, sizeof room);
	enum err e = journal_open(&setup, &r->journal, &why);
	if (e == ERR_OK)
		e = recover(r, &why);
	else
		r->journal = NULL;
	if (e != ERR_OK)
		story_wrong(r->story, "a follower does not start: %s (%s)", err_words[e].text,
			    room);
}

static void end(struct replica *r)
{
	if (!sim_disk_is_dead(r->disk) && prng_chance(&r->prng, 1, 2))
		sim_disk_crash(r->disk);
	else if (!sim_disk_is_dead(r->disk))
		sim_disk_kill(r->disk);
	journal_close(r->journal);
	r->journal = NULL;
	memset(r->sent, 0, sizeof r->sent);
	sim_disk_restart(r->disk);
}

void replica_play(struct story *story, uint64_t seed)
{
	struct replica *r = calloc(1, sizeof *r);
	must(r != NULL);
	r->story = story;
	r->prng = prng_of(seed);
	r->disk = sim_disk_new(prng_u64(&r->prng));
	rig_mem_init(&r->heap);
	r->loop_mem[0] = &r->heap.mem;
	for (int life = 0; life < LIVES && !story->is_wrong; life++) {
		start(r);
		if (prng_chance(&r->prng, 1, 2))
			sim_disk_faults(r->disk)->crash_in = prng_between(&r->prng, 1, STEPS);
		for (int i = 0; i < STEPS && !story->is_wrong && !sim_disk_is_dead(r->disk); i++)
			step(r);
		end(r);
	}
	rig_mem_fini(&r->heap);
	sim_disk_free(r->disk);
	free(r);
}
