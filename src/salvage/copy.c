#include "base/crc32c.h"
#include "base/text.h"
#include "base/wr.h"
#include "msg/big.h"
#include "salvage/state.h"

#define COPY_HEAD_BYTES 16u
#define COPY_STEP_N     256u /* entries of one step */

typedef unsigned long long ull;

/* ---- into the new journal --------------------------------------------------------------- */

/* settle tells who has what a batch holds where it lies now. */
static enum err settle(struct salvage *s, const struct jbatch *b)
{
	struct moving m;
	must(b->loc != 0);
	while (deque_pop(&s->moving, &m)) {
		uint64_t loc = b->loc + m.off;
		TRY(map_set(s, &s->moved, m.old_loc, loc));
		if (m.shard == 0)
			continue;
		bool is_there = core_relocate(s->core[m.shard], m.queue, m.id, m.old_loc, loc);
		must(is_there);
		journal_live(s->out, loc, m.bytes, 1);
	}
	return ERR_OK;
}

static enum err flush(struct salvage *s)
{
	struct jbatch *done;
	if (!s->batch)
		return ERR_OK;
	if (s->batch->len > 0) {
		(void)journal_submit(s->out, s->batch);
		while ((done = journal_done(s->out, 0)) == NULL)
			TRY(write_turn(s));
		must(done == s->batch);
		TRY(settle(s, done));
	}
	journal_batch_free(s->out, s->batch);
	s->batch = NULL;
	return ERR_OK;
}

static enum err room_for(struct salvage *s, uint32_t len, uint8_t **out_body)
{
	uint32_t cap = 0;
	must(len > COPY_HEAD_BYTES);
	for (int i = 0; i < 2; i++) {
		if (!s->batch && (s->batch = journal_batch(s->out, 0)) == NULL)
			return ERR_LIMIT;
		if (journal_record_begin(s->batch, out_body, &cap) == ERR_OK && cap >= len)
			return ERR_OK;
		TRY(flush(s));
	}
	return ERR_LIMIT;
}

static enum err append(struct salvage *s, const struct moving *what, struct slice stored)
{
	uint8_t *body;
	struct moving m = *what;
	uint32_t len = COPY_HEAD_BYTES + (uint32_t)stored.n;
	struct record r = { .shard = m.shard, .kind = RECORD_BODY, .wall_ms = s->setup.wall_ms };
	TRY(room_for(s, len, &body));
	struct wr w = wr_of(body, len);
	wr_le64(&w, m.queue);
	wr_le64(&w, m.id);
	wr_slice(&w, stored);
	must(wr_ok(&w));
	m.off = journal_record_end(s->batch, &r, len) + COPY_HEAD_BYTES;
	m.bytes = (uint32_t)stored.n;
	return deque_push(&s->moving, s->mem, &m);
}

/* ---- one message ------------------------------------------------------------------------ */

static bool is_a_length(uint64_t bytes)
{
	return bytes > MSG_STORED_HEAD_BYTES && bytes <= LIMIT_RECORD_BYTES_MAX - COPY_HEAD_BYTES;
}

/* read gives NULL, or what is wrong with the stored form at `loc`. */
static const char *read(struct salvage *s, uint64_t loc, uint64_t bytes, uint8_t *to)
{
	must(to != NULL);
	if (!is_a_length(bytes))
		return "its length makes no sense";
	switch (wreck_read(s->in, loc, to, (uint32_t)bytes)) {
	case ERR_OK: break;
	case ERR_NOT_FOUND: return "its segment is not there";
	default: return "its segment is shorter, or cannot be read";
	}
	return msg_is_whole(slice_of(to, (size_t)bytes)) ? NULL : "it is damaged";
}

static enum err copy_chunk(struct salvage *s, struct big_chunk c, const char **out_wrong)
{
	uint64_t there;
	uint8_t *room = s->stored + LIMIT_RECORD_BYTES_MAX; /* the list lies below */
	if (map_get(&s->moved, c.loc, &there))
		return ERR_OK;
	must(*out_wrong == NULL);
	*out_wrong = c.loc ? read(s, c.loc, c.bytes, room) : "a piece of it is missing";
	if (*out_wrong)
		return ERR_OK;
	struct moving m = { .old_loc = c.loc };
	return append(s, &m, slice_of(room, c.bytes));
}

