#include "sim/line.h"

#include "base/byteorder.h"
#include "session/mqtt/ops.h"
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#include <string.h>

#define KEPT_S 3600u

/* Room for a packet of `n` octets, which are said now. */
static uint8_t *say(struct line *l, size_t n)
{
	must(line_has_room(l, (uint32_t)n) && !l->is_leaving);
	uint8_t *at = l->out + l->out_n;
	l->out_n += (uint32_t)n;
	return at;
}

void line_begin(struct line *l, struct sock *sock, const char *client_id, const char *will_topic)
{
	uint8_t body[4];
	struct mqtt_connect c = { .version = l->version,
				  .clean_start = l->is_clean,
				  .has_will = true,
				  .will_qos = 1,
				  .has_user = true,
				  .has_password = true,
				  .client_id = slice_str(client_id),
				  .will_topic = slice_str(will_topic),
				  .will_payload = slice_of(body, sizeof body),
				  .user = slice_str("guest"),
				  .password = slice_str("guest") };
	must(!l->sock && sock);
	if (l->version == MQTT_V5) {
		c.props.has = MQTT_HAS(session_expiry_s);
		c.props.session_expiry_s = l->expiry_s ? l->expiry_s : KEPT_S;
	}
	if (l->will_delay_s) {
		must(l->version == MQTT_V5);
		c.will_props.has = MQTT_HAS(will_delay_s);
		c.will_props.will_delay_s = l->will_delay_s;
	}
	store_be32(body, l->will);
	l->sock = sock;
	sock->ops = &mqtt_session_ops;
	l->is_up = l->is_leaving = false;
	l->in_n = l->in_read = l->out_n = 0;
	const size_t n = mqtt_connect_size(&c);
	uint8_t *at = say(l, n);
	must(mqtt_connect_put(at, &c) == at + n);
}

void line_drop(struct line *l, bool is_hard)
{
	if (l->sock)
		sock_drop(l->sock, is_hard);
	l->sock = NULL;
}

void line_say_publish(struct line *l, const struct line_message *m)
{
	const struct mqtt_props props = { .has = MQTT_HAS(message_expiry_s),
					  .message_expiry_s = m->expiry_s };
	const struct mqtt_publish_out o = { .version = l->version,
					    .props = m->expiry_s ? &props : NULL,
					    .qos = m->qos,
					    .dup = m->is_dup,
					    .id = m->id,
					    .topic = slice_str(m->topic),
					    .payload_n = m->bytes };
	const size_t head_n = mqtt_publish_head_size(&o);
	must(m->bytes >= 4);
	uint8_t *at = mqtt_publish_head_put(say(l, head_n + m->bytes), &o);
	memset(at, 'x', m->bytes);
	store_be32(at, m->number);
}

void line_say_ack(struct line *l, enum mqtt_type type, uint16_t id)
{
	(void)mqtt_short_ack_put(say(l, 4), (uint8_t)type, id);
}

void line_say_subscribe(struct line *l, uint16_t id, const char *filter, uint8_t qos)
{
	uint8_t list[64];
	const struct mqtt_subscription one = { .filter = slice_str(filter), .qos = qos };
	must(one.filter.n + 3 <= sizeof list);
	uint8_t *end = mqtt_subscription_put(list, &one);
	const struct mqtt_subscribe s = { .id = id, .list = slice_of(list, (size_t)(end - list)) };
	const size_t n = mqtt_subscribe_size(l->version, &s);
	uint8_t *at = say(l, n);
	must(mqtt_subscribe_put(at, l->version, MQTT_SUBSCRIBE, &s) == at + n);
}

void line_say_ping(struct line *l)
{
	memcpy(say(l, sizeof mqtt_pingreq_octets), mqtt_pingreq_octets, sizeof mqtt_pingreq_octets);
}

void line_say_disconnect(struct line *l)
{
	const struct mqtt_ack a = { .reason = MQTT_REASON_SUCCESS };
	const size_t n = mqtt_ack_size(l->version, &a);
	uint8_t *at = say(l, n);
	must(mqtt_ack_put(at, l->version, MQTT_DISCONNECT, &a) == at + n);
	l->is_leaving = true;
}

bool line_exchange(struct line *l, struct socks *socks, bool *out_is_end)
{
	uint32_t sent = l->out_n ? sock_send(socks, l->sock, l->out, l->out_n) : 0, n = 0;
	must(sent <= l->out_n);
	l->out_n -= sent;
	memmove(l->out, l->out + sent, l->out_n);
	*out_is_end = false;
	if (l->in_n < LINE_IN_BYTES)
		n = sock_take(socks, l->sock, l->in + l->in_n, LINE_IN_BYTES - l->in_n, out_is_end);
	l->in_n += n;
	return sent > 0 || n > 0 || *out_is_end;
}

bool line_next(struct line *l, struct mqtt_packet *out)
{
	const struct slice in = slice_of(l->in + l->in_read, l->in_n - l->in_read);
	const enum mqtt_fault f = mqtt_packet_read(in, 0, l->version, out);
	must(f == MQTT_FAULT_NONE || f == MQTT_FAULT_MORE);
	if (f == MQTT_FAULT_NONE) {
		out->from_server = true;
		out->version = l->version;
		l->in_read += (uint32_t)out->total;
		return true;
	}
	l->in_n -= l->in_read;
	memmove(l->in, l->in + l->in_read, l->in_n);
	l->in_read = 0;
	return false;
}
