#include "base/digest.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"
#include "core/core_retain.h"

/* Units, little-endian. Of a store: u8 UNIT_RETAIN, u8 flags. Of a page of it: u8 UNIT_RETAIN_PAGE,
 * u8 n, then n times u8 slot in the page, u8 flags, u32 bytes, u64 loc, u64 id, u64 number, u64
 * expiry_ms, u8 n and the key. */
#define ENTRY_UNIT_BYTES (39u + LIMIT_SHORTSTR)

_Static_assert(2 + RETAIN_PAGE_N * ENTRY_UNIT_BYTES <= CHECKPOINT_UNIT_MAX, "a page fits a unit");
_Static_assert(RETAIN_PAGE_N <= UINT8_MAX, "slots are bytes");

/* ---- taking ------------------------------------------------------------------------------ */

void core_retain_put(const struct queue *q, struct wr *w)
{
	must(q->has->retain != NULL);
	wr_u8(w, UNIT_RETAIN);
	wr_u8(w, q->flags);
}

static void entry_put(const struct retained *e, struct wr *w)
{
	uint8_t key[LIMIT_SHORTSTR];
	must(e->loc != 0);
	retain_unfold(slice_of(e->words, e->words_n), key);
	wr_u8(w, (uint8_t)(e->slot % RETAIN_PAGE_N));
	wr_u8(w, e->flags & ENTRY_STORED);
	wr_le32(w, e->bytes);
	wr_le64(w, e->loc);
	wr_le64(w, e->id);
	wr_le64(w, e->number);
	wr_le64(w, e->expiry_ms);
	wr_str8(w, slice_of(key, e->words_n));
}

/* p->chunk is the number of the page to go on from, and one more. A page without entries is a unit
 * to be deleted. */
bool core_retain_next_unit(struct checkpointing *p, const struct queue *q, struct unit_key *out_key,
			   struct wr *w)
{
	const struct retain *r = &q->has->retain->r;
	must(p->chunk > 0);
	for (; p->chunk <= r->pages.n; p->chunk++) {
		struct retain_page *page = retain_page(r, p->chunk - 1);
		if (page->changed <= p->kept || (page->used_n == 0 && !page->is_stored))
			continue;
		*out_key = (struct unit_key){ q->id, page->number };
		page->is_stored = true;
		if (page->used_n) {
			wr_u8(w, UNIT_RETAIN_PAGE);
			wr_u8(w, (uint8_t)page->used_n);
		}
		for (uint32_t i = 0; i < RETAIN_PAGE_N; i++)
			if (page->at[i])
				entry_put(page->at[i], w);
		p->chunk++;
		return true;
	}
	return false;
}

/* ---- restoring --------------------------------------------------------------------------- */

enum err core_retain_get(struct core *c, struct queue *q, struct rd *r)
{
	must(c->index == 0);
	if (!rd_done(r) || !(q->flags & QUEUE_RETAINS) || q->live_n > 0 || q->has->stream)
		return ERR_CORRUPT;
	(void)core_retain_of(c, q);
	q->is_stored = true;
	return ERR_OK;
}

static enum err entry_get(struct core *c, struct retaining *t, uint64_t number, struct rd *r)
{
	uint8_t words[LIMIT_SHORTSTR];
	uint8_t slot = rd_u8(r), flags = rd_u8(r);
	uint32_t bytes = rd_le32(r);
	uint64_t loc = rd_le64(r), id = rd_le64(r), key_number = rd_le64(r), expiry = rd_le64(r);
	struct slice key = rd_str8(r);
	if (!rd_ok(r) || !(loc >> 32) || slot >= RETAIN_PAGE_N || flags & ~(uint32_t)ENTRY_STORED ||
	    !(flags & ENTRY_PERSISTENT) || key_number > STREAM_TAG_MAX)
		return ERR_CORRUPT;
	retain_fold(key, words);
	struct retained *e = retain_add_at(
		&t->r, (struct retain_key){ slice_of(words, key.n), key_number },
		number * RETAIN_PAGE_N + slot);
	if (!e)
		return ERR_CORRUPT;
	e->loc = loc;
	e->bytes = bytes;
	e->id = id;
	e->expiry_ms = expiry;
	e->flags = flags;
	t->bytes += bytes;
	c->all.retained_n++;
	c->all.bytes += bytes;
	must(c->index == 0);
	if (expiry)
		core_retain_watch(c, retain_page_of(&t->r, e), expiry);
	return ERR_OK;
}

enum err core_retain_page_get(struct core *c, struct queue *q, uint64_t number, struct rd *r)
{
	if (q->live_n > 0 || q->has->stream || number >= RETAIN_PAGES_MAX)
		return ERR_CORRUPT;
	struct retaining *t = core_retain_of(c, q);
	uint32_t n = rd_u8(r);
	must(q->has->retain == t);
	if (!rd_ok(r) || n == 0 || n > RETAIN_PAGE_N)
		return ERR_CORRUPT;
	for (uint32_t i = 0; i < n; i++)
		TRY(entry_get(c, t, number, r));
	struct retain_page *p = retain_page(&t->r, number);
	p->is_stored = true;
	p->changed = c->checkpoint.epoch;
	return rd_done(r) ? ERR_OK : ERR_CORRUPT;
}

