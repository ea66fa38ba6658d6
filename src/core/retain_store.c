#include "core/retain_store.h"

#include "base/hash.h"
#include "base/must.h"
#include "core/retain.h"
#include "core/route.h"

#define NAME "amq.retained"

const struct queue_record *retain_store(const struct catalog_view *v, uint16_t vhost)
{
	const struct queue_record *q = catalog_queue(v, vhost, slice_str(NAME));
	must(!q || q->vhost == vhost);
	return q && q->flags & QUEUE_RETAINS ? q : NULL;
}

/* Stores of many virtual hosts spread over the shards. */
uint32_t retain_store_declare(uint16_t vhost, uint8_t *buf, uint32_t cap)
{
	uint8_t bytes[RULES_BYTES_MAX];
	struct queue_rules rules = rules_none();
	must(cap >= DECLARE_BYTES_MAX);
	rules.retains = 1;
	const struct declare_queue q = {
		.name = slice_str(NAME),
		.vhost = vhost,
		.shard = (uint16_t)(1 + hash_u64(vhost, 0) % LIMIT_SHARD_DATA_N),
		.flags = QUEUE_KEEPER | QUEUE_DURABLE,
		.rules = slice_of(bytes, rules_put(&rules, bytes, sizeof bytes)),
	};
	return declare_queue_put(&q, buf, cap);
}

struct route_to retain_store_to(const struct queue_record *store)
{
	must(store->flags & QUEUE_RETAINS);
	return (struct route_to){
		.queue = store->id,
		.shard = store->shard,
		.flags = store->flags,
	};
}

uint32_t retain_store_behind(struct slice key, uint64_t number, uint8_t *buf)
{
	struct retain_cursor at = { .number = number + 1, .words_n = (uint32_t)key.n };
	must(key.n <= LIMIT_SHORTSTR && number < UINT64_MAX);
	retain_fold(key, at.words);
	return retain_cursor_put(&at, buf);
}
