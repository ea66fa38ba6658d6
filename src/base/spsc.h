/* spsc -- a ring of pointers from one thread to one other, without a lock.
 *
 * The producer stages any number of pointers and publishes them with one store; the consumer sees
 * none before that, and all that was written before it (release / acquire). Each side keeps a
 * copy of the other's counter and looks at the real one only when the copy says full or empty,
 * so in steady state the cache lines do not bounce per pointer.
 */
#ifndef BASE_SPSC_H
#define BASE_SPSC_H

#include "base/bits.h"

#include <stdalign.h>
#include <stdatomic.h>

struct spsc {
	void **slots;
	size_t mask;
	alignas(64) _Atomic size_t tail; /* published by the producer */
	size_t staged;                   /* producer only: written up to here */
	size_t head_seen;                /* producer only: its copy of head */
	alignas(64) _Atomic size_t head; /* taken by the consumer */
	size_t tail_seen;                /* consumer only: its copy of tail */
};

/* spsc_init makes an empty ring over `slots_n` pointers of the caller's, a power of two. */
static inline void spsc_init(struct spsc *s, void **slots, size_t slots_n)
{
	must(slots != NULL && is_pow2(slots_n));
	s->slots = slots;
	s->mask = slots_n - 1;
	s->staged = s->head_seen = s->tail_seen = 0;
	atomic_init(&s->tail, 0);
	atomic_init(&s->head, 0);
}

/* spsc_stage writes `item`, which the consumer does not see yet. False: full, nothing changed. */
static inline bool spsc_stage(struct spsc *s, void *item)
{
	if (s->staged - s->head_seen > s->mask) {
		s->head_seen = atomic_load_explicit(&s->head, memory_order_acquire);
		if (s->staged - s->head_seen > s->mask)
			return false;
	}
	s->slots[s->staged++ & s->mask] = item;
	return true;
}

/* spsc_publish shows the consumer everything staged. */
static inline void spsc_publish(struct spsc *s)
{
	atomic_store_explicit(&s->tail, s->staged, memory_order_release);
}

/* spsc_push stages and publishes one item. False: full. */
static inline bool spsc_push(struct spsc *s, void *item)
{
	if (!spsc_stage(s, item))
		return false;
	spsc_publish(s);
	return true;
}

/* spsc_pop takes the oldest item, or gives NULL; items are never NULL for this reason. */
static inline void *spsc_pop(struct spsc *s)
{
	size_t head = atomic_load_explicit(&s->head, memory_order_relaxed);
	if (head == s->tail_seen) {
		s->tail_seen = atomic_load_explicit(&s->tail, memory_order_acquire);
		if (head == s->tail_seen)
			return NULL;
	}
	void *item = s->slots[head & s->mask];
	atomic_store_explicit(&s->head, head + 1, memory_order_release);
	return item;
}

/* spsc_is_empty may be asked by either side, and is already history when it answers: the
 * consumer can trust "not empty", the producer "empty of what I published". */
static inline bool spsc_is_empty(struct spsc *s)
{
	return atomic_load_explicit(&s->head, memory_order_acquire) ==
	       atomic_load_explicit(&s->tail, memory_order_acquire);
}

#endif
