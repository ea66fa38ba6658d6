#include "base/ablate.h"
#include "base/rd.h"
#include "base/wr.h"
#include "core/core_attempt.h"
#include "core/core_group.h"
#include "core/core_once.h"
#include "core/core_retain.h"
#include "core/core_stream.h"
#include "wire/record/head.h"

/* Units, little-endian. Of a queue: u8 form, u8 flags, u64 give mark, u64 last id, [u64 ms since
 * when nobody uses it]. Of a chunk:
 * u8 form, u8 what (UNIT_...), u16 n, then n times u16 slot, u8 flags, u8 priority, u32 bytes,
 * u64 id, u64 loc, [u64 expiry_ms], [u16 count], [u64 once], [u32 bytes of the body], [u16 times
 * that it came back and had not failed]. Another form is another number: core_stream_keep.c and
 * core_retain_keep.c have those of streams and stores. */
#define FORM 1u
enum { UNIT_EXPIRY = 1, UNIT_COUNT = 2, UNIT_ONCE = 4, UNIT_BODY = 8, UNIT_BACK = 16 };
#define UNIT_WIDE (UNIT_ONCE | UNIT_BODY)
#define UNIT_WHAT (UNIT_EXPIRY | UNIT_COUNT | UNIT_WIDE | UNIT_BACK)
#define QUEUE_KEY UINT64_MAX

_Static_assert(CORE_UNIT_BYTES <= CHECKPOINT_UNIT_MAX, "a chunk fits a unit");

/* ---- taking ------------------------------------------------------------------------------ */

void core_checkpoint_begin(struct core *c)
{
	struct checkpointing *p = &c->checkpoint;
	must(!p->is_open && !p->is_closed);
	p->is_open = true;
	p->taken = p->epoch++;
	p->tombs_n = 0;
	p->at = list_first(&c->dirty);
	p->chunk = 0;
}

void core_checkpoint_all(struct core *c)
{
	size_t cursor = 0;
	must(!c->checkpoint.is_open && !c->checkpoint.is_closed);
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		struct queue *q = (struct queue *)(uintptr_t)m->value;
		must(q->cold_n == 0); /* who asks for it has set no limit */
		core_changed(c, q, NULL);
		for (size_t i = 0; q->has->retain && i < q->has->retain->r.pages.n; i++)
			core_retain_changed(c, q, retain_page(&q->has->retain->r, i));
		for (struct chunk *k = NULL;
		     (k = queue_next_used(q, k ? k->number + 1 : q->first)) != NULL;)
			core_changed(c, q, k);
	}
}

static void queue_put(struct checkpointing *p, const struct queue *q, struct wr *w)
{
	must(q->id > 0);
	if (q->has->stream) {
		core_stream_put(q, w);
		return;
	}
	if (q->has->retain) {
		core_retain_put(q, w);
		return;
	}
	wr_u8(w, FORM);
	wr_u8(w, q->flags);
	wr_le64(w, q->mark);
	wr_le64(w, q->last_id);
	if (q->has->unused_ms == 0)
		return;
	p->features |= FEATURE_UNUSED;
	wr_le64(w, q->has->unused_ms);
}

static uint8_t what_is_there(const struct chunk *k)
{
	uint8_t what = (k->once ? UNIT_ONCE : 0) | (k->bodies ? UNIT_BODY : 0);
	must(k->used <= CHUNK_N);
	for (uint32_t i = 0; i < k->used; i++) {
		what |= k->entry[i].expiry_ms ? UNIT_EXPIRY : 0;
		what |= k->entry[i].count ? UNIT_COUNT : 0;
		what |= k->entry[i].flags & ENTRY_RETURNED ? UNIT_BACK : 0;
	}
	return what;
}

static uint64_t features_of(uint8_t what)
{
	must(!(what & ~UNIT_WHAT));
	return (what & UNIT_WIDE ? FEATURE_WIDE_UNITS : 0) |
	       (what & UNIT_BACK ? FEATURE_RETURNS : 0);
}

