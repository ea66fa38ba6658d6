/* A log that is slow, a client that does not read, messages that must be read back. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- confirms ----------------------------------------------------------------------------- */

static void a_confirm_waits_for_the_log(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	s->w->is_log_held = true;
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + '1' delivery_mode=2\n"
			 "a ch 1 basic.publish routing_key='q' + '2' delivery_mode=2\n"
			 "a ch 1 basic.publish routing_key='nowhere' + '3'\n"
			 "----\n"
			 "a ch 1 basic.ack delivery_tag=3\n");
	s->w->is_log_held = false;
	scenario_play(s, "----\na ch 1 basic.ack delivery_tag=2 multiple\n");
	scenario_end(s);
}

static void queues_of_a_fan_out(struct scenario *s)
{
	for (char c = 'b'; c < 'm'; c++) { /* eleven queues lie in more than one shard */
		char text[300];
		snprintf(text, sizeof text,
			 "a ch 1 queue.declare queue='%c' durable\n"
			 "a ch 1 queue.bind queue='%c' exchange='amq.fanout'\n----\n"
			 "a ch 1 queue.declare_ok queue='%c' message_count=0 consumer_count=0\n"
			 "a ch 1 queue.bind_ok\n",
			 c, c, c);
		scenario_play(s, text);
	}
}

static void a_message_to_two_shards_is_confirmed_when_both_have_it(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	queues_of_a_fan_out(s);
	s->w->is_log_held = true;
	scenario_play(s, "a ch 1 basic.publish exchange='amq.fanout' + '1' delivery_mode=2\n");
	int shards_n = 0;
	for (uint16_t i = 1; i < WORLD_SHARDS; i++) {
		if (s->w->shard[i].committed == s->w->shard[i].proposed)
			continue;
		must(session_named(s, "a")->unconfirmed_bytes > 0);
		s->w->shard[i].committed = s->w->shard[i].proposed;
		world_run(s->w);
		shards_n++;
	}
	must(shards_n > 1 && session_named(s, "a")->unconfirmed_bytes == 0);
	scenario_play(s, "----\na ch 1 basic.ack delivery_tag=1\n");
	s->w->is_log_held = false;
	scenario_end(s);
}

/* In one piece, so that the block has no room for the headers of the last ones: those are
 * copied. */
static void messages_to_many_shards_keep_their_order(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	queues_of_a_fan_out(s);
	struct octets o = { 0 };
	char line[100];
	for (int i = 1000; i < 1800; i++) {
		snprintf(line, sizeof line, "ch 1 basic.publish exchange='amq.fanout' + '%d'", i);
		line_frames(line, LIMIT_FRAME_MAX_DEFAULT, &o);
	}
	must(o.n + 4096 < BLOCK_ALIGN && o.n + 800 * sizeof(struct msg) > BLOCK_ALIGN);
	client_write(client_named(s, "a"), o.p, o.n);
	free(o.p);
	must(s->w->home.out_bytes <= 4 * (uint64_t)BLOCK_ALIGN); /* the copies lie together */
	static char text[1 << 17];
	struct text t = text_of(text, sizeof text);
	text_puts(&t, "a ch 1 basic.consume queue='b' consumer_tag='t' no_ack\n----\n"
		      "a ch 1 basic.consume_ok consumer_tag='t'\n");
	for (int i = 1000; i < 1800; i++)
		text_putf(&t,
			  "a ch 1 basic.deliver consumer_tag='t' delivery_tag=%d *\n"
			  "a ch 1 header class=60 body=4\na ch 1 body 4 '%d'\n",
			  i - 999, i);
	must(!text_is_full(&t));
	scenario_play(s, text);
	scenario_end(s);
}

/* The frames of two contents alternate, so each is put together in a block of its own: it must not
 * stay there while it waits for a consumer. */
static void small_messages_in_pieces_keep_no_block_each(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"ch 1 basic.publish routing_key='q'",
		"ch 2 basic.publish routing_key='q'",
		"ch 1 header class=60 body=3",
		"ch 2 header class=60 body=3",
		"ch 1 body 'one'",
		"ch 2 body 'two'",
	};
	struct scenario *s = scenario_of(world_new(), __func__);
	struct octets o = { 0 };
	scenario_play(s, HELLO "a ch 2 channel.open\n----\na ch 2 channel.open_ok\n");
	for (int i = 0; i < 300; i++)
		line_frames(lines[i % 6], LIMIT_FRAME_MAX_DEFAULT, &o);
	client_write(client_named(s, "a"), o.p, o.n);
	world_run(s->w);
	free(o.p);
	must(s->w->home.out_bytes <= 4 * (uint64_t)BLOCK_ALIGN);
	scenario_play(s, "a ch 1 basic.get queue='q' no_ack\na ch 1 basic.get queue='q' no_ack\n"
			 "a ch 1 queue.purge queue='q'\n----\n"
			 "a ch 1 basic.get_ok delivery_tag=1 *\n"
			 "a ch 1 header class=60 body=3\na ch 1 body 3 'one'\n"
			 "a ch 1 basic.get_ok delivery_tag=2 *\n"
			 "a ch 1 header class=60 body=3\na ch 1 body 3 'two'\n"
			 "a ch 1 queue.purge_ok message_count=98\n");
	scenario_end(s);
}

