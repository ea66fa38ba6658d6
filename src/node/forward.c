/* Copying forward: what still lives in a segment that is nearly empty is stored again at the end of
 * the journal, so that the segment can be used anew. One segment at a time, loop after loop, a
 * few messages at a time. A copy counts only when it is durable: until then the old one does, and
 * after a crash before the next checkpoint again.
 *
 * Of big bodies in queues only the lists are moved, and the chunks keep their segment until the
 * message is gone. In stores of last messages they may stay for years: there chunks move, too, one
 * after the other, and then a list that says so. The old ones are given up a while later: somebody
 * may have been told of the old list who has not read it yet. */
#include "node/loop.h"

#include "base/crc32c.h"
#include "base/must.h"
#include "msg/big.h"

#define MOVING_MAX     64u   /* messages of one loop on their way */
#define WALK_BUDGET    4096u /* entries looked at in one turn */
#define FORWARD_NOBODY UINT32_MAX

/* What a record of a copy begins with: whose it is. For people and repair; recovery skips it. */
#define COPY_HEAD_BYTES 16u

#define LEFT_MS 5000u /* what is old by then is given up */

/* A big body that moves. */
struct pieces {
	struct pieces *next; /* of loop.forward_left */
	uint64_t due_ms;
	uint32_t bytes;   /* of the stored form with the list */
	uint32_t list_at; /* in it */
	uint32_t n, at;   /* chunks; the one that is being moved */
	uint32_t moved_n; /* of them */
	uint8_t stored[]; /* with the new places; behind it the old list */
};

struct moving {
	struct shard *shard;
	uint64_t queue, id, loc;
	uint32_t bytes;
	bool is_big;           /* its chunks are to be looked at */
	struct pieces *pieces; /* when its list is here; own */
	struct moving *next;   /* of forward.stuck */
};

struct forward {
	uint32_t segment;
	uint32_t shard; /* of loop.shards */
	uint32_t moving_n;
	struct moving *stuck; /* big ones for which there was no batch */
	bool is_in_streams;   /* of that shard; its entries are done */
	bool is_waiting;      /* for a page of a stream, or for entries, that are not in memory */
	struct live_walk walk;
};

/* ---- big bodies -------------------------------------------------------------------------- */

static struct slice new_list(const struct pieces *p)
{
	return slice_of(p->stored + p->list_at, (size_t)p->n * BIG_ROW_BYTES);
}
static struct slice old_list(const struct pieces *p)
{
	return slice_of(p->stored + p->bytes, (size_t)p->n * BIG_ROW_BYTES);
}
static size_t pieces_size(const struct pieces *p)
{
	return sizeof *p + p->bytes + (size_t)p->n * BIG_ROW_BYTES;
}

/* Takes from the live counts of the chunks in `list` that lie elsewhere in `other`. */
static void take(struct loop *l, struct slice list, struct slice other, bool is_bytes, int64_t n)
{
	must(list.n == other.n);
	for (uint32_t i = 0; i < big_n(list); i++) {
		const struct big_chunk c = big_at(list, i);
		if (c.loc != big_at(other, i).loc)
			journal_live(l->node->journal, c.loc, is_bytes ? -(int64_t)c.bytes : 0, -n);
	}
}

static struct pieces *pieces_of(struct loop *l, struct slice stored)
{
	struct slice list;
	if (big_find(stored, &list) != ERR_OK)
		return NULL;
	struct pieces *p = mem_get(&l->memory.mem, sizeof *p + stored.n + list.n, "moving pieces");
	must(p != NULL);
	*p = (struct pieces){ .bytes = (uint32_t)stored.n,
			      .list_at = (uint32_t)(list.p - stored.p),
			      .n = big_n(list) };
	memcpy(p->stored, stored.p, stored.n);
	memcpy(p->stored + stored.n, list.p, list.n);
	return p;
}

/* Their list is in place: the old ones count for a while, but are not worth a move. Or it is not:
 * the new ones are nobody's. */
static void pieces_end(struct loop *l, struct pieces *own_p, bool is_moved)
{
	if (!is_moved) {
		take(l, new_list(own_p), old_list(own_p), true, 1);
		mem_put(&l->memory.mem, own_p, pieces_size(own_p));
		return;
	}
	must(!own_p->next);
	take(l, old_list(own_p), new_list(own_p), true, 0);
	own_p->due_ms = l->now_ms + LEFT_MS;
	struct pieces **at = &l->forward_left;
	while (*at)
		at = &(*at)->next;
	*at = own_p;
}

static void left_end(struct loop *l)
{
	for (struct pieces *p; (p = l->forward_left) != NULL && p->due_ms <= l->now_ms;) {
		l->forward_left = p->next;
		take(l, old_list(p), new_list(p), false, 1);
		mem_put(&l->memory.mem, p, pieces_size(p));
	}
}

void forward_free(struct loop *l)
{
	for (struct pieces *p; (p = l->forward_left) != NULL;) {
		l->forward_left = p->next;
		mem_put(&l->memory.mem, p, pieces_size(p));
	}
}

/* ---- one message ------------------------------------------------------------------------- */

static void moved_one(struct loop *l, struct moving *own_m)
{
	must(!own_m->pieces);
	mem_put(&l->memory.mem, own_m, sizeof *own_m);
	l->forward->moving_n--;
}

