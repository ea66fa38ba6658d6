#include "sim/passage.h"

#include "base/bits.h"
#include "base/text.h"
#include "sim/host.h"
#include "wire/amqp091/content.h"
#include "wire/amqp091/method.h"
#include "wire/amqp091/props.h"
#include "wire/amqp091/table.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVES        4
#define STEPS_MAX    2500
#define WALK_MAX     400000 /* steps until everything has come to rest */
#define MESSAGES_MAX 4096u
#define HELD_MAX     1024u
#define BYTES_MAX    262144u /* on their way to the broker, or from it */
#define BODY_BIG     140000u /* in chunks */
#define FRAME_MAX    131072u

enum { FIRST, SECOND, END_ONE, END_TWO, QUEUES };
static const char *const names[QUEUES] = { "first", "second", "end one", "end two" };

struct stream {
	uint8_t at[BYTES_MAX];
	size_t n;
};

struct passage {
	struct story own; /* of the host: its faults are none of the run's */
	struct story *story;
	struct prng prng;
	struct host host;
	struct sock *sock; /* NULL: no connection */
	struct stream out, in;
	bool is_ready;   /* the queues are there and consumers began */
	bool is_walking; /* nothing is published; the ends are taken from */
	bool is_safe;    /* the second queue keeps its dead letters until there are ends */
	uint32_t sent_n; /* messages in all lives; their numbers begin with 1 */
	uint32_t life_sent_n, life_first; /* of this connection */
	uint64_t acked_to;                /* all tags up to it */
	uint64_t held[HELD_MAX];          /* delivery tags to be rejected */
	uint32_t held_n;
	uint32_t came_from; /* queue of the delivery whose content comes */
	uint64_t body_left; /* of it; and whether its number was seen */
	bool is_body_begun;
	bool confirmed[MESSAGES_MAX];
	uint8_t came[2][MESSAGES_MAX];
	uint8_t body[BODY_BIG]; /* of what is published */
};

/* ---- what the client says ----------------------------------------------------------------- */

static void say(struct passage *p, uint16_t channel, const struct amqp091_method *m)
{
	size_t n = amqp091_method_size(m);
	must(p->out.n + n <= BYTES_MAX);
	uint8_t *end = amqp091_method_put(p->out.at + p->out.n, channel, m);
	must(end == p->out.at + p->out.n + n);
	p->out.n += n;
}

