#include "sim/deal.h"

#include "base/list.h"
#include "sim/stage.h"

#define LIVES       5
#define STEPS_MAX   2500
#define CLIENTS     3
#define QUEUES      6
#define COINS       60u
#define NUMBERS_MAX 1024u
#define BODY_BIG    100000u /* two of them are more than a record */

enum what { ASKS, DEALS, WAITS_FOR_COINS };

struct dealer {
	enum what what;
	bool is_ready;
	uint32_t deal; /* the one that is being committed or rolled back */
	uint64_t tag;  /* of its coin */
};

/* A deal has a number, as coins have theirs: first come the coins. */
struct deal {
	uint32_t queues, coin; /* queues: a bit for each */
	bool is_committed, is_rolled_back;
};

struct table {
	struct stage stage; /* first */
	struct dealer dealer[CLIENTS];
	bool is_walking, is_minted, is_taken;
	uint32_t queue; /* from which everything is being taken */
	struct deal deal[NUMBERS_MAX];
	uint8_t came[QUEUES][NUMBERS_MAX];
	uint8_t coin[COINS + 1];
};

static const char *queue_name(uint32_t q)
{
	static const char *const names[QUEUES + 1] = { "a", "b", "c", "d", "e", "f", "coins" };
	must(q <= QUEUES);
	return names[q];
}

static struct table *table_of(struct stage *s)
{
	return containerof(s, struct table, stage);
}

/* ---- what is said ------------------------------------------------------------------------- */

static void say_bare(struct actor *a, enum amqp091_method_kind kind)
{
	const struct amqp091_method m = { .kind = kind };
	must(kind >= AMQP091_tx_select);
	talk_say(&a->talk, 1, &m);
}

/* The copies of a deal have one number. */
static void publish(struct table *t, struct actor *a, uint32_t queue, uint32_t number,
		    uint32_t bytes)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	stage_copy(&t->stage, a, "", queue_name(queue), &props, number, bytes);
}

static void enter(struct stage *s, struct actor *a)
{
	struct table *t = table_of(s);
	t->dealer[a->index] = (struct dealer){ 0 };
	for (uint32_t q = 0; q <= QUEUES; q++)
		TALK(&a->talk, 1, queue_declare, .queue = slice_str(queue_name(q)),
		     .durable = true);
	if (!t->is_walking)
		say_bare(a, AMQP091_tx_select);
	if (t->is_minted || t->is_walking || a->index > 0)
		return;
	for (s->sent_n = 0; s->sent_n < COINS;)
		publish(t, a, QUEUES, ++s->sent_n, 8);
	say_bare(a, AMQP091_tx_commit);
}

static void ask(struct table *t, struct actor *a)
{
	struct dealer *d = &t->dealer[a->index];
	uint32_t q = t->is_walking ? t->queue : QUEUES;
	must(d->what == ASKS && talk_has_room(&a->talk, 128));
	TALK(&a->talk, 1, basic_get, .queue = slice_str(queue_name(q)), .no_ack = t->is_walking);
	d->what = DEALS;
}

/* All of it in one breath. */
static void deal(struct table *t, struct actor *a, uint32_t coin)
{
	struct stage *s = &t->stage;
	struct dealer *d = &t->dealer[a->index];
	if (s->sent_n + 1 >= NUMBERS_MAX || coin > COINS)
		return;
	d->deal = ++s->sent_n;
	struct deal *x = &t->deal[d->deal];
	*x = (struct deal){ .queues = (uint32_t)prng_between(&s->prng, 1, (1 << QUEUES) - 1),
			    .coin = coin };
	bool is_big = prng_chance(&s->prng, 1, 10);
	if (is_big)
		x->queues = 3u << prng_below(&s->prng, QUEUES - 1);
	for (uint32_t q = 0; q < QUEUES; q++)
		if (x->queues >> q & 1)
			publish(t, a, q, d->deal,
				is_big ? BODY_BIG : (uint32_t)prng_between(&s->prng, 4, 300));
	TALK(&a->talk, 1, basic_ack, .delivery_tag = d->tag);
	x->is_rolled_back = prng_chance(&s->prng, 1, 10);
	if (x->is_rolled_back) {
		say_bare(a, AMQP091_tx_rollback);
		TALK(&a->talk, 1, basic_reject, .delivery_tag = d->tag, .requeue = true);
	}
	say_bare(a, AMQP091_tx_commit);
}

/* ---- what is heard ------------------------------------------------------------------------ */

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct table *t = table_of(s);
	struct dealer *d = &t->dealer[a->index];
	d->tag = x->tag;
	if (!t->is_walking) {
		deal(t, a, x->number);
		return;
	}
	if ((t->queue == QUEUES) != (x->number <= COINS))
		stage_wrong(s, "message %u came from a queue that it is not for", x->number);
	else if (t->queue == QUEUES)
		t->coin[x->number]++;
	else
		t->came[t->queue][x->number]++;
	d->what = ASKS;
}

