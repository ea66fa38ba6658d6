#include "session/mqtt/mark.h"

#include "base/ablate.h"
#include "base/byteorder.h"
#include "base/must.h"
#include "core/rules.h"

/* What a kept session knows of QoS 2 beside its messages survives in a queue of its own: an entry
 * for each id that the client has published and not released (MARK_RECEIVED), and for each that we
 * have released and he has not completed (MARK_RELEASED). The session consumes that queue like any
 * other, from before CONNACK on, so it knows its marks and where they are.
 *
 *   in   PUBLISH -> { message to its queues, mark } -> PUBREC ; PUBREL -> { mark away } -> PUBCOMP
 *   out  PUBREC -> { entry away, mark } -> PUBREL ; PUBCOMP -> mark away
 *
 * What stands in braces is one transaction, and durable before its answer leaves. */

enum { BODY_BYTES = 3 };

static uint64_t key_of(uint8_t kind, uint16_t id)
{
	must(kind == MARK_RECEIVED || kind == MARK_RELEASED);
	return (uint64_t)kind << 16 | id;
}

static const struct queue_record *marks_queue(const struct turn *t)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	must(t->s->asker.session != 0);
	return catalog_queue(t->w->view, t->s->asker.vhost,
			     mqtt_queue_name(t->s, MQTT_QUEUE_MARKS, buf));
}

/* ---- the queue ---------------------------------------------------------------------------- */

static void consume(struct turn *t, const struct queue_record *q)
{
	struct mqtt *s = t->s;
	must(!s->more->marks_taker);
	struct mqtt_more *more = mqtt_more(t);
	more->marks_taker = receiver_subscribe(&s->receiver, t->w, &(struct taking){ .queue = q });
	more->is_marks_asked = true;
}

bool mqtt_marks_restore(struct turn *t)
{
	const struct queue_record *q = t->s->is_durable ? marks_queue(t) : NULL;
	must(t->s->phase == PHASE_OPENING);
	if (!q)
		return false;
	consume(t, q);
	return true;
}

bool mqtt_marks_ready(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->is_durable && s->phase == PHASE_RUNNING);
	if (s->more->marks_taker)
		return true;
	s->open_ticket = mqtt_declare(t, MQTT_QUEUE_MARKS);
	return false;
}

void mqtt_marks_declared(struct turn *t, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	const struct queue_record *q = marks_queue(t);
	s->open_ticket = TICKET_NONE;
	must(s->phase == PHASE_RUNNING);
	if (s->is_end_wanted) {
		mqtt_end(t);
		return;
	}
	if (r->err != ERR_OK || !q) {
		mqtt_refuse(t, mqtt_declare_refusal(r, q, MQTT_REASON_UNSPECIFIED));
		return;
	}
	consume(t, q);
}

void mqtt_marks_consumed(struct turn *t, const struct reply_row *r)
{
	struct mqtt *s = t->s;
	must(s->more->marks_taker && s->more->is_marks_asked);
	s->more->is_marks_asked = false;
	if (r->err != ERR_OK) {
		receiver_forget(&s->receiver, t->w, s->more->marks_taker);
		s->more->marks_taker = NULL;
		mqtt_refuse(t, MQTT_REASON_UNAVAILABLE);
		return;
	}
	s->more->marks_left += (int64_t)r->a;
	if (s->phase == PHASE_OPENING)
		mqtt_open_on(t);
}

/* ---- a mark ------------------------------------------------------------------------------- */

