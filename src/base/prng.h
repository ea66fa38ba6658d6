/* prng -- a small generator of numbers that look random: same seed, same numbers, everywhere.
 *
 * xoshiro256** seeded through splitmix64, from their public definitions. For simulation, tests
 * and jitter; never for secrets.
 */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include "base/must.h"

#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t s[4];
};

/* prng_splitmix steps the generator that makes seeds; any state will do. */
static inline uint64_t prng_splitmix(uint64_t *state)
{
	uint64_t v = *state += 0x9e3779b97f4a7c15;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/* prng_of starts the numbers of `seed`. */
static inline struct prng prng_of(uint64_t seed)
{
	struct prng r;
	for (int i = 0; i < 4; i++)
		r.s[i] = prng_splitmix(&seed);
	return r;
}

static inline uint64_t prng_rotl(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

/* prng_u64 gives the next 64 bits. */
static inline uint64_t prng_u64(struct prng *r)
{
	uint64_t *s = r->s, result = prng_rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = prng_rotl(s[3], 45);
	return result;
}

/* prng_below is even over 0 .. n-1; n > 0. */
static inline uint64_t prng_below(struct prng *r, uint64_t n)
{
	must(n > 0);
	uint64_t rough = (0 - n) % n; /* values below this would come up once too often */
	for (;;) {
		uint64_t v = prng_u64(r);
		if (v >= rough)
			return v % n;
	}
}

/* prng_between is even over lo .. hi, both included. */
static inline uint64_t prng_between(struct prng *r, uint64_t lo, uint64_t hi)
{
	must(lo <= hi && hi - lo < UINT64_MAX);
	return lo + prng_below(r, hi - lo + 1);
}

/* prng_chance is true `num` times out of `den`. */
static inline bool prng_chance(struct prng *r, uint64_t num, uint64_t den)
{
	return prng_below(r, den) < num;
}

#endif
