#include "core/core_stream.h"

/* ---- with and without -------------------------------------------------------------------- */

struct streamed *core_stream_of(struct core *c, struct queue *q)
{
	if (q->has->stream)
		return q->has->stream;
	must(q->live_n == 0);
	struct streamed *t = queue_special(q, c->mem)->stream = mem_get(c->mem, sizeof *t,
									"streams");
	must(t != NULL);
	*t = (struct streamed){ .queue = q,
				.due = { .kind = DUE_STREAM },
				.max_age_ms = RULE_NONE,
				.max_bytes = RULE_NONE,
				.segment_bytes = SEGMENT_BYTES_DEFAULT,
				.filter_bytes = FILTER_BYTES_DEFAULT };
	stream_init(&t->s, t);
	return t;
}

static void free_messages(struct core *c, const struct stream_page *p)
{
	if (!p->loc) {
		for (uint32_t i = 0; i < p->n; i++)
			core_freed(c, p->rows[i].loc, p->rows[i].bytes, (uint8_t)p->rows[i].flags);
		return;
	}
	uint64_t bytes = p->bytes, base = (uint64_t)p->segment << 32;
	must(p->n >= p->bigs_n && base != 0);
	for (uint32_t i = 0; i < p->bigs_n; i++) {
		core_freed(c, base | p->bigs[i].at, p->bigs[i].bytes, ENTRY_BIG);
		bytes -= p->bigs[i].bytes;
	}
	if (p->n > p->bigs_n)
		core_freed_many(c, base | 1, bytes, p->n - p->bigs_n);
	core_freed(c, p->loc, p->stored_bytes, 0);
}

/* A page that is in the stream no more, and what it holds. */
static void page_gone(struct core *c, struct streamed *t, struct stream_page *own_p)
{
	struct stream_page *p = own_p;
	struct refs gone = { 0 };
	must(t->s.bytes >= p->bytes);
	t->s.bytes -= p->bytes;
	free_messages(c, p);
	for (uint32_t i = 0; p->rows && i < p->n; i++)
		if (p->rows[i].mem)
			refs_drop(&gone, core_stream_unmem(c, t->queue, &p->rows[i]));
	refs_unref(&gone);
	if (p->is_stored) {
		struct unit_key key = { t->queue->id, p->first };
		enum err err = deque_push(&c->checkpoint.tombs, c->mem, &key);
		must(err == ERR_OK);
	}
	if (list_has_node(&p->used)) {
		list_remove(&p->used);
		c->streams.used_n--;
	}
	stream_page_free(p, c->mem);
}

uint64_t core_stream_forget(struct core *c, struct queue *q)
{
	struct streamed *t = q->has->stream;
	struct stream_page *p;
	if (!t)
		return 0;
	uint64_t n = t->s.next - t->s.first;
	must(q->consumers_n == 0);
	while (deque_pop(&t->s.pages, &p))
		page_gone(c, t, p);
	must(t->s.bytes == 0 && q->cached_bytes == 0);
	deque_fini(&t->s.pages, c->mem);
	if (list_has_node(&t->out))
		list_remove(&t->out);
	wheel_cancel(&c->wheel, &t->due.timer);
	mem_put(c->mem, t, sizeof *t);
	queue_special(q, c->mem)->stream = NULL;
	return n;
}

/* What of rules a stream follows; all else was refused when it was declared, or is a policy's that
 * means other queues. */
void core_stream_rules(struct core *c, struct queue *q, const struct queue_rules *rules)
{
	struct streamed *t = core_stream_of(c, q);
	must(rules->type == QUEUE_STREAM);
	t->max_age_ms = rules->max_age_ms;
	t->max_bytes = rules->max_length_bytes;
	t->segment_bytes = rules->segment_bytes == RULE_NONE || rules->segment_bytes == 0
				   ? SEGMENT_BYTES_DEFAULT
				   : rules->segment_bytes;
	t->filter_bytes = FILTER_BYTES_DEFAULT;
	if (rules->filter_bytes <= UINT8_MAX)
		t->filter_bytes = (uint8_t)rules->filter_bytes;
	t->segment_end = 0;
	core_activate(c, q);
}

uint64_t core_stream_n(const struct queue *q)
{
	must(q->has->stream != NULL);
	return q->has->stream->s.next - q->has->stream->s.first;
}

bool core_stream_sound(const struct core *c, const struct run *o)
{
	uint64_t at = 0;
	must(o->flags & RUN_LOGGED);
	if (!outcome_adds(o->kind) || !map_get(&c->queues, o->queue, &at))
		return true;
	const struct queue *q = (const struct queue *)(uintptr_t)at;
	return outcome_enters(o->kind) ? !q->has->stream : q->has->stream || q->live_n == 0;
}

/* ---- in ---------------------------------------------------------------------------------- */

void core_stream_rows(const struct core *c, struct add_row *row, uint32_t n)
{
	must(n > 0);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t tag = row[i].expiry_ms <= STREAM_TAG_MAX ? row[i].expiry_ms : 0;
		must(row[i].flags & ENTRY_PERSISTENT && row[i].mem);
		row[i].expiry_ms = stream_when(c->now_ms, tag);
	}
}