/* A message for the marks' queue, in a block of its own; the caller owns one reference. */
static uint64_t mark_new(struct turn *t, uint8_t kind, uint16_t id)
{
	char buf[MQTT_QUEUE_NAME_MAX + 1];
	const struct slice name = mqtt_queue_name(t->s, MQTT_QUEUE_MARKS, buf);
	const uint32_t route_n = 2 + (uint32_t)name.n;
	struct block *b = block_take(t->w->home, route_n + 2 + BODY_BYTES);
	if (!b)
		must(!"no memory for a mark");
	uint8_t *at = (uint8_t *)b + b->fill;
	const struct msg facts = { .route_off = b->fill,
				   .route_len = (uint16_t)route_n,
				   .props_off = b->fill + route_n,
				   .props_len = 2,
				   .body_off = b->fill + route_n + 2,
				   .body_bytes = BODY_BYTES,
				   .proto = MSG_AMQP091,
				   .flags = MSG_PERSISTENT };
	at[0] = 0; /* the default exchange */
	at[1] = (uint8_t)name.n;
	memcpy(at + 2, name.p, name.n);
	store_be16(at + route_n, 0); /* no properties */
	at[route_n + 2] = kind;
	store_be16(at + route_n + 3, id);
	b->fill += route_n + 2 + BODY_BYTES;
	const struct msg *m = msg_new(b, &facts);
	must(m != NULL);
	block_give(b, 1);
	block_close(b);
	return msg_mem(m);
}

static void settle(struct turn *t, const struct settling *what)
{
	must(what->pos != 0);
	receiver_settle(&t->s->receiver, t->w, what, SETTLE_ACCEPT);
}

static struct mark *mark_of(struct turn *t, uint8_t kind, uint16_t id, bool is_made)
{
	struct mqtt *s = t->s;
	uint64_t at;
	if (map_get(&s->more->marks, key_of(kind, id), &at))
		return (struct mark *)(uintptr_t)at;
	if (!is_made)
		return NULL;
	struct mark *m = mqtt_get(t, sizeof *m, "mark");
	*m = (struct mark){ .id = id, .kind = kind };
	if (map_make_room(&mqtt_more(t)->marks, t->w->mem, "marks") != ERR_OK)
		must(!"no memory for a mark");
	map_put(&s->more->marks, key_of(kind, id), (uint64_t)(uintptr_t)m);
	return m;
}

static void forget(struct turn *t, struct mark *own_m)
{
	bool was_there = map_del(&t->s->more->marks, key_of(own_m->kind, own_m->id), NULL);
	must(was_there);
	mqtt_put(t, own_m, sizeof *own_m);
}

void mqtt_marks_back(struct turn *t)
{
	size_t cursor = 0;
	must(t->s->phase == PHASE_ENDING && t->s->more->txs.n == 0);
	for (struct map_slot *slot; (slot = map_next(&t->s->more->marks, &cursor)) != NULL;) {
		struct mark *m = (struct mark *)(uintptr_t)slot->value;
		if (m->settling.pos)
			receiver_settle(&t->s->receiver, t->w, &m->settling, SETTLE_RELEASE);
		m->settling.pos = 0;
	}
}

void mqtt_marks_fini(struct turn *t)
{
	for (;;) {
		size_t cursor = 0;
		struct map_slot *slot = map_next(&t->s->more->marks, &cursor);
		if (!slot)
			break;
		forget(t, (struct mark *)(uintptr_t)slot->value);
	}
	must(t->s->more->marks.n == 0);
	map_fini(&t->s->more->marks, t->w->mem);
}

/* The client's PUBREL: the mark goes for good before he hears of it. */
static void release(struct turn *t, struct mark *m)
{
	must(m->kind == MARK_RECEIVED && m->settling.pos);
	m->is_leaving = true;
	mqtt_tx(t, &(struct tx_wish){ .settling = m->settling, .id = m->id, .kind = TX_FORGET });
}

/* Something that was released on a connection before. */
static void resumed(struct turn *t, uint16_t id)
{
	uint16_t *at = deque_add(&mqtt_more(t)->released, t->w->mem);
	must(at != NULL);
	*at = id;
	mqtt_flight_new(t, 2, id)->state = FLIGHT_RELEASED;
}

/* ---- what comes from the queue ------------------------------------------------------------ */

