#include "session/mqtt/deliver_rows.h"

#include "base/ablate.h"
#include "base/byteorder.h"
#include "base/must.h"
#include "msg/big.h"
#include "session/mqtt/foreign.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/shared.h"

/* From this size on a body is not copied but written from where it lies. */
#define SLICE_BODY_MIN 16384u

/* A message on its way out. */
struct outgoing {
	struct mqtt_publish_out head;
	struct mqtt_props props;
	const struct msg *m;
	uint32_t body_n;
	bool is_found;           /* it was retained, and comes by way of the session's queue */
	uint32_t number;         /* then: the identifier of its subscription */
	struct slice made;       /* without a message: its body */
	struct foreign *foreign; /* room for what another protocol says otherwise */
	struct sub_match match;
	uint8_t renamed[LIMIT_SHORTSTR]; /* its topic at another broker */
};

/* ---- what it is --------------------------------------------------------------------------- */

/* Behind the head of a message that expires stands when it came. False: it is too old. */
static bool count_down(const struct turn *t, struct slice tail, struct mqtt_props *p)
{
	must(tail.n <= FOUND_TAIL);
	if (!(p->has & MQTT_HAS(message_expiry_s)))
		return true;
	if (tail.n < EXPIRY_TAIL)
		return true;
	const uint64_t since_ms = load_be64(tail.p);
	const uint64_t waited_s = t->w->wall_ms > since_ms ? (t->w->wall_ms - since_ms) / 1000 : 0;
	if (waited_s >= p->message_expiry_s && p->message_expiry_s > 0)
		return false;
	if (!ABLATED(countdown))
		p->message_expiry_s -= (uint32_t)waited_s;
	return true;
}

static bool read_own(const struct turn *t, const struct msg *m, struct outgoing *o)
{
	struct mqtt_publish p;
	const uint8_t version = msg_encoding(m) == MSG_MQTT5 ? MQTT_V5 : MQTT_V4;
	if (!mqtt_publish_head_decode(msg_props(m), version, &p))
		return false;
	o->head.topic = p.topic;
	o->head.qos = p.qos;
	o->head.retain = p.retain;
	o->props = p.props;
	o->is_found = p.payload.n == FOUND_TAIL;
	o->number = o->is_found ? load_be32(p.payload.p + EXPIRY_TAIL) : 0;
	if (count_down(t, p.payload, &o->props))
		return true;
	mqtt_more(t)->count.expired++;
	return false;
}

/* False: it does not go out. */
static bool read(struct turn *t, const struct msg *m, struct outgoing *o)
{
	o->head = (struct mqtt_publish_out){ .qos = 0 };
	o->props.has = 0;
	o->m = m;
	o->body_n = m->proto == MSG_CHUNKS ? (uint32_t)big_body_bytes(big_list(m)) : m->body_bytes;
	o->is_found = false;
	if (msg_encoding(m) == MSG_MQTT3 || msg_encoding(m) == MSG_MQTT5)
		return read_own(t, m, o);
	foreign_read(m, o->foreign);
	o->head.topic = o->foreign->topic;
	o->head.qos = m->flags & MSG_PERSISTENT ? 1 : 0;
	if (t->s->version == MQTT_V5)
		foreign_props(m, o->foreign, &o->props);
	if (mqtt_topic_ok(o->head.topic))
		return true;
	mqtt_more(t)->count.no_topic++;
	return false;
}

/* Somebody else may have bound the queue, or sent to it by its name. */
static bool is_of_exchange(const struct turn *t, const struct msg *m)
{
	struct rd r = rd_of(msg_route(m));
	const struct slice exchange = rd_str8(&r);
	must(rd_ok(&r));
	return slice_eq(exchange, t->set->exchange);
}

static bool is_total_good(const struct mqtt *s, const struct mqtt_publish_out *head)
{
	const size_t total = mqtt_publish_total(head);
	must(head->version == s->version);
	return total <= MQTT_LENGTH_MAX && (s->packet_max == 0 || total <= s->packet_max);
}

/* A topic that the client knows by a number goes out as that. */
static void shorten(const struct mqtt *s, struct outgoing *o)
{
	must(s->version == MQTT_V5);
	const uint16_t alias = s->told && o->head.topic.n > ALIAS_BYTES
				       ? aliases_find(s->told, o->head.topic)
				       : 0;
	if (alias == 0)
		return;
	o->head.topic = SLICE_EMPTY;
	o->props.topic_alias = alias;
	o->props.has |= MQTT_HAS(topic_alias);
}

