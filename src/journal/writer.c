#include "journal/writer.h"

#include "base/ablate.h"
#include "journal/state.h"

_Static_assert((WRITER_WINDOW & (WRITER_WINDOW - 1)) == 0, "a ticket finds its slot by bits");
_Static_assert(WRITER_WINDOW + 2 <= DISK_PARTS_MAX, "a commit is one write");

static const uint8_t zeros[COMMIT_ALIGN];

/* A commit on its way: its batches, by ticket from next_ticket on. */
struct group {
	uint32_t n;     /* batches */
	uint32_t bytes; /* with the head, without the padding */
	uint32_t records_n;
};

void writer_init(struct writer *w, const struct commit *last, uint64_t last_loc)
{
	must_if(last_loc == 0, last->number == 0);
	*w = (struct writer){ .last = *last, .last_loc = last_loc };
}

void writer_check(const struct writer *w)
{
	must((w->last.number == 0) == (w->last_loc == 0));
	must(w->last.synced <= w->last.number && w->at % COMMIT_ALIGN == 0);
	must_if(w->active != NULL, w->at >= SEGMENT_DATA_AT && w->active->file >= 0);
	must_if(w->active != NULL, loc_segment(w->last_loc) <= w->active->number);
}

static struct jbatch **window_at(struct writer *w, uint64_t ticket)
{
	must_if(w->window[ticket & (WRITER_WINDOW - 1)],
		w->window[ticket & (WRITER_WINDOW - 1)]->ticket == ticket);
	return &w->window[ticket & (WRITER_WINDOW - 1)];
}

static void gather(struct journal *j)
{
	struct writer *w = &j->writer;
	writer_check(w);
	for (uint32_t l = 0; l < j->loops_n; l++) {
		struct jbatch *b;
		while ((b = spsc_pop(&j->loops[l].submitted)) != NULL) {
			must(*window_at(w, b->ticket) == NULL);
			*window_at(w, b->ticket) = b;
		}
	}
}

/* room_in: bytes that a commit may have in the active segment; the last sector is for a seal. */
static uint32_t room_in(const struct journal *j)
{
	const struct writer *w = &j->writer;
	must(!w->active || w->at >= SEGMENT_DATA_AT);
	if (!w->active)
		return 0;
	uint64_t end = j->setup.segment_bytes - COMMIT_ALIGN;
	return w->at < end ? (uint32_t)min_u64(end - w->at, COMMIT_BYTES_MAX) : 0;
}

static void tell_use(struct journal *j, uint64_t used)
{
	must(used <= j->setup.segment_bytes);
	atomic_store_explicit(&j->active_used, (uint32_t)used, memory_order_relaxed);
	keeper_give_work(j);
}

/* begin_segment closes the active segment and begins the keeper's next. False: none is there. */
static bool begin_segment(struct journal *j)
{
	struct writer *w = &j->writer;
	must(!w->active || w->last.number > 0);
	struct segment *next = spsc_pop(&j->ready);
	w->waits = next == NULL;
	atomic_store_explicit(&j->writer_waits, w->waits, memory_order_release);
	if (!next) {
		tell_use(j, j->setup.segment_bytes);
		return false;
	}
	if (w->active) {
		bool is_in = spsc_push(&j->closed, w->active);
		must(is_in);
	}
	w->active = next;
	w->at = SEGMENT_DATA_AT;
	tell_use(j, w->at);
	return true;
}

/* choose takes what is contiguous and fits one commit. */
static struct group choose(struct journal *j)
{
	struct writer *w = &j->writer;
	must(w->last.number == 0 || w->last_loc != 0);
	struct group g = { .bytes = COMMIT_HEAD_BYTES };
	uint32_t room = room_in(j);
	for (;; g.n++) {
		const struct jbatch *b = g.n < WRITER_WINDOW ? *window_at(w, w->next_ticket + g.n)
							     : NULL;
		if (!b || commit_space(g.bytes + b->len) > room)
			return g;
		g.bytes += b->len;
	}
}

/* stamp says in every record which segment it is in, and notes how far each shard goes. */
static uint32_t stamp(struct journal *j, struct jbatch *b)
{
	struct segment *seg = j->writer.active;
	uint32_t n = 0;
	must(b->len > 0 && b->len % RECORD_ALIGN == 0);
	for (uint32_t at = 0; at < b->len; at += record_peek_space(b->at + at), n++) {
		uint8_t *r = b->at + at;
		record_stamp(r, seg->number);
		journal_note(j, seg, record_peek_shard(r), record_peek_index(r));
	}
	return n;
}

static enum err put(struct journal *j, const struct group *g, uint8_t head[COMMIT_HEAD_BYTES])
{
	struct writer *w = &j->writer;
	struct slice parts[WRITER_WINDOW + 2];
	uint32_t n = 0;
	must(g->n <= WRITER_WINDOW && w->at % COMMIT_ALIGN == 0);
	parts[n++] = slice_of(head, COMMIT_HEAD_BYTES);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct jbatch *b = *window_at(w, w->next_ticket + i);
		parts[n++] = slice_of(b->at, b->len);
	}
	if (g->bytes % COMMIT_ALIGN)
		parts[n++] = slice_of(zeros, commit_space(g->bytes) - g->bytes);
	struct path p = path_of(PATH_SEGMENT, w->active->number);
	enum err e = j->disk->ops->write(j->disk, w->active->file, w->at, parts, n);
	return e == ERR_OK ? ERR_OK : journal_break(j, e, "write", &p, w->at);
}

