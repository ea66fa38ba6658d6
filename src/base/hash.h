/* hash -- SipHash-1-3 for names that clients choose, and a fast mix for our own integers.
 *
 * The names' hash is keyed with a secret of the process, so that nobody can choose names that all
 * fall into one slot. Keys must never decide anything that is stored or replicated.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/slice.h"

struct hash_key {
	uint64_t k0, k1;
};

/* The running state of SipHash; digest.h uses it too. */
struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t hash_rotl(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

/* sip_round mixes the four words once. */
static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = hash_rotl(s->v1, 13) ^ s->v0;
	s->v3 = hash_rotl(s->v3, 16) ^ s->v2;
	s->v0 = hash_rotl(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = hash_rotl(s->v3, 21) ^ s->v0;
	s->v1 = hash_rotl(s->v1, 17) ^ s->v2;
	s->v2 = hash_rotl(s->v2, 32);
}

/* sip_init begins a hash with a key. */
static inline struct sip sip_init(struct hash_key key)
{
	return (struct sip){ key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
			     key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573 };
}

/* sip_word takes 8 bytes in. */
static inline void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

/* sip_end gives the hash of what went in; the state is used up. */
static inline uint64_t sip_end(struct sip *s)
{
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* hash_slice is SipHash-1-3 of the bytes. */
uint64_t hash_slice(struct hash_key key, struct slice s);

/* hash_u64 spreads `v`: every bit of it reaches every bit of the result. Not for hostile input. */
static inline uint64_t hash_u64(uint64_t v, uint64_t seed)
{
	v ^= seed;
	v = (v ^ v >> 32) * 0xd6e8feb86659fd93;
	v = (v ^ v >> 32) * 0xd6e8feb86659fd93;
	return v ^ v >> 32;
}

#endif
