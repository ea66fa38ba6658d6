#include "journal/segments.h"

#define SLOTS_MIN   64u
#define SLAB_BYTES  4096u
#define INDEX_BYTES (JOURNAL_SHARDS_MAX * sizeof(uint64_t))

static size_t slots_bytes(uint32_t n)
{
	must(n >= SLOTS_MIN);
	return sizeof(struct segment_slots) + n * sizeof(struct segment *);
}

static struct segment_slots *slots_new(struct mem *mem, uint32_t n)
{
	must(is_pow2(n));
	struct segment_slots *t = mem_get(mem, slots_bytes(n), "segment table");
	if (!t)
		return NULL;
	t->older = NULL;
	t->mask = n - 1;
	for (uint32_t i = 0; i < n; i++)
		atomic_init(&t->at[i], NULL);
	return t;
}

static struct segment_slots *slots_of(const struct segments *s)
{
	return atomic_load_explicit(&s->slots, memory_order_relaxed);
}

enum err segments_init(struct segments *s, struct mem *mem)
{
	must(mem != NULL);
	struct segment_slots *t = slots_new(mem, SLOTS_MIN);
	if (!t)
		return ERR_LIMIT;
	memset(s, 0, sizeof *s);
	atomic_init(&s->slots, t);
	pool_init(&s->pool, sizeof(struct segment), 64);
	return ERR_OK;
}

void segments_fini(struct segments *s, struct mem *mem)
{
	struct segment_slots *t = slots_of(s);
	for (uint32_t i = 0; t && i <= t->mask; i++) {
		struct segment *seg = atomic_load_explicit(&t->at[i], memory_order_relaxed);
		if (seg)
			segment_is_covered(seg, mem);
	}
	while (t) {
		struct segment_slots *older = t->older;
		must(!older || older->mask < t->mask);
		mem_put(mem, t, slots_bytes(t->mask + 1));
		t = older;
	}
	if (s->pool.size)
		pool_fini(&s->pool, mem);
	atomic_store_explicit(&s->slots, NULL, memory_order_relaxed);
}

/* grow doubles the table; numbers that had slots of their own keep that. */
static enum err grow(struct segments *s, struct mem *mem)
{
	struct segment_slots *t = slots_of(s);
	must(t->mask < UINT32_MAX / 2 && is_pow2(t->mask + 1));
	struct segment_slots *bigger = slots_new(mem, 2 * (t->mask + 1));
	if (!bigger)
		return ERR_LIMIT;
	for (uint32_t i = 0; i <= t->mask; i++) {
		struct segment *seg = atomic_load_explicit(&t->at[i], memory_order_relaxed);
		if (seg)
			atomic_init(&bigger->at[seg->number & bigger->mask], seg);
	}
	bigger->older = t;
	atomic_store_explicit(&s->slots, bigger, memory_order_release);
	return ERR_OK;
}

static bool is_free(const struct segments *s, uint32_t number)
{
	must(number != 0);
	struct segment_slots *t = slots_of(s);
	return atomic_load_explicit(&t->at[number & t->mask], memory_order_relaxed) == NULL;
}

/* Whoever walks the segments may still look at the counts of the one that lay here before. */
static void begin(struct segment *seg, uint32_t number, uint64_t *own_index)
{
	must(number != 0);
	atomic_store_explicit(&seg->live_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&seg->live_count, 0, memory_order_relaxed);
	atomic_store_explicit(&seg->end, 0, memory_order_relaxed);
	seg->number = number;
	seg->file = -1;
	seg->last_index = own_index;
	seg->is_closed = false;
	seg->file_bytes = seg->empty_since = seg->forwarded_at = 0;
	seg->past_at = seg->past_to = 0;
	seg->is_read_again = false;
}

enum err segments_add(struct segments *s, struct mem *mem, uint32_t number, bool has_index,
		      struct segment **out_seg)
{
	must(number != 0 && segments_find(s, number) == NULL);
	while (!is_free(s, number) || s->n > slots_of(s)->mask / 2)
		TRY(grow(s, mem));
	TRY(pool_make_room(&s->pool, mem, SLAB_BYTES, "segments"));
	uint64_t *index = has_index ? mem_get(mem, INDEX_BYTES, "segment indexes") : NULL;
	if (has_index && !index)
		return ERR_LIMIT;
	if (index)
		memset(index, 0, INDEX_BYTES);
	struct segment *seg = pool_take(&s->pool);
	begin(seg, number, index);
	struct segment_slots *t = slots_of(s);
	atomic_store_explicit(&t->at[number & t->mask], seg, memory_order_release);
	s->n++;
	s->last_number = number > s->last_number ? number : s->last_number;
	*out_seg = seg;
	return ERR_OK;
}

enum err segments_add_next(struct segments *s, struct mem *mem, struct segment **out_seg)
{
	if (s->n > slots_of(s)->mask / 2)
		TRY(grow(s, mem));
	segments_check(s);
	uint32_t number = s->last_number;
	do {
		must(number < UINT32_MAX);
		number++;
	} while (!is_free(s, number));
	return segments_add(s, mem, number, true, out_seg);
}

void segments_remove(struct segments *s, struct mem *mem, struct segment *own_seg)
{
	must(own_seg->file < 0 && segments_find(s, own_seg->number) == own_seg);
	for (struct segment_slots *t = slots_of(s); t; t = t->older) {
		_Atomic(struct segment *) *slot = &t->at[own_seg->number & t->mask];
		if (atomic_load_explicit(slot, memory_order_relaxed) == own_seg)
			atomic_store_explicit(slot, NULL, memory_order_release);
	}
	segment_is_covered(own_seg, mem);
	must(s->n > 0);
	pool_put(&s->pool, own_seg);
	s->n--;
}

void segment_is_covered(struct segment *seg, struct mem *mem)
{
	mem_put(mem, seg->last_index, INDEX_BYTES);
	seg->last_index = NULL;
}

void segments_check(const struct segments *s)
{
	uint32_t n = 0;
	const struct segment *seg;
	for (uint32_t at = 0; (seg = segments_each(s, &at)) != NULL; n++) {
		must(seg->number != 0 && seg->number <= s->last_number);
		must(segments_find(s, seg->number) == seg);
		must_if(seg->is_closed, seg->file < 0);
	}
	must(n == s->n && n <= slots_of(s)->mask);
}

struct segment *segments_each(const struct segments *s, uint32_t *cursor)
{
	struct segment_slots *t = atomic_load_explicit(&s->slots, memory_order_acquire);
	must(t != NULL);
	while (*cursor <= t->mask) {
		struct segment *seg = atomic_load_explicit(&t->at[*cursor], memory_order_acquire);
		++*cursor;
		if (seg)
			return seg;
	}
	return NULL;
}

struct segment *segments_after(const struct segments *s, uint32_t number)
{
	struct segment *best = NULL, *seg;
	must(number <= s->last_number);
	for (uint32_t at = 0; (seg = segments_each(s, &at)) != NULL;)
		if (seg->number > number && (!best || seg->number < best->number))
			best = seg;
	return best;
}
