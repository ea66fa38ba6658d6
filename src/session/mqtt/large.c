#include "session/mqtt/mqtt.h"

#include "base/byteorder.h"
#include "base/must.h"

/* A message that is too large for one record: its body goes to the journal in pieces, and it is
 * published when they are there. Nothing is read from the client meanwhile, and the conversation
 * does not end: whoever publishes and leaves has published. */

static size_t tail_of(const struct message *m)
{
	must(m->head.p != NULL);
	return m->has_expiry ? EXPIRY_TAIL : 0;
}

bool mqtt_large_is(const struct turn *t, const struct message *m)
{
	must(m->topic.n <= LIMIT_SHORTSTR);
	return upload_is_needed(mqtt_route_bytes(t, m), m->head.n + tail_of(m), m->payload.n);
}

/* Who may not publish it is told before it is stored. */
static enum err look(struct turn *t, const struct message *m, struct slice route)
{
	struct route_hit *hit;
	const size_t x = t->set->exchange.n;
	const struct publication what = { .exchange = slice_sub(route, 1, x),
					  .key = slice_from(route, 2 + x),
					  .route = route,
					  .dice = t->s->session.handle };
	must(route.n == mqtt_route_bytes(t, m));
	return publisher_route(&t->s->publisher, t->w, &t->s->access, &what, &hit, &t->why);
}

enum err mqtt_large_begin(struct turn *t, const struct message *m, uint64_t word)
{
	struct mqtt *s = t->s;
	uint8_t route[2 * (1 + LIMIT_SHORTSTR)];
	const size_t tail = tail_of(m), props_n = m->head.n + tail;
	struct large_of what = {
		.session = s->session.handle,
		.serial = ++s->larges_n,
		.route = slice_of(route, mqtt_route_bytes(t, m)),
		.body = m->payload,
		.word = word,
		.proto = m->version == MQTT_V5 ? MSG_MQTT5 : MSG_MQTT3,
		.flags = m->qos > 0 ? MSG_PERSISTENT : 0,
	};
	must(!s->large && what.route.n <= sizeof route);
	mqtt_route_put(t, m, route);
	TRY(look(t, m, what.route));
	uint8_t *props = mqtt_get(t, props_n, "head of a message");
	memcpy(props, m->head.p, m->head.n);
	if (tail)
		store_be64(props + m->head.n, t->w->wall_ms);
	what.props = slice_of(props, props_n);
	enum err e = large_begin(t->w, &what, &s->large);
	mqtt_put(t, props, props_n);
	return e;
}

/* All of it is stored: published as if it had come now. */
static enum err publish(struct turn *t, const struct msg *m, uint64_t word)
{
	struct mqtt_publish p;
	const uint8_t version = msg_encoding(m) == MSG_MQTT5 ? MQTT_V5 : MQTT_V4;
	bool is_head = mqtt_publish_head_decode(msg_props(m), version, &p);
	must(is_head);
	struct message of = { .head = p.head,
			      .topic = p.topic,
			      .mark_id = p.qos == 2 && t->s->is_durable ? p.id : 0,
			      .qos = p.qos,
			      .version = version,
			      .is_retained = p.retain,
			      .has_expiry = (p.props.has & MQTT_HAS(message_expiry_s)) != 0,
			      .expiry_s = p.props.message_expiry_s };
	return mqtt_message_send(t, &of, m, word);
}

bool mqtt_stored(struct session *own, struct session_world *w, uint64_t ticket, uint64_t loc,
		 uint32_t bytes)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	struct mqtt *s = t.s;
	if (!s->large)
		return false;
	enum upload_state state = upload_stored(&s->large->upload, ticket, loc, bytes);
	if (state == UPLOAD_MORE || state == UPLOAD_STRANGE)
		return state == UPLOAD_MORE;
	struct large *g = s->large;
	t.why = text_of(w->words, sizeof w->words);
	if (state == UPLOAD_BROKEN || publish(&t, large_msg(g), g->word) != ERR_OK)
		publisher_refuse(&s->publisher, w, g->word);
	s->large = NULL;
	large_end(w, g);
	must(s->phase < PHASE_ENDING);
	if (s->is_end_wanted)
		mqtt_end(&t);
	return state == UPLOAD_DONE;
}
