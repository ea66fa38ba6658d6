#include "session/mqtt/mqtt.h"

#include "base/byteorder.h"
#include "base/hash.h"
#include "base/must.h"
#include "core/retain_store.h"
#include "session/mqtt/mark.h"
#include "session/no_local.h"
#include "session/views.h"

/* What the publisher's word says of a message that the client waits for. */
enum { WORD_ID = 0xffff, WORD_QOS_SHIFT = 16, WORD_NOBODY = 1 << 20 };

/* Of QoS 2: what `received` knows of an id. */
enum { RECEIVED = 1, RECEIVED_TOLD };

/* ---- into a block ------------------------------------------------------------------------- */

/* Room for a route above the bytes of a block that is being filled; NULL: none. */
static uint8_t *route_room(struct block *b, uint32_t n)
{
	const uint32_t least = block_is_large(b) ? (uint32_t)sizeof *b : b->fill;
	must(b->msg_floor >= least);
	if (b->msg_floor - least < n + sizeof(struct msg) + 8)
		return NULL;
	b->msg_floor -= n;
	return (uint8_t *)b + b->msg_floor;
}

uint32_t mqtt_route_bytes(const struct turn *t, const struct message *m)
{
	must(m->topic.n <= LIMIT_SHORTSTR);
	return (uint32_t)(2 + t->set->exchange.n + m->topic.n);
}

void mqtt_route_put(const struct turn *t, const struct message *m, uint8_t *at)
{
	const struct slice x = t->set->exchange;
	must(x.n <= LIMIT_SHORTSTR && m->topic.n <= LIMIT_SHORTSTR);
	*at++ = (uint8_t)x.n;
	memcpy(at, x.p, x.n);
	at += x.n;
	*at++ = (uint8_t)m->topic.n;
	(void)mqtt_key_put(at, m->topic);
}

static struct msg facts_of(const struct message *m, uint32_t route_off, uint32_t route_n,
			   uint32_t head_off)
{
	must(m->version >= MQTT_V3 && m->version <= MQTT_V5);
	return (struct msg){
		.route_off = route_off,
		.route_len = (uint16_t)route_n,
		.props_off = head_off,
		.props_len = (uint32_t)m->head.n,
		.body_off = head_off + (uint32_t)m->head.n,
		.body_bytes = (uint32_t)m->payload.n,
		.proto = m->version == MQTT_V5 ? MSG_MQTT5 : MSG_MQTT3,
		.flags = m->qos > 0 ? MSG_PERSISTENT : 0,
	};
}

/* The message as it lies in the block being fed; NULL: no room for its route or header. A topic
 * that comes again and again has one route. */
static const struct msg *in_place(struct turn *t, const struct message *m)
{
	struct block *b = t->block;
	const uint32_t n = mqtt_route_bytes(t, m);
	must(m->is_here && m->payload.p == m->head.p + m->head.n);
	if (t->route_n == 0 || !slice_eq(t->topic, m->topic)) {
		uint8_t *at = route_room(b, n);
		t->route_n = 0;
		if (!at)
			return NULL;
		mqtt_route_put(t, m, at);
		t->topic = m->topic;
		t->hit = NULL;
		t->route_off = (uint32_t)(at - (const uint8_t *)b);
		t->route_n = n;
	}
	const struct msg facts = facts_of(m, t->route_off, n,
					  (uint32_t)(m->head.p - (const uint8_t *)b));
	return msg_new(b, &facts);
}

