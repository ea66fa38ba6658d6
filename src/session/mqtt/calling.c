#include "session/mqtt/mqtt.h"

#include "base/bits.h"
#include "base/must.h"
#include "session/mqtt/mark.h"
#include "session/mqtt/notice.h"

/* A conversation that this end begins, with another broker (bridge.h). Beside it stands an ordinary
 * kept session, whose subscriptions are the topics that go out; from CONNACK on the other broker
 * has the place of its client, for PUBLISH and its answers are the same both ways.
 *
 *   LOCAL     the session is opened and subscribed, connection or not: from now on its queue
 *             collects what goes out, also while the other broker is away
 *   RESTING   with a threshold: until so many messages wait, which is looked at now and then.
 *             There is no connection, and the first octet that is to go out makes one
 *   SAID      CONNECT is out
 *   CLEARING  the other broker knows of no session: what is remembered of one goes first, durably,
 *             for a packet id means something else now
 *   HEARD     SUBSCRIBE is out for what comes in; messages both ways
 */

/* ---- here --------------------------------------------------------------------------------- */

void mqtt_begin(struct session *own, struct session_world *w, uint32_t which)
{
	struct turn t;
	mqtt_turn(&t, own, w);
	struct mqtt *s = t.s;
	const struct mqtt_bridge *set = &t.set->bridges[which];
	must(which < t.set->bridges_n && s->phase == PHASE_GREETING);
	s->calling = mqtt_get(&t, sizeof *s->calling, "bridge");
	*s->calling = (struct calling){ .set = set,
					.qos_max = 2,
					.takes_retained = set->is_retaining };
	s->version = set->version;
	s->is_bridge = true;
	s->is_clean_start = set->is_local_clean;
	s->expiry_s = set->is_local_clean ? 0 : MQTT_EXPIRY_NEVER;
	s->window = t.set->prefetch;
	s->client_id = mqtt_keep(&t, set->local_client_id, "client id");
	mqtt_trust(&t, set->local_user, t.set->vhost);
}

void mqtt_calling_free(struct turn *t)
{
	if (t->s->calling)
		mqtt_put(t, t->s->calling, sizeof *t->s->calling);
	t->s->calling = NULL;
	must(!t->s->calling);
}

bool mqtt_is_calling_here(const struct mqtt *s)
{
	return s->calling && s->calling->step == CALLING_LOCAL && s->phase < PHASE_ENDING;
}

const struct mqtt_bridge *mqtt_calling_set(const struct mqtt *s)
{
	must(s->calling != NULL);
	return s->calling->set;
}

void mqtt_calling_opened(struct turn *t)
{
	struct mqtt *s = t->s;
	must(s->phase == PHASE_OPENING && s->calling->step == CALLING_LOCAL);
	s->phase = PHASE_RUNNING;
	mqtt_subscribe_here(t);
}

/* ---- there -------------------------------------------------------------------------------- */

void mqtt_calling_say(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct mqtt_bridge *set = s->calling->set;
	struct mqtt_connect c = { .version = set->version,
				  .is_bridge = set->is_marked && !set->memory->is_mark_refused &&
					       set->version != MQTT_V5,
				  .clean_start = set->is_clean,
				  .has_user = set->user.n > 0,
				  .has_password = set->password.n > 0,
				  .keep_alive_s = set->keep_alive_s,
				  .client_id = set->client_id,
				  .user = set->user,
				  .password = set->password };
	must(s->calling->step <= CALLING_RESTING);
	c.props.has = MQTT_HAS(receive_maximum) | MQTT_HAS(maximum_packet_size);
	c.props.receive_maximum = t->set->receive_max;
	c.props.maximum_packet_size = t->set->packet_max;
	if (!set->is_clean) {
		c.props.has |= MQTT_HAS(session_expiry_s);
		c.props.session_expiry_s = MQTT_EXPIRY_NEVER;
	}
	mqtt_notice_will(set, &c);
	const size_t n = mqtt_connect_size(&c);
	uint8_t *at = sendq_reserve(&t->s->session.sendq, t->w->mem, (uint32_t)n);
	must(mqtt_connect_put(at, &c) == at + n);
	sendq_commit(&t->s->session.sendq, (uint32_t)n);
	s->calling->step = CALLING_SAID;
}

