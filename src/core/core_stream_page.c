#include "core/core_stream.h"

/* Pages of a shard that were read again stay as long as there are no more than so many. */
#define PAGES_KEPT 32u

/* ---- out of memory, and back ------------------------------------------------------------- */

void core_stream_want(struct core *c, const struct streamed *t, struct stream_page *p)
{
	if (p->rows || p->is_asked || p->is_lost)
		return;
	must(p->loc != 0);
	struct core_page want = { t->queue->id, p->first, p->loc, p->stored_bytes };
	enum err err = deque_push(&c->streams.wants, c->mem, &want);
	must(err == ERR_OK);
	p->is_asked = true;
}

/* Its rows leave memory. */
static void cool(struct core *c, struct streamed *t, struct stream_page *p)
{
	struct refs gone = { 0 };
	must(p->rows && p->loc && !p->is_pinned);
	if (list_has_node(&p->used)) {
		list_remove(&p->used);
		c->streams.used_n--;
	}
	for (uint32_t i = 0; i < p->n; i++)
		if (p->rows[i].mem)
			refs_drop(&gone, core_stream_unmem(c, t->queue, &p->rows[i]));
	refs_unref(&gone);
	stream_rows_free(p, c->mem);
}

void core_stream_touch(struct core *c, struct stream_page *p)
{
	if (!p->loc)
		return;
	if (list_has_node(&p->used))
		list_remove(&p->used);
	else
		c->streams.used_n++;
	list_push(&c->streams.used, &p->used);
	must(c->streams.used_n > 0);
}

void core_stream_shrink(struct core *c)
{
	LIST_EACH_SAFE(&c->streams.used, n)
	{
		struct stream_page *p = containerof(n, struct stream_page, used);
		if (c->streams.used_n <= PAGES_KEPT)
			return;
		if (!p->is_pinned)
			cool(c, p->of, p);
	}
	must(c->streams.used_n == 0 || !list_is_empty(&c->streams.used));
}

void core_page_rows(struct core *c, uint32_t rows_max)
{
	must(rows_max > 0 && c->queues.n == 0);
	c->streams.rows_max = rows_max < STREAM_ROWS_MAX ? rows_max : STREAM_ROWS_MAX;
}

bool core_page_wanted(struct core *c, struct core_page *out)
{
	must(out != NULL);
	return deque_pop(&c->streams.wants, out);
}

static struct stream_page *find(struct core *c, const struct core_page *which)
{
	struct queue *q = core_find_queue(c, which->queue);
	must(which->queue != 0);
	struct stream_page *p = q && q->has->stream
					? stream_page_at(&q->has->stream->s, which->first)
					: NULL;
	return p && p->first == which->first ? p : NULL;
}

bool core_page_read(struct core *c, const struct core_page *which, const struct slice *from)
{
	struct stream_page *p = find(c, which);
	if (!p || p->loc != which->loc || p->rows)
		return true; /* gone, or written anew, meanwhile */
	p->is_asked = false;
	p->is_lost = !from || stream_rows_get(p, *from, c->mem) != ERR_OK;
	core_activate(c, p->of->queue);
	if (p->is_lost)
		return from == NULL;
	core_stream_touch(c, p);
	return true;
}

/* ---- to the journal ---------------------------------------------------------------------- */

void core_stream_leaves(struct core *c, struct streamed *t)
{
	must(t->queue->has->stream == t);
	if (!list_has_node(&t->out))
		list_push(&c->streams.outs, &t->out);
}

bool core_has_pages(const struct core *c)
{
	must(c->mem != NULL);
	return c->streams.wants.n > 0 ||
	       (!list_is_empty(&c->streams.outs) && !c->checkpoint.is_open);
}

static bool is_due(const struct core *c, const struct streamed *t, size_t at)
{
	const struct stream_page *p = stream_page(&t->s, at);
	must(p->n > 0);
	return !p->loc && !p->is_writing && !p->is_pinned &&
	       (at + 1 < t->s.pages.n || core_stream_is_full(c, t, p));
}

/* Of a page that ended elsewhere when the stream was trimmed, before a crash, a part may lie before
 * the first message. */
