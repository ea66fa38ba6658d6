#include "sim/refrain.h"

#include "base/bits.h"
#include "base/byteorder.h"
#include "base/list.h"
#include "sim/stage.h"
#include "sim/strand.h"

#include <stdlib.h>

#define LIVES        4u
#define STEPS_MAX    1500
#define MESSAGES_MAX 600u
#define WAIT_MAX_MS  60u
#define REPEAT_MAX   8u
#define TIMES_MAX    ((REPEAT_MAX + 1) * (LIVES + 2)) /* more is never kept */
#define BODY_BIG     140000u                          /* in chunks */
#define FOR_LONG_MS  UINT64_C(1000000000)

struct song {
	uint64_t due_ms; /* not before */
	uint32_t repeat, times_n;
	uint64_t times[TIMES_MAX]; /* at which it went, as far as it has come */
	bool is_safe;
};

struct refrain {
	struct stage stage; /* first */
	bool is_last;       /* nothing new is said any more */
	struct strand strand;
	struct song song[MESSAGES_MAX];
};

static struct refrain *refrain_of(struct stage *s)
{
	return containerof(s, struct refrain, stage);
}

/* ---- what the client says ----------------------------------------------------------------- */

static void come(struct refrain *f)
{
	struct stage *s = &f->stage;
	struct sock *sock = sock_connect(&s->host.socks,
					 (uint32_t)prng_below(&s->prng, s->host.loops_n));
	if (!sock)
		return;
	strand_begin(&f->strand, sock, STOMP_1_2, true);
	strand_say(&f->strand, SLICE_EMPTY,
		   "SUBSCRIBE\nid:1\ndestination:/queue/refrain\nack:client-individual\n");
}

static void send(struct refrain *f)
{
	struct stage *s = &f->stage;
	const uint32_t bytes = prng_chance(&s->prng, 1, 12)
				       ? BODY_BIG
				       : (uint32_t)prng_between(&s->prng, 4, 200);
	const uint32_t delay_ms = (uint32_t)prng_below(&s->prng, WAIT_MAX_MS);
	const uint32_t period_ms = (uint32_t)prng_between(&s->prng, 1, WAIT_MAX_MS);
	const uint32_t repeat = (uint32_t)prng_below(&s->prng, REPEAT_MAX + 1);
	const uint64_t now_ms = s->host.wall_ms;
	if (s->sent_n + 1 == MESSAGES_MAX || !strand_has_room(&f->strand, bytes))
		return;
	const uint32_t number = ++s->sent_n;
	f->song[number] = (struct song){ .due_ms = now_ms + (delay_ms ? delay_ms : period_ms),
					 .repeat = repeat };
	store_be32(s->body, number);
	strand_say(&f->strand, slice_of(s->body, bytes),
		   "SEND\ndestination:/queue/refrain\npersistent:true\nreceipt:%u\nexpires:%llu\n"
		   "AMQ_SCHEDULED_DELAY:%u\nAMQ_SCHEDULED_PERIOD:%u\nAMQ_SCHEDULED_REPEAT:%u\n",
		   number, (unsigned long long)(now_ms + FOR_LONG_MS), delay_ms, period_ms, repeat);
}

static void act(struct refrain *f)
{
	struct prng *dice = &f->stage.prng;
	if (!f->strand.sock)
		come(f);
	else if (f->strand.is_up && !f->is_last && strand_has_room(&f->strand, STRAND_BYTES / 2))
		for (uint64_t n = prng_below(dice, 3); n > 0; n--)
			send(f);
}

/* ---- what it hears ------------------------------------------------------------------------ */

static uint64_t number_in(struct slice digits)
{
	char room[24] = "";
	if (digits.n < sizeof room)
		memcpy(room, digits.p, digits.n);
	return strtoull(room, NULL, 10);
}

/* One that comes again says when it went, as before. */
static void heard_message(struct refrain *f, const struct stomp_frame *frame,
			  const struct stomp_head *head)
{
	struct stage *s = &f->stage;
	const uint32_t number = frame->body.n >= 4 ? load_be32(frame->body.p) : 0;
	const uint64_t went_ms = number_in(head->at[STOMP_H_TIMESTAMP]);
	const struct slice mention = head->at[STOMP_H_ACK];
	must(number > 0 && number <= s->sent_n && mention.n > 0);
	struct song *x = &f->song[number];
	strand_say(&f->strand, SLICE_EMPTY, "ACK\nid:%.*s\n", (int)mention.n,
		   (const char *)mention.p);
	for (uint32_t i = 0; i < x->times_n; i++)
		if (x->times[i] == went_ms)
			return;
	if (went_ms < x->due_ms || went_ms > s->host.wall_ms)
		stage_wrong(s, "message %u went at %llu, and is due at %llu", number,
			    (unsigned long long)went_ms, (unsigned long long)x->due_ms);
	if (x->times_n < TIMES_MAX)
		x->times[x->times_n++] = went_ms;
	if (x->times_n > x->repeat + 1 + LIVES)
		stage_wrong(s, "message %u went %u times, and was to go %u times", number,
			    x->times_n, x->repeat + 1);
}

