#include "sim/patience.h"

#include "base/bits.h"
#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#define LIVES        4
#define STEPS_MAX    150
#define MESSAGES_MAX 1500u
#define HELD_MAX     MESSAGES_MAX
#define REST_MIN     60                        /* steps */
#define REST_MAX     (MESSAGES_MAX + REST_MIN) /* each takes a message at least */
#define PREFETCH     4                         /* of slow's consumers */
#define LOOKS        8u /* of the broker at who holds what, in the time of a timeout */
#define PASS_MAX     6u /* ms at once */

enum { MAKER, IDLER_ONE, IDLER_TWO, CLIENTS };
enum { AGAIN, DEAD, SLOW, QUEUES };
enum { WAITS_ALL, WAITS_FAILED, WAITS_RETURNED };

static const char *const names[QUEUES] = { "again", "dead", "slow" };
static const char *const types[] = { "all", "failed", "returned" };

struct message {
	uint64_t back_ms; /* when it was given back, in this life; 0: it was not, or is here */
	uint32_t died_n;
	uint32_t failed_n; /* times that it was rejected */
	uint32_t known_n;  /* of these, those that the log must have */
	uint32_t back_n;   /* times that it was given back and had not failed */
	uint32_t told_n;   /* of these, those that it said when it came the last time */
	bool is_failure;   /* the last time it was rejected, not returned */
	bool is_slow, is_persistent, is_confirmed, is_seen;
};

struct held {
	uint64_t tag, since_ms;
	uint32_t number, consumer;
};

struct hand {
	struct held held[HELD_MAX];
	uint32_t held_n;
	uint32_t consumer;  /* of slow; 0: none */
	uint64_t oldest_ms; /* since when it held what it held at the last rest */
};

struct patience {
	struct stage stage; /* first */
	uint32_t type, limit, min_ms, max_ms, timeout_ms;
	bool is_ready, is_resting; /* resting: nothing is published, everything is taken */
	uint32_t consumers_n, cancelled_n;
	struct hand hand[CLIENTS];
	struct message message[MESSAGES_MAX];
};

static struct patience *patience_of(struct stage *s)
{
	return containerof(s, struct patience, stage);
}

/* ---- what clients say --------------------------------------------------------------------- */

static void declare_again(struct patience *p, struct actor *a)
{
	uint8_t buf[300];
	struct wr w = wr_of(buf, sizeof buf);
	amqp091_put_str(&w, "x-queue-type", slice_str("quorum"));
	amqp091_put_str(&w, "x-dead-letter-exchange", SLICE_EMPTY);
	amqp091_put_str(&w, "x-dead-letter-routing-key", slice_str(names[DEAD]));
	amqp091_put_int(&w, "x-delivery-limit", p->limit);
	amqp091_put_str(&w, "x-delayed-retry-type", slice_str(types[p->type]));
	amqp091_put_int(&w, "x-delayed-retry-min", p->min_ms);
	amqp091_put_int(&w, "x-delayed-retry-max", p->max_ms);
	must(wr_ok(&w));
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[AGAIN]), .durable = true,
	     .arguments = wr_done(&w));
}

static void declare_slow(struct patience *p, struct actor *a)
{
	uint8_t buf[100];
	struct wr w = wr_of(buf, sizeof buf);
	amqp091_put_int(&w, "x-consumer-timeout", p->timeout_ms);
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[SLOW]), .durable = true,
	     .arguments = wr_done(&w));
}

static void enter(struct stage *s, struct actor *a)
{
	struct patience *p = patience_of(s);
	p->hand[a->index].held_n = p->hand[a->index].consumer = 0;
	p->hand[a->index].oldest_ms = s->host.now_ms;
	declare_again(p, a);
	declare_slow(p, a);
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[DEAD]), .durable = true);
	if (a->index == MAKER) {
		p->is_ready = false;
		TALK(&a->talk, 1, confirm_select, .nowait = false);
		actor_consume(a, names[AGAIN], AGAIN, false, SLICE_EMPTY);
		actor_consume(a, names[DEAD], DEAD, false, SLICE_EMPTY);
	} else {
		TALK(&a->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	}
}

static void publish(struct patience *p)
{
	struct stage *s = &p->stage;
	bool is_slow = prng_chance(&s->prng, 1, 3);
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode };
	props.delivery_mode = prng_chance(&s->prng, 4, 5) ? 2 : 1;
	uint32_t bytes = (uint32_t)prng_between(&s->prng, 4, 200);
	if (s->sent_n + 1 >= MESSAGES_MAX ||
	    !stage_publish(s, &s->actor[MAKER], "", names[is_slow ? SLOW : AGAIN], &props, bytes))
		return;
	p->message[s->sent_n] = (struct message){ .is_slow = is_slow,
						  .is_persistent = props.delivery_mode == 2 };
}

