#include "io/password.h"

#include "base/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>

#define ARGON_NAME   "argon2id"
#define ARGON_PASSES 2
#define ARGON_BYTES  (19u << 20) /* OWASP's figures for a login */
#define SALT_BYTES   4u
#define HASH_MAX     (SALT_BYTES + EVP_MAX_MD_SIZE)

static const struct {
	const char *name, *digest;
} cheap[] = {
	{ "rabbit_password_hashing_sha256", "SHA256" },
	{ "rabbit_password_hashing_sha512", "SHA512" },
	{ "rabbit_password_hashing_md5", "MD5" },
};
#define CHEAP (sizeof cheap / sizeof *cheap)

bool password_begin(void)
{
	return sodium_init() >= 0;
}

bool password_is_dear(struct slice algorithm)
{
	return slice_eq(algorithm, slice_str(ARGON_NAME));
}

static bool fits_argon(struct slice hash, struct slice password)
{
	char z[crypto_pwhash_STRBYTES];
	if (hash.n >= sizeof z)
		return false;
	memcpy(z, hash.p, hash.n);
	z[hash.n] = '\0';
	return crypto_pwhash_str_verify(z, (const char *)password.p, password.n) == 0;
}

static bool fits_cheap(const char *digest, struct slice hash, struct slice password)
{
	uint8_t stored[HASH_MAX], sum[EVP_MAX_MD_SIZE];
	size_t n;
	unsigned sum_n = 0;
	if (base64_get(hash, stored, sizeof stored, &n) != ERR_OK || n <= SALT_BYTES)
		return false;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool is_done = md && EVP_DigestInit_ex(md, EVP_get_digestbyname(digest), NULL) &&
		       EVP_DigestUpdate(md, stored, SALT_BYTES) &&
		       EVP_DigestUpdate(md, password.p, password.n) &&
		       EVP_DigestFinal_ex(md, sum, &sum_n);
	EVP_MD_CTX_free(md);
	return is_done && n == SALT_BYTES + sum_n &&
	       CRYPTO_memcmp(stored + SALT_BYTES, sum, sum_n) == 0;
}

bool password_fits(struct slice algorithm, struct slice hash, struct slice password)
{
	if (hash.n == 0 || password.n == 0)
		return false;
	if (password_is_dear(algorithm))
		return fits_argon(hash, password);
	for (size_t i = 0; i < CHEAP; i++)
		if (slice_eq(algorithm, slice_str(cheap[i].name)))
			return fits_cheap(cheap[i].digest, hash, password);
	return false;
}

const char *password_make(struct slice password, struct text *out_hash)
{
	char z[crypto_pwhash_STRBYTES];
	if (crypto_pwhash_str_alg(z, (const char *)password.p, password.n, ARGON_PASSES,
				  ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return NULL;
	text_puts(out_hash, z);
	return ARGON_NAME;
}
