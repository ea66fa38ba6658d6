/* bits -- bitmaps in arrays of 64-bit words, and the small arithmetic that goes with them.
 *
 * Bit i of a bitmap is bit i % 64 of word i / 64. The caller knows how many bits there are.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include "base/must.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}
static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}
static inline size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static inline bool is_pow2(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* ceil_div: how many parts of `part` hold `v`. */
static inline uint64_t ceil_div(uint64_t v, uint64_t part)
{
	return v / part + (v % part != 0);
}

/* align_up: the first multiple of `to`, a power of two, that is not below `v`. */
static inline uint64_t align_up(uint64_t v, uint64_t to)
{
	must(is_pow2(to) && v <= UINT64_MAX - (to - 1));
	return (v + (to - 1)) & ~(to - 1);
}

/* bits_lowest: place of the lowest set bit of `v`, which is not 0. bits_highest: of the highest. */
static inline unsigned bits_lowest(uint64_t v)
{
	return (unsigned)__builtin_ctzll(v);
}
static inline unsigned bits_highest(uint64_t v)
{
	return 63u - (unsigned)__builtin_clzll(v);
}
static inline unsigned bits_popcount(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

/* pow2_up: the first power of two that is not below `v`; pow2_down: the last not above it. */
static inline uint64_t pow2_up(uint64_t v)
{
	must(v <= UINT64_C(1) << 63);
	return v <= 1 ? 1 : UINT64_C(2) << bits_highest(v - 1);
}

static inline uint64_t pow2_down(uint64_t v)
{
	return v == 0 ? 0 : UINT64_C(1) << bits_highest(v);
}

/* bits_words: words needed for a bitmap of `n` bits. */
static inline size_t bits_words(size_t n)
{
	return n / 64 + (n % 64 != 0);
}

static inline bool bits_test(const uint64_t *map, size_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static inline void bits_set(uint64_t *map, size_t i)
{
	map[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bits_clear(uint64_t *map, size_t i)
{
	map[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* bits_next finds the first bit at or after `from` that is `value`; `n` when there is none. */
static inline size_t bits_next(const uint64_t *map, size_t n, size_t from, bool value)
{
	uint64_t flip = value ? 0 : UINT64_MAX;
	uint64_t skip = UINT64_MAX << (from % 64);
	for (size_t i = from / 64; i < bits_words(n); i++, skip = UINT64_MAX) {
		uint64_t word = (map[i] ^ flip) & skip;
		if (word)
			return min_size(n, i * 64 + bits_lowest(word));
	}
	return n;
}

/* bits_set_range sets `n` > 0 bits from `from` on. */
static inline void bits_set_range(uint64_t *map, size_t from, size_t n)
{
	must(n > 0);
	size_t first = from / 64, last = (from + n - 1) / 64;
	uint64_t head = UINT64_MAX << (from % 64);
	uint64_t tail = UINT64_MAX >> (63 - (from + n - 1) % 64);
	for (size_t i = first; i <= last; i++)
		map[i] |= (i == first ? head : UINT64_MAX) & (i == last ? tail : UINT64_MAX);
}

static inline size_t bits_next_set(const uint64_t *map, size_t n, size_t from)
{
	return bits_next(map, n, from, true);
}

static inline size_t bits_next_clear(const uint64_t *map, size_t n, size_t from)
{
	return bits_next(map, n, from, false);
}

/* bits_count counts the set bits of a bitmap of `n` bits; bits beyond `n` are not looked at. */
static inline size_t bits_count(const uint64_t *map, size_t n)
{
	size_t sum = 0;
	for (size_t i = 0; i < n / 64; i++)
		sum += bits_popcount(map[i]);
	if (n % 64)
		sum += bits_popcount(map[n / 64] & ~(UINT64_MAX << (n % 64)));
	return sum;
}

#endif
