/* Bodies that are stored in chunks: on their way in and out, and what breaks them off. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BIG 1000003u

/* Sends one line's frames as client `name`, the first `most` bytes of them. */
static void send_some(struct scenario *s, const char *name, const char *line, size_t most)
{
	struct octets o = { 0 };
	line_frames(line, client_named(s, name)->frame_max, &o);
	client_write(client_named(s, name), o.p, o.n < most ? o.n : most);
	free(o.p);
}

static void publish_some(struct scenario *s, const char *what, int mode, size_t body, size_t most)
{
	char line[200];
	snprintf(line, sizeof line, "ch 1 basic.publish %s + %zu 'abc' delivery_mode=%d", what,
		 body, mode);
	send_some(s, "a", line, most);
}

static void publish(struct scenario *s, const char *what, int mode, size_t body)
{
	publish_some(s, what, mode, body, SIZE_MAX);
	world_run(s->w);
}

/* Octets of body that came on `name`, with what they must be; all lines are forgotten. */
static size_t body_of(struct scenario *s, const char *name)
{
	size_t sum = 0;
	scenario_listen(s);
	for (size_t i = 0; i < s->got_n; i++) {
		size_t n;
		const char *at = strstr(s->got[i].text, " body ");
		if (s->got[i].c == client_named(s, name) && at && sscanf(at, " body %zu", &n) == 1)
			sum += n;
	}
	(void)count_of(s, name, "");
	return sum;
}

static void bodies_of_odd_sizes_come_whole(void **state)
{
	(void)state;
	static const size_t sizes[] = { LIMIT_CHUNK_BYTES + 1, 2 * 131064, 2 * 131064 + 1,
					2 * LIMIT_CHUNK_BYTES, BIG,        3 << 20 };
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
		publish(s, "routing_key='q'", 1 + (i & 1), sizes[i / 2]);
		must(count_of(s, "a", "basic.ack") == 1 && s->w->live.n > 0);
		send_some(s, "a", "ch 1 basic.get queue='q'", SIZE_MAX);
		world_run(s->w);
		must(body_of(s, "a") == sizes[i / 2]);
		send_some(s, "a", "ch 1 basic.ack delivery_tag=0 multiple", SIZE_MAX);
		world_run(s->w);
		must(s->w->live.n == 0 && s->w->home.ended == NULL);
	}
	scenario_end(s);
}

static void a_byte_at_a_time_is_as_good(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, "a open frame_max=4096\na ch 1 channel.open\n"
			 "a ch 1 queue.declare queue='q'\n----\na ch 1 channel.open_ok\n"
			 "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n\n");
	s->w->is_dripping = true;
	publish(s, "routing_key='q'", 1, LIMIT_CHUNK_BYTES + 5000);
	send_some(s, "a", "ch 1 basic.get queue='q' no_ack", SIZE_MAX);
	world_run(s->w);
	must(body_of(s, "a") == LIMIT_CHUNK_BYTES + 5000 && s->w->live.n == 0);
	scenario_end(s);
}

/* ---- in ----------------------------------------------------------------------------------- */

static void a_broken_off_upload_leaves_no_chunks(void **state)
{
	(void)state;
	for (size_t most = 0; most < BIG; most += 99991) {
		struct scenario *s = scenario_of(world_new(), __func__);
		scenario_play(s, HELLO);
		publish_some(s, "routing_key='q'", 2, BIG, most);
		if (most % 2)
			world_run(s->w);
		scenario_forget(s, client_named(s, "a"));
		world_run(s->w);
		must(s->w->live.n == 0 && s->w->home.out_bytes == 0);
		scenario_end(s);
	}
}

static void an_upload_goes_no_faster_than_the_journal(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	s->w->is_log_held = true;
	publish(s, "routing_key='q'", 2, 5 << 20);
	must(client_named(s, "a")->is_waiting && session_named(s, "a")->storing_n == 8);
	must(s->w->home.out_bytes < 4 << 20);
	s->w->is_log_held = false;
	world_run(s->w);
	must(count_of(s, "a", "basic.ack") == 1 && session_named(s, "a")->storing_n == 0);
	must(s->w->live.n == (5u << 20) / 131064 + 1);
	scenario_end(s);
}