static void committed(struct table *t, struct actor *a)
{
	struct dealer *d = &t->dealer[a->index];
	if (a->index == 0 && !t->is_minted) {
		t->is_minted = d->is_ready = true;
		return;
	}
	t->deal[d->deal].is_committed = !t->deal[d->deal].is_rolled_back;
	d->what = ASKS;
}

static void empty(struct table *t, struct dealer *d)
{
	d->what = t->is_walking ? ASKS : WAITS_FOR_COINS;
	if (!t->is_walking)
		return;
	t->is_taken = t->queue == QUEUES;
	t->queue += !t->is_taken;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct table *t = table_of(s);
	struct dealer *d = &t->dealer[a->index];
	switch (m->kind) {
	case AMQP091_tx_select_ok: d->is_ready = t->is_minted; break;
	case AMQP091_queue_declare_ok:
		d->is_ready |= t->is_walking && m->queue_declare_ok.queue.n > 1;
		break;
	case AMQP091_basic_get_empty: empty(t, d); break;
	case AMQP091_tx_commit_ok: committed(t, a); break;
	default: break;
	}
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool may_ask(const struct table *t, const struct actor *a)
{
	const struct dealer *d = &t->dealer[a->index];
	return d->is_ready && d->what == ASKS && !t->is_taken && talk_has_room(&a->talk, 1024);
}

/* Somebody does something. */
static void step(struct table *t)
{
	struct stage *s = &t->stage;
	struct actor *a = &s->actor[prng_below(&s->prng, CLIENTS)];
	struct dealer *d = &t->dealer[a->index];
	if (prng_chance(&s->prng, 3, 4) && stage_broker(s))
		return;
	if (may_ask(t, a))
		ask(t, a);
	if (d->what == WAITS_FOR_COINS && prng_chance(&s->prng, 1, 20))
		d->what = ASKS;
	(void)stage_talk(s, a);
}

static void fight(struct stage *s)
{
	struct table *t = table_of(s);
	uint64_t least = prng_between(&s->prng, 100, STEPS_MAX);
	if (!stage_begin(s))
		return;
	for (uint64_t n = 0; (n < least || !t->is_minted) && !stage_is_wrong(s); n++) {
		if (n == least + STAGE_REST_MAX)
			stage_wrong(s, "the coins are not there, and nobody is answered");
		step(t);
		if (prng_chance(&s->prng, 1, 50))
			host_pass(&s->host, 1);
	}
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void look(struct table *t, uint32_t i, uint8_t coins[])
{
	const struct deal *x = &t->deal[i];
	uint32_t there = 0;
	for (uint32_t q = 0; q < QUEUES; q++) {
		there |= (uint32_t)(t->came[q][i] > 0) << q;
		if (t->came[q][i] > 1)
			stage_wrong(&t->stage, "deal %u came twice", i);
	}
	coins[x->coin] = (uint8_t)(coins[x->coin] + (there != 0));
	if (there != 0 && there != x->queues)
		stage_wrong(&t->stage, "deal %u is torn: in queues %x of %x", i, there, x->queues);
	if (x->is_committed && there == 0)
		stage_wrong(&t->stage, "deal %u was committed and is not there", i);
	if (x->is_rolled_back && there != 0)
		stage_wrong(&t->stage, "deal %u was rolled back and is there", i);
}

static void compare(struct table *t)
{
	struct stage *s = &t->stage;
	uint8_t coins[COINS + 1] = { 0 };
	uint32_t committed_n = 0;
	for (uint32_t i = COINS + 1; i <= s->sent_n; i++) {
		look(t, i, coins);
		committed_n += t->deal[i].is_committed;
	}
	for (uint32_t i = 1; t->is_minted && i <= COINS; i++)
		if (coins[i] + t->coin[i] != 1)
			stage_wrong(s, "coin %u is torn: there %u times, and became %u deals", i,
				    t->coin[i], coins[i]);
	story_mix(s->story, s->own.hash ^ committed_n);
}

/* Everything is taken, and the broker stops. */
static void walk(struct stage *s)
{
	struct table *t = table_of(s);
	t->is_walking = true;
	s->actors_n = 1;
	if (!stage_begin(s))
		return;
	for (stage_rest(s); may_ask(t, s->actor) && !stage_is_wrong(s); stage_rest(s))
		ask(t, s->actor);
	if (!t->is_taken)
		stage_wrong(s, "not everything can be taken");
	compare(t);
	stage_close(s);
}

void deal_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "transactions",
			.actors_n = CLIENTS,
			.enter = enter,
			.heard = heard,
			.came = came,
		},
		.bytes = sizeof(struct table),
		.salt = 0xdea1,
		.lives_n = LIVES,
		.live = fight,
		.end = walk,
	};
	stage_play(&script, story, seed);
}
