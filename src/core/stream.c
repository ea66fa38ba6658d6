#include "core/stream.h"

#include "base/bits.h"
#include "base/crc32c.h"
#include "base/hash.h"

#define ROWS_FIRST  16u /* room of a page to begin with */
#define FILTER_SEED 0x73747265616d66u
#define FILTER_BITS 2u /* of each tag */

void stream_init(struct stream *s, struct streamed *of)
{
	*s = (struct stream){ .of = of };
	deque_init(&s->pages, sizeof(struct stream_page *), "stream pages");
	must(s->pages.n == 0);
}

/* ---- pages ------------------------------------------------------------------------------- */

/* The number of pages whose first offset is not above `offset`. */
static size_t up_to(const struct stream *s, uint64_t offset)
{
	size_t low = 0, high = s->pages.n;
	while (low < high) {
		size_t at = low + (high - low) / 2;
		if (stream_page(s, at)->first <= offset)
			low = at + 1;
		else
			high = at;
	}
	must(low == s->pages.n || stream_page(s, low)->first > offset);
	return low;
}

size_t stream_find(const struct stream *s, uint64_t offset)
{
	size_t at = up_to(s, offset);
	must(at > 0 && offset < s->next);
	return at - 1;
}

struct stream_page *stream_page_at(const struct stream *s, uint64_t offset)
{
	size_t at = up_to(s, offset);
	struct stream_page *p = at > 0 ? stream_page(s, at - 1) : NULL;
	must(!p || p->first <= offset);
	return p && offset - p->first < p->n ? p : NULL;
}

size_t stream_page_from(const struct stream *s, uint64_t offset)
{
	must(offset < UINT64_MAX);
	return offset == 0 ? 0 : up_to(s, offset - 1);
}

struct stream_page *stream_page_new(uint64_t first, uint32_t cap, struct mem *mem)
{
	struct stream_page *p = mem_get(mem, sizeof *p, "stream pages");
	must(p != NULL);
	*p = (struct stream_page){ .first = first, .rows_cap = cap };
	if (cap > 0) {
		p->rows = mem_get(mem, cap * sizeof *p->rows, "stream rows");
		must(p->rows != NULL);
	}
	return p;
}

void stream_rows_free(struct stream_page *p, struct mem *mem)
{
	must(p->n <= p->rows_cap || !p->rows);
	mem_put(mem, p->rows, p->rows_cap * sizeof *p->rows);
	p->rows = NULL;
	p->rows_cap = 0;
}

void stream_page_free(struct stream_page *own_p, struct mem *mem)
{
	must(!list_has_node(&own_p->used));
	stream_rows_free(own_p, mem);
	mem_put(mem, own_p->bigs, own_p->bigs_n * sizeof *own_p->bigs);
	mem_put(mem, own_p->filter, own_p->filter_bytes);
	mem_put(mem, own_p, sizeof *own_p);
}

enum err stream_insert(struct stream *s, struct stream_page *own_p, struct mem *mem)
{
	size_t at = up_to(s, own_p->first);
	if (at > 0 && stream_page(s, at - 1)->first == own_p->first)
		return ERR_CORRUPT;
	enum err e = deque_push(&s->pages, mem, &own_p);
	must(e == ERR_OK);
	own_p->of = s->of;
	for (size_t i = s->pages.n - 1; i > at; i--)
		*(struct stream_page **)deque_at(&s->pages, i) = stream_page(s, i - 1);
	*(struct stream_page **)deque_at(&s->pages, at) = own_p;
	return ERR_OK;
}

static void grow(struct stream_page *p, uint32_t cap, struct mem *mem)
{
	struct stream_row *rows = mem_get(mem, cap * sizeof *rows, "stream rows");
	must(rows && cap > p->rows_cap);
	memcpy(rows, p->rows, p->n * sizeof *rows);
	stream_rows_free(p, mem);
	p->rows = rows;
	p->rows_cap = cap;
}

