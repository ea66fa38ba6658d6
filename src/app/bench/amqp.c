#include "app/bench/talk.h"
#include "base/must.h"

/* slot_of: the channel that a frame is for, or NULL. */
static struct slot *slot_of(struct link *l, uint16_t channel)
{
	return channel > 0 && channel <= l->slots_n ? &l->slots[channel] : NULL;
}

/* deliver: a message for a consumer begins. */
static enum err deliver(struct worker *w, struct link *l, struct slot *s, struct rd *r)
{
	if (!s || !s->consumer)
		return talk_strange(l, "a delivery to nobody");
	rd_skip(r, rd_u8(r)); /* the consumer tag: a channel has one consumer */
	s->consumer->tag = rd_u64(r);
	w->redelivered += rd_u8(r) != 0;
	if (!rd_ok(r))
		return talk_strange(l, "half a basic.deliver");
	s->content = CONTENT_DELIVERED;
	s->headed = false;
	return ERR_OK;
}

/* seldom takes the methods that do not come with every message. */
static enum err seldom(struct worker *w, struct link *l, struct slot *s, enum frames_id id,
		       struct slice args)
{
	switch (id) {
	case BASIC_RETURN:
		if (!s)
			return talk_strange(l, "a return to nobody");
		w->returned++;
		s->content = CONTENT_RETURNED;
		s->headed = false;
		return ERR_OK;
	case BASIC_CONSUME_OK: w->attached++; return ERR_OK;
	case BASIC_CANCEL_OK:
	case BASIC_QOS_OK: w->answers_due -= w->answers_due > 0; return ERR_OK;
	case BASIC_CANCEL: return talk_strange(l, "basic.cancel: the queue is gone");
	case CONNECTION_BLOCKED: l->blocked = true; return ERR_OK;
	case CONNECTION_UNBLOCKED: l->blocked = false; return ERR_OK;
	case CONNECTION_CLOSE:
	case CHANNEL_CLOSE: return client_refused(&l->client, id, args);
	default: return talk_strange(l, "a method that nobody asked for");
	}
}

static enum err method(struct worker *w, struct link *l, const struct client_frame *f)
{
	struct rd r = rd_of(f->payload);
	struct slot *s = slot_of(l, f->channel);
	enum frames_id id = (enum frames_id)rd_u32(&r);
	if (id == BASIC_DELIVER)
		return deliver(w, l, s, &r);
	if (id != BASIC_ACK && id != BASIC_NACK)
		return seldom(w, l, s, id, rd_rest(&r));
	uint64_t tag = rd_u64(&r);
	bool multiple = rd_u8(&r) & 1;
	if (!rd_ok(&r) || !s || !s->publisher)
		return talk_strange(l, "a confirm to nobody");
	publisher_answer(w, s->publisher, tag, multiple, id == BASIC_ACK);
	return ERR_OK;
}

static void whole(struct worker *w, struct slot *s)
{
	enum content what = s->content;
	s->content = CONTENT_NONE;
	if (what == CONTENT_DELIVERED)
		consumer_arrived(w, s->consumer, s->torn);
}

static enum err content_header(struct worker *w, struct link *l, const struct client_frame *f)
{
	struct slot *s = slot_of(l, f->channel);
	if (!s || s->content == CONTENT_NONE || s->headed || f->payload.n < 14)
		return talk_strange(l, "a content header out of place");
	s->body_left = load_be64(f->payload.p + 4);
	s->headed = true;
	s->torn = s->body_left != w->load->o->size;
	if (s->body_left == 0)
		whole(w, s);
	return ERR_OK;
}

static enum err content_body(struct worker *w, struct link *l, const struct client_frame *f)
{
	struct slot *s = slot_of(l, f->channel);
	if (!s || s->content == CONTENT_NONE || !s->headed || f->payload.n > s->body_left)
		return talk_strange(l, "a content body out of place");
	if (s->body_left == w->load->o->size && s->consumer) { /* the first one */
		if (f->payload.n >= STAMP_BYTES)
			s->consumer->stamp = stamp_read(f->payload.p);
		else
			s->torn = true;
	}
	s->body_left -= f->payload.n;
	if (s->body_left == 0)
		whole(w, s);
	return ERR_OK;
}

