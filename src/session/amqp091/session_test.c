#include "session/amqp091/scenario_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void play(const char *text)
{
	for (int dripping = 0; dripping < 2; dripping++) {
		struct world *w = world_new();
		w->is_dripping = dripping;
		struct scenario *s = scenario_of(w, "session_test");
		scenario_play(s, text);
		scenario_end(s);
	}
}

static void a_message_goes_from_one_connection_to_another(void **state)
{
	(void)state;
	play("a open\n"
	     "a ch 1 channel.open\n"
	     "a ch 1 queue.declare queue='q' durable\n"
	     "----\n"
	     "a ch 1 channel.open_ok\n"
	     "a ch 1 queue.declare_ok queue='q' message_count=0 consumer_count=0\n"
	     "\n"
	     "b open\n"
	     "b ch 3 channel.open\n"
	     "b ch 3 basic.consume queue='q' consumer_tag='t'\n"
	     "----\n"
	     "b ch 3 channel.open_ok\n"
	     "b ch 3 basic.consume_ok consumer_tag='t'\n"
	     "\n"
	     "a ch 1 confirm.select\n"
	     "a ch 1 basic.publish exchange='' routing_key='q' + 'hello' delivery_mode=2\n"
	     "----\n"
	     "a ch 1 confirm.select_ok\n"
	     "a ch 1 basic.ack delivery_tag=1\n"
	     "b ch 3 basic.deliver consumer_tag='t' delivery_tag=1 exchange='' routing_key='q'\n"
	     "b ch 3 header class=60 body=5 delivery_mode=2\n"
	     "b ch 3 body 5 'hello'\n"
	     "\n"
	     "b ch 3 basic.ack delivery_tag=1\n"
	     "b ch 0 connection.close reply_code=200 reply_text='bye' class_id=0 method_id=0\n"
	     "----\n"
	     "b ch 0 connection.close_ok\n"
	     "b closed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_goes_from_one_connection_to_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
