#include "base/deque.h"

#include "base/bits.h"

#include <string.h>

#define CAP_MIN  8
#define ROWS_MAX ((size_t)1 << 31)

void deque_init(struct deque *d, size_t row_bytes, const char *kind)
{
	must(row_bytes > 0 && row_bytes <= UINT32_MAX && kind != NULL);
	*d = (struct deque){ .row_bytes = (uint32_t)row_bytes, .kind = kind };
}

static size_t bytes_of(const struct deque *d, size_t rows)
{
	return rows * d->row_bytes;
}

void deque_fini(struct deque *d, struct mem *mem)
{
	mem_put(mem, d->rows, bytes_of(d, d->cap));
	deque_init(d, d->row_bytes, d->kind);
}

static char *slot(const struct deque *d, size_t at)
{
	return d->rows + ((d->head + at) & (d->cap - 1)) * d->row_bytes;
}

/* resize moves the rows into a block of `cap` slots, front row first. */
static enum err resize(struct deque *d, struct mem *mem, size_t cap)
{
	must(is_pow2(cap) && cap >= d->n && cap <= ROWS_MAX);
	char *rows = mem_get(mem, bytes_of(d, cap), d->kind);
	if (!rows)
		return ERR_LIMIT;
	size_t straight = min_size(d->n, d->cap - d->head);
	if (straight)
		memcpy(rows, slot(d, 0), bytes_of(d, straight));
	if (straight < d->n)
		memcpy(rows + bytes_of(d, straight), d->rows, bytes_of(d, d->n - straight));
	mem_put(mem, d->rows, bytes_of(d, d->cap));
	d->rows = rows;
	d->cap = (uint32_t)cap;
	d->head = 0;
	return ERR_OK;
}

enum err deque_reserve(struct deque *d, struct mem *mem, size_t n)
{
	if (n <= d->cap)
		return ERR_OK;
	if (n > ROWS_MAX)
		return ERR_LIMIT;
	return resize(d, mem, pow2_up(max_size(n, CAP_MIN)));
}

enum err deque_push(struct deque *d, struct mem *mem, const void *row)
{
	TRY(deque_reserve(d, mem, (size_t)d->n + 1));
	memcpy(slot(d, d->n++), row, d->row_bytes);
	return ERR_OK;
}

enum err deque_push_front(struct deque *d, struct mem *mem, const void *row)
{
	TRY(deque_reserve(d, mem, (size_t)d->n + 1));
	d->head = (d->head - 1) & (d->cap - 1);
	d->n++;
	memcpy(slot(d, 0), row, d->row_bytes);
	return ERR_OK;
}

bool deque_pop(struct deque *d, void *out_row)
{
	if (d->n == 0)
		return false;
	if (out_row)
		memcpy(out_row, slot(d, 0), d->row_bytes);
	d->head = (d->head + 1) & (d->cap - 1);
	d->n--;
	return true;
}

bool deque_pop_back(struct deque *d, void *out_row)
{
	if (d->n == 0)
		return false;
	d->n--;
	if (out_row)
		memcpy(out_row, slot(d, d->n), d->row_bytes);
	return true;
}

void deque_clear(struct deque *d)
{
	d->head = d->n = 0;
}

void deque_trim(struct deque *d, struct mem *mem)
{
	if (d->n == 0) {
		deque_fini(d, mem);
		return;
	}
	size_t cap = d->cap;
	while (cap > CAP_MIN && d->n <= cap / 4)
		cap /= 2;
	if (cap < d->cap)
		(void)!resize(d, mem, cap); /* no memory for the smaller block: it stays large */
}