/* All in one feed: each repeats the one before, or differs from it in one thing. */
static void messages_may_repeat_each_other_or_not(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"ch 1 basic.publish routing_key='b' + 'one'",
		"ch 1 basic.publish routing_key='b' + 'three'",
		"ch 1 basic.publish routing_key='b' + 'no'",
		"ch 1 basic.publish routing_key='nobody' + 'lost'",
		"ch 1 basic.publish routing_key='b' + 'four' priority=3",
		"ch 1 basic.publish routing_key='b' + 'five' priority=3",
		"ch 1 basic.publish routing_key='b' + '' priority=3",
		"ch 1 basic.publish routing_key='b' + 'seven' priority=3",
		"ch 1 basic.publish routing_key='b' + 'eight' priority=2",
		"ch 1 basic.publish routing_key='b' + 'nine' priority=2",
	};
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	queues_of_a_fan_out(s);
	struct octets o = { 0 };
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		line_frames(lines[i], LIMIT_FRAME_MAX_DEFAULT, &o);
	client_write(client_named(s, "a"), o.p, o.n);
	free(o.p);
	scenario_play(s, "a ch 1 basic.consume queue='b' consumer_tag='t' no_ack\n----\n"
			 "a ch 1 basic.consume_ok consumer_tag='t'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=1 *\n"
			 "a ch 1 header class=60 body=3\na ch 1 body 3 'one'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=2 *\n"
			 "a ch 1 header class=60 body=5\na ch 1 body 5 'three'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=3 *\n"
			 "a ch 1 header class=60 body=2\na ch 1 body 2 'no'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=4 *\n"
			 "a ch 1 header class=60 body=4 priority=3\na ch 1 body 4 'four'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=5 *\n"
			 "a ch 1 header class=60 body=4 priority=3\na ch 1 body 4 'five'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=6 *\n"
			 "a ch 1 header class=60 body=0 priority=3\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=7 *\n"
			 "a ch 1 header class=60 body=5 priority=3\na ch 1 body 5 'seven'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=8 *\n"
			 "a ch 1 header class=60 body=5 priority=2\na ch 1 body 5 'eight'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=9 *\n"
			 "a ch 1 header class=60 body=4 priority=2\na ch 1 body 4 'nine'\n");
	scenario_end(s);
}

static void a_new_channel_is_not_confirmed_for_an_old_one(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	s->w->is_log_held = true;
	scenario_play(
		s, "a ch 1 basic.publish routing_key='q' + 'old' delivery_mode=2\n"
		   "a ch 1 channel.close reply_code=200 reply_text='' class_id=0 method_id=0\n"
		   "a ch 1 channel.open\na ch 1 confirm.select\n----\n"
		   "a ch 1 channel.close_ok\na ch 1 channel.open_ok\na ch 1 confirm.select_ok\n");
	uint64_t shard = 0;
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		shard = s->w->shard[i].proposed > s->w->shard[i].committed ? i : shard;
	uint64_t old = s->w->shard[shard].proposed;
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + 'new' delivery_mode=2\n");
	must(s->w->shard[shard].proposed > old);
	s->w->shard[shard].committed = old;
	scenario_play(s, "a ch 1 channel.flow active\n----\na ch 1 channel.flow_ok active\n");
	s->w->is_log_held = false;
	scenario_play(s, "----\na ch 1 basic.ack delivery_tag=1\n");
	must(session_named(s, "a")->unconfirmed_bytes == 0);
	scenario_end(s);
}

