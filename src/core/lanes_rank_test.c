#include "base/prng.h"
#include "core/core_cold_for_tests.h"

#define TICKET 5u

/* Chunks are numbered from 1 on. */
static uint64_t place(uint32_t at)
{
	return pos_of(1 + at / CHUNK_N, at % CHUNK_N);
}

static void open_ranked(struct rig *r)
{
	struct queue_rules rules = rules_none();
	rules.type = QUEUE_QUORUM;
	rules.ranks = 1;
	rig_open(r, Q, QUEUE_DURABLE, &rules);
}

static struct rig *rig_ranked(void)
{
	struct rig *r = rig_new();
	open_ranked(r);
	return r;
}

/* A rig that keeps nothing in memory that need not be there. */
static struct rig *rig_cold(void)
{
	struct rig *r = rig_new();
	r->unit = unit;
	r->entries_max = 0;
	core_entries_limit(r->core, 0);
	core_cache_limit(r->core, 0);
	open_ranked(r);
	return r;
}

/* Messages first .. first + n - 1, all of a priority. */
static void publish_ranked(struct rig *r, uint64_t first, uint32_t n, uint8_t priority,
			   uint8_t flags)
{
	struct publish_row row[100];
	must(n <= 100);
	for (uint32_t i = 0; i < n; i++)
		row[i] = (struct publish_row){ .mem = rig_message(r, first + i, 1),
					       .queue = Q,
					       .bytes = RIG_STORED_BYTES,
					       .seq_delta = (uint16_t)i,
					       .flags = flags | ENTRY_RANKED,
					       .priority = priority };
	rig_admit(r, rig_head(CMD_PUBLISH, 0, first), row, sizeof *row, n);
	rig_give(r);
}

static void publish_chunks(struct rig *r, uint64_t first, uint32_t n, uint8_t priority)
{
	for (uint32_t at = 0; at < n * CHUNK_N; at += 64)
		publish_ranked(r, first + at, 64, priority, ENTRY_PERSISTENT);
	rig_commit(r);
}

