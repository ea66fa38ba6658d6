/* core_replay_for_tests -- what a rig does when it dies and comes back; for tests only.
 *
 * The last part of core_for_tests.h.
 */
#ifndef CORE_CORE_REPLAY_FOR_TESTS_H
#define CORE_CORE_REPLAY_FOR_TESTS_H
#include "core/core_for_tests.h"

/* rig_replay applies records (from, to] to a core as recovery does. */
static inline void rig_replay(struct rig *r, struct core *c, uint64_t from, uint64_t to)
{
	static _Alignas(8) uint8_t room[LOGGED_RUN_BYTES];
	struct run *o = (struct run *)(void *)room;
	for (uint64_t i = from + 1; i <= to; i++) {
		struct slice body = slice_of(r->log[i].bytes, r->log[i].len);
		struct rd rd = rd_of(body);
		uint32_t ordinal = 0;
		while (rd_left(&rd)) {
			enum err err = logged_get(&rd, body, o, sizeof room);
			must(err == ERR_OK);
			rig_place(r, o, i);
			for (struct unit_key key; core_needs(c, o, &key);)
				core_warm(c, key, r->unit(r, key));
			core_apply(c, o, i, ordinal, NULL);
			ordinal += outcome_enters(o->kind) ? o->n : 0;
		}
	}
}

/* rig_digest: of the durable state. */
static inline struct digest_sum rig_digest(struct core *c)
{
	struct digest d;
	digest_init(&d);
	core_digest(c, &d);
	return digest_end(&d);
}

/* rig_crash forgets everything but the log. */
static inline void rig_crash(struct rig *r)
{
	core_free(r->core);
	outcomes_fini(&r->now);
	outcomes_fini(&r->later);
	r->live_bytes = 0;
	rig_start(r);
}
#endif
