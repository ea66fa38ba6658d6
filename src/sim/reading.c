#include "sim/reading.h"

#include "base/list.h"
#include "sim/stage.h"
#include "wire/amqp091/table.h"

#define LIVES        5
#define STEPS_MAX    4000
#define MESSAGES_MAX 8192u
#define PASSING_MAX  16000u /* bytes of what shares segments with the stream, and goes at once */
#define KEPT_BYTES   20000  /* of the stream, where it is bounded */

enum { LOG, PASSING };
static const char *const names[] = { "log", "passing" };
/* Who publishes; who reads all; who reads what his filter says. */
enum { WRITER, READER, CHOOSER, CLIENTS };

/* What the filter asks for, a bit for each: what has no value, and two values. */
enum { PLAIN, FIRST, SECOND, VALUES };
static const char *const values[VALUES] = { "", "first", "second" };

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
	uint32_t filter_bytes;      /* of the stream; 0: as it is without a word */
	uint8_t value[MESSAGES_MAX];
	uint32_t wanted;       /* by the chooser's filter */
	uint32_t chosen;       /* the number that came to him last */
	uint64_t chooser_held; /* as held */
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
	if (r->filter_bytes)
		amqp091_put_int(&w, "x-stream-filter-size-bytes", r->filter_bytes);
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

/* A filter asks for some values, and for what has none, from the first message on. */
static struct slice choose(struct reading *r, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);
	r->chosen = 0;
	r->chooser_held = 0;
	r->wanted = (uint32_t)prng_between(&r->stage.prng, 1u << FIRST, (1u << VALUES) - 1);
	amqp091_put_str(&w, "x-stream-offset", slice_str("first"));
	amqp091_put_bool(&w, "x-stream-match-unfiltered", r->wanted & 1u << PLAIN);
	amqp091_put_name(&w, slice_str("x-stream-filter"));
	const size_t mark = amqp091_put_open(&w, AMQP091_TYPE_ARRAY);
	for (uint32_t i = FIRST; i < VALUES; i++) {
		const struct amqp091_value v = { .type = AMQP091_TYPE_LONGSTR,
						 .octets = slice_str(values[i]) };
		if (r->wanted >> i & 1)
			amqp091_put_value(&w, &v);
	}
	amqp091_put_close(&w, mark);
	must(wr_ok(&w));
	return wr_done(&w);
}

static void enter(struct stage *s, struct actor *a)
{
	struct reading *r = reading_of(s);
	uint8_t buf[256];
	r->is_ready = r->is_ready && a->index != WRITER;
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[LOG]), .durable = true,
	     .arguments = stream_args(r, buf, sizeof buf));
	if (a->index == WRITER) {
		TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[PASSING]),
		     .durable = true);
		TALK(&a->talk, 1, confirm_select, .nowait = false);
		actor_consume(a, names[PASSING], PASSING, true, SLICE_EMPTY);
		return;
	}
	TALK(&a->talk, 1, basic_qos, .prefetch_count = (uint16_t)prng_between(&s->prng, 1, 200));
	actor_consume(a, names[LOG], LOG, false,
		      a->index == READER ? begin(r, buf, sizeof buf) : choose(r, buf, sizeof buf));
}

static void publish(struct reading *r)
{
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode, .delivery_mode = 2 };
	struct stage *s = &r->stage;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof buf);
	const uint32_t value = (uint32_t)prng_below(&s->prng, VALUES);
	bool is_stream = prng_chance(&s->prng, 5, 6);
	uint32_t n = is_stream ? (uint32_t)prng_between(&s->prng, 4, 300) : PASSING_MAX;
	if (s->sent_n + 1 >= MESSAGES_MAX)
		return;
	if (is_stream && prng_chance(&s->prng, 1, 400))
		n = STAGE_BODY_MAX; /* in chunks */
	if (value != PLAIN) {
		amqp091_put_str(&w, "x-stream-filter-value", slice_str(values[value]));
		must(wr_ok(&w));
		props.flags |= AMQP091_HAS_headers;
		props.headers = wr_done(&w);
	}
	r->value[s->sent_n + 1] = (uint8_t)value;
	if (stage_publish(s, s->actor, "", names[is_stream ? LOG : PASSING], &props, n))
		r->is_stream[s->sent_n] = is_stream;
}

static void acknowledge(struct reading *r, uint32_t who, uint64_t *io_held)
{
	struct actor *a = &r->stage.actor[who];
	if (*io_held == 0 || !talk_has_room(&a->talk, 64))
		return;
	TALK(&a->talk, 1, basic_ack, .delivery_tag = *io_held, .multiple = true);
	*io_held = 0;
}

/* ---- what they hear ----------------------------------------------------------------------- */

