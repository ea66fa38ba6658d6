/* deque -- rows of one size in a ring that grows: push and pop at both ends, look anywhere.
 *
 * One owner, one thread. The capacity is a power of two and doubles through a `struct mem`.
 * Row 0 is the front. A pointer to a row is good until the next push or trim.
 */
#ifndef BASE_DEQUE_H
#define BASE_DEQUE_H

#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

struct deque {
	char *rows;
	const char *kind;
	uint32_t row_bytes;
	uint32_t cap;  /* rows, a power of two; 0: no memory yet */
	uint32_t head; /* slot of the front row */
	uint32_t n;    /* rows in use */
};

/* deque_init makes an empty deque without memory. `kind` is a literal, for mem's counters. */
void deque_init(struct deque *d, size_t row_bytes, const char *kind);

/* deque_fini gives the memory back; the deque is empty and may be used again. */
void deque_fini(struct deque *d, struct mem *mem);

/* deque_reserve makes room for `n` rows in all. ERR_LIMIT: no memory, or more than 2^31 rows;
 * nothing changed. */
MUST_USE enum err deque_reserve(struct deque *d, struct mem *mem, size_t n);

/* deque_push copies `row` in behind the last, deque_push_front before the first.
 * ERR_LIMIT: no memory; nothing changed. */
MUST_USE enum err deque_push(struct deque *d, struct mem *mem, const void *row);
MUST_USE enum err deque_push_front(struct deque *d, struct mem *mem, const void *row);

/* deque_add makes a row behind the last and gives it, for the caller to fill: a row that is put
 * together elsewhere and copied in costs more than it does to fill it here. NULL: no memory;
 * nothing changed. */
static inline void *deque_add(struct deque *d, struct mem *mem)
{
	if (d->n == d->cap && deque_reserve(d, mem, (size_t)d->n + 1) != ERR_OK)
		return NULL;
	return d->rows + (size_t)((d->head + d->n++) & (d->cap - 1)) * d->row_bytes;
}

/* deque_pop copies the front row out, deque_pop_back the last. False: empty. `out_row` may be
 * NULL. */
bool deque_pop(struct deque *d, void *out_row);
bool deque_pop_back(struct deque *d, void *out_row);

/* deque_drop forgets the front row. */
static inline void deque_drop(struct deque *d)
{
	must(d->n > 0);
	d->head = (d->head + 1) & (d->cap - 1);
	d->n--;
}

/* deque_at gives row `at` < n. */
static inline void *deque_at(const struct deque *d, size_t at)
{
	must(at < d->n);
	return d->rows + ((d->head + at) & (d->cap - 1)) * d->row_bytes;
}

/* deque_peek gives the front row, or NULL. */
static inline void *deque_peek(const struct deque *d)
{
	return d->n ? deque_at(d, 0) : NULL;
}

/* deque_clear forgets all rows and keeps the memory. */
void deque_clear(struct deque *d);

/* deque_trim gives memory back that a burst has left: nothing stays of an empty deque, else
 * the capacity halves while at most a quarter is used. Never fails; at worst nothing changes. */
void deque_trim(struct deque *d, struct mem *mem);

#endif
