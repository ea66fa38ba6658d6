/* account -- what is kept of a user beside his name: a password hash and tags.
 *
 * Bytes in the catalog (core/fact.h): u8 1, str8 algorithm, u16 length and hash, u8 number of tags,
 * each a str8, and, if there is one, str8 what SCRAM needs; little-endian. They are as a
 * definitions file has them: RabbitMQ's algorithms hash as base64 of salt and sum, our own as
 * argon2id writes itself, those of other brokers as their files have them; scram.h says what
 * SCRAM's line is. Pure; slices borrow.
 */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H
#include "base/err.h"
#include "base/slice.h"

#define ACCOUNT_TAGS_MAX  16u
#define ACCOUNT_BYTES_MAX 8192u

struct account {
	struct slice algorithm;
	struct slice hash;  /* empty: no password is right */
	struct slice scram; /* empty: he cannot log in by it */
	struct slice tags[ACCOUNT_TAGS_MAX];
	uint8_t tags_n;
};

/* account_put writes it and gives its length; 0: it does not fit. */
uint32_t account_put(const struct account *a, uint8_t *buf, uint32_t cap);

/* account_get reads it. ERR_MALFORMED: it is none. */
MUST_USE enum err account_get(struct slice from, struct account *out);

/* account_has_tag: does the account in `value` have that tag? */
bool account_has_tag(struct slice value, const char *tag);
#endif
