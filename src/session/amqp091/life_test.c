/* Ends in the middle of something, time, alarms, loops, memory. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- ends ---------------------------------------------------------------------------------- */

static void a_message_under_way_when_the_connection_breaks_goes_back(void **state)
{
	(void)state;
	for (int steps = 0; steps < 32; steps++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		for (uint16_t i = 1; steps >= 16 && i < WORLD_SHARDS; i++) /* to be read back */
			core_cache_limit(s->w->shard[i].core, 0);
		scenario_play(s, HELLO);
		publish_to(s, "a", "q", 5, 10);
		scenario_play(s, "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
		struct client *b = client_named(s, "b");
		struct octets o = { 0 };
		line_frames(steps % 2 ? "ch 1 basic.get queue='q'" : "ch 1 basic.consume queue='q'",
			    131072, &o);
		client_write(b, o.p, o.n);
		free(o.p);
		for (int i = 0; i < steps % 16 / 2; i++) { /* it breaks at each point */
			(void)world_dispatch(s->w, &s->w->post);
			if (i % 2)
				world_shards(s->w);
			if (i % 3 == 2)
				(void)client_work(b);
		}
		scenario_forget(s, b);
		scenario_play(
			s, "a ch 1 queue.declare queue='q' passive\n----\n"
			   "a ch 1 queue.declare_ok queue='q' message_count=5 consumer_count=0\n");
		scenario_end(s);
	}
}

static void a_declaration_that_nobody_waits_for_leaves_no_queue(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, "a open\na ch 1 channel.open\n----\na ch 1 channel.open_ok\n\n"
			 "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
	struct octets o = { 0 };
	line_frames("ch 1 queue.declare queue='ex' exclusive", 131072, &o);
	client_write(client_named(s, "b"), o.p, o.n);
	free(o.p);
	scenario_forget(s, client_named(s, "b"));
	scenario_play(s, "a ch 1 queue.declare queue='ex' passive\n----\n"
			 "a ch 1 channel.close reply_code=404 *\n");
	scenario_end(s);
}

static void write_to(struct scenario *s, const char *name, const char *line)
{
	struct octets o = { 0 };
	line_frames(line, 131072, &o);
	client_write(client_named(s, name), o.p, o.n);
	free(o.p);
}

/* Neither has seen the other's when he says his. */
static void of_two_who_declare_at_once_the_second_is_held_to_the_firsts_arguments(void **state)
{
	(void)state;
	static const char *const second[] = { "{x-queue-mode='default'}", "{}",
					      "{x-queue-mode='lazy', x-foo=1}" };
	for (int i = 0; i < 3; i++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		char line[200];
		scenario_play(s, "a open\na ch 1 channel.open\n----\na ch 1 channel.open_ok\n\n"
				 "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
		snprintf(line, sizeof line, "ch 1 queue.declare queue='q' arguments=%s", second[i]);
		write_to(s, "a", "ch 1 queue.declare queue='q' arguments={x-queue-mode='lazy'}");
		write_to(s, "b", line);
		world_run(s->w);
		must(count_of(s, "a", "queue.declare_ok queue='q'") == 1);
		must(count_of(s, "b",
			      i == 2 ? "queue.declare_ok queue='q'"
				     : "inequivalent arg 'x-queue-mode' for queue 'q' in "
				       "vhost '/': received ") == 1);
		scenario_end(s);
	}
}

static void of_two_exchanges_declared_at_once_only_the_arguments_that_count_count(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, "a open\na ch 1 channel.open\n----\na ch 1 channel.open_ok\n\n"
			 "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
	write_to(s, "a", "ch 1 exchange.declare exchange='x' type='direct' arguments={x-foo=1}");
	write_to(s, "b", "ch 1 exchange.declare exchange='x' type='direct'");
	world_run(s->w);
	must(count_of(s, "a", "exchange.declare_ok") == 1);
	must(count_of(s, "b", "exchange.declare_ok") == 1);
	scenario_end(s);
}

static void a_broker_that_stops_says_goodbye(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONSUME "b connect\n");
	client_named(s, "a")->s->ops->stop(client_named(s, "a")->s, world_of(s->w), SLICE_EMPTY);
	client_named(s, "b")->s->ops->stop(client_named(s, "b")->s, world_of(s->w), SLICE_EMPTY);
	scenario_play(
		s, "a ch 1 basic.ack delivery_tag=7\n----\n"
		   "a ch 0 connection.close reply_code=320 reply_text='CONNECTION_FORCED - broker "
		   "forced connection closure with reason 'shutdown'' class_id=0 method_id=0\n"
		   "b closed\n\n"
		   "a ch 0 connection.close_ok\n----\na closed\n");
	scenario_end(s);
}

static void a_stop_before_a_cancel_is_answered_ends_the_connection(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s,
		      HELLO CONSUME "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
	struct client *a = client_named(s, "a");
	uint32_t slot = a->slot;
	write_to(s, "a", "ch 1 basic.cancel consumer_tag='t'");
	a->s->ops->stop(a->s, world_of(s->w), SLICE_EMPTY);
	world_run(s->w);
	scenario_forget(s, a);
	must(!s->w->clients[slot]);
	scenario_play(s, "b ch 1 queue.declare queue='q' passive\n----\n"
			 "b ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	scenario_end(s);
}

static void who_does_not_answer_our_close_is_closed_all_the_same(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO "a ch 1 channel.open\n----\n"
			       "a ch 0 connection.close reply_code=504 *\na closed\n");
	scenario_end(s);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void heartbeats_are_sent_every_half_interval(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, "a open heartbeat=10\n");
	struct client *a = client_named(s, "a");
	uint64_t from = s->w->sw.now_ms;
	size_t before = a->out.n;
	for (int i = 1; i <= 6; i++) {
		must(world_later(s->w, 60000) && s->w->sw.now_ms == from + 5000u * (unsigned)i);
		must(a->out.n == before + 8u * (unsigned)(i - 1)); /* open-ok was as good as one */
		client_write(a, "\x08\0\0\0\0\0\0\xce", 8);
	}
	must(!a->is_closed);
	for (int i = 0; i < 4; i++) {
		must(!a->is_closed);
		(void)world_later(s->w, 60000);
	}
	(void)world_later(s->w, 60000);
	must(a->is_closed && s->w->sw.now_ms <= from + 11 * 5000);
	scenario_end(s);
}

static void half_a_message_is_a_sign_of_life(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, "a open heartbeat=2\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q'\n----\na ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	struct octets o = { 0 };
	line_frames("ch 1 basic.publish routing_key='q' + 100 'x'", 131072, &o);
	for (size_t i = 0; i < o.n; i++) {
		client_write(client_named(s, "a"), o.p + i, 1);
		must(world_later(s->w, 60000) && !client_named(s, "a")->is_closed);
	}
	free(o.p);
	scenario_play(
		s, "a ch 1 queue.purge queue='q'\n----\na ch 1 queue.purge_ok message_count=1\n");
	scenario_end(s);
}

/* ---- alarms -------------------------------------------------------------------------------- */

static void an_alarm_blocks_publishers_only(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(
		s, HELLO
		"b open\nb ch 1 channel.open\n"
		"b ch 1 basic.consume queue='q' consumer_tag='t'\n----\n"
		"b ch 1 channel.open_ok\nb ch 1 basic.consume_ok consumer_tag='t'\n\n"
		"c open capabilities=none\nc ch 1 channel.open\n----\nc ch 1 channel.open_ok\n");
	publish_to(s, "a", "q", 1, 10);
	must(count_of(s, "b", "basic.deliver") == 1);
	s->w->sw.is_blocked = true;
	s->w->sw.blocked_reason = slice_str("low on memory");
	scenario_play(s, "b ch 1 basic.ack delivery_tag=1\nb ch 1 channel.flow active\n----\n"
			 "b ch 1 channel.flow_ok active\n\n"
			 "a ch 1 basic.publish routing_key='q' + 'held'\n"
			 "a ch 1 basic.publish routing_key='q' + 'held'\n"
			 "c ch 1 basic.publish routing_key='q' + 'held'\n----\n"
			 "a ch 0 connection.blocked reason='low on memory'\n");
	must(client_named(s, "a")->is_waiting && client_named(s, "c")->is_waiting);
	must(!client_named(s, "b")->is_waiting);
	s->w->sw.is_blocked = false;
	scenario_play(s, "----\na ch 0 connection.unblocked\nb ch 1 basic.deliver *\n"
			 "b ch 1 header *\nb ch 1 body *\nb ch 1 basic.deliver *\nb ch 1 header *\n"
			 "b ch 1 body *\nb ch 1 basic.deliver *\nb ch 1 header *\nb ch 1 body *\n");
	must(!client_named(s, "a")->is_waiting && !client_named(s, "c")->is_waiting);
	scenario_end(s);
}

/* ---- loops --------------------------------------------------------------------------------- */

static void a_quiet_connection_moves_to_its_queue(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		s->w->post.loop_of_shard[i] = 1;
	scenario_play(s, "b open\nb ch 1 channel.open\nb ch 1 confirm.select\n"
			 "b ch 1 basic.publish routing_key='q' + 'x'\n----\n"
			 "b ch 1 channel.open_ok\nb ch 1 confirm.select_ok\nb ch 1 basic.ack "
			 "delivery_tag=1\n");
	must(s->w->moves_n == 1);
	publish_to(s, "b", "q", 10, 10); /* not again within a second */
	must(s->w->moves_n == 1 && count_of(s, "b", "basic.ack") > 0);
	for (int i = 0; i < 10; i++) {
		s->w->sw.now_ms += 2000;
		publish_to(s, "b", "q", 1, 10);
	}
	must(s->w->moves_n == LIMIT_SESSION_MOVES_MAX && count_of(s, "b", "basic.ack") == 10);

	scenario_play(s, "b ch 1 queue.purge queue='q'\n----\nb ch 1 queue.purge_ok *\n");
	publish_to(s, "b", "q", 2, 10);
	(void)count_of(s, "b", "");
	scenario_play(
		s, "c open\nc ch 1 channel.open\nc ch 1 basic.get queue='q' no_ack\n"
		   "c ch 1 basic.consume queue='q' consumer_tag='t'\n----\n"
		   "c ch 1 channel.open_ok\nc ch 1 basic.get_ok *\nc ch 1 header *\nc ch 1 body *\n"
		   "c ch 1 basic.consume_ok consumer_tag='t'\n"
		   "c ch 1 basic.deliver *\nc ch 1 header *\nc ch 1 body *\n");
	must(s->w->moves_n == LIMIT_SESSION_MOVES_MAX + 1);
	(void)count_of(s, "c", "");
	scenario_play(s,
		      "d open\nd ch 1 channel.open\nd ch 1 queue.declare queue='mine' exclusive\n"
		      "d ch 1 basic.publish routing_key='q' + 'x'\n----\nd ch 1 channel.open_ok\n"
		      "d ch 1 queue.declare_ok queue='mine' message_count=0 consumer_count=0\n"
		      "c ch 1 basic.deliver *\nc ch 1 header *\nc ch 1 body *\n");
	must(s->w->moves_n == LIMIT_SESSION_MOVES_MAX + 1); /* it owns a queue here */
	(void)count_of(s, "c", "");
	scenario_end(s);
}

static void who_has_published_without_confirms_stays(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	s->w->limits.unconfirmed_bytes_max = 4000; /* each publish is followed */
	scenario_play(s, HELLO "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
	publish_to(s, "b", "q", 1, 1000);
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		s->w->post.loop_of_shard[i] = 1;
	publish_to(s, "b", "q", 1, 1000);
	must(s->w->moves_n == 0);
	scenario_end(s);
}

/* What is given back, and a get from another loop that overtakes it: nothing would be there. */
static void who_has_settled_stays(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO "b open\nb ch 1 channel.open\nb ch 1 confirm.select\n----\n"
			       "b ch 1 channel.open_ok\nb ch 1 confirm.select_ok\n");
	publish_to(s, "b", "q", 1, 10);
	(void)count_of(s, "b", "basic.ack");
	scenario_play(s, "b ch 1 basic.get queue='q'\n----\nb ch 1 basic.get_ok *\n"
			 "b ch 1 header *\nb ch 1 body *\n");
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		s->w->post.loop_of_shard[i] = 1;
	scenario_play(s, "b ch 1 basic.nack delivery_tag=1 requeue\n"
			 "b ch 1 basic.publish routing_key='q' + 'x'\n"
			 "b ch 1 basic.get queue='q' no_ack\n----\nb ch 1 basic.ack "
			 "delivery_tag=2\nb ch 1 basic.get_ok *\nb ch 1 header *\n"
			 "b ch 1 body *\n");
	must(s->w->moves_n == 0);
	scenario_end(s);
}

static void new_queues_lie_near(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		s->w->post.loop_of_shard[i] = i % 2;
	scenario_play(s, HELLO
		      "a ch 1 queue.declare queue='ex' exclusive\n"
		      "a ch 1 queue.declare queue='ad' auto_delete\n----\n"
		      "a ch 1 queue.declare_ok queue='ex' message_count=0 consumer_count=0\n"
		      "a ch 1 queue.declare_ok queue='ad' message_count=0 consumer_count=0\n");
	const struct catalog_view *v = catalog_view(s->w->catalog);
	uint16_t shard = catalog_queue(v, 0, slice_str("q"))->shard;
	must(shard > 0 && shard <= LIMIT_SHARD_DATA_N && shard % 2 == 0);
	must(catalog_queue(v, 0, slice_str("ex"))->shard == 1 + LIMIT_SHARD_DATA_N);
	must(catalog_queue(v, 0, slice_str("ad"))->shard == 1 + LIMIT_SHARD_DATA_N);
	scenario_end(s);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void an_idle_connection_is_small(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	size_t before = s->w->mem.used - s->w->home.free_n * BLOCK_ALIGN;
	scenario_play(s, "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
	size_t used = s->w->mem.used - s->w->home.free_n * BLOCK_ALIGN - before;
	if (used > 1024)
		fprintf(stderr, "an idle connection takes %zu bytes\n", used);
	must(used <= 1024);
	scenario_end(s);
}

static void what_a_burst_took_is_given_back(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, "a open heartbeat=60\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q'\n----\na ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	scenario_play(s, CONFIRM CONSUME);
	publish_to(s, "a", "q", 10, 10);
	must(count_of(s, "a", "basic.deliver") == 10);
	scenario_play(s, "a ch 1 basic.ack delivery_tag=10 multiple\n");
	publish_to(s, "a", "q", 10000, 10);
	must(count_of(s, "a", "basic.deliver") == 10000);
	scenario_play(s, "a ch 1 basic.ack delivery_tag=10010 multiple\n");
	const struct channel *c = session_named(s, "a")->channel_last;
	must(c->unacked.cap <= ROWS_KEPT && c->confirm->window.cap <= ROWS_KEPT);
	for (int i = 0; i < 3; i++)
		must(world_later(s->w, 60000));
	must(c->unacked.cap == 0 && c->confirm->window.cap == 0);
	must(session_named(s, "a")->waiting.cap == 0);
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_under_way_when_the_connection_breaks_goes_back),
		cmocka_unit_test(a_declaration_that_nobody_waits_for_leaves_no_queue),
		cmocka_unit_test(
			of_two_who_declare_at_once_the_second_is_held_to_the_firsts_arguments),
		cmocka_unit_test(
			of_two_exchanges_declared_at_once_only_the_arguments_that_count_count),
		cmocka_unit_test(a_broker_that_stops_says_goodbye),
		cmocka_unit_test(a_stop_before_a_cancel_is_answered_ends_the_connection),
		cmocka_unit_test(who_does_not_answer_our_close_is_closed_all_the_same),
		cmocka_unit_test(heartbeats_are_sent_every_half_interval),
		cmocka_unit_test(half_a_message_is_a_sign_of_life),
		cmocka_unit_test(an_alarm_blocks_publishers_only),
		cmocka_unit_test(a_quiet_connection_moves_to_its_queue),
		cmocka_unit_test(who_has_published_without_confirms_stays),
		cmocka_unit_test(who_has_settled_stays),
		cmocka_unit_test(new_queues_lie_near),
		cmocka_unit_test(an_idle_connection_is_small),
		cmocka_unit_test(what_a_burst_took_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
