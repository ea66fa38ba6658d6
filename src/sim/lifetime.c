#include "sim/lifetime.h"

#include "base/bits.h"
#include "base/text.h"
#include "sim/host.h"
#include "sim/talk.h"
#include "wire/amqp091/table.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVES        4
#define STEPS_MAX    3000
#define REST_MAX     400000 /* steps until everything has come to rest */
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
	struct story own; /* of the host: its faults are none of the run's */
	struct story *story;
	struct prng prng;
	struct host host;
	struct talk talk;
	uint64_t brief_ms;
	uint32_t length;           /* of short and full */
	bool is_ready, is_resting; /* resting: nothing is published, everything is taken */
	bool is_consuming[2];      /* brief, own */
	bool is_getting;
	uint32_t sent_n; /* messages in all lives; their numbers begin with 1 */
	uint32_t life_sent_n, life_first;
	uint64_t acked_to;
	struct held held[HELD_MAX];
	uint32_t held_n;
	uint32_t came_from; /* queue of what comes; QUEUES: of no queue that is looked at */
	uint64_t came_tag, body_left;
	bool is_body_begun;
	struct message message[MESSAGES_MAX];
};

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
	TALK(&l->talk, 1, queue_declare, .queue = slice_str(names[queue]), .durable = true,
	     .arguments = wr_done(&w));
}

static void consume(struct lifetime *l, uint32_t queue)
{
	char tag[2] = { (char)('0' + queue), '\0' };
	must(queue == DEAD || !l->is_consuming[queue]);
	TALK(&l->talk, 1, basic_consume, .queue = slice_str(names[queue]),
	     .consumer_tag = slice_str(tag));
	if (queue != DEAD)
		l->is_consuming[queue] = true;
}

static void cancel(struct lifetime *l, uint32_t queue)
{
	char tag[2] = { (char)('0' + queue), '\0' };
	must(l->is_consuming[queue]);
	TALK(&l->talk, 1, basic_cancel, .consumer_tag = slice_str(tag));
	l->is_consuming[queue] = false;
}

/* Everything in one breath: what is not there yet is made, what is there is the same. */
static void set_up(struct lifetime *l)
{
	for (uint32_t q = 0; q < QUEUES; q++)
		declare(l, q);
	TALK(&l->talk, 1, basic_qos, .prefetch_count = PREFETCH);
	TALK(&l->talk, 1, confirm_select, .nowait = false);
	consume(l, DEAD);
	for (uint32_t q = BRIEF; q <= OWN && l->is_resting; q++)
		consume(l, q);
	must(talk_has_room(&l->talk, 1024));
}

/* When a message to `queue` with this property expires; 0: never. */
static uint64_t due_of(const struct lifetime *l, uint32_t queue, const char *expiration)
{
	uint64_t ttl_ms = expiration[0] ? strtoull(expiration, NULL, 10) : UINT64_MAX;
	if (queue == BRIEF)
		ttl_ms = min_u64(ttl_ms, l->brief_ms);
	must(queue < QUEUES);
	return ttl_ms == UINT64_MAX ? 0 : l->host.now_ms + ttl_ms;
}

static void publish(struct lifetime *l)
{
	uint8_t body[400] = { 0 };
	char expiration[24] = "";
	uint32_t queue = (uint32_t)prng_below(&l->prng, DEAD);
	struct amqp091_props props = { .flags = AMQP091_HAS_delivery_mode };
	props.delivery_mode = prng_chance(&l->prng, 2, 3) ? 2 : 1;
	if (l->sent_n + 1 == MESSAGES_MAX || !talk_has_room(&l->talk, 1024))
		return;
	if (queue <= OWN && prng_chance(&l->prng, 1, 2)) {
		snprintf(expiration, sizeof expiration, "%u", (unsigned)prng_below(&l->prng, 60));
		props.flags |= AMQP091_HAS_expiration;
		props.expiration = slice_str(expiration);
	}
	store_be32(body, ++l->sent_n);
	l->life_sent_n++;
	l->message[l->sent_n] = (struct message){ .sent_ms = l->host.now_ms,
						  .due_ms = due_of(l, queue, expiration),
						  .queue = (uint8_t)queue,
						  .is_persistent = props.delivery_mode == 2 };
	TALK(&l->talk, 1, basic_publish, .routing_key = slice_str(names[queue]));
	talk_content(&l->talk, &props, slice_of(body, prng_between(&l->prng, 4, sizeof body)));
}

