/* Consumers that hold a message for too long. */
#include "core/policy.h"
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define CONSUME_TIMED                                                                         \
	"a ch 1 basic.consume queue='q' consumer_tag='t' arguments={x-consumer-timeout=8000}" \
	"\n----\na ch 1 basic.consume_ok consumer_tag='t'\n\n"
#define GIVEN(text)                                                                          \
	"a ch 1 basic.deliver consumer_tag='t' delivery_tag=* exchange='' routing_key='q'\n" \
	"a ch 1 header class=60 body=1 delivery_mode=2\na ch 1 body 1 '" text "'\n"

/* Lets so many looks, of a second each, happen. */
static void look(struct scenario *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		must(world_later(s->w, 1000));
}

static struct scenario *begin(const char *name, bool closes)
{
	struct scenario *s = scenario_of(world_new(), name);
	s->w->limits.consumer_timeout_closes = closes;
	scenario_play(s, HELLO CONSUME_TIMED);
	return s;
}

static void who_holds_too_long_is_cancelled(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, false);
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + 'a' delivery_mode=2\n"
			 "a ch 1 basic.publish routing_key='q' + 'b' delivery_mode=2\n----\n" GIVEN(
				 "a") GIVEN("b"));
	look(s, 4);
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + 'c' delivery_mode=2\n"
			 "a ch 1 basic.ack delivery_tag=1\n----\n" GIVEN("c"));
	look(s, 4);
	scenario_play(s, "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=1\n");
	look(s, 1);
	scenario_play(
		s,
		"----\na ch 1 basic.cancel consumer_tag='t' nowait\n\n"
		"a ch 1 basic.cancel_ok consumer_tag='t'\n"
		"a ch 1 queue.declare queue='q' passive\na ch 1 basic.get queue='q' no_ack\n----\n"
		"a ch 1 queue.declare_ok queue='q' message_count=2 consumer_count=0\n"
		"a ch 1 basic.get_ok delivery_tag=4 redelivered exchange='' routing_key='q' "
		"message_count=1\na ch 1 header class=60 body=1 delivery_mode=2\n"
		"a ch 1 body 1 'b'\n\n"
		"a ch 1 basic.ack delivery_tag=2\na ch 1 basic.nack delivery_tag=3 multiple\n"
		"a ch 1 queue.declare queue='q' passive\n----\n"
		"a ch 1 queue.declare_ok queue='q' message_count=1 consumer_count=0\n\n"
		"a ch 1 basic.ack delivery_tag=4\n----\n"
		"a ch 1 channel.close reply_code=406 reply_text='PRECONDITION_FAILED - unknown "
		"delivery tag 4' class_id=60 method_id=80\n");
	scenario_end(s);
}

static void who_settles_in_time_stays(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, false);
	for (int i = 1; i <= 5; i++) {
		char text[400];
		snprintf(text, sizeof text,
			 "a ch 1 basic.publish routing_key='q' + 'a' delivery_mode=2\n----\n%s",
			 GIVEN("a"));
		scenario_play(s, text);
		look(s, 7);
		snprintf(text, sizeof text, "a ch 1 basic.ack delivery_tag=%d\n", i);
		scenario_play(s, text);
	}
	look(s, 20);
	scenario_play(s, "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=1\n");
	scenario_end(s);
}

static void as_with_rabbitmq_the_channel_is_closed(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, true);
	scenario_play(
		s, "a ch 1 basic.publish routing_key='q' + 'a' delivery_mode=2\n----\n" GIVEN("a"));
	look(s, 9);
	scenario_play(s,
		      "----\na ch 1 channel.close reply_code=406 reply_text='PRECONDITION_FAILED "
		      "- delivery acknowledgement on channel 1 timed out. Timeout value used: "
		      "8000 ms. This timeout value can be configured, see consumers doc guide to "
		      "learn more' class_id=0 method_id=0\n\n"
		      "a ch 1 channel.close_ok\na ch 1 channel.open\na ch 1 queue.purge queue='q'"
		      "\n----\na ch 1 channel.open_ok\na ch 1 queue.purge_ok message_count=1\n");
	scenario_end(s);
}

