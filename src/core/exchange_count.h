/* exchange_count -- how many messages came to an exchange, counted without a shared line each.
 *
 * A loop notes the exchange that it met last and how often; another exchange, or the end of the
 * turn, adds what was noted to the exchange itself, which all loops share.
 */
#ifndef CORE_EXCHANGE_COUNT_H
#define CORE_EXCHANGE_COUNT_H
#include "core/catalog.h"

struct exchange_tally {           /* of one loop; zero is empty */
	const struct exchange *x; /* NULL: nothing was noted */
	uint64_t published, unroutable;
};

/* exchange_tally_end adds what was noted to its exchange and forgets it: in the turn in which it
 * was noted, while the version of the catalog that had the exchange is still there. */
void exchange_tally_end(struct exchange_tally *t);

/* exchange_came notes a message from a client; unroutable: no binding wanted it. */
static inline void exchange_came(struct exchange_tally *t, const struct exchange *x,
				 bool is_unroutable)
{
	if (t->x != x) {
		exchange_tally_end(t);
		t->x = x;
	}
	t->published++;
	t->unroutable += is_unroutable;
}
#endif