bool core_retain_sound(const struct core *c, const struct run *o)
{
	uint64_t at = 0;
	bool is_ours = o->kind == OUTCOME_RETAIN || o->kind == OUTCOME_FORGET;
	must(o->flags & RUN_LOGGED);
	if (is_ours && (o->tail_len > LIMIT_SHORTSTR || o->n != (o->kind == OUTCOME_RETAIN)))
		return false;
	if (!map_get(&c->queues, o->queue, &at))
		return true;
	const struct queue *q = (const struct queue *)(uintptr_t)at;
	if (!is_ours)
		return !q->has->retain || !(outcome_adds(o->kind) || o->kind == OUTCOME_REMOVE);
	return q->has->retain || (!q->has->stream && q->live_n == 0);
}

/* ---- walking and moving ------------------------------------------------------------------ */

bool core_retain_live_next(const struct queue *q, struct live_walk *w, struct freed *out)
{
	const struct retain *r = &q->has->retain->r;
	must(w->queue == q->id);
	while (w->pos < retain_slots(r)) {
		const struct retained *e = retain_at(r, w->pos++);
		if (!e)
			continue;
		w->id = w->pos;
		*out = (struct freed){ e->loc, e->bytes, 1,
				       (e->flags & ENTRY_STORED) | ENTRY_STREAM };
		return true;
	}
	return false;
}

bool core_retain_relocate(struct core *c, struct queue *q, uint64_t id, uint64_t old_loc,
			  uint64_t new_loc)
{
	const struct retain *r = &q->has->retain->r;
	must(new_loc != 0 && id != 0);
	struct retained *e = id <= retain_slots(r) ? retain_at(r, id - 1) : NULL;
	if (!e || e->loc != old_loc)
		return false;
	e->loc = new_loc;
	core_retain_changed(c, q, retain_page_of(r, e));
	return true;
}

void core_retain_lose(struct core *c, struct queue *q, uint64_t id)
{
	struct retaining *t = q->has->retain;
	must(id != 0);
	struct retained *e = id <= retain_slots(&t->r) ? retain_at(&t->r, id - 1) : NULL;
	if (!e)
		return;
	core_freed(c, e->loc, e->bytes, e->flags);
	t->bytes -= core_retain_weight(e);
	c->all.bytes -= core_retain_weight(e);
	c->all.retained_n--;
	core_retain_changed(c, q, retain_page_of(&t->r, e));
	retain_del(&t->r, e);
}

/* ---- looking ----------------------------------------------------------------------------- */

static struct digest_sum sum_of(const struct retained *e)
{
	struct digest d;
	digest_init(&d);
	digest_put(&d, slice_of(e->words, e->words_n));
	digest_put_u64(&d, e->number);
	digest_put_u64(&d, e->id);
	digest_put_u64(&d, e->expiry_ms);
	digest_put_u64(&d, (uint64_t)e->bytes << 16 | (e->flags & ENTRY_STORED));
	must(e->loc != 0);
	return digest_end(&d);
}

/* In whatever slots they are. */
void core_retain_digest(const struct queue *q, struct digest *d)
{
	const struct retain *r = &q->has->retain->r;
	struct digest_sum sum = { 0 };
	must(q->live_n == 0);
	if (r->n == 0)
		return;
	for (uint64_t i = 0; i < retain_slots(r); i++) {
		const struct retained *e = retain_at(r, i);
		struct digest_sum one = e ? sum_of(e) : (struct digest_sum){ 0 };
		sum.hi += one.hi;
		sum.lo += one.lo;
	}
	digest_put_u64(d, q->id);
	digest_put_u64(d, sum.hi);
	digest_put_u64(d, sum.lo);
	digest_put_u64(d, r->n);
}

void core_retain_dump(const struct queue *q, struct text *out)
{
	const struct retaining *t = q->has->retain;
	must(t != NULL);
	text_putf(out, "retained: %llu\nretained_bytes: %llu\nretained_pages: %u\n",
		  (unsigned long long)t->r.n, (unsigned long long)t->bytes, t->r.pages.n);
}

void core_retain_check(const struct queue *q)
{
	const struct retaining *t = q->has->retain;
	uint64_t bytes = 0;
	retain_check(&t->r);
	for (uint64_t i = 0; i < retain_slots(&t->r); i++)
		bytes += retain_at(&t->r, i) ? core_retain_weight(retain_at(&t->r, i)) : 0;
	must(bytes == t->bytes && t->queue == q && q->live_n == 0);
	must(q->flags & QUEUE_RETAINS);
}
