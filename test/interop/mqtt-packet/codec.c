/* mqtt-codec -- our codec for another one to look at: packets in, the same packets out.
 *
 * stdin: lines `LEVEL SIDE HEX`: the level of the protocol, 3 to 5; c or s, who sends; a packet.
 * stdout: for each line what our encoder makes of what our decoder has found in it, in hex; or
 * `fault NAME`, if it is no packet that this side may send.
 */
#define _POSIX_C_SOURCE 200809L /* getline */
#include "wire/mqtt/ack.h"
#include "wire/mqtt/connect.h"
#include "wire/mqtt/publish.h"
#include "wire/mqtt/subscribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both directions: what is written may be longer than what was read, by a form less short. */
struct codec {
	uint8_t *out;
	size_t out_n;
};

static uint8_t *room(struct codec *c, size_t n)
{
	c->out = malloc(n + 1);
	must(c->out != NULL);
	c->out_n = n;
	return c->out;
}

static enum mqtt_fault connect_again(struct codec *c, const struct mqtt_packet *p)
{
	struct mqtt_connect m;
	const enum mqtt_fault f = mqtt_connect_decode(p, &m);
	if (f == MQTT_FAULT_NONE)
		must(mqtt_connect_put(room(c, mqtt_connect_size(&m)), &m) == c->out + c->out_n);
	return f;
}

/* The return codes of older versions, which are written as reasons of version 5. */
static enum mqtt_fault connack_again(struct codec *c, const struct mqtt_packet *p)
{
	static const uint8_t reasons[] = { 0, 0x84, 0x85, 0x88, 0x86, 0x87 };
	struct mqtt_connack m;
	enum mqtt_fault f = mqtt_connack_decode(p, &m);
	if (f == MQTT_FAULT_NONE && p->version < MQTT_V5) {
		f = m.reason < sizeof reasons ? MQTT_FAULT_NONE : MQTT_FAULT_REASON;
		m.reason = f == MQTT_FAULT_NONE ? reasons[m.reason] : 0;
	}
	if (f == MQTT_FAULT_NONE)
		must(mqtt_connack_put(room(c, mqtt_connack_size(p->version, &m)), p->version, &m) ==
		     c->out + c->out_n);
	return f;
}

#define IDS_MAX 64u

static enum mqtt_fault publish_again(struct codec *c, const struct mqtt_packet *p)
{
	struct mqtt_publish m;
	uint32_t ids[IDS_MAX];
	const enum mqtt_fault f = mqtt_publish_decode(p, &m);
	if (f != MQTT_FAULT_NONE)
		return f;
	struct mqtt_publish_out o = { .version = p->version,
				      .qos = m.qos,
				      .dup = m.dup,
				      .retain = m.retain,
				      .id = m.id,
				      .topic = m.topic,
				      .props = p->version == MQTT_V5 ? &m.props : NULL,
				      .ids = ids,
				      .payload_n = m.payload.n };
	struct rd r = rd_of(o.props ? m.props.block : SLICE_EMPTY);
	while (o.props && o.ids_n < IDS_MAX && mqtt_props_next_id(&r, &ids[o.ids_n]))
		o.ids_n++;
	uint8_t *at = mqtt_publish_head_put(room(c, mqtt_publish_total(&o)), &o);
	must(at + m.payload.n == c->out + c->out_n);
	if (m.payload.n)
		memcpy(at, m.payload.p, m.payload.n);
	return f;
}

static enum mqtt_fault ack_again(struct codec *c, const struct mqtt_packet *p)
{
	struct mqtt_ack m;
	const enum mqtt_fault f = mqtt_ack_decode(p, &m);
	if (f == MQTT_FAULT_NONE)
		must(mqtt_ack_put(room(c, mqtt_ack_size(p->version, &m)), p->version, p->type,
				  &m) == c->out + c->out_n);
	return f;
}

