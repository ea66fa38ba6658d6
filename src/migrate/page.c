#include "migrate/page.h"

#include "base/text.h"

#include <stdlib.h>

#define FIRST_BYTES 256u

void page_fini(struct page *p)
{
	free(p->p);
	*p = (struct page){ 0 };
}

char *page_take(struct page *p)
{
	page_puts(p, "");
	char *own = p->is_short ? NULL : p->p;
	if (!own)
		free(p->p);
	*p = (struct page){ 0 };
	return own;
}

static bool has_room(struct page *p, size_t n)
{
	if (p->is_short || n >= SIZE_MAX / 4 - p->n)
		return !(p->is_short = true);
	if (p->n + n < p->cap)
		return true;
	size_t cap = p->cap ? p->cap : FIRST_BYTES;
	while (cap <= p->n + n)
		cap *= 2;
	char *more = realloc(p->p, cap);
	if (!more)
		return !(p->is_short = true);
	p->p = more;
	p->cap = cap;
	return true;
}

void page_put(struct page *p, struct slice s)
{
	if (!has_room(p, s.n))
		return;
	if (s.n)
		memcpy(p->p + p->n, s.p, s.n);
	p->n += s.n;
	p->p[p->n] = '\0';
}

void page_puts(struct page *p, const char *z)
{
	page_put(p, slice_str(z));
}

void page_putn(struct page *p, uint64_t v)
{
	char room[24];
	struct text t = text_of(room, sizeof room);
	text_put_u64(&t, v);
	page_put(p, text_slice(&t));
}

static void put_as(struct page *p, struct slice s, size_t times,
		   void (*put)(struct text *t, struct slice s))
{
	size_t cap = s.n * times + 3;
	char *room = malloc(cap);
	if (!room) {
		p->is_short = true;
		return;
	}
	struct text t = text_of(room, cap);
	put(&t, s);
	page_put(p, text_slice(&t));
	free(room);
}

void page_put_json(struct page *p, struct slice s)
{
	put_as(p, s, 6, text_put_json_string);
}

void page_put_shown(struct page *p, struct slice s)
{
	put_as(p, s, 4, text_put_printable);
}

/* ---- memory ------------------------------------------------------------------------------- */

struct hoard_block {
	struct hoard_block *next;
	_Alignas(max_align_t) uint8_t bytes[];
};

void *hoard_get(struct hoard *h, size_t n)
{
	struct hoard_block *b = calloc(1, sizeof *b + n);
	if (!b) {
		h->is_short = true;
		return NULL;
	}
	b->next = h->blocks;
	h->blocks = b;
	return b->bytes;
}

struct slice hoard_copy(struct hoard *h, struct slice s)
{
	uint8_t *p = hoard_get(h, s.n + 1);
	if (!p)
		return SLICE_EMPTY;
	if (s.n)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

void hoard_fini(struct hoard *h)
{
	for (struct hoard_block *b = h->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*h = (struct hoard){ 0 };
}
