/* spread -- exchanges that give each message to one of their bindings: by chance, or by a hash of
 * what it has.
 *
 * x-random, x-local-random: any binding. x-modulus-hash: the routing key's hash, modulo the number
 * of bindings. x-consistent-hash: each binding draws a number from the hash and its destination,
 * and the best wins (rendezvous hashing), so a binding that comes or goes moves only its own share;
 * its key is its weight. The hash is that of the routing key, or of a header or property that the
 * exchange's arguments name; messages without it stay together. Hashes are the same in every life.
 */
#ifndef CORE_SPREAD_H
#define CORE_SPREAD_H
#include "core/route.h"

struct exchange;

/* spread_weight reads the key of a binding of a consistent-hash exchange: digits, perhaps behind a
 * sign. ERR_MALFORMED: it is no number. ERR_LIMIT: it is not above 0. More than SPREAD_WEIGHT_MAX
 * counts as that. */
#define SPREAD_WEIGHT_MAX UINT32_MAX
MUST_USE enum err spread_weight(struct slice key, uint32_t *out_weight);

/* spread_varies: messages of one key may go different ways. */
bool spread_varies(const struct exchange *x);

/* spread_route adds where one of the bindings leads. */
void spread_route(const struct catalog_view *v, const struct exchange *x, const struct routing *m,
		  struct route *r);
#endif
