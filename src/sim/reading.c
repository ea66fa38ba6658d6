#include "sim/reading.h"

#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#include <stdlib.h>

#define LIVES        5
#define STEPS_MAX    4000
#define MESSAGES_MAX 8192u
#define PASSING_MAX  16000u /* bytes of what shares segments with the stream, and goes at once */
#define KEPT_BYTES   20000  /* of the stream, where it is bounded */

enum { LOG, PASSING };
static const char *const names[] = { "log", "passing" };

struct reading {
	struct stage stage;           /* first */
	bool is_bounded;              /* what is old goes */
	bool is_last;                 /* nothing is published any more; all is read once more */
	bool is_ready;                /* publishing may begin */
	uint64_t at;                  /* offset of the next message that the reader gets */
	uint32_t before;              /* the number that came to it last; 0: none yet */
	uint64_t held;                /* the newest delivery that is not acknowledged; 0: none */
	uint32_t there_n;             /* offsets that were ever read */
	uint32_t there[MESSAGES_MAX]; /* by offset: the message's number */
	bool confirmed[MESSAGES_MAX], is_stream[MESSAGES_MAX];
	bool skipped[MESSAGES_MAX]; /* a reader came past its place and did not see it */
};

static struct reading *reading_of(struct stage *s)
{
	return containerof(s, struct reading, stage);
}

/* ---- what clients say --------------------------------------------------------------------- */

static struct slice stream_args(const struct reading *r, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);
	amqp091_put_str(&w, "x-queue-type", slice_str("stream"));
	if (r->is_bounded) {
		amqp091_put_int(&w, "x-max-length-bytes", KEPT_BYTES);
		amqp091_put_int(&w, "x-stream-max-segment-size-bytes", KEPT_BYTES / 4);
	}
	must(wr_ok(&w));
	return wr_done(&w);
}

/* A reader begins at the first message, or anywhere that was read before. */
static struct slice begin(struct reading *r, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);
	struct prng *dice = &r->stage.prng;
	r->at = 0;
	r->before = 0;
	r->held = 0;
	if (r->is_last || r->is_bounded || r->there_n == 0 || prng_chance(dice, 1, 3)) {
		amqp091_put_str(&w, "x-stream-offset", slice_str("first"));
	} else {
		r->at = prng_below(dice, r->there_n);
		r->before = r->at > 0 ? r->there[r->at - 1] : 0;
		amqp091_put_int(&w, "x-stream-offset", (int64_t)r->at);
	}
	must(wr_ok(&w));
	return wr_done(&w);
}

static void enter(struct stage *s, struct actor *a)
{
	struct reading *r = reading_of(s);
	uint8_t buf[256];
	r->is_ready = r->is_ready && a->index != 0;
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[LOG]), .durable = true,
	     .arguments = stream_args(r, buf, sizeof buf));
	if (a->index == 0) {
		TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[PASSING]),
		     .durable = true);
		TALK(&a->talk, 1, confirm_select, .nowait = false);
		actor_consume(a, names[PASSING], PASSING, true, SLICE_EMPTY);
		return;
	}
	TALK(&a->talk, 1, basic_qos, .prefetch_count = (uint16_t)prng_between(&s->prng, 1, 200));
	actor_consume(a, names[LOG], LOG, false, begin(r, buf, sizeof buf));
}

static void publish(struct reading *r)
{
	const struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode,
					     .delivery_mode = 2 };
	struct stage *s = &r->stage;
	bool is_stream = prng_chance(&s->prng, 5, 6);
	uint32_t n = is_stream ? (uint32_t)prng_between(&s->prng, 4, 300) : PASSING_MAX;
	if (s->sent_n + 1 >= MESSAGES_MAX)
		return;
	if (is_stream && prng_chance(&s->prng, 1, 400))
		n = STAGE_BODY_MAX; /* in chunks */
	if (stage_publish(s, s->actor, "", names[is_stream ? LOG : PASSING], &props, n))
		r->is_stream[s->sent_n] = is_stream;
}

static void acknowledge(struct reading *r)
{
	struct actor *a = &r->stage.actor[1];
	if (r->held == 0 || !talk_has_room(&a->talk, 64))
		return;
	TALK(&a->talk, 1, basic_ack, .delivery_tag = r->held, .multiple = true);
	r->held = 0;
}

