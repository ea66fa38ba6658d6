#include "sim/turns.h"

#include "base/bits.h"
#include "base/text.h"
#include "sim/turns_state.h"
#include "wire/amqp091/table.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVES     4
#define STEPS_MAX 200
#define REST_MAX  400000 /* steps until everything has come to rest */
#define PREFETCH  6
#define GOT_MAX   8u

static const char *const names[QUEUES] = { "one", "rank" };

/* ---- what clients say --------------------------------------------------------------------- */

static void declare(struct side *s)
{
	uint8_t buf[2][64];
	struct wr one = wr_of(buf[ONE], sizeof buf[ONE]), rank = wr_of(buf[RANK], sizeof buf[RANK]);
	amqp091_put_bool(&one, "x-single-active-consumer", true);
	amqp091_put_int(&rank, "x-max-priority", RANK_MAX);
	TALK(&s->talk, 1, queue_declare, .queue = slice_str(names[ONE]), .durable = true,
	     .arguments = wr_done(&one));
	TALK(&s->talk, 1, queue_declare, .queue = slice_str(names[RANK]), .durable = true,
	     .arguments = wr_done(&rank));
	must(talk_has_room(&s->talk, 1024));
}

static void connect(struct turns *t, struct side *s)
{
	uint32_t loop = (uint32_t)prng_below(&t->prng, t->host.loops_n);
	s->is_ready = s->is_closing = false;
	s->consumer = s->came_n = s->held_n = 0;
	s->body_left = 0;
	talk_begin(&s->talk, sock_connect(&t->host.socks, loop));
	declare(s);
	TALK(&s->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	TALK(&s->talk, 1, confirm_select, .nowait = false);
}

static void publish(struct turns *t)
{
	uint8_t body[64] = { 0 };
	struct talk *k = &t->side[0].talk;
	uint32_t queue = (uint32_t)prng_below(&t->prng, QUEUES);
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode | AMQP091_HAS_priority };
	props.delivery_mode = prng_chance(&t->prng, 2, 3) ? 2 : 1;
	props.priority = (uint8_t)prng_below(&t->prng, RANK_MAX + 3);
	if (t->sent_n + 1 == MESSAGES_MAX || !talk_has_room(k, 1024))
		return;
	store_be32(body, ++t->sent_n);
	t->message[t->sent_n] = (struct message){ .queue = (uint8_t)queue,
						  .lane = (uint8_t)min_u64(props.priority,
									   RANK_MAX),
						  .is_persistent = props.delivery_mode == 2 };
	TALK(k, 1, basic_publish, .routing_key = slice_str(names[queue]));
	talk_content(k, &props, slice_of(body, prng_between(&t->prng, 4, sizeof body)));
}

static void consume(struct turns *t, struct side *s)
{
	char tag[16], buf[32];
	struct text text = text_of(tag, sizeof tag);
	struct wr w = wr_of(buf, sizeof buf);
	must(!s->consumer);
	s->consumer = ++t->consumers_n;
	s->came_n = 0;
	text_putf(&text, "%u", s->consumer);
	amqp091_put_int(&w, "x-priority", (int64_t)prng_below(&t->prng, 3));
	TALK(&s->talk, 1, basic_consume, .queue = slice_str(names[ONE]),
	     .consumer_tag = text_slice(&text), .arguments = wr_done(&w));
}

static void cancel(struct side *s)
{
	char tag[16];
	struct text text = text_of(tag, sizeof tag);
	must(s->consumer);
	text_putf(&text, "%u", s->consumer);
	TALK(&s->talk, 1, basic_cancel, .consumer_tag = text_slice(&text));
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
	sock_drop(s->talk.sock, prng_chance(&t->prng, 1, 2));
	connect(t, s);
}