/* copy_chunks brings the chunks of a big body over, and makes the list say where they lie now. */
static enum err copy_chunks(struct salvage *s, uint32_t bytes, const char **out_wrong)
{
	struct slice list;
	if (big_find(slice_of(s->stored, bytes), &list) != ERR_OK) {
		*out_wrong = "the list of its pieces makes no sense";
		return ERR_OK;
	}
	for (uint32_t i = 0; i < big_n(list) && !*out_wrong; i++)
		TRY(copy_chunk(s, big_at(list, i), out_wrong));
	TRY(flush(s));
	if (*out_wrong)
		return ERR_OK;
	uint8_t *row = s->stored + (list.p - s->stored);
	for (uint32_t i = 0; i < big_n(list); i++) {
		struct big_chunk c = big_at(list, i);
		bool is_there = map_get(&s->moved, c.loc, &c.loc);
		must(is_there);
		big_put(row, i, c);
		journal_live(s->out, c.loc, c.bytes, 1);
	}
	store_le32(s->stored, crc32c_extend(0, s->stored + 4, bytes - 4));
	must(msg_is_whole(slice_of(s->stored, bytes)));
	return ERR_OK;
}

static void drop(struct salvage *s, const struct moving *m, const char *wrong)
{
	struct {
		struct run run;
		struct remove_row row;
	} o = { .run = { .kind = OUTCOME_REMOVE,
			 .flags = RUN_LOGGED,
			 .len = sizeof o,
			 .n = 1,
			 .row_bytes = sizeof(struct remove_row),
			 .queue = m->queue } };
	struct freed gone[2];
	must(wrong != NULL);
	o.row = (struct remove_row){ .first_id = m->id, .last_id = m->id };
	core_apply(s->core[m->shard], &o.run, s->lane[m->shard].index, 0, NULL);
	while (core_freed_take(s->core[m->shard], gone, 2) > 0)
		;
	(void)say_lost(s);
	say_queue(s, m->queue);
	text_putf(s->lines, ": message %llu, which came in record %llu: %s", (ull)s->walked_n,
		  (ull)(m->id >> 16), wrong);
	say_end(s);
}

static enum err copy_one(struct salvage *s, const struct freed *one)
{
	struct moving m = {
		.queue = s->walk.queue, .id = s->walk.id, .old_loc = one->loc, .shard = s->shard
	};
	uint64_t there;
	must(s->shard > 0 && one->loc != 0);
	s->walked_n = s->walk.queue == s->walked_queue ? s->walked_n + 1 : 1;
	s->walked_queue = s->walk.queue;
	const char *wrong = read(s, one->loc, one->bytes, s->stored);
	if (!wrong && one->flags & ENTRY_BIG)
		TRY(copy_chunks(s, (uint32_t)one->bytes, &wrong));
	if (wrong) {
		drop(s, &m, wrong);
		return ERR_OK;
	}
	s->sum.messages_n++;
	if (!(one->flags & ENTRY_BIG) && map_get(&s->moved, one->loc, &there)) {
		bool is_there = core_relocate(s->core[s->shard], m.queue, m.id, one->loc, there);
		must(is_there);
		journal_live(s->out, there, (int64_t)one->bytes, 1);
		return ERR_OK;
	}
	return append(s, &m, slice_of(s->stored, (size_t)one->bytes));
}

/* ---- all of them ------------------------------------------------------------------------ */

static enum err recover_empty(struct salvage *s)
{
	struct ckpt_unit unit;
	struct ckpt_shard shard;
	struct record record;
	uint64_t loc;
	bool is_more;
	TRY(journal_recover_unit(s->out, &unit, &is_more, s->why));
	must(!is_more);
	TRY(journal_recover_shard(s->out, &shard, &is_more));
	must(!is_more);
	TRY(journal_recover_record(s->out, &record, &loc, &is_more, s->why));
	must(!is_more);
	return journal_recovered(s->out, s->why);
}

enum err copy_begin(struct salvage *s)
{
	struct mem *loop_mem[1] = { s->mem };
	struct journal_setup js = {
		.disk = s->setup.to,
		.mem = s->mem,
		.loop_mem = loop_mem,
		.loops_n = 1,
		.segment_bytes = s->setup.segment_bytes,
		.checkpoint_every_bytes = UINT64_MAX,
		.store_id = s->setup.store_id,
		.cluster_id = wreck_cluster(s->in),
		.wall_ms = s->setup.wall_ms,
	};
	must(s->out == NULL);
	s->stored = mem_get(s->mem, 2 * (size_t)LIMIT_RECORD_BYTES_MAX, "salvage");
	if (!s->stored)
		return ERR_LIMIT;
	s->shard = 1;
	TRY(journal_open(&js, &s->out, s->why));
	return recover_empty(s);
}

enum err copy_some(struct salvage *s, bool *out_more)
{
	struct freed one;
	must(s->out != NULL);
	for (uint32_t i = 0; s->shard < SALVAGE_SHARDS && i < COPY_STEP_N; i++) {
		if (core_live_next(s->core[s->shard], &s->walk, &one)) {
			TRY(copy_one(s, &one));
			continue;
		}
		s->shard++;
		s->walk = (struct live_walk){ 0 };
	}
	*out_more = s->shard < SALVAGE_SHARDS;
	return *out_more ? ERR_OK : flush(s);
}
