#include "core/core_stream.h"

/* What a stream without readers, or behind them, keeps in memory: nothing; in front of them this
 * part of the cache. */
#define CACHE_PART 16u

/* Rows of a page that are left when the next one is asked for. */
#define AHEAD_ROWS 512u

/* ---- readers ----------------------------------------------------------------------------- */

static uint64_t begin_at(const struct stream *s, const struct stream_from *from)
{
	switch ((enum stream_where)from->where) {
	case STREAM_FIRST:
	case STREAM_SINCE: return s->first;
	case STREAM_LAST: return s->last;
	case STREAM_OFFSET: return max_u64(s->first, from->value); /* it may be yet to come */
	case STREAM_NEXT: break;
	}
	must(from->where == STREAM_NEXT);
	return s->next;
}

/* The first page that may have something of this time or later: times hardly fall from page to
 * page, so the search goes back over those that are too old only. */
static uint64_t since(const struct stream *s, uint64_t ms)
{
	size_t at = s->pages.n;
	while (at > 0 && stream_page(s, at - 1)->newest_ms >= ms)
		at--;
	must(at <= s->pages.n);
	return at < s->pages.n ? max_u64(stream_page(s, at)->first, s->first) : s->next;
}

bool core_stream_join(struct core *c, struct queue *q, struct consumer *k, struct slice tail)
{
	struct stream_from from = { .where = STREAM_NEXT };
	if (tail.n >= sizeof from)
		memcpy(&from, tail.p, sizeof from);
	must(tail.n == 0 || tail.n == sizeof from + from.tags_n * sizeof(uint32_t));
	struct reader *r = mem_get(c->mem, sizeof *r + from.tags_n * sizeof(uint32_t),
				   "stream readers");
	if (!r)
		return false;
	*r = (struct reader){ .next = begin_at(&q->has->stream->s, &from),
			      .tags_n = from.tags_n,
			      .has_unfiltered = from.has_unfiltered };
	if (from.tags_n > 0)
		memcpy(r->tags, tail.p + sizeof from, from.tags_n * sizeof(uint32_t));
	if (from.where == STREAM_SINCE) {
		r->next = since(&q->has->stream->s, from.value);
		if (r->next < q->has->stream->s.next) /* else it is later than all: the end */
			r->since_ms = from.value;
	}
	must(!k->reader);
	k->reader = r;
	return true;
}

static bool wants(const struct reader *r, const struct stream_row *row)
{
	uint32_t tag = stream_tag(row->when);
	if (r->since_ms && stream_ms(row->when) < r->since_ms)
		return false;
	must(row->bytes > 0);
	if (r->tags_n == 0 || ABLATED(filter))
		return true;
	if (tag == 0)
		return r->has_unfiltered;
	for (uint32_t i = 0; i < r->tags_n; i++)
		if (r->tags[i] == tag)
			return true;
	return false;
}

static bool may_want(const struct reader *r, const struct stream_page *p)
{
	if (p->is_lost || (r->since_ms && p->newest_ms < r->since_ms))
		return false;
	bool is_any = r->tags_n == 0 || (r->has_unfiltered && stream_may_have(p, 0));
	for (uint32_t i = 0; i < r->tags_n && !is_any; i++)
		is_any = stream_may_have(p, r->tags[i]);
	must(p->n > 0);
	return is_any;
}

/* ---- what they have yet to read ---------------------------------------------------------- */

static void note_given(struct reader *r, uint64_t offset)
{
	if (r->older_n > 0) {
		r->newer_n++;
		return;
	}
	must(r->newer_n == 0);
	r->from = offset;
	r->middle = offset + 1;
	r->older_n = 1;
}

static void note_settled(struct reader *r, uint64_t offset)
{
	uint32_t *n = offset < r->middle ? &r->older_n : &r->newer_n;
	if (offset < r->from || offset >= r->next || *n == 0)
		return;
	(*n)--;
	if (r->older_n > 0)
		return;
	r->from = r->middle;
	r->middle = r->next;
	r->older_n = r->newer_n;
	r->newer_n = 0;
	must(r->from <= r->middle);
}

static uint64_t read_to(const struct list *readers, uint64_t offset)
{
	uint64_t to = 0;
	LIST_EACH (readers, n) {
		const struct reader *r = containerof(n, struct consumer, node)->reader;
		if (r && r->older_n > 0 && r->from <= offset && offset < r->next)
			to = max_u64(to, r->next);
	}
	must(to == 0 || to > offset);
	return to;
}

uint64_t core_stream_read_to(const struct queue *q, uint64_t offset)
{
	must(q->has->stream != NULL);
	return max_u64(read_to(&q->able, offset), read_to(&q->idle, offset));
}

/* ---- what stays in memory ---------------------------------------------------------------- */

uint64_t core_stream_unmem(struct core *c, struct queue *q, struct stream_row *row)
{
	uint64_t mem = row->mem;
	must(mem && q->cached_bytes >= row->bytes && c->cached_bytes >= row->bytes);
	q->cached_bytes -= row->bytes;
	c->cached_bytes -= row->bytes;
	row->mem = 0;
	return mem;
}

