#include "base/digest.h"
#include "base/text.h"
#include "core/core_stream.h"

/* Units, little-endian. Of a stream: u8 UNIT_STREAM, u8 flags, u64 first, next and last offset,
 * u64 chain. Of a page, whose key is its first offset: u8 UNIT_PAGE, u8 1 if it has a record,
 * u32 n; then with a record u64 loc and u32 bytes of that, u32 segment, u64 bytes, u64 newest_ms,
 * u8 n and bytes of the filter, u32 n and times u32 offset, u32 bytes of what lies in chunks; else
 * n times u64 loc, u32 bytes, u64 when, u8 flags. */
#define ROW_UNIT_BYTES 21u

_Static_assert(64 + STREAM_ROWS_MAX * ROW_UNIT_BYTES <= CHECKPOINT_UNIT_MAX, "a page fits a unit");

/* ---- taking ------------------------------------------------------------------------------ */

void core_stream_put(const struct queue *q, struct wr *w)
{
	const struct stream *s = &q->has->stream->s;
	must(s->first <= s->next);
	wr_u8(w, UNIT_STREAM);
	wr_u8(w, q->flags);
	wr_le64(w, s->first);
	wr_le64(w, s->next);
	wr_le64(w, s->last);
	wr_le64(w, s->chain);
}

static void cold_put(const struct stream_page *p, struct wr *w)
{
	must(p->loc != 0);
	wr_le64(w, p->loc);
	wr_le32(w, p->stored_bytes);
	wr_le32(w, p->segment);
	wr_le64(w, p->bytes);
	wr_le64(w, p->newest_ms);
	wr_str8(w, slice_of(p->filter, p->filter_bytes));
	wr_le32(w, p->bigs_n);
	for (uint32_t i = 0; i < p->bigs_n; i++) {
		wr_le32(w, p->bigs[i].at);
		wr_le32(w, p->bigs[i].bytes);
	}
}

static void page_put(const struct stream_page *p, struct wr *w)
{
	must(p->n > 0);
	wr_u8(w, UNIT_PAGE);
	wr_u8(w, p->loc != 0);
	wr_le32(w, p->n);
	if (p->loc) {
		cold_put(p, w);
		return;
	}
	for (uint32_t i = 0; i < p->n; i++) {
		wr_le64(w, p->rows[i].loc);
		wr_le32(w, p->rows[i].bytes);
		wr_le64(w, p->rows[i].when);
		wr_u8(w, (uint8_t)p->rows[i].flags);
	}
}

/* p->chunk is one more than the offset to go on from. */
bool core_stream_next_unit(struct checkpointing *p, struct queue *q, struct unit_key *out_key,
			   struct wr *w)
{
	struct stream *s = &q->has->stream->s;
	must(p->chunk > 0);
	for (size_t at = stream_page_from(s, p->chunk - 1); at < s->pages.n; at++) {
		struct stream_page *page = stream_page(s, at);
		p->chunk = page->first + 2;
		if (page->changed <= p->kept)
			continue;
		*out_key = (struct unit_key){ q->id, page->first };
		page_put(page, w);
		page->is_stored = true;
		return true;
	}
	return false;
}

bool core_unit_is_stream(struct slice unit)
{
	must(unit.p != NULL || unit.n == 0);
	return unit.n > 0 && (unit.p[0] == UNIT_STREAM || unit.p[0] == UNIT_PAGE);
}

/* ---- restoring --------------------------------------------------------------------------- */

enum err core_stream_get(struct core *c, struct queue *q, struct rd *r)
{
	uint64_t first = rd_le64(r), next = rd_le64(r), last = rd_le64(r), chain = rd_le64(r);
	must(c->index == 0);
	if (!rd_done(r) || first > next || last > next || !(q->flags & QUEUE_APPENDS) ||
	    q->live_n > 0)
		return ERR_CORRUPT;
	struct stream *s = &core_stream_of(c, q)->s;
	s->first = first;
	s->next = next;
	s->last = last;
	s->chain = chain;
	q->is_stored = true;
	return ERR_OK;
}

static enum err bigs_get(struct core *c, struct stream_page *p, struct rd *r)
{
	uint32_t n = rd_le32(r);
	must(!p->bigs);
	if (!rd_ok(r) || n > p->n || n != rd_left(r) / sizeof *p->bigs)
		return ERR_CORRUPT;
	if (n == 0)
		return ERR_OK;
	p->bigs = mem_get(c->mem, n * sizeof *p->bigs, "stream pages");
	if (!p->bigs)
		return ERR_LIMIT;
	for (; p->bigs_n < n; p->bigs_n++) {
		struct stream_big *big = &p->bigs[p->bigs_n];
		big->at = rd_le32(r);
		big->bytes = rd_le32(r);
	}
	return ERR_OK;
}

