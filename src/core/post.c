#include "core/run.h"

#include "base/mem.h"
#include "base/must.h"

#define POST_SPARE_MAX 8u

void post_init(struct post *p, uint32_t loop, uint32_t loops_n, struct mem *mem)
{
	must(loop < loops_n && loops_n <= LIMIT_LOOPS_MAX);
	memset(p, 0, sizeof *p);
	p->loop = loop;
	p->loops_n = loops_n;
	p->mem = mem;
	for (uint32_t i = 0; i < loops_n; i++)
		p->full_tail[i] = &p->full[i];
}

static void batch_free(struct post *p, struct batch *b)
{
	mem_put(p->mem, b, sizeof *b + b->cap);
}

static void batches_free(struct post *p, struct batch *b)
{
	while (b) {
		struct batch *next = b->next;
		batch_free(p, b);
		b = next;
	}
}

void post_fini(struct post *p)
{
	for (uint32_t i = 0; i < p->loops_n; i++) {
		batches_free(p, p->full[i]);
		batches_free(p, p->open[i]);
	}
	batches_free(p, p->spare);
	*p = (struct post){ 0 };
}

static struct batch *batch_new(struct post *p, uint32_t cap)
{
	struct batch *b = p->spare;
	if (b && cap <= BATCH_BYTES) {
		p->spare = b->next;
		p->spare_n--;
	} else {
		cap = cap < BATCH_BYTES ? BATCH_BYTES : cap;
		b = mem_get(p->mem, sizeof *b + cap, "batch");
		must(b != NULL);
		b->cap = cap;
	}
	b->next = NULL;
	b->len = 0;
	b->last = BATCH_NONE;
	p->out_n++;
	return b;
}

static void post_close(struct post *p, uint32_t loop)
{
	struct batch *b = p->open[loop];
	if (!b)
		return;
	p->open[loop] = NULL;
	*p->full_tail[loop] = b;
	p->full_tail[loop] = &b->next;
}

static struct batch *post_room(struct post *p, uint32_t loop, uint32_t bytes)
{
	struct batch *b = p->open[loop];
	if (b && b->cap - b->len >= bytes)
		return b;
	post_close(p, loop);
	b = batch_new(p, bytes);
	b->from = (uint16_t)p->loop;
	b->to = (uint16_t)loop;
	p->open[loop] = b;
	return b;
}

struct run *post_run(struct post *p, uint32_t loop, const struct run *head, const void *rows,
		     uint32_t row_bytes, uint32_t n, struct slice tail)
{
	must(loop < p->loops_n && row_bytes <= LIMIT_RUN_ROW_BYTES);
	uint32_t rows_len = row_bytes * n;
	uint32_t len = run_round((uint32_t)sizeof *head + rows_len + (uint32_t)tail.n);
	struct batch *b = post_room(p, loop, n || !row_bytes ? len : len + run_round(row_bytes));
	struct run *r = (struct run *)(void *)(b->at + b->len);
	*r = *head;
	r->len = len;
	r->n = (uint16_t)n;
	r->row_bytes = (uint8_t)row_bytes;
	r->tail_len = (uint32_t)tail.n;
	if (rows_len)
		memcpy(r + 1, rows, rows_len);
	if (tail.n)
		memcpy((uint8_t *)(r + 1) + rows_len, tail.p, tail.n);
	b->last = b->len;
	b->len += len;
	return r;
}

struct batch *post_take(struct post *p, uint32_t loop)
{
	post_close(p, loop);
	struct batch *b = p->full[loop];
	p->full[loop] = NULL;
	p->full_tail[loop] = &p->full[loop];
	return b;
}

void post_give_back(struct post *p, struct batch *own_b)
{
	must(p->out_n > 0);
	p->out_n--;
	if (own_b->cap != BATCH_BYTES || p->spare_n >= POST_SPARE_MAX) {
		batch_free(p, own_b);
		return;
	}
	own_b->next = p->spare;
	p->spare = own_b;
	p->spare_n++;
}
