#include "core/delay_store.h"

#include "base/hash.h"
#include "base/must.h"
#include "core/route.h"
#include "core/rules.h"

const struct queue_record *delay_store(const struct catalog_view *v, uint16_t vhost)
{
	const struct queue_record *q = catalog_queue(v, vhost, slice_str(DELAY_STORE_NAME));
	must(!q || q->vhost == vhost);
	return q && q->flags & QUEUE_KEEPER ? q : NULL;
}

/* Stores of many virtual hosts spread over the shards. */
struct declare_queue delay_store_declares(uint16_t vhost, uint8_t *bytes)
{
	struct queue_rules rules = rules_none();
	rules.keeper = EXCHANGE_DELAYED;
	rules.has_dead_letter_exchange = true; /* without a name: that of each message */
	must(delay_store_has(&rules));
	return (struct declare_queue){
		.name = slice_str(DELAY_STORE_NAME),
		.vhost = vhost,
		.shard = (uint16_t)(1 + hash_u64(vhost, 1) % LIMIT_SHARD_DATA_N),
		.flags = QUEUE_KEEPER | QUEUE_DURABLE,
		.rules = slice_of(bytes, rules_put(&rules, bytes, RULES_BYTES_MAX)),
	};
}

struct route_to delay_store_to(const struct queue_record *store, uint64_t due_ms)
{
	must(store->flags & QUEUE_KEEPER && due_ms > 0);
	return (struct route_to){
		.queue = store->id,
		.shard = store->shard,
		.flags = store->flags,
		.is_stored = true,
		.wait_ms = 1,
		.number = due_ms,
	};
}

uint64_t delay_store_due_ms(const struct route *r)
{
	must(r->n == 0 || r->to != NULL);
	return route_is_delayed(r) && r->to[0].is_stored ? r->to[0].number : 0;
}

bool delay_store_has(const struct queue_rules *r)
{
	must(!r->has_dead_letter_exchange || r->dead_letter_exchange.n <= LIMIT_SHORTSTR);
	return r->keeper == EXCHANGE_DELAYED && r->has_dead_letter_exchange &&
	       r->dead_letter_exchange.n == 0;
}
