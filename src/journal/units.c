#include "journal/units.h"

#include "base/bits.h"
#include "base/hash.h"

#define SLOTS_MIN 64u

static uint32_t home(const struct units *u, uint16_t shard, uint64_t a, uint64_t b)
{
	must(is_pow2((uint64_t)u->mask + 1));
	return (uint32_t)hash_u64(hash_u64(a, shard), b) & u->mask;
}

void units_fini(struct units *u, struct mem *mem)
{
	must_if(u->rows != NULL, u->mask >= SLOTS_MIN - 1);
	if (u->rows)
		mem_put(mem, u->rows, ((size_t)u->mask + 1) * sizeof *u->rows);
	*u = (struct units){ 0 };
}

/* place gives the slot of the key: its row, or the free one where it would go. */
static struct unit_row *place(const struct units *u, uint16_t shard, uint64_t a, uint64_t b)
{
	must(u->rows != NULL);
	uint32_t at = home(u, shard, a, b);
	for (;; at = (at + 1) & u->mask) {
		struct unit_row *r = &u->rows[at];
		if (r->space == 0 || (r->a == a && r->b == b && r->shard == shard))
			return r;
	}
}

enum err units_make_room(struct units *u, struct mem *mem)
{
	if (u->rows && u->n < (u->mask + 1) / 4 * 3)
		return ERR_OK;
	must(u->n <= u->mask);
	uint32_t slots = u->rows ? 2 * (u->mask + 1) : SLOTS_MIN;
	struct units bigger = { .mask = slots - 1, .n = u->n, .live_bytes = u->live_bytes };
	bigger.rows = mem_get(mem, slots * sizeof *bigger.rows, "checkpoint units");
	if (!bigger.rows)
		return ERR_LIMIT;
	memset(bigger.rows, 0, slots * sizeof *bigger.rows);
	for (uint32_t i = 0; u->rows && i <= u->mask; i++) {
		const struct unit_row *r = &u->rows[i];
		if (r->space)
			*place(&bigger, r->shard, r->a, r->b) = *r;
	}
	units_fini(u, mem);
	*u = bigger;
	return ERR_OK;
}

void units_put(struct units *u, const struct unit_row *row)
{
	must(row->space > 0 && row->at > 0);
	struct unit_row *r = place(u, row->shard, row->a, row->b);
	if (r->space == 0)
		u->n++;
	must(u->n <= (u->mask + 1) / 4 * 3);
	u->live_bytes += row->space;
	u->live_bytes -= r->space;
	*r = *row;
}

/* close_gap moves rows back that lie behind a freed slot and belong at or before it. */
static void close_gap(struct units *u, uint32_t gap)
{
	for (uint32_t at = (gap + 1) & u->mask; u->rows[at].space; at = (at + 1) & u->mask) {
		const struct unit_row *r = &u->rows[at];
		uint32_t from_home = (at - home(u, r->shard, r->a, r->b)) & u->mask;
		if (from_home < ((at - gap) & u->mask))
			continue;
		u->rows[gap] = *r;
		gap = at;
	}
	must(gap <= u->mask);
	u->rows[gap] = (struct unit_row){ 0 };
}

bool units_del(struct units *u, uint16_t shard, uint64_t a, uint64_t b)
{
	struct unit_row *r = units_find(u, shard, a, b);
	if (!r)
		return false;
	must(u->n > 0 && u->live_bytes >= r->space);
	u->n--;
	u->live_bytes -= r->space;
	close_gap(u, (uint32_t)(r - u->rows));
	return true;
}

struct unit_row *units_find(const struct units *u, uint16_t shard, uint64_t a, uint64_t b)
{
	if (!u->rows)
		return NULL;
	struct unit_row *r = place(u, shard, a, b);
	return r->space ? r : NULL;
}

void units_age(struct units *u)
{
	must_if(u->n > 0, u->rows != NULL);
	for (uint32_t i = 0; u->rows && i <= u->mask; i++)
		u->rows[i].is_old = 1;
	units_check(u);
}

void units_clear(struct units *u)
{
	for (uint32_t i = 0; u->rows && i <= u->mask; i++)
		u->rows[i] = (struct unit_row){ 0 };
	u->n = 0;
	u->live_bytes = 0;
}

void units_check(const struct units *u)
{
	uint32_t n = 0;
	uint64_t bytes = 0;
	for (uint32_t i = 0; u->rows && i <= u->mask; i++) {
		const struct unit_row *r = &u->rows[i];
		n += r->space != 0;
		bytes += r->space;
		must_if(r->space != 0, place(u, r->shard, r->a, r->b) == r);
	}
	must(n == u->n && bytes == u->live_bytes);
}
