#include "core/core_stream.h"

/* Moving what a segment still has of streams: the pages that it concerns are read, and stay in
 * memory, pinned, until all is moved; those in which something has changed are written anew. What a
 * reader was given without its bytes stays until he has settled it: he reads it where it lay. */

static bool concerns(const struct stream_page *p, uint32_t segment)
{
	must(p->n > 0);
	if (p->loc)
		return p->segment == segment || p->loc >> 32 == segment;
	for (uint32_t i = 0; i < p->n; i++)
		if (p->rows[i].loc >> 32 == segment)
			return true;
	return false;
}

static uint64_t read_there_to(const struct streamed *t, const struct stream_page *p, uint64_t at)
{
	must(p->rows && at < p->n);
	return p->rows[at].mem ? 0 : core_stream_read_to(t->queue, p->first + at);
}

/* Its record is no longer true. */
static void unseal(struct core *c, struct streamed *t, struct stream_page *p)
{
	must(p->rows && p->loc);
	if (list_has_node(&p->used)) {
		list_remove(&p->used);
		c->streams.used_n--;
	}
	core_freed(c, p->loc, p->stored_bytes, 0);
	stream_unsealed(p, c->mem);
	core_stream_moved(c, p);
	core_changed(c, t->queue, NULL);
}

static enum move move_of_page(struct core *c, struct streamed *t, struct stream_page *p,
			      uint32_t segment, struct live_walk *w, struct freed *out)
{
	if (p->is_lost)
		return MOVE_NONE;
	p->is_pinned = true;
	if (!p->rows) {
		core_stream_want(c, t, p);
		return MOVE_WAIT;
	}
	if (p->loc && p->loc >> 32 == segment)
		unseal(c, t, p);
	while (w->id < p->n) {
		uint64_t at = w->id++, read_to;
		const struct stream_row *row = &p->rows[at];
		if (row->loc >> 32 != segment)
			continue;
		if ((read_to = read_there_to(t, p, at)) != 0) {
			w->id = min_u64(read_to - p->first, p->n);
			continue;
		}
		*out = (struct freed){ row->loc, row->bytes, 1, row->flags };
		return MOVE_ONE;
	}
	must(w->id == p->n);
	return MOVE_NONE;
}

/* w->pos: the offset to go on from; w->id: how many messages of the page there are done. */
enum move core_move_next(struct core *c, uint32_t segment, struct live_walk *io_walk,
			 struct freed *out_message, uint64_t *out_offset)
{
	struct live_walk *w = io_walk;
	must(segment != 0);
	for (;;) {
		struct queue *q = w->queue ? core_find_queue(c, w->queue) : NULL;
		struct stream *s = q && q->has->stream ? &q->has->stream->s : NULL;
		size_t at;
		for (; s && (at = stream_page_from(s, w->pos)) < s->pages.n; w->id = 0) {
			struct stream_page *p = stream_page(s, at);
			if (p->first != w->pos) /* the one that was looked at is gone */
				w->id = 0;
			w->pos = p->first;
			enum move m = MOVE_NONE;
			if (w->id > 0 || concerns(p, segment))
				m = move_of_page(c, q->has->stream, p, segment, w, out_message);
			*out_offset = p->first + w->id - 1;
			if (m != MOVE_NONE)
				return m;
			w->pos = p->first + 1;
		}
		*w = (struct live_walk){ .queue = core_queue_next(c, w->queue) };
		if (w->queue == 0)
			return MOVE_NONE;
	}
}

bool core_stream_relocate(struct core *c, struct queue *q, uint64_t offset, uint64_t old_loc,
			  uint64_t new_loc)
{
	struct stream_page *p = stream_page_at(&q->has->stream->s, offset);
	must(new_loc != 0);
	if (!p || !p->rows || !p->is_pinned || p->rows[offset - p->first].loc != old_loc ||
	    read_there_to(q->has->stream, p, offset - p->first))
		return false;
	if (p->loc)
		unseal(c, q->has->stream, p);
	p->rows[offset - p->first].loc = new_loc;
	core_stream_moved(c, p);
	core_changed(c, q, NULL);
	return true;
}

static void unpin(struct core *c, struct streamed *t)
{
	must(t->queue->has->stream == t);
	for (size_t i = 0; i < t->s.pages.n; i++) {
		struct stream_page *p = stream_page(&t->s, i);
		if (!p->is_pinned)
			continue;
		p->is_pinned = false;
		if (p->loc)
			continue;
		t->s.due_from = min_u64(t->s.due_from, p->first);
		core_stream_leaves(c, t);
	}
}

void core_move_end(struct core *c)
{
	uint64_t id = 0;
	must(c->mem != NULL);
	while ((id = core_queue_next(c, id)) != 0) {
		struct queue *q = core_find_queue(c, id);
		if (q->has->stream)
			unpin(c, q->has->stream);
	}
}
