#include "base/wheel.h"

#include "base/prng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define TIMERS 40

/* The model: when each is due and when it was set; the earliest of both comes out first. */
struct model {
	struct wheel w;
	struct wheel_timer timers[TIMERS];
	uint64_t at_ms[TIMERS], set_as[TIMERS], set_n;
};

static size_t first_of(const struct model *m)
{
	size_t best = TIMERS;
	for (size_t i = 0; i < TIMERS; i++) {
		if (!wheel_is_set(&m->timers[i]))
			continue;
		if (best == TIMERS || m->at_ms[i] < m->at_ms[best] ||
		    (m->at_ms[i] == m->at_ms[best] && m->set_as[i] < m->set_as[best]))
			best = i;
	}
	return best;
}

static void set(struct model *m, size_t i, uint64_t at_ms)
{
	wheel_set(&m->w, &m->timers[i], at_ms);
	m->at_ms[i] = at_ms > m->w.now_ms ? at_ms : m->w.now_ms; /* the past is now */
	m->set_as[i] = m->set_n++;
}

/* go_to moves the time, and everything due must come out in order. */
static void go_to(struct model *m, uint64_t now_ms)
{
	for (;;) {
		size_t first = first_of(m);
		bool due = first < TIMERS && m->at_ms[first] <= now_ms;
		must(wheel_next_ms(&m->w) <= (first < TIMERS ? m->at_ms[first] : WHEEL_NEVER));
		struct wheel_timer *t = wheel_pop(&m->w, now_ms);
		must(t == (due ? &m->timers[first] : NULL));
		if (!t)
			break;
	}
	must(m->w.now_ms == now_ms);
}

static void a_random_walk_agrees_with_a_sorted_list(void **s)
{
	(void)s;
	for (uint64_t seed = 0; seed < 20; seed++) {
		static struct model m;
		struct prng r = prng_of(seed);
		uint64_t now_ms = seed % 2 ? prng_below(&r, 5000) : 1800000000000 + seed;
		m = (struct model){ .set_n = 0 };
		wheel_init(&m.w, now_ms);
		for (int step = 0; step < 2000; step++) {
			size_t i = (size_t)prng_below(&r, TIMERS);
			uint64_t span = UINT64_C(1) << prng_below(&r, step % 100 ? 20 : 34);
			switch (prng_below(&r, 4)) {
			case 0: wheel_cancel(&m.w, &m.timers[i]); break;
			case 1: go_to(&m, now_ms += prng_below(&r, span)); break;
			case 2: set(&m, i, now_ms - prng_below(&r, 3)); break;
			default: set(&m, i, now_ms + prng_below(&r, span)); break;
			}
			wheel_check(&m.w);
		}
	}
}

static void the_next_call_is_exact_without_cancelling(void **s)
{
	(void)s;
	static struct model m;
	struct prng r = prng_of(77);
	m = (struct model){ .set_n = 0 };
	wheel_init(&m.w, 1234567);
	must(wheel_next_ms(&m.w) == WHEEL_NEVER && !wheel_pop(&m.w, 1234567));
	for (size_t i = 0; i < TIMERS; i++)
		set(&m, i, 1234567 + prng_below(&r, UINT64_C(1) << prng_below(&r, 34)));
	for (size_t left = TIMERS; left > 0; left--) {
		size_t first = first_of(&m);
		must(wheel_next_ms(&m.w) == m.at_ms[first]);
		must(wheel_pop(&m.w, m.at_ms[first]) == &m.timers[first]);
	}
	must(wheel_next_ms(&m.w) == WHEEL_NEVER);
}

static void a_cancelled_timer_costs_at_most_one_early_call(void **s)
{
	(void)s;
	static struct wheel w;
	struct wheel_timer early = { .at_ms = 0 }, late = { .at_ms = 0 };
	wheel_init(&w, 0);
	wheel_set(&w, &early, 5000);
	wheel_set(&w, &late, 5001);
	wheel_cancel(&w, &early);
	wheel_cancel(&w, &early);
	uint64_t call_ms = wheel_next_ms(&w);
	must(call_ms == 5000 && !wheel_pop(&w, call_ms) && wheel_next_ms(&w) == 5001);
	must(wheel_pop(&w, 5001) == &late && !wheel_is_set(&late));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_walk_agrees_with_a_sorted_list),
		cmocka_unit_test(the_next_call_is_exact_without_cancelling),
		cmocka_unit_test(a_cancelled_timer_costs_at_most_one_early_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
