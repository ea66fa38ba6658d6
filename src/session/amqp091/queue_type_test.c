/* Queues whose declaration names no type, and types that are switched off. */
#include "session/amqp091/flow_for_tests.h"
#include "session/defaults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OPEN         "a open\na ch 1 channel.open\n----\na ch 1 channel.open_ok\n\n"
#define DECLARED(of) "a ch 1 queue.declare_ok queue='" of "' message_count=0 consumer_count=0\n\n"
#define DECLARE(of)  "a ch 1 queue.declare queue='" of "' durable"
#define CLOSED       "a ch 1 channel.close_ok\na ch 1 channel.open\n----\n"
#define REOPEN       CLOSED "a ch 1 channel.open_ok\n\n"
#define REFUSED(text)                                                                       \
	"----\na ch 1 channel.close reply_code=406 reply_text='PRECONDITION_FAILED - " text \
	"' class_id=50 method_id=10\n\n"

static struct scenario *begin(const char *name, enum queue_type type)
{
	struct scenario *s = scenario_of(world_new(), name);
	s->w->limits.default_queue_type = (uint8_t)type;
	scenario_play(s, OPEN);
	return s;
}

static struct queue_rules rules_of(struct scenario *s, const char *name)
{
	struct queue_rules rules;
	const struct queue_record *q = catalog_queue(s->w->sw.view, 0, slice_str(name));
	must(q != NULL);
	must(rules_get(queue_record_rules(q), &rules) == ERR_OK);
	return rules;
}

static void who_names_no_type_gets_the_default(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, QUEUE_QUORUM);
	scenario_play(s, DECLARE("q") "\n----\n" DECLARED("q"));
	must(rules_of(s, "q").type == QUEUE_QUORUM && rules_of(s, "q").delivery_limit == 20);
	must(rules_of(s, "q").limit_is_assumed == 1);
	scenario_play(s, DECLARE("n") " arguments={x-delivery-limit=20}\n----\n" DECLARED("n"));
	must(rules_of(s, "n").delivery_limit == 20);
	must(rules_of(s, "n").limit_is_assumed == RULE_NONE);
	scenario_play(s, DECLARE("q") "\n----\n" DECLARED("q"));
	scenario_play(s, DECLARE("q") " arguments={x-queue-type='quorum'}\n----\n" DECLARED("q"));
	scenario_play(s, DECLARE("c") " arguments={x-queue-type='classic'}\n----\n" DECLARED("c"));
	must(rules_of(s, "c").type == RULE_NONE);
	scenario_play(s,
		      DECLARE("c") "\n" REFUSED("inequivalent arg 'x-queue-type' for queue 'c' in "
						"vhost '/': received 'quorum' but current is "
						"'classic'") REOPEN);
	scenario_play(s, "a ch 1 queue.declare durable\n" REFUSED(
				 "Cannot declare a server-named queue for type "
				 "rabbit_quorum_queue"));
	scenario_end(s);
}

/* As in RabbitMQ 4, an empty type and this word name none. */
static void an_empty_type_names_none(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, QUEUE_QUORUM);
	scenario_play(
		s,
		DECLARE("q") " arguments={x-queue-type='', x-max-length=5}\n----\n" DECLARED("q"));
	must(rules_of(s, "q").type == QUEUE_QUORUM && rules_of(s, "q").max_length == 5);
	scenario_play(s, DECLARE("q") " arguments={x-max-length=5, "
				      "x-queue-type='undefined'}\n----\n" DECLARED("q"));
	scenario_play(
		s,
		DECLARE("q") " arguments={x-max-length=5, x-queue-type='quorum'}\n----\n" DECLARED(
			"q"));
	scenario_end(s);
	s = begin(__func__, QUEUE_CLASSIC);
	scenario_play(s, DECLARE("q") " arguments={x-queue-type=''}\n----\n" DECLARED("q"));
	must(rules_of(s, "q").type == RULE_NONE);
	scenario_play(s, DECLARE("q") "\n----\n" DECLARED("q"));
	scenario_play(s, "a ch 1 queue.declare queue='e' exclusive "
			 "arguments={x-queue-type='undefined'}\n----\n" DECLARED("e"));
	scenario_play(s, DECLARE("u") " arguments={x-queue-type='Undefined'}\n" REFUSED(
				 "invalid arg 'x-queue-type' for queue 'u' in vhost '/': "
				 "\"unsupported queue type 'Undefined'\"") REOPEN);
	scenario_play(s, DECLARE("u") " arguments={x-queue-type=5}\n" REFUSED(
				 "invalid arg 'x-queue-type' for queue 'u' in vhost '/': "
				 "{unacceptable_type,signedint}") REOPEN);
	scenario_end(s);
}