static void chunk_to_unit(struct checkpointing *p, const struct chunk *k, struct wr *w)
{
	must(!k->is_cold);
	uint8_t what = what_is_there(k);
	p->features |= features_of(what);
	wr_u8(w, FORM);
	wr_u8(w, what);
	wr_le16(w, (uint16_t)k->durable_n);
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->live, CHUNK_N, i)) < CHUNK_N; i++) {
		const struct entry *e = &k->entry[i];
		if (!(e->flags & ENTRY_PERSISTENT))
			continue;
		must(k->loc[i] != 0);
		wr_le16(w, (uint16_t)i);
		wr_u8(w, e->flags & ENTRY_STORED);
		wr_u8(w, e->priority);
		wr_le32(w, e->bytes);
		wr_le64(w, e->id);
		wr_le64(w, k->loc[i]);
		if (what & UNIT_EXPIRY)
			wr_le64(w, e->expiry_ms);
		if (what & UNIT_COUNT)
			wr_le16(w, e->count);
		if (what & UNIT_ONCE)
			core_once_put(k, i, w);
		if (what & UNIT_BODY)
			wr_le32(w, k->bodies[i]);
		if (what & UNIT_BACK)
			wr_le16(w, chunk_returned(k, i));
	}
}

/* The next unit of `q` that is due, written into `w`; false: no more of this queue. */
static bool next_of_queue(struct checkpointing *p, struct queue *q, struct unit_key *out_key,
			  struct wr *w)
{
	if (p->chunk == 0) {
		p->chunk = q->first;
		if (q->changed > p->kept) {
			*out_key = (struct unit_key){ q->id, QUEUE_KEY };
			queue_put(p, q, w);
			q->is_stored = true;
			return true;
		}
	}
	if (q->has->stream)
		return core_stream_next_unit(p, q, out_key, w);
	if (q->has->retain)
		return core_retain_next_unit(p, q, out_key, w);
	for (struct chunk *k; (k = queue_next_used(q, p->chunk)) != NULL;) {
		p->chunk = k->number + 1;
		if (k->changed <= p->kept || (k->durable_n == 0 && !k->is_stored))
			continue;
		bool is_away = k->is_cold && k->durable_n > 0;
		must_if(is_away, ABLATED(cold_clean));
		*out_key = (struct unit_key){ q->id, k->number };
		if (k->durable_n && !is_away)
			chunk_to_unit(p, k, w);
		k->is_stored = true;
		return true;
	}
	return false;
}

bool core_checkpoint_next(struct core *c, struct unit_key *out_key, uint8_t *buf, uint32_t cap,
			  uint32_t *out_len)
{
	struct checkpointing *p = &c->checkpoint;
	must(p->is_open && cap >= CHECKPOINT_UNIT_MAX);
	struct wr w = wr_of(buf, cap);
	while (p->at) {
		struct queue *q = containerof(p->at, struct queue, dirty);
		if (next_of_queue(p, q, out_key, &w)) {
			must(wr_ok(&w));
			*out_len = (uint32_t)w.n;
			return true;
		}
		p->at = list_next(&c->dirty, p->at);
		p->chunk = 0;
	}
	/* Last, because transient entries may still have gone, and chunks with them. */
	if (p->tombs_n == p->tombs.n)
		return false;
	*out_key = *(struct unit_key *)deque_at(&p->tombs, p->tombs_n++);
	*out_len = 0;
	return true;
}

void core_checkpoint_close(struct core *c)
{
	struct checkpointing *p = &c->checkpoint;
	must(p->is_open);
	p->is_open = false;
	p->is_closed = true;
}

void core_checkpoint_end(struct core *c, bool is_kept)
{
	struct checkpointing *p = &c->checkpoint;
	must(p->is_open || p->is_closed);
	p->is_open = p->is_closed = false;
	if (!is_kept)
		return;
	for (; p->tombs_n; p->tombs_n--)
		(void)deque_pop(&p->tombs, NULL);
	deque_trim(&p->tombs, c->mem);
	p->kept = p->taken;
	LIST_EACH_SAFE(&c->dirty, n)
	{
		struct queue *q = containerof(n, struct queue, dirty);
		core_cool(c, q);
		if (q->dirty_at <= p->kept)
			list_remove(n);
	}
}

/* ---- restoring --------------------------------------------------------------------------- */

static enum err queue_from_unit(struct core *c, struct queue *q, struct slice unit)
{
	struct rd r = rd_of(unit);
	uint8_t form = rd_u8(&r);
	q->flags = rd_u8(&r);
	if (rd_ok(&r) && form == UNIT_STREAM)
		return core_stream_get(c, q, &r);
	if (rd_ok(&r) && form == UNIT_RETAIN)
		return core_retain_get(c, q, &r);
	q->mark = rd_le64(&r);
	q->last_id = max_u64(q->last_id, rd_le64(&r));
	if (rd_ok(&r) && form != FORM)
		return ERR_NOT_IMPLEMENTED;
	if (rd_left(&r) > 0) {
		queue_special(q, c->mem)->unused_ms = rd_le64(&r);
		c->checkpoint.features |= FEATURE_UNUSED;
	}
	q->is_stored = true;
	return rd_done(&r) ? ERR_OK : ERR_CORRUPT;
}

