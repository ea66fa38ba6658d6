/* password -- what is stored of passwords, and whether one fits: the hashes of RabbitMQ and of
 * Mosquitto, and argon2id.
 *
 * Functions of their arguments; argon2id takes tens of milliseconds and 19 MiB of memory, PBKDF2 as
 * long as its rounds say, the others microseconds. Any thread. Libraries are set up by who needs
 * them first.
 */
#ifndef IO_PASSWORD_H
#define IO_PASSWORD_H
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"
#include "port/secret.h"

/* password_is_dear: does a check with this algorithm take long? */
bool password_is_dear(struct slice algorithm);

/* password_check: may such a hash be kept? ERR_LIMIT: a check of it would take too much, or nobody
 * can say how much; `why` says so. */
MUST_USE enum err password_check(struct slice algorithm, struct slice hash, struct text *why);

/* password_fits: is it what `hash` was made of? Algorithms are called as in definitions files:
 * rabbit_password_hashing_sha256, _sha512, _md5 (base64 of 4 bytes of salt and the sum), argon2id,
 * and what files of Mosquitto begin with $7$ and $6$, all of it: mosquitto_pbkdf2_sha512 and
 * mosquitto_sha512; of another, and of what password_check refuses, nothing fits. */
bool password_fits(struct slice algorithm, struct slice hash, struct slice password);

/* password_make hashes a new one with argon2id and gives the algorithm; NULL: the system refuses.
 * password_make_cheap does so with RabbitMQ's SHA-256: for what is in the open anyway. */
const char *password_make(struct slice password, struct text *out_hash);
const char *password_make_cheap(struct slice password, struct text *out_hash);

/* password_make_scram writes what lets him log in by SCRAM-SHA-256, too (auth/scram.h): a line
 * below SCRAM_VERIFIER_MAX. Its rounds take some milliseconds. */
void password_make_scram(struct slice password, struct text *out);

/* password_sum is that of port/secret.h. */
void password_sum(struct slice key, struct slice of, uint8_t out[SECRET_SUM_BYTES]);
#endif
