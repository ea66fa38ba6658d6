#include "sim/deal.h"

#include "base/bits.h"
#include "base/text.h"
#include "sim/host.h"
#include "sim/talk.h"

#include <stdlib.h>

#define LIVES     5
#define STEPS_MAX 2500
#define WALK_MAX  400000 /* steps until everything has come to rest */
#define CLIENTS   3
#define QUEUES    6
#define COINS     60u
#define DEALS_MAX 1024u
#define BODY_BIG  100000u /* two of them are more than a record */

enum what { ASKS, DEALS, WAITS_FOR_COINS };

struct dealer {
	struct talk talk;
	enum what what;
	bool is_ready, is_coming; /* a content comes */
	uint32_t deal;            /* the one that is being committed or rolled back */
	uint32_t number;          /* what comes */
	uint64_t tag, body_left;
	uint8_t body[BODY_BIG]; /* what is said */
};

struct deal {
	uint32_t queues, coin; /* queues: a bit for each */
	bool is_committed, is_rolled_back;
};

struct table {
	struct story own; /* of the host: its faults are none of the run's */
	struct story *story;
	struct prng prng;
	struct host host;
	struct dealer dealer[CLIENTS];
	bool is_walking, is_minted, is_taken;
	uint32_t deals_n, queue; /* queue: from which everything is being taken */
	struct deal deal[DEALS_MAX];
	uint8_t came[QUEUES][DEALS_MAX];
	uint8_t coin[COINS + 1];
};

static const char *queue_name(uint32_t q)
{
	static const char *const names[QUEUES + 1] = { "a", "b", "c", "d", "e", "f", "coins" };
	must(q <= QUEUES);
	return names[q];
}

/* ---- what is said ------------------------------------------------------------------------- */

static void say_bare(struct dealer *d, enum amqp091_method_kind kind)
{
	const struct amqp091_method m = { .kind = kind };
	must(kind >= AMQP091_tx_select);
	talk_say(&d->talk, 1, &m);
}

static void publish(struct dealer *d, uint32_t queue, uint32_t number, uint32_t bytes)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	store_be32(d->body, number);
	TALK(&d->talk, 1, basic_publish, .routing_key = slice_str(queue_name(queue)));
	talk_content(&d->talk, &props, slice_of(d->body, bytes));
}

static void set_up(struct table *t, struct dealer *d)
{
	for (uint32_t q = 0; q <= QUEUES; q++)
		TALK(&d->talk, 1, queue_declare, .queue = slice_str(queue_name(q)),
		     .durable = true);
	if (!t->is_walking)
		say_bare(d, AMQP091_tx_select);
	if (t->is_minted || t->is_walking || d != t->dealer)
		return;
	for (uint32_t i = 1; i <= COINS; i++)
		publish(d, QUEUES, i, 8);
	say_bare(d, AMQP091_tx_commit);
}

static void ask(struct table *t, struct dealer *d)
{
	uint32_t q = t->is_walking ? t->queue : QUEUES;
	must(d->what == ASKS && talk_has_room(&d->talk, 128));
	TALK(&d->talk, 1, basic_get, .queue = slice_str(queue_name(q)), .no_ack = t->is_walking);
	d->what = DEALS;
}

/* All of it in one breath. */
static void deal(struct table *t, struct dealer *d, uint32_t coin)
{
	struct deal *x = &t->deal[t->deals_n];
	if (t->deals_n + 1 >= DEALS_MAX || coin == 0 || coin > COINS)
		return;
	d->deal = t->deals_n++;
	*x = (struct deal){ .queues = (uint32_t)prng_between(&t->prng, 1, (1 << QUEUES) - 1),
			    .coin = coin };
	bool is_big = prng_chance(&t->prng, 1, 10);
	if (is_big)
		x->queues = 3u << prng_below(&t->prng, QUEUES - 1);
	for (uint32_t q = 0; q < QUEUES; q++)
		if (x->queues >> q & 1)
			publish(d, q, d->deal,
				is_big ? BODY_BIG : (uint32_t)prng_between(&t->prng, 4, 300));
	TALK(&d->talk, 1, basic_ack, .delivery_tag = d->tag);
	x->is_rolled_back = prng_chance(&t->prng, 1, 10);
	if (x->is_rolled_back) {
		say_bare(d, AMQP091_tx_rollback);
		TALK(&d->talk, 1, basic_reject, .delivery_tag = d->tag, .requeue = true);
		say_bare(d, AMQP091_tx_commit);
	} else {
		say_bare(d, AMQP091_tx_commit);
	}
}