const struct msg *mqtt_message_copy(struct turn *t, const struct message *m)
{
	const uint32_t n = mqtt_route_bytes(t, m);
	const size_t tail = m->has_expiry ? EXPIRY_TAIL : 0, head = m->head.n + tail;
	const size_t all = n + head + m->payload.n;
	must(!upload_is_needed(n, head, m->payload.n));
	struct block *b = block_for(t->w->home, (uint32_t)all);
	if (!b)
		return NULL;
	uint8_t *at = (uint8_t *)b + b->fill;
	struct msg facts = facts_of(m, b->fill, n, b->fill + n);
	facts.props_len += (uint32_t)tail;
	facts.body_off += (uint32_t)tail;
	mqtt_route_put(t, m, at);
	memcpy(at + n, m->head.p, m->head.n);
	if (tail)
		store_be64(at + n + m->head.n, t->w->wall_ms);
	if (m->payload.n)
		memcpy(at + n + head, m->payload.p, m->payload.n);
	b->fill += (uint32_t)all;
	const struct msg *msg = msg_new(b, &facts);
	must(msg != NULL);
	return msg;
}

static const uint8_t *route_at(const struct turn *t)
{
	must(t->block != NULL);
	return (const uint8_t *)t->block + t->route_off;
}

/* ---- out ---------------------------------------------------------------------------------- */

/* Would it come back to its own connection, which wants nothing of that? */
static bool is_for_others(const struct turn *t, const struct route *r, struct slice topic)
{
	const struct mqtt *s = t->s;
	UNSET struct sub_match match;
	uint32_t at = 0;
	while (at < r->n && r->to[at].queue != s->queue)
		at++;
	if (at == r->n || s->queue == 0)
		return false;
	subs_match(&s->subs, topic, &match);
	must(at < r->n);
	return match.n > 0 && match.is_no_local;
}

/* Publishes, retains and remembers the packet id, all or nothing. */
static void send_marked(struct turn *t, const struct message *of, const struct publication *what,
			const struct route *r, const struct msg *m)
{
	const struct tx_wish x = {
		.route = r->n > 0 ? r : NULL,
		.message = { .mem = msg_mem(m),
			     .expiry_ms = what->expiry_ms,
			     .bytes = msg_stored_bytes(m),
			     .flags = m->flags,
			     .is_big = m->proto == MSG_CHUNKS },
		.store = what->store,
		.store_number = what->store_number,
		.reason = r->n > 0 ? MQTT_REASON_SUCCESS : MQTT_REASON_NOBODY,
	};
	must(of->mark_id != 0);
	block_give(block_of(m), r->n + (what->store != NULL));
	mqtt_mark_received(t, of->mark_id, &x);
}

static void send_to(struct turn *t, const struct message *of, const struct publication *what,
		    const struct route_hit *hit, const struct msg *m, uint64_t word)
{
	struct mqtt *s = t->s;
	must(hit->route != NULL);
	if (of->mark_id)
		send_marked(t, of, what, hit->route, m);
	else
		publisher_send(&s->publisher, t->w, &s->asker, what, hit, m, word);
}

static void send_to_others(struct turn *t, const struct message *of, const struct publication *what,
			   const struct route_hit *hit, const struct msg *m, uint64_t word)
{
	struct no_local others;
	must(t->s->queue != 0);
	no_local_init(&others, hit, t->w->mem);
	no_local_leave_out(&others, t->s->queue);
	send_to(t, of, what, &others.hit, m, word);
	no_local_fini(&others, t->w->mem);
}

/* As in publish_row: one that is due at once goes to who waits for it, or nowhere. */
static uint64_t expiry_ms(const struct turn *t, const struct message *of)
{
	must(of->has_expiry);
	return of->expiry_s ? t->w->wall_ms + UINT64_C(1000) * of->expiry_s : EXPIRY_AT_ONCE;
}

/* Where it goes: as the one before in this feed, or found anew. ERR_BUSY: go to another loop first.
 */
static enum err find(struct turn *t, const struct publication *what, struct route_hit **out_hit)
{
	struct mqtt *s = t->s;
	const bool is_here = t->route_n > 0 && what->route.p == route_at(t);
	if (is_here && t->hit) {
		*out_hit = t->hit;
		return ERR_OK;
	}
	t->hit = NULL;
	TRY(publisher_route(&s->publisher, t->w, &s->access, what, out_hit, &t->why));
	if (is_here && (*out_hit)->route->n > 0 && mqtt_wants_move(t, (*out_hit)->route))
		return ERR_BUSY;
	if (is_here && !(*out_hit)->varies)
		t->hit = *out_hit;
	return ERR_OK;
}