void mqtt_mark_came(struct turn *t, const struct settling *what, const struct msg *m)
{
	struct mqtt *s = t->s;
	const struct slice body = msg_piece_n(m) == 1 ? msg_piece(m, 0) : SLICE_EMPTY;
	const bool is_good = body.n == BODY_BYTES &&
			     (body.p[0] == MARK_RECEIVED || body.p[0] == MARK_RELEASED) &&
			     load_be16(body.p + 1) != 0;
	s->more->marks_left--;
	if (!is_good) {
		settle(t, what); /* somebody else has put it there */
	} else {
		struct mark *mark = mark_of(t, body.p[0], load_be16(body.p + 1), true);
		if (mark->settling.pos)
			settle(t, &mark->settling);
		mark->settling = *what;
		if (s->phase == PHASE_OPENING && mark->kind == MARK_RECEIVED)
			mark->is_told = true;
		if (s->phase == PHASE_OPENING && mark->kind == MARK_RELEASED &&
		    !mqtt_flight(s, mark->id))
			resumed(t, mark->id);
		if (mark->is_wanted && mark->kind == MARK_RECEIVED)
			release(t, mark);
		if (mark->is_wanted && mark->kind == MARK_RELEASED) {
			settle(t, what);
			forget(t, mark);
		}
	}
	if (s->phase == PHASE_OPENING)
		mqtt_open_on(t);
}

/* ---- in ----------------------------------------------------------------------------------- */

enum mark_state mqtt_mark_state(struct turn *t, uint16_t id)
{
	const struct mark *m = mark_of(t, MARK_RECEIVED, id, false);
	must(id != 0);
	if (!m)
		return MARK_UNKNOWN;
	return m->is_told ? MARK_TOLD : MARK_KNOWN;
}

void mqtt_mark_received(struct turn *t, uint16_t id, const struct tx_wish *message)
{
	struct tx_wish x = *message;
	const struct queue_record *q = catalog_queue_by_id(t->w->view,
							   t->s->more->marks_taker->queue);
	must(id != 0);
	if (!q) {
		mqtt_refuse(t, MQTT_REASON_ADMINISTRATIVE);
		return;
	}
	x.mark = mark_new(t, MARK_RECEIVED, id);
	x.mark_queue = q;
	x.id = id;
	x.kind = TX_RECEIVED;
	mark_of(t, MARK_RECEIVED, id, true)->is_told = false;
	mqtt_tx(t, &x);
	if (ABLATED(qos2_received))
		mqtt_send_ack(t, MQTT_PUBREC, id, x.reason);
}

/* False: it is not known. */
static bool let_go(struct turn *t, uint16_t id)
{
	struct mark *m = mark_of(t, MARK_RECEIVED, id, false);
	if (!m)
		return false;
	must(m->id == id);
	if (m->is_leaving || m->is_wanted)
		return true; /* its PUBCOMP is on its way */
	if (m->settling.pos)
		release(t, m);
	else
		m->is_wanted = true;
	return true;
}

bool mqtt_mark_reused(struct turn *t, uint16_t id)
{
	struct mark *m = mark_of(t, MARK_RECEIVED, id, false);
	if (!m)
		return false;
	if (!m->is_leaving && !m->is_wanted) {
		m->is_reused = true;
		must(let_go(t, id));
	}
	t->s->is_mark_awaited = true;
	return true;
}

/* Of a session that is not kept what is known is in memory (publish.c). */
void mqtt_on_pubrel(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_ack a;
	enum mqtt_fault f = mqtt_ack_decode(p, &a);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return;
	}
	if (t->s->is_durable && let_go(t, a.id))
		return;
	bool was_there = map_del(&t->s->more->received, a.id, NULL);
	mqtt_send_ack(t, MQTT_PUBCOMP, a.id,
		      was_there ? MQTT_REASON_SUCCESS : MQTT_REASON_ID_UNKNOWN);
}

/* ---- out ---------------------------------------------------------------------------------- */

static bool is_heard(const struct mqtt *s)
{
	must(s->phase <= PHASE_ENDING);
	return s->phase == PHASE_RUNNING && !s->is_end_wanted && mqtt_calling_hears(s);
}

static void released(struct turn *t, struct flight *f)
{
	must(f && f->state == FLIGHT_RELEASING);
	f->state = FLIGHT_RELEASED;
	if (is_heard(t->s))
		mqtt_send_ack(t, MQTT_PUBREL, f->id, MQTT_REASON_SUCCESS);
}