void mqtt_calling_subscribed(struct turn *t, uint8_t reason)
{
	struct mqtt *s = t->s;
	struct calling *c = s->calling;
	must(s->phase == PHASE_RUNNING && !s->call);
	if (c->step != CALLING_LOCAL)
		return;
	if (reason >= MQTT_REASON_FAILURE) {
		mqtt_refuse(t, reason);
		return;
	}
	if (mqtt_unsubscribe_here(t))
		return;
	mqtt_notice_here(t, false);
	if (s->is_gone)
		mqtt_end(t);
	else if (c->set->threshold > 0)
		mqtt_calling_rest(t);
	else
		mqtt_calling_say(t);
}

/* One SUBSCRIBE for each topic that comes in, and an UNSUBSCRIBE for each that does not and may
 * have come in before. */
static void ask_for(struct turn *t, const struct mqtt_bridge_topic *topic)
{
	struct mqtt *s = t->s;
	uint8_t buf[2 * LIMIT_SHORTSTR], list[2 * LIMIT_SHORTSTR + 3];
	const struct mqtt_subscription one = { .filter = mqtt_bridge_filter(topic, true, buf),
					       .qos = topic->qos,
					       .no_local = s->version == MQTT_V5,
					       .retain_as_published = s->version == MQTT_V5 };
	const uint8_t type = topic->is_in ? MQTT_SUBSCRIBE : MQTT_UNSUBSCRIBE;
	const size_t list_n = one.filter.n + 2 + topic->is_in;
	must(mqtt_subscription_put(list, &one) == list + one.filter.n + 3);
	s->calling->last_id = s->calling->last_id % UINT16_MAX + 1;
	const struct mqtt_subscribe all = { .id = s->calling->last_id,
					    .filters_n = 1,
					    .list = slice_of(list, list_n) };
	const size_t n = mqtt_subscribe_size(s->version, &all);
	uint8_t *at = sendq_reserve(&s->session.sendq, t->w->mem, (uint32_t)n);
	must(mqtt_subscribe_put(at, s->version, type, &all) == at + n);
	sendq_commit(&s->session.sendq, (uint32_t)n);
}

/* What goes out without prefixes and comes in by another line is not to be taken back. */
static bool comes_in(const struct mqtt_bridge *set, const struct mqtt_bridge_topic *topic)
{
	uint8_t a[2 * LIMIT_SHORTSTR], b[2 * LIMIT_SHORTSTR];
	const struct slice filter = mqtt_bridge_filter(topic, true, a);
	must(filter.n > 0);
	for (uint32_t i = 0; i < set->topics_n; i++)
		if (set->topics[i].is_in &&
		    slice_eq(mqtt_bridge_filter(&set->topics[i], true, b), filter))
			return true;
	return false;
}

static bool is_asked_for(const struct mqtt_bridge *set, const struct mqtt_bridge_topic *topic)
{
	must(topic->is_in || topic->is_out);
	return topic->is_in || (set->is_unsubscribing && !comes_in(set, topic));
}

/* Of the topics that go out, which are wished for in their order. */
void mqtt_calling_owes(struct turn *t)
{
	const struct mqtt_bridge *set = mqtt_calling_set(t->s);
	const struct call *call = t->s->call;
	must(set->topics_n <= MQTT_BRIDGE_TOPICS_MAX);
	for (uint32_t i = 0, at = 0; i < set->topics_n; i++) {
		if (!set->topics[i].is_out)
			continue;
		must(at < call->n);
		if (call->wish[at++].is_new)
			set->memory->owed |= UINT64_C(1) << i;
	}
}

void mqtt_calling_searched(struct turn *t)
{
	must(!t->s->more->searches);
	if (t->s->calling)
		t->s->calling->set->memory->owed = 0;
}

/* What was retained before somebody listened: where the topic is new, or the other broker is. */
static void send_retained(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct mqtt_bridge *set = s->calling->set;
	uint8_t buf[2 * LIMIT_SHORTSTR];
	must(s->phase == PHASE_RUNNING && s->calling->step == CALLING_HEARD);
	for (uint32_t i = 0; i < set->topics_n; i++) {
		const struct slice filter = mqtt_bridge_filter(&set->topics[i], false, buf);
		const struct sub *one = subs_find(s->subs, filter);
		if (set->topics[i].is_out && one && set->memory->owed >> i & 1)
			mqtt_search(t, one, false);
	}
	mqtt_search_drain(t);
}

