#include "sim/image.h"

#include "base/bits.h"

#include <stdlib.h>

/* ---- chunks ----------------------------------------------------------------------------- */

static void chunk_drop(struct image_chunk *c)
{
	if (c && --c->users_n == 0)
		free(c);
}

static struct image_chunk *chunk_new(void)
{
	struct image_chunk *c = malloc(sizeof *c);
	must(c != NULL);
	memset(c, 0, sizeof *c);
	c->users_n = 1;
	return c;
}

static struct image_chunk *chunk_copy(const struct image_chunk *from)
{
	struct image_chunk *c = malloc(sizeof *c);
	must(c != NULL);
	memcpy(c, from, sizeof *c);
	c->users_n = 1;
	return c;
}

/* The chunk of this number, to be changed. */
static struct image_chunk *own_chunk(struct image *i, uint64_t number)
{
	struct image_chunk **c = &i->chunk[number];
	must(number < i->chunks_n);
	if (!*c) {
		*c = chunk_new();
	} else if ((*c)->users_n > 1) {
		struct image_chunk *shared = *c;
		*c = chunk_copy(shared);
		chunk_drop(shared);
	}
	return *c;
}

static void reserve(struct image *i, uint64_t bytes)
{
	uint64_t n = ceil_div(bytes, IMAGE_CHUNK_BYTES);
	if (n <= i->chunks_n)
		return;
	i->chunk = realloc(i->chunk, n * sizeof(struct image_chunk *));
	must(i->chunk != NULL);
	memset(i->chunk + i->chunks_n, 0, (n - i->chunks_n) * sizeof(struct image_chunk *));
	i->chunks_n = n;
}

void image_fini(struct image *i)
{
	for (uint64_t c = 0; c < i->chunks_n; c++)
		chunk_drop(i->chunk[c]);
	free(i->chunk);
	*i = (struct image){ 0 };
}

void image_copy(struct image *to, const struct image *from)
{
	*to = (struct image){ .size = from->size, .size_durable = from->size_durable };
	reserve(to, from->chunks_n * IMAGE_CHUNK_BYTES);
	for (uint64_t c = 0; c < from->chunks_n; c++) {
		to->chunk[c] = from->chunk[c];
		if (to->chunk[c])
			to->chunk[c]->users_n++;
	}
}

/* ---- bytes ------------------------------------------------------------------------------ */

/* The sectors of a chunk that hold any of its bytes from `from` to `to`. */
static uint64_t sectors_of(uint64_t from, uint64_t to)
{
	uint64_t first = from / IMAGE_SECTOR, n = ceil_div(to, IMAGE_SECTOR) - first;
	must(from < to && to <= IMAGE_CHUNK_BYTES);
	return (n == 64 ? UINT64_MAX : ((UINT64_C(1) << n) - 1)) << first;
}

static bool is_zero(struct slice s)
{
	return s.n == 0 || (s.p[0] == 0 && memcmp(s.p, s.p + 1, s.n - 1) == 0);
}

/* Zeros where there are zeros change nothing but the size. */
static void write_part(struct image *i, uint64_t number, uint64_t from, struct slice s)
{
	if (!i->chunk[number] && is_zero(s))
		return;
	struct image_chunk *c = own_chunk(i, number);
	uint64_t sectors = sectors_of(from, from + s.n);
	memcpy(c->now + from, s.p, s.n);
	c->dirty |= sectors;
	c->differs |= sectors;
}

void image_write(struct image *i, uint64_t at, struct slice s)
{
	reserve(i, at + s.n);
	for (uint64_t done = 0, part; done < s.n; done += part) {
		uint64_t from = (at + done) % IMAGE_CHUNK_BYTES;
		part = min_u64(s.n - done, IMAGE_CHUNK_BYTES - from);
		write_part(i, (at + done) / IMAGE_CHUNK_BYTES, from, slice_sub(s, done, part));
	}
	if (s.n > 0)
		i->size = max_u64(i->size, at + s.n);
}

size_t image_read(const struct image *i, uint64_t at, uint8_t *buf, size_t n)
{
	if (at >= i->size)
		return 0;
	n = (size_t)min_u64(n, i->size - at);
	for (size_t done = 0, part; done < n; done += part) {
		uint64_t from = (at + done) % IMAGE_CHUNK_BYTES;
		const struct image_chunk *c = i->chunk[(at + done) / IMAGE_CHUNK_BYTES];
		part = (size_t)min_u64(n - done, IMAGE_CHUNK_BYTES - from);
		if (c)
			memcpy(buf + done, c->now + from, part);
		else
			memset(buf + done, 0, part);
	}
	return n;
}

