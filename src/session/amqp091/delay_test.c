/* What an exchange delays waits from when it came, not from the beginning of the turn that reads
 * it: a turn may have been long, and what its socket has may have come while it went on. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TURN_MS 40 /* how long ago the turn has begun */

static const struct world *world;

static uint64_t now_ms(const struct clock *c)
{
	must(c != NULL);
	return world->sw.wall_ms + TURN_MS;
}

static struct scenario *begin(const char *name)
{
	static const struct clock late = { .late_ms = now_ms };
	struct scenario *s = scenario_of(world_new(), name);
	world = s->w;
	s->w->sw.clock = &late;
	for (int i = 1; i < WORLD_SHARDS;
	     i++) /* only for somebody who takes them on does time run */
		core_dead_to(s->w->shard[i].core, session_handle(0, WORLD_CLIENTS, 1));
	scenario_play(s, HELLO "a ch 1 exchange.declare exchange='x' type='x-delayed-message' "
			       "arguments={x-delayed-type='direct'}\n"
			       "----\na ch 1 exchange.declare_ok\n");
	return s;
}

static void a_message_waits_from_when_it_came(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	scenario_play(s, "a ch 1 basic.publish exchange='x' routing_key='k' + 'later' "
			 "headers={x-delay=100}\n----\n");
	assert_int_equal(world_due(s->w), s->w->sw.now_ms + TURN_MS + 100);
	scenario_end(s);
}

static void one_of_a_transaction_does_too(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__);
	scenario_play(s, "a ch 1 tx.select\na ch 1 basic.publish exchange='x' routing_key='k' + "
			 "'later' headers={x-delay=100}\na ch 1 tx.commit\n----\n"
			 "a ch 1 tx.select_ok\na ch 1 tx.commit_ok\n");
	assert_int_equal(world_due(s->w), s->w->sw.now_ms + TURN_MS + 100);
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_waits_from_when_it_came),
		cmocka_unit_test(one_of_a_transaction_does_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
