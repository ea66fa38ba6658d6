#include "sim/image.h"

#include "base/bits.h"

#include <stdlib.h>

#define CAP_MIN (64 * (uint64_t)IMAGE_SECTOR)

void image_fini(struct image *i)
{
	free(i->now);
	free(i->durable);
	free(i->dirty);
	*i = (struct image){ 0 };
}

static void *grown(void *own_p, uint64_t from, uint64_t to)
{
	uint8_t *p = realloc(own_p, to);
	must(p != NULL);
	memset(p + from, 0, to - from);
	return p;
}

static void reserve(struct image *i, uint64_t bytes)
{
	if (bytes <= i->cap)
		return;
	uint64_t cap = max_u64(pow2_up(bytes), CAP_MIN);
	i->now = grown(i->now, i->cap, cap);
	i->durable = grown(i->durable, i->cap, cap);
	i->dirty = grown(i->dirty, i->cap / IMAGE_SECTOR / 8, cap / IMAGE_SECTOR / 8);
	i->cap = cap;
}

static void *copied(const void *from, uint64_t bytes)
{
	void *p = malloc(bytes);
	must(p != NULL);
	return memcpy(p, from, bytes);
}

void image_copy(struct image *to, const struct image *from)
{
	*to = *from;
	if (from->cap == 0)
		return;
	to->now = copied(from->now, from->cap);
	to->durable = copied(from->durable, from->cap);
	to->dirty = copied(from->dirty, from->cap / IMAGE_SECTOR / 8);
}

static void mark(struct image *i, uint64_t from, uint64_t to)
{
	for (uint64_t s = from / IMAGE_SECTOR; s < ceil_div(to, IMAGE_SECTOR); s++)
		bits_set(i->dirty, s);
}

void image_write(struct image *i, uint64_t at, struct slice s)
{
	if (s.n == 0)
		return;
	reserve(i, at + s.n);
	memcpy(i->now + at, s.p, s.n);
	mark(i, at, at + s.n);
	i->size = max_u64(i->size, at + s.n);
}

size_t image_read(const struct image *i, uint64_t at, uint8_t *buf, size_t n)
{
	if (at >= i->size)
		return 0;
	n = (size_t)min_u64(n, i->size - at);
	memcpy(buf, i->now + at, n);
	return n;
}

void image_truncate(struct image *i, uint64_t bytes)
{
	reserve(i, bytes);
	if (bytes < i->size) {
		memset(i->now + bytes, 0, i->size - bytes);
		mark(i, bytes, i->size);
	}
	i->size = bytes;
}

bool image_flip(struct image *i, uint64_t at, uint8_t mask)
{
	if (at >= i->size)
		return false;
	i->now[at] ^= mask;
	if (at < i->size_durable)
		i->durable[at] ^= mask;
	return true;
}

static uint64_t sectors(const struct image *i)
{
	return i->cap / IMAGE_SECTOR;
}

static void keep_sector(struct image *i, uint64_t s)
{
	memcpy(i->durable + s * IMAGE_SECTOR, i->now + s * IMAGE_SECTOR, IMAGE_SECTOR);
	bits_clear(i->dirty, s);
	uint64_t end = min_u64(i->size, (s + 1) * IMAGE_SECTOR);
	if (s * IMAGE_SECTOR < i->size)
		i->size_durable = max_u64(i->size_durable, end);
}

void image_sync(struct image *i)
{
	uint64_t n = sectors(i);
	for (uint64_t s = bits_next_set(i->dirty, n, 0); s < n;
	     s = bits_next_set(i->dirty, n, s + 1))
		keep_sector(i, s);
	i->size_durable = i->size;
}

void image_sync_fails(struct image *i)
{
	if (i->cap)
		memset(i->dirty, 0, i->cap / IMAGE_SECTOR / 8);
}

void image_write_back(struct image *i, struct prng *r, uint64_t num, uint64_t den)
{
	uint64_t n = sectors(i);
	for (uint64_t s = bits_next_set(i->dirty, n, 0); s < n;
	     s = bits_next_set(i->dirty, n, s + 1))
		if (prng_chance(r, num, den))
			keep_sector(i, s);
	if (prng_chance(r, num, den))
		i->size_durable = i->size;
}

static uint64_t dirty_n(const struct image *i)
{
	uint64_t n = 0;
	for (uint64_t word = 0; word < sectors(i) / 64; word++)
		n += (uint64_t)__builtin_popcountll(i->dirty[word]);
	return n;
}

struct image_loss image_crash(struct image *i, struct prng *r, uint64_t num, uint64_t den)
{
	struct image_loss loss = { .kept = dirty_n(i) };
	image_write_back(i, r, num, den);
	loss.lost = dirty_n(i);
	loss.kept -= loss.lost;
	if (i->cap == 0)
		return loss;
	if (i->size_durable < i->size)
		memset(i->durable + i->size_durable, 0, i->size - i->size_durable);
	memset(i->dirty, 0, i->cap / IMAGE_SECTOR / 8);
	memcpy(i->now, i->durable, i->cap);
	i->size = i->size_durable;
	return loss;
}
