#include "sim/passage.h"

#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#define LIVES        4
#define STEPS_MAX    2500
#define MESSAGES_MAX 4096u
#define HELD_MAX     1024u
#define BODY_BIG     140000u /* in chunks */

enum { FIRST, SECOND, END_ONE, END_TWO, QUEUES };
static const char *const names[QUEUES] = { "first", "second", "end one", "end two" };

struct passage {
	struct stage stage;      /* first */
	bool is_ready;           /* the queues are there and consumers began */
	bool is_walking;         /* nothing is published; the ends are taken from */
	bool is_safe;            /* the second queue keeps its dead letters until there are ends */
	uint64_t held[HELD_MAX]; /* delivery tags to be rejected */
	uint32_t held_n;
	bool confirmed[MESSAGES_MAX];
	uint8_t came[2][MESSAGES_MAX];
};

static struct passage *passage_of(struct stage *s)
{
	return containerof(s, struct passage, stage);
}

/* ---- what the client says ----------------------------------------------------------------- */

/* Where dead letters go, if anywhere; is_safe: at least once. */
static struct slice dead_letters(uint8_t *buf, size_t cap, const char *exchange, const char *key,
				 bool is_safe)
{
	struct wr w = wr_of(buf, cap);
	if (is_safe) {
		amqp091_put_str(&w, "x-queue-type", slice_str("quorum"));
		amqp091_put_str(&w, "x-overflow", slice_str("reject-publish"));
		amqp091_put_str(&w, "x-dead-letter-strategy", slice_str("at-least-once"));
	}
	if (exchange)
		amqp091_put_str(&w, "x-dead-letter-exchange", slice_str(exchange));
	if (key)
		amqp091_put_str(&w, "x-dead-letter-routing-key", slice_str(key));
	must(wr_ok(&w));
	return wr_done(&w);
}

static void declare(struct passage *p, struct actor *a, uint32_t queue, const char *exchange,
		    const char *key)
{
	uint8_t buf[256];
	bool is_safe = queue == SECOND && p->is_safe;
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[queue]), .durable = true,
	     .arguments = dead_letters(buf, sizeof buf, exchange, key, is_safe));
}

/* What is not there yet is made, what is there is the same. */
static void enter(struct stage *s, struct actor *a)
{
	struct passage *p = passage_of(s);
	p->held_n = 0;
	p->is_ready = false;
	declare(p, a, FIRST, "", names[SECOND]);
	declare(p, a, SECOND, "amq.fanout", NULL);
	for (uint32_t q = END_ONE; q < QUEUES; q++) {
		declare(p, a, q, NULL, NULL);
		if (p->is_safe && !p->is_walking)
			continue; /* until then nobody takes what has died twice */
		TALK(&a->talk, 1, queue_bind, .queue = slice_str(names[q]),
		     .exchange = slice_str("amq.fanout"));
	}
	TALK(&a->talk, 1, basic_qos, .prefetch_count = HELD_MAX / 2);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	for (uint32_t q = FIRST; q < (p->is_walking ? QUEUES : END_ONE); q++)
		actor_consume(a, names[q], q, q >= END_ONE, SLICE_EMPTY);
}

static void publish(struct stage *s)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	uint32_t n = prng_chance(&s->prng, 1, 150) ? BODY_BIG
						   : (uint32_t)prng_between(&s->prng, 4, 400);
	if (s->sent_n + 1 < MESSAGES_MAX)
		(void)stage_publish(s, s->actor, "", names[FIRST], &props, n);
}

static void reject(struct passage *p)
{
	struct actor *a = p->stage.actor;
	uint32_t i = (uint32_t)prng_below(&p->stage.prng, p->held_n);
	if (!talk_has_room(&a->talk, 64))
		return;
	TALK(&a->talk, 1, basic_reject, .delivery_tag = p->held[i]);
	p->held[i] = p->held[--p->held_n];
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	passage_of(s)->confirmed[number] = !is_refused;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	(void)a;
	passage_of(s)->is_ready |= m->kind == AMQP091_basic_consume_ok;
}

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct passage *p = passage_of(s);
	(void)a;
	must(x->consumer < QUEUES && p->held_n < HELD_MAX);
	if (x->consumer >= END_ONE)
		p->came[x->consumer - END_ONE][x->number]++;
	else
		p->held[p->held_n++] = x->tag;
}

/* ---- one life ----------------------------------------------------------------------------- */

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct stage *s)
{
	struct passage *p = passage_of(s);
	bool is_any = p->held_n > 0 || host_runnable(&s->host) != 0;
	if (prng_chance(&s->prng, 3, 4) && stage_broker(s))
		return true;
	if (!p->is_walking && p->is_ready && prng_chance(&s->prng, 1, 2))
		for (uint64_t n = prng_between(&s->prng, 1, 8); n > 0; n--)
			publish(s);
	while (p->held_n > 0 && prng_chance(&s->prng, 9, 10))
		reject(p);
	return stage_talk(s, s->actor) || is_any;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct passage *p)
{
	struct stage *s = &p->stage;
	uint32_t lost = 0, confirmed_n = 0, often = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		confirmed_n += p->confirmed[i];
		lost += p->confirmed[i] && !(p->came[0][i] && p->came[1][i]);
		often += p->came[0][i] > 1 << LIVES || p->came[1][i] > 1 << LIVES;
	}
	if (lost)
		stage_wrong(s, "%u of %u messages are lost between queues", lost, confirmed_n);
	if (often)
		stage_wrong(s, "%u messages came too often", often);
	story_mix(s->story, s->own.hash ^ confirmed_n);
}

/* Everything goes all the way, and the broker stops. */
static void walk(struct stage *s)
{
	struct passage *p = passage_of(s);
	p->is_walking = true;
	if (!stage_begin(s))
		return;
	if (stage_steps(s, step))
		compare(p);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct passage *p = passage_of(s);
	p->is_safe = prng_chance(&s->prng, 1, 3);
	s->host.loops_n = 1;
}

void passage_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "dead letters",
			.actors_n = 1,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
		},
		.bytes = sizeof(struct passage),
		.salt = 0xdead,
		.lives_n = LIVES,
		.prepare = prepare,
		.step = step,
		.steps_max = STEPS_MAX,
		.end = walk,
	};
	stage_play(&script, story, seed);
}
