#include "base/prng.h"
#include "core/core_group.h"
#include "core/core_select_for_tests.h"

/* At random: publishers, consumers that come and go, some with selectors, settlements. Whoever is
 * given something of a group must be the only one who has some, and a group's messages come in
 * their order. In the end nothing is left. */

#define GROUPS    4u /* 0: none */
#define MESSAGES  3000u
#define CONSUMERS 5u

enum state { NOWHERE, QUEUED, HELD, GONE };

struct fate {
	uint8_t state, group;
	uint64_t consumer, pos;
};

struct walk {
	struct rig *rig;
	struct prng dice;
	struct fate fate[MESSAGES + 1];
	uint64_t consumer[CONSUMERS]; /* its number; 0: none */
	bool is_no_ack[CONSUMERS];
	uint64_t newest[GROUPS]; /* that was given for the first time */
	uint32_t sent_n, consumers_n, gone_n, firsts_n;
	bool has_selectors;
};

static bool is_no_ack(const struct walk *w, uint64_t consumer)
{
	for (uint32_t i = 0; i < CONSUMERS; i++)
		if (w->consumer[i] == consumer)
			return w->is_no_ack[i];
	return false;
}

static void given(struct walk *w, const struct rig_fx *f)
{
	struct fate *x = &w->fate[f->number];
	must(x->state == QUEUED);
	for (uint32_t i = 1; x->group && i <= w->sent_n; i++)
		must_if(w->fate[i].state == HELD && w->fate[i].group == x->group,
			w->fate[i].consumer == f->run.arg);
	if (x->group && !w->has_selectors && !(f->deliver.flags & ENTRY_REDELIVERED)) {
		must(f->number > w->newest[x->group]);
		w->newest[x->group] = f->number;
	}
	w->firsts_n += (f->deliver.flags & ENTRY_FIRST) != 0;
	x->consumer = f->run.arg;
	x->pos = f->deliver.pos;
	x->state = is_no_ack(w, f->run.arg) ? GONE : HELD;
	w->gone_n += x->state == GONE;
}

static void see(struct rig *r, const struct rig_fx *f)
{
	if (f && f->run.kind == FX_DELIVER)
		given(r->see_arg, f);
}

