/* digest -- 128 bits that stand for a state: equal states, equal digests, on every machine.
 *
 * Depends on the order of what is put in. Not keyed with a secret: for comparing replicas and
 * recoveries, not against an enemy. Each put adds its length too, so "ab","c" is not "a","bc".
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/hash.h"
#include "base/text.h"

struct digest {
	struct sip lane[2];
	uint64_t words_n;
};

struct digest_sum {
	uint64_t hi, lo;
};

/* digest_init begins a digest; there is nothing to fini. */
void digest_init(struct digest *d);

/* digest_put_u64 adds one integer. */
static inline void digest_put_u64(struct digest *d, uint64_t v)
{
	sip_word(&d->lane[0], v);
	sip_word(&d->lane[1], v);
	d->words_n++;
}

/* digest_put adds bytes, after their length. */
void digest_put(struct digest *d, struct slice s);

/* digest_end gives the sum of what was put so far; more may be put after it. */
struct digest_sum digest_end(const struct digest *d);

static inline bool digest_eq(struct digest_sum a, struct digest_sum b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/* digest_dump appends 32 hexadecimal digits. */
void digest_dump(struct digest_sum sum, struct text *out);

#endif