/* The oldest go first: who reads at the end has had them. */
static void uncache(struct core *c, struct streamed *t)
{
	struct queue *q = t->queue;
	struct refs gone = { 0 };
	uint64_t part = q->consumers_n ? c->cache_max / CACHE_PART : 0;
	while (t->s.cached_from < t->s.next &&
	       (q->cached_bytes > part || c->cached_bytes > c->cache_max)) {
		struct stream_page *p = stream_page_at(&t->s, t->s.cached_from);
		must(p != NULL);
		uint32_t i = (uint32_t)(t->s.cached_from - p->first);
		t->s.cached_from++;
		if (!p->rows)
			t->s.cached_from = p->first + p->n;
		else if (p->rows[i].mem)
			refs_drop(&gone, core_stream_unmem(c, q, &p->rows[i]));
	}
	if (q->cached_bytes == 0)
		t->s.cached_from = t->s.next;
	refs_unref(&gone);
}

/* ---- giving ------------------------------------------------------------------------------ */

/* Rows of one page, from where the reader is on. */
static uint32_t from_page(struct core *c, struct consumer *k, const struct stream_page *p,
			  uint32_t n, struct refs *taken)
{
	struct reader *r = k->reader;
	struct giving *g = &c->giving;
	uint32_t i = (uint32_t)(r->next - p->first);
	must(p->rows && i < p->n);
	for (; i < p->n && n < GIVE_N && k->is_able; i++) {
		const struct stream_row *row = &p->rows[i];
		if (!wants(r, row))
			continue;
		g->row[n++] = (struct deliver_row){ .mem = row->mem,
						    .loc = row->loc,
						    .pos = p->first + i + 1,
						    .bytes = row->bytes,
						    .flags = (uint16_t)(row->flags |
									ENTRY_STREAM) };
		if (row->mem)
			refs_take(taken, row->mem);
		note_given(r, p->first + i);
		consumer_spend(k, row->bytes);
	}
	r->next = p->first + i;
	return n;
}

/* Fills a run of rows; fewer than GIVE_N: no more for now. */
static uint32_t collect(struct core *c, struct streamed *t, struct consumer *k)
{
	struct reader *r = k->reader;
	struct refs taken = { 0 };
	uint32_t n = 0;
	must(r != NULL);
	r->next = max_u64(r->next, t->s.first);
	while (n < GIVE_N && k->is_able && r->next < t->s.next) {
		size_t at = stream_find(&t->s, r->next);
		struct stream_page *p = stream_page(&t->s, at);
		if (!may_want(r, p)) {
			r->next = p->first + p->n;
			continue;
		}
		if (!p->rows) {
			core_stream_want(c, t, p);
			break;
		}
		core_stream_touch(c, p);
		n = from_page(c, k, p, n, &taken);
		if (p->first + p->n - r->next < AHEAD_ROWS && at + 1 < t->s.pages.n)
			core_stream_want(c, t, stream_page(&t->s, at + 1));
	}
	refs_ref(&taken);
	return n;
}

static void tell(struct core *c, const struct consumer *k, uint32_t n, struct post *fx)
{
	struct run head = { .kind = FX_DELIVER,
			    .channel = k->channel,
			    .session = k->session,
			    .shard = c->shard,
			    .queue = k->queue->id,
			    .arg = k->arg };
	must(n > 0 && n <= GIVE_N);
	(void)post_run(fx, session_loop(k->session), &head, c->giving.row, sizeof *c->giving.row, n,
		       SLICE_EMPTY);
	queue_counting(k->queue, c->mem)->given += n;
	c->count.given += n;
}

/* Spending moves a consumer to the end of the ring, or out of it: so the next one is noted first,
 * and all of them are met. */
void core_stream_serve(struct core *c, struct queue *q, struct outcomes *later, struct post *fx)
{
	struct streamed *t = q->has->stream;
	uint32_t left = q->consumers_n;
	must(c->is_leading);
	for (struct list_node *n = list_first(&q->able), *next; n && left > 0 && !q->is_closed;
	     n = next, left--) {
		struct consumer *k = containerof(n, struct consumer, node);
		uint32_t given;
		next = list_next(&q->able, n);
		do {
			given = collect(c, t, k);
			if (given > 0)
				tell(c, k, given, fx);
		} while (given == GIVE_N);
	}
	uncache(c, t);
	core_stream_shrink(c);
	core_stream_retain(c, t, later);
}

void core_stream_settle(struct core *c, struct queue *q, const struct run *cmd)
{
	const struct settle_row *row = (const void *)(cmd + 1);
	uint64_t n[SETTLE_N] = { 0 };
	must(q->has->stream && cmd->n > 0);
	for (uint32_t i = 0; i < cmd->n; i++) {
		must(row[i].how < SETTLE_N);
		n[row[i].how]++;
	}
	queue_counting(q, c->mem)->accepted += n[SETTLE_ACCEPT];
	queue_counting(q, c->mem)->released += n[SETTLE_RELEASE] + n[SETTLE_FAIL];
	queue_counting(q, c->mem)->rejected += n[SETTLE_REJECT] + n[SETTLE_BURY];
	c->count.accepted += n[SETTLE_ACCEPT];
	c->count.released += n[SETTLE_RELEASE] + n[SETTLE_FAIL];
	c->count.rejected += n[SETTLE_REJECT] + n[SETTLE_BURY];
	struct consumer *k = consumer_find(&c->consumers, q, cmd);
	for (uint32_t i = 0; k && k->reader && i < cmd->n; i++)
		note_settled(k->reader, row[i].pos - 1);
	if (k && consumer_settled(k, cmd->n, 0))
		core_activate(c, q);
	if (q->has->single)
		core_single_settled(c, q, cmd, cmd->n, 0);
}