/* Something that is held is acknowledged, rejected or returned. */
static void settle(struct patience *p, uint32_t who)
{
	struct stage *s = &p->stage;
	struct hand *h = &p->hand[who];
	struct talk *t = &s->actor[who].talk;
	uint32_t i = (uint32_t)prng_below(&s->prng, h->held_n);
	struct message *m = &p->message[h->held[i].number];
	bool is_again = h->held[i].consumer == AGAIN && who == MAKER;
	uint32_t how = is_again && !p->is_resting ? (uint32_t)prng_below(&s->prng, 4) : 0;
	if (!talk_has_room(t, 64))
		return;
	if (how == 0) {
		TALK(t, 1, basic_ack, .delivery_tag = h->held[i].tag);
	} else if (how == 1) {
		TALK(t, 1, basic_nack, .delivery_tag = h->held[i].tag, .requeue = true);
	} else {
		TALK(t, 1, basic_reject, .delivery_tag = h->held[i].tag, .requeue = true);
		m->failed_n++;
	}
	m->back_n += how == 1;
	m->is_failure = how > 1;
	m->back_ms = how ? s->host.now_ms : 0;
	h->held[i] = h->held[--h->held_n];
}

/* ---- what they hear ----------------------------------------------------------------------- */

static bool does_wait(const struct patience *p, const struct message *m)
{
	return p->type == WAITS_ALL || (p->type == WAITS_FAILED) == m->is_failure;
}

/* It says how often it came back unharmed; a crash may have forgotten what has not come again. */
static void judge_told(struct patience *p, uint32_t number, uint32_t told_n)
{
	struct message *m = &p->message[number];
	const uint32_t min_n = m->told_n + (m->back_ms && !m->is_failure);
	must(min_n <= m->back_n);
	if (told_n < min_n || told_n > m->back_n)
		stage_wrong(&p->stage, "message %u came back %u times unharmed, and says %u",
			    number, m->back_n, told_n);
	m->told_n = told_n;
}

/* It comes again: so the log has what was in vain, and it has waited. */
static void judge_again(struct patience *p, const struct arrival *x)
{
	const uint32_t number = x->number;
	struct message *m = &p->message[number];
	uint64_t now = p->stage.host.now_ms;
	must(!m->is_slow);
	judge_told(p, number, x->returned);
	if (!m->back_ms)
		return;
	m->known_n += m->is_failure;
	uint64_t due = m->back_ms +
		       min_u64((uint64_t)p->min_ms * max_u64(m->known_n, 1), p->max_ms);
	if (m->known_n > p->limit)
		stage_wrong(&p->stage, "message %u is given though it was in vain %u times, of %u",
			    number, m->known_n, p->limit);
	if (does_wait(p, m) && now < due)
		stage_wrong(&p->stage,
			    "message %u, in vain %u times, came at %llu, but was due at %llu",
			    number, m->known_n, (unsigned long long)now, (unsigned long long)due);
	m->back_ms = 0;
}

static void judge_dead(struct patience *p, uint32_t number)
{
	struct message *m = &p->message[number];
	if (m->failed_n <= p->limit)
		stage_wrong(&p->stage, "message %u died when it was in vain %u times, of %u",
			    number, m->failed_n, p->limit);
	m->died_n++;
	m->back_ms = 0;
}

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct patience *p = patience_of(s);
	struct hand *h = &p->hand[a->index];
	p->message[x->number].is_seen = true;
	if (a->index == MAKER && x->consumer == DEAD)
		judge_dead(p, x->number);
	else if (a->index == MAKER)
		judge_again(p, x);
	else if (x->consumer != h->consumer)
		return; /* it was on its way when the consumer ended */
	must(h->held_n < HELD_MAX);
	h->held[h->held_n++] = (struct held){ x->tag, s->host.now_ms, x->number, x->consumer };
}

static uint64_t since(const struct patience *p, const struct hand *h)
{
	uint64_t oldest = p->stage.host.now_ms;
	for (uint32_t i = 0; i < h->held_n; i++)
		oldest = min_u64(oldest, h->held[i].since_ms);
	return oldest;
}

/* Who is cancelled has held something for too long, and may just have settled it. */
static void cancelled(struct patience *p, struct actor *a)
{
	struct hand *h = &p->hand[a->index];
	uint64_t ms = p->stage.host.now_ms - min_u64(h->oldest_ms, since(p, h));
	if (ms < p->timeout_ms)
		stage_wrong(&p->stage, "a consumer is cancelled after %llu ms, of %u",
			    (unsigned long long)ms, p->timeout_ms);
	h->held_n = h->consumer = 0;
	p->cancelled_n++;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	struct patience *p = patience_of(s);
	if (m->kind == AMQP091_basic_cancel)
		cancelled(p, a);
	if (m->kind == AMQP091_confirm_select_ok)
		p->is_ready = true;
}

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	patience_of(s)->message[number].is_confirmed = !is_refused;
}

