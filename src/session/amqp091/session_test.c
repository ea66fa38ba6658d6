/* What a story alone cannot tell: a log that is slow, a client that does not read, time, loops. */
#include "session/amqp091/scenario_for_tests.h"

#include "session/amqp091/amqp091.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HELLO "a open\na ch 1 channel.open\na ch 1 queue.declare queue='q' durable\n----\n" \
	"a ch 1 channel.open_ok\na ch 1 queue.declare_ok queue='q' message_count=0 " \
	"consumer_count=0\n\n"
#define CONSUME "a ch 1 basic.consume queue='q' consumer_tag='t'\n----\n" \
	"a ch 1 basic.consume_ok consumer_tag='t'\n\n"
#define CONFIRM "a ch 1 confirm.select\n----\na ch 1 confirm.select_ok\n\n"

static struct scenario *begin(void)
{
	return scenario_of(world_new(), "session_test");
}

static struct client *client(struct scenario *s, const char *name)
{
	const char *rest;
	struct client *c = scenario_client(s, name, &rest);
	must(c != NULL);
	return c;
}

static struct amqp091 *session(struct scenario *s, const char *name)
{
	return amqp091_of(client(s, name)->s);
}

static void publish(struct scenario *s, const char *name, const char *key, size_t n, size_t body)
{
	char line[200];
	for (size_t i = 0; i < n; i++) {
		struct octets o = { 0 };
		snprintf(line, sizeof line, "ch 1 basic.publish routing_key='%s' + %zu 'x' "
			 "delivery_mode=2", key, body);
		line_frames(line, LIMIT_FRAME_MAX_DEFAULT, &o);
		client_write(client(s, name), o.p, o.n);
		free(o.p);
	}
	world_run(s->w);
}

/* How many lines of what came on `name` begin like that; all are forgotten. */
static size_t count(struct scenario *s, const char *name, const char *like)
{
	size_t n = 0;
	scenario_listen(s);
	for (long i = (long)s->got_n - 1; i >= 0; i--) {
		if (s->got[i].c != client(s, name))
			continue;
		n += strstr(s->got[i].text, like) != NULL;
		scenario_drop(s, i);
	}
	return n;
}

/* ---- confirms ----------------------------------------------------------------------------- */

static void a_confirm_waits_for_the_log(void **state)
{
	(void)state;
	struct scenario *s = begin();
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

static void a_message_to_two_shards_is_confirmed_when_both_have_it(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO CONFIRM);
	for (char c = 'b'; c < 'm'; c++) { /* eleven queues lie in more than one shard */
		char text[300];
		snprintf(text, sizeof text,
			 "a ch 1 queue.declare queue='%c' durable\n"
			 "a ch 1 queue.bind queue='%c' exchange='amq.fanout'\n----\n"
			 "a ch 1 queue.declare_ok queue='%c' message_count=0 consumer_count=0\n"
			 "a ch 1 queue.bind_ok\n", c, c, c);
		scenario_play(s, text);
	}
	s->w->is_log_held = true;
	scenario_play(s, "a ch 1 basic.publish exchange='amq.fanout' + '1' delivery_mode=2\n");
	int shards_n = 0;
	for (uint16_t i = 1; i < WORLD_SHARDS; i++) {
		if (s->w->shard[i].committed == s->w->shard[i].proposed)
			continue;
		must(session(s, "a")->unconfirmed_bytes > 0);
		s->w->shard[i].committed = s->w->shard[i].proposed;
		world_run(s->w);
		shards_n++;
	}
	must(shards_n > 1 && session(s, "a")->unconfirmed_bytes == 0);
	scenario_play(s, "----\na ch 1 basic.ack delivery_tag=1\n");
	s->w->is_log_held = false;
	scenario_end(s);
}

static void a_new_channel_is_not_confirmed_for_an_old_one(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO CONFIRM);
	s->w->is_log_held = true;
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + 'old' delivery_mode=2\n"
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
	must(session(s, "a")->unconfirmed_bytes == 0);
	scenario_end(s);
}