static void who_publishes_too_far_ahead_waits(void **state)
{
	(void)state;
	for (int with_confirms = 0; with_confirms < 2; with_confirms++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		s->w->limits.unconfirmed_bytes_max = 10000;
		scenario_play(s, HELLO);
		if (with_confirms)
			scenario_play(s, CONFIRM);
		s->w->is_log_held = true;
		publish_to(s, "a", "q", 30, 1000);
		must(client_named(s, "a")->is_waiting && client_named(s, "a")->in.n > 15000);
		must(session_named(s, "a")->unconfirmed_bytes < 13500);
		s->w->is_log_held = false;
		world_run(s->w);
		must(!client_named(s, "a")->is_waiting && client_named(s, "a")->in.n == 0);
		size_t acks = count_of(s, "a", "basic.ack");
		must(with_confirms ? acks > 0 && acks < 30 : acks == 0);
		scenario_play(s, "a ch 1 queue.purge queue='q'\n----\n"
				 "a ch 1 queue.purge_ok message_count=30\n");
		scenario_end(s);
	}
}

static void acks_of_one_turn_are_one_ack(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	s->w->is_log_held = true;
	publish_to(s, "a", "q", 500, 10);
	s->w->is_log_held = false;
	scenario_play(s, "----\na ch 1 basic.ack delivery_tag=500 multiple\n");
	scenario_end(s);
}

/* ---- a client that does not read ----------------------------------------------------------- */

