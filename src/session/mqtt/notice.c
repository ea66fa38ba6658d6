#include "session/mqtt/notice.h"

#include "base/must.h"
#include "session/mqtt/mqtt.h"

static struct slice word(bool is_up)
{
	static const uint8_t words[] = { '0', '1' };
	must(sizeof words == 2);
	return slice_of(&words[is_up], 1);
}

bool mqtt_notice_is_kept(const struct mqtt *s)
{
	must(s->phase <= PHASE_CLOSED);
	return s->calling && mqtt_calling_set(s)->state_topic.n > 0;
}

/* As a will that is due is published: his permissions count. */
void mqtt_notice_here(struct turn *t, bool is_up)
{
	struct mqtt *s = t->s;
	if (!mqtt_notice_is_kept(s) || s->phase != PHASE_RUNNING)
		return;
	const struct mqtt_bridge *set = mqtt_calling_set(s);
	const enum mqtt_bridge_told now = is_up ? MQTT_BRIDGE_UP : MQTT_BRIDGE_DOWN;
	const struct mqtt_connect c = { .has_will = true,
					.will_retain = true,
					.will_qos = 1,
					.will_topic = set->state_topic,
					.will_payload = word(is_up) };
	must(!s->will && s->access.is_in);
	must(set->memory->told <= MQTT_BRIDGE_UP);
	if (set->memory->told == now)
		return;
	set->memory->told = now;
	mqtt_will_keep(t, &c);
	mqtt_will_publish(t);
	mqtt_will_drop(t);
	t->why.n = 0;
}

void mqtt_notice_will(const struct mqtt_bridge *set, struct mqtt_connect *io_c)
{
	must(!io_c->has_will);
	must(set->state_topic.n <= LIMIT_SHORTSTR);
	if (set->state_topic.n == 0 || set->is_state_local)
		return;
	io_c->has_will = true;
	io_c->will_retain = set->is_retaining;
	io_c->will_qos = 1;
	io_c->will_topic = set->state_topic;
	io_c->will_payload = word(false);
}

/* With QoS 0: what does not arrive goes with the connection, and the will comes. */
void mqtt_notice_there(struct turn *t, bool is_retained)
{
	struct mqtt *s = t->s;
	const struct mqtt_bridge *set = mqtt_calling_set(s);
	const struct mqtt_props none = { .has = 0 };
	const struct mqtt_publish_out o = { .version = s->version,
					    .retain = is_retained,
					    .topic = set->state_topic,
					    .props = &none,
					    .payload_n = 1 };
	must(s->phase == PHASE_RUNNING);
	must(s->calling && set->state_topic.n <= LIMIT_SHORTSTR);
	if (set->state_topic.n == 0 || set->is_state_local)
		return;
	const uint32_t n = (uint32_t)mqtt_publish_head_size(&o);
	uint8_t *at = sendq_reserve(&s->session.sendq, t->w->mem, n + 1);
	must(mqtt_publish_head_put(at, &o) == at + n);
	at[n] = *word(true).p;
	sendq_commit(&s->session.sendq, n + 1);
	mqtt_count_out(t, n + 1);
}