/* Slots between entries get the id of the one before, so that ids never fall in the chunk. */
static enum err entry_from_unit(struct core *c, struct chunk *k, struct rd *r, uint8_t what)
{
	uint32_t slot = rd_le16(r);
	struct entry e = { .flags = rd_u8(r) };
	e.priority = rd_u8(r);
	e.bytes = rd_le32(r);
	e.id = rd_le64(r);
	uint64_t loc = rd_le64(r);
	uint64_t before = k->used ? k->entry[k->used - 1].id : e.id;
	e.expiry_ms = what & UNIT_EXPIRY ? rd_le64(r) : 0;
	e.count = what & UNIT_COUNT ? rd_le16(r) : 0;
	uint64_t once = what & UNIT_ONCE ? rd_le64(r) : 0;
	uint32_t body = what & UNIT_BODY ? rd_le32(r) : 0;
	uint16_t returned = what & UNIT_BACK ? rd_le16(r) : 0;
	if (!rd_ok(r) || slot >= CHUNK_N || slot < k->used || e.id < before || !loc ||
	    !(e.flags & ENTRY_PERSISTENT) || e.flags & ~ENTRY_STORED)
		return ERR_CORRUPT;
	if (k->used == 0)
		k->first_id = e.id;
	chunk_room(&c->chunks, k, slot + 1);
	for (; k->used < slot; k->used++)
		k->entry[k->used] = (struct entry){ .id = before };
	k->entry[slot] = e;
	const uint64_t expires_ms = expiry_time(e.expiry_ms);
	if (expires_ms && (!k->expires_ms || k->expires_ms > expires_ms))
		k->expires_ms = expires_ms;
	k->loc[slot] = loc;
	k->used = slot + 1;
	bits_set(k->live, slot);
	bits_set(k->ready, slot);
	if (once)
		core_once_get(c, k, slot, once);
	if (what & UNIT_BODY)
		core_rule_weighed(c, k, slot, body);
	if (returned)
		core_returned(c, k, slot, returned);
	return ERR_OK;
}

enum err core_chunk_read(struct core *c, struct chunk *k, struct slice unit)
{
	struct rd r = rd_of(unit);
	uint8_t form = rd_u8(&r);
	uint8_t what = rd_u8(&r);
	uint32_t n = rd_le16(&r);
	if (rd_ok(&r) && form != FORM)
		return ERR_NOT_IMPLEMENTED;
	if (n == 0 || n > CHUNK_N || what & ~UNIT_WHAT)
		return ERR_CORRUPT;
	c->checkpoint.features |= features_of(what);
	for (uint32_t i = 0; i < n; i++)
		TRY(entry_from_unit(c, k, &r, what));
	must(k->used >= n);
	return rd_done(&r) ? ERR_OK : ERR_CORRUPT;
}

static enum err restore_chunk(struct core *c, struct queue *q, uint64_t number, struct slice unit)
{
	struct chunk *k = chunk_take(&c->chunks, number);
	enum err err = core_chunk_read(c, k, unit);
	if (err == ERR_OK)
		err = queue_place(q, k, c->mem);
	if (err != ERR_OK) {
		core_once_drop(c, k);
		core_returned_drop(c, k);
		core_rule_unweigh(c, k);
		chunk_put(&c->chunks, k);
		return err;
	}
	k->live_n = k->durable_n = (uint32_t)bits_count(k->live, CHUNK_N);
	k->changed = c->checkpoint.epoch;
	k->is_stored = true;
	uint64_t expiry = 0;
	for (uint32_t i = 0; (i = (uint32_t)bits_next_set(k->live, CHUNK_N, i)) < CHUNK_N; i++) {
		q->live_bytes += k->entry[i].bytes;
		expiry |= k->entry[i].expiry_ms;
	}
	if (expiry & EXPIRY_OF_GROUP)
		core_group_begin(c, q);
	c->all.bytes += q->live_bytes - q->ready_bytes;
	c->all.queued_n += k->live_n;
	q->ready_bytes = q->live_bytes;
	q->live_n += k->live_n;
	q->ready_n += k->live_n;
	q->durable_n += k->live_n;
	must(q->live_n > 0);
	core_cool_one(c, q, k);
	return ERR_OK;
}

