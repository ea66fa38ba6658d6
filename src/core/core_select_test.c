#include "core/core_select_for_tests.h"

static uint64_t place(uint32_t slot)
{
	return pos_of(1, slot);
}

/* ---- who gets what ------------------------------------------------------------------------- */

static void a_consumer_gets_what_its_selector_is_true_of(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n > 3");
	subscribe(r, 2, 0, CREDIT_NO_LIMIT, "n % 2 = 0");
	SAY("reply 1 OK 0 1 | reply 2 OK 0 2");
	publish(r, 1, 7, 0);
	SAY("c1 4 | c2 2 | c1 5 | c2 6 | c1 7");
	rig_subscribe(r, Q, 3, 0, CREDIT_NO_LIMIT);
	SAY("reply 3 OK 2 3 | c3 1 | c3 3");
	publish(r, 8, 3, 0);
	SAY("c2 8 | c1 9 | c3 10");
	rig_free(r);
}

static void the_rest_stays_in_its_order_for_others(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	publish(r, 1, 6, 0);
	subscribe(r, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT, "n IN ('a') OR n BETWEEN 2 AND 3");
	SAY("reply 1 OK 6 1 | c1 2 | c1 3");
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 4 2 | c2 1 | c2 4 | c2 5 | c2 6");
	rig_settle(r, Q, 2, place(3), SETTLE_RELEASE);
	SAY("c2 4r");
	rig_free(r);
}

static void what_is_released_is_at_its_place_again(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	publish(r, 1, 6, 0);
	subscribe(r, 1, 0, 3, "n > 1");
	SAY("reply 1 OK 6 1 | c1 2 | c1 3 | c1 4");
	rig_settle(r, Q, 1, place(2), SETTLE_RELEASE);
	SAY("c1 3r");
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	SAY("c1 2r");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	for (uint32_t i = 1; i <= 3; i++)
		rig_settle(r, Q, 1, place(i), SETTLE_RELEASE);
	SAY("reply 1 OK 0 0");
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 2 OK 6 1 | c2 1 | c2 2r | c2 3r | c2 4r | c2 5 | c2 6");
	rig_free(r);
}

static void consumers_with_the_same_selector_take_turns(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n > 2");
	subscribe(r, 2, 0, CREDIT_NO_LIMIT, "n>2");
	hush(r);
	publish(r, 1, 5, 0);
	SAY("c1 3 | c2 4 | c1 5");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	publish(r, 6, 2, 0);
	SAY("reply 1 OK 0 0 | c2 6 | c2 7");
	rig_free(r);
}

static void a_queue_has_so_many_different_ones(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	char text[40];
	for (uint32_t i = 0; i < LIMIT_SELECTORS; i++) {
		(void)snprintf(text, sizeof text, "n = %u", i);
		subscribe(r, i + 1, 0, CREDIT_NO_LIMIT, text);
	}
	hush(r);
	subscribe(r, 100, 0, CREDIT_NO_LIMIT, "n = 100");
	subscribe(r, 101, 0, CREDIT_NO_LIMIT, "n = 7");
	SAY("reply 100 LIMIT 0 0 | reply 101 OK 0 33");
	publish(r, 100, 1, 0);
	publish(r, 20, 1, 0);
	SAY("c21 20");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 21, 0);
	subscribe(r, 102, 0, CREDIT_NO_LIMIT, "n = 100");
	SAY("reply 21 OK 0 0 | reply 102 OK 1 33 | c102 100");
	rig_free(r);
}