/* ---- what they hear ----------------------------------------------------------------------- */

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	reading_of(s)->confirmed[number] = !is_refused;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	reading_of(s)->is_ready |= a->index == 0 && m->kind == AMQP091_basic_consume_ok;
}

/* What lies at an offset is the same for ever, and numbers only rise. */
static void look(struct reading *r, uint32_t number)
{
	struct stage *s = &r->stage;
	if (number <= r->before)
		stage_wrong(s, "message %u came behind %u", number, r->before);
	for (uint32_t i = r->before + 1; i < number; i++)
		r->skipped[i] |= !r->is_bounded || (r->is_last && r->before > 0);
	r->before = number;
	if (r->is_bounded || r->at >= MESSAGES_MAX)
		return;
	if (r->at < r->there_n && r->there[r->at] != number)
		stage_wrong(s, "offset %u had message %u and has %u", (unsigned)r->at,
			    r->there[r->at], number);
	if (r->at == r->there_n)
		r->there[r->there_n++] = number;
	r->at++;
}

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct reading *r = reading_of(s);
	if (a->index == 0)
		return;
	must(x->consumer == LOG && x->number < MESSAGES_MAX);
	if (x->is_redelivered)
		stage_wrong(s, "message %u says that it came before", x->number);
	r->held = x->tag;
	look(r, x->number);
}

/* ---- one life ----------------------------------------------------------------------------- */

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct stage *s)
{
	struct reading *r = reading_of(s);
	bool is_any = r->held > 0 || host_runnable(&s->host) != 0;
	if (prng_chance(&s->prng, 3, 4) && stage_broker(s))
		return true;
	if (!r->is_last && r->is_ready && prng_chance(&s->prng, 1, 2))
		for (uint64_t n = prng_between(&s->prng, 1, 12); n > 0; n--)
			publish(r);
	if (prng_chance(&s->prng, 9, 10))
		acknowledge(r);
	if (!r->is_last && prng_chance(&s->prng, 1, 500)) {
		stage_leave(s, &s->actor[1], prng_chance(&s->prng, 1, 2));
		stage_enter(s, &s->actor[1]);
	}
	bool is_talk = stage_talk(s, &s->actor[0]);
	return stage_talk(s, &s->actor[1]) || is_talk || is_any;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct reading *r)
{
	struct stage *s = &r->stage;
	uint32_t lost_n = 0, confirmed_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		bool is_confirmed = r->confirmed[i] && r->is_stream[i];
		confirmed_n += is_confirmed;
		lost_n += is_confirmed && (r->skipped[i] || i > r->before);
	}
	if (lost_n)
		stage_wrong(s, "%u of %u messages are lost", lost_n, confirmed_n);
	story_mix(s->story, s->own.hash ^ confirmed_n);
}

/* Everything is read once more, and the broker stops. */
static void read_all(struct reading *r)
{
	struct stage *s = &r->stage;
	r->is_last = true;
	s->actor[1].is_absent = true;
	if (!stage_begin(s))
		return;
	stage_rest(s); /* what is too much goes first, not from under the reader */
	s->actor[1].is_absent = false;
	stage_enter(s, &s->actor[1]);
	if (stage_steps(s, step))
		compare(r);
	stage_close(s);
}

void reading_play(struct story *story, uint64_t seed)
{
	static const struct plot plot = {
		.about = "streams",
		.actors_n = 2,
		.enter = enter,
		.heard = heard,
		.came = came,
		.answered = answered,
	};
	struct reading *r = calloc(1, sizeof *r);
	must(r != NULL);
	struct stage *s = &r->stage;
	stage_init(s, &plot, story, seed, 0x57ea);
	r->is_bounded = prng_chance(&s->prng, 1, 3);
	for (int life = 0; life < LIVES && !story->is_wrong; life++) {
		stage_live(s, step, STEPS_MAX);
		s->host.loops_n = (uint32_t)prng_between(&s->prng, 1, HOST_LOOPS_MAX);
	}
	if (!story->is_wrong)
		read_all(r);
	stage_fini(s);
	free(r);
}