enum err core_restore(struct core *c, struct unit_key key, struct slice unit)
{
	must(!c->is_leading && c->index == 0);
	if (key.queue == 0 || key.queue == UINT64_MAX)
		return ERR_CORRUPT;
	struct queue *q = core_find_queue(c, key.queue);
	if (!q)
		q = core_make_queue(c, key.queue, QUEUE_DURABLE);
	if (!q)
		return ERR_LIMIT;
	q->is_logged = true;
	struct rd r = rd_of(unit);
	uint8_t form = rd_u8(&r);
	if ((q->has->stream && !core_unit_is_stream(unit)) ||
	    (q->has->retain && form != UNIT_RETAIN && form != UNIT_RETAIN_PAGE))
		return ERR_CORRUPT;
	if (key.chunk == QUEUE_KEY)
		return queue_from_unit(c, q, unit);
	switch (form) {
	case UNIT_PAGE: return core_stream_page_get(c, q, key.chunk, &r);
	case UNIT_RETAIN_PAGE: return core_retain_page_get(c, q, key.chunk, &r);
	default: return restore_chunk(c, q, key.chunk, unit);
	}
}

struct core_gap core_gap(struct core *c, struct unit_key key)
{
	const struct queue *q = core_find_queue(c, key.queue);
	struct core_gap gap = { .below = UINT64_MAX, .units_n = key.chunk + 1 };
	const struct chunk *k;
	must(!c->is_leading);
	for (uint64_t n = q ? q->first : 0; q && (k = queue_next_used(q, n)) != NULL;
	     n = k->number + 1) {
		if (k->number > key.chunk) {
			gap.below = k->first_id;
			return gap;
		}
		gap.above = k->entry[k->used - 1].id;
		gap.units_n = key.chunk - k->number;
	}
	return gap;
}

enum err core_restore_entries(struct core *c, struct unit_key key, const struct core_entry *e,
			      uint32_t n)
{
	_Static_assert(CORE_UNIT_ENTRIES == CHUNK_N, "a unit is a chunk");
	uint8_t unit[CORE_UNIT_BYTES];
	struct wr w = wr_of(unit, sizeof unit);
	must(n > 0 && n <= CHUNK_N && key.chunk != QUEUE_KEY);
	wr_u8(&w, FORM);
	wr_u8(&w, UNIT_EXPIRY | UNIT_ONCE);
	wr_le16(&w, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++) {
		wr_le16(&w, (uint16_t)i);
		wr_u8(&w, e[i].flags & ENTRY_STORED);
		wr_u8(&w, e[i].priority);
		wr_le32(&w, e[i].bytes);
		wr_le64(&w, e[i].id);
		wr_le64(&w, e[i].loc);
		wr_le64(&w, e[i].expiry_ms);
		wr_le64(&w, e[i].once);
	}
	must(wr_ok(&w));
	return core_restore(c, key, slice_of(unit, w.n));
}

static enum err restored(struct queue *q)
{
	uint64_t before = 0;
	const struct chunk *k = NULL, *next;
	for (uint64_t n = q->first; (next = queue_next_used(q, n)) != NULL; n = k->number + 1) {
		k = next;
		if (k->first_id < before)
			return ERR_CORRUPT;
		before = queue_ids_end(k);
	}
	must((k == NULL) == (q->live_n == 0));
	q->last_id = max_u64(q->last_id, before);
	q->tail_pos = k ? pos_of(k->number, k->used) : q->tail_pos;
	q->cursor = pos_of(q->first, 0);
	q->fresh_pos = q->tail_pos;
	return ERR_OK;
}

enum err core_restored(struct core *c)
{
	size_t cursor = 0;
	must(!c->is_leading);
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;) {
		struct queue *q = (struct queue *)(uintptr_t)m->value;
		TRY(q->has->stream ? core_stream_restored(c, q) : restored(q));
	}
	c->checkpoint.kept = c->checkpoint.epoch++;
	return ERR_OK;
}

uint64_t core_last_id(const struct core *c)
{
	size_t cursor = 0;
	uint64_t last = 0;
	must(!c->is_leading);
	for (struct map_slot *m; (m = map_next(&c->queues, &cursor)) != NULL;)
		last = max_u64(last, ((const struct queue *)(uintptr_t)m->value)->last_id);
	return last;
}
