/* Queues that are purged while others publish, as the oracle sees it. */
#include "sim/oracle_for_tests.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PUBLISHER 0u
#define OTHER     1u

static void answer_a_purge(struct fix *f, uint32_t client, uint32_t purged_n)
{
	const uint64_t event = oracle_tick(&f->oracle);
	oracle_purge_sent(&f->oracle, PLACE_d2, client);
	oracle_purged(&f->oracle, PLACE_d2, event, purged_n);
	oracle_quiet(&f->oracle, 3, true, true);
}

/* The broker has read it, as an answer shows: not more. */
static uint32_t publish_unconfirmed(struct fix *f)
{
	const uint32_t id = publish_to(f, PLACE_d2, LETTER_PERSISTENT);
	oracle_fence(&f->oracle, PUBLISHER, oracle_tick(&f->oracle));
	return id;
}

static void what_was_confirmed_before_a_purge_is_gone(void **state)
{
	(void)state;
	struct fix *f = fix_with(PLACE_d2);
	const uint32_t id = publish_to(f, PLACE_d2, LETTER_PERSISTENT | LETTER_CONFIRM);
	oracle_confirmed(&f->oracle, id);
	answer_a_purge(f, OTHER, 1);
	deliver_from(f, PLACE_d2, id);
	fix_free(f, "is gone");
}

static void what_he_has_sent_before_his_own_purge_is_gone(void **state)
{
	(void)state;
	struct fix *f = fix_with(PLACE_d2);
	const uint32_t id = publish_unconfirmed(f);
	answer_a_purge(f, PUBLISHER, 1);
	deliver_from(f, PLACE_d2, id);
	fix_free(f, "is gone");
}

/* It may be on its way from one loop to another, and the purge comes from a third one. */
static void what_was_only_read_may_come_behind_the_purge_of_another(void **state)
{
	(void)state;
	struct fix *f = fix_with(PLACE_d2);
	const uint32_t id = publish_unconfirmed(f);
	answer_a_purge(f, OTHER, 0);
	deliver_from(f, PLACE_d2, id);
	fix_free(f, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_confirmed_before_a_purge_is_gone),
		cmocka_unit_test(what_he_has_sent_before_his_own_purge_is_gone),
		cmocka_unit_test(what_was_only_read_may_come_behind_the_purge_of_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
