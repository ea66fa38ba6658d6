#include "session/mqtt/mqtt.h"

#include "base/byteorder.h"
#include "base/must.h"
#include "core/retain_store.h"
#include "session/mqtt/mark.h"
#include "session/no_local.h"
#include "session/views.h"

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
	subs_match(s->subs, topic, &match);
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

enum err mqtt_message_send(struct turn *t, const struct message *of, const struct msg *m,
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
		.dice = s->session.handle + s->more->count.published,
	};
	if (of->is_retained) {
		what.store = retain_store(t->w->view, s->asker.vhost);
		what.store_number = mqtt_topic_number(of->topic);
	}
	TRY(find(t, &what, &hit));
	if (hit->route->n == 0) {
		mqtt_more(t)->count.unroutable++;
		word |= word == PUBLISHER_NOBODY ? 0 : MQTT_WORD_NOBODY;
	}
	if (is_for_others(t, hit->route, of->topic)) {
		send_to_others(t, of, &what, hit, m, word);
		return ERR_OK;
	}
	send_to(t, of, &what, hit, m, word);
	if (hit == t->hit)
		mqtt_again_keep(t, of, m, word != PUBLISHER_NOBODY);
	return ERR_OK;
}

enum err mqtt_message_publish(struct turn *t, const struct message *m, uint64_t word)
{
	if (mqtt_large_is(t, m))
		return mqtt_large_begin(t, m, word);
	const struct msg *msg = m->is_here ? in_place(t, m) : NULL;
	must(m->topic.n <= LIMIT_SHORTSTR);
	if (msg)
		return mqtt_message_send(t, m, msg, word);
	msg = mqtt_message_copy(t, m);
	if (!msg)
		return ERR_RESOURCE_ERROR;
	enum err e = mqtt_message_send(t, m, msg, word);
	block_filled(block_of(msg));
	return e;
}
