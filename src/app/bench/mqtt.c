#include "app/bench/packets.h"
#include "app/bench/talk.h"
#include "base/must.h"

#include <stdio.h>
#include <string.h>

#define SUBSCRIBE_ID 1u

/* In a fan-out all subscribe to one topic; else a topic stands for a queue. */
static void topic_of(const struct load *load, uint32_t queue, char out[LOAD_NAME_MAX])
{
	must(queue < load->o->queues);
	snprintf(out, LOAD_NAME_MAX, "%.150s/%u", load->prefix, load->o->fanout ? 0 : queue);
}

static void attach(const struct load *load, struct consumer *c)
{
	char topic[LOAD_NAME_MAX];
	topic_of(load, c->queue, topic);
	packets_subscribe(&c->link->client.out, SUBSCRIBE_ID, topic, (uint8_t)load->o->qos);
}

static void leave_consumer(struct consumer *c)
{
	packets_ping(&c->link->client.out);
}

static void leave_publisher(struct publisher *p)
{
	packets_ping(&p->link->client.out);
}

static void batch(struct publisher *p, const struct load *load)
{
	char topic[LOAD_NAME_MAX];
	const uint8_t qos = (uint8_t)load->o->qos;
	topic_of(load, p->id % (uint32_t)load->o->queues, topic);
	publisher_batch(p, packets_publish_bytes(topic, qos, load->o->size));
	for (size_t i = 0; i < p->batch_n; i++) {
		struct wr w = wr_of(p->batch + i * p->stride, p->stride);
		packets_publish(&w, topic, qos, load->o->size, &p->stamp_at);
		must(wr_ok(&w) && w.n == p->stride);
	}
	p->id_at = qos > 0 ? p->stamp_at - 2 : 0;
}

static void number(uint8_t *at, uint64_t n)
{
	must(n > 0);
	store_be16(at, publisher_packet_id(n));
}

/* ---- what comes --------------------------------------------------------------------------- */

static enum err message(struct worker *w, struct link *l, const struct packets_packet *p)
{
	struct consumer *c = l->slots[1].consumer;
	struct rd r = rd_of(p->body);
	const uint8_t qos = p->flags >> 1 & 3;
	uint16_t id = 0;
	rd_skip(&r, rd_u16(&r));
	if (qos > 0)
		id = rd_u16(&r);
	struct slice body = rd_rest(&r);
	if (!c || !rd_ok(&r))
		return talk_strange(l, "a message to nobody");
	w->redelivered += p->flags >> 3;
	bool torn = body.n != w->load->o->size || body.n < STAMP_BYTES;
	if (!torn)
		c->stamp = stamp_read(body.p);
	if (qos > 0)
		packets_answer(&l->client.out, qos == 1 ? PACKETS_PUBACK : PACKETS_PUBREC, id);
	consumer_arrived(w, c, torn);
	return ERR_OK;
}

/* Packet ids come again after 65,535 messages; no more than that are under way. */
static enum err answered(struct worker *w, struct link *l, uint16_t id)
{
	struct publisher *p = l->slots[1].publisher;
	if (!p || id == 0)
		return talk_strange(l, "an acknowledgement to nobody");
	uint32_t ahead = (uint32_t)UINT16_MAX + id - publisher_packet_id(p->lowest_tag);
	publisher_answer(w, p, p->lowest_tag + ahead % UINT16_MAX, false, true);
	return ERR_OK;
}

static enum err suback(struct worker *w, struct link *l, const struct packets_packet *p)
{
	if (p->body.n != 3 || p->body.p[2] != w->load->o->qos)
		return talk_strange(l, "another SUBACK than asked for");
	w->attached++;
	return ERR_OK;
}

static enum err packet(struct worker *w, struct link *l, const struct packets_packet *p)
{
	const uint16_t id = p->body.n >= 2 ? load_be16(p->body.p) : 0;
	switch (p->type) {
	case PACKETS_PUBLISH: return message(w, l, p);
	case PACKETS_PUBACK:
	case PACKETS_PUBCOMP: return answered(w, l, id);
	case PACKETS_PUBREC: packets_answer(&l->client.out, PACKETS_PUBREL, id); return ERR_OK;
	case PACKETS_PUBREL: packets_answer(&l->client.out, PACKETS_PUBCOMP, id); return ERR_OK;
	case PACKETS_SUBACK: return suback(w, l, p);
	case PACKETS_PINGRESP: w->answers_due -= w->answers_due > 0; return ERR_OK;
	case PACKETS_CONNECT:
	case PACKETS_CONNACK:
	case PACKETS_SUBSCRIBE:
	case PACKETS_PINGREQ: break;
	}
	return talk_strange(l, "a packet that nobody asked for");
}

static enum err take(struct worker *w, struct link *l)
{
	while (wr_left(&l->client.out) >= TALK_REPLY_MAX) {
		struct packets_packet p;
		enum err e = packets_next(&l->client, &p);
		if (e == ERR_MORE)
			return ERR_OK;
		TRY(e);
		TRY(packet(w, l, &p));
	}
	return ERR_OK;
}

const struct talk talk_mqtt = {
	.attach = attach,
	.leave_consumer = leave_consumer,
	.leave_publisher = leave_publisher,
	.batch = batch,
	.number = number,
	.take = take,
};