static void what_follows_on_its_channel_waits_for_it(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	s->w->is_log_held = true;
	publish(s, "routing_key='q'", 2, 300000);
	scenario_play(s, "a ch 1 basic.publish routing_key='q' + 'small'\n");
	must(session_named(s, "a")->whole_n == 1);
	s->w->is_log_held = false;
	scenario_play(s,
		      "a ch 1 basic.get queue='q' no_ack\na ch 1 basic.get queue='q' no_ack\n----\n"
		      "a ch 1 basic.get_ok delivery_tag=1 exchange='' routing_key='q' "
		      "message_count=1\n"
		      "a ch 1 header class=60 body=300000 delivery_mode=2\n"
		      "a ch 1 body 131064 'abca*'...\na ch 1 body 131064 'abca*'...\n"
		      "a ch 1 body 37872 'abca*'...\n"
		      "a ch 1 basic.get_ok delivery_tag=2 exchange='' routing_key='q' "
		      "message_count=0\n"
		      "a ch 1 header class=60 body=5\na ch 1 body 5 'small'\n");
	must(s->w->live.n == 0);
	scenario_end(s);
}

static void what_cannot_be_stored_closes_the_channel(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	s->w->is_losing_stores = true;
	publish(s, "routing_key='q'", 2, BIG);
	must(count_of(s, "a", ".close reply_code=506") == 1);
	must(s->w->live.n == 0 && session_named(s, "a")->storing_n == 0);
	scenario_end(s);
}

static void queues_share_the_chunks(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM
		      "a ch 1 queue.declare queue='p' durable\n"
		      "a ch 1 queue.bind queue='p' exchange='amq.fanout'\n"
		      "a ch 1 queue.bind queue='q' exchange='amq.fanout'\n----\n"
		      "a ch 1 queue.declare_ok queue='p' message_count=0 consumer_count=0\n"
		      "a ch 1 queue.bind_ok\na ch 1 queue.bind_ok\n");
	for (int mode = 1; mode <= 2; mode++) {
		publish(s, "exchange='amq.fanout'", mode, BIG);
		must(count_of(s, "a", "basic.ack") == 1 && s->w->live.n == BIG / 131064 + 1);
		send_some(s, "a", "ch 1 basic.get queue='p' no_ack", SIZE_MAX);
		world_run(s->w);
		must(body_of(s, "a") == BIG && s->w->live.n == BIG / 131064 + 1);
		send_some(s, "a", "ch 1 queue.purge queue='q'", SIZE_MAX);
		world_run(s->w);
		must(count_of(s, "a", "purge_ok message_count=1") == 1 && s->w->live.n == 0);
	}
	scenario_end(s);
}

static void what_no_queue_takes_comes_back_and_then_the_confirm(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	publish(s, "routing_key='nowhere'", 1, 200000);
	must(count_of(s, "a", "basic.ack") == 1 && s->w->live.n == 0);
	publish(s, "routing_key='nowhere' mandatory", 1, 200000);
	scenario_play(s, "----\n"
			 "a ch 1 basic.return reply_code=312 reply_text='NO_ROUTE' exchange='' "
			 "routing_key='nowhere'\n"
			 "a ch 1 header class=60 body=200000 delivery_mode=1\n"
			 "a ch 1 body 131064 'abca*'...\na ch 1 body 68936 'abca*'...\n"
			 "a ch 1 basic.ack delivery_tag=2\n");
	must(s->w->live.n == 0);
	scenario_end(s);
}

/* ---- out ---------------------------------------------------------------------------------- */

static void what_is_said_meanwhile_comes_behind(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONFIRM);
	s->w->limits.output_bytes_max = 65536;
	publish(s, "routing_key='q'", 1, 300000);
	(void)count_of(s, "a", "");
	s->w->is_not_reading = true;
	send_some(s, "a", "ch 1 basic.consume queue='q' consumer_tag='t'", SIZE_MAX);
	world_run(s->w);
	must(session_named(s, "a")->stream != NULL);
	send_some(s, "a", "ch 2 channel.open", SIZE_MAX);
	world_run(s->w);
	publish(s, "routing_key='nowhere'", 1, 1);
	s->w->is_not_reading = false;
	scenario_play(s, "----\n"
			 "a ch 1 basic.consume_ok consumer_tag='t'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=1 exchange='' "
			 "routing_key='q'\n"
			 "a ch 1 header class=60 body=300000 delivery_mode=1\na ch 1 body 131064 "
			 "'abca*'...\n"
			 "a ch 2 channel.open_ok\n"
			 "a ch 1 body 131064 'abca*'...\na ch 1 body 37872 'abca*'...\n"
			 "a ch 1 basic.ack delivery_tag=2\n");
	must(session_named(s, "a")->stream == NULL);
	scenario_end(s);
}