enum err mqtt_publish_made(struct turn *t, const struct message *of, const struct msg *m,
			   uint64_t word)
{
	struct mqtt *s = t->s;
	struct route_hit *hit;
	const struct slice route = msg_route(m);
	must(route.n == mqtt_route_bytes(t, of));
	struct publication what = {
		.exchange = slice_sub(route, 1, t->set->exchange.n),
		.key = slice_from(route, 2 + t->set->exchange.n),
		.route = route,
		.headers = views_of(m),
		.props = msg_props(m),
		.expiry_ms = of->has_expiry ? expiry_ms(t, of) : 0,
		.dice = s->session.handle + s->count.published,
	};
	if (of->is_retained) {
		what.store = retain_store(t->w->view, s->asker.vhost);
		what.store_number = mqtt_topic_number(of->topic);
	}
	TRY(find(t, &what, &hit));
	if (hit->route->n == 0) {
		s->count.unroutable++;
		word |= word == PUBLISHER_NOBODY ? 0 : WORD_NOBODY;
	}
	if (is_for_others(t, hit->route, of->topic))
		send_to_others(t, of, &what, hit, m, word);
	else
		send_to(t, of, &what, hit, m, word);
	return ERR_OK;
}

enum err mqtt_publish_one(struct turn *t, const struct message *m, uint64_t word)
{
	if (mqtt_large_is(t, m))
		return mqtt_large_begin(t, m, word);
	const struct msg *msg = m->is_here ? in_place(t, m) : NULL;
	must(m->topic.n <= LIMIT_SHORTSTR);
	if (msg)
		return mqtt_publish_made(t, m, msg, word);
	msg = mqtt_message_copy(t, m);
	if (!msg)
		return ERR_RESOURCE_ERROR;
	enum err e = mqtt_publish_made(t, m, msg, word);
	block_filled(block_of(msg));
	return e;
}

/* ---- PUBLISH ------------------------------------------------------------------------------ */

/* Who may not publish, or to nowhere: he is told where the protocol has a word for it. */
static void refused(struct turn *t, const struct mqtt_publish *m, uint8_t reason)
{
	must(reason >= MQTT_REASON_FAILURE);
	t->s->count.refused++;
	if (m->qos > 0 && t->s->version == MQTT_V5)
		mqtt_send_ack(t, m->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m->id, reason);
	else if (t->set->is_refusal_end && !mqtt_topic_is_ours(m->topic))
		mqtt_refuse(t, reason);
	else if (m->qos > 0)
		mqtt_send_ack(t, m->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m->id, 0);
}

static struct slice *alias_place(struct turn *t, uint16_t alias)
{
	struct mqtt *s = t->s;
	must(alias > 0 && alias <= t->set->alias_max);
	if (!s->aliases) {
		s->aliases_n = t->set->alias_max;
		s->aliases = mqtt_get(t, s->aliases_n * sizeof *s->aliases, "topic aliases");
		for (uint16_t i = 0; i < s->aliases_n; i++)
			s->aliases[i] = SLICE_EMPTY;
	}
	return &s->aliases[alias - 1];
}

/* Finds the topic that an alias stands for, or makes it stand for one. 0, or a reason. */
static uint8_t resolve(struct turn *t, struct mqtt_publish *m)
{
	if (!(m->props.has & MQTT_HAS(topic_alias)))
		return 0;
	const uint16_t alias = m->props.topic_alias;
	must(t->s->version == MQTT_V5 && alias > 0);
	if (alias > t->set->alias_max)
		return MQTT_REASON_BAD_ALIAS;
	struct slice *known = alias_place(t, alias);
	if (m->topic.n == 0) {
		m->topic = *known;
		return known->n > 0 ? 0 : MQTT_REASON_PROTOCOL_ERROR;
	}
	mqtt_unkeep(t, known);
	*known = mqtt_keep(t, m->topic, "topic alias");
	return 0;
}