static enum err take(struct worker *w, struct link *l)
{
	while (wr_left(&l->client.out) >= TALK_REPLY_MAX) {
		struct client_frame f;
		enum err e = client_next(&l->client, &f);
		if (e == ERR_MORE)
			return ERR_OK;
		TRY(e);
		switch (f.type) {
		case FRAMES_METHOD: e = method(w, l, &f); break;
		case FRAMES_CONTENT: e = content_header(w, l, &f); break;
		case FRAMES_BODY: e = content_body(w, l, &f); break;
		case FRAMES_HEARTBEAT: break;
		default: e = talk_strange(l, "a frame of an unknown type"); break;
		}
		TRY(e);
	}
	return ERR_OK;
}

/* ---- publishing --------------------------------------------------------------------------- */

#define BATCH_SCATTER 7919u /* neighbours in time are none in the exchange */

/* fill encodes the message once and repeats it; only the stamps change later. With many
 * bindings each has a key or a header of its own, with priorities one of these. */
static void fill(struct publisher *p, const struct load *load, struct frames_message *m)
{
	char key[LOAD_NAME_MAX], header[LOAD_NAME_MAX];
	bool is_bound = load->o->bindings > 0, is_each = is_bound || load->o->priorities > 0;
	if (is_bound) {
		m->header = topology_match(load, 0, key, header) ? header : NULL;
		m->key = key;
	}
	publisher_batch(p, frames_publish_bytes(m));
	for (size_t i = 0; i < p->batch_n; i++) {
		uint8_t *at = p->batch + i * p->stride;
		struct wr w = wr_of(at, p->stride);
		if (i > 0 && !is_each) {
			memcpy(at, p->batch, p->stride);
			continue;
		}
		if (is_bound)
			(void)topology_match(load, i * BATCH_SCATTER, key, header);
		m->priority = (uint8_t)(i % (load->o->priorities + 1));
		frames_publish(&w, m, &p->stamp_at);
		must(wr_ok(&w) && w.n == p->stride);
	}
}

static void batch(struct publisher *p, const struct load *load)
{
	char exchange[LOAD_NAME_MAX], key[LOAD_NAME_MAX];
	const struct options *o = load->o;
	must(p->id < o->publishers);
	topology_exchange(load, exchange);
	topology_key(load, p->id, key);
	fill(p, load,
	     &(struct frames_message){ .exchange = exchange,
				       .key = key,
				       .body_len = o->size,
				       .frame_max = p->link->client.frame_max,
				       .channel = p->channel,
				       .durable = o->durable,
				       .delay_ms = (uint32_t)o->delay,
				       .has_priority = o->priorities > 0 });
}

/* ---- beginning and end -------------------------------------------------------------------- */

static enum err open_channel(struct client *c, uint16_t channel)
{
	must(channel > 0);
	frames_channel_open(&c->out, channel);
	return client_wait(c, channel, CHANNEL_OPEN_OK, NULL);
}

static enum err open_publisher(const struct load *load, struct client *c, uint16_t channel)
{
	if (load->o->confirms == 0)
		return ERR_OK;
	frames_confirm_select(&c->out, channel);
	return client_wait(c, channel, CONFIRM_SELECT_OK, NULL);
}

static enum err open_consumer(const struct load *load, struct client *c, uint16_t channel)
{
	if (load->o->prefetch == 0)
		return ERR_OK;
	frames_qos(&c->out, channel, (uint16_t)load->o->prefetch);
	return client_wait(c, channel, BASIC_QOS_OK, NULL);
}

static void attach(const struct load *load, struct consumer *c)
{
	char name[LOAD_NAME_MAX];
	topology_queue(load, c->queue, name);
	frames_consume(&c->link->client.out, c->channel, name, load->o->manual_ack);
}

static void leave_consumer(struct consumer *c)
{
	if (c->unacked > 0)
		frames_ack(&c->link->client.out, c->channel, c->tag, true);
	frames_cancel(&c->link->client.out, c->channel);
}

static void leave_publisher(struct publisher *p)
{
	frames_qos(&p->link->client.out, p->channel, 0);
}

static void acknowledge(const struct load *load, struct consumer *c)
{
	const struct options *o = load->o;
	if (!o->manual_ack || ++c->unacked < o->ack_batch)
		return;
	must(wr_left(&c->link->client.out) >= FRAMES_ACK_BYTES);
	frames_ack(&c->link->client.out, c->channel, c->tag, o->ack_batch > 1);
	c->unacked = 0;
}

const struct talk talk_amqp = {
	.open = open_channel,
	.open_publisher = open_publisher,
	.open_consumer = open_consumer,
	.attach = attach,
	.leave_consumer = leave_consumer,
	.leave_publisher = leave_publisher,
	.batch = batch,
	.take = take,
	.acknowledge = acknowledge,
};