static void go_on(struct turn *t)
{
	struct mqtt *s = t->s;
	const struct mqtt_bridge *set = s->calling->set;
	must(s->calling->step != CALLING_HEARD);
	s->calling->step = CALLING_HEARD;
	s->deadline_ms = UINT64_MAX;
	s->calling->in_bytes = s->session.in_bytes;
	s->calling->busy_ms = t->w->now_ms;
	s->calling->ping_ms = s->keep_alive_s > 0 ? t->w->now_ms + s->keep_alive_s * UINT64_C(1000)
						  : UINT64_MAX;
	s->calling->idle_ms = set->threshold > 0 ? t->w->now_ms + set->idle_s * UINT64_C(1000)
						 : UINT64_MAX;
	s->beat_ms = min_u64(s->calling->ping_ms, s->calling->idle_ms);
	mqtt_begin_flow(t);
	mqtt_notice_there(t, s->calling->takes_retained);
	mqtt_notice_here(t, true);
	for (uint32_t i = 0; i < set->topics_n; i++)
		if (is_asked_for(set, &set->topics[i]))
			ask_for(t, &set->topics[i]);
	if (s->queue)
		mqtt_consume(t);
	send_retained(t);
}

void mqtt_calling_cleared(struct turn *t)
{
	if (t->s->calling && t->s->calling->step == CALLING_CLEARING && t->s->more->txs.n == 0 &&
	    t->s->phase == PHASE_RUNNING && !t->s->is_end_wanted)
		go_on(t);
}

bool mqtt_calling_hears(const struct mqtt *s)
{
	return !s->calling || s->calling->step == CALLING_HEARD;
}

/* ---- what the other broker says ----------------------------------------------------------- */

static void note_bounds(struct turn *t, const struct mqtt_props *p)
{
	struct mqtt *s = t->s;
	const struct mqtt_bridge *set = s->calling->set;
	s->keep_alive_s = set->keep_alive_s;
	must(s->window > 0);
	if (p->has & MQTT_HAS(server_keep_alive_s))
		s->keep_alive_s = p->server_keep_alive_s;
	if (p->has & MQTT_HAS(receive_maximum) && p->receive_maximum < s->window)
		s->window = p->receive_maximum;
	if (p->has & MQTT_HAS(maximum_qos))
		s->calling->qos_max = p->maximum_qos;
	if (p->has & MQTT_HAS(retain_available))
		s->calling->takes_retained = set->is_retaining && p->retain_available;
	s->packet_max = p->maximum_packet_size;
	if (set->packet_max > 0 && (s->packet_max == 0 || set->packet_max < s->packet_max))
		s->packet_max = set->packet_max;
	s->told_max = p->topic_alias_maximum;
	if (s->told_max > t->set->alias_max)
		s->told_max = t->set->alias_max;
}

static void over(struct turn *t, uint8_t reason, struct slice words)
{
	must(t->s->calling != NULL);
	mqtt_note(t,
		  &(struct session_note){ .event = SESSION_ERROR, .code = reason, .text = words });
	mqtt_end(t);
}

/* The return codes of a CONNACK before version 5. */
static uint8_t reason_of(uint8_t code)
{
	static const uint8_t reasons[] = { MQTT_REASON_SUCCESS,       MQTT_REASON_BAD_VERSION,
					   MQTT_REASON_BAD_CLIENT_ID, MQTT_REASON_UNAVAILABLE,
					   MQTT_REASON_BAD_LOGIN,     MQTT_REASON_NOT_AUTHORIZED };
	must(code > 0);
	return code < sizeof reasons ? reasons[code] : MQTT_REASON_UNSPECIFIED;
}

/* 3.1 has no word for it: who was asked to keep something has kept it. */
static bool knows_us(const struct mqtt *s, const struct mqtt_connack *c)
{
	must(c->reason == MQTT_REASON_SUCCESS);
	return s->version == MQTT_V3 ? !s->calling->set->is_clean : c->session_present;
}

