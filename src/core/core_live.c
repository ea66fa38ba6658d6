#include "core/core_retain.h"
#include "core/core_stream.h"

/* What lives in the journal: walked, by who counts it or wants a segment empty, and moved. */

/* The first live persistent entry of `q` from *io_pos on. */
static struct chunk *next_durable(const struct queue *q, uint64_t *io_pos)
{
	struct chunk *k;
	must(q->durable_n <= q->live_n);
	for (; (k = queue_next_live(q, io_pos)) != NULL; ++*io_pos)
		if (k->is_cold || k->entry[pos_slot(*io_pos)].flags & ENTRY_PERSISTENT)
			break;
	return k;
}

/* Of a cold chunk its spans, one after the other. False: those were all. */
static bool next_span(const struct chunk *k, struct live_walk *w, struct freed *out)
{
	const struct cold *cold = &k->cold;
	uint32_t at = w->chunk == k->number ? w->span + 1 : 0;
	must(k->is_cold);
	w->id = w->chunk = 0;
	if (at >= cold->spans_n) {
		w->pos = pos_of(k->number + 1, 0);
		return false;
	}
	const struct cold_span *s = &cold->span[at];
	*out = (struct freed){ (uint64_t)s->segment << 32, s->bytes, s->n, ENTRY_PERSISTENT };
	w->chunk = k->number;
	w->span = at;
	return true;
}

bool core_live_next(struct core *c, struct live_walk *io_walk, struct freed *out_entry)
{
	struct live_walk *w = io_walk;
	for (; w->queue || w->pos == 0; w->pos = 0) {
		const struct queue *q = w->queue ? core_find_queue(c, w->queue) : NULL;
		if (q && q->has->retain && core_retain_live_next(q, w, out_entry))
			return true;
		const struct chunk *k = q ? next_durable(q, &w->pos) : NULL;
		for (; k && k->is_cold; k = next_durable(q, &w->pos))
			if (next_span(k, w, out_entry))
				return true;
		if (k) {
			uint32_t slot = pos_slot(w->pos++);
			const struct entry *e = &k->entry[slot];
			w->id = e->id;
			*out_entry = (struct freed){ k->loc[slot], e->bytes, 1,
						     e->flags & ENTRY_STORED };
			must(out_entry->loc != 0);
			return true;
		}
		w->queue = core_queue_next(c, w->queue);
		if (!w->queue)
			break;
	}
	return false;
}

/* join adds to `io` what follows the walk in its chunk and lies in the same segment. */
static void join(const struct chunk *k, struct live_walk *w, struct freed *io)
{
	must(k && !k->is_cold && w->pos > 0 && pos_chunk(w->pos - 1) == k->number);
	uint32_t slot = pos_slot(w->pos - 1) + 1;
	for (; (slot = (uint32_t)bits_next_set(k->live, CHUNK_N, slot)) < CHUNK_N; slot++) {
		const struct entry *e = &k->entry[slot];
		if (!(e->flags & ENTRY_PERSISTENT))
			continue;
		if (e->flags & ENTRY_BIG || k->loc[slot] >> 32 != io->loc >> 32)
			return;
		io->bytes += e->bytes;
		io->n++;
		w->id = e->id;
		w->pos = pos_of(k->number, slot) + 1;
	}
}

bool core_live_next_many(struct core *c, struct live_walk *io_walk, struct freed *out)
{
	if (!core_live_next(c, io_walk, out))
		return false;
	must(out->n > 0);
	if (io_walk->id == 0 || out->flags & (ENTRY_BIG | ENTRY_STREAM))
		return true; /* of a cold chunk, alone, or of a store */
	const struct queue *q = core_find_queue(c, io_walk->queue);
	join(queue_chunk(q, pos_chunk(io_walk->pos - 1)), io_walk, out);
	return true;
}

static bool is_read_there(const struct chunk *k, uint32_t slot)
{
	const struct entry *e = &k->entry[slot];
	must(!k->is_cold && bits_test(k->live, slot));
	return e->mem == 0 && (chunk_is_given(k, slot) || e->flags & ENTRY_DEAD);
}

bool core_may_move(struct core *c, const struct live_walk *walk)
{
	const struct queue *q = core_find_queue(c, walk->queue);
	must(q && walk->id != 0);
	if (q->has->retain)
		return true;
	const struct chunk *k = queue_chunk(q, pos_chunk(walk->pos - 1));
	return k && !is_read_there(k, pos_slot(walk->pos - 1));
}

bool core_relocate(struct core *c, uint64_t queue, uint64_t id, uint64_t old_loc, uint64_t new_loc)
{
	struct queue *q = core_find_queue(c, queue);
	if (q && q->has->stream)
		return core_stream_relocate(c, q, id, old_loc, new_loc);
	if (q && q->has->retain)
		return core_retain_relocate(c, q, id, old_loc, new_loc);
	uint64_t pos = q ? queue_find(q, id) : 0;
	struct chunk *k = q ? next_durable(q, &pos) : NULL;
	uint32_t slot = pos_slot(pos);
	must(new_loc != 0);
	if (!k || k->is_cold || k->entry[slot].id != id || k->loc[slot] != old_loc ||
	    is_read_there(k, slot))
		return false;
	k->loc[slot] = new_loc;
	core_changed(c, q, k);
	return true;
}
