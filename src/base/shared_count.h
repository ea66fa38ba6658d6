/* shared_count -- a number that many threads add to and all may read; it orders nothing else. */
#ifndef BASE_SHARED_COUNT_H
#define BASE_SHARED_COUNT_H
#include <stdatomic.h>
#include <stdint.h>

struct shared_count {
	_Atomic uint64_t n; /* zero is a count of nothing */
};

/* shared_count_add costs a line that threads take from each other: not for each message. */
static inline void shared_count_add(struct shared_count *c, uint64_t n)
{
	atomic_fetch_add_explicit(&c->n, n, memory_order_relaxed);
}
static inline uint64_t shared_count_now(const struct shared_count *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}
#endif
