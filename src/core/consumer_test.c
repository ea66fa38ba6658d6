#include "core/consumer.h"

#include "base/mem_for_tests.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct run who(uint64_t session, uint16_t channel, uint64_t arg)
{
	return (struct run){ .session = session, .channel = channel, .arg = arg };
}

static struct consumer *add(struct consumers *cs, struct queue *q, struct run w)
{
	struct consumer *s = consumer_add(cs, q, &w);
	must(s != NULL);
	return s;
}

static void credit_is_messages_and_bytes(void **st)
{
	(void)st;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct consumers cs;
	struct queue q;
	consumers_init(&cs, &heap.mem);
	queue_init(&q, 1, 0);
	struct consumer *s = add(&cs, &q, who(5, 1, 1));
	must(!consumer_earn(s, 2, 0) && !consumer_earn(s, 0, 0) && consumer_earn(s, 0, 10));
	consumer_spend(s, 25);
	must(!s->is_able && s->bytes == -15 && s->messages == 1 && list_is_empty(&q.able));
	must(!consumer_earn(s, 0, 15) && consumer_settled(s, 1, 25));
	must(s->bytes == 25 && s->messages == 2);
	consumer_spend(s, 1);
	consumer_spend(s, 1);
	must(!s->is_able && s->messages == 0);
	must(consumer_earn(s, CREDIT_NO_LIMIT, CREDIT_NO_LIMIT));
	for (int i = 0; i < 100; i++)
		consumer_spend(s, UINT32_MAX);
	must(s->is_able && s->messages == CONSUMER_NO_LIMIT && s->bytes == CONSUMER_NO_LIMIT);
	must(!consumer_settled(s, 100, UINT32_MAX) && s->bytes == CONSUMER_NO_LIMIT);
	consumers_check(&cs);
	consumer_remove(&cs, s);
	queue_fini(&q, &heap.mem);
	consumers_fini(&cs);
	must(heap.mem.used == 0);
}

static void who_shares_a_queue_with_its_own_channel_knows(void **st)
{
	(void)st;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct consumers cs;
	struct queue q[2];
	struct consumer *s[70];
	consumers_init(&cs, &heap.mem);
	queue_init(&q[0], 1, 0);
	queue_init(&q[1], 2, 0);
	for (uint32_t others = 0; others <= 60; others += 60) { /* few, and many */
		uint32_t n = 0;
		while (n < others)
			s[n] = add(&cs, &q[0], who(100 + n, 1, 1)), n++;
		struct consumer *one = s[n++] = add(&cs, &q[0], who(5, 1, 1));
		s[n++] = add(&cs, &q[0], who(5, 2, 1));
		s[n++] = add(&cs, &q[0], who(6, 1, 1));
		s[n++] = add(&cs, &q[1], who(5, 1, 2));
		(void)consumer_earn(one, 5, 100);
		for (uint32_t i = 0; i < n; i++)
			must(!s[i]->has_twin);
		s[n] = add(&cs, &q[0], who(5, 1, 3));
		must(s[n]->has_twin && one->has_twin && !s[n - 1]->has_twin && !s[n - 2]->has_twin);
		for (uint32_t i = 0; i <= n; i++)
			consumer_remove(&cs, s[i]);
	}
	queue_fini(&q[0], &heap.mem);
	queue_fini(&q[1], &heap.mem);
	consumers_fini(&cs);
	must(heap.mem.used == 0);
}

static void the_ring_turns(void **st)
{
	(void)st;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct consumers cs;
	struct queue q;
	consumers_init(&cs, &heap.mem);
	queue_init(&q, 1, 0);
	struct consumer *s[3];
	for (uint64_t i = 0; i < 3; i++) {
		s[i] = add(&cs, &q, who(5, 1, i));
		(void)consumer_earn(s[i], i == 1 ? 1 : CREDIT_NO_LIMIT, CREDIT_NO_LIMIT);
	}
	const int turns[] = { 0, 1, 2, 0, 2, 0, 2 };
	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
		must(containerof(list_first(&q.able), struct consumer, node) == s[turns[i]]);
		consumer_spend(s[turns[i]], 1);
	}
	must(list_first(&q.idle) == &s[1]->node);
	for (uint64_t i = 0; i < 3; i++)
		consumer_remove(&cs, s[i]);
	must(q.consumers_n == 0);
	queue_fini(&q, &heap.mem);
	consumers_fini(&cs);
}

/* Each consumer has one number, so that a set of bits is model enough. */
static void everybody_is_found_by_key_and_by_session(void **st)
{
	(void)st;
	enum { N = 400 };
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct consumers cs;
	struct queue q[2];
	struct prng r = prng_of(3);
	bool is_there[N] = { false };
	consumers_init(&cs, &heap.mem);
	queue_init(&q[0], 1, 0);
	queue_init(&q[1], 2, 0);
	for (uint32_t step = 0; step < 5000; step++) {
		uint32_t i = (uint32_t)prng_below(&r, N);
		struct run w = who(1 + i % 7, (uint16_t)(i % 3), i / 2);
		struct consumer *s = consumer_find(&cs, &q[i % 2], &w);
		must((s != NULL) == is_there[i]);
		if (s)
			consumer_remove(&cs, s);
		else
			(void)add(&cs, &q[i % 2], w);
		is_there[i] = !s;
	}
	consumers_check(&cs);
	for (uint64_t session = 1; session <= 7; session++)
		for (struct consumer *s; (s = consumer_of_session(&cs, session)) != NULL;)
			consumer_remove(&cs, s);
	must(q[0].consumers_n == 0 && q[1].consumers_n == 0 && cs.pool.used_n == 0);
	queue_fini(&q[0], &heap.mem);
	queue_fini(&q[1], &heap.mem);
	consumers_fini(&cs);
	must(heap.mem.used == 0);
}

static void without_memory_nothing_changes(void **st)
{
	(void)st;
	struct mem_for_tests heap = mem_for_tests(1 << 20);
	struct consumers cs;
	struct queue q;
	struct run w = who(1, 1, 1);
	consumers_init(&cs, &heap.mem);
	queue_init(&q, 1, 0);
	for (long n = 1; n <= 3; n++) {
		heap.fail_in = n == 1 ? 1 : 2; /* each try gets one block further */
		must(consumer_add(&cs, &q, &w) == NULL && q.consumers_n == 0);
	}
	(void)add(&cs, &q, w);
	consumer_remove(&cs, consumer_find(&cs, &q, &w));
	queue_fini(&q, &heap.mem);
	consumers_fini(&cs);
	must(heap.mem.used == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit_is_messages_and_bytes),
		cmocka_unit_test(who_shares_a_queue_with_its_own_channel_knows),
		cmocka_unit_test(the_ring_turns),
		cmocka_unit_test(everybody_is_found_by_key_and_by_session),
		cmocka_unit_test(without_memory_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