struct stream_page *stream_tail(struct stream *s, uint32_t rows_max, uint64_t bytes_max,
				struct mem *mem)
{
	struct stream_page *p = s->pages.n ? stream_page(s, s->pages.n - 1) : NULL;
	must(rows_max > 0);
	if (!p || p->n >= rows_max || p->bytes >= bytes_max || p->loc || p->is_writing) {
		uint32_t cap = rows_max < ROWS_FIRST ? rows_max : ROWS_FIRST;
		p = stream_page_new(s->next, cap, mem);
		enum err e = stream_insert(s, p, mem);
		must(e == ERR_OK);
	} else if (p->n == p->rows_cap) {
		grow(p, (uint32_t)min_u64(rows_max, (uint64_t)p->rows_cap * 2), mem);
	}
	return p;
}

void stream_add(struct stream *s, struct stream_page *p, const struct stream_row *own_row)
{
	must(p->n < p->rows_cap && p->first + p->n == s->next && !p->loc);
	p->rows[p->n++] = *own_row;
	p->bytes += own_row->bytes;
	p->newest_ms = max_u64(p->newest_ms, stream_ms(own_row->when));
	s->bytes += own_row->bytes;
	s->chain = hash_u64(own_row->when, s->chain + own_row->bytes + s->next);
	s->next++;
}

/* Rows [at, n) of `p` become a page of its own. */
static struct stream_page *cut(struct stream_page *p, uint32_t at, struct mem *mem)
{
	struct stream_page *rest = stream_page_new(p->first + at, p->n - at, mem);
	must(at > 0 && at < p->n);
	memcpy(rest->rows, p->rows + at, (p->n - at) * sizeof *p->rows);
	rest->n = p->n - at;
	for (uint32_t i = 0; i < rest->n; i++) {
		rest->bytes += rest->rows[i].bytes;
		rest->newest_ms = max_u64(rest->newest_ms, stream_ms(rest->rows[i].when));
	}
	p->n = at;
	p->bytes -= rest->bytes;
	rest->changed = p->changed;
	rest->is_pinned = p->is_pinned;
	return rest;
}

uint64_t stream_before(const struct stream *s)
{
	const struct stream_page *p = s->pages.n ? stream_page(s, 0) : NULL;
	uint64_t bytes = 0;
	for (uint64_t i = 0; p && p->rows && i < p->n && p->first + i < s->first; i++)
		bytes += p->rows[i].bytes;
	must(bytes <= s->bytes);
	return bytes;
}

void stream_split(struct stream *s, size_t at, struct mem *mem)
{
	struct stream_page *p = stream_page(s, at);
	must(p->rows && !p->loc && p->n > 0);
	for (uint32_t i = 1; i < p->n; i++) {
		if (p->rows[i].loc >> 32 == p->rows[0].loc >> 32 && p->first + i != s->first)
			continue;
		p = cut(p, i, mem);
		enum err e = stream_insert(s, p, mem);
		must(e == ERR_OK);
		i = 0;
	}
}

/* ---- filters ----------------------------------------------------------------------------- */

static uint32_t filter_bit(const struct stream_page *p, uint32_t tag, uint32_t i)
{
	must(p->filter_bytes > 0);
	return (uint32_t)(hash_u64(tag, FILTER_SEED + i) % (p->filter_bytes * 8u));
}

void stream_filter_make(struct stream_page *p, uint8_t bytes, struct mem *mem)
{
	must(p->rows && bytes > 0);
	if (!p->filter) {
		p->filter = mem_get(mem, bytes, "stream filters");
		must(p->filter != NULL);
		p->filter_bytes = bytes;
	}
	memset(p->filter, 0, p->filter_bytes);
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < FILTER_BITS; k++) {
			uint32_t bit = filter_bit(p, stream_tag(p->rows[i].when), k);
			p->filter[bit / 8] |= (uint8_t)(1u << bit % 8);
		}
}

bool stream_may_have(const struct stream_page *p, uint32_t tag)
{
	must(tag <= STREAM_TAG_MAX);
	for (uint32_t k = 0; p->filter && k < FILTER_BITS; k++) {
		uint32_t bit = filter_bit(p, tag, k);
		if (!(p->filter[bit / 8] & 1u << bit % 8))
			return false;
	}
	return true;
}

/* ---- bytes ------------------------------------------------------------------------------- */