static void who_publishes_too_far_ahead_waits(void **state)
{
	(void)state;
	for (int with_confirms = 0; with_confirms < 2; with_confirms++) {
		struct scenario *s = begin();
		s->w->limits.unconfirmed_bytes_max = 10000;
		scenario_play(s, HELLO);
		if (with_confirms)
			scenario_play(s, CONFIRM);
		s->w->is_log_held = true;
		publish(s, "a", "q", 30, 1000);
		must(client(s, "a")->is_waiting && client(s, "a")->in.n > 15000);
		must(session(s, "a")->unconfirmed_bytes < 13000);
		s->w->is_log_held = false;
		world_run(s->w);
		must(!client(s, "a")->is_waiting && client(s, "a")->in.n == 0);
		size_t acks = count(s, "a", "basic.ack");
		must(with_confirms ? acks > 0 && acks < 30 : acks == 0);
		scenario_play(s, "a ch 1 queue.purge queue='q'\n----\n"
				 "a ch 1 queue.purge_ok message_count=30\n");
		scenario_end(s);
	}
}

static void acks_of_one_turn_are_one_ack(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO CONFIRM);
	s->w->is_log_held = true;
	publish(s, "a", "q", 500, 10);
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
		struct scenario *s = begin();
		s->w->limits.output_bytes_max = 100000;
		scenario_play(s, HELLO);
		publish(s, "a", "q", 3000, 1000);
		scenario_play(s, "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
		s->w->is_not_reading = true;
		scenario_play(s, consumes[i]);
		const struct amqp091 *b = session(s, "b");
		must(b->session.sendq.bytes >= 100000 && b->session.sendq.bytes < 102000);
		must(b->waiting.n > 0 && b->waiting.n < (i == 2 ? 3000 : 1100));
		s->w->is_not_reading = false;
		world_run(s->w);
		must(count(s, "b", "basic.deliver") == 3000);
		must(b->waiting.n == 0 && b->held_n == (i == 0 ? 0 : 3000));
		scenario_end(s);
	}
}

static void who_does_not_read_answers_is_not_read_either(void **state)
{
	(void)state;
	struct scenario *s = begin();
	s->w->limits.output_bytes_max = 10000;
	scenario_play(s, HELLO);
	s->w->is_not_reading = true;
	for (int i = 0; i < 10000; i++)
		client_write(client(s, "a"), "\x01\0\x01\0\0\0\x05\0\x14\0\x14\x01\xce", 13);
	world_run(s->w);
	must(client(s, "a")->is_waiting && client(s, "a")->s->sendq.bytes < 20100);
	s->w->is_not_reading = false;
	world_run(s->w);
	must(count(s, "a", "channel.flow_ok active") == 10000);
	scenario_end(s);
}

/* Acking gives credit back in the core too: with a window that would be twice. */
static void a_consumer_without_prefetch_never_has_more_than_its_window_under_way(void **state)
{
	(void)state;
	struct scenario *s = begin();
	s->w->limits.output_bytes_max = 1 << 24;
	scenario_play(s, HELLO CONSUME);
	for (int round = 0; round < 30; round++) {
		publish(s, "a", "q", 100, 10000);
		must(count(s, "a", "basic.deliver") == 100);
		if (round % 3 == 2)
			scenario_play(s, "a ch 1 basic.ack delivery_tag=0 multiple\n");
	}
	const struct consumer *k = session(s, "a")->consumer_last;
	must(k->surplus_bytes > 0 || k->owed_bytes < LIMIT_DELIVER_WINDOW_BYTES);
	s->w->limits.output_bytes_max = 1000;
	s->w->is_not_reading = true;
	publish(s, "a", "q", 900, 10000);
	uint64_t bytes = session(s, "a")->waiting.n * UINT64_C(10000);
	must(bytes < LIMIT_DELIVER_WINDOW_BYTES + k->surplus_bytes + 20000);
	s->w->is_not_reading = false;
	world_run(s->w);
	must(count(s, "a", "basic.deliver") == 900);
	scenario_end(s);
}

/* ---- messages that must be read back ------------------------------------------------------- */

static struct scenario *begin_cold(void)
{
	struct scenario *s = begin();
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		core_cache_limit(s->w->shard[i].core, 0);
	return s;
}

