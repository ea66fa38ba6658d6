#include "base/ablate.h"
#include "base/bits.h"
#include "base/byteorder.h"
#include "base/must.h"
#include "session/mqtt/mark.h"
#include "session/views.h"

/* A retained message of QoS 1 or 2 for a session that is kept goes by way of the session's queue,
 * like any other: so it comes again, with its packet id, if the client has not acknowledged it,
 * and after a crash, too. What it is to its subscription stands behind its head. It is a copy: the
 * one in the store may be replaced meanwhile.
 *
 * No more of them are searched for than the queue has room for: a policy may bound it, and then
 * what was there before would go. Of a body in pieces the copy has the list, and holds them. */

#define QUEUED_MAX 32u /* ready in the queue before more are added */

/* What has moved the queue on, sometime. */
static uint64_t moved(const struct mqtt *s)
{
	must(s->is_durable);
	return s->more->count.delivered + s->more->count.acknowledged + s->more->count.passed_over +
	       s->more->count.no_topic + s->more->count.too_large + s->more->count.expired + 1;
}

/* ---- into the queue ----------------------------------------------------------------------- */

/* It has a block of its own if that is to hold pieces. NULL: too large, or no memory. */
static struct block *room_for(struct turn *t, const struct msg *m, uint32_t route_n, size_t props_n)
{
	const uint64_t all = route_n + props_n + m->body_bytes;
	must(props_n >= FOUND_TAIL);
	if (props_n > LIMIT_CHUNK_BYTES)
		return NULL;
	if (m->proto == MSG_CHUNKS)
		return block_take(t->w->home, (uint32_t)all);
	return upload_is_needed(route_n, props_n, m->body_bytes)
		       ? NULL
		       : block_for(t->w->home, (uint32_t)all);
}

static void hold_pieces(struct turn *t, struct block *b, const struct msg *copy)
{
	must(copy->proto == MSG_CHUNKS && block_of(copy) == b);
	block_give(b, 1);
	block_note(b, (uint32_t)((const uint8_t *)copy - (const uint8_t *)b));
	stores_put(t->w->stores,
		   (struct store){ .session = t->s->session.handle, .mem = msg_mem(copy) });
}

/* A copy, whose block the caller says is filled; NULL: too large, or no memory. */
static const struct msg *copy(struct turn *t, const struct msg *m, const struct mqtt_publish_out *h,
			      uint32_t number)
{
	const struct message of = { .topic = h->topic };
	const uint32_t route_n = mqtt_route_bytes(t, &of);
	const size_t head_n = mqtt_publish_head_size(h), props_n = head_n + FOUND_TAIL;
	const bool is_big = m->proto == MSG_CHUNKS;
	struct block *b = room_for(t, m, route_n, props_n);
	if (!b)
		return NULL;
	const struct msg facts = { .route_off = b->fill,
				   .route_len = (uint16_t)route_n,
				   .props_off = b->fill + route_n,
				   .props_len = (uint32_t)props_n,
				   .body_off = b->fill + route_n + (uint32_t)props_n,
				   .body_bytes = m->body_bytes,
				   .proto = is_big ? MSG_CHUNKS : MSG_MQTT5,
				   .flags = MSG_PERSISTENT | (is_big ? msg_inner(MSG_MQTT5) : 0) };
	uint8_t *at = (uint8_t *)b + b->fill;
	mqtt_route_put(t, &of, at);
	uint8_t *tail = mqtt_publish_head_put(at + route_n, h);
	must(tail == at + route_n + head_n);
	store_be64(tail, t->w->wall_ms);
	store_be32(tail + EXPIRY_TAIL, number);
	for (uint32_t i = 0, to = 0, n = msg_piece_n(m); i < n; i++) {
		const struct slice piece = msg_piece(m, i);
		memcpy(tail + FOUND_TAIL + to, piece.p, piece.n);
		to += (uint32_t)piece.n;
	}
	b->fill = facts.body_off + facts.body_bytes;
	const struct msg *new = msg_new(b, &facts);
	must(new != NULL);
	if (is_big)
		hold_pieces(t, b, new);
	return new;
}

