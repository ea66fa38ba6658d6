#include "base/prng.h"
#include "core/core_for_tests.h"

#define Q 7u

/* Chunks are numbered from 1 on. */
static uint64_t place(uint32_t at)
{
	return pos_of(1 + at / CHUNK_N, at % CHUNK_N);
}

static void open_queue(struct rig *r, uint64_t max)
{
	struct queue_rules rules = rules_none();
	rules.max_priority = max;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
}

/* Message `number`, with that priority. */
static void publish(struct rig *r, uint64_t number, uint8_t priority, uint8_t flags)
{
	struct publish_row row = { .mem = rig_message(r, number, 1),
				   .queue = Q,
				   .bytes = RIG_STORED_BYTES,
				   .flags = flags,
				   .priority = priority };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	rig_give(r);
}

static void the_highest_priority_comes_first_and_then_the_oldest(void **s)
{
	(void)s;
	static const uint8_t priority[] = { 0, 3, 1, 7, 0, 2, 3 }; /* 7 counts as 3 */
	struct rig *r = rig_new();
	open_queue(r, 3);
	for (uint32_t i = 0; i < 7; i++)
		publish(r, i, priority[i], 0);
	rig_subscribe(r, Q, 1, 0, 4);
	SAY("reply 1 OK 7 1 | c1 1 | c1 3 | c1 6 | c1 5");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_settle(r, Q, 1, place(3), SETTLE_RELEASE);
	rig_settle(r, Q, 1, place(5), SETTLE_RELEASE);
	rig_settle(r, Q, 1, place(1), SETTLE_RELEASE);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 0 | reply 2 OK 6 1 | c2 1r | c2 3r | c2 5r | c2 2 | c2 0 | c2 4");
	rig_free(r);
}

/* A transaction may be safe, and its publisher told so, before its messages are in their queue. */
static void a_get_waits_for_what_may_come_before(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	open_queue(r, 3);
	for (uint32_t i = 0; i < 3; i++)
		publish(r, i, 0, ENTRY_PERSISTENT);
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_commit(r);
	rig_do(r, CMD_GET, Q, 1, 0); /* nothing else stands in its way */
	SAY("got 0 | got 1");
	publish(r, 9, 3, ENTRY_PERSISTENT);
	rig_do(r, CMD_GET, Q, 1, 0);
	SAY("");
	rig_commit(r);
	SAY("got 9");
	rig_free(r);
}

static void a_full_queue_drops_its_head(void **s)
{
	(void)s;
	static const uint8_t priority[] = { 5, 1, 3, 0, 4 };
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.max_priority = 5;
	rules.max_length = 3;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	for (uint32_t i = 0; i < 5; i++)
		publish(r, i, priority[i], 0);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 3 1 | c1 2 | c1 1 | c1 3");
	rig_free(r);
}

static void what_expires_dies_in_any_lane(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	struct queue_rules rules = rules_none();
	rules.max_priority = 9;
	rules.message_ttl_ms = 100;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
	publish(r, 1, 0, 0);
	publish(r, 2, 9, 0);
	rig_at(r, 50);
	publish(r, 3, 0, 0);
	publish(r, 4, 9, 0);
	rig_at(r, 120);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 2 1 | c1 4 | c1 3");
	rig_free(r);
}

static void priorities_come_and_go_with_the_rule(void **s)
{
	(void)s;
	struct rig *r = rig_new();
	open_queue(r, RULE_NONE);
	for (uint32_t i = 0; i < 600; i++)
		publish(r, i, (uint8_t)(i == 599), 0);
	open_queue(r, 255);
	rig_subscribe(r, Q, 1, 0, 2);
	SAY("reply 1 OK 600 1 | c1 599 | c1 0");
	open_queue(r, 1);
	rig_settle(r, Q, 1, place(0), SETTLE_RELEASE);
	SAY("c1 0r");
	open_queue(r, RULE_NONE);
	rig_settle(r, Q, 1, place(599), SETTLE_RELEASE);
	SAY("c1 1");
	rig_free(r);
}

/* ---- at random, beside a list ------------------------------------------------------------ */

enum { ITEMS = 6000, LEVELS = 4 };

struct item {
	uint64_t pos;
	uint8_t lane;
	bool is_durable, is_ready, is_held;
};

struct walk {
	struct rig *rig;
	struct prng rand;
	struct item item[ITEMS];
	uint64_t n;
	struct rig_fx seen;
	bool has_seen, is_restored;
};

static void see(struct rig *r, const struct rig_fx *fx)
{
	struct walk *w = r->see_arg;
	if (!fx || fx->run.kind != FX_DELIVER)
		return;
	w->seen = *fx;
	w->has_seen = true;
}

static struct item *expected(struct walk *w)
{
	struct item *best = NULL;
	for (uint64_t i = 0; i < w->n; i++)
		if (w->item[i].is_ready && (!best || w->item[i].lane > best->lane))
			best = &w->item[i];
	return best;
}