#define SAY(p, channel, noun_verb, ...) \
	say((p), (channel),             \
	    &(struct amqp091_method){ .kind = AMQP091_##noun_verb, .noun_verb = { __VA_ARGS__ } })

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

static void declare(struct passage *p, uint32_t queue, const char *exchange, const char *key)
{
	uint8_t buf[256];
	bool is_safe = queue == SECOND && p->is_safe;
	SAY(p, 1, queue_declare, .queue = slice_str(names[queue]), .durable = true,
	    .arguments = dead_letters(buf, sizeof buf, exchange, key, is_safe));
}

static void consume(struct passage *p, uint32_t queue)
{
	char tag[2] = { (char)('0' + queue), '\0' };
	SAY(p, 1, basic_consume, .queue = slice_str(names[queue]), .consumer_tag = slice_str(tag),
	    .no_ack = queue >= END_ONE);
}

/* Everything in one breath: what is not there yet is made, what is there is the same. */
static void set_up(struct passage *p)
{
	static const uint8_t greeting[] = "AMQP\x00\x00\x09\x01";
	memcpy(p->out.at, greeting, 8);
	p->out.n = 8;
	SAY(p, 0, connection_start_ok, .mechanism = slice_str("PLAIN"),
	    .response = slice_of("\0guest\0guest", 12), .locale = slice_str("en_US"));
	SAY(p, 0, connection_tune_ok, .channel_max = 1, .frame_max = FRAME_MAX);
	SAY(p, 0, connection_open, .virtual_host = slice_str("/"));
	SAY(p, 1, channel_open, .out_of_band = SLICE_EMPTY);
	declare(p, FIRST, "", names[SECOND]);
	declare(p, SECOND, "amq.fanout", NULL);
	for (uint32_t q = END_ONE; q < QUEUES; q++) {
		declare(p, q, NULL, NULL);
		if (p->is_safe && !p->is_walking)
			continue; /* until then nobody takes what has died twice */
		SAY(p, 1, queue_bind, .queue = slice_str(names[q]),
		    .exchange = slice_str("amq.fanout"));
	}
	SAY(p, 1, basic_qos, .prefetch_count = HELD_MAX / 2);
	SAY(p, 1, confirm_select, .nowait = false);
	for (uint32_t q = FIRST; q < (p->is_walking ? QUEUES : END_ONE); q++)
		consume(p, q);
}

static void put_frame(struct passage *p, uint8_t type, const uint8_t *payload, uint32_t n)
{
	uint8_t *at = p->out.at + p->out.n;
	must(p->out.n + n + AMQP091_FRAME_OVERHEAD <= BYTES_MAX);
	at = amqp091_frame_head_put(at, type, 1, n);
	memcpy(at, payload, n);
	at[n] = AMQP091_FRAME_END;
	p->out.n += n + AMQP091_FRAME_OVERHEAD;
}

static void publish(struct passage *p)
{
	uint32_t n = prng_chance(&p->prng, 1, 150) ? BODY_BIG
						   : (uint32_t)prng_between(&p->prng, 4, 400);
	uint8_t header[15];
	struct wr w = wr_of(header, sizeof header);
	if (p->sent_n + 1 == MESSAGES_MAX || p->out.n + n + 1024 > BYTES_MAX)
		return;
	store_be32(p->body, ++p->sent_n);
	p->life_sent_n++;
	SAY(p, 1, basic_publish, .routing_key = slice_str(names[FIRST]));
	wr_u16(&w, 60);
	wr_u16(&w, 0);
	wr_u64(&w, n);
	wr_u16(&w, AMQP091_HAS_delivery_mode);
	wr_u8(&w, 2);
	put_frame(p, AMQP091_FRAME_HEADER, header, (uint32_t)w.n);
	for (uint32_t at = 0, part; at < n; at += part) {
		part = (uint32_t)min_u64(n - at, FRAME_MAX - AMQP091_FRAME_OVERHEAD);
		put_frame(p, AMQP091_FRAME_BODY, p->body + at, part);
	}
}

static void reject(struct passage *p)
{
	uint32_t i = (uint32_t)prng_below(&p->prng, p->held_n);
	if (p->out.n + 64 > BYTES_MAX)
		return;
	SAY(p, 1, basic_reject, .delivery_tag = p->held[i]);
	p->held[i] = p->held[--p->held_n];
}

/* ---- what it hears ------------------------------------------------------------------------ */

static void confirmed(struct passage *p, const struct amqp091_basic_ack *a)
{
	must(a->delivery_tag >= 1 && a->delivery_tag <= p->life_sent_n);
	p->confirmed[p->life_first + a->delivery_tag] = true;
	for (uint64_t tag = a->multiple ? p->acked_to + 1 : UINT64_MAX; tag <= a->delivery_tag;
	     tag++)
		p->confirmed[p->life_first + tag] = true;
	if (a->multiple)
		p->acked_to = max_u64(p->acked_to, a->delivery_tag);
}

static void heard(struct passage *p, const struct amqp091_method *m)
{
	struct slice tag;
	switch (m->kind) {
	case AMQP091_basic_ack: confirmed(p, &m->basic_ack); break;
	case AMQP091_basic_consume_ok: p->is_ready = true; break;
	case AMQP091_basic_deliver:
		tag = m->basic_deliver.consumer_tag;
		must(tag.n == 1 && p->body_left == 0 && p->held_n < HELD_MAX);
		p->came_from = tag.p[0] - '0';
		if (p->came_from < END_ONE)
			p->held[p->held_n++] = m->basic_deliver.delivery_tag;
		break;
	case AMQP091_channel_close:
	case AMQP091_connection_close:
		story_wrong(p->story, "the broker closes what carries dead letters");
		break;
	default: break;
	}
}

static void came(struct passage *p, struct slice part)
{
	must(part.n <= p->body_left);
	p->body_left -= part.n;
	if (p->is_body_begun)
		return;
	p->is_body_begun = true;
	uint32_t number = part.n >= 4 ? load_be32(part.p) : 0;
	if (number == 0 || number > p->sent_n)
		story_wrong(p->story, "a dead letter came that nobody has sent");
	else if (p->came_from >= END_ONE)
		p->came[p->came_from - END_ONE][number]++;
}

static void frame(struct passage *p, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	struct amqp091_header h;
	enum err e = ERR_OK;
	if (f->type == AMQP091_FRAME_METHOD) {
		e = amqp091_method_decode(f->payload, &m);
		if (e == ERR_OK)
			heard(p, &m);
	} else if (f->type == AMQP091_FRAME_HEADER) {
		e = amqp091_header_decode(f->payload, &h);
		must(e == ERR_OK);
		p->body_left = h.body_bytes;
		p->is_body_begun = false;
	} else if (f->type == AMQP091_FRAME_BODY) {
		came(p, f->payload);
	}
	must(e == ERR_OK);
}

static void listen(struct passage *p)
{
	struct amqp091_frame f;
	size_t at = 0;
	while (amqp091_frame_read(slice_of(p->in.at + at, p->in.n - at), 0, &f) == ERR_OK) {
		frame(p, &f);
		at += f.total;
	}
	p->in.n -= at;
	memmove(p->in.at, p->in.at + at, p->in.n);
}

/* Bytes one way and the other; true: there were some. */
static bool exchange(struct passage *p)
{
	struct socks *s = &p->host.socks;
	bool is_end = false;
	uint32_t sent = p->out.n ? sock_send(s, p->sock, p->out.at, (uint32_t)p->out.n) : 0;
	p->out.n -= sent;
	memmove(p->out.at, p->out.at + sent, p->out.n);
	uint32_t n = sock_take(s, p->sock, p->in.at + p->in.n, (uint32_t)(BYTES_MAX - p->in.n),
			       &is_end);
	p->in.n += n;
	listen(p);
	if (is_end)
		story_wrong(p->story, "the broker hangs up on who carries dead letters");
	return sent > 0 || n > 0;
}

/* ---- one life ----------------------------------------------------------------------------- */

static bool begin(struct passage *p)
{
	char room[256];
	struct text why = text_of(room, sizeof room);
	if (sim_disk_is_dead(p->host.disk))
		sim_disk_restart(p->host.disk);
	if (host_start(&p->host, &why) != ERR_OK) {
		story_wrong(p->story, "no start after messages have died: %s", room);
		return false;
	}
	p->out.n = p->in.n = p->held_n = 0;
	p->body_left = 0;
	p->is_ready = false;
	p->life_first = p->sent_n;
	p->life_sent_n = 0;
	p->acked_to = 0;
	p->sock = sock_connect(&p->host.socks, (uint32_t)prng_below(&p->prng, p->host.loops_n));
	must(p->sock != NULL);
	set_up(p);
	return true;
}

/* One of the broker's threads takes a turn, if any would. */
static bool broker_step(struct passage *p)
{
	struct host *h = &p->host;
	uint64_t who = host_runnable(h);
	if (who == 0)
		return false;
	for (uint64_t nth = prng_below(&p->prng, bits_count(&who, 64)); nth > 0; nth--)
		who &= who - 1;
	host_step(h, bits_lowest(who));
	if (h->died != ERR_OK)
		story_wrong(p->story, "the broker ends itself among dead letters");
	return true;
}

/* Somebody does something; false: nobody has anything to do. */
static bool step(struct passage *p)
{
	bool is_any = p->held_n > 0 || host_runnable(&p->host) != 0;
	if (prng_chance(&p->prng, 3, 4) && broker_step(p))
		return true;
	if (!p->is_walking && p->is_ready && prng_chance(&p->prng, 1, 2))
		for (uint64_t n = prng_between(&p->prng, 1, 8); n > 0; n--)
			publish(p);
	while (p->held_n > 0 && prng_chance(&p->prng, 9, 10))
		reject(p);
	return exchange(p) || is_any;
}

static void fight(struct passage *p)
{
	struct host *h = &p->host;
	uint64_t n = prng_between(&p->prng, 100, STEPS_MAX);
	if (!begin(p))
		return;
	while (n-- > 0 && !p->story->is_wrong)
		if (!step(p))
			host_pass(h, 1);
	bool is_power = prng_chance(&p->prng, 1, 2);
	host_forget(h);
	sock_drop(p->sock, true);
	if (is_power)
		sim_disk_crash(h->disk);
	else
		sim_disk_kill(h->disk);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void compare(struct passage *p)
{
	uint32_t lost = 0, confirmed_n = 0, often = 0;
	for (uint32_t i = 1; i <= p->sent_n; i++) {
		confirmed_n += p->confirmed[i];
		lost += p->confirmed[i] && !(p->came[0][i] && p->came[1][i]);
		often += p->came[0][i] > 1 << LIVES || p->came[1][i] > 1 << LIVES;
	}
	if (lost)
		story_wrong(p->story, "%u of %u messages are lost between queues", lost,
			    confirmed_n);
	if (often)
		story_wrong(p->story, "%u dead letters came too often", often);
	story_mix(p->story, p->own.hash ^ confirmed_n);
}

/* Everything goes all the way, and the broker stops. */
static void walk(struct passage *p)
{
	struct host *h = &p->host;
	uint32_t n = 0;
	p->is_walking = true;
	if (!begin(p))
		return;
	while ((step(p) || !host_is_idle(h)) && !p->story->is_wrong)
		if (++n == WALK_MAX)
			story_wrong(p->story, "dead letters do not come to rest");
	compare(p);
	sock_drop(p->sock, true);
	host_stop(h);
	for (n = 0; !host_is_stopped(h) && !p->story->is_wrong;) {
		if (!broker_step(p))
			host_pass(h, 1);
		if (++n == WALK_MAX)
			story_wrong(p->story, "no stop with dead letters");
	}
	if (!p->story->is_wrong && host_close(h) != 0)
		story_wrong(p->story, "dead letters have left memory behind");
}

void passage_play(struct story *story, uint64_t seed)
{
	struct passage *p = calloc(1, sizeof *p);
	must(p != NULL);
	p->story = story;
	p->prng = prng_of(seed ^ 0xdead);
	p->is_safe = prng_chance(&p->prng, 1, 3);
	story_init(&p->own, false);
	const struct host_setup s = {
		.loops_n = 1,
		.pipe_bytes = (uint32_t)prng_between(&p->prng, 64, 65536),
		.segment_bytes = 4 * LIMIT_RECORD_BYTES_MAX,
		.checkpoint_every_bytes = 8 * LIMIT_RECORD_BYTES_MAX,
		.cache_bytes = prng_between(&p->prng, 0, 65536),
		.disk_free_bytes = 1 << 20,
		.output_bytes = 65536,
		.unconfirmed_bytes = prng_between(&p->prng, 4096, 1 << 20),
		.frame_max = FRAME_MAX,
	};
	host_init(&p->host, &p->own, seed, &s);
	for (int life = 0; life < LIVES && !story->is_wrong; life++) {
		fight(p);
		/* queues that one loop has spread over its shards come to lie on several */
		p->host.loops_n = (uint32_t)prng_between(&p->prng, 1, HOST_LOOPS_MAX);
	}
	if (!story->is_wrong)
		walk(p);
	host_fini(&p->host);
	free(p);
}
