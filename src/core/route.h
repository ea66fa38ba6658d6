/* route -- from exchange and key to queues: a pure function over a catalog view, and its cache.
 *
 * A loop owns its route sets and caches; views are shared and read only.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H
#include "core/catalog.h"

struct route_to { uint64_t queue; uint16_t shard; uint8_t flags; uint8_t pad[5]; };

/* A set of destinations, each queue once; grows through mem. Ordered by shard, then as found. */
struct route {
	struct mem *mem;
	struct route_to *to;
	uint32_t n, cap;
	uint64_t *seen;              /* open addressing by queue id, used above a few destinations */
	uint32_t seen_cap;
};
void route_init(struct route *r, struct mem *mem);
void route_fini(struct route *r);

/* route_find fills `r` with the queues that a message to `x` with `key` goes to (n = 0: none).
 * ERR_NOT_IMPLEMENTED: headers exchange (not yet). ERR_LIMIT: no memory for the set. */
MUST_USE enum err route_find(const struct catalog_view *v, const struct exchange *x,
			     struct slice key, struct route *r);

/* route_cache: the last routes of one channel, found again by the publish's own bytes
 * ("exchange and key" as they came). An entry holds while the catalog's version stands, and is
 * confirmed by the exchange's own version when another object changed. */
struct route_cache;
struct route_cache *route_cache_new(struct mem *mem);
void route_cache_free(struct route_cache *c);

/* A cached answer: the exchange (NULL: there is none), whether the user may write to it (auth is
 * asked once per entry by the caller through `is_new`), and the destinations. Valid until the
 * next call. */
struct route_hit {
	const struct exchange *x;
	const struct route *route;
	enum err auth;              /* written by the caller when is_new, remembered here */
	bool is_new;
};
MUST_USE enum err route_cache_find(struct route_cache *c, const struct catalog_view *v,
				   uint16_t vhost, struct slice route_bytes, struct slice exchange,
				   struct slice key, struct route_hit **out_hit);
#endif