static uint64_t expiry_of(const struct turn *t, const struct mqtt_props *p)
{
	must(p != NULL);
	return p->has & MQTT_HAS(message_expiry_s)
		       ? t->w->wall_ms + UINT64_C(1000) * max_u64(p->message_expiry_s, 1)
		       : 0;
}

bool mqtt_found_queue(struct turn *t, const struct msg *m, const struct mqtt_publish_out *head,
		      uint32_t number)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = s->queue ? catalog_queue_by_id(t->w->view, s->queue) : NULL;
	struct mqtt_publish_out h = *head;
	if (!s->is_durable || !s->taker || head->qos == 0 || !q)
		return false;
	must(head->retain && head->props);
	h.version = MQTT_V5;
	h.id = 1; /* until it has one */
	if (mqtt_publish_total(&h) > MQTT_LENGTH_MAX)
		return false;
	const struct msg *new = copy(t, m, &h, number);
	if (!new)
		return false;
	struct route_to to = { .queue = q->id, .shard = q->shard, .flags = q->flags };
	const struct route r = { .to = &to, .n = 1 };
	const struct route_hit hit = { .route = &r };
	const struct publication what = {
		.headers = views_of(new),
		.props = msg_props(new),
		.expiry_ms = expiry_of(t, head->props),
	};
	publisher_send(&s->publisher, t->w, &s->asker, &what, &hit, new, PUBLISHER_NOBODY);
	block_filled(block_of(new));
	mqtt_more(t)->requeued_n++;
	return true;
}

/* ---- what is only this member's ----------------------------------------------------------- */

bool mqtt_hold(struct turn *t, const struct settling *what, const struct msg *m,
	       const struct mqtt_publish_out *head, uint32_t number)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = s->queue ? catalog_queue_by_id(t->w->view, s->queue) : NULL;
	struct mqtt_publish_out h = *head;
	must(head->qos == 2 && head->props);
	if (!s->is_durable || !s->taker || !q || ABLATED(share_held))
		return false;
	h.version = MQTT_V5;
	h.id = 1; /* until it has one */
	const struct msg *new = mqtt_publish_total(&h) <= MQTT_LENGTH_MAX ? copy(t, m, &h, number)
									  : NULL;
	if (!new)
		return false;
	struct route_to to = { .queue = q->id, .shard = q->shard, .flags = q->flags };
	const struct route r = { .to = &to, .n = 1 };
	block_give(block_of(new), 1);
	mqtt_more(t)->holding_n++;
	mqtt_window_look(s);
	mqtt_tx(t, &(struct tx_wish){ .route = &r,
				      .message = { .mem = msg_mem(new),
						   .expiry_ms = expiry_of(t, head->props),
						   .bytes = msg_stored_bytes(new),
						   .flags = new->flags,
						   .is_big = new->proto == MSG_CHUNKS },
				      .settling = *what,
				      .kind = TX_HELD });
	block_filled(block_of(new));
	return true;
}

/* ---- is there room? ----------------------------------------------------------------------- */

bool mqtt_found_room(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct queue_record *q;
	must(s->search_ticket == TICKET_NONE);
	if (s->more->requeued_n == 0)
		return true;
	if (s->more->requeue_moved == moved(s))
		return false; /* nothing has changed since it was too full */
	q = catalog_queue_by_id(t->w->view, s->queue);
	if (!q)
		return false; /* that is the end */
	s->search_ticket = ask_ticket(&s->asker);
	ask_queue(&s->asker, t->w->post, CMD_QUEUE_STAT, 0, q, s->search_ticket);
	return false;
}

void mqtt_found_stat(struct turn *t, const struct run *fx, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	if (fx->arg != s->search_ticket)
		return;
	must(s->phase == PHASE_RUNNING);
	s->search_ticket = TICKET_NONE;
	if (s->is_end_wanted) {
		mqtt_more(t)->requeued_n = 0; /* all of it is in the log */
		mqtt_end(t);
		return;
	}
	if (mqtt_is_resting(s)) {
		mqtt_calling_counted(t, r);
		return;
	}
	if (r->err == ERR_OK && r->a >= QUEUED_MAX)
		s->more->requeue_moved = moved(s);
	else
		s->more->requeued_n = 0;
	mqtt_search_drain(t);
}