static void send(struct walk *w)
{
	struct prng *dice = &w->dice;
	const uint64_t number = ++w->sent_n;
	struct fate *x = &w->fate[number];
	*x = (struct fate){ .state = QUEUED, .group = (uint8_t)prng_below(dice, GROUPS) };
	const struct publish_row row = {
		.mem = message(w->rig, number),
		.queue = Q,
		.expiry_ms = x->group ? expiry_in_group(0, x->group, prng_chance(dice, 1, 10)) : 0,
		.bytes = BYTES,
		.flags = prng_chance(dice, 1, 2) ? ENTRY_PERSISTENT : 0,
	};
	rig_admit(w->rig, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
}

static void come(struct walk *w)
{
	const uint32_t at = (uint32_t)prng_below(&w->dice, CONSUMERS);
	const uint32_t credit = prng_chance(&w->dice, 1, 4)
					? CREDIT_NO_LIMIT
					: (uint32_t)prng_between(&w->dice, 1, 4);
	if (w->consumer[at])
		return;
	w->consumer[at] = ++w->consumers_n;
	w->is_no_ack[at] = prng_chance(&w->dice, 1, 5);
	const uint8_t flags = w->is_no_ack[at] ? SUBSCRIBE_NO_ACK : 0;
	if (w->has_selectors && prng_chance(&w->dice, 1, 2))
		subscribe(w->rig, w->consumer[at], flags, credit,
			  prng_chance(&w->dice, 1, 2) ? "n % 2 = 0" : "n % 3 > 0");
	else
		rig_subscribe(w->rig, Q, w->consumer[at], flags, credit);
}

static void go(struct walk *w)
{
	const uint32_t at = (uint32_t)prng_below(&w->dice, CONSUMERS);
	if (!w->consumer[at])
		return;
	rig_give(w->rig);
	rig_do(w->rig, CMD_UNSUBSCRIBE, Q, w->consumer[at], 0);
	w->consumer[at] = 0;
}

static void settle_one(struct walk *w, uint32_t number, bool is_taken)
{
	struct fate *x = &w->fate[number];
	must(x->state == HELD);
	x->state = is_taken ? GONE : QUEUED;
	w->gone_n += is_taken;
	rig_settle(w->rig, Q, x->consumer, x->pos, is_taken ? SETTLE_ACCEPT : SETTLE_RELEASE);
}

static void settle(struct walk *w)
{
	const uint32_t from = (uint32_t)prng_below(&w->dice, MESSAGES);
	for (uint32_t i = from; i <= w->sent_n; i++)
		if (w->fate[i].state == HELD && prng_chance(&w->dice, 1, 2)) {
			settle_one(w, i, prng_chance(&w->dice, 3, 4));
			return;
		}
}

static void step(struct walk *w)
{
	const uint64_t die = prng_below(&w->dice, 100);
	if (die < 35 && w->sent_n < MESSAGES)
		send(w);
	else if (die < 40)
		come(w);
	else if (die < 42)
		go(w);
	else if (die < 90)
		settle(w);
	else if (die < 95)
		rig_commit(w->rig);
	else
		rig_give(w->rig);
	if (w->has_selectors)
		(void)read_all(w->rig);
	if (prng_chance(&w->dice, 1, 20))
		core_check(w->rig->core);
}

/* One more comes who wants everything. */
static void drain(struct walk *w)
{
	for (uint32_t i = 0; i < CONSUMERS; i++)
		if (w->consumer[i])
			rig_do(w->rig, CMD_UNSUBSCRIBE, Q, w->consumer[i], 0);
	memset(w->consumer, 0, sizeof w->consumer);
	for (uint32_t i = 1; i <= w->sent_n; i++)
		if (w->fate[i].state == HELD)
			settle_one(w, i, false);
	rig_subscribe(w->rig, Q, ++w->consumers_n, 0, CREDIT_NO_LIMIT);
	rig_commit(w->rig);
	for (uint32_t i = 1; i <= w->sent_n; i++)
		if (w->fate[i].state == HELD)
			settle_one(w, i, true);
	must(w->gone_n == w->sent_n && w->sent_n == MESSAGES);
}

static void walk(uint64_t seed, bool has_selectors)
{
	static struct walk w;
	w = (struct walk){ .rig = rig_with_queue(), .has_selectors = has_selectors };
	w.dice = prng_of(seed);
	w.rig->see = see;
	w.rig->see_arg = &w;
	for (uint32_t i = 0; i < 10u * MESSAGES || w.sent_n < MESSAGES; i++)
		step(&w);
	must(w.firsts_n > 50);
	drain(&w);
	rig_commit(w.rig);
	core_check(w.rig->core);
	rig_free(w.rig);
}

static void a_group_is_never_in_two_hands(void **s)
{
	(void)s;
	for (uint64_t seed = 1; seed <= 4; seed++)
		walk(seed, false);
}

static void nor_where_consumers_have_selectors(void **s)
{
	(void)s;
	for (uint64_t seed = 1; seed <= 4; seed++)
		walk(seed, true);
}

static void send_many(struct rig *r, uint64_t first, uint32_t n, uint32_t group)
{
	for (uint64_t number = first; number < first + n; number++) {
		const struct publish_row row = { .mem = message(r, number),
						 .queue = Q,
						 .expiry_ms = expiry_in_group(0, group, false),
						 .bytes = BYTES };
		rig_admit(r, rig_head(CMD_PUBLISH, 0, number), &row, sizeof row, 1);
	}
	rig_give(r);
}

static void count(struct rig *r, const struct rig_fx *f)
{
	*(uint32_t *)r->see_arg += f && f->run.kind == FX_DELIVER;
}

/* To find each of those costs more than all turns but the first few have. */
static void behind_many_that_wait_all_are_found(void **s)
{
	(void)s;
	struct rig *r = rig_with_queue();
	uint32_t given_n = 0;
	subscribe(r, 1, 0, 1, "n > 0");
	r->see = count;
	r->see_arg = &given_n;
	send_many(r, 1, 3001, 1);
	(void)read_all(r);
	must(given_n == 1);
	subscribe(r, 2, 0, CREDIT_NO_LIMIT, "n > 0");
	send_many(r, 3002, 300, 2);
	(void)read_all(r);
	must(given_n == 301);
	core_check(r->core);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_never_in_two_hands),
		cmocka_unit_test(nor_where_consumers_have_selectors),
		cmocka_unit_test(behind_many_that_wait_all_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
