/* Direct reply-to beyond what stories tell: names that are made up, clients that do not read. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char ask[] = "a open\na ch 1 channel.open\n"
			  "a ch 1 basic.consume queue='amq.rabbitmq.reply-to' consumer_tag='r' "
			  "no_ack\n"
			  "b open\nb ch 1 channel.open\nb ch 1 confirm.select\n----\n"
			  "a ch 1 channel.open_ok\na ch 1 basic.consume_ok consumer_tag='r'\n"
			  "b ch 1 channel.open_ok\nb ch 1 confirm.select_ok\n\n";

static void name_of(uint64_t session, uint32_t consumer, uint64_t key, char out[64])
{
	uint8_t raw[24];
	struct wr w = wr_of(raw, sizeof raw);
	wr_le32(&w, 0);
	wr_le32(&w, consumer);
	wr_le64(&w, session);
	wr_le64(&w, key);
	memcpy(out, "amq.rabbitmq.reply-to.", 22);
	base64_put(out + 22, slice_of(raw, sizeof raw));
	out[54] = 0;
}

static struct consumer *replies_of(struct scenario *s)
{
	struct channel *c = amqp091_channel(session_named(s, "a"), 1);
	must(c && c->direct);
	return c->direct;
}

static void say(struct scenario *s, const char *who, const char *line)
{
	struct octets o = { 0 };
	line_frames(line, LIMIT_FRAME_MAX_DEFAULT, &o);
	client_write(client_named(s, who), o.p, o.n);
	free(o.p);
}

/* A mandatory message to `name` comes back or not. */
static bool comes_back(struct scenario *s, const char *name)
{
	char line[200];
	snprintf(line, sizeof line, "ch 1 basic.publish routing_key='%s' mandatory + 'x'", name);
	say(s, "b", line);
	world_run(s->w);
	size_t back_n = count_of(s, "b", "basic.return");
	size_t came_n = count_of(s, "a", "basic.deliver");
	must(back_n + came_n == 1);
	return back_n == 1;
}

static void a_name_that_is_made_up_finds_nobody(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	char name[64];
	scenario_play(s, ask);
	const struct consumer *k = replies_of(s);
	uint64_t a = session_named(s, "a")->session.handle, key = k->queue;
	uint64_t b = session_named(s, "b")->session.handle;
	name_of(a, k->id, key, name);
	assert_false(comes_back(s, name));
	const struct token {
		uint64_t session, key;
		uint32_t consumer;
	} wrong[] = {
		{ a, key + 1, k->id },
		{ a, 0, k->id },
		{ a, key, k->id + 1 },
		{ a, key, 0 },
		{ a, key, UINT32_MAX },
		{ b, key, k->id },
		{ 0, key, k->id },
		{ UINT64_MAX, key, 1 },
		{ a + 1, key, k->id },
		{ a ^ 1u << 31, key, k->id },
		{ (a >> 56 << 56) | UINT32_MAX, key, k->id },
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		name_of(wrong[i].session, wrong[i].consumer, wrong[i].key, name);
		assert_true(comes_back(s, name));
	}
	scenario_end(s);
}

static void who_does_not_read_gets_so_many_replies_and_no_more(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	char name[64], line[200];
	scenario_play(s, ask);
	struct client *a = client_named(s, "a");
	name_of(a->s->handle, replies_of(s)->id, replies_of(s)->queue, name);
	snprintf(line, sizeof line, "ch 1 basic.publish routing_key='%s' + 100000 'x'", name);
	s->w->is_not_reading = true;
	for (int i = 0; i < 400; i++) {
		say(s, "b", line);
		world_run(s->w);
		must(a->s->sendq.bytes <= s->w->limits.output_bytes_max + 200000);
		must(replies_of(s)->direct_bytes <= LIMIT_DIRECT_WAITING_BYTES + 200000);
	}
	s->w->is_not_reading = false;
	world_run(s->w);
	size_t came_n = count_of(s, "a", "basic.deliver");
	must(came_n > 100 && came_n < 400);
	must(replies_of(s)->direct_bytes == 0);
	assert_false(comes_back(s, name));
	scenario_end(s);
}

static void an_answer_to_a_channel_that_is_no_more_is_nobodys(void **state)
{
	(void)state;
	for (int steps = 0; steps < 6; steps++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		char name[64], line[200];
		scenario_play(s, ask);
		name_of(session_named(s, "a")->session.handle, 77, 5, name);
		snprintf(line, sizeof line, "ch 1 basic.publish routing_key='%s' mandatory + 'x'",
			 name);
		say(s, "b", line);
		for (int i = 0; i < steps; i++)
			(void)world_dispatch(s->w, &s->w->post);
		say(s, "b", "ch 1 channel.close");
		say(s, "b", "ch 1 channel.open");
		world_run(s->w);
		assert_int_equal(session_named(s, "b")->directed_n, 0);
		assert_true(count_of(s, "b", "basic.return") <= 1);
		scenario_end(s);
	}
}

static void who_asks_and_goes_leaves_nothing(void **state)
{
	(void)state;
	for (int steps = 0; steps < 6; steps++) {
		struct scenario *s = scenario_of(world_new(), __func__);
		char name[64], line[200];
		scenario_play(s, ask);
		name_of(session_named(s, "a")->session.handle, replies_of(s)->id,
			replies_of(s)->queue, name);
		snprintf(line, sizeof line, "ch 1 basic.publish routing_key='%s' + 'x'", name);
		for (int i = 0; i < 5; i++)
			say(s, "b", line);
		for (int i = 0; i < steps; i++)
			(void)client_work(client_named(s, i % 2 ? "a" : "b"));
		scenario_forget(s, client_named(s, "a"));
		world_run(s->w);
		assert_true(comes_back(s, name) || !"nobody may be there");
		scenario_end(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_is_made_up_finds_nobody),
		cmocka_unit_test(who_does_not_read_gets_so_many_replies_and_no_more),
		cmocka_unit_test(an_answer_to_a_channel_that_is_no_more_is_nobodys),
		cmocka_unit_test(who_asks_and_goes_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
