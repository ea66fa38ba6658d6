#include "sim/lifetime.h"

#include "base/bits.h"
#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVES        4
#define STEPS_MAX    300
#define MESSAGES_MAX 4096u
#define HELD_MAX     1024u
#define PREFETCH     16
#define LENGTH_MAX   20u

enum { BRIEF, OWN, SHORT, FULL, DEAD, QUEUES };
static const char *const names[QUEUES] = { "brief", "own", "short", "full", "dead" };

struct message {
	uint64_t sent_ms, due_ms; /* due 0: never */
	uint8_t queue, came_n, died_n;
	bool is_persistent, is_confirmed, is_refused;
};

struct held {
	uint64_t tag;
	bool is_dead; /* a dead letter: it is not given back */
};

struct lifetime {
	struct stage stage; /* first */
	uint64_t brief_ms;
	uint32_t length;           /* of short and full */
	bool is_ready, is_resting; /* resting: nothing is published, everything is taken */
	bool is_consuming[2];      /* brief, own */
	bool is_getting;
	struct held held[HELD_MAX];
	uint32_t held_n;
	struct message message[MESSAGES_MAX];
};

static struct lifetime *lifetime_of(struct stage *s)
{
	return containerof(s, struct lifetime, stage);
}

static struct talk *talk_of(struct lifetime *l)
{
	return &l->stage.actor[0].talk;
}

/* ---- what the client says ----------------------------------------------------------------- */

static void declare(struct lifetime *l, uint32_t queue)
{
	uint8_t buf[256];
	struct wr w = wr_of(buf, sizeof buf);
	must(queue < QUEUES);
	if (queue == BRIEF)
		amqp091_put_int(&w, "x-message-ttl", (int64_t)l->brief_ms);
	if (queue == BRIEF || queue == OWN) {
		amqp091_put_str(&w, "x-dead-letter-exchange", SLICE_EMPTY);
		amqp091_put_str(&w, "x-dead-letter-routing-key", slice_str(names[DEAD]));
	}
	if (queue == SHORT || queue == FULL)
		amqp091_put_int(&w, "x-max-length", l->length);
	if (queue == FULL)
		amqp091_put_str(&w, "x-overflow", slice_str("reject-publish"));
	TALK(talk_of(l), 1, queue_declare, .queue = slice_str(names[queue]), .durable = true,
	     .arguments = wr_done(&w));
}

static void consume(struct lifetime *l, uint32_t queue)
{
	must(queue == DEAD || !l->is_consuming[queue]);
	actor_consume(l->stage.actor, names[queue], queue, false, SLICE_EMPTY);
	if (queue != DEAD)
		l->is_consuming[queue] = true;
}

static void cancel(struct lifetime *l, uint32_t queue)
{
	must(l->is_consuming[queue]);
	actor_cancel(l->stage.actor, queue);
	l->is_consuming[queue] = false;
}

/* What is not there yet is made, what is there is the same. */
static void enter(struct stage *s, struct actor *a)
{
	struct lifetime *l = lifetime_of(s);
	l->held_n = 0;
	l->is_ready = l->is_getting = l->is_consuming[BRIEF] = l->is_consuming[OWN] = false;
	for (uint32_t q = 0; q < QUEUES; q++)
		declare(l, q);
	TALK(&a->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	consume(l, DEAD);
	for (uint32_t q = BRIEF; q <= OWN && l->is_resting; q++)
		consume(l, q);
	must(talk_has_room(&a->talk, 1024));
}

/* When a message to `queue` with this property expires; 0: never. */
static uint64_t due_of(const struct lifetime *l, uint32_t queue, const char *expiration)
{
	uint64_t ttl_ms = expiration[0] ? strtoull(expiration, NULL, 10) : UINT64_MAX;
	if (queue == BRIEF)
		ttl_ms = min_u64(ttl_ms, l->brief_ms);
	must(queue < QUEUES);
	return ttl_ms == UINT64_MAX ? 0 : l->stage.host.now_ms + ttl_ms;
}

static void publish(struct lifetime *l)
{
	char expiration[24] = "";
	struct stage *s = &l->stage;
	uint32_t queue = (uint32_t)prng_below(&s->prng, DEAD);
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode };
	props.delivery_mode = prng_chance(&s->prng, 2, 3) ? 2 : 1;
	if (queue <= OWN && prng_chance(&s->prng, 1, 2)) {
		snprintf(expiration, sizeof expiration, "%u", (unsigned)prng_below(&s->prng, 60));
		props.flags |= AMQP091_HAS_expiration;
		props.expiration = slice_str(expiration);
	}
	uint32_t bytes = (uint32_t)prng_between(&s->prng, 4, 400);
	if (s->sent_n + 1 == MESSAGES_MAX ||
	    !stage_publish(s, s->actor, "", names[queue], &props, bytes))
		return;
	l->message[s->sent_n] = (struct message){ .sent_ms = s->host.now_ms,
						  .due_ms = due_of(l, queue, expiration),
						  .queue = (uint8_t)queue,
						  .is_persistent = props.delivery_mode == 2 };
}

static void settle(struct lifetime *l)
{
	uint32_t i = (uint32_t)prng_below(&l->stage.prng, l->held_n);
	if (!talk_has_room(talk_of(l), 64))
		return;
	if (l->is_resting || l->held[i].is_dead || prng_chance(&l->stage.prng, 1, 2))
		TALK(talk_of(l), 1, basic_ack, .delivery_tag = l->held[i].tag);
	else
		TALK(talk_of(l), 1, basic_nack, .delivery_tag = l->held[i].tag, .requeue = true);
	l->held[i] = l->held[--l->held_n];
}

