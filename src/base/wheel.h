/* wheel -- timers, many of them: set, cancel and expire in constant time, without allocation.
 *
 * One owner, one thread. Time is an argument, in milliseconds of whatever clock the owner uses; it
 * never runs back. The timer lies inside the owner's object. Timers come out in the order of their
 * deadlines, and with equal deadlines in the order in which they were set.
 *
 *	level    0        1         2         3          4          far
 *	slots    64       64        64        64         64         1
 *	each     1 ms     64 ms     4 s       4 min      5 h        beyond 12 days
 *
 * A timer lies on the level of the highest group of 6 bits in which its deadline differs from
 * `now_ms`, and moves down when `now_ms` reaches its slot.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/list.h"

#include <stdint.h>

#define WHEEL_LEVELS 5
#define WHEEL_SLOTS  64
#define WHEEL_NEVER  UINT64_MAX

struct wheel_timer {
	struct list_node node;
	uint64_t at_ms;
	uint16_t slot; /* which list of the wheel it is in */
};

struct wheel {
	uint64_t now_ms;                     /* every timer due before this has come out */
	uint64_t occupied[WHEEL_LEVELS + 1]; /* bit i: slot i of that level is not empty */
	/* Of slots that are not empty; of the others they say nothing. */
	uint64_t soonest_ms[(WHEEL_LEVELS * WHEEL_SLOTS) + 1]; /* no timer of it is sooner */
	struct list slots[(WHEEL_LEVELS * WHEEL_SLOTS) + 1];   /* the last one is `far` */
};

/* wheel_init makes a wheel without timers. It writes only the few bytes in front of the tables: a
 * wheel that is never used has no memory for them. */
void wheel_init(struct wheel *w, uint64_t now_ms);

/* wheel_set sets `t` to come out at `at_ms`, or moves it there if it is set. A time that has
 * passed comes out at once. A timer that was never used must be zero. */
void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t at_ms);

/* wheel_cancel takes `t` out, if it is in. */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

static inline bool wheel_is_set(const struct wheel_timer *t)
{
	return list_has_node(&t->node);
}

/* wheel_pop takes out the next timer that is due at `now_ms`, or gives NULL. Call until NULL. */
struct wheel_timer *wheel_pop(struct wheel *w, uint64_t now_ms);

/* wheel_next_ms: when to call wheel_pop again; WHEEL_NEVER without timers. Exact, but for cancelled
 * and moved timers: one that was the soonest of its slot may cause one call too early. */
uint64_t wheel_next_ms(const struct wheel *w);

void wheel_check(const struct wheel *w); /* must()s every invariant; O(timers) */

#endif