/* A head as it would have come without an alias: that counts on one connection only. */
static size_t plain_head(struct turn *t, const struct mqtt_publish *m, uint8_t **out_own)
{
	struct mqtt_props props = m->props;
	props.has &= ~(uint32_t)MQTT_HAS(topic_alias);
	const struct mqtt_publish_out o = { .version = t->s->version,
					    .qos = m->qos,
					    .retain = m->retain,
					    .id = m->id,
					    .topic = m->topic,
					    .props = &props,
					    .payload_n = m->payload.n };
	const size_t n = mqtt_publish_head_size(&o);
	*out_own = mqtt_get(t, n, "head of a message");
	must(mqtt_publish_head_put(*out_own, &o) == *out_own + n);
	return n;
}

static uint64_t word_of(const struct mqtt_publish *m)
{
	must(m->qos <= 2);
	return m->qos == 0 ? PUBLISHER_NOBODY : (uint64_t)m->qos << WORD_QOS_SHIFT | m->id;
}

static uint8_t reason_of(enum err e)
{
	must(e != ERR_OK);
	return err_words[e].mqtt5 >= MQTT_REASON_FAILURE ? err_words[e].mqtt5
							 : MQTT_REASON_UNSPECIFIED;
}

static void publish(struct turn *t, const struct mqtt_publish *m)
{
	struct mqtt *s = t->s;
	struct message one = { .head = m->head,
			       .payload = m->payload,
			       .topic = m->topic,
			       .qos = m->qos,
			       .version = s->version,
			       .is_retained = m->retain,
			       .is_here = true };
	uint8_t *own = NULL;
	size_t own_n = 0;
	s->count.published++;
	one.mark_id = m->qos == 2 && s->is_durable ? m->id : 0;
	one.has_expiry = (m->props.has & MQTT_HAS(message_expiry_s)) != 0;
	one.expiry_s = one.has_expiry ? m->props.message_expiry_s : 0;
	one.is_here = !one.has_expiry;
	if (m->props.has & MQTT_HAS(topic_alias) || s->calling) {
		own_n = plain_head(t, m, &own);
		one.head = slice_of(own, own_n);
		one.is_here = false;
	}
	enum err e = mqtt_publish_one(t, &one, word_of(m));
	if (own)
		mqtt_put(t, own, own_n);
	if (e == ERR_BUSY) { /* it comes again, on the other loop */
		s->count.published--;
		if (s->version == MQTT_V5 && m->qos > 0)
			s->owed_n--;
		return;
	}
	meter_add(t->w->lane, METER_messages_in, 1);
	meter_add(t->w->lane, METER_payload_in, m->payload.n);
	if (e != ERR_OK) {
		refused(t, m, reason_of(e));
		return;
	}
	if (m->qos < 2 || one.mark_id)
		return;
	if (map_make_room(&s->received, t->w->mem, "messages of QoS 2") != ERR_OK)
		must(!"no memory for a message");
	map_put(&s->received, m->id, RECEIVED);
}

/* Of another broker: it has another topic here, or none; then it is taken, and goes nowhere. */
static void publish_in(struct turn *t, struct mqtt_publish *m)
{
	uint8_t topic[LIMIT_SHORTSTR];
	const struct mqtt_bridge *set = mqtt_calling_set(t->s);
	must(m->topic.n > 0);
	if (mqtt_bridge_map(set, false, m->topic, topic, &m->topic)) {
		publish(t, m);
		return;
	}
	t->s->count.no_topic++;
	if (m->qos > 0)
		mqtt_send_ack(t, m->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, m->id, 0);
}

