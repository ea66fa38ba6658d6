#include "sim/turns.h"

#include "base/bits.h"
#include "sim/turns_state.h"
#include "wire/amqp091/table.h"

#define LIVES     4
#define STEPS_MAX 200
#define PREFETCH  6
#define GOT_MAX   8u

static const char *const names[QUEUES] = { "one", "rank" };

/* ---- what clients say --------------------------------------------------------------------- */

static struct talk *talk_of(struct turns *t, const struct side *s)
{
	return &t->stage.actor[s - t->side].talk;
}

static void enter(struct stage *st, struct actor *a)
{
	uint8_t buf[2][64];
	struct wr one = wr_of(buf[ONE], sizeof buf[ONE]), rank = wr_of(buf[RANK], sizeof buf[RANK]);
	struct side *s = &turns_of(st)->side[a->index];
	s->is_ready = s->is_closing = false;
	s->consumer = s->came_n = s->held_n = 0;
	amqp091_put_bool(&one, "x-single-active-consumer", true);
	amqp091_put_int(&rank, "x-max-priority", RANKED_MAX);
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[ONE]), .durable = true,
	     .arguments = wr_done(&one));
	TALK(&a->talk, 1, queue_declare, .queue = slice_str(names[RANK]), .durable = true,
	     .arguments = wr_done(&rank));
	TALK(&a->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	TALK(&a->talk, 1, confirm_select, .nowait = false);
	must(talk_has_room(&a->talk, 1024));
}

static void publish(struct turns *t)
{
	struct stage *s = &t->stage;
	uint32_t queue = (uint32_t)prng_below(&s->prng, QUEUES);
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode | AMQP091_HAS_priority };
	props.delivery_mode = prng_chance(&s->prng, 2, 3) ? 2 : 1;
	props.priority = (uint8_t)prng_below(&s->prng, RANKED_MAX + 3);
	uint32_t bytes = (uint32_t)prng_between(&s->prng, 4, 64);
	if (s->sent_n + 1 == MESSAGES_MAX ||
	    !stage_publish(s, s->actor, "", names[queue], &props, bytes))
		return;
	t->message[s->sent_n] = (struct message){ .queue = (uint8_t)queue,
						  .lane = (uint8_t)min_u64(props.priority,
									   RANKED_MAX),
						  .is_persistent = props.delivery_mode == 2 };
}

static void consume(struct turns *t, struct side *s)
{
	uint8_t buf[32];
	struct wr w = wr_of(buf, sizeof buf);
	must(!s->consumer);
	s->consumer = ++t->consumers_n;
	s->came_n = 0;
	amqp091_put_int(&w, "x-priority", (int64_t)prng_below(&t->stage.prng, 3));
	actor_consume(&t->stage.actor[s - t->side], names[ONE], s->consumer, false, wr_done(&w));
}

static void cancel(struct turns *t, struct side *s)
{
	must(s->consumer);
	actor_cancel(&t->stage.actor[s - t->side], s->consumer);
	s->consumer = 0;
}

/* The oldest that this consumer had, and has not settled; 0: none. */
static uint32_t oldest_of(const struct side *s)
{
	uint32_t oldest = 0;
	must(s->held_n <= HELD_MAX);
	for (uint32_t i = 0; i < s->held_n; i++)
		if (s->held[i].consumer == s->consumer && (!oldest || s->held[i].number < oldest))
			oldest = s->held[i].number;
	return oldest;
}

static void lose(struct turns *t, struct side *s)
{
	struct actor *a = &t->stage.actor[s - t->side];
	stage_leave(&t->stage, a, prng_chance(&t->stage.prng, 1, 2));
	stage_enter(&t->stage, a);
}

/* A channel that opens at once again. */
static void close_channel(struct turns *t, struct side *s)
{
	TALK(talk_of(t, s), 1, channel_close, .reply_code = 200);
	TALK(talk_of(t, s), 1, channel_open, .out_of_band = SLICE_EMPTY);
	TALK(talk_of(t, s), 1, basic_qos, .prefetch_count = PREFETCH);
	s->consumer = s->held_n = 0;
	s->is_closing = true;
}

static void settle(struct turns *t, struct side *s)
{
	uint32_t i = (uint32_t)prng_below(&t->stage.prng, s->held_n);
	struct held *h = &s->held[i];
	bool is_back = !t->is_resting && prng_chance(&t->stage.prng, 1, 5);
	if (!talk_has_room(talk_of(t, s), 64))
		return;
	if (is_back)
		TALK(talk_of(t, s), 1, basic_nack, .delivery_tag = h->tag, .requeue = true);
	else
		TALK(talk_of(t, s), 1, basic_ack, .delivery_tag = h->tag);
	if (h->consumer == STAGE_FETCHED) {
		must(t->message[h->number].state == HELD && t->got_n > 0);
		t->message[h->number].state = is_back ? WAITS : TAKEN;
		t->got_n--;
	}
	*h = s->held[--s->held_n];
}

/* ---- one life ----------------------------------------------------------------------------- */