void image_truncate(struct image *i, uint64_t bytes)
{
	reserve(i, bytes);
	for (uint64_t at = bytes, end; at < i->size; at = end) {
		uint64_t number = at / IMAGE_CHUNK_BYTES, from = at % IMAGE_CHUNK_BYTES;
		end = min_u64(i->size, (number + 1) * IMAGE_CHUNK_BYTES);
		if (!i->chunk[number])
			continue;
		struct image_chunk *c = own_chunk(i, number);
		uint64_t sectors = sectors_of(from, from + (end - at));
		memset(c->now + from, 0, end - at);
		c->dirty |= sectors;
		c->differs |= sectors;
	}
	i->size = bytes;
}

bool image_flip(struct image *i, uint64_t at, uint8_t mask)
{
	if (at >= i->size)
		return false;
	struct image_chunk *c = own_chunk(i, at / IMAGE_CHUNK_BYTES);
	c->now[at % IMAGE_CHUNK_BYTES] ^= mask;
	if (at < i->size_durable)
		c->durable[at % IMAGE_CHUNK_BYTES] ^= mask;
	else
		c->differs |= sectors_of(at % IMAGE_CHUNK_BYTES, at % IMAGE_CHUNK_BYTES + 1);
	return true;
}

/* ---- what is durable -------------------------------------------------------------------- */

/* Sector `s` of the chunk is written back. */
static void keep_sector(struct image *i, uint64_t number, uint32_t s)
{
	struct image_chunk *c = own_chunk(i, number);
	uint64_t at = number * IMAGE_CHUNK_BYTES + s * IMAGE_SECTOR;
	memcpy(c->durable + s * IMAGE_SECTOR, c->now + s * IMAGE_SECTOR, IMAGE_SECTOR);
	c->dirty &= ~(UINT64_C(1) << s);
	c->differs &= ~(UINT64_C(1) << s);
	if (at < i->size)
		i->size_durable = max_u64(i->size_durable, min_u64(i->size, at + IMAGE_SECTOR));
}

void image_write_back(struct image *i, struct prng *r, uint64_t num, uint64_t den)
{
	for (uint64_t n = 0; n < i->chunks_n; n++)
		for (uint64_t left = i->chunk[n] ? i->chunk[n]->dirty : 0; left; left &= left - 1)
			if (prng_chance(r, num, den))
				keep_sector(i, n, bits_lowest(left));
	if (prng_chance(r, num, den))
		i->size_durable = i->size;
}

void image_sync(struct image *i)
{
	for (uint64_t n = 0; n < i->chunks_n; n++)
		for (uint64_t left = i->chunk[n] ? i->chunk[n]->dirty : 0; left; left &= left - 1)
			keep_sector(i, n, bits_lowest(left));
	i->size_durable = i->size;
}

void image_sync_fails(struct image *i)
{
	for (uint64_t n = 0; n < i->chunks_n; n++)
		if (i->chunk[n] && i->chunk[n]->dirty)
			own_chunk(i, n)->dirty = 0;
}

/* ---- a crash ---------------------------------------------------------------------------- */

static uint64_t dirty_n(const struct image *i)
{
	uint64_t n = 0;
	for (uint64_t c = 0; c < i->chunks_n; c++)
		n += i->chunk[c] ? (uint64_t)__builtin_popcountll(i->chunk[c]->dirty) : 0;
	return n;
}

/* What the disk holds beyond the end was never a part of the file. */
static void forget_beyond(struct image *i, uint64_t end)
{
	for (uint64_t n = end / IMAGE_CHUNK_BYTES; n < i->chunks_n; n++) {
		uint64_t begin = n * IMAGE_CHUNK_BYTES, from = end > begin ? end - begin : 0;
		if (!i->chunk[n])
			continue;
		struct image_chunk *c = own_chunk(i, n);
		memset(c->durable + from, 0, IMAGE_CHUNK_BYTES - from);
		c->differs |= sectors_of(from, IMAGE_CHUNK_BYTES);
	}
}

static void read_back(struct image_chunk *c)
{
	for (; c->differs; c->differs &= c->differs - 1) {
		uint32_t at = bits_lowest(c->differs) * IMAGE_SECTOR;
		memcpy(c->now + at, c->durable + at, IMAGE_SECTOR);
	}
	c->dirty = 0;
}

struct image_loss image_crash(struct image *i, struct prng *r, uint64_t num, uint64_t den)
{
	struct image_loss loss = { .kept = dirty_n(i) };
	image_write_back(i, r, num, den);
	loss.lost = dirty_n(i);
	loss.kept -= loss.lost;
	if (i->size_durable < i->size)
		forget_beyond(i, i->size_durable);
	for (uint64_t n = 0; n < i->chunks_n; n++)
		if (i->chunk[n] && i->chunk[n]->differs)
			read_back(own_chunk(i, n));
	i->size = i->size_durable;
	return loss;
}
