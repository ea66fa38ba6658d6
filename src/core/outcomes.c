#include "core/outcomes.h"

#include "base/mem.h"
#include "core/core.h"
#include "msg/msg.h"

#define CHUNK_BYTES 16384u

/* A run in the FIFO, behind what the log says of it. */
struct tagged {
	uint64_t index; /* 0: not proposed */
	uint32_t ordinal;
	uint32_t pad;
	struct run run;
};

struct outcomes_chunk {
	struct outcomes_chunk *next;
	uint32_t cap, len; /* bytes */
	uint32_t head;     /* first run not popped */
	uint32_t fresh;    /* first run not proposed */
	uint32_t last;     /* last run; == len: none */
	_Alignas(8) uint8_t at[];
};

static uint32_t round8(uint32_t n)
{
	return (n + 7u) & ~7u;
}
static uint32_t tagged_len(const struct tagged *t)
{
	return (uint32_t)(sizeof *t - sizeof t->run) + t->run.len;
}
static struct tagged *tagged_at(struct outcomes_chunk *k, uint32_t off)
{
	return (struct tagged *)(void *)(k->at + off);
}

void outcomes_init(struct outcomes *o, struct mem *mem)
{
	*o = (struct outcomes){ .mem = mem };
}

static void chunk_free(struct outcomes *o, struct outcomes_chunk *k)
{
	mem_put(o->mem, k, sizeof *k + k->cap);
}

/* Rows of ADD own a reference to their message unless the message is already elsewhere. */
static void drop_references(struct run *r)
{
	if (!outcome_adds(r->kind))
		return;
	struct add_row *row = run_rows(r);
	for (uint32_t i = 0; i < r->n; i++)
		if (row[i].mem && !(row[i].flags & ENTRY_SPILLED))
			msg_unref(row[i].mem, 1);
}

void outcomes_fini(struct outcomes *o)
{
	for (struct outcomes_chunk *k = o->head; k;) {
		struct outcomes_chunk *next = k->next;
		for (uint32_t off = k->head; off < k->len; off += tagged_len(tagged_at(k, off)))
			drop_references(&tagged_at(k, off)->run);
		chunk_free(o, k);
		k = next;
	}
	if (o->spare)
		chunk_free(o, o->spare);
	*o = (struct outcomes){ .mem = o->mem };
}

static struct outcomes_chunk *chunk_room(struct outcomes *o, uint32_t bytes)
{
	struct outcomes_chunk *k = o->tail;
	if (k && k->cap - k->len >= bytes)
		return k;
	if (k && k->len == 0) { /* emptied, and too small: the next one must not stand behind it */
		must(k == o->head && !k->next);
		o->head = o->tail = o->fresh = NULL;
		chunk_free(o, k);
	}
	uint32_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	if (o->spare && o->spare->cap >= cap) {
		k = o->spare;
		o->spare = NULL;
	} else {
		k = mem_get(o->mem, sizeof *k + cap, "outcomes");
		must(k != NULL);
		k->cap = cap;
	}
	k->next = NULL;
	k->len = k->head = k->fresh = k->last = 0;
	if (o->tail)
		o->tail->next = k;
	else
		o->head = k;
	o->tail = k;
	return k;
}

struct run *outcomes_run(struct outcomes *o, const struct run *head, const void *rows,
			 uint32_t row_bytes, uint32_t n, struct slice tail)
{
	must(row_bytes <= LIMIT_RUN_ROW_BYTES);
	uint32_t rows_len = row_bytes * n;
	uint32_t len = round8((uint32_t)sizeof *head + rows_len + (uint32_t)tail.n);
	struct outcomes_chunk *k = chunk_room(o, (uint32_t)(sizeof(struct tagged) - sizeof *head) +
							 len);
	struct tagged *t = tagged_at(k, k->len);
	*t = (struct tagged){ .run = *head };
	t->run.len = len;
	t->run.n = (uint16_t)n;
	t->run.row_bytes = (uint8_t)row_bytes;
	t->run.tail_len = (uint32_t)tail.n;
	if (rows_len)
		memcpy(&t->run + 1, rows, rows_len);
	if (tail.n)
		memcpy((uint8_t *)(&t->run + 1) + rows_len, tail.p, tail.n);
	k->last = k->len;
	k->len += tagged_len(t);
	o->runs_n++;
	return &t->run;
}

struct run *outcomes_last(struct outcomes *o, uint32_t row_bytes)
{
	struct outcomes_chunk *k = o->tail;
	if (!k || k->last >= k->len || k->last < k->fresh || k->cap - k->len < row_bytes + 8)
		return NULL;
	struct run *r = &tagged_at(k, k->last)->run;
	bool has_room = r->row_bytes == row_bytes && r->tail_len == 0 && r->n < LIMIT_RUN_ROWS_MAX;
	return has_room ? r : NULL;
}

void *outcomes_row(struct outcomes *o, struct run *r, uint32_t row_bytes)
{
	struct outcomes_chunk *k = o->tail;
	must(k && r == &tagged_at(k, k->last)->run && r->row_bytes == row_bytes);
	uint32_t end = (uint32_t)sizeof *r + (r->n + 1u) * row_bytes;
	r->n++;
	r->len = round8(end);
	k->len = k->last + tagged_len(tagged_at(k, k->last));
	must(k->len <= k->cap);
	return (uint8_t *)r + end - row_bytes;
}

/* The first chunk that has something beyond `fresh`: all before it are proposed whole. */
static struct outcomes_chunk *fresh_chunk(struct outcomes *o)
{
	struct outcomes_chunk *k = o->fresh ? o->fresh : o->head;
	while (k && k->fresh >= k->len)
		k = k->next;
	o->fresh = k;
	return k;
}

struct run *outcomes_unproposed(struct outcomes *o)
{
	struct outcomes_chunk *k = fresh_chunk(o);
	return k ? &tagged_at(k, k->fresh)->run : NULL;
}

void outcomes_propose(struct outcomes *o, uint64_t index, uint32_t ordinal)
{
	struct outcomes_chunk *k = fresh_chunk(o);
	must(k != NULL && index > 0);
	struct tagged *t = tagged_at(k, k->fresh);
	t->index = index;
	t->ordinal = ordinal;
	k->fresh += tagged_len(t);
}

struct run *outcomes_ready(struct outcomes *o, uint64_t committed, uint64_t *out_index,
			   uint32_t *out_ordinal)
{
	struct outcomes_chunk *k = o->head;
	if (!k || k->head >= k->fresh)
		return NULL;
	struct tagged *t = tagged_at(k, k->head);
	must(t->index > 0);
	if (t->index > committed)
		return NULL;
	*out_index = t->index;
	*out_ordinal = t->ordinal;
	return &t->run;
}

void outcomes_pop(struct outcomes *o)
{
	struct outcomes_chunk *k = o->head;
	must(k && k->head < k->fresh && o->runs_n > 0);
	k->head += tagged_len(tagged_at(k, k->head));
	o->runs_n--;
	if (k->head < k->len)
		return;
	if (k == o->tail) {
		k->head = k->fresh = k->len = k->last = 0;
		return;
	}
	o->head = k->next;
	if (o->fresh == k)
		o->fresh = NULL;
	if (!o->spare && k->cap == CHUNK_BYTES)
		o->spare = k;
	else
		chunk_free(o, k);
}
