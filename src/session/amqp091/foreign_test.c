/* Messages that clients of other protocols have published, given to a client of AMQP 0-9-1. */
#include "session/amqp091/flow_for_tests.h"
#include "wire/stomp/stored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Into the queue `name`, as the session of another protocol would: no confirm, two headers. */
static void publish_foreign(struct scenario *s, const char *name, const char *body, uint8_t flags)
{
	struct world *w = s->w;
	const struct catalog_view *v = catalog_view(w->catalog);
	const struct queue_record *q = catalog_queue(v, session_named(s, "a")->vhost,
						     slice_str(name));
	struct block *b = block_take(&w->home, 0);
	must(q && b);
	struct wr out = wr_of((uint8_t *)b + b->fill, block_room(b));
	wr_str8(&out, slice_str("amq.topic"));
	wr_str8(&out, slice_str("a.b"));
	uint32_t at = b->fill, props_off = at + (uint32_t)out.n;
	stomp_stored_put_one(&out, slice_str("correlation-id"), slice_str("c-1"));
	stomp_stored_put_one(&out, slice_str("colour"), slice_str("red"));
	uint32_t body_off = at + (uint32_t)out.n;
	wr_slice(&out, slice_str(body));
	b->fill += (uint32_t)out.n;
	const struct msg *m = msg_new(b, &(struct msg){ .route_off = at,
							.route_len = (uint16_t)(props_off - at),
							.props_off = props_off,
							.props_len = body_off - props_off,
							.body_off = body_off,
							.body_bytes = (uint32_t)strlen(body),
							.proto = MSG_STOMP,
							.flags = flags });
	struct run head = { .kind = CMD_PUBLISH, .shard = q->shard, .vhost = q->vhost };
	struct publish_row row = { .mem = msg_mem(m),
				   .queue = q->id,
				   .bytes = msg_stored_bytes(m),
				   .flags = flags & MSG_PERSISTENT ? ENTRY_PERSISTENT : 0 };
	block_give(b, 1);
	block_close(b);
	(void)post_run(&w->post, w->post.loop_of_shard[q->shard], &head, &row, sizeof row, 1,
		       SLICE_EMPTY);
	world_run(w);
}

static void it_is_delivered_with_properties_of_its_own(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO CONSUME);
	publish_foreign(s, "q", "one", 0);
	publish_to(s, "a", "q", 1, 1);
	publish_foreign(s, "q", "", MSG_PERSISTENT);
	scenario_play(s, "----\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=1"
			 " exchange='amq.topic' routing_key='a.b'\n"
			 "a ch 1 header class=60 body=3 headers={colour='red'} delivery_mode=1 "
			 "correlation_id='c-1'\n"
			 "a ch 1 body 3 'one'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=2"
			 " exchange='' routing_key='q'\n"
			 "a ch 1 header class=60 body=1 delivery_mode=2\n"
			 "a ch 1 body 1 'x'\n"
			 "a ch 1 basic.deliver consumer_tag='t' delivery_tag=3"
			 " exchange='amq.topic' routing_key='a.b'\n"
			 "a ch 1 header class=60 body=0 headers={colour='red'} delivery_mode=2 "
			 "correlation_id='c-1'\n");
	scenario_end(s);
}

static void it_is_got_and_says_how_often_it_came_in_vain(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO "a ch 1 queue.declare queue='limited' durable"
			       " arguments={x-queue-type='quorum', x-delivery-limit=5}\n----\n"
			       "a ch 1 queue.declare_ok queue='limited' message_count=0"
			       " consumer_count=0\n\n");
	publish_foreign(s, "limited", "one", MSG_PERSISTENT);
	scenario_play(s, "a ch 1 basic.get queue='limited'\n"
			 "----\n"
			 "a ch 1 basic.get_ok delivery_tag=1 exchange='amq.topic'"
			 " routing_key='a.b' message_count=0\n"
			 "a ch 1 header class=60 body=3 headers={colour='red'} delivery_mode=2 "
			 "correlation_id='c-1'\n"
			 "a ch 1 body 3 'one'\n\n"
			 "a ch 1 basic.reject delivery_tag=1 requeue\n"
			 "a ch 1 basic.get queue='limited'\n"
			 "----\n"
			 "a ch 1 basic.get_ok delivery_tag=2 redelivered exchange='amq.topic'"
			 " routing_key='a.b' message_count=0\n"
			 "a ch 1 header class=60 body=3 headers={colour='red', x-delivery-count=1,"
			 " x-acquired-count=1}"
			 " delivery_mode=2 correlation_id='c-1'\n"
			 "a ch 1 body 3 'one'\n");
	scenario_end(s);
}

static void a_large_one_comes_in_the_frames_of_its_reader(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	static char body[40001];
	memset(body, 'x', sizeof body - 1);
	scenario_play(s, HELLO CONSUME);
	publish_foreign(s, "q", body, 0);
	must(count_of(s, "a", "'xxxx") > 0);
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_delivered_with_properties_of_its_own),
		cmocka_unit_test(it_is_got_and_says_how_often_it_came_in_vain),
		cmocka_unit_test(a_large_one_comes_in_the_frames_of_its_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
