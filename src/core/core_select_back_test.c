/* What it costs selectors that messages come back, counted in steps. */
#include "core/core_select_for_tests.h"

static struct selecting *selecting(struct rig *r)
{
	struct queue *q = core_find_queue(r->core, Q);
	must(q && q->has->select);
	return q->has->select;
}

/* As many different selectors as there may be, each of a consumer of its own. */
static void subscribe_all(struct rig *r, uint32_t messages, uint32_t from, const char *or_else)
{
	char text[60];
	for (uint32_t i = 1; i <= LIMIT_SELECTORS; i++) {
		(void)snprintf(text, sizeof text, "n = %u%s", from + i, or_else);
		subscribe(r, i, 0, messages, text);
	}
	hush(r);
}

static uint32_t used(const struct rig *r)
{
	must(r->core->select.steps <= SELECT_STEPS_MAX);
	return SELECT_STEPS_MAX - r->core->select.steps;
}

static void who_does_not_want_it_does_not_go_back_for_it(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	subscribe_all(r, CREDIT_NO_LIMIT, 0, "");
	publish_many(r, 1, 20 * CHUNK_N, 0);
	must(read_all(r) == 0);
	hush(r);
	const struct selecting *sel = selecting(r);
	uint64_t end = sel->at[0].cursor;
	must(end == core_find_queue(r->core, Q)->tail_pos && end > pos_of(20, 0));
	rig_settle(r, Q, 7, pos_of(1, 6), SETTLE_RELEASE);
	for (uint32_t i = 0; i < LIMIT_SELECTORS; i++)
		must(sel->at[i].cursor == end);
	must(used(r) == 21 * PASS_STEPS); /* the way of one, and no look */
	SAY("c7 7r");
	core_check(r->core);
	rig_free(r);
}

static void going_back_takes_as_many_turns_as_it_needs(void **s)
{
	(void)s;
	const uint32_t chunks_n = 150;
	struct rig *r = rig_with_queue();
	uint32_t turns = 0, steps = 0;
	subscribe_all(r, 1, 100000, " OR n = 1");
	publish_many(r, 1, chunks_n * CHUNK_N, 0);
	must(read_all(r) == 0);
	SAY("c1 1");
	uint64_t end = core_find_queue(r->core, Q)->tail_pos;
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_settle(r, Q, 1, pos_of(1, 0), SETTLE_RELEASE);
	SAY("reply 1 OK 0 0 | c2 1r"); /* it waits for nobody's way */
	for (; core_has_looks(r->core); turns++) {
		steps += used(r);
		must(turns < 10);
		rig_give(r);
		core_check(r->core);
	}
	steps += used(r);
	must(turns == 1);
	/* All but the one that has it go from the first chunk to the end. */
	must(steps == (LIMIT_SELECTORS - 2) * chunks_n * PASS_STEPS);
	for (uint32_t i = 2; i < LIMIT_SELECTORS; i++)
		must(selecting(r)->at[i].cursor == end);
	publish(r, 100003, 1, 0);
	SAY("c3 100003");
	rig_free(r);
}

/* Of what is in memory nothing is left: all is read. */
static void no_more_is_read_than_may_be_looked_at(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	uint32_t most = 0, n = 0, given_n = 0;
	char dear[4000];
	struct text t = text_of(dear, sizeof dear);
	text_puts(&t, "n");
	for (uint32_t i = 0; i < 350; i++)
		text_puts(&t, "-n+n");
	text_puts(&t, "=50");
	core_cache_limit(r->core, 0);
	for (uint64_t q = Q; q < Q + 20; q++) {
		rig_do(r, CMD_QUEUE_OPEN, q, 1, QUEUE_DURABLE);
		where = q;
		publish(r, 1, 50, ENTRY_PERSISTENT);
		rig_commit(r);
		subscribe(r, q, 0, CREDIT_NO_LIMIT, dear);
	}
	hush(r);
	while (r->core->select.reading > 0) {
		must(r->core->select.reading <= SELECT_STEPS_MAX);
		n += read_one(r, true);
		most = (uint32_t)max_u64(most, r->core->select.wants.n);
		rig_give(r);
		core_check(r->core);
	}
	must(n == 20 * 50 && most > 1 && most < 20 * 50 / 4);
	must(!core_has_looks(r->core));
	rig_commit(r);
	for (const char *at = r->said.p; (at = strstr(at, " 50")) != NULL; at++)
		given_n++;
	must(given_n == 20);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_want_it_does_not_go_back_for_it),
		cmocka_unit_test(going_back_takes_as_many_turns_as_it_needs),
		cmocka_unit_test(no_more_is_read_than_may_be_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