/* ---- one life ----------------------------------------------------------------------------- */

static void act(struct patience *p)
{
	struct stage *s = &p->stage;
	uint32_t who = (uint32_t)prng_between(&s->prng, IDLER_ONE, IDLER_TWO);
	struct hand *h = &p->hand[who];
	if (!p->is_ready)
		return;
	for (uint64_t n = p->is_resting ? 0 : prng_below(&s->prng, 6); n > 0; n--)
		publish(p);
	while (p->hand[MAKER].held_n > 0 && (p->is_resting || prng_chance(&s->prng, 3, 4)))
		settle(p, MAKER);
	while (h->held_n > 0 && (p->is_resting || prng_chance(&s->prng, 1, 4)))
		settle(p, who);
	if (h->consumer || !talk_has_room(&s->actor[who].talk, 256))
		return;
	h->consumer = 10 + ++p->consumers_n;
	actor_consume(&s->actor[who], names[SLOW], h->consumer, false, SLICE_EMPTY);
}

/* Nobody has anything to do at this moment: what is due has come. */
static void look(struct patience *p)
{
	struct stage *s = &p->stage;
	uint64_t now = s->host.now_ms, look_ms = p->timeout_ms / LOOKS + 1 + PASS_MAX;
	for (uint32_t i = 1; i <= s->sent_n && !stage_is_wrong(s); i++) {
		const struct message *m = &p->message[i];
		if (m->back_ms && now > m->back_ms + (does_wait(p, m) ? p->max_ms : 0))
			stage_wrong(s, "message %u was given back at %llu, and does not come", i,
				    (unsigned long long)m->back_ms);
	}
	for (uint32_t i = IDLER_ONE; i <= IDLER_TWO; i++) {
		struct hand *h = &p->hand[i];
		h->oldest_ms = since(p, h);
		if (now - h->oldest_ms > (LOOKS + 2) * look_ms)
			stage_wrong(s, "a consumer may hold a message for %llu ms, of %u",
				    (unsigned long long)(now - h->oldest_ms), p->timeout_ms);
	}
}

static void step(struct patience *p)
{
	struct stage *s = &p->stage;
	act(p);
	stage_mix(s, prng_below(&s->prng, 30));
	if (!p->is_resting && prng_chance(&s->prng, 1, 3))
		return;
	stage_rest(s);
	if (!stage_is_wrong(s))
		look(p);
	host_pass(&s->host, prng_between(&s->prng, 1, PASS_MAX));
}

/* Who has waited waits no more, and what was held is there again; what died may be, too. */
static bool begin(struct patience *p)
{
	for (uint32_t i = 1; i <= p->stage.sent_n; i++)
		p->message[i].back_ms = 0;
	return stage_begin(&p->stage);
}

static void fight(struct stage *s)
{
	struct patience *p = patience_of(s);
	if (!begin(p))
		return;
	for (uint64_t n = prng_between(&s->prng, 20, STEPS_MAX); n > 0 && !stage_is_wrong(s); n--)
		step(p);
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* How many are to come yet. */
static uint32_t missing(const struct patience *p)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i <= p->stage.sent_n; i++) {
		const struct message *m = &p->message[i];
		n += m->is_confirmed && m->is_persistent && !m->is_seen;
	}
	return n;
}

static void compare(struct patience *p)
{
	struct stage *s = &p->stage;
	uint32_t lost = missing(p), dead_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++)
		dead_n += p->message[i].died_n;
	if (lost)
		stage_wrong(s, "%u messages were given to nobody", lost);
	story_mix(s->story, s->own.hash ^ dead_n ^ (uint64_t)p->cancelled_n << 32);
}

/* Everything is taken, and the broker stops. */
static void rest(struct stage *s)
{
	struct patience *p = patience_of(s);
	p->is_resting = true;
	if (!begin(p))
		return;
	for (uint32_t i = 0; i < REST_MAX && !stage_is_wrong(s) && (i < REST_MIN || missing(p));
	     i++)
		step(p);
	compare(p);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct patience *p = patience_of(s);
	p->type = (uint32_t)prng_below(&s->prng, 3);
	p->limit = (uint32_t)prng_between(&s->prng, 1, 5);
	p->min_ms = (uint32_t)prng_between(&s->prng, 1, 20);
	p->max_ms = p->min_ms + (uint32_t)prng_below(&s->prng, 40);
	p->timeout_ms = (uint32_t)prng_between(&s->prng, 8, 60);
}

void patience_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "patience",
			.actors_n = CLIENTS,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
		},
		.bytes = sizeof(struct patience),
		.salt = 0x9a71e,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = rest,
		.keeps_loops = true,
	};
	stage_play(&script, story, seed);
}
