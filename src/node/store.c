/* Big bodies: their chunks on the way into the journal, who holds them there, and when they go.
 *
 * A chunk is a record of its own outside the order of its shard, and lives as long as somebody
 * counts on it: each entry of a durable queue from the moment in which its ADD is applied, and the
 * message that its publisher's session has made, as long as its block is held: by the session while
 * the body still comes, by commands and outcomes, by transient entries, by deliveries. So an upload
 * that is broken off, and a message that nobody takes, give their chunks back by letting go. After
 * a crash only entries count. */
#include "node/loop.h"

#include "base/must.h"
#include "msg/big.h"

/* What a record of a chunk begins with, as copies do (forward.c): nobody's queue, and the session's
 * ticket. */
#define CHUNK_HEAD_BYTES 16u

void store_count(struct journal *j, struct slice list, int64_t n)
{
	must(n == 1 || n == -1);
	for (uint32_t i = 0, end = big_n(list); i < end; i++) {
		struct big_chunk c = big_at(list, i);
		if (c.loc)
			journal_live(j, c.loc, n * (int64_t)c.bytes, n);
	}
}

/* ---- into the journal -------------------------------------------------------------------- */

/* Room for a record; false: not now. */
static bool record_begin(struct loop *l, uint8_t **out_body, uint32_t *out_cap)
{
	if (!loop_batch(l))
		return false;
	if (journal_record_begin(l->batch, out_body, out_cap) == ERR_OK)
		return true;
	loop_submit(l);
	return loop_batch(l) && journal_record_begin(l->batch, out_body, out_cap) == ERR_OK;
}

/* False: there is no room now. */
static bool append(struct loop *l, const struct store *s)
{
	const struct msg *m = msg_of(s->mem);
	struct conn *c = conn_of(l, s->session);
	uint32_t cap, bytes = msg_stored_bytes(m), len = CHUNK_HEAD_BYTES + bytes;
	uint8_t *body;
	if (m->proto == MSG_CHUNKS) { /* it is counted already */
		msg_unref(s->mem, 1);
		return true;
	}
	must(m->proto == MSG_CHUNK);
	if (c && !record_begin(l, &body, &cap))
		return false;
	if (c && cap < len) { /* segments too small for it */
		(void)conn_stored(c, s->ticket, 0, 0);
	} else if (c) {
		struct wr w = wr_of(body, cap);
		struct record r = { .kind = RECORD_BODY, .wall_ms = l->wall_ms };
		wr_le64(&w, 0);
		wr_le64(&w, s->ticket);
		msg_store(m, &w);
		uint32_t off = journal_record_end(l->batch, &r, len);
		l->flight->at[l->flight->n++] = (struct inflight){
			.index = s->ticket,
			.session = s->session,
			.off = off + CHUNK_HEAD_BYTES,
			.bytes = bytes,
		};
	}
	msg_unref(s->mem, 1);
	return true;
}

void store_durable(struct loop *l, const struct inflight *r, uint64_t loc)
{
	struct conn *c = conn_of(l, r->session);
	must(!r->shard && !r->moving && r->bytes > 0);
	if (c && conn_stored(c, r->index, loc, r->bytes))
		journal_live(l->node->journal, loc, r->bytes, 1);
}

/* ---- and out of it ----------------------------------------------------------------------- */

void store_free(struct loop *l, const struct freed *gone)
{
	must(gone->flags & ENTRY_BIG && gone->n == 1);
	loads_put(&l->loads, (struct load){ .loc = gone->loc,
					    .bytes = (uint32_t)gone->bytes,
					    .flags = ENTRY_BIG });
}

/* A list that cannot be read any more leaves its chunks where they are: until the next start. */
void store_freed(struct loop *l, const struct load *what, const struct slice *stored)
{
	struct journal *j = l->node->journal;
	struct slice list;
	must(what->session == 0);
	if (stored && big_find(*stored, &list) == ERR_OK)
		store_count(j, list, -1);
	journal_live(j, what->loc, -(int64_t)what->bytes, -1);
}

bool store_hold(struct loop *l, struct block *b, const struct msg *m)
{
	struct journal *j = l->node->journal;
	struct slice list = big_list(m);
	must(b->noted == 0 && block_of(m) == b);
	for (uint32_t i = 0, end = big_n(list); i < end; i++) {
		struct big_chunk c = big_at(list, i);
		if (journal_hold(j, c.loc, c.bytes))
			continue;
		while (i-- > 0) {
			c = big_at(list, i);
			journal_live(j, c.loc, -(int64_t)c.bytes, -1);
		}
		return false;
	}
	block_note(b, (uint32_t)((const uint8_t *)m - (const uint8_t *)b));
	return true;
}

/* Messages that nobody holds in memory any more. */
static bool end_messages(struct loop *l)
{
	struct block *b, *last = NULL;
	for (; (b = block_ended(&l->home)) != NULL; last = b) {
		const struct msg *m = (const void *)((const uint8_t *)b + b->noted);
		store_count(l->node->journal, big_list(m), -1);
		block_forget(&l->home, b);
	}
	return last != NULL;
}

/* Copies of big messages hold the same chunks: before those go that they were made of. */
static void count_copies(struct loop *l)
{
	must(l->stores_counted <= l->stores.n);
	for (; l->stores_counted < l->stores.n; l->stores_counted++) {
		const struct msg *m = msg_of(l->stores.at[l->stores_counted].mem);
		if (m->proto == MSG_CHUNKS)
			store_count(l->node->journal, big_list(m), 1);
	}
}

bool store_work(struct loop *l)
{
	uint32_t before = l->stores_begun;
	count_copies(l);
	bool is_any = end_messages(l);
	while (l->stores_begun < l->stores.n && append(l, &l->stores.at[l->stores_begun]))
		l->stores_begun++;
	is_any |= l->stores_begun > before;
	if (l->stores_begun == l->stores.n)
		l->stores_begun = l->stores_counted = l->stores.n = 0;
	return is_any;
}
