/* histogram -- how long things took: counts in slots that are at most 0.8 % wide.
 *
 * A value below 128 has a slot of its own; above, each doubling is cut into 128 slots. So a
 * quantile is never more than 0.8 % above the truth and the maximum is exact. Plain memory, no
 * allocation, one thread; several threads keep one each and merge them at the end.
 */
#ifndef APP_BENCH_HISTOGRAM_H
#define APP_BENCH_HISTOGRAM_H
#include <stdint.h>

#define HISTOGRAM_FINE_BITS 7
#define HISTOGRAM_SLOTS     ((64 - HISTOGRAM_FINE_BITS + 1) << HISTOGRAM_FINE_BITS)

struct histogram {
	uint64_t n;
	uint64_t max_ns;
	uint64_t slot[HISTOGRAM_SLOTS];
};

/* histogram_slot_of is the slot that holds a value: the layout of the table, for histogram_add. */
static inline uint32_t histogram_slot_of(uint64_t ns)
{
	if (ns >> HISTOGRAM_FINE_BITS == 0)
		return (uint32_t)ns;
	uint32_t shift = 63u - (uint32_t)__builtin_clzll(ns) - HISTOGRAM_FINE_BITS;
	return (shift << HISTOGRAM_FINE_BITS) + (uint32_t)(ns >> shift);
}

/* histogram_add counts one value. Cannot fail. */
static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	h->slot[histogram_slot_of(ns)]++;
	h->n++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

/* histogram_merge adds all of `from` to `h`; `from` stays as it is. */
void histogram_merge(struct histogram *h, const struct histogram *from);

/* histogram_quantile is the value in ns that `per_10000` of 10,000 of all values do not exceed
 * (5000 is the median, 9990 is p99.9); 0 when nothing was counted. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t per_10000);

#endif