static enum err cold_get(struct core *c, struct stream_page *p, struct rd *r)
{
	p->loc = rd_le64(r);
	p->stored_bytes = rd_le32(r);
	p->segment = rd_le32(r);
	p->bytes = rd_le64(r);
	p->newest_ms = rd_le64(r);
	struct slice filter = rd_str8(r);
	must(!p->rows);
	if (!rd_ok(r) || !p->loc || !p->segment || p->stored_bytes != stream_rows_bytes(p->n))
		return ERR_CORRUPT;
	if (filter.n > 0) {
		p->filter = mem_get(c->mem, filter.n, "stream filters");
		if (!p->filter)
			return ERR_LIMIT;
		p->filter_bytes = (uint8_t)filter.n;
		memcpy(p->filter, filter.p, filter.n);
	}
	return bigs_get(c, p, r);
}

static enum err rows_get(struct stream_page *p, struct rd *r)
{
	must(p->rows_cap > 0);
	for (uint32_t i = 0; i < p->rows_cap; i++) {
		struct stream_row row = { .loc = rd_le64(r) };
		row.bytes = rd_le32(r);
		row.when = rd_le64(r);
		row.flags = rd_u8(r);
		if (!rd_ok(r) || !(row.loc >> 32) || row.flags & ~(uint32_t)ENTRY_STORED ||
		    !(row.flags & ENTRY_PERSISTENT))
			return ERR_CORRUPT;
		p->rows[p->n++] = row;
		p->bytes += row.bytes;
		p->newest_ms = max_u64(p->newest_ms, stream_ms(row.when));
	}
	return ERR_OK;
}

enum err core_stream_page_get(struct core *c, struct queue *q, uint64_t first, struct rd *r)
{
	if (q->live_n > 0)
		return ERR_CORRUPT;
	struct stream *s = &core_stream_of(c, q)->s;
	bool has_loc = rd_u8(r) != 0;
	uint32_t n = rd_le32(r);
	must(q->has->stream != NULL);
	if (!rd_ok(r) || n == 0 || n > STREAM_ROWS_MAX || first > UINT64_MAX / 2)
		return ERR_CORRUPT;
	struct stream_page *p = stream_page_new(first, has_loc ? 0 : n, c->mem);
	p->n = has_loc ? n : 0;
	enum err e = has_loc ? cold_get(c, p, r) : rows_get(p, r);
	if (e == ERR_OK && !rd_done(r))
		e = ERR_CORRUPT;
	if (e == ERR_OK)
		e = stream_insert(s, p, c->mem);
	if (e != ERR_OK) {
		stream_page_free(p, c->mem);
		return e;
	}
	p->is_stored = true;
	p->changed = c->checkpoint.epoch;
	s->bytes += p->bytes;
	return ERR_OK;
}

/* Pages follow each other without a gap, up to the end. */
enum err core_stream_restored(struct core *c, struct queue *q)
{
	struct stream *s = &q->has->stream->s;
	uint64_t next = s->pages.n ? stream_page(s, 0)->first : s->next;
	must(!c->is_leading);
	for (size_t i = 0; i < s->pages.n; i++) {
		const struct stream_page *p = stream_page(s, i);
		if (p->first != next || p->first + p->n <= s->first)
			return ERR_CORRUPT;
		next += p->n;
	}
	if (next != s->next ||
	    (s->pages.n ? stream_page(s, 0)->first > s->first : s->first != s->next))
		return ERR_CORRUPT;
	s->cached_from = s->next;
	core_stream_leaves(c, q->has->stream);
	return ERR_OK;
}

/* ---- looking ----------------------------------------------------------------------------- */

void core_stream_digest(const struct queue *q, struct digest *d)
{
	const struct stream *s = &q->has->stream->s;
	must(s->first <= s->next);
	if (s->next == 0)
		return;
	digest_put_u64(d, q->id);
	digest_put_u64(d, s->first);
	digest_put_u64(d, s->next);
	digest_put_u64(d, s->chain);
}

void core_stream_dump(const struct queue *q, struct text *out)
{
	const struct stream *s = &q->has->stream->s;
	uint64_t rows_n = 0, cold_n = 0;
	for (size_t i = 0; i < s->pages.n; i++) {
		rows_n += stream_page(s, i)->rows ? stream_page(s, i)->n : 0;
		cold_n += stream_page(s, i)->loc != 0;
	}
	must(cold_n <= s->pages.n);
	text_putf(out, "stream_first: %llu\nstream_next: %llu\nstream_bytes: %llu\n",
		  (unsigned long long)s->first, (unsigned long long)s->next,
		  (unsigned long long)s->bytes);
	text_putf(out, "stream_pages: %u\nstream_pages_stored: %llu\nstream_rows_in_memory: %llu\n",
		  s->pages.n, (unsigned long long)cold_n, (unsigned long long)rows_n);
}

void core_stream_check(const struct queue *q)
{
	const struct stream *s = &q->has->stream->s;
	uint64_t cached = 0;
	stream_check(s);
	for (size_t i = 0; i < s->pages.n; i++) {
		const struct stream_page *p = stream_page(s, i);
		for (uint32_t k = 0; p->rows && k < p->n; k++) {
			must_if(p->rows[k].mem, p->first + k >= s->cached_from);
			cached += p->rows[k].mem ? p->rows[k].bytes : 0;
		}
	}
	must(cached == q->cached_bytes && q->has->stream->queue == q);
}