/* ---- what is heard ------------------------------------------------------------------------ */

static void came(struct table *t, struct dealer *d, uint32_t number)
{
	if (!t->is_walking) {
		deal(t, d, number);
		return;
	}
	if (t->queue == QUEUES && number >= 1 && number <= COINS)
		t->coin[number]++;
	else if (t->queue < QUEUES && number < t->deals_n)
		t->came[t->queue][number]++;
	else
		story_wrong(t->story, "something came that nobody has sent");
	d->what = ASKS;
}

static void committed(struct table *t, struct dealer *d)
{
	if (d == t->dealer && !t->is_minted) {
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

static void heard(struct table *t, struct dealer *d, const struct amqp091_method *m)
{
	switch (m->kind) {
	case AMQP091_tx_select_ok: d->is_ready = t->is_minted; break;
	case AMQP091_queue_declare_ok:
		d->is_ready |= t->is_walking && m->queue_declare_ok.queue.n > 1;
		break;
	case AMQP091_basic_get_ok: d->tag = m->basic_get_ok.delivery_tag; break;
	case AMQP091_basic_get_empty: empty(t, d); break;
	case AMQP091_tx_commit_ok: committed(t, d); break;
	case AMQP091_channel_close:
	case AMQP091_connection_close: story_wrong(t->story, "the broker closes what deals"); break;
	default: break;
	}
}

static void frame(struct table *t, struct dealer *d, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	struct amqp091_header h;
	enum err e = ERR_OK;
	if (f->type == AMQP091_FRAME_METHOD) {
		e = amqp091_method_decode(f->payload, &m);
		if (e == ERR_OK)
			heard(t, d, &m);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		e = amqp091_header_decode(f->payload, &h);
		must(e == ERR_OK && h.body_bytes >= 4);
		d->body_left = h.body_bytes;
		d->is_coming = true;
	} else if (f->type == AMQP091_FRAME_BODY) {
		must(f->payload.n <= d->body_left);
		d->body_left -= f->payload.n;
		if (d->is_coming)
			d->number = load_be32(f->payload.p);
		d->is_coming = false;
		if (d->body_left == 0)
			came(t, d, d->number);
	}
	must(e == ERR_OK);
}

static bool exchange(struct table *t, struct dealer *d)
{
	struct amqp091_frame f;
	bool is_end = false;
	bool is_any = talk_exchange(&d->talk, &t->host.socks, &is_end);
	while (!t->story->is_wrong && talk_next(&d->talk, &f))
		frame(t, d, &f);
	if (is_end)
		story_wrong(t->story, "the broker hangs up on who deals");
	return is_any;
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool begin(struct table *t)
{
	char room[256];
	struct text why = text_of(room, sizeof room);
	struct host *h = &t->host;
	if (sim_disk_is_dead(h->disk))
		sim_disk_restart(h->disk);
	if (host_start(h, &why) != ERR_OK) {
		story_wrong(t->story, "no start after transactions: %s", room);
		return false;
	}
	for (uint32_t i = 0; i < (t->is_walking ? 1 : CLIENTS); i++) {
		struct dealer *d = &t->dealer[i];
		struct sock *s = sock_connect(&h->socks,
					      (uint32_t)prng_below(&t->prng, h->loops_n));
		must(s != NULL);
		d->what = ASKS;
		d->is_ready = d->is_coming = false;
		talk_begin(&d->talk, s);
		set_up(t, d);
	}
	return true;
}

/* One of the broker's threads takes a turn, if any would. */
static bool broker_step(struct table *t)
{
	struct host *h = &t->host;
	uint64_t who = host_runnable(h);
	if (who == 0)
		return false;
	for (uint64_t nth = prng_below(&t->prng, bits_count(&who, 64)); nth > 0; nth--)
		who &= who - 1;
	host_step(h, bits_lowest(who));
	if (h->died != ERR_OK)
		story_wrong(t->story, "the broker ends itself among transactions");
	return true;
}

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct table *t)
{
	struct dealer *d = &t->dealer[t->is_walking ? 0 : prng_below(&t->prng, CLIENTS)];
	if (prng_chance(&t->prng, 3, 4) && broker_step(t))
		return true;
	bool is_asking = d->is_ready && d->what == ASKS && !t->is_taken &&
			 talk_has_room(&d->talk, 1024);
	if (is_asking)
		ask(t, d);
	if (d->what == WAITS_FOR_COINS && prng_chance(&t->prng, 1, 20))
		d->what = ASKS;
	bool is_any = host_runnable(&t->host) != 0;
	return exchange(t, d) || is_asking || is_any || !t->is_walking;
}

static void drop(struct table *t)
{
	for (uint32_t i = 0; i < (t->is_walking ? 1 : CLIENTS); i++)
		sock_drop(t->dealer[i].talk.sock, true);
}

static void fight(struct table *t)
{
	struct host *h = &t->host;
	uint64_t n = prng_between(&t->prng, 100, STEPS_MAX);
	if (!begin(t))
		return;
	while ((n-- > 0 || !t->is_minted) && !t->story->is_wrong)
		if (!step(t) || prng_chance(&t->prng, 1, 50))
			host_pass(h, 1);
	bool is_power = prng_chance(&t->prng, 1, 2);
	host_forget(h);
	drop(t);
	if (is_power)
		sim_disk_crash(h->disk);
	else
		sim_disk_kill(h->disk);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void look(struct table *t, uint32_t i, uint8_t coins[])
{
	const struct deal *x = &t->deal[i];
	uint32_t there = 0;
	for (uint32_t q = 0; q < QUEUES; q++) {
		there |= (uint32_t)(t->came[q][i] > 0) << q;
		if (t->came[q][i] > 1)
			story_wrong(t->story, "deal %u came twice", i);
	}
	coins[x->coin] = (uint8_t)(coins[x->coin] + (there != 0));
	if (there != 0 && there != x->queues)
		story_wrong(t->story, "deal %u is in queues %x of %x", i, there, x->queues);
	if (x->is_committed && there == 0)
		story_wrong(t->story, "deal %u was committed and is not there", i);
	if (x->is_rolled_back && there != 0)
		story_wrong(t->story, "deal %u was rolled back and is there", i);
}

static void compare(struct table *t)
{
	uint8_t coins[COINS + 1] = { 0 };
	uint32_t committed_n = 0;
	for (uint32_t i = 0; i < t->deals_n; i++) {
		look(t, i, coins);
		committed_n += t->deal[i].is_committed;
	}
	for (uint32_t i = 1; t->is_minted && i <= COINS; i++)
		if (coins[i] + t->coin[i] != 1)
			story_wrong(t->story, "coin %u is there %u times, and became %u deals", i,
				    t->coin[i], coins[i]);
	story_mix(t->story, t->own.hash ^ committed_n);
}

/* Everything is taken, and the broker stops. */
static void walk(struct table *t)
{
	struct host *h = &t->host;
	uint32_t n = 0;
	t->is_walking = true;
	if (!begin(t))
		return;
	while ((step(t) || !host_is_idle(h) || !t->is_taken) && !t->story->is_wrong)
		if (++n == WALK_MAX)
			story_wrong(t->story, "transactions do not come to rest");
	compare(t);
	drop(t);
	host_stop(h);
	for (n = 0; !host_is_stopped(h) && !t->story->is_wrong;) {
		if (!broker_step(t))
			host_pass(h, 1);
		if (++n == WALK_MAX)
			story_wrong(t->story, "no stop after transactions");
	}
	if (!t->story->is_wrong && host_close(h) != 0)
		story_wrong(t->story, "transactions have left memory behind");
}

void deal_play(struct story *story, uint64_t seed)
{
	struct table *t = calloc(1, sizeof *t);
	must(t != NULL);
	t->story = story;
	t->prng = prng_of(seed ^ 0xdea1);
	story_init(&t->own, false);
	const struct host_setup s = {
		.loops_n = (uint32_t)prng_between(&t->prng, 1, HOST_LOOPS_MAX),
		.pipe_bytes = (uint32_t)prng_between(&t->prng, 64, 65536),
		.segment_bytes = 4 * LIMIT_RECORD_BYTES_MAX,
		.checkpoint_every_bytes = 8 * LIMIT_RECORD_BYTES_MAX,
		.cache_bytes = prng_between(&t->prng, 0, 65536),
		.disk_free_bytes = 1 << 20,
		.output_bytes = 65536,
		.unconfirmed_bytes = 1 << 20,
		.frame_max = TALK_FRAME_MAX,
	};
	host_init(&t->host, &t->own, seed, &s);
	for (int life = 0; life < LIVES && !story->is_wrong; life++) {
		fight(t);
		t->host.loops_n = (uint32_t)prng_between(&t->prng, 1, HOST_LOOPS_MAX);
	}
	if (!story->is_wrong)
		walk(t);
	host_fini(&t->host);
	free(t);
}
