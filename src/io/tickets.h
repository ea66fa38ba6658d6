/* tickets -- the keys that seal TLS session tickets: a new one each period, the last but one opens.
 *
 * Of the process: who comes again is remembered on whatever loop, and across a change of
 * certificate. A period begins with the first handshake that finds the one before over, so an idle
 * broker does nothing; what has not been used for two periods is gone then. Any thread. Private to
 * io/.
 */
#ifndef IO_TICKETS_H
#define IO_TICKETS_H
#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKETS_NAME_BYTES 16u
#define TICKETS_KEY_BYTES  32u

struct ssl_ctx_st;

struct tickets_key {
	uint8_t name[TICKETS_NAME_BYTES]; /* the ticket says it */
	uint8_t cipher[TICKETS_KEY_BYTES], mac[TICKETS_KEY_BYTES];
};

struct tickets {
	pthread_mutex_t lock; /* of all that follows but period_ms */
	struct tickets_key now, before;
	bool has_before;
	uint64_t since_ms, period_ms;
};

/* tickets_init makes the first key. ERR_RESOURCE_ERROR: there are no random numbers. */
MUST_USE enum err tickets_init(struct tickets *t, uint64_t period_ms, uint64_t now_ms);
void tickets_fini(struct tickets *t);

/* tickets_to_seal gives the key of today; false: a new one was due, and there are no random
 * numbers. */
bool tickets_to_seal(struct tickets *t, uint64_t now_ms, struct tickets_key *out);

/* tickets_to_open gives the key of that name; *out_is_old: the ticket should be replaced. False:
 * there is none any more. */
bool tickets_to_open(struct tickets *t, uint64_t now_ms, const uint8_t *name,
		     struct tickets_key *out, bool *out_is_old);

/* tickets_serve has OpenSSL seal and open with these; they outlive `ctx`. No ticket is good for
 * longer than the certificate that its client has shown. */
void tickets_serve(struct tickets *t, struct ssl_ctx_st *ctx);
#endif