static void add_row(struct core *c, struct queue *q, const struct add_row *row)
{
	struct streamed *t = q->has->stream;
	struct stream_page *p = stream_tail(&t->s, c->streams.rows_max, core_stream_page_bytes(t),
					    c->mem);
	struct stream_row one = { .mem = row->mem,
				  .loc = row->loc,
				  .when = row->expiry_ms,
				  .bytes = row->bytes,
				  .flags = row->flags & ENTRY_STORED };
	must(one.loc != 0 && one.flags & ENTRY_PERSISTENT);
	if (one.mem) {
		q->cached_bytes += one.bytes;
		c->cached_bytes += one.bytes;
	}
	p->changed = c->checkpoint.epoch;
	stream_add(&t->s, p, &one);
	if (core_stream_is_full(c, t, p))
		core_stream_leaves(c, t);
}

void core_stream_apply_add(struct core *c, const struct run *o, struct post *fx)
{
	const struct add_row *row = (const void *)(o + 1);
	struct queue *q = core_find_queue(c, o->queue);
	if (!q)
		q = core_make_queue(c, o->queue, QUEUE_DURABLE | QUEUE_APPENDS);
	must(q && o->n > 0);
	struct streamed *t = core_stream_of(c, q);
	if (o->flags & ADD_RESERVED) {
		must(q->pending_n >= o->n);
		q->pending_n -= o->n;
	}
	t->s.last = t->s.next;
	for (uint32_t i = 0; i < o->n; i++) {
		if (t->s.cached_from == t->s.next && !row[i].mem)
			t->s.cached_from++;
		add_row(c, q, &row[i]);
	}
	core_changed(c, q, NULL);
	queue_counting(q, c->mem)->published += o->n;
	c->count.published += o->n;
	if (!fx)
		return;
	core_confirm_rows(c, o, row, o->n, fx);
	core_activate(c, q);
}

/* ---- out --------------------------------------------------------------------------------- */

void core_stream_drop(struct core *c, struct streamed *t)
{
	while (t->s.pages.n > 0) {
		struct stream_page *p = stream_page(&t->s, 0);
		must(p->first <= t->s.first);
		if (p->first + p->n > t->s.first)
			return;
		(void)deque_pop(&t->s.pages, NULL);
		page_gone(c, t, p);
	}
}

void core_stream_apply_trim(struct core *c, const struct run *o)
{
	struct queue *q = core_find_queue(c, o->queue);
	struct streamed *t = q ? q->has->stream : NULL;
	must(o->n == 0);
	if (!t || o->arg <= t->s.first || o->arg > t->s.next)
		return;
	uint64_t before = t->s.first;
	t->s.first = o->arg;
	t->s.last = max_u64(t->s.last, o->arg);
	t->s.cached_from = max_u64(t->s.cached_from, o->arg);
	core_stream_drop(c, t);
	t->segment_end = 0;
	queue_counting(q, c->mem)->expired += o->arg - before;
	c->count.expired += o->arg - before;
	core_changed(c, q, NULL);
	core_activate(c, q);
}

/* Finds where the oldest segment ends: so many whole pages that they have its bytes. False: it is
 * also the newest, which stays. */
static bool find_segment(struct streamed *t)
{
	uint64_t bytes = 0, newest_ms = 0;
	if (t->segment_end)
		return true;
	const uint64_t before = stream_before(&t->s);
	for (size_t i = 0; i + 1 < t->s.pages.n; i++) {
		const struct stream_page *p = stream_page(&t->s, i);
		bytes += p->bytes;
		newest_ms = max_u64(newest_ms, p->newest_ms);
		if (bytes - before < t->segment_bytes)
			continue;
		t->segment_end = p->first + p->n;
		t->segment_ms = newest_ms;
		return true;
	}
	must(t->segment_end == 0);
	return false;
}

/* As RabbitMQ does: whole segments go, but for the newest; as long as without the oldest enough
 * stays, or as long as everything in it is too old. */
void core_stream_retain(struct core *c, struct streamed *t, struct outcomes *later)
{
	must(c->is_leading);
	if ((t->max_age_ms == RULE_NONE && t->max_bytes == RULE_NONE) || t->trimmed > t->s.first ||
	    t->queue->is_closed || !find_segment(t))
		return;
	bool is_old = t->max_age_ms != RULE_NONE && t->segment_ms + t->max_age_ms <= c->now_ms;
	if (t->max_age_ms != RULE_NONE && !is_old)
		wheel_set(&c->wheel, &t->due.timer, t->segment_ms + t->max_age_ms);
	uint64_t there = t->s.bytes - stream_before(&t->s);
	if (!is_old && (t->max_bytes == RULE_NONE || there <= t->max_bytes))
		return;
	t->trimmed = t->segment_end;
	struct run head = { .kind = OUTCOME_STREAM_TRIM,
			    .flags = RUN_LOGGED,
			    .shard = c->shard,
			    .queue = t->queue->id,
			    .arg = t->segment_end };
	(void)outcomes_run(later, &head, NULL, 0, 0, SLICE_EMPTY);
}

void core_stream_due(struct core *c, struct due *due)
{
	struct streamed *t = containerof(due, struct streamed, due);
	must(t->queue->has->stream == t);
	core_activate(c, t->queue);
}
