/* catalog_unit -- the units of the catalog's checkpoint: their keys and their bytes.
 *
 * Unit keys (core.h) are { object, chunk }:
 *   { 0, 0 }                                     the counters
 *   { 1 << 63 | id of the exchange, 0 }          one durable exchange
 *   { 1 << 62 | id of the fact, 0 }              one fact
 *   { id of the queue, level << 40 | bucket << 16 | piece }
 *
 * A durable queue lies in bucket 0 of level 0, and its durable bindings behind it while they are
 * few. When they are more, the queue is at a higher level: its bindings lie in 16^level buckets by
 * the first bits of their hashes (binding_hash), so that one change rewrites a few hundred at
 * most. Durable bindings between exchanges lie likewise, in buckets of an id that no queue has
 * (BETWEEN). What does not fit into one unit goes on in the next piece.
 *
 * Bytes, little-endian; the first is the kind:
 *   COUNTERS   u64 next queue id of the log, u64 next exchange id of the log, u64 next fact id (or
 *              nothing: 1)
 *   EXCHANGE   declare_exchange (declare.c)
 *   QUEUE      u8 level, u32 length, declare_queue, then bindings as in BINDINGS
 *   FACT       as in fact.h
 *   BINDINGS   each: str8 exchange, str8 key, u16 length of arguments, arguments
 *   BETWEEN    each: u16 vhost, str8 the exchange it leads to, then as in BINDINGS
 */
#ifndef CORE_CATALOG_UNIT_H
#define CORE_CATALOG_UNIT_H
#include "core/catalog_state.h"

enum catalog_unit {
	UNIT_COUNTERS = 1,
	UNIT_EXCHANGE,
	UNIT_QUEUE,
	UNIT_BINDINGS,
	UNIT_FACT,
	UNIT_BETWEEN
};

/* What a unit belongs to, in one number, for the maps of struct dirty. */
#define DIRTY_COUNTERS UINT64_C(0)
#define DIRTY_EXCHANGE (UINT64_C(1) << 63)
#define DIRTY_FACT     (UINT64_C(1) << 62)

static inline uint64_t dirty_bucket(uint64_t queue, uint32_t level, uint32_t bucket)
{
	must(queue != 0 && queue >> 43 == 0 && level <= BOUND_LEVEL_MAX && bucket < 1u << 16);
	return queue << 19 | level << 16 | bucket;
}
static inline bool dirty_is_queue(uint64_t key)
{
	return key && !(key & (DIRTY_EXCHANGE | DIRTY_FACT));
}
static inline uint64_t dirty_queue(uint64_t key)
{
	return key >> 19;
}
static inline uint32_t dirty_level(uint64_t key)
{
	return (uint32_t)(key >> 16 & 7);
}
static inline uint32_t dirty_bucket_of(uint64_t key)
{
	return (uint32_t)(key & 0xffff);
}

/* unit_key_of names piece `piece` of what belongs to `key`. */
static inline struct unit_key unit_key_of(uint64_t key, uint64_t piece)
{
	must(piece < 1u << 16);
	if (!dirty_is_queue(key))
		return (struct unit_key){ key, piece };
	return (struct unit_key){ dirty_queue(key), (uint64_t)dirty_level(key) << 40 |
							    (uint64_t)dirty_bucket_of(key) << 16 |
							    piece };
}

/* dirty_of is the inverse; ERR_CORRUPT: no such key can have been written. */
static inline enum err dirty_of(struct unit_key unit, uint64_t *out_key, uint64_t *out_piece)
{
	uint64_t level = unit.chunk >> 40;
	*out_piece = unit.chunk & 0xffff;
	*out_key = unit.queue;
	if (!dirty_is_queue(unit.queue))
		return unit.chunk == 0 ? ERR_OK : ERR_CORRUPT;
	if (unit.queue >> 43 || level > BOUND_LEVEL_MAX || unit.chunk >> 32 & 0xff)
		return ERR_CORRUPT;
	*out_key = dirty_bucket(unit.queue, (uint32_t)level, unit.chunk >> 16 & 0xffff);
	return ERR_OK;
}
#endif
