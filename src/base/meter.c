#include "base/meter.h"

#include "base/must.h"

#include <string.h>

#define LOOK_MS 1000u

/* What is left of an average after a second without anything, in 2^-32: e to the power of -1/60,
 * -1/300, -1/900. */
static const uint64_t left_after_1s[METER_SPANS] = { 4223977731, 4280674573, 4290197760 };

static void enter(struct meter *m)
{
	while (atomic_flag_test_and_set_explicit(&m->is_busy, memory_order_acquire))
		;
}

static void leave(struct meter *m)
{
	atomic_flag_clear_explicit(&m->is_busy, memory_order_release);
}

void meter_init(struct meter *m, uint32_t lanes_n, uint64_t now_ms)
{
	must(lanes_n > 0 && lanes_n <= LIMIT_LOOPS_MAX);
	m->lanes_n = lanes_n;
	m->began_ms = now_ms;
	for (uint32_t i = 0; i < lanes_n; i++)
		for (unsigned kind = 0; kind < METER_N; kind++)
			atomic_init(&m->lanes[i].at[kind], 0);
	memset(m->before, 0, sizeof m->before);
	memset(m->most, 0, sizeof m->most);
	memset(m->average, 0, sizeof m->average);
	atomic_init(&m->looked_ms, now_ms);
	atomic_flag_clear(&m->is_busy);
}

uint64_t meter_sum(const struct meter *m, enum meter_kind kind)
{
	uint64_t sum = 0;
	must(kind < METER_N);
	for (uint32_t i = 0; i < m->lanes_n; i++)
		sum += atomic_load_explicit(&m->lanes[i].at[kind], memory_order_relaxed);
	return (int64_t)sum > 0 ? sum : 0; /* one lane's part may be seen before another's */
}

static void rise(struct meter *m, enum meter_kind kind)
{
	const uint64_t sum = meter_sum(m, kind);
	must(kind < METER_N);
	if (sum > m->most[kind])
		m->most[kind] = sum;
}

void meter_rise(struct meter *m, enum meter_kind kind)
{
	must(m->lanes_n > 0);
	enter(m);
	rise(m, kind);
	leave(m);
}

uint64_t meter_most(struct meter *m, enum meter_kind kind)
{
	must(kind < METER_N);
	enter(m);
	rise(m, kind);
	const uint64_t most = m->most[kind];
	leave(m);
	return most;
}

/* ---- averages ----------------------------------------------------------------------------- */

/* What is left of an average after so many seconds, in 2^-16. */
static uint64_t left_after(unsigned span, uint64_t s)
{
	uint64_t left = UINT64_C(1) << 32, factor = left_after_1s[span];
	must(span < METER_SPANS);
	for (; s > 0 && left > 0; s >>= 1) {
		if (s & 1)
			left = left * factor >> 32;
		factor = factor * factor >> 32;
	}
	return left >> 16;
}

/* Thousandths a minute, below 2^47. */
static uint64_t rate(uint64_t n, uint64_t ms)
{
	const uint64_t most = (UINT64_C(1) << 47) - 1;
	must(ms > 0);
	const uint64_t r = n < UINT64_C(1) << 37 ? n * 60000000 / ms : n / ms * 60000000;
	return n / ms < most / 60000000 && r < most ? r : most;
}

static void move(struct meter *m, enum meter_kind kind, uint64_t ms)
{
	const uint64_t sum = meter_sum(m, kind), before = m->before[kind];
	const uint64_t now = rate(sum > before ? sum - before : 0, ms);
	must(kind < METER_N);
	m->before[kind] = sum;
	for (unsigned i = 0; i < METER_SPANS; i++) {
		const uint64_t left = left_after(i, (ms + 500) / 1000);
		m->average[kind][i] = (m->average[kind][i] * left +
				       now * ((UINT64_C(1) << 16) - left)) >>
				      16;
	}
}

void meter_look(struct meter *m, uint64_t now_ms)
{
	const uint64_t before_ms = atomic_load_explicit(&m->looked_ms, memory_order_relaxed);
	must(m->lanes_n > 0);
	if (now_ms < before_ms + LOOK_MS)
		return;
	enter(m);
	const uint64_t looked_ms = atomic_load_explicit(&m->looked_ms, memory_order_relaxed);
	if (now_ms >= looked_ms + LOOK_MS) {
		for (unsigned kind = 0; kind < METER_N; kind++) {
			rise(m, (enum meter_kind)kind);
			move(m, (enum meter_kind)kind, now_ms - looked_ms);
		}
		atomic_store_explicit(&m->looked_ms, now_ms, memory_order_relaxed);
	}
	leave(m);
}

void meter_average(struct meter *m, enum meter_kind kind, uint64_t out[METER_SPANS])
{
	must(kind < METER_N);
	enter(m);
	memcpy(out, m->average[kind], sizeof m->average[kind]);
	leave(m);
}
