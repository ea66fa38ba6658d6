/* Copying forward: what still lives in a segment that is nearly empty is stored again at the end of
 * the journal, so that the segment can be used anew. One segment at a time, loop after loop, a
 * few messages at a time. A copy counts only when it is durable: until then the old one does, and
 * after a crash before the next checkpoint again.
 *
 * Chunks of big bodies are not moved, only the lists of them: they keep their segment until the
 * message is gone. */
#include "node/loop.h"

#include "base/must.h"

#define MOVING_MAX     64u   /* messages of one loop on their way */
#define WALK_BUDGET    4096u /* entries looked at in one turn */
#define FORWARD_NOBODY UINT32_MAX

/* What a record of a copy begins with: whose it is. For people and repair; recovery skips it. */
#define COPY_HEAD_BYTES 16u

struct moving {
	struct shard *shard;
	uint64_t queue, id, loc;
	uint32_t bytes;
};

struct forward {
	uint32_t segment;
	uint32_t shard; /* of loop.shards */
	uint32_t moving_n;
	bool is_in_streams; /* of that shard; its entries are done */
	bool is_waiting;    /* for a page of a stream, or for entries, that are not in memory */
	struct live_walk walk;
};

static void moved_one(struct loop *l, struct moving *own_m)
{
	mem_put(&l->memory.mem, own_m, sizeof *own_m);
	l->forward->moving_n--;
}

static void ask(struct loop *l, struct shard *s, const struct live_walk *at,
		const struct freed *what)
{
	struct moving *m = mem_get(&l->memory.mem, sizeof *m, "moving");
	must(m != NULL);
	*m = (struct moving){ s, at->queue, at->id, what->loc, (uint32_t)what->bytes };
	l->forward->moving_n++;
	loads_put(&l->loads, (struct load){ .ticket = (uint64_t)(uintptr_t)m,
					    .loc = what->loc,
					    .bytes = (uint32_t)what->bytes });
}

/* A message that cannot be read any more stays where it is: its reader will be told. */
void forward_loaded(struct loop *l, uint64_t ticket, const struct slice *stored)
{
	struct moving *m = (struct moving *)(uintptr_t)ticket;
	uint8_t *body;
	uint32_t cap, off, len = COPY_HEAD_BYTES + (stored ? (uint32_t)stored->n : 0);
	if (!stored || !loop_batch(l) || l->flight->n == LOOP_INFLIGHT_RECORDS ||
	    journal_record_begin(l->batch, &body, &cap) != ERR_OK || cap < len) {
		moved_one(l, m);
		return;
	}
	struct wr w = wr_of(body, cap);
	wr_le64(&w, m->queue);
	wr_le64(&w, m->id);
	wr_slice(&w, *stored);
	struct record r = { .shard = m->shard->no, .kind = RECORD_BODY, .wall_ms = l->wall_ms };
	off = journal_record_end(l->batch, &r, len);
	l->flight->at[l->flight->n++] = (struct inflight){ .moving = m,
							   .off = off + COPY_HEAD_BYTES };
}

void forward_durable(struct loop *l, struct moving *m, uint64_t loc)
{
	struct journal *j = l->node->journal;
	if (core_relocate(m->shard->core, m->queue, m->id, m->loc, loc)) {
		journal_live(j, loc, m->bytes, 1);
		journal_live(j, m->loc, -(int64_t)m->bytes, -1);
	}
	moved_one(l, m);
}

/* False: there is nothing more in the streams of this shard, or one of their pages must be read. */
static bool walk_streams(struct loop *l, struct shard *s)
{
	struct forward *f = l->forward;
	struct freed one;
	uint64_t offset;
	enum move m = core_move_next(s->core, f->segment, &f->walk, &one, &offset);
	f->is_waiting = m == MOVE_WAIT;
	if (f->is_waiting)
		l->paging_shards |= (uint64_t)1 << f->shard;
	if (m == MOVE_ONE)
		ask(l, s, &(struct live_walk){ .queue = f->walk.queue, .id = offset }, &one);
	return m == MOVE_ONE;
}

/* Pages that were kept for moving are written anew where something has moved. */
static void done_with(struct loop *l, struct shard *s)
{
	if (s->core && !s->is_volatile) {
		core_move_end(s->core);
		shard_touch(s);
	}
	must(l->forward->moving_n == 0);
}

/* False: entries of that segment have to be read, before it is known which they are. */
static bool move_entry(struct loop *l, struct shard *s, const struct freed *one)
{
	struct forward *f = l->forward;
	must(one->n > 0);
	if (f->walk.id != 0) {
		if (core_may_move(s->core, &f->walk))
			ask(l, s, &f->walk, one);
		return true;
	}
	f->is_waiting = core_live_again(s->core, &f->walk);
	if (f->is_waiting)
		warm_ask(s);
	return !f->is_waiting;
}

/* False: this loop has nothing left to move. */
static bool walk(struct loop *l)
{
	struct forward *f = l->forward;
	uint32_t budget = WALK_BUDGET;
	if (l->is_stopping)
		return f->moving_n > 0; /* no more: the segment is looked at another time */
	f->is_waiting = false;
	for (; f->shard < l->shards_n && budget > 0 && f->moving_n < MOVING_MAX; budget--) {
		struct shard *s = &l->shards[f->shard];
		struct freed one;
		if (!s->core || s->is_volatile) {
			f->shard++;
		} else if (f->is_in_streams) {
			if (walk_streams(l, s))
				continue;
			if (f->is_waiting)
				return true;
			f->shard++;
			f->is_in_streams = false;
			f->walk = (struct live_walk){ 0 };
		} else if (!core_live_next(s->core, &f->walk, &one)) {
			f->is_in_streams = true;
			f->walk = (struct live_walk){ 0 };
		} else if (one.loc >> 32 == f->segment && !(one.flags & ENTRY_SPILLED)) {
			if (!move_entry(l, s, &one))
				return true;
		}
	}
	return f->shard < l->shards_n || f->moving_n > 0;
}

static void begin(struct loop *l)
{
	struct node *n = l->node;
	uint64_t segment = journal_forward(n->journal);
	if (segment == 0)
		return;
	n->forward_segment = segment;
	atomic_store(&n->forward_turn, 0);
}

bool forward_is_waited_for(const struct loop *l)
{
	return !l->forward && atomic_load(&l->node->forward_turn) == l->index;
}

/* True: look again at once. */
bool forward_work(struct loop *l)
{
	struct node *n = l->node;
	if (l->index == 0 && !l->is_stopping && atomic_load(&n->forward_turn) == FORWARD_NOBODY)
		begin(l);
	if (atomic_load(&n->forward_turn) != l->index)
		return false;
	if (!l->forward) {
		l->forward = mem_get(&l->memory.mem, sizeof *l->forward, "forward");
		must(l->forward != NULL);
		*l->forward = (struct forward){ .segment = (uint32_t)n->forward_segment };
	}
	uint32_t before = l->loads.n;
	if (walk(l))
		return l->loads.n > before ||
		       (l->forward->moving_n == 0 && !l->forward->is_waiting);
	for (uint32_t i = 0; i < l->shards_n; i++)
		done_with(l, &l->shards[i]);
	mem_put(&l->memory.mem, l->forward, sizeof *l->forward);
	l->forward = NULL;
	if (l->index + 1 < n->loops_n) {
		atomic_store(&n->forward_turn, l->index + 1);
		loop_wake(l, l->index + 1);
		return true;
	}
	journal_forwarded(n->journal, n->forward_segment);
	atomic_store(&n->forward_turn, FORWARD_NOBODY);
	return l->is_stopping; /* which has waited for it */
}