static void on_connack(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt *s = t->s;
	struct mqtt_bridge_memory *memory = s->calling->set->memory;
	struct mqtt_connack c;
	const enum mqtt_fault f = mqtt_connack_decode(p, &c);
	must(s->calling->step == CALLING_SAID);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return;
	}
	if (c.reason != MQTT_REASON_SUCCESS) {
		memory->is_mark_refused |= s->version != MQTT_V5 && c.reason == 1;
		text_puts(&t->why, "the other broker refuses the bridge: ");
		text_puts(&t->why, s->version == MQTT_V5 ? mqtt_reason_text(c.reason)
							 : mqtt_reason_text(reason_of(c.reason)));
		over(t, c.reason, text_slice(&t->why));
		return;
	}
	note_bounds(t, &c.props);
	s->calling->step = CALLING_CLEARING;
	if (!knows_us(s, &c)) {
		memory->owed = UINT64_MAX;
		mqtt_marks_clear(t);
	}
	mqtt_calling_cleared(t);
}

/* Topics were asked for one by one, with ids from 1 on. */
static struct slice asked_with(const struct mqtt_bridge *set, uint16_t id, uint8_t *buf)
{
	must(set->topics_n <= MQTT_BRIDGE_TOPICS_MAX);
	for (uint32_t i = 0; i < set->topics_n; i++)
		if (is_asked_for(set, &set->topics[i]) && --id == 0)
			return mqtt_bridge_filter(&set->topics[i], true, buf);
	return slice_str("a topic");
}

static void on_suback(struct turn *t, const struct mqtt_packet *p)
{
	uint8_t buf[2 * LIMIT_SHORTSTR];

	struct mqtt_suback a;
	const enum mqtt_fault f = mqtt_suback_decode(p, &a);
	must(t->s->calling->step == CALLING_HEARD);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return;
	}
	for (size_t i = 0; i < a.reasons.n && p->type == MQTT_SUBACK; i++) {
		if (a.reasons.p[i] < MQTT_REASON_FAILURE)
			continue;
		t->why.n = 0;
		text_puts(&t->why, "the other broker refuses it: ");
		text_puts(&t->why, mqtt_reason_text(a.reasons.p[i]));
		mqtt_note_refused(t, asked_with(t->s->calling->set, a.id, buf), a.reasons.p[i]);
		t->why.n = 0;
	}
}

static void on_goodbye(struct turn *t, const struct mqtt_packet *p)
{
	struct mqtt_ack a;
	const enum mqtt_fault f = mqtt_ack_decode(p, &a);
	must(p->type == MQTT_DISCONNECT);
	if (f != MQTT_FAULT_NONE)
		mqtt_refuse_fault(t, f);
	else
		over(t, a.reason, slice_str(mqtt_reason_text(a.reason)));
}

bool mqtt_calling_packet(struct turn *t, const struct mqtt_packet *as_client)
{
	struct mqtt_packet p = *as_client;
	const bool is_heard = t->s->calling->step == CALLING_HEARD;
	p.from_server = true;
	if (p.type != MQTT_PINGRESP)
		t->s->calling->busy_ms = t->w->now_ms;
	enum mqtt_fault f = mqtt_packet_check_sender(&p);
	must(t->s->phase == PHASE_RUNNING);
	if (f == MQTT_FAULT_NONE && p.type == MQTT_PINGRESP)
		f = mqtt_ping_check(&p);
	if (f != MQTT_FAULT_NONE) {
		mqtt_refuse_fault(t, f);
		return true;
	}
	if (p.type == MQTT_CONNACK && t->s->calling->step == CALLING_SAID) {
		on_connack(t, &p);
		return true;
	}
	switch (is_heard || p.type == MQTT_DISCONNECT ? p.type : MQTT_CONNECT) {
	case MQTT_PUBLISH: return mqtt_on_publish(t, as_client);
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBCOMP: return mqtt_on_ack(t, &p);
	case MQTT_PUBREL: mqtt_on_pubrel(t, &p); return true;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: on_suback(t, &p); return true;
	case MQTT_PINGRESP: return true;
	case MQTT_DISCONNECT: on_goodbye(t, &p); return true;
	default: mqtt_refuse(t, MQTT_REASON_PROTOCOL_ERROR); return true;
	}
}

/* ---- topics ------------------------------------------------------------------------------- */

bool mqtt_calling_out(struct turn *t, struct mqtt_publish_out *io_head, uint8_t *buf)
{
	struct calling *c = t->s->calling;
	must(c && io_head->qos <= 2);
	if (c->step != CALLING_HEARD)
		return false;
	c->busy_ms = t->w->now_ms;
	if (io_head->qos > c->qos_max)
		io_head->qos = c->qos_max;
	io_head->retain = io_head->retain && c->takes_retained;
	return mqtt_bridge_map(c->set, true, io_head->topic, buf, &io_head->topic);
}
