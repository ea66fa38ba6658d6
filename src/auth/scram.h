/* scram -- SCRAM-SHA-256 (RFC 5802, RFC 7677), the broker's side: who knows his password shows it
 * and does not say it.
 *
 *     client   n,,n=USER,r=NONCE
 *     broker   r=NONCE+OURS,s=SALT,i=ROUNDS
 *     client   c=biws,r=NONCE+OURS,p=PROOF
 *     broker   v=SIGNATURE, which only who keeps what was made of the password can say
 *
 * What is kept is one line, as PostgreSQL writes it, too, with base64 in it:
 *
 *     SCRAM-SHA-256$ROUNDS:SALT$STORED-KEY:SERVER-KEY
 *
 * Pure: sums come from port/secret.h. Slices borrow. Channel binding is not spoken, nor another
 * identity than one's own; names are compared octet by octet (no SASLprep).
 */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/text.h"
#include "port/secret.h"

#define SCRAM_SALT_MAX     64u
#define SCRAM_SALT_BYTES   16u  /* of one that we make */
#define SCRAM_VERIFIER_MAX 255u /* octets of such a line */

struct scram_verifier {
	uint32_t rounds;
	uint8_t salt_n;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored[SECRET_SUM_BYTES], server[SECRET_SUM_BYTES];
};

/* scram_verifier_get reads such a line. ERR_MALFORMED: it is none, or nobody would work out so many
 * rounds. scram_verifier_put writes it, below SCRAM_VERIFIER_MAX. */
MUST_USE enum err scram_verifier_get(struct slice line, struct scram_verifier *out);
void scram_verifier_put(const struct scram_verifier *v, struct text *out);

/* The client's first line. */
struct scram_first {
	struct slice head; /* up to his name: what is said of channels and identities */
	struct slice bare; /* the rest */
	struct slice nonce;
	uint8_t user_n;
	uint8_t user[LIMIT_SHORTSTR]; /* without escapes */
};

/* scram_first_read reads it. ERR_MALFORMED: it is none; ERR_NOT_IMPLEMENTED: it wants what is not
 * spoken; `why` says so. */
MUST_USE enum err scram_first_read(struct slice in, struct scram_first *out, struct text *why);

/* scram_challenge_put writes the answer to it; `ours` is what is added to its nonce. */
void scram_challenge_put(struct text *out, struct slice nonce, struct slice ours,
			 const struct scram_verifier *v);

/* The client's last line. */
struct scram_last {
	struct slice head;  /* the one of before, in base64 */
	struct slice nonce; /* both halves */
	struct slice said;  /* the line up to the proof */
	uint8_t proof[SECRET_SUM_BYTES];
};

/* scram_last_read reads it. ERR_MALFORMED: it is none. */
MUST_USE enum err scram_last_read(struct slice in, struct scram_last *out);

/* scram_is_head: is `base64` the head of before? */
bool scram_is_head(struct slice base64, struct slice head);

/* scram_fits: is the proof what only who knows the password can say behind these three lines, the
 * first one bare and the last one without it? out_signature is our own, also of a wrong one. */
bool scram_fits(secret_sum *sum, const struct scram_verifier *v, const struct slice said[3],
		const uint8_t proof[SECRET_SUM_BYTES], uint8_t out_signature[SECRET_SUM_BYTES]);

/* scram_keys makes the two keys of a salted password. */
void scram_keys(secret_sum *sum, struct slice salted, struct scram_verifier *io_v);

/* scram_mask makes something for who has none, always the same for a name and a `secret` of this
 * broker, so that nobody learns whom there is; no proof fits it. */
void scram_mask(secret_sum *sum, uint64_t secret, struct slice name, struct scram_verifier *out);
#endif