/* Tells the client a number for the topic of a message that goes out now and that has none yet, if
 * the message may be so much larger. */
static void introduce(struct turn *t, struct outgoing *o)
{
	struct mqtt *s = t->s;
	must(s->told_max > 0 && o->head.props == &o->props);
	if (o->head.topic.n <= ALIAS_BYTES)
		return;
	if (!s->told)
		s->told = aliases_new(t->w->mem, s->told_max);
	if (!s->told)
		return;
	o->props.topic_alias = aliases_next(s->told);
	if (o->props.topic_alias == 0)
		return;
	o->props.has |= MQTT_HAS(topic_alias);
	if (!is_total_good(s, &o->head) || !aliases_add(s->told, t->w->mem, o->head.topic))
		o->props.has &= ~(uint32_t)MQTT_HAS(topic_alias);
}

/* What the subscriptions that match make of it; false: the client takes no packets so large. */
static bool fits(struct turn *t, struct outgoing *o)
{
	if (o->head.qos > o->match.qos)
		o->head.qos = o->match.qos;
	o->head.retain = o->head.retain && o->match.is_as_published;
	if (t->s->calling && !mqtt_calling_out(t, &o->head, o->renamed)) {
		mqtt_more(t)->count.no_topic++;
		return false;
	}
	o->head.version = t->s->version;
	o->head.payload_n = o->body_n;
	o->head.props = &o->props;
	if (t->s->version == MQTT_V5) {
		o->head.ids = o->match.numbers;
		o->head.ids_n = o->match.numbers_n;
	}
	must(o->match.qos <= 2);
	o->head.id = o->head.qos > 0 ? 1 : 0; /* until it has one */
	if (t->s->told_max > 0)
		shorten(t->s, o);
	if (is_total_good(t->s, &o->head))
		return true;
	mqtt_more(t)->count.too_large++;
	return false;
}

/* What a retained message is to one subscription. */
static struct sub_match match_of(uint8_t qos, uint32_t number)
{
	must(qos <= 2);
	return (struct sub_match){ .n = 1,
				   .qos = qos,
				   .is_as_published = true,
				   .numbers = { number },
				   .numbers_n = number > 0 };
}

/* Is it for this client? */
static bool is_wanted(struct turn *t, struct outgoing *o)
{
	must(o->m != NULL);
	if (mqtt_topic_is_ours(o->head.topic)) { /* only we say what is there */
		mqtt_more(t)->count.passed_over++;
		return false;
	}
	if (o->is_found) {
		o->match = match_of(2, o->number);
		return fits(t, o);
	}
	subs_match(t->s->subs, o->head.topic, &o->match);
	if (o->match.n == 0 && is_of_exchange(t, o->m)) {
		mqtt_more(t)->count.passed_over++;
		return false;
	}
	if (o->match.n == 0)
		o->match.qos = 1;
	return fits(t, o);
}

/* ---- bytes -------------------------------------------------------------------------------- */

static uint8_t *put_made(uint8_t *at, struct slice body)
{
	must(body.n > 0);
	memcpy(at, body.p, body.n);
	return at + body.n;
}

static uint8_t *put_body(uint8_t *at, const struct msg *m)
{
	const uint32_t n = msg_piece_n(m);
	must(at != NULL);
	for (uint32_t i = 0; i < n; i++) {
		const struct slice piece = msg_piece(m, i);
		memcpy(at, piece.p, piece.n);
		at += piece.n;
	}
	return at;
}

static void count_out(const struct turn *t, size_t head_n, uint32_t body_n)
{
	struct meter_lane *lane = t->w->lane;
	must(head_n > 0);
	mqtt_more(t)->count.delivered++;
	mqtt_count_out(t, head_n + body_n);
	meter_add(lane, METER_messages_out, 1);
	meter_add(lane, METER_payload_out, body_n);
}