static void a_lost_consumer_gives_back_what_it_has_half(void **state)
{
	(void)state;
	static const char *const how[] = { "ch 1 basic.consume queue='q'",
					   "ch 1 basic.consume queue='q' no_ack",
					   "ch 1 basic.get queue='q' no_ack" };
	for (int i = 0; i < 3; i++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		scenario_play(s,
			      HELLO "b open\nb ch 1 channel.open\n----\nb ch 1 channel.open_ok\n");
		s->w->limits.output_bytes_max = 65536;
		publish(s, "routing_key='q'", 2, BIG);
		s->w->is_not_reading = true;
		send_some(s, "b", how[i], SIZE_MAX);
		world_run(s->w);
		must(session_named(s, "b")->stream != NULL);
		scenario_forget(s, client_named(s, "b"));
		world_run(s->w);
		s->w->is_not_reading = false;
		send_some(s, "a", "ch 1 basic.get queue='q'", SIZE_MAX);
		world_run(s->w);
		must(body_of(s, "a") == BIG && s->w->live.n > 0);
		send_some(s, "a", "ch 1 basic.ack delivery_tag=1", SIZE_MAX);
		world_run(s->w);
		must(s->w->live.n == 0);
		scenario_end(s);
	}
}

static void a_channel_that_ends_lets_its_body_come_first(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	s->w->limits.output_bytes_max = 65536;
	publish(s, "routing_key='q'", 2, 300000);
	s->w->is_not_reading = true;
	send_some(s, "a", "ch 1 basic.get queue='q' no_ack", SIZE_MAX);
	world_run(s->w);
	send_some(s, "a", "ch 1 channel.close reply_code=200 reply_text='' class_id=0 method_id=0",
		  SIZE_MAX);
	world_run(s->w);
	s->w->is_not_reading = false;
	scenario_play(s, "----\n"
			 "a ch 1 basic.get_ok delivery_tag=1 exchange='' routing_key='q' "
			 "message_count=0\n"
			 "a ch 1 header class=60 body=300000 delivery_mode=2\n"
			 "a ch 1 body 131064 'abca*'...\na ch 1 body 131064 'abca*'...\n"
			 "a ch 1 body 37872 'abca*'...\n"
			 "a ch 1 channel.close_ok\n");
	must(s->w->live.n == 0);
	scenario_end(s);
}

static void a_chunk_that_cannot_be_read_ends_the_connection(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	publish(s, "routing_key='q'", 1, BIG);
	s->w->is_losing_reads = true;
	send_some(s, "a", "ch 1 basic.get queue='q'", SIZE_MAX);
	world_run(s->w);
	must(count_of(s, "a", "connection.close reply_code=541") == 1);
	scenario_forget(s, client_named(s, "a"));
	world_run(s->w);
	must(s->w->live.n == 0); /* as any unreadable message it is gone */
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_of_odd_sizes_come_whole),
		cmocka_unit_test(a_byte_at_a_time_is_as_good),
		cmocka_unit_test(a_broken_off_upload_leaves_no_chunks),
		cmocka_unit_test(an_upload_goes_no_faster_than_the_journal),
		cmocka_unit_test(what_follows_on_its_channel_waits_for_it),
		cmocka_unit_test(what_cannot_be_stored_closes_the_channel),
		cmocka_unit_test(queues_share_the_chunks),
		cmocka_unit_test(what_no_queue_takes_comes_back_and_then_the_confirm),
		cmocka_unit_test(what_is_said_meanwhile_comes_behind),
		cmocka_unit_test(a_lost_consumer_gives_back_what_it_has_half),
		cmocka_unit_test(a_channel_that_ends_lets_its_body_come_first),
		cmocka_unit_test(a_chunk_that_cannot_be_read_ends_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