static void settle(struct lifetime *l)
{
	uint32_t i = (uint32_t)prng_below(&l->prng, l->held_n);
	if (!talk_has_room(&l->talk, 64))
		return;
	if (l->is_resting || l->held[i].is_dead || prng_chance(&l->prng, 1, 2))
		TALK(&l->talk, 1, basic_ack, .delivery_tag = l->held[i].tag);
	else
		TALK(&l->talk, 1, basic_nack, .delivery_tag = l->held[i].tag, .requeue = true);
	l->held[i] = l->held[--l->held_n];
}

/* Something else than publishing and settling. */
static void look_around(struct lifetime *l)
{
	uint32_t q = (uint32_t)prng_below(&l->prng, 2);
	if (!talk_has_room(&l->talk, 256))
		return;
	switch (prng_below(&l->prng, 4)) {
	case 0:
		if (l->is_consuming[q])
			cancel(l, q);
		else
			consume(l, q);
		break;
	case 1:
		TALK(&l->talk, 1, queue_declare, .queue = slice_str(names[SHORT + q]),
		     .passive = true);
		break;
	default:
		must(q <= 1);
		if (!l->is_getting)
			TALK(&l->talk, 1, basic_get, .queue = slice_str(names[SHORT + q]),
			     .no_ack = true);
		l->is_getting = true;
	}
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void answered(struct lifetime *l, uint64_t tag, bool is_multiple, bool is_refused)
{
	must(tag >= 1 && tag <= l->life_sent_n);
	for (uint64_t t = is_multiple ? l->acked_to + 1 : tag; t <= tag; t++) {
		struct message *m = &l->message[l->life_first + t];
		if (m->is_refused)
			continue; /* told before */
		m->is_confirmed = !is_refused;
		m->is_refused = is_refused;
	}
	if (is_multiple)
		l->acked_to = max_u64(l->acked_to, tag);
}

static void counted(struct lifetime *l, const struct amqp091_queue_declare_ok *m)
{
	bool is_bounded = slice_eq(m->queue, slice_str(names[SHORT])) ||
			  slice_eq(m->queue, slice_str(names[FULL]));
	must(l->length > 0);
	if (is_bounded && m->message_count > l->length)
		story_wrong(l->story, "a queue has %u messages, more than %u", m->message_count,
			    l->length);
}

static void heard(struct lifetime *l, const struct amqp091_method *m)
{
	switch (m->kind) {
	case AMQP091_basic_ack:
		answered(l, m->basic_ack.delivery_tag, m->basic_ack.multiple, false);
		break;
	case AMQP091_basic_nack: answered(l, m->basic_nack.delivery_tag, false, true); break;
	case AMQP091_basic_consume_ok: l->is_ready = true; break;
	case AMQP091_queue_declare_ok: counted(l, &m->queue_declare_ok); break;
	case AMQP091_basic_get_empty: l->is_getting = false; break;
	case AMQP091_basic_get_ok:
		l->is_getting = false;
		l->came_from = QUEUES;
		break;
	case AMQP091_basic_deliver:
		must(m->basic_deliver.consumer_tag.n == 1 && l->body_left == 0);
		l->came_from = m->basic_deliver.consumer_tag.p[0] - '0';
		l->came_tag = m->basic_deliver.delivery_tag;
		break;
	case AMQP091_channel_close:
	case AMQP091_connection_close:
		story_wrong(l->story, "the broker closes what carries messages that expire");
		break;
	default: break;
	}
}

static void judge_dead(struct lifetime *l, uint32_t number)
{
	struct message *m = &l->message[number];
	uint64_t now = l->host.now_ms;
	must(l->came_from == DEAD);
	m->died_n++;
	if (!m->due_ms || now < m->due_ms)
		story_wrong(l->story, "message %u died at %llu, due at %llu", number,
			    (unsigned long long)now, (unsigned long long)m->due_ms);
}

static void judge_alive(struct lifetime *l, uint32_t number)
{
	struct message *m = &l->message[number];
	uint64_t now = l->host.now_ms;
	bool is_at_once = m->due_ms == m->sent_ms && now == m->due_ms;
	must(l->came_from != DEAD);
	m->came_n++;
	if (m->due_ms && now >= m->due_ms && !is_at_once)
		story_wrong(l->story, "message %u came at %llu, but was due at %llu", number,
			    (unsigned long long)now, (unsigned long long)m->due_ms);
}

/* A message has come just now, from where it says. */
static void judge(struct lifetime *l, uint32_t number)
{
	must(number >= 1 && number <= l->sent_n);
	if (l->message[number].is_refused)
		story_wrong(l->story, "message %u came though it was refused", number);
	if (l->came_from == DEAD)
		judge_dead(l, number);
	else
		judge_alive(l, number);
	if (l->came_from == QUEUES)
		return;
	must(l->held_n < HELD_MAX);
	l->held[l->held_n++] = (struct held){ l->came_tag, l->came_from == DEAD };
}

static void came(struct lifetime *l, struct slice part)
{
	must(part.n <= l->body_left);
	l->body_left -= part.n;
	if (l->is_body_begun)
		return;
	l->is_body_begun = true;
	uint32_t number = part.n >= 4 ? load_be32(part.p) : 0;
	if (number == 0 || number > l->sent_n)
		story_wrong(l->story, "a message came that nobody has sent");
	else
		judge(l, number);
}

static void frame(struct lifetime *l, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	struct amqp091_header h;
	enum err e = ERR_OK;
	if (f->type == AMQP091_FRAME_METHOD) {
		e = amqp091_method_decode(f->payload, &m);
		if (e == ERR_OK)
			heard(l, &m);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		e = amqp091_header_decode(f->payload, &h);
		l->body_left = h.body_bytes;
		l->is_body_begun = false;
	} else if (f->type == AMQP091_FRAME_BODY) {
		came(l, f->payload);
	}
	must(e == ERR_OK);
}

static bool exchange(struct lifetime *l)
{
	struct amqp091_frame f;
	bool is_end = false;
	bool is_any = talk_exchange(&l->talk, &l->host.socks, &is_end);
	while (!l->story->is_wrong && talk_next(&l->talk, &f))
		frame(l, &f);
	if (is_end)
		story_wrong(l->story, "the broker hangs up on messages that expire");
	return is_any;
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool begin(struct lifetime *l)
{
	char room[256];
	struct text why = text_of(room, sizeof room);
	if (sim_disk_is_dead(l->host.disk))
		sim_disk_restart(l->host.disk);
	if (host_start(&l->host, &why) != ERR_OK) {
		story_wrong(l->story, "no start among messages that expire: %s", room);
		return false;
	}
	l->held_n = 0;
	l->body_left = 0;
	l->is_ready = l->is_getting = l->is_consuming[BRIEF] = l->is_consuming[OWN] = false;
	l->life_first = l->sent_n;
	l->life_sent_n = 0;
	l->acked_to = 0;
	uint32_t loop = (uint32_t)prng_below(&l->prng, l->host.loops_n);
	talk_begin(&l->talk, sock_connect(&l->host.socks, loop));
	set_up(l);
	return true;
}

/* One of the broker's threads takes a turn, if any would. */
static bool broker_step(struct lifetime *l)
{
	struct host *h = &l->host;
	uint64_t who = host_runnable(h);
	if (who == 0)
		return false;
	for (uint64_t nth = prng_below(&l->prng, bits_count(&who, 64)); nth > 0; nth--)
		who &= who - 1;
	host_step(h, bits_lowest(who));
	if (h->died != ERR_OK)
		story_wrong(l->story, "the broker ends itself among messages that expire");
	return true;
}

/* Everything that has begun ends; at one moment. */
static void come_to_rest(struct lifetime *l)
{
	uint32_t n = 0;
	while ((broker_step(l) || exchange(l) || !host_is_idle(&l->host)) && !l->story->is_wrong)
		if (++n == REST_MAX)
			story_wrong(l->story, "messages that expire do not come to rest");
}

static void act(struct lifetime *l)
{
	if (l->is_ready && !l->is_resting)
		for (uint64_t n = prng_below(&l->prng, 12); n > 0; n--)
			publish(l);
	while (l->held_n > 0 && prng_chance(&l->prng, l->is_resting ? 1 : 3, l->is_resting ? 1 : 4))
		settle(l);
	if (l->is_ready && !l->is_resting && prng_chance(&l->prng, 1, 3))
		look_around(l);
}

/* Some of what has begun goes on, or all of it, and then time passes. */
static void step(struct lifetime *l)
{
	act(l);
	for (uint64_t n = prng_below(&l->prng, 30); n > 0; n--)
		if (prng_chance(&l->prng, 1, 2))
			(void)broker_step(l);
		else
			(void)exchange(l);
	if (prng_chance(&l->prng, 1, 2))
		return;
	come_to_rest(l);
	host_pass(&l->host, prng_between(&l->prng, 1, 8));
}

static void fight(struct lifetime *l)
{
	struct host *h = &l->host;
	uint64_t n = prng_between(&l->prng, 20, STEPS_MAX / 10);
	if (!begin(l))
		return;
	while (n-- > 0 && !l->story->is_wrong)
		step(l);
	bool is_power = prng_chance(&l->prng, 1, 2);
	host_forget(h);
	sock_drop(l->talk.sock, true);
	if (is_power)
		sim_disk_crash(h->disk);
	else
		sim_disk_kill(h->disk);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct lifetime *l)
{
	uint32_t lost = 0, confirmed_n = 0, died_n = 0;
	for (uint32_t i = 1; i <= l->sent_n; i++) {
		const struct message *m = &l->message[i];
		confirmed_n += m->is_confirmed;
		died_n += m->died_n > 0;
		if (m->queue <= OWN && m->is_confirmed && m->is_persistent)
			lost += m->came_n == 0 && m->died_n == 0;
	}
	if (lost)
		story_wrong(l->story, "%u of %u messages were neither given nor dead", lost,
			    confirmed_n);
	story_mix(l->story, l->own.hash ^ confirmed_n ^ (uint64_t)died_n << 32);
}

/* Everything is taken or expires, and the broker stops. */
static void rest(struct lifetime *l)
{
	struct host *h = &l->host;
	uint32_t n = 0;
	l->is_resting = true;
	if (!begin(l))
		return;
	for (uint32_t i = 0; (i < 40 || l->held_n > 0) && !l->story->is_wrong; i++) {
		act(l);
		come_to_rest(l);
		host_pass(h, 4);
	}
	compare(l);
	sock_drop(l->talk.sock, true);
	host_stop(h);
	while (!host_is_stopped(h) && !l->story->is_wrong) {
		if (!broker_step(l))
			host_pass(h, 1);
		if (++n == REST_MAX)
			story_wrong(l->story, "no stop with messages that expire");
	}
	if (!l->story->is_wrong && host_close(h) != 0)
		story_wrong(l->story, "messages that expire have left memory behind");
}

void lifetime_play(struct story *story, uint64_t seed)
{
	struct lifetime *l = calloc(1, sizeof *l);
	must(l != NULL);
	l->story = story;
	l->prng = prng_of(seed ^ 0x71fe);
	story_init(&l->own, false);
	const struct host_setup s = {
		.loops_n = (uint32_t)prng_between(&l->prng, 1, HOST_LOOPS_MAX),
		.pipe_bytes = (uint32_t)prng_between(&l->prng, 64, 65536),
		.segment_bytes = 4 * LIMIT_RECORD_BYTES_MAX,
		.checkpoint_every_bytes = 8 * LIMIT_RECORD_BYTES_MAX,
		.cache_bytes = prng_between(&l->prng, 0, 65536),
		.disk_free_bytes = 1 << 20,
		.output_bytes = 65536,
		.unconfirmed_bytes = prng_between(&l->prng, 4096, 1 << 20),
		.frame_max = TALK_FRAME_MAX,
	};
	host_init(&l->host, &l->own, seed, &s);
	l->brief_ms = prng_below(&l->prng, 40);
	l->length = (uint32_t)prng_between(&l->prng, 1, LENGTH_MAX);
	for (int life = 0; life < LIVES && !story->is_wrong; life++)
		fight(l);
	if (!story->is_wrong)
		rest(l);
	host_fini(&l->host);
	free(l);
}
