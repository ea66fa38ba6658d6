#include "app/bench/options.h"

#include "app/bench/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static char why[400];

/* parse reads a command line written as one string, and settles it. */
static enum err parse(struct options *o, const char *line)
{
	static char copy[500];
	static char *argv[40];
	int argc = 1;
	struct text t = text_of(why, sizeof why);
	argv[0] = "bench";
	must(strlen(line) < sizeof copy);
	memcpy(copy, line, strlen(line) + 1);
	for (char *at = copy; *at != '\0'; argc++) {
		argv[argc] = at;
		at += strcspn(at, " ");
		if (*at == ' ')
			*at++ = '\0';
	}
	argv[argc] = NULL;
	TRY(options_parse(o, argc, argv, &t));
	return options_settle(o, &t);
}

static void refuse(const char *line, const char *reason)
{
	struct options o;
	assert_int_equal(parse(&o, line), ERR_SYNTAX_ERROR);
	assert_non_null(strstr(why, reason));
}

static void no_options_is_one_to_one_for_five_seconds(void **s)
{
	(void)s;
	struct options o;
	assert_int_equal(parse(&o, ""), ERR_OK);
	assert_int_equal(o.publishers, 1);
	assert_int_equal(o.consumers, 1);
	assert_int_equal(o.queues, 1);
	assert_int_equal(o.size, 16);
	assert_int_equal(o.window, 20000);
	assert_int_equal(o.time_ns, 5 * OPTIONS_SECOND);
	assert_false(o.durable || o.latency || o.manual_ack);
	assert_string_equal(o.uri, "amqp://guest:guest@127.0.0.1:5672/%2f");
}

static void values_stand_behind_a_blank_or_an_equals_sign(void **s)
{
	(void)s;
	struct options o;
	assert_int_equal(
		parse(&o, "--size=2k --rate 100 --time 0.25 --durable --uri amqp://h/a?b=c"),
		ERR_OK);
	assert_int_equal(o.size, 2048);
	assert_int_equal(o.rate, 100);
	assert_int_equal(o.time_ns, OPTIONS_SECOND / 4);
	assert_true(o.durable && o.latency);
	assert_string_equal(o.uri, "amqp://h/a?b=c");
	assert_int_equal(parse(&o, "--size 1M --time 2 --messages 7"), ERR_OK);
	assert_int_equal(o.size, 1 << 20);
	assert_int_equal(o.time_ns, 2 * OPTIONS_SECOND);
	assert_int_equal(o.messages, 7);
}

static void a_scenario_gives_way_to_what_stands_beside_it(void **s)
{
	(void)s;
	struct options o;
	assert_int_equal(parse(&o, "--messages 10 --scenario durable-1k --prefetch 5"), ERR_OK);
	assert_true(o.durable && o.manual_ack);
	assert_int_equal(o.size, 1024);
	assert_int_equal(o.confirms, 1000);
	assert_int_equal(o.messages, 10);
	assert_int_equal(o.prefetch, 5);
	assert_int_equal(o.window, 0);
	refuse("--scenario auto-17", "did you mean auto-16");
}

static void a_text_of_a_scenario_ends_with_its_word(void **s)
{
	(void)s;
	struct options o;
	assert_int_equal(parse(&o, "--scenario topic-10k"), ERR_OK);
	assert_string_equal(o.exchange_type, "topic");
	assert_int_equal(o.bindings, 10000);
}

static void every_scenario_can_be_run(void **s)
{
	(void)s;
	static const char *const names[] = {
#define SCENARIO(name, options, prose) name,
#include "app/bench/scenario.def"
#undef SCENARIO
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct options o;
		char line[100];
		struct text t = text_of(line, sizeof line);
		const char *uri = strncmp(names[i], "mqtt", 4) == 0    ? "--uri mqtt://broker "
				  : strncmp(names[i], "stomp", 5) == 0 ? "--uri stomp://broker "
								       : "";
		text_putf(&t, "%s--scenario %s", uri, names[i]);
		assert_int_equal(parse(&o, line), ERR_OK);
	}
}

static void every_consumer_of_a_fan_out_has_its_own_queue(void **s)
{
	(void)s;
	struct options o;
	assert_int_equal(parse(&o, "--fanout --consumers 50"), ERR_OK);
	assert_int_equal(o.queues, 50);
}

static void the_words_after_the_options_are_the_command(void **s)
{
	(void)s;
	struct options o;
	assert_int_equal(parse(&o, "--start --observe 1 -- broker --size 5"), ERR_OK);
	assert_string_equal(o.command[0], "broker");
	assert_string_equal(o.command[1], "--size");
	assert_int_equal(o.size, 16);
	assert_int_equal(parse(&o, "--start broker x"), ERR_OK);
	assert_string_equal(o.command[1], "x");
	refuse("--start", "needs a command");
	refuse("auto-16", "no --start");
}

static void what_makes_no_sense_is_refused_with_a_reason(void **s)
{
	(void)s;
	refuse("--publisher 3", "did you mean --publishers");
	refuse("--size", "takes a value");
	refuse("--durable=yes", "takes no value");
	refuse("--size 12x", "is no such value");
	refuse("--rate -5", "is no such value");
	refuse("--time 1.x", "is no such value");
	refuse("--size 8", "at least 16");
	refuse("--publishers 0 --consumers 0", "neither");
	refuse("--queues 2", "every queue needs a consumer");
	refuse("--manual-ack --ack-batch 10 --prefetch 5", "would wait");
	refuse("--floor --churn 5", "one measurement");
	refuse("--run 16777216", "--run below");
	refuse("--drain", "needs --messages");
}

static void help_names_every_option_and_scenario(void **s)
{
	(void)s;
	static char buf[20000];
	struct text t = text_of(buf, sizeof buf);
	options_help(&t);
	assert_false(text_is_full(&t));
#define OPTION(kind, field, name, otherwise, arg, prose) assert_non_null(strstr(buf, name));
#include "app/bench/options.def"
#undef OPTION
#define SCENARIO(name, options, prose) assert_non_null(strstr(buf, name));
#include "app/bench/scenario.def"
#undef SCENARIO
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_options_is_one_to_one_for_five_seconds),
		cmocka_unit_test(values_stand_behind_a_blank_or_an_equals_sign),
		cmocka_unit_test(a_scenario_gives_way_to_what_stands_beside_it),
		cmocka_unit_test(a_text_of_a_scenario_ends_with_its_word),
		cmocka_unit_test(every_scenario_can_be_run),
		cmocka_unit_test(every_consumer_of_a_fan_out_has_its_own_queue),
		cmocka_unit_test(the_words_after_the_options_are_the_command),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
		cmocka_unit_test(help_names_every_option_and_scenario),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