void stream_rows_put(const struct stream_page *p, struct wr *w)
{
	size_t mark = w->n;
	must(p->rows && p->n > 0);
	wr_le32(w, 0);
	wr_le32(w, p->n);
	wr_le64(w, p->first);
	wr_le32(w, (uint32_t)(p->rows[0].loc >> 32));
	for (uint32_t i = 0; i < p->n; i++) {
		const struct stream_row *row = &p->rows[i];
		must(row->loc >> 32 == p->rows[0].loc >> 32);
		wr_le32(w, (uint32_t)row->loc);
		wr_le32(w, row->bytes);
		wr_le64(w, row->when);
		wr_u8(w, (uint8_t)row->flags);
	}
	must(wr_ok(w) && w->n - mark == stream_rows_bytes(p->n));
	wr_patch_le32(w, mark, crc32c_extend(0, w->p + mark + 4, w->n - mark - 4));
}

static enum err row_get(struct rd *r, uint32_t segment, struct stream_row *out)
{
	*out = (struct stream_row){ .loc = (uint64_t)segment << 32 | rd_le32(r) };
	out->bytes = rd_le32(r);
	out->when = rd_le64(r);
	out->flags = rd_u8(r);
	must(out->mem == 0);
	return rd_ok(r) && !(out->flags & ~(uint32_t)ENTRY_STORED) ? ERR_OK : ERR_CORRUPT;
}

enum err stream_rows_get(struct stream_page *p, struct slice from, struct mem *mem)
{
	struct rd r = rd_of(from);
	must(!p->rows && p->n > 0);
	uint32_t crc = rd_le32(&r);
	if (!rd_ok(&r) || crc != crc32c_extend(0, from.p + 4, from.n - 4) || rd_le32(&r) != p->n ||
	    rd_le64(&r) != p->first || rd_le32(&r) != p->segment)
		return ERR_CORRUPT;
	p->rows_cap = p->n;
	p->rows = mem_get(mem, p->n * sizeof *p->rows, "stream rows");
	must(p->rows != NULL);
	enum err e = ERR_OK;
	for (uint32_t i = 0; i < p->n && e == ERR_OK; i++)
		e = row_get(&r, p->segment, &p->rows[i]);
	if (e == ERR_OK && rd_done(&r))
		return ERR_OK;
	stream_rows_free(p, mem);
	return ERR_CORRUPT;
}

static void note_bigs(struct stream_page *p, struct mem *mem)
{
	uint32_t n = 0;
	must(!p->bigs && p->rows);
	for (uint32_t i = 0; i < p->n; i++)
		n += (p->rows[i].flags & ENTRY_BIG) != 0;
	if (n == 0)
		return;
	p->bigs = mem_get(mem, n * sizeof *p->bigs, "stream pages");
	must(p->bigs != NULL);
	for (uint32_t i = 0; i < p->n; i++)
		if (p->rows[i].flags & ENTRY_BIG)
			p->bigs[p->bigs_n++] = (struct stream_big){ (uint32_t)p->rows[i].loc,
								    p->rows[i].bytes };
}

void stream_sealed(struct stream_page *p, uint64_t loc, uint32_t bytes, struct mem *mem)
{
	must(p->rows && !p->loc && loc != 0);
	p->loc = loc;
	p->stored_bytes = bytes;
	p->segment = (uint32_t)(p->rows[0].loc >> 32);
	note_bigs(p, mem);
}

void stream_unsealed(struct stream_page *p, struct mem *mem)
{
	must(p->rows && p->loc && !list_has_node(&p->used));
	mem_put(mem, p->bigs, p->bigs_n * sizeof *p->bigs);
	p->bigs = NULL;
	p->bigs_n = 0;
	p->loc = 0;
}

/* ---- check ------------------------------------------------------------------------------- */

void stream_check(const struct stream *s)
{
	uint64_t bytes = 0, next = s->pages.n ? stream_page(s, 0)->first : s->next;
	must(s->first <= s->next && next <= s->first && s->last <= s->next);
	for (size_t i = 0; i < s->pages.n; i++) {
		const struct stream_page *p = stream_page(s, i);
		must(p->first == next && p->n > 0 && (p->rows || p->loc));
		must_if(p->rows != NULL, p->n <= p->rows_cap);
		must_if(list_has_node(&p->used), p->rows && p->loc);
		must_if(p->is_writing, !p->loc);
		next += p->n;
		bytes += p->bytes;
	}
	must(next == s->next && bytes == s->bytes);
	must_if(s->pages.n > 0, stream_page(s, 0)->first + stream_page(s, 0)->n > s->first);
}