static void a_subscription_of_its_own_discards_the_rest(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	publish(r, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	subscribe(r, 1, SUBSCRIBE_DISCARDS, CREDIT_NO_LIMIT, "n > 1");
	rig_commit(r);
	SAY("reply 1 OK 2 1 | c1 2");
	publish(r, 3, 1, 0);
	publish(r, 1, 1, 0);
	SAY("c1 3");
	rig_do(r, CMD_QUEUE_STAT, Q, 5, 0);
	SAY("reply 5 OK 0 1");
	rig_settle(r, Q, 1, place(1), SETTLE_ACCEPT);
	rig_settle(r, Q, 1, place(2), SETTLE_ACCEPT);
	rig_commit(r);
	must(r->live_bytes == 0);
	rig_free(r);
}

/* ---- what is looked at --------------------------------------------------------------------- */

static void what_is_not_in_memory_is_read_first(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	core_cache_limit(r->core, 0);
	publish(r, 1, 200, ENTRY_PERSISTENT);
	rig_commit(r);
	must(core_cached_bytes(r->core) == 0);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n % 100 = 99");
	SAY("reply 1 OK 200 1");
	must(read_one(r, true));
	rig_give(r);
	SAY("");
	must(read_all(r) == 199);
	SAY("c1 99 | c1 199");
	rig_subscribe(r, Q, 2, 0, 2);
	SAY("reply 2 OK 198 2 | c2 1 | c2 2");
	must(!core_has_looks(r->core));
	rig_free(r);
}

static void what_goes_while_it_is_read_is_not_missed(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	core_cache_limit(r->core, 0);
	publish(r, 1, 3, ENTRY_PERSISTENT);
	rig_commit(r);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n > 1");
	rig_subscribe(r, Q, 2, SUBSCRIBE_NO_ACK, 2);
	rig_settle(r, Q, 2, place(0), SETTLE_ACCEPT);
	rig_settle(r, Q, 2, place(1), SETTLE_ACCEPT);
	rig_commit(r);
	hush(r);
	must(read_all(r) == 3);
	SAY("c1 3");
	rig_do(r, CMD_PURGE, Q, 9, 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	hush(r);
	publish(r, 4, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	subscribe(r, 3, 0, CREDIT_NO_LIMIT, "n > 4");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 3, 0);
	subscribe(r, 4, 0, CREDIT_NO_LIMIT, "n > 4");
	must(read_all(r) == 4); /* answers to who is gone are nothing */
	SAY("reply 3 OK 2 2 | reply 3 OK 0 0 | reply 4 OK 2 2 | c4 5");
	rig_free(r);
}

static void what_cannot_be_read_is_for_who_wants_everything(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	core_cache_limit(r->core, 0);
	publish(r, 1, 2, ENTRY_PERSISTENT);
	rig_commit(r);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n > 0");
	must(read_one(r, false));
	must(read_all(r) == 1);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 2 1 | c1 2 | reply 2 OK 1 2 | c2 1");
	rig_free(r);
}

static void a_long_queue_is_looked_at_turn_by_turn(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	publish_many(r, 1, 5000, 0);
	hush(r);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n = 4999");
	SAY("reply 1 OK 5000 1");
	must(core_has_looks(r->core));
	rig_give(r);
	SAY("");
	must(read_all(r) == 0);
	SAY("c1 4999");
	subscribe(r, 2, 0, 1, "n > 4998");
	must(read_all(r) == 0);
	SAY("reply 2 OK 4999 2 | c2 5000");
	rig_do(r, CMD_PURGE, Q, 9, 0);
	publish(r, 5001, 2, 0);
	SAY("reply 9 OK 4998 0");
	rig_settle(r, Q, 2, pos_of(10, 391), SETTLE_ACCEPT);
	SAY("c2 5001");
	rig_free(r);
}

/* True of number `n`, and dear: one turn looks at less than a hundred messages. */
static const char *dear_selector(uint32_t n)
{
	static char text[4000];
	struct text t = text_of(text, sizeof text);
	text_puts(&t, "n");
	for (uint32_t i = 0; i < 350; i++)
		text_puts(&t, "-n+n");
	text_putf(&t, "=%4u", n); /* always as long */
	must(!text_is_full(&t));
	return text;
}

static void a_turn_looks_at_less_if_that_is_dear(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	uint32_t turns = 0;
	publish_many(r, 1, 1000, 0);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, dear_selector(1000));
	subscribe(r, 2, 0, CREDIT_NO_LIMIT, dear_selector(999));
	hush(r);
	for (; core_has_looks(r->core); turns++) {
		must(turns < 80);
		rig_give(r);
		core_check(r->core);
	}
	must(turns >= 4);
	SAY("c1 1000 | c2 999");
	rig_free(r);
}

static void who_has_used_up_a_turn_is_last_in_the_next(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	rig_do(r, CMD_QUEUE_OPEN, Q + 1, 2, QUEUE_DURABLE);
	publish_many(r, 1, 2000, 0);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, dear_selector(5000));
	where = Q + 1;
	subscribe(r, 2, 0, CREDIT_NO_LIMIT, "n = 1");
	hush(r);
	where = Q;
	publish(r, 2001, 1, 0);
	where = Q + 1;
	publish(r, 1, 1, 0);
	SAY("c2 1");
	must(core_has_looks(r->core));
	rig_free(r);
}

