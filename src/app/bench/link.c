#include "app/bench/worker.h"
#include "base/bits.h"
#include "base/must.h"

/* What one frame from the broker may make us write. */
#define LINK_REPLY_MAX 64

/* slot_of: the channel that a frame is for, or NULL. */
static struct slot *slot_of(struct link *l, uint16_t channel)
{
	return channel > 0 && channel <= l->slots_n ? &l->slots[channel] : NULL;
}

static enum err strange(struct link *l, const char *what)
{
	if (l->client.why->n == 0)
		text_putf(l->client.why, "the broker sent %s", what);
	return ERR_CLOSED;
}

/* deliver: a message for a consumer begins. */
static enum err deliver(struct worker *w, struct link *l, struct slot *s, struct rd *r)
{
	if (!s || !s->consumer)
		return strange(l, "a delivery to nobody");
	rd_skip(r, rd_u8(r)); /* the consumer tag: a channel has one consumer */
	s->consumer->tag = rd_u64(r);
	w->redelivered += rd_u8(r) != 0;
	if (!rd_ok(r))
		return strange(l, "half a basic.deliver");
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
			return strange(l, "a return to nobody");
		w->returned++;
		s->content = CONTENT_RETURNED;
		s->headed = false;
		return ERR_OK;
	case BASIC_CONSUME_OK: w->attached++; return ERR_OK;
	case BASIC_CANCEL_OK:
	case BASIC_QOS_OK: w->answers_due -= w->answers_due > 0; return ERR_OK;
	case BASIC_CANCEL: return strange(l, "basic.cancel: the queue is gone");
	case CONNECTION_BLOCKED: l->blocked = true; return ERR_OK;
	case CONNECTION_UNBLOCKED: l->blocked = false; return ERR_OK;
	case CONNECTION_CLOSE:
	case CHANNEL_CLOSE: return client_refused(&l->client, id, args);
	default: return strange(l, "a method that nobody asked for");
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
		return strange(l, "a confirm to nobody");
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
		return strange(l, "a content header out of place");
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
		return strange(l, "a content body out of place");
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

/* frames takes in every whole frame, as long as there is room for what it may make us write. */
static enum err frames(struct worker *w, struct link *l)
{
	while (wr_left(&l->client.out) >= LINK_REPLY_MAX) {
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
		default: e = strange(l, "a frame of an unknown type"); break;
		}
		TRY(e);
	}
	return ERR_OK;
}

enum err link_turn(struct worker *w, struct link *l)
{
	must(l->slots_n > 0);
	TRY(client_read(&l->client, &l->readable));
	TRY(frames(w, l));
	return ERR_OK;
}