/* A message of QoS 2 that is known already is acknowledged, and nothing else. */
static bool is_known(struct turn *t, const struct mqtt_publish *m)
{
	uint64_t state;
	if (m->qos == 2 && t->s->is_durable) {
		const enum mark_state mark = mqtt_mark_state(t, m->id);
		if (mark == MARK_TOLD)
			mqtt_send_ack(t, MQTT_PUBREC, m->id, MQTT_REASON_SUCCESS);
		return mark != MARK_UNKNOWN;
	}
	if (m->qos < 2 || !map_get(&t->s->received, m->id, &state))
		return false;
	must(state == RECEIVED || state == RECEIVED_TOLD);
	if (state == RECEIVED_TOLD)
		mqtt_send_ack(t, MQTT_PUBREC, m->id, MQTT_REASON_SUCCESS);
	return true;
}

/* Counts what waits for its last answer (mqtt_send_ack takes it back). Before version 5 there is no
 * bound that a client could know of. False: it is one too many, and this is the end. */
static bool owe(struct turn *t, const struct mqtt_publish *m)
{
	struct mqtt *s = t->s;
	must(s->owed_n <= t->set->receive_max);
	if (m->qos == 0 || s->version != MQTT_V5)
		return true;
	if (s->owed_n == t->set->receive_max) {
		mqtt_refuse(t, MQTT_REASON_RECEIVE_MAXIMUM);
		return false;
	}
	s->owed_n++;
	return true;
}

bool mqtt_on_publish(struct turn *t, const struct mqtt_packet *p)
{
	UNSET struct mqtt_publish m;
	must(p->type == MQTT_PUBLISH);
	if (t->w->is_blocked) {
		t->s->is_held = true;
		return false;
	}
	enum mqtt_fault f = mqtt_publish_decode(p, &m);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return true;
	}
	if ((m.qos == 2 && t->s->is_durable && !mqtt_marks_ready(t)) ||
	    (m.retain && m.payload.n > 0 && !mqtt_store_ready(t)))
		return false;
	uint8_t reason = resolve(t, &m);
	if (reason != 0) {
		mqtt_refuse(t, reason);
		return true;
	}
	if (!owe(t, &m) || is_known(t, &m))
		return true;
	if (t->s->calling) {
		publish_in(t, &m);
		return true;
	}
	if (m.topic.n > LIMIT_SHORTSTR) {
		text_putf(&t->why, "a topic has at most %u octets", (unsigned)LIMIT_SHORTSTR);
		refused(t, &m, MQTT_REASON_BAD_TOPIC);
		return true;
	}
	if (mqtt_topic_is_ours(m.topic)) {
		refused(t, &m, MQTT_REASON_NOT_AUTHORIZED);
		return true;
	}
	publish(t, &m);
	return !t->is_moving;
}

/* ---- acknowledgements --------------------------------------------------------------------- */

/* Before version 5 there is no word for a refusal: the client will ask again when he comes back. */
static void acknowledge(struct turn *t, uint16_t id, uint8_t qos, uint8_t reason)
{
	struct mqtt *s = t->s;
	must(qos == 1 || qos == 2);
	if (reason >= MQTT_REASON_FAILURE) {
		s->count.refused++;
		(void)map_del(&s->received, id, NULL);
	} else if (qos == 2 && map_find(&s->received, id)) {
		map_put(&s->received, id, RECEIVED_TOLD);
	}
	if (reason >= MQTT_REASON_FAILURE && s->version != MQTT_V5)
		return;
	mqtt_send_ack(t, qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, id, reason);
}

void mqtt_acknowledge(struct turn *t)
{
	uint64_t word;
	bool is_refused;
	must(t->s->phase == PHASE_RUNNING);
	while (publisher_next(&t->s->publisher, &word, &is_refused)) {
		uint8_t reason = word & WORD_NOBODY ? MQTT_REASON_NOBODY : MQTT_REASON_SUCCESS;
		if (is_refused)
			reason = MQTT_REASON_QUOTA;
		acknowledge(t, word & WORD_ID, word >> WORD_QOS_SHIFT & 3, reason);
	}
}
