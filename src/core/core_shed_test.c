#include "core/core_for_tests.h"

#define Q      7u
#define MINUTE UINT64_C(60000)

static struct rig *rig_with_room_for_two(void)
{
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.passing_bytes = 2 * RIG_STORED_BYTES;
	rig_open(r, Q, 0, &rules);
	return r;
}

/* How many queues are told of, and what of the last of them. */
static uint32_t told(struct rig *r, struct core_shed *out)
{
	uint32_t n = 0;
	while (core_shed_take(r->core, out))
		n++;
	return n;
}

static bool is_told(struct rig *r, uint64_t queue, uint64_t n)
{
	struct core_shed one;
	return told(r, &one) == 1 && one.queue == queue && one.n == n;
}

static void a_queue_that_nobody_takes_from_is_told_of_once_a_minute(void **s)
{
	(void)s;
	struct core_shed one;
	struct rig *r = rig_with_room_for_two();
	rig_publish(r, Q, 1, 2, 0);
	must(told(r, &one) == 0);
	rig_publish(r, Q, 3, 1, 0);
	must(is_told(r, Q, 1));
	rig_publish(r, Q, 4, 5, 0);
	rig_publish(r, Q, 9, 2, 0);
	must(told(r, &one) == 0);
	rig_at(r, MINUTE - 1);
	must(told(r, &one) == 0);
	rig_at(r, MINUTE);
	must(is_told(r, Q, 7));
	rig_publish(r, Q, 11, 1, 0);
	must(told(r, &one) == 0);
	rig_at(r, 2 * MINUTE);
	must(is_told(r, Q, 1));
	rig_at(r, 3 * MINUTE); /* nothing more */
	must(told(r, &one) == 0 && core_deadline(r->core) == UINT64_MAX);
	rig_publish(r, Q, 12, 3, 0);
	must(is_told(r, Q, 3));
	rig_free(r);
}

static void many_queues_are_told_of_together(void **s)
{
	(void)s;
	struct core_shed one;
	struct queue_rules rules = rules_none();
	rules.passing_bytes = 1;
	struct rig *r = rig_new();
	for (uint64_t q = Q; q < Q + 3; q++) {
		rig_open(r, q, 0, &rules);
		rig_publish(r, q, 1, 1, 0);
		rig_publish(r, q, 2, 1, 0);
	}
	must(told(r, &one) == 3);
	rig_publish(r, Q, 3, 1, 0);
	rig_publish(r, Q + 1, 3, 1, 0);
	rig_do(r, CMD_QUEUE_DROP, Q, 0, 0);
	rig_at(r, MINUTE);
	must(is_told(r, Q + 1, 1)); /* the other one is no more */
	rig_publish(r, Q + 2, 3, 1, 0);
	rig_free(r); /* with something still to tell */
}

static void a_queue_with_consumers_tells_them_only(void **s)
{
	(void)s;
	struct core_shed one;
	struct rig *r = rig_with_room_for_two();
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, 0);
	rig_publish(r, Q, 1, 2, 0);
	rig_publish(r, Q, 3, 4, 0);
	SAY("reply 1 OK 0 1 | command 143 queue 7");
	must(told(r, &one) == 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_that_nobody_takes_from_is_told_of_once_a_minute),
		cmocka_unit_test(many_queues_are_told_of_together),
		cmocka_unit_test(a_queue_with_consumers_tells_them_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