/* A channel that opens at once again. */
static void close_channel(struct side *s)
{
	TALK(&s->talk, 1, channel_close, .reply_code = 200);
	TALK(&s->talk, 1, channel_open, .out_of_band = SLICE_EMPTY);
	TALK(&s->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	s->consumer = s->held_n = 0;
	s->is_closing = true;
	must(s->talk.sock != NULL);
}

static void settle(struct turns *t, struct side *s)
{
	uint32_t i = (uint32_t)prng_below(&t->prng, s->held_n);
	struct held *h = &s->held[i];
	bool is_back = !t->is_resting && prng_chance(&t->prng, 1, 5);
	if (!talk_has_room(&s->talk, 64))
		return;
	if (is_back)
		TALK(&s->talk, 1, basic_nack, .delivery_tag = h->tag, .requeue = true);
	else
		TALK(&s->talk, 1, basic_ack, .delivery_tag = h->tag);
	if (h->consumer == 0) {
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
	for (uint32_t i = 1; i <= t->sent_n; i++) {
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
	char room[256];
	struct text why = text_of(room, sizeof room);
	if (sim_disk_is_dead(t->host.disk))
		sim_disk_restart(t->host.disk);
	if (host_start(&t->host, &why) != ERR_OK) {
		story_wrong(t->story, "no start among those who take turns: %s", room);
		return false;
	}
	forget(t);
	t->life_first = t->sent_n;
	t->acked_to = 0;
	for (uint32_t i = 0; i < CLIENTS; i++)
		connect(t, &t->side[i]);
	return true;
}

static bool exchange(struct turns *t)
{
	bool is_any = false;
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct side *s = &t->side[i];
		struct amqp091_frame f;
		bool is_end = false;
		is_any |= talk_exchange(&s->talk, &t->host.socks, &is_end);
		while (!t->story->is_wrong && talk_next(&s->talk, &f))
			turns_frame(t, s, &f);
		if (is_end)
			story_wrong(t->story, "the broker hangs up on who takes turns");
	}
	return is_any;
}

/* One of the broker's threads takes a turn, if any would. */
static bool broker_step(struct turns *t)
{
	struct host *h = &t->host;
	uint64_t who = host_runnable(h);
	if (who == 0)
		return false;
	for (uint64_t nth = prng_below(&t->prng, bits_count(&who, 64)); nth > 0; nth--)
		who &= who - 1;
	host_step(h, bits_lowest(who));
	if (h->died != ERR_OK)
		story_wrong(t->story, "the broker ends itself among those who take turns");
	return true;
}

/* Everything that has begun ends: what was settled is gone. */
static void come_to_rest(struct turns *t)
{
	uint32_t n = 0;
	while ((broker_step(t) || exchange(t) || !host_is_idle(&t->host)) && !t->story->is_wrong)
		if (++n == REST_MAX)
			story_wrong(t->story, "those who take turns do not come to rest");
	for (uint32_t i = 1; i <= t->sent_n; i++)
		if (t->message[i].state == TAKEN)
			t->message[i].state = GONE;
}

static void act(struct turns *t)
{
	struct side *s = &t->side[prng_below(&t->prng, CLIENTS)];
	uint32_t what = (uint32_t)prng_below(&t->prng, 100);
	if (!s->is_ready || !talk_has_room(&s->talk, 4096))
		return;
	if (s == &t->side[0] && what < 50)
		publish(t);
	else if (what < 70 && s->held_n)
		settle(t, s);
	else if (what < 85 && !s->consumer)
		consume(t, s);
	else if (what < 88 && s->consumer)
		cancel(s);
	else if (what < 91 && s != &t->side[0] && !s->is_closing)
		close_channel(s);
	else if (what < 93 && s != &t->side[0])
		lose(t, s);
}

static void fetch(struct turns *t)
{
	struct side *s = &t->side[0];
	come_to_rest(t);
	if (!s->is_ready || t->story->is_wrong || t->got_n == GOT_MAX)
		return;
	TALK(&s->talk, 1, basic_get, .queue = slice_str(names[RANK]));
	come_to_rest(t);
}

/* The active consumer ends with its channel or connection while nobody does anything else: who
 * comes after it begins with what it held. */
static void hand_over(struct turns *t)
{
	struct side *s = &t->side[prng_between(&t->prng, 1, CLIENTS - 1)];
	come_to_rest(t);
	if (!s->consumer || !s->came_n || t->story->is_wrong)
		return;
	t->owed = oldest_of(s);
	if (prng_chance(&t->prng, 1, 2))
		lose(t, s);
	else
		close_channel(s);
	come_to_rest(t);
	t->owed = 0;
}

static void step(struct turns *t)
{
	for (uint64_t n = prng_below(&t->prng, 12); n > 0; n--)
		act(t);
	for (uint64_t n = prng_below(&t->prng, 30); n > 0 && !t->story->is_wrong; n--)
		if (prng_chance(&t->prng, 1, 2))
			(void)broker_step(t);
		else
			(void)exchange(t);
	if (prng_chance(&t->prng, 1, 3) && !t->story->is_wrong)
		fetch(t);
	if (prng_chance(&t->prng, 1, 6) && !t->story->is_wrong)
		hand_over(t);
	if (prng_chance(&t->prng, 1, 4))
		host_pass(&t->host, prng_between(&t->prng, 1, 8));
}

static void fight(struct turns *t)
{
	struct host *h = &t->host;
	uint64_t n = prng_between(&t->prng, 20, STEPS_MAX);
	if (!begin(t))
		return;
	while (n-- > 0 && !t->story->is_wrong)
		step(t);
	bool is_power = prng_chance(&t->prng, 1, 2);
	host_forget(h);
	for (uint32_t i = 0; i < CLIENTS; i++)
		sock_drop(t->side[i].talk.sock, true);
	if (is_power)
		sim_disk_crash(h->disk);
	else
		sim_disk_kill(h->disk);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct turns *t)
{
	uint32_t lost = 0, confirmed_n = 0;
	for (uint32_t i = 1; i <= t->sent_n; i++) {
		const struct message *m = &t->message[i];
		confirmed_n += m->is_confirmed;
		lost += m->is_confirmed && m->is_persistent && !m->is_seen;
	}
	if (lost)
		story_wrong(t->story, "%u of %u messages were given to nobody", lost, confirmed_n);
	story_mix(t->story, t->own.hash ^ confirmed_n ^ (uint64_t)t->consumers_n << 32);
}

/* Everything is taken, and the broker stops. */
static void rest(struct turns *t)
{
	struct host *h = &t->host;
	uint32_t n = 0, taken_n = 1;
	t->is_resting = true;
	if (!begin(t))
		return;
	come_to_rest(t);
	consume(t, &t->side[1]);
	for (uint32_t before; taken_n > 0 && !t->story->is_wrong;) {
		before = t->side[0].held_n;
		fetch(t);
		taken_n = t->side[0].held_n - before;
		for (uint32_t i = 0; i < CLIENTS; i++)
			for (; t->side[i].held_n > 0 && !t->story->is_wrong; taken_n++)
				settle(t, &t->side[i]);
		host_pass(h, 1);
	}
	compare(t);
	for (uint32_t i = 0; i < CLIENTS; i++)
		sock_drop(t->side[i].talk.sock, true);
	host_stop(h);
	while (!host_is_stopped(h) && !t->story->is_wrong) {
		if (!broker_step(t))
			host_pass(h, 1);
		if (++n == REST_MAX)
			story_wrong(t->story, "no stop among those who take turns");
	}
	if (!t->story->is_wrong && host_close(h) != 0)
		story_wrong(t->story, "those who take turns have left memory behind");
}

void turns_play(struct story *story, uint64_t seed)
{
	struct turns *t = calloc(1, sizeof *t);
	must(t != NULL);
	t->story = story;
	t->prng = prng_of(seed ^ 0x7124);
	story_init(&t->own, false);
	const struct host_setup s = {
		.loops_n = (uint32_t)prng_between(&t->prng, 1, HOST_LOOPS_MAX),
		.pipe_bytes = (uint32_t)prng_between(&t->prng, 64, 65536),
		.segment_bytes = 4 * LIMIT_RECORD_BYTES_MAX,
		.checkpoint_every_bytes = 8 * LIMIT_RECORD_BYTES_MAX,
		.cache_bytes = prng_between(&t->prng, 0, 65536),
		.disk_free_bytes = 1 << 20,
		.output_bytes = 65536,
		.unconfirmed_bytes = prng_between(&t->prng, 4096, 1 << 20),
		.frame_max = TALK_FRAME_MAX,
	};
	host_init(&t->host, &t->own, seed, &s);
	for (int life = 0; life < LIVES && !story->is_wrong; life++)
		fight(t);
	if (!story->is_wrong)
		rest(t);
	host_fini(&t->host);
	free(t);
}