static void the_highest_comes_first_and_31_is_the_highest(void **s)
{
	(void)s;
	static const uint8_t priority[] = { 4, 9, 0, 40, 31, 4, 255 };
	struct rig *r = rig_ranked();
	for (uint32_t i = 0; i < 7; i++)
		publish_ranked(r, i, 1, priority[i], 0);
	rig_subscribe(r, Q, 1, 0, 4);
	SAY("reply 1 OK 7 1 | c1 3 | c1 4 | c1 6 | c1 1");
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	rig_settle(r, Q, 1, place(6), SETTLE_RELEASE);
	rig_settle(r, Q, 1, place(3), SETTLE_RELEASE);
	rig_subscribe(r, Q, 2, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 0 0 | reply 2 OK 5 1 | c2 3r+1 | c2 6r+1 | c2 0 | c2 5 | c2 2");
	rig_free(r);
}

static void what_says_none_is_of_4(void **s)
{
	(void)s;
	struct rig *r = rig_ranked();
	publish_ranked(r, 1, 1, 3, 0);
	rig_publish(r, Q, 2, 1, 0);
	publish_ranked(r, 3, 1, 5, 0);
	publish_ranked(r, 4, 1, 0, 0);
	publish_ranked(r, 5, 1, 4, 0);
	rig_subscribe(r, Q, 1, 0, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 5 1 | c1 3 | c1 2 | c1 5 | c1 1 | c1 4");
	rig_free(r);
}

/* While all are of one priority the queue is like one without. */
static void lanes_are_there_only_while_priorities_differ(void **s)
{
	(void)s;
	struct rig *r = rig_ranked();
	struct queue *q = queue_of(r);
	publish_ranked(r, 1, 3, 4, 0);
	must(!q->has->lanes && q->level == 4);
	publish_ranked(r, 4, 1, 5, 0);
	must(q->has->lanes);
	core_check(r->core);
	rig_subscribe(r, Q, 1, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	SAY("reply 1 OK 4 1 | c1 4 | c1 1 | c1 2 | c1 3");
	must(!q->has->lanes && q->live_n == 0);
	rig_do(r, CMD_UNSUBSCRIBE, Q, 1, 0);
	publish_ranked(r, 5, 2, 200, 0);
	must(!q->has->lanes && q->level == RANK_MAX);
	publish_ranked(r, 7, 1, 77, 0); /* counts as the same */
	must(!q->has->lanes);
	core_check(r->core);
	rig_free(r);
}

static void a_chunk_of_one_priority_has_no_bits_of_its_own(void **s)
{
	(void)s;
	struct rig *r = rig_ranked();
	for (uint32_t at = 0; at < 2 * CHUNK_N; at += 64)
		publish_ranked(r, at, 64, 4, 0);
	publish_ranked(r, 2000, 1, 9, 0);
	publish_ranked(r, 2001, 1, 9, 0);
	publish_ranked(r, 2002, 1, 1, 0);
	struct queue *q = queue_of(r);
	must(!queue_chunk(q, 1)->lane && !queue_chunk(q, 2)->lane && queue_chunk(q, 3)->lane);
	core_check(r->core);
	rig_subscribe(r, Q, 1, 0, 3);
	SAY("reply 1 OK 1027 1 | c1 2000 | c1 2001 | c1 0");
	rig_free(r);
}

/* A transaction may be safe, and its publisher told so, before its messages are in their queue. */
static void a_get_waits_only_for_what_may_come_before(void **s)
{
	(void)s;
	struct rig *r = rig_ranked();
	publish_ranked(r, 0, 3, 4, ENTRY_PERSISTENT);
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_commit(r);
	publish_ranked(r, 8, 1, 4, ENTRY_PERSISTENT);
	rig_do(r, CMD_GET, Q, 1, 0); /* one of the same priority comes behind it */
	SAY("got 0 | got 1");
	publish_ranked(r, 9, 1, 5, ENTRY_PERSISTENT);
	rig_do(r, CMD_GET, Q, 1, 0);
	SAY("");
	rig_commit(r);
	SAY("got 9");
	rig_free(r);
}

/* ---- not in memory ------------------------------------------------------------------------ */

static void what_is_cold_stays_there_while_others_go_before_it(void **s)
{
	(void)s;
	struct rig *r = rig_cold();
	publish_chunks(r, 1, 20, 4);
	take(r);
	must(queue_of(r)->cold_n == 20);
	publish_ranked(r, 20001, 2, 9, ENTRY_PERSISTENT);
	publish_ranked(r, 20003, 2, 0, ENTRY_PERSISTENT);
	rig_commit(r);
	silence(r);
	rig_subscribe(r, Q, 1, 0, 2);
	rig_commit(r);
	SAY("reply 1 OK 10244 1 | c1 20001 | c1 20002");
	must(queue_of(r)->cold_n == 20 && kept.read_n == 0);
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_commit(r);
	SAY("got 1");
	must(kept.read_n > 0);
	core_check(r->core);
	end(r);
}

static void see_all_in_order(struct rig *r, const struct rig_fx *fx)
{
	uint64_t *last = r->see_arg;
	if (fx && fx->run.kind == FX_DELIVER)
		must(fx->number == ++*last);
}

static void chunks_of_one_priority_leave_and_come_back_in_order(void **s)
{
	(void)s;
	uint64_t last = 0;
	struct rig *r = rig_cold();
	publish_chunks(r, 4 * CHUNK_N + 1, 4, 2);
	publish_chunks(r, 1, 4, 7);
	publish_ranked(r, 8 * CHUNK_N + 2, 1, 0, ENTRY_PERSISTENT);
	publish_ranked(r, 8 * CHUNK_N + 1, 1, 1, ENTRY_PERSISTENT);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n == 8); /* not the last: it has two of them */
	r->see = see_all_in_order;
	r->see_arg = &last;
	rig_subscribe(r, Q, 9, SUBSCRIBE_NO_ACK, CREDIT_NO_LIMIT);
	rig_commit(r);
	must(last == 8 * CHUNK_N + 2 && kept.read_n == 8 && queue_of(r)->cold_n == 0);
	end(r);
}

static void what_is_cold_can_be_purged(void **s)
{
	(void)s;
	struct rig *r = rig_cold();
	publish_chunks(r, 1, 3, 2);
	publish_chunks(r, 3001, 3, 7);
	take(r);
	must(queue_of(r)->cold_n == 6);
	publish_ranked(r, 9000, 1, 4, ENTRY_PERSISTENT);
	rig_commit(r);
	rig_do(r, CMD_PURGE, Q, 1, 0);
	core_check(r->core);
	rig_commit(r);
	core_check(r->core);
	must(queue_of(r)->live_n == 0 && kept.read_n == 0);
	end(r);
}

/* At a start chunks leave memory before the queue is known to have priorities. */
static void only_those_of_several_come_back_at_a_start(void **s)
{
	(void)s;
	struct rig *r = rig_cold();
	publish_chunks(r, 4 * CHUNK_N + 1, 2, 2);
	for (uint64_t i = 0; i < CHUNK_N; i++)
		publish_ranked(r, i % 2 ? 1 + i / 2 : 6 * CHUNK_N + 1 + i / 2, 1, (uint8_t)(i % 2),
			       ENTRY_PERSISTENT);
	rig_commit(r);
	take(r);
	must(queue_of(r)->cold_n == 2);
	rig_crash(r);
	for (uint32_t i = 0; i < kept.n; i++)
		must(core_restore(r->core, kept.key[i], slice_of(kept.bytes[i], kept.len[i])) ==
		     ERR_OK);
	must(core_restored(r->core) == ERR_OK && queue_of(r)->cold_n == 3);
	struct unit_key key = { .queue = Q };
	while (core_cold_next(r->core, &key, false))
		core_warm(r->core, key, unit(r, key));
	must(kept.read_n == 1 && queue_of(r)->cold_n == 2);
	open_ranked(r);
	core_check(r->core);
	silence(r);
	rig_subscribe(r, Q, 9, 0, 2);
	rig_commit(r);
	SAY("reply 9 OK 1536 1 | c9 2049 | c9 2050");
	end(r);
}

/* ---- looked at ---------------------------------------------------------------------------- */

static struct browse_row at;
static uint64_t seen[64];
static uint32_t seen_n;
static bool is_over;

static void see_page(struct rig *r, const struct rig_fx *fx)
{
	must(r->core != NULL);
	if (fx && fx->run.kind == FX_DELIVER)
		seen[seen_n++ % 64] = fx->number;
	if (!fx || fx->run.kind != FX_REPLY || fx->reply.op != CMD_BROWSE)
		return;
	memcpy(&at, fx->tail.p, sizeof at);
	is_over = fx->reply.b;
}

static void page(struct rig *r, uint16_t messages)
{
	at.messages = messages;
	at.bytes = LIMIT_BROWSE_BYTES;
	r->see = see_page;
	rig_admit(r, rig_head(CMD_BROWSE, Q, TICKET), &at, sizeof at, 1);
	rig_give(r);
}

static void who_looks_sees_what_there_was_when_he_began(void **s)
{
	(void)s;
	struct rig *r = rig_ranked();
	publish_ranked(r, 1, 4, 4, 0);
	at = (struct browse_row){ .pos = 0 };
	seen_n = 0;
	page(r, 2);
	publish_ranked(r, 5, 1, 9, 0); /* now there are lanes */
	must(queue_of(r)->has->lanes);
	for (is_over = false; !is_over;)
		page(r, 10);
	must(seen_n == 4 && seen[0] == 1 && seen[3] == 4);
	at = (struct browse_row){ .pos = 0 };
	seen_n = 0;
	for (is_over = false; !is_over;)
		page(r, 10);
	must(seen_n == 5 && seen[0] == 5 && seen[4] == 4);
	rig_free(r);
}

/* It goes through them once for each priority, but not through what has none of that. */
static void who_looks_brings_each_chunk_back_once(void **s)
{
	(void)s;
	struct rig *r = rig_cold();
	publish_chunks(r, 1, 3, 2);
	publish_chunks(r, 3001, 3, 7);
	take(r);
	must(queue_of(r)->cold_n == 6);
	at = (struct browse_row){ .pos = 0 };
	seen_n = 0;
	for (is_over = false; !is_over;)
		page(r, 100);
	must(seen_n == 6 * CHUNK_N && kept.read_n == 6);
	end(r);
}

/* ---- at random, beside a list ------------------------------------------------------------- */

enum { ITEMS = 20000 };

static struct item {
	uint64_t pos;
	uint8_t level;
	bool is_ready, is_held;
} item[ITEMS];
static uint64_t items_n, got;
static uint64_t got_pos;

static void see_got(struct rig *r, const struct rig_fx *fx)
{
	must(r->core != NULL);
	if (!fx || fx->run.kind != FX_DELIVER)
		return;
	got = fx->number;
	got_pos = fx->deliver.pos;
}

static void step_publish(struct rig *r, struct prng *p)
{
	static const uint8_t levels[] = { 4, 4, 4, 0, 9, 31 };
	static uint8_t level;
	if (prng_chance(p, 1, 16)) /* seldom, so that chunks are of one */
		level = levels[prng_below(p, 6)];
	const uint32_t n = (uint32_t)prng_between(p, 1, 100);
	if (items_n + n > ITEMS)
		return;
	publish_ranked(r, items_n, n, level, ENTRY_PERSISTENT);
	for (uint32_t i = 0; i < n; i++)
		item[items_n++] = (struct item){ .level = level, .is_ready = true };
}

static void step_get(struct rig *r)
{
	const struct item *best = NULL;
	for (uint64_t i = 0; i < items_n; i++)
		if (item[i].is_ready && (!best || item[i].level > best->level))
			best = &item[i];
	got = UINT64_MAX;
	rig_do(r, CMD_GET, Q, 1, 0);
	rig_commit(r);
	must(got == (best ? (uint64_t)(best - item) : UINT64_MAX));
	if (!best)
		return;
	item[got].is_ready = false;
	item[got].is_held = true;
	item[got].pos = got_pos;
}

static void step_settle(struct rig *r, struct prng *p)
{
	uint64_t i = items_n ? prng_below(p, items_n) : 0;
	for (uint64_t n = 0; n < items_n; n++, i = (i + 1) % items_n) {
		if (!item[i].is_held)
			continue;
		item[i].is_held = false;
		item[i].is_ready = prng_chance(p, 1, 4);
		rig_settle(r, Q, 0, item[i].pos, item[i].is_ready ? SETTLE_RELEASE : SETTLE_ACCEPT);
		return;
	}
}

static void step_purge(struct rig *r)
{
	rig_do(r, CMD_PURGE, Q, 1, 0);
	rig_commit(r);
	for (uint64_t i = 0; i < items_n; i++)
		item[i].is_ready = false;
}

static void any_walk_agrees_with_a_list(void **s)
{
	(void)s;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct prng p = prng_of(seed);
		struct rig *r = rig_cold();
		uint32_t cold = 0, mixed = 0;
		items_n = 0;
		r->see = see_got;
		for (uint32_t i = 0; i < 1500; i++) {
			const uint64_t what = prng_below(&p, 1000);
			if (what < 3)
				step_purge(r);
			else if (what < 30)
				take(r);
			else if (what < 150)
				step_publish(r, &p);
			else if (what < 650)
				step_get(r);
			else
				step_settle(r, &p);
			rig_commit(r);
			core_check(r->core);
			cold += queue_of(r)->cold_n > 0;
			mixed += queue_of(r)->cold_n > 0 && queue_of(r)->has->lanes;
		}
		must(cold > 100 && mixed > 50);
		end(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_comes_first_and_31_is_the_highest),
		cmocka_unit_test(what_says_none_is_of_4),
		cmocka_unit_test(lanes_are_there_only_while_priorities_differ),
		cmocka_unit_test(a_chunk_of_one_priority_has_no_bits_of_its_own),
		cmocka_unit_test(a_get_waits_only_for_what_may_come_before),
		cmocka_unit_test(what_is_cold_stays_there_while_others_go_before_it),
		cmocka_unit_test(chunks_of_one_priority_leave_and_come_back_in_order),
		cmocka_unit_test(what_is_cold_can_be_purged),
		cmocka_unit_test(only_those_of_several_come_back_at_a_start),
		cmocka_unit_test(who_looks_sees_what_there_was_when_he_began),
		cmocka_unit_test(who_looks_brings_each_chunk_back_once),
		cmocka_unit_test(any_walk_agrees_with_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