static void heard_receipt(struct refrain *f, struct slice id)
{
	const uint32_t number = (uint32_t)number_in(id);
	stage_taken(&f->stage, number);
	f->song[number].is_safe = true;
}

static void heard(struct refrain *f, const struct stomp_frame *frame, const struct stomp_head *head)
{
	const struct slice why = head->at[STOMP_H_MESSAGE];
	switch (frame->command) {
	case STOMP_CONNECTED: f->strand.is_up = true; break;
	case STOMP_MESSAGE: heard_message(f, frame, head); break;
	case STOMP_RECEIPT: heard_receipt(f, head->at[STOMP_H_RECEIPT_ID]); break;
	default:
		stage_wrong(&f->stage, "the client is told %.*s: %.*s", (int)frame->word.n,
			    (const char *)frame->word.p, (int)why.n, (const char *)why.p);
	}
}

static bool talk(struct stage *s)
{
	struct refrain *f = refrain_of(s);
	struct stomp_frame frame;
	struct stomp_head head;
	bool is_end = false;
	if (!f->strand.sock)
		return false;
	const bool is_any = strand_exchange(&f->strand, &s->host.socks, &is_end);
	while (!stage_is_wrong(s) && strand_has_room(&f->strand, 0) &&
	       strand_next(&f->strand, &frame, &head))
		heard(f, &frame, &head);
	if (is_end && !stage_is_wrong(s))
		stage_wrong(s, "the broker hangs up");
	return is_any;
}

/* ---- one life ----------------------------------------------------------------------------- */

/* Time passes only while nobody has anything to do. */
static void rest(struct stage *s, uint64_t ms)
{
	stage_rest_of(s, talk);
	host_pass(&s->host, ms);
}

static bool step(struct stage *s)
{
	struct refrain *f = refrain_of(s);
	if (prng_chance(&s->prng, 2, 3) && stage_broker(s))
		return true;
	if (prng_chance(&s->prng, 1, 12))
		rest(s, prng_between(&s->prng, 1, WAIT_MAX_MS / 4));
	if (prng_chance(&s->prng, 1, 4))
		act(f);
	/* perhaps while something large is stored */
	if (f->strand.sock && f->strand.out_n == 0 && prng_chance(&s->prng, 1, 25))
		strand_drop(&f->strand, prng_chance(&s->prng, 1, 2));
	return talk(s) || host_runnable(&s->host) != 0;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct refrain *f)
{
	struct stage *s = &f->stage;
	uint64_t times_n = 0;
	for (uint32_t i = 1; i <= s->sent_n && !stage_is_wrong(s); i++) {
		const struct song *x = &f->song[i];
		times_n += x->times_n;
		if (x->is_safe && x->times_n < x->repeat + 1)
			stage_wrong(s, "message %u went %u times only, and was to go %u times", i,
				    x->times_n, x->repeat + 1);
	}
	story_mix(s->story, s->own.hash ^ times_n);
}

/* All that is to go goes. */
static void close(struct stage *s)
{
	struct refrain *f = refrain_of(s);
	f->is_last = true;
	if (!stage_begin(s))
		return;
	for (uint32_t i = 0; i < 2 * (REPEAT_MAX + 2) && !stage_is_wrong(s); i++) {
		act(f);
		rest(s, WAIT_MAX_MS);
	}
	rest(s, 0);
	if (!stage_is_wrong(s))
		compare(f);
	strand_drop(&f->strand, true);
	stage_close(s);
}

static void forget(struct stage *s)
{
	strand_drop(&refrain_of(s)->strand, true);
}

void refrain_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = { .about = "what goes later and again" },
		.bytes = sizeof(struct refrain),
		.salt = 0x4ef4,
		.lives_n = LIVES,
		.step = step,
		.steps_max = STEPS_MAX,
		.forget = forget,
		.end = close,
	};
	stage_play(&script, story, seed);
}
