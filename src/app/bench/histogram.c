#include "app/bench/histogram.h"
#include "base/must.h"

void histogram_merge(struct histogram *h, const struct histogram *from)
{
	must(h != from);
	for (uint32_t i = 0; i < HISTOGRAM_SLOTS; i++)
		h->slot[i] += from->slot[i];
	h->n += from->n;
	if (from->max_ns > h->max_ns)
		h->max_ns = from->max_ns;
}

/* slot_top is the largest value that falls into a slot. */
static uint64_t slot_top(uint32_t slot)
{
	if (slot >> HISTOGRAM_FINE_BITS == 0)
		return slot;
	uint32_t shift = (slot >> HISTOGRAM_FINE_BITS) - 1;
	uint64_t fine = slot - (shift << HISTOGRAM_FINE_BITS);
	return (fine << shift) + (((uint64_t)1 << shift) - 1);
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t per_10000)
{
	must(per_10000 <= 10000);
	if (h->n == 0)
		return 0;
	/* In two steps, so that n * 10000 cannot overflow. */
	uint64_t want = h->n / 10000 * per_10000 + (h->n % 10000 * per_10000 + 9999) / 10000;
	uint64_t passed = 0;
	for (uint32_t i = 0; i < HISTOGRAM_SLOTS; i++) {
		passed += h->slot[i];
		if (passed >= want && passed > 0)
			return slot_top(i) < h->max_ns ? slot_top(i) : h->max_ns;
	}
	must(passed == h->n);
	return h->max_ns;
}
