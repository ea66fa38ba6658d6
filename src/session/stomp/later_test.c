/* What is to go later waits from when it came, not from the beginning of the turn that reads it: a
 * turn may have been long, and what its socket has may have come while it went on. */
#include "session/harness_for_tests.h"
#include "session/stomp/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TURN_MS 40 /* how long ago the turn has begun */

static struct world *world;

static uint64_t now_ms(const struct clock *c)
{
	must(c != NULL);
	return world->sw.wall_ms + TURN_MS;
}

static void say(struct client *c, const char *frame)
{
	client_write(c, frame, strlen(frame) + 1);
	world_run(world);
}

static struct client *client(const struct session_ops *ops)
{
	struct client *c = client_of(world, ops, true);
	say(c, "CONNECT\nlogin:guest\npasscode:guest\naccept-version:1.2\n\n");
	assert_false(c->is_closed);
	return c;
}

static int begin(void **s)
{
	static const struct clock late = { .late_ms = now_ms };
	static const struct stomp_settings settings = {
		.default_vhost = { (const uint8_t *)"/", 1 },
		.topic_exchange = { (const uint8_t *)"amq.topic", 9 },
		.frame_max = 1 << 18,
	};
	world = world_new();
	world->limits.stomp = &settings;
	world->sw.clock = &late;
	for (int i = 1; i < WORLD_SHARDS;
	     i++) /* only for somebody who takes them on does time run */
		core_dead_to(world->shard[i].core, session_handle(0, WORLD_CLIENTS, 1));
	*s = world;
	return 0;
}

static int end(void **s)
{
	must(*s == world);
	world_free(world);
	return 0;
}

static void a_scheduled_message_waits_from_when_it_came(void **s)
{
	(void)s;
	say(client(&stomp_activemq_session_ops),
	    "SEND\ndestination:/queue/q\nAMQ_SCHEDULED_DELAY:100\n\nlater");
	assert_int_equal(world_due(world), world->sw.now_ms + TURN_MS + 100);
}

static void one_of_a_transaction_waits_from_its_commit(void **s)
{
	(void)s;
	struct client *c = client(&stomp_activemq_session_ops);
	say(c, "BEGIN\ntransaction:t\n\n");
	say(c, "SEND\ndestination:/queue/q\ntransaction:t\nAMQ_SCHEDULED_DELAY:100\n\nlater");
	world->sw.wall_ms += 7000;
	say(c, "COMMIT\ntransaction:t\n\n");
	assert_int_equal(world_due(world), world->sw.now_ms + TURN_MS + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_scheduled_message_waits_from_when_it_came, begin,
						end),
		cmocka_unit_test_setup_teardown(one_of_a_transaction_waits_from_its_commit, begin,
						end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
