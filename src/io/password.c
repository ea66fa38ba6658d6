#include "io/password.h"

#include "base/base64.h"
#include "base/limits.h"
#include "io/entropy.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>

#define ARGON_NAME   "argon2id"
#define ARGON_PASSES 2
#define ARGON_BYTES  (19u << 20) /* OWASP's figures for a login */
#define SHA256_NAME  "rabbit_password_hashing_sha256"
#define MD5_BYTES    16u
#define SALT_BYTES   4u
#define SUM_MAX      crypto_hash_sha512_BYTES
#define HASH_MAX     (SALT_BYTES + SUM_MAX)

/* The sum of salt and password. False: the system refuses. */
typedef bool sum_of(struct slice salt, struct slice password, uint8_t *out);

static bool sha256_of(struct slice salt, struct slice password, uint8_t *out)
{
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, salt.p, salt.n);
	crypto_hash_sha256_update(&state, password.p, password.n);
	crypto_hash_sha256_final(&state, out);
	return true;
}

static bool sha512_of(struct slice salt, struct slice password, uint8_t *out)
{
	crypto_hash_sha512_state state;
	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, salt.p, salt.n);
	crypto_hash_sha512_update(&state, password.p, password.n);
	crypto_hash_sha512_final(&state, out);
	return true;
}

/* The only one for which libcrypto must be set up, which takes 2 MiB and stays. */
static bool md5_of(struct slice salt, struct slice password, uint8_t *out)
{
	unsigned n = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool is_done = md && EVP_DigestInit_ex(md, EVP_md5(), NULL) &&
		       EVP_DigestUpdate(md, salt.p, salt.n) &&
		       EVP_DigestUpdate(md, password.p, password.n) &&
		       EVP_DigestFinal_ex(md, out, &n);
	EVP_MD_CTX_free(md);
	return is_done && n == MD5_BYTES;
}

static const struct cheap {
	const char *name;
	sum_of *sum_of;
	size_t sum_bytes;
} cheap[] = {
	{ SHA256_NAME, sha256_of, crypto_hash_sha256_BYTES },
	{ "rabbit_password_hashing_sha512", sha512_of, crypto_hash_sha512_BYTES },
	{ "rabbit_password_hashing_md5", md5_of, MD5_BYTES },
};
#define CHEAP (sizeof cheap / sizeof *cheap)

bool password_is_dear(struct slice algorithm)
{
	return slice_eq(algorithm, slice_str(ARGON_NAME));
}

static bool is_above(const char *what, uint32_t n, uint32_t max, struct text *why)
{
	if (n > max)
		text_putf(why, "its hash wants %u %s, and no more than %u are allowed", n, what,
			  max);
	return n > max;
}

/* As a string. False: it is not argon2id's, or wants too much: `why` says so. */
static bool argon_get(struct slice hash, char z[static crypto_pwhash_STRBYTES], struct text *why)
{
	unsigned kib, passes, lanes;
	int end = 0;
	if (hash.n < crypto_pwhash_STRBYTES) {
		memcpy(z, hash.p, hash.n);
		z[hash.n] = '\0';
		(void)sscanf(z, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$%n", &kib, &passes, &lanes, &end);
	}
	if (end == 0) {
		text_puts(why, "its hash is none of argon2id");
		return false;
	}
	return !is_above("KiB of memory", kib, LIMIT_HASH_MEMORY_KIB_MAX, why) &&
	       !is_above("passes", passes, LIMIT_HASH_PASSES_MAX, why) &&
	       !is_above("lanes", lanes, LIMIT_HASH_LANES_MAX, why);
}

enum err password_check(struct slice algorithm, struct slice hash, struct text *why)
{
	char z[crypto_pwhash_STRBYTES];
	return !password_is_dear(algorithm) || argon_get(hash, z, why) ? ERR_OK : ERR_LIMIT;
}

static bool fits_argon(struct slice hash, struct slice password)
{
	char z[crypto_pwhash_STRBYTES], room[200];
	struct text why = text_of(room, sizeof room);
	if (!argon_get(hash, z, &why) || sodium_init() < 0)
		return false;
	return crypto_pwhash_str_verify(z, (const char *)password.p, password.n) == 0;
}

static bool fits_cheap(const struct cheap *c, struct slice hash, struct slice password)
{
	uint8_t stored[HASH_MAX], sum[SUM_MAX];
	size_t n;
	if (base64_get(hash, stored, sizeof stored, &n) != ERR_OK || n != SALT_BYTES + c->sum_bytes)
		return false;
	return c->sum_of(slice_of(stored, SALT_BYTES), password, sum) &&
	       sodium_memcmp(stored + SALT_BYTES, sum, c->sum_bytes) == 0;
}

bool password_fits(struct slice algorithm, struct slice hash, struct slice password)
{
	if (hash.n == 0 || password.n == 0)
		return false;
	if (password_is_dear(algorithm))
		return fits_argon(hash, password);
	for (size_t i = 0; i < CHEAP; i++)
		if (slice_eq(algorithm, slice_str(cheap[i].name)))
			return fits_cheap(&cheap[i], hash, password);
	return false;
}

const char *password_make(struct slice password, struct text *out_hash)
{
	char z[crypto_pwhash_STRBYTES];
	if (sodium_init() < 0 ||
	    crypto_pwhash_str_alg(z, (const char *)password.p, password.n, ARGON_PASSES,
				  ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return NULL;
	text_puts(out_hash, z);
	return ARGON_NAME;
}

const char *password_make_cheap(struct slice password, struct text *out_hash)
{
	uint8_t bytes[SALT_BYTES + crypto_hash_sha256_BYTES];
	char z[2 * sizeof bytes];
	uint64_t salt = entropy_u64(NULL);
	memcpy(bytes, &salt, SALT_BYTES);
	if (!sha256_of(slice_of(bytes, SALT_BYTES), password, bytes + SALT_BYTES))
		return NULL;
	base64_put(z, slice_of(bytes, sizeof bytes));
	text_put_slice(out_hash, slice_of(z, base64_len(sizeof bytes)));
	return SHA256_NAME;
}
