#include "sim/pledge.h"

#include "sim/pledge_state.h"

#define LIVES     5
#define STEPS_MAX 3000
#define BODY_BIG  20000u /* not copied on its way out */

static const char *const names[PERSONS] = { "publisher", "exact", "repeated" };
static const char *const wills[PERSONS] = { "w/publisher", "w/exact", "w/repeated" };
static const char *const topics[TOPICS] = { "m/one", "m/two", "m/three" };

/* ---- what clients say --------------------------------------------------------------------- */

void pledge_say_flying(struct pledge *p, struct person *a, const struct flying *f, bool is_dup)
{
	const struct message *m = &p->message[f->number];
	must(f->number > 0 && m->qos > 0);
	if (m->qos == 2 && f->is_released)
		line_say_ack(line_of(a), MQTT_PUBREL, f->id);
	else
		line_say_publish(line_of(a), &(struct line_message){ .topic = topics[m->topic],
								     .number = f->number,
								     .bytes = f->bytes,
								     .id = f->id,
								     .qos = m->qos,
								     .is_dup = is_dup });
}

static uint16_t free_id(struct person *a)
{
	for (bool is_used = true; is_used;) {
		a->last_id = (uint16_t)(a->last_id % IDS + 1);
		is_used = false;
		for (uint32_t i = 0; i < a->flying_n; i++)
			is_used |= a->flying[i].id == a->last_id;
	}
	return a->last_id;
}

static void publish(struct pledge *p, struct person *a)
{
	struct stage *s = &p->stage;
	struct prng *dice = &s->prng;
	uint32_t bytes = (uint32_t)prng_between(dice, 4, 300);
	const uint8_t qos = (uint8_t)prng_below(dice, 3), topic = (uint8_t)prng_below(dice, TOPICS);
	if (prng_chance(dice, 1, 100))
		bytes = BODY_BIG;
	if (s->sent_n + 1 == MESSAGES_MAX || a->flying_n == FLYING_MAX ||
	    !line_has_room(line_of(a), LINE_OUT_BYTES / 2))
		return;
	const uint32_t number = ++s->sent_n;
	p->message[number] = (struct message){ .topic = topic, .qos = qos };
	if (qos == 0) {
		line_say_publish(line_of(a), &(struct line_message){ .topic = topics[topic],
								     .number = number,
								     .bytes = bytes });
		return;
	}
	const struct flying f = { .number = number, .bytes = bytes, .id = free_id(a) };
	a->flying[a->flying_n++] = f;
	pledge_say_flying(p, a, &f, false);
}

/* ---- connections -------------------------------------------------------------------------- */

static void will_is(struct pledge *p, const struct line *l, enum will_state state)
{
	uint8_t *will = &p->will[l->will & ~WILL_BIT];
	must(l->sock && l->will & WILL_BIT);
	if (*will == WILL_OPEN)
		*will = (uint8_t)state;
}

void pledge_lose(struct pledge *p, struct line *l, bool is_hard, enum will_state will)
{
	will_is(p, l, will);
	line_drop(l, is_hard);
}

/* Before that nobody is there to whom a message could go. */
static bool is_audience(const struct pledge *p)
{
	return p->person[EXACT].is_subscribed && p->person[REPEATED].is_subscribed;
}

static void come(struct pledge *p, struct person *a)
{
	struct stage *s = &p->stage;
	struct line *l = line_of(a);
	const uint32_t loop = (uint32_t)prng_below(&s->prng, s->host.loops_n);
	struct sock *sock = p->wills_n + 1 < WILLS_MAX ? sock_connect(&s->host.socks, loop) : NULL;
	if (!sock)
		return;
	l->will = ++p->wills_n | WILL_BIT;
	p->will[p->wills_n] = is_audience(p) ? WILL_OPEN : WILL_MAYBE;
	line_begin(l, sock, names[a - p->person], wills[a - p->person]);
}

/* The same client id once more, while the connection is there. */
static void come_twice(struct pledge *p, struct person *a)
{
	struct line *l = line_of(a);
	if (old_line_of(a)->sock || l->is_leaving || !l->is_up)
		return;
	will_is(p, l, WILL_LOST);
	a->now = !a->now;
	a->is_pinged = false;
	come(p, a);
}

