#include "session/sendq.h"

#include "base/must.h"
#include "msg/block.h"

#include <string.h>

struct sendq_piece {
	struct sendq_piece *next;
	struct block *block; /* NULL: the bytes are in `at` */
	const uint8_t *p;    /* first byte not sent */
	uint32_t len;        /* bytes from p on */
	uint32_t cap;        /* of `at`; 0 for a slice */
	uint8_t at[];
};

static struct sendq_piece *piece_add(struct sendq *q, struct mem *mem, uint32_t cap)
{
	struct sendq_piece *k = mem_get(mem, sizeof *k + cap, "sendq");
	must(k != NULL);
	*k = (struct sendq_piece){ .cap = cap };
	k->p = k->at;
	if (q->tail)
		q->tail->next = k;
	else
		q->head = k;
	q->tail = k;
	return k;
}

static void piece_drop(struct sendq *q, struct mem *mem)
{
	struct sendq_piece *k = q->head;
	q->head = k->next;
	if (!q->head)
		q->tail = NULL;
	if (k->block)
		block_unref(k->block, 1);
	mem_put(mem, k, sizeof *k + k->cap);
}

static uint32_t piece_room(const struct sendq_piece *k)
{
	return k->cap - (uint32_t)(k->p - k->at) - k->len;
}

uint8_t *sendq_reserve(struct sendq *q, struct mem *mem, uint32_t n)
{
	struct sendq_piece *k = q->tail;
	if (!k || k->cap == 0 || piece_room(k) < n)
		k = piece_add(q, mem, n > SENDQ_CHUNK_BYTES ? n : SENDQ_CHUNK_BYTES);
	return k->at + (k->p - k->at) + k->len;
}

void sendq_commit(struct sendq *q, uint32_t n)
{
	struct sendq_piece *k = q->tail;
	must(k && k->cap > 0 && n <= piece_room(k));
	k->len += n;
	q->bytes += n;
	q->total_bytes += n;
}

void sendq_copy(struct sendq *q, struct mem *mem, struct slice s)
{
	if (s.n == 0)
		return;
	must(s.n <= UINT32_MAX);
	memcpy(sendq_reserve(q, mem, (uint32_t)s.n), s.p, s.n);
	sendq_commit(q, (uint32_t)s.n);
}

void sendq_slice(struct sendq *q, struct mem *mem, struct block *b, struct slice s)
{
	if (s.n == 0)
		return;
	must(s.p >= b->at && s.n <= b->bytes);
	struct sendq_piece *k = piece_add(q, mem, 0);
	block_ref(b, 1);
	k->block = b;
	k->p = s.p;
	k->len = (uint32_t)s.n;
	q->bytes += s.n;
	q->total_bytes += s.n;
}

void sendq_join(struct sendq *q, struct sendq *from)
{
	must(q != from && (from->bytes == 0) == (from->head == NULL));
	if (!from->head)
		return;
	if (q->tail)
		q->tail->next = from->head;
	else
		q->head = from->head;
	q->tail = from->tail;
	q->bytes += from->bytes;
	q->total_bytes += from->bytes;
	from->head = from->tail = NULL;
	from->bytes = 0;
}

uint32_t sendq_parts(const struct sendq *q, struct slice *out, uint32_t max)
{
	uint32_t n = 0;
	for (const struct sendq_piece *k = q->head; k && n < max; k = k->next)
		if (k->len > 0)
			out[n++] = slice_of(k->p, k->len);
	return n;
}

void sendq_newest(const struct sendq *q, uint64_t n, uint8_t *to)
{
	must(n <= q->bytes);
	uint64_t skip = q->bytes - n;
	for (const struct sendq_piece *k = q->head; k; k = k->next) {
		uint32_t from = skip < k->len ? (uint32_t)skip : k->len;
		memcpy(to, k->p + from, k->len - from);
		to += k->len - from;
		skip -= from;
	}
}

void sendq_sent(struct sendq *q, struct mem *mem, uint64_t n)
{
	must(n <= q->bytes);
	q->bytes -= n;
	while (q->head) {
		struct sendq_piece *k = q->head;
		uint32_t took = n < k->len ? (uint32_t)n : k->len;
		k->p += took;
		k->len -= took;
		n -= took;
		if (k->len > 0)
			break;
		piece_drop(q, mem);
	}
	must(n == 0);
}

void sendq_fini(struct sendq *q, struct mem *mem)
{
	while (q->head)
		piece_drop(q, mem);
	*q = (struct sendq){ 0 };
}
