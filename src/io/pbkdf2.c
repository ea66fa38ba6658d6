#include "io/pbkdf2.h"

#include "base/must.h"

#include <sodium.h>

#define SUM_MAX PBKDF2_SHA512

_Static_assert((size_t)PBKDF2_SHA256 == crypto_auth_hmacsha256_BYTES, "bytes of its sum");
_Static_assert((size_t)PBKDF2_SHA512 == crypto_auth_hmacsha512_BYTES, "bytes of its sum");

struct hmac {
	enum pbkdf2_sum sum;
	union {
		crypto_auth_hmacsha256_state of_256;
		crypto_auth_hmacsha512_state of_512;
	};
};

static void hmac_init(struct hmac *h, enum pbkdf2_sum sum, struct slice key)
{
	h->sum = sum;
	if (sum == PBKDF2_SHA256)
		crypto_auth_hmacsha256_init(&h->of_256, key.p, key.n);
	else
		crypto_auth_hmacsha512_init(&h->of_512, key.p, key.n);
}

static void hmac_add(struct hmac *h, struct slice s)
{
	if (h->sum == PBKDF2_SHA256)
		crypto_auth_hmacsha256_update(&h->of_256, s.p, s.n);
	else
		crypto_auth_hmacsha512_update(&h->of_512, s.p, s.n);
}

static void hmac_end(struct hmac *h, uint8_t *out)
{
	if (h->sum == PBKDF2_SHA256)
		crypto_auth_hmacsha256_final(&h->of_256, out);
	else
		crypto_auth_hmacsha512_final(&h->of_512, out);
}

/* The key is hashed once, and not in each round. */
void pbkdf2(enum pbkdf2_sum sum, struct slice password, struct slice salt, uint32_t rounds,
	    uint8_t *out)
{
	static const uint8_t first[4] = { 0, 0, 0, 1 };
	struct hmac keyed, h;
	uint8_t u[SUM_MAX];
	must(rounds > 0);
	hmac_init(&keyed, sum, password);
	h = keyed;
	hmac_add(&h, salt);
	hmac_add(&h, slice_of(first, sizeof first));
	hmac_end(&h, u);
	memcpy(out, u, sum);
	for (uint32_t i = 1; i < rounds; i++) {
		h = keyed;
		hmac_add(&h, slice_of(u, sum));
		hmac_end(&h, u);
		for (size_t k = 0; k < (size_t)sum; k++)
			out[k] ^= u[k];
	}
	sodium_memzero(&keyed, sizeof keyed);
	sodium_memzero(&h, sizeof h);
}
