/* meter -- counts that every loop keeps for itself and all may read: sums, and how many a minute.
 *
 * Each loop adds to a lane of its own, without a lock; who reads sums all lanes, so a number that
 * goes up on one loop and down on another is right, too. Averages over 1, 5 and 15 minutes move
 * when somebody looks: what came between two looks counts as having come evenly. Looks and what
 * they have found are guarded by a flag that spins, as in tally.h: never for each message.
 */
#ifndef BASE_METER_H
#define BASE_METER_H
#include "base/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum meter_kind {
#define METER(name, prose) METER_##name,
#include "base/meter.def"
#undef METER
	METER_N
};

#define METER_SPANS 3u /* of averages: 1, 5, 15 minutes */

struct meter_lane {
	_Alignas(64) _Atomic uint64_t at[METER_N]; /* written by its loop only */
};

struct meter {
	struct meter_lane lanes[LIMIT_LOOPS_MAX];
	uint64_t began_ms;
	uint32_t lanes_n;
	atomic_flag is_busy;
	_Atomic uint64_t looked_ms;
	uint64_t before[METER_N];               /* the sums at the last look */
	uint64_t most[METER_N];                 /* the highest ones at any look or meter_rise */
	uint64_t average[METER_N][METER_SPANS]; /* thousandths a minute */
};

/* meter_init makes one of `lanes_n` lanes, all 0. */
void meter_init(struct meter *m, uint32_t lanes_n, uint64_t now_ms);

/* meter_add adds to a lane, meter_take takes away what was added, here or elsewhere; meter_set is
 * for what is known as it is. Only on the lane's loop. */
static inline void meter_set(struct meter_lane *l, enum meter_kind kind, uint64_t n)
{
	atomic_store_explicit(&l->at[kind], n, memory_order_relaxed);
}
static inline void meter_add(struct meter_lane *l, enum meter_kind kind, uint64_t n)
{
	meter_set(l, kind, atomic_load_explicit(&l->at[kind], memory_order_relaxed) + n);
}
static inline void meter_take(struct meter_lane *l, enum meter_kind kind, uint64_t n)
{
	meter_set(l, kind, atomic_load_explicit(&l->at[kind], memory_order_relaxed) - n);
}

/* meter_sum is what all lanes say together, now; meter_rise says that it may be higher than ever,
 * and meter_most how high it was. */
uint64_t meter_sum(const struct meter *m, enum meter_kind kind);
void meter_rise(struct meter *m, enum meter_kind kind);
uint64_t meter_most(struct meter *m, enum meter_kind kind);

/* meter_look moves the averages on; within a second of the last look it does nothing. now_ms is
 * monotonic, and may be behind that of another loop. */
void meter_look(struct meter *m, uint64_t now_ms);

/* meter_average gives the averages of a kind: thousandths a minute. */
void meter_average(struct meter *m, enum meter_kind kind, uint64_t out[METER_SPANS]);
#endif