static void ask(struct loop *l, struct shard *s, const struct live_walk *at,
		const struct freed *what)
{
	struct moving *m = mem_get(&l->memory.mem, sizeof *m, "moving");
	must(m != NULL);
	*m = (struct moving){ .shard = s,
			      .queue = at->queue,
			      .id = at->id,
			      .loc = what->loc,
			      .bytes = (uint32_t)what->bytes,
			      .is_big = what->flags & ENTRY_BIG && what->flags & ENTRY_STREAM };
	l->forward->moving_n++;
	loads_put(&l->loads, (struct load){ .ticket = (uint64_t)(uintptr_t)m,
					    .loc = what->loc,
					    .bytes = (uint32_t)what->bytes });
}

/* It stays where it is. */
static void stays(struct loop *l, struct moving *own_m)
{
	if (own_m->pieces)
		pieces_end(l, own_m->pieces, false);
	own_m->pieces = NULL;
	moved_one(l, own_m);
}

/* Room for a record; NULL: not now. */
static uint8_t *room_for(struct loop *l, uint32_t *out_cap)
{
	uint8_t *body;
	if (!loop_batch(l) || l->flight->n == LOOP_INFLIGHT_RECORDS ||
	    journal_record_begin(l->batch, &body, out_cap) != ERR_OK)
		return NULL;
	return body;
}

/* A chunk is nobody's (store.c). A big message has come far: it waits for room. */
static void append(struct loop *l, struct moving *m, struct slice stored)
{
	const bool is_chunk = m->pieces && m->pieces->at < m->pieces->n;
	uint32_t cap, len = COPY_HEAD_BYTES + (uint32_t)stored.n;
	uint8_t *body = room_for(l, &cap);
	if (!body && m->pieces) {
		m->next = l->forward->stuck;
		l->forward->stuck = m;
		return;
	}
	if (!body || cap < len) {
		stays(l, m);
		return;
	}
	struct wr w = wr_of(body, cap);
	wr_le64(&w, is_chunk ? 0 : m->queue);
	wr_le64(&w, is_chunk ? 0 : m->id);
	wr_slice(&w, stored);
	struct record r = { .shard = is_chunk ? 0 : m->shard->no,
			    .kind = RECORD_BODY,
			    .wall_ms = l->wall_ms };
	uint32_t off = journal_record_end(l->batch, &r, len);
	l->flight->at[l->flight->n++] = (struct inflight){ .moving = m,
							   .off = off + COPY_HEAD_BYTES };
}

/* The next chunk that is to move, or behind all of them their list. */
static void go_on(struct loop *l, struct moving *m)
{
	struct pieces *p = m->pieces;
	const uint64_t segment = l->forward->segment;
	while (p->at < p->n && big_at(old_list(p), p->at).loc >> 32 != segment)
		p->at++;
	if (p->at < p->n && !l->is_stopping) {
		const struct big_chunk c = big_at(old_list(p), p->at);
		loads_put(&l->loads, (struct load){ .ticket = (uint64_t)(uintptr_t)m,
						    .loc = c.loc,
						    .bytes = c.bytes });
	} else if (p->at == p->n && (p->moved_n > 0 || m->loc >> 32 == segment)) {
		store_le32(p->stored, crc32c_extend(0, p->stored + 4, p->bytes - 4));
		append(l, m, slice_of(p->stored, p->bytes));
	} else {
		stays(l, m);
	}
}

/* A message that cannot be read any more stays where it is: its reader will be told. */
void forward_loaded(struct loop *l, uint64_t ticket, const struct slice *stored)
{
	struct moving *m = (struct moving *)(uintptr_t)ticket;
	const bool is_list = stored && m->is_big && !m->pieces;
	if (is_list)
		m->pieces = pieces_of(l, *stored);
	if (!stored || (is_list && !m->pieces))
		stays(l, m);
	else if (is_list)
		go_on(l, m);
	else
		append(l, m, *stored);
}

static void chunk_durable(struct loop *l, struct moving *m, uint64_t loc)
{
	struct pieces *p = m->pieces;
	struct big_chunk c = big_at(old_list(p), p->at);
	must(c.loc != loc);
	c.loc = loc;
	big_put(p->stored + p->list_at, p->at, c);
	journal_live(l->node->journal, loc, c.bytes, 1);
	p->moved_n++;
	p->at++;
	go_on(l, m);
}

void forward_durable(struct loop *l, struct moving *m, uint64_t loc)
{
	struct journal *j = l->node->journal;
	if (m->pieces && m->pieces->at < m->pieces->n) {
		chunk_durable(l, m, loc);
		return;
	}
	const bool is_moved = core_relocate(m->shard->core, m->queue, m->id, m->loc, loc);
	if (is_moved) {
		journal_live(j, loc, m->bytes, 1);
		journal_live(j, m->loc, -(int64_t)m->bytes, -1);
	}
	if (m->pieces)
		pieces_end(l, m->pieces, is_moved);
	m->pieces = NULL;
	moved_one(l, m);
}

/* ---- all of them ------------------------------------------------------------------------- */

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

/* Where the chunks of a big one lie is known when its list has been read. */
static bool is_wanted(const struct forward *f, const struct freed *one)
{
	must(one->loc != 0);
	if (one->flags & ENTRY_BIG && one->flags & ENTRY_STREAM)
		return true;
	return one->loc >> 32 == f->segment && !(one->flags & ENTRY_SPILLED);
}

static void loosen(struct loop *l)
{
	struct moving *m = l->forward->stuck;
	l->forward->stuck = NULL;
	for (struct moving *next; m; m = next) {
		next = m->next;
		go_on(l, m);
	}
}

/* False: this loop has nothing left to move. */
static bool walk(struct loop *l)
{
	struct forward *f = l->forward;
	uint32_t budget = WALK_BUDGET;
	loosen(l);
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
		} else if (is_wanted(f, &one)) {
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
	left_end(l);
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