static void act(struct pledge *p, struct person *a)
{
	struct prng *dice = &p->stage.prng;
	struct line *l = line_of(a);
	if (!l->sock) {
		if (p->is_last || prng_chance(dice, 1, 8))
			come(p, a);
		return;
	}
	if (p->is_last || l->is_leaving)
		return;
	if (l->is_up && a == &p->person[PUBLISHER] && is_audience(p) && prng_chance(dice, 1, 2))
		for (uint64_t n = prng_between(dice, 1, 6); n > 0; n--)
			publish(p, a);
	if (prng_chance(dice, 1, 150)) {
		a->is_haunted |= !l->is_up;
		pledge_lose(p, l, prng_chance(dice, 1, 2), l->is_up ? WILL_LOST : WILL_MAYBE);
	} else if (prng_chance(dice, 1, 200)) {
		come_twice(p, a);
	} else if (l->is_up && prng_chance(dice, 1, 300)) {
		line_say_disconnect(l);
	}
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool talk_all(struct stage *s)
{
	struct pledge *p = pledge_of(s);
	bool is_any = false;
	for (uint32_t i = 0; i < PERSONS; i++)
		is_any |= pledge_talk(p, &p->person[i]);
	return is_any;
}

/* All that has begun ends: who was lost is known to be lost. */
static void come_to_rest(struct pledge *p)
{
	struct stage *s = &p->stage;
	stage_rest_of(s, talk_all);
	for (uint32_t i = 0; i < PERSONS; i++)
		p->person[i].is_haunted = false;
	for (uint32_t i = 1; i <= p->wills_n; i++)
		if (p->will[i] == WILL_LOST)
			p->will[i] = WILL_OWED;
}

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct stage *s)
{
	struct pledge *p = pledge_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (!p->is_last && prng_chance(&s->prng, 1, 400))
		come_to_rest(p);
	for (uint32_t i = 0; i < PERSONS; i++)
		if (prng_chance(&s->prng, 1, 2))
			act(p, &p->person[i]);
	return talk_all(s) || host_runnable(&s->host) != 0;
}

static void forget_line(struct pledge *p, struct line *l)
{
	if (l->sock)
		will_is(p, l, l->is_up && !l->is_leaving ? WILL_LOST : WILL_MAYBE);
	line_drop(l, true);
}

/* The broker is no more; what it did of late nobody knows. The wills of who was there are due. */
static void forget(struct stage *s)
{
	struct pledge *p = pledge_of(s);
	for (uint32_t i = 0; i < PERSONS; i++) {
		p->person[i].is_haunted = false;
		forget_line(p, line_of(&p->person[i]));
		forget_line(p, old_line_of(&p->person[i]));
	}
	for (uint32_t i = 1; i <= p->wills_n; i++)
		if (p->will[i] == WILL_LOST)
			p->will[i] = WILL_OWED;
		else if (p->will[i] == WILL_OPEN)
			p->will[i] = WILL_MAYBE;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare_one(struct pledge *p, struct person *a)
{
	struct stage *s = &p->stage;
	uint32_t lost_n = 0, sent_n = 0, held_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		sent_n += p->message[i].qos > 0;
		lost_n += p->message[i].qos > 0 && !a->came[i];
	}
	for (uint32_t i = 0; i < 65536; i++)
		held_n += a->holds[i];
	if (lost_n)
		stage_wrong(s, "%u of %u messages are lost on their way to the %s", lost_n, sent_n,
			    names[a - p->person]);
	if (held_n)
		stage_wrong(s, "%u messages were never released", held_n);
	story_mix(s->story, s->own.hash ^ sent_n);
}

static void compare(struct pledge *p)
{
	struct stage *s = &p->stage;
	if (p->person[PUBLISHER].flying_n)
		stage_wrong(s, "%u messages are never acknowledged", p->person[PUBLISHER].flying_n);
	compare_one(p, &p->person[EXACT]);
	compare_one(p, &p->person[REPEATED]);
	for (uint32_t i = 1; i <= p->wills_n; i++)
		if (p->will[i] == WILL_OWED && !p->will_came[i])
			stage_wrong(s, "will %u is lost", i);
}

/* Everybody comes once more, and all that was promised is kept. */
static void keep(struct stage *s)
{
	struct pledge *p = pledge_of(s);
	p->is_last = true;
	if (!stage_begin(s))
		return;
	for (uint32_t i = 0; i < PERSONS; i++)
		act(p, &p->person[i]);
	come_to_rest(p);
	if (!stage_is_wrong(s))
		compare(p);
	for (uint32_t i = 0; i < PERSONS; i++)
		line_drop(line_of(&p->person[i]), false);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct pledge *p = pledge_of(s);
	const uint8_t version = prng_chance(&s->prng, 1, 2) ? MQTT_V4 : MQTT_V5;
	for (uint32_t i = 0; i < PERSONS; i++)
		p->person[i].line[0].version = p->person[i].line[1].version = version;
}

void pledge_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "MQTT" },
		.bytes = sizeof(struct pledge),
		.salt = 0x9077,
		.lives_n = LIVES,
		.prepare = prepare,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = keep,
	};
	stage_play(&script, story, seed);
}