static void write_out(struct turn *t, struct outgoing *o)
{
	struct sendq *q = &t->s->session.sendq;
	if (t->s->told_max > 0)
		introduce(t, o);
	const size_t head_n = mqtt_publish_head_size(&o->head);
	must(!o->m || o->m->proto != MSG_CHUNKS); /* it was put together */
	const bool is_sliced = o->m && o->body_n >= SLICE_BODY_MIN && msg_piece_n(o->m) == 1;
	const size_t n = head_n + (is_sliced ? 0 : o->body_n);
	uint8_t *at = sendq_reserve(q, t->w->mem, (uint32_t)n);
	uint8_t *end = mqtt_publish_head_put(at, &o->head);
	if (!is_sliced)
		end = o->m ? put_body(end, o->m) : put_made(end, o->made);
	must(end == at + n);
	sendq_commit(q, (uint32_t)n);
	if (is_sliced)
		sendq_slice(q, t->w->mem, block_of(o->m), msg_piece(o->m, 0));
	count_out(t, head_n, o->body_n);
}

/* Notes what the client is to acknowledge, and gives its packet id. */
static uint16_t fly(struct turn *t, const struct taker *k, const struct deliver_row *row,
		    uint8_t qos)
{
	const bool is_stable = !k->is_no_ack && !ABLATED(packet_id);
	struct flight *f = mqtt_flight_new(t, qos, is_stable ? row->count : 0);
	must(f->id != 0);
	if (!k->is_no_ack)
		f->settling = settling_of(k, row);
	return f->id;
}

/* A message that goes out as it came, but for its flags and id: between clients before version 5,
 * with the same QoS. False: it is to be looked at. */
static bool deliver_again(struct turn *t, const struct taker *k, const struct deliver_row *row)
{
	const struct msg *m = msg_of(row->mem);
	const struct slice head = msg_props(m);
	struct mqtt_publish_peek p;
	UNSET struct sub_match match;
	if (m->proto != MSG_MQTT3 || t->s->version == MQTT_V5 || t->s->calling ||
	    m->body_bytes >= SLICE_BODY_MIN || msg_piece_n(m) > 1 ||
	    !mqtt_publish_head_peek(head, &p) || mqtt_topic_is_ours(p.topic))
		return false;
	subs_match(t->s->subs, p.topic, &match);
	if (match.n == 0 || match.qos < p.qos)
		return false;
	const struct settling what = settling_of(k, row);
	const uint32_t n = (uint32_t)head.n + m->body_bytes;
	struct sendq *q = &t->s->session.sendq;
	uint8_t *at = sendq_reserve(q, t->w->mem, n);
	p.retain = p.retain && match.is_as_published;
	const uint16_t id = p.qos ? fly(t, k, row, p.qos) : 0;
	mqtt_publish_head_again(at, head, &p, id, row->flags & ENTRY_REDELIVERED);
	uint8_t *end = put_body(at + head.n, m);
	must(end == at + n);
	sendq_commit(q, n);
	count_out(t, head.n, m->body_bytes);
	if (!k->is_no_ack && p.qos == 0)
		receiver_settle(&t->s->receiver, t->w, &what, SETTLE_ACCEPT);
	return true;
}

static void deliver_slowly(struct turn *t, const struct taker *k, const struct deliver_row *row)
{
	UNSET struct foreign room;
	UNSET struct outgoing o;
	const struct settling what = settling_of(k, row);
	o.foreign = &room;
	const bool is_sent = read(t, msg_of(row->mem), &o) && is_wanted(t, &o);
	if (is_sent && o.head.qos > 0) {
		o.head.id = fly(t, k, row, o.head.qos);
		o.head.dup = row->flags & ENTRY_REDELIVERED;
	}
	if (is_sent)
		write_out(t, &o);
	if (!k->is_no_ack && !(is_sent && o.head.qos > 0))
		receiver_settle(&t->s->receiver, t->w, &what, SETTLE_ACCEPT);
}

/* What a group gives with QoS 2 comes by way of the session's queue, if that is kept. */
static bool hold(struct turn *t, const struct settling *what, struct outgoing *o)
{
	must(o->match.n == 1 && o->match.numbers_n <= 1);
	if (o->head.qos < 2 || o->match.qos < 2)
		return false;
	struct mqtt_publish_out head = o->head;
	head.retain = head.retain && o->match.is_as_published;
	head.props = &o->props;
	head.payload_n = o->body_n;
	return mqtt_hold(t, what, o->m, &head, o->match.numbers_n ? o->match.numbers[0] : 0);
}