/* What was fetched and settled, or sent and not confirmed, may be there again. */
static void forget(struct turns *t)
{
	t->got_n = 0;
	for (uint32_t i = 1; i <= t->stage.sent_n; i++) {
		struct message *m = &t->message[i];
		if (!m->is_persistent)
			m->state = GONE;
		else if (m->state == TAKEN || (m->state == WAITS && !m->is_confirmed))
			m->state = MAYBE;
		else if (m->state == HELD)
			m->state = m->is_confirmed ? WAITS : MAYBE;
	}
	must(t->consumers_n < UINT32_MAX);
}

static bool begin(struct turns *t)
{
	forget(t);
	return stage_begin(&t->stage);
}

/* Everything that has begun ends: what was settled is gone. */
static void come_to_rest(struct turns *t)
{
	stage_rest(&t->stage);
	for (uint32_t i = 1; i <= t->stage.sent_n; i++)
		if (t->message[i].state == TAKEN)
			t->message[i].state = GONE;
}

static void act(struct turns *t)
{
	struct side *s = &t->side[prng_below(&t->stage.prng, CLIENTS)];
	uint32_t what = (uint32_t)prng_below(&t->stage.prng, 100);
	if (!s->is_ready || !talk_has_room(talk_of(t, s), 4096))
		return;
	if (s == &t->side[0] && what < 50)
		publish(t);
	else if (what < 70 && s->held_n)
		settle(t, s);
	else if (what < 85 && !s->consumer)
		consume(t, s);
	else if (what < 88 && s->consumer)
		cancel(t, s);
	else if (what < 91 && s != &t->side[0] && !s->is_closing)
		close_channel(t, s);
	else if (what < 93 && s != &t->side[0])
		lose(t, s);
}

static void fetch(struct turns *t)
{
	struct side *s = &t->side[0];
	come_to_rest(t);
	if (!s->is_ready || stage_is_wrong(&t->stage) || t->got_n == GOT_MAX)
		return;
	TALK(talk_of(t, s), 1, basic_get, .queue = slice_str(names[RANK]));
	come_to_rest(t);
}

/* The active consumer ends with its channel or connection while nobody does anything else: who
 * comes after it begins with what it held. */
static void hand_over(struct turns *t)
{
	struct side *s = &t->side[prng_between(&t->stage.prng, 1, CLIENTS - 1)];
	come_to_rest(t);
	if (!s->consumer || !s->came_n || stage_is_wrong(&t->stage))
		return;
	t->owed = oldest_of(s);
	if (prng_chance(&t->stage.prng, 1, 2))
		lose(t, s);
	else
		close_channel(t, s);
	come_to_rest(t);
	t->owed = 0;
}

static void step(struct turns *t)
{
	for (uint64_t n = prng_below(&t->stage.prng, 12); n > 0; n--)
		act(t);
	stage_mix(&t->stage, prng_below(&t->stage.prng, 30));
	if (prng_chance(&t->stage.prng, 1, 3) && !stage_is_wrong(&t->stage))
		fetch(t);
	if (prng_chance(&t->stage.prng, 1, 6) && !stage_is_wrong(&t->stage))
		hand_over(t);
	if (prng_chance(&t->stage.prng, 1, 4))
		host_pass(&t->stage.host, prng_between(&t->stage.prng, 1, 8));
}

static void fight(struct stage *s)
{
	struct turns *t = turns_of(s);
	uint64_t n = prng_between(&t->stage.prng, 20, STEPS_MAX);
	if (!begin(t))
		return;
	while (n-- > 0 && !stage_is_wrong(&t->stage))
		step(t);
	stage_end(&t->stage);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct turns *t)
{
	uint32_t lost = 0, confirmed_n = 0;
	for (uint32_t i = 1; i <= t->stage.sent_n; i++) {
		const struct message *m = &t->message[i];
		confirmed_n += m->is_confirmed;
		lost += m->is_confirmed && m->is_persistent && !m->is_seen;
	}
	if (lost)
		stage_wrong(&t->stage, "%u of %u messages were given to nobody", lost, confirmed_n);
	story_mix(t->stage.story, t->stage.own.hash ^ confirmed_n ^ (uint64_t)t->consumers_n << 32);
}

/* Everything is taken, and the broker stops. */
static void rest(struct stage *s)
{
	struct turns *t = turns_of(s);
	uint32_t taken_n = 1;
	t->is_resting = true;
	if (!begin(t))
		return;
	come_to_rest(t);
	consume(t, &t->side[1]);
	for (uint32_t before; taken_n > 0 && !stage_is_wrong(s);) {
		before = t->side[0].held_n;
		fetch(t);
		taken_n = t->side[0].held_n - before;
		for (uint32_t i = 0; i < CLIENTS; i++)
			for (; t->side[i].held_n > 0 && !stage_is_wrong(s); taken_n++)
				settle(t, &t->side[i]);
		host_pass(&s->host, 1);
	}
	compare(t);
	stage_close(s);
}

void turns_play(struct story *story, uint64_t seed)
{
	static const struct script script = {
		.plot = {
			.about = "turns",
			.actors_n = CLIENTS,
			.enter = enter,
			.heard = turns_heard,
			.came = turns_came,
			.answered = turns_answered,
		},
		.bytes = sizeof(struct turns),
		.salt = 0x7124,
		.lives_n = LIVES,
		.live = fight,
		.end = rest,
		.keeps_loops = true,
	};
	stage_play(&script, story, seed);
}
