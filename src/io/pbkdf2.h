/* pbkdf2 -- a key out of a password, as dear to try as its rounds say (RFC 8018, 5.2).
 *
 * A function of its arguments. Any thread.
 */
#ifndef IO_PBKDF2_H
#define IO_PBKDF2_H
#include "base/slice.h"

/* Which sum the HMAC is made of: so many bytes it has. */
enum pbkdf2_sum { PBKDF2_SHA256 = 32, PBKDF2_SHA512 = 64 };

/* pbkdf2 gives the first block, which is as long as the sum; `rounds` are at least 1. */
void pbkdf2(enum pbkdf2_sum sum, struct slice password, struct slice salt, uint32_t rounds,
	    uint8_t *out);
#endif