/* One for a group, of which this client is a member. */
static void deliver_shared(struct turn *t, const struct taker *k, const struct deliver_row *row)
{
	UNSET struct foreign room;
	UNSET struct outgoing o;
	const struct sub *one = k->of;
	const struct settling what = settling_of(k, row);
	struct slice group, filter;
	o.foreign = &room;
	if (!one || !mqtt_share_split(sub_filter(one), &group, &filter)) { /* not any more */
		receiver_settle(&t->s->receiver, t->w, &what, SETTLE_RELEASE);
		return;
	}
	must(one->is_shared && one->taker == k);
	bool is_sent = read(t, msg_of(row->mem), &o) && mqtt_filter_match(filter, o.head.topic);
	o.match = (struct sub_match){ .n = 1,
				      .qos = one->options & SUB_QOS,
				      .is_as_published = one->options & SUB_AS_PUBLISHED,
				      .numbers = { one->number },
				      .numbers_n = one->number > 0 };
	if (is_sent && hold(t, &what, &o))
		return;
	is_sent = is_sent && fits(t, &o);
	if (is_sent && o.head.qos > 0) {
		struct flight *f = mqtt_flight_new(t, o.head.qos, 0);
		f->settling = what;
		o.head.id = f->id;
		o.head.dup = row->flags & ENTRY_REDELIVERED;
	}
	if (is_sent)
		write_out(t, &o);
	if (!is_sent || o.head.qos == 0)
		receiver_settle(&t->s->receiver, t->w, &what, SETTLE_ACCEPT);
}

static void deliver(struct session *own, struct session_world *w, struct taker *k,
		    const struct deliver_row *row)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	if (k == t.s->more->marks_taker) {
		const struct settling what = settling_of(k, row);
		mqtt_mark_came(&t, &what, msg_of(row->mem));
		return;
	}
	if (k != t.s->taker)
		deliver_shared(&t, k, row);
	else if (!deliver_again(&t, k, row))
		deliver_slowly(&t, k, row);
}

bool mqtt_deliver_found(struct turn *t, const struct msg *m, struct slice filter, uint8_t options,
			uint32_t number)
{
	struct foreign room;
	UNSET struct outgoing o;
	must(t->s->phase == PHASE_RUNNING);
	o.foreign = &room;
	if (!read(t, m, &o) || mqtt_topic_is_ours(o.head.topic) ||
	    !mqtt_filter_match(filter, o.head.topic))
		return true;
	const struct slice topic = o.head.topic;
	o.match = match_of(options & SUB_QOS, number);
	o.head.retain = true;
	o.head.props = &o.props;
	if (o.head.qos > o.match.qos)
		o.head.qos = o.match.qos;
	o.head.payload_n = o.body_n;
	const bool is_gone = mqtt_found_queue(t, m, &o.head, number) || !fits(t, &o);
	if (!is_gone && m->proto == MSG_CHUNKS)
		return false;
	mqtt_search_passed(t, topic);
	if (is_gone)
		return true;
	if (o.head.qos > 0)
		o.head.id = mqtt_flight_new(t, o.head.qos, 0)->id;
	write_out(t, &o);
	return true;
}

void mqtt_deliver_made(struct turn *t, struct slice topic, struct slice body,
		       const struct sub_match *match, bool is_retained)
{
	UNSET struct outgoing o;
	must(match->n > 0 && body.n > 0 && t->s->phase == PHASE_RUNNING);
	o.head = (struct mqtt_publish_out){ .topic = topic, .retain = is_retained };
	o.props.has = 0;
	o.m = NULL;
	o.made = body;
	o.body_n = (uint32_t)body.n;
	o.match = *match;
	if (fits(t, &o))
		write_out(t, &o);
}

/* The queue is gone, and with it the session. */
static void ended(struct session *own, struct session_world *w, struct taker *k, bool is_cancelled)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	if (t.s->taker != k && t.s->more->marks_taker != k) {
		mqtt_shared_ended(k);
		return;
	}
	if (t.s->taker == k)
		t.s->taker = NULL;
	else
		t.s->more->marks_taker = NULL;
	if (!is_cancelled || t.s->phase >= PHASE_ENDING)
		return;
	text_puts(&t.why, "the session's queue was deleted");
	mqtt_refuse(&t, MQTT_REASON_ADMINISTRATIVE);
}

const struct receiver_ops mqtt_receiver_ops = { .deliver = deliver,
						.deliver_rows = mqtt_deliver_rows,
						.ended = ended };
