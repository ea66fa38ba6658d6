#include "session/mqtt/mqtt.h"

#include "base/must.h"

static struct slice topic_of(const struct will *w)
{
	must(w->topic_n <= w->size - sizeof *w);
	return slice_of(w->bytes, w->topic_n);
}

void mqtt_will_keep(struct turn *t, const struct mqtt_connect *c)
{
	const size_t n = c->will_topic.n + c->will_props.block.n + c->will_payload.n;
	struct will *will = mqtt_get(t, sizeof *will + n, "will");
	must(c->has_will && !t->s->will);
	*will = (struct will){ .size = (uint32_t)(sizeof *will + n),
			       .topic_n = (uint32_t)c->will_topic.n,
			       .props_n = (uint32_t)c->will_props.block.n,
			       .payload_n = (uint32_t)c->will_payload.n,
			       .delay_s = c->will_props.will_delay_s,
			       .qos = c->will_qos,
			       .is_retained = c->will_retain };
	struct wr w = wr_of(will->bytes, n);
	wr_slice(&w, c->will_topic);
	wr_slice(&w, c->will_props.block);
	wr_slice(&w, c->will_payload);
	must(wr_ok(&w));
	t->s->will = will;
}

void mqtt_will_drop(struct turn *t)
{
	struct will *will = t->s->will;
	must(!will || will->size > sizeof *will);
	if (will)
		mqtt_put(t, will, will->size);
	t->s->will = NULL;
}

void mqtt_will_message(struct turn *t, struct message *out)
{
	const struct mqtt *s = t->s;
	const struct will *will = s->will;
	struct mqtt_props props = { .has = 0 };
	must(will != NULL);
	const struct slice topic = topic_of(will);
	const uint8_t *at = will->bytes + will->topic_n;
	if (will->props_n &&
	    mqtt_props_decode(slice_of(at, will->props_n), MQTT_WILL, &props) != MQTT_FAULT_NONE)
		must(!"the properties of a will, which were checked");
	props.has &= ~(uint32_t)MQTT_HAS(will_delay_s);
	const struct mqtt_publish_out o = { .version = s->version,
					    .qos = will->qos,
					    .retain = will->is_retained,
					    .id = will->qos > 0 ? 1 : 0,
					    .topic = topic,
					    .props = &props,
					    .payload_n = will->payload_n };
	const size_t n = mqtt_publish_head_size(&o);
	uint8_t *head = mqtt_get(t, n, "head of a will");
	must(mqtt_publish_head_put(head, &o) == head + n);
	*out = (struct message){
		.head = slice_of(head, n),
		.payload = slice_of(at + will->props_n, will->payload_n),
		.topic = topic,
		.expiry_s = props.message_expiry_s,
		.has_expiry = (props.has & MQTT_HAS(message_expiry_s)) != 0,
		.qos = will->qos,
		.version = s->version,
		.is_retained = will->is_retained,
	};
}

static void not_published(struct turn *t)
{
	mqtt_more(t)->count.refused++;
	must(t->s->will != NULL);
	mqtt_note(t, &(struct session_note){ .event = SESSION_ERROR,
					     .code = MQTT_REASON_NOT_AUTHORIZED,
					     .text = text_slice(&t->why) });
}

/* As if the client published it now: what he may do now counts. */
void mqtt_will_publish(struct turn *t)
{
	struct message m;
	must(t->s->will && t->s->access.is_in);
	mqtt_will_message(t, &m);
	if (mqtt_topic_is_ours(m.topic) || mqtt_message_publish(t, &m, PUBLISHER_NOBODY) != ERR_OK)
		not_published(t);
	mqtt_unkeep(t, &m.head);
}

bool mqtt_will_may(struct turn *t)
{
	const struct access *a = &t->s->access;
	const struct slice topic = topic_of(t->s->will), x = t->set->exchange;
	uint8_t key[LIMIT_SHORTSTR];
	must(topic.n <= sizeof key && a->is_in);
	(void)mqtt_key_put(key, topic);
	t->why.n = 0;
	if (!mqtt_topic_is_ours(topic) &&
	    access_allow(a, t->w, AUTH_EXCHANGE, AUTH_WRITE, x, &t->why) == ERR_OK &&
	    access_allow_key(a, t->w, AUTH_WRITE, x, slice_of(key, topic.n), &t->why) == ERR_OK)
		return true;
	if (t->s->phase == PHASE_ENDING)
		not_published(t);
	return false;
}
