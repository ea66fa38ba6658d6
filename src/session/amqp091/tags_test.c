/* Consumers by their tags, many of them on one channel. */
#include "session/amqp091/flow_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MANY 300

static void write_n(struct scenario *s, const char *what, int n)
{
	char line[100];
	struct octets o = { 0 };
	snprintf(line, sizeof line, "ch 1 %s consumer_tag='t%d'", what, n);
	line_frames(line, LIMIT_FRAME_MAX_DEFAULT, &o);
	client_write(client_named(s, "a"), o.p, o.n);
	free(o.p);
	world_run(s->w);
}

static void of_many_consumers_each_is_found_by_its_tag(void **state)
{
	(void)state;
	struct scenario *s = scenario_of(world_new(), __func__);
	scenario_play(s, HELLO);
	for (int i = 0; i < MANY; i++)
		write_n(s, "basic.consume queue='q'", i);
	must(count_of(s, "a", "ch 1 basic.consume_ok") == MANY);
	for (int i = 0; i < MANY; i++) /* every seventh in turn */
		write_n(s, "basic.cancel", i * 7 % MANY);
	must(count_of(s, "a", "ch 1 basic.cancel_ok") == MANY);
	scenario_play(s, "a ch 1 queue.declare queue='q' passive\n----\na ch 1 queue.declare_ok "
			 "queue='q' message_count=0 consumer_count=0\n");
	for (int i = 0; i < MANY; i++)
		write_n(s, "basic.consume queue='q'", i);
	must(count_of(s, "a", "ch 1 basic.consume_ok") == MANY);
	scenario_play(s, "a ch 1 basic.consume queue='q' consumer_tag='t17'\n----\na ch 0 "
			 "connection.close reply_code=530 *\n");
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_many_consumers_each_is_found_by_its_tag),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