static void who_cannot_be_of_that_type_is_classic(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, QUEUE_STREAM);
	scenario_play(s, "a ch 1 queue.declare queue='t'\n----\n" DECLARED("t"));
	scenario_play(s, "a ch 1 queue.declare queue='e' durable exclusive\n----\n" DECLARED("e"));
	scenario_play(s,
		      "a ch 1 queue.declare queue='a' durable auto_delete\n----\n" DECLARED("a"));
	must(rules_of(s, "t").type == RULE_NONE && rules_of(s, "e").type == RULE_NONE &&
	     rules_of(s, "a").type == RULE_NONE);
	scenario_play(s, DECLARE("s") "\n----\n" DECLARED("s"));
	must(rules_of(s, "s").type == QUEUE_STREAM);
	scenario_end(s);
}

static void a_virtual_host_has_a_default_of_its_own(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, QUEUE_STREAM);
	const uint8_t quorum = QUEUE_QUORUM, classic = QUEUE_CLASSIC, none = QUEUE_STREAM + 1;
	struct fact f = fact_of(FACT_VHOST_TYPE, slice_str("/"), SLICE_EMPTY, SLICE_EMPTY);
	f.value = slice_of(&quorum, 1);
	world_fact(s->w, &f, true);
	scenario_play(s, DECLARE("q") "\n----\n" DECLARED("q"));
	must(rules_of(s, "q").type == QUEUE_QUORUM);
	f.value = slice_of(&classic, 1);
	world_fact(s->w, &f, true);
	scenario_play(s, DECLARE("c") "\n----\n" DECLARED("c"));
	must(rules_of(s, "c").type == RULE_NONE);
	f.value = SLICE_EMPTY;
	world_fact(s->w, &f, true);
	scenario_play(s, DECLARE("s") "\n----\n" DECLARED("s"));
	must(rules_of(s, "s").type == QUEUE_STREAM);
	f.value = slice_of(&none, 1);
	world_fact(s->w, &f, true);
	scenario_play(s, DECLARE("t") "\n----\n" DECLARED("t"));
	must(rules_of(s, "t").type == QUEUE_STREAM);
	scenario_end(s);
}

static void a_type_that_is_off_can_be_declared_no_more(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, QUEUE_CLASSIC);
	s->w->limits.cluster_name = slice_str("here");
	scenario_play(s, DECLARE("q") "\n----\n" DECLARED("q"));
	s->w->limits.queue_types_off = 1u << QUEUE_CLASSIC;
	scenario_play(s, DECLARE("q") "\n----\n" DECLARED("q"));
	scenario_play(s, DECLARE("r") " arguments={x-queue-type='quorum'}\n----\n" DECLARED("r"));
	scenario_play(
		s, DECLARE("p") "\n----\n"
				"a ch 0 connection.close reply_code=541 "
				"reply_text='INTERNAL_ERROR - Cannot declare a queue 'queue 'p' "
				"in vhost '/'' of type 'rabbit_classic_queue' on node 'here': the "
				"corresponding feature flag is disabled' class_id=50 "
				"method_id=10\n");
	scenario_end(s);
}

static void a_quorum_queue_may_be_taken_for_a_classic_one(void **state)
{
	(void)state;
	struct scenario *s = begin(__func__, QUEUE_CLASSIC);
	scenario_play(
		s,
		DECLARE("q") " arguments={x-queue-type='quorum', x-max-length=5}\n----\n" DECLARED(
			"q"));
	scenario_play(s, DECLARE("q") " arguments={x-max-length=5}\n" REFUSED(
				 "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': "
				 "received 'classic' but current is 'quorum'") REOPEN);
	s->w->limits.is_relaxed = true;
	scenario_play(s, "a ch 1 queue.declare queue='q' auto_delete arguments={x-max-length=5, "
			 "x-queue-type='classic', x-max-priority=4}\n----\n" DECLARED("q"));
	scenario_play(s, DECLARE("q") " arguments={x-max-length=5}\n----\n" DECLARED("q"));
	scenario_play(s,
		      DECLARE("q") "\n" REFUSED("inequivalent arg 'x-max-length' for queue 'q' in "
						"vhost '/': received none but current is the "
						"value '5' of type 'signedint'") REOPEN);
	scenario_play(s, "a ch 1 queue.declare queue='q' arguments={x-queue-type='quorum', "
			 "x-max-length=5}\n" REFUSED("inequivalent arg 'durable' for queue 'q' in "
						     "vhost '/': received 'false' but current is "
						     "'true'"));
	scenario_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_names_no_type_gets_the_default),
		cmocka_unit_test(an_empty_type_names_none),
		cmocka_unit_test(who_cannot_be_of_that_type_is_classic),
		cmocka_unit_test(a_virtual_host_has_a_default_of_its_own),
		cmocka_unit_test(a_type_that_is_off_can_be_declared_no_more),
		cmocka_unit_test(a_quorum_queue_may_be_taken_for_a_classic_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
