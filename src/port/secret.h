/* secret -- passwords: whether one is right, and what is kept of a new one.
 *
 * One loop owns a struct secrets and calls it. Hashes that are cheap are answered at once; those
 * that are meant to be dear are worked out elsewhere, and the answer is taken in a later turn (the
 * port wakes the loop, as net.wake does). What was right a moment ago is right again at once.
 */
#ifndef PORT_SECRET_H
#define PORT_SECRET_H
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

enum secret { SECRET_WRONG, SECRET_RIGHT, SECRET_LATER };

#define SECRET_HASH_MAX  255u /* bytes of a hash that `make` writes, and of the line beside it */
#define SECRET_SUM_BYTES 32u

/* HMAC-SHA-256; without a key the SHA-256. Any thread; it is quick. */
typedef void secret_sum(struct slice key, struct slice of, uint8_t out[SECRET_SUM_BYTES]);

struct secrets;

struct secrets_ops {
	/* check: is `password` what `hash` was made of, by `algorithm`? An algorithm that nobody
	 * knows is never right. SECRET_LATER: `take` will say so for `ticket`. */
	enum secret (*check)(struct secrets *s, struct slice algorithm, struct slice hash,
			     struct slice password, uint64_t ticket);
	/* forget: nobody waits for what `ticket` has asked any more. It need not be worked out,
	 * and `take` does not say it. */
	void (*forget)(struct secrets *s, uint64_t ticket);
	/* take gives an answer that has come since; false: none has. */
	bool (*take)(struct secrets *s, uint64_t *out_ticket, bool *out_is_right);
	/* has: is there one to take? A loop asks when it has said that it falls asleep. */
	bool (*has)(struct secrets *s);
	/* make writes what is to be kept of a `password` that the settings have in the open, and
	 * gives the algorithm's name; NULL: the system refuses. It takes some milliseconds, for the
	 * line that SCRAM needs (auth/scram.h). */
	const char *(*make)(struct secrets *s, struct slice password, struct text *out_hash,
			    struct text *out_scram);
	secret_sum *sum;
};

struct secrets {
	const struct secrets_ops *ops;
};
#endif
