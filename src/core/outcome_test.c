#include "core/core.h"
#include "core/fact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Numbers that stand in journals and checkpoints, as they were when they were first written. What
 * a .def adds is added here too, behind the others; no line here is ever changed or taken away. */

struct pin {
	uint16_t number;
	const char *name;
};

static const struct pin old_outcomes[] = {
	{ 1, "ADD" },
	{ 2, "REMOVE" },
	{ 3, "GIVE_MARK" },
	{ 4, "QUEUE_DROP" },
	{ 5, "CHUNK" },
	{ 6, "CHUNK_DROP" },
	{ 20, "EXCHANGE_DECLARE" },
	{ 21, "EXCHANGE_DELETE" },
	{ 22, "QUEUE_DECLARE" },
	{ 23, "QUEUE_DELETE" },
	{ 24, "BIND" },
	{ 25, "UNBIND" },
	{ 60, "BARRIER" },
	{ 61, "CONFIRM" },
	{ 7, "COUNT" },
	{ 8, "STREAM_ADD" },
	{ 9, "STREAM_TRIM" },
	{ 40, "FACT_PUT" },
	{ 41, "FACT_DELETE" },
	{ 50, "TX_BEGIN" },
	{ 51, "TX_PREPARE" },
	{ 52, "TX_END" },
	{ 53, "TX_ABORT" },
	{ 10, "RETAIN" },
	{ 11, "FORGET" },
	{ 12, "ADD_ONCE" },
	{ 62, "FIND" },
	{ 13, "RETURN" },
	{ 14, "AGAIN" },
	{ 15, "UNUSED" },
};

static const struct pin outcomes[] = {
#define OUTCOME(number, name, row, prose) { number, #name },
#include "core/outcome.def"
#undef OUTCOME
};

static const struct pin old_facts[] = {
	{ 1, "VHOST" },        { 2, "USER" },
	{ 3, "PERMISSION" },   { 4, "TOPIC_PERMISSION" },
	{ 5, "VHOST_LIMITS" }, { 6, "USER_LIMITS" },
	{ 7, "PARAMETER" },    { 8, "GLOBAL_PARAMETER" },
	{ 9, "POLICY" },       { 10, "OPERATOR_POLICY" },
	{ 11, "UNKNOWN" },     { 12, "VHOST_TYPE" },
	{ 13, "MAPPING" },
};

static const struct pin facts[] = {
#define FACT(number, name, names, word, prose) { number, #name },
#include "core/fact.def"
#undef FACT
};

static const struct pin old_rules[] = {
	{ 1, "type" },
	{ 2, "message_ttl_ms" },
	{ 3, "expires_ms" },
	{ 4, "max_length" },
	{ 5, "max_length_bytes" },
	{ 6, "overflow" },
	{ 7, "dead_letter_exchange" },
	{ 8, "dead_letter_key" },
	{ 9, "dead_letter_strategy" },
	{ 10, "max_priority" },
	{ 11, "single_active" },
	{ 12, "delivery_limit" },
	{ 13, "consumer_timeout_ms" },
	{ 14, "consumer_disconnected_timeout_ms" },
	{ 15, "retry_type" },
	{ 16, "retry_min_ms" },
	{ 17, "retry_max_ms" },
	{ 18, "max_age_ms" },
	{ 19, "segment_bytes" },
	{ 20, "filter_bytes" },
	{ 21, "keeper" },
	{ 22, "cache_size" },
	{ 23, "cache_ttl_ms" },
	{ 24, "retains" },
	{ 25, "once" },
	{ 26, "bequeaths" },
	{ 27, "passing_bytes" },
	{ 28, "limit_is_assumed" },
	{ 29, "logs_use" },
	{ 30, "once_by_id" },
	{ 31, "ranks" },
};

static const struct pin rules[] = {
#define RULE_NUMBER(number, name, prose) { number, #name },
#define RULE_TEXT(number, name, prose)   { number, #name },
#include "core/rules.def"
#undef RULE_NUMBER
#undef RULE_TEXT
};

/* Each old number has its old name, and no other number has a name. */
static void compare(const struct pin *old, size_t old_n, const struct pin *now, size_t now_n)
{
	assert_int_equal(now_n, old_n);
	for (size_t i = 0; i < old_n; i++) {
		const char *name = "no such number";
		for (size_t j = 0; j < now_n; j++)
			name = now[j].number == old[i].number ? now[j].name : name;
		assert_string_equal(name, old[i].name);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(old[j].number, old[i].number);
	}
}

static void outcomes_have_the_numbers_that_journals_have(void **s)
{
	(void)s;
	compare(old_outcomes, sizeof old_outcomes / sizeof *old_outcomes, outcomes,
		sizeof outcomes / sizeof *outcomes);
}

static void facts_have_the_numbers_that_journals_have(void **s)
{
	(void)s;
	compare(old_facts, sizeof old_facts / sizeof *old_facts, facts,
		sizeof facts / sizeof *facts);
}

static void rules_have_the_numbers_that_journals_have(void **s)
{
	(void)s;
	compare(old_rules, sizeof old_rules / sizeof *old_rules, rules,
		sizeof rules / sizeof *rules);
}

static void reasons_of_removal_have_the_numbers_that_journals_have(void **s)
{
	(void)s;
	static const uint8_t reasons[] = { REMOVE_SETTLED, REMOVE_REJECTED, REMOVE_GIVEN,
					   REMOVE_PURGED,  REMOVE_DEAD,     REMOVE_EXPIRED,
					   REMOVE_MAXLEN };
	for (uint8_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		assert_int_equal(reasons[i], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_have_the_numbers_that_journals_have),
		cmocka_unit_test(facts_have_the_numbers_that_journals_have),
		cmocka_unit_test(rules_have_the_numbers_that_journals_have),
		cmocka_unit_test(reasons_of_removal_have_the_numbers_that_journals_have),
	};
	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