static void split(struct core *c, struct streamed *t, size_t at)
{
	const size_t before = t->s.pages.n;
	must(at < before);
	stream_split(&t->s, at, c->mem);
	for (size_t i = at; i <= at + t->s.pages.n - before; i++)
		core_stream_moved(c, stream_page(&t->s, i));
	if (t->s.pages.n > before)
		core_changed(c, t->queue, NULL);
	core_stream_drop(c, t);
	must(at < t->s.pages.n);
}

/* While a checkpoint is taken no page may be split: one of its parts might be in it already. */
bool core_page_leaving(struct core *c, struct core_page *out)
{
	struct list_node *n;
	while (!c->checkpoint.is_open && (n = list_first(&c->streams.outs)) != NULL) {
		struct streamed *t = containerof(n, struct streamed, out);
		for (size_t at = stream_page_from(&t->s, t->s.due_from); at < t->s.pages.n; at++) {
			struct stream_page *p = stream_page(&t->s, at);
			t->s.due_from = p->first;
			if (!is_due(c, t, at))
				continue;
			split(c, t, at);
			if (!is_due(c, t, at))
				continue;
			p = stream_page(&t->s, at);
			*out = (struct core_page){ t->queue->id, p->first, 0,
						   stream_rows_bytes(p->n) };
			return true;
		}
		list_remove(n);
	}
	must(out != NULL);
	return false;
}

void core_page_put(struct core *c, const struct core_page *which, struct wr *w)
{
	struct stream_page *p = find(c, which);
	must(p && p->rows && !p->is_writing);
	stream_rows_put(p, w);
	p->is_writing = true;
}

bool core_page_left(struct core *c, const struct core_page *which)
{
	struct stream_page *p = find(c, which);
	if (!p || !p->is_writing)
		return false;
	p->is_writing = false;
	if (p->is_pinned) /* it may be other rows by now */
		return false;
	struct streamed *t = p->of;
	must(p->rows && stream_rows_bytes(p->n) == which->bytes);
	stream_filter_make(p, t->filter_bytes, c->mem);
	stream_sealed(p, which->loc, which->bytes, c->mem);
	core_stream_moved(c, p);
	core_changed(c, t->queue, NULL);
	if (p->first + p->n <= t->s.cached_from) {
		cool(c, t, p);
	} else {
		core_stream_touch(c, p);
		core_stream_shrink(c);
	}
	return true;
}

/* ---- who lives where --------------------------------------------------------------------- */

static bool next_live_row(const struct stream_page *p, struct live_walk *w, struct freed *out)
{
	uint64_t at = w->id;
	must(p->rows != NULL);
	if (at >= p->n)
		return false;
	const struct stream_row *row = &p->rows[at];
	*out = (struct freed){ row->loc, row->bytes, 1, row->flags };
	w->id++;
	return true;
}

/* Of a page with loc: its rows, then those messages that have chunks, then all others at once. */
static bool next_live_cold(const struct stream_page *p, struct live_walk *w, struct freed *out)
{
	uint64_t base = (uint64_t)p->segment << 32, at = w->id++, bytes = p->bytes;
	must(p->loc != 0);
	for (uint32_t i = 0; i < p->bigs_n; i++)
		bytes -= p->bigs[i].bytes;
	if (at == 0)
		*out = (struct freed){ p->loc, p->stored_bytes, 1, 0 };
	else if (at <= p->bigs_n)
		*out = (struct freed){ base | p->bigs[at - 1].at, p->bigs[at - 1].bytes, 1,
				       ENTRY_BIG };
	else if (at == p->bigs_n + 1u && p->n > p->bigs_n)
		*out = (struct freed){ base | 1, bytes, p->n - p->bigs_n, 0 };
	else
		return false;
	return true;
}

bool core_stream_live_next(struct core *c, struct live_walk *io_walk, struct freed *out)
{
	struct live_walk *w = io_walk;
	for (;;) {
		const struct queue *q = w->queue ? core_find_queue(c, w->queue) : NULL;
		for (; q && q->has->stream && w->pos < q->has->stream->s.pages.n;
		     w->pos++, w->id = 0) {
			const struct stream_page *p = stream_page(&q->has->stream->s, w->pos);
			if (p->loc ? next_live_cold(p, w, out) : next_live_row(p, w, out))
				return true;
		}
		*w = (struct live_walk){ .queue = core_queue_next(c, w->queue) };
		if (w->queue == 0)
			return false;
	}
}
