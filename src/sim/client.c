#include "sim/client.h"

#include "base/bits.h"
#include "base/byteorder.h"

#include <stdlib.h>

#define TAKE_BYTES 16384u

void client_init(struct client *c, struct host *h, struct oracle *o, uint32_t index, uint64_t seed)
{
	*c = (struct client){ .host = h, .oracle = o, .story = h->story, .index = index };
	c->prng = prng_of(seed);
}

static void channel_fini(struct channel_state *ch)
{
	free(ch->held);
	free(ch->unconfirmed);
	free(ch->incoming.body.at);
	*ch = (struct channel_state){ 0 };
}

void client_fini(struct client *c)
{
	for (uint32_t i = 0; i < ORACLE_CHANNELS; i++)
		channel_fini(&c->channel[i]);
	free(c->in.at);
	free(c->out.at);
}

void bytes_reserve(struct bytes *b, uint32_t n)
{
	if (b->begin + b->n + n <= b->cap)
		return;
	if (b->n > 0 && b->begin > 0)
		memmove(b->at, b->at + b->begin, b->n);
	b->begin = 0;
	if (b->n + n <= b->cap)
		return;
	b->cap = (uint32_t)max_u64(b->n + n, 2 * (uint64_t)b->cap);
	b->at = realloc(b->at, b->cap);
	must(b->at != NULL);
}

void client_wrong(struct client *c, uint32_t channel, const char *what, uint64_t value)
{
	story_wrong(c->story, "c%u.%u: %s (%lu)", c->index, channel, what, (unsigned long)value);
}

/* ---- life ------------------------------------------------------------------------------- */

bool client_connect(struct client *c, uint32_t loop)
{
	must(c->phase == CLIENT_OFF);
	c->sock = sock_connect(&c->host->socks, loop);
	if (!c->sock)
		return false;
	c->generation++;
	c->phase = CLIENT_GREETING;
	c->in.n = c->out.n = c->in.begin = c->out.begin = 0;
	c->frame_max = CLIENT_FRAME_MAX;
	c->is_blocked = false;
	c->slow_until_ms = c->rest_until_ms = 0;
	c->asked_ms = c->host->now_ms;
	oracle_connected(c->oracle, c->index);
	bytes_reserve(&c->out, 8);
	memcpy(c->out.at, "AMQP\0\0\x09\x01", 8);
	c->out.n = 8;
	TELL(c->story, connect, c->index, sock_number(&c->host->socks, c->sock), c->generation);
	return true;
}

void client_losing(struct client *c, struct consumer_state *s, int change)
{
	s->losing_n = (uint32_t)((int)s->losing_n + change);
	oracle_losing(c->oracle, s->queue, change);
}

/* The consumer ends with its channel: it may have been given more than it has seen, and an
 * auto-delete queue may go with it, now or when the broker notices. */
static void consumer_over(struct client *c, const struct channel_state *ch,
			  struct consumer_state *s, bool is_open_loss)
{
	bool is_his_change = ch->life == LIFE_GOING; /* the queue may go with it */
	struct oracle *o = c->oracle;
	const struct place_queue *p = &place_queues[s->queue];
	while (s->losing_n > 0)
		client_losing(c, s, -1);
	oracle_users(o, s->queue, -1);
	oracle_loss(o, s->queue, is_open_loss);
	s->life = LIFE_NONE;
	if (s->is_no_ack)
		oracle_leaking(o, s->queue);
	if (!p->is_auto_delete || o->queue[s->queue].life == LIFE_NONE)
		return;
	oracle_queue_set(o, s->queue, LIFE_MAYBE);
	oracle_in_limbo(o, s->queue, is_his_change);
}

/* The channel is no more, and what it held went back. */
void client_channel_over(struct client *c, uint32_t channel, bool is_open_loss)
{
	struct channel_state *ch = &c->channel[channel];
	if (ch->life == LIFE_NONE)
		return;
	if (oracle_may_fail(c->oracle, ch->number))
		oracle_ignored(c->oracle, c->index, ch->number);
	client_abandon(c, ch);
	for (uint32_t i = 0; i < CLIENT_CONSUMERS; i++)
		if (ch->consumer[i].life != LIFE_NONE)
			consumer_over(c, ch, &ch->consumer[i], is_open_loss);
	for (uint32_t i = ch->held_first; i < ch->held_end; i++)
		if (!ch->held[i].is_settled)
			oracle_release(c->oracle, ch->held[i].copy, c->index, ch->number);
	oracle_answered(c->oracle, ch->number);
	channel_fini(ch);
}

/* An exclusive queue goes when the broker notices that its owner is gone. */
static void exclusive_over(struct client *c, uint32_t queue)
{
	if (c->oracle->queue[queue].life == LIFE_NONE)
		return;
	oracle_queue_set(c->oracle, queue, LIFE_GOING);
	oracle_in_limbo(c->oracle, queue, true);
}

static void over(struct client *c, bool is_open_loss)
{
	for (uint32_t i = 0; i < ORACLE_CHANNELS; i++)
		client_channel_over(c, i, is_open_loss);
	for (uint32_t q = 0; q < PLACE_QUEUES; q++)
		if (place_queues[q].is_exclusive && place_owner(q) == c->index)
			exclusive_over(c, q);
	oracle_lost(c->oracle, c->index);
	c->phase = CLIENT_OFF;
	c->is_blocked = false;
	c->sock = NULL;
}

/* What is not sent yet begins in the middle of a frame: no frame ends where one must. */
static bool is_mid_frame(struct slice unsent)
{
	while (unsent.n >= 8) {
		size_t bytes = 8 + (size_t)load_be32(unsent.p + 3);
		if (bytes > unsent.n || unsent.p[bytes - 1] != 0xce)
			return true;
		unsent = slice_from(unsent, bytes);
	}
	return unsent.n > 0;
}