static void step_publish(struct walk *w)
{
	uint8_t priority = (uint8_t)prng_below(&w->rand, LEVELS + 2);
	bool is_durable = prng_below(&w->rand, 2);
	if (w->n == ITEMS)
		return;
	w->item[w->n] = (struct item){ .lane = (uint8_t)min_u64(priority, LEVELS - 1),
				       .is_durable = is_durable,
				       .is_ready = true };
	publish(w->rig, w->n++, priority, is_durable ? ENTRY_PERSISTENT : 0);
}

static void step_get(struct walk *w)
{
	rig_commit(w->rig);
	struct item *it = expected(w);
	bool is_no_ack = prng_below(&w->rand, 4) == 0;
	w->has_seen = false;
	rig_do(w->rig, CMD_GET, Q, 1, is_no_ack ? GET_NO_ACK : 0);
	rig_commit(w->rig);
	must(w->has_seen == (it != NULL));
	if (!it)
		return;
	must(w->seen.number == (uint64_t)(it - w->item));
	bool is_gone = is_no_ack && !(w->seen.deliver.flags & ENTRY_SETTLE);
	it->is_ready = false;
	it->is_held = !is_gone;
	it->pos = w->seen.deliver.pos;
}

static void step_settle(struct walk *w)
{
	uint64_t at = w->n ? prng_below(&w->rand, w->n) : 0;
	for (uint64_t i = 0; i < w->n; i++, at = (at + 1) % w->n) {
		struct item *it = &w->item[at];
		if (!it->is_held)
			continue;
		it->is_ready = prng_below(&w->rand, 2);
		it->is_held = false;
		rig_settle(w->rig, Q, 0, it->pos, it->is_ready ? SETTLE_RELEASE : SETTLE_ACCEPT);
		return;
	}
}

static void step_purge(struct walk *w)
{
	rig_do(w->rig, CMD_PURGE, Q, 1, 0);
	rig_commit(w->rig);
	for (uint64_t i = 0; i < w->n; i++)
		w->item[i].is_ready = false;
}

/* Makes a core of a checkpoint of the one there is, which must not be one of these itself: then not
 * all of it would be given again. */
static void restart(struct rig *r)
{
	static uint8_t unit[64][CHECKPOINT_UNIT_MAX];
	struct unit_key key[64];
	uint32_t len[64], n = 0;
	core_checkpoint_begin(r->core);
	while (core_checkpoint_next(r->core, &key[n], unit[n], CHECKPOINT_UNIT_MAX, &len[n]))
		must(++n < 64);
	core_checkpoint_end(r->core, false);
	rig_crash(r);
	for (uint32_t i = 0; i < n; i++)
		must(len[i] == 0 ||
		     core_restore(r->core, key[i], slice_of(unit[i], len[i])) == ERR_OK);
	must(core_restored(r->core) == ERR_OK);
}

/* What was persistent comes back where it was, and the rule after it. */
static void step_crash(struct walk *w)
{
	rig_commit(w->rig);
	w->is_restored = !w->is_restored && prng_below(&w->rand, 2);
	if (w->is_restored) {
		restart(w->rig);
	} else {
		rig_crash(w->rig);
		rig_replay(w->rig, w->rig->core, 0, w->rig->committed);
	}
	open_queue(w->rig, LEVELS - 1);
	for (uint64_t i = 0; i < w->n; i++) {
		struct item *it = &w->item[i];
		it->is_ready = it->is_durable && (it->is_ready || it->is_held);
		it->is_held = false;
	}
}

static void any_walk_agrees_with_a_list(void **s)
{
	(void)s;
	struct walk *w = calloc(1, sizeof *w);
	must(w != NULL);
	for (uint64_t seed = 1; seed <= 4; seed++) {
		*w = (struct walk){ .rig = rig_new(), .rand = prng_of(seed) };
		w->rig->see = see;
		w->rig->see_arg = w;
		open_queue(w->rig, LEVELS - 1);
		for (uint32_t i = 0; i < 4000; i++) {
			uint64_t what = prng_below(&w->rand, 1000);
			if (what < 2)
				step_crash(w);
			else if (what < 4)
				step_purge(w);
			else if (what < 500 - 100 * seed % 3)
				step_publish(w);
			else if (what < 800)
				step_get(w);
			else
				step_settle(w);
			if (i % 64 == 0)
				core_check(w->rig->core);
		}
		rig_free(w->rig);
	}
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_priority_comes_first_and_then_the_oldest),
		cmocka_unit_test(a_get_waits_for_what_may_come_before),
		cmocka_unit_test(a_full_queue_drops_its_head),
		cmocka_unit_test(what_expires_dies_in_any_lane),
		cmocka_unit_test(priorities_come_and_go_with_the_rule),
		cmocka_unit_test(any_walk_agrees_with_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
