#include "base/pool.h"

#include "base/bits.h"

/* Stands at the start of a slab; the objects follow, aligned. */
struct pool_slab {
	struct pool_slab *next;
	size_t len;
};

/* Stands in an object that was put back. */
struct pool_free {
	struct pool_free *next;
};

void pool_init(struct pool *p, size_t size, size_t align)
{
	must(size > 0 && is_pow2(align) && align <= 64);
	align = max_size(align, _Alignof(struct pool_free));
	*p = (struct pool){
		.size = align_up(max_size(size, sizeof(struct pool_free)), align),
		.align = align,
	};
}

static void put_free(struct pool *p, void *object)
{
	struct pool_free *f = object;
	f->next = p->free;
	p->free = f;
}

void pool_give_slab(struct pool *p, void *own_mem, size_t len)
{
	must(own_mem != NULL && (uintptr_t)own_mem % 16 == 0);
	for (; p->fresh < p->end; p->fresh += p->size)
		put_free(p, p->fresh);

	struct pool_slab *s = own_mem;
	uintptr_t at = align_up((uintptr_t)own_mem + sizeof *s, p->align);
	size_t head = at - (uintptr_t)own_mem;
	must(len >= head + p->size);
	*s = (struct pool_slab){ p->slabs, len };
	p->slabs = s;
	size_t n = (len - head) / p->size;
	p->fresh = (char *)own_mem + head;
	p->end = p->fresh + n * p->size;
	p->cap_n += n;
}

enum err pool_make_room(struct pool *p, struct mem *mem, size_t slab_bytes, const char *kind)
{
	if (p->used_n < p->cap_n)
		return ERR_OK;
	void *slab = mem_get(mem, slab_bytes, kind);
	if (!slab)
		return ERR_LIMIT;
	pool_give_slab(p, slab, slab_bytes);
	return ERR_OK;
}

void *pool_take(struct pool *p)
{
	void *object = p->free;
	if (object) {
		p->free = p->free->next;
	} else if (p->fresh < p->end) {
		object = p->fresh;
		p->fresh += p->size;
	} else {
		return NULL;
	}
	p->used_n++;
	must(p->used_n <= p->cap_n);
	return object;
}

void pool_put(struct pool *p, void *own_object)
{
	must(own_object != NULL && p->used_n > 0);
	must((uintptr_t)own_object % p->align == 0);
	put_free(p, own_object);
	p->used_n--;
}

void *pool_take_slab(struct pool *p, size_t *out_len)
{
	struct pool_slab *s = p->slabs;
	p->free = NULL;
	p->fresh = p->end = NULL;
	p->used_n = p->cap_n = 0;
	if (!s)
		return NULL;
	p->slabs = s->next;
	*out_len = s->len;
	return s;
}

void pool_fini(struct pool *p, struct mem *mem)
{
	size_t len;
	for (void *slab; (slab = pool_take_slab(p, &len));)
		mem_put(mem, slab, len);
}
