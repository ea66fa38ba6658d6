#include "core/policy.h"
#include "io/definitions_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* The rules of the policy in that file. */
static struct queue_rules policy_rules_in(const char *json)
{
	struct definitions d;
	struct policy p;
	struct queue_rules rules;
	must(read(&d, json) == ERR_OK && d.noted_n == 0);
	struct fact f = fact(&d, FACT_POLICY, "/");
	must(policy_get(f.value, &p) == ERR_OK && rules_get(p.rules, &rules) == ERR_OK);
	rules.dead_letter_key = SLICE_EMPTY; /* it lay in d */
	definitions_fini(&d);
	return rules;
}

static void each_key_of_a_policy_is_read_by_itself(void **state)
{
	(void)state;
	struct queue_rules r = policy_rules_in(
		"{\"policies\":[{\"vhost\":\"/\",\"name\":\"p\",\"pattern\":\"\",\"definition\":"
		"{\"max-age\":\"1D\",\"max-length\":2,\"delayed-retry-min\":5}}]}");
	must(r.max_age_ms == 86400000 && r.max_length == 2 && r.retry_min_ms == 5);
	must(r.type == RULE_NONE && r.delivery_limit == RULE_NONE);
	r = policy_rules_in("{\"policies\":[{\"vhost\":\"/\",\"name\":\"p\",\"pattern\":\"\","
			    "\"definition\":{\"dead-letter-routing-key\":\"k\"}}]}");
	must(r.has_dead_letter_key && !r.has_dead_letter_exchange);
	r = policy_rules_in("{\"policies\":[{\"vhost\":\"/\",\"name\":\"p\",\"pattern\":\"\","
			    "\"definition\":{\"delivery-limit\":-1}}]}");
	must(r.delivery_limit == RULE_ENDLESS); /* which none would not say */
}

static void of_members_with_the_same_name_the_last_counts(void **state)
{
	(void)state;
	struct queue_rules r = policy_rules_in(
		"{\"policies\":[{\"vhost\":\"no\",\"name\":\"p\",\"pattern\":\"(\",\"vhost\":\"/\","
		"\"pattern\":\"\",\"definition\":{\"max-length\":1,\"expires\":7,\"max-length\":2,"
		"\"max-length\":3}}]}");
	must(r.max_length == 3 && r.expires_ms == 7);
	struct definitions d;
	struct policy p;
	must(read(&d,
		  "{\"policies\":5,\"policies\":[{\"vhost\":\"/\",\"name\":\"p\","
		  "\"pattern\":\"\",\"definition\":{\"expires\":1,\"expires\":2}}]}") == ERR_OK);
	struct fact f = fact(&d, FACT_POLICY, "/");
	must(policy_get(f.value, &p) == ERR_OK);
	must(slice_eq(p.json, slice_str("\"pattern\":\"\",\"definition\":{\"expires\":2}")));
	definitions_fini(&d);
}

/* Reads one policy of those members. */
static void read_policy(struct definitions *d, bool is_operators, const char *members)
{
	char json[400];
	if (is_operators)
		snprintf(json, sizeof json,
			 "{\"parameters\":[{\"vhost\":\"/\",\"component\":\"operator_policy\","
			 "\"name\":\"p\",\"value\":{\"pattern\":\"\",%s}}]}",
			 members);
	else
		snprintf(json, sizeof json,
			 "{\"policies\":[{\"vhost\":\"/\",\"name\":\"p\",\"pattern\":\"\",%s}]}",
			 members);
	must(read(d, json) == ERR_OK);
}

/* With RabbitMQ's words. */
static void policies_that_no_broker_should_have_are_left_out(void **state)
{
	(void)state;
	static const struct {
		bool is_operators;
		const char *members, *why;
	} of[] = {
		{ false, "\"definition\":{}", "no policy provided" },
		{ false, "\"definition\":[]", "no policy provided" },
		{ false, "\"priority\":1", "no policy provided" },
		{ false, "\"definition\":{\"max-length\":\"a\"}",
		  "<<\"a\">> is not a valid maximum length" },
		{ false, "\"definition\":{\"expires\":0}", "0 is not a valid queue expiry" },
		{ false, "\"definition\":{\"message-ttl\":1.5}", "1.5 is not a valid message TTL" },
		{ false, "\"definition\":{\"alternate-exchange\":5}",
		  "5 is not a valid alternate exchange name" },
		{ true, "\"definition\":{\"overflow\":\"up\"}",
		  "<<\"up\">> is not a valid overflow value" },
		{ true, "\"definition\":{\"dead-letter-exchange\":\"x\"}",
		  "[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised policy settings" },
		{ true, "\"definition\":{\"max-length\":1,\"consumer-timeout\":5}",
		  "[{<<\"consumer-timeout\">>,5}] are not recognised policy settings" },
		{ false, "\"definition\":{\"expires\":1},\"priority\":\"a\"",
		  "priority should be a number, actually was <<\"a\">>" },
		{ false, "\"definition\":{\"expires\":1},\"apply-to\":\"zz\"",
		  "apply-to 'zz' unrecognised; should be 'queues', 'classic_queues', "
		  "'quorum_queues', 'streams', 'exchanges' or 'all'" },
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		struct definitions d;
		char line[400];
		read_policy(&d, of[i].is_operators, of[i].members);
		snprintf(line, sizeof line, "%s[0]: is left out: %s\n",
			 of[i].is_operators ? "parameters" : "policies", of[i].why);
		must(d.items_n == 0 && d.refused_n == 1);
		must(slice_eq(slice_of(d.notes, d.notes_n), slice_str(line)));
		definitions_fini(&d);
	}
}

static void a_key_that_no_policy_may_set_is_kept_and_does_nothing(void **state)
{
	(void)state;
	struct definitions d;
	struct policy p;
	read_policy(&d, false, "\"definition\":{\"max-priority\":5,\"queue-type\":\"quorum\"}");
	struct fact f = fact(&d, FACT_POLICY, "/");
	must(policy_get(f.value, &p) == ERR_OK && p.rules.n == 0);
	must(d.noted_n == 2 && strstr(d.notes, "has a key that does nothing: max-priority\n"));
	definitions_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_of_a_policy_is_read_by_itself),
		cmocka_unit_test(of_members_with_the_same_name_the_last_counts),
		cmocka_unit_test(policies_that_no_broker_should_have_are_left_out),
		cmocka_unit_test(a_key_that_no_policy_may_set_is_kept_and_does_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