static void who_cannot_be_told_loses_the_channel(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(
		s, "a open capabilities=none\na ch 1 channel.open\n"
		   "a ch 1 queue.declare queue='q' durable\n----\na ch 1 channel.open_ok\n"
		   "a ch 1 queue.declare_ok queue='q' message_count=0 "
		   "consumer_count=0\n\n" CONSUME_TIMED
		   "a ch 1 basic.publish routing_key='q' + 'a' delivery_mode=2\n----\n" GIVEN("a"));
	look(s, 9);
	scenario_play(s, "----\na ch 1 channel.close reply_code=406 *\n");
	scenario_end(s);
}

static void a_policy_says_it_for_its_queues(void **state)
{
	(void)state;
	uint8_t value[200], bytes[RULES_BYTES_MAX];
	struct scenario *s = scenario_of(world_new(), __func__);
	struct queue_rules rules = rules_none();
	rules.consumer_timeout_ms = 8000;
	const struct policy p = { .pattern = slice_str(".*"),
				  .apply_to = POLICY_CLASSIC,
				  .rules = slice_of(bytes,
						    rules_put(&rules, bytes, sizeof bytes)) };
	struct fact f = fact_of(FACT_POLICY, slice_str("/"), slice_str("p"), SLICE_EMPTY);
	f.value = slice_of(value, policy_put(&p, value, sizeof value));
	world_fact(s->w, &f, true);
	scenario_play(s, HELLO "a ch 1 basic.consume queue='q' consumer_tag='t'\n"
			       "a ch 1 basic.publish routing_key='q' + 'a' delivery_mode=2\n----\n"
			       "a ch 1 basic.consume_ok consumer_tag='t'\n" GIVEN("a"));
	look(s, 9);
	scenario_play(s, "----\na ch 1 basic.cancel consumer_tag='t' nowait\n");
	scenario_end(s);
}

/* The queue's word counts before the setting, the consumer's before both. */
static void the_nearest_word_counts(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	s->w->limits.consumer_timeout_ms = 4000;
	scenario_play(s,
		      "a open\na ch 1 channel.open\n"
		      "a ch 1 queue.declare queue='8' arguments={x-consumer-timeout=8000}\n"
		      "a ch 1 queue.declare queue='4'\na ch 1 queue.declare queue='0'\n"
		      "a ch 1 basic.consume queue='8' consumer_tag='8'\n"
		      "a ch 1 basic.consume queue='4' consumer_tag='4'\n"
		      "a ch 1 basic.consume queue='0' consumer_tag='0' "
		      "arguments={x-consumer-timeout=0}\n----\n"
		      "a ch 1 channel.open_ok\na ch 1 queue.declare_ok queue='8' message_count=0 "
		      "consumer_count=0\na ch 1 queue.declare_ok queue='4' message_count=0 "
		      "consumer_count=0\na ch 1 queue.declare_ok queue='0' message_count=0 "
		      "consumer_count=0\na ch 1 basic.consume_ok consumer_tag='8'\n"
		      "a ch 1 basic.consume_ok consumer_tag='4'\na ch 1 basic.consume_ok "
		      "consumer_tag='0'\n");
	for (const char *key = "840"; *key; key++) {
		char name[2] = { *key, '\0' };
		publish_to(s, "a", name, 1, 1);
	}
	must(count_of(s, "a", "basic.deliver") == 3);
	uint64_t from = s->w->sw.now_ms;
	while (s->w->sw.now_ms < from + 4500 && world_later(s->w, 500))
		;
	scenario_play(s, "----\na ch 1 basic.cancel consumer_tag='4' nowait\n");
	while (s->w->sw.now_ms < from + 9000 && world_later(s->w, 1000))
		;
	scenario_play(s, "----\na ch 1 basic.cancel consumer_tag='8' nowait\n");
	must(!world_later(s->w, 100000));
	scenario_play(s, "a ch 1 basic.consume queue='0' arguments={x-consumer-timeout='x'}\n----\n"
			 "a ch 1 channel.close reply_code=406 reply_text='PRECONDITION_FAILED - "
			 "invalid arg 'x-consumer-timeout' for queue '0' in vhost '/': \"expected "
			 "integer, got longstr\"' class_id=60 method_id=20\n");
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_holds_too_long_is_cancelled),
		cmocka_unit_test(who_settles_in_time_stays),
		cmocka_unit_test(as_with_rabbitmq_the_channel_is_closed),
		cmocka_unit_test(who_cannot_be_told_loses_the_channel),
		cmocka_unit_test(a_policy_says_it_for_its_queues),
		cmocka_unit_test(the_nearest_word_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
