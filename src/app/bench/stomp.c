#include "app/bench/texts.h"
#include "app/bench/talk.h"
#include "base/must.h"

#include <string.h>

static void attach(const struct load *load, struct consumer *c)
{
	char queue[LOAD_NAME_MAX];
	const struct options *o = load->o;
	topology_queue(load, c->queue, queue);
	texts_subscribe(&c->link->client.out, queue, o->durable, o->manual_ack, o->prefetch);
}

static void leave_consumer(struct consumer *c)
{
	texts_unsubscribe(&c->link->client.out);
}

static void leave_publisher(struct publisher *p)
{
	texts_begin(&p->link->client.out);
}

static void batch(struct publisher *p, const struct load *load)
{
	char queue[LOAD_NAME_MAX];
	const struct options *o = load->o;
	topology_queue(load, p->id % (uint32_t)o->queues, queue);
	const struct texts_message m = { queue, o->size, o->durable, o->confirms > 0 };
	publisher_batch(p, texts_send_bytes(&m));
	for (size_t i = 0; i < p->batch_n; i++) {
		struct wr w = wr_of(p->batch + i * p->stride, p->stride);
		texts_send(&w, &m, &p->id_at, &p->stamp_at);
		must(wr_ok(&w) && w.n == p->stride);
	}
}

static void number(uint8_t *at, uint64_t n)
{
	must(n > 0);
	texts_number(at, n);
}

/* ---- what comes --------------------------------------------------------------------------- */

static enum err message(struct worker *w, struct link *l, const struct texts_frame *f)
{
	struct consumer *c = l->slots[1].consumer;
	bool torn = f->body.n != w->load->o->size || f->body.n < STAMP_BYTES;
	if (!c)
		return talk_strange(l, "a message to nobody");
	if (!torn)
		c->stamp = stamp_read(f->body.p);
	if (w->load->o->manual_ack && !texts_ack(&l->client.out, f->ack))
		return talk_strange(l, "a message that cannot be acknowledged");
	consumer_arrived(w, c, torn);
	return ERR_OK;
}

static enum err receipt(struct worker *w, struct link *l, struct slice id)
{
	struct publisher *p = l->slots[1].publisher;
	const uint64_t n = texts_number_of(id);
	if (p && n > 0)
		publisher_answer(w, p, n, false, true);
	else if (slice_eq(id, slice_str(TEXTS_UP)))
		w->attached++;
	else if (slice_eq(id, slice_str(TEXTS_BYE)))
		w->answers_due -= w->answers_due > 0;
	else
		return talk_strange(l, "a receipt that nobody asked for");
	return ERR_OK;
}

static enum err frame(struct worker *w, struct link *l, const struct texts_frame *f)
{
	switch (f->command) {
	case TEXTS_MESSAGE: return message(w, l, f);
	case TEXTS_RECEIPT: return receipt(w, l, f->receipt_id);
	case TEXTS_ERROR: return texts_refused(&l->client, f);
	case TEXTS_CONNECTED:
	case TEXTS_OTHER: break;
	}
	return talk_strange(l, "a frame that nobody asked for");
}

static enum err take(struct worker *w, struct link *l)
{
	must(TEXTS_ACK_MAX <= TALK_REPLY_MAX);
	while (wr_left(&l->client.out) >= TALK_REPLY_MAX) {
		struct texts_frame f;
		enum err e = texts_next(&l->client, &f);
		if (e == ERR_MORE)
			return ERR_OK;
		TRY(e);
		TRY(frame(w, l, &f));
	}
	return ERR_OK;
}

const struct talk talk_stomp = {
	.attach = attach,
	.leave_consumer = leave_consumer,
	.leave_publisher = leave_publisher,
	.batch = batch,
	.number = number,
	.take = take,
};