/* Its list is made anew, one by one. */
static enum mqtt_fault subscribe_again(struct codec *c, const struct mqtt_packet *p)
{
	struct mqtt_subscribe m;
	const enum mqtt_fault f = mqtt_subscribe_decode(p, &m);
	if (f != MQTT_FAULT_NONE)
		return f;
	struct mqtt_subscription one;
	struct slice filter;
	struct rd r = rd_of(m.list);
	uint8_t *list = malloc(m.list.n + 1), *at = list;
	must(list != NULL);
	while (p->type == MQTT_SUBSCRIBE && mqtt_subscribe_next(&r, &one))
		at = mqtt_subscription_put(at, &one);
	while (p->type == MQTT_UNSUBSCRIBE && mqtt_unsubscribe_next(&r, &filter)) {
		*at++ = (uint8_t)(filter.n >> 8);
		*at++ = (uint8_t)filter.n;
		memcpy(at, filter.p, filter.n);
		at += filter.n;
	}
	must((size_t)(at - list) == m.list.n);
	m.list.p = list;
	must(mqtt_subscribe_put(room(c, mqtt_subscribe_size(p->version, &m)), p->version, p->type,
				&m) == c->out + c->out_n);
	free(list);
	return f;
}

static enum mqtt_fault suback_again(struct codec *c, const struct mqtt_packet *p)
{
	struct mqtt_suback m;
	const enum mqtt_fault f = mqtt_suback_decode(p, &m);
	if (f == MQTT_FAULT_NONE)
		must(mqtt_suback_put(room(c, mqtt_suback_size(p->version, p->type, &m)), p->version,
				     p->type, &m) == c->out + c->out_n);
	return f;
}

static enum mqtt_fault ping_again(struct codec *c, const struct mqtt_packet *p)
{
	const enum mqtt_fault f = mqtt_ping_check(p);
	if (f == MQTT_FAULT_NONE)
		memcpy(room(c, 2),
		       p->type == MQTT_PINGREQ ? mqtt_pingreq_octets : mqtt_pingresp_octets, 2);
	return f;
}

static enum mqtt_fault again(struct codec *c, struct slice in, uint8_t level, bool from_server)
{
	static enum mqtt_fault (*const by_type[])(struct codec *, const struct mqtt_packet *) = {
		[MQTT_CONNECT] = connect_again, [MQTT_CONNACK] = connack_again,
		[MQTT_PUBLISH] = publish_again, [MQTT_PUBACK] = ack_again,
		[MQTT_PUBREC] = ack_again,      [MQTT_PUBREL] = ack_again,
		[MQTT_PUBCOMP] = ack_again,     [MQTT_SUBSCRIBE] = subscribe_again,
		[MQTT_SUBACK] = suback_again,   [MQTT_UNSUBSCRIBE] = subscribe_again,
		[MQTT_UNSUBACK] = suback_again, [MQTT_PINGREQ] = ping_again,
		[MQTT_PINGRESP] = ping_again,   [MQTT_DISCONNECT] = ack_again,
		[MQTT_AUTH] = ack_again,
	};
	struct mqtt_packet p;
	enum mqtt_fault f = mqtt_packet_read(in, 0, level, &p);
	if (f != MQTT_FAULT_NONE)
		return f;
	p.from_server = from_server;
	p.version = level;
	if (p.total != in.n)
		return MQTT_FAULT_LEFT_OVER;
	f = mqtt_packet_check_sender(&p);
	return f == MQTT_FAULT_NONE ? by_type[p.type](c, &p) : f;
}

static const char *const fault_names[] = {
#define FAULT(name, ...) #name,
#include "wire/mqtt/faults.def"
#undef FAULT
};

static uint8_t nibble(char c)
{
	must((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t hex_read(const char *hex, uint8_t *out)
{
	size_t n = 0;
	for (; hex[2 * n] != '\n'; n++)
		out[n] = (uint8_t)(nibble(hex[2 * n]) << 4 | nibble(hex[2 * n + 1]));
	return n;
}

/* `n` octets, newline and all. */
static void answer(const char *line, size_t n)
{
	struct codec c = { NULL, 0 };
	const uint8_t level = (uint8_t)(line[0] - '0');
	const bool from_server = line[2] == 's';
	must(n >= 5 && line[n - 1] == '\n' && level >= MQTT_V3 && level <= MQTT_V5);
	uint8_t *in = malloc((n - 5) / 2); /* just as much: a sanitizer sees its end */
	must(in != NULL);
	n = hex_read(line + 4, in);
	const enum mqtt_fault f = again(&c, slice_of(in, n), level, from_server);
	if (f != MQTT_FAULT_NONE)
		printf("fault %s", fault_names[f]);
	for (size_t i = 0; i < c.out_n; i++)
		printf("%02x", c.out[i]);
	putchar('\n');
	free(c.out);
	free(in);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;)
		answer(line, (size_t)n);
	free(line);
	return 0;
}
