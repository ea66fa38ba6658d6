/* core_cold_for_tests -- a rig whose entries leave memory: what its newest checkpoint has comes
 * back from here.
 *
 * Only for tests; one thread.
 */
#ifndef CORE_CORE_COLD_FOR_TESTS_H
#define CORE_CORE_COLD_FOR_TESTS_H
#include "core/core_select_for_tests.h"

#define UNITS_MAX 64u

/* The newest checkpoint. */
static struct {
	struct unit_key key[UNITS_MAX];
	uint8_t *bytes[UNITS_MAX];
	uint32_t len[UNITS_MAX], n;
	uint32_t read_n;
} kept;

static inline uint32_t kept_at(struct unit_key key)
{
	uint32_t i = 0;
	while (i < kept.n && (kept.key[i].queue != key.queue || kept.key[i].chunk != key.chunk))
		i++;
	must(i < UNITS_MAX);
	return i;
}

static inline struct slice unit(struct rig *r, struct unit_key key)
{
	uint32_t i = kept_at(key);
	must(r->core != NULL);
	kept.read_n++;
	return i < kept.n ? slice_of(kept.bytes[i], kept.len[i]) : SLICE_EMPTY;
}

static inline void take(struct rig *r)
{
	static uint8_t buf[CHECKPOINT_UNIT_MAX];
	struct unit_key key;
	uint32_t len;
	core_checkpoint_begin(r->core);
	while (core_checkpoint_next(r->core, &key, buf, sizeof buf, &len)) {
		uint32_t i = kept_at(key);
		kept.n += i == kept.n;
		free(kept.bytes[i]);
		kept.key[i] = key;
		kept.len[i] = len;
		kept.bytes[i] = len ? malloc(len) : NULL;
		if (len)
			memcpy(kept.bytes[i], buf, len);
	}
	core_checkpoint_end(r->core, true);
	core_check(r->core);
}

static inline void end(struct rig *r)
{
	for (uint32_t i = 0; i < kept.n; i++)
		free(kept.bytes[i]);
	memset(&kept, 0, sizeof kept);
	rig_free(r);
}

static inline struct queue *queue_of(struct rig *r)
{
	struct queue *q = core_find_queue(r->core, Q);
	must(q != NULL);
	return q;
}

static inline void silence(struct rig *r)
{
	r->said = text_of(r->said_bytes, sizeof r->said_bytes);
}

/* A queue of n messages, of which nothing is kept in memory that need not be. */
static inline struct rig *rig_with_messages(uint32_t n)
{
	struct rig *r = rig_new();
	r->unit = unit;
	r->entries_max = 0;
	core_entries_limit(r->core, 0);
	core_cache_limit(r->core, 0);
	rig_do(r, CMD_QUEUE_OPEN, Q, 0, QUEUE_DURABLE);
	for (uint32_t at = 0; at < n; at += 100)
		rig_publish(r, Q, at + 1, (uint32_t)min_u64(100, n - at), ENTRY_PERSISTENT);
	rig_commit(r);
	silence(r);
	return r;
}
#endif