void mqtt_mark_released(struct turn *t, struct flight *f)
{
	const struct queue_record *q = catalog_queue_by_id(t->w->view,
							   t->s->more->marks_taker->queue);
	must(f->state == FLIGHT_SENT && f->settling.pos);
	if (!q) {
		mqtt_refuse(t, MQTT_REASON_ADMINISTRATIVE);
		return;
	}
	f->state = FLIGHT_RELEASING;
	(void)mark_of(t, MARK_RELEASED, f->id, true);
	mqtt_tx(t, &(struct tx_wish){ .settling = f->settling,
				      .mark = mark_new(t, MARK_RELEASED, f->id),
				      .mark_queue = q,
				      .id = f->id,
				      .kind = TX_RELEASED });
	f->settling.pos = 0;
	if (ABLATED(qos2_released))
		released(t, f);
}

void mqtt_mark_over(struct turn *t, struct flight *own_f)
{
	struct mark *m = mark_of(t, MARK_RELEASED, own_f->id, false);
	must(own_f->state == FLIGHT_RELEASED);
	if (m && m->settling.pos) {
		settle(t, &m->settling);
		forget(t, m);
	} else if (m) {
		m->is_wanted = true;
	}
	mqtt_flight_done(t, own_f);
}

/* PUBREL again for whatever was released before, in the order in which the client said PUBREC
 * (v5:4.6.0-4), which is that of the marks in their queue. */
void mqtt_marks_resume(struct turn *t)
{
	uint16_t id;
	must(t->s->phase == PHASE_RUNNING);
	if (t->s->more->released.n == 0)
		return;
	while (deque_pop(&t->s->more->released, &id)) {
		const struct flight *f = mqtt_flight(t->s, id);
		if (f && f->state == FLIGHT_RELEASED)
			mqtt_send_ack(t, MQTT_PUBREL, id, MQTT_REASON_SUCCESS);
	}
	deque_fini(&t->s->more->released, t->w->mem);
}

/* The other side knows of no session any more. */
void mqtt_marks_clear(struct turn *t)
{
	size_t cursor = 0;
	must(t->s->calling && t->s->phase == PHASE_RUNNING && !t->s->taker);
	for (struct map_slot *slot; (slot = map_next(&t->s->more->flights, &cursor)) != NULL;
	     cursor = 0)
		mqtt_mark_over(t, (struct flight *)(uintptr_t)slot->value);
	cursor = 0;
	for (struct map_slot *slot; (slot = map_next(&t->s->more->marks, &cursor)) != NULL;)
		must(let_go(t, ((struct mark *)(uintptr_t)slot->value)->id));
}

/* ---- what is durable now ------------------------------------------------------------------ */

void mqtt_marked(struct turn *t, const struct tx *tx)
{
	struct mqtt *s = t->s;
	struct mark *m = NULL;
	bool is_asked = true;
	if (tx->kind == TX_LEGACY) {
		if (!s->is_end_wanted && mqtt_legacy_posted(t, tx->is_refused))
			mqtt_accept(t);
		return;
	}
	if (tx->kind == TX_HELD) {
		must(s->more->holding_n > 0);
		s->more->holding_n--;
		mqtt_window_look(s);
	}
	if (tx->is_refused) { /* the marks' queue is gone, or the session's */
		mqtt_refuse(t, MQTT_REASON_ADMINISTRATIVE);
		return;
	}
	switch ((enum tx_kind)tx->kind) {
	case TX_RECEIVED:
		m = mark_of(t, MARK_RECEIVED, tx->id, false);
		must(m != NULL);
		m->is_told = true;
		if (is_heard(s) && !ABLATED(qos2_received))
			mqtt_send_ack(t, MQTT_PUBREC, tx->id, tx->reason);
		return;
	case TX_FORGET:
		m = mark_of(t, MARK_RECEIVED, tx->id, false);
		must(m && m->is_leaving);
		s->is_mark_awaited = false;
		is_asked = !m->is_reused;
		forget(t, m);
		if (is_heard(s) && is_asked)
			mqtt_send_ack(t, MQTT_PUBCOMP, tx->id, MQTT_REASON_SUCCESS);
		return;
	case TX_RELEASED:
		if (!ABLATED(qos2_released))
			released(t, mqtt_flight(s, tx->id));
		return;
	case TX_HELD:
	case TX_LEGACY: return; /* above */
	}
}