/* A commit is written, synced, and then the writer moves behind it: the three follow each other. */
static enum err write_commit(struct journal *j, const struct group *g, struct commit *out_c)
{
	struct writer *w = &j->writer;
	must(w->active != NULL && commit_space(g->bytes) <= j->setup.segment_bytes - w->at);
	uint8_t head[COMMIT_HEAD_BYTES];
	*out_c = (struct commit){
		.generation = w->active->number,
		.bytes = g->bytes,
		.records_n = g->records_n,
		.number = w->last.number + 1,
		.synced = w->last.number,
		.prev = w->last_loc,
		.prev_crc = w->last.crc,
	};
	commit_put(head, out_c);
	return put(j, g, head);
}

static inline enum err sync_commit(struct journal *j)
{
	const struct segment *to = j->writer.active;
	must(to != NULL);
	if (ABLATED(sync))
		return ERR_OK;
	enum err e = j->disk->ops->sync(j->disk, to->file);
	if (e == ERR_OK)
		return ERR_OK;
	struct path p = path_of(PATH_SEGMENT, to->number);
	return journal_break(j, e, "sync", &p, j->writer.at);
}

static void pass_commit(struct journal *j, const struct commit *c)
{
	struct writer *w = &j->writer;
	uint32_t space = commit_space(c->bytes), eighth = (uint32_t)(j->setup.segment_bytes / 8);
	must(c->generation == w->active->number);
	w->last = *c;
	w->last_loc = loc_of(w->active->number, w->at);
	w->at += space;
	atomic_store_explicit(&w->active->end, w->at, memory_order_release);
	atomic_store_explicit(&j->durable_loc, w->last_loc, memory_order_release);
	atomic_fetch_add_explicit(&j->appended, space, memory_order_relaxed);
	if (w->at / eighth != (w->at - space) / eighth)
		tell_use(j, w->at);
}

/* post gives the batches of a durable group, which lies at `loc`, back to their loops. */
static uint64_t post(struct journal *j, const struct group *g, uint64_t loc)
{
	struct writer *w = &j->writer;
	uint64_t wake = 0;
	must(loc != 0 && g->n > 0);
	loc += COMMIT_HEAD_BYTES;
	for (uint32_t i = 0; i < g->n; i++) {
		struct jbatch **slot = window_at(w, w->next_ticket++);
		struct jbatch *b = *slot;
		*slot = NULL;
		b->loc = loc;
		loc += b->len;
		wake |= UINT64_C(1) << b->loop;
		bool is_in = spsc_stage(&j->loops[b->loop].done, b);
		must(is_in);
	}
	for (uint64_t left = wake; left; left &= left - 1)
		spsc_publish(&j->loops[bits_lowest(left)].done);
	return wake;
}

bool journal_write_step(struct journal *j, uint64_t *out_wake, enum err *out_err)
{
	struct writer *w = &j->writer;
	*out_wake = 0;
	*out_err = journal_broken(j);
	if (*out_err != ERR_OK)
		return false;
	gather(j);
	if (*window_at(w, w->next_ticket) == NULL)
		return false;
	struct group g = choose(j);
	if (g.n == 0 && begin_segment(j))
		g = choose(j);
	if (g.n == 0) {
		must(w->waits);
		return false;
	}
	for (uint32_t i = 0; i < g.n; i++)
		g.records_n += stamp(j, *window_at(w, w->next_ticket + i));
	struct commit c;
	*out_err = write_commit(j, &g, &c);
	if (*out_err == ERR_OK)
		*out_err = sync_commit(j);
	if (*out_err != ERR_OK)
		return true;
	pass_commit(j, &c);
	*out_wake = post(j, &g, w->last_loc);
	return true;
}

void writer_seal(struct journal *j)
{
	struct writer *w = &j->writer;
	if (w->last.records_n == 0 || (!w->active && !begin_segment(j)))
		return; /* sealed already, nothing to seal, or nowhere to */
	struct commit c;
	enum err e = write_commit(j, &(struct group){ .bytes = COMMIT_HEAD_BYTES }, &c);
	if (e == ERR_OK)
		e = sync_commit(j);
	must_if(e != ERR_OK, journal_broken(j) != ERR_OK);
	if (e == ERR_OK)
		pass_commit(j, &c);
}

bool journal_writer_may_sleep(struct journal *j)
{
	struct writer *w = &j->writer;
	must(j->recover.is_ended);
	atomic_exchange(&j->writer_sleeps, true);
	gather(j);
	bool is_idle = *window_at(w, w->next_ticket) == NULL ||
		       (w->waits && spsc_is_empty(&j->ready)) || journal_broken(j) != ERR_OK;
	if (!is_idle)
		atomic_store_explicit(&j->writer_sleeps, false, memory_order_relaxed);
	return is_idle;
}

bool journal_writer_to_wake(struct journal *j)
{
	must(j->recover.is_ended);
	if (!atomic_exchange(&j->writer_has_work, false))
		return false;
	return atomic_exchange(&j->writer_sleeps, false);
}