static void answered(struct stage *s, uint32_t number, bool is_refused)
{
	reading_of(s)->confirmed[number] = !is_refused;
}

static void heard(struct stage *s, struct actor *a, const struct amqp091_method *m)
{
	reading_of(s)->is_ready |= a->index == WRITER && m->kind == AMQP091_basic_consume_ok;
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

static bool is_wanted(const struct reading *r, uint32_t number)
{
	must(r->wanted != 0);
	return r->is_stream[number] && r->wanted >> r->value[number] & 1;
}

/* What the filter asks for comes, in order, and nothing else. */
static void look_chosen(struct reading *r, uint32_t number)
{
	struct stage *s = &r->stage;
	if (number <= r->chosen)
		stage_wrong(s, "message %u came behind %u by a filter", number, r->chosen);
	if (!is_wanted(r, number))
		stage_wrong(s, "message %u came, which the filter does not ask for", number);
	for (uint32_t i = r->chosen + 1; i < number; i++)
		r->skipped[i] |= is_wanted(r, i) &&
				 (!r->is_bounded || (r->is_last && r->chosen > 0));
	r->chosen = number;
}

static void came(struct stage *s, struct actor *a, const struct arrival *x)
{
	struct reading *r = reading_of(s);
	if (a->index == WRITER)
		return;
	must(x->consumer == LOG && x->number < MESSAGES_MAX);
	if (x->is_redelivered)
		stage_wrong(s, "message %u says that it came before", x->number);
	if (a->index == CHOOSER) {
		r->chooser_held = x->tag;
		look_chosen(r, x->number);
		return;
	}
	r->held = x->tag;
	look(r, x->number);
}

/* ---- one life ----------------------------------------------------------------------------- */

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct stage *s)
{
	struct reading *r = reading_of(s);
	bool is_any = r->held > 0 || r->chooser_held > 0 || host_runnable(&s->host) != 0;
	if (prng_chance(&s->prng, 3, 4) && stage_broker(s))
		return true;
	if (!r->is_last && r->is_ready && prng_chance(&s->prng, 1, 2))
		for (uint64_t n = prng_between(&s->prng, 1, 12); n > 0; n--)
			publish(r);
	if (prng_chance(&s->prng, 9, 10)) {
		acknowledge(r, READER, &r->held);
		acknowledge(r, CHOOSER, &r->chooser_held);
	}
	if (!r->is_last && prng_chance(&s->prng, 1, 300)) {
		struct actor *a = &s->actor[prng_between(&s->prng, READER, CHOOSER)];
		stage_leave(s, a, prng_chance(&s->prng, 1, 2));
		stage_enter(s, a);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		is_any |= stage_talk(s, &s->actor[i]);
	return is_any;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct reading *r)
{
	struct stage *s = &r->stage;
	uint32_t lost_n = 0, confirmed_n = 0;
	for (uint32_t i = 1; i <= s->sent_n; i++) {
		bool is_confirmed = r->confirmed[i] && r->is_stream[i];
		confirmed_n += is_confirmed;
		lost_n += is_confirmed &&
			  (r->skipped[i] || i > r->before || (is_wanted(r, i) && i > r->chosen));
	}
	if (lost_n)
		stage_wrong(s, "%u of %u messages are lost", lost_n, confirmed_n);
	story_mix(s->story, s->own.hash ^ confirmed_n);
}

/* Everything is read once more, and the broker stops. */
static void read_all(struct stage *s)
{
	struct reading *r = reading_of(s);
	r->is_last = true;
	s->actor[READER].is_absent = s->actor[CHOOSER].is_absent = true;
	if (!stage_begin(s))
		return;
	stage_rest(s); /* what is too much goes first, not from under the reader */
	for (uint32_t i = READER; i <= CHOOSER; i++) {
		s->actor[i].is_absent = false;
		stage_enter(s, &s->actor[i]);
	}
	if (stage_steps(s, step))
		compare(r);
	stage_close(s);
}

static void prepare(struct stage *s)
{
	struct reading *r = reading_of(s);
	r->is_bounded = prng_chance(&s->prng, 1, 3);
	if (prng_chance(&s->prng, 1, 2))
		r->filter_bytes = (uint32_t)prng_between(&s->prng, 16, 255);
}

void reading_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "streams",
			.actors_n = CLIENTS,
			.enter = enter,
			.heard = heard,
			.came = came,
			.answered = answered,
		},
		.bytes = sizeof(struct reading),
		.salt = 0x57ea,
		.lives_n = LIVES,
		.prepare = prepare,
		.step = step,
		.steps_max = STEPS_MAX,
		.end = read_all,
	};
	stage_play(&script, story, seed);
}