static void what_is_over_is_not_given(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	struct publish_row row = { .queue = Q, .bytes = BYTES, .expiry_ms = 50 };
	row.mem = message(r, 1);
	rig_admit(r, rig_head(CMD_PUBLISH, 0, 1), &row, sizeof row, 1);
	rig_give(r);
	publish(r, 2, 1, 0);
	r->now_ms = 60;
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n > 0");
	SAY("reply 1 OK 2 1 | c1 2");
	rig_free(r);
}

/* ---- limits -------------------------------------------------------------------------------- */

static struct rig *rig_up_to(uint64_t messages, enum overflow overflow)
{
	struct queue_rules rules = rules_none();
	struct rig *r = rig_with_queue();
	rules.max_length = messages;
	rules.overflow = overflow;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	subscribe(r, 1, 0, CREDIT_NO_LIMIT, "n > 100");
	hush(r);
	return r;
}

static uint64_t ready(struct rig *r)
{
	return core_find_queue(r->core, Q)->ready_n;
}

static void what_no_selector_wants_does_not_pass_a_limit(void **s)
{
	(void)s;
	struct rig *r = rig_up_to(3, OVERFLOW_DROP_HEAD);
	publish(r, 1, 5, 0);
	publish(r, 101, 2, 0);
	must(ready(r) == 3);
	publish(r, 6, 5, ENTRY_PERSISTENT);
	rig_commit(r);
	must(ready(r) == 3);
	publish(r, 103, 1, ENTRY_PERSISTENT);
	rig_commit(r); /* it is there, and waits for the give mark */
	rig_commit(r);
	must(ready(r) == 3);
	SAY("c1 101 | c1 102 | c1 103");
	core_check(r->core);
	rig_free(r);
	r = rig_up_to(3, OVERFLOW_REJECT);
	publish(r, 1, 2, 0);
	publish(r, 3, 5, 0);
	must(ready(r) == 3);
	core_check(r->core);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_consumer_gets_what_its_selector_is_true_of),
		cmocka_unit_test(the_rest_stays_in_its_order_for_others),
		cmocka_unit_test(what_is_released_is_at_its_place_again),
		cmocka_unit_test(consumers_with_the_same_selector_take_turns),
		cmocka_unit_test(a_queue_has_so_many_different_ones),
		cmocka_unit_test(a_subscription_of_its_own_discards_the_rest),
		cmocka_unit_test(what_is_not_in_memory_is_read_first),
		cmocka_unit_test(what_goes_while_it_is_read_is_not_missed),
		cmocka_unit_test(what_cannot_be_read_is_for_who_wants_everything),
		cmocka_unit_test(a_long_queue_is_looked_at_turn_by_turn),
		cmocka_unit_test(a_turn_looks_at_less_if_that_is_dear),
		cmocka_unit_test(who_has_used_up_a_turn_is_last_in_the_next),
		cmocka_unit_test(what_is_over_is_not_given),
		cmocka_unit_test(what_no_selector_wants_does_not_pass_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
