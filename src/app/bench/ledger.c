#include "app/bench/ledger.h"

#include "app/bench/heap.h"
#include "base/bits.h"
#include "base/must.h"

#include <string.h>

void ledger_init(struct ledger *l, uint32_t run, uint32_t publishers_n, uint32_t queues_n,
		 uint32_t consumers_n, bool everywhere)
{
	must(publishers_n > 0 && queues_n > 0 && consumers_n > 0);
	must(run <= STAMP_RUN_MAX && publishers_n <= STAMP_PUBLISHER_MAX + 1u);
	*l = (struct ledger){ .run = run,
			      .publishers_n = publishers_n,
			      .queues_n = queues_n,
			      .consumers_n = consumers_n,
			      .everywhere = everywhere };
	l->sent = heap_array(publishers_n, sizeof *l->sent);
	l->tracks = heap_array((size_t)queues_n * publishers_n, sizeof *l->tracks);
	l->after = heap_array((size_t)consumers_n * publishers_n, sizeof *l->after);
	l->counts = heap_array(consumers_n, sizeof *l->counts);
}

void ledger_fini(struct ledger *l)
{
	for (size_t i = 0; l->tracks && i < (size_t)l->queues_n * l->publishers_n; i++)
		heap_free(l->tracks[i].bits);
	heap_free(l->sent);
	heap_free(l->tracks);
	heap_free(l->after);
	heap_free(l->counts);
	*l = (struct ledger){ 0 };
}

/* routes: may a message of this publisher arrive on this queue? */
static bool routes(const struct ledger *l, uint32_t publisher, uint32_t queue)
{
	must(publisher < l->publishers_n && queue < l->queues_n);
	return l->everywhere || publisher % l->queues_n == queue;
}

uint32_t ledger_copies(const struct ledger *l)
{
	return l->everywhere ? l->queues_n : 1;
}

static size_t bit_of(const struct ledger_track *t, uint64_t seq)
{
	return (size_t)(seq & (t->words * 64 - 1));
}

/* track_grow makes the ring long enough for `seq`; each bit keeps its number. */
static void track_grow(struct ledger_track *t, uint64_t seq)
{
	size_t words = (size_t)pow2_up(max_u64(bits_words((size_t)(seq - t->next) + 1), 16));
	struct ledger_track old = *t;
	t->words = words;
	t->bits = heap_array(words, sizeof *t->bits);
	for (uint64_t i = t->next; i < old.next + old.words * 64; i++) {
		if (bits_test(old.bits, bit_of(&old, i)))
			bits_set(t->bits, bit_of(t, i));
	}
	heap_free(old.bits);
}

/* track_close_up moves `next` over what came early. */
static void track_close_up(struct ledger_track *t)
{
	while (t->early > 0 && bits_test(t->bits, bit_of(t, t->next))) {
		bits_clear(t->bits, bit_of(t, t->next));
		t->early--;
		t->next++;
	}
}

/* track_see notes a number; false when it had been seen before. */
static bool track_see(struct ledger_track *t, uint64_t seq)
{
	if (seq < t->next)
		return false;
	if (seq == t->next) {
		t->next++;
		if (t->early > 0)
			track_close_up(t);
		return true;
	}
	if (seq - t->next >= t->words * 64)
		track_grow(t, seq);
	if (bits_test(t->bits, bit_of(t, seq)))
		return false;
	bits_set(t->bits, bit_of(t, seq));
	t->early++;
	return true;
}

bool ledger_see(struct ledger *l, uint32_t queue, uint32_t consumer, struct stamp s)
{
	must(queue < l->queues_n && consumer < l->consumers_n);
	struct ledger_counts *c = &l->counts[consumer];
	if (s.run != l->run || s.publisher >= l->publishers_n || !routes(l, s.publisher, queue) ||
	    s.seq >= atomic_load_explicit(&l->sent[s.publisher], memory_order_relaxed)) {
		c->strange++;
		return false;
	}
	if (!track_see(&l->tracks[(size_t)queue * l->publishers_n + s.publisher], s.seq)) {
		c->duplicated++;
		return false;
	}
	c->first++;
	uint64_t *after = &l->after[(size_t)consumer * l->publishers_n + s.publisher];
	if (s.seq < *after)
		c->disordered++;
	else
		*after = s.seq + 1;
	return true;
}

void ledger_see_torn(struct ledger *l, uint32_t consumer)
{
	must(consumer < l->consumers_n);
	l->counts[consumer].strange++;
}

struct ledger_counts ledger_total(const struct ledger *l)
{
	struct ledger_counts sum = { 0 };
	for (uint32_t i = 0; i < l->consumers_n; i++) {
		sum.first += l->counts[i].first;
		sum.duplicated += l->counts[i].duplicated;
		sum.disordered += l->counts[i].disordered;
		sum.strange += l->counts[i].strange;
	}
	return sum;
}

uint64_t ledger_lost(const struct ledger *l)
{
	uint64_t lost = 0;
	for (uint32_t q = 0; q < l->queues_n; q++) {
		for (uint32_t p = 0; p < l->publishers_n; p++) {
			if (!routes(l, p, q))
				continue;
			const struct ledger_track *t = &l->tracks[(size_t)q * l->publishers_n + p];
			must(t->next + t->early <= l->sent[p]);
			lost += l->sent[p] - t->next - t->early;
		}
	}
	return lost;
}
