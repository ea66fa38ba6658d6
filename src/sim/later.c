#include "sim/later.h"

#include "base/bits.h"
#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#define LIVES        4
#define STEPS_MAX    60
#define MESSAGES_MAX 4096u
#define DELAY_MAX    120u
#define BODY_BIG     140000u /* in chunks */

#define QUEUES 4u
static const char exchange[] = "later";
static const char *const queues[QUEUES] = { "north", "east", "south", "west" }; /* and keys */

struct message {
	uint64_t due_ms;  /* not before */
	uint64_t sure_ms; /* confirmed, so it must have come by then; 0: not yet */
	uint32_t delay_ms;
	uint32_t came_n;
	bool is_persistent;
	bool is_lost; /* it may be: it came to the queue in an earlier life, and was transient */
};

struct later {
	struct stage stage; /* first */
	bool is_ready;      /* the queues are there, and their consumers begin */
	bool is_resting;    /* nothing is published any more */
	struct message message[MESSAGES_MAX];
};

static struct later *later_of(struct stage *s)
{
	return containerof(s, struct later, stage);
}

/* ---- what the client says ----------------------------------------------------------------- */

/* What is not there yet is made, what is there is the same. */
static void enter(struct stage *s, struct actor *a)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	later_of(s)->is_ready = false;
	amqp091_put_str(&w, "x-delayed-type", slice_str("direct"));
	must(wr_ok(&w));
	TALK(&a->talk, 1, exchange_declare, .exchange = slice_str(exchange),
	     .type = slice_str("x-delayed-message"), .durable = true, .arguments = wr_done(&w));
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	for (uint32_t q = 0; q < QUEUES; q++) {
		struct slice name = slice_str(queues[q]);
		TALK(&a->talk, 1, queue_declare, .queue = name, .durable = true);
		TALK(&a->talk, 1, queue_bind, .queue = name, .exchange = slice_str(exchange),
		     .routing_key = name);
		actor_consume(a, queues[q], q, false, SLICE_EMPTY);
	}
}

/* Most wait; some go at once. */
static void publish(struct later *l)
{
	struct stage *s = &l->stage;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	uint32_t delay_ms = prng_chance(&s->prng, 7, 8) ? (uint32_t)prng_below(&s->prng, DELAY_MAX)
							: 0;
	amqp091_put_int(&w, "x-delay", (int64_t)delay_ms);
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode | AMQP091_HAS_headers,
				       .headers = wr_done(&w) };
	props.delivery_mode = prng_chance(&s->prng, 3, 4) ? 2 : 1;
	uint32_t bytes = prng_chance(&s->prng, 1, 100) ? BODY_BIG
						       : (uint32_t)prng_between(&s->prng, 4, 400);
	if (s->sent_n + 1 == MESSAGES_MAX ||
	    !stage_publish(s, s->actor, exchange, queues[prng_below(&s->prng, QUEUES)], &props,
			   bytes))
		return;
	l->message[s->sent_n] = (struct message){ .due_ms = s->host.wall_ms + delay_ms,
						  .delay_ms = delay_ms,
						  .is_persistent = props.delivery_mode == 2 };
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	struct message *m = &later_of(s)->message[number];
	must(!is_refused);
	m->sure_ms = s->host.wall_ms + m->delay_ms;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	(void)a;
	later_of(s)->is_ready |= m->kind == AMQP091_basic_consume_ok;
}

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct message *m = &later_of(s)->message[x->number];
	m->came_n++;
	if (s->host.wall_ms < m->due_ms)
		stage_wrong(s, "message %u came at %llu, but is due at %llu", x->number,
			    (unsigned long long)s->host.wall_ms, (unsigned long long)m->due_ms);
	if (talk_has_room(&a->talk, 64))
		TALK(&a->talk, 1, basic_ack, .delivery_tag = x->tag);
}

/* Everything that has begun has ended: what must have come? */
static void judge(struct later *l)
{
	struct stage *s = &l->stage;
	must(l->is_ready);
	for (uint32_t i = 1; i <= s->sent_n && !stage_is_wrong(s); i++) {
		const struct message *m = &l->message[i];
		if (m->sure_ms && m->sure_ms <= s->host.wall_ms && m->came_n == 0 && !m->is_lost)
			stage_wrong(s, "message %u has not come at %llu, and was due at %llu", i,
				    (unsigned long long)s->host.wall_ms,
				    (unsigned long long)m->sure_ms);
	}
}

/* ---- one life ----------------------------------------------------------------------------- */

/* Some of what has begun goes on, or all of it, and then time passes. */
static void step(struct later *l)
{
	struct stage *s = &l->stage;
	if (l->is_ready && !l->is_resting)
		for (uint64_t n = prng_below(&s->prng, 12); n > 0; n--)
			publish(l);
	stage_mix(s, prng_below(&s->prng, 30));
	if (!l->is_resting && prng_chance(&s->prng, 1, 2))
		return;
	stage_rest(s);
	if (!stage_is_wrong(s))
		judge(l);
	host_pass(&s->host, prng_between(&s->prng, 1, 8));
}

/* What was due may lie in the queue, and is transient there. */
static void forget(struct later *l)
{
	for (uint32_t i = 1; i <= l->stage.sent_n; i++) {
		struct message *m = &l->message[i];
		m->is_lost |= !m->is_persistent && l->stage.host.wall_ms >= m->due_ms;
	}
}

static void fight(struct stage *s)
{
	struct later *l = later_of(s);
	uint64_t n = prng_between(&s->prng, 5, STEPS_MAX);
	if (!stage_begin(s))
		return;
	while (n-- > 0 && !stage_is_wrong(s))
		step(l);
	if (prng_chance(&s->prng, 3, 4)) /* in the middle of much that is due */
		host_pass(&s->host, prng_below(&s->prng, DELAY_MAX));
	for (uint64_t more = prng_below(&s->prng, 40); more > 0 && stage_broker(s); more--)
		;
	forget(l);
	stage_end(s);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct later *l)
{
	struct stage *s = &l->stage;
	uint32_t lost = 0, sure_n = 0, often = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		const struct message *m = &l->message[i];
		sure_n += m->sure_ms > 0;
		lost += m->sure_ms > 0 && m->came_n == 0 && !m->is_lost;
		often += m->came_n > 1 << LIVES;
	}
	if (lost)
		stage_wrong(s, "%u of %u messages are lost", lost, sure_n);
	if (often)
		stage_wrong(s, "%u messages came too often", often);
	story_mix(s->story, s->own.hash ^ sure_n);
}

/* Everything is due and comes, and the broker stops. */
static void rest(struct stage *s)
{
	struct later *l = later_of(s);
	l->is_resting = true;
	if (!stage_begin(s))
		return;
	for (uint32_t i = 0; i <= DELAY_MAX && !stage_is_wrong(s); i++)
		step(l);
	stage_rest(s);
	compare(l);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	s->host.loops_n = 1;
}

void later_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "what is delayed",
			.actors_n = 1,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
		},
		.bytes = sizeof(struct later),
		.salt = 0x1a7e,
		.lives_n = LIVES,
		.prepare = prepare,
		.live = fight,
		.end = rest,
	};
	stage_play(&script, story, seed);
}
