/* Transactions beyond what stories tell: ends in the middle, many rows, bounds, memory. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SELECT "a ch 1 tx.select\n----\na ch 1 tx.select_ok\n\n"

static void say(struct scenario *s, const char *who, const char *line)
{
	struct octets o = { 0 };
	line_frames(line, LIMIT_FRAME_MAX_DEFAULT, &o);
	client_write(client_named(s, who), o.p, o.n);
	free(o.p);
}

static void a_connection_that_breaks_commits_all_or_nothing(void **state)
{
	(void)state;
	for (int steps = 0; steps < 24; steps++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		bool is_committing = steps >= 12;
		scenario_play(s, HELLO);
		publish_to(s, "a", "q", 3, 10);
		scenario_play(s, "b open\nb ch 1 channel.open\nb ch 1 tx.select\n"
				 "b ch 1 basic.get queue='q'\n----\n"
				 "b ch 1 channel.open_ok\nb ch 1 tx.select_ok\n"
				 "b ch 1 basic.get_ok *\nb ch 1 header *\nb ch 1 body *\n");
		say(s, "b", "ch 1 basic.publish routing_key='q' + 'x' delivery_mode=2");
		say(s, "b", "ch 1 basic.publish routing_key='no' mandatory + 'x'");
		say(s, "b", "ch 1 basic.ack delivery_tag=1");
		say(s, "b", "ch 1 basic.publish routing_key='q' + 'x'");
		if (is_committing)
			say(s, "b", "ch 1 tx.commit");
		for (int i = 0; i < steps % 12; i++) { /* it breaks at each point */
			(void)client_work(client_named(s, "b"));
			if (i % 2)
				(void)world_dispatch(s->w, &s->w->post);
			if (i % 3 == 2)
				world_shards(s->w);
		}
		scenario_forget(s, client_named(s, "b"));
		world_run(s->w);
		scenario_play(s, "a ch 1 queue.declare queue='q' passive\n----\n"
				 "a ch 1 queue.declare_ok queue='q' message_count=<n> "
				 "consumer_count=0\n");
		long n = strtol(scenario_value(s, "<n>", 3, false), NULL, 10);
		assert_true(n == 3 || (is_committing && n == 4));
		scenario_end(s);
	}
}

static void a_channel_that_closes_takes_its_transaction_with_it(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO SELECT);
	publish_to(s, "a", "q", 1000, 100);
	publish_to(s, "a", "q", 3, 300000);
	scenario_play(s, "a ch 1 channel.close\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 channel.close_ok\na ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	assert_int_equal(session_named(s, "a")->txs_n, 0);
	scenario_end(s);
}

static void many_messages_are_one_transaction(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO SELECT);
	for (int round = 0; round < 3; round++) {
		publish_to(s, "a", "q", 2000, 50 + 400 * (size_t)round);
		scenario_play(s, "a ch 1 queue.declare queue='q' passive\n----\n"
				 "a ch 1 queue.declare_ok queue='q' message_count=0 "
				 "consumer_count=0\n\n"
				 "a ch 1 tx.commit\na ch 1 queue.purge queue='q'\n----\n"
				 "a ch 1 tx.commit_ok\na ch 1 queue.purge_ok message_count=2000\n");
	}
	scenario_end(s);
}

static void a_transaction_has_a_bound(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO SELECT);
	for (int i = 0; i < 700 && !session_named(s, "a")->channel_last->is_closing; i++)
		publish_to(s, "a", "q", 1, 120000);
	scenario_play(s, "a ch 1 channel.close_ok\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 channel.close reply_code=406 reply_text='PRECONDITION_FAILED - "
			 "transaction of more than 67108864 bytes' class_id=60 method_id=40\n"
			 "a ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	scenario_end(s);
}

static void what_is_settled_in_a_transaction_is_not_recovered(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	publish_to(s, "a", "q", 2, 5);
	scenario_play(s, SELECT "a ch 1 basic.get queue='q'\na ch 1 basic.get queue='q'\n----\n"
				"a ch 1 basic.get_ok *\na ch 1 header *\na ch 1 body *\n"
				"a ch 1 basic.get_ok *\na ch 1 header *\na ch 1 body *\n");
	scenario_play(s, "a ch 1 basic.ack delivery_tag=1\na ch 1 basic.recover requeue\n"
			 "a ch 1 queue.declare queue='q' passive\na ch 1 tx.rollback\n"
			 "a ch 1 basic.recover requeue\n"
			 "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 basic.recover_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=1 consumer_count=0\n"
			 "a ch 1 tx.rollback_ok\na ch 1 basic.recover_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=2 consumer_count=0\n");
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_that_breaks_commits_all_or_nothing),
		cmocka_unit_test(a_channel_that_closes_takes_its_transaction_with_it),
		cmocka_unit_test(many_messages_are_one_transaction),
		cmocka_unit_test(a_transaction_has_a_bound),
		cmocka_unit_test(what_is_settled_in_a_transaction_is_not_recovered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
