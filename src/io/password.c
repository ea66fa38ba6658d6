#include "io/password.h"

#include "auth/scram.h"
#include "base/base64.h"
#include "base/limits.h"
#include "io/entropy.h"
#include "io/pbkdf2.h"

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

#define DOLLAR_SALT_MAX 64u

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

/* ---- Mosquitto's ------------------------------------------------------------------------ */

/* What stands between the dollars, after the kind. */
struct dollars {
	uint8_t salt[DOLLAR_SALT_MAX], sum[SUM_MAX];
	size_t salt_n;
	uint32_t rounds; /* 0: the kind has none */
};

/* The part up to the next dollar, which is taken away with it. */
static struct slice part_of(struct slice *io_rest)
{
	struct slice rest = *io_rest;
	size_t n = slice_find(rest, '$');
	*io_rest = n < rest.n ? slice_from(rest, n + 1) : SLICE_EMPTY;
	return slice_sub(rest, 0, n);
}

/* 0: it is no number from 1 on. */
static uint32_t number_of(struct slice s)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > UINT32_MAX / 10 - 1)
			return 0;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

/* $kind$[rounds$]salt$sum, salt and sum in base64. */
static bool dollars_get(struct slice hash, const char *kind, bool has_rounds, struct dollars *out,
			struct text *why)
{
	size_t sum_n = 0;
	struct slice rest = hash;
	bool is_good = part_of(&rest).n == 0 && slice_eq(part_of(&rest), slice_str(kind));
	out->rounds = has_rounds && is_good ? number_of(part_of(&rest)) : 0;
	is_good = is_good && (out->rounds > 0 || !has_rounds) &&
		  base64_get(part_of(&rest), out->salt, sizeof out->salt, &out->salt_n) == ERR_OK &&
		  base64_get(rest, out->sum, sizeof out->sum, &sum_n) == ERR_OK &&
		  sum_n == sizeof out->sum && out->salt_n > 0;
	if (!is_good)
		text_putf(why, "its hash is none of Mosquitto's $%s$", kind);
	return is_good && !is_above("rounds", out->rounds, LIMIT_HASH_ROUNDS_MAX, why);
}

static bool check_dollar6(struct slice hash, struct text *why)
{
	struct dollars d;
	return dollars_get(hash, "6", false, &d, why);
}

static bool check_dollar7(struct slice hash, struct text *why)
{
	struct dollars d;
	return dollars_get(hash, "7", true, &d, why);
}

static bool fits_dollar6(struct slice hash, struct slice password)
{
	char room[100];
	struct text why = text_of(room, sizeof room);
	struct dollars d;
	uint8_t sum[SUM_MAX];
	if (!dollars_get(hash, "6", false, &d, &why))
		return false;
	(void)sha512_of(password, slice_of(d.salt, d.salt_n), sum); /* the salt comes behind it */
	return sodium_memcmp(sum, d.sum, sizeof sum) == 0;
}

static bool fits_dollar7(struct slice hash, struct slice password)
{
	char room[100];
	struct text why = text_of(room, sizeof room);
	struct dollars d;
	uint8_t sum[SUM_MAX];
	if (!dollars_get(hash, "7", true, &d, &why))
		return false;
	pbkdf2(PBKDF2_SHA512, password, slice_of(d.salt, d.salt_n), d.rounds, sum);
	return sodium_memcmp(sum, d.sum, sizeof sum) == 0;
}

/* ---- all ---------------------------------------------------------------------------------- */

static bool check_argon(struct slice hash, struct text *why)
{
	char z[crypto_pwhash_STRBYTES];
	return argon_get(hash, z, why);
}

/* Those that are not RabbitMQ's sums. `check`: may it be kept? */
static const struct kind {
	const char *name;
	bool (*check)(struct slice hash, struct text *why);
	bool (*fits)(struct slice hash, struct slice password);
	bool is_dear;
} kinds[] = {
	{ ARGON_NAME, check_argon, fits_argon, true },
	{ "mosquitto_pbkdf2_sha512", check_dollar7, fits_dollar7, true },
	{ "mosquitto_sha512", check_dollar6, fits_dollar6, false },
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const struct kind *kind_of(struct slice algorithm)
{
	for (size_t i = 0; i < KINDS; i++)
		if (slice_eq(algorithm, slice_str(kinds[i].name)))
			return &kinds[i];
	return NULL;
}

bool password_is_dear(struct slice algorithm)
{
	const struct kind *k = kind_of(algorithm);
	return k && k->is_dear;
}

enum err password_check(struct slice algorithm, struct slice hash, struct text *why)
{
	const struct kind *k = kind_of(algorithm);
	return !k || hash.n == 0 || k->check(hash, why) ? ERR_OK : ERR_LIMIT;
}

bool password_fits(struct slice algorithm, struct slice hash, struct slice password)
{
	const struct kind *k = kind_of(algorithm);
	if (hash.n == 0 || password.n == 0)
		return false;
	if (k)
		return k->fits(hash, password);
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

/* ---- SCRAM ---------------------------------------------------------------------------------- */

_Static_assert(SECRET_SUM_BYTES == crypto_auth_hmacsha256_BYTES, "one sum");

void password_sum(struct slice key, struct slice of, uint8_t out[SECRET_SUM_BYTES])
{
	crypto_auth_hmacsha256_state state;
	if (key.n == 0) {
		crypto_hash_sha256(out, of.p, of.n);
		return;
	}
	crypto_auth_hmacsha256_init(&state, key.p, key.n);
	crypto_auth_hmacsha256_update(&state, of.p, of.n);
	crypto_auth_hmacsha256_final(&state, out);
}

void password_make_scram(struct slice password, struct text *out)
{
	struct scram_verifier v = { .rounds = LIMIT_SCRAM_ROUNDS, .salt_n = SCRAM_SALT_BYTES };
	uint8_t salted[SECRET_SUM_BYTES];
	for (size_t i = 0; i < SCRAM_SALT_BYTES; i += sizeof(uint64_t)) {
		const uint64_t salt = entropy_u64(NULL);
		memcpy(v.salt + i, &salt, sizeof salt);
	}
	pbkdf2(PBKDF2_SHA256, password, slice_of(v.salt, v.salt_n), v.rounds, salted);
	scram_keys(password_sum, slice_of(salted, sizeof salted), &v);
	scram_verifier_put(&v, out);
	sodium_memzero(salted, sizeof salted);
}