static void output_is_bounded(void **state)
{
	(void)state;
	static const char *const consumes[] = {
		"b ch 1 basic.consume queue='q' consumer_tag='t' no_ack\n",
		"b ch 1 basic.consume queue='q' consumer_tag='t'\n",
		"b ch 1 basic.qos prefetch_count=10000\n"
		"b ch 1 basic.consume queue='q' consumer_tag='t'\n",
	};
	for (int i = 0; i < 3; i++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		s->w->limits.output_bytes_max = 100000;
		scenario_play(s, HELLO);
		publish_to(s, "a", "q", 3000, 1000);
		scenario_play(s, "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
		s->w->is_not_reading = true;
		scenario_play(s, consumes[i]);
		const struct amqp091 *b = session_named(s, "b");
		must(b->session.sendq.bytes >= 100000 && b->session.sendq.bytes < 102000);
		must(b->waiting.n > 0 && b->waiting.n < (i == 2 ? 3000 : 1100));
		s->w->is_not_reading = false;
		world_run(s->w);
		must(count_of(s, "b", "basic.deliver") == 3000);
		must(b->waiting.n == 0 && b->held_n == (i == 0 ? 0 : 3000));
		scenario_end(s);
	}
}

static void who_does_not_read_answers_is_not_read_either(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	s->w->limits.output_bytes_max = 10000;
	scenario_play(s, HELLO);
	s->w->is_not_reading = true;
	for (int i = 0; i < 10000; i++)
		client_write(client_named(s, "a"), "\x01\0\x01\0\0\0\x05\0\x14\0\x14\x01\xce", 13);
	world_run(s->w);
	must(client_named(s, "a")->is_waiting && client_named(s, "a")->s->sendq.bytes < 20100);
	s->w->is_not_reading = false;
	world_run(s->w);
	must(count_of(s, "a", "channel.flow_ok active") == 10000);
	scenario_end(s);
}

/* Acking gives credit back in the core too: with a window that would be twice. */
static void keeps_to_its_window(const char *name, const char *qos)
{
	struct scenario *s = scenario_of(world_new(), name);
	s->w->limits.output_bytes_max = 1 << 24;
	scenario_play(s, HELLO);
	scenario_play(s, qos);
	scenario_play(s, CONSUME);
	for (int round = 0; round < 30; round++) {
		publish_to(s, "a", "q", 100, 10000);
		must(count_of(s, "a", "basic.deliver") == 100);
		if (round % 3 == 2)
			scenario_play(s, "a ch 1 basic.ack delivery_tag=0 multiple\n");
	}
	const struct consumer *k = session_named(s, "a")->consumer_last;
	must(k->credit.surplus_bytes > 0 || k->credit.owed_bytes < LIMIT_DELIVER_WINDOW_BYTES);
	s->w->limits.output_bytes_max = 1000;
	s->w->is_not_reading = true;
	publish_to(s, "a", "q", 900, 10000);
	uint64_t bytes = session_named(s, "a")->waiting.n * UINT64_C(10000);
	must(bytes < LIMIT_DELIVER_WINDOW_BYTES + k->credit.surplus_bytes + 20000);
	s->w->is_not_reading = false;
	world_run(s->w);
	must(count_of(s, "a", "basic.deliver") == 900);
	scenario_end(s);
}

static void a_consumer_that_does_not_read_keeps_to_its_window(void **state)
{
	(void)state;
	keeps_to_its_window("without a prefetch", "");
	keeps_to_its_window("with a large one",
			    "a ch 1 basic.qos prefetch_count=60000\n----\na ch 1 basic.qos_ok\n\n");
}

/* ---- messages that must be read back ------------------------------------------------------- */

static struct scenario *begin_cold(const char *name)
{
	struct scenario *s = scenario_of(world_new(), name);
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		core_cache_limit(s->w->shard[i].core, 0);
	return s;
}

static void what_is_read_back_keeps_its_order(void **state)
{
	(void)state;
	struct scenario *s = begin_cold(__func__);
	scenario_play(s, HELLO);
	publish_to(s, "a", "q", 300, 10);
	static char text[1 << 17];
	struct text t = text_of(text, sizeof text);
	text_puts(&t, "a ch 1 basic.consume queue='q' consumer_tag='t'\n----\n"
		      "a ch 1 basic.consume_ok consumer_tag='t'\n");
	for (int i = 1; i <= 300; i++)
		text_putf(&t,
			  "a ch 1 basic.deliver consumer_tag='t' delivery_tag=%d *\n"
			  "a ch 1 header class=60 body=10 delivery_mode=2\n"
			  "a ch 1 body 10 'xxxxxxxxxx'\n",
			  i);
	scenario_play(s, text);
	scenario_play(
		s, "a ch 1 basic.ack delivery_tag=300 multiple\n"
		   "a ch 1 queue.purge queue='q'\n----\na ch 1 queue.purge_ok message_count=0\n");
	scenario_end(s);
}

static void without_acks_what_is_read_back_is_settled_by_the_session(void **state)
{
	(void)state;
	struct scenario *s = begin_cold(__func__);
	scenario_play(s, HELLO);
	publish_to(s, "a", "q", 3, 10);
	scenario_play(
		s,
		"a ch 1 basic.get queue='q' no_ack\n----\n"
		"a ch 1 basic.get_ok delivery_tag=1 exchange='' routing_key='q' message_count=2\n"
		"a ch 1 header class=60 body=10 delivery_mode=2\n"
		"a ch 1 body 10 'xxxxxxxxxx'\n"
		"\n"
		"a ch 1 basic.consume queue='q' consumer_tag='t' no_ack\n----\n"
		"a ch 1 basic.consume_ok consumer_tag='t'\n"
		"a ch 1 basic.deliver consumer_tag='t' delivery_tag=2 exchange='' routing_key='q'\n"
		"a ch 1 header class=60 body=10 delivery_mode=2\n"
		"a ch 1 body 10 'xxxxxxxxxx'\n"
		"a ch 1 basic.deliver consumer_tag='t' delivery_tag=3 exchange='' routing_key='q'\n"
		"a ch 1 header class=60 body=10 delivery_mode=2\n"
		"a ch 1 body 10 'xxxxxxxxxx'\n"
		"\n"
		"a ch 1 queue.delete queue='q'\n----\n"
		"a ch 1 basic.cancel consumer_tag='t' nowait\n"
		"a ch 1 queue.delete_ok message_count=0\n");
	scenario_end(s);
}

static void what_cannot_be_read_back_is_passed_over(void **state)
{
	(void)state;
	struct scenario *s = begin_cold(__func__);
	scenario_play(s, HELLO);
	publish_to(s, "a", "q", 2, 10);
	s->w->is_losing_reads = true;
	scenario_play(s, "a ch 1 basic.get queue='q'\n----\na ch 1 basic.get_empty\n\n"
			 "a ch 1 basic.consume queue='q' consumer_tag='t'\n"
			 "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 basic.consume_ok consumer_tag='t'\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=1\n");
	s->w->is_losing_reads = false;
	must(session_named(s, "a")->waiting.n == 0 && session_named(s, "a")->held_n == 0);
	must(session_named(s, "a")->consumer_last->credit.surplus_bytes ==
	     0); /* its window is whole */
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confirm_waits_for_the_log),
		cmocka_unit_test(a_message_to_two_shards_is_confirmed_when_both_have_it),
		cmocka_unit_test(messages_to_many_shards_keep_their_order),
		cmocka_unit_test(small_messages_in_pieces_keep_no_block_each),
		cmocka_unit_test(messages_may_repeat_each_other_or_not),
		cmocka_unit_test(a_new_channel_is_not_confirmed_for_an_old_one),
		cmocka_unit_test(who_publishes_too_far_ahead_waits),
		cmocka_unit_test(acks_of_one_turn_are_one_ack),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(who_does_not_read_answers_is_not_read_either),
		cmocka_unit_test(a_consumer_that_does_not_read_keeps_to_its_window),
		cmocka_unit_test(what_is_read_back_keeps_its_order),
		cmocka_unit_test(without_acks_what_is_read_back_is_settled_by_the_session),
		cmocka_unit_test(what_cannot_be_read_back_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