void client_drop(struct client *c, bool is_hard)
{
	if (c->phase == CLIENT_OFF)
		return;
	TELL(c->story, drop, c->index, c->out.n, c->sock->out.n, is_hard);
	if (c->phase == CLIENT_UP && is_mid_frame(slice_of(c->out.at + c->out.begin, c->out.n)))
		TELL(c->story, half, c->index);
	sock_drop(c->sock, is_hard);
	over(c, true);
}

void client_died(struct client *c)
{
	if (c->phase == CLIENT_OFF)
		return;
	if (!c->sock->is_ended)
		sock_drop(c->sock, true);
	over(c, false);
}

/* ---- bytes ------------------------------------------------------------------------------ */

bool client_has_io(const struct client *c)
{
	if (c->phase == CLIENT_OFF)
		return false;
	bool is_slow = c->slow_until_ms > c->host->now_ms;
	bool is_end = c->sock->state == SOCK_SHUT;
	return (c->out.n > 0 && (c->sock->in.n < c->sock->in.cap || is_end)) ||
	       (!is_slow && (c->sock->out.n > 0 || is_end));
}

bool client_is_silent(const struct client *c)
{
	return c->phase == CLIENT_OFF || (c->out.n == 0 && c->sock->in.n == 0 &&
					  c->sock->state == SOCK_OPEN && c->sock->is_reading);
}

bool client_has_all(const struct client *c)
{
	return c->phase == CLIENT_OFF || (c->sock->out.n == 0 && c->in.n == 0 && !c->sock->is_full);
}

static void take_header(struct client *c, uint32_t channel, struct slice payload)
{
	struct incoming *in = &c->channel[channel].incoming;
	struct amqp091_header h;
	if (in->kind == AMQP091_METHOD_N || in->has_header ||
	    amqp091_header_decode(payload, &h) != ERR_OK || h.props.n > sizeof in->props) {
		client_wrong(c, channel, "a content header that makes no sense", payload.n);
		return;
	}
	in->has_header = true;
	in->body_bytes = h.body_bytes;
	in->props_n = (uint32_t)h.props.n;
	memcpy(in->props, h.props.p, h.props.n);
	in->body.n = in->body.begin = 0;
	if (h.body_bytes == 0)
		client_on_message(c, channel);
}

static void take_body(struct client *c, uint32_t channel, struct slice payload)
{
	struct incoming *in = &c->channel[channel].incoming;
	if (in->kind == AMQP091_METHOD_N || !in->has_header ||
	    in->body.n + payload.n > in->body_bytes) {
		client_wrong(c, channel, "a body that makes no sense", payload.n);
		return;
	}
	bytes_reserve(&in->body, (uint32_t)payload.n);
	memcpy(in->body.at + in->body.n, payload.p, payload.n);
	in->body.n += (uint32_t)payload.n;
	if (in->body.n == in->body_bytes)
		client_on_message(c, channel);
}

static void take_frame(struct client *c, const struct amqp091_frame *f)
{
	struct amqp091_method m;
	uint32_t channel = f->channel;
	if (amqp091_frame_check(f) != ERR_OK || channel > ORACLE_CHANNELS) {
		client_wrong(c, channel, "a frame that makes no sense, of type", f->type);
		return;
	}
	if (f->type == AMQP091_FRAME_HEARTBEAT)
		return;
	if (channel > 0 && c->channel[channel - 1].life == LIFE_NONE) {
		client_wrong(c, channel - 1, "a frame for a channel that is closed", f->type);
		return;
	}
	switch (f->type) {
	case AMQP091_FRAME_HEADER: take_header(c, channel - 1, f->payload); return;
	case AMQP091_FRAME_BODY: take_body(c, channel - 1, f->payload); return;
	default: break;
	}
	if (amqp091_method_decode(f->payload, &m) != ERR_OK)
		client_wrong(c, channel, "a method that cannot be read", f->payload.n);
	else
		client_on_method(c, channel, &m);
}

static void take_frames(struct client *c)
{
	while (c->phase != CLIENT_OFF && !c->story->is_wrong) {
		struct amqp091_frame f;
		struct slice in = slice_of(c->in.at + c->in.begin, c->in.n);
		enum err e = amqp091_frame_read(in, c->frame_max, &f);
		if (e == ERR_MORE)
			return;
		if (e != ERR_OK) {
			client_wrong(c, 0, "a frame that cannot be read", c->in.n);
			return;
		}
		take_frame(c, &f);
		if (c->phase == CLIENT_OFF)
			return;
		c->in.begin += (uint32_t)f.total;
		c->in.n -= (uint32_t)f.total;
	}
}

/* The broker has closed the connection. */
static void ended(struct client *c)
{
	if (c->phase != CLIENT_LEAVING && !c->host->is_stopping)
		client_wrong(c, 0, "the broker hung up in phase", c->phase);
	TELL(c->story, left, c->index);
	sock_drop(c->sock, false);
	over(c, true);
}

void client_io(struct client *c)
{
	struct socks *s = &c->host->socks;
	bool is_end = false;
	if (c->out.n > 0) {
		uint32_t n = sock_send(s, c->sock, c->out.at + c->out.begin, c->out.n);
		c->out.begin += n;
		c->out.n -= n;
	}
	if (c->slow_until_ms > c->host->now_ms)
		return;
	bytes_reserve(&c->in, TAKE_BYTES);
	c->in.n += sock_take(s, c->sock, c->in.at + c->in.begin + c->in.n, TAKE_BYTES, &is_end);
	take_frames(c);
	if (is_end && c->phase != CLIENT_OFF && !c->story->is_wrong)
		ended(c);
}