/* Something else than publishing and settling. */
static void look_around(struct lifetime *l)
{
	uint32_t q = (uint32_t)prng_below(&l->stage.prng, 2);
	if (!talk_has_room(talk_of(l), 256))
		return;
	switch (prng_below(&l->stage.prng, 4)) {
	case 0:
		if (l->is_consuming[q])
			cancel(l, q);
		else
			consume(l, q);
		break;
	case 1:
		TALK(talk_of(l), 1, queue_declare, .queue = slice_str(names[SHORT + q]),
		     .passive = true);
		break;
	default:
		must(q <= 1);
		if (!l->is_getting)
			TALK(talk_of(l), 1, basic_get, .queue = slice_str(names[SHORT + q]),
			     .no_ack = true);
		l->is_getting = true;
	}
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	struct message *m = &lifetime_of(s)->message[number];
	m->is_confirmed = !is_refused;
	m->is_refused = is_refused;
}

static void counted(struct lifetime *l, const struct amqp091_queue_declare_ok *m)
{
	bool is_bounded = slice_eq(m->queue, slice_str(names[SHORT])) ||
			  slice_eq(m->queue, slice_str(names[FULL]));
	must(l->length > 0);
	if (is_bounded && m->message_count > l->length)
		stage_wrong(&l->stage, "a queue has %u messages, more than %u", m->message_count,
			    l->length);
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct lifetime *l = lifetime_of(s);
	must(a == s->actor);
	switch (m->kind) {
	case AMQP091_basic_consume_ok: l->is_ready = true; break;
	case AMQP091_queue_declare_ok: counted(l, &m->queue_declare_ok); break;
	case AMQP091_basic_get_empty: l->is_getting = false; break;
	default: break;
	}
}

static void judge_dead(struct lifetime *l, uint32_t number)
{
	struct message *m = &l->message[number];
	uint64_t now = l->stage.host.now_ms;
	m->died_n++;
	if (!m->due_ms || now < m->due_ms)
		stage_wrong(&l->stage, "message %u died at %llu, due at %llu", number,
			    (unsigned long long)now, (unsigned long long)m->due_ms);
}

static void judge_alive(struct lifetime *l, uint32_t number)
{
	struct message *m = &l->message[number];
	uint64_t now = l->stage.host.now_ms;
	bool is_at_once = m->due_ms == m->sent_ms && now == m->due_ms;
	m->came_n++;
	if (m->due_ms && now >= m->due_ms && !is_at_once)
		stage_wrong(&l->stage, "message %u came at %llu, but was due at %llu", number,
			    (unsigned long long)now, (unsigned long long)m->due_ms);
}

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct lifetime *l = lifetime_of(s);
	bool is_fetched = x->consumer == STAGE_FETCHED, is_dead = x->consumer == DEAD;
	must(a == s->actor && l->held_n < HELD_MAX);
	if (l->message[x->number].is_refused)
		stage_wrong(s, "message %u came though it was refused", x->number);
	if (is_dead)
		judge_dead(l, x->number);
	else
		judge_alive(l, x->number);
	if (is_fetched)
		l->is_getting = false;
	else
		l->held[l->held_n++] = (struct held){ x->tag, is_dead };
}

/* ---- one life ----------------------------------------------------------------------------- */

static void act(struct lifetime *l)
{
	if (l->is_ready && !l->is_resting)
		for (uint64_t n = prng_below(&l->stage.prng, 12); n > 0; n--)
			publish(l);
	while (l->held_n > 0 &&
	       prng_chance(&l->stage.prng, l->is_resting ? 1 : 3, l->is_resting ? 1 : 4))
		settle(l);
	if (l->is_ready && !l->is_resting && prng_chance(&l->stage.prng, 1, 3))
		look_around(l);
}

/* Some of what has begun goes on, or all of it, and then time passes. */
static void step(struct lifetime *l)
{
	struct stage *s = &l->stage;
	act(l);
	stage_mix(s, prng_below(&s->prng, 30));
	if (prng_chance(&s->prng, 1, 2))
		return;
	stage_rest(s);
	host_pass(&s->host, prng_between(&s->prng, 1, 8));
}

static void fight(struct stage *s)
{
	struct lifetime *l = lifetime_of(s);
	uint64_t n = prng_between(&s->prng, 20, STEPS_MAX);
	if (!stage_begin(s))
		return;
	while (n-- > 0 && !stage_is_wrong(s))
		step(l);
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct lifetime *l)
{
	struct stage *s = &l->stage;
	uint32_t lost = 0, confirmed_n = 0, died_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *m = &l->message[i];
		confirmed_n += m->is_confirmed;
		died_n += m->died_n > 0;
		if (m->queue <= OWN && m->is_confirmed && m->is_persistent)
			lost += m->came_n == 0 && m->died_n == 0;
	}
	if (lost)
		stage_wrong(s, "%u of %u messages were neither given nor dead", lost, confirmed_n);
	story_mix(s->story, s->own.hash ^ confirmed_n ^ (uint64_t)died_n << 32);
}

/* Everything is taken or expires, and the broker stops. */
static void rest(struct stage *s)
{
	struct lifetime *l = lifetime_of(s);
	l->is_resting = true;
	if (!stage_begin(s))
		return;
	for (uint32_t i = 0; (i < 40 || l->held_n > 0) && !stage_is_wrong(s); i++) {
		act(l);
		stage_rest(s);
		host_pass(&s->host, 4);
	}
	compare(l);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct lifetime *l = lifetime_of(s);
	l->brief_ms = prng_below(&s->prng, 40);
	l->length = (uint32_t)prng_between(&s->prng, 1, LENGTH_MAX);
}

void lifetime_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "what expires",
			.actors_n = 1,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
		},
		.bytes = sizeof(struct lifetime),
		.salt = 0x71fe,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = rest,
		.keeps_loops = true,
	};
	stage_play(&script, story, seed);
}
