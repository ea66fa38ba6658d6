#include "base/spsc.h"

#include <pthread.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void what_is_staged_is_seen_only_when_published(void **s)
{
	(void)s;
	void *slots[4];
	struct spsc q;
	int items[5];
	spsc_init(&q, slots, 4);
	must(spsc_stage(&q, &items[0]) && spsc_stage(&q, &items[1]));
	must(spsc_is_empty(&q) && spsc_pop(&q) == NULL);
	spsc_publish(&q);
	must(!spsc_is_empty(&q) && spsc_pop(&q) == &items[0]);
	must(spsc_push(&q, &items[2]) && spsc_push(&q, &items[3]) && spsc_push(&q, &items[4]));
	must(!spsc_push(&q, &items[0])); /* four are in: full */
	for (int i = 1; i < 5; i++)
		must(spsc_pop(&q) == &items[i]);
	must(spsc_pop(&q) == NULL && spsc_is_empty(&q));
}

#define ITEMS 200000

static void *produce(void *ring)
{
	for (uintptr_t i = 1; i <= ITEMS;) {
		for (int batch = 0; batch < 7 && i <= ITEMS && spsc_stage(ring, (void *)i); batch++)
			i++;
		spsc_publish(ring);
		sched_yield();
	}
	return NULL;
}

static void two_threads_lose_nothing_and_keep_the_order(void **s)
{
	(void)s;
	void *slots[64];
	struct spsc q;
	pthread_t producer;
	spsc_init(&q, slots, 64);
	must(pthread_create(&producer, NULL, produce, &q) == 0);
	for (uintptr_t want = 1; want <= ITEMS;) {
		void *got = spsc_pop(&q);
		if (got)
			must((uintptr_t)got == want++);
		else
			sched_yield();
	}
	must(pthread_join(producer, NULL) == 0 && spsc_pop(&q) == NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_staged_is_seen_only_when_published),
		cmocka_unit_test(two_threads_lose_nothing_and_keep_the_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