static void what_is_read_back_keeps_its_order(void **state)
{
	(void)state;
	struct scenario *s = begin_cold();
	scenario_play(s, HELLO);
	publish(s, "a", "q", 300, 10);
	static char text[1 << 17];
	struct text t = text_of(text, sizeof text);
	text_puts(&t, "a ch 1 basic.consume queue='q' consumer_tag='t'\n----\n"
		      "a ch 1 basic.consume_ok consumer_tag='t'\n");
	for (int i = 1; i <= 300; i++)
		text_putf(&t, "a ch 1 basic.deliver consumer_tag='t' delivery_tag=%d *\n"
			      "a ch 1 header class=60 body=10 delivery_mode=2\n"
			      "a ch 1 body 10 'xxxxxxxxxx'\n", i);
	scenario_play(s, text);
	scenario_play(s, "a ch 1 basic.ack delivery_tag=300 multiple\n"
			 "a ch 1 queue.purge queue='q'\n----\na ch 1 queue.purge_ok message_count=0\n");
	scenario_end(s);
}

static void without_acks_what_is_read_back_is_settled_by_the_session(void **state)
{
	(void)state;
	struct scenario *s = begin_cold();
	scenario_play(s, HELLO);
	publish(s, "a", "q", 3, 10);
	scenario_play(s, "a ch 1 basic.get queue='q' no_ack\n----\n"
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
	struct scenario *s = begin_cold();
	scenario_play(s, HELLO);
	publish(s, "a", "q", 2, 10);
	s->w->is_losing_reads = true;
	scenario_play(s, "a ch 1 basic.get queue='q'\n----\na ch 1 basic.get_empty\n\n"
			 "a ch 1 basic.consume queue='q' consumer_tag='t'\n"
			 "a ch 1 queue.declare queue='q' passive\n----\n"
			 "a ch 1 basic.consume_ok consumer_tag='t'\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=1\n");
	s->w->is_losing_reads = false;
	must(session(s, "a")->waiting.n == 0 && session(s, "a")->held_n == 0);
	scenario_end(s);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void a_message_under_way_when_the_connection_breaks_goes_back(void **state)
{
	(void)state;
	for (int steps = 0; steps < 12; steps++) {
		struct scenario *s = begin();
		scenario_play(s, HELLO);
		publish(s, "a", "q", 5, 10);
		scenario_play(s, "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
		struct client *b = client(s, "b");
		struct octets o = { 0 };
		line_frames(steps % 2 ? "ch 1 basic.get queue='q'" : "ch 1 basic.consume queue='q'",
			    131072, &o);
		client_write(b, o.p, o.n);
		free(o.p);
		for (int i = 0; i < steps / 2; i++) { /* the connection breaks at each point */
			(void)world_dispatch(s->w, &s->w->post);
			if (i % 2)
				world_shards(s->w);
		}
		scenario_forget(s, b);
		scenario_play(s, "a ch 1 queue.declare queue='q' passive\n----\n"
				 "a ch 1 queue.declare_ok queue='q' message_count=5 consumer_count=0\n");
		scenario_end(s);
	}
}

static void a_declaration_under_way_when_the_connection_breaks_leaves_no_queue(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, "a open\na ch 1 channel.open\n----\na ch 1 channel.open_ok\n\n"
			 "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
	struct octets o = { 0 };
	line_frames("ch 1 queue.declare queue='ex' exclusive", 131072, &o);
	client_write(client(s, "b"), o.p, o.n);
	free(o.p);
	scenario_forget(s, client(s, "b"));
	scenario_play(s, "a ch 1 queue.declare queue='ex' passive\n----\n"
			 "a ch 1 channel.close reply_code=404 *\n");
	scenario_end(s);
}

static void a_broker_that_stops_says_goodbye(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO CONSUME "b connect\n");
	client(s, "a")->s->ops->stop(client(s, "a")->s, world_of(s->w));
	client(s, "b")->s->ops->stop(client(s, "b")->s, world_of(s->w));
	scenario_play(s, "a ch 1 basic.ack delivery_tag=7\n----\n"
			 "a ch 0 connection.close reply_code=320 reply_text='CONNECTION_FORCED - broker "
			 "forced connection closure with reason 'shutdown'' class_id=0 method_id=0\n"
			 "b closed\n\n"
			 "a ch 0 connection.close_ok\n----\na closed\n");
	scenario_end(s);
}

static void who_does_not_answer_our_close_is_closed_all_the_same(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO "a ch 1 channel.open\n----\n"
			       "a ch 0 connection.close reply_code=504 *\na closed\n");
	scenario_end(s);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void heartbeats_are_sent_every_half_interval(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, "a open heartbeat=10\n");
	struct client *a = client(s, "a");
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
	struct scenario *s = begin();
	scenario_play(s, "a open heartbeat=2\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q'\n----\na ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	struct octets o = { 0 };
	line_frames("ch 1 basic.publish routing_key='q' + 100 'x'", 131072, &o);
	for (size_t i = 0; i < o.n; i++) {
		client_write(client(s, "a"), o.p + i, 1);
		must(world_later(s->w, 60000) && !client(s, "a")->is_closed);
	}
	free(o.p);
	scenario_play(s, "a ch 1 queue.purge queue='q'\n----\na ch 1 queue.purge_ok message_count=1\n");
	scenario_end(s);
}

/* ---- alarms -------------------------------------------------------------------------------- */

static void an_alarm_blocks_publishers_only(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO "b open\nb ch 1 channel.open\n"
			 "b ch 1 basic.consume queue='q' consumer_tag='t'\n----\n"
			 "b ch 1 channel.open_ok\nb ch 1 basic.consume_ok consumer_tag='t'\n\n"
			 "c open capabilities=none\nc ch 1 channel.open\n----\nc ch 1 channel.open_ok\n");
	publish(s, "a", "q", 1, 10);
	must(count(s, "b", "basic.deliver") == 1);
	s->w->sw.is_blocked = true;
	s->w->sw.blocked_reason = slice_str("low on memory");
	scenario_play(s, "b ch 1 basic.ack delivery_tag=1\nb ch 1 channel.flow active\n----\n"
			 "b ch 1 channel.flow_ok active\n\n"
			 "a ch 1 basic.publish routing_key='q' + 'held'\n"
			 "a ch 1 basic.publish routing_key='q' + 'held'\n"
			 "c ch 1 basic.publish routing_key='q' + 'held'\n----\n"
			 "a ch 0 connection.blocked reason='low on memory'\n");
	must(client(s, "a")->is_waiting && client(s, "c")->is_waiting);
	must(!client(s, "b")->is_waiting);
	s->w->sw.is_blocked = false;
	scenario_play(s, "----\na ch 0 connection.unblocked\nb ch 1 basic.deliver *\n"
			 "b ch 1 header *\nb ch 1 body *\nb ch 1 basic.deliver *\nb ch 1 header *\n"
			 "b ch 1 body *\nb ch 1 basic.deliver *\nb ch 1 header *\nb ch 1 body *\n");
	must(!client(s, "a")->is_waiting && !client(s, "c")->is_waiting);
	scenario_end(s);
}

/* ---- loops --------------------------------------------------------------------------------- */

static void a_quiet_connection_moves_to_its_queue(void **state)
{
	(void)state;
	struct scenario *s = begin();
	scenario_play(s, HELLO);
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		s->w->post.loop_of_shard[i] = 1;
	scenario_play(s, "b open\nb ch 1 channel.open\nb ch 1 confirm.select\n"
			 "b ch 1 basic.publish routing_key='q' + 'x'\n----\n"
			 "b ch 1 channel.open_ok\nb ch 1 confirm.select_ok\nb ch 1 basic.ack delivery_tag=1\n");
	must(s->w->moves_n == 1);
	publish(s, "b", "q", 10, 10); /* not again within a second */
	must(s->w->moves_n == 1 && count(s, "b", "basic.ack") > 0);
	for (int i = 0; i < 10; i++) {
		s->w->sw.now_ms += 2000;
		publish(s, "b", "q", 1, 10);
	}
	must(s->w->moves_n == LIMIT_SESSION_MOVES_MAX && count(s, "b", "basic.ack") == 10);

	scenario_play(s, "b ch 1 queue.purge queue='q'\n----\nb ch 1 queue.purge_ok *\n");
	publish(s, "b", "q", 2, 10);
	(void)count(s, "b", "");
	scenario_play(s, "c open\nc ch 1 channel.open\nc ch 1 basic.get queue='q' no_ack\n"
			 "c ch 1 basic.consume queue='q' consumer_tag='t'\n----\n"
			 "c ch 1 channel.open_ok\nc ch 1 basic.get_ok *\nc ch 1 header *\nc ch 1 body *\n"
			 "c ch 1 basic.consume_ok consumer_tag='t'\n"
			 "c ch 1 basic.deliver *\nc ch 1 header *\nc ch 1 body *\n");
	must(s->w->moves_n == LIMIT_SESSION_MOVES_MAX + 1);
	(void)count(s, "c", "");
	scenario_play(s, "d open\nd ch 1 channel.open\nd ch 1 queue.declare queue='mine' exclusive\n"
			 "d ch 1 basic.publish routing_key='q' + 'x'\n----\nd ch 1 channel.open_ok\n"
			 "d ch 1 queue.declare_ok queue='mine' message_count=0 consumer_count=0\n"
			 "c ch 1 basic.deliver *\nc ch 1 header *\nc ch 1 body *\n");
	must(s->w->moves_n == LIMIT_SESSION_MOVES_MAX + 1); /* it owns a queue here */
	(void)count(s, "c", "");
	scenario_end(s);
}

static void new_queues_lie_near(void **state)
{
	(void)state;
	struct scenario *s = begin();
	for (uint16_t i = 1; i < WORLD_SHARDS; i++)
		s->w->post.loop_of_shard[i] = i % 2;
	scenario_play(s, HELLO "a ch 1 queue.declare queue='ex' exclusive\n"
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
	struct scenario *s = begin();
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
	struct scenario *s = begin();
	scenario_play(s, "a open heartbeat=60\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q'\n----\na ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n");
	scenario_play(s, CONFIRM CONSUME);
	publish(s, "a", "q", 10, 10);
	must(count(s, "a", "basic.deliver") == 10);
	scenario_play(s, "a ch 1 basic.ack delivery_tag=10 multiple\n");
	publish(s, "a", "q", 10000, 10);
	must(count(s, "a", "basic.deliver") == 10000);
	scenario_play(s, "a ch 1 basic.ack delivery_tag=10010 multiple\n");
	const struct channel *c = session(s, "a")->channel_last;
	must(c->unacked.cap <= ROWS_KEPT && c->confirm->window.cap <= ROWS_KEPT);
	for (int i = 0; i < 3; i++)
		must(world_later(s->w, 60000));
	must(c->unacked.cap == 0 && c->confirm->window.cap == 0);
	must(session(s, "a")->waiting.cap == 0);
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confirm_waits_for_the_log),
		cmocka_unit_test(a_message_to_two_shards_is_confirmed_when_both_have_it),
		cmocka_unit_test(a_new_channel_is_not_confirmed_for_an_old_one),
		cmocka_unit_test(who_publishes_too_far_ahead_waits),
		cmocka_unit_test(acks_of_one_turn_are_one_ack),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(who_does_not_read_answers_is_not_read_either),
		cmocka_unit_test(a_consumer_without_prefetch_never_has_more_than_its_window_under_way),
		cmocka_unit_test(what_is_read_back_keeps_its_order),
		cmocka_unit_test(without_acks_what_is_read_back_is_settled_by_the_session),
		cmocka_unit_test(what_cannot_be_read_back_is_passed_over),
		cmocka_unit_test(a_message_under_way_when_the_connection_breaks_goes_back),
		cmocka_unit_test(a_declaration_under_way_when_the_connection_breaks_leaves_no_queue),
		cmocka_unit_test(a_broker_that_stops_says_goodbye),
		cmocka_unit_test(who_does_not_answer_our_close_is_closed_all_the_same),
		cmocka_unit_test(heartbeats_are_sent_every_half_interval),
		cmocka_unit_test(half_a_message_is_a_sign_of_life),
		cmocka_unit_test(an_alarm_blocks_publishers_only),
		cmocka_unit_test(a_quiet_connection_moves_to_its_queue),
		cmocka_unit_test(new_queues_lie_near),
		cmocka_unit_test(an_idle_connection_is_small),
		cmocka_unit_test(what_a_burst_took_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
